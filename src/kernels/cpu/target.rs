//! Where a convolution's results go, and what happens to them on the way.
//!
//! Bias and ReLU (forward), tap gradient and ReLU mask (backward) cost nothing where the result is in
//! a register anyway; as passes of their own they would read and write every activation again.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::Write;
use super::blocked::{Blocked, Grid, Lane};
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
}

/// The destination of a convolution.
pub(super) struct Target<'a> {
    lanes: Shared<'a, Lane>,
    pub(super) grid: Grid,
    pub(super) size: Size,
    finish: Finish<'a>,
}

impl<'a> Target<'a> {
    /// The slices in `finish` have the layout of `output`.
    pub(super) fn new(output: &'a mut Blocked, finish: Finish<'a>) -> Self {
        let (grid, size) = (output.grid(), output.size());
        Self { lanes: Shared::new(output.lanes_mut()), grid, size, finish }
    }

    /// Finishes `v` and writes it to vector `index` of the padded grid, which belongs to `block`.
    ///
    /// # Safety
    ///
    /// No other task may write to or read from `index` meanwhile.
    #[inline(always)]
    pub(super) unsafe fn put<S: Simd>(&self, s: S, block: usize, index: usize, v: S::V) {
        // SAFETY: the caller's promise.
        let [place] = (unsafe { self.lanes.slice(index, 1) }) else { return };
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
        };
        s.store(v, place);
    }
}
