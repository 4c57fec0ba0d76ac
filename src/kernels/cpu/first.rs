//! The first convolution: from pixels to channels and, at the end of the way back, to pixels again.
//!
//! Three input channels do not fill a vector of 16, so this layer has kernels of its own. They read
//! and write planar pixels and carry the network's normalisation, which would be two more passes.

use super::blocked::{Blocked, LANES, Lane};
use super::conv::{blocks_of, check_parameters};
use super::{Cpu, Scratch, Write};
use crate::error::{Error, Result};
use crate::frame::Size;

/// What the network sees of a pixel value x: `(x · scale − mean) / std`, per channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// Factor of the pixel values.
    pub scale: f32,
    /// Subtracted from the scaled values; red, green, blue.
    pub mean: [f32; 3],
    /// Divisor; red, green, blue.
    pub std: [f32; 3],
}

/// The frozen 3×3 convolution of RGB pixels, with normalisation before and a ReLU behind it.
#[derive(Debug)]
pub struct FirstConv {
    /// `[cout / 16][channel][tap]`, 16 output channels each.
    weights: Vec<[[Lane; 9]; 3]>,
    bias: Vec<Lane>,
    cout: usize,
    normalization: Normalization,
}

impl FirstConv {
    /// From `weights` `[cout, 3, 3, 3]` and `bias` `[cout]`.
    ///
    /// # Errors
    ///
    /// A model error if there are too few or too many numbers, or if a standard deviation is 0.
    pub fn new(weights: &[f32], bias: &[f32], cout: usize, normalization: Normalization) -> Result<Self> {
        check_parameters(weights, bias, 3, cout)?;
        let numbers = [normalization.scale].into_iter().chain(normalization.mean).chain(normalization.std);
        if !numbers.into_iter().all(f32::is_finite) || normalization.std.contains(&0.0) {
            return Err(Error::model("the network's normalisation must be finite and its deviations not 0"));
        }
        let weight = |o: usize, c: usize, tap: usize| {
            if o < cout { weights[(o * 3 + c) * 9 + tap] } else { 0.0 }
        };
        let weights = (0..cout.div_ceil(LANES))
            .map(|b| {
                std::array::from_fn(|c| {
                    std::array::from_fn(|tap| Lane(std::array::from_fn(|i| weight(b * LANES + i, c, tap))))
                })
            })
            .collect();
        Ok(Self { weights, bias: blocks_of(bias), cout, normalization })
    }

    /// Output channels.
    pub fn cout(&self) -> usize {
        self.cout
    }

    /// `output` = relu(convolution of the normalised `pixels` + bias); outside of the picture the
    /// normalised values are 0. `pixels` is `[3, height, width]` of the output's size, 0..1.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    pub fn forward(
        &self,
        _cpu: &Cpu,
        pixels: &[f32],
        output: &mut Blocked,
        _scratch: &mut Scratch,
    ) -> Result<()> {
        let size = output.size();
        output.expect("output of the first convolution", self.cout, size)?;
        check_pixels(pixels, size)?;
        let n = self.normalization;
        for b in 0..self.weights.len() {
            for y in 0..size.height {
                for x in 0..size.width {
                    let mut sum = self.bias[b].0;
                    for c in 0..3 {
                        for tap in 0..9 {
                            let (yy, xx) = (y + tap / 3, x + tap % 3);
                            if yy == 0 || xx == 0 || yy > size.height || xx > size.width {
                                continue;
                            }
                            let p = pixels[(c * size.height + yy - 1) * size.width + xx - 1];
                            let v = (p * n.scale - n.mean[c]) / n.std[c];
                            for (s, w) in sum.iter_mut().zip(self.weights[b][c][tap].0) {
                                *s += v * w;
                            }
                        }
                    }
                    output.row_mut(b, y)[x] = Lane(sum.map(|v| v.max(0.0)));
                }
            }
        }
        Ok(())
    }

    /// The gradient with respect to the pixels, `[3, height, width]`, from `grad`, the gradient with
    /// respect to this layer's output before its ReLU.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    pub fn backward(
        &self,
        _cpu: &Cpu,
        grad: &Blocked,
        pixel_gradient: &mut [f32],
        write: Write,
        _scratch: &mut Scratch,
    ) -> Result<()> {
        let size = grad.size();
        grad.expect("gradient above the first convolution", self.cout, size)?;
        check_pixels(pixel_gradient, size)?;
        let n = self.normalization;
        for c in 0..3 {
            for y in 0..size.height {
                for x in 0..size.width {
                    let mut sum = 0.0;
                    for b in 0..self.weights.len() {
                        for tap in 0..9 {
                            let (yy, xx) = (y + 2 - tap / 3, x + 2 - tap % 3);
                            let g = grad.lanes()[grad.grid().at(b, yy, xx)];
                            for (g, w) in g.0.iter().zip(self.weights[b][c][tap].0) {
                                sum += g * w;
                            }
                        }
                    }
                    let place = &mut pixel_gradient[(c * size.height + y) * size.width + x];
                    let value = sum * n.scale / n.std[c];
                    *place = if write == Write::Add { *place + value } else { value };
                }
            }
        }
        Ok(())
    }
}

/// Fails unless `pixels` are three channels of `size`.
fn check_pixels(pixels: &[f32], size: Size) -> Result<()> {
    if pixels.len() == 3 * size.pixels() {
        return Ok(());
    }
    Err(Error::model(format!("{} numbers are not the three channels of {size} pixels", pixels.len())))
}
