//! What one iteration costs: forward to the deepest layer, losses, gradient to the pixels and a step
//! of the optimiser, with the default objective on a picture of crossing waves. Pixels are where painting has them:
//! on a GPU in half precision they stay there.
//!
//! Times are the median of several iterations after a warm-up, so that one hiccup of the machine does
//! not count. [`agreement`] tells whether a device computes the right thing at all.

pub mod agreement;

use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::kernels::cpu::peak_flops;
use crate::loss::{Objective, ObjectiveSettings};
use crate::pixels::Pixels;
use crate::stylize::{Mover, OptimizerKind};
use crate::vgg::{Layer, Network, Stage};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Instant;

/// One measured configuration.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// Of the picture, in pixels.
    pub width: usize,
    /// Of the picture, in pixels.
    pub height: usize,
    /// `cpu` or `cuda`.
    pub device: String,
    /// The type of the arithmetic: `f32`, or on a GPU `tf32` or `f16`.
    pub dtype: String,
    /// In half precision, in which way it convolves: `mma`, `wgmma` or `cudnn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convolutions: Option<String>,
    /// Threads of the CPU that take part.
    pub threads: usize,
    /// The instructions used; absent on a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Iterations measured.
    pub iterations: usize,
    /// The median.
    pub seconds_per_iteration: f64,
    /// The fastest.
    pub fastest_seconds: f64,
    /// Floating-point operations a second that a direct convolution would have needed for the same
    /// work.
    pub direct_flops: f64,
    /// Floating-point operations a second of multiply-adds on registers, measured in the same run; CPU
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_flops: Option<f64>,
    /// Bytes held for activations, gradients and packed kernels; on a GPU, bytes planned for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// The parts of an iteration in order, each with its median; CPU only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,
}

/// What a part of an iteration takes.
#[derive(Debug, Clone, Serialize)]
pub struct StageTime {
    /// Layer and direction.
    pub stage: String,
    /// The median.
    pub seconds: f64,
    /// Of the whole iteration, 0..1.
    pub share: f64,
}

/// Measures `iterations` of them on `network`, `device` and `dtype` being the names of its device and its
/// arithmetic, after two to warm up.
///
/// # Errors
/// A picture too small for the default layers; a network that fails.
pub fn measure(
    network: &Network,
    [device, dtype]: [&str; 2],
    size: Size,
    iterations: usize,
) -> Result<Measurement> {
    if iterations == 0 {
        return Err(Error::usage("nothing to measure in 0 iterations").hint("give --iterations 1 or more"));
    }
    network.install(|| {
        let settings = ObjectiveSettings::default();
        let deepest = settings.style_layers.iter().map(|(layer, _)| *layer).max();
        let content: Vec<Layer> = settings.content_layers.iter().map(|(layer, _)| *layer).collect();
        let planned = deepest.and_then(|deepest| network.memory(deepest, &content, size));
        let mut objective = Objective::new(network, settings)?;
        let style = objective.describe_style(&waves(Size::new(256, 256), 3))?;
        objective.set_style(style);
        objective.set_content(&waves(size, 1))?;
        let mut x = waves(size, 2);
        let mut mover = Mover::new(OptimizerKind::Adam, 0.01, network)?;
        mover.begin(&x)?;
        let mut whole = Vec::new();
        let mut parts: HashMap<Stage, Vec<f64>> = HashMap::new();
        let mut order: Vec<Stage> = Vec::new();
        for iteration in 0..iterations + 2 {
            let began = Instant::now();
            let losses = mover.evaluate(&mut objective, &x, false)?;
            let _ = mover.step(&mut x, losses.total)?;
            if iteration < 2 {
                continue;
            }
            whole.push(began.elapsed().as_secs_f64());
            for (stage, duration) in objective.last_pass().map_or(&[][..], |(timings, _)| timings) {
                let times = parts.entry(*stage).or_default();
                if times.is_empty() {
                    order.push(*stage);
                }
                times.push(duration.as_secs_f64());
            }
        }
        let seconds = median(&mut whole);
        let flops = deepest.map_or(0.0, |deepest| direct_flops(network, size, deepest));
        let cpu = match network {
            Network::Cpu(network) => Some(network),
            Network::Tensor(_) | Network::Half(_) => None,
        };
        Ok(Measurement {
            width: size.width,
            height: size.height,
            device: device.to_owned(),
            dtype: dtype.to_owned(),
            convolutions: network.convolutions().map(|way| way.to_string()),
            threads: network.threads(),
            level: cpu.map(|network| network.cpu().level().to_string()),
            iterations,
            seconds_per_iteration: seconds,
            fastest_seconds: whole.first().copied().unwrap_or(seconds),
            direct_flops: flops / seconds,
            peak_flops: cpu.map(|network| peak_flops(network.cpu())),
            bytes: match cpu {
                Some(network) => objective.last_pass().map(|(_, bytes)| network.bytes() + bytes),
                None => planned.map(|plan| plan.total() as usize),
            },
            stages: order
                .into_iter()
                .map(|stage| {
                    let time = parts.get_mut(&stage).map_or(0.0, |times| median(times));
                    StageTime { stage: stage.to_string(), seconds: time, share: time / seconds }
                })
                .collect(),
        })
    })
}

/// Sorts, and takes the middle (the lower of two).
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len().max(1) - 1) / 2).copied().unwrap_or(0.0)
}

/// The operations of all convolutions to `deepest`, forward and back to the pixels, done directly; a
/// multiply-add counts as two.
fn direct_flops(network: &Network, size: Size, deepest: Layer) -> f64 {
    let mut inputs = 3;
    let mut sum = 0.0;
    for layer in network.model().layers().take_while(|layer| *layer <= deepest) {
        let pixels = (size.width / layer.stride()) * (size.height / layer.stride());
        sum += 2.0 * 2.0 * 9.0 * (inputs * layer.channels() * pixels) as f64;
        inputs = layer.channels();
    }
    sum
}

/// A picture of crossing waves.
fn waves(size: Size, seed: usize) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(size, |x, y| {
        [0, 1, 2].map(|c| {
            let wave = (x * (3 + seed) + y * (5 + c) + x * y / (7 + seed)) % 256;
            if wave < 128 { 2 * wave as u8 } else { (511 - 2 * wave) as u8 }
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
