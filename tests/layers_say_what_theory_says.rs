//! What the layers do is what the theory says: Gram matrices know nothing of places, shallow layers nothing
//! of anything large, and only the proportions of the weights count.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/painting.rs"]
mod painting;

use candle_core::{DType, Tensor};
use painting::{network, picture};
use std::ops::ControlFlow;
use stylecast::device::Device;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Losses, Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_frame;
use stylecast::study::{Easel, Made, Study, StudyKind, StudySettings};
use stylecast::stylize::{PaintSettings, Painter};
use stylecast::vgg::{CpuSettings, Layer, Model, Network, Pooling, TensorNetwork, Weights};

const LAYERS: [Layer; 5] = [Layer::CONV1_1, Layer::CONV2_1, Layer::CONV3_1, Layer::CONV4_1, Layer::CONV5_1];

/// The stride of the fifth block: from one of its positions to the next.
const BLOCK: usize = 16;

fn weights() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors");
    Weights::parse(&std::fs::read(path).unwrap(), path, None).unwrap()
}

/// The network on candle's tensors.
fn plain() -> Network {
    let device = Device::Tensor(candle_core::Device::Cpu);
    Network::new(&weights(), Pooling::Average, &device, CpuSettings::default()).unwrap()
}

fn photo() -> Frame {
    resize_frame(&picture("summertime.jpg"), Size::new(48, 36))
}

fn style() -> Frame {
    resize_frame(&picture("auvers.jpg"), Size::new(64, 48))
}

// --- Gram matrices of a picture without edges ------------------------------------------------------

/// Beyond this many pixels nothing of a position inside is influenced from outside.
const MARGIN: usize = 64;

/// The Gram matrices of `picture` on the network in float64, as if every convolution padded circularly.
///
/// The picture is laid out as a wallpaper so wide that the zeros beyond its edges are out of sight of the
/// features over the middle copy, and those alone are looked at.
fn circular_grams(network: &TensorNetwork, picture: &Frame) -> Vec<Vec<f64>> {
    let Size { width, height } = picture.size();
    let wide = Size::new(width + 2 * MARGIN, height + 2 * MARGIN);
    let around = |at: usize, n: usize| (at + n * MARGIN - MARGIN) % n;
    let wallpaper = Frame::from_fn(wide, |x, y| picture.pixel(around(x, width), around(y, height)));
    let shape = (1, 3, wide.height, wide.width);
    let x = Tensor::from_slice(Pixels::from_frame(&wallpaper).data(), shape, network.device()).unwrap();
    let activations = network.forward(&x.to_dtype(DType::F64).unwrap(), Layer::CONV5_1).unwrap();
    let gram = |layer: Layer| -> candle_core::Result<Vec<f64>> {
        let stride = layer.stride();
        assert!(2 * MARGIN + stride >= layer.receptive_field(Model::Vgg16) && MARGIN.is_multiple_of(stride));
        let (columns, rows) = (width / stride, height / stride);
        let features = activations.get(layer, Model::Vgg16).unwrap();
        let middle = features.narrow(2, MARGIN / stride, rows)?.narrow(3, MARGIN / stride, columns)?;
        let flat = middle.contiguous()?.reshape((layer.channels(), rows * columns))?;
        (flat.matmul(&flat.t()?)? / (rows * columns) as f64)?.flatten_all()?.to_vec1()
    };
    LAYERS.map(|layer| gram(layer).unwrap()).to_vec()
}

/// ‖G − A‖² / ‖A‖² of every layer: the style loss.
fn changes(grams: &[Vec<f64>], of: &[Vec<f64>]) -> Vec<f64> {
    let change = |(g, a): (&Vec<f64>, &Vec<f64>)| {
        let distance: f64 = g.iter().zip(a).map(|(g, a)| (g - a).powi(2)).sum();
        distance / a.iter().map(|a| a * a).sum::<f64>()
    };
    grams.iter().zip(of).map(change).collect()
}

#[test]
fn a_gram_matrix_does_not_know_where_and_a_shallow_one_nothing_of_what_is_large() {
    let network = TensorNetwork::new(&weights(), Pooling::Average, &candle_core::Device::Cpu, DType::F64);
    let network = network.unwrap();
    let (style, Size { width, height }) = (style(), style().size());
    let grams = circular_grams(&network, &style);
    let shifted = |right: usize, down: usize| {
        let shifted = Frame::from_fn(style.size(), |x, y| {
            style.pixel((x + width - right) % width, (y + height - down) % height)
        });
        changes(&circular_grams(&network, &shifted), &grams)
    };

    // By whole positions of every layer: the same features in other places.
    let changed = shifted(3 * BLOCK, BLOCK);
    println!("shifted by 48 and 16 pixels: {changed:?}");
    assert!(changed.iter().all(|change| *change < 1e-24), "{changed:?}");

    // By half a position of the fifth block, which alone can tell.
    let changed = shifted(BLOCK / 2, BLOCK / 2);
    println!("shifted by 8 pixels: {changed:?}");
    assert!(changed[..4].iter().all(|change| *change < 1e-24), "{changed:?}");
    assert!(changed[4] > 1e-2, "{changed:?}");

    // In pieces, each in another place: only windows across their edges differ, which are few in the first
    // layer and all of them in the last, whose positions see far beyond a piece.
    let columns = width / BLOCK;
    let mut order: Vec<usize> = (0..columns * height / BLOCK).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut order);
    let shuffled = Frame::from_fn(style.size(), |x, y| {
        let from = order[y / BLOCK * columns + x / BLOCK];
        style.pixel(from % columns * BLOCK + x % BLOCK, from / columns * BLOCK + y % BLOCK)
    });
    let changed = changes(&circular_grams(&network, &shuffled), &grams);
    println!("pieces of 16 pixels shuffled: {changed:?}");
    assert!(changed[0] < 0.05 && changed[4] > 0.5, "{changed:?}");
    assert!(changed.windows(2).skip(1).all(|pair| pair[0] < pair[1]), "the deeper, the more: {changed:?}");
}

// --- Weights ----------------------------------------------------------------------------------------

#[test]
fn averaging_and_summing_paint_the_same_to_the_bit() {
    let network = network();
    let painted = |weights: [f64; 5]| {
        let mut settings = PaintSettings { first_iterations: 4, ..PaintSettings::default() };
        settings.objective.style_layers = LAYERS.into_iter().zip(weights).collect();
        let mut painter = Painter::new(network.clone(), settings, vec![(style(), 1.0)]).unwrap();
        painter.paint_still(&photo(), |_| ControlFlow::Continue(())).unwrap()
    };
    let (sum, mean) = (painted([1.0; 5]), painted([0.2; 5]));
    assert_eq!(sum.frame, mean.frame);
    assert_eq!(sum.report.last_loss, mean.report.last_loss);
    assert_ne!(sum.frame, painted([1.0, 1.0, 1.0, 1.0, 2.0]).frame, "other proportions are another picture");
}

fn losses(network: &Network, layers: &[(&str, f64)]) -> (Losses, Vec<f64>) {
    let layers = layers.iter().map(|(name, weight)| (name.parse().unwrap(), *weight)).collect();
    let settings = ObjectiveSettings { content_layers: layers, style_weight: 0.0, ..Default::default() };
    let mut objective = Objective::new(network, settings).unwrap();
    objective.set_content(&Pixels::from_frame(&photo())).unwrap();
    let other = resize_frame(&picture("poppies.jpg"), photo().size());
    let mut gradient = Pixels::zeros(other.size());
    let losses = objective.evaluate(&Pixels::from_frame(&other), &mut gradient).unwrap();
    (losses, gradient.data().iter().map(|g| f64::from(*g)).collect())
}

#[test]
fn several_content_layers_are_the_weighted_mean_of_each_alone() {
    for (engine, network) in [("cpu", network()), ("tensor", plain())] {
        let (first, first_gradient) = losses(&network, &[("conv2_2", 5.0)]);
        let (second, second_gradient) = losses(&network, &[("conv4_2", 1.0)]);
        for weights in [[1.0, 3.0], [0.25, 0.75]] {
            let (both, gradient) = losses(&network, &[("conv4_2", weights[1]), ("conv2_2", weights[0])]);
            let layers: Vec<_> = both.content_layers.iter().map(|(layer, _)| layer.to_string()).collect();
            assert_eq!(layers, ["conv4_2", "conv2_2"], "{engine}: in the order of the settings");
            let agree = |a: f64, b: f64| (a - b).abs() < 1e-5 * b.abs();
            assert!(agree(both.content_layers[0].1, second.content), "{engine}: {both:?} {second:?}");
            assert!(agree(both.content_layers[1].1, first.content), "{engine}: {both:?} {first:?}");
            assert!(agree(both.content, 0.25 * first.content + 0.75 * second.content), "{engine}: {both:?}");
            assert!(agree(both.total, both.content), "{engine}: {both:?}");
            let expected = first_gradient.iter().zip(&second_gradient).map(|(a, b)| 0.25 * a + 0.75 * b);
            let (mut distance, mut length) = (0.0, 0.0);
            for (ours, expected) in gradient.iter().zip(expected) {
                distance += (ours - expected).powi(2);
                length += expected.powi(2);
            }
            assert!(distance.sqrt() < 1e-4 * length.sqrt(), "{engine}: {}", (distance / length).sqrt());
        }
    }
}

// --- Studies ----------------------------------------------------------------------------------------

/// Everything that a study paints, by name.
fn made(kind: StudyKind, change: impl FnOnce(&mut StudySettings)) -> impl Fn(&str) -> Made {
    let mut settings = StudySettings::default();
    settings.paint.first_iterations = 12;
    change(&mut settings);
    let study = Study::new(kind, &settings, Model::Vgg16, photo().size()).unwrap();
    let mut easel = Easel::new(plain(), &study, Some(&photo()), vec![(style(), 1.0)]).unwrap();
    let made: Vec<(String, Made)> = study
        .cells()
        .map(|cell| {
            let made = easel.paint(cell, |_| ControlFlow::Continue(())).unwrap().unwrap();
            assert!(made.iterations <= 12 && made.picture.size() == study.cell_size());
            (cell.name.clone(), made)
        })
        .collect();
    move |name| made.iter().find(|(known, _)| known == name).unwrap().1.clone()
}

#[test]
fn a_style_layer_is_matched_best_by_who_paints_towards_it() {
    let made = made(StudyKind::Style, |_| ());
    for (i, layer) in LAYERS.into_iter().enumerate() {
        let (only, without) = (made(&format!("style-only-{layer}")), made(&format!("style-without-{layer}")));
        let of = |made: &Made| made.full.style[i].1;
        assert!(of(&only) < of(&without), "{layer}: {} {}", of(&only), of(&without));
        assert!(of(&made("style-all")) < of(&without), "{layer}");
        assert_eq!(only.own.style, [(layer, of(&only))], "its own objective knows this layer alone");
    }
}

#[test]
fn a_shallow_content_layer_keeps_the_pixels_and_a_deep_one_lets_them_go() {
    let made = made(StudyKind::Content, |settings| {
        settings.paint.objective.content_layers = [Layer::CONV1_1, Layer::CONV4_2].map(|l| (l, 1.0)).to_vec();
    });
    let distance = |name: &str| {
        let (painted, source) = (made(name).picture, photo());
        let pairs = painted.data().iter().zip(source.data());
        pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>()
    };
    let (shallow, deep) = (distance("content-only-conv1_1"), distance("content-only-conv4_2"));
    assert!(shallow < 0.85 * deep, "{shallow} {deep}");
    // Kept is what was asked to be kept.
    let of = |name: &str, i: usize| made(name).full.content_layers[i].1;
    assert!(of("content-only-conv1_1", 0) < of("content-only-conv4_2", 0));
    assert!(of("content-only-conv4_2", 1) < of("content-only-conv1_1", 1));
}

#[test]
fn a_texture_comes_from_the_noise_and_not_from_the_source() {
    let few = |settings: &mut StudySettings| settings.paint.first_iterations = 2;
    let settings = StudySettings::default();
    let (seed, other) = (
        made(StudyKind::Texture, few),
        made(StudyKind::Texture, |s| {
            few(s);
            s.paint.seed = 1;
        }),
    );
    let all = "texture-up-to-conv5_1";
    assert_ne!(seed(all).picture, other(all).picture);
    assert_eq!(seed("texture-only-conv1_1").picture, seed("texture-up-to-conv1_1").picture);
    let study = Study::new(StudyKind::Texture, &settings, Model::Vgg16, photo().size()).unwrap();
    let easel = Easel::new(plain(), &study, None, vec![(style(), 1.0)]).unwrap();
    assert_eq!(easel.source().size(), study.cell_size());
    let style_study = Study::new(StudyKind::Style, &settings, Model::Vgg16, photo().size()).unwrap();
    assert!(Easel::new(plain(), &style_study, None, vec![(style(), 1.0)]).is_err());
}
