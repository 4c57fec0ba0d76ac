//! What the network runs on: choosing, finding a GPU with all that it takes, and saying why it cannot be had.
//!
//! A GPU is a matter of a driver, of libraries that may lie anywhere ([`libraries`]), and of a card that runs
//! this build's kernels. Each of these may be missing, old or broken, and none of it may end the program: a
//! GPU counts as there once it has computed something and the result was right.

mod choice;
#[cfg(feature = "cuda")]
mod cuda;
pub mod libraries;
#[cfg(feature = "cuda")]
mod loader;
#[cfg(any(feature = "cuda", test))]
mod reasons;
#[cfg(any(feature = "cuda", test))]
mod trial;

pub use choice::{DeviceChoice, Precision};

use crate::error::{Error, Result};
use std::fmt;
use std::path::PathBuf;

/// What there is to run on.
#[derive(Debug, Clone)]
pub enum Device {
    /// The CPU's own engine.
    Cpu,
    /// candle's tensors on this device.
    Tensor(candle_core::Device),
}

/// A GPU that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// The card's own name.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// The newest version of CUDA that the driver knows, major and minor.
    pub cuda: (u32, u32),
    /// The libraries that were opened for it, as they were found: by name alone where the loader knew them.
    pub libraries: Vec<PathBuf>,
}

impl Device {
    /// Finds what was asked for.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] when a GPU was asked for by name and cannot be had.
    pub fn open(choice: DeviceChoice) -> Result<Self> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::Cpu),
            DeviceChoice::Auto => Ok(cuda::open(0).map_or(Self::Cpu, |(device, _)| Self::Tensor(device))),
            DeviceChoice::Cuda(number) => {
                cuda::open(number).map(|(device, _)| Self::Tensor(device)).map_err(|why| {
                    Error::model(format!("the GPU {choice} cannot be used: {why}"))
                        .hint("leave --device away to use what there is, or see 'stylecast doctor'")
                })
            }
        }
    }

    /// The plain reference: candle's tensors on the CPU.
    pub fn reference() -> Self {
        Self::Tensor(candle_core::Device::Cpu)
    }

    /// The first GPU, or why there is none. What was found stays found: a second look costs nothing.
    ///
    /// # Errors
    /// The reason, as a part of a sentence.
    pub fn gpu() -> Result<Gpu, String> {
        cuda::open(0).map(|(_, gpu)| gpu)
    }

    /// Why [`DeviceChoice::Auto`] means the CPU, for a program that was built to use a GPU.
    pub fn why_not_the_gpu(choice: DeviceChoice) -> Option<String> {
        (cfg!(feature = "cuda") && choice == DeviceChoice::Auto).then(|| Self::gpu().err()).flatten()
    }

    /// Bytes of the GPU's memory that nobody uses; `None` on a CPU, and where it is not known.
    pub fn free_memory(&self) -> Option<u64> {
        match self {
            Self::Tensor(device) => cuda::free_memory(device),
            Self::Cpu => None,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Tensor(device) if device.is_cuda() => "cuda",
            Self::Tensor(_) => "tensor",
        })
    }
}

/// A program without CUDA.
#[cfg(not(feature = "cuda"))]
mod cuda {
    pub(super) fn open(_number: usize) -> Result<(candle_core::Device, super::Gpu), String> {
        Err("this stylecast was built without CUDA (docs/CUDA.md tells how to build it)".into())
    }

    pub(super) fn free_memory(_device: &candle_core::Device) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_auto_finds_works_and_what_is_named_is_found_or_told() {
        assert!(matches!(Device::open(DeviceChoice::Cpu).unwrap(), Device::Cpu));
        let auto = Device::open(DeviceChoice::Auto).unwrap();
        match Device::gpu() {
            Ok(gpu) => {
                assert_eq!(auto.to_string(), "cuda");
                assert!(!gpu.name.is_empty() && auto.free_memory().unwrap() <= gpu.memory);
            }
            Err(why) => {
                assert_eq!(auto.to_string(), "cpu");
                let error = Device::open(DeviceChoice::Cuda(0)).unwrap_err();
                assert!(error.to_string().ends_with(&why) && error.kind().exit_code() == 5, "{error}");
            }
        }
        // Nobody has as many.
        assert!(Device::open(DeviceChoice::Cuda(4321)).is_err());
    }

    #[test]
    fn only_a_program_that_was_built_for_gpus_says_that_it_uses_none() {
        assert_eq!(Device::why_not_the_gpu(DeviceChoice::Cpu), None);
        let why = Device::why_not_the_gpu(DeviceChoice::Auto);
        assert_eq!(why.is_some(), cfg!(feature = "cuda") && Device::gpu().is_err());
    }
}
