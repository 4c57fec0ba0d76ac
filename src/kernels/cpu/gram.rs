//! Gram matrices of activations.
//!
//! They are matrix products over all pixels. The Gram matrix is symmetric, so only the blocks on and
//! above the diagonal are computed; pixels are divided among a fixed number of partial sums that are
//! added in order, so that no run differs from another.
//!
//! Guided, each pixel counts as much as a map says. Where the map is 0, pixels are passed over, so that
//! regions that do not overlap take hardly longer together than the whole picture does.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::blocked::{Blocked, LANES, Lane};
use super::shared::Shared;
use super::simd::{Kernel, Simd, dispatch};
use super::{Cpu, Scratch};
use crate::error::{Error, Result};
use std::ops::Range;

/// Pixels whose products are summed in registers before they go to memory (tuned: a few blocks of them
/// fit the first-level cache).
const RUN: usize = 128;

/// How much each pixel counts.
trait Weigh: Copy + Sync {
    /// The `columns` of row `y`.
    fn row(self, y: usize, columns: Range<usize>) -> Self;
    /// `v` of pixel `x`, counted from the first of the columns.
    fn weigh<S: Simd>(self, s: S, x: usize, v: S::V) -> S::V;
    /// The least range of `columns` beside which nothing counts in any of `rows`.
    fn within(self, rows: Range<usize>, columns: Range<usize>) -> Range<usize>;
}

/// All pixels count the same.
#[derive(Clone, Copy)]
struct Equally;

impl Weigh for Equally {
    #[inline(always)]
    fn row(self, _: usize, _: Range<usize>) -> Self {
        self
    }

    #[inline(always)]
    fn weigh<S: Simd>(self, _: S, _: usize, v: S::V) -> S::V {
        v
    }

    #[inline(always)]
    fn within(self, _: Range<usize>, columns: Range<usize>) -> Range<usize> {
        columns
    }
}

/// Pixels count by a map, row after row; a part of it stands for the columns.
#[derive(Clone, Copy)]
struct Guided<'a> {
    map: &'a [f32],
    width: usize,
}

impl Weigh for Guided<'_> {
    #[inline(always)]
    fn row(self, y: usize, columns: Range<usize>) -> Self {
        Self { map: &self.map[y * self.width..][columns], width: self.width }
    }

    #[inline(always)]
    fn weigh<S: Simd>(self, s: S, x: usize, v: S::V) -> S::V {
        s.mul(s.splat(self.map[x]), v)
    }

    #[inline(always)]
    fn within(self, rows: Range<usize>, columns: Range<usize>) -> Range<usize> {
        let counts = |x: &usize| rows.clone().any(|y| self.map[y * self.width + x] != 0.0);
        let start = columns.clone().find(counts).unwrap_or(columns.end);
        let end = (start..columns.end).rfind(counts).map_or(start, |last| last + 1);
        start..end
    }
}

/// `gram` = F·Fᵀ / (height · width), C×C row-major, of the activations F, C × (height · width).
///
/// # Errors
///
/// A model error if `gram` has not C² elements.
pub fn gram(cpu: &Cpu, features: &Blocked, gram: &mut [f32], scratch: &mut Scratch) -> Result<()> {
    let scale = 1.0 / features.size().pixels() as f32;
    weighed_gram(cpu, features, Equally, scale, gram, scratch)
}

/// `gram` = F·diag(`map`)·Fᵀ, C×C row-major, of the activations F, C × (height · width): each pixel counts
/// as much as `map`, row-major, says.
///
/// # Errors
///
/// A model error if `gram` has not C² elements, or `map` not one for each pixel.
pub fn guided_gram(
    cpu: &Cpu,
    features: &Blocked,
    map: &[f32],
    gram: &mut [f32],
    scratch: &mut Scratch,
) -> Result<()> {
    check_map(map, features)?;
    weighed_gram(cpu, features, Guided { map, width: features.size().width }, 1.0, gram, scratch)
}

pub(super) fn check_map(map: &[f32], features: &Blocked) -> Result<()> {
    let size = features.size();
    if map.len() == size.pixels() {
        return Ok(());
    }
    Err(Error::model(format!("a map of {} pixels cannot guide features of {size}", map.len())))
}

fn weighed_gram(
    cpu: &Cpu,
    features: &Blocked,
    weigh: impl Weigh,
    scale: f32,
    gram: &mut [f32],
    scratch: &mut Scratch,
) -> Result<()> {
    let (channels, size) = (features.channels(), features.size());
    check(gram.len(), channels)?;
    let blocks = features.grid().blocks;
    let matrix = blocks * blocks * LANES;
    let parts = (2 * cpu.threads().count()).min(size.pixels().div_ceil(64)).min(size.height);
    scratch.reserve(cpu, 0, parts * matrix);
    let sums = &mut scratch.common[..parts * matrix];
    let shared = Shared::new(&mut *sums);
    cpu.threads().for_each(parts, |part, _| {
        // SAFETY: each task has its own part.
        let sums = unsafe { shared.slice(part * matrix, matrix) };
        let rows = part * size.height / parts..(part + 1) * size.height / parts;
        dispatch(cpu.level(), Products { features, weigh, rows, sums });
    });
    let sums = &*sums;
    let shared = Shared::new(gram);
    cpu.threads().for_each(blocks, |i, _| {
        for j in i..blocks {
            let mut square = [[0.0f32; LANES]; LANES];
            for part in sums.chunks_exact(matrix) {
                for (r, row) in square.iter_mut().enumerate() {
                    let lane = &part[(i * LANES + r) * blocks + j];
                    row.iter_mut().zip(lane.0).for_each(|(total, sum)| *total += sum * scale);
                }
            }
            // Rows of the upper triangle, then the same numbers as columns of the lower.
            let transposed: [[f32; LANES]; LANES] =
                std::array::from_fn(|c| std::array::from_fn(|r| square[r][c]));
            let copy = |from: &[[f32; LANES]; LANES], rows: usize, columns: usize| {
                for (r, from) in from.iter().enumerate().take(channels - rows * LANES) {
                    let start = (rows * LANES + r) * channels + columns * LANES;
                    let count = LANES.min(channels - columns * LANES);
                    // SAFETY: this task alone writes the squares (i, j) and (j, i), one row at a time.
                    let row = unsafe { shared.slice(start, count) };
                    row.copy_from_slice(&from[..row.len()]);
                }
            };
            copy(&square, i, j);
            if i != j {
                copy(&transposed, j, i);
            }
        }
    });
    Ok(())
}

/// The products of all pairs of channels over some rows of pixels: `sums[i · blocks + j]` holds row i,
/// columns 16 j to 16 j + 15.
struct Products<'a, W> {
    features: &'a Blocked,
    weigh: W,
    rows: Range<usize>,
    sums: &'a mut [Lane],
}

impl<W: Weigh> Kernel for Products<'_, W> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        self.sums.fill(Lane::ZERO);
        let blocks = self.features.grid().blocks;
        let width = self.features.size().width;
        let (run, height) = (width.min(RUN), (RUN / width).max(1));
        let mut y = self.rows.start;
        while y < self.rows.end {
            let mut rows = y..self.rows.end.min(y + height);
            if run == width {
                // Narrow rows of which little counts: as many as make a run.
                let counted = self.weigh.within(rows.clone(), 0..width).len().max(1);
                rows.end = self.rows.end.min(y + (RUN / counted).clamp(height, 4 * height));
            }
            let mut x = 0;
            while x < width {
                let columns = x..width.min(x + run);
                x = columns.end;
                let columns = self.weigh.within(rows.clone(), columns);
                if columns.is_empty() {
                    continue;
                }
                for i in 0..blocks {
                    let mut j = i;
                    while j < blocks {
                        let at = (rows.clone(), columns.clone());
                        j += self.beside(s, (i, j), blocks - j, at);
                    }
                }
            }
            y = rows.end;
        }
    }
}

impl<W: Weigh> Products<'_, W> {
    /// Block `i` with as many of the `left` blocks from `j` on as the registers hold; returns how many.
    #[inline(always)]
    fn beside<S: Simd>(
        &mut self,
        s: S,
        (i, j): (usize, usize),
        left: usize,
        at: (Range<usize>, Range<usize>),
    ) -> usize {
        if S::VECTORS != 2 {
            // Sixteen registers hold twelve sums, and 16 rows are 6 + 5 + 5.
            self.block::<S, 6, 1>(s, (i, j), 0, at.clone());
            self.block::<S, 5, 1>(s, (i, j), 6, at.clone());
            self.block::<S, 5, 1>(s, (i, j), 11, at);
            return 1;
        }
        match left {
            1 => self.block::<S, LANES, 1>(s, (i, j), 0, at),
            2 | 4 => {
                self.block::<S, 8, 2>(s, (i, j), 0, at.clone());
                self.block::<S, 8, 2>(s, (i, j), 8, at);
                return 2;
            }
            _ => {
                self.block::<S, 8, 3>(s, (i, j), 0, at.clone());
                self.block::<S, 8, 3>(s, (i, j), 8, at);
                return 3;
            }
        }
        1
    }

    /// `R` channels of block `i` from `first` on, with the `N` blocks from `j` on.
    #[inline(always)]
    fn block<S: Simd, const R: usize, const N: usize>(
        &mut self,
        s: S,
        (i, j): (usize, usize),
        first: usize,
        (rows, columns): (Range<usize>, Range<usize>),
    ) {
        let grid = self.features.grid();
        let lanes = self.features.lanes();
        let count = columns.len();
        let mut sums = [[s.zero(); N]; R];
        for y in rows {
            let weights = self.weigh.row(y, columns.clone());
            let left = &lanes[grid.at(i, y + 1, columns.start + 1)..][..count];
            let mut right = [left; N];
            for n in 0..N {
                right[n] = &lanes[grid.at(j + n, y + 1, columns.start + 1)..][..count];
            }
            for (x, left) in left.iter().enumerate() {
                let mut v = [s.zero(); N];
                for n in 0..N {
                    v[n] = weights.weigh(s, x, s.load(&right[n][x]));
                }
                for r in 0..R {
                    let factor = s.splat(left.0[first % LANES + r]);
                    for n in 0..N {
                        sums[r][n] = s.mul_add(factor, v[n], sums[r][n]);
                    }
                }
            }
        }
        let start = (i * LANES + first) * grid.blocks + j;
        for (places, sums) in self.sums[start..].chunks_mut(grid.blocks).zip(sums) {
            for (place, sum) in places.iter_mut().zip(sums) {
                let total = s.add(s.load(place), sum);
                s.store(total, place);
            }
        }
    }
}

pub(super) fn check(elements: usize, channels: usize) -> Result<()> {
    if elements == channels * channels {
        return Ok(());
    }
    Err(Error::model(format!("a Gram matrix of {channels} channels cannot have {elements} elements")))
}
