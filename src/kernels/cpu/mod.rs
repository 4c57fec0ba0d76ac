//! The loss network's arithmetic on a CPU, in float32.
//!
//! Convolutions are Winograd's (Lavin & Gray 2016) with transformed weights kept, or direct; bias,
//! ReLU, masks and tap gradients happen where a result is written anyway. Kernels are written once
//! over a vector of 16 channels and compiled for each [`Level`] of instructions. The same inputs, level
//! and thread count give the same bits, run after run.
//!
//! Every kernel takes a [`Cpu`] (threads and level) and [`Blocked`] activations; memory that
//! convolutions need besides is a [`Scratch`], which stops growing after the first pass over a network.

#![expect(clippy::needless_range_loop, reason = "indices name rows and columns of a tile")]

mod blocked;
mod ceiling;
mod conv;
mod direct;
mod elementwise;
mod first;
mod gram;
mod gram_gradient;
mod input;
mod level;
mod pack;
mod panel;
mod plan;
pub mod pool;
mod scratch;
mod shared;
mod signs;
mod simd;
#[cfg(target_arch = "x86_64")]
mod simd_avx2;
#[cfg(target_arch = "x86_64")]
mod simd_avx512;
mod target;
mod threads;
mod transform;
mod winograd;

pub use blocked::{Blocked, LANES, Lane};
pub use ceiling::peak_flops;
pub use conv::{Algorithm, Conv3x3, Gradient};
pub use elementwise::{add_scaled_difference, mask_in_place, squared_distance, squared_norm};
pub use first::{FirstConv, Normalization};
pub use gram::{gram, guided_gram};
pub use gram_gradient::{Pull, gram_gradient, gram_gradient_in_place};
pub use level::Level;
pub use scratch::Scratch;
pub use signs::Signs;
pub(crate) use simd::{Loops, vectorised};
pub use threads::Threads;

use crate::error::Result;

/// What a kernel computes with: threads and a level of instructions.
#[derive(Debug)]
pub struct Cpu {
    threads: Threads,
    level: Level,
}

impl Cpu {
    /// `threads` computing with `level`, or with the best there is.
    ///
    /// # Errors
    ///
    /// A model error if the processor lacks the level's instructions.
    pub fn new(threads: Threads, level: Option<Level>) -> Result<Self> {
        Ok(Self { threads, level: level.map_or_else(|| Ok(Level::detect()), Level::require)? })
    }

    /// The threads.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The level of instructions.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Runs a whole iteration on the pool, so that the kernels in it need not enter it one by one.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(work)
    }
}

/// Whether a result replaces what is there or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// What was there does not matter.
    Replace,
    /// The result is added to what is there.
    Add,
}
