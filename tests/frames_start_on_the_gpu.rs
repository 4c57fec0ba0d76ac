//! Promise: where a GPU computes in half precision, a frame starts there from the paint of the frame before, as it
//! would in the CPU's memory; and its iterations are asked for as one. Run on the emulator of the tests.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "common/emulator.rs"]
mod emulator;
#[path = "common/painting.rs"]
mod painting;

use emulator::{Bench, Emulator, take};
use painting::{network, picture, weights};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stylecast::flow::{Flow, warp};
use stylecast::frame::{Frame, Size};
use stylecast::kernels::cuda::{Buffer, FlowField};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_frame;
use stylecast::stylize::{OptimizerKind, PaintSettings, Painter};
use stylecast::vgg::{Layer, Network, Pooling};

impl Bench {
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.random.f32()).collect()
    }

    /// Zeros, ones, and what is between.
    fn map(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (3.0 * self.random.f32() - 1.0).clamp(0.0, 1.0)).collect()
    }
}

fn assert_close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= 5e-6, "{what}, {i}: {g} instead of {e}");
    }
}

/// Odd, thinner than what a spline's filter or a window reaches over, and a single line.
const SIZES: [Size; 5] =
    [Size::new(37, 23), Size::new(3, 40), Size::new(20, 1), Size::new(1, 1), Size::new(2, 2)];

#[test]
fn paint_is_brought_along_as_in_memory() {
    let Some(mut bench) = Bench::new(21) else { return };
    for size in SIZES {
        let n = size.pixels();
        let picture = bench.numbers(3 * n);
        let flow = Flow::from_fn(size, |x, _| match x % 7 {
            0 => [1e9, -1e9],
            1 => [1.0, -2.0],
            _ => [8.0 * bench.random.f32() - 4.0, 8.0 * bench.random.f32() - 4.0],
        });
        let expected = warp(&Pixels::new(size, picture.clone()).unwrap(), &flow);
        let [from, mut room, mut to] = [(); 3].map(|()| bench.put(&picture));
        let [right, down] = [flow.right(), flow.down()].map(|plane| bench.put(plane));
        let field = FlowField { right, down, size };
        bench.kernels.warp_spline(&from, &field, [&mut room, &mut to]).unwrap();
        assert_close(&take(&to), expected.data(), &format!("{size}"));

        let bytes = Pixels::new(size, picture).unwrap().to_frame();
        let mut packed = Buffer::<u8>::new(&bench.machine, 3 * n).unwrap();
        bench.kernels.pack(&from, &mut packed).unwrap();
        bench.kernels.unpack(&packed, &mut to).unwrap();
        assert_eq!(take(&to), Pixels::from_frame(&bytes).data());
    }
}

#[test]
fn light_and_fresh_paint_are_what_their_equations_say() {
    let Some(mut bench) = Bench::new(22) else { return };
    for size in SIZES {
        let n = size.pixels();
        let [paint, fresh, older] = [(); 3].map(|()| bench.numbers(3 * n));
        let [visible, certainty, known] = [(); 3].map(|()| bench.map(n));
        let kernels = bench.kernels.clone();
        let what = format!("{size}");

        let [mut on_paint, on_fresh, on_older] = [&paint, &fresh, &older].map(|numbers| bench.put(numbers));
        let [mut on_visible, mut on_certainty, on_known] =
            [&visible, &certainty, &known].map(|numbers| bench.put(numbers));
        let mut difference = bench.put(&older);
        kernels.seen_difference([&on_paint, &on_fresh], &on_visible, &mut difference).unwrap();
        let expected: Vec<f32> = (0..3 * n).map(|i| visible[i % n] * (paint[i] - fresh[i])).collect();
        assert_close(&take(&difference), &expected, &what);

        for radius in [0, 2, 30] {
            let mut means = bench.put(&paint);
            kernels.box_mean(&mut means, size, radius, &mut difference).unwrap();
            let window = |at: usize, n: usize| at.saturating_sub(radius)..(at + radius + 1).min(n);
            let expected = (0..3 * n).map(|i| {
                let (plane, at) = (&paint[i / n * n..][..n], i % n);
                let rows = window(at / size.width, size.height);
                let columns = window(at % size.width, size.width);
                let all = rows.flat_map(|row| columns.clone().map(move |x| plane[row * size.width + x]));
                let (count, sum) = all.fold((0.0, 0.0), |(count, sum), v| (count + 1.0, sum + f64::from(v)));
                (sum / count) as f32
            });
            assert_close(&take(&means), &expected.collect::<Vec<_>>(), &what);
        }

        let mut lit = bench.put(&paint);
        kernels.relight(&mut lit, &on_fresh, &on_known).unwrap();
        let expected = (0..3 * n).map(|i| match known[i % n] {
            0.0 => paint[i],
            share => (paint[i] + fresh[i] / share).clamp(0.0, 1.0),
        });
        assert_close(&take(&lit), &expected.collect::<Vec<_>>(), &what);

        let mut start = bench.put(&paint);
        kernels.over([&on_paint, &on_fresh, &on_older], [&on_known, &on_visible], &mut start).unwrap();
        let expected = (0..3 * n).map(|i| {
            let shift = if known[i % n] > 0.0 { older[i] / known[i % n] } else { 0.0 };
            let v = visible[i % n];
            v * paint[i] + (1.0 - v) * (fresh[i] + shift).clamp(0.0, 1.0)
        });
        assert_close(&take(&start), &expected.collect::<Vec<_>>(), &what);

        kernels.fill([&mut on_paint, &mut on_visible, &mut on_certainty], &on_older, &on_known).unwrap();
        let fills = |i: usize| visible[i] == 0.0 && known[i] > 0.0;
        let either = |a: &[f32], b: &[f32]| -> Vec<f32> {
            (0..a.len()).map(|i| if fills(i % n) { b[i] } else { a[i] }).collect()
        };
        assert_eq!(take(&on_paint), either(&paint, &older));
        assert_eq!(take(&on_visible), either(&visible, &known));
        assert_eq!(take(&on_certainty), either(&certainty, &known));
    }
}

const SIZE: Size = Size::new(40, 32);

/// A picture that moves, behind a square that does not.
fn film(frames: usize) -> Vec<Frame> {
    let whole = resize_frame(&picture("summertime.jpg"), Size::new(64, 48));
    let at = |x: usize, y: usize| {
        let i = 3 * (y * 64 + x);
        [whole.data()[i], whole.data()[i + 1], whole.data()[i + 2]]
    };
    let square = |x: usize, y: usize| (12..22).contains(&x) && (10..20).contains(&y);
    let frame = |t: usize| {
        Frame::from_fn(SIZE, |x, y| if square(x, y) { [250, 200, 20] } else { at(x + 2 * t, y + t) })
    };
    (0..frames).map(frame).collect()
}

/// Two layers at the bottom of the network, which are quick.
fn settings(iterations: usize) -> PaintSettings {
    let mut settings = PaintSettings {
        first_iterations: 4,
        iterations,
        optimizer: OptimizerKind::Adam,
        ..PaintSettings::default()
    };
    settings.objective.style_layers = vec![(Layer::CONV1_1, 1.0)];
    settings.objective.content_layers = vec![("conv1_2".parse().unwrap(), 1.0)];
    settings
}

fn painter(network: &Network, settings: &PaintSettings) -> Painter {
    let style = resize_frame(&picture("auvers.jpg"), SIZE);
    Painter::new(network.clone(), settings.clone(), vec![(style, 1.0)]).unwrap()
}

fn half(emulator: &Arc<Emulator>) -> Network {
    Network::half(&weights(), Pooling::Average, emulator.clone()).unwrap()
}

/// The frames are the starts where the optimiser hardly moves, and what is brought along is seen alone.
#[test]
fn frames_start_as_in_memory() {
    let Some(emulator) = Emulator::new() else { return };
    let settings = PaintSettings { learning_rate: 1e-6, ..settings(1) };
    let (mut there, mut here) = (painter(&half(&emulator), &settings), painter(&network(), &settings));
    let mut scout = here.scout().unwrap();
    let mut carried = 0.0;
    for (number, frame) in film(13).into_iter().enumerate() {
        let scouted = scout.look(frame.clone());
        let [got, expected] = [&mut there, &mut here].map(|painter| {
            painter.paint_scouted(scouted.clone(), |_| ControlFlow::Continue(())).unwrap().frame
        });
        let apart = got.data().iter().zip(expected.data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(apart <= 1, "frame {number}: {apart} of 255 apart");
        carried = got.data().iter().zip(frame.data()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
    }
    // Paint is not the frame: it has the tones of the style.
    assert!(carried / (3 * SIZE.pixels()) as f64 > 5.0, "{carried}");
}

#[test]
fn what_is_known_ahead_is_brought_ahead() {
    let Some(emulator) = Emulator::new() else { return };
    let network = half(&emulator);
    let [mut ahead, mut alone] = [(); 2].map(|()| painter(&network, &settings(2)));
    let mut scout = ahead.scout().unwrap();
    let scouted: Vec<_> = film(3).into_iter().map(|frame| scout.look(frame)).collect();
    for (number, (frame, scouted)) in film(3).into_iter().zip(scouted).enumerate() {
        emulator.writes.lock().unwrap().clear();
        let painted = ahead.paint_scouted(scouted, |_| ControlFlow::Continue(())).unwrap();
        let writes = emulator.writes.lock().unwrap().clone();
        assert!(painted.frame == alone.paint(&frame).unwrap().frame, "frame {number}");
        // Where something new appears, the frame in the tones of the style, which the painter alone knows; nothing
        // else of a map's size.
        let large: Vec<usize> = writes.into_iter().filter(|bytes| *bytes >= 4 * SIZE.pixels()).collect();
        assert!(large == [4 * 3 * SIZE.pixels()] || number == 0, "frame {number}: {large:?}");
    }
}

/// The first frame fits; from then on there is no room for a start, and then hardly any at all.
#[test]
fn where_memory_runs_out_films_go_on_smaller() {
    let Some(emulator) = Emulator::new() else { return };
    let settings = settings(2);
    let network_there = half(&emulator);
    let weights = emulator.held.load(Ordering::Relaxed);
    let (mut there, mut here) = (painter(&network_there, &settings), painter(&network(), &settings));
    let mut scout = here.scout().unwrap();
    for (number, frame) in film(5).into_iter().enumerate() {
        let scouted = scout.look(frame);
        let [got, expected] = [&mut there, &mut here]
            .map(|painter| painter.paint_scouted(scouted.clone(), |_| ControlFlow::Continue(())).unwrap());
        // A start, and the whole size.
        let least = [0, 1, 1, 2, 0][number];
        assert!(emulator.refused.swap(0, Ordering::Relaxed) >= least, "frame {number} had room");
        let held = emulator.held.load(Ordering::Relaxed);
        match number {
            0 => emulator.limit.store(held + 4 * 6 * SIZE.pixels(), Ordering::Relaxed),
            2 => emulator.limit.store(weights + (held - weights) / 4 * 3, Ordering::Relaxed),
            _ => {}
        }
        let differences = got.frame.data().iter().zip(expected.frame.data()).map(|(a, b)| a.abs_diff(*b));
        let mean = differences.map(f64::from).sum::<f64>() / (3 * SIZE.pixels()) as f64;
        // Of 255: the optimiser has forgotten, and what is painted smaller is softer. From black it would be a hundred.
        assert!(mean < 30.0, "frame {number}: {mean}");
    }
}

#[test]
fn iterations_are_asked_for_as_one_and_paint_the_same() {
    let Some(emulator) = Emulator::new() else { return };
    let Some(plain) = Emulator::new() else { return };
    let plain = Arc::new(Emulator { composes: false, ..(*plain).clone() });
    let (frames, each) = (6, 3);
    let mut painters = [&emulator, &plain].map(|machine| painter(&half(machine), &settings(each)));
    for frame in film(frames) {
        let [as_one, alone] = painters.each_mut().map(|painter| painter.paint(&frame).unwrap().frame);
        assert!(as_one == alone);
    }
    // Two have to be seen before: of the first frame's, which is held to nothing, and of all others'.
    let expected = (4 - 2) + ((frames - 1) * each - 2);
    assert_eq!(emulator.as_one.load(Ordering::Relaxed), expected);
    assert_eq!(plain.as_one.load(Ordering::Relaxed), 0);
}
