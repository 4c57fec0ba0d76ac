//! A trial for a device: every kind of operation that the network and its losses are made of, on a few
//! numbers, against the CPU's results.
//!
//! It loads all kernels and libraries there will be need of, so that what is missing, too old or wrong shows
//! here and not in the middle of a film.

use candle_core::{DType, Device, Result, Tensor};

/// The largest difference from the CPU's results, as a share of the largest result of the same operation. Wide
/// enough for TF32, in which cuDNN may compute unasked; a wrong kernel is off by far more.
const TOLERANCE: f32 = 1e-2;

/// Computes on `device` and compares with the CPU.
///
/// # Errors
/// What failed, or that the results differ.
pub(super) fn passes(device: &Device) -> std::result::Result<(), String> {
    let compute = |device| exercise(device).map_err(|error| error.to_string());
    agree(&compute(device)?, &compute(&Device::Cpu)?)
}

/// Compares the results of each operation.
fn agree(ours: &[Vec<f32>], expected: &[Vec<f32>]) -> std::result::Result<(), String> {
    let agrees = |(ours, expected): (&Vec<f32>, &Vec<f32>)| {
        let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        // Written so that NaN is a difference.
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * largest;
        ours.len() == expected.len() && ours.iter().zip(expected).all(close)
    };
    match ours.len() == expected.len() && ours.iter().zip(expected).all(agrees) {
        true => Ok(()),
        false => Err("it computes something else than the CPU does".into()),
    }
}

/// Numbers from -1 to 1, the same everywhere.
fn numbers(shape: &[usize], device: &Device) -> Result<Tensor> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i: usize| ((i * 37 + 11) % 64) as f32 / 32.0 - 1.0).collect();
    Tensor::from_slice(&values, shape, device)
}

/// The results of every operation.
fn exercise(device: &Device) -> Result<Vec<Vec<f32>>> {
    // Odd sides, so that pools drop an edge.
    let x = numbers(&[1, 8, 9, 7], device)?;
    let kernel = numbers(&[16, 8, 3, 3], device)?;
    let flipped = kernel.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?;
    let bias = numbers(&[1, 16, 1, 1], device)?;
    let y = x.conv2d(&kernel, 1, 1, 1, 1)?.broadcast_add(&bias)?.relu()?;
    let back =
        y.mul(&y.sign()?)?.conv2d(&flipped, 1, 1, 1, 1)?.broadcast_mul(&numbers(&[1, 8, 1, 1], device)?)?;

    let flat = y.reshape((16, 63))?;
    let gram = (flat.matmul(&flat.t()?)? / 63.0)?;
    let pull = gram.sub(&gram.t()?.contiguous()?.affine(0.5, 0.0)?)?;
    let tap = pull.matmul(&flat)?;

    let pooled = y.avg_pool2d(2)?;
    let spread = (pooled.reshape((16, 4, 1, 3, 1))?.broadcast_as((16, 4, 2, 3, 2))? * 0.25)?;
    let spread = spread.reshape((1, 16, 8, 6))?.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
    let most = x.max_pool2d(2)?;
    let windows = x.narrow(2, 0, 8)?.narrow(3, 0, 6)?.contiguous()?.reshape((8, 4, 2, 3, 2))?;
    let is_most = windows.broadcast_eq(&windows.max_keepdim(4)?.max_keepdim(2)?)?.to_dtype(DType::F32)?;

    let band = y.narrow(2, 3, 4)?.contiguous()?;
    let whole = Tensor::zeros((1, 16, 9, 7), DType::F32, device)?;
    whole.slice_set(&band, 2, 5)?;
    let sums = flat.sqr()?.sum(1)?;
    let losses = Tensor::stack(&[sums.sum_all()?, tap.sqr()?.sum(1)?.sum_all()?], 0)?.to_dtype(DType::F64)?;

    let results = [y, back, gram, tap, pooled, spread, most, is_most, whole, sums, losses];
    results.iter().map(|result| result.flatten_all()?.to_dtype(DType::F32)?.to_vec1()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_passes_its_own_trial_and_nothing_wrong_does() {
        passes(&Device::Cpu).unwrap();
        let right = exercise(&Device::Cpu).unwrap();
        for part in 0..right.len() {
            let largest = right[part].iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            assert!(largest > 0.0 && largest.is_finite(), "part {part} is idle");
            for i in [0, right[part].len() - 1] {
                for wrong in [right[part][i] + 0.02 * largest, f32::NAN] {
                    let mut results = right.clone();
                    results[part][i] = wrong;
                    assert!(agree(&results, &right).is_err(), "part {part}, {i}: {wrong}");
                }
            }
        }
        assert!(agree(&right[1..], &right).is_err());
    }
}
