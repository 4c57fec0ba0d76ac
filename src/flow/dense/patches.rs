//! Dense Inverse Search: where each of many overlapping patches went (Kroeger et al. 2016, section 2.1).
//!
//! A patch of the frame is held against the other frame at a vector; the vector is improved by Gauss and
//! Newton's steps with the slopes of the *patch*, which stay the same all the while (inverse compositional
//! alignment, Baker & Matthews 2001). What is compared are patches without their mean, so that light may
//! change. Unlike the paper, a patch also tries the vectors that its neighbours have found and, where the
//! coarser level's does not fit, whether it has moved at all.

use super::field::Field;
use super::lanes::{LANES, Lanes};
use super::plane::{BORDER, Plane};
use super::pyramid::Level;
use super::settings::DenseFlow;
use crate::kernels::cpu::{Loops, vectorised};
use rayon::prelude::*;

/// Pixels along a patch's side.
pub(super) const SIDE: usize = LANES;
const PIXELS: f32 = (SIDE * SIDE) as f32;

/// A step shorter than this, in pixels, ends the search: the refinement does the rest.
const ENOUGH: f32 = 0.05;
/// A mean squared difference that needs no second opinion: that of rounding and a little more.
const FITS: f32 = 1.0;
/// Neighbours whose vector is no farther off than this have nothing new to say.
const APART: f32 = 0.1;
/// Added to the mean squared slopes of a patch, so that a flat one stays where it is instead of following
/// noise.
const DAMPING: f32 = 0.1;

/// One number for every pixel of a patch.
type Block = [Lanes; SIDE];

/// The patches of a level, in rows, and their vectors.
pub(super) struct Patches {
    /// Left column of the patches of each column.
    pub(super) left: Vec<usize>,
    /// Top row of the patches of each row.
    pub(super) top: Vec<usize>,
    pub(super) found: Vec<Found>,
}

/// A patch's vector and how badly it fits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) right: f32,
    pub(super) down: f32,
    /// Sum of the squared differences.
    pub(super) cost: f32,
}

/// Where patches begin along a side of `n` pixels: every `stride`, and one that ends with the frame.
fn places(n: usize, stride: usize) -> Vec<usize> {
    let last = n.saturating_sub(SIDE);
    let mut places: Vec<usize> = (0..last).step_by(stride).collect();
    places.push(last);
    places
}

impl Patches {
    /// Looks for every patch of `of` in `towards`, beginning with what was found at the `coarser` level.
    pub(super) fn search(of: &Level, towards: &Plane, coarser: Option<&Field>, settings: &DenseFlow) -> Self {
        let size = of.luma.size();
        let stride = settings.stride.clamp(1, SIDE);
        let left = places(size.width, stride);
        let top = places(size.height, stride);
        let search = Search { of, towards, settings };
        let mut found = vec![Found::default(); left.len() * top.len()];
        found.par_chunks_exact_mut(left.len()).zip(&top).for_each(|(row, &top)| {
            vectorised(Begin { search, left: &left, top, coarser, row });
        });
        for _ in 0..settings.rounds {
            let before = found.clone();
            found.par_chunks_exact_mut(left.len()).enumerate().for_each(|(y, row)| {
                let here = &before[y * left.len()..][..left.len()];
                let above = &before[y.saturating_sub(1) * left.len()..][..left.len()];
                let below = &before[(y + 1).min(top.len() - 1) * left.len()..][..left.len()];
                vectorised(Ask { search, left: &left, top: top[y], neighbours: [above, here, below], row });
            });
        }
        Self { left, top, found }
    }
}

#[derive(Clone, Copy)]
struct Search<'a> {
    of: &'a Level,
    towards: &'a Plane,
    settings: &'a DenseFlow,
}

/// A row of patches: the coarser level's vector, or none where that fits better, improved.
struct Begin<'a> {
    search: Search<'a>,
    left: &'a [usize],
    top: usize,
    coarser: Option<&'a Field>,
    row: &'a mut [Found],
}

impl Loops for Begin<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let centre = 0.5 * (SIDE - 1) as f32;
        for (found, &left) in self.row.iter_mut().zip(self.left) {
            let patch = Patch::new(&self.search, left, self.top);
            let carried = self.coarser.map_or([0.0; 2], |coarser| {
                coarser.sample(0.5 * (left as f32 + centre) - 0.25, 0.5 * (self.top as f32 + centre) - 0.25)
            });
            let mut best = patch.at(2.0 * carried[0], 2.0 * carried[1]);
            if best.found.cost > PIXELS * FITS {
                let still = patch.at(0.0, 0.0);
                if still.found.cost < best.found.cost {
                    best = still;
                }
            }
            *found = patch.improved(best);
        }
    }
}

/// A row of patches asks its neighbours.
struct Ask<'a> {
    search: Search<'a>,
    left: &'a [usize],
    top: usize,
    neighbours: [&'a [Found]; 3],
    row: &'a mut [Found],
}

impl Loops for Ask<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [above, here, below] = self.neighbours;
        for (x, (found, &left)) in self.row.iter_mut().zip(self.left).enumerate() {
            let own = *found;
            let candidates =
                [here[x.saturating_sub(1)], here[(x + 1).min(here.len() - 1)], above[x], below[x]];
            let differs =
                |other: &Found| (other.right - own.right).abs() + (other.down - own.down).abs() > APART;
            if !candidates.iter().any(differs) {
                continue;
            }
            let patch = Patch::new(&self.search, left, self.top);
            let mut best: Option<Trial> = None;
            for other in candidates.iter().filter(|other| differs(other)) {
                let trial = patch.at(other.right, other.down);
                if trial.found.cost < best.as_ref().map_or(own.cost, |best| best.found.cost) {
                    best = Some(trial);
                }
            }
            if let Some(best) = best {
                *found = patch.improved(best);
            }
        }
    }
}

/// A patch, ready to be compared.
struct Patch<'a> {
    left: f32,
    top: f32,
    values: Block,
    /// Slopes without their means.
    right: Block,
    down: Block,
    /// The inverse of the sums of products of slopes: over right², over both, over down².
    inverse: [f32; 3],
    towards: &'a Plane,
    steps: usize,
}

#[inline(always)]
fn block(plane: &Plane, left: usize, top: usize) -> Block {
    let mut block = [Lanes::ZERO; SIDE];
    let from = plane.from(left as isize, top as isize);
    for (y, to) in block.iter_mut().enumerate() {
        *to = Lanes::read(&from[y * plane.stride()..]);
    }
    block
}

#[inline(always)]
fn product(a: &Block, b: &Block) -> f32 {
    let mut sums = Lanes::ZERO;
    for y in 0..SIDE {
        sums += a[y] * b[y];
    }
    sums.sum()
}

#[inline(always)]
fn without_mean(mut block: Block) -> Block {
    let mut sums = Lanes::ZERO;
    for row in &block {
        sums += *row;
    }
    let mean = Lanes::splat(sums.sum() / PIXELS);
    for row in &mut block {
        *row = *row - mean;
    }
    block
}

/// A patch held against the other frame at a vector.
struct Trial {
    found: Found,
    /// Sums of products of the differences with the slopes.
    right: f32,
    down: f32,
}

impl<'a> Patch<'a> {
    #[inline(always)]
    fn new(search: &Search<'a>, left: usize, top: usize) -> Self {
        let right = without_mean(block(&search.of.right, left, top));
        let down = without_mean(block(&search.of.down, left, top));
        let damping = PIXELS * DAMPING;
        let (rr, dd) = (product(&right, &right) + damping, product(&down, &down) + damping);
        let rd = product(&right, &down);
        let scale = 1.0 / (rr * dd - rd * rd).max(f32::MIN_POSITIVE);
        Self {
            left: left as f32,
            top: top as f32,
            values: block(&search.of.luma, left, top),
            right,
            down,
            inverse: [dd * scale, -rd * scale, rr * scale],
            towards: search.towards,
            steps: search.settings.steps,
        }
    }

    /// Compares the patch with the other frame at a vector.
    #[inline(always)]
    fn at(&self, right: f32, down: f32) -> Trial {
        let size = self.towards.size();
        let limit = (BORDER - 1) as f32;
        // So far outside everything is the border's value anyway.
        let x = (self.left + right).clamp(-limit, size.width as f32 + limit - (SIDE + 1) as f32);
        let y = (self.top + down).clamp(-limit, size.height as f32 + limit - (SIDE + 1) as f32);
        // Counted from the border's edge the numbers are positive, and truncation is the floor.
        let (x, y) = (x + BORDER as f32, y + BORDER as f32);
        let (column, row) = (x as usize, y as usize);
        let (u, v) = (Lanes::splat(x - column as f32), Lanes::splat(y - row as f32));
        let from = self.towards.from(column as isize - BORDER as isize, row as isize - BORDER as isize);
        let stride = self.towards.stride();
        let across = |y: usize| {
            let row = &from[y * stride..];
            let (left, right) = (Lanes::read(row), Lanes::read(&row[1..]));
            left + u * (right - left)
        };
        let mut above = across(0);
        let [mut sum, mut squares, mut rights, mut downs] = [Lanes::ZERO; 4];
        for y in 0..SIDE {
            let below = across(y + 1);
            let difference = above + v * (below - above) - self.values[y];
            sum += difference;
            squares += difference * difference;
            // The slopes have no mean, so that of the differences does not matter.
            rights += difference * self.right[y];
            downs += difference * self.down[y];
            above = below;
        }
        let sum = sum.sum();
        let cost = squares.sum() - sum * sum / PIXELS;
        Trial { found: Found { right, down, cost }, right: rights.sum(), down: downs.sum() }
    }

    /// Steps downhill from `start` while it gets better.
    #[inline(always)]
    fn improved(&self, start: Trial) -> Found {
        let mut best = start;
        for _ in 0..self.steps {
            let right = self.inverse[0] * best.right + self.inverse[1] * best.down;
            let down = self.inverse[1] * best.right + self.inverse[2] * best.down;
            let length = right * right + down * down;
            if length < ENOUGH * ENOUGH || length > (SIDE * SIDE) as f32 {
                break;
            }
            let next = self.at(best.found.right - right, best.found.down - down);
            if next.found.cost >= best.found.cost {
                break;
            }
            best = next;
        }
        best.found
    }
}
