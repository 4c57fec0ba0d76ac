//! What a Winograd convolution reads its tiles from: activations as they are, or a gradient that a pool has spread.

use super::blocked::{Blocked, Lane};
use super::signs::Signs;
use super::simd::Simd;
use super::transform::Filter;
use crate::frame::Size;

/// Where tiles come from.
pub(super) trait Input: Copy + Sync {
    /// A tile with its surroundings.
    type Tile;

    fn size(self) -> Size;
    /// Blocks of 16 channels.
    fn blocks(self) -> usize;
    /// The tile whose corner is row `y`, column `x` of the padded grid.
    fn tile<F: Filter>(self, block: usize, y: usize, x: usize) -> Self::Tile;
    /// Row `i`, column `j` of a tile.
    fn load<S: Simd>(s: S, tile: &Self::Tile, i: usize, j: usize) -> S::V;
    /// Asks for what the tile after the next adds: the processor's own guesses end with every page.
    fn prefetch<S: Simd, F: Filter>(s: S, tile: &Self::Tile);
}

impl<'a> Input for &'a Blocked {
    /// Everything from the corner on, and the length of a row.
    type Tile = (&'a [Lane], usize);

    fn size(self) -> Size {
        Blocked::size(self)
    }

    fn blocks(self) -> usize {
        self.grid().blocks
    }

    #[inline(always)]
    fn tile<F: Filter>(self, block: usize, y: usize, x: usize) -> Self::Tile {
        (&self.lanes()[self.grid().at(block, y, x)..], self.grid().columns)
    }

    #[inline(always)]
    fn load<S: Simd>(s: S, (corner, columns): &Self::Tile, i: usize, j: usize) -> S::V {
        s.load(&corner[i * columns + j])
    }

    #[inline(always)]
    fn prefetch<S: Simd, F: Filter>(s: S, (corner, columns): &Self::Tile) {
        for i in 0..F::SIDE {
            let next = corner.get(i * columns + F::SIDE + F::OUTPUTS..).unwrap_or(&[]);
            for lane in next.iter().take(F::OUTPUTS) {
                s.prefetch(lane);
            }
        }
    }
}

/// The gradient below a pool that takes means, of which each of four pixels has the same share, and below a ReLU.
#[derive(Clone, Copy)]
pub(super) struct Spread<'a> {
    /// The shares, behind the pool.
    pub(super) shares: &'a Blocked,
    /// The ReLU's mask.
    pub(super) signs: &'a Signs,
}

/// A tile of a [`Spread`].
pub(super) struct SpreadTile<'a> {
    /// The shares of this block of channels, and where the tile's rows and columns are among them.
    shares: &'a [Lane],
    rows: [usize; 6],
    columns: [usize; 6],
    /// The signs from the corner on, and the length of a row.
    bits: &'a [u16],
    stride: usize,
}

impl<'a> Input for Spread<'a> {
    type Tile = SpreadTile<'a>;

    fn size(self) -> Size {
        self.signs.size()
    }

    fn blocks(self) -> usize {
        self.signs.grid().blocks
    }

    #[inline(always)]
    fn tile<F: Filter>(self, block: usize, y: usize, x: usize) -> Self::Tile {
        let (small, grid) = (self.shares.grid(), self.signs.grid());
        // With the border of one pixel, rows 1 and 2 are averaged into row 1. Where there is no share, no sign is
        // positive; it only has to be read from somewhere.
        let at = |start: usize, end: usize| std::array::from_fn(|i| (start + i).div_ceil(2).min(end - 1));
        let rows: [usize; 6] = at(y, small.rows);
        SpreadTile {
            shares: &self.shares.lanes()[block * small.plane()..][..small.plane()],
            rows: rows.map(|row| row * small.columns),
            columns: at(x, small.columns),
            bits: &self.signs.bits()[grid.at(block, y, x)..],
            stride: grid.columns,
        }
    }

    #[inline(always)]
    fn load<S: Simd>(s: S, tile: &Self::Tile, i: usize, j: usize) -> S::V {
        let share = s.load(&tile.shares[tile.rows[i] + tile.columns[j]]);
        s.keep(tile.bits[i * tile.stride + j], share)
    }

    #[inline(always)]
    fn prefetch<S: Simd, F: Filter>(s: S, tile: &Self::Tile) {
        for i in (0..F::SIDE).step_by(2) {
            let next = tile.shares.get(tile.rows[i] + tile.columns[F::SIDE - 1] + F::OUTPUTS / 2..);
            for lane in next.unwrap_or(&[]).iter().take(F::OUTPUTS / 2) {
                s.prefetch(lane);
            }
        }
    }
}
