//! The kernels as functions: shapes are checked, launches are sized, and nobody above has to be careful.
//!
//! Activations are [`Features`], half precision, a pixel's channels beside each other. Sums are float32 throughout.
//! Each kernel's equation stands with its source (`*.cu`).
#![expect(unsafe_code, reason = "a kernel trusts the sizes it is told")]

use super::convolve::Convolutions;
use super::machine::{Argument, Buffer, Launch, Machine};
use super::operands::{Compared, FIRST, Features, First, GramParts, NOTHING, Part, SUM_BLOCKS, Sums, splits};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::kernels::cpu::pool::Pooling;
use std::sync::Arc;

/// The kernels on a machine.
#[derive(Clone)]
pub struct Kernels {
    machine: Arc<dyn Machine>,
    /// Blocks that keep all of the machine busy.
    pub(super) full: u32,
    pub(super) convolutions: Convolutions,
}

pub(super) fn address<T: bytemuck::Pod>(buffer: Option<&Buffer<T>>) -> Argument {
    buffer.map_or(NOTHING, Buffer::address)
}

pub(super) fn int(number: usize) -> Argument {
    Argument::Int(i32::try_from(number).unwrap_or(i32::MAX))
}

pub(super) fn blocks(work: usize, each: usize) -> u32 {
    u32::try_from(work.div_ceil(each)).unwrap_or(u32::MAX)
}

/// Two blocks for every multiprocessor of a large GPU.
const FULL: u32 = 264;

impl Kernels {
    /// Those of this machine, with those convolutions that every machine has.
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        Self { machine, full: FULL, convolutions: Convolutions::Mma }
    }

    /// On a machine that so many blocks keep busy.
    #[must_use]
    pub fn with_full(self, blocks: u32) -> Self {
        Self { full: blocks, ..self }
    }

    /// Where they run.
    pub fn machine(&self) -> &Arc<dyn Machine> {
        &self.machine
    }

    pub(super) fn run(&self, kernel: &'static str, launch: Launch, arguments: &[Argument]) -> Result<()> {
        // SAFETY: the functions of this folder pass each kernel's arguments in its order, and have held the lengths of
        // all memory against the sizes they tell.
        unsafe { self.machine.launch(kernel, launch, arguments) }
    }

    /// `y` = relu(conv(gain · x + offset) + bias); `x` is `[3, H, W]` of the size of `y`.
    ///
    /// # Errors
    /// Shapes that do not fit, or a failing device.
    pub fn first_forward(&self, x: &Buffer<f32>, first: &First, y: &mut Features) -> Result<()> {
        let size = y.size;
        y.expect("the first convolution's output", FIRST, size)?;
        expect_pixels(x, size)?;
        let launch =
            Launch { grid: [blocks(size.width, 128), blocks(size.height, 1), 1], block: 256, shared: 0 };
        let First { kernel, bias, affine } = first;
        let weights = [x.address(), kernel.address(), bias.address(), affine.address()];
        let rest = [y.numbers.address(), int(size.height), int(size.width)];
        self.run("stylecast_first_forward", launch, &[&weights[..], &rest].concat())
    }

    /// `dx`, `[3, H, W]`, is `scale` times the gradient with respect to the pixels, where `g` is the gradient before
    /// the ReLU.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn first_backward(
        &self,
        g: &Features,
        first: &First,
        scale: f32,
        dx: &mut Buffer<f32>,
    ) -> Result<()> {
        let size = g.size;
        g.expect("the first convolution's gradient", FIRST, size)?;
        expect_pixels(dx, size)?;
        let grid = [blocks(size.width, 16), blocks(size.height, 8), 1];
        let First { kernel, affine, .. } = first;
        let weights = [g.numbers.address(), kernel.address(), affine.address(), Argument::Float(scale)];
        let rest = [dx.address(), int(size.height), int(size.width)];
        let launch = Launch { grid, block: 128, shared: 24576 };
        self.run("stylecast_first_backward", launch, &[&weights[..], &rest].concat())
    }

    /// `y`, half as large, is what pooling 2×2 leaves of `x`; an odd last row or column is dropped.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn pool(&self, pooling: Pooling, x: &Features, y: &mut Features) -> Result<()> {
        let (channels, size) = (x.channels, x.size);
        y.expect("a pool's output", channels, half_of(size))?;
        let launch = Launch { grid: [blocks(y.count(), 8 * 256), 1, 1], block: 256, shared: 0 };
        let shape = [int(size.height), int(size.width), int(channels), int((pooling == Pooling::Max).into())];
        self.run(
            "stylecast_pool_forward",
            launch,
            &[&[x.numbers.address(), y.numbers.address()][..], &shape].concat(),
        )
    }

    /// `x`, the input of a pool, becomes the gradient before its ReLU, where `g` is the gradient of the pool's output
    /// and `tap` is added to it.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn unpool(
        &self,
        pooling: Pooling,
        g: &Features,
        tap: Option<&Features>,
        x: &mut Features,
    ) -> Result<()> {
        let (channels, size) = (x.channels, x.size);
        g.expect("the gradient of a pool's output", channels, half_of(size))?;
        if let Some(tap) = tap {
            tap.expect("what is added", channels, size)?;
        }
        let windows = size.width.div_ceil(2) * size.height.div_ceil(2);
        let launch = Launch { grid: [blocks(windows * channels, 8 * 256), 1, 1], block: 256, shared: 0 };
        let tap = tap.map_or(NOTHING, |tap| tap.numbers.address());
        let shape = [int(size.height), int(size.width), int(channels), int((pooling == Pooling::Max).into())];
        let memory = [g.numbers.address(), x.numbers.address(), tap];
        self.run("stylecast_pool_backward", launch, &[&memory[..], &shape].concat())
    }

    /// `x` becomes `g` where it is positive, else 0; all of it 0 without `g`.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn mask(&self, g: Option<&Features>, x: &mut Features) -> Result<()> {
        if let Some(g) = g {
            g.expect("the gradient at a ReLU", x.channels, x.size)?;
        }
        let g = g.map_or(NOTHING, |g| g.numbers.address());
        let launch = Launch { grid: [blocks(x.count(), 8 * 256), 1, 1], block: 256, shared: 0 };
        self.run("stylecast_mask", launch, &[g, x.numbers.address(), Argument::Long(x.count() as i64)])
    }

    /// The Gram matrix of `x` in parts, each pixel multiplied by a number of `rows`, which should not be above 1.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn gram(&self, x: &Features, rows: Option<&Buffer<f32>>, parts: &mut GramParts) -> Result<()> {
        let (channels, pixels) = (x.channels, x.size.pixels());
        let splits = splits(channels, pixels);
        if parts.numbers.len() < splits * channels * channels || rows.is_some_and(|rows| rows.len() < pixels)
        {
            return Err(Error::model("too little room for the parts of a Gram matrix, or too short a map"));
        }
        (parts.splits, parts.channels) = (splits, channels);
        let grid = [(channels / 64 * (channels / 64 + 1) / 2) as u32, splits as u32, 1];
        let memory = [x.numbers.address(), address(rows), parts.numbers.address()];
        let shape = [int(pixels), int(channels), int(splits)];
        let launch = Launch { grid, block: 128, shared: 32768 };
        self.run("stylecast_gram", launch, &[&memory[..], &shape].concat())
    }

    /// `gram` = `scale` times the sum of the parts, `[C, C]`.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn gram_total(&self, parts: &GramParts, scale: f32, gram: &mut Buffer<f32>) -> Result<()> {
        if gram.len() < parts.channels * parts.channels {
            return Err(Error::model("too little room for a Gram matrix"));
        }
        let gram = [gram.address(), NOTHING, NOTHING];
        self.total(parts, (NOTHING, scale, 0.0), gram)
    }

    /// With `G` = `scale` times the sum of the parts: `unit · (G − A)` as coefficients, and the parts of
    /// `‖G − A‖²`.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn gram_difference(
        &self,
        parts: &GramParts,
        scale: f32,
        compared: Compared<'_>,
        sums: &mut Sums,
    ) -> Result<Part> {
        let Compared { target, unit, coefficients } = compared;
        let count = parts.channels * parts.channels;
        if target.len() < count || coefficients.numbers.len() < count {
            return Err(Error::model("a Gram matrix is compared with one of other channels"));
        }
        let (at, part) = sums.part(gram_tiles(parts.channels))?;
        self.total(parts, (target.address(), scale, unit), [NOTHING, coefficients.numbers.address(), at])?;
        Ok(part)
    }

    fn total(
        &self,
        parts: &GramParts,
        (target, scale, unit): (Argument, f32, f32),
        [gram, coefficients, sums]: [Argument; 3],
    ) -> Result<()> {
        if parts.splits == 0 {
            return Err(Error::model("there are no parts of a Gram matrix yet"));
        }
        let launch = Launch { grid: [gram_tiles(parts.channels) as u32, 1, 1], block: 256, shared: 0 };
        let numbers = [Argument::Float(scale), Argument::Float(unit)];
        let memory = [&[parts.numbers.address(), target][..], &numbers, &[gram, coefficients, sums]].concat();
        let shape = [int(parts.channels), int(parts.splits)];
        self.run("stylecast_gram_finish", launch, &[&memory[..], &shape].concat())
    }

    /// `tap` = `slope · (x − target)`, or that added to it, and the parts of `‖x − target‖²`. The slope is one of
    /// `slopes`.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn content(
        &self,
        x: &Features,
        target: &Features,
        (slopes, slope): (&Buffer<f32>, usize),
        onto: bool,
        tap: &mut Features,
        sums: &mut Sums,
    ) -> Result<Part> {
        if slope >= slopes.len() {
            return Err(Error::model("the content's slope is missing"));
        }
        target.expect("the content's features", x.channels, x.size)?;
        tap.expect("the content's gradient", x.channels, x.size)?;
        let (at, part) = sums.part(SUM_BLOCKS)?;
        let launch = Launch { grid: [SUM_BLOCKS as u32, 1, 1], block: 256, shared: 0 };
        let memory =
            [x.numbers.address(), target.numbers.address(), slopes.address_at(slope), tap.numbers.address()];
        let rest = [int(onto.into()), at, Argument::Long(x.count() as i64)];
        self.run("stylecast_content", launch, &[&memory[..], &rest].concat())?;
        Ok(part)
    }

    /// The parts of `‖x‖²`.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn squares(&self, x: &Features, sums: &mut Sums) -> Result<Part> {
        let (at, part) = sums.part(SUM_BLOCKS)?;
        let launch = Launch { grid: [SUM_BLOCKS as u32, 1, 1], block: 256, shared: 0 };
        self.run("stylecast_squares", launch, &[x.numbers.address(), at, Argument::Long(x.count() as i64)])?;
        Ok(part)
    }

    /// Another of the same, in the place of one that is no longer needed if it has the right shape.
    ///
    /// # Errors
    /// Not enough memory, or a failing device.
    pub fn copy(&self, x: &Features, place: Option<Features>) -> Result<Features> {
        let mut copy = match place {
            Some(place) if (place.channels, place.size) == (x.channels, x.size) => place,
            other => {
                drop(other);
                Features::new(&self.machine, x.channels, x.size)?
            }
        };
        copy.numbers.copy(&x.numbers, x.count())?;
        Ok(copy)
    }
}

/// The size that 2×2 pooling leaves.
fn half_of(size: Size) -> Size {
    Size::new(size.width / 2, size.height / 2)
}

/// Blocks of `stylecast_gram_finish`.
fn gram_tiles(channels: usize) -> usize {
    channels / 32 * (channels / 32 + 1) / 2
}

fn expect_pixels(pixels: &Buffer<f32>, size: Size) -> Result<()> {
    if pixels.len() == 3 * size.pixels() {
        return Ok(());
    }
    Err(Error::model(format!("{} numbers are not a picture of {size}", pixels.len())))
}
