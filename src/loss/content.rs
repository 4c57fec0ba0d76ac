//! The content loss: how far features are from the source's.
//!
//! `L_content = Σ_c v_c ‖F_c − P_c‖² / ‖P_c‖²` with `Σ v_c = 1`, after Gatys et al. (2016), eq. 1–2, who
//! use one layer. Deviation: each layer is divided by its own target's size instead of by 2, so that the
//! weights mean the same at every layer, resolution and network; [`LossForm`] has the others' divisors.

use super::LossForm;
use crate::vgg::Layer;

/// One layer's part of the content loss. `F` is what an engine keeps features in.
pub(super) struct ContentTerm<F> {
    layer: Layer,
    weight: f64,
    /// `P`, the source's features.
    target: F,
    /// ‖P‖².
    norm_squared: f64,
    /// What ‖F − P‖² is divided by, never 0: ‖P‖² unless another form is chosen.
    divisor: f64,
}

impl<F> ContentTerm<F> {
    /// `weight` is the layer's normalised weight `v_c`; `target` has `count` values, whose squares add up to
    /// `norm_squared`.
    pub(super) fn new(
        (layer, weight): (Layer, f64),
        target: F,
        norm_squared: f64,
        count: usize,
        form: LossForm,
    ) -> Self {
        Self { layer, weight, target, norm_squared, divisor: form.content_divisor(norm_squared, count) }
    }

    pub(super) fn layer(&self) -> Layer {
        self.layer
    }

    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    pub(super) fn target(&self) -> &F {
        &self.target
    }

    /// What it was made of, to be made of something else.
    pub(super) fn into_target(self) -> F {
        self.target
    }

    /// The unweighted loss, from ‖F − P‖².
    pub(super) fn value(&self, distance_squared: f64) -> f64 {
        distance_squared / self.divisor
    }

    /// The unweighted loss of a picture that has no features at all: 1 in the relative form.
    pub(super) fn of_nothing(&self) -> f64 {
        self.value(self.norm_squared)
    }

    /// The factor `s` for which the gradient of `content_weight · v · loss` with respect to the features is
    /// `s (F − P)`.
    pub(super) fn slope(&self, content_weight: f64) -> f64 {
        2.0 * content_weight * self.weight / self.divisor
    }
}
