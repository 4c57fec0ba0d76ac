//! Promise: in whichever way the half-precision engine convolves, it computes what the definition says, and which way
//! that is follows from the machine and from what was asked for, never from a clock.
//!
//! cuDNN itself is nowhere in here: plain loops stand in for it, and what is tested is all around it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "common/emulator.rs"]
mod emulator;
#[path = "common/numbers.rs"]
mod numbers;
#[path = "common/painting.rs"]
mod painting;

use emulator::{Bench, Emulator, LIBRARY, WAYS};
use half::f16;
use numbers::{ROUNDED, apart, assert_agrees, convolved, read};
use painting::{network, picture, weights};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stylecast::frame::Size;
use stylecast::kernels::cpu::pool::Pooling;
use stylecast::kernels::cuda::{Bias, Convolutions, Features, Finish, Kernels, Machine, Queue, Weights};
use stylecast::loss::{Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_linear;
use stylecast::vgg::{Layer, Network};

/// An emulator that convolves in these ways.
fn emulator(ways: &'static [Convolutions]) -> Option<Emulator> {
    Some(Emulator { ways, ..(*Emulator::new()?).clone() })
}

/// On a machine that one block fills, so that every tile is taken as soon as it has work.
fn bench(emulator: &Emulator, way: Convolutions, seed: u64) -> Bench {
    let machine: Arc<dyn Machine> = Arc::new(emulator.clone());
    let kernels = Kernels::new(machine.clone()).with_full(1).with_convolutions(way).unwrap();
    Bench { machine, kernels, random: fastrand::Rng::with_seed(seed) }
}

fn halves(numbers: &[f64]) -> Vec<f16> {
    numbers.iter().map(|x| f16::from_f64(*x)).collect()
}

#[test]
fn every_way_computes_what_the_definition_says() {
    let Some(emulator) = emulator(&WAYS) else { return };
    for way in WAYS {
        emulator.ran.lock().unwrap().clear();
        agrees(bench(&emulator, way, 1), way);
        let ran = emulator.ran.lock().unwrap();
        let expected: &[&str] = match way {
            Convolutions::Mma => &["stylecast_conv_64", "stylecast_conv_128"],
            Convolutions::Wgmma => &["stylecast_wgmma_64", "stylecast_wgmma_128", "stylecast_wgmma_256"],
            Convolutions::Cudnn => &[LIBRARY, "stylecast_finish"],
        };
        assert!(expected.iter().all(|kernel| ran.contains(kernel)), "{way}: {ran:?}");
        assert!(ran.iter().all(|kernel| expected.contains(kernel)), "{way}: {ran:?}");
    }
}

fn agrees(mut bench: Bench, way: Convolutions) {
    for (inputs, outputs, width, height) in
        [(64, 64, 1, 1), (64, 128, 5, 3), (128, 64, 17, 11), (64, 256, 43, 3), (192, 64, 2, 9)]
    {
        let size = Size::new(width, height);
        let what = format!("{way}, {inputs} to {outputs} channels of {size}");
        let kernel = bench.numbers(9 * inputs * outputs);
        let at = |tap: usize, o: usize, i: usize| f64::from(kernel[(o * inputs + i) * 9 + tap]);
        let forward = bench.kernels.convolution(&kernel, outputs, inputs).unwrap();
        let backward = bench.kernels.adjoint(&kernel, outputs, inputs).unwrap();
        let (x, wide_x) = bench.features(inputs, size);
        let (bias, rows) = (bench.numbers(outputs), bench.numbers(size.pixels()));
        let (on_bias, on_rows) = (Bias::new(&bench.machine, &bias).unwrap(), bench.put(&rows));
        let plain = convolved(&wide_x, size, (outputs, inputs), at);
        let (mut y, was) = bench.features(outputs, size);
        let of = |i: usize| (i / outputs, f64::from(bias[i % outputs]));

        // As forward, as plain as can be, and with a part of what there is.
        let expected: Vec<f64> = (0..plain.len()).map(|i| (plain[i] + of(i).1).max(0.0)).collect();
        let finish = Finish { bias: Some(&on_bias), relu: true, ..Finish::default() };
        bench.kernels.convolve(&x, &forward, finish, &mut y).unwrap();
        assert!(apart(&read(&y), &expected) < ROUNDED, "{what}: {:e}", apart(&read(&y), &expected));
        bench.kernels.convolve(&x, &forward, Finish::default(), &mut y).unwrap();
        assert!(apart(&read(&y), &plain) < ROUNDED, "{what}, plain");
        let expected: Vec<f64> =
            (0..plain.len()).map(|i| (0.5 * plain[i] + of(i).1) * f64::from(rows[of(i).0])).collect();
        let finish = Finish { scale: 0.5, bias: Some(&on_bias), rows: Some(&on_rows), ..Finish::default() };
        bench.kernels.convolve(&x, &forward, finish, &mut y).unwrap();
        assert!(apart(&read(&y), &expected) < 2.0 * ROUNDED, "{what}, in rows");

        // Everything at once, in place.
        let aside = Features::new(&bench.machine, outputs.max(inputs), size).unwrap();
        let (tap, wide_tap) = bench.features(outputs, size);
        y.write(&halves(&was)).unwrap();
        let finish = Finish {
            scale: 0.25,
            bias: Some(&on_bias),
            rows: Some(&on_rows),
            tap: Some(&tap),
            masked: true,
            relu: true,
            aside: Some(&aside),
            ..Finish::default()
        };
        bench.kernels.convolve(&x, &forward, finish, &mut y).unwrap();
        let expected: Vec<f64> = (0..plain.len())
            .map(|i| {
                let (p, bias) = of(i);
                let v = (0.25 * plain[i] + bias) * f64::from(rows[p]) + wide_tap[i];
                if was[i] > 0.0 { v.max(0.0) } else { 0.0 }
            })
            .collect();
        assert!(apart(&read(&y), &expected) < 2.0 * ROUNDED, "{what}, finished");

        // Back: as from one layer to the one before, and onto what is there.
        let (z, wide_z) = bench.features(outputs, size);
        let turned = convolved(&wide_z, size, (inputs, outputs), |tap, i, o| at(8 - tap, o, i));
        let (tap, wide_tap) = bench.features(inputs, size);
        let (mut place, before) = bench.features(inputs, size);
        let finish = Finish { tap: Some(&tap), masked: true, aside: Some(&aside), ..Finish::default() };
        bench.kernels.convolve(&z, &backward, finish, &mut place).unwrap();
        let expected: Vec<f64> =
            (0..turned.len()).map(|i| if before[i] > 0.0 { turned[i] + wide_tap[i] } else { 0.0 }).collect();
        assert!(apart(&read(&place), &expected) < 2.0 * ROUNDED, "{what}, back");
        place.write(&halves(&before)).unwrap();
        let finish = Finish { onto: true, aside: Some(&aside), ..Finish::default() };
        bench.kernels.convolve(&z, &backward, finish, &mut place).unwrap();
        let expected: Vec<f64> = turned.iter().zip(before).map(|(a, b)| a + b).collect();
        assert!(apart(&read(&place), &expected) < 2.0 * ROUNDED, "{what}, onto");
    }
}

#[test]
fn a_library_does_as_much_as_it_can_and_finds_room() {
    let Some(emulator) = emulator(&WAYS) else { return };
    let mut bench = bench(&emulator, Convolutions::Cudnn, 2);
    let size = Size::new(5, 4);
    let weights = bench.kernels.convolution(&vec![0.5; 9 * 64 * 64], 64, 64).unwrap();
    let bias = Bias::new(&bench.machine, &[0.5; 64]).unwrap();
    let ((x, _), (mut y, _), (small, _)) =
        (bench.features(64, size), bench.features(64, size), bench.features(64, Size::new(4, 4)));
    let ran = |finish: Finish<'_>, y: &mut Features| {
        emulator.ran.lock().unwrap().clear();
        bench.kernels.convolve(&x, &weights, finish, y).unwrap();
        emulator.ran.lock().unwrap().clone()
    };
    assert_eq!(ran(Finish { scale: 2.0, ..Finish::default() }, &mut y), [LIBRARY]);
    assert_eq!(ran(Finish { bias: Some(&bias), relu: true, ..Finish::default() }, &mut y), [LIBRARY]);
    let both = [LIBRARY, "stylecast_finish"];
    assert_eq!(ran(Finish { bias: Some(&bias), ..Finish::default() }, &mut y), both);
    assert_eq!(ran(Finish { relu: true, ..Finish::default() }, &mut y), both);
    for aside in [None, Some(&small)] {
        let finish = Finish { masked: true, aside, ..Finish::default() };
        let error = bench.kernels.convolve(&x, &weights, finish, &mut y).unwrap_err();
        assert!(error.to_string().contains("room"), "{error}");
    }
    // Weights for the library are of no use to a machine without one, and one tap is left to our kernels.
    let alone = Kernels::new(Emulator::new().unwrap());
    assert!(alone.machine().convolves_by(Convolutions::Cudnn).is_err());
    emulator.ran.lock().unwrap().clear();
    let coefficients = Weights::coefficients(&bench.machine, 64).unwrap();
    bench.kernels.convolve(&x, &coefficients, Finish::default(), &mut y).unwrap();
    assert_eq!(*emulator.ran.lock().unwrap(), ["stylecast_conv_64"]);
}

/// What a library does stands in its place among calls that are made as one.
#[test]
fn a_librarys_convolutions_are_repeated_in_their_order() {
    let Some(emulator) = emulator(&WAYS) else { return };
    let queue: Arc<dyn Machine> = Arc::new(Queue::new(Arc::new(emulator.clone())));
    let kernels = Kernels::new(queue.clone()).with_convolutions(Convolutions::Cudnn).unwrap();
    let mut bench = Bench { machine: queue, kernels, random: fastrand::Rng::with_seed(3) };
    let size = Size::new(5, 4);
    let kernel = bench.numbers(9 * 64 * 64);
    let [forward, backward] = [
        bench.kernels.convolution(&kernel, 64, 64).unwrap(),
        bench.kernels.adjoint(&kernel, 64, 64).unwrap(),
    ];
    let ((x, _), (mut y, was), (mut z, before)) =
        (bench.features(64, size), bench.features(64, size), bench.features(64, size));
    let aside = Features::new(&bench.machine, 64, size).unwrap();
    let finish = Finish { scale: 0.125, masked: true, aside: Some(&aside), ..Finish::default() };
    let mut results = Vec::new();
    for _ in 0..4 {
        y.write(&halves(&was)).unwrap();
        z.write(&halves(&before)).unwrap();
        bench.machine.repeats().unwrap();
        bench.kernels.convolve(&x, &forward, finish, &mut y).unwrap();
        bench.kernels.convolve(&y, &backward, finish, &mut z).unwrap();
        results.push((read(&y), read(&z)));
    }
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!(emulator.as_one.load(Ordering::Relaxed), 2);
    let both = [LIBRARY, "stylecast_finish", LIBRARY, "stylecast_finish"];
    assert_eq!(*emulator.ran.lock().unwrap(), both.repeat(4));
}

#[test]
fn the_way_follows_from_the_machine_and_from_what_is_asked_for() {
    const OURS: [Convolutions; 2] = [Convolutions::Mma, Convolutions::Wgmma];
    let Some(plain) = emulator(&[Convolutions::Mma]) else { return };
    let tried = |emulator: &Emulator, asked| {
        Kernels::tried(Arc::new(emulator.clone()), asked).map(|kernels| kernels.convolutions())
    };
    assert_eq!(tried(&plain, None).unwrap(), Convolutions::Mma);
    for way in [Convolutions::Wgmma, Convolutions::Cudnn] {
        let error = tried(&plain, Some(way)).unwrap_err();
        let told = format!("convolutions cannot be left to {way}: an emulator that was told not to");
        assert_eq!((error.to_string(), error.kind().exit_code()), (told, 5));
    }
    // cuDNN is taken only by those who ask for it.
    let able = emulator(&WAYS).unwrap();
    assert_eq!(tried(&able, None).unwrap(), Convolutions::Wgmma);
    for way in WAYS {
        assert_eq!(tried(&able, Some(way)).unwrap(), way);
    }
    // What fails its trial is done without, unless it was asked for.
    for kernel in ["stylecast_wgmma_64", "stylecast_wgmma_256"] {
        let broken = Emulator { left_out: Some(kernel), ..emulator(&OURS).unwrap() };
        assert_eq!(tried(&broken, None).unwrap(), Convolutions::Mma);
        let error = tried(&broken, Some(Convolutions::Wgmma)).unwrap_err();
        assert!(error.to_string().contains("by wgmma, the GPU computes something else"), "{error}");
    }
    let broken = Emulator { left_out: Some("stylecast_finish"), ..able };
    assert!(tried(&broken, Some(Convolutions::Cudnn)).is_err());
}

/// The losses' total and the gradient of a painted picture.
fn evaluated(network: &Network, [x, source, style]: &[Pixels; 3]) -> (f64, Pixels) {
    let mut objective = Objective::new(network, ObjectiveSettings::default()).unwrap();
    let style = objective.describe_style(style).unwrap();
    objective.set_style(style);
    objective.set_content(source).unwrap();
    let mut gradient = Pixels::zeros(x.size());
    (objective.evaluate(x, &mut gradient).unwrap().total, gradient)
}

#[test]
fn losses_and_gradients_agree_with_the_cpus_engine() {
    let Some(emulator) = emulator(&WAYS) else { return };
    let size = Size::new(33, 35);
    let pictures = ["poppies.jpg", "summertime.jpg", "auvers.jpg"]
        .map(|name| resize_linear(&Pixels::from_frame(&picture(name)), size));
    let (expected, by_cpu) = evaluated(&network(), &pictures);
    for way in [Convolutions::Wgmma, Convolutions::Cudnn] {
        let machine = Arc::new(Emulator { held: Arc::default(), ..emulator.clone() });
        let half = Network::half_by(&weights(), Pooling::Average, machine.clone(), Some(way)).unwrap();
        assert_eq!(half.convolutions(), Some(way));
        let (total, gradient) = evaluated(&half, &pictures);
        assert_agrees(&way.to_string(), (total, &gradient), (expected, &by_cpu));

        // What it held at once is what was planned.
        let mut objective = Objective::new(&half, ObjectiveSettings::default()).unwrap();
        objective.set_content(&pictures[1]).unwrap();
        let plan = half.memory(Layer::CONV5_1, &[Layer::CONV4_2], size).unwrap();
        let held = machine.held.load(Ordering::Relaxed) as u64;
        assert!(held <= plan.total(), "{way}: {held} {plan:?}");
    }
}
