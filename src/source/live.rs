//! Sources that go on by themselves, whether or not anybody looks: cameras, and films paced as one.
//!
//! A film waits for whoever reads it; a camera does not. So a live source is asked with a patience: it
//! answers with the next frame, or that none came in time, which for a camera may be the first sign of
//! trouble and for everybody else is the moment to look whether the run shall go on.

use super::{SourceInfo, TimedFrame};
use crate::error::Result;
use crate::time::TimeBase;
use std::time::{Duration, Instant};

/// The clock of live sources: microseconds since the first frame.
pub const CLOCK: TimeBase = TimeBase { num: 1, den: 1_000_000 };

/// A frame and the moment at which it was taken, from which latency counts.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The frame, with its time since the source was opened.
    pub timed: TimedFrame,
    /// When the camera handed it over, or when a paced film was due to show it.
    pub at: Instant,
}

/// What came of waiting.
#[derive(Debug)]
pub enum Arrival {
    /// The next frame.
    Frame(Captured),
    /// None came in time. The source goes on.
    Nothing,
    /// There will be no more, at this call and at every one after it.
    Ended,
}

/// Something that hands out frames at its own pace.
pub trait LiveSource: Send {
    /// What is known before the first frame.
    fn info(&self) -> &SourceInfo;

    /// Waits for the next frame, at most `patience`. An `Err` ends the source: what may pass (a camera
    /// that was unplugged and can be plugged in again) is [`Arrival::Nothing`] and a note.
    fn next(&mut self, patience: Duration) -> Result<Arrival>;

    /// Sentences for people about what was met since the last call. Empty for a source that has nothing
    /// to say.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}
