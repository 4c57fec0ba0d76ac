//! Random numbers for kernels of a GPU, and what comes out of them by definition.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of these")]

use crate::emulator::Bench;
use half::f16;
use stylecast::frame::Size;
use stylecast::kernels::cuda::Features;
use stylecast::pixels::Pixels;

/// Half precision rounds to 11 bits.
pub const ROUNDED: f64 = 6e-4;

impl Bench {
    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| f16::from_f32(2.0 * self.random.f32() - 1.0).to_f32()).collect()
    }

    /// Random features, `[H, W, C]`, and the same as float64.
    pub fn features(&mut self, channels: usize, size: Size) -> (Features, Vec<f64>) {
        let numbers = self.numbers(channels * size.pixels());
        let mut features = Features::new(&self.machine, channels, size).unwrap();
        features.write(&numbers.iter().map(|x| f16::from_f32(*x)).collect::<Vec<_>>()).unwrap();
        (features, numbers.into_iter().map(f64::from).collect())
    }
}

pub fn read(features: &Features) -> Vec<f64> {
    features.read().unwrap().into_iter().map(f64::from).collect()
}

/// Whether an objective and its gradient are the CPU's but for what half precision rounds.
pub fn assert_agrees(what: &str, (total, gradient): (f64, &Pixels), (expected, by_cpu): (f64, &Pixels)) {
    assert!((total / expected - 1.0).abs() < 2e-3, "{what}: {total} instead of {expected}");
    let dot = |a: &Pixels, b: &Pixels| {
        a.data().iter().zip(b.data()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let cosine = dot(gradient, by_cpu) / (dot(gradient, gradient) * dot(by_cpu, by_cpu)).sqrt();
    assert!(cosine > 0.999, "{what}: cosine {cosine}");
    let length = (dot(gradient, gradient) / dot(by_cpu, by_cpu)).sqrt();
    assert!((length - 1.0).abs() < 0.01, "{what}: {length} times as long");
}

/// ‖got − expected‖ / ‖expected‖.
pub fn apart(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut got.iter().zip(expected).map(|(g, e)| g - e)) / norm(&mut expected.iter().copied()).max(1e-30)
}

pub fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// Σ over a pixel's nine neighbours and all inputs, `[H, W, outputs]`; `weight(tap, output, input)`.
pub fn convolved(
    x: &[f64],
    size: Size,
    (outputs, inputs): (usize, usize),
    weight: impl Fn(usize, usize, usize) -> f64,
) -> Vec<f64> {
    let mut y = vec![0.0; outputs * size.pixels()];
    for (p, y) in y.chunks_exact_mut(outputs).enumerate() {
        for tap in 0..9 {
            let (row, column) = (p / size.width + tap / 3, p % size.width + tap % 3);
            let inside = (1..=size.height).contains(&row) && (1..=size.width).contains(&column);
            let Some(q) = inside.then(|| (row - 1) * size.width + column - 1) else { continue };
            for (o, y) in y.iter_mut().enumerate() {
                *y += (0..inputs).map(|i| weight(tap, o, i) * x[q * inputs + i]).sum::<f64>();
            }
        }
    }
    y
}
