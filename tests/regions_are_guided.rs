//! Styles in regions are what Gatys et al. (2017) define: the loss is that of the guided Gram matrices, worked
//! out here from the network's features by the definition; the gradient is its slope, on both engines; and
//! a fine and a coarse style come from the pictures that were named.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use candle_core::{DType, Tensor};
use std::sync::Arc;
use stylecast::device::Device;
use stylecast::flow::Mask;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Guide, Losses, Objective, ObjectiveSettings, StylePart, StyleTarget};
use stylecast::pixels::Pixels;
use stylecast::vgg::{CpuSettings, Layer, Network, Pooling, TensorNetwork, Weights};

const SIZE: Size = Size { width: 37, height: 34 };

/// Smooth enough to be picture-like, different for every seed.
fn picture(size: Size, seed: usize) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(size, |x, y| {
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

fn in_float64(weights: &Weights) -> Arc<TensorNetwork> {
    let device = candle_core::Device::Cpu;
    Arc::new(TensorNetwork::new(weights, Pooling::Average, &device, DType::F64).unwrap())
}

fn mask(value: impl Fn(usize, usize) -> f32) -> Mask {
    let values = (0..SIZE.pixels()).map(|i| value(i % SIZE.width, i / SIZE.width)).collect();
    Mask::new(SIZE, values).unwrap()
}

/// A soft edge down the middle, and a corner that belongs to nobody.
fn masks() -> [Mask; 2] {
    let left =
        |x: usize, y: usize| if x + y < 12 { 0.0 } else { (1.0 - (x as f32 - 14.0) / 8.0).clamp(0.0, 1.0) };
    [mask(left), mask(move |x, y| if x + y < 12 { 0.0 } else { 1.0 - left(x, y) })]
}

/// Two styles in two regions, counted by `share`.
fn parts(objective: &mut Objective, masks: &[Mask; 2], share: f64) -> Vec<StylePart> {
    let styles = [picture(Size::new(32, 41), 3), picture(Size::new(40, 33), 5)];
    styles
        .iter()
        .zip(masks)
        .map(|(style, mask)| StylePart {
            target: objective.describe_style(style).unwrap(),
            guide: Some(Guide::new(mask)),
            share,
        })
        .collect()
}

fn evaluate(objective: &mut Objective, x: &Pixels) -> (Losses, Pixels) {
    let mut gradient = Pixels::zeros(SIZE);
    let losses = objective.evaluate(x, &mut gradient).unwrap();
    (losses, gradient)
}

fn norm(pixels: &Pixels) -> f64 {
    pixels.data().iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// Features of a layer as `[channel][position]`.
fn features(network: &TensorNetwork, picture: &Pixels, layer: Layer) -> Vec<Vec<f64>> {
    let size = picture.size();
    let shape = (1, 3, size.height, size.width);
    let x =
        Tensor::from_slice(picture.data(), shape, network.device()).unwrap().to_dtype(DType::F64).unwrap();
    let activations = network.forward(&x, layer).unwrap();
    let features = activations.get(layer, network.model()).unwrap().flatten_from(2).unwrap();
    features.squeeze(0).unwrap().to_vec2().unwrap()
}

/// A mask at a layer: halved as often as the network halves pictures.
fn halved(mask: &Mask, layer: Layer) -> Vec<f64> {
    let (mut size, mut values) =
        (mask.size(), mask.values().iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    for _ in 1..layer.block() {
        let (w, half) = (size.width, Size::new(size.width / 2, size.height / 2));
        values = (0..half.pixels())
            .map(|i| {
                let corner = 2 * (i / half.width) * w + 2 * (i % half.width);
                [0, 1, w, w + 1].iter().map(|step| values[corner + step]).sum::<f64>() / 4.0
            })
            .collect();
        size = half;
    }
    values
}

/// `Σ_p t_p f_p f_pᵀ` with `t` in proportion to `weights`.
fn weighted_gram(features: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    let product =
        |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weights).map(|((a, b), t)| a * b * t).sum::<f64>();
    features.iter().flat_map(|a| features.iter().map(move |b| product(a, b) / sum)).collect()
}

#[test]
fn the_loss_is_that_of_the_definition() {
    let network = in_float64(&weights());
    let layers = [Layer::CONV1_1, Layer::CONV3_1, Layer::CONV4_1];
    let settings = ObjectiveSettings {
        style_layers: layers.map(|layer| (layer, 1.0)).to_vec(),
        ..ObjectiveSettings::default()
    };
    let mut objective = Objective::new(&Network::Tensor(network.clone()), settings).unwrap();
    let masks = masks();
    let parts = parts(&mut objective, &masks, 1.0);
    objective.set_styles(parts);
    let x = picture(SIZE, 2);
    let (losses, _) = evaluate(&mut objective, &x);
    assert_eq!(losses.style.iter().map(|(layer, _)| *layer).collect::<Vec<_>>(), layers);
    for (layer, got) in &losses.style {
        let styles = [picture(Size::new(32, 41), 3), picture(Size::new(40, 33), 5)];
        let here = features(&network, &x, *layer);
        let expected: f64 = (styles.iter().zip(&masks))
            .map(|(style, mask)| {
                let style = features(&network, style, *layer);
                let target = weighted_gram(&style, &vec![1.0; style[0].len()]);
                let squares: Vec<f64> = halved(mask, *layer).iter().map(|t| t * t).collect();
                let gram = weighted_gram(&here, &squares);
                let apart: f64 = gram.iter().zip(&target).map(|(g, a)| (g - a).powi(2)).sum();
                let covered = mask.values().iter().map(|&v| f64::from(v)).sum::<f64>() / SIZE.pixels() as f64;
                covered * apart / target.iter().map(|a| a * a).sum::<f64>()
            })
            .sum();
        assert!((got / expected - 1.0).abs() < 1e-5, "{layer}: {got}, by the definition {expected}");
    }
}

/// The slope along the gradient over the gradient's norm.
fn slope(objective: &mut Objective, x: &Pixels, distance: f64) -> f64 {
    let (_, gradient) = evaluate(objective, x);
    let length = norm(&gradient);
    assert!(length > 0.0);
    let mut at = |distance: f64| {
        let mut moved = x.clone();
        let mut along = 0.0;
        for ((m, x), g) in moved.data_mut().iter_mut().zip(x.data()).zip(gradient.data()) {
            let g = f64::from(*g) / length;
            *m = (f64::from(*x) + distance * g) as f32;
            along += (f64::from(*m) - f64::from(*x)) * g;
        }
        (evaluate(objective, &moved).0.total, along)
    };
    let ((up, forth), (down, back)) = (at(distance), at(-distance));
    (up - down) / (forth - back) / length
}

#[test]
fn the_gradient_is_the_slope_on_both_engines() {
    let weights = weights();
    let cpu = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default()).unwrap();
    let x = picture(SIZE, 2);
    // A style everywhere beside those in the regions, as when two looks are mixed; and content.
    let whole = |objective: &mut Objective| StylePart {
        target: objective.describe_style(&picture(Size::new(32, 32), 7)).unwrap(),
        guide: None,
        share: 0.4,
    };
    let mut gradients = Vec::new();
    for (network, distance, tolerance) in
        [(Network::Tensor(in_float64(&weights)), 4e-4, 3e-3), (cpu, 4e-3, 1e-2)]
    {
        let mut objective = Objective::new(&network, ObjectiveSettings::default()).unwrap();
        objective.set_content(&picture(SIZE, 1)).unwrap();
        let mut parts = parts(&mut objective, &masks(), 0.6);
        parts.push(whole(&mut objective));
        objective.set_styles(parts);
        let slope = slope(&mut objective, &x, distance);
        assert!((slope - 1.0).abs() < tolerance, "{slope}");
        gradients.push(evaluate(&mut objective, &x));
    }
    let [(exact, reference), (losses, gradient)] = gradients.as_slice() else { panic!() };
    assert!((losses.total / exact.total - 1.0).abs() < 1e-4, "{losses:?} {exact:?}");
    let mut apart = gradient.clone();
    apart.data_mut().iter_mut().zip(reference.data()).for_each(|(a, b)| *a -= b);
    assert!(norm(&apart) < 2e-3 * norm(reference), "{} of {}", norm(&apart), norm(reference));
}

#[test]
fn a_region_that_is_the_whole_picture_changes_nothing() {
    let weights = weights();
    let cpu = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default()).unwrap();
    for network in [Network::Tensor(in_float64(&weights)), cpu] {
        let mut objective = Objective::new(&network, ObjectiveSettings::default()).unwrap();
        let x = picture(SIZE, 2);
        let target = objective.describe_style(&picture(Size::new(32, 41), 3)).unwrap();
        objective.set_style(target.clone());
        let (plain, gradient) = evaluate(&mut objective, &x);
        let guide = Some(Guide::new(&Mask::flat(SIZE, 1.0)));
        objective.set_styles(vec![StylePart { target, guide, share: 1.0 }]);
        let (guided, mut apart) = evaluate(&mut objective, &x);
        assert!((guided.total / plain.total - 1.0).abs() < 1e-5);
        apart.data_mut().iter_mut().zip(gradient.data()).for_each(|(a, b)| *a -= b);
        assert!(norm(&apart) < 1e-4 * norm(&gradient));
    }
}

#[test]
fn a_region_pulls_at_nothing_far_from_it_and_an_empty_one_at_nothing_at_all() {
    let network = Network::Tensor(in_float64(&weights()));
    let settings =
        ObjectiveSettings { style_layers: vec![(Layer::CONV2_1, 1.0)], ..ObjectiveSettings::default() };
    let mut objective = Objective::new(&network, settings).unwrap();
    let target = objective.describe_style(&picture(Size::new(32, 41), 3)).unwrap();
    let mut with = |mask: Mask| {
        objective.set_styles(vec![StylePart {
            target: target.clone(),
            guide: Some(Guide::new(&mask)),
            share: 1.0,
        }]);
        evaluate(&mut objective, &picture(SIZE, 2))
    };
    let (_, gradient) = with(mask(|x, _| f32::from(u8::from(x < 8))));
    for (i, pull) in gradient.data().iter().enumerate() {
        // conv2_1 sees ten pixels: five to the right of the last one in the region.
        assert!(i % SIZE.width < 14 || *pull == 0.0, "column {}: {pull}", i % SIZE.width);
    }
    assert!(norm(&gradient) > 0.0);
    let (losses, gradient) = with(Mask::flat(SIZE, 0.0));
    assert_eq!((losses.total, norm(&gradient)), (0.0, 0.0));
}

#[test]
fn a_guide_of_another_size_is_refused() {
    let network = Network::Tensor(in_float64(&weights()));
    let mut objective = Objective::new(&network, ObjectiveSettings::default()).unwrap();
    let parts = parts(&mut objective, &masks(), 1.0);
    objective.set_styles(parts);
    let size = Size::new(34, 37);
    let error = objective.evaluate(&picture(size, 2), &mut Pixels::zeros(size)).unwrap_err();
    assert!(error.next_step().is_some());
}

#[test]
fn the_fine_scale_is_of_one_picture_and_the_coarse_of_the_other() {
    let network = Network::Tensor(in_float64(&weights()));
    let mut objective = Objective::new(&network, ObjectiveSettings::default()).unwrap();
    let (fine, coarse) = (picture(SIZE, 3), picture(SIZE, 8));
    let styles = [&fine, &coarse].map(|style| objective.describe_style(style).unwrap());
    objective.set_style(StyleTarget::split(&styles[0], &styles[1]).unwrap());
    let nothing = |x: &Pixels, objective: &mut Objective| {
        let (losses, _) = evaluate(objective, x);
        losses.style.iter().map(|(_, loss)| *loss < 1e-9).collect::<Vec<_>>()
    };
    // At conv3_1 each is half: neither picture has that Gram matrix.
    assert_eq!(nothing(&fine, &mut objective), [true, true, false, false, false]);
    assert_eq!(nothing(&coarse, &mut objective), [false, false, false, true, true]);
}
