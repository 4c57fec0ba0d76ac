//! Following a flow: every pixel fetches what lies where its vector points.

use super::Flow;
use crate::frame::Size;
use crate::pixels::Pixels;
use rayon::prelude::*;

/// How values between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// From the four pixels around: soft, and never beyond their range.
    Linear,
    /// From sixteen pixels, by Catmull & Rom's cubic (Keys 1981, a = −½): keeps detail over many warps;
    /// overshoots a little at edges.
    Cubic,
}

/// `picture` fetched along `flow`, which has its size: the value at p is that of `picture` at
/// p + flow(p), by [`Kernel::Cubic`] and clamped to 0..1. Beyond the border, the border's value.
pub fn warp(picture: &Pixels, flow: &Flow) -> Pixels {
    let values = warp_planes(picture.data(), flow, Kernel::Cubic);
    let mut warped = Pixels::zeros(picture.size());
    for (to, from) in warped.data_mut().iter_mut().zip(values) {
        *to = from.clamp(0.0, 1.0);
    }
    warped
}

/// Any number of planes `[H, W]`, one after the other, fetched along `flow`; not clamped.
///
/// The length of `planes` must be a multiple of the pixels of `flow`; what is left over stays 0.
pub fn warp_planes(planes: &[f32], flow: &Flow, kernel: Kernel) -> Vec<f32> {
    let size = flow.size();
    let mut warped = vec![0.0; planes.len()];
    warped.par_chunks_exact_mut(size.width).enumerate().for_each(|(row, out)| {
        let (plane, y) = (row / size.height, row % size.height);
        let Some(plane) = planes.get(plane * size.pixels()..(plane + 1) * size.pixels()) else { return };
        for (x, out) in out.iter_mut().enumerate() {
            let [right, down] = flow.at(x, y);
            let at = (x as f32 + right, y as f32 + down);
            *out = match kernel {
                Kernel::Linear => linear(plane, size, at),
                Kernel::Cubic => cubic(plane, size, at),
            };
        }
    });
    warped
}

/// The whole part and the fraction of a coordinate, kept within a pixel of the frame so that a vector
/// that points anywhere is harmless.
fn split(at: f32, n: usize) -> (isize, f32) {
    let at = at.clamp(-1.0, n as f32);
    let floor = at.floor();
    (floor as isize, at - floor)
}

fn inside(i: isize, n: usize) -> usize {
    i.clamp(0, n as isize - 1) as usize
}

fn linear(plane: &[f32], size: Size, (x, y): (f32, f32)) -> f32 {
    let ((x, u), (y, v)) = (split(x, size.width), split(y, size.height));
    let row = |y: isize| {
        let row = &plane[inside(y, size.height) * size.width..][..size.width];
        let (left, right) = (row[inside(x, size.width)], row[inside(x + 1, size.width)]);
        left + u * (right - left)
    };
    let (above, below) = (row(y), row(y + 1));
    above + v * (below - above)
}

/// Keys (1981), *Cubic Convolution Interpolation*, eq. 15 with a = −½: weights of the pixels at −1, 0, 1
/// and 2 for a place at `t` between 0 and 1.
pub(crate) fn cubic_weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t3 + 2.0 * t2 - t),
        0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
        0.5 * (-3.0 * t3 + 4.0 * t2 + t),
        0.5 * (t3 - t2),
    ]
}

fn cubic(plane: &[f32], size: Size, (x, y): (f32, f32)) -> f32 {
    let ((x, u), (y, v)) = (split(x, size.width), split(y, size.height));
    let (across, along) = (cubic_weights(u), cubic_weights(v));
    let columns = [-1, 0, 1, 2].map(|i| inside(x + i, size.width));
    let mut sum = 0.0;
    for (i, weight) in (-1..=2).zip(along) {
        let row = &plane[inside(y + i, size.height) * size.width..][..size.width];
        let mut line = 0.0;
        for (column, weight) in columns.iter().zip(across) {
            line += weight * row[*column];
        }
        sum += weight * line;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ramp(size: Size) -> Vec<f32> {
        (0..size.pixels()).map(|i| 0.3 * (i % size.width) as f32 - 0.7 * (i / size.width) as f32).collect()
    }

    #[test]
    fn whole_pixels_move_exactly_and_borders_repeat() {
        let size = Size::new(7, 5);
        let picture = ramp(size);
        let flow = Flow::from_fn(size, |_, _| [2.0, -1.0]);
        for kernel in [Kernel::Linear, Kernel::Cubic] {
            let warped = warp_planes(&picture, &flow, kernel);
            for (i, value) in warped.iter().enumerate() {
                let (x, y) = ((i % 7 + 2).min(6), (i / 7).saturating_sub(1));
                assert!((value - picture[y * 7 + x]).abs() < 1e-6, "{kernel:?} {i}");
            }
        }
    }

    proptest! {
        /// Both kernels reproduce linear functions (Keys 1981), away from the border.
        #[test]
        fn ramps_stay_ramps(dx in -2.0f32..2.0, dy in -2.0f32..2.0) {
            let size = Size::new(16, 12);
            let flow = Flow::from_fn(size, |_, _| [dx, dy]);
            for kernel in [Kernel::Linear, Kernel::Cubic] {
                let warped = warp_planes(&ramp(size), &flow, kernel);
                for (y, x) in (4..8).flat_map(|y| (4..12).map(move |x| (y, x))) {
                    let expected = 0.3 * (x as f32 + dx) - 0.7 * (y as f32 + dy);
                    prop_assert!((warped[y * 16 + x] - expected).abs() < 1e-4);
                }
            }
        }

        #[test]
        fn any_vector_is_harmless(dx in any::<f32>(), dy in any::<f32>()) {
            let size = Size::new(5, 4);
            let flow = Flow::from_fn(size, |_, _| [dx, dy]);
            for kernel in [Kernel::Linear, Kernel::Cubic] {
                prop_assert!(warp_planes(&ramp(size), &flow, kernel).iter().all(|v| v.is_finite()));
            }
        }
    }

    #[test]
    fn the_cubic_keeps_detail_that_the_linear_loses() {
        // A cosine of 6 pixels, moved by half a pixel there and back ten times.
        let size = Size::new(60, 4);
        let wave: Vec<f32> =
            (0..size.pixels()).map(|i| (std::f32::consts::TAU * (i % 60) as f32 / 6.0).cos()).collect();
        let left = |kernel| {
            let mut moved = wave.clone();
            for step in 0..20 {
                let by = if step % 2 == 0 { 0.5 } else { -0.5 };
                moved = warp_planes(&moved, &Flow::from_fn(size, |_, _| [by, 0.0]), kernel);
            }
            moved[90..150].iter().fold(0.0, |most: f32, v| most.max(*v))
        };
        // Half-way the linear kernel passes cos(π/6) = 0.87 of the wave, the cubic 0.5625·2·cos(π/6) −
        // 0.0625·2·cos(π/2) = 0.97 of it; to the twentieth power 0.06 and 0.60.
        assert!((left(Kernel::Linear) - 0.0563).abs() < 0.01, "{}", left(Kernel::Linear));
        assert!((left(Kernel::Cubic) - 0.5905).abs() < 0.03, "{}", left(Kernel::Cubic));
    }
}
