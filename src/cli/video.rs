//! `stylecast video`: a film in, a painted film out.

use super::args::VideoArgs;
use super::exit::Exit;
use super::forecast::clock;
use super::masks::{self, Time, Under};
use super::media::Part;
use super::painter::{self, Place, Studio};
use super::progress::{Job, Progress};
use super::record::Record;
use super::report::{Object, Reporter, Start, Summary};
use super::schedule::Schedule;
use super::screen::Screen;
use super::styles::StyleSet;
use super::{interrupt, media, settings, styles};
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::pipeline::{Event, Masked, Outcome, StopToken, Wish, run_lossless};
use crate::sink::Ending;
use crate::source::{SourceInfo, TimedFrame};
use crate::stylize::{PaintReport, PaintSettings, Painted};
use crate::time::Timestamp;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::Path;

pub(super) fn run(args: &VideoArgs, record: &Record, screen: &Screen) -> Result<Exit> {
    // What was typed.
    let output = &args.output.output;
    settings::keep_stdout(output, args.json.json)?;
    if settings::is_stdout(output) && args.output.format.is_none() {
        return Err(Error::usage("a film written to a pipe has no name that tells its container")
            .hint("add --format, for example --format matroska"));
    }
    let paint = PaintSettings {
        steadiness: args.steadiness,
        ..settings::paint(&args.paint, args.iterations, args.first_iterations)?
    };
    let passes_through = args.iterations == 0;
    let sets = match args.paint.style.as_slice() {
        [] if passes_through => Vec::new(),
        values if args.schedule.is_some() && !values.is_empty() => styles::painters(values)?,
        values => vec![styles::one_painter(values).map_err(|error| or_schedule(error, values))?],
    };
    let names: Vec<String> = sets.iter().map(StyleSet::name).collect();
    let schedule = match args.schedule.as_deref().filter(|_| !passes_through) {
        Some(text) => Some(Schedule::read(text, &names, args.cross_fade)?),
        None => None,
    };
    let mask_files = masks::files(&args.paint.mask, &sets)?;
    let pictures = sets.iter().flat_map(StyleSet::pictures);
    let inputs = pictures.chain(mask_files.iter().copied()).chain([args.input.as_path()]);
    settings::keep_inputs(output, inputs)?;

    // What is read, who paints, and where it goes.
    let part = Part { start: args.start, duration: args.duration, size: args.paint.size };
    let mut film = media::open_film(&args.input, part)?;
    mask_files.iter().for_each(|path| film.protect(path));
    let (origin, zero) = (film.origin, film.zero);
    let looks = sets.iter().map(painter::read_styles).collect::<Result<_>>()?;
    let place = Place::new(&args.paint.device, args.paint.threads);
    let mut studio = match passes_through {
        true => None,
        false => Some(painter::studio(paint, &args.paint.model, place, looks)?),
    };
    let made = if args.output.no_metadata { None } else { record.provenance(studio.as_ref()) };
    let (source, sink) = media::open_output(&args.output, part, film, made)?;
    let info = source.info().clone();
    let time = Time::Runs { rate: info.frame_rate, start: args.start };
    let tracks = masks::open(&args.paint.mask, &sets, Under { size: info.size, time })?;
    let (source, laid) = Masked::over(source, tracks, origin);
    if let Some(studio) = &mut studio {
        studio.plan_memory(info.size, screen);
    }
    let painted = studio.as_ref().map_or(info.size, |studio| studio.painter.paint_size(info.size));

    // The run.
    let reporter = Reporter::new(args.json.json);
    let stop = StopToken::new();
    interrupt::listen(&stop, screen, "stopping: the frame in work is finished and what is painted is kept");
    reporter.tell(&Object::Start(start(args, &info, painted, studio.as_ref())));
    if let Some(studio) = &studio {
        let Studio { device, threads, .. } = studio;
        tracing::info!("painting at {painted}, writing {}, on {device} with {threads} threads", info.size);
    }
    if let Some(schedule) = &schedule {
        for note in schedule.notes(&names, end(args, &info)) {
            screen.line(&format!("stylecast: note: {note}"));
        }
    }
    let job = Job { frames: info.frames, painted, iterations: args.iterations };
    let mut progress = Progress::new(screen, &reporter, job);
    let mut see = |event: Event<'_>| progress.see(event);
    let outcome = match &mut studio {
        Some(studio) => {
            // Motion is followed on a thread of its own, a frame ahead of the painter.
            let mut scout = studio.painter.scout()?;
            let look = move |timed: TimedFrame| {
                (timed.timestamp, scout.look(timed.frame), laid.recv().unwrap_or_default())
            };
            let paint = |(timestamp, scouted, masks): (Timestamp, _, _)| {
                studio.painter.set_masks(masks);
                if let Some(schedule) = &schedule {
                    studio.painter.mix(&schedule.mix_at(timestamp.since(zero)));
                }
                studio.painter.paint_scouted(scouted, |_| match stop.wish() {
                    // A frame that nobody will see any more is not painted to its end.
                    Wish::Abandon => ControlFlow::Break(()),
                    Wish::Continue | Wish::Finish => ControlFlow::Continue(()),
                })
            };
            run_lossless(source, look, paint, sink, &mut see, &stop)
        }
        None => {
            // Nobody would take masks out of their queue.
            drop(laid);
            run_lossless(source, |timed| timed.frame, |frame| Ok(pass_through(frame)), sink, &mut see, &stop)
        }
    };
    drop(progress);

    // What came of it.
    let outcome = outcome?;
    reporter.tell(&Object::Summary(Summary::new(&outcome, output)));
    screen.line(&format!("stylecast: {}", last_words(&outcome, output)));
    Ok(match outcome.ending {
        Ending::Complete => Exit::Done,
        Ending::Interrupted => Exit::Interrupted,
    })
}

/// The error for several styles, with both ways to mean them.
fn or_schedule(error: Error, values: &[OsString]) -> Error {
    match (values, error.next_step().map(str::to_owned)) {
        ([] | [_], _) | (_, None) => error,
        (_, Some(blend)) => {
            error.hint(format!("{blend}; to paint in one after the other, add --schedule \"0:1 5:2\""))
        }
    }
}

/// When the film ends, in seconds of the film, where that is known and no part of it was asked for.
fn end(args: &VideoArgs, info: &SourceInfo) -> Option<f64> {
    let start = args.start.map_or(0.0, Timestamp::seconds);
    let seconds = info.frames.filter(|_| args.duration.is_none())? as f64 / info.frame_rate.fps();
    Some(start + seconds)
}

/// A frame as it came.
fn pass_through(frame: Frame) -> Painted {
    Painted { frame, report: PaintReport::default() }
}

fn start(args: &VideoArgs, info: &SourceInfo, painted: Size, studio: Option<&Studio>) -> Start {
    Start {
        input: args.input.clone(),
        output: args.output.output.clone(),
        width: info.size.width,
        height: info.size.height,
        paint_width: painted.width,
        paint_height: painted.height,
        frames: info.frames,
        frame_rate: Some(info.frame_rate.fps()),
        device: studio.map(|studio| studio.device.clone()),
        threads: studio.map(|studio| studio.threads),
    }
}

/// What is there now, for people.
fn last_words(outcome: &Outcome, output: &Path) -> String {
    let Some(finished) = &outcome.finished else {
        return format!("stopped; nothing was written to {}", output.display());
    };
    let path = finished.path.as_deref().unwrap_or(output);
    let name = if settings::is_stdout(path) { "the pipe".into() } else { path.display().to_string() };
    let frames = match finished.frames {
        1 => "1 frame".to_owned(),
        n => format!("{n} frames"),
    };
    match outcome.ending {
        Ending::Complete => {
            let s = outcome.statistics;
            let fps = finished.frames as f64 / s.seconds.max(1e-9);
            let fps = if fps < 10.0 { format!("{fps:.2}") } else { format!("{fps:.0}") };
            format!("{name}: {frames} in {} ({fps} fps)", clock(s.seconds))
        }
        Ending::Interrupted => format!("stopped; {name} keeps the {frames} that were painted, and plays"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Statistics;
    use crate::sink::Finished;

    #[test]
    fn the_last_words_say_what_exists() {
        let mut outcome = Outcome {
            ending: Ending::Complete,
            finished: Some(Finished { path: None, frames: 132, notes: Vec::new() }),
            statistics: Statistics { frames: 132, seconds: 660.0, ..Statistics::default() },
            notes: Vec::new(),
        };
        let out = Path::new("out.mp4");
        assert_eq!(last_words(&outcome, out), "out.mp4: 132 frames in 11:00 (0.20 fps)");
        assert!(last_words(&outcome, Path::new("-")).starts_with("the pipe: 132 frames"));
        outcome.ending = Ending::Interrupted;
        assert_eq!(
            last_words(&outcome, out),
            "stopped; out.mp4 keeps the 132 frames that were painted, and plays"
        );
        outcome.finished = None;
        assert_eq!(last_words(&outcome, out), "stopped; nothing was written to out.mp4");
    }
}
