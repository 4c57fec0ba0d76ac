//! The style loss: how far the Gram matrices are from the style's.
//!
//! `L_style = Σ_l w_l ‖G_l − A_l‖²_F / ‖A_l‖²_F` with `Σ w_l = 1`, after Gatys et al. (2016), eq. 3–5.
//! Deviation: each layer is divided by its own target's size instead of by 4 C² (HW)², so that the
//! weights mean the same at every layer, resolution and network.

use super::gram::Gram;
use crate::vgg::Layer;
use rayon::prelude::*;

/// One layer's part of the style loss.
#[derive(Debug, Clone)]
pub struct StyleTerm {
    layer: Layer,
    weight: f64,
    target: Gram,
    /// ‖A‖², never 0.
    norm_squared: f64,
}

impl StyleTerm {
    /// `weight` is the layer's normalised weight `w_l`, `target` the style picture's Gram matrix.
    pub fn new(layer: Layer, weight: f64, target: Gram) -> Self {
        let norm_squared = target.norm_squared().max(f64::MIN_POSITIVE);
        Self { layer, weight, target, norm_squared }
    }

    /// The layer this is about.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// Its normalised weight.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The unweighted loss `‖G − A‖² / ‖A‖²` of a picture's Gram matrix `gram`, `[C, C]`, and the
    /// matrix `K`, `[C, C]`, for which the gradient of `style_weight · w · loss` with respect to the
    /// features is `K F`: `K = style_weight · 4 w / (‖A‖² · H·W) · (G − A)`, where `pixels` is `H·W`.
    pub fn value_and_coefficients(
        &self,
        gram: &[f32],
        pixels: usize,
        style_weight: f64,
        coefficients: &mut [f32],
    ) -> f64 {
        let scale = style_weight * 4.0 * self.weight / (self.norm_squared * pixels as f64);
        /// A share of the work for one thread; sums are added share by share, in order.
        const SHARE: usize = 16 * 1024;
        let shares = gram.par_chunks(SHARE).zip(self.target.values().par_chunks(SHARE));
        let sums: Vec<f64> = shares
            .zip(coefficients.par_chunks_mut(SHARE))
            .map(|((gram, target), coefficients)| {
                // Eight sums side by side: one alone would wait for every addition.
                let mut sums = [0.0; 8];
                let parts = gram.chunks(8).zip(target.chunks(8)).zip(coefficients.chunks_mut(8));
                for ((gram, target), coefficients) in parts {
                    for (((&g, &a), k), sum) in gram.iter().zip(target).zip(coefficients).zip(&mut sums) {
                        let difference = f64::from(g) - f64::from(a);
                        *sum += difference * difference;
                        *k = (scale * difference) as f32;
                    }
                }
                sums.iter().sum::<f64>()
            })
            .collect();
        sums.iter().sum::<f64>() / self.norm_squared
    }

    /// The unweighted loss alone.
    pub fn value(&self, gram: &Gram) -> f64 {
        self.target.distance_squared(gram) / self.norm_squared
    }
}
