//! Sums and steps over whole tensors: distances, content gradients, Adam.

use super::Cpu;
use super::blocked::{Blocked, Lane};
use super::simd::{Kernel, Simd, dispatch};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Vectors handed to a thread at once.
const PIECE: usize = 1024;

/// ‖`a` − `b`‖², summed in float64, in the same order for every number of threads.
///
/// # Errors
///
/// A model error if the shapes differ.
pub fn squared_distance(cpu: &Cpu, a: &Blocked, b: &Blocked) -> Result<f64> {
    b.expect("second operand of a distance", a.channels(), a.size())?;
    let mut parts = [0.0f64; 64];
    let n = parts.len();
    let cut = |lanes: &'_ Blocked, part: usize| part * lanes.lanes().len() / n;
    cpu.install(|| {
        parts.par_iter_mut().enumerate().for_each(|(part, sum)| {
            let range = cut(a, part)..cut(a, part + 1);
            *sum = dispatch(cpu.level(), Distance { a: &a.lanes()[range.clone()], b: &b.lanes()[range] });
        });
    });
    Ok(parts.iter().sum())
}

struct Distance<'a> {
    a: &'a [Lane],
    b: &'a [Lane],
}

impl Kernel for Distance<'_> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f64 {
        let mut total = 0.0;
        // Short runs in float32, long sums in float64.
        for (a, b) in self.a.chunks(64).zip(self.b.chunks(64)) {
            let mut sum = s.zero();
            for (a, b) in a.iter().zip(b) {
                let d = s.sub(s.load(a), s.load(b));
                sum = s.mul_add(d, d, sum);
            }
            total += f64::from(s.sum(sum));
        }
        total
    }
}

/// `activation` = `gradient` where `activation` > 0, else 0: the gradient passed back through a ReLU.
///
/// # Errors
///
/// A model error if the shapes differ.
pub fn mask_in_place(cpu: &Cpu, gradient: &Blocked, activation: &mut Blocked) -> Result<()> {
    gradient.expect("gradient of a ReLU", activation.channels(), activation.size())?;
    let pieces = activation.lanes_mut().par_chunks_mut(PIECE).zip(gradient.lanes().par_chunks(PIECE));
    cpu.install(|| {
        pieces.for_each(|(activation, gradient)| dispatch(cpu.level(), Masked { gradient, activation }));
    });
    Ok(())
}

struct Masked<'a> {
    gradient: &'a [Lane],
    activation: &'a mut [Lane],
}

impl Kernel for Masked<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for (a, g) in self.activation.iter_mut().zip(self.gradient) {
            let v = s.where_positive(s.load(a), s.load(g));
            s.store(v, a);
        }
    }
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
    cpu: &Cpu,
    factor: f32,
    a: &Blocked,
    b: &Blocked,
    output: &mut Blocked,
) -> Result<()> {
    b.expect("second operand of a difference", a.channels(), a.size())?;
    output.expect("sum of a difference", a.channels(), a.size())?;
    let operands = a.lanes().par_chunks(PIECE).zip(b.lanes().par_chunks(PIECE));
    let pieces = output.lanes_mut().par_chunks_mut(PIECE).zip(operands);
    cpu.install(|| {
        pieces.for_each(|(to, (a, b))| dispatch(cpu.level(), Difference { factor, a, b, to }));
    });
    Ok(())
}

struct Difference<'a> {
    factor: f32,
    a: &'a [Lane],
    b: &'a [Lane],
    to: &'a mut [Lane],
}

impl Kernel for Difference<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let factor = s.splat(self.factor);
        for ((to, a), b) in self.to.iter_mut().zip(self.a).zip(self.b) {
            let d = s.sub(s.load(a), s.load(b));
            s.store(s.mul_add(factor, d, s.load(to)), to);
        }
    }
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
    cpu: &Cpu,
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
    let scale = Corrected { step, correct1, correct2 };
    const N: usize = PIECE * 16;
    let moments = first.par_chunks_mut(N).zip(second.par_chunks_mut(N));
    let pieces = pixels.par_chunks_mut(N).zip(gradient.par_chunks(N)).zip(moments);
    cpu.install(|| {
        pieces.for_each(|((pixels, gradient), (first, second))| {
            dispatch(cpu.level(), Adam { scale, gradient, first, second, pixels });
        });
    });
    Ok(())
}

/// The step and its two bias corrections, 1 / (1 − βᵗ).
#[derive(Clone, Copy)]
struct Corrected {
    step: AdamStep,
    correct1: f32,
    correct2: f32,
}

struct Adam<'a> {
    scale: Corrected,
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    pixels: &'a mut [f32],
}

impl Kernel for Adam<'_> {
    type Output = ();

    /// Plain loops: the compiler uses the level's instructions by itself.
    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let Corrected { step, correct1, correct2 } = self.scale;
        let moments = self.first.iter_mut().zip(self.second);
        for ((x, &g), (m, v)) in self.pixels.iter_mut().zip(self.gradient).zip(moments) {
            let g = if g.is_nan() { 0.0 } else { g };
            *m = step.beta1 * *m + (1.0 - step.beta1) * g;
            *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
            let delta = step.learning_rate * (*m * correct1) / ((*v * correct2).sqrt() + step.epsilon);
            *x = (*x - delta).clamp(0.0, 1.0);
        }
    }
}
