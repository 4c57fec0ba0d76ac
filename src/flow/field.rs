//! The motion of every pixel of a frame.

use crate::frame::Size;
use crate::pixels::Pixels;
use crate::resize::resize_linear;

/// For every pixel of one frame, how far to the right and down, in pixels of that frame, the same thing
/// lies in another frame. Two planes `[H, W]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    size: Size,
    right: Vec<f32>,
    down: Vec<f32>,
}

impl Flow {
    /// Takes two planes of exactly `width · height` finite values, or `None`.
    pub fn new(size: Size, right: Vec<f32>, down: Vec<f32>) -> Option<Self> {
        let n = size.pixels();
        let fits = n > 0 && right.len() == n && down.len() == n;
        (fits && right.iter().chain(&down).all(|v| v.is_finite())).then_some(Self { size, right, down })
    }

    /// A flow made pixel by pixel: `vector(x, y)` gives right and down. What is not finite becomes 0; a
    /// side of 0 is taken as 1.
    pub fn from_fn(size: Size, mut vector: impl FnMut(usize, usize) -> [f32; 2]) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let mut flow = Self::zeros(size);
        for y in 0..size.height {
            for x in 0..size.width {
                let [right, down] = vector(x, y).map(|v| if v.is_finite() { v } else { 0.0 });
                flow.right[y * size.width + x] = right;
                flow.down[y * size.width + x] = down;
            }
        }
        flow
    }

    /// Nothing moves.
    pub fn zeros(size: Size) -> Self {
        Self { size, right: vec![0.0; size.pixels()], down: vec![0.0; size.pixels()] }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Pixels to the right, `[H, W]`.
    pub fn right(&self) -> &[f32] {
        &self.right
    }

    /// Pixels down, `[H, W]`.
    pub fn down(&self) -> &[f32] {
        &self.down
    }

    /// Right and down at column `x`, row `y`.
    pub fn at(&self, x: usize, y: usize) -> [f32; 2] {
        let i = y * self.size.width + x;
        [self.right[i], self.down[i]]
    }

    /// Right and down at any place, interpolated linearly; outside of the frame, that of its border.
    pub fn sample(&self, x: f32, y: f32) -> [f32; 2] {
        let axis = |at: f32, n: usize| {
            let at = at.clamp(0.0, (n - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(n - 1), at - low as f32)
        };
        let (x0, x1, u) = axis(x, self.size.width);
        let (y0, y1, v) = axis(y, self.size.height);
        [&self.right, &self.down].map(|plane| {
            let row = |y: usize| {
                let row = &plane[y * self.size.width..][..self.size.width];
                row[x0] + u * (row[x1] - row[x0])
            };
            let (above, below) = (row(y0), row(y1));
            above + v * (below - above)
        })
    }

    /// The same motion on a frame of another size: interpolated, and in pixels of that size.
    pub fn resized(&self, size: Size) -> Self {
        if size == self.size {
            return self.clone();
        }
        // The third plane is idle: pictures are resized three planes at a time.
        let planes = [&self.right[..], &self.down, &self.down].concat();
        let Some(planes) = Pixels::new(self.size, planes) else { return Self::zeros(size) };
        let resized = resize_linear(&planes, size);
        let [right, down, _] = resized.planes();
        let across = size.width as f32 / self.size.width as f32;
        let along = size.height as f32 / self.size.height as f32;
        Self {
            size,
            right: right.iter().map(|v| v * across).collect(),
            down: down.iter().map(|v| v * along).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_of_another_size_counts_in_pixels_of_that_size() {
        let flow = Flow::from_fn(Size::new(20, 10), |_, _| [2.0, -1.0]).resized(Size::new(40, 30));
        assert_eq!(flow.size(), Size::new(40, 30));
        assert!(flow.right().iter().all(|v| (v - 4.0).abs() < 1e-5));
        assert!(flow.down().iter().all(|v| (v + 3.0).abs() < 1e-5));
    }

    #[test]
    fn samples_interpolate_and_stay_at_the_border() {
        let flow = Flow::from_fn(Size::new(3, 2), |x, y| [x as f32, 10.0 * y as f32]);
        assert_eq!(flow.sample(1.5, 0.25), [1.5, 2.5]);
        assert_eq!(flow.sample(-7.0, 99.0), [0.0, 10.0]);
        assert_eq!(flow.sample(2.0, 1.0), flow.at(2, 1));
    }

    #[test]
    fn what_is_no_number_is_refused_or_becomes_0() {
        let size = Size::new(2, 1);
        assert!(Flow::new(size, vec![0.0; 3], vec![0.0; 2]).is_none());
        assert!(Flow::new(size, vec![f32::NAN, 0.0], vec![0.0; 2]).is_none());
        assert_eq!(Flow::from_fn(size, |_, _| [f32::INFINITY, 1.0]).at(0, 0), [0.0, 1.0]);
    }
}
