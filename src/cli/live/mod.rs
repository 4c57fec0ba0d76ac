//! `stylecast live`: what a camera sees, painted as it happens.
//!
//! Three threads and the outlets: the source's, the painter's (`artist`), and the main one, to which the
//! window belongs (`view`). What the keys choose stands on the `desk`, which the painter reads before each
//! frame.

#![cfg_attr(
    not(feature = "window"),
    allow(dead_code, reason = "without a window there are no keys to press")
)]

mod artist;
mod compose;
mod desk;
#[cfg(feature = "video")]
mod encoded;
#[cfg(not(feature = "video"))]
#[path = "no_encoded.rs"]
mod encoded;
#[cfg(feature = "window")]
mod keys;
mod outlets;
#[cfg(feature = "window")]
mod pane;
#[cfg(not(feature = "window"))]
#[path = "no_pane.rs"]
mod pane;
mod source;
mod statistics;
mod view;
#[cfg(all(feature = "webcam", target_os = "linux"))]
mod virtual_camera;
#[cfg(not(all(feature = "webcam", target_os = "linux")))]
#[path = "no_virtual_camera.rs"]
mod virtual_camera;

pub(in crate::cli) use statistics::LiveReport;

use super::args::{LiveArgs, LiveOutputArgs};
use super::exit::{self, Exit};
use super::masks::{self, Time, Under};
use super::painter::{self, Place};
use super::report::{Object, Reporter, Start};
use super::screen::Screen;
use super::styles::{self, StyleSet};
use super::{interrupt, settings};
use crate::error::{Error, Result};
use crate::pipeline::{StopToken, run_latest};
use crate::sink::Ending;
use crate::stylize::{LivePainter, PaintSettings};
use crate::time::FrameRate;
use artist::Artist;
use desk::Desk;
use outlets::Outlets;
use pane::Pane;
use statistics::{Instruments, Statistics};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use view::View;

/// As many iterations as there is time for.
const ENDLESS: usize = 1000;

pub(super) fn run(args: &LiveArgs, screen: &Screen) -> Result<Exit> {
    let began = Instant::now();
    // What was typed.
    let passes_through = args.iterations == Some(0);
    let most = args.iterations.unwrap_or(ENDLESS);
    let paint = PaintSettings { steadiness: args.steadiness, ..settings::paint(&args.paint, most, most)? };
    let sets = styles::painters(&args.paint.style)?;
    if sets.is_empty() && !passes_through {
        return Err(Error::usage("no style is given")
            .hint("add --style PICTURE, several times for several painters (keys 1 to 9)"));
    }

    // What is looked at, and where it goes.
    let LiveOutputArgs { no_window, record, folder, duration, .. } = &args.output;
    let (source, input) = source::open(args)?;
    let info = source.info().clone();
    let rate = args.fps.unwrap_or_else(|| info.frame_rate.fps());
    let frame_rate = FrameRate::new((rate * 1000.0).round() as i32, 1000);
    let time = Time::Stands { hint: "name one of its pictures: what is live has no time to match it by" };
    let mut tracks = masks::open(&args.paint.mask, &sets, Under { size: info.size, time })?;
    let laid = tracks.at(0.0)?;
    for note in tracks.take_notes() {
        screen.line(&format!("stylecast: note: {note}"));
    }
    let pane = match no_window {
        true => None,
        false => Some(Pane::open(info.size, record.as_deref(), folder)?),
    };
    // From here on there may be a recording, which is to be completed.
    let stop = StopToken::new();
    interrupt::listen(&stop, screen, "stopping: recordings are completed");
    let outlets = Arc::new(Outlets::open(&args.output, info.size, frame_rate, began)?);
    if let Some(pane) = &pane {
        pane.when_lost(farewell(&outlets, &stop, screen));
    }

    // Who paints.
    let period = args.latency.map_or(1.0 / rate, |ms| (ms / 1e3).min(1.0 / rate));
    let place = Place::new(&args.paint.device, args.paint.threads);
    let chosen = paint.clone();
    let mut studio = None;
    if !passes_through {
        let looks = sets.iter().map(painter::read_styles).collect::<Result<_>>()?;
        let mut opened = painter::studio(paint, &args.paint.model, place, looks)?;
        opened.painter.set_masks(laid);
        opened.plan_memory(info.size, screen);
        studio = Some(opened);
    }
    let (device, threads) =
        studio.as_ref().map_or((None, None), |studio| (Some(studio.device.clone()), Some(studio.threads)));
    let live = studio.map(|studio| LivePainter::new(studio.painter, period, info.size)).transpose()?;

    // The run.
    let reporter = Reporter::new(args.json.json);
    let painted = live.as_ref().map_or(info.size, LivePainter::paint_size);
    reporter.tell(&Object::Start(Start {
        input: input.clone().into(),
        output: args.output.record.clone().unwrap_or_default(),
        width: info.size.width,
        height: info.size.height,
        paint_width: painted.width,
        paint_height: painted.height,
        frames: None,
        frame_rate: Some(rate),
        device,
        threads,
    }));
    // Longer than the clock can tell is for ever.
    let fade = Duration::try_from_secs_f64(args.cross_fade).unwrap_or(Duration::MAX);
    let mut desk = Desk::new(sets.len(), &chosen, args.paint.objective.style_weight, fade);
    desk.mirrored = args.input.is_none() && !args.no_mirror;
    let wishes = Arc::new(Mutex::new(desk.wishes(Instant::now())));
    let mut artist = Artist::new(live, wishes.clone(), outlets.clone(), stop.clone(), began);
    let mut view = View {
        desk,
        wishes,
        names: sets.iter().map(StyleSet::name).collect(),
        pane,
        outlets,
        statistics: Statistics::new(began),
        reporter: &reporter,
        screen,
        duration: duration.map(|span| Duration::from_secs_f64(span.seconds().max(0.0))),
        until: None,
        instruments: Instruments::default(),
    };
    let paint = move |captured| artist.paint(captured);
    let ran = run_latest(source, paint, |seen, counts| view.see(seen, counts), &stop);
    // Whatever has happened, what was recorded is completed.
    let failed = view.finish(ran.as_ref().map(|(_, counts)| *counts).unwrap_or_default());
    match (ran?, failed) {
        (_, Some(failure)) => Err(failure),
        ((Ending::Complete, _), None) => Ok(Exit::Done),
        ((Ending::Interrupted, _), None) => Ok(Exit::Interrupted),
    }
}

/// What is done when the window is lost, after which the process ends: what was recorded is completed.
fn farewell(
    outlets: &Arc<Outlets>,
    stop: &StopToken,
    screen: &Screen,
) -> impl FnOnce() -> u8 + Send + 'static {
    let (outlets, stop, screen) = (Arc::downgrade(outlets), stop.clone(), screen.clone());
    move || {
        stop.stop();
        let made = outlets.upgrade().map(|outlets| outlets.finish()).unwrap_or_default();
        for note in made.notes {
            screen.line(&format!("stylecast: note: {note}"));
        }
        let error = Error::output("the window is lost: it was killed, or its display has ended");
        screen.always(&exit::sentence(&error));
        Exit::from(error.kind()) as u8
    }
}
