//! `stylecast bench`: what one iteration costs here: forward, gradient and optimiser step of the
//! default objective.

use super::args::BenchArgs;
use super::exit::Exit;
use super::painter::{self, Place};
use super::report::{Object, Reporter};
use crate::bench::{Measurement, measure};
use crate::error::Result;
use std::io::Write as _;

pub(super) fn run(args: &BenchArgs) -> Result<Exit> {
    let weights = painter::weights(&args.model)?;
    let reporter = Reporter::new(args.json.json);
    let threads: Vec<Option<usize>> = match args.threads.as_slice() {
        [] => vec![None],
        threads => threads.iter().copied().map(Some).collect(),
    };
    for threads in threads {
        let place = Place { device: args.device.device, threads };
        let (network, device) = painter::network(&weights, args.pooling, place)?;
        for &size in &args.size {
            let measurement = measure(&network, &device.to_string(), size, args.iterations)?;
            if !reporter.is_on() {
                // A closed stdout has no reader left.
                let _ = write!(std::io::stdout(), "{}", told(&measurement));
            }
            reporter.tell(&Object::Bench(measurement));
        }
    }
    Ok(Exit::Done)
}

/// One measurement for people.
fn told(m: &Measurement) -> String {
    let level = m.level.as_deref().map_or(String::new(), |level| format!(" ({level})"));
    let mut text = format!(
        "{}x{} on {}{level}, {} threads, {}: {:.4} s per iteration (fastest {:.4}), as {:.0} GFLOP/s done directly\n",
        m.width,
        m.height,
        m.device,
        m.threads,
        m.dtype,
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
