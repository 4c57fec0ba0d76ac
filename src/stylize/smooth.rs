//! Means over neighbourhoods, for enlarging and for following the light.

use crate::frame::Size;
use rayon::prelude::*;

/// Rows that are gone through in one piece: a sum over a window slides down them.
const PIECE: usize = 64;

/// The mean of a plane `[H, W]` over the window of `2 · radius + 1` pixels each way around every pixel, cut
/// at the edges. Sums slide along in `f64`, so that a large window takes no longer than a small one.
pub(super) fn box_mean(plane: &[f32], size: Size, radius: usize) -> Vec<f32> {
    let Size { width, height } = size;
    let share = |n: usize, i: usize| 1.0 / ((i + radius + 1).min(n) - i.saturating_sub(radius)) as f64;
    let mut rows = vec![0.0; plane.len()];
    rows.par_chunks_mut(width).zip(plane.par_chunks(width)).for_each(|(out, row)| {
        let mut sum: f64 = row.iter().take(radius).map(|v| f64::from(*v)).sum();
        for (x, out) in out.iter_mut().enumerate() {
            sum += row.get(x + radius).map_or(0.0, |v| f64::from(*v));
            *out = (sum * share(width, x)) as f32;
            sum -= x.checked_sub(radius).map_or(0.0, |left| f64::from(row[left]));
        }
    });
    let row = |y: usize| &rows[y * width..][..width];
    let mut means = vec![0.0; plane.len()];
    means.par_chunks_mut(PIECE * width).enumerate().for_each(|(piece, out)| {
        let mut sums = vec![0.0f64; width];
        let slide = |sums: &mut Vec<f64>, y: usize, sign: f64| {
            sums.iter_mut().zip(row(y)).for_each(|(sum, v)| *sum += sign * f64::from(*v));
        };
        let top = piece * PIECE;
        (top.saturating_sub(radius)..(top + radius).min(height)).for_each(|y| slide(&mut sums, y, 1.0));
        for (y, out) in (top..).zip(out.chunks_mut(width)) {
            if y + radius < height {
                slide(&mut sums, y + radius, 1.0);
            }
            let share = share(height, y);
            out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sum * share) as f32);
            if let Some(left) = y.checked_sub(radius) {
                slide(&mut sums, left, -1.0);
            }
        }
    });
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // A single 9 in the middle of 3 × 3 zeros: every window of radius 1 holds it, over 4, 6 or 9 pixels.
        let mut plane = [0.0; 9];
        plane[4] = 9.0;
        let means = box_mean(&plane, Size::new(3, 3), 1);
        for (mean, expected) in means.iter().zip([2.25, 1.5, 2.25, 1.5, 1.0, 1.5, 2.25, 1.5, 2.25]) {
            assert!((mean - expected).abs() < 1e-6, "{means:?}");
        }
        assert_eq!(box_mean(&plane, Size::new(3, 3), 0), plane);
    }

    /// Over more rows than a piece has, with windows smaller and larger than it and than the plane.
    #[test]
    fn as_defined() {
        let size = Size::new(7, 2 * PIECE + 9);
        let mut random = fastrand::Rng::with_seed(4);
        let plane: Vec<f32> = (0..size.pixels()).map(|_| random.f32()).collect();
        for radius in [1, 5, PIECE - 1, PIECE + 3, 1000] {
            let means = box_mean(&plane, size, radius);
            for (i, mean) in means.iter().enumerate() {
                let near = |at: usize, other: usize| at.abs_diff(other) <= radius;
                let window = (0..plane.len()).filter(|j| near(i % 7, j % 7) && near(i / 7, j / 7));
                let (count, sum) =
                    window.fold((0.0, 0.0), |(n, sum), j| (n + 1.0, sum + f64::from(plane[j])));
                assert!((f64::from(*mean) - sum / count).abs() < 1e-6, "{radius} {i}");
            }
        }
    }
}
