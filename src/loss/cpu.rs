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
    Blocked, Cpu, Pull, Scratch, add_scaled_difference, gram, gram_gradient, gram_gradient_in_place,
    guided_gram, squared_distance, squared_norm,
};
use crate::pixels::Pixels;
use crate::vgg::{CpuNetwork, Layer, Plan, Stage, Tap, Tapped};
use std::sync::Arc;
use std::time::Duration;

/// The objective for one content picture on one network. See [`super::Objective`] for the terms.
pub(super) struct CpuObjective {
    network: Arc<CpuNetwork>,
    /// The layers at which there may be losses.
    layers: Vec<Layer>,
    plan: Option<Plan>,
    content: Vec<ContentTerm<Blocked>>,
    /// For the layer at work: a Gram matrix, and the coefficients of each term's gradient.
    gram: Vec<f32>,
    coefficients: Vec<f32>,
}

impl CpuObjective {
    /// For losses at these layers.
    pub(super) fn new(network: Arc<CpuNetwork>, settings: &ObjectiveSettings) -> Self {
        let layers = settings.style_layers.iter().chain(&settings.content_layers).map(|(layer, _)| *layer);
        let (layers, content, gram) = (layers.collect(), Vec::new(), Vec::new());
        Self { network, layers, plan: None, content, gram, coefficients: Vec::new() }
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
                Plan::new(&self.network, size, deepest, &self.layers)
            }
        }
    }

    /// See [`super::Objective::describe_style`].
    pub(super) fn grams(&mut self, picture: &Pixels, layers: &[Layer]) -> Result<Vec<Gram>> {
        let Some(&deepest) = layers.iter().max() else { return Ok(Vec::new()) };
        // What is painted may be as large: not both at once.
        self.plan = None;
        let mut grams: Vec<Option<Gram>> = vec![None; layers.len()];
        self.network.look(picture.data(), picture.size(), deepest, |layer, features, scratch| {
            let wanted = layers.iter().zip(&mut grams).filter(|(wanted, _)| **wanted == layer);
            for (_, place) in wanted {
                let channels = features.channels();
                let mut values = vec![0.0; channels * channels];
                gram(self.network.cpu(), features, &mut values, scratch)?;
                *place = Gram::new(channels, values);
            }
            Ok(())
        })?;
        layers.iter().zip(grams).map(|(&layer, gram)| gram.ok_or_else(|| missing(layer))).collect()
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
        let tap = |tap: Tap<'_>| {
            let Tap { layer, features, gradient, may_overwrite, scratch } = tap;
            let mut tapped = Tapped::Nowhere;
            let terms = style.iter().zip(&mut losses.style).filter(|(term, _)| term.layer() == layer);
            let pulls = pulls(cpu, features, terms, settings.style_weight, (matrix, coefficients), scratch)?;
            let has_content = content.iter().any(|term| term.layer() == layer);
            // Style alone needs no room beside the features.
            let within = may_overwrite && !has_content;
            if has_content || !pulls.is_empty() && !within {
                gradient.reshape(features.channels(), features.size());
            }
            if !pulls.is_empty() && within {
                gram_gradient_in_place(cpu, &pulls, features, scratch)?;
                tapped = Tapped::Within;
            } else if !pulls.is_empty() {
                gram_gradient(cpu, &pulls, features, gradient, scratch)?;
                tapped = Tapped::Beside;
            }
            let kept = content.iter().zip(&mut losses.content_layers);
            for (term, loss) in kept.filter(|(term, _)| term.layer() == layer) {
                if features.size() != term.target().size() {
                    return Err(other_size());
                }
                loss.1 = term.value(squared_distance(cpu, features, term.target())?);
                losses.content += term.weight() * loss.1;
                if tapped == Tapped::Nowhere {
                    gradient.clear();
                }
                let slope = term.slope(settings.content_weight);
                add_scaled_difference(cpu, slope as f32, features, term.target(), gradient)?;
                tapped = Tapped::Beside;
            }
            Ok(tapped)
        };
        plan.backward(&network, deepest, tap, gradient.data_mut())?;
        self.plan = Some(plan);
        Ok(losses)
    }
}

/// The values of the style `terms` at one layer, and what they pull with at its features: one for each.
fn pulls<'a>(
    cpu: &Cpu,
    features: &Blocked,
    terms: impl Iterator<Item = (&'a StyleTerm, &'a mut (Layer, f64))>,
    style_weight: f64,
    (matrix, coefficients): (&mut Vec<f32>, &'a mut Vec<f32>),
    scratch: &mut Scratch,
) -> Result<Vec<Pull<'a>>> {
    let terms: Vec<_> = terms.collect();
    let count = features.channels() * features.channels();
    if matrix.len() < count {
        matrix.resize(count, 0.0);
    }
    if coefficients.len() < terms.len() * count {
        coefficients.resize(terms.len() * count, 0.0);
    }
    let pull = |((term, loss), coefficients): ((&'a StyleTerm, &mut (Layer, f64)), &'a mut [f32])| {
        let matrix = &mut matrix[..count];
        match term.map() {
            None => gram(cpu, features, matrix, scratch)?,
            Some(map) => guided_gram(cpu, features, map, matrix, scratch)?,
        }
        loss.1 = term.value_and_coefficients(matrix, features.size().pixels(), style_weight, coefficients);
        Ok(Pull { coefficients, map: term.map() })
    };
    terms.into_iter().zip(coefficients.chunks_exact_mut(count)).map(pull).collect()
}
