//! Where a convolution's results go, and what happens to them on the way.
//!
//! Bias and ReLU (forward), tap gradient and ReLU mask (backward) cost nothing where the result is in
//! a register anyway; as passes of their own they would read and write every activation again.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::blocked::{Blocked, Grid, Lane};
use super::pool::pooled;
use super::shared::Shared;
use super::signs::Signs;
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
    /// `relu(x + bias)`, of which only the signs are kept: for a target of signs.
    Sign { bias: &'a [Lane] },
    /// `x / 4`: what each of four pixels gets of the gradient of their mean.
    Share,
    /// `(x + tap)` masked.
    Gradient { tap: Option<&'a [Lane]>, mask: Mask<'a> },
    /// `x` added to what lies there, and 0 where that is not a number.
    Marked,
    /// `(x / 4 + tap)`, masked by what lies there, at each of the four pixels whose mean the pool takes.
    Unpool { tap: Option<&'a [Lane]> },
}

/// The destination of a convolution.
pub(super) struct Target<'a> {
    lanes: Shared<'a, Lane>,
    /// Instead of `lanes`, with `Sign`.
    signs: Shared<'a, u16>,
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
        let (lanes, signs) = (Shared::new(output.lanes_mut()), Shared::new(&mut []));
        Self { lanes, signs, grid, size, finish, pooled: None }
    }

    /// The signs of activations, whose means go to `pooled`.
    pub(super) fn of_signs(signs: &'a mut Signs, bias: &'a [Lane], pooled: &'a mut Blocked) -> Self {
        let (grid, size) = (signs.grid(), signs.size());
        let (lanes, signs) = (Shared::new(&mut []), Shared::new(signs.bits_mut()));
        Self { lanes, signs, grid, size, finish: Finish::Sign { bias }, pooled: None }.with_pooled(pooled)
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
            Finish::Activate { bias } | Finish::Sign { bias } => {
                s.max(s.add(v, s.load(&bias[block])), s.zero())
            }
            Finish::Share => s.mul(s.splat(0.25), v),
            Finish::Gradient { tap, mask } => {
                let v = tap.map_or(v, |tap| s.add(v, s.load(&tap[index])));
                match mask {
                    Mask::None => v,
                    Mask::Of(activation) => s.where_positive(s.load(&activation[index]), v),
                    Mask::InPlace => s.where_positive(s.load(place), v),
                }
            }
            Finish::Marked => {
                let tap = s.load(place);
                s.where_equal(tap, tap, s.add(v, tap), s.zero())
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
        let index = self.grid.at(block, y + 1, x + 1);
        match self.finish {
            Finish::Unpool { .. } => {}
            Finish::Sign { bias } => {
                let v = s.max(s.add(v, s.load(&bias[block])), s.zero());
                let pooled = self.pooled.as_ref().map(|pooled| pooled.size);
                if pooled.is_some_and(|size| y / 2 < size.height && x / 2 < size.width) {
                    // SAFETY: the caller's promise.
                    if let [place] = unsafe { self.signs.slice(index, 1) } {
                        *place = s.signs(v);
                    }
                }
                return v;
            }
            // SAFETY: the caller's promise.
            _ => return unsafe { self.put(s, block, index, v) },
        }
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
