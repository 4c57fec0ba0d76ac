//! Sums and differences over whole tensors: distances, content gradients, masks.

use super::Cpu;
use super::blocked::{Blocked, Lane};
use super::simd::{Kernel, Simd, dispatch};
use crate::error::Result;
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
