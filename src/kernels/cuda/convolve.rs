//! Convolutions: in which way they are computed, which tile serves which picture, and what a library leaves to do.
#![expect(unsafe_code, reason = "a library trusts the sizes it is told")]

use super::kernels::{Kernels, address, blocks, int};
use super::machine::{Argument, Launch};
use super::operands::{Features, Finish, NOTHING, Order, Weights};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::names::names;
use std::fmt;

/// What computes convolutions. All sum products of halves in float32, and give the same bits in every run; one way
/// and another differ by roundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Convolutions {
    /// Our kernels by `mma.sync`, for compute capability 8.0 and all that came after.
    Mma,
    /// Our kernels by `wgmma`, for compute capability 9.0 alone.
    Wgmma,
    /// cuDNN. What is multiplied by one tap, and the first convolution, stay with our kernels.
    Cudnn,
}

names!(Convolutions, "way to convolve", Mma = "mma", Wgmma = "wgmma", Cudnn = "cudnn");

/// Which way a convolution is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From its input to its output.
    Forward,
    /// From the gradient of its output to that of its input.
    Backward,
}

/// A convolution of 3×3, zeros around the picture, as a machine's library is asked for it. Features are halves,
/// `[H, W, C]`; with `offset(t)` from -1, -1 to 1, 1:
///
/// - forward, `to[p][o]` = `scale` Σ `from[p + offset(t)][i]` · `kernel[o][t][i]` over taps and inputs; with a bias,
///   that + `bias[o]`, or 0 where it is negative;
/// - backward, `to[p][i]` = `scale` Σ `from[p - offset(t)][o]` · `kernel[o][t][i]` over taps and outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convolution {
    /// Which of the two.
    pub direction: Direction,
    /// Of the picture.
    pub size: Size,
    /// Channels of its input forward.
    pub inputs: usize,
    /// Channels of its output forward.
    pub outputs: usize,
    /// Where halves `[outputs][9][inputs]` are.
    pub kernel: u64,
    /// Where it reads.
    pub from: u64,
    /// Where it writes; not where it reads.
    pub to: u64,
    /// What sums are multiplied by.
    pub scale: f32,
    /// Forward: where halves are that are added, a number for each channel.
    pub bias: Option<u64>,
}

/// What a block of a kernel makes.
struct Tile {
    kernel: &'static str,
    pixels: usize,
    outputs: usize,
    threads: u32,
    /// Bytes of shared memory.
    shared: u32,
    /// How many blocks a multiprocessor holds at a time, or 2 if more.
    resident: u32,
}

const fn tile(
    kernel: &'static str,
    [pixels, outputs]: [usize; 2],
    [threads, shared, resident]: [u32; 3],
) -> Tile {
    Tile { kernel, pixels, outputs, threads, shared, resident }
}

/// The largest first.
const MMA: [Tile; 3] = [
    tile("stylecast_conv_128", [128, 128], [128, 49152, 2]),
    tile("stylecast_conv_64", [128, 64], [128, 36864, 2]),
    tile("stylecast_conv_small", [64, 64], [128, 32768, 2]),
];

/// The largest first.
const WGMMA: [Tile; 3] = [
    tile("stylecast_wgmma_256", [128, 256], [256, 196_608, 1]),
    tile("stylecast_wgmma_128", [128, 128], [256, 98304, 2]),
    tile("stylecast_wgmma_64", [128, 64], [256, 98304, 2]),
];

/// The largest tile of which there are enough, else the smallest. `full` is how many keep all of the machine busy if
/// two are on a multiprocessor.
fn chosen(tiles: &[Tile; 3], pixels: usize, outputs: usize, full: u32) -> &Tile {
    let fills = |tile: &&Tile| {
        let needed = (full * tile.resident / 2).max(1);
        outputs.is_multiple_of(tile.outputs)
            && blocks(pixels, tile.pixels) * blocks(outputs, tile.outputs) >= needed
    };
    tiles.iter().find(fills).unwrap_or(&tiles[2])
}

impl Kernels {
    /// Convolves in this way from now on. Weights are made for one way.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] where the machine cannot.
    pub fn with_convolutions(mut self, way: Convolutions) -> Result<Self> {
        match self.machine().convolves_by(way) {
            Ok(()) => {
                self.convolutions = way;
                Ok(self)
            }
            Err(why) => Err(Error::model(format!("convolutions cannot be left to {way}: {why}"))
                .hint("leave --convolutions away to use what there is")),
        }
    }

    /// In which way it convolves.
    pub fn convolutions(&self) -> Convolutions {
        self.convolutions
    }

    /// Whether convolutions in place need room aside ([`Finish::aside`]).
    pub fn needs_room_aside(&self) -> bool {
        self.convolutions == Convolutions::Cudnn
    }

    /// Weights of a 3×3 convolution with `kernel`, `[outputs, inputs, 3, 3]`.
    ///
    /// # Errors
    /// As [`Weights::convolution`].
    pub fn convolution(&self, kernel: &[f32], outputs: usize, inputs: usize) -> Result<Weights> {
        self.weights(kernel, outputs, inputs, Direction::Forward)
    }

    /// Weights of its gradient.
    ///
    /// # Errors
    /// As [`Weights::adjoint`].
    pub fn adjoint(&self, kernel: &[f32], outputs: usize, inputs: usize) -> Result<Weights> {
        self.weights(kernel, outputs, inputs, Direction::Backward)
    }

    fn weights(
        &self,
        kernel: &[f32],
        outputs: usize,
        inputs: usize,
        direction: Direction,
    ) -> Result<Weights> {
        let machine = self.machine();
        match (self.convolutions, direction) {
            (Convolutions::Cudnn, _) => Weights::for_library(machine, kernel, outputs, inputs, direction),
            (_, Direction::Forward) => Weights::convolution(machine, kernel, outputs, inputs),
            (_, Direction::Backward) => Weights::adjoint(machine, kernel, outputs, inputs),
        }
    }

    /// `y` = `x` convolved with `weights`, finished.
    ///
    /// # Errors
    /// As [`Self::first_forward`].
    pub fn convolve(
        &self,
        x: &Features,
        weights: &Weights,
        finish: Finish<'_>,
        y: &mut Features,
    ) -> Result<()> {
        let Weights { inputs, outputs, order, .. } = weights;
        let size = x.size;
        x.expect("a convolution's input", *inputs, size)?;
        y.expect("a convolution's output", *outputs, size)?;
        if let Some(tap) = finish.tap {
            tap.expect("what is added", *outputs, size)?;
        }
        if finish.bias.is_some_and(|bias| bias.exact.len() < *outputs)
            || finish.rows.is_some_and(|rows| rows.len() < size.pixels())
        {
            return Err(Error::model("a convolution's bias or map is too short"));
        }
        match order {
            Order::Taps => self.convolve_by_tiles(x, weights, finish, y),
            Order::Library(direction) => self.convolve_by_library(x, weights, *direction, finish, y),
        }
    }

    fn convolve_by_tiles(
        &self,
        x: &Features,
        weights: &Weights,
        finish: Finish<'_>,
        y: &mut Features,
    ) -> Result<()> {
        let Weights { numbers, inputs, outputs, taps, .. } = weights;
        let size = x.size;
        let tiles = match self.convolutions {
            Convolutions::Wgmma => &WGMMA,
            Convolutions::Mma | Convolutions::Cudnn => &MMA,
        };
        let tile = chosen(tiles, size.pixels(), *outputs, self.full);
        let grid = [blocks(size.pixels(), tile.pixels), blocks(*outputs, tile.outputs), 1];
        let own = y.numbers.address();
        let bias = address(finish.bias.map(|bias| &bias.exact));
        let operands = [x.numbers.address(), numbers.address(), bias, address(finish.rows)];
        let mask = if finish.masked { own } else { NOTHING };
        let finished = [finish.tap(own), mask, Argument::Float(finish.scale), int(finish.relu.into()), own];
        let shape = [int(size.height), int(size.width), int(*inputs), int(*outputs), int(*taps)];
        let launch = Launch { grid, block: tile.threads, shared: tile.shared };
        self.run(tile.kernel, launch, &[&operands[..], &finished, &shape].concat())
    }

    /// By the machine's library, which scales, and can add a bias and leave nothing negative. The rest is done by a
    /// kernel of ours: in place, or, where what is there is still needed, from room aside.
    fn convolve_by_library(
        &self,
        x: &Features,
        weights: &Weights,
        direction: Direction,
        finish: Finish<'_>,
        y: &mut Features,
    ) -> Result<()> {
        let (size, count) = (x.size, y.count());
        let [inputs, outputs] = match direction {
            Direction::Forward => [weights.inputs, weights.outputs],
            Direction::Backward => [weights.outputs, weights.inputs],
        };
        let still_needed = finish.onto || finish.masked;
        let more = still_needed || finish.rows.is_some() || finish.tap.is_some();
        let by_library = finish.bias.filter(|_| finish.relu && !more && direction == Direction::Forward);
        let sums = match finish.aside {
            _ if !still_needed => &y.numbers,
            Some(aside) if aside.numbers.len() >= count => &aside.numbers,
            _ => {
                return Err(Error::model(
                    "a convolution in place needs room for its sums, and there is none",
                ));
            }
        };
        let convolution = Convolution {
            direction,
            size,
            inputs,
            outputs,
            kernel: weights.numbers.place(),
            from: x.numbers.place(),
            to: sums.place(),
            scale: finish.scale,
            bias: by_library.map(|bias| bias.rounded.place()),
        };
        // SAFETY: lengths have been held against the sizes, and a picture's features are no other's.
        unsafe { self.machine().convolve(&convolution) }?;
        if by_library.is_some() || !(more || finish.bias.is_some() || finish.relu) {
            return Ok(());
        }
        let own = y.numbers.address();
        let mask = if finish.masked { own } else { NOTHING };
        let launch = Launch { grid: [blocks(count, 8 * 256), 1, 1], block: 256, shared: 0 };
        let bias = address(finish.bias.map(|bias| &bias.exact));
        let operands = [sums.address(), bias, address(finish.rows), finish.tap(own), mask];
        let rest = [int(finish.relu.into()), own, int(size.pixels()), int(weights.outputs)];
        self.run("stylecast_finish", launch, &[&operands[..], &rest].concat())
    }
}

impl fmt::Display for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, size, inputs, outputs, .. } = self;
        let way = match direction {
            Direction::Forward => "",
            Direction::Backward => ", back",
        };
        write!(f, "{inputs} to {outputs} channels of {size}{way}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_tile_that_fills_the_machine_is_taken() {
        let of = |tiles, pixels, outputs| chosen(tiles, pixels, outputs, 264).kernel;
        assert_eq!(of(&MMA, 1280 * 720, 128), "stylecast_conv_128");
        assert_eq!(of(&MMA, 1280 * 720, 64), "stylecast_conv_64");
        assert_eq!(of(&MMA, 64 * 64, 512), "stylecast_conv_small");
        assert_eq!(of(&WGMMA, 1280 * 720, 256), "stylecast_wgmma_256");
        assert_eq!(of(&WGMMA, 1280 * 720, 128), "stylecast_wgmma_128");
        assert_eq!(of(&WGMMA, 1280 * 720, 192), "stylecast_wgmma_64");
        assert_eq!(of(&WGMMA, 1, 512), "stylecast_wgmma_64");
    }

    #[test]
    fn ways_read_what_they_print() {
        for way in [Convolutions::Mma, Convolutions::Wgmma, Convolutions::Cudnn] {
            assert_eq!(way.to_string().parse::<Convolutions>().unwrap(), way);
        }
        assert!("fastest".parse::<Convolutions>().is_err());
    }
}
