//! The objective's every term and its gradient are PyTorch's, on both engines.
//!
//! `tests/data/pytorch_losses.json` comes from `scripts/reference_losses.py` (PyTorch's autograd in
//! float64); the pictures are made from the same integer formulas here and there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use candle_core::DType;
use serde_json::Value;
use std::sync::Arc;
use stylecast::device::Device;
use stylecast::error::Result;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::vgg::{CpuSettings, Network, Pooling, TensorNetwork, Weights};

/// `picture` of the script.
fn picture(size: Size, seed: i64) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(size, |x, y| {
        let (x, y) = (x as i64, y as i64);
        [0, 1, 2].map(|c: i64| {
            let waves = (x * (3 + 5 * seed) + y * (5 + c * seed) + (x * y) / (3 + seed)) % 256;
            let waves = if waves < 128 { 2 * waves } else { 511 - 2 * waves };
            let noise = ((x * 7919 + y * 104_729 + c * 1_299_709 + seed * 15_485_863) % 65_521) % 64;
            ((3 * waves + noise) / (3 + seed)) as u8
        })
    }))
}

fn weights() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors");
    Weights::parse(&std::fs::read(path).unwrap(), path, None).unwrap()
}

fn size(value: &Value) -> Size {
    Size::new(value[0].as_u64().unwrap() as usize, value[1].as_u64().unwrap() as usize)
}

/// `|a − b| ≤ 1e-3 · max(|b|, 1e-6)`: the agreement that `stylecast loss` promises.
#[track_caller]
fn assert_agrees(what: &str, ours: f64, expected: f64) {
    let allowed = 1e-3 * expected.abs().max(1e-6);
    assert!((ours - expected).abs() <= allowed, "{what}: {ours} instead of {expected}");
}

fn check(gradient_tolerance: f64, network: impl Fn(&Weights, Pooling) -> Result<Network>) {
    let reference: Value = serde_json::from_str(include_str!("data/pytorch_losses.json")).unwrap();
    let weights = weights();
    for (number, case) in reference["cases"].as_array().unwrap().iter().enumerate() {
        let number_of = |key: &str| case[key].as_f64().unwrap();
        let style_layers = case["style_layers"].as_object().unwrap();
        let settings = ObjectiveSettings {
            content_weight: number_of("content_weight"),
            style_weight: number_of("style_weight"),
            style_layers: style_layers
                .iter()
                .map(|(l, w)| (l.parse().unwrap(), w.as_f64().unwrap()))
                .collect(),
            content_layers: vec![(case["content_layer"].as_str().unwrap().parse().unwrap(), 1.0)],
            pooling: case["pooling"].as_str().unwrap().parse().unwrap(),
            ..ObjectiveSettings::default()
        };
        let network = network(&weights, settings.pooling).unwrap();
        let mut objective = Objective::new(&network, settings).unwrap();
        let style = objective.describe_style(&picture(size(&case["style_size"]), 3)).unwrap();
        objective.set_style(style);
        objective.set_content(&picture(size(&case["size"]), 1)).unwrap();
        let x = picture(size(&case["size"]), 2);
        let mut gradient = Pixels::zeros(x.size());
        let losses = objective.evaluate(&x, &mut gradient).unwrap();

        assert_agrees(&format!("case {number}, content"), losses.content, number_of("content"));
        assert_eq!(losses.style.len(), style_layers.len());
        for (layer, value) in losses.style {
            let expected = case["style"][layer.to_string()].as_f64().unwrap();
            assert_agrees(&format!("case {number}, style at {layer}"), value, expected);
        }
        assert_agrees(&format!("case {number}, total"), losses.total, number_of("total"));
        let norm = gradient.data().iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        assert_agrees(&format!("case {number}, gradient norm"), norm, number_of("gradient_norm"));
        // Single values, by their relative L2 distance: in float32 a ReLU flips here and there.
        let (mut distance, mut length) = (0.0, 0.0);
        for sample in case["gradient_samples"].as_array().unwrap() {
            let (i, expected) = (sample[0].as_u64().unwrap() as usize, sample[1].as_f64().unwrap());
            distance += (f64::from(gradient.data()[i]) - expected).powi(2);
            length += expected.powi(2);
        }
        let error = (distance / length).sqrt();
        assert!(error < gradient_tolerance, "case {number}: gradient off by {error}");
    }
}

#[test]
fn on_the_cpu_engine() {
    check(3e-2, |weights, pooling| Network::new(weights, pooling, &Device::Cpu, CpuSettings::default()));
}

#[test]
fn on_plain_tensors() {
    let device = Device::Tensor(candle_core::Device::Cpu);
    check(3e-2, |weights, pooling| Network::new(weights, pooling, &device, CpuSettings::default()));
}

/// In float64 no ReLU flips: what remains is the float32 of the Gram matrices and of the result.
#[test]
fn on_plain_tensors_in_float64() {
    check(1e-5, |weights, pooling| {
        let network = TensorNetwork::new(weights, pooling, &candle_core::Device::Cpu, DType::F64)?;
        Ok(Network::Tensor(Arc::new(network)))
    });
}
