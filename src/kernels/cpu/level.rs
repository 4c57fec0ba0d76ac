//! Which instructions of the processor the kernels use.
//!
//! One binary runs everywhere: the best level is found at run time. An option can force a lower one,
//! for tests and comparisons.

use crate::error::{Error, Result};
use std::fmt;

/// The vector instructions a [`Cpu`](super::Cpu) computes with, slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain Rust, compiled for the build's own target.
    Portable,
    /// AVX2 with fused multiply-add: 8 numbers at once.
    Avx2,
    /// AVX-512 (F): 16 numbers at once.
    Avx512,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The fastest level of this processor.
    pub fn detect() -> Self {
        Self::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => super::simd_avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => super::simd_avx512::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The level itself if this processor has it.
    ///
    /// # Errors
    ///
    /// A model error that names the best level there is.
    pub fn require(self) -> Result<Self> {
        if self.is_available() {
            return Ok(self);
        }
        Err(Error::model(format!("cannot compute with {self}: this processor lacks these instructions"))
            .hint(format!("use {} or leave the choice to the program", Self::detect())))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl std::str::FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|level| level.to_string() == text.to_ascii_lowercase()).ok_or_else(|| {
            Error::usage(format!("'{text}' is not a level of CPU instructions"))
                .hint("choose portable, avx2 or avx512")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_read_what_they_print() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse::<Level>().unwrap(), level);
        }
        assert!("sse2".parse::<Level>().is_err());
    }

    #[test]
    fn the_detected_level_is_available_and_nothing_above_it_is() {
        let best = Level::detect();
        for level in Level::ALL {
            assert_eq!(level.is_available(), level <= best);
            assert_eq!(level.require().is_ok(), level <= best);
        }
    }
}
