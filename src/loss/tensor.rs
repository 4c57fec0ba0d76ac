//! The objective on candle's tensors: any device, any float type.
//!
//! Features, Gram matrices and their targets stay on the device; pixels go there, and the gradient and a handful
//! of values come back when all is done, so that a GPU is waited for once an iteration. The plain reference
//! for the CPU's engine, and the first way to run on a GPU.

use super::content::ContentTerm;
use super::objective::{Term, content_of_nothing, deepest, missing, other_size};
use super::{Gram, LossForm, Losses, ObjectiveSettings, StyleTerm};
use crate::error::Result;
use crate::pixels::Pixels;
use crate::vgg::{Activations, Layer, TensorNetwork};
use candle_core::{D, DType, Tensor};
use std::sync::Arc;

/// The objective for one content picture on one network. See [`super::Objective`] for the terms.
pub(super) struct TensorObjective {
    network: Arc<TensorNetwork>,
    content: Vec<ContentTerm<Tensor>>,
    /// What the style terms need on the device, in their order; empty until it is needed.
    style: Vec<OnDevice>,
}

/// A style term's matrix and map.
struct OnDevice {
    /// `[C, C]`.
    target: Tensor,
    /// The guide's `T²`, `[1, 1, H, W]`.
    map: Option<Tensor>,
}

impl TensorObjective {
    /// No content yet.
    pub(super) fn new(network: Arc<TensorNetwork>) -> Self {
        Self { network, content: Vec::new(), style: Vec::new() }
    }

    /// The style terms are others from now on.
    pub(super) fn forget_style(&mut self) {
        self.style.clear();
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
            let norm_squared = scalar(&squares(&features)?)?;
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
        let Some(deepest) = deepest(style, &self.content) else {
            gradient.data_mut().fill(0.0);
            return Ok(Losses::default());
        };
        let activations = self.network.forward(&self.upload(x)?, deepest)?;
        if self.style.len() != style.len() {
            let put = |term| self.put(term, &activations);
            self.style = style.iter().map(put).collect::<Result<_>>()?;
        }
        // Squared distances, still on the device, and whose they are.
        let mut distances: Vec<(Term, Tensor)> = Vec::new();
        let back = self.network.backward(&activations, |layer| {
            let mut tap: Option<Tensor> = None;
            let mut add = |pull: Tensor| -> Result<()> {
                tap = Some(match tap.take() {
                    Some(tap) => tap.add(&pull)?,
                    None => pull,
                });
                Ok(())
            };
            let features = self.features(&activations, layer)?;
            let (_, c, h, w) = features.dims4()?;
            for (i, term) in style.iter().enumerate().filter(|(_, term)| term.layer() == layer) {
                let OnDevice { target, map } = &self.style[i];
                // What each position counts: the same for all, or by the guide.
                let (weighed, gram) = match map {
                    None => (features.clone(), gram(features)?),
                    Some(map) => guided(features, map)?,
                };
                let difference = gram.sub(target)?;
                distances.push((Term::Style(i), squares(&difference)?));
                let k = (difference * term.slope(h * w, settings.style_weight))?;
                add(k.matmul(&weighed.reshape((c, h * w))?)?.reshape((1, c, h, w))?)?;
            }
            for (i, term) in self.content.iter().enumerate().filter(|(_, term)| term.layer() == layer) {
                if features.dims() != term.target().dims() {
                    return Err(other_size());
                }
                let difference = features.sub(term.target())?;
                distances.push((Term::Content(i), squares(&difference)?));
                add((difference * term.slope(settings.content_weight))?)?;
            }
            Ok(tap)
        })?;
        match back {
            Some(back) => {
                let values: Vec<f32> = back.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
                gradient.data_mut().copy_from_slice(&values);
            }
            None => gradient.data_mut().fill(0.0),
        }
        let (terms, values): (Vec<Term>, Vec<Tensor>) = distances.into_iter().unzip();
        let values: Vec<f64> = Tensor::stack(&values, 0)?.to_dtype(DType::F64)?.to_vec1()?;
        Ok(Losses::at(terms.into_iter().zip(values), style, &self.content))
    }

    /// Puts what a style term needs on the device.
    fn put(&self, term: &StyleTerm, activations: &Activations) -> Result<OnDevice> {
        let (device, dtype) = (self.network.device(), self.network.dtype());
        let channels = term.target().channels();
        let target =
            Tensor::from_slice(term.target().values(), (channels, channels), device)?.to_dtype(dtype)?;
        let map = match term.map() {
            None => None,
            Some(map) => {
                let (_, _, h, w) = self.features(activations, term.layer())?.dims4()?;
                Some(Tensor::from_slice(map, (1, 1, h, w), device)?.to_dtype(dtype)?)
            }
        };
        Ok(OnDevice { target, map })
    }
}

/// `F Fᵀ / (H·W)` of features `[1, C, H, W]`.
fn gram(features: &Tensor) -> Result<Tensor> {
    let (_, c, h, w) = features.dims4()?;
    let flat = features.reshape((c, h * w))?;
    Ok((flat.matmul(&flat.t()?)? / (h * w) as f64)?)
}

/// `F T²` of features `[1, C, H, W]`, where `map`, `[1, 1, H, W]`, is `T²`, and the guided Gram matrix `F T² Fᵀ`.
fn guided(features: &Tensor, map: &Tensor) -> Result<(Tensor, Tensor)> {
    let (_, c, h, w) = features.dims4()?;
    let weighed = features.broadcast_mul(map)?;
    let flat = |tensor: &Tensor| tensor.reshape((c, h * w));
    let gram = flat(&weighed)?.matmul(&flat(features)?.t()?)?;
    Ok((weighed, gram))
}

fn download(gram: &Tensor) -> Result<Gram> {
    let (channels, _) = gram.dims2()?;
    let values = gram.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    Ok(Gram::new(channels, values).unwrap_or_else(|| unreachable!("a [C, C] tensor has C² values")))
}

/// The sum of all squares, row by row at first: a GPU adds up each sum in one place, one number after the other.
fn squares(x: &Tensor) -> Result<Tensor> {
    Ok(x.sqr()?.sum(D::Minus1)?.sum_all()?)
}

fn scalar(x: &Tensor) -> Result<f64> {
    Ok(x.to_dtype(DType::F64)?.to_scalar()?)
}
