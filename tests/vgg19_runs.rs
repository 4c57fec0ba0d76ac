//! VGG-19 runs to its last layer, and both engines agree on it.
//!
//! Its weights are not in the repository, so the network here has the right shape and seeded random
//! kernels (He et al. 2015), stored as a file with torchvision's names as a downloaded one would be.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use safetensors::tensor::{Dtype, TensorView, serialize};
use stylecast::device::Device;
use stylecast::error::ErrorKind;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Losses, Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::vgg::{CpuSettings, Layer, Model, Network, Pooling, Weights};

/// torchvision's indices of the convolutions among `vgg19().features`.
const INDICES: [usize; 16] = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34];

fn seeded_file() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(19);
    let mut tensors = Vec::new();
    let mut inputs = 3;
    for (layer, index) in Model::Vgg19.layers().zip(INDICES) {
        let outputs = layer.channels();
        // Uniform with He's variance, 2 / fan-in.
        let reach = (6.0 / (9.0 * inputs as f32)).sqrt();
        let mut numbers = |count: usize, reach: f32| -> Vec<u8> {
            (0..count).flat_map(|_| (reach * (2.0 * random.f32() - 1.0)).to_le_bytes()).collect()
        };
        let kernel = numbers(outputs * inputs * 9, reach);
        tensors.push((format!("features.{index}.weight"), vec![outputs, inputs, 3, 3], kernel));
        tensors.push((format!("features.{index}.bias"), vec![outputs], numbers(outputs, 0.1)));
        inputs = outputs;
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    serialize(views, None).unwrap()
}

fn picture(seed: usize) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(Size::new(45, 38), |x, y| {
        [3, 5, 7].map(|k| ((x * (k + seed) + y * (2 * k + 1)) * 5 % 256) as u8)
    }))
}

fn losses(weights: &Weights, device: &Device, settings: &ObjectiveSettings) -> (Losses, Pixels) {
    let network = Network::new(weights, Pooling::Average, device, CpuSettings::default()).unwrap();
    let mut objective = Objective::new(&network, settings.clone()).unwrap();
    let style = objective.describe_style(&picture(3)).unwrap();
    objective.set_style(style);
    objective.set_content(&picture(1)).unwrap();
    let mut gradient = Pixels::zeros(picture(2).size());
    (objective.evaluate(&picture(2), &mut gradient).unwrap(), gradient)
}

#[test]
fn to_its_last_layer_on_both_engines_alike() {
    let weights = Weights::parse(&seeded_file(), "seeded", Some(Model::Vgg19)).unwrap();
    let layer = |name: &str| name.parse::<Layer>().unwrap();
    let settings = ObjectiveSettings {
        style_layers: ["conv1_1", "conv3_4", "conv4_4", "conv5_4"].map(|name| (layer(name), 1.0)).to_vec(),
        content_layers: vec![(layer("conv3_4"), 1.0)],
        ..ObjectiveSettings::default()
    };
    let (ours, gradient) = losses(&weights, &Device::Cpu, &settings);
    let (plain, expected) = losses(&weights, &Device::Tensor(candle_core::Device::Cpu), &settings);
    let agree = |a: f64, b: f64| (a - b).abs() <= 1e-3 * b.abs().max(1e-6);
    assert!(agree(ours.total, plain.total), "{ours:?} {plain:?}");
    for ((layer, a), (_, b)) in ours.style.iter().zip(&plain.style) {
        assert!(*b > 0.0 && agree(*a, *b), "{layer}: {a} {b}");
    }
    let norm = |p: &[f32]| p.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    let difference: Vec<f32> = gradient.data().iter().zip(expected.data()).map(|(a, b)| a - b).collect();
    assert!(
        norm(&difference) < 1e-2 * norm(expected.data()),
        "{}",
        norm(&difference) / norm(expected.data())
    );
}

#[test]
fn its_fourth_convolutions_are_refused_on_vgg16() {
    let layer = "conv4_4".parse::<Layer>().unwrap();
    let settings = ObjectiveSettings { content_layers: vec![(layer, 1.0)], ..ObjectiveSettings::default() };
    let error = settings.check(Model::Vgg16).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("vgg16 has no layer conv4_4"), "{error}");
    settings.check(Model::Vgg19).unwrap();
}
