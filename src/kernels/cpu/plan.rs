//! How a Winograd convolution is cut into pieces that fit the caches.
//!
//! Per piece, the products of `tiles` × `panels` stay in the second-level cache; the weights of a chunk
//! and the transformed tiles stream past each other.

use super::transform::Filter;
use super::{Cpu, Level};
use crate::frame::Size;
use std::ops::Range;

/// The cut of one convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Tiles in a row of the image.
    pub(super) across: usize,
    /// Tiles of the image.
    pub(super) tiles: usize,
    /// Blocks of 16 input channels.
    pub(super) blocks: usize,
    /// Panels of 32 output channels.
    panels: usize,
    /// Whether threads share the tiles and divide the output channels.
    pub(super) split: bool,
    /// Tiles in a piece, at most.
    most_tiles: usize,
    /// Panels in a chunk, at most.
    most_panels: usize,
    positions: usize,
}

/// Tiles in a piece and panels in a chunk, at most: enough tiles to use each weight often, few enough of both
/// for the second-level cache. Tuned on one processor for each level.
fn most(level: Level) -> (usize, usize) {
    match level {
        // Processors with AVX-512 have one or two megabytes, which the products of a piece fill (Sapphire
        // Rapids; 28 to 84 tiles differ by 3 %).
        Level::Avx512 => (70, 4),
        // Others have 256 or 512 kilobytes; whole groups of six tiles (Zen 3; 18 to 36 tiles and one to
        // four panels differ by 3 %, 70 × 4 takes 3 % longer).
        Level::Avx2 | Level::Portable => (36, 2),
    }
}

/// With fewer tiles per thread the threads divide the output channels instead: reading all weights
/// would cost each of them more than reading all tiles.
const LEAST_TILES: usize = 32;

impl Plan {
    /// A plan for an image of `size` with `blocks` of input channels, towards `panels` of output channels.
    pub(super) fn new<F: Filter>(cpu: &Cpu, size: Size, blocks: usize, panels: usize) -> Self {
        let threads = cpu.threads().count();
        let (tiles_of_piece, panels_of_chunk) = most(cpu.level());
        let across = size.width.div_ceil(F::OUTPUTS);
        let tiles = across * size.height.div_ceil(F::OUTPUTS);
        let positions = F::SIDE * F::SIDE;
        let split = tiles <= LEAST_TILES * threads && threads > 1;
        // As many pieces for each thread, as even as possible.
        let share = tiles.div_ceil(threads);
        let most_tiles = if split { tiles } else { share.div_ceil(share.div_ceil(tiles_of_piece)) };
        let most_panels = if split { panels.div_ceil(2 * threads) } else { panels };
        Self {
            across,
            tiles,
            blocks,
            panels,
            split,
            most_tiles,
            most_panels: most_panels.min(panels_of_chunk),
            positions,
        }
    }

    /// How many pieces the tiles are cut into.
    pub(super) fn pieces(&self) -> usize {
        self.tiles.div_ceil(self.most_tiles)
    }

    /// The tiles of one piece.
    pub(super) fn piece(&self, piece: usize) -> Range<usize> {
        let n = self.pieces();
        piece * self.tiles / n..(piece + 1) * self.tiles / n
    }

    /// How many chunks the panels are cut into.
    pub(super) fn chunks(&self) -> usize {
        self.panels.div_ceil(self.most_panels)
    }

    /// The panels of one chunk.
    pub(super) fn panels_of(&self, chunk: usize) -> Range<usize> {
        let n = self.chunks();
        chunk * self.panels / n..(chunk + 1) * self.panels / n
    }

    /// Vectors from one position to the next in the transformed input of `tiles` tiles. An odd number,
    /// so that the positions of a tile do not all fall into the same set of a cache.
    #[inline(always)]
    pub(super) fn transformed_stride(&self, tiles: usize) -> usize {
        (self.blocks * tiles) | 1
    }

    /// The same in the products, where two vectors lie together.
    #[inline(always)]
    pub(super) fn product_stride(&self, tiles: usize) -> usize {
        ((self.most_panels * tiles) | 1) * 2
    }

    /// Vectors of memory for the transformed input.
    pub(super) fn transformed_lanes(&self) -> usize {
        self.positions * self.transformed_stride(self.most_tiles)
    }

    /// Vectors of memory for the products.
    pub(super) fn product_lanes(&self) -> usize {
        self.positions * self.product_stride(self.most_tiles)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Threads;
    use super::super::transform::{F2, F4};
    use super::*;

    /// Whether `pieces` cover 0..end once, in order, each with at most `most`.
    fn covers(pieces: impl Iterator<Item = Range<usize>>, end: usize, most: usize) -> bool {
        let mut next = 0;
        for piece in pieces {
            if piece.start != next || piece.is_empty() || piece.len() > most {
                return false;
            }
            next = piece.end;
        }
        next == end
    }

    #[test]
    fn every_tile_and_panel_belongs_to_one_piece() {
        let cpus = Level::ALL.into_iter().filter(|level| level.is_available()).flat_map(|level| {
            [1, 2, 3, 16].map(|threads| Cpu::new(Threads::new(threads).unwrap(), Some(level)).unwrap())
        });
        for cpu in cpus {
            for (width, height) in [(1, 1), (7, 3), (16, 16), (64, 64), (333, 77), (1280, 720)] {
                for panels in [1, 2, 3, 8, 16] {
                    let size = Size::new(width, height);
                    for plan in
                        [Plan::new::<F4>(&cpu, size, 4, panels), Plan::new::<F2>(&cpu, size, 4, panels)]
                    {
                        let tiles = (0..plan.pieces()).map(|i| plan.piece(i));
                        assert!(covers(tiles, plan.tiles, plan.most_tiles), "{plan:?}");
                        let chunks = (0..plan.chunks()).map(|i| plan.panels_of(i));
                        assert!(covers(chunks, panels, plan.most_panels), "{plan:?}");
                    }
                }
            }
        }
    }
}
