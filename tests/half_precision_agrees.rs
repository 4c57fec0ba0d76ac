//! Promise: the kernels for GPUs compute what their definitions say, and painting in half precision agrees with the
//! CPU's engine. Where there is no GPU, which is where tests run, the same sources run on the CPU.
//!
//! A GPU may still do something else: order and speed of its memory are not emulated. `bench --check` and
//! `scripts/gpu-check` hold it to the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "common/emulator.rs"]
mod emulator;
#[path = "common/numbers.rs"]
mod numbers;
#[path = "common/painting.rs"]
mod painting;

use emulator::{Bench, Emulator};
use half::f16;
use numbers::{ROUNDED, apart, assert_agrees, convolved, read, wide};
use painting::{network, picture, weights};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stylecast::bench::agreement::{Check, compare};
use stylecast::frame::Size;
use stylecast::kernels::cpu::pool::Pooling;
use stylecast::kernels::cuda::{
    Bias, Buffer, Compared, Features, Finish, First, GramParts, Kernels, Machine, Sums, Weights,
};
use stylecast::loss::{Guide, Objective, ObjectiveSettings, StylePart};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_linear;
use stylecast::vgg::{Layer, Network};

#[test]
fn convolutions_are_what_their_definition_says() {
    // Large tiles serve large pictures; here they are taken as soon as they have work.
    for (full, kernels) in
        [(264, &["stylecast_conv_small"][..]), (1, &["stylecast_conv_64", "stylecast_conv_128"])]
    {
        let Some(emulator) = Emulator::new() else { return };
        convolutions(full, emulator.clone());
        let ran = emulator.ran.lock().unwrap();
        assert!(kernels.iter().all(|kernel| ran.contains(kernel)), "{ran:?}");
        assert!(ran.iter().all(|kernel| kernels.contains(kernel)), "{ran:?}");
    }
}

fn convolutions(full: u32, machine: Arc<dyn Machine>) {
    let kernels = Kernels::new(machine.clone()).with_full(full);
    let mut bench = Bench { machine, kernels, random: fastrand::Rng::with_seed(1) };
    for (inputs, outputs, width, height) in
        [(64, 64, 1, 1), (64, 128, 5, 3), (128, 64, 17, 11), (64, 256, 40, 5)]
    {
        let size = Size::new(width, height);
        let what = format!("{inputs} to {outputs} channels of {size}");
        let (x, wide_x) = bench.features(inputs, size);
        let kernel = bench.numbers(9 * inputs * outputs);
        let at = |tap: usize, o: usize, i: usize| f64::from(kernel[(o * inputs + i) * 9 + tap]);
        let forward = Weights::convolution(&bench.machine, &kernel, outputs, inputs).unwrap();
        let plain = convolved(&wide_x, size, (outputs, inputs), at);
        let (mut y, was) = bench.features(outputs, size);
        bench.kernels.convolve(&x, &forward, Finish::default(), &mut y).unwrap();
        assert!(apart(&read(&y), &plain) < ROUNDED, "{what}: {:e}", apart(&read(&y), &plain));

        // Everything at once, in place.
        let (bias, rows) = (bench.numbers(outputs), bench.numbers(size.pixels()));
        let (tap, wide_tap) = bench.features(outputs, size);
        y.write(&was.iter().map(|x| f16::from_f64(*x)).collect::<Vec<_>>()).unwrap();
        let (on_bias, on_rows) = (Bias::new(&bench.machine, &bias).unwrap(), bench.put(&rows));
        let finish = Finish {
            scale: 0.25,
            bias: Some(&on_bias),
            rows: Some(&on_rows),
            tap: Some(&tap),
            masked: true,
            relu: true,
            ..Finish::default()
        };
        bench.kernels.convolve(&x, &forward, finish, &mut y).unwrap();
        let expected: Vec<f64> = (0..plain.len())
            .map(|i| {
                let (p, o) = (i / outputs, i % outputs);
                let v = (0.25 * plain[i] + f64::from(bias[o])) * f64::from(rows[p]) + wide_tap[i];
                if was[i] > 0.0 { v.max(0.0) } else { 0.0 }
            })
            .collect();
        assert!(apart(&read(&y), &expected) < ROUNDED, "{what}, finished");

        // The adjoint: ⟨conv x, z⟩ = ⟨x, adjoint z⟩, and onto what is there.
        let adjoint = Weights::adjoint(&bench.machine, &kernel, outputs, inputs).unwrap();
        let (z, wide_z) = bench.features(outputs, size);
        let (mut back, before) = bench.features(inputs, size);
        let finish = Finish { onto: true, ..Finish::default() };
        bench.kernels.convolve(&z, &adjoint, finish, &mut back).unwrap();
        let turned = convolved(&wide_z, size, (inputs, outputs), |tap, i, o| at(8 - tap, o, i));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (left, right) = (dot(&plain, &wide_z), dot(&wide_x, &turned));
        assert!((left - right).abs() < 1e-9 * left.abs().max(1.0), "{what}: the reference is no adjoint");
        let expected: Vec<f64> = turned.iter().zip(before).map(|(a, b)| a + b).collect();
        assert!(apart(&read(&back), &expected) < ROUNDED, "{what}, back");
    }
}

#[test]
fn the_first_convolution_and_its_gradient_are_what_their_definition_says() {
    let Some(mut bench) = Bench::new(2) else { return };
    for (width, height) in [(1, 1), (7, 3), (19, 10), (131, 2)] {
        let size = Size::new(width, height);
        let (x, kernel, bias) = (bench.numbers(3 * size.pixels()), bench.numbers(64 * 27), bench.numbers(64));
        let (gain, offset) = ([2.0, 0.5, 1.5], [-0.25, 0.5, -1.0]);
        let first = First::new(&bench.machine, &kernel, &bias, (gain, offset)).unwrap();
        let at = |tap: usize, o: usize, c: usize| f64::from(kernel[(o * 3 + c) * 9 + tap]);
        let n = size.pixels();
        let input: Vec<f64> =
            (0..3 * n).map(|i| f64::from(gain[i % 3] * x[i % 3 * n + i / 3] + offset[i % 3])).collect();
        let expected: Vec<f64> = convolved(&input, size, (64, 3), at)
            .into_iter()
            .enumerate()
            .map(|(i, v)| (v + f64::from(bias[i % 64])).max(0.0))
            .collect();
        let (mut y, _) = bench.features(64, size);
        let pixels = bench.put(&x);
        bench.kernels.first_forward(&pixels, &first, &mut y).unwrap();
        assert!(apart(&read(&y), &expected) < ROUNDED, "{size}");

        let (g, wide_g) = bench.features(64, size);
        let mut dx = Buffer::new(&bench.machine, 3 * n).unwrap();
        bench.kernels.first_backward(&g, &first, 0.5, &mut dx).unwrap();
        let back = convolved(&wide_g, size, (3, 64), |tap, c, o| at(8 - tap, o, c));
        let expected: Vec<f64> =
            (0..3 * n).map(|i| 0.5 * f64::from(gain[i / n]) * back[i % n * 3 + i / n]).collect();
        let mut got = vec![0.0; 3 * n];
        dx.read(&mut got).unwrap();
        assert!(apart(&wide(&got), &expected) < ROUNDED, "{size}, back");
    }
}

#[test]
fn pools_and_masks_are_what_their_definition_says() {
    let Some(mut bench) = Bench::new(3) else { return };
    for (channels, width, height) in [(64, 2, 2), (64, 5, 3), (128, 8, 7)] {
        let (size, half) = (Size::new(width, height), Size::new(width / 2, height / 2));
        for pooling in [Pooling::Average, Pooling::Max] {
            let what = format!("{channels} channels of {size}, {pooling}");
            let (mut x, wide_x) = bench.features(channels, size);
            let (mut y, _) = bench.features(channels, half);
            bench.kernels.pool(pooling, &x, &mut y).unwrap();
            let (g, wide_g) = bench.features(channels, half);
            let (tap, wide_tap) = bench.features(channels, size);
            let mut expected = vec![0.0; channels * half.pixels()];
            let mut back = wide_tap;
            for (i, pooled) in expected.iter_mut().enumerate() {
                let (p, c) = (i / channels, i % channels);
                let corner = 2 * (p / half.width) * width + 2 * (p % half.width);
                let four = [0, 1, width, width + 1].map(|step| (corner + step) * channels + c);
                let values = four.map(|at| wide_x[at]);
                let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                if pooling == Pooling::Max {
                    *pooled = most;
                    back[four[values.iter().position(|v| *v == most).unwrap()]] += wide_g[i];
                } else {
                    *pooled = values.iter().sum::<f64>() / 4.0;
                    four.iter().for_each(|&at| back[at] += wide_g[i] / 4.0);
                }
            }
            assert!(apart(&read(&y), &expected) < ROUNDED, "{what}");
            bench.kernels.unpool(pooling, &g, Some(&tap), &mut x).unwrap();
            let masked = back.iter().zip(&wide_x).map(|(g, x)| if *x > 0.0 { *g } else { 0.0 });
            assert!(apart(&read(&x), &masked.collect::<Vec<_>>()) < ROUNDED, "{what}, back");
        }
        let ((mut x, wide_x), (g, wide_g)) = (bench.features(channels, size), bench.features(channels, size));
        bench.kernels.mask(Some(&g), &mut x).unwrap();
        let expected = wide_g.iter().zip(&wide_x).map(|(g, x)| if *x > 0.0 { *g } else { 0.0 });
        assert_eq!(read(&x), expected.collect::<Vec<_>>());
        bench.kernels.mask(None, &mut x).unwrap();
        assert!(read(&x).iter().all(|x| *x == 0.0));
    }
}

#[test]
fn gram_matrices_and_sums_are_what_their_definition_says() {
    let Some(mut bench) = Bench::new(4) else { return };
    for (channels, width, height) in [(64, 1, 1), (64, 9, 7), (128, 37, 33), (192, 5, 4)] {
        let (size, n) = (Size::new(width, height), width * height);
        let (x, wide_x) = bench.features(channels, size);
        let map: Vec<f32> = (0..n).map(|p| if p % 3 == 0 { 0.0 } else { bench.random.f32() }).collect();
        let rows = bench.put(&map);
        let mut parts = GramParts::new(&bench.machine, [(channels, n)].into_iter()).unwrap();
        for rows in [None, Some(&rows)] {
            let what = format!("{channels} channels of {size}, rows: {}", rows.is_some());
            let weight = |p: usize| if rows.is_some() { f64::from(map[p]) } else { 1.0 };
            let gram: Vec<f64> = (0..channels * channels)
                .map(|i| {
                    let (a, b) = (i / channels, i % channels);
                    let product = |p: usize| weight(p) * wide_x[p * channels + a] * wide_x[p * channels + b];
                    0.5 * (0..n).map(product).sum::<f64>()
                })
                .collect();
            bench.kernels.gram(&x, rows, &mut parts).unwrap();
            let mut total = Buffer::new(&bench.machine, channels * channels).unwrap();
            bench.kernels.gram_total(&parts, 0.5, &mut total).unwrap();
            let mut got = vec![0.0; channels * channels];
            total.read(&mut got).unwrap();
            assert!(apart(&wide(&got), &gram) < ROUNDED, "{what}");
            for (i, j) in (0..channels).flat_map(|i| (0..i).map(move |j| (i, j))) {
                assert_eq!(got[i * channels + j].to_bits(), got[j * channels + i].to_bits(), "{what}");
            }

            // Its difference from a target, as coefficients of the gradient.
            let target = bench.numbers(channels * channels);
            let on_device = bench.put(&target);
            let mut coefficients = Weights::coefficients(&bench.machine, channels).unwrap();
            let mut sums = Sums::new(&bench.machine, 1).unwrap();
            let compared = Compared { target: &on_device, unit: 2.0, coefficients: &mut coefficients };
            let part = bench.kernels.gram_difference(&parts, 0.5, compared, &mut sums).unwrap();
            let difference: Vec<f64> =
                wide(&got).iter().zip(&target).map(|(g, a)| g - f64::from(*a)).collect();
            let squared: f64 = difference.iter().map(|d| d * d).sum();
            assert!((sums.read(&[part]).unwrap()[0] / squared - 1.0).abs() < 1e-5, "{what}");
            let (mut pull, _) = bench.features(channels, size);
            bench.kernels.convolve(&x, &coefficients, Finish::default(), &mut pull).unwrap();
            let expected: Vec<f64> = (0..channels * n)
                .map(|i| {
                    let (p, c) = (i / channels, i % channels);
                    let row = &difference[c * channels..][..channels];
                    2.0 * row.iter().zip(&wide_x[p * channels..]).map(|(d, x)| d * x).sum::<f64>()
                })
                .collect();
            assert!(apart(&read(&pull), &expected) < 2.0 * ROUNDED, "{what}, pull");
        }

        let (target, wide_target) = bench.features(channels, size);
        let mut sums = Sums::new(&bench.machine, 2).unwrap();
        let (mut tap, before) = bench.features(channels, size);
        let slopes = Buffer::from_slice(&bench.machine, &[7.0, 0.5]).unwrap();
        let parts = [
            bench.kernels.content(&x, &target, (&slopes, 1), true, &mut tap, &mut sums).unwrap(),
            bench.kernels.squares(&x, &mut sums).unwrap(),
        ];
        let difference: Vec<f64> = wide_x.iter().zip(wide_target).map(|(x, t)| x - t).collect();
        let expected: Vec<f64> = difference.iter().zip(before).map(|(d, b)| 0.5 * d + b).collect();
        assert!(apart(&read(&tap), &expected) < ROUNDED);
        let squares = |numbers: &[f64]| numbers.iter().map(|x| x * x).sum::<f64>();
        for (got, expected) in sums.read(&parts).unwrap().iter().zip([squares(&difference), squares(&wide_x)])
        {
            assert!((got / expected - 1.0).abs() < 1e-5, "{got} {expected}");
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let Some(mut bench) = Bench::new(5) else { return };
    let (size, other) = (Size::new(4, 4), Size::new(4, 5));
    let ((x, _), (mut y, _), (mut odd, _)) =
        (bench.features(64, size), bench.features(128, size), bench.features(128, other));
    let weights = Weights::convolution(&bench.machine, &vec![0.0; 9 * 64 * 128], 128, 64).unwrap();
    let short = bench.put(&[0.0; 15]);
    let short_bias = Bias::new(&bench.machine, &[0.0; 15]).unwrap();
    let kernels = &bench.kernels;
    let error = kernels.convolve(&x, &weights, Finish::default(), &mut odd).unwrap_err();
    assert!(error.to_string().contains("128 channels of 4x4"), "{error}");
    for finish in [
        Finish { bias: Some(&short_bias), ..Finish::default() },
        Finish { rows: Some(&short), ..Finish::default() },
        Finish { tap: Some(&odd), ..Finish::default() },
    ] {
        assert!(kernels.convolve(&x, &weights, finish, &mut y).is_err());
    }
    assert!(kernels.pool(Pooling::Max, &x, &mut y).is_err());
    assert!(kernels.unpool(Pooling::Max, &x, None, &mut y).is_err());
    assert!(kernels.mask(Some(&x), &mut y).is_err());
    let mut parts = GramParts::new(&bench.machine, [(64, 16)].into_iter()).unwrap();
    assert!(kernels.gram(&x, Some(&short), &mut parts).is_err());
    assert!(kernels.gram(&y, None, &mut parts).is_err());
    assert!(y.reshape(128, other).is_err());
    let mut total = Buffer::new(&bench.machine, 64 * 64 - 1).unwrap();
    assert!(bench.kernels.gram_total(&parts, 1.0, &mut total).is_err());
    bench.kernels.gram(&x, None, &mut parts).unwrap();
    assert!(bench.kernels.gram_total(&parts, 1.0, &mut total).is_err());
    for channels in [0, 3, 65] {
        assert!(Features::new(&bench.machine, channels, size).is_err());
        assert!(Weights::coefficients(&bench.machine, channels).is_err());
        assert!(Weights::convolution(&bench.machine, &vec![0.0; 9 * 64 * channels], 64, channels).is_err());
    }
    assert!(Weights::adjoint(&bench.machine, &[0.0; 9], 64, 64).is_err());
}

#[test]
fn a_machine_that_computes_something_else_is_told() {
    let Some(emulator) = Emulator::new() else { return };
    Kernels::new(emulator.clone()).try_out().unwrap();
    for kernel in ["stylecast_conv_small", "stylecast_gram", "stylecast_gram_finish"] {
        let broken = Emulator { left_out: Some(kernel), ..(*emulator).clone() };
        let error = Kernels::new(Arc::new(broken)).try_out().unwrap_err();
        assert!(error.to_string().contains("something else"), "{kernel}: {error}");
    }
}

/// The bundled pictures at `size`: what is painted, its source, and two styles.
fn pictures(size: Size) -> [Pixels; 4] {
    ["poppies.jpg", "summertime.jpg", "auvers.jpg", "great-wave.jpg"]
        .map(|name| resize_linear(&Pixels::from_frame(&picture(name)), size))
}

/// The losses' total and the gradient of a painted picture, on a network.
fn evaluated(network: &Network, [x, source, style, other]: &[Pixels; 4], in_regions: bool) -> (f64, Pixels) {
    let mut objective = Objective::new(network, ObjectiveSettings::default()).unwrap();
    let styles = [style, other].map(|picture| objective.describe_style(picture).unwrap());
    if in_regions {
        let size = x.size();
        let left = |p: usize| if p % size.width < size.width / 3 { 1.0 } else { 0.0 };
        let mask: Vec<f32> = (0..size.pixels()).map(left).collect();
        let inverse = mask.iter().map(|m| 1.0 - m).collect();
        let masks = [mask, inverse].map(|mask| stylecast::flow::Mask::new(size, mask).unwrap());
        let parts = styles.into_iter().zip(&masks).map(|(target, mask)| StylePart {
            target,
            guide: Some(Guide::new(mask)),
            share: 1.0,
        });
        objective.set_styles(parts.collect());
    } else {
        let [style, _] = styles;
        objective.set_style(style);
    }
    objective.set_content(source).unwrap();
    let mut gradient = Pixels::zeros(x.size());
    let losses = objective.evaluate(x, &mut gradient).unwrap();
    (losses.total, gradient)
}

#[test]
fn losses_and_gradients_agree_with_the_cpus_engine() {
    let Some(emulator) = Emulator::new() else { return };
    let half = Network::half(&weights(), Pooling::Average, emulator).unwrap();
    let cpu = network();
    for (size, in_regions) in [(Size::new(33, 35), false), (Size::new(48, 32), true)] {
        let pictures = pictures(size);
        let (expected, by_cpu) = evaluated(&cpu, &pictures, in_regions);
        let (total, gradient) = evaluated(&half, &pictures, in_regions);
        assert_agrees(&size.to_string(), (total, &gradient), (expected, &by_cpu));
    }
}

/// What `bench --check` holds a GPU to: gradients layer by layer, and where ten iterations lead.
#[test]
fn painting_leads_where_the_cpus_engine_leads() {
    let Some(emulator) = Emulator::new() else { return };
    let half = Network::half(&weights(), Pooling::Average, emulator).unwrap();
    let check = Check { size: Size::new(19, 17), seed: 7, iterations: 10 };
    let names = ["emulator", "f16"].map(str::to_owned);
    let agreement = compare(&network(), &half, names, &ObjectiveSettings::default(), check).unwrap();
    assert!(agreement.passed && agreement.steps_apart.is_some(), "{agreement:?}");
}

#[test]
fn memory_is_as_much_as_was_planned() {
    let Some(emulator) = Emulator::new() else { return };
    let network = Network::half(&weights(), Pooling::Average, emulator.clone()).unwrap();
    let size = Size::new(64, 48);
    let plan = |size| network.memory(Layer::CONV5_1, &[Layer::CONV4_2], size).unwrap();
    let weights = emulator.held.load(Ordering::Relaxed) as f64;
    assert!((weights / plan(size).network as f64 - 1.0).abs() < 0.01, "{weights} {:?}", plan(size));
    let mut objective = Objective::new(&network, ObjectiveSettings::default()).unwrap();
    let [x, source, ..] = pictures(size);
    let style = objective.describe_style(&source).unwrap();
    objective.set_style(style);
    objective.set_content(&source).unwrap();
    objective.evaluate(&x, &mut Pixels::zeros(size)).unwrap();
    let held = emulator.held.load(Ordering::Relaxed) as u64;
    assert!(held <= plan(size).total(), "{held} {:?}", plan(size));
    // 1080p in under 6 GB.
    assert!(plan(Size::new(1920, 1080)).total() < 6_000_000_000);
}
