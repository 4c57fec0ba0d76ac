//! What is minimised, with the defaults of the whole program.

use super::{LossForm, StyleTerm};
use crate::error::{Error, Result};
use crate::vgg::{Layer, Model, Pooling};

/// The objective: which layers, and how much each term weighs.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveSettings {
    /// Whose equations the style and content losses follow; what their weights mean depends on it.
    /// Default: relative.
    pub form: LossForm,
    /// Weight of the content loss. Default: 1.
    pub content_weight: f64,
    /// Weight of the style loss. Default: 3.
    pub style_weight: f64,
    /// Weight of the total variation. Default: 0.
    pub tv_weight: f64,
    /// Layers of the style loss with their weights, normalised to a sum of 1 where they are used.
    /// Default: conv1_1, conv2_1, conv3_1, conv4_1, conv5_1, equal.
    pub style_layers: Vec<(Layer, f64)>,
    /// Layer of the content loss. Default: conv4_2.
    pub content_layer: Layer,
    /// Default: average.
    pub pooling: Pooling,
}

impl Default for ObjectiveSettings {
    fn default() -> Self {
        Self {
            form: LossForm::Relative,
            content_weight: 1.0,
            style_weight: 3.0,
            tv_weight: 0.0,
            style_layers: [Layer::CONV1_1, Layer::CONV2_1, Layer::CONV3_1, Layer::CONV4_1, Layer::CONV5_1]
                .map(|layer| (layer, 1.0))
                .to_vec(),
            content_layer: Layer::CONV4_2,
            pooling: Pooling::Average,
        }
    }
}

impl ObjectiveSettings {
    /// Refuses what cannot be computed with `model`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`], naming the layer or weight.
    pub fn check(&self, model: Model) -> Result<()> {
        let layers = self.style_layers.iter().map(|(layer, _)| *layer);
        if let Some(layer) = layers.chain([self.content_layer]).find(|layer| !layer.is_in(model)) {
            return Err(Error::usage(format!("{model} has no layer {layer}"))
                .hint("VGG-16 ends its blocks at conv3_3, conv4_3 and conv5_3; --model vgg19 has a fourth"));
        }
        let weights = [
            ("content weight", self.content_weight),
            ("style weight", self.style_weight),
            ("total variation weight", self.tv_weight),
        ];
        let layer_weights = self.style_layers.iter().map(|(_, weight)| ("weight of a style layer", *weight));
        for (name, weight) in weights.into_iter().chain(layer_weights) {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(
                    Error::usage(format!("the {name} is {weight}")).hint("weights are numbers from 0 up")
                );
            }
        }
        let mut seen: Vec<Layer> = self.style_layers.iter().map(|(layer, _)| *layer).collect();
        seen.sort_unstable();
        if let Some(pair) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::usage(format!("the style layer {} is given twice", pair[0]))
                .hint("name each layer once, with its whole weight"));
        }
        let sum: f64 = self.style_layers.iter().map(|(_, weight)| weight).sum();
        if !(sum.is_finite() && sum > 0.0) {
            return Err(Error::usage("the weights of the style layers add up to nothing")
                .hint("give at least one layer a weight above 0, or set --style-weight 0"));
        }
        Ok(())
    }

    /// The deepest layer that is needed: of the content and of the style terms in use.
    pub(super) fn deepest(&self, style: &[StyleTerm], content: bool) -> Option<Layer> {
        style.iter().map(StyleTerm::layer).chain(content.then_some(self.content_layer)).max()
    }
}
