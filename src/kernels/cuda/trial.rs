//! A trial for a machine: what makes up nearly all of the work, on a few numbers, against plain loops.
//!
//! A driver that translates a kernel wrongly, or a card that lacks what it needs, shows here and not in the middle
//! of a film.

use super::convolve::Convolutions;
use super::{Bias, Buffer, Features, Finish, GramParts, Kernels, Machine};
use crate::error::{Error, Result};
use crate::frame::Size;
use half::f16;
use std::sync::Arc;

/// The largest difference, as a share of the largest number.
const TOLERANCE: f32 = 1e-2;
const CHANNELS: usize = 64;
/// Odd, and more than a warp's pixels.
const SIZE: Size = Size::new(9, 7);
/// Odd, and more than one of any tile.
const LARGER: Size = Size::new(15, 9);

impl Kernels {
    /// Those of this machine that convolve in the way that is asked for, once they have been tried out. Without one:
    /// by [`Convolutions::Wgmma`] where that is there and passes its trial, else by [`Convolutions::Mma`].
    ///
    /// # Errors
    /// As [`Self::with_convolutions`] and [`Self::try_out`].
    pub fn tried(machine: Arc<dyn Machine>, asked: Option<Convolutions>) -> Result<Self> {
        let kernels = Self::new(machine);
        if let Some(way) = asked {
            let kernels = kernels.with_convolutions(way)?;
            return kernels.try_out().map(|()| kernels);
        }
        if let Ok(wgmma) = kernels.clone().with_convolutions(Convolutions::Wgmma) {
            match wgmma.try_out() {
                Ok(()) => return Ok(wgmma),
                Err(error) => {
                    tracing::warn!("convolutions are left to mma, because wgmma fails here: {error}")
                }
            }
        }
        kernels.try_out().map(|()| kernels)
    }

    /// Computes convolutions and a Gram matrix, and compares with the CPU.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] if they differ, or the machine fails.
    pub fn try_out(&self) -> Result<()> {
        let (x, features) = self.numbers(CHANNELS, SIZE)?;
        self.try_convolution(CHANNELS, SIZE)?;
        // Every tile, as soon as there is work for it.
        let eager = self.clone().with_full(1);
        for outputs in [64, 128, 256] {
            eager.try_convolution(outputs, LARGER)?;
        }

        let machine = self.machine();
        let mut parts = GramParts::new(machine, std::iter::once((CHANNELS, SIZE.pixels())))?;
        let mut gram = Buffer::new(machine, CHANNELS * CHANNELS)?;
        self.gram(&features, None, &mut parts)?;
        self.gram_total(&parts, 1.0, &mut gram)?;
        let mut ours = vec![0.0; CHANNELS * CHANNELS];
        gram.read(&mut ours)?;
        self.agree("multiplied", &ours, |i| {
            let of = |p: usize| x[p * CHANNELS + i / CHANNELS] * x[p * CHANNELS + i % CHANNELS];
            (0..SIZE.pixels()).map(of).sum()
        })
    }

    /// Forward with what the network has there, and back in place.
    fn try_convolution(&self, outputs: usize, size: Size) -> Result<()> {
        let machine = self.machine();
        let (x, features) = self.numbers(CHANNELS, size)?;
        let (tap, on_tap) = self.numbers(CHANNELS, size)?;
        let (bias, kernel) = (numbers(outputs, 5), numbers(9 * CHANNELS * outputs, 11));
        let forward = self.convolution(&kernel, outputs, CHANNELS)?;
        let on_bias = Bias::new(machine, &bias)?;
        let mut y = Features::new(machine, outputs, size)?;
        let finish = Finish { scale: 0.125, bias: Some(&on_bias), relu: true, ..Finish::default() };
        self.convolve(&features, &forward, finish, &mut y)?;
        let ours = read(&y)?;
        let neighbours: Vec<[Option<usize>; 9]> = (0..size.pixels()).map(|p| neighbours(p, size)).collect();
        self.agree("convolved", &ours, |i| {
            let (p, o) = (i / outputs, i % outputs);
            let weight = |tap: usize, i: usize| kernel[(o * CHANNELS + i) * 9 + tap];
            (0.125 * product(&neighbours[p], &x, CHANNELS, weight) + bias[o]).max(0.0)
        })?;

        let backward = self.adjoint(&kernel, outputs, CHANNELS)?;
        let mut place = features;
        let aside = Features::new(machine, CHANNELS, size)?;
        let aside = self.needs_room_aside().then_some(&aside);
        let finish = Finish { scale: 0.0625, tap: Some(&on_tap), masked: true, aside, ..Finish::default() };
        self.convolve(&y, &backward, finish, &mut place)?;
        self.agree("convolved back", &read(&place)?, |n| {
            let (p, i) = (n / CHANNELS, n % CHANNELS);
            let weight = |tap: usize, o: usize| kernel[(o * CHANNELS + i) * 9 + 8 - tap];
            match x[n] > 0.0 {
                true => 0.0625 * product(&neighbours[p], &ours, outputs, weight) + tap[n],
                false => 0.0,
            }
        })
    }

    /// Features of some numbers, which halves can be.
    fn numbers(&self, channels: usize, size: Size) -> Result<(Vec<f32>, Features)> {
        let numbers = numbers(channels * size.pixels(), 11);
        let mut features = Features::new(self.machine(), channels, size)?;
        features.write(&numbers.iter().map(|x| f16::from_f32(*x)).collect::<Vec<_>>())?;
        Ok((numbers, features))
    }

    fn agree(&self, what: &str, ours: &[f32], expected: impl Fn(usize) -> f32) -> Result<()> {
        let expected: Vec<f32> = (0..ours.len()).map(expected).collect();
        let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        // Written so that NaN is a difference.
        match ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= TOLERANCE * largest) {
            true => Ok(()),
            false => Err(Error::model(format!(
                "in half precision, by {}, the GPU computes something else than the CPU does ({what})",
                self.convolutions()
            ))
            .hint("leave --precision f16 away")),
        }
    }
}

/// From -1 to 1.
fn numbers(count: usize, first: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + first) % 64) as f32 / 32.0 - 1.0).collect()
}

fn read(features: &Features) -> Result<Vec<f32>> {
    Ok(features.read()?.into_iter().map(f16::to_f32).collect())
}

/// The nine pixels around `p`, as far as they are within the picture.
fn neighbours(p: usize, size: Size) -> [Option<usize>; 9] {
    std::array::from_fn(|tap| {
        let (row, column) = (p / size.width + tap / 3, p % size.width + tap % 3);
        let inside = (1..=size.height).contains(&row) && (1..=size.width).contains(&column);
        inside.then(|| (row - 1) * size.width + column - 1)
    })
}

/// Σ over these pixels and all channels.
fn product(
    pixels: &[Option<usize>; 9],
    x: &[f32],
    channels: usize,
    weight: impl Fn(usize, usize) -> f32,
) -> f32 {
    let at = |(tap, pixel): (usize, &Option<usize>)| {
        pixel.map(|q| (0..channels).map(|c| x[q * channels + c] * weight(tap, c)).sum::<f32>())
    };
    pixels.iter().enumerate().filter_map(at).sum()
}
