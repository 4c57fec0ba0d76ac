//! How far the CPU engine's float32 Winograd arithmetic is from the truth, on a painted frame.
//!
//! The truth is the objective in float64 on candle's tensors, written out here once more. A ReLU whose
//! input is near 0 may flip between float32 and float64 and then changes the gradient by a finite
//! amount, in any implementation; with the engine's own masks shared, only rounding remains.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use candle_core::{D, DType, Device as Candle, Tensor};
use stylecast::device::Device;
use stylecast::frame::{Frame, Size};
use stylecast::kernels::cpu::{Algorithm, Cpu, Threads};
use stylecast::loss::{Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_frame;
use stylecast::stylize::{OptimizerKind, PaintSettings, Painter};
use stylecast::vgg::{CpuNetwork, CpuSettings, Layer, Model, Network, Plan, Pooling, Weights};

/// Odd sides, so that pools drop an edge.
const SIZE: Size = Size::new(109, 83);

fn picture(name: &str, size: Size) -> Frame {
    let path = format!("{}/examples/media/{name}", env!("CARGO_MANIFEST_DIR"));
    let picture = image::open(path).unwrap().to_rgb8();
    let whole = Size::new(picture.width() as usize, picture.height() as usize);
    resize_frame(&Frame::new(whole, picture.into_raw()).unwrap(), size)
}

fn content() -> Frame {
    picture("summertime.jpg", SIZE)
}

fn style() -> Frame {
    picture("auvers.jpg", Size::new(112, 87))
}

fn weights() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors");
    Weights::parse(&std::fs::read(path).unwrap(), path, None).unwrap()
}

fn network(algorithm: Algorithm) -> Network {
    let settings = CpuSettings { algorithm, ..CpuSettings::default() };
    Network::new(&weights(), Pooling::Average, &Device::Cpu, settings).unwrap()
}

fn paint(algorithm: Algorithm, iterations: usize) -> (Frame, f64) {
    // By Adam, which leaves a gradient that is far from 0: near the minimum its terms cancel, and the same
    // error is a larger share of what remains (2e-5 after as many steps of L-BFGS).
    let settings = PaintSettings {
        optimizer: OptimizerKind::Adam,
        first_iterations: iterations,
        style_size: Some(112),
        ..PaintSettings::default()
    };
    let mut painter = Painter::new(network(algorithm), settings, vec![(style(), 1.0)]).unwrap();
    let painted = painter.paint(&content()).unwrap();
    (painted.frame, painted.report.last_loss.unwrap())
}

/// The network in float64, with its own ReLUs or with given masks.
struct Truth {
    convs: Vec<[Tensor; 3]>,
    gain: Tensor,
    offset: Tensor,
}

impl Truth {
    fn new(weights: &Weights) -> candle_core::Result<Self> {
        let tensor = |values: &[f32], shape: &[usize]| {
            Tensor::from_slice(values, shape, &Candle::Cpu)?.to_dtype(DType::F64)
        };
        let mut convs = Vec::new();
        for conv in weights.convs() {
            let kernel = tensor(&conv.kernel, &[conv.outputs, conv.inputs, 3, 3])?;
            let flipped = kernel.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?;
            convs.push([kernel, flipped, tensor(&conv.bias, &[1, conv.outputs, 1, 1])?]);
        }
        let n = weights.normalization();
        let gain = tensor(&n.std.map(|std| n.scale / std), &[1, 3, 1, 1])?;
        let offset = tensor(&[0, 1, 2].map(|c| -n.mean[c] / n.std[c]), &[1, 3, 1, 1])?;
        Ok(Self { convs, gain, offset })
    }

    fn layers() -> Vec<Layer> {
        Model::Vgg16.layers().take_while(|layer| *layer <= Layer::CONV5_1).collect()
    }

    /// Outputs and masks of all layers to conv5_1.
    fn forward(
        &self,
        x: &Pixels,
        masks: Option<&[Tensor]>,
    ) -> candle_core::Result<(Vec<Tensor>, Vec<Tensor>)> {
        let shape = (1, 3, x.size().height, x.size().width);
        let x = Tensor::from_slice(x.data(), shape, &Candle::Cpu)?.to_dtype(DType::F64)?;
        let mut input = x.broadcast_mul(&self.gain)?.broadcast_add(&self.offset)?;
        let (mut outputs, mut used) = (Vec::new(), Vec::new());
        let mut block = 1;
        for (position, layer) in Self::layers().into_iter().enumerate() {
            if layer.block() != block {
                input = input.avg_pool2d(2)?;
                block = layer.block();
            }
            let [kernel, _, bias] = &self.convs[position];
            let sum = input.conv2d(kernel, 1, 1, 1, 1)?.broadcast_add(bias)?;
            let mask = match masks {
                Some(masks) => masks[position].clone(),
                None => sum.gt(0.0)?.to_dtype(DType::F64)?,
            };
            input = sum.mul(&mask)?;
            outputs.push(input.clone());
            used.push(mask);
        }
        Ok((outputs, used))
    }

    fn gram(features: &Tensor) -> candle_core::Result<Tensor> {
        let (_, c, h, w) = features.dims4()?;
        let flat = features.reshape((c, h * w))?;
        flat.matmul(&flat.t()?)? / (h * w) as f64
    }

    /// The gradient of the default objective at `x`.
    fn gradient(&self, x: &Pixels, masks: Option<&[Tensor]>) -> candle_core::Result<Vec<f64>> {
        let (targets, _) = self.forward(&Pixels::from_frame(&style()), None)?;
        let (content, _) = self.forward(&Pixels::from_frame(&content()), None)?;
        let (outputs, masks) = self.forward(x, masks)?;
        let layers = Self::layers();
        let mut gradient: Option<Tensor> = None;
        for (position, &layer) in layers.iter().enumerate().rev() {
            let features = &outputs[position];
            let (_, c, h, w) = features.dims4()?;
            if layers.get(position + 1).is_some_and(|above| above.block() != layer.block()) {
                let g = gradient.take().unwrap();
                let spread = (g.upsample_nearest2d(2 * (h / 2), 2 * (w / 2))? * 0.25)?;
                gradient =
                    Some(spread.pad_with_zeros(D::Minus2, 0, h % 2)?.pad_with_zeros(D::Minus1, 0, w % 2)?);
            }
            let mut sum = match gradient.take() {
                Some(gradient) => gradient,
                None => features.zeros_like()?,
            };
            if layer.index() == 1 {
                let target = Self::gram(&targets[position])?;
                let norm: f64 = target.sqr()?.sum_all()?.to_scalar()?;
                let difference = (Self::gram(features)? - target)?;
                let tap = difference.matmul(&features.reshape((c, h * w))?)?.reshape((1, c, h, w))?;
                sum = (sum + (tap * (3.0 * 4.0 / 5.0 / norm / (h * w) as f64))?)?;
            }
            if layer == Layer::CONV4_2 {
                let norm: f64 = content[position].sqr()?.sum_all()?.to_scalar()?;
                sum = (sum + ((features - &content[position])? * (2.0 / norm))?)?;
            }
            gradient = Some(sum.mul(&masks[position])?.conv2d(&self.convs[position][1], 1, 1, 1, 1)?);
        }
        gradient.unwrap().broadcast_mul(&self.gain)?.flatten_all()?.to_vec1()
    }
}

/// Which outputs of the CPU engine are positive, for every layer to conv5_1.
fn engine_masks(x: &Pixels) -> Vec<Tensor> {
    let cpu = Cpu::new(Threads::new(2).unwrap(), None).unwrap();
    let network = CpuNetwork::new(&weights(), Pooling::Average, cpu, Algorithm::F4).unwrap();
    let layers = Truth::layers();
    let mut plan = Plan::new(&network, x.size(), Layer::CONV5_1, &layers).unwrap();
    plan.forward(&network, x.data(), Layer::CONV5_1).unwrap();
    let mask = |layer: Layer| {
        let features = plan.features(&network, layer).unwrap();
        let shape = (1, features.channels(), features.size().height, features.size().width);
        let mask: Vec<f64> = features.to_planar().iter().map(|&f| f64::from(u8::from(f > 0.0))).collect();
        Tensor::from_vec(mask, shape, &Candle::Cpu).unwrap()
    };
    layers.iter().copied().map(mask).collect()
}

fn relative_error(ours: &[f32], truth: &[f64]) -> f64 {
    let distance: f64 = ours.iter().zip(truth).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum();
    (distance / truth.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

#[test]
fn the_gradient_of_a_painted_frame_is_right_to_the_float32() {
    let x = Pixels::from_frame(&paint(Algorithm::F4, 25).0);
    let mut objective = Objective::new(&network(Algorithm::F4), ObjectiveSettings::default()).unwrap();
    let target = objective.describe_style(&Pixels::from_frame(&style())).unwrap();
    objective.set_style(target);
    objective.set_content(&Pixels::from_frame(&content())).unwrap();
    let mut gradient = Pixels::zeros(x.size());
    objective.evaluate(&x, &mut gradient).unwrap();

    let truth = Truth::new(&weights()).unwrap();
    let shared = relative_error(gradient.data(), &truth.gradient(&x, Some(&engine_masks(&x))).unwrap());
    let own = relative_error(gradient.data(), &truth.gradient(&x, None).unwrap());
    println!("relative error of the gradient: {shared:.2e} with shared masks, {own:.2e} without");
    assert!(shared <= 1e-5, "{shared}");
    assert!(own <= 5e-3, "{own}");
}

#[test]
fn a_hundred_iterations_end_where_direct_convolutions_end() {
    let (winograd, direct) = (paint(Algorithm::F4, 100).1, paint(Algorithm::Direct, 100).1);
    println!("objective after 100 iterations: {winograd} by Winograd, {direct} directly");
    assert!((winograd / direct - 1.0).abs() <= 2e-3, "{winograd} {direct}");
}
