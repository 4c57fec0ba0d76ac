//! Where frames come from: films, pictures, patterns and scenes made of stills, cameras.
//!
//! A source hands out upright frames with square pixels in presentation order, each with its exact
//! time, and knows nothing of who takes them. Whatever is unusual about its input (an odd size, a
//! truncated tail) it says in words through [`FrameSource::take_notes`].

pub mod arriving;
pub mod live;
pub mod paced;
pub mod pattern;
pub mod scene;
pub mod sequence;
pub mod still;
#[cfg(feature = "video")]
pub mod video;
#[cfg(feature = "webcam")]
pub mod webcam;

use crate::error::Result;
use crate::frame::{Frame, FrameIndex, Size};
use crate::time::{FrameRate, TimeBase, Timestamp};

/// One frame on its way from a source.
#[derive(Debug, Clone)]
pub struct TimedFrame {
    /// Its place among the frames this source hands out: from 0, without holes.
    pub index: FrameIndex,
    /// When it is shown; strictly increasing within a source.
    pub timestamp: Timestamp,
    /// How long it is shown, in ticks of `timestamp.base`, where the source knows.
    pub duration_ticks: Option<i64>,
    /// The picture. All frames of a source have the same size.
    pub frame: Frame,
}

/// What is known of a source before its first frame is read.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// The size of every frame.
    pub size: Size,
    /// The nominal frame rate; the frames' own timestamps are the truth.
    pub frame_rate: FrameRate,
    /// The base of the timestamps.
    pub time_base: TimeBase,
    /// How many frames will come, where that is known or can be estimated well. For forecasts only.
    pub frames: Option<u64>,
}

/// Something that hands out frames one after the other.
pub trait FrameSource: Send {
    /// What is known before the first frame.
    fn info(&self) -> &SourceInfo;

    /// The next frame; `Ok(None)` at the end, and at every call after it. An `Err` ends the source:
    /// damage that leaves further frames readable is not an error but a note.
    fn next_frame(&mut self) -> Result<Option<TimedFrame>>;

    /// Sentences for people about what was met since the last call: sizes rounded, colours converted,
    /// damage skipped. Empty for a source that has nothing to say.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}
