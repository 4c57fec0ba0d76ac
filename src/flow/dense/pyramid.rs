//! One frame at ever coarser scales, in grey.
//!
//! A pyramid is made once a frame and serves both directions and both neighbours in time. Level 0 is the
//! frame; each level halves the one before (sides rounded up), so that pixel x of a level lies over
//! 2x and 2x + 1 of the finer one and a vector there counts exactly double.

use super::plane::Plane;
use crate::frame::Size;
use crate::kernels::cpu::{Loops, vectorised};
use crate::pixels::Pixels;

/// Halving goes on while the longest side is longer than this: one level more than OpenCV has, for things
/// that move fast (tuned).
const COARSEST_SIDE: usize = 20;
/// No level has a side shorter than this, but for frames that have one themselves.
const SHORTEST_SIDE: usize = 6;

/// A frame's luma and its slopes at all scales that motion is looked for at.
#[derive(Debug, Clone)]
pub struct Pyramid {
    levels: Vec<Level>,
}

/// One scale: grey values 0..255, and their central differences to the right and down.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) luma: Plane,
    pub(super) right: Plane,
    pub(super) down: Plane,
}

impl Pyramid {
    /// Of a frame with values 0..1, sRGB as they are. Luma is that of Rec. 601; what lies beyond 0..1 is
    /// clamped, what is no number is black.
    pub fn new(frame: &Pixels) -> Self {
        let size = frame.size();
        let planes = frame.planes();
        let luma = Plane::from_rows(size, |y, row| {
            let [r, g, b] = planes.map(|plane| &plane[y * size.width..][..size.width]);
            vectorised(Luma { r, g, b, to: row });
        });
        let mut levels = vec![Level::new(luma)];
        while let Some(coarser) = levels.last().and_then(Level::halved) {
            levels.push(coarser);
        }
        Self { levels }
    }

    /// Width and height of the frame.
    pub fn size(&self) -> Size {
        self.levels[0].luma.size()
    }

    /// How many levels there are; at least 1.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// Luma 0..1 of a level, row-major, and the level's size. Beyond the coarsest level, that one.
    pub fn luma(&self, level: usize) -> (Size, Vec<f32>) {
        let luma = &self.level(level).luma;
        let rows = 0..luma.size().height as isize;
        let values = rows.flat_map(|y| luma.row(y, 0)).map(|v| v / 255.0).collect();
        (luma.size(), values)
    }

    pub(super) fn level(&self, level: usize) -> &Level {
        &self.levels[level.min(self.levels.len() - 1)]
    }
}

impl Level {
    fn new(luma: Plane) -> Self {
        let size = luma.size();
        let right = Plane::from_rows(size, |y, to| {
            let row = luma.row(y as isize, 1);
            vectorised(Slope { before: row, after: &row[2..], to });
        });
        let down = Plane::from_rows(size, |y, to| {
            let y = y as isize;
            vectorised(Slope { before: luma.row(y - 1, 0), after: luma.row(y + 1, 0), to });
        });
        Self { luma, right, down }
    }

    /// The next level, if there is one.
    fn halved(&self) -> Option<Self> {
        let Size { width, height } = self.luma.size();
        let size = Size::new(width.div_ceil(2), height.div_ceil(2));
        let goes_on = width.max(height) > COARSEST_SIDE && size.shortest_side() >= SHORTEST_SIDE;
        goes_on.then(|| {
            Self::new(Plane::from_rows(size, |y, to| {
                let rows = [-1, 0, 1, 2].map(|i| self.luma.row(2 * y as isize + i, 2));
                vectorised(Halve { rows, to });
            }))
        })
    }
}

struct Luma<'a> {
    r: &'a [f32],
    g: &'a [f32],
    b: &'a [f32],
    to: &'a mut [f32],
}

impl Loops for Luma<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (((to, r), g), b) in self.to.iter_mut().zip(self.r).zip(self.g).zip(self.b) {
            let luma = 255.0 * (0.299 * r + 0.587 * g + 0.114 * b);
            // No comparison holds of what is no number.
            *to = if luma > 0.0 { luma.min(255.0) } else { 0.0 };
        }
    }
}

struct Slope<'a> {
    before: &'a [f32],
    after: &'a [f32],
    to: &'a mut [f32],
}

impl Loops for Slope<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((to, before), after) in self.to.iter_mut().zip(self.before).zip(self.after) {
            *to = 0.5 * (after - before);
        }
    }
}

/// Four rows, with two more values on both sides, become one of half the length: weights 1, 3, 3, 1
/// (over 8) both ways, which pass less of what the coarse level cannot show than the mean of four does.
struct Halve<'a> {
    rows: [&'a [f32]; 4],
    to: &'a mut [f32],
}

impl Loops for Halve<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [a, b, c, d] = self.rows.map(|row| row[1..].as_chunks::<2>().0);
        let n = self.to.len();
        let (a, b, c, d) = (&a[..=n], &b[..=n], &c[..=n], &d[..=n]);
        let column = |i: usize, j: usize| a[i][j] + d[i][j] + 3.0 * (b[i][j] + c[i][j]);
        for (i, to) in self.to.iter_mut().enumerate() {
            let outer = column(i, 0) + column(i + 1, 1);
            let inner = column(i, 1) + column(i + 1, 0);
            *to = (outer + 3.0 * inner) / 64.0;
        }
    }
}
