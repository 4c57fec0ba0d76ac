//! Total variation: how rough the picture is from pixel to pixel.
//!
//! `L_tv = Σ ((x[i, j+1] − x[i, j])² + (x[i+1, j] − x[i, j])²) / (3·H·W)` over the three channels: the
//! squared form (β = 2) of Mahendran & Vedaldi (2015), eq. 4, divided by the number of values so that
//! the weight does not depend on the size.

use crate::frame::Size;
use crate::pixels::Pixels;

/// The unweighted loss; adds `weight` times its gradient to `gradient`.
pub(super) fn total_variation(x: &Pixels, weight: f64, gradient: &mut Pixels) -> f64 {
    let Size { width, height } = x.size();
    let count = x.data().len() as f64;
    let scale = (2.0 * weight / count) as f32;
    let mut sum = 0.0f64;
    for (plane, gradient) in
        x.data().chunks_exact(width * height).zip(gradient.data_mut().chunks_exact_mut(width * height))
    {
        for y in 0..height {
            for x in 0..width {
                let i = y * width + x;
                let mut edge = |j: usize| {
                    let difference = plane[j] - plane[i];
                    sum += f64::from(difference) * f64::from(difference);
                    gradient[j] += scale * difference;
                    gradient[i] -= scale * difference;
                };
                if x + 1 < width {
                    edge(i + 1);
                }
                if y + 1 < height {
                    edge(i + width);
                }
            }
        }
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand_on_two_pixels_a_row() {
        // Two pixels, 0 and 1 in the first channel only: one edge of height 1 among 6 values.
        let mut x = Pixels::zeros(Size::new(2, 1));
        x.data_mut()[1] = 1.0;
        let mut gradient = Pixels::zeros(x.size());
        let value = total_variation(&x, 3.0, &mut gradient);
        assert!((value - 1.0 / 6.0).abs() < 1e-12);
        assert_eq!(gradient.data(), [-1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        // The loss is quadratic, so central differences are exact up to rounding.
        let size = Size::new(5, 4);
        let data = (0..3 * size.pixels()).map(|i| ((i * 37 + 11) % 64) as f32 / 64.0).collect();
        let x = Pixels::new(size, data).unwrap();
        let mut gradient = Pixels::zeros(size);
        total_variation(&x, 1.0, &mut gradient);
        for i in 0..x.data().len() {
            let at = |step: f32| {
                let mut moved = x.clone();
                moved.data_mut()[i] += step;
                total_variation(&moved, 0.0, &mut Pixels::zeros(size))
            };
            let expected = (at(0.25) - at(-0.25)) / 0.5;
            assert!((f64::from(gradient.data()[i]) - expected).abs() < 1e-6);
        }
    }
}
