//! Gram matrices of activations, and their gradient.

use super::blocked::{Blocked, LANES};
use super::{Cpu, Scratch, Write};
use crate::error::{Error, Result};

/// `gram` = F·Fᵀ / (height · width), C×C row-major, of the activations F, C × (height · width).
///
/// # Errors
///
/// A model error if `gram` has not C² elements.
pub fn gram(_cpu: &Cpu, features: &Blocked, gram: &mut [f32], _scratch: &mut Scratch) -> Result<()> {
    let (channels, size) = (features.channels(), features.size());
    check(gram.len(), channels)?;
    let mut sums = vec![0.0f32; channels * channels];
    for y in 0..size.height {
        for x in 0..size.width {
            let column: Vec<f32> =
                (0..channels).map(|c| features.row(c / LANES, y)[x].0[c % LANES]).collect();
            for (row, &a) in sums.chunks_exact_mut(channels).zip(&column) {
                for (sum, &b) in row.iter_mut().zip(&column) {
                    *sum += a * b;
                }
            }
        }
    }
    let scale = 1.0 / size.pixels() as f32;
    for (g, s) in gram.iter_mut().zip(sums) {
        *g = s * scale;
    }
    Ok(())
}

/// `output` = `coefficients` · F, or that added to it; `coefficients` is C×C row-major.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn gram_gradient(
    _cpu: &Cpu,
    coefficients: &[f32],
    features: &Blocked,
    output: &mut Blocked,
    write: Write,
    _scratch: &mut Scratch,
) -> Result<()> {
    let (channels, size) = (features.channels(), features.size());
    check(coefficients.len(), channels)?;
    output.expect("gradient of the Gram matrix", channels, size)?;
    for y in 0..size.height {
        for x in 0..size.width {
            let column: Vec<f32> =
                (0..channels).map(|c| features.row(c / LANES, y)[x].0[c % LANES]).collect();
            for (c, row) in coefficients.chunks_exact(channels).enumerate() {
                let sum: f32 = row.iter().zip(&column).map(|(a, b)| a * b).sum();
                let place = &mut output.row_mut(c / LANES, y)[x].0[c % LANES];
                *place = if write == Write::Add { *place + sum } else { sum };
            }
        }
    }
    Ok(())
}

fn check(elements: usize, channels: usize) -> Result<()> {
    if elements == channels * channels {
        return Ok(());
    }
    Err(Error::model(format!("a Gram matrix of {channels} channels cannot have {elements} elements")))
}
