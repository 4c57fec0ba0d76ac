//! The style loss: how far the Gram matrices are from the style's.
//!
//! `L_style = Σ_l w_l ‖G_l − A_l‖²_F / ‖A_l‖²_F` with `Σ w_l = 1`, after Gatys et al. (2016), eq. 3–5.
//! Deviation: each layer is divided by its own target's size instead of by 4 C² (HW)², so that the
//! weights mean the same at every layer, resolution and network; [`LossForm`] has the others' divisors.

use super::LossForm;
use super::gram::Gram;
use super::guide::Guide;
use crate::vgg::Layer;
use rayon::prelude::*;
use std::sync::Arc;

/// One layer's part of the style loss, over the whole picture or in a region of it.
#[derive(Debug, Clone)]
pub struct StyleTerm {
    layer: Layer,
    weight: f64,
    target: Gram,
    /// What ‖G − A‖² is divided by, never 0: ‖A‖² unless another form is chosen.
    divisor: f64,
    /// Where it holds, if not everywhere.
    guide: Option<Arc<Guide>>,
    /// Its part among the terms of the same layer.
    share: f64,
}

impl StyleTerm {
    /// `weight` is the layer's normalised weight `w_l`, `target` the style picture's Gram matrix.
    pub fn new(layer: Layer, weight: f64, target: Gram) -> Self {
        let divisor = LossForm::Relative.style_divisor(&target);
        Self { layer, weight, target, divisor, guide: None, share: 1.0 }
    }

    /// The same term in another form.
    #[must_use]
    pub fn in_form(mut self, form: LossForm) -> Self {
        self.divisor = form.style_divisor(&self.target);
        self
    }

    /// The unweighted loss of a picture that has no features at all: 1 in the relative form.
    pub(super) fn of_nothing(&self) -> f64 {
        self.target.norm_squared() / self.divisor
    }

    /// The same as one of several of its layer: counted `share` times, and where there is a `guide`, within
    /// its region and by the region's part of the picture. `None` if nothing of the region is left at this
    /// layer.
    pub(super) fn within(mut self, guide: Option<Arc<Guide>>, share: f64) -> Option<Self> {
        self.share = share;
        if let Some(guide) = &guide {
            guide.squares(self.layer)?;
            self.share *= guide.share();
        }
        self.guide = guide;
        Some(self)
    }

    /// The layer this is about.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// Its normalised weight.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Its part among the terms of the same layer: 1 for a style that holds everywhere alone.
    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// Where it holds, if not everywhere.
    pub(super) fn guide(&self) -> Option<&Guide> {
        self.guide.as_deref()
    }

    /// The style picture's Gram matrix `A`.
    pub(super) fn target(&self) -> &Gram {
        &self.target
    }

    /// What `(G − A) F` is multiplied by to be the gradient with respect to the features `F`: see
    /// [`Self::value_and_coefficients`].
    pub(super) fn slope(&self, pixels: usize, style_weight: f64) -> f64 {
        let pixels = if self.guide.is_some() { 1 } else { pixels };
        style_weight * 4.0 * self.weight * self.share / (self.divisor * pixels as f64)
    }

    /// The unweighted loss at the distance `‖G − A‖²`.
    pub(super) fn value_at(&self, distance_squared: f64) -> f64 {
        distance_squared / self.divisor
    }

    /// The guide's map `T²` at its layer; `None` for a style that holds everywhere.
    pub(super) fn map(&self) -> Option<&[f32]> {
        self.guide.as_ref()?.squares(self.layer)
    }

    /// The unweighted loss `‖G − A‖² / d` of a picture's Gram matrix `gram`, `[C, C]`, with the form's
    /// divisor `d`, and the matrix `K`, `[C, C]`, for which the gradient of `style_weight · w · loss` with
    /// respect to the features is `K F`: `K = style_weight · 4 w / (d · H·W) · (G − A)`, where `pixels` is
    /// `H·W`.
    ///
    /// In a region `gram` is the guided one and the gradient `K F T²`, with `T²`, which adds up to 1, in the
    /// place of `1 / (H·W)`; `w` is multiplied by the term's share.
    pub fn value_and_coefficients(
        &self,
        gram: &[f32],
        pixels: usize,
        style_weight: f64,
        coefficients: &mut [f32],
    ) -> f64 {
        let scale = self.slope(pixels, style_weight);
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
        self.value_at(sums.iter().sum())
    }

    /// The unweighted loss alone.
    pub fn value(&self, gram: &Gram) -> f64 {
        self.value_at(self.target.distance_squared(gram))
    }
}
