//! Winograd convolutions, a block of tiles at a time.
//!
//! Three stages: transform the inputs of a block of tiles, multiply with the transformed weights
//! (one matrix product per position of a tile), transform the products of a few output channels back
//! while they are still in cache. Large images are divided among threads by tiles; small ones, whose
//! few tiles would read all the weights on every thread, by output channels.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::Cpu;
use super::blocked::{LANES, Lane};
use super::input::Input;
use super::pack::Packed;
use super::panel::{Weights, multiply, pieces, with_rows};
use super::plan::Plan;
use super::scratch::{Scratch, with_own};
use super::shared::Shared;
use super::simd::{Kernel, Simd, dispatch};
use super::target::Target;
use super::transform::Filter;
use std::marker::PhantomData;
use std::ops::Range;

/// `target` = `packed` ∗ `input`, finished by the target.
pub(super) fn convolve<F: Filter>(
    cpu: &Cpu,
    packed: &Packed,
    input: impl Input,
    target: &Target<'_>,
    scratch: &mut Scratch,
) {
    let plan = Plan::new::<F>(cpu, input.size(), input.blocks(), packed.panels.len());
    let (transformed, products) = (plan.transformed_lanes(), plan.product_lanes());
    let own = if plan.split { products } else { transformed + products };
    scratch.reserve(cpu, own, if plan.split { transformed } else { 0 });
    let Scratch { common, own } = scratch;
    let job = Job::<F> { plan, packed, target, filter: PhantomData };
    if plan.split {
        let lanes = &mut common[..transformed];
        let shared = Shared::new(lanes);
        cpu.threads().for_each(plan.blocks, |block, _| {
            dispatch(
                cpu.level(),
                Analyze { job: &job, input, tiles: 0..plan.tiles, blocks: block..block + 1, to: &shared },
            );
        });
        let from = &common[..transformed];
        cpu.threads().for_each(plan.chunks(), |chunk, thread| {
            with_own(own, thread, |products| {
                dispatch(cpu.level(), Multiply { job: &job, tiles: 0..plan.tiles, chunk, from, products });
            });
        });
    } else {
        cpu.threads().for_each(plan.pieces(), |piece, thread| {
            with_own(own, thread, |memory| {
                let (from, products) = memory.split_at_mut(transformed);
                let tiles = plan.piece(piece);
                let to = Shared::new(&mut *from);
                let blocks = 0..plan.blocks;
                dispatch(cpu.level(), Analyze { job: &job, input, tiles: tiles.clone(), blocks, to: &to });
                for chunk in 0..plan.chunks() {
                    let tiles = tiles.clone();
                    dispatch(cpu.level(), Multiply { job: &job, tiles, chunk, from, products });
                }
            });
        });
    }
}

/// Input channels whose products are summed in registers before they are added to the others: sums of
/// short sums halve the rounding error of 512 channels and cost no measurable time.
const RUN: usize = 128;

/// What the stages of one convolution share.
struct Job<'a, F> {
    plan: Plan,
    packed: &'a Packed,
    target: &'a Target<'a>,
    filter: PhantomData<F>,
}

/// The input transform of some tiles and blocks of channels, to `[position][group][block][tile of group]`: the
/// groups of tiles that [`multiply`] takes at once, each in the order it is read.
struct Analyze<'a, F, I> {
    job: &'a Job<'a, F>,
    input: I,
    tiles: Range<usize>,
    blocks: Range<usize>,
    to: &'a Shared<'a, Lane>,
}

impl<F: Filter, I: Input> Kernel for Analyze<'_, F, I> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let plan = &self.job.plan;
        let count = self.tiles.len();
        let stride = plan.transformed_stride(count);
        // Outside of the loops: the compiler would fill it with zeros for every tile.
        let mut half = [[s.zero(); 6]; 6];
        for block in self.blocks {
            for (first, tiles) in pieces(count, S::TILES) {
                for t in 0..tiles {
                    let tile = self.tiles.start + first + t;
                    let (y, x) = (F::OUTPUTS * (tile / plan.across), F::OUTPUTS * (tile % plan.across));
                    let corner = self.input.tile::<F>(block, y, x);
                    I::prefetch::<S, F>(s, &corner);
                    for j in 0..F::SIDE {
                        let mut column = [s.zero(); 6];
                        for i in 0..F::SIDE {
                            column[i] = I::load(s, &corner, i, j);
                        }
                        let column = F::input(s, column);
                        for i in 0..F::SIDE {
                            half[i][j] = column[i];
                        }
                    }
                    for i in 0..F::SIDE {
                        let row = F::input(s, half[i]);
                        for j in 0..F::SIDE {
                            let index = (F::SIDE * i + j) * stride + first * plan.blocks + block * tiles + t;
                            // SAFETY: tasks have different blocks of channels or different memory.
                            if let [place] = unsafe { self.to.slice(index, 1) } {
                                s.store(row[j], place);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The products of some tiles with a chunk of panels of output channels, and their way back to pixels.
struct Multiply<'a, F> {
    job: &'a Job<'a, F>,
    tiles: Range<usize>,
    chunk: usize,
    from: &'a [Lane],
    products: &'a mut [Lane],
}

impl<F: Filter> Kernel for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        let plan = &self.job.plan;
        let panels = plan.panels_of(self.chunk);
        let (positions, depth) = (F::SIDE * F::SIDE, self.job.packed.depth);
        for position in 0..positions {
            for (p, panel) in panels.clone().enumerate() {
                // While one panel is multiplied, the next comes from memory.
                let (next, at) =
                    if panel + 1 < panels.end { (panel + 1, position) } else { (panels.start, position + 1) };
                let ahead: &[Weights] =
                    if at < positions { &self.job.packed.panels[next][at * depth..][..depth] } else { &[] };
                let weights = &self.job.packed.panels[panel][position * depth..][..depth];
                let (runs, parts) = (depth.div_ceil(RUN), self.tiles.len().div_ceil(S::TILES));
                // The weights of a run stay in the first-level cache for all tiles.
                for (run, weights) in weights.chunks(RUN).enumerate() {
                    for (part, (first, count)) in pieces(self.tiles.len(), S::TILES).enumerate() {
                        let (call, calls) = (run * parts + part, runs * parts);
                        let ahead = &ahead[call * ahead.len() / calls..(call + 1) * ahead.len() / calls];
                        let at = At { position, p, run, first };
                        with_rows!(count, R => {
                            if R <= S::TILES {
                                if S::VECTORS == 2 {
                                    self.product::<S, R, 2>(s, at, 0, weights, ahead);
                                } else {
                                    let (one, other) = ahead.split_at(ahead.len() / 2);
                                    self.product::<S, R, 1>(s, at, 0, weights, one);
                                    self.product::<S, R, 1>(s, at, 1, weights, other);
                                }
                            }
                        });
                    }
                }
            }
        }
        for (p, panel) in panels.enumerate() {
            for n in 0..2 {
                if 2 * panel + n < self.job.target.grid.blocks {
                    self.synthesize(s, p, n, 2 * panel + n);
                }
            }
        }
    }
}

/// Where a product belongs: a position of the tiles, the `p`-th panel of the chunk, a run of input channels
/// and tiles from `first` on.
#[derive(Clone, Copy)]
struct At {
    position: usize,
    p: usize,
    run: usize,
    first: usize,
}

impl<F: Filter> Multiply<'_, F> {
    /// `R` tiles times `N` blocks of output channels from `block` on, over one run of input channels.
    #[inline(always)]
    fn product<S: Simd, const R: usize, const N: usize>(
        &mut self,
        s: S,
        At { position, p, run, first }: At,
        block: usize,
        weights: &[Weights],
        ahead: &[Weights],
    ) {
        let (count, plan) = (self.tiles.len(), &self.job.plan);
        let start = position * plan.transformed_stride(count) + first * plan.blocks + run * RUN / LANES * R;
        let left = &self.from[start..];
        let mut sums = [[s.zero(); N]; R];
        multiply(s, left, R, weights, block, ahead, &mut sums);
        let start = position * plan.product_stride(count) + (p * count + first) * 2;
        let (pairs, _) = self.products[start..].as_chunks_mut::<2>();
        for (pair, sum) in pairs.iter_mut().zip(sums) {
            for n in 0..N {
                let place = &mut pair[(block + n) % 2];
                let v = if run == 0 { sum[n] } else { s.add(s.load(place), sum[n]) };
                s.store(v, place);
            }
        }
    }

    /// The output transform of all tiles of output block `block`, which is the `n`-th of panel `p` here.
    #[inline(always)]
    fn synthesize<S: Simd>(&self, s: S, p: usize, n: usize, block: usize) {
        let (plan, target) = (&self.job.plan, self.job.target);
        let (size, count) = (target.size, self.tiles.len());
        let stride = plan.product_stride(count);
        let mut half = [[s.zero(); 6]; 4];
        for (t, tile) in self.tiles.clone().enumerate() {
            let from = &self.products[(p * count + t) * 2 + n..];
            for j in 0..F::SIDE {
                let mut column = [s.zero(); 6];
                for i in 0..F::SIDE {
                    column[i] = s.load(&from[(F::SIDE * i + j) * stride]);
                }
                let column = F::output(s, column);
                for i in 0..F::OUTPUTS {
                    half[i][j] = column[i];
                }
            }
            let (y, x) = (F::OUTPUTS * (tile / plan.across), F::OUTPUTS * (tile % plan.across));
            let mut above = [s.zero(); 4];
            for i in 0..F::OUTPUTS.min(size.height - y) {
                let mut row = F::output(s, half[i]);
                for j in 0..F::OUTPUTS.min(size.width - x) {
                    // SAFETY: tasks have different tiles or different output blocks.
                    row[j] = unsafe { target.put_pixel(s, block, (y + i, x + j), row[j]) };
                }
                if i % 2 == 1 {
                    let rows = [&above[..F::OUTPUTS], &row[..F::OUTPUTS]];
                    // SAFETY: as above; tiles begin at even rows and columns.
                    unsafe { target.pool(s, block, (y + i, x), rows) };
                }
                above = row;
            }
        }
    }
}
