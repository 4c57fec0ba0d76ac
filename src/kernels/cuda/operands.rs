//! What the kernels work on: features, weights, and where results go.

use super::convolve::Direction;
use super::machine::{Argument, Buffer, Machine};
use crate::error::{Error, Result};
use crate::frame::Size;
use half::f16;
use std::sync::Arc;

/// Activations or their gradient, `[H, W, C]`.
pub struct Features {
    pub(super) numbers: Buffer<f16>,
    pub(super) channels: usize,
    pub(super) size: Size,
}

impl Features {
    /// Room for `channels` of `size`, with nothing certain in it.
    ///
    /// # Errors
    /// Channels that are no multiple of 64, or not enough memory.
    pub fn new(machine: &Arc<dyn Machine>, channels: usize, size: Size) -> Result<Self> {
        check_channels(channels)?;
        Ok(Self { numbers: Buffer::new(machine, channels * size.pixels())?, channels, size })
    }

    /// Channels, a multiple of 64.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Of another shape from now on, in the same memory.
    ///
    /// # Errors
    /// A shape that does not fit into it.
    pub fn reshape(&mut self, channels: usize, size: Size) -> Result<()> {
        check_channels(channels)?;
        if channels * size.pixels() > self.numbers.len() {
            return Err(mismatch("room for features", channels, size, self));
        }
        (self.channels, self.size) = (channels, size);
        Ok(())
    }

    /// How many numbers.
    pub fn count(&self) -> usize {
        self.channels * self.size.pixels()
    }

    pub(super) fn expect(&self, what: &str, channels: usize, size: Size) -> Result<()> {
        match (self.channels, self.size) == (channels, size) {
            true => Ok(()),
            false => Err(mismatch(what, channels, size, self)),
        }
    }

    /// Its numbers, `[H, W, C]`, once all that was asked before is done.
    ///
    /// # Errors
    /// A failing device.
    pub fn read(&self) -> Result<Vec<f16>> {
        let mut numbers = vec![f16::ZERO; self.count()];
        self.numbers.read(&mut numbers)?;
        Ok(numbers)
    }

    /// Takes `numbers`, `[H, W, C]`.
    ///
    /// # Errors
    /// A failing device.
    pub fn write(&mut self, numbers: &[f16]) -> Result<()> {
        self.numbers.write(numbers)
    }
}

/// Kernels work on tiles of 64 channels.
fn check_channels(channels: usize) -> Result<()> {
    if channels > 0 && channels.is_multiple_of(64) {
        return Ok(());
    }
    Err(Error::model(format!("{channels} channels are no multiple of 64")))
}

fn mismatch(what: &str, channels: usize, size: Size, features: &Features) -> Error {
    let (has, of) = (features.channels, features.size);
    Error::model(format!("{what}: {channels} channels of {size} are needed, these are {has} of {of}"))
}

/// The first convolution, 3 to 64 channels, with the picture's way to the network's input before it.
pub struct First {
    /// `[27][64]`.
    pub(super) kernel: Buffer<f32>,
    pub(super) bias: Buffer<f32>,
    /// Gain and offset of each colour.
    pub(super) affine: Buffer<f32>,
}

/// The channels after the first convolution.
pub(super) const FIRST: usize = 64;

impl First {
    /// `kernel` is `[64, 3, 3, 3]`; the network sees `gain · x + offset`, and zeros around it.
    ///
    /// # Errors
    /// Other lengths, or not enough memory.
    pub fn new(
        machine: &Arc<dyn Machine>,
        kernel: &[f32],
        bias: &[f32],
        (gain, offset): ([f32; 3], [f32; 3]),
    ) -> Result<Self> {
        if kernel.len() != 27 * FIRST || bias.len() != FIRST {
            return Err(Error::model("the first convolution is not one of 3 to 64 channels"));
        }
        let turned: Vec<f32> = (0..27 * FIRST).map(|i| kernel[i % FIRST * 27 + i / FIRST]).collect();
        let affine = [gain, offset].concat();
        let put = |numbers: &[f32]| Buffer::from_slice(machine, numbers);
        Ok(Self { kernel: put(&turned)?, bias: put(bias)?, affine: put(&affine)? })
    }
}

/// What features are convolved with, or, with one tap, multiplied by.
pub struct Weights {
    pub(super) numbers: Buffer<f16>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) taps: usize,
    pub(super) order: Order,
}

/// In which order weights lie, which decides who convolves with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `[taps][outputs][inputs]`, for our kernels.
    Taps,
    /// `[outputs][taps][inputs]` of the convolution forward, for a library that goes through it in this direction.
    Library(Direction),
}

impl Weights {
    /// A 3×3 convolution with `kernel`, `[outputs, inputs, 3, 3]`.
    ///
    /// # Errors
    /// A kernel of another length, channels that are no multiple of 64, or not enough memory.
    pub fn convolution(
        machine: &Arc<dyn Machine>,
        kernel: &[f32],
        outputs: usize,
        inputs: usize,
    ) -> Result<Self> {
        check_kernel(kernel, outputs, inputs)?;
        let at = |tap: usize, o: usize, i: usize| kernel[(o * inputs + i) * 9 + tap];
        Self::new(machine, at, outputs, inputs)
    }

    /// Such a convolution or its gradient, for the machine's library.
    ///
    /// # Errors
    /// As [`Self::convolution`].
    pub(super) fn for_library(
        machine: &Arc<dyn Machine>,
        kernel: &[f32],
        outputs: usize,
        inputs: usize,
        direction: Direction,
    ) -> Result<Self> {
        check_kernel(kernel, outputs, inputs)?;
        let at = |n: usize| kernel[(n / (9 * inputs) * inputs + n % inputs) * 9 + n / inputs % 9];
        let numbers: Vec<f16> = (0..kernel.len()).map(|n| f16::from_f32(at(n))).collect();
        let numbers = Buffer::from_slice(machine, &numbers)?;
        let order = Order::Library(direction);
        Ok(match direction {
            Direction::Forward => Self { numbers, inputs, outputs, taps: 9, order },
            Direction::Backward => Self { numbers, inputs: outputs, outputs: inputs, taps: 9, order },
        })
    }

    /// Its gradient: channels change places, and the kernel is turned by 180°.
    ///
    /// # Errors
    /// As [`Self::convolution`].
    pub fn adjoint(
        machine: &Arc<dyn Machine>,
        kernel: &[f32],
        outputs: usize,
        inputs: usize,
    ) -> Result<Self> {
        check_kernel(kernel, outputs, inputs)?;
        let at = |tap: usize, i: usize, o: usize| kernel[(o * inputs + i) * 9 + 8 - tap];
        Self::new(machine, at, inputs, outputs)
    }

    fn new(
        machine: &Arc<dyn Machine>,
        at: impl Fn(usize, usize, usize) -> f32,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self> {
        let all =
            (0..9).flat_map(|tap| (0..outputs).flat_map(move |o| (0..inputs).map(move |i| (tap, o, i))));
        let numbers: Vec<f16> = all.map(|(tap, o, i)| f16::from_f32(at(tap, o, i))).collect();
        let numbers = Buffer::from_slice(machine, &numbers)?;
        Ok(Self { numbers, inputs, outputs, taps: 9, order: Order::Taps })
    }

    /// Room for the coefficients of a Gram matrix's gradient, `[channels, channels]`.
    ///
    /// # Errors
    /// Not enough memory.
    pub fn coefficients(machine: &Arc<dyn Machine>, channels: usize) -> Result<Self> {
        check_channels(channels)?;
        let numbers = Buffer::new(machine, channels * channels)?;
        Ok(Self { numbers, inputs: channels, outputs: channels, taps: 1, order: Order::Taps })
    }
}

fn check_kernel(kernel: &[f32], outputs: usize, inputs: usize) -> Result<()> {
    check_channels(outputs)?;
    check_channels(inputs)?;
    if kernel.len() == 9 * outputs * inputs {
        return Ok(());
    }
    Err(Error::model(format!(
        "{} weights are no convolution of {inputs} to {outputs} channels",
        kernel.len()
    )))
}

/// What is added to features, a number for each channel.
pub struct Bias {
    pub(super) exact: Buffer<f32>,
    /// For a library, which takes it as it takes features.
    pub(super) rounded: Buffer<f16>,
}

impl Bias {
    /// Puts it on the machine.
    ///
    /// # Errors
    /// Not enough memory.
    pub fn new(machine: &Arc<dyn Machine>, numbers: &[f32]) -> Result<Self> {
        let rounded: Vec<f16> = numbers.iter().map(|number| f16::from_f32(*number)).collect();
        let exact = Buffer::from_slice(machine, numbers)?;
        Ok(Self { exact, rounded: Buffer::from_slice(machine, &rounded)? })
    }
}

/// What becomes of the sums of products of a convolution, in this order.
#[derive(Clone, Copy)]
pub struct Finish<'a> {
    /// Multiplied by.
    pub scale: f32,
    /// Added.
    pub bias: Option<&'a Bias>,
    /// Multiplied by a number for each pixel.
    pub rows: Option<&'a Buffer<f32>>,
    /// Added.
    pub tap: Option<&'a Features>,
    /// Added to what is there.
    pub onto: bool,
    /// 0 where what is there is not positive.
    pub masked: bool,
    /// Nothing negative is left.
    pub relu: bool,
    /// Room for as much as the output is. A library that convolves in place takes it, where what is there is still
    /// needed: [`super::Kernels::needs_room_aside`].
    pub aside: Option<&'a Features>,
}

/// Where sums of squares go, one for each block of threads, to be read together at the end.
pub struct Sums {
    pub(super) numbers: Buffer<f32>,
    used: usize,
}

/// Some of the [`Sums`]: those of one term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part(std::ops::Range<usize>);

/// Blocks that sums of squares are spread over.
pub(super) const SUM_BLOCKS: usize = 256;

impl Sums {
    /// Room for `terms`.
    ///
    /// # Errors
    /// Not enough memory.
    pub fn new(machine: &Arc<dyn Machine>, terms: usize) -> Result<Self> {
        Ok(Self { numbers: Buffer::new(machine, terms * SUM_BLOCKS)?, used: 0 })
    }

    /// How many terms there is room for.
    pub fn room(&self) -> usize {
        self.numbers.len() / SUM_BLOCKS
    }

    /// None are used any more.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    pub(super) fn part(&mut self, blocks: usize) -> Result<(Argument, Part)> {
        let part = self.used..self.used + blocks;
        if part.end > self.numbers.len() {
            return Err(Error::model("more losses than there is room for their sums"));
        }
        self.used = part.end;
        Ok((self.numbers.address_at(part.start), Part(part)))
    }

    /// The sum of each part, once all that was asked before is done.
    ///
    /// # Errors
    /// A failing device.
    pub fn read(&self, parts: &[Part]) -> Result<Vec<f64>> {
        let mut numbers = vec![0.0; self.used];
        self.numbers.read(&mut numbers)?;
        Ok(parts.iter().map(|Part(part)| numbers[part.clone()].iter().map(|x| f64::from(*x)).sum()).collect())
    }
}

/// A Gram matrix in parts, each over some of the pixels, and their total.
pub struct GramParts {
    /// `[splits][C][C]`.
    pub(super) numbers: Buffer<f32>,
    pub(super) splits: usize,
    pub(super) channels: usize,
}

/// The most parts that the pixels of a Gram matrix are divided into.
const MOST_SPLITS: usize = 64;
/// Pixels of a part at least.
const LEAST_PART: usize = 512;

/// Parts for a Gram matrix of so many channels, so that there is work for a whole GPU.
pub(super) fn splits(channels: usize, pixels: usize) -> usize {
    let tiles = (channels / 64) * (channels / 64 + 1) / 2;
    (264 / tiles.max(1)).clamp(1, MOST_SPLITS).min(pixels.div_ceil(LEAST_PART))
}

impl GramParts {
    /// Room for Gram matrices of up to these channels at pictures whose layer of that width has `pixels`.
    ///
    /// # Errors
    /// Not enough memory.
    pub fn new(machine: &Arc<dyn Machine>, shapes: impl Iterator<Item = (usize, usize)>) -> Result<Self> {
        let most = shapes.map(|(channels, pixels)| splits(channels, pixels) * channels * channels).max();
        Ok(Self { numbers: Buffer::new(machine, most.unwrap_or(0))?, splits: 0, channels: 0 })
    }
}

/// What the total of a Gram matrix is compared with, and where the results go.
pub struct Compared<'a> {
    /// `A`, `[C, C]`.
    pub target: &'a Buffer<f32>,
    /// What the difference is multiplied by in the coefficients.
    pub unit: f32,
    /// `unit · (G − A)`.
    pub coefficients: &'a mut Weights,
}

impl Finish<'_> {
    pub(super) fn tap(&self, own: Argument) -> Argument {
        if self.onto { own } else { self.tap.map_or(NOTHING, |tap| tap.numbers.address()) }
    }
}

impl Default for Finish<'_> {
    fn default() -> Self {
        Self {
            scale: 1.0,
            bias: None,
            rows: None,
            tap: None,
            onto: false,
            masked: false,
            relu: false,
            aside: None,
        }
    }
}

/// No memory.
pub(super) const NOTHING: Argument = Argument::Address(0);
