//! Promise: where a GPU computes in half precision, pixels, gradient and the optimiser's memory stay there while a
//! picture is painted, and what comes back is what the CPU would have painted. Run on the emulator of the tests.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "common/emulator.rs"]
mod emulator;
#[path = "common/painting.rs"]
mod painting;

use emulator::{Bench, Emulator, take};
use painting::{network, picture, weights};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use stylecast::flow::{Flow, Kernel, warp_planes};
use stylecast::frame::{Frame, Size};
use stylecast::kernels::cuda::{Buffer, FlowField, Partials, Sums};
use stylecast::loss::Objective;
use stylecast::optim::space::{Directions, Slices, Space as _};
use stylecast::optim::{Adam, Lbfgs};
use stylecast::pixels::Pixels;
use stylecast::resize::{resize_frame, resize_values};
use stylecast::stylize::{KeepColor, OptimizerKind, PaintSettings, Painter, Start};
use stylecast::vgg::{Network, Pooling};

impl Bench {
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| 2.0 * self.random.f32() - 1.0).collect()
    }

    /// Numbers in 0..1, many of them at its ends.
    fn pixels(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (2.0 * self.random.f32() - 0.5).clamp(0.0, 1.0)).collect()
    }
}

fn assert_close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= 2e-6 * (1.0 + e.abs()), "{what}, {i}: {g} instead of {e}");
    }
}

#[test]
fn an_optimisers_vectors_are_what_they_are_in_memory() {
    let Some(mut bench) = Bench::new(1) else { return };
    let mut here = Slices(|_: &mut [f32]| ());
    // Fewer than a block, more than all blocks take at once, and not a multiple of anything.
    for n in [1, 255, 70_001] {
        let vectors: Vec<Vec<f32>> = (0..11).map(|_| bench.numbers(n)).collect();
        let there: Vec<Buffer<f32>> = vectors.iter().map(|vector| bench.put(vector)).collect();
        let kernels = bench.kernels.clone();
        let mut partials = Partials::new(&bench.machine).unwrap();
        let mut to = bench.put(&vec![0.0; n]);

        kernels.difference(&there[0], &there[1], &mut to).unwrap();
        let mut expected = vec![0.0; n];
        let Ok(()) = here.difference(&vectors[0], &vectors[1], &mut expected);
        assert_close(&take(&to), &expected, "difference");

        // None, some, and more than one launch takes.
        for count in [0, 3, 10] {
            let times = |i: usize| 0.25 * i as f64 - 1.0;
            let terms: Vec<_> = (0..count).map(|i| (times(i), &vectors[i][..])).collect();
            let Ok(()) = here.add(&mut expected, &terms, 0.5);
            let terms: Vec<_> = (0..count).map(|i| (times(i), &there[i])).collect();
            kernels.add(&mut to, &terms, 0.5).unwrap();
            assert_close(&take(&to), &expected, "add");
        }

        // Groups of neighbours, one of them longer than a launch takes.
        let pairs: Vec<(usize, usize)> = (0..11).map(|i| (i, 10)).chain([(3, 2), (2, 2), (0, 10)]).collect();
        let in_memory: Vec<_> = pairs.iter().map(|(a, b)| (&vectors[*a][..], &vectors[*b][..])).collect();
        let on_device: Vec<_> = pairs.iter().map(|(a, b)| (&there[*a], &there[*b])).collect();
        let Ok(expected) = here.products(&in_memory);
        let got = kernels.products(&on_device, &mut partials).unwrap();
        assert_eq!(got.len(), pairs.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-7 * n as f64, "{got} {expected}");
        }
        assert!(kernels.products(&[], &mut partials).unwrap().is_empty());

        let Ok(largest) = here.largest(&vectors[4]);
        assert_eq!(kernels.largest(&there[4], &mut partials).unwrap(), largest);

        let x = bench.pixels(n);
        let mut gradient = bench.numbers(n);
        gradient.iter_mut().step_by(97).skip(1).for_each(|g| *g = f32::NAN);
        let mut held = vectors[5].clone();
        let Ok(()) = here.hold(&x, &gradient, &mut held);
        let mut to = bench.put(&vectors[5]);
        let [on_x, on_gradient] = [&x, &gradient].map(|numbers| bench.put(numbers));
        kernels.hold(&on_x, &on_gradient, &mut to).unwrap();
        assert_eq!(take(&to), held);

        // A step that moves, and one that goes nowhere.
        for length in [0.25, 0.0] {
            let mut moved = vec![0.0; n];
            let directions = Directions { chosen: &vectors[6][..], steepest: &vectors[7] };
            let Ok(expected) = here.advance(&x, length, directions, &mut moved);
            let directions = [&there[6], &there[7]];
            let [slope, moves] = kernels.advance(&on_x, length, directions, &mut to, &mut partials).unwrap();
            assert_close(&take(&to), &moved, "advance");
            assert!((slope - expected.slope).abs() < 1e-7 * n as f64);
            assert_eq!(moves > 0.0, expected.moves);
            assert_eq!(moves, moved.iter().zip(&x).filter(|(a, b)| a != b).count() as f64);
        }

        let mut adam = Adam::new(n);
        let (mut x, mut on_x) = (x, on_x);
        let [mut first, mut second] = [0, 1].map(|_| bench.put(&vec![0.0; n]));
        for step in 1..=3 {
            adam.step(&mut x, &gradient, 0.1);
            let corrections = [0.9f32, 0.999].map(|beta| (1.0 / (1.0 - f64::from(beta).powi(step))) as f32);
            let numbers = [0.1, 0.9, 0.999, 1e-8, corrections[0], corrections[1]];
            kernels.adam(&mut on_x, &on_gradient, [&mut first, &mut second], numbers).unwrap();
        }
        assert_close(&take(&on_x), &x, "Adam");
        assert_close(&take(&second), &adam.second, "Adam's second moment");
        let short = bench.put(&vec![0.0; n + 1]);
        assert!(kernels.difference(&short, &there[0], &mut to).is_err());
        assert!(kernels.products(&[(&there[0], &short)], &mut partials).is_err());
    }
}

/// Adds a picture's coarser versions to it, by the resizer that the CPU uses.
fn add_coarser(size: Size, levels: usize, picture: &mut [f32]) {
    for plane in picture.chunks_exact_mut(size.pixels()) {
        let (mut at, mut coarse) = (size, plane.to_vec());
        for _ in 0..levels {
            let half = Size::new(at.width / 2, at.height / 2);
            if half.shortest_side() < 2 {
                break;
            }
            coarse = resize_values(&coarse, at, half);
            let fine = resize_values(&coarse, half, size);
            plane.iter_mut().zip(fine).for_each(|(to, fine)| *to += fine);
            at = half;
        }
    }
}

#[test]
fn pictures_are_moved_and_measured_as_in_memory() {
    let Some(mut bench) = Bench::new(2) else { return };
    for (width, height) in [(1, 1), (5, 3), (37, 20), (64, 48), (33, 130)] {
        let (size, n) = (Size::new(width, height), width * height);
        let kernels = bench.kernels.clone();
        let x = bench.pixels(3 * n);
        let on_x = bench.put(&x);
        let mut sums = Sums::new(&bench.machine, 2).unwrap();

        // Every edge once, by its definition.
        let before = bench.numbers(3 * n);
        let mut gradient = bench.put(&before);
        let mut expected: Vec<f64> = before.iter().copied().map(f64::from).collect();
        let mut squares = 0.0;
        for i in 0..3 * n {
            let right = (i % width + 1 < width).then_some(i + 1);
            let below = (i / width % height + 1 < height).then_some(i + width);
            for j in right.into_iter().chain(below) {
                let apart = f64::from(x[j]) - f64::from(x[i]);
                squares += apart * apart;
                expected[j] += 0.5 * apart;
                expected[i] -= 0.5 * apart;
            }
        }
        let part = kernels.total_variation((&on_x, size), 0.5, &mut gradient, &mut sums).unwrap();
        let got = sums.read(&[part]).unwrap()[0];
        assert!((got - squares).abs() <= 1e-5 * squares, "{size}: {got} {squares}");
        let narrow = |numbers: &[f64]| numbers.iter().map(|v| *v as f32).collect::<Vec<_>>();
        assert_close(&take(&gradient), &narrow(&expected), "total variation");

        let (target, certainty) = (bench.pixels(3 * n), bench.pixels(n));
        let (mut gradient, mut squares) = (bench.put(&before), 0.0);
        let mut expected: Vec<f64> = before.iter().copied().map(f64::from).collect();
        for i in 0..3 * n {
            let (apart, c) = (f64::from(x[i]) - f64::from(target[i]), f64::from(certainty[i % n]));
            squares += c * apart * apart;
            expected[i] += 0.75 * c * apart;
        }
        let hold = [&target, &certainty].map(|numbers| bench.put(numbers));
        let part = kernels.temporal(&on_x, hold.each_ref(), 0.75, &mut gradient, &mut sums).unwrap();
        let got = sums.read(&[part]).unwrap()[0];
        assert!((got - squares).abs() <= 1e-5 * squares, "{size}: {got} {squares}");
        assert_close(&take(&gradient), &narrow(&expected), "temporal");

        // The metric's coarser versions.
        for levels in [1, 4] {
            let mut expected = x.clone();
            add_coarser(size, levels, &mut expected);
            let (mut got, mut room) = (bench.put(&x), bench.put(&[]));
            kernels.coarse_to_fine(&mut got, size, levels, &mut room).unwrap();
            for (i, (got, expected)) in take(&got).iter().zip(&expected).enumerate() {
                assert!((got - expected).abs() < 1e-4, "{size}, {levels} levels, {i}: {got} {expected}");
            }
        }

        let mut random = fastrand::Rng::with_seed(9);
        let flow = Flow::from_fn(size, |x, _| match x % 7 {
            0 => [1e9, -1e9],
            _ => [6.0 * random.f32() - 3.0, 6.0 * random.f32() - 3.0],
        });
        let expected = warp_planes(&x, &flow, Kernel::Linear);
        let [right, down, visible] = [flow.right(), flow.down(), &certainty].map(|plane| bench.put(plane));
        let field = FlowField { right, down, size };
        let mut to = bench.put(&before);
        kernels.warp(&on_x, &field, None, &mut to).unwrap();
        assert_close(&take(&to), &expected, "warp");
        kernels.warp(&on_x, &field, Some(&visible), &mut to).unwrap();
        let masked: Vec<f32> = expected.iter().zip(certainty.iter().cycle()).map(|(v, c)| v * c).collect();
        assert_close(&take(&to), &masked, "warp, masked");

        let mut grey = bench.put(&x);
        kernels.grey(&mut grey).unwrap();
        let mean: Vec<f32> = (0..3 * n).map(|i| (x[i % n] + x[i % n + n] + x[i % n + 2 * n]) / 3.0).collect();
        assert_close(&take(&grey), &mean, "grey");
    }
}

const SIZE: Size = Size::new(40, 32);

/// Three frames of a picture that moves.
fn film() -> Vec<Frame> {
    let whole = resize_frame(&picture("summertime.jpg"), Size::new(64, 48));
    let at = |x: usize, y: usize| {
        let i = 3 * (y * 64 + x);
        [whole.data()[i], whole.data()[i + 1], whole.data()[i + 2]]
    };
    (0..3).map(|frame| Frame::from_fn(SIZE, |x, y| at(x + 2 * frame, y + frame))).collect()
}

fn settings(optimizer: OptimizerKind) -> PaintSettings {
    let mut settings =
        PaintSettings { first_iterations: 3, iterations: 2, optimizer, ..PaintSettings::default() };
    settings.objective.tv_weight = 1.0;
    settings
}

fn painter(network: &Network, settings: &PaintSettings) -> Painter {
    let style = resize_frame(&picture("auvers.jpg"), Size::new(48, 40));
    Painter::new(network.clone(), settings.clone(), vec![(style, 1.0)]).unwrap()
}

#[test]
fn iterations_are_those_that_are_made_in_memory() {
    let Some(emulator) = Emulator::new() else { return };
    let half = Network::half(&weights(), Pooling::Average, emulator).unwrap();
    // So large that the style is looked at as it is.
    let size = Size::new(32, 24);
    let [frame, style] = ["poppies.jpg", "auvers.jpg"].map(|name| resize_frame(&picture(name), size));
    let settings =
        PaintSettings { first_iterations: 4, start: Start::Content, ..settings(OptimizerKind::Lbfgs) };
    let mut painter = Painter::new(half.clone(), settings.clone(), vec![(style.clone(), 1.0)]).unwrap();
    let painted = painter.paint(&frame).unwrap();

    let mut objective = Objective::new(&half, settings.objective).unwrap();
    let style = objective.describe_style(&Pixels::from_frame(&style)).unwrap();
    objective.set_style(style);
    let mut x = Pixels::from_frame(&frame);
    objective.set_content(&x).unwrap();
    let (mut lbfgs, mut gradient, mut last) = (Lbfgs::new(), Pixels::zeros(size), 0.0);
    for _ in 0..4 {
        last = objective.evaluate(&x, &mut gradient).unwrap().total;
        let metric = |vector: &mut [f32]| add_coarser(size, 4, vector);
        assert!(lbfgs.step(x.data_mut(), last, gradient.data(), metric).is_continue());
    }
    lbfgs.settle(x.data_mut());
    assert!((painted.report.last_loss.unwrap() / last - 1.0).abs() < 1e-3, "{:?} {last}", painted.report);
    let expected = x.to_frame();
    let apart = painted.frame.data().iter().zip(expected.data()).map(|(a, b)| a.abs_diff(*b));
    assert!(apart.clone().max().unwrap() <= 2, "{:?}", apart.max());
    assert!(
        expected.data().iter().zip(frame.data()).any(|(a, b)| a.abs_diff(*b) > 20),
        "nothing was painted"
    );
}

#[test]
fn films_are_painted_as_on_the_cpu_and_come_back_once_a_frame() {
    let Some(emulator) = Emulator::new() else { return };
    let half = Network::half(&weights(), Pooling::Average, emulator.clone()).unwrap();
    let cpu = network();
    let luminance = PaintSettings { keep_color: KeepColor::Luminance, ..settings(OptimizerKind::Adam) };
    for (settings, frames) in [(settings(OptimizerKind::Lbfgs), 3), (luminance, 2)] {
        let (mut there, mut here) = (painter(&half, &settings), painter(&cpu, &settings));
        // One for both: beside a GPU, motion is looked for at half the size.
        let mut scout = here.scout().unwrap();
        for (number, frame) in film().into_iter().take(frames).enumerate() {
            emulator.reads.lock().unwrap().clear();
            let scouted = scout.look(frame.clone());
            let [got, expected] = [&mut there, &mut here].map(|painter| {
                painter.paint_scouted(scouted.clone(), |_| ControlFlow::Continue(())).unwrap()
            });
            assert_eq!(got.report.iterations, expected.report.iterations);
            // Half precision turns each step a little: as good, by one judge, though not the same.
            let mut judged = |painted| here.losses(&frame, painted).unwrap().total;
            let ratio = judged(&got.frame) / judged(&expected.frame);
            assert!((ratio - 1.0).abs() < 0.02, "{:?}: {ratio}", settings.optimizer);
            let pixels = [&got.frame, &expected.frame, &frame].map(Pixels::from_frame);
            let apart = |a: &Pixels, b: &Pixels| {
                let differences = a.data().iter().zip(b.data()).map(|(a, b)| f64::from(a - b).abs());
                differences.sum::<f64>() / a.data().len() as f64
            };
            let [error, paint] = [apart(&pixels[0], &pixels[1]), apart(&pixels[1], &pixels[2])];
            assert!(error < 0.1 * paint, "{:?}: {error} of {paint}", settings.optimizer);
            // The picture, beside sums that are smaller; for the first frame the style's Gram matrices too.
            let whole = 4 * 3 * SIZE.pixels();
            let large = emulator.reads.lock().unwrap().iter().filter(|bytes| **bytes >= whole).count();
            assert!(large == 1 || number == 0, "{large} pictures came back");
        }
        let held = emulator.held.load(Ordering::Relaxed) as u64;
        assert!(held <= there.memory(SIZE).unwrap().total(), "{held}");
    }
}
