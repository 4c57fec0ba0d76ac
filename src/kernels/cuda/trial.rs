//! A trial for a machine: what makes up nearly all of the work, on a few numbers, against plain loops.
//!
//! A driver that translates a kernel wrongly, or a card that lacks what it needs, shows here and not in the middle
//! of a film.

use super::{Buffer, Features, Finish, GramParts, Kernels, Weights};
use crate::error::{Error, Result};
use crate::frame::Size;
use half::f16;

/// The largest difference, as a share of the largest number.
const TOLERANCE: f32 = 1e-2;
const CHANNELS: usize = 64;
/// Odd, and more than a warp's pixels.
const SIZE: Size = Size::new(9, 7);

impl Kernels {
    /// Computes a convolution and a Gram matrix, and compares with the CPU.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] if they differ, or the machine fails.
    pub fn try_out(&self) -> Result<()> {
        let machine = self.machine();
        let numbers = |count: usize| -> Vec<f32> {
            (0..count).map(|i| ((i * 37 + 11) % 64) as f32 / 32.0 - 1.0).collect()
        };
        let (x, kernel) = (numbers(CHANNELS * SIZE.pixels()), numbers(9 * CHANNELS * CHANNELS));
        let mut features = Features::new(machine, CHANNELS, SIZE)?;
        features.write(&x.iter().map(|x| f16::from_f32(*x)).collect::<Vec<_>>())?;

        let weights = Weights::convolution(machine, &kernel, CHANNELS, CHANNELS)?;
        let mut y = Features::new(machine, CHANNELS, SIZE)?;
        self.convolve(&features, &weights, Finish { scale: 0.125, relu: true, ..Finish::default() }, &mut y)?;
        let ours: Vec<f32> = y.read()?.into_iter().map(f16::to_f32).collect();
        agree(&ours, |i| {
            let (p, o) = (i / CHANNELS, i % CHANNELS);
            let mut sum = 0.0;
            for tap in 0..9 {
                let (row, column) = (p / SIZE.width + tap / 3, p % SIZE.width + tap % 3);
                if (1..=SIZE.height).contains(&row) && (1..=SIZE.width).contains(&column) {
                    let q = (row - 1) * SIZE.width + column - 1;
                    let product = |i: usize| x[q * CHANNELS + i] * kernel[(o * CHANNELS + i) * 9 + tap];
                    sum += (0..CHANNELS).map(product).sum::<f32>();
                }
            }
            (0.125 * sum).max(0.0)
        })?;

        let mut parts = GramParts::new(machine, std::iter::once((CHANNELS, SIZE.pixels())))?;
        let mut gram = Buffer::new(machine, CHANNELS * CHANNELS)?;
        self.gram(&features, None, &mut parts)?;
        self.gram_total(&parts, 1.0, &mut gram)?;
        let mut ours = vec![0.0; CHANNELS * CHANNELS];
        gram.read(&mut ours)?;
        agree(&ours, |i| {
            let of = |p: usize| x[p * CHANNELS + i / CHANNELS] * x[p * CHANNELS + i % CHANNELS];
            (0..SIZE.pixels()).map(of).sum()
        })
    }
}

fn agree(ours: &[f32], expected: impl Fn(usize) -> f32) -> Result<()> {
    let expected: Vec<f32> = (0..ours.len()).map(expected).collect();
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    // Written so that NaN is a difference.
    match ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= TOLERANCE * largest) {
        true => Ok(()),
        false => Err(Error::model("in half precision the GPU computes something else than the CPU does")
            .hint("leave --precision f16 away")),
    }
}
