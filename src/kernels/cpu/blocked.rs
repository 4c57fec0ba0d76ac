//! Activations the way the kernels want them: blocks of 16 channels side by side (nChw16c).
//!
//! A vector register holds 16 channels of one pixel, so no kernel ever shuffles. A border of zeros,
//! one pixel wide at the top and left and at least one at the bottom and right, is the convolution's
//! padding: nothing asks where the picture ends. Kernels write inside it only.

use crate::error::{Error, Result};
use crate::frame::Size;

/// Channels in one block.
pub const LANES: usize = 16;

/// 16 neighbouring channels of one pixel: one vector, one cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Lane(pub [f32; LANES]);

impl Lane {
    /// All zeros.
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// Activations or gradients of one layer, `channels` × height × width, in blocks of 16 channels.
///
/// Vector `(block, y, x)` of the padded grid lies at `(block · rows + y) · columns + x`; pixel (0, 0)
/// is at `(1, 1)`. Rows and columns are the picture's sides rounded up to whole tiles of 4, plus the
/// border of 2. Channels beyond `channels` are zero.
#[derive(Debug, Clone)]
pub struct Blocked {
    channels: usize,
    size: Size,
    grid: Grid,
    /// At least the grid; more after a [`reshape`](Self::reshape) from something larger.
    data: Vec<Lane>,
}

impl PartialEq for Blocked {
    fn eq(&self, other: &Self) -> bool {
        (self.channels, self.size, self.lanes()) == (other.channels, other.size, other.lanes())
    }
}

/// The padded shape of a [`Blocked`], for address arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Blocks of 16 channels.
    pub(super) blocks: usize,
    /// Rows of a plane, border included.
    pub(super) rows: usize,
    /// Vectors in a row, border included.
    pub(super) columns: usize,
}

impl Grid {
    pub(super) fn new(channels: usize, size: Size) -> Self {
        Self {
            blocks: channels.div_ceil(LANES),
            rows: size.height.next_multiple_of(4) + 2,
            columns: size.width.next_multiple_of(4) + 2,
        }
    }

    /// Vectors of one block of channels.
    pub(super) fn plane(self) -> usize {
        self.rows * self.columns
    }

    /// The place of row `y`, column `x` of the padded grid.
    pub(super) fn at(self, block: usize, y: usize, x: usize) -> usize {
        (block * self.rows + y) * self.columns + x
    }
}

impl Blocked {
    /// All zeros. Sides of 0 are taken as 1, so are 0 channels.
    pub fn zeros(channels: usize, size: Size) -> Self {
        let (channels, size) = (channels.max(1), Size::new(size.width.max(1), size.height.max(1)));
        let grid = Grid::new(channels, size);
        Self { channels, size, grid, data: vec![Lane::ZERO; grid.blocks * grid.plane()] }
    }

    /// Takes `planar` numbers `[channels, height, width]`.
    ///
    /// # Errors
    ///
    /// A model error if their count is another.
    pub fn from_planar(planar: &[f32], channels: usize, size: Size) -> Result<Self> {
        let mut blocked = Self::zeros(channels, size);
        if planar.len() != channels * size.pixels() || planar.is_empty() {
            return Err(Error::model(format!(
                "cannot read {channels} channels of {size} from {} numbers",
                planar.len()
            )));
        }
        for (c, plane) in planar.chunks_exact(size.pixels()).enumerate() {
            for (y, row) in plane.chunks_exact(size.width).enumerate() {
                let start = blocked.grid.at(c / LANES, y + 1, 1);
                for (lane, &value) in blocked.data[start..].iter_mut().zip(row) {
                    lane.0[c % LANES] = value;
                }
            }
        }
        Ok(blocked)
    }

    /// The numbers as `[channels, height, width]`.
    pub fn to_planar(&self) -> Vec<f32> {
        let mut planar = Vec::with_capacity(self.channels * self.size.pixels());
        for c in 0..self.channels {
            for y in 0..self.size.height {
                let start = self.grid.at(c / LANES, y + 1, 1);
                planar.extend(self.data[start..][..self.size.width].iter().map(|lane| lane.0[c % LANES]));
            }
        }
        planar
    }

    /// How many channels, without the rounding up to blocks.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Width and height, without the border.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        size_of_val(self.data.as_slice())
    }

    /// The number at `channel`, `y`, `x`; 0 outside.
    pub fn get(&self, channel: usize, y: usize, x: usize) -> f32 {
        if channel >= self.channels || y >= self.size.height || x >= self.size.width {
            return 0.0;
        }
        self.data[self.grid.at(channel / LANES, y + 1, x + 1)].0[channel % LANES]
    }

    /// Row `y` of one block of 16 channels, `width` vectors; empty outside.
    pub fn row(&self, block: usize, y: usize) -> &[Lane] {
        if block >= self.grid.blocks || y >= self.size.height {
            return &[];
        }
        &self.data[self.grid.at(block, y + 1, 1)..][..self.size.width]
    }

    /// Row `y` of one block of 16 channels, to be changed; empty outside. Channels beyond
    /// [`channels`](Self::channels) must stay zero.
    pub fn row_mut(&mut self, block: usize, y: usize) -> &mut [Lane] {
        if block >= self.grid.blocks || y >= self.size.height {
            return &mut [];
        }
        &mut self.data[self.grid.at(block, y + 1, 1)..][..self.size.width]
    }

    /// Makes it another shape in the same memory, which grows only if it must. What is in it afterwards
    /// is undefined, the border included, until every pixel has been written.
    pub fn reshape(&mut self, channels: usize, size: Size) {
        (self.channels, self.size, self.grid) = (channels, size, Grid::new(channels, size));
        // Never shrinks: growing again would fill with zeros what is about to be written.
        let needed = self.grid.blocks * self.grid.plane();
        if self.data.len() < needed {
            self.data.resize(needed, Lane::ZERO);
        }
    }

    /// As [`reshape`](Self::reshape), with the border that a convolution reads.
    pub fn reshape_with_border(&mut self, channels: usize, size: Size) {
        self.reshape(channels, size);
        let Grid { rows, columns, .. } = self.grid;
        for plane in self.lanes_mut().chunks_exact_mut(rows * columns) {
            for (y, row) in plane.chunks_exact_mut(columns).enumerate() {
                match (1..=size.height).contains(&y) {
                    true => {
                        row[0] = Lane::ZERO;
                        row[size.width + 1..].fill(Lane::ZERO);
                    }
                    false => row.fill(Lane::ZERO),
                }
            }
        }
    }

    /// Sets every number to zero.
    pub fn clear(&mut self) {
        self.lanes_mut().fill(Lane::ZERO);
    }

    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    pub(super) fn lanes(&self) -> &[Lane] {
        &self.data[..self.grid.blocks * self.grid.plane()]
    }

    pub(super) fn lanes_mut(&mut self) -> &mut [Lane] {
        &mut self.data[..self.grid.blocks * self.grid.plane()]
    }

    /// Fails unless there are `channels` of `size` here; `what` names it in the message.
    pub(super) fn expect(&self, what: &str, channels: usize, size: Size) -> Result<()> {
        if self.channels == channels && self.size == size {
            return Ok(());
        }
        Err(Error::model(format!(
            "the {what} must have {channels} channels of {size}, but it has {} of {}",
            self.channels, self.size
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planar_numbers_survive_the_way_there_and_back() {
        for (channels, size) in [(1, Size::new(1, 1)), (3, Size::new(5, 2)), (40, Size::new(7, 9))] {
            let planar: Vec<f32> = (0..channels * size.pixels()).map(|i| i as f32 + 1.0).collect();
            let blocked = Blocked::from_planar(&planar, channels, size).unwrap();
            assert_eq!(blocked.to_planar(), planar);
            assert_eq!(blocked.get(channels - 1, size.height - 1, size.width - 1), *planar.last().unwrap());
            let sum: f32 = blocked.lanes().iter().flat_map(|lane| lane.0).sum();
            assert_eq!(sum, planar.iter().sum::<f32>(), "the border and the spare channels are zero");
        }
        assert!(Blocked::from_planar(&[0.0; 5], 1, Size::new(3, 2)).is_err());
    }

    #[test]
    fn in_used_memory_there_is_a_border_of_zeros() {
        let (large, small) = (Size::new(9, 11), Size::new(5, 6));
        let mut blocked = Blocked::from_planar(&vec![7.0; 20 * large.pixels()], 20, large).unwrap();
        blocked.reshape_with_border(18, small);
        for block in 0..2 {
            for y in 0..small.height {
                blocked.row_mut(block, y).fill(Lane::ZERO);
            }
        }
        assert_eq!(blocked, Blocked::zeros(18, small));
    }

    #[test]
    fn vectors_are_aligned_to_cache_lines() {
        let blocked = Blocked::zeros(64, Size::new(3, 3));
        assert_eq!(blocked.lanes().as_ptr() as usize % 64, 0);
    }
}
