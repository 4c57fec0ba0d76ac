//! Whether a device computes what the CPU's engine computes: gradients, layer by layer and as a whole, and the
//! objective that optimising by them ends at.
//!
//! On fresh random pictures every time, because a kernel that is wrong somewhere is rarely wrong everywhere.
//! Two engines never agree to the last bit, nor need they: a ReLU whose input is near 0 goes one way here and the
//! other there, and from then on two runs differ as two equally good paintings do.

use crate::error::Result;
use crate::frame::Size;
use crate::loss::{Objective, ObjectiveSettings};
use crate::pixels::Pixels;
use crate::resize::resize_linear;
use crate::stylize::{Mover, OptimizerKind};
use crate::vgg::Network;
use serde::Serialize;

/// The least cosine between the two gradients.
pub const LEAST_COSINE: f64 = 0.999;

/// The largest difference between the two objectives after some iterations, as a share of the CPU's.
pub const LARGEST_DIFFERENCE: f64 = 0.01;

/// The largest difference between two pictures that L-BFGS led to in two places by the same gradients, in 0..1.
pub const LARGEST_DISTANCE: f64 = 0.02;

/// Adam's step, the default of painting.
const LEARNING_RATE: f64 = 0.02;

/// Iterations of L-BFGS that are compared: later ones amplify roundings.
const STEPS: usize = 5;

/// How far two engines agree on pictures of one size.
#[derive(Debug, Clone, Serialize)]
pub struct Agreement {
    /// Of the picture, in pixels.
    pub width: usize,
    /// Of the picture, in pixels.
    pub height: usize,
    /// What was compared with the CPU: `cuda`, or `tensor` for the plain reference.
    pub device: String,
    /// How exact its products are.
    pub precision: String,
    /// In half precision, in which way it convolves: `mma`, `wgmma` or `cudnn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convolutions: Option<String>,
    /// How the network shrinks pictures.
    pub pooling: String,
    /// The random pictures, to have them again.
    pub seed: u64,
    /// The gradient of the content and the style of each layer alone.
    pub layers: Vec<LayerAgreement>,
    /// The cosine between the gradients of the default objective.
    pub cosine: f64,
    /// The length of their difference, as a share of the CPU's.
    pub relative_error: f64,
    /// The objective after some iterations of both.
    pub objectives: Vec<ObjectiveAgreement>,
    /// How far apart, at most, L-BFGS leads the pixels on the device and in the CPU's memory, both by the device's
    /// gradients; absent where they are in the CPU's memory anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_apart: Option<f64>,
    /// Whether all of it is within [`LEAST_COSINE`], [`LARGEST_DIFFERENCE`] and [`LARGEST_DISTANCE`].
    pub passed: bool,
}

/// The gradient of one layer's losses.
#[derive(Debug, Clone, Serialize)]
pub struct LayerAgreement {
    /// The layer's name.
    pub layer: String,
    /// The cosine between the two gradients.
    pub cosine: f64,
}

/// Where the two engines' own ways lead.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectiveAgreement {
    /// Iterations of Adam, each engine by its own gradients.
    pub iterations: usize,
    /// The objective where the CPU's engine has got to.
    pub cpu: f64,
    /// And the other.
    pub device: f64,
}

impl ObjectiveAgreement {
    /// The difference as a share of the CPU's objective.
    pub fn difference(&self) -> f64 {
        (self.device - self.cpu).abs() / self.cpu
    }
}

/// What is compared on which pictures.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Of the pictures.
    pub size: Size,
    /// Of their random numbers.
    pub seed: u64,
    /// Iterations after which the objectives are compared, also after a tenth of them.
    pub iterations: usize,
}

/// Compares `subject`, on `device` with `precision`, with the CPU's engine.
///
/// # Errors
/// A picture too small for the default layers; an engine that fails.
pub fn compare(
    cpu: &Network,
    subject: &Network,
    [device, precision]: [String; 2],
    settings: &ObjectiveSettings,
    check: Check,
) -> Result<Agreement> {
    let Check { size, seed, iterations } = check;
    let mut random = fastrand::Rng::with_seed(seed);
    let pictures = Pictures {
        style: picture(size, &mut random),
        content: picture(size, &mut random),
        x: picture(size, &mut random),
    };
    let both = |settings: &ObjectiveSettings| -> Result<[Pixels; 2]> {
        Ok([pictures.gradient(cpu, settings)?, pictures.gradient(subject, settings)?])
    };
    let mut layers = Vec::new();
    for layer in cpu.model().layers() {
        let alone = vec![(layer, 1.0)];
        let only =
            ObjectiveSettings { style_layers: alone.clone(), content_layers: alone, ..settings.clone() };
        let [expected, ours] = both(&only)?;
        layers.push(LayerAgreement { layer: layer.to_string(), cosine: cosine(&expected, &ours) });
    }
    let [expected, ours] = both(settings)?;
    let objectives = [iterations / 10, iterations].into_iter().filter(|&iterations| iterations > 0);
    let objectives = objectives
        .map(|iterations| {
            let [cpu, device] = [cpu, subject].map(|network| pictures.paint(network, settings, iterations));
            Ok(ObjectiveAgreement { iterations, cpu: cpu?, device: device? })
        })
        .collect::<Result<Vec<_>>>()?;
    let cosine = cosine(&expected, &ours);
    let steps_apart = pictures.steps_apart(subject, settings)?;
    // Written so that NaN does not pass.
    let passed = layers.iter().all(|layer| layer.cosine >= LEAST_COSINE)
        && cosine >= LEAST_COSINE
        && objectives.iter().all(|objective| objective.difference() <= LARGEST_DIFFERENCE)
        && steps_apart.is_none_or(|apart| apart <= LARGEST_DISTANCE);
    Ok(Agreement {
        width: size.width,
        height: size.height,
        device,
        precision,
        convolutions: subject.convolutions().map(|way| way.to_string()),
        pooling: settings.pooling.to_string(),
        seed,
        layers,
        cosine,
        relative_error: distance(&expected, &ours) / length(&expected),
        objectives,
        steps_apart,
        passed,
    })
}

struct Pictures {
    style: Pixels,
    content: Pixels,
    x: Pixels,
}

impl Pictures {
    fn objective(&self, network: &Network, settings: &ObjectiveSettings) -> Result<Objective> {
        let mut objective = Objective::new(network, settings.clone())?;
        let style = objective.describe_style(&self.style)?;
        objective.set_style(style);
        objective.set_content(&self.content)?;
        Ok(objective)
    }

    fn gradient(&self, network: &Network, settings: &ObjectiveSettings) -> Result<Pixels> {
        network.install(|| {
            let mut gradient = Pixels::zeros(self.x.size());
            self.objective(network, settings)?.evaluate(&self.x, &mut gradient)?;
            Ok(gradient)
        })
    }

    /// The objective after so many iterations of Adam.
    fn paint(&self, network: &Network, settings: &ObjectiveSettings, iterations: usize) -> Result<f64> {
        let x = self.moved(
            network,
            settings,
            Mover::new(OptimizerKind::Adam, LEARNING_RATE, network)?,
            iterations,
        )?;
        network.install(|| {
            let mut gradient = Pixels::zeros(x.size());
            Ok(self.objective(network, settings)?.evaluate(&x, &mut gradient)?.total)
        })
    }

    /// See [`Agreement::steps_apart`].
    fn steps_apart(&self, network: &Network, settings: &ObjectiveSettings) -> Result<Option<f64>> {
        let there = Mover::new(OptimizerKind::Lbfgs, LEARNING_RATE, network)?;
        if !there.is_on_gpu() {
            return Ok(None);
        }
        let here = Mover::on_host(OptimizerKind::Lbfgs, LEARNING_RATE);
        let there = self.moved(network, settings, there, STEPS)?;
        let here = self.moved(network, settings, here, STEPS)?;
        let apart = here.data().iter().zip(there.data()).map(|(a, b)| f64::from((a - b).abs()));
        // Written so that NaN is a difference.
        Ok(Some(apart.fold(0.0, |most, apart| if apart <= most { most } else { apart })))
    }

    /// Where `mover` gets in so many iterations.
    fn moved(
        &self,
        network: &Network,
        settings: &ObjectiveSettings,
        mut mover: Mover,
        iterations: usize,
    ) -> Result<Pixels> {
        network.install(|| {
            let mut objective = self.objective(network, settings)?;
            let mut x = self.x.clone();
            mover.begin(&x)?;
            for _ in 0..iterations {
                let losses = mover.evaluate(&mut objective, &x, false)?;
                if mover.step(&mut x, losses.total)?.is_break() {
                    break;
                }
            }
            mover.end(&mut x)?;
            Ok(x)
        })
    }
}

/// Random numbers at three scales, so that every layer has something to see.
fn picture(size: Size, random: &mut fastrand::Rng) -> Pixels {
    let mut picture = Pixels::zeros(size);
    for (cells, share) in [(3, 0.4), (12, 0.4), (size.longest_side(), 0.2)] {
        let mut coarse = Pixels::zeros(size.with_longest_side(cells));
        coarse.data_mut().iter_mut().for_each(|value| *value = random.f32());
        let fine = resize_linear(&coarse, size);
        picture.data_mut().iter_mut().zip(fine.data()).for_each(|(sum, value)| *sum += share * value);
    }
    picture
}

fn length(a: &Pixels) -> f64 {
    a.data().iter().map(|&a| f64::from(a).powi(2)).sum::<f64>().sqrt()
}

fn distance(a: &Pixels, b: &Pixels) -> f64 {
    a.data().iter().zip(b.data()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

fn cosine(a: &Pixels, b: &Pixels) -> f64 {
    let product: f64 = a.data().iter().zip(b.data()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    product / (length(a) * length(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_and_lengths_by_hand() {
        let pixels = |values: [f32; 3]| Pixels::new(Size::new(1, 1), values.to_vec()).unwrap();
        let (a, b) = (pixels([3.0, 4.0, 0.0]), pixels([4.0, 3.0, 0.0]));
        assert_eq!(length(&a), 5.0);
        assert!((cosine(&a, &b) - 24.0 / 25.0).abs() < 1e-12);
        assert!((distance(&a, &b) - 2f64.sqrt()).abs() < 1e-12);
        assert!(cosine(&a, &pixels([0.0; 3])).is_nan());
    }

    #[test]
    fn pictures_are_within_range_fresh_and_can_be_had_again() {
        let size = Size::new(37, 22);
        let of = |seed| picture(size, &mut fastrand::Rng::with_seed(seed));
        assert!(of(1).data().iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(of(1) == of(1) && of(1) != of(2));
    }
}
