//! Promise: at every level of CPU instructions, each kernel of the loss network computes what its
//! definition says, for every size, and the same bits on every run.
//!
//! The references are the definitions written out in float64 over planar tensors; the gradients are
//! scattered along the forward sums, not computed by the rotated kernels that the engine uses.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "kernels_parts/grams.rs"]
mod grams;

use proptest::prelude::*;
use stylecast::frame::Size;
use stylecast::kernels::cpu::{
    Algorithm, Blocked, Conv3x3, Cpu, FirstConv, Gradient, Level, Normalization, Scratch, Signs, Threads,
    Write, add_scaled_difference, gram,
    pool::{self, Pooling},
    squared_distance,
};

/// Random numbers in -1..1 (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }

    fn blocked(&mut self, channels: usize, size: Size) -> Blocked {
        Blocked::from_planar(&self.numbers(channels * size.pixels()), channels, size).unwrap()
    }
}

/// One machine per level of this processor.
fn cpus(threads: usize) -> Vec<Cpu> {
    let levels = Level::ALL.into_iter().filter(|level| level.is_available());
    levels.map(|level| Cpu::new(Threads::new(threads).unwrap(), Some(level)).unwrap()).collect()
}

/// ‖got − expected‖ / ‖expected‖.
fn relative_error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(expected).map(|(&g, &e)| f64::from(g) - e));
    difference / norm(&mut expected.iter().copied()).max(1e-30)
}

/// Calls `each(output index, input index, weight index)` for every product of a 3×3 convolution.
fn products(cin: usize, cout: usize, size: Size, mut each: impl FnMut(usize, usize, usize)) {
    for o in 0..cout {
        for i in 0..cin {
            for y in 0..size.height {
                for x in 0..size.width {
                    for tap in 0..9 {
                        let (yy, xx) = (y + tap / 3, x + tap % 3);
                        if (1..=size.height).contains(&yy) && (1..=size.width).contains(&xx) {
                            let from = (i * size.height + yy - 1) * size.width + xx - 1;
                            each((o * size.height + y) * size.width + x, from, (o * cin + i) * 9 + tap);
                        }
                    }
                }
            }
        }
    }
}

fn convolution(x: &[f64], w: &[f32], bias: &[f32], cin: usize, size: Size) -> Vec<f64> {
    let n = size.pixels();
    let mut out: Vec<f64> = (0..bias.len() * n).map(|i| f64::from(bias[i / n])).collect();
    products(cin, bias.len(), size, |to, from, k| out[to] += x[from] * f64::from(w[k]));
    out
}

fn adjoint(g: &[f64], w: &[f32], cin: usize, cout: usize, size: Size) -> Vec<f64> {
    let mut out = vec![0.0; cin * size.pixels()];
    products(cin, cout, size, |to, from, k| out[from] += g[to] * f64::from(w[k]));
    out
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// A layer's relative error may be this large: float32 with up to 40·9 products, times the
/// amplification of the transforms (measured 4e-7 to 1.4e-6 for F4 with 512 channels).
fn tolerance(algorithm: Algorithm) -> f64 {
    match algorithm {
        Algorithm::F4 => 4e-6,
        Algorithm::F2 => 1.5e-6,
        Algorithm::Direct => 1e-6,
    }
}

fn check_convolution(cpu: &Cpu, algorithm: Algorithm, cin: usize, cout: usize, size: Size, seed: u64) {
    let what = format!("{} {algorithm} {cin}->{cout} {size} seed {seed}", cpu.level());
    let mut random = Random(seed | 1);
    let (w, bias) = (random.numbers(cout * cin * 9), random.numbers(cout));
    let conv = Conv3x3::new(&w, &bias, cin, cout, algorithm).unwrap();
    let mut scratch = Scratch::new();

    let input = random.blocked(cin, size);
    let mut output = random.blocked(cout, size);
    conv.forward(cpu, &input, &mut output, &mut scratch).unwrap();
    let mut expected = convolution(&wide(&input.to_planar()), &w, &bias, cin, size);
    expected.iter_mut().for_each(|x| *x = x.max(0.0));
    let error = relative_error(&output.to_planar(), &expected);
    assert!(error < tolerance(algorithm), "forward {what}: {error:e}");

    let (grad, tap, mask) =
        (random.blocked(cout, size), random.blocked(cin, size), random.blocked(cin, size));
    let plain = adjoint(&wide(&grad.to_planar()), &w, cin, cout, size);
    for (with_tap, with_mask) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut expected = plain.clone();
        if with_tap {
            expected.iter_mut().zip(tap.to_planar()).for_each(|(x, t)| *x += f64::from(t));
        }
        if with_mask {
            let mask = mask.to_planar();
            expected.iter_mut().zip(mask).for_each(|(x, m)| *x = if m > 0.0 { *x } else { 0.0 });
        }
        let tap = with_tap.then_some(&tap);
        let mut got = random.blocked(cin, size);
        conv.backward(cpu, &grad, tap, with_mask.then_some(&mask), &mut got, &mut scratch).unwrap();
        let error = relative_error(&got.to_planar(), &expected);
        assert!(error < tolerance(algorithm), "backward {what}: {error:e}");
        assert_padding_is_zero(&got);
        if with_mask {
            let mut in_place = mask.clone();
            conv.backward_in_place(cpu, &grad, tap, &mut in_place, &mut scratch).unwrap();
            assert_eq!(in_place, got, "in place {what}");
        }
        if with_tap && with_mask {
            let marked: Vec<f32> =
                (mask.to_planar().iter().zip(tap.map(Blocked::to_planar).unwrap_or_default()))
                    .map(|(&mask, tap)| if mask > 0.0 { tap } else { f32::NAN })
                    .collect();
            let mut onto = Blocked::from_planar(&marked, cin, size).unwrap();
            conv.backward_onto(cpu, &grad, &mut onto, &mut scratch).unwrap();
            assert_eq!(onto, got, "onto the tap {what}");
        }
    }
}

/// Equality of everything includes the border and the spare channels.
fn assert_padding_is_zero(blocked: &Blocked) {
    let again = Blocked::from_planar(&blocked.to_planar(), blocked.channels(), blocked.size()).unwrap();
    assert_eq!(&again, blocked, "the border and the spare channels must stay zero");
}

#[test]
fn convolutions_of_every_size_agree_with_their_definition() {
    for cpu in cpus(2) {
        for algorithm in Algorithm::ALL {
            for n in 1..=40 {
                check_convolution(&cpu, algorithm, 3, 5, Size::new(n, 41 - n), n as u64);
            }
            for size in [(1, 1), (1, 40), (40, 1), (33, 35), (4, 4), (5, 5)] {
                check_convolution(&cpu, algorithm, 17, 33, Size::new(size.0, size.1), 7);
            }
        }
    }
}

#[test]
fn convolutions_with_many_channels_agree_with_their_definition() {
    for cpu in cpus(3) {
        for algorithm in Algorithm::ALL {
            check_convolution(&cpu, algorithm, 64, 128, Size::new(9, 7), 1);
            check_convolution(&cpu, algorithm, 160, 48, Size::new(6, 11), 2);
            check_convolution(&cpu, algorithm, 64, 64, Size::new(2, 3), 3);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_convolution_agrees_with_its_definition(
        width in 1usize..40, height in 1usize..40, cin in 1usize..40, cout in 1usize..40,
        algorithm in 0usize..3, seed in any::<u64>(),
    ) {
        for cpu in cpus(2) {
            check_convolution(&cpu, Algorithm::ALL[algorithm], cin, cout, Size::new(width, height), seed);
        }
    }
}

/// ⟨Ax, y⟩ = ⟨x, Aᵀy⟩, with x, weights ≥ 0 so that the ReLU lets everything pass.
#[test]
fn the_gradient_is_the_adjoint_of_the_convolution() {
    let dot = |a: &Blocked, b: &Blocked| -> f64 {
        a.to_planar().iter().zip(b.to_planar()).map(|(&a, b)| f64::from(a) * f64::from(b)).sum()
    };
    for cpu in cpus(2) {
        for algorithm in Algorithm::ALL {
            let (cin, cout, size) = (24, 40, Size::new(19, 14));
            let mut random = Random(11);
            let w: Vec<f32> = random.numbers(cout * cin * 9).iter().map(|w| w.abs()).collect();
            let conv = Conv3x3::new(&w, &vec![0.0; cout], cin, cout, algorithm).unwrap();
            let mut x = random.blocked(cin, size);
            for (block, y) in (0..2).flat_map(|b| (0..size.height).map(move |y| (b, y))) {
                x.row_mut(block, y).iter_mut().for_each(|lane| lane.0.iter_mut().for_each(|x| *x = x.abs()));
            }
            let y = random.blocked(cout, size);
            let (mut ax, mut aty) = (Blocked::zeros(cout, size), Blocked::zeros(cin, size));
            let mut scratch = Scratch::new();
            conv.forward(&cpu, &x, &mut ax, &mut scratch).unwrap();
            conv.backward(&cpu, &y, None, None, &mut aty, &mut scratch).unwrap();
            let (left, right) = (dot(&ax, &y), dot(&x, &aty));
            let scale = dot(&ax, &ax).sqrt() * dot(&y, &y).sqrt();
            assert!((left - right).abs() < 1e-6 * scale, "{} {algorithm}: {left} {right}", cpu.level());
        }
    }
}

const NORMALIZATION: Normalization =
    Normalization { scale: 255.0, mean: [123.0, 116.0, 103.0], std: [58.0, 57.0, 57.5] };

#[test]
fn the_first_convolution_normalises_pads_and_comes_back_to_pixels() {
    let n = NORMALIZATION;
    for cpu in cpus(2) {
        for (width, height, cout) in
            [(1, 1, 64), (2, 7, 64), (16, 16, 64), (37, 23, 64), (40, 3, 20), (31, 1, 5)]
        {
            let (size, mut random) = (Size::new(width, height), Random(width as u64));
            let (w, bias) = (random.numbers(cout * 27), random.numbers(cout));
            let first = FirstConv::new(&w, &bias, cout, n).unwrap();
            let mut scratch = Scratch::new();
            let pixels: Vec<f32> = random.numbers(3 * size.pixels()).iter().map(|x| x.abs()).collect();

            let seen: Vec<f64> = (pixels.iter().enumerate())
                .map(|(i, &p)| {
                    let c = i / size.pixels();
                    (f64::from(p) * f64::from(n.scale) - f64::from(n.mean[c])) / f64::from(n.std[c])
                })
                .collect();
            let mut expected = convolution(&seen, &w, &bias, 3, size);
            expected.iter_mut().for_each(|x| *x = x.max(0.0));
            let mut output = random.blocked(cout, size);
            first.forward(&cpu, &pixels, &mut output, &mut scratch).unwrap();
            let error = relative_error(&output.to_planar(), &expected);
            assert!(error < 1e-6, "forward {} {size}: {error:e}", cpu.level());
            assert_padding_is_zero(&output);

            let grad = random.blocked(cout, size);
            let expected: Vec<f64> =
                (adjoint(&wide(&grad.to_planar()), &w, 3, cout, size).iter().enumerate())
                    .map(|(i, g)| g * f64::from(n.scale) / f64::from(n.std[i / size.pixels()]))
                    .collect();
            let mut got = random.numbers(3 * size.pixels());
            first.backward(&cpu, &grad, &mut got, Write::Replace, &mut scratch).unwrap();
            let error = relative_error(&got, &expected);
            assert!(error < 1e-6, "backward {} {size}: {error:e}", cpu.level());
            first.backward(&cpu, &grad, &mut got, Write::Add, &mut scratch).unwrap();
            let twice: Vec<f64> = expected.iter().map(|g| 2.0 * g).collect();
            assert!(relative_error(&got, &twice) < 1e-6, "adding {} {size}", cpu.level());
        }
    }
}

/// Pooling and its gradient by the definition, planar, in float64.
fn pooling_reference(pooling: Pooling, x: &[f64], g: &[f64], c: usize, size: Size) -> (Vec<f64>, Vec<f64>) {
    let small = pool::pooled(size);
    let (mut out, mut back) = (Vec::new(), vec![0.0; x.len()]);
    for (to, &g) in g.iter().enumerate().take(c * small.pixels()) {
        let (plane, y, x0) = (to / small.pixels(), to % small.pixels() / small.width, to % small.width);
        let at = |q: usize| (plane * size.height + 2 * y + q / 2) * size.width + 2 * x0 + q % 2;
        match pooling {
            Pooling::Average => {
                out.push((0..4).map(|q| x[at(q)]).sum::<f64>() / 4.0);
                (0..4).for_each(|q| back[at(q)] = g / 4.0);
            }
            Pooling::Max => {
                let best = (0..4).reduce(|best, q| if x[at(q)] > x[at(best)] { q } else { best }).unwrap();
                out.push(x[at(best)]);
                back[at(best)] = g;
            }
        }
    }
    (out, back)
}

#[test]
fn pooling_and_its_gradient_agree_with_their_definition() {
    for cpu in cpus(2) {
        for pooling in [Pooling::Average, Pooling::Max] {
            for (width, height, channels) in [(2, 2, 3), (3, 2, 16), (2, 9, 33), (17, 12, 20), (40, 39, 5)] {
                let (size, mut random) = (Size::new(width, height), Random(5));
                // After a ReLU, with many ties at 0 and some elsewhere.
                let planar: Vec<f32> = (random.numbers(channels * size.pixels()).iter())
                    .map(|x| (x * 4.0).round().max(0.0) / 4.0)
                    .collect();
                let input = Blocked::from_planar(&planar, channels, size).unwrap();
                let small = pool::pooled(size);
                let grad = random.blocked(channels, small);
                let tap = random.blocked(channels, size);
                let (expected, back) =
                    pooling_reference(pooling, &wide(&planar), &wide(&grad.to_planar()), channels, size);

                let mut output = random.blocked(channels, small);
                pool::forward(&cpu, pooling, &input, &mut output).unwrap();
                assert!(relative_error(&output.to_planar(), &expected) < 1e-7);
                assert_padding_is_zero(&output);

                for tap in [None, Some(&tap)] {
                    let mut back = back.clone();
                    if let Some(tap) = tap {
                        back.iter_mut().zip(tap.to_planar()).for_each(|(b, t)| *b += f64::from(t));
                    }
                    back.iter_mut().zip(&planar).for_each(|(b, &x)| *b = if x > 0.0 { *b } else { 0.0 });
                    let mut got = random.blocked(channels, size);
                    pool::backward(&cpu, pooling, &grad, tap, &input, &mut got).unwrap();
                    let error = relative_error(&got.to_planar(), &back);
                    assert!(error < 1e-7, "{} {pooling:?} {size}: {error:e}", cpu.level());
                    assert_padding_is_zero(&got);
                    let mut in_place = input.clone();
                    pool::backward_in_place(&cpu, pooling, &grad, tap, &mut in_place).unwrap();
                    assert_eq!(in_place, got);
                }
            }
        }
    }
}

#[test]
fn convolutions_with_a_pool_behind_or_below_equal_the_two_steps() {
    let (cin, cout) = (17, 33);
    for (cpu, algorithm) in cpus(2).iter().flat_map(|cpu| Algorithm::ALL.map(|a| (cpu, a))) {
        for pooling in [Pooling::Average, Pooling::Max] {
            for (width, height) in [(2, 2), (3, 2), (2, 9), (17, 12), (40, 39), (33, 35)] {
                let (size, mut random, mut scratch) = (Size::new(width, height), Random(11), Scratch::new());
                let small = pool::pooled(size);
                let what = format!("{} {algorithm} {pooling:?} {size}", cpu.level());
                let w = random.numbers(cout * cin * 9);
                let conv = Conv3x3::new(&w, &random.numbers(cout), cin, cout, algorithm).unwrap();

                let input = random.blocked(cin, size);
                let mut expected = [Blocked::zeros(cout, size), Blocked::zeros(cout, small)];
                conv.forward(cpu, &input, &mut expected[0], &mut scratch).unwrap();
                let [output, pooled] = &mut expected;
                pool::forward(cpu, pooling, output, pooled).unwrap();
                let mut got = [random.blocked(cout, size), random.blocked(cout, small)];
                let [output, pooled] = &mut got;
                conv.forward_and_pool(cpu, pooling, &input, output, pooled, &mut scratch).unwrap();
                assert_eq!(got, expected, "forward {what}");

                let (grad, tap) = (random.blocked(cout, small), random.blocked(cin, size));
                for tap in [None, Some(&tap)] {
                    let (mut pooled, mut expected) = (Blocked::zeros(cin, small), random.blocked(cin, size));
                    let mut got = expected.clone();
                    conv.backward(cpu, &grad, None, None, &mut pooled, &mut scratch).unwrap();
                    pool::backward_in_place(cpu, pooling, &pooled, tap, &mut expected).unwrap();
                    conv.backward_through_pool(cpu, pooling, &grad, tap, &mut pooled, &mut got, &mut scratch)
                        .unwrap();
                    assert_eq!(got, expected, "backward {what}");
                }
            }
        }
    }
}

#[test]
fn signs_and_shares_stand_for_a_pooled_layer() {
    // The layer in the middle is averaged by a pool: held whole, or by its signs alone.
    let (cin, middle, cout) = (17, 33, 20);
    for (cpu, algorithm) in cpus(2).iter().flat_map(|cpu| Algorithm::ALL.map(|a| (cpu, a))) {
        for (width, height) in [(2, 2), (3, 2), (2, 9), (9, 9), (17, 12), (40, 39), (33, 35), (70, 66)] {
            let (size, mut random, mut scratch) = (Size::new(width, height), Random(13), Scratch::new());
            let (small, mean) = (pool::pooled(size), Pooling::Average);
            let what = format!("{} {algorithm} {size}", cpu.level());
            let weights = random.numbers(middle * cin * 9);
            let below = Conv3x3::new(&weights, &random.numbers(middle), cin, middle, algorithm).unwrap();
            let weights = random.numbers(cout * middle * 9);
            let above = Conv3x3::new(&weights, &random.numbers(cout), middle, cout, algorithm).unwrap();
            let (input, grad) = (random.blocked(cin, size), random.blocked(cout, small));
            let mut signs = Signs::new(middle, size);
            let mut shares = random.blocked(middle, small);
            if !below.can_keep_signs(mean) {
                assert!(below.forward_to_pool(cpu, &input, &mut signs, &mut shares, &mut scratch).is_err());
                continue;
            }

            let (mut whole, mut pooled) = (Blocked::zeros(middle, size), Blocked::zeros(middle, small));
            below.forward_and_pool(cpu, mean, &input, &mut whole, &mut pooled, &mut scratch).unwrap();
            below.forward_to_pool(cpu, &input, &mut signs, &mut shares, &mut scratch).unwrap();
            assert_eq!(shares, pooled, "means {what}");

            let mut shared = input.clone();
            above
                .backward_through_pool(cpu, mean, &grad, None, &mut pooled, &mut whole, &mut scratch)
                .unwrap();
            below.backward_in_place(cpu, &whole, None, &mut shared, &mut scratch).unwrap();
            let mut got = input.clone();
            above.backward_to_pool(cpu, &grad, &mut shares, &mut scratch).unwrap();
            let spread = Gradient::Spread(&shares, &signs);
            below.backward_in_place(cpu, spread, None, &mut got, &mut scratch).unwrap();
            assert_eq!(got, shared, "gradient {what}");
            // Used again, nothing of the first time shows.
            below.forward_to_pool(cpu, &got, &mut signs, &mut shares, &mut scratch).unwrap();
            let mut fresh = Signs::new(middle, size);
            below.forward_to_pool(cpu, &got, &mut fresh, &mut pooled, &mut scratch).unwrap();
            assert_eq!(signs, fresh, "again {what}");
        }
    }
}

#[test]
fn distances_and_differences_agree_with_their_definition() {
    for cpu in cpus(2) {
        for (channels, width, height) in [(1, 1, 1), (40, 21, 17), (3, 200, 100)] {
            let (size, mut random) = (Size::new(width, height), Random(3));
            let (a, b) = (random.blocked(channels, size), random.blocked(channels, size));
            let mut output = random.blocked(channels, size);
            let expected: f64 = (a.to_planar().iter().zip(b.to_planar()))
                .map(|(&a, b)| (f64::from(a) - f64::from(b)).powi(2))
                .sum();
            let got = squared_distance(&cpu, &a, &b).unwrap();
            assert!((got - expected).abs() <= 1e-6 * expected, "{got} {expected}");

            let expected: Vec<f64> = (output.to_planar().iter())
                .zip(a.to_planar().iter().zip(b.to_planar()))
                .map(|(&o, (&a, b))| f64::from(o) + 0.3 * (f64::from(a) - f64::from(b)))
                .collect();
            add_scaled_difference(&cpu, 0.3, &a, &b, &mut output).unwrap();
            assert!(relative_error(&output.to_planar(), &expected) < 1e-6);
        }
    }
}

#[test]
fn the_same_work_gives_the_same_bits() {
    for cpu in cpus(2) {
        let size = Size::new(70, 45);
        let run = || {
            let mut random = Random(21);
            let (w, b) = (random.numbers(64 * 64 * 9), random.numbers(64));
            let conv = Conv3x3::new(&w, &b, 64, 64, Algorithm::F4).unwrap();
            let (input, mut output) = (random.blocked(64, size), Blocked::zeros(64, size));
            let (mut g, mut scratch) = (vec![0.0; 64 * 64], Scratch::new());
            conv.forward(&cpu, &input, &mut output, &mut scratch).unwrap();
            gram(&cpu, &output, &mut g, &mut scratch).unwrap();
            let distance = squared_distance(&cpu, &input, &output).unwrap();
            (output, g, distance.to_bits())
        };
        let once = run();
        for _ in 0..5 {
            assert!(run() == once, "{}", cpu.level());
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let cpu = Cpu::new(Threads::new(1).unwrap(), None).unwrap();
    let mut scratch = Scratch::new();
    let (small, large) = (Size::new(4, 4), Size::new(5, 4));
    assert!(Conv3x3::new(&[0.0; 9], &[0.0; 2], 1, 1, Algorithm::F4).is_err());
    let conv = Conv3x3::new(&[0.0; 18], &[0.0; 2], 1, 2, Algorithm::F4).unwrap();
    let (input, mut output) = (Blocked::zeros(1, small), Blocked::zeros(2, large));
    let error = conv.forward(&cpu, &input, &mut output, &mut scratch).unwrap_err();
    assert!(error.to_string().contains("2 channels of 4x4"), "{error}");
    assert!(pool::forward(&cpu, Pooling::Max, &input, &mut output).is_err());
    assert!(squared_distance(&cpu, &input, &output).is_err());
}
