//! Structural similarity: how much of the source's drawing is still there.
//!
//! Wang, Bovik, Sheikh & Simoncelli (2004), *Image Quality Assessment: From Error Visibility to
//! Structural Similarity*, eq. 13 with their window and constants: Gaussian of 11×11 with σ = 1.5,
//! K₁ = 0.01, K₂ = 0.03, L = 1, averaged over all windows that lie wholly inside the picture. Theirs is
//! on luma, and so is this.

use crate::frame::Size;
use rayon::prelude::*;

/// Pixels on a side of the window.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
/// (K₁ L)² and (K₂ L)².
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The mean SSIM of two planes `[H, W]` of values in 0..1; `None` where a side is shorter than the
/// window or a plane has not `size`. 1 for equal pictures, about 0 for unrelated ones.
pub fn ssim(a: &[f64], b: &[f64], size: Size) -> Option<f64> {
    if size.shortest_side() < WINDOW || a.len() != size.pixels() || b.len() != size.pixels() {
        return None;
    }
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let (mean_a, mean_b) = (blurred(a, size), blurred(b, size));
    let (aa, bb, ab) =
        (blurred(&product(a, a), size), blurred(&product(b, b), size), blurred(&product(a, b), size));
    let mut sum = 0.0;
    for i in 0..mean_a.len() {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let (var_a, var_b, cov) = (aa[i] - ma * ma, bb[i] - mb * mb, ab[i] - ma * mb);
        sum += (2.0 * ma * mb + C1) * (2.0 * cov + C2) / ((ma * ma + mb * mb + C1) * (var_a + var_b + C2));
    }
    Some(sum / mean_a.len() as f64)
}

/// The Gaussian's weights along one axis, of sum 1.
fn weights() -> [f64; WINDOW] {
    let middle = (WINDOW / 2) as f64;
    let bell = std::array::from_fn(|i| (-(i as f64 - middle).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let sum: f64 = bell.iter().sum();
    bell.map(|weight| weight / sum)
}

/// The weighted mean of every window inside the plane, `[H − 10, W − 10]`.
fn blurred(plane: &[f64], size: Size) -> Vec<f64> {
    let weights = weights();
    let across = size.width - WINDOW + 1;
    let mut rows = vec![0.0; across * size.height];
    rows.par_chunks_mut(across).zip(plane.par_chunks(size.width)).for_each(|(out, row)| {
        for (x, out) in out.iter_mut().enumerate() {
            *out = row[x..x + WINDOW].iter().zip(&weights).map(|(value, weight)| value * weight).sum();
        }
    });
    let mut windows = vec![0.0; across * (size.height - WINDOW + 1)];
    windows.par_chunks_mut(across).enumerate().for_each(|(y, out)| {
        for (weight, row) in weights.iter().zip(rows[y * across..].chunks_exact(across)) {
            out.iter_mut().zip(row).for_each(|(out, value)| *out += weight * value);
        }
    });
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_like_itself_and_unlike_its_negative() {
        let size = Size::new(24, 17);
        let picture: Vec<f64> = (0..size.pixels()).map(|i| ((i * 37) % 64) as f64 / 63.0).collect();
        let negative: Vec<f64> = picture.iter().map(|value| 1.0 - value).collect();
        assert!((ssim(&picture, &picture, size).unwrap() - 1.0).abs() < 1e-12);
        assert!(ssim(&picture, &negative, size).unwrap() < 0.0);
        assert_eq!(ssim(&picture, &negative, Size::new(10, 30)), None);
    }

    #[test]
    fn flat_pictures_differ_by_their_brightness_alone() {
        // Without structure only the first factor is left: (2·0.5·0.25 + C₁) / (0.25 + 0.0625 + C₁).
        let size = Size::new(11, 11);
        let found = ssim(&[0.5; 121], &[0.25; 121], size).unwrap();
        assert!((found - 0.2501 / 0.3126).abs() < 1e-9, "{found}");
    }
}
