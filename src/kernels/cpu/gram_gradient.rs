//! The gradient of Gram matrices: a matrix product over all pixels, beside the features or in their place.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::blocked::{Blocked, Grid, LANES, Lane};
use super::gram::{Equally, Weigh, check, guided};
use super::panel::{MOST_TILES, WIDTH, Weights, multiply, pieces, with_rows};
use super::scratch::with_own;
use super::shared::Shared;
use super::simd::{Kernel, Simd, dispatch};
use super::target::{Finish, Target};
use super::{Cpu, Scratch, Write};
use crate::error::Result;

/// `output` = `coefficients` · F, or that added to it; `coefficients` is C×C row-major.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn gram_gradient(
    cpu: &Cpu,
    coefficients: &[f32],
    features: &Blocked,
    output: &mut Blocked,
    write: Write,
    scratch: &mut Scratch,
) -> Result<()> {
    combine(cpu, coefficients, features, Equally, output, write, scratch)
}

/// `output` = `coefficients` · F · diag(`map`), or that added to it; `coefficients` is C×C row-major, `map`
/// has a number for each pixel, row-major.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn guided_gram_gradient(
    cpu: &Cpu,
    coefficients: &[f32],
    features: &Blocked,
    map: &[f32],
    output: &mut Blocked,
    write: Write,
    scratch: &mut Scratch,
) -> Result<()> {
    combine(cpu, coefficients, features, guided(map, features)?, output, write, scratch)
}

fn combine(
    cpu: &Cpu,
    coefficients: &[f32],
    features: &Blocked,
    weigh: impl Weigh,
    output: &mut Blocked,
    write: Write,
    scratch: &mut Scratch,
) -> Result<()> {
    let (channels, size) = (features.channels(), features.size());
    check(coefficients.len(), channels)?;
    output.expect("gradient of the Gram matrix", channels, size)?;
    let depth = features.grid().blocks * LANES;
    scratch.reserve(cpu, 0, packed_lanes(channels, depth));
    let weights = pack(cpu, coefficients, channels, depth, &mut scratch.common);
    let target = Target::new(output, Finish::Plain(write));
    cpu.threads().for_each(size.height, |y, _| {
        dispatch(cpu.level(), Combine { weights, depth, features, weigh, target: &target, write, y });
    });
    Ok(())
}

/// `features` F, the output of a ReLU, becomes `coefficients` · F where F is positive, and not a number where it
/// is 0: the ReLU's mask, for [`Conv3x3::backward_onto`](super::Conv3x3::backward_onto). `coefficients` is C×C
/// row-major.
///
/// Beside a gradient of its own, a large layer would be read and written once more, and held twice.
///
/// # Errors
///
/// A model error if there are not C² coefficients.
pub fn gram_gradient_in_place(
    cpu: &Cpu,
    coefficients: &[f32],
    features: &mut Blocked,
    scratch: &mut Scratch,
) -> Result<()> {
    let (channels, size, grid) = (features.channels(), features.size(), features.grid());
    check(coefficients.len(), channels)?;
    let depth = grid.blocks * LANES;
    scratch.reserve(cpu, MOST_TILES * grid.blocks, packed_lanes(channels, depth));
    let Scratch { common, own } = scratch;
    let weights = pack(cpu, coefficients, channels, depth, common);
    let shared = Shared::new(features.lanes_mut());
    cpu.threads().for_each(size.height, |y, thread| {
        with_own(own, thread, |copy| {
            let row = (grid.at(0, y + 1, 1), size.width);
            dispatch(cpu.level(), Replace { weights, depth, grid, features: &shared, row, copy });
        });
    });
    Ok(())
}

/// Vectors that [`pack`] needs.
fn packed_lanes(channels: usize, depth: usize) -> usize {
    channels.div_ceil(WIDTH) * depth * 2
}

/// The coefficients as weights for [`multiply`], `[panel][channel][32]`.
fn pack<'a>(
    cpu: &Cpu,
    coefficients: &[f32],
    channels: usize,
    depth: usize,
    memory: &'a mut [Lane],
) -> &'a [Weights] {
    let (weights, _) = memory[..packed_lanes(channels, depth)].as_chunks_mut::<2>();
    let shared = Shared::new(&mut *weights);
    cpu.threads().for_each(channels.div_ceil(WIDTH), |p, _| {
        // SAFETY: each task has its own panel.
        let panel = unsafe { shared.slice(p * depth, depth) };
        panel.fill([Lane::ZERO; 2]);
        let rows = coefficients.chunks_exact(channels).skip(p * WIDTH).take(WIDTH);
        // Sixteen columns at a time, so that what is written stays in the first-level cache.
        for (k, panel) in panel.chunks_exact_mut(LANES).enumerate() {
            for (o, row) in rows.clone().enumerate() {
                for (weights, &c) in panel.iter_mut().zip(&row[k * LANES..]) {
                    weights[o / LANES].0[o % LANES] = c;
                }
            }
        }
    });
    weights
}

/// One row of pixels times the coefficients.
struct Combine<'a, W> {
    /// `[panel][channel][32]`.
    weights: &'a [Weights],
    depth: usize,
    features: &'a Blocked,
    weigh: W,
    target: &'a Target<'a>,
    write: Write,
    y: usize,
}

impl<W: Weigh> Kernel for Combine<'_, W> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for panel in 0..self.weights.len() / self.depth {
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

impl<W: Weigh> Combine<'_, W> {
    #[inline(always)]
    fn pixels<S: Simd, const R: usize, const N: usize>(&self, s: S, panel: usize, x: usize, first: usize) {
        let grid = self.target.grid;
        let mut sums = [[s.zero(); N]; R];
        let left = &self.features.lanes()[grid.at(0, self.y + 1, x + 1)..];
        let right = &self.weights[panel * self.depth..][..self.depth];
        let weigh = self.weigh.row(self.y, x..x + R);
        match (weigh.is_nothing(), self.write) {
            (true, Write::Add) => return,
            (true, Write::Replace) => {}
            (false, _) => multiply(s, left, grid.plane(), right, first, &[], &mut sums),
        }
        for n in 0..N {
            let block = 2 * panel + first + n;
            if block < grid.blocks {
                for (r, sum) in sums.iter().enumerate() {
                    let v = weigh.weigh(s, r, sum[n]);
                    // SAFETY: each task has its own row.
                    unsafe { self.target.put(s, block, grid.at(block, self.y + 1, x + r + 1), v) };
                }
            }
        }
    }
}

/// One row of pixels times the coefficients, in its place.
struct Replace<'a> {
    /// `[panel][channel][32]`.
    weights: &'a [Weights],
    depth: usize,
    grid: Grid,
    features: &'a Shared<'a, Lane>,
    /// Where the row begins in the first block, and its length.
    row: (usize, usize),
    /// The pixels at work as they were, `[block][pixel]`.
    copy: &'a mut [Lane],
}

impl Kernel for Replace<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        let (start, width) = self.row;
        for (x, count) in pieces(width, S::TILES) {
            for (block, copy) in self.copy.chunks_exact_mut(count).take(self.grid.blocks).enumerate() {
                // SAFETY: each task has its own row.
                copy.copy_from_slice(unsafe {
                    self.features.slice(block * self.grid.plane() + start + x, count)
                });
            }
            for panel in 0..self.weights.len() / self.depth {
                with_rows!(count, R => {
                    if R <= S::TILES {
                        if S::VECTORS == 2 {
                            self.pixels::<S, R, 2>(s, panel, start + x, 0);
                        } else {
                            self.pixels::<S, R, 1>(s, panel, start + x, 0);
                            self.pixels::<S, R, 1>(s, panel, start + x, 1);
                        }
                    }
                });
            }
        }
    }
}

impl Replace<'_> {
    #[inline(always)]
    fn pixels<S: Simd, const R: usize, const N: usize>(
        &mut self,
        s: S,
        panel: usize,
        at: usize,
        first: usize,
    ) {
        let mut sums = [[s.zero(); N]; R];
        let right = &self.weights[panel * self.depth..][..self.depth];
        multiply(s, self.copy, R, right, first, &[], &mut sums);
        for n in 0..N {
            let block = 2 * panel + first + n;
            if block < self.grid.blocks {
                // SAFETY: each task has its own row.
                let places = unsafe { self.features.slice(block * self.grid.plane() + at, R) };
                for (r, place) in places.iter_mut().enumerate() {
                    let was = s.load(&self.copy[block * R + r]);
                    s.store(s.where_equal(was, s.zero(), s.splat(f32::NAN), sums[r][n]), place);
                }
            }
        }
    }
}
