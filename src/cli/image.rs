//! `stylecast image`: one picture, or one frame of a film to choose settings by.

use super::args::ImageArgs;
use super::exit::Exit;
use super::forecast::clock;
use super::masks::{self, Time, Under};
use super::media::Part;
use super::painter::{self, Place};
use super::record::Record;
use super::report::{self, FrameDone, Object, Reporter, Start, Summary};
use super::screen::Screen;
use super::styles::StyleSet;
use super::{interrupt, media, settings, styles};
use crate::error::{Error, Result};
use crate::pipeline::{StopToken, Wish};
use crate::resize::resize_frame;
use crate::sink::Ending;
use crate::stylize::{Masks, Painted, Step};
use crate::time::Timestamp;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

pub(super) fn run(args: &ImageArgs, record: &Record, screen: &Screen) -> Result<Exit> {
    let begun = Instant::now();
    if settings::is_stdout(&args.output) {
        return Err(Error::usage("a picture cannot be written to a pipe")
            .hint("name a file, for example -o painted.png"));
    }
    let passes_through = args.iterations == 0;
    let paint = settings::paint(&args.paint, args.iterations, args.iterations)?;
    let set = match args.paint.style.as_slice() {
        [] if passes_through => StyleSet::default(),
        values => styles::one_painter(values)?,
    };
    let sets = std::slice::from_ref(&set);
    let mask_files = masks::files(&args.paint.mask, sets)?;
    let read_too = set.pictures().chain(mask_files.iter().copied());
    let inputs: Vec<&Path> = read_too.chain([args.input.as_path()]).collect();
    settings::keep_inputs(&args.output, inputs.iter().copied())?;
    media::check_picture_output(&args.output, args.overwrite, &inputs)?;

    let (frame, mut notes) = media::read_still(&args.input, args.at)?;
    let size = settings::written(frame.size(), args.paint.size);
    let frame = if size == frame.size() { frame } else { resize_frame(&frame, size) };
    let laid = if mask_files.is_empty() {
        Masks::default()
    } else {
        let mut tracks = masks::open(&args.paint.mask, sets, Under { size, time: time(args)? })?;
        let laid = tracks.at(args.at.map_or(0.0, Timestamp::seconds))?;
        notes.extend(tracks.take_notes());
        laid
    };
    for note in &notes {
        screen.line(&format!("stylecast: note: {note}"));
    }
    let look = painter::read_styles(&set)?;
    let decode_seconds = begun.elapsed().as_secs_f64();

    let place = Place::new(&args.paint.device, args.paint.threads);
    let mut studio = match passes_through {
        true => None,
        false => Some(painter::studio(paint, &args.paint.model, place, vec![look])?),
    };
    if let Some(studio) = &mut studio {
        studio.painter.set_masks(laid);
        studio.plan_memory(size, screen);
    }
    let painted = studio.as_ref().map_or(size, |studio| studio.painter.paint_size(size));
    let reporter = Reporter::new(args.json.json);
    let stop = StopToken::new();
    interrupt::listen(&stop, screen, "stopping: the picture is written as it is");
    reporter.tell(&Object::Start(Start {
        input: args.input.clone(),
        output: args.output.clone(),
        width: size.width,
        height: size.height,
        paint_width: painted.width,
        paint_height: painted.height,
        frames: Some(1),
        frame_rate: None,
        device: studio.as_ref().map(|studio| studio.device.clone()),
        threads: studio.as_ref().map(|studio| studio.threads),
    }));

    let Painted { frame, report } = match &mut studio {
        None => Painted { frame, report: Default::default() },
        Some(studio) => {
            let bar = screen.draws().then(|| screen.bar(None));
            let painted = studio.painter.paint_still(&frame, |step| {
                if let Some(bar) = &bar {
                    bar.set_message(status(&step, begun));
                }
                match stop.wish() {
                    Wish::Continue => ControlFlow::Continue(()),
                    Wish::Finish | Wish::Abandon => ControlFlow::Break(()),
                }
            });
            bar.inspect(|bar| bar.finish_and_clear());
            painted?
        }
    };
    if stop.wish() == Wish::Abandon {
        return Ok(Exit::Interrupted);
    }
    reporter.tell(&Object::Frame(FrameDone {
        index: 0,
        time: args.at.map_or(0.0, |at| at.seconds()),
        iterations: report.iterations,
        first_loss: report.first_loss,
        last_loss: report.last_loss,
        cut: report.cut,
        seconds: report.seconds,
    }));

    let encoding = Instant::now();
    let made = if args.no_metadata { None } else { record.provenance(studio.as_ref()) };
    media::write_picture_made(&args.output, &frame, args.overwrite, &inputs, made.as_ref())?;
    let stopped = stop.wish() != Wish::Continue;
    let ending = if stopped { Ending::Interrupted } else { Ending::Complete };
    reporter.tell(&Object::Summary(Summary {
        ending: report::ending(ending),
        frames: 1,
        seconds: begun.elapsed().as_secs_f64(),
        decode_seconds,
        look_seconds: 0.0,
        paint_seconds: report.seconds,
        encode_seconds: encoding.elapsed().as_secs_f64(),
        iterations: report.iterations as u64,
        first_loss: report.first_loss,
        last_loss: report.last_loss,
        output: Some(args.output.clone()),
        notes,
    }));
    let taken = clock(begun.elapsed().as_secs_f64());
    let name = args.output.display();
    screen.line(&match ending {
        Ending::Complete => format!("stylecast: {name}: {size} in {taken}"),
        Ending::Interrupted => format!("stylecast: stopped; {name} is what was painted in {taken}"),
    });
    Ok(if stopped { Exit::Interrupted } else { Exit::Done })
}

/// Whether masks can move: over a frame of a film they are looked at when it is shown.
fn time(args: &ImageArgs) -> Result<Time> {
    if args.at.is_none() {
        return Ok(Time::Stands { hint: "name one of its pictures, or paint a frame of a film (--at)" });
    }
    let film = media::open_film(&args.input, Part::default())?;
    Ok(Time::Runs { rate: film.source.info().frame_rate, start: args.at })
}

fn status(step: &Step, begun: Instant) -> String {
    let done = step.iteration as f64 / step.of.max(1) as f64;
    let taken = begun.elapsed().as_secs_f64();
    format!(
        "iteration {}/{} at {}, {:.0} %, {}, loss {:.4}",
        step.iteration,
        step.of,
        step.size,
        100.0 * done,
        clock(taken),
        step.losses.total
    )
}
