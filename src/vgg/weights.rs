//! Reading the network's weights, and saying precisely what is wrong with a file that is not one.
//!
//! Any safetensors file with torchvision's names (`features.N.weight`, `features.N.bias`) is taken,
//! with or without a classifier, in float16, bfloat16, float32 or float64. The file's metadata says
//! how pictures are fed to it; without any, it is torchvision's way.

use super::layer::{Layer, Model};
use crate::error::{Error, Result};
use crate::kernels::cpu::Normalization;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// What torchvision's networks were trained on.
pub const TORCHVISION: Normalization =
    Normalization { scale: 1.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/// One 3×3 convolution.
#[derive(Debug, Clone)]
pub struct ConvWeights {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Kernels, shape `[outputs, inputs, 3, 3]`.
    pub kernel: Vec<f32>,
    /// Shape `[outputs]`.
    pub bias: Vec<f32>,
}

/// A whole network without its classifier.
#[derive(Debug, Clone)]
pub struct Weights {
    model: Model,
    normalization: Normalization,
    convs: Vec<ConvWeights>,
}

impl Weights {
    /// Reads a safetensors file's bytes. `name` is the file's name for messages; `expected` refuses
    /// the other network.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] for anything that is not a sound VGG-16 or VGG-19.
    pub fn parse(bytes: &[u8], name: &str, expected: Option<Model>) -> Result<Self> {
        let broken = |what: String| {
            Error::model(format!("cannot use the weights {name}: {what}")).hint(
                "give a safetensors file with torchvision's names (features.0.weight …), or leave --weights away for the built-in VGG-16",
            )
        };
        let file = SafeTensors::deserialize(bytes).map_err(|cause| {
            broken("it is not a whole safetensors file (truncated, or another format)".into())
                .caused_by(cause)
        })?;
        if file.names().iter().any(|name| name.starts_with("features.") && name.ends_with("running_mean")) {
            return Err(broken(
                "it has batch normalisation; only the plain VGG networks are supported".into(),
            ));
        }
        // features.34 exists in VGG-19 only: the last of its convolutions.
        let model = if file.tensor("features.34.weight").is_ok() { Model::Vgg19 } else { Model::Vgg16 };
        let mut convs = Vec::new();
        let mut inputs = 3;
        for (layer, index) in feature_indices(model) {
            let outputs = layer.channels();
            let kernel = read(&file, &format!("features.{index}.weight"), &[outputs, inputs, 3, 3])
                .map_err(&broken)?;
            let bias = read(&file, &format!("features.{index}.bias"), &[outputs]).map_err(&broken)?;
            convs.push(ConvWeights { inputs, outputs, kernel, bias });
            inputs = outputs;
        }
        if let Some(expected) = expected.filter(|&expected| expected != model) {
            return Err(Error::model(format!("the weights {name} are of {model}, not of {expected}"))
                .hint(format!("choose --model {model}, or give a file of {expected}")));
        }
        let metadata =
            SafeTensors::read_metadata(bytes).ok().and_then(|(_, header)| header.metadata().clone());
        let normalization = match metadata {
            Some(metadata) => normalization(|key| metadata.get(key).map(String::as_str)).map_err(&broken)?,
            None => TORCHVISION,
        };
        Ok(Self { model, normalization, convs })
    }

    /// Which network these are.
    pub fn model(&self) -> Model {
        self.model
    }

    /// How pixels are fed to the network.
    pub fn normalization(&self) -> Normalization {
        self.normalization
    }

    /// The convolutions in order: `convs()[layer.position(model)]`.
    pub fn convs(&self) -> &[ConvWeights] {
        &self.convs
    }
}

/// The index of every convolution among torchvision's `features`: a ReLU follows each convolution
/// and a pool each block.
fn feature_indices(model: Model) -> impl Iterator<Item = (Layer, usize)> {
    model.layers().enumerate().map(|(position, layer)| (layer, 2 * position + layer.block() - 1))
}

fn read(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor =
        file.tensor(name).map_err(|_| format!("it has no tensor '{name}', so it is not a VGG network"))?;
    if tensor.shape() != shape {
        return Err(format!(
            "'{name}' has shape {:?} instead of {shape:?}, so it is another network",
            tensor.shape()
        ));
    }
    let values =
        floats(&tensor).ok_or_else(|| format!("'{name}' holds {:?} instead of floats", tensor.dtype()))?;
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("'{name}' contains {value}: the file is damaged")),
        None => Ok(values),
    }
}

fn floats(tensor: &TensorView<'_>) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|&bytes| value(bytes)).collect()
    }
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        _ => return None,
    })
}

fn normalization<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Normalization, String> {
    let numbers = |key: &str| -> Result<Option<Vec<f32>>, String> {
        let Some(text) = get(key) else { return Ok(None) };
        let numbers: Option<Vec<f32>> =
            text.split(',').map(|n| n.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
        numbers.map(Some).ok_or_else(|| format!("its metadata {key}='{text}' is not a list of numbers"))
    };
    let triple = |key: &str, default: [f32; 3]| match numbers(key)? {
        None => Ok(default),
        Some(n) => n.try_into().map_err(|_| format!("its metadata {key} is not three numbers")),
    };
    if ["input_scale", "input_mean", "input_std"].iter().all(|key| get(key).is_none()) {
        return Ok(TORCHVISION);
    }
    let scale = match numbers("input_scale")?.as_deref() {
        None => 1.0,
        Some([scale]) if *scale != 0.0 => *scale,
        Some(_) => return Err("its metadata input_scale is not one number other than 0".into()),
    };
    let std = triple("input_std", [1.0; 3])?;
    if std.contains(&0.0) {
        return Err("its metadata input_std contains 0".into());
    }
    Ok(Normalization { scale, mean: triple("input_mean", [0.0; 3])?, std })
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::serialize;
    use std::collections::HashMap;

    /// A file of `model` in f32 whose every value is `value`.
    fn file(model: Model, value: f32, metadata: &[(&str, &str)]) -> Vec<u8> {
        let mut tensors = Vec::new();
        let mut inputs = 3;
        for (layer, index) in feature_indices(model) {
            let outputs = layer.channels();
            for (kind, shape) in [("weight", vec![outputs, inputs, 3, 3]), ("bias", vec![outputs])] {
                let count = shape.iter().product();
                let bytes: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), count).flatten().collect();
                tensors.push((format!("features.{index}.{kind}"), shape, bytes));
            }
            inputs = outputs;
        }
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
        let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        serialize(views, Some(metadata)).unwrap()
    }

    #[test]
    fn torchvision_numbers_its_convolutions_like_this() {
        // From torchvision.models.vgg16().features and vgg19().features.
        let indices = |model| feature_indices(model).map(|(_, i)| i).collect::<Vec<_>>();
        assert_eq!(indices(Model::Vgg16), [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]);
        assert_eq!(indices(Model::Vgg19), [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]);
    }

    #[test]
    fn both_networks_are_recognised_and_the_other_refused() {
        let bytes = file(Model::Vgg19, 0.5, &[]);
        let weights = Weights::parse(&bytes, "x", None).unwrap();
        assert_eq!(weights.model(), Model::Vgg19);
        assert_eq!(weights.normalization(), TORCHVISION);
        let error = Weights::parse(&bytes, "x", Some(Model::Vgg16)).unwrap_err().to_string();
        assert!(error.contains("of vgg19, not of vgg16"), "{error}");
    }

    #[test]
    fn metadata_says_how_pixels_are_fed() {
        let bytes =
            file(Model::Vgg16, 0.0, &[("input_scale", "255"), ("input_mean", "123.68, 116.779,103.939")]);
        let expected = Normalization { scale: 255.0, mean: [123.68, 116.779, 103.939], std: [1.0; 3] };
        assert_eq!(Weights::parse(&bytes, "x", None).unwrap().normalization(), expected);
        for bad in [("input_scale", "0"), ("input_scale", "a"), ("input_mean", "1,2"), ("input_std", "1,0,1")]
        {
            let bytes = file(Model::Vgg16, 0.0, &[bad]);
            assert!(Weights::parse(&bytes, "x", None).unwrap_err().to_string().contains(bad.0));
        }
    }

    #[test]
    fn broken_files_are_told_apart() {
        let good = file(Model::Vgg16, 0.0, &[]);
        let message = |bytes: &[u8]| Weights::parse(bytes, "w", None).unwrap_err().to_string();
        assert!(message(&good[..good.len() - 1]).contains("not a whole safetensors file"));
        assert!(message(b"hello").contains("not a whole safetensors file"));
        assert!(message(&[]).contains("not a whole safetensors file"));
        assert!(message(&file(Model::Vgg16, f32::NAN, &[])).contains("NaN"));
        let other =
            serialize([("features.0.weight", TensorView::new(Dtype::U8, vec![1], &[0]).unwrap())], None);
        assert!(message(&other.unwrap()).contains("another network"));
        let other = serialize([("a", TensorView::new(Dtype::U8, vec![1], &[0]).unwrap())], None);
        assert!(message(&other.unwrap()).contains("no tensor 'features.0.weight'"));
    }
}
