//! Eight numbers at once, in plain Rust that compilers turn into vector instructions.
//!
//! Loops over many slices are not vectorised reliably, because the compiler cannot prove that none of
//! them overlap; arithmetic on small arrays is.

#![expect(clippy::needless_range_loop, reason = "plain indices are what is vectorised reliably")]

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// How many numbers.
pub(super) const LANES: usize = 8;

/// Eight numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes(pub(super) [f32; LANES]);

macro_rules! lanewise {
    ($($operation:ident $name:ident),*) => {$(
        impl $operation for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                let mut to = [0.0; LANES];
                for i in 0..LANES {
                    to[i] = $operation::$name(self.0[i], other.0[i]);
                }
                Self(to)
            }
        }
    )*};
}

lanewise!(Add add, Sub sub, Mul mul, Div div);

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub(super) fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    /// The first eight numbers of a slice; zeros if there are not so many.
    #[inline(always)]
    pub(super) fn read(from: &[f32]) -> Self {
        from.first_chunk().map_or(Self::ZERO, |eight| Self(*eight))
    }

    #[inline(always)]
    pub(super) fn each(self, f: impl Fn(f32) -> f32) -> Self {
        let mut to = [0.0; LANES];
        for i in 0..LANES {
            to[i] = f(self.0[i]);
        }
        Self(to)
    }

    #[inline(always)]
    pub(super) fn sqrt(self) -> Self {
        self.each(f32::sqrt)
    }

    /// The larger of each pair.
    #[inline(always)]
    pub(super) fn max(self, other: Self) -> Self {
        let mut to = [0.0; LANES];
        for i in 0..LANES {
            to[i] = if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] };
        }
        Self(to)
    }

    #[inline(always)]
    pub(super) fn squared(self) -> Self {
        self * self
    }

    /// All eight added up, as a tree.
    #[inline(always)]
    pub(super) fn sum(self) -> f32 {
        let v = self.0;
        let four = [v[0] + v[4], v[1] + v[5], v[2] + v[6], v[3] + v[7]];
        (four[0] + four[2]) + (four[1] + four[3])
    }
}
