//! The hand-written gradient is the slope of the printed value, layer by layer and loss by loss.
//!
//! Central differences of the objective in float64 along the gradient itself, where the slope is its
//! norm: no reference but the definition of a derivative.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use candle_core::DType;
use std::sync::Arc;
use stylecast::flow::Mask;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Hold, LossForm, Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::vgg::{Layer, Model, Network, Pooling, TensorNetwork, Weights};

/// Smooth enough to be picture-like, different for every seed.
fn picture(size: Size, seed: usize) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(size, |x, y| {
        [3, 5, 7].map(|k| {
            let (x, y) = ((x * (k + seed)) as f32 * 0.21, (y * (11 - k) + seed) as f32 * 0.13);
            (128.0 + 60.0 * x.sin() + 50.0 * y.cos()) as u8
        })
    }))
}

fn network(pooling: Pooling) -> Network {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors");
    let weights = Weights::parse(&std::fs::read(path).unwrap(), path, None).unwrap();
    Network::Tensor(Arc::new(
        TensorNetwork::new(&weights, pooling, &candle_core::Device::Cpu, DType::F64).unwrap(),
    ))
}

/// `x` moved by `distance` along `gradient`, as far as float32 can say; and how far that was.
fn moved(x: &Pixels, gradient: &Pixels, norm: f64, distance: f64) -> (Pixels, f64) {
    let mut moved = x.clone();
    let mut along = 0.0;
    for ((m, x), g) in moved.data_mut().iter_mut().zip(x.data()).zip(gradient.data()) {
        let g = f64::from(*g) / norm;
        *m = (f64::from(*x) + distance * g) as f32;
        along += (f64::from(*m) - f64::from(*x)) * g;
    }
    (moved, along)
}

#[track_caller]
fn assert_is_slope(network: &Network, settings: ObjectiveSettings, what: &str) {
    assert_is_slope_held(network, settings, None, what);
}

#[track_caller]
fn assert_is_slope_held(network: &Network, settings: ObjectiveSettings, hold: Option<Hold>, what: &str) {
    let size = Size::new(37, 34);
    let mut objective = Objective::new(network, settings).unwrap();
    let style = objective.describe_style(&picture(Size::new(32, 41), 3)).unwrap();
    objective.set_style(style);
    objective.set_content(&picture(size, 1)).unwrap();
    objective.set_hold(hold);
    let x = picture(size, 2);
    let mut gradient = Pixels::zeros(size);
    objective.evaluate(&x, &mut gradient).unwrap();
    let norm = gradient.data().iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    assert!(norm > 0.0, "{what}: no gradient");
    let mut ignored = Pixels::zeros(size);
    let mut at = |distance: f64| {
        let (x, along) = moved(&x, &gradient, norm, distance);
        (objective.evaluate(&x, &mut ignored).unwrap().total, along)
    };
    let ((up, forth), (down, back)) = (at(4e-4), at(-4e-4));
    let slope = (up - down) / (forth - back);
    // ReLUs that flip within the step and float32 Gram matrices are all that may differ.
    assert!((slope / norm - 1.0).abs() < 3e-3, "{what}: slope {slope}, norm of the gradient {norm}");
}

fn of_every_layer(pooling: Pooling) {
    let network = network(pooling);
    for layer in Model::Vgg16.layers() {
        let only = |content_weight, style_weight| ObjectiveSettings {
            content_weight,
            style_weight,
            style_layers: vec![(layer, 1.0)],
            content_layers: vec![(layer, 1.0)],
            pooling,
            ..ObjectiveSettings::default()
        };
        assert_is_slope(&network, only(1.0, 0.0), &format!("content at {layer}, {pooling}"));
        assert_is_slope(&network, only(0.0, 1.0), &format!("style at {layer}, {pooling}"));
    }
}

#[test]
fn of_every_layer_with_average_pooling() {
    of_every_layer(Pooling::Average);
}

#[test]
fn of_every_layer_with_max_pooling() {
    of_every_layer(Pooling::Max);
}

#[test]
fn of_everything_together() {
    let settings = ObjectiveSettings { tv_weight: 0.3, ..ObjectiveSettings::default() };
    assert_is_slope(&network(Pooling::Average), settings, "default objective with total variation");
    let layers = [Layer::CONV1_1, Layer::CONV3_1].map(|layer| (layer, 0.5)).to_vec();
    let settings =
        ObjectiveSettings { style_layers: layers, content_weight: 0.1, ..ObjectiveSettings::default() };
    assert_is_slope(&network(Pooling::Average), settings, "two style layers, deeper content");
    // One of them lies at a style layer, where both write the same gradient.
    let layers = [("conv1_2", 1.0), ("conv3_1", 0.5), ("conv4_2", 2.0)];
    let layers = layers.map(|(name, weight)| (name.parse().unwrap(), weight)).to_vec();
    let settings =
        ObjectiveSettings { content_layers: layers, style_weight: 0.3, ..ObjectiveSettings::default() };
    assert_is_slope(&network(Pooling::Average), settings, "three content layers");
}

#[test]
fn of_every_form_with_its_unit_for_smoothness_and_steadiness() {
    let network = network(Pooling::Average);
    for (form, content_weight) in [(LossForm::Gatys, 1e-3), (LossForm::Mean, 0.1)] {
        let settings =
            ObjectiveSettings { form, content_weight, tv_weight: 2.0, ..ObjectiveSettings::default() };
        let size = Size::new(37, 34);
        let hold = Hold::new(picture(size, 5), Mask::flat(size, 1.0), 9.0).unwrap();
        assert_is_slope_held(&network, settings, Some(hold), &format!("{form}"));
    }
}
