//! How a Winograd convolution is cut into pieces that fit the caches.
//!
//! Per piece, the products of `tiles` × `panels` stay in the second-level cache; the weights of a chunk
//! and the transformed tiles stream past each other.

use super::Cpu;
use super::transform::Filter;
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

fn env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

impl Plan {
    pub(super) fn new<F: Filter>(cpu: &Cpu, size: Size, blocks: usize, panels: usize) -> Self {
        let across = size.width.div_ceil(F::OUTPUTS);
        let tiles = across * size.height.div_ceil(F::OUTPUTS);
        let positions = F::SIDE * F::SIDE;
        let split = tiles <= env("SPLIT", 64);
        let t = env("T", 64);
        let p = env("P", 4);
        let _ = cpu;
        let most_tiles = if split { tiles } else { t.min(tiles) };
        Self { across, tiles, blocks, panels, split, most_tiles, most_panels: p.min(panels), positions }
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
