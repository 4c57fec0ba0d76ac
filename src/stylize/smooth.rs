//! Means over neighbourhoods, for enlarging and for following the light.

use crate::frame::Size;
use rayon::prelude::*;

/// The mean of a plane `[H, W]` over the window of `2 · radius + 1` pixels each way around every pixel, cut
/// at the edges.
pub(super) fn box_mean(plane: &[f32], size: Size, radius: usize) -> Vec<f32> {
    let Size { width, height } = size;
    let window = |n: usize, i: usize| (i.saturating_sub(radius), (i + radius + 1).min(n));
    let mut rows = vec![0.0; plane.len()];
    rows.par_chunks_mut(width).zip(plane.par_chunks(width)).for_each(|(out, row)| {
        for (x, out) in out.iter_mut().enumerate() {
            let (from, to) = window(width, x);
            *out = row[from..to].iter().sum::<f32>() / (to - from) as f32;
        }
    });
    let mut means = vec![0.0; plane.len()];
    means.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let (from, to) = window(height, y);
        for row in from..to {
            out.iter_mut().zip(&rows[row * width..][..width]).for_each(|(out, v)| *out += v);
        }
        out.iter_mut().for_each(|out| *out /= (to - from) as f32);
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
}
