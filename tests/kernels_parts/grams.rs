//! Gram matrices and their gradients against their definition.

use super::{Random, assert_padding_is_zero, cpus, relative_error, wide};
use stylecast::frame::Size;
use stylecast::kernels::cpu::{
    Blocked, Pull, Scratch, gram, gram_gradient, gram_gradient_in_place, guided_gram,
};

/// `matrix · features`, `[C, C] · [C, n]`.
fn product(matrix: &[f32], features: &[f64], channels: usize) -> Vec<f64> {
    let n = features.len() / channels;
    let at = |i: usize| {
        let row = &matrix[i / n * channels..][..channels];
        row.iter().enumerate().map(|(k, &c)| f64::from(c) * features[k * n + i % n]).sum()
    };
    (0..channels * n).map(at).collect()
}

/// The sum over pixels of products of channels, each times its `weight`.
fn weighed(features: &[f64], channels: usize, weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let n = features.len() / channels;
    let at = |i: usize| {
        let (a, b) = (&features[i / channels * n..][..n], &features[i % channels * n..][..n]);
        a.iter().zip(b).enumerate().map(|(p, (a, b))| a * b * weight(p)).sum()
    };
    (0..channels * channels).map(at).collect()
}

/// Some rows and some runs of pixels do not count at all.
fn map(random: &mut Random, size: Size) -> Vec<f32> {
    let mut map = random.numbers(size.pixels());
    for (i, t) in map.iter_mut().enumerate() {
        let (x, y) = (i % size.width, i / size.width);
        *t = if y % 3 == 1 || x % 32 > 20 || x < 3.min(size.width - 1) { 0.0 } else { t.abs() };
    }
    map
}

const SHAPES: [(usize, usize, usize); 8] =
    [(1, 1, 1), (5, 3, 2), (16, 40, 7), (40, 13, 21), (64, 33, 31), (64, 150, 5), (130, 5, 9), (300, 4, 3)];

#[test]
fn gram_matrices_agree_with_their_definition() {
    for cpu in cpus(2) {
        for (channels, width, height) in SHAPES {
            let (size, mut random) = (Size::new(width, height), Random(channels as u64));
            let features = random.blocked(channels, size);
            let planar = wide(&features.to_planar());
            let (mut scratch, mut got) = (Scratch::new(), random.numbers(channels * channels));
            let what = format!("{} {channels} channels {size}", cpu.level());

            let n = size.pixels() as f64;
            gram(&cpu, &features, &mut got, &mut scratch).unwrap();
            let error = relative_error(&got, &weighed(&planar, channels, |_| 1.0 / n));
            assert!(error < 1e-6, "{what}: {error:e}");
            for (i, j) in (0..channels).flat_map(|i| (0..i).map(move |j| (i, j))) {
                assert_eq!(got[i * channels + j].to_bits(), got[j * channels + i].to_bits(), "symmetric");
            }

            let map = map(&mut random, size);
            guided_gram(&cpu, &features, &map, &mut got, &mut scratch).unwrap();
            let error = relative_error(&got, &weighed(&planar, channels, |p| f64::from(map[p])));
            assert!(error < 1e-6, "{what}, guided: {error:e}");
            guided_gram(&cpu, &features, &vec![0.0; size.pixels()], &mut got, &mut scratch).unwrap();
            assert!(got.iter().all(|g| *g == 0.0), "{what}, guided to nowhere");
        }
    }
}

#[test]
fn their_gradients_agree_with_their_definition() {
    for cpu in cpus(2) {
        for (channels, width, height) in SHAPES {
            let (size, mut random) = (Size::new(width, height), Random(channels as u64));
            let features = random.blocked(channels, size);
            let planar = wide(&features.to_planar());
            let mut scratch = Scratch::new();
            let matrices = [0; 3].map(|_| random.numbers(channels * channels));
            let maps = [map(&mut random, size), map(&mut random, size)];
            let all = [
                Pull::everywhere(&matrices[0]),
                Pull::guided(&matrices[1], &maps[0]),
                Pull::guided(&matrices[2], &maps[1]),
            ];
            for pulls in [&all[..1], &all[1..2], &all[1..], &all[..]] {
                let what = format!("{} {channels} channels {size}, {} pulls", cpu.level(), pulls.len());
                let (mut expected, mut sizes) = (vec![0.0; planar.len()], vec![0.0; planar.len()]);
                for pull in pulls {
                    let products = product(pull.coefficients, &planar, channels);
                    for (i, product) in products.into_iter().enumerate() {
                        let pulled = product * pull.map.map_or(1.0, |map| f64::from(map[i % size.pixels()]));
                        expected[i] += pulled;
                        sizes[i] += pulled.abs();
                    }
                }
                // What was there before does not matter.
                let mut output = random.blocked(channels, size);
                gram_gradient(&cpu, pulls, &features, &mut output, &mut scratch).unwrap();
                // Pulls may cancel, so the error is held against what each of them adds.
                let length = |numbers: &[f64]| numbers.iter().map(|x| x * x).sum::<f64>().sqrt();
                let cancelled = length(&expected).max(1e-30) / length(&sizes).max(1e-30);
                let error = cancelled * relative_error(&output.to_planar(), &expected);
                assert!(error < 1e-6, "{what}: {error:e}");
                assert_padding_is_zero(&output);

                // In place, after a ReLU: the same bits where a feature is positive, marked where it is 0.
                let active: Vec<f32> = planar.iter().map(|&x| (x as f32).max(0.0)).collect();
                let mut features = Blocked::from_planar(&active, channels, size).unwrap();
                gram_gradient(&cpu, pulls, &features, &mut output, &mut scratch).unwrap();
                gram_gradient_in_place(&cpu, pulls, &mut features, &mut scratch).unwrap();
                for ((was, got), beside) in active.iter().zip(features.to_planar()).zip(output.to_planar()) {
                    if *was > 0.0 {
                        assert_eq!(got.to_bits(), beside.to_bits(), "{what}");
                    } else {
                        assert!(got.is_nan(), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let cpu = cpus(1).remove(0);
    let mut scratch = Scratch::new();
    let mut features = Blocked::zeros(2, Size::new(4, 4));
    assert!(gram(&cpu, &features, &mut [0.0; 2], &mut scratch).is_err());
    assert!(guided_gram(&cpu, &features, &[0.0; 15], &mut [0.0; 4], &mut scratch).is_err());
    let mut other = Blocked::zeros(2, Size::new(5, 4));
    let (matrix, map) = ([0.0; 4], [0.0; 16]);
    let whole = [Pull::everywhere(&matrix)];
    assert!(gram_gradient(&cpu, &whole, &features, &mut other, &mut scratch).is_err());
    for pull in [Pull::everywhere(&matrix[..3]), Pull::guided(&matrix, &map[..15])] {
        assert!(gram_gradient_in_place(&cpu, &[pull], &mut features, &mut scratch).is_err());
    }
}
