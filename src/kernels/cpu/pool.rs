//! Pooling 2×2 with stride 2, and its gradient.
//!
//! An odd last row or column is dropped (floor), as PyTorch does.

use super::Cpu;
use super::blocked::{Blocked, LANES, Lane};
use crate::error::Result;
use crate::frame::Size;

/// What becomes of four pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pooling {
    /// Their mean; each gets a quarter of the gradient (Gatys et al. 2016 prefer it).
    #[default]
    Average,
    /// The largest; the first of equals (row by row) gets the gradient.
    Max,
}

/// The size after pooling: half of each side, rounded down; 0 if a side is 1.
pub fn pooled(size: Size) -> Size {
    Size::new(size.width / 2, size.height / 2)
}

/// `output` = `input` pooled; `output` has size [`pooled`].
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn forward(_cpu: &Cpu, pooling: Pooling, input: &Blocked, output: &mut Blocked) -> Result<()> {
    output.expect("output of pooling", input.channels(), pooled(input.size()))?;
    let size = output.size();
    for b in 0..input.grid().blocks {
        for y in 0..size.height {
            for x in 0..size.width {
                let four = four(input, b, y, x);
                output.row_mut(b, y)[x] = Lane(std::array::from_fn(|i| {
                    let v = four.map(|lane| lane.0[i]);
                    match pooling {
                        Pooling::Average => 0.25 * ((v[0] + v[1]) + (v[2] + v[3])),
                        Pooling::Max => v[0].max(v[1]).max(v[2]).max(v[3]),
                    }
                }));
            }
        }
    }
    Ok(())
}

fn four(input: &Blocked, b: usize, y: usize, x: usize) -> [Lane; 4] {
    std::array::from_fn(|q| input.row(b, 2 * y + q / 2)[2 * x + q % 2])
}

/// `grad_input` = (gradient of pooling applied to `grad` + `tap`), zero where `activation` ≤ 0.
///
/// `activation` is what was pooled, the layer below after its ReLU; `tap` a loss' own gradient there.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn backward(
    _cpu: &Cpu,
    pooling: Pooling,
    grad: &Blocked,
    tap: Option<&Blocked>,
    activation: &Blocked,
    grad_input: &mut Blocked,
) -> Result<()> {
    let (channels, size) = (activation.channels(), activation.size());
    grad.expect("gradient above pooling", channels, pooled(size))?;
    grad_input.expect("gradient below pooling", channels, size)?;
    if let Some(tap) = tap {
        tap.expect("tap gradient below pooling", channels, size)?;
    }
    for b in 0..activation.grid().blocks {
        for y in 0..size.height {
            for x in 0..size.width {
                let g = grad.row(b, y / 2).get(x / 2).copied().unwrap_or(Lane::ZERO).0;
                let a = activation.row(b, y)[x].0;
                let t = tap.map_or(Lane::ZERO, |tap| tap.row(b, y)[x]).0;
                let inside = y / 2 < grad.size().height && x / 2 < grad.size().width;
                let share: [f32; LANES] = std::array::from_fn(|i| {
                    if !inside {
                        return 0.0;
                    }
                    match pooling {
                        Pooling::Average => 0.25 * g[i],
                        Pooling::Max => {
                            let v = four(activation, b, y / 2, x / 2).map(|lane| lane.0[i]);
                            let mut best = 0;
                            for q in 1..4 {
                                if v[q] > v[best] {
                                    best = q;
                                }
                            }
                            if best == (y % 2) * 2 + x % 2 { g[i] } else { 0.0 }
                        }
                    }
                });
                grad_input.row_mut(b, y)[x] =
                    Lane(std::array::from_fn(|i| if a[i] > 0.0 { share[i] + t[i] } else { 0.0 }));
            }
        }
    }
    Ok(())
}

/// As [`backward`], where `activation` is overwritten by the gradient.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn backward_in_place(
    cpu: &Cpu,
    pooling: Pooling,
    grad: &Blocked,
    tap: Option<&Blocked>,
    activation: &mut Blocked,
) -> Result<()> {
    let copy = activation.clone();
    backward(cpu, pooling, grad, tap, &copy, activation)
}
