//! Finding the first frame: exactly the one asked for, however coarse the container's seeking is.
//!
//! Containers seek to key pictures, by decoding order, and some land too late. So a seek aims before
//! the goal, and where the first picture that decodes lies behind it, aims earlier still; from there
//! pictures are decoded and dropped until the right one comes.

use super::{Clock, Moment, VideoOptions, no_frame, ticks};
use crate::error::{Error, Result};
use crate::ffmpeg::decode::Decoder;
use crate::ffmpeg::picture::Picture;
use crate::time::Timestamp;
use std::path::Path;

/// Which frame is the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The first whose time is the start or later.
    AtOrAfterStart,
    /// The last whose time is the start or earlier.
    OnScreenAtStart,
}

/// The first frame, and the decoder standing right behind it.
pub(super) struct First {
    pub(super) decoder: Decoder,
    pub(super) clock: Clock,
    pub(super) picture: Picture,
    pub(super) moment: Moment,
}

/// How many seconds before the goal a seek aims; tuned: the first allows for the delay of B-frames,
/// the others for containers with a sparse index.
const MARGINS: [f64; 3] = [0.5, 4.0, 20.0];

/// Opens `path` and finds its first frame.
pub(super) fn find(path: &Path, options: &VideoOptions, wanted: Wanted) -> Result<First> {
    let name = path.display().to_string();
    let start = options.start.unwrap_or(0.0);
    let mut decoder = Decoder::open(path, options.format.as_deref(), options.threads)?;
    let origin = decoder.probe().start_seconds;
    let base = decoder.time_base();
    let goal = (start > 0.0).then(|| ticks(origin + start, base));
    for margin in MARGINS {
        // A goal close to the beginning is reached by reading from there.
        let Some(goal) = goal.filter(|_| start > margin) else { break };
        let mut clock = Clock::new(decoder.probe());
        let mut picture = Picture::empty();
        if !decoder.seek(ticks(origin + start - margin, base)) {
            break;
        }
        if decoder.decode(&mut picture) {
            let moment = clock.read(&picture);
            if moment.ticks <= goal {
                return go_on(First { decoder, clock, picture, moment }, Some(goal), wanted)
                    .map_err(|length| beyond_the_end(&name, start, length));
            }
        }
    }
    if goal.is_some() {
        // Seeking has moved it.
        decoder = Decoder::open(path, options.format.as_deref(), options.threads)?;
    }
    let mut clock = Clock::new(decoder.probe());
    let mut picture = Picture::empty();
    if !decoder.decode(&mut picture) {
        return Err(no_frame(&name));
    }
    let moment = clock.read(&picture);
    go_on(First { decoder, clock, picture, moment }, goal, wanted)
        .map_err(|length| beyond_the_end(&name, start, length))
}

/// Decodes and drops until the wanted frame; where the film ends before, how long it lasts.
fn go_on(mut first: First, goal: Option<i64>, wanted: Wanted) -> Result<First, f64> {
    let Some(goal) = goal else { return Ok(first) };
    let base = first.decoder.time_base();
    while first.moment.ticks < goal {
        let mut picture = Picture::empty();
        if !first.decoder.decode(&mut picture) {
            let end = first.moment.ticks.saturating_add(first.moment.duration.unwrap_or(0));
            if wanted == Wanted::OnScreenAtStart && goal < end {
                break;
            }
            return Err(Timestamp::new(end, base).seconds() - first.decoder.probe().start_seconds);
        }
        let moment = first.clock.read(&picture);
        if wanted == Wanted::OnScreenAtStart && moment.ticks > goal {
            break;
        }
        (first.picture, first.moment) = (picture, moment);
    }
    // What a seek into the middle could not decode is no damage.
    first.decoder.forget_damage();
    Ok(first)
}

fn beyond_the_end(name: &str, start: f64, length: f64) -> Error {
    Error::input(format!("{name} lasts {length:.2} s: there is nothing at {start} s"))
        .hint(format!("choose a time below {length:.2}"))
}
