//! A picture painted small, enlarged so that it stays painted and gets crisp.
//!
//! Painting costs by the pixel; enlarging is nearly free. Plain interpolation would leave edges soft,
//! and the source knows where they are: where the small painting follows the small source, the
//! source's finer detail is added in the same proportion (the local linear model of He et al. 2010,
//! *Guided Image Filtering*, eq. 5, used here on the detail only); where the paint ignores the source,
//! nothing of the source shows. One step of back-projection (Irani & Peleg 1991) then sharpens the
//! strokes themselves: the result, shrunk again, is close to the small painting. Paint is full of single
//! bright pixels, around which interpolation and sharpening would ring; so no value leaves the range of
//! the four painted pixels around it by more than the detail that was added there.

use super::smooth::box_mean;
use crate::pixels::Pixels;
use crate::resize::{resize_cubic, resize_linear, resize_pixels};
use rayon::prelude::*;

/// Pixels to each side of a window in the small picture. Tuned by eye: 2 follows single strokes.
const RADIUS: usize = 2;
/// Variance of the source below which its detail counts as noise: (2 %)² of the range. Tuned by eye.
const EPSILON: f32 = 4e-4;
/// Detail is passed on at most like this: more would ring where the paint is far more contrasty than
/// the source. Tuned by eye.
const STRONGEST: f32 = 1.5;

/// `painted` at the size of `source`, where `small` is the source at the size of `painted`.
pub(super) fn upsample(painted: &Pixels, small: &Pixels, source: &Pixels) -> Pixels {
    let size = source.size();
    if painted.size() == size {
        return painted.clone();
    }
    let follows = following(painted, small);
    let mut large = resize_cubic(painted, size);
    let blurred = resize_pixels(small, size);
    // From here on `detail` is what the source adds.
    let mut detail = resize_linear(&follows, size);
    large
        .data_mut()
        .par_iter_mut()
        .zip(detail.data_mut().par_iter_mut())
        .zip(source.data().par_iter().zip(blurred.data().par_iter()))
        .for_each(|((out, detail), (source, blurred))| {
            *detail *= source - blurred;
            *out += *detail;
        });
    back_project(&mut large, painted);
    keep_in_range(&mut large, painted, &detail);
    large
}

/// Adds what is missing for `large`, shrunk, to be `painted`.
fn back_project(large: &mut Pixels, painted: &Pixels) {
    let mut missing = resize_pixels(large, painted.size());
    missing
        .data_mut()
        .iter_mut()
        .zip(painted.data())
        .for_each(|(shrunk, painted)| *shrunk = painted - *shrunk);
    let missing = resize_cubic(&missing, large.size());
    large
        .data_mut()
        .par_iter_mut()
        .zip(missing.data().par_iter())
        .for_each(|(large, missing)| *large += missing);
}

/// Cuts `large` to the range of the four pixels of `painted` around each place, widened by `|detail|`,
/// and to 0..1.
fn keep_in_range(large: &mut Pixels, painted: &Pixels, detail: &Pixels) {
    let (size, from) = (large.size(), painted.size());
    // The pixel at or before a place; the other of the two is the one after. Pixel centres lie at half numbers.
    let before = |i: usize, n: usize, of: usize| {
        let place = (i as f32 + 0.5) * of as f32 / n as f32 - 0.5;
        (place.floor().max(0.0) as usize).min(of - 1)
    };
    let columns: Vec<_> = (0..size.width).map(|x| before(x, size.width, from.width)).collect();
    let planes = painted.planes();
    large.for_each_row(|channel, y, row| {
        let above = before(y, size.height, from.height);
        let line = |y: usize| &planes[channel][y.min(from.height - 1) * from.width..][..from.width];
        let (above, below) = (line(above), line(above + 1));
        // Least and most of the four pixels whose first column this is.
        let ends = |x: usize| {
            let next = (x + 1).min(from.width - 1);
            let four = [above[x], above[next], below[x], below[next]];
            (
                four.into_iter().fold(f32::INFINITY, f32::min),
                four.into_iter().fold(f32::NEG_INFINITY, f32::max),
            )
        };
        let ends: Vec<(f32, f32)> = (0..from.width).map(ends).collect();
        let detail = &detail.planes()[channel][y * size.width..][..size.width];
        for ((value, &column), detail) in row.iter_mut().zip(&columns).zip(detail) {
            let (least, most) = ends[column];
            let detail = detail.abs();
            *value = value.max(least - detail).min(most + detail).clamp(0.0, 1.0);
        }
    });
}

/// How much of the source's contrast the painting takes on around each pixel, channel by channel: the
/// slope `cov(source, painted) / (var(source) + ε)` of the window, from 0 to [`STRONGEST`].
fn following(painted: &Pixels, small: &Pixels) -> Pixels {
    let size = painted.size();
    let mut slopes = Pixels::zeros(size);
    let planes = painted.planes().into_iter().zip(small.planes());
    for ((p, s), slopes) in planes.zip(slopes.data_mut().chunks_exact_mut(size.pixels())) {
        let product = |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
        let (mean_p, mean_s) = (box_mean(p, size, RADIUS), box_mean(s, size, RADIUS));
        let (mean_sp, mean_ss) =
            (box_mean(&product(s, p), size, RADIUS), box_mean(&product(s, s), size, RADIUS));
        for (i, slope) in slopes.iter_mut().enumerate() {
            let covariance = mean_sp[i] - mean_s[i] * mean_p[i];
            let variance = (mean_ss[i] - mean_s[i] * mean_s[i]).max(0.0);
            *slope = (covariance / (variance + EPSILON)).clamp(0.0, STRONGEST);
        }
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    /// Vertical bars finer than the small picture can hold, on a slow ramp.
    fn source() -> Pixels {
        let size = Size::new(96, 64);
        let mut pixels = Pixels::zeros(size);
        pixels.for_each_row(|_, _, row| {
            for (x, value) in row.iter_mut().enumerate() {
                *value = 0.3 + 0.004 * x as f32 + if x % 16 < 8 { 0.2 } else { 0.0 };
            }
        });
        pixels
    }

    #[test]
    fn the_source_painted_onto_itself_comes_back_crisper_than_by_interpolation() {
        let source = source();
        let small = resize_pixels(&source, Size::new(36, 24));
        let error =
            |p: &Pixels| p.data().iter().zip(source.data()).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let guided = error(&upsample(&small, &small, &source));
        let plain = error(&resize_pixels(&small, source.size()));
        assert!(guided < 0.1 * plain, "{guided} {plain}");
    }

    #[test]
    fn a_flat_painting_shows_nothing_of_the_source() {
        let source = source();
        let small = resize_pixels(&source, Size::new(36, 24));
        let flat = Pixels::new(small.size(), vec![0.5; small.data().len()]).unwrap();
        let large = upsample(&flat, &small, &source);
        assert!(large.data().iter().all(|v| (v - 0.5).abs() < 1e-3));
    }

    #[test]
    fn the_result_shrinks_back_to_the_painting() {
        let source = source();
        let small = resize_pixels(&source, Size::new(36, 24));
        let mut painted = small.clone();
        painted
            .data_mut()
            .iter_mut()
            .enumerate()
            .for_each(|(i, v)| *v = 0.5 * *v + 0.1 * ((i / 3) % 4) as f32);
        let again = resize_pixels(&upsample(&painted, &small, &source), small.size());
        let worst = again.data().iter().zip(painted.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.06, "{worst}");
    }
}
