//! `stylecast bench`: what one iteration costs here: forward, gradient and optimiser step of the
//! default objective.

use super::args::BenchArgs;
use super::exit::Exit;
use super::painter::{self, Place};
use super::report::{BenchReport, Object, Reporter};
use crate::error::Result;
use crate::frame::{Frame, Size};
use crate::loss::{Objective, ObjectiveSettings, StyleTarget};
use crate::optim::Adam;
use crate::pixels::Pixels;
use crate::stylize::PaintSettings;
use crate::vgg::Network;
use std::io::Write as _;
use std::time::Instant;

/// Iterations before the measured ones: buffers are made and caches filled by then.
const WARM_UP: usize = 2;

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
            let objective = ObjectiveSettings { pooling: args.pooling, ..ObjectiveSettings::default() };
            let seconds = network.clone().install(|| measure(&network, objective, size, args.iterations))?;
            let report = BenchReport::new(size, device.to_string(), network.threads(), seconds);
            if !reporter.is_on() {
                // A closed stdout has no reader left.
                let _ = writeln!(
                    std::io::stdout(),
                    "{size} on {}, {} threads, {}: {seconds:.4} s per iteration",
                    report.device,
                    report.threads,
                    report.dtype
                );
            }
            reporter.tell(&Object::Bench(report));
        }
    }
    Ok(Exit::Done)
}

/// The median seconds of `iterations` iterations at `size`, after a warm-up.
fn measure(network: &Network, settings: ObjectiveSettings, size: Size, iterations: usize) -> Result<f64> {
    let rate = PaintSettings::default().learning_rate as f32;
    let mut objective = Objective::new(network, settings)?;
    let style = objective.describe_style(&pattern(size, 5))?;
    if let Some(style) = StyleTarget::blend(&[(style, 1.0)]) {
        objective.set_style(style);
    }
    let content = pattern(size, 3);
    objective.set_content(&content)?;
    let (mut x, mut gradient) = (content.clone(), Pixels::zeros(size));
    let mut adam = Adam::new(x.data().len());
    let mut seconds = Vec::with_capacity(iterations);
    for iteration in 0..WARM_UP + iterations {
        let begun = Instant::now();
        objective.evaluate(&x, &mut gradient)?;
        adam.step(x.data_mut(), gradient.data(), rate);
        if iteration >= WARM_UP {
            seconds.push(begun.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let (low, high) = ((seconds.len() - 1) / 2, seconds.len() / 2);
    Ok((seconds[low] + seconds[high]) / 2.0)
}

/// A picture with edges and slopes at every scale; the cost does not depend on what it shows.
fn pattern(size: Size, factor: usize) -> Pixels {
    Pixels::from_frame(&Frame::from_fn(size, |x, y| {
        [(x * factor % 256) as u8, (y * factor % 256) as u8, ((x * y / 16) % 256) as u8]
    }))
}
