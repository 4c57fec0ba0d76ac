//! The first convolution: from pixels to channels and, at the end of the way back, to pixels again.
//!
//! Three input channels do not fill a vector of 16, so this layer has kernels of its own. They read
//! and write planar pixels and carry the network's normalisation, which would be two more passes.
//!
//! Forward, the 27 values under the kernel and a 1 for the bias are laid out as 32 input channels of a
//! matrix product. Backward, the sums run over the lanes of 16 channels and are added up at the end.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::blocked::{Blocked, LANES, Lane};
use super::conv::check_parameters;
use super::panel::{WIDTH, Weights, multiply, pieces, with_rows};
use super::scratch::with_own;
use super::shared::Shared;
use super::simd::{Kernel, Simd, dispatch};
use super::target::{Finish, Target};
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

/// Values under the kernel (27), the bias' 1, and zeros: two blocks.
const DEPTH: usize = 2 * LANES;

/// Rows of the gradient handed to a thread at once: each reads its neighbours', which no other core
/// should have to fetch again.
const ROWS: usize = 8;

/// The frozen 3×3 convolution of RGB pixels, with normalisation before and a ReLU behind it.
#[derive(Debug)]
pub struct FirstConv {
    /// `[cout / 32][value under the kernel][32]`; value `channel · 9 + tap`, then the bias.
    forward: Vec<[Weights; DEPTH]>,
    /// `[cout / 16][row][column][channel]` of the rotated kernel, 16 output channels each, times the
    /// derivative of the normalisation.
    backward: Vec<[[[Lane; 3]; 3]; 3]>,
    zeros: Vec<Lane>,
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
        let Normalization { scale, mean, std } = normalization;
        let numbers = [scale].into_iter().chain(mean).chain(std);
        if !numbers.into_iter().all(f32::is_finite) || std.contains(&0.0) {
            return Err(Error::model("the network's normalisation must be finite and its deviations not 0"));
        }
        let value = |o: usize, k: usize| match k {
            _ if o >= cout => 0.0,
            0..27 => weights[o * 27 + k],
            27 => bias[o],
            _ => 0.0,
        };
        let lane =
            |b: usize, k: usize, factor: f32| Lane(std::array::from_fn(|i| value(b * LANES + i, k) * factor));
        let forward = (0..cout.div_ceil(WIDTH))
            .map(|p| std::array::from_fn(|k| std::array::from_fn(|n| lane(2 * p + n, k, 1.0))))
            .collect();
        let rotated =
            |b: usize, y: usize, x: usize, c: usize| lane(b, c * 9 + 8 - (3 * y + x), scale / std[c]);
        let backward = (0..cout.div_ceil(LANES))
            .map(|b| {
                std::array::from_fn(|y| std::array::from_fn(|x| std::array::from_fn(|c| rotated(b, y, x, c))))
            })
            .collect();
        let zeros = vec![Lane::ZERO; cout.div_ceil(LANES)];
        Ok(Self { forward, backward, zeros, cout, normalization })
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
        cpu: &Cpu,
        pixels: &[f32],
        output: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let size = output.size();
        output.expect("output of the first convolution", self.cout, size)?;
        check_pixels(pixels, size)?;
        scratch.reserve(cpu, 2 * size.width, 0);
        // The bias comes in as a product, so the target adds none.
        let target = Target::new(output, Finish::Activate { bias: &self.zeros });
        cpu.threads().for_each(size.height, |y, thread| {
            with_own(&scratch.own, thread, |memory| {
                let values = &mut memory[..2 * size.width];
                dispatch(cpu.level(), Forward { layer: self, pixels, target: &target, y, values });
            });
        });
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
        cpu: &Cpu,
        grad: &Blocked,
        pixel_gradient: &mut [f32],
        write: Write,
        _scratch: &mut Scratch,
    ) -> Result<()> {
        let size = grad.size();
        grad.expect("gradient above the first convolution", self.cout, size)?;
        check_pixels(pixel_gradient, size)?;
        let shared = Shared::new(pixel_gradient);
        cpu.threads().for_each(size.height.div_ceil(ROWS), |piece, _| {
            for y in piece * ROWS..size.height.min((piece + 1) * ROWS) {
                // SAFETY: each task has its own rows of each channel.
                let rows = [0, 1, 2]
                    .map(|c| unsafe { shared.slice((c * size.height + y) * size.width, size.width) });
                dispatch(cpu.level(), Backward { layer: self, grad, y, rows, write });
            }
        });
        Ok(())
    }
}

/// One row of the output.
struct Forward<'a> {
    layer: &'a FirstConv,
    pixels: &'a [f32],
    target: &'a Target<'a>,
    y: usize,
    /// `[2][width]`: the values under the kernel at each pixel.
    values: &'a mut [Lane],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        self.lay_out();
        for panel in 0..self.layer.forward.len() {
            for (x, count) in pieces(self.target.size.width, S::TILES) {
                with_rows!(count, R => {
                    if R <= S::TILES {
                        if S::VECTORS == 2 {
                            self.pixels::<S, R, 2>(s, panel, x, 0);
                        } else {
                            self.pixels::<S, R, 1>(s, panel, x, 0);
                            self.pixels::<S, R, 1>(s, panel, x, 1);
                        }
                    }
                });
            }
        }
    }
}

impl Forward<'_> {
    /// Fills `values` with the normalised pixels around each pixel of the row.
    #[inline(always)]
    fn lay_out(&mut self) {
        let (size, n) = (self.target.size, self.layer.normalization);
        let (low, high) = self.values.split_at_mut(size.width);
        low.fill(Lane::ZERO);
        high.fill(Lane(std::array::from_fn(|i| if i == 27 - LANES { 1.0 } else { 0.0 })));
        for k in 0..27 {
            let (c, ky, kx) = (k / 9, k % 9 / 3, k % 3);
            let y = self.y + ky;
            if y == 0 || y > size.height {
                continue;
            }
            let row = &self.pixels[(c * size.height + y - 1) * size.width..][..size.width];
            let (factor, offset) = (n.scale / n.std[c], n.mean[c] / n.std[c]);
            let values = if k < LANES { &mut *low } else { &mut *high };
            // Output column x sees column x + kx − 1.
            let values = &mut values[usize::from(kx == 0).min(size.width)..];
            let row = &row[usize::from(kx == 2).min(size.width)..];
            for (value, &pixel) in values.iter_mut().zip(row) {
                value.0[k % LANES] = pixel * factor - offset;
            }
        }
    }

    /// `R` pixels from column `x` on, `N` blocks of output channels of `panel` from `first` on.
    #[inline(always)]
    fn pixels<S: Simd, const R: usize, const N: usize>(&self, s: S, panel: usize, x: usize, first: usize) {
        let mut sums = [[s.zero(); N]; R];
        let width = self.target.size.width;
        multiply(s, &self.values[x..], width, &self.layer.forward[panel], first, &[], &mut sums);
        for n in 0..N {
            let block = 2 * panel + first + n;
            if block < self.target.grid.blocks {
                for (r, sum) in sums.iter().enumerate() {
                    let index = self.target.grid.at(block, self.y + 1, x + r + 1);
                    // SAFETY: each task has its own row.
                    unsafe { self.target.put(s, block, index, sum[n]) };
                }
            }
        }
    }
}

/// One row of the pixels' gradient.
struct Backward<'a> {
    layer: &'a FirstConv,
    grad: &'a Blocked,
    y: usize,
    rows: [&'a mut [f32]; 3],
    write: Write,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        let width = self.grad.size().width;
        let mut x = 0;
        if S::VECTORS == 2 {
            while x + 8 <= width {
                self.pixels::<S, 8>(s, x);
                x += 8;
            }
        }
        while x + 2 <= width {
            self.pixels::<S, 2>(s, x);
            x += 2;
        }
        if x < width {
            self.pixels::<S, 1>(s, x);
        }
    }
}

impl Backward<'_> {
    /// `P` pixels from column `x` on.
    #[inline(always)]
    fn pixels<S: Simd, const P: usize>(&mut self, s: S, x: usize) {
        let grid = self.grad.grid();
        let mut sums = [[s.zero(); 3]; P];
        for (block, kernel) in self.layer.backward.iter().enumerate() {
            for (ky, kernel) in kernel.iter().enumerate() {
                let row = &self.grad.lanes()[grid.at(block, self.y + ky, x)..][..P + 2];
                for kx in 0..3 {
                    let w = [s.load(&kernel[kx][0]), s.load(&kernel[kx][1]), s.load(&kernel[kx][2])];
                    for p in 0..P {
                        let g = s.load(&row[p + kx]);
                        for c in 0..3 {
                            sums[p][c] = s.mul_add(g, w[c], sums[p][c]);
                        }
                    }
                }
            }
        }
        for c in 0..3 {
            for (place, sum) in self.rows[c][x..].iter_mut().zip(&sums) {
                let value = s.sum(sum[c]);
                *place = if self.write == Write::Add { *place + value } else { value };
            }
        }
    }
}

/// Fails unless `pixels` are three channels of `size`.
fn check_pixels(pixels: &[f32], size: Size) -> Result<()> {
    if pixels.len() == 3 * size.pixels() {
        return Ok(());
    }
    Err(Error::model(format!("{} numbers are not the three channels of {size} pixels", pixels.len())))
}
