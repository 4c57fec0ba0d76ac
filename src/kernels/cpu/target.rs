//! Where a convolution's results go, and what happens to them on the way.
//!
//! Bias and ReLU (forward), tap gradient and ReLU mask (backward) cost nothing where the result is in
//! a register anyway; as passes of their own they would read and write every activation again.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::Write;
use super::blocked::{Blocked, Grid, Lane};
use super::pool::pooled;
use super::shared::Shared;
use super::simd::Simd;
use crate::frame::Size;

/// The ReLU mask of the layer a gradient arrives at.
#[derive(Clone, Copy)]
pub(super) enum Mask<'a> {
    /// No ReLU there.
    None,
    /// Zero wherever this activation is not positive.
    Of(&'a [Lane]),
    /// As `Of`, with the activation lying where the gradient is written.
    InPlace,
}

/// The last step of a convolution.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    /// `relu(x + bias)`; one vector of bias per block of 16 channels.
    Activate { bias: &'a [Lane] },
    /// `x`, or `x` added to what is there.
    Plain(Write),
    /// `(x + tap)` masked.
    Gradient { tap: Option<&'a [Lane]>, mask: Mask<'a> },
    /// `(x / 4 + tap)`, masked by what lies there, at each of the four pixels whose mean the pool takes.
    Unpool { tap: Option<&'a [Lane]> },
}

/// The destination of a convolution.
pub(super) struct Target<'a> {
    lanes: Shared<'a, Lane>,
    pub(super) grid: Grid,
    /// Of the convolution's result: with `Unpool` half of the grid's.
    pub(super) size: Size,
    finish: Finish<'a>,
    /// Where the means of 2×2 results go as well.
    pooled: Option<Pooled<'a>>,
}

struct Pooled<'a> {
    lanes: Shared<'a, Lane>,
    grid: Grid,
    size: Size,
}

impl<'a> Target<'a> {
    /// The slices in `finish` have the layout of `output`.
    pub(super) fn new(output: &'a mut Blocked, finish: Finish<'a>) -> Self {
        let (grid, size) = (output.grid(), output.size());
        let size = if let Finish::Unpool { .. } = finish { pooled(size) } else { size };
        Self { lanes: Shared::new(output.lanes_mut()), grid, size, finish, pooled: None }
    }

    /// The same with the means of 2×2 results written to `output`, which has half the size.
    pub(super) fn with_pooled(self, output: &'a mut Blocked) -> Self {
        let (grid, size) = (output.grid(), output.size());
        Self { pooled: Some(Pooled { lanes: Shared::new(output.lanes_mut()), grid, size }), ..self }
    }

    /// Finishes `v` and writes it to vector `index` of the padded grid, which belongs to `block`. Returns
    /// what it wrote.
    ///
    /// # Safety
    ///
    /// No other task may write to or read from `index` meanwhile.
    #[inline(always)]
    pub(super) unsafe fn put<S: Simd>(&self, s: S, block: usize, index: usize, v: S::V) -> S::V {
        // SAFETY: the caller's promise.
        let [place] = (unsafe { self.lanes.slice(index, 1) }) else { return v };
        let v = match self.finish {
            Finish::Activate { bias } => s.max(s.add(v, s.load(&bias[block])), s.zero()),
            Finish::Plain(Write::Replace) => v,
            Finish::Plain(Write::Add) => s.add(v, s.load(place)),
            Finish::Gradient { tap, mask } => {
                let v = tap.map_or(v, |tap| s.add(v, s.load(&tap[index])));
                match mask {
                    Mask::None => v,
                    Mask::Of(activation) => s.where_positive(s.load(&activation[index]), v),
                    Mask::InPlace => s.where_positive(s.load(place), v),
                }
            }
            Finish::Unpool { tap } => {
                let v = tap.map_or(v, |tap| s.add(v, s.load(&tap[index])));
                s.where_positive(s.load(place), v)
            }
        };
        s.store(v, place);
        v
    }

    /// Finishes the result `v` for row `y` and column `x` and writes it to where it belongs: one pixel, or
    /// the four of a pool. Returns what it wrote last.
    ///
    /// # Safety
    ///
    /// No other task may finish the same pixel of the same `block`.
    #[inline(always)]
    pub(super) unsafe fn put_pixel<S: Simd>(
        &self,
        s: S,
        block: usize,
        (y, x): (usize, usize),
        v: S::V,
    ) -> S::V {
        let Finish::Unpool { .. } = self.finish else {
            // SAFETY: the caller's promise.
            return unsafe { self.put(s, block, self.grid.at(block, y + 1, x + 1), v) };
        };
        let share = s.mul(s.splat(0.25), v);
        let index = self.grid.at(block, 2 * y + 1, 2 * x + 1);
        for index in [index, index + 1, index + self.grid.columns, index + self.grid.columns + 1] {
            // SAFETY: the caller's promise; pools do not overlap.
            unsafe { self.put(s, block, index, share) };
        }
        share
    }

    /// Writes the means of two rows of finished results, of which `lower` is row `y`, an odd one, from
    /// column `x` on, an even one, if the target is pooled.
    ///
    /// # Safety
    ///
    /// No other task may pool the same pixels of the same `block`.
    #[inline(always)]
    pub(super) unsafe fn pool<S: Simd>(
        &self,
        s: S,
        block: usize,
        (y, x): (usize, usize),
        [upper, lower]: [&[S::V]; 2],
    ) {
        let Some(pooled) = &self.pooled else { return };
        let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
        for ((upper, lower), x) in pairs.zip(x / 2..pooled.size.width) {
            let sum = s.add(s.add(upper[0], upper[1]), s.add(lower[0], lower[1]));
            // SAFETY: the caller's promise.
            if let [place] = unsafe { pooled.lanes.slice(pooled.grid.at(block, y / 2 + 1, x + 1), 1) } {
                s.store(s.mul(s.splat(0.25), sum), place);
            }
        }
    }
}
