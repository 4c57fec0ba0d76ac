//! A flow being worked on, at any level.

use crate::frame::Size;
use crate::kernels::cpu::{Loops, vectorised};
use rayon::prelude::*;

/// Vectors in pixels of the level, two planes `[H, W]`.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) size: Size,
    pub(super) right: Vec<f32>,
    pub(super) down: Vec<f32>,
}

impl Field {
    pub(super) fn zeros(size: Size) -> Self {
        Self { size, right: vec![0.0; size.pixels()], down: vec![0.0; size.pixels()] }
    }

    /// The vector at any place, interpolated linearly; outside of the frame, that of its border.
    #[inline(always)]
    pub(super) fn sample(&self, x: f32, y: f32) -> [f32; 2] {
        let Size { width, height } = self.size;
        let (x, y) = (x.clamp(0.0, (width - 1) as f32), y.clamp(0.0, (height - 1) as f32));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
        let (u, v) = (x - x0 as f32, y - y0 as f32);
        [&self.right, &self.down].map(|plane| {
            let row = |y: usize| {
                let (left, right) = (plane[y * width + x0], plane[y * width + x1]);
                left + u * (right - left)
            };
            let (above, below) = (row(y0), row(y1));
            above + v * (below - above)
        })
    }

    /// The same motion on the next finer level, which has this `size`.
    pub(super) fn doubled(&self, size: Size) -> Self {
        let mut finer = Self::zeros(size);
        let planes = [(&self.right, &mut finer.right), (&self.down, &mut finer.down)];
        for (from, to) in planes {
            to.par_chunks_exact_mut(size.width).with_min_len(64).enumerate().for_each(|(y, to)| {
                // A quarter of the way to the row above or below.
                let near = y / 2;
                let far =
                    if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(self.size.height - 1) };
                let row = |y: usize| &from[y * self.size.width..][..self.size.width];
                vectorised(Double { near: row(near), far: row(far), to });
            });
        }
        finer
    }
}

/// One row of twice the length and twice the values, three quarters of `near` and one of `far`.
struct Double<'a> {
    near: &'a [f32],
    far: &'a [f32],
    to: &'a mut [f32],
}

impl Loops for Double<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { near, far, to } = self;
        let last = near.len() - 1;
        let value = |i: usize| 1.5 * near[i] + 0.5 * far[i];
        let mut before = value(0);
        let mut here = before;
        for (i, pair) in to.chunks_mut(2).enumerate() {
            let after = value((i + 1).min(last));
            pair[0] = 0.75 * here + 0.25 * before;
            if let Some(second) = pair.get_mut(1) {
                *second = 0.75 * here + 0.25 * after;
            }
            (before, here) = (here, after);
        }
    }
}
