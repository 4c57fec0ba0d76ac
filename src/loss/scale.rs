//! A fine brush from one picture, coarse structure from another: layers divided by how far they see.
//!
//! A position of conv1_1 sees 3 pixels, of conv2_1 10: colours, grain, the edge of a stroke. At conv4_1 it
//! sees 60, at conv5_1 132: how strokes lie beside each other, what shapes they form. Blocks 1 and 2 are the
//! fine scale, as in Gatys et al. (2017), section 6, blocks 4 and 5 the coarse one. conv3_1 sees 24 pixels,
//! about a stroke: there the two Gram matrices are averaged, so that neither picture ends abruptly.
//!
//! Deviation: the paper's authors paint the fine picture's texture over the coarse one first and use the
//! result as a style. Dividing the layers needs no picture in between; some fine structure of the coarse
//! picture comes along, because deep layers see it too.

use super::{Gram, StyleTarget};
use crate::vgg::Layer;

/// How much of a layer's Gram matrix is the fine picture's, from 0 to 1; the rest is the coarse one's.
pub fn fine_share(layer: Layer) -> f64 {
    match layer.block() {
        1 | 2 => 1.0,
        3 => 0.5,
        _ => 0.0,
    }
}

impl StyleTarget {
    /// The fine scale of one style and the coarse scale of another. `None` if their layers differ.
    pub fn split(fine: &Self, coarse: &Self) -> Option<Self> {
        let layers = fine.0.iter().zip(&coarse.0);
        let split = layers.map(|((layer, fine), (other, coarse))| {
            let share = fine_share(*layer);
            let gram = match share {
                1.0 => fine.clone(),
                0.0 => coarse.clone(),
                share => Gram::blend(&[(fine, share), (coarse, 1.0 - share)])?,
            };
            (layer == other).then_some((*layer, gram))
        });
        (fine.0.len() == coarse.0.len()).then(|| split.collect::<Option<_>>().map(Self)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(values: &[(Layer, f32)]) -> StyleTarget {
        StyleTarget(values.iter().map(|(layer, v)| (*layer, Gram::new(1, vec![*v]).unwrap())).collect())
    }

    #[test]
    fn early_layers_are_of_the_fine_picture_and_deep_ones_of_the_coarse() {
        let layers = [Layer::CONV1_1, Layer::CONV2_1, Layer::CONV3_1, Layer::CONV4_1, Layer::CONV5_1];
        let (fine, coarse) = (style(&layers.map(|l| (l, 2.0))), style(&layers.map(|l| (l, 6.0))));
        let split = StyleTarget::split(&fine, &coarse).unwrap();
        let values: Vec<f32> = split.0.iter().map(|(_, gram)| gram.values()[0]).collect();
        assert_eq!(values, [2.0, 2.0, 4.0, 6.0, 6.0]);
        assert_eq!(StyleTarget::split(&fine, &fine), Some(fine.clone()));
    }

    #[test]
    fn styles_of_other_layers_cannot_be_put_together() {
        let (one, other) = (style(&[(Layer::CONV1_1, 1.0)]), style(&[(Layer::CONV2_1, 1.0)]));
        assert!(StyleTarget::split(&one, &other).is_none());
        let two = style(&[(Layer::CONV1_1, 1.0), (Layer::CONV2_1, 1.0)]);
        assert!(StyleTarget::split(&one, &two).is_none());
    }
}
