//! Whether activations are positive, a bit each.
//!
//! Of a layer that is averaged by a pool and looked at by nobody, the way back needs nothing but its ReLU's mask. So
//! the layer need not be held: a thirty-second of its memory does, and the convolution above the signs reads the
//! pool's small gradient instead of a large one.

use super::blocked::{Blocked, Grid};
use super::pool::pooled;
use crate::error::{Error, Result};
use crate::frame::Size;

/// The signs of one layer's activations, laid out as they would be ([`Blocked`]): 16 channels of a pixel together.
/// What a pool drops counts as not positive, for it has no gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signs {
    channels: usize,
    size: Size,
    grid: Grid,
    bits: Vec<u16>,
}

impl Signs {
    /// For `channels` of `size`; nothing is positive yet. Sides of 0 are taken as 1, so are 0 channels.
    pub fn new(channels: usize, size: Size) -> Self {
        let (channels, size) = (channels.max(1), Size::new(size.width.max(1), size.height.max(1)));
        let grid = Grid::new(channels, size);
        Self { channels, size, grid, bits: vec![0; grid.blocks * grid.plane()] }
    }

    /// How many channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Width and height, without the border.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        size_of_val(self.bits.as_slice())
    }

    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    pub(super) fn bits(&self) -> &[u16] {
        &self.bits
    }

    pub(super) fn bits_mut(&mut self) -> &mut [u16] {
        &mut self.bits
    }

    /// Fails unless `grad` is the gradient behind the pool.
    pub(super) fn expect_pooled(&self, grad: &Blocked) -> Result<()> {
        grad.expect("gradient of the means", self.channels, pooled(self.size))
    }

    /// Fails unless there are the signs of `channels` of `size`.
    pub(super) fn expect(&self, channels: usize, size: Size) -> Result<()> {
        if self.channels == channels && self.size == size {
            return Ok(());
        }
        Err(Error::model(format!(
            "there are signs of {} channels of {}, not of {channels} of {size}",
            self.channels, self.size
        )))
    }
}
