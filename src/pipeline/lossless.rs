//! The pipeline from file to file: nothing dropped, nothing reordered.
//!
//! Decoding, looking ahead and encoding run on threads of their own, painting on the caller's. Each queue
//! ends with an explicit last message; a queue that merely closes means that the stage before it has failed.
//! The first failure in time is the one that is told: the others are its consequences.

use super::stage::{Failure, disconnected, guard, named, root_cause};
use super::{Statistics, StopToken, Wish};
use crate::error::{Error, Result};
use crate::frame::FrameIndex;
use crate::sink::{Ending, Finished, FrameSink};
use crate::source::{FrameSource, TimedFrame};
use crate::stylize::{PaintReport, Painted};
use crate::time::Timestamp;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use std::thread;
use std::time::Instant;

/// Decoded frames that may wait for the painter. Decoders deliver in bursts (a reordered group of
/// B-frames at once): three frames bridge them when nothing is painted, and while painting a single
/// one would do. More would only cost memory, 25 MB a frame at 4K.
pub const DECODED_QUEUE: usize = 3;

/// Frames that have been looked at and may wait for the painter: one, so that the motion of the next frame
/// is found while this one is painted.
pub const SCOUTED_QUEUE: usize = 1;

/// Painted frames that may wait for the encoder, which works in bursts of its own (lookahead).
pub const PAINTED_QUEUE: usize = 3;

/// What a pipeline tells while it runs, on the caller's thread.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A frame has been painted and goes to the sink.
    Painted(PaintedFrame),
    /// The source or the sink has something to say, a whole sentence.
    Note(&'a str),
    /// The last frame is painted; what waits is written and the output completed.
    Finishing(Ending),
}

/// A frame that has just been painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaintedFrame {
    /// Its place in the source: from 0, without holes.
    pub index: FrameIndex,
    /// When it is shown.
    pub timestamp: Timestamp,
    /// How it came about.
    pub report: PaintReport,
}

/// How a run that did not fail came to its end.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether the film was painted to its end.
    pub ending: Ending,
    /// What the sink has made. `None` if the run was stopped before the first frame was painted, or
    /// stopped twice: nothing is left behind then.
    pub finished: Option<Finished>,
    /// What it has cost.
    pub statistics: Statistics,
    /// Everything that source and sink had to say, each sentence once.
    pub notes: Vec<String>,
}

/// Reads `source` to its end or until `stop`, paints every frame and hands it to `sink`.
///
/// `look` gets every frame first, on a thread of its own, and finds out what can be known ahead; `paint`
/// runs on the calling thread and gets what `look` made of the frames, in order. Both own what they get, so
/// that one that changes nothing need not copy. The painted picture keeps the time of its source frame. At
/// most [`DECODED_QUEUE`] + [`SCOUTED_QUEUE`] + [`PAINTED_QUEUE`] frames wait, and four more are in the
/// stages' hands.
///
/// With the first wish to stop the frame being painted is completed and the sink finishes with
/// [`Ending::Interrupted`]; with the second, or with a failure, the sink is dropped unfinished.
///
/// # Errors
/// The first failure of source, painter or sink. A panic in one of them is a failure too.
pub fn run_lossless<S: Send>(
    source: Box<dyn FrameSource>,
    look: impl FnMut(TimedFrame) -> S + Send,
    paint: impl FnMut(S) -> Result<Painted>,
    sink: Box<dyn FrameSink>,
    observer: &mut dyn FnMut(Event<'_>),
    stop: &StopToken,
) -> Result<Outcome> {
    let begun = Instant::now();
    let (to_scout, decoded) = bounded(DECODED_QUEUE);
    let (to_painter, scouted) = bounded(SCOUTED_QUEUE);
    let (to_encoder, painted) = bounded(PAINTED_QUEUE);
    let mut notes = Vec::new();

    let (decoding, scouting, painting, encoding) = thread::scope(|scope| {
        let decoder =
            named("decode").spawn_scoped(scope, || guard(DECODER, || decode(source, to_scout, stop)));
        let scout =
            named("look ahead").spawn_scoped(scope, || guard(SCOUT, || scout_all(look, decoded, to_painter)));
        let encoder = named("encode").spawn_scoped(scope, || guard(ENCODER, || encode(sink, painted, stop)));
        let (decoder, scout, encoder) = match (decoder, scout, encoder) {
            (Ok(decoder), Ok(scout), Ok(encoder)) => (decoder, scout, encoder),
            (Err(cause), ..) | (_, Err(cause), _) | (.., Err(cause)) => {
                // A thread that did start ends when its queue closes.
                drop((scouted, to_encoder));
                return Err(Error::model("cannot start a thread").caused_by(cause));
            }
        };
        let painting = guard(PAINTER, || paint_all(paint, scouted, to_encoder, &mut notes, observer, stop));
        let decoding = decoder.join().unwrap_or_else(|panic| Err(Failure::panic(DECODER, &*panic)));
        let scouting = scout.join().unwrap_or_else(|panic| Err(Failure::panic(SCOUT, &*panic)));
        let encoding = encoder.join().unwrap_or_else(|panic| Err(Failure::panic(ENCODER, &*panic)));
        Ok((decoding, scouting, painting, encoding))
    })?;

    let (decode_seconds, look_seconds, (ending, mut statistics), (finished, encode_seconds)) =
        match (decoding, scouting, painting, encoding) {
            (Ok(decoding), Ok(scouting), Ok(painting), Ok(encoding)) => {
                (decoding, scouting, painting, encoding)
            }
            (decoding, scouting, painting, encoding) => {
                let failures = [decoding.err(), scouting.err(), painting.err(), encoding.err()];
                return Err(root_cause(failures.into_iter().flatten()));
            }
        };
    for note in finished.iter().flat_map(|finished| &finished.notes) {
        tell(note, &mut notes, observer);
    }
    statistics.decode_seconds = decode_seconds;
    statistics.look_seconds = look_seconds;
    statistics.encode_seconds = encode_seconds;
    statistics.seconds = begun.elapsed().as_secs_f64();
    Ok(Outcome { ending, finished, statistics, notes })
}

/// From the source to the painter, by way of the scout.
enum Coming<F> {
    Frame(F),
    Note(String),
    End,
}

/// A frame's place and time.
#[derive(Clone, Copy)]
struct Moment {
    index: FrameIndex,
    timestamp: Timestamp,
    duration_ticks: Option<i64>,
}

/// From the painter to the sink.
enum Finish {
    Frame(TimedFrame),
    End(Ending),
}

/// Returns the busy seconds.
fn decode(
    mut source: Box<dyn FrameSource>,
    scout: Sender<Coming<TimedFrame>>,
    stop: &StopToken,
) -> Result<f64> {
    let mut busy = 0.0;
    // A scout that has hung up knows why; for the source it is simply the end.
    while stop.wish() == Wish::Continue {
        let next = clocked(&mut busy, || source.next_frame());
        for note in source.take_notes() {
            if scout.send(Coming::Note(note)).is_err() {
                return Ok(busy);
            }
        }
        let message = match next? {
            Some(frame) => Coming::Frame(frame),
            None => Coming::End,
        };
        let at_end = matches!(message, Coming::End);
        if scout.send(message).is_err() || at_end {
            break;
        }
    }
    Ok(busy)
}

/// Returns the busy seconds. Ends with the queue on either side: who hung up knows why.
fn scout_all<S>(
    mut look: impl FnMut(TimedFrame) -> S,
    decoded: Receiver<Coming<TimedFrame>>,
    painter: Sender<Coming<(Moment, S)>>,
) -> Result<f64> {
    let mut busy = 0.0;
    for message in decoded {
        let message = match message {
            Coming::Frame(timed) => {
                let TimedFrame { index, timestamp, duration_ticks, .. } = timed;
                let moment = Moment { index, timestamp, duration_ticks };
                Coming::Frame((moment, clocked(&mut busy, || look(timed))))
            }
            Coming::Note(note) => Coming::Note(note),
            Coming::End => Coming::End,
        };
        if painter.send(message).is_err() {
            break;
        }
    }
    Ok(busy)
}

fn paint_all<S>(
    mut paint: impl FnMut(S) -> Result<Painted>,
    scouted: Receiver<Coming<(Moment, S)>>,
    encoder: Sender<Finish>,
    notes: &mut Vec<String>,
    observer: &mut dyn FnMut(Event<'_>),
    stop: &StopToken,
) -> Result<(Ending, Statistics)> {
    let mut statistics = Statistics::default();
    let ending = loop {
        // Asked first, because `select!` takes any of the queues that are ready.
        if stop.wish() != Wish::Continue {
            break Ending::Interrupted;
        }
        let (Moment { index, timestamp, duration_ticks }, frame) = select! {
            recv(stop.on_finish()) -> _ => break Ending::Interrupted,
            recv(scouted) -> message => match message {
                Ok(Coming::Frame(frame)) => frame,
                Ok(Coming::Note(note)) => {
                    tell(&note, notes, observer);
                    continue;
                }
                Ok(Coming::End) => break Ending::Complete,
                Err(_) if stop.wish() != Wish::Continue => break Ending::Interrupted,
                Err(_) => return Err(disconnected("the source ended without saying so")),
            },
        };
        let mut busy = 0.0;
        let Painted { frame, report } = clocked(&mut busy, || paint(frame))?;
        statistics.count(&report, busy);
        observer(Event::Painted(PaintedFrame { index, timestamp, report }));
        let frame = TimedFrame { index, timestamp, duration_ticks, frame };
        if encoder.send(Finish::Frame(frame)).is_err() {
            if stop.wish() == Wish::Abandon {
                return Ok((Ending::Interrupted, statistics));
            }
            return Err(disconnected("the sink stopped taking frames"));
        }
    };
    // A film of no frames is nothing to keep: without a last message the sink is dropped.
    if ending == Ending::Complete || statistics.frames > 0 {
        observer(Event::Finishing(ending));
        if encoder.send(Finish::End(ending)).is_err() && stop.wish() != Wish::Abandon {
            return Err(disconnected("the sink stopped taking frames"));
        }
    }
    Ok((ending, statistics))
}

/// Returns what was made, if anything, and the busy seconds.
fn encode(
    mut sink: Box<dyn FrameSink>,
    painted: Receiver<Finish>,
    stop: &StopToken,
) -> Result<(Option<Finished>, f64)> {
    let mut busy = 0.0;
    while stop.wish() != Wish::Abandon {
        select! {
            recv(stop.on_abandon()) -> _ => break,
            recv(painted) -> message => match message {
                Ok(Finish::Frame(frame)) => clocked(&mut busy, || sink.write(frame))?,
                Ok(Finish::End(ending)) => {
                    let finished = clocked(&mut busy, || sink.finish(ending))?;
                    return Ok((Some(finished), busy));
                }
                // The painter has failed, or nothing was painted.
                Err(_) => break,
            },
        }
    }
    Ok((None, busy))
}

const DECODER: &str = "reading frames";
const SCOUT: &str = "looking ahead";
const PAINTER: &str = "painting";
const ENCODER: &str = "writing frames";

/// Adds the wall-clock seconds of `work` to `busy`.
fn clocked<T>(busy: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *busy += begun.elapsed().as_secs_f64();
    result
}

/// Passes on a note that was not heard before.
fn tell(note: &str, notes: &mut Vec<String>, observer: &mut dyn FnMut(Event<'_>)) {
    if !notes.iter().any(|heard| heard == note) {
        observer(Event::Note(note));
        notes.push(note.to_owned());
    }
}
