//! Each form of the losses is its paper's equation: computed here once more, plainly and in float64, from the
//! features alone and without Gram matrices that are divided by anything on the way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use candle_core::{DType, Tensor};
use std::sync::Arc;
use stylecast::device::Device;
use stylecast::flow::Mask;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Hold, LossForm, Losses, Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::vgg::{CpuSettings, Layer, Model, Network, Pooling, TensorNetwork, Weights};

const SIZE: Size = Size::new(36, 33);

fn picture(seed: usize) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(SIZE, |x, y| {
        [3, 5, 7].map(|k| {
            let (x, y) = ((x * (k + seed)) as f32 * 0.21, (y * (11 - k) + seed) as f32 * 0.13);
            (128.0 + 60.0 * x.sin() + 50.0 * y.cos()) as u8
        })
    }))
}

fn weights() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors");
    Weights::parse(&std::fs::read(path).unwrap(), path, None).unwrap()
}

/// The features of a picture at some layers, `N` rows of `M` values, in float64.
struct Features(Vec<(Layer, Vec<Vec<f64>>)>);

impl Features {
    fn new(network: &TensorNetwork, picture: &Pixels) -> Self {
        let shape = (1, 3, SIZE.height, SIZE.width);
        let x = Tensor::from_slice(picture.data(), shape, &candle_core::Device::Cpu).unwrap();
        let activations = network.forward(&x.to_dtype(DType::F64).unwrap(), Layer::CONV5_1).unwrap();
        let at = |layer: Layer| {
            let features = activations.get(layer, Model::Vgg16).unwrap();
            let (_, n, h, w) = features.dims4().unwrap();
            (layer, features.reshape((n, h * w)).unwrap().to_vec2().unwrap())
        };
        Self(Model::Vgg16.layers().filter(|layer| *layer <= Layer::CONV5_1).map(at).collect())
    }

    fn at(&self, layer: Layer) -> &[Vec<f64>] {
        &self.0.iter().find(|(l, _)| *l == layer).unwrap().1
    }
}

/// `F Fᵀ`, not divided by anything (Gatys et al. 2016, eq. 3).
fn gram(features: &[Vec<f64>]) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    features.iter().flat_map(|a| features.iter().map(move |b| dot(a, b))).collect()
}

fn squares(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Content and style losses by the papers, of features `x` towards `p` and `a`.
fn expected(form: LossForm, x: &[Vec<f64>], target: &[Vec<f64>], is_content: bool) -> f64 {
    let (n, m) = (x.len() as f64, x[0].len() as f64);
    let flat = |features: &[Vec<f64>]| features.concat();
    match (form, is_content) {
        // Eq. 1.
        (LossForm::Gatys, true) => 0.5 * squares(flat(x), flat(target)),
        // Eq. 4.
        (LossForm::Gatys, false) => squares(gram(x), gram(target)) / (4.0 * n * n * m * m),
        (LossForm::Mean, true) => squares(flat(x), flat(target)) / (n * m),
        // Gram matrices over the number of values, then the mean over their entries.
        (LossForm::Mean, false) => {
            let over = |gram: Vec<f64>| gram.into_iter().map(move |value| value / (n * m));
            squares(over(gram(x)), over(gram(target))) / (n * n)
        }
        (LossForm::Relative, true) => {
            squares(flat(x), flat(target)) / squares(flat(target), vec![0.0; (n * m) as usize])
        }
        (LossForm::Relative, false) => {
            squares(gram(x), gram(target)) / squares(gram(target), vec![0.0; (n * n) as usize])
        }
    }
}

fn settings(form: LossForm) -> ObjectiveSettings {
    let layers = [Layer::CONV1_1, Layer::CONV3_1, Layer::CONV4_1];
    ObjectiveSettings {
        form,
        content_weight: 0.02,
        style_weight: 1.5,
        style_layers: layers.into_iter().zip([0.2, 0.3, 0.5]).collect(),
        ..ObjectiveSettings::default()
    }
}

fn losses(network: &Network, settings: ObjectiveSettings, hold: Option<Hold>) -> (Losses, f64) {
    let mut objective = Objective::new(network, settings).unwrap();
    let style = objective.describe_style(&picture(3)).unwrap();
    objective.set_style(style);
    objective.set_content(&picture(1)).unwrap();
    objective.set_hold(hold);
    let losses = objective.evaluate(&picture(2), &mut Pixels::zeros(SIZE)).unwrap();
    (losses, objective.unit())
}

#[track_caller]
fn assert_near(what: &str, ours: f64, expected: f64, tolerance: f64) {
    assert!((ours / expected - 1.0).abs() < tolerance, "{what}: {ours} instead of {expected}");
}

#[test]
fn each_form_is_its_papers_equation_on_both_engines() {
    let weights = weights();
    let cpu = &candle_core::Device::Cpu;
    let exact = Arc::new(TensorNetwork::new(&weights, Pooling::Average, cpu, DType::F64).unwrap());
    let fast = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default()).unwrap();
    let [p, x, a] = [1, 2, 3].map(|seed| Features::new(&exact, &picture(seed)));
    for form in [LossForm::Relative, LossForm::Gatys, LossForm::Mean] {
        let settings = settings(form);
        let layer = settings.content_layers[0].0;
        let content = expected(form, x.at(layer), p.at(layer), true);
        let style: Vec<f64> = settings
            .style_layers
            .iter()
            .map(|(layer, _)| expected(form, x.at(*layer), a.at(*layer), false))
            .collect();
        let weighted = |content: f64, style: &[f64]| {
            let style: f64 = style.iter().zip(&settings.style_layers).map(|(loss, (_, w))| w * loss).sum();
            settings.content_weight * content + settings.style_weight * style
        };
        // What a picture without features would lose, over the default weights' sum of 4.
        let zeros = |like: &[Vec<f64>]| vec![vec![0.0; like[0].len()]; like.len()];
        let of_nothing = weighted(
            expected(form, &zeros(p.at(layer)), p.at(layer), true),
            &settings
                .style_layers
                .iter()
                .map(|(layer, _)| expected(form, &zeros(a.at(*layer)), a.at(*layer), false))
                .collect::<Vec<_>>(),
        );
        let unit = if form == LossForm::Relative { 1.0 } else { of_nothing / 4.0 };
        for (network, tolerance) in [(Network::Tensor(exact.clone()), 1e-5), (fast.clone(), 1e-3)] {
            let hold = Hold::new(picture(4), Mask::flat(SIZE, 1.0), 7.0).unwrap();
            let settings = ObjectiveSettings { tv_weight: 0.4, ..settings.clone() };
            let (losses, our_unit) = losses(&network, settings, Some(hold));
            assert_near(&format!("{form}, content"), losses.content, content, tolerance);
            for ((layer, ours), expected) in losses.style.iter().zip(&style) {
                assert_near(&format!("{form}, {layer}"), *ours, *expected, tolerance);
            }
            assert_near(&format!("{form}, unit"), our_unit, unit, tolerance);
            let total = weighted(content, &style) + unit * (0.4 * losses.tv + 7.0 * losses.temporal);
            assert_near(&format!("{form}, total"), losses.total, total, tolerance);
        }
    }
}
