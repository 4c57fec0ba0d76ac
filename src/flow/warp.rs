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
    /// By the cubic spline through all pixels (Unser 1999, *Splines: A Perfect Fit for Signal and Image
    /// Processing*): keeps detail over many warps; overshoots a little at edges.
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
    let mut prepared = Vec::new();
    let planes = match kernel {
        Kernel::Linear => planes,
        Kernel::Cubic => {
            prepared.extend_from_slice(planes);
            prepared.par_chunks_exact_mut(size.pixels()).for_each(|plane| coefficients(plane, size));
            &prepared
        }
    };
    // A row of all planes at a time: where its pixels fetch from is the same for each.
    let mut rows: Vec<Vec<&mut [f32]>> = Vec::new();
    rows.resize_with(size.height, Vec::new);
    for plane in warped.chunks_exact_mut(size.pixels()) {
        plane.chunks_exact_mut(size.width).zip(&mut rows).for_each(|(row, rows)| rows.push(row));
    }
    rows.into_par_iter().enumerate().for_each(|(y, mut out)| {
        for x in 0..size.width {
            let [right, down] = flow.at(x, y);
            let at = (x as f32 + right, y as f32 + down);
            let planes = out.iter_mut().zip(planes.chunks_exact(size.pixels()));
            match kernel {
                Kernel::Linear => {
                    let between = Between::at(size, at);
                    planes.for_each(|(out, plane)| out[x] = between.value(plane, size.width));
                }
                Kernel::Cubic => {
                    let spline = Spline::at(size, at);
                    planes.for_each(|(out, plane)| out[x] = spline.value(plane, size.width));
                }
            }
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

/// A place between four pixels, and its distance from the upper left one.
struct Between {
    columns: [usize; 2],
    rows: [usize; 2],
    right: f32,
    down: f32,
}

impl Between {
    fn at(size: Size, (x, y): (f32, f32)) -> Self {
        let ((x, right), (y, down)) = (split(x, size.width), split(y, size.height));
        let columns = [inside(x, size.width), inside(x + 1, size.width)];
        Self { columns, rows: [inside(y, size.height), inside(y + 1, size.height)], right, down }
    }

    fn value(&self, plane: &[f32], width: usize) -> f32 {
        let [above, below] = self.rows.map(|row| {
            let row = &plane[row * width..][..width];
            let [left, right] = self.columns.map(|column| row[column]);
            left + self.right * (right - left)
        });
        above + self.down * (below - above)
    }
}

/// The coefficients of the cubic spline through a plane's pixels, mirrored at the borders (Unser 1999, eqs.
/// 3.11 to 3.14): one recursive filter forwards and one backwards, along rows and along columns.
fn coefficients(plane: &mut [f32], size: Size) {
    plane.chunks_exact_mut(size.width).for_each(|row| recursion(row, 1));
    recursion(plane, size.width);
}

/// The pole of the cubic spline's inverse filter, √3 − 2.
const POLE: f32 = -0.267_949_2;

/// What makes the filter pass a constant, (1 − POLE)(1 − 1/POLE).
const GAIN: f32 = 6.0;

/// How far a border reaches into the recursion: `POLE` to this power is less than a rounding.
const REACH: usize = 14;

/// Filters `lines`, whose consecutive elements are `width` values each, along the elements.
fn recursion(lines: &mut [f32], width: usize) {
    let n = lines.len() / width;
    if n < 2 {
        return;
    }
    let mirrored = |i: usize| {
        let period = 2 * (n - 1);
        (i % period).min(period - i % period)
    };
    // The first coefficient: the sum over the mirrored line, as far as it matters.
    for i in 0..width {
        let (mut sum, mut power) = (0.0, 1.0);
        for k in 0..REACH {
            sum += power * lines[mirrored(k) * width + i];
            power *= POLE;
        }
        lines[i] = sum;
    }
    for k in 1..n {
        let (before, here) = lines[(k - 1) * width..].split_at_mut(width);
        here.iter_mut().zip(before).for_each(|(here, before)| *here += POLE * *before);
    }
    let (rest, last) = lines.split_at_mut((n - 1) * width);
    let scale = GAIN * POLE / (POLE * POLE - 1.0);
    for (last, before) in last.iter_mut().zip(&rest[(n - 2) * width..]) {
        *last = scale * (*last + POLE * *before);
    }
    for k in (0..n - 1).rev() {
        let (here, after) = lines[k * width..].split_at_mut(width);
        here.iter_mut().zip(after).for_each(|(here, after)| *here = POLE * (*after - GAIN * *here));
    }
}

/// The cubic B-spline's weights of the coefficients at −1, 0, 1 and 2 for a place at `t` between 0 and 1.
fn spline_weights(t: f32) -> [f32; 4] {
    let s = 1.0 - t;
    let [s3, t3] = [s * s * s / 6.0, t * t * t / 6.0];
    [s3, 2.0 / 3.0 - 0.5 * t * t * (1.0 + s), 2.0 / 3.0 - 0.5 * s * s * (1.0 + t), t3]
}

/// `i` mirrored at the first and at the last of `n`, from not farther than two outside.
fn mirror(i: isize, n: usize) -> usize {
    let last = n as isize - 1;
    let i = i.abs();
    inside(if i > last { 2 * last - i } else { i }, n)
}

/// A place in the cubic spline of a plane: the coefficients around it, and their weights.
struct Spline {
    columns: [usize; 4],
    rows: [usize; 4],
    across: [f32; 4],
    along: [f32; 4],
    /// Whether the columns are four neighbours, as they are but at the borders.
    neighbours: bool,
}

impl Spline {
    /// Beyond the border, the border's value.
    fn at(size: Size, (x, y): (f32, f32)) -> Self {
        let within = |at: f32, n: usize| split(at.clamp(0.0, (n - 1) as f32), n);
        let ((x, u), (y, v)) = (within(x, size.width), within(y, size.height));
        Self {
            columns: [-1, 0, 1, 2].map(|i| mirror(x + i, size.width)),
            rows: [-1, 0, 1, 2].map(|i| mirror(y + i, size.height)),
            across: spline_weights(u),
            along: spline_weights(v),
            neighbours: x >= 1 && x as usize + 2 < size.width,
        }
    }

    fn value(&self, coefficients: &[f32], width: usize) -> f32 {
        let mut sum = 0.0;
        for (row, weight) in self.rows.iter().zip(self.along) {
            let row = &coefficients[row * width..][..width];
            let four = match row.get(self.columns[0]..self.columns[0] + 4) {
                Some(&[a, b, c, d]) if self.neighbours => [a, b, c, d],
                _ => self.columns.map(|column| row[column]),
            };
            let mut line = 0.0;
            for (value, weight) in four.iter().zip(self.across) {
                line += weight * value;
            }
            sum += weight * line;
        }
        sum
    }
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
        /// Both kernels reproduce linear functions, away from the border.
        #[test]
        fn ramps_stay_ramps(dx in -2.0f32..2.0, dy in -2.0f32..2.0) {
            let size = Size::new(32, 28);
            let flow = Flow::from_fn(size, |_, _| [dx, dy]);
            for kernel in [Kernel::Linear, Kernel::Cubic] {
                let warped = warp_planes(&ramp(size), &flow, kernel);
                // What the mirrored border does to the spline falls to 0.27 of it with every pixel.
                for (y, x) in (12..16).flat_map(|y| (12..20).map(move |x| (y, x))) {
                    let expected = 0.3 * (x as f32 + dx) - 0.7 * (y as f32 + dy);
                    prop_assert!((warped[y * 32 + x] - expected).abs() < 1e-4);
                }
            }
        }

        #[test]
        fn the_spline_passes_through_its_pixels(width in 1usize..20, height in 1usize..20, seed in any::<u64>()) {
            let size = Size::new(width, height);
            let mut random = fastrand::Rng::with_seed(seed);
            let picture: Vec<f32> = (0..size.pixels()).map(|_| random.f32()).collect();
            let still = warp_planes(&picture, &Flow::from_fn(size, |_, _| [0.0; 2]), Kernel::Cubic);
            for (still, pixel) in still.iter().zip(&picture) {
                prop_assert!((still - pixel).abs() < 1e-5, "{still} {pixel}");
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
            moved[75..105].iter().fold(0.0, |most: f32, v| most.max(*v))
        };
        // Half-way the linear kernel passes cos(π/6) = 0.87 of the wave, the spline
        // (23 cos(π/6) + cos(π/2)) / 24 · 3 / (2 + cos(π/3)) = 0.996 of it; to the twentieth power 0.06 and 0.92.
        assert!((left(Kernel::Linear) - 0.0563).abs() < 0.01, "{}", left(Kernel::Linear));
        assert!((left(Kernel::Cubic) - 0.9216).abs() < 0.005, "{}", left(Kernel::Cubic));
    }
}
