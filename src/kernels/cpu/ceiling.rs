//! How fast this processor multiplies and adds at most: the yardstick for every other figure.
//!
//! Independent multiply-adds on registers alone, on every thread at once. No real kernel reaches it,
//! because operands have to come from somewhere.

use super::Cpu;
use super::blocked::LANES;
use super::simd::{Kernel, Simd, dispatch};
use std::hint::black_box;
use std::time::Instant;

/// Chains of multiply-adds side by side: enough to hide their latency (4 or 5 cycles, two a cycle) and
/// few enough for 16 registers of half a vector each on AVX2.
const CHAINS: usize = 12;
/// Multiply-adds of each chain in one measurement: a few milliseconds.
const LENGTH: usize = 2_000_000;

struct Chains;

impl Kernel for Chains {
    type Output = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let (factor, summand) = (s.splat(black_box(0.999_999)), s.splat(black_box(1e-6)));
        let mut sums = [s.splat(black_box(1.0)); CHAINS];
        for _ in 0..LENGTH {
            for sum in &mut sums {
                *sum = s.mul_add(*sum, factor, summand);
            }
        }
        let mut total = s.zero();
        for sum in sums {
            total = s.add(total, sum);
        }
        let mut lane = super::Lane::ZERO;
        s.store(total, &mut lane);
        lane.0.iter().sum()
    }
}

/// Floating-point operations a second of multiply-adds on registers, all threads together: the best of
/// five measurements. A multiply-add counts as two.
pub fn peak_flops(cpu: &Cpu) -> f64 {
    let threads = cpu.threads().count();
    let operations = 2 * CHAINS * LENGTH * LANES * threads;
    let seconds = (0..5).map(|_| {
        let began = Instant::now();
        cpu.threads().for_each(threads, |_, _| {
            black_box(dispatch(cpu.level(), Chains));
        });
        began.elapsed().as_secs_f64()
    });
    operations as f64 / seconds.fold(f64::INFINITY, f64::min)
}
