//! The objective on the CPU's engine.
//!
//! Each term's value and gradient are computed on the way back, where a layer's features are read
//! anyway, and nothing is allocated once a size has been seen.

use super::content::ContentTerm;
use super::objective::{content_of_nothing, deepest, missing, other_size};
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
    content: Vec<ContentTerm<Blocked>>,
    /// A Gram matrix and the coefficients of its gradient, for the layer at work.
    gram: Vec<f32>,
    coefficients: Vec<f32>,
}

impl CpuObjective {
    pub(super) fn new(network: Arc<CpuNetwork>) -> Self {
        Self { network, plan: None, content: Vec::new(), gram: Vec::new(), coefficients: Vec::new() }
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
    pub(super) fn set_content(
        &mut self,
        picture: &Pixels,
        layers: &[(Layer, f64)],
        form: LossForm,
    ) -> Result<f64> {
        let Some(deepest) = layers.iter().map(|(layer, _)| *layer).max() else { return Ok(0.0) };
        let network = self.network.clone();
        let mut plan = self.plan(picture.size(), deepest)?;
        plan.forward(&network, picture.data(), deepest)?;
        let term = |&(layer, weight): &(Layer, f64)| {
            let features = plan.features(&network, layer).ok_or_else(|| missing(layer))?.clone();
            let norm_squared = squared_norm(network.cpu(), &features);
            let count = features.channels() * features.size().pixels();
            Ok(ContentTerm::new((layer, weight), features, norm_squared, count, form))
        };
        self.content = layers.iter().map(term).collect::<Result<_>>()?;
        self.plan = Some(plan);
        Ok(content_of_nothing(&self.content))
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
        let Some(deepest) = deepest(style, &self.content) else {
            gradient.data_mut().fill(0.0);
            return Ok(losses);
        };
        let network = self.network.clone();
        let cpu = network.cpu();
        let mut plan = self.plan(x.size(), deepest)?;
        plan.forward(&network, x.data(), deepest)?;
        losses.style = style.iter().map(|term| (term.layer(), 0.0)).collect();
        losses.content_layers = self.content.iter().map(|term| (term.layer(), 0.0)).collect();
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
            let kept = content.iter().zip(&mut losses.content_layers);
            for (term, loss) in kept.filter(|(term, _)| term.layer() == layer) {
                if features.size() != term.target().size() {
                    return Err(other_size());
                }
                loss.1 = term.value(squared_distance(cpu, features, term.target())?);
                losses.content += term.weight() * loss.1;
                if !tapped {
                    tap.clear();
                }
                let slope = term.slope(settings.content_weight);
                add_scaled_difference(cpu, slope as f32, features, term.target(), tap)?;
                tapped = true;
            }
            Ok(tapped)
        };
        plan.backward(&network, deepest, tap, gradient.data_mut())?;
        self.plan = Some(plan);
        Ok(losses)
    }
}
