//! The gradient of Gram matrices: a matrix product over all pixels, beside the features or in their place.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::blocked::{Blocked, Grid, LANES, Lane};
use super::gram::{check, check_map};
use super::panel::{MOST_TILES, WIDTH, Weights, multiply, pieces, with_rows};
use super::scratch::with_own;
use super::shared::Shared;
use super::simd::{Kernel, Simd, dispatch};
use super::{Cpu, Scratch};
use crate::error::Result;

/// What pulls at features F by their Gram matrix: `coefficients` · F, at each pixel as much as `map` says.
#[derive(Debug, Clone, Copy)]
pub struct Pull<'a> {
    /// C×C, row-major.
    pub coefficients: &'a [f32],
    /// A number for each pixel, row-major; `None` for 1 everywhere.
    pub map: Option<&'a [f32]>,
}

impl<'a> Pull<'a> {
    /// The same at every pixel.
    pub fn everywhere(coefficients: &'a [f32]) -> Self {
        Self { coefficients, map: None }
    }

    /// Each pixel by `map`.
    pub fn guided(coefficients: &'a [f32], map: &'a [f32]) -> Self {
        Self { coefficients, map: Some(map) }
    }
}

/// `output` = Σ `coefficients` · F · diag(`map`) over all `pulls`. Pixels at which a map is 0 are passed over.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn gram_gradient(
    cpu: &Cpu,
    pulls: &[Pull<'_>],
    features: &Blocked,
    output: &mut Blocked,
    scratch: &mut Scratch,
) -> Result<()> {
    let (size, grid) = (features.size(), features.grid());
    output.expect("gradient of the Gram matrix", features.channels(), size)?;
    let weights = pack(cpu, pulls, features, 0, scratch)?;
    let shared = Shared::new(output.lanes_mut());
    cpu.threads().for_each(size.height, |y, _| {
        let row = Row { y, start: grid.at(0, y + 1, 1), width: size.width };
        let products = Products { pulls, weights, grid, row };
        dispatch(cpu.level(), Beside { products, features, output: &shared });
    });
    Ok(())
}

/// `features` F, the output of a ReLU, becomes what [`gram_gradient`] would make of it where F is positive, and
/// not a number where it is 0: the ReLU's mask, for
/// [`Conv3x3::backward_onto`](super::Conv3x3::backward_onto).
///
/// Beside a gradient of its own, a large layer would be read and written once more, and held twice.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn gram_gradient_in_place(
    cpu: &Cpu,
    pulls: &[Pull<'_>],
    features: &mut Blocked,
    scratch: &mut Scratch,
) -> Result<()> {
    let (size, grid) = (features.size(), features.grid());
    pack(cpu, pulls, features, MOST_TILES * grid.blocks, scratch)?;
    let Scratch { common, own } = scratch;
    let (weights, _) = common.as_chunks::<2>();
    let shared = Shared::new(features.lanes_mut());
    cpu.threads().for_each(size.height, |y, thread| {
        with_own(own, thread, |copy| {
            let row = Row { y, start: grid.at(0, y + 1, 1), width: size.width };
            let products = Products { pulls, weights, grid, row };
            dispatch(cpu.level(), Within { products, features: &shared, copy });
        });
    });
    Ok(())
}

/// The pulls' coefficients as weights for [`multiply`], `[pull][panel][channel][32]`, at the start of the common
/// memory; each thread gets `own` vectors besides.
fn pack<'a>(
    cpu: &Cpu,
    pulls: &[Pull<'_>],
    features: &Blocked,
    own: usize,
    scratch: &'a mut Scratch,
) -> Result<&'a [Weights]> {
    let channels = features.channels();
    for pull in pulls {
        check(pull.coefficients.len(), channels)?;
        pull.map.map_or(Ok(()), |map| check_map(map, features))?;
    }
    let (depth, panels) = (features.grid().blocks * LANES, channels.div_ceil(WIDTH));
    let count = pulls.len() * panels * depth;
    scratch.reserve(cpu, own, 2 * count);
    let (weights, _) = scratch.common[..2 * count].as_chunks_mut::<2>();
    let shared = Shared::new(&mut *weights);
    cpu.threads().for_each(pulls.len() * panels, |i, _| {
        // SAFETY: each task has its own panel.
        let panel = unsafe { shared.slice(i * depth, depth) };
        panel.fill([Lane::ZERO; 2]);
        let matrix = pulls[i / panels].coefficients;
        let rows = matrix.chunks_exact(channels).skip(i % panels * WIDTH).take(WIDTH);
        // Sixteen columns at a time, so that what is written stays in the first-level cache.
        for (k, panel) in panel.chunks_exact_mut(LANES).enumerate() {
            for (o, row) in rows.clone().enumerate() {
                for (weights, &c) in panel.iter_mut().zip(&row[k * LANES..]) {
                    weights[o / LANES].0[o % LANES] = c;
                }
            }
        }
    });
    Ok(weights)
}

/// One row of pixels.
#[derive(Clone, Copy)]
struct Row {
    y: usize,
    /// Where it begins in the first block.
    start: usize,
    width: usize,
}

/// What the pixels of a row are multiplied by.
#[derive(Clone, Copy)]
struct Products<'a> {
    pulls: &'a [Pull<'a>],
    /// `[pull][panel][channel][32]`.
    weights: &'a [Weights],
    grid: Grid,
    row: Row,
}

impl Products<'_> {
    fn panels(&self) -> usize {
        self.grid.blocks.div_ceil(2)
    }

    /// The pulls' sum at the `R` pixels from `x` on, of the `N` blocks from `first` on of a panel. `left` holds
    /// the pixels' features, blocks being `stride` apart.
    #[inline(always)]
    fn sum<S: Simd, const R: usize, const N: usize>(
        &self,
        s: S,
        (left, stride): (&[Lane], usize),
        (panel, first): (usize, usize),
        x: usize,
    ) -> [[S::V; N]; R] {
        let depth = self.grid.blocks * LANES;
        let mut total = [[s.zero(); N]; R];
        for (i, pull) in self.pulls.iter().enumerate() {
            let map = pull.map.map(|map| &map[self.row.y * self.row.width + x..][..R]);
            if map.is_some_and(|map| map.iter().all(|weight| *weight == 0.0)) {
                continue;
            }
            let mut sums = [[s.zero(); N]; R];
            let right = &self.weights[(i * self.panels() + panel) * depth..][..depth];
            multiply(s, left, stride, right, first, &[], &mut sums);
            for r in 0..R {
                let weight = s.splat(map.map_or(1.0, |map| map[r]));
                for n in 0..N {
                    total[r][n] = s.mul_add(weight, sums[r][n], total[r][n]);
                }
            }
        }
        total
    }
}

/// A row's gradient, beside the features.
struct Beside<'a> {
    products: Products<'a>,
    features: &'a Blocked,
    output: &'a Shared<'a, Lane>,
}

impl Kernel for Beside<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for panel in 0..self.products.panels() {
            for (x, count) in pieces(self.products.row.width, S::TILES) {
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

impl Beside<'_> {
    #[inline(always)]
    fn pixels<S: Simd, const R: usize, const N: usize>(&self, s: S, panel: usize, x: usize, first: usize) {
        let Products { grid, row, .. } = self.products;
        let left = (&self.features.lanes()[row.start + x..], grid.plane());
        let sums = self.products.sum::<S, R, N>(s, left, (panel, first), x);
        for n in 0..N {
            let block = 2 * panel + first + n;
            if block < grid.blocks {
                // SAFETY: each task has its own row.
                let places = unsafe { self.output.slice(block * grid.plane() + row.start + x, R) };
                for (r, place) in places.iter_mut().enumerate() {
                    s.store(sums[r][n], place);
                }
            }
        }
    }
}

/// A row's gradient, in the features' place.
struct Within<'a> {
    products: Products<'a>,
    features: &'a Shared<'a, Lane>,
    /// The pixels at work as they were, `[block][pixel]`.
    copy: &'a mut [Lane],
}

impl Kernel for Within<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        let Products { grid, row, .. } = self.products;
        for (x, count) in pieces(row.width, S::TILES) {
            for (block, copy) in self.copy.chunks_exact_mut(count).take(grid.blocks).enumerate() {
                // SAFETY: each task has its own row.
                copy.copy_from_slice(unsafe {
                    self.features.slice(block * grid.plane() + row.start + x, count)
                });
            }
            for panel in 0..self.products.panels() {
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

impl Within<'_> {
    #[inline(always)]
    fn pixels<S: Simd, const R: usize, const N: usize>(
        &mut self,
        s: S,
        panel: usize,
        x: usize,
        first: usize,
    ) {
        let Products { grid, row, .. } = self.products;
        let sums = self.products.sum::<S, R, N>(s, (self.copy, R), (panel, first), x);
        for n in 0..N {
            let block = 2 * panel + first + n;
            if block < grid.blocks {
                // SAFETY: each task has its own row.
                let places = unsafe { self.features.slice(block * grid.plane() + row.start + x, R) };
                for (r, place) in places.iter_mut().enumerate() {
                    let was = s.load(&self.copy[block * R + r]);
                    s.store(s.where_equal(was, s.zero(), s.splat(f32::NAN), sums[r][n]), place);
                }
            }
        }
    }
}
