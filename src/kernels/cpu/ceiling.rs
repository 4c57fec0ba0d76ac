//! How fast this processor multiplies and adds at most: the yardstick for every other figure.
//!
//! Independent multiply-adds on registers alone, on every thread at once. No real kernel reaches it,
//! because operands have to come from somewhere.

use super::Cpu;
use super::blocked::LANES;
use super::panel::with_rows;
use super::simd::{Kernel, Simd, dispatch};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::Instant;

/// Multiply-adds of each chain in one measurement: a fraction of a millisecond, so that among many some
/// are held up by nothing else on the machine.
const LENGTH: usize = 100_000;
/// How many measurements; the fastest counts.
const MEASUREMENTS: usize = 100;

/// [`LENGTH`] multiply-adds in each of as many chains as the products at the heart of the kernels keep in
/// registers: enough to hide their latency (4 or 5 cycles, two a cycle). One chain more than the
/// registers hold would measure the first-level cache instead.
struct Chains;

impl Kernel for Chains {
    /// Floating-point operations done.
    type Output = usize;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> usize {
        with_rows!(S::TILES, R => {
            if R <= S::TILES {
                chains::<S, R>(s);
            }
        });
        2 * S::TILES * LANES * LENGTH
    }
}

#[inline(always)]
fn chains<S: Simd, const N: usize>(s: S) {
    let (factor, summand) = (s.splat(black_box(0.999_999)), s.splat(black_box(1e-6)));
    let mut sums = [s.splat(black_box(1.0)); N];
    for _ in 0..LENGTH {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, factor, summand);
        }
    }
    let mut total = s.zero();
    for sum in sums {
        total = s.add(total, sum);
    }
    black_box(s.sum(total));
}

/// Floating-point operations a second of multiply-adds on registers, all threads together, each at its
/// best. A multiply-add counts as two.
pub fn peak_flops(cpu: &Cpu) -> f64 {
    let threads = cpu.threads().count();
    let best: Vec<Mutex<f64>> = (0..threads).map(|_| Mutex::new(0.0)).collect();
    cpu.threads().for_each(threads, |piece, _| {
        let measure = || {
            let began = Instant::now();
            let operations = dispatch(cpu.level(), Chains);
            operations as f64 / began.elapsed().as_secs_f64()
        };
        let fastest = (0..MEASUREMENTS).map(|_| measure()).fold(0.0, f64::max);
        if let Ok(mut best) = best[piece].lock() {
            *best = fastest;
        }
    });
    best.iter().map(|best| best.lock().map_or(0.0, |best| *best)).sum()
}
