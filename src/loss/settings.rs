//! What is minimised, with the defaults of the whole program.

use super::LossForm;
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
    /// Layers of the content loss with their weights, normalised as those of the style. Default: conv4_2
    /// alone.
    pub content_layers: Vec<(Layer, f64)>,
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
            content_layers: vec![(Layer::CONV4_2, 1.0)],
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
        let mut layers = self.style_layers.iter().chain(&self.content_layers);
        if let Some((layer, _)) = layers.find(|(layer, _)| !layer.is_in(model)) {
            return Err(Error::usage(format!("{model} has no layer {layer}"))
                .hint("VGG-16 ends its blocks at conv3_3, conv4_3 and conv5_3; --model vgg19 has a fourth"));
        }
        let weights = [
            ("content weight", self.content_weight),
            ("style weight", self.style_weight),
            ("total variation weight", self.tv_weight),
        ];
        for (name, weight) in weights {
            check_weight(name, weight)?;
        }
        check_layers("style", &self.style_layers)?;
        check_layers("content", &self.content_layers)
    }
}

fn check_weight(name: &str, weight: f64) -> Result<()> {
    match weight.is_finite() && weight >= 0.0 {
        true => Ok(()),
        false => Err(Error::usage(format!("the {name} is {weight}")).hint("weights are numbers from 0 up")),
    }
}

/// Refuses layers that are given twice, and weights that are not or add up to nothing.
fn check_layers(what: &str, layers: &[(Layer, f64)]) -> Result<()> {
    for (_, weight) in layers {
        check_weight(&format!("weight of a {what} layer"), *weight)?;
    }
    let mut seen: Vec<Layer> = layers.iter().map(|(layer, _)| *layer).collect();
    seen.sort_unstable();
    if let Some(pair) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::usage(format!("the {what} layer {} is given twice", pair[0]))
            .hint("name each layer once, with its whole weight"));
    }
    let sum: f64 = layers.iter().map(|(_, weight)| weight).sum();
    if !(sum.is_finite() && sum > 0.0) {
        return Err(Error::usage(format!("the weights of the {what} layers add up to nothing"))
            .hint(format!("give at least one a weight above 0; --{what}-weight 0 leaves the {what} out")));
    }
    Ok(())
}

/// Layers with their weights normalised to a sum of 1, as the objective uses them.
pub fn shares(layers: &[(Layer, f64)]) -> Vec<(Layer, f64)> {
    let sum: f64 = layers.iter().map(|(_, weight)| weight).sum();
    layers.iter().map(|(layer, weight)| (*layer, weight / sum)).collect()
}
