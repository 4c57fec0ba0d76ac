//! Steadiness: how far a picture is from what was painted before, moved to where it is now.
//!
//! `L_temporal = Σ c (x − w)² / (3·H·W)` over the three channels: Ruder et al. (2016), eq. 7, with w the
//! earlier painting warped and c its certainty. Their long-term loss (eqs. 9 and 10) compares every pixel
//! with the nearest earlier frame that shows it; as that is one frame for each pixel, it is the same sum
//! over a w and c put together from several frames, and needs no terms of its own.

use crate::flow::Mask;
use crate::frame::Size;
use crate::pixels::Pixels;
use crate::resize::{resize_linear, resize_pixels};
use rayon::prelude::*;

/// What a picture is held to, where, and how firmly.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    target: Pixels,
    certainty: Mask,
    weight: f64,
}

impl Hold {
    /// Holds to `target` with `weight`, where `certainty` is above 0. `None` for sizes that differ and for
    /// weights that are not numbers from 0 up.
    pub fn new(target: Pixels, certainty: Mask, weight: f64) -> Option<Self> {
        let fits = target.size() == certainty.size() && weight.is_finite() && weight >= 0.0;
        fits.then_some(Self { target, certainty, weight })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.target.size()
    }

    /// What the picture is held to.
    pub(super) fn target(&self) -> &Pixels {
        &self.target
    }

    /// Where.
    pub(super) fn certainty(&self) -> &Mask {
        &self.certainty
    }

    /// The same for smaller pictures.
    pub(super) fn resized(&self, size: Size) -> Option<Self> {
        let certainty = self.certainty.values();
        let certainty = Pixels::new(self.certainty.size(), [certainty; 3].concat())?;
        let certainty = resize_linear(&certainty, size);
        let certainty = certainty.planes()[0].iter().map(|c| c.clamp(0.0, 1.0)).collect();
        Self::new(resize_pixels(&self.target, size), Mask::new(size, certainty)?, self.weight)
    }

    /// The weight of the term in the objective.
    pub fn weight(&self) -> f64 {
        self.weight
    }
}

/// What a picture is held to, wherever that is.
pub(super) enum Held {
    /// In the CPU's memory.
    Here(Hold),
    /// On the GPU of the half-precision engine, with its size and its weight.
    There(Size, f64),
}

impl Held {
    pub(super) fn size(&self) -> Size {
        match self {
            Self::Here(hold) => hold.size(),
            Self::There(size, _) => *size,
        }
    }

    pub(super) fn weight(&self) -> f64 {
        match self {
            Self::Here(hold) => hold.weight(),
            Self::There(_, weight) => *weight,
        }
    }
}

/// The unweighted loss of `x`, which has the size of `hold`; adds `weight` times its gradient to `gradient`.
pub(super) fn temporal(x: &Pixels, hold: &Hold, weight: f64, gradient: &mut Pixels) -> f64 {
    let width = x.size().width;
    let count = x.data().len() as f64;
    let scale = (2.0 * weight / count) as f32;
    let certainty = hold.certainty.values();
    // Row by row, and the rows' sums in order: the result does not depend on the threads.
    let rows: Vec<f64> = gradient
        .data_mut()
        .par_chunks_mut(width)
        .zip(x.data().par_chunks(width).zip(hold.target.data().par_chunks(width)))
        .enumerate()
        .map(|(row, (gradient, (x, target)))| {
            let start = row * width % certainty.len();
            let mut sum = 0.0;
            for (((g, x), w), c) in gradient.iter_mut().zip(x).zip(target).zip(&certainty[start..]) {
                let apart = x - w;
                *g += scale * c * apart;
                sum += c * apart * apart;
            }
            f64::from(sum)
        })
        .collect();
    rows.iter().sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand_on_two_pixels() {
        // Six values; the second pixel's red is off by 0.5 and half certain, the first is not held.
        let size = Size::new(2, 1);
        let mut x = Pixels::zeros(size);
        x.data_mut()[0] = 1.0;
        x.data_mut()[1] = 0.5;
        let hold = Hold::new(Pixels::zeros(size), Mask::new(size, vec![0.0, 0.5]).unwrap(), 12.0).unwrap();
        let mut gradient = Pixels::zeros(size);
        assert!((temporal(&x, &hold, 12.0, &mut gradient) - 0.5 * 0.25 / 6.0).abs() < 1e-12);
        // 12 · 2 · 0.5 · 0.5 / 6.
        assert_eq!(gradient.data(), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        // The loss is quadratic, so central differences are exact up to rounding.
        let size = Size::new(5, 3);
        let values = |step: usize| {
            let data = (0..3 * size.pixels()).map(|i| ((i * step + 11) % 64) as f32 / 64.0).collect();
            Pixels::new(size, data).unwrap()
        };
        let (x, target) = (values(37), values(23));
        let certainty = Mask::new(size, (0..15).map(|i| (i % 4) as f32 / 4.0).collect()).unwrap();
        let hold = Hold::new(target, certainty, 7.0).unwrap();
        let mut gradient = Pixels::zeros(size);
        temporal(&x, &hold, hold.weight(), &mut gradient);
        for i in 0..x.data().len() {
            let at = |by: f32| {
                let mut x = x.clone();
                x.data_mut()[i] += by;
                hold.weight() * temporal(&x, &hold, 0.0, &mut Pixels::zeros(size))
            };
            let slope = (at(0.125) - at(-0.125)) / 0.25;
            assert!((f64::from(gradient.data()[i]) - slope).abs() < 1e-5, "{i}");
        }
    }

    #[test]
    fn a_smaller_hold_holds_to_the_same() {
        let (size, half) = (Size::new(8, 6), Size::new(4, 3));
        let target = Pixels::new(size, vec![0.25; 3 * size.pixels()]).unwrap();
        let hold = Hold::new(target, Mask::flat(size, 0.5), 3.0).unwrap().resized(half).unwrap();
        assert!(hold.size() == half && hold.weight() == 3.0);
        assert!(hold.certainty.values().iter().all(|c| (c - 0.5).abs() < 1e-6));
        assert!(hold.target.data().iter().all(|t| (t - 0.25).abs() < 1e-6));
    }

    #[test]
    fn what_does_not_fit_is_no_hold() {
        let (small, large) = (Size::new(2, 2), Size::new(3, 2));
        assert!(Hold::new(Pixels::zeros(small), Mask::flat(large, 1.0), 1.0).is_none());
        assert!(Hold::new(Pixels::zeros(small), Mask::flat(small, 1.0), f64::NAN).is_none());
        assert!(Hold::new(Pixels::zeros(small), Mask::flat(small, 1.0), -1.0).is_none());
    }
}
