//! What was asked for: a device, and how exact its products are.

use crate::error::{Error, Result};
use crate::names::names;
use std::fmt;

/// The device that was asked for.
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

/// How exact products of matrices are on a GPU. The CPU always computes in float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// float32.
    #[default]
    F32,
    /// TF32: factors rounded to 10 bits of mantissa, sums in float32, on the tensor cores of GPUs since
    /// Ampere.
    Tf32,
    /// float16 with sums in float32 and a scaled loss, by our own kernels, on the tensor cores of GPUs since
    /// Ampere.
    F16,
}

names!(Precision, "precision", F32 = "f32", Tf32 = "tf32", F16 = "f16");

impl Precision {
    /// Computes so from now on, in the whole process: the tensor library has one switch for all of it.
    pub fn apply(self) {
        candle_core::cuda::set_gemm_reduced_precision_f32(self == Self::Tf32);
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
        for precision in [Precision::F32, Precision::Tf32, Precision::F16] {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
        }
    }

    /// Without CUDA there is no switch to look at.
    #[test]
    #[cfg(feature = "cuda")]
    fn the_switch_is_set() {
        for precision in [Precision::Tf32, Precision::F32] {
            precision.apply();
            assert_eq!(candle_core::cuda::gemm_reduced_precision_f32(), precision == Precision::Tf32);
        }
    }
}
