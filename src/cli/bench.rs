//! `stylecast bench`: what one iteration costs here: forward, gradient and optimiser step of the
//! default objective. With `--check`, whether the device computes the right thing.

use super::args::BenchArgs;
use super::exit::Exit;
use super::painter::{self, Place};
use super::report::{Object, Reporter};
use crate::bench::agreement::{Agreement, Check, compare};
use crate::bench::{Measurement, measure};
use crate::device::{Device, DeviceChoice};
use crate::error::Result;
use crate::loss::ObjectiveSettings;
use crate::vgg::{CpuSettings, Network, Pooling, Weights};
use std::io::Write as _;

/// Iterations measured unless told otherwise.
pub(super) const ITERATIONS: usize = 7;

/// Iterations of a check unless told otherwise.
pub(super) const CHECK_ITERATIONS: usize = 100;

pub(super) fn run(args: &BenchArgs) -> Result<Exit> {
    let weights = painter::weights(&args.model)?;
    let reporter = Reporter::new(args.json.json);
    if args.check {
        return check(args, &weights, &reporter);
    }
    let threads: Vec<Option<usize>> = match args.threads.as_slice() {
        [] => vec![None],
        threads => threads.iter().copied().map(Some).collect(),
    };
    for threads in threads {
        let place = place(args, threads);
        let (network, device) = painter::network(&weights, args.pooling, place)?;
        let [device, dtype] = names(&device, args);
        for &size in &args.size {
            let iterations = args.iterations.unwrap_or(ITERATIONS);
            let measurement = measure(&network, [&device, &dtype], size, iterations)?;
            if !reporter.is_on() {
                // A closed stdout has no reader left.
                let _ = write!(std::io::stdout(), "{}", told(&measurement));
            }
            reporter.tell(&Object::Bench(measurement));
        }
    }
    Ok(Exit::Done)
}

fn place(args: &BenchArgs, threads: Option<usize>) -> Place {
    Place { convolutions: args.convolutions.0, ..Place::new(&args.device, threads) }
}

/// What the device and its arithmetic are called: only a GPU has a choice of the latter.
fn names(device: &Device, args: &BenchArgs) -> [String; 2] {
    let name = device.to_string();
    let dtype = if name == "cuda" { args.device.precision.to_string() } else { "f32".to_owned() };
    [name, dtype]
}

/// Compares the device with the CPU's engine, in both ways to shrink pictures. Where there is no GPU, the plain
/// reference on the CPU takes its place.
fn check(args: &BenchArgs, weights: &Weights, reporter: &Reporter) -> Result<Exit> {
    let threads = args.threads.first().copied();
    let mut passed = true;
    for pooling in [Pooling::Average, Pooling::Max] {
        let (network, device) = painter::network(weights, pooling, place(args, threads))?;
        let on_cpu = Place { device: DeviceChoice::Cpu, ..Place::new(&args.device, threads) };
        let (subject, device, cpu) = match device {
            Device::Cpu => {
                let reference = Device::reference();
                let subject = Network::new(weights, pooling, &reference, CpuSettings::default())?;
                (subject, reference, network)
            }
            device => (network, device, painter::network(weights, pooling, on_cpu)?.0),
        };
        let settings = ObjectiveSettings { pooling, ..ObjectiveSettings::default() };
        for &size in &args.size {
            let iterations = args.iterations.unwrap_or(CHECK_ITERATIONS);
            let check = Check { size, seed: args.seed.unwrap_or_else(|| fastrand::u64(..)), iterations };
            let agreement = compare(&cpu, &subject, names(&device, args), &settings, check)?;
            passed &= agreement.passed;
            if !reporter.is_on() {
                let _ = write!(std::io::stdout(), "{}", agreement_told(&agreement));
            }
            reporter.tell(&Object::Agreement(agreement));
        }
    }
    Ok(if passed { Exit::Done } else { Exit::Model })
}

/// In which way it convolves, where there are several.
fn by(way: Option<&str>) -> String {
    way.map_or(String::new(), |way| format!(" by {way}"))
}

/// One comparison for people.
fn agreement_told(a: &Agreement) -> String {
    let verdict = if a.passed { "agrees with" } else { "DIFFERS FROM" };
    let mut text = format!(
        "{}x{}, {} pooling: {} {}{} {verdict} the CPU's engine (--seed {})\n",
        a.width,
        a.height,
        a.pooling,
        a.device,
        a.precision,
        by(a.convolutions.as_deref()),
        a.seed
    );
    text += &format!("  gradient: cosine {:.6}, relative error {:.1e}\n", a.cosine, a.relative_error);
    if let Some(worst) = a.layers.iter().min_by(|a, b| a.cosine.total_cmp(&b.cosine)) {
        text += &format!("  of single layers, worst: {} with cosine {:.6}\n", worst.layer, worst.cosine);
    }
    for o in &a.objectives {
        text += &format!(
            "  objective after {} iterations: {:.5} and {:.5}, {:.2} % apart\n",
            o.iterations,
            o.cpu,
            o.device,
            100.0 * o.difference()
        );
    }
    if let Some(apart) = a.steps_apart {
        text += &format!("  L-BFGS there and here: pixels at most {:.1} of 255 steps apart\n", 255.0 * apart);
    }
    text
}

/// One measurement for people.
fn told(m: &Measurement) -> String {
    let level = m.level.as_deref().map_or(String::new(), |level| format!(" ({level})"));
    let mut text = format!(
        "{}x{} on {}{level}, {} threads, {}{}: {:.4} s per iteration (fastest {:.4}), as {:.0} GFLOP/s done directly\n",
        m.width,
        m.height,
        m.device,
        m.threads,
        m.dtype,
        by(m.convolutions.as_deref()),
        m.seconds_per_iteration,
        m.fastest_seconds,
        m.direct_flops / 1e9
    );
    if let Some(peak) = m.peak_flops {
        text += &format!("  peak of the arithmetic {:.0} GFLOP/s\n", peak / 1e9);
    }
    if let Some(bytes) = m.bytes {
        text += &format!("  memory {:.0} MB\n", bytes as f64 / 1e6);
    }
    for stage in &m.stages {
        text += &format!("  {:<24} {:>9.5} s {:>5.1} %\n", stage.stage, stage.seconds, 100.0 * stage.share);
    }
    text
}
