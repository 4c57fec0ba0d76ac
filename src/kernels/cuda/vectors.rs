//! The kernels of the pixels themselves, `[3, H, W]` in float32: what optimisers do with vectors, the losses that need
//! no network, and moving along a flow.

use super::Kernels;
use super::kernels::{address, blocks, int};
use super::machine::{Argument, Buffer, Launch, Machine};
use super::operands::{NOTHING, Part, SUM_BLOCKS, Sums};
use crate::error::{Error, Result};
use crate::frame::Size;
use std::sync::Arc;

/// Vectors that a launch reads beside its own.
const VECTORS: usize = 8;
/// The most blocks that a sum is spread over.
const PARTS: usize = 128;
/// The levels of [`Kernels::coarse_to_fine`] stop above this side.
const SMALLEST_SIDE: usize = 2;

/// Sums over blocks on their way to be added up.
pub struct Partials {
    machine: Arc<dyn Machine>,
    numbers: Buffer<f64>,
}

impl Partials {
    /// Room for a few.
    ///
    /// # Errors
    /// Not enough memory.
    pub fn new(machine: &Arc<dyn Machine>) -> Result<Self> {
        Ok(Self { machine: machine.clone(), numbers: Buffer::new(machine, VECTORS * PARTS)? })
    }

    fn make_room(&mut self, sums: usize) -> Result<()> {
        if self.numbers.len() < sums {
            self.numbers = Buffer::new(&self.machine, sums)?;
        }
        Ok(())
    }

    /// `count` lots of `parts` numbers.
    fn read(&self, count: usize, parts: usize) -> Result<Vec<Vec<f64>>> {
        let mut numbers = vec![0.0; count * parts];
        self.numbers.read(&mut numbers)?;
        Ok(numbers.chunks_exact(parts.max(1)).map(<[f64]>::to_vec).collect())
    }
}

/// Where a flow on the machine leads.
pub struct FlowField {
    /// To the right, `[H, W]`.
    pub right: Buffer<f32>,
    /// Down, `[H, W]`.
    pub down: Buffer<f32>,
    /// Of both.
    pub size: Size,
}

/// Blocks and threads for `n` numbers, each of which a thread takes several of.
fn spread(n: usize, most: usize) -> Launch {
    Launch { grid: [blocks(n, 256).clamp(1, most as u32), 1, 1], block: 256, shared: 0 }
}

pub(super) fn long(number: usize) -> Argument {
    Argument::Long(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(super) fn expect(lengths: &[usize], length: usize) -> Result<()> {
    match lengths.iter().find(|other| **other != length) {
        None => Ok(()),
        Some(other) => {
            Err(Error::model(format!("vectors of {length} and of {other} numbers do not go together")))
        }
    }
}

/// Coarser versions of a picture that are worth having, of at most `levels`: their sizes, from the finest on.
fn coarser(size: Size, levels: usize) -> Vec<Size> {
    (1..=levels)
        .map(|level| Size::new(size.width >> level, size.height >> level))
        .take_while(|size| size.shortest_side() >= SMALLEST_SIDE)
        .collect()
}

impl Kernels {
    /// A step of Adam: `x` moves against `gradient` and is clamped to 0..1. `numbers` are the learning rate, β₁, β₂,
    /// ε, and the corrections of both moments' bias.
    ///
    /// # Errors
    /// Lengths that differ, or a failing device; so too below.
    pub fn adam(
        &self,
        x: &mut Buffer<f32>,
        gradient: &Buffer<f32>,
        [first, second]: [&mut Buffer<f32>; 2],
        numbers: [f32; 6],
    ) -> Result<()> {
        let n = x.len();
        expect(&[gradient.len(), first.len(), second.len()], n)?;
        let memory = [x.address(), gradient.address(), first.address(), second.address()];
        let numbers = numbers.map(Argument::Float);
        self.run("stylecast_adam", spread(n, SUM_BLOCKS), &[&memory[..], &numbers, &[long(n)]].concat())
    }

    /// `to` = `a` − `b`.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn difference(&self, a: &Buffer<f32>, b: &Buffer<f32>, to: &mut Buffer<f32>) -> Result<()> {
        let n = to.len();
        expect(&[a.len(), b.len()], n)?;
        let arguments = [a.address(), b.address(), to.address(), long(n)];
        self.run("stylecast_difference", spread(n, SUM_BLOCKS), &arguments)
    }

    /// `to` = `factor` · (`to` + the sum of each term's factor · vector).
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn add(&self, to: &mut Buffer<f32>, terms: &[(f64, &Buffer<f32>)], factor: f64) -> Result<()> {
        let n = to.len();
        expect(&terms.iter().map(|(_, vector)| vector.len()).collect::<Vec<_>>(), n)?;
        let mut chunks: Vec<_> = terms.chunks(VECTORS).collect();
        if chunks.is_empty() && factor != 1.0 {
            chunks.push(&[]);
        }
        let last = chunks.len().saturating_sub(1);
        for (i, chunk) in chunks.into_iter().enumerate() {
            let vector = |k: usize| chunk.get(k).map_or(NOTHING, |(_, vector)| vector.address());
            let times = |k: usize| Argument::Float(chunk.get(k).map_or(0.0, |(times, _)| *times as f32));
            let mut arguments = vec![to.address()];
            arguments.extend((0..VECTORS).map(vector));
            arguments.extend((0..VECTORS).map(times));
            let factor = if i == last { factor as f32 } else { 1.0 };
            arguments.extend([int(chunk.len()), Argument::Float(factor), long(n)]);
            self.run("stylecast_add", spread(n, SUM_BLOCKS), &arguments)?;
        }
        Ok(())
    }

    /// The inner product of each pair, in `f64`. Neighbours with the same second vector share its reading.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn products(
        &self,
        pairs: &[(&Buffer<f32>, &Buffer<f32>)],
        partials: &mut Partials,
    ) -> Result<Vec<f64>> {
        let Some(n) = pairs.first().map(|(a, _)| a.len()) else { return Ok(Vec::new()) };
        expect(&pairs.iter().flat_map(|(a, b)| [a.len(), b.len()]).collect::<Vec<_>>(), n)?;
        let launch = spread(n, PARTS);
        let parts = launch.grid[0] as usize;
        partials.make_room(pairs.len() * parts)?;
        let mut done = 0;
        for group in pairs.chunk_by(|(_, a), (_, b)| std::ptr::eq(*a, *b)) {
            for chunk in group.chunks(VECTORS) {
                let vector = |k: usize| chunk.get(k).map_or(NOTHING, |(vector, _)| vector.address());
                let mut arguments: Vec<_> = (0..VECTORS).map(vector).collect();
                let sums = partials.numbers.address_at(done * parts);
                arguments.extend([chunk[0].1.address(), int(chunk.len()), sums, long(n)]);
                self.run("stylecast_products", launch, &arguments)?;
                done += chunk.len();
            }
        }
        Ok(partials.read(done, parts)?.iter().map(|parts| parts.iter().sum()).collect())
    }

    /// The largest absolute value.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn largest(&self, of: &Buffer<f32>, partials: &mut Partials) -> Result<f64> {
        let launch = spread(of.len(), PARTS);
        self.run("stylecast_largest", launch, &[of.address(), partials.numbers.address(), long(of.len())])?;
        let parts = partials.read(1, launch.grid[0] as usize)?;
        Ok(parts.iter().flatten().copied().fold(0.0, f64::max))
    }

    /// Sets those numbers of `vector` to 0 whose variable stands at a bound and would leave it, or has a gradient that
    /// is no number.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn hold(&self, x: &Buffer<f32>, gradient: &Buffer<f32>, vector: &mut Buffer<f32>) -> Result<()> {
        let n = vector.len();
        expect(&[x.len(), gradient.len()], n)?;
        let arguments = [x.address(), gradient.address(), vector.address(), long(n)];
        self.run("stylecast_hold", spread(n, SUM_BLOCKS), &arguments)
    }

    /// `x` = `from` − `length` · `direction`, clamped to 0..1. The inner product of `direction` and `gradient`, and
    /// how many variables change.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn advance(
        &self,
        from: &Buffer<f32>,
        length: f32,
        [direction, gradient]: [&Buffer<f32>; 2],
        x: &mut Buffer<f32>,
        partials: &mut Partials,
    ) -> Result<[f64; 2]> {
        let n = x.len();
        expect(&[from.len(), direction.len(), gradient.len()], n)?;
        let launch = spread(n, PARTS);
        let memory = [from.address(), direction.address(), gradient.address(), Argument::Float(length)];
        let rest = [x.address(), partials.numbers.address(), long(n)];
        self.run("stylecast_advance", launch, &[memory.as_slice(), &rest].concat())?;
        let sums = partials.read(2, launch.grid[0] as usize)?;
        Ok([0, 1].map(|i| sums[i].iter().sum()))
    }

    /// Adds the gradient of the total variation, times `scale`, to `gradient`; the parts of the sum of squared
    /// differences. `x` is of `size`.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn total_variation(
        &self,
        (x, size): (&Buffer<f32>, Size),
        scale: f32,
        gradient: &mut Buffer<f32>,
        sums: &mut Sums,
    ) -> Result<Part> {
        expect(&[x.len(), gradient.len()], 3 * size.pixels())?;
        let (at, part) = sums.part(SUM_BLOCKS)?;
        let memory = [x.address(), Argument::Float(scale), gradient.address(), at];
        let shape = [int(size.height), int(size.width)];
        let launch = Launch { grid: [SUM_BLOCKS as u32, 1, 1], block: 256, shared: 0 };
        self.run("stylecast_total_variation", launch, &[&memory[..], &shape].concat())?;
        Ok(part)
    }

    /// Adds `scale · c (x − target)` to `gradient`, where c is a number for each pixel; the parts of `Σ c (x − target)²`.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn temporal(
        &self,
        x: &Buffer<f32>,
        [target, certainty]: [&Buffer<f32>; 2],
        scale: f32,
        gradient: &mut Buffer<f32>,
        sums: &mut Sums,
    ) -> Result<Part> {
        expect(&[target.len(), gradient.len(), 3 * certainty.len()], x.len())?;
        let (at, part) = sums.part(SUM_BLOCKS)?;
        let memory = [x.address(), target.address(), certainty.address(), Argument::Float(scale)];
        let launch = Launch { grid: [SUM_BLOCKS as u32, 1, 1], block: 256, shared: 0 };
        let rest = [gradient.address(), at, long(certainty.len())];
        self.run("stylecast_temporal", launch, &[&memory[..], &rest].concat())?;
        Ok(part)
    }

    /// All three planes become their mean.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn grey(&self, picture: &mut Buffer<f32>) -> Result<()> {
        let plane = picture.len() / 3;
        self.run("stylecast_grey", spread(plane, SUM_BLOCKS), &[picture.address(), long(plane)])
    }

    /// Adds the coarser versions of a picture to it, each of half the sides of the one before: at most `levels`.
    /// `room` is for them, and made larger where it is too small.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn coarse_to_fine(
        &self,
        picture: &mut Buffer<f32>,
        size: Size,
        levels: usize,
        room: &mut Buffer<f32>,
    ) -> Result<()> {
        expect(&[picture.len()], 3 * size.pixels())?;
        let sizes = coarser(size, levels);
        let needed = sizes.iter().map(|size| 3 * size.pixels()).sum();
        if room.len() < needed {
            *room = Buffer::new(self.machine(), needed)?;
        }
        let shape = |size: Size| [int(size.height), int(size.width)];
        let each = |n: usize| Launch { grid: [blocks(n, 256), 1, 1], block: 256, shared: 0 };
        let (mut from, mut at, mut start) = (picture.address(), size, 0);
        for &half in &sizes {
            let to = room.address_at(start);
            let arguments = [&[from][..], &shape(at), &[to], &shape(half)].concat();
            self.run("stylecast_shrink", each(3 * half.pixels()), &arguments)?;
            (from, at, start) = (to, half, start + 3 * half.pixels());
        }
        if sizes.is_empty() {
            return Ok(());
        }
        let arguments =
            [&[picture.address()][..], &shape(size), &[room.address(), int(sizes.len())]].concat();
        self.run("stylecast_coarse_to_fine", each(3 * size.pixels()), &arguments)
    }

    /// `to` is `from` fetched along a flow, linearly, times what is `visible`, a number for each pixel.
    ///
    /// # Errors
    /// As [`Self::adam`].
    pub fn warp(
        &self,
        from: &Buffer<f32>,
        flow: &FlowField,
        visible: Option<&Buffer<f32>>,
        to: &mut Buffer<f32>,
    ) -> Result<()> {
        let FlowField { right, down, size } = flow;
        let plane = size.pixels();
        expect(&[from.len(), to.len()], 3 * plane)?;
        expect(&[right.len(), down.len(), visible.map_or(plane, Buffer::len)], plane)?;
        let memory = [from.address(), right.address(), down.address(), address(visible)];
        let launch = Launch { grid: [blocks(plane, 256), 1, 1], block: 256, shared: 0 };
        let rest = [to.address(), int(size.height), int(size.width)];
        self.run("stylecast_warp", launch, &[&memory[..], &rest].concat())
    }
}
