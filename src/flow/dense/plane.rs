//! One level of grey values with a border around it, so that whatever looks a little beyond the frame
//! needs no test.

use crate::frame::Size;
use rayon::prelude::*;

/// How far a plane continues beyond the frame on every side: enough for a patch that left the frame by
/// its own length, and its neighbours.
pub(super) const BORDER: usize = 16;

/// A plane `[H, W]` that repeats its edge for [`BORDER`] pixels on every side.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    size: Size,
    data: Vec<f32>,
}

impl Plane {
    /// `fill(y, row)` writes the rows of the frame; the border is made from them.
    pub(super) fn from_rows(size: Size, fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let stride = size.width + 2 * BORDER;
        let mut data = vec![0.0; stride * (size.height + 2 * BORDER)];
        let inside = &mut data[BORDER * stride..][..size.height * stride];
        inside.par_chunks_exact_mut(stride).with_min_len(MIN_ROWS).enumerate().for_each(|(y, row)| {
            fill(y, &mut row[BORDER..][..size.width]);
            let (first, last) = (row[BORDER], row[BORDER + size.width - 1]);
            row[..BORDER].fill(first);
            row[BORDER + size.width..].fill(last);
        });
        for y in 0..BORDER {
            data.copy_within(BORDER * stride..(BORDER + 1) * stride, y * stride);
            let last = (BORDER + size.height - 1) * stride;
            data.copy_within(last..last + stride, (BORDER + size.height + y) * stride);
        }
        Self { size, data }
    }

    /// Width and height of the frame, without the border.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// From one row to the next.
    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        self.size.width + 2 * BORDER
    }

    /// Everything from column `x`, row `y` on, which may lie in the border but not beyond it.
    #[inline(always)]
    pub(super) fn from(&self, x: isize, y: isize) -> &[f32] {
        let row = (y + BORDER as isize) as usize;
        let column = (x + BORDER as isize) as usize;
        &self.data[row * self.stride() + column..]
    }

    /// Row `y` with `beyond` more values on both sides.
    #[inline(always)]
    pub(super) fn row(&self, y: isize, beyond: usize) -> &[f32] {
        &self.from(-(beyond as isize), y)[..self.size.width + 2 * beyond]
    }
}

/// Rows that a thread takes at once.
pub(super) const MIN_ROWS: usize = 16;
