//! What the network runs on: choosing, and saying why a choice cannot be had.

use crate::error::{Error, Result};
use std::fmt;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU if one works, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA GPU of this number, from 0.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| {
                    Error::usage(format!("unknown device '{text}'")).hint("choose auto, cpu, cuda or cuda:N")
                }),
        }
    }
}

/// What there is to run on.
#[derive(Debug, Clone)]
pub enum Device {
    /// The CPU's own engine.
    Cpu,
    /// candle's tensors on this device.
    Tensor(candle_core::Device),
}

impl Device {
    /// Finds what was asked for.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] when a GPU was asked for by name and cannot be had.
    pub fn open(choice: DeviceChoice) -> Result<Self> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::Cpu),
            DeviceChoice::Auto => Ok(cuda(0).map_or(Self::Cpu, Self::Tensor)),
            DeviceChoice::Cuda(number) => cuda(number).map(Self::Tensor).map_err(|why| {
                Error::model(format!("the GPU {choice} cannot be used: {why}"))
                    .hint("leave --device away to use what there is, or see 'stylecast doctor'")
            }),
        }
    }

    /// Why there is no GPU, or `None` if there is one.
    pub fn why_no_gpu() -> Option<String> {
        cuda(0).err()
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

#[cfg(not(feature = "cuda"))]
fn cuda(_number: usize) -> Result<candle_core::Device, String> {
    Err("this stylecast was built without CUDA (build it with --features cuda)".into())
}

/// candle panics without a driver, so the panic is caught and told as a reason.
#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<candle_core::Device, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let device = std::panic::catch_unwind(|| candle_core::Device::new_cuda(number));
    std::panic::set_hook(hook);
    match device {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the CUDA driver or its libraries could not be loaded".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_what_they_print() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(3)] {
            assert_eq!(choice.to_string().parse::<DeviceChoice>().unwrap(), choice);
        }
        for bad in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }
}
