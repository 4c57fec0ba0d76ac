//! Sums and steps over whole tensors: distances, content gradients, Adam.

use super::Cpu;
use super::blocked::Blocked;
use crate::error::{Error, Result};

/// ‖`a` − `b`‖², summed in float64.
///
/// # Errors
///
/// A model error if the shapes differ.
pub fn squared_distance(_cpu: &Cpu, a: &Blocked, b: &Blocked) -> Result<f64> {
    b.expect("second operand of a distance", a.channels(), a.size())?;
    let pairs = a.lanes().iter().zip(b.lanes()).flat_map(|(a, b)| a.0.into_iter().zip(b.0));
    Ok(pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum())
}

/// `activation` = `gradient` where `activation` > 0, else 0: the gradient passed back through a ReLU.
///
/// # Errors
///
/// A model error if the shapes differ.
pub fn mask_in_place(_cpu: &Cpu, gradient: &Blocked, activation: &mut Blocked) -> Result<()> {
    gradient.expect("gradient of a ReLU", activation.channels(), activation.size())?;
    for (a, g) in activation.lanes_mut().iter_mut().zip(gradient.lanes()) {
        for (a, g) in a.0.iter_mut().zip(g.0) {
            *a = if *a > 0.0 { g } else { 0.0 };
        }
    }
    Ok(())
}

/// ‖`a`‖², summed in float64.
pub fn squared_norm(_cpu: &Cpu, a: &Blocked) -> f64 {
    a.lanes().iter().flat_map(|a| a.0).map(|a| f64::from(a).powi(2)).sum()
}

/// `output` += `factor` · (`a` − `b`).
///
/// # Errors
///
/// A model error if the shapes differ.
pub fn add_scaled_difference(
    _cpu: &Cpu,
    factor: f32,
    a: &Blocked,
    b: &Blocked,
    output: &mut Blocked,
) -> Result<()> {
    b.expect("second operand of a difference", a.channels(), a.size())?;
    output.expect("sum of a difference", a.channels(), a.size())?;
    for ((o, a), b) in output.lanes_mut().iter_mut().zip(a.lanes()).zip(b.lanes()) {
        for ((o, a), b) in o.0.iter_mut().zip(a.0).zip(b.0) {
            *o += factor * (a - b);
        }
    }
    Ok(())
}

/// The constants of one step of Adam (Kingma & Ba 2015, algorithm 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// α, the step size.
    pub learning_rate: f32,
    /// β₁, the decay of the first moment.
    pub beta1: f32,
    /// β₂, the decay of the second moment.
    pub beta2: f32,
    /// ε, added outside of the square root.
    pub epsilon: f32,
    /// t, counted from 1; the bias of the moments is corrected by it.
    pub step: u32,
}

/// One step of Adam on `pixels`, then clamps them to 0..1. `first` and `second` are the moments, zero
/// before step 1. A gradient that is not a number leaves its pixel as it is.
///
/// # Errors
///
/// A model error if the lengths differ.
pub fn adam_step(
    _cpu: &Cpu,
    step: AdamStep,
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    pixels: &mut [f32],
) -> Result<()> {
    if [gradient.len(), first.len(), second.len()] != [pixels.len(); 3] {
        return Err(Error::model("pixels, gradient and Adam's moments must have the same length"));
    }
    let t = step.step.max(1) as i32;
    let correct1 = (1.0 / (1.0 - f64::from(step.beta1).powi(t))) as f32;
    let correct2 = (1.0 / (1.0 - f64::from(step.beta2).powi(t))) as f32;
    for (((x, &g), m), v) in pixels.iter_mut().zip(gradient).zip(first).zip(second) {
        let g = if g.is_nan() { 0.0 } else { g };
        *m = step.beta1 * *m + (1.0 - step.beta1) * g;
        *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
        let delta = step.learning_rate * (*m * correct1) / ((*v * correct2).sqrt() + step.epsilon);
        *x = (*x - delta).clamp(0.0, 1.0);
    }
    Ok(())
}
