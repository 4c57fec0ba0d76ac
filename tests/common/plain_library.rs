//! What cuDNN does, by plain loops in float64 over memory of this process.
#![allow(unsafe_code, reason = "it is told addresses")]

use half::f16;
use stylecast::kernels::cuda::{Convolution, Direction};

/// See [`stylecast::kernels::cuda::Machine::convolve`].
///
/// # Safety
/// As there.
pub unsafe fn convolve(convolution: &Convolution) {
    let Convolution { direction, size, inputs, outputs, kernel, from, to, scale, bias } = *convolution;
    let [reads, writes] = match direction {
        Direction::Forward => [inputs, outputs],
        Direction::Backward => [outputs, inputs],
    };
    // SAFETY: by the caller's promise.
    let [kernel, from] =
        unsafe { [numbers(kernel, 9 * inputs * outputs), numbers(from, size.pixels() * reads)] };
    // SAFETY: by the caller's promise.
    let bias = bias.map_or(vec![0.0; writes], |bias| unsafe { numbers(bias, writes) });
    let mut sums = vec![0.0; writes];
    for p in 0..size.pixels() {
        sums.fill(0.0);
        for tap in 0..9 {
            let (row, column) = (p / size.width + tap / 3, p % size.width + tap % 3);
            if !(1..=size.height).contains(&row) || !(1..=size.width).contains(&column) {
                continue;
            }
            let there = &from[((row - 1) * size.width + column - 1) * reads..][..reads];
            match direction {
                Direction::Forward => {
                    for (o, sum) in sums.iter_mut().enumerate() {
                        let weights = &kernel[(o * 9 + tap) * inputs..][..inputs];
                        *sum += weights.iter().zip(there).map(|(w, x)| w * x).sum::<f64>();
                    }
                }
                // The pixel at p + offset took from p by the tap that lies opposite.
                Direction::Backward => {
                    for (o, g) in there.iter().enumerate() {
                        let weights = &kernel[(o * 9 + 8 - tap) * inputs..][..inputs];
                        sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += w * g);
                    }
                }
            }
        }
        for (c, sum) in sums.iter().enumerate() {
            let v = f64::from(scale) * sum + bias[c];
            let v = if convolution.bias.is_some() { v.max(0.0) } else { v };
            // SAFETY: by the caller's promise.
            unsafe { *(to as *mut f16).add(p * writes + c) = f16::from_f64(v) };
        }
    }
}

/// # Safety
/// There are so many halves.
unsafe fn numbers(at: u64, count: usize) -> Vec<f64> {
    // SAFETY: by the caller's promise.
    unsafe { std::slice::from_raw_parts(at as *const f16, count) }.iter().map(|x| x.to_f64()).collect()
}
