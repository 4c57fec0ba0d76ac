//! The objective on the CPU's engine.
//!
//! Each term's value and gradient are computed on the way back, where a layer's features are read
//! anyway, and nothing is allocated once a size has been seen.

use super::objective::{missing, other_size};
use super::{Gram, LossForm, Losses, ObjectiveSettings, StyleTerm};
use crate::error::Result;
use crate::frame::Size;
use crate::kernels::cpu::{
    Blocked, Scratch, Write, add_scaled_difference, gram, gram_gradient, guided_gram, guided_gram_gradient,
    squared_distance, squared_norm,
};
use crate::pixels::Pixels;
use crate::vgg::{CpuNetwork, Layer, Plan, Stage};
use std::sync::Arc;
use std::time::Duration;

/// The objective for one content picture on one network. See [`super::Objective`] for the terms.
pub(super) struct CpuObjective {
    network: Arc<CpuNetwork>,
    plan: Option<Plan>,
    content: Option<ContentTarget>,
    /// A Gram matrix and the coefficients of its gradient, for the layer at work.
    gram: Vec<f32>,
    coefficients: Vec<f32>,
}

struct ContentTarget {
    features: Blocked,
    /// What the squared distance is divided by.
    divisor: f64,
}

impl CpuObjective {
    pub(super) fn new(network: Arc<CpuNetwork>) -> Self {
        Self { network, plan: None, content: None, gram: Vec::new(), coefficients: Vec::new() }
    }

    /// The last pass: what its stages took, and the memory it holds.
    pub(super) fn last_pass(&self) -> Option<(&[(Stage, Duration)], usize)> {
        self.plan.as_ref().map(|plan| (plan.timings(), plan.bytes()))
    }

    /// The plan for `size` as far as `deepest`, made anew only if there is none that will do.
    fn plan(&mut self, size: Size, deepest: Layer) -> Result<Plan> {
        let depth = deepest.position(self.network.model()) + 1;
        match self.plan.take() {
            Some(plan) if plan.size() == size && plan.depth() >= depth => Ok(plan),
            old => {
                drop(old);
                Plan::new(&self.network, size, deepest)
            }
        }
    }

    /// See [`super::Objective::describe_style`].
    pub(super) fn grams(&mut self, picture: &Pixels, layers: &[Layer]) -> Result<Vec<Gram>> {
        let Some(&deepest) = layers.iter().max() else { return Ok(Vec::new()) };
        let mut plan = Plan::new(&self.network, picture.size(), deepest)?;
        plan.forward(&self.network, picture.data(), deepest)?;
        let mut scratch = Scratch::new();
        let describe = |&layer: &Layer| {
            let features = plan.features(&self.network, layer).ok_or_else(|| missing(layer))?;
            let channels = features.channels();
            let mut values = vec![0.0; channels * channels];
            gram(self.network.cpu(), features, &mut values, &mut scratch)?;
            Gram::new(channels, values).ok_or_else(|| missing(layer))
        };
        layers.iter().map(describe).collect()
    }

    /// See [`super::Objective::set_content`]; returns the loss of a picture without any features.
    pub(super) fn set_content(&mut self, picture: &Pixels, layer: Layer, form: LossForm) -> Result<f64> {
        let network = self.network.clone();
        let mut plan = self.plan(picture.size(), layer)?;
        plan.forward(&network, picture.data(), layer)?;
        let features = plan.features(&network, layer).ok_or_else(|| missing(layer))?.clone();
        let norm_squared = squared_norm(network.cpu(), &features);
        let count = features.channels() * features.size().pixels();
        let divisor = form.content_divisor(norm_squared, count);
        self.content = Some(ContentTarget { features, divisor });
        self.plan = Some(plan);
        Ok(norm_squared / divisor)
    }

    /// See [`super::Objective::evaluate`]; total variation is added there.
    pub(super) fn evaluate(
        &mut self,
        x: &Pixels,
        settings: &ObjectiveSettings,
        style: &[StyleTerm],
        gradient: &mut Pixels,
    ) -> Result<Losses> {
        let mut losses = Losses::default();
        let Some(deepest) = settings.deepest(style, self.content.is_some()) else {
            gradient.data_mut().fill(0.0);
            return Ok(losses);
        };
        let network = self.network.clone();
        let cpu = network.cpu();
        let mut plan = self.plan(x.size(), deepest)?;
        plan.forward(&network, x.data(), deepest)?;
        losses.style = style.iter().map(|term| (term.layer(), 0.0)).collect();
        let Self { content, gram: matrix, coefficients, .. } = self;
        let tap = |layer: Layer, features: &Blocked, tap: &mut Blocked, scratch: &mut Scratch| {
            let mut tapped = false;
            for (term, loss) in style.iter().zip(&mut losses.style).filter(|(term, _)| term.layer() == layer)
            {
                let count = features.channels() * features.channels();
                if matrix.len() < count {
                    matrix.resize(count, 0.0);
                    coefficients.resize(count, 0.0);
                }
                let (matrix, coefficients) = (&mut matrix[..count], &mut coefficients[..count]);
                match term.map() {
                    None => gram(cpu, features, matrix, scratch)?,
                    Some(map) => guided_gram(cpu, features, map, matrix, scratch)?,
                }
                let pixels = features.size().pixels();
                loss.1 = term.value_and_coefficients(matrix, pixels, settings.style_weight, coefficients);
                let write = if tapped { Write::Add } else { Write::Replace };
                match term.map() {
                    None => gram_gradient(cpu, coefficients, features, tap, write, scratch)?,
                    Some(map) => {
                        guided_gram_gradient(cpu, coefficients, features, map, tap, write, scratch)?;
                    }
                }
                tapped = true;
            }
            if let Some(content) = content.as_ref().filter(|_| layer == settings.content_layer) {
                if features.size() != content.features.size() {
                    return Err(other_size());
                }
                losses.content = squared_distance(cpu, features, &content.features)? / content.divisor;
                let scale = 2.0 * settings.content_weight / content.divisor;
                if !tapped {
                    tap.clear();
                }
                add_scaled_difference(cpu, scale as f32, features, &content.features, tap)?;
                tapped = true;
            }
            Ok(tapped)
        };
        plan.backward(&network, deepest, tap, gradient.data_mut())?;
        self.plan = Some(plan);
        Ok(losses)
    }
}
