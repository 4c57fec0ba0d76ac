//! One vector of 16 numbers, whatever the processor calls it.
//!
//! Every kernel is written once, in safe Rust, over the trait [`Simd`]; each level of instructions
//! implements it in a small file of its own. A value of such a type is the proof that the processor
//! has the instructions. [`dispatch`] compiles a kernel once per level: [`Simd::run`] enters a function
//! that has the instructions enabled, and everything below it is inlined there.

use super::blocked::{LANES, Lane};
use super::level::Level;

/// Arithmetic on 16 numbers at once. Implementors are zero-sized proofs of a [`Level`].
pub(super) trait Simd: Copy {
    /// 16 numbers, in one register or several.
    type V: Copy;

    /// How many tiles (rows of the left factor) [`panel`](super::panel) keeps in registers.
    const TILES: usize;
    /// How many vectors of output channels it keeps for each of them.
    const VECTORS: usize;

    fn load(self, from: &Lane) -> Self::V;
    fn store(self, v: Self::V, to: &mut Lane);
    fn splat(self, x: f32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger of each pair; `b` where `a` is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`, rounded once.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `v` where `test` > 0, otherwise 0.
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V;
    /// `v` where `a` = `b`, otherwise `other`.
    fn where_equal(self, a: Self::V, b: Self::V, v: Self::V, other: Self::V) -> Self::V;
    /// Which of the 16 numbers are positive, the first in the lowest bit.
    fn signs(self, v: Self::V) -> u16;
    /// `v` where the bits of [`signs`](Self::signs) are set, otherwise 0.
    fn keep(self, signs: u16, v: Self::V) -> Self::V;
    /// The sum of the 16 numbers, added as a tree.
    fn sum(self, v: Self::V) -> f32;
    /// Asks for `at` to be brought into the second-level cache, where the processor can be asked.
    fn prefetch(self, at: &Lane);
    /// Runs `kernel` with the instructions enabled.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }
}

/// A piece of work that is compiled once per level.
pub(super) trait Kernel {
    type Output;
    /// The work; implementations are `#[inline(always)]`, as is every function they hand `simd` to.
    fn call<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `kernel` at `level`; at the portable one if the processor lacks the instructions.
#[inline]
pub(super) fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match level {
        Level::Avx512 => {
            if let Some(simd) = super::simd_avx512::Avx512::detect() {
                return simd.run(kernel);
            }
        }
        Level::Avx2 => {
            if let Some(simd) = super::simd_avx2::Avx2::detect() {
                return simd.run(kernel);
            }
        }
        Level::Portable => {}
    }
    let _ = level;
    Portable.run(kernel)
}

/// Plain loops over slices that the compiler turns into vector instructions by itself. They give the same
/// bits at every level: no multiply-add is fused and no sum is reordered that is not written so.
pub(crate) trait Loops {
    type Output;
    /// The work; implementations are `#[inline(always)]`, as is every function they call.
    fn run(self) -> Self::Output;
}

/// Runs `loops` compiled for the best instructions that this processor has.
#[inline]
pub(crate) fn vectorised<L: Loops>(loops: L) -> L::Output {
    struct Plain<L>(L);
    impl<L: Loops> Kernel for Plain<L> {
        type Output = L::Output;
        #[inline(always)]
        fn call<S: Simd>(self, _simd: S) -> L::Output {
            self.0.run()
        }
    }
    dispatch(Level::detect(), Plain(loops))
}

/// 16 numbers in an array: correct everywhere, and what Miri can check.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; LANES];
    const TILES: usize = 2;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn load(self, from: &Lane) -> Self::V {
        from.0
    }
    #[inline(always)]
    fn store(self, v: Self::V, to: &mut Lane) {
        to.0 = v;
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    // Rounded twice: without the instruction `f32::mul_add` is a slow library call.
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V {
        zip(test, v, |t, v| if t > 0.0 { v } else { 0.0 })
    }
    #[inline(always)]
    fn where_equal(self, a: Self::V, b: Self::V, v: Self::V, other: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] == b[i] { v[i] } else { other[i] })
    }
    #[inline(always)]
    fn signs(self, v: Self::V) -> u16 {
        (0..LANES).map(|i| u16::from(v[i] > 0.0) << i).sum()
    }
    #[inline(always)]
    fn keep(self, signs: u16, v: Self::V) -> Self::V {
        std::array::from_fn(|i| if signs >> i & 1 == 1 { v[i] } else { 0.0 })
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let four: [f32; 4] = std::array::from_fn(|i| (v[i] + v[i + 8]) + (v[i + 4] + v[i + 12]));
        (four[0] + four[2]) + (four[1] + four[3])
    }
    #[inline(always)]
    fn prefetch(self, _at: &Lane) {}
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation of a level on numbers whose results are known.
    struct Operations;

    impl Kernel for Operations {
        type Output = Vec<[f32; LANES]>;

        #[inline(always)]
        fn call<S: Simd>(self, s: S) -> Self::Output {
            let a = Lane(std::array::from_fn(|i| i as f32 - 7.0));
            let b = Lane(std::array::from_fn(|i| if i % 2 == 0 { 2.0 } else { a.0[i] }));
            let (a, b) = (s.load(&a), s.load(&b));
            [
                s.splat(3.0),
                s.add(a, b),
                s.sub(a, b),
                s.mul(a, b),
                s.max(a, b),
                s.mul_add(a, b, s.splat(0.5)),
                s.where_positive(a, b),
                s.where_equal(a, b, s.splat(9.0), s.zero()),
                s.max(s.splat(f32::NAN), s.zero()),
                s.keep(0b1000_0000_0000_0001, b),
                s.splat(f32::from(s.signs(a))),
                s.splat(s.sum(a)),
            ]
            .map(|v| {
                let mut out = Lane::ZERO;
                s.store(v, &mut out);
                out.0
            })
            .to_vec()
        }
    }

    #[test]
    fn every_level_computes_the_same() {
        let a: [f32; LANES] = std::array::from_fn(|i| i as f32 - 7.0);
        let b: [f32; LANES] = std::array::from_fn(|i| if i % 2 == 0 { 2.0 } else { a[i] });
        let each = |f: &dyn Fn(f32, f32) -> f32| -> [f32; LANES] { std::array::from_fn(|i| f(a[i], b[i])) };
        let expected = vec![
            [3.0; LANES],
            each(&|a, b| a + b),
            each(&|a, b| a - b),
            each(&|a, b| a * b),
            each(&f32::max),
            each(&|a, b| a * b + 0.5),
            each(&|a, b| if a > 0.0 { b } else { 0.0 }),
            each(&|a, b| if a == b { 9.0 } else { 0.0 }),
            [0.0; LANES],
            std::array::from_fn(|i| if i == 0 || i == 15 { b[i] } else { 0.0 }),
            // All from the ninth on, for the eighth is 0.
            [f32::from(0xff00_u16); LANES],
            [8.0; LANES],
        ];
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            assert_eq!(dispatch(level, Operations), expected, "{level}");
        }
    }
}
