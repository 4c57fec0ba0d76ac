//! The objective on candle's tensors: any device, any float type.
//!
//! The features stay on the device; only Gram matrices (small) and pixels travel. The plain reference
//! for the CPU's engine, and the first way to run on a GPU.

use super::content::ContentTerm;
use super::objective::{content_of_nothing, deepest, missing, other_size};
use super::{Gram, LossForm, Losses, ObjectiveSettings, StyleTerm};
use crate::error::Result;
use crate::pixels::Pixels;
use crate::vgg::{Activations, Layer, TensorNetwork};
use candle_core::{DType, Tensor};
use std::sync::Arc;

/// The objective for one content picture on one network. See [`super::Objective`] for the terms.
pub(super) struct TensorObjective {
    network: Arc<TensorNetwork>,
    content: Vec<ContentTerm<Tensor>>,
}

impl TensorObjective {
    /// No content yet.
    pub(super) fn new(network: Arc<TensorNetwork>) -> Self {
        Self { network, content: Vec::new() }
    }

    /// A picture as `[1, 3, H, W]` on the network's device.
    fn upload(&self, picture: &Pixels) -> Result<Tensor> {
        let size = picture.size();
        let shape = (1, 3, size.height, size.width);
        Ok(Tensor::from_slice(picture.data(), shape, self.network.device())?
            .to_dtype(self.network.dtype())?)
    }

    /// The Gram matrices of a picture at `layers`.
    ///
    /// # Errors
    /// A picture too small for the deepest layer, or a failing device.
    pub(super) fn grams(&self, picture: &Pixels, layers: &[Layer]) -> Result<Vec<Gram>> {
        let Some(&deepest) = layers.iter().max() else { return Ok(Vec::new()) };
        let activations = self.network.forward(&self.upload(picture)?, deepest)?;
        layers.iter().map(|&layer| download(&gram(self.features(&activations, layer)?)?)).collect()
    }

    fn features<'a>(&self, activations: &'a Activations, layer: Layer) -> Result<&'a Tensor> {
        activations.get(layer, self.network.model()).ok_or_else(|| missing(layer))
    }

    /// Takes the features of `picture` at `layers`, with their normalised weights, as the content to keep;
    /// returns the loss of a picture without any features.
    ///
    /// # Errors
    /// As [`Self::grams`].
    pub(super) fn set_content(
        &mut self,
        picture: &Pixels,
        layers: &[(Layer, f64)],
        form: LossForm,
    ) -> Result<f64> {
        let Some(deepest) = layers.iter().map(|(layer, _)| *layer).max() else { return Ok(0.0) };
        let activations = self.network.forward(&self.upload(picture)?, deepest)?;
        let term = |&(layer, weight): &(Layer, f64)| {
            let features = self.features(&activations, layer)?.clone();
            let norm_squared = scalar(&features.sqr()?.sum_all()?)?;
            let count = features.elem_count();
            Ok(ContentTerm::new((layer, weight), features, norm_squared, count, form))
        };
        self.content = layers.iter().map(term).collect::<Result<_>>()?;
        Ok(content_of_nothing(&self.content))
    }

    /// Every term for the picture `x` and the gradient of the weighted sum with respect to it
    /// (without total variation, which [`super::Objective`] adds).
    ///
    /// # Errors
    /// As [`Self::grams`]; content of another size.
    pub(super) fn evaluate(
        &mut self,
        x: &Pixels,
        settings: &ObjectiveSettings,
        style: &[StyleTerm],
        gradient: &mut Pixels,
    ) -> Result<Losses> {
        let mut losses = Losses::default();
        let Some(deepest) = deepest(style, &self.content) else { return Ok(losses) };
        let activations = self.network.forward(&self.upload(x)?, deepest)?;
        losses.content_layers = self.content.iter().map(|term| (term.layer(), 0.0)).collect();
        let mut style_values = vec![0.0; style.len()];
        let back = self.network.backward(&activations, |layer| {
            let mut tap: Option<Tensor> = None;
            let features = self.features(&activations, layer)?;
            let (_, c, h, w) = features.dims4()?;
            let terms = style.iter().zip(&mut style_values).filter(|(term, _)| term.layer() == layer);
            for (term, value) in terms {
                // What each position counts: the same for all, or by the guide.
                let (weighed, gram) = match term.map() {
                    None => (features.clone(), gram(features)?),
                    Some(map) => guided(features, map)?,
                };
                let mut k = vec![0.0f32; c * c];
                *value = term.value_and_coefficients(
                    download(&gram)?.values(),
                    h * w,
                    settings.style_weight,
                    &mut k,
                );
                let k = Tensor::from_slice(&k, (c, c), features.device())?.to_dtype(features.dtype())?;
                let pull = k.matmul(&weighed.reshape((c, h * w))?)?.reshape((1, c, h, w))?;
                tap = Some(match tap {
                    Some(tap) => tap.add(&pull)?,
                    None => pull,
                });
            }
            let kept = self.content.iter().zip(&mut losses.content_layers);
            for (term, loss) in kept.filter(|(term, _)| term.layer() == layer) {
                if features.dims() != term.target().dims() {
                    return Err(other_size());
                }
                let difference = features.sub(term.target())?;
                loss.1 = term.value(scalar(&difference.sqr()?.sum_all()?)?);
                losses.content += term.weight() * loss.1;
                let pull = (difference * term.slope(settings.content_weight))?;
                tap = Some(match tap {
                    Some(tap) => tap.add(&pull)?,
                    None => pull,
                });
            }
            Ok(tap)
        })?;
        if let Some(back) = back {
            let values: Vec<f32> = back.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            gradient.data_mut().copy_from_slice(&values);
        }
        losses.style = style.iter().map(StyleTerm::layer).zip(style_values).collect();
        Ok(losses)
    }
}

/// `F Fᵀ / (H·W)` of features `[1, C, H, W]`.
fn gram(features: &Tensor) -> Result<Tensor> {
    let (_, c, h, w) = features.dims4()?;
    let flat = features.reshape((c, h * w))?;
    Ok((flat.matmul(&flat.t()?)? / (h * w) as f64)?)
}

/// `F T²` of features `[1, C, H, W]`, where `map`, `[H, W]`, is `T²`, and the guided Gram matrix `F T² Fᵀ`.
fn guided(features: &Tensor, map: &[f32]) -> Result<(Tensor, Tensor)> {
    let (_, c, h, w) = features.dims4()?;
    let map = Tensor::from_slice(map, (1, 1, h, w), features.device())?.to_dtype(features.dtype())?;
    let weighed = features.broadcast_mul(&map)?;
    let flat = |tensor: &Tensor| tensor.reshape((c, h * w));
    let gram = flat(&weighed)?.matmul(&flat(features)?.t()?)?;
    Ok((weighed, gram))
}

fn download(gram: &Tensor) -> Result<Gram> {
    let (channels, _) = gram.dims2()?;
    let values = gram.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    Ok(Gram::new(channels, values).unwrap_or_else(|| unreachable!("a [C, C] tensor has C² values")))
}

fn scalar(x: &Tensor) -> Result<f64> {
    Ok(x.to_dtype(DType::F64)?.to_scalar()?)
}
