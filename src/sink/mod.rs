//! Where painted frames go: films, pictures, memory, a window.
//!
//! A sink takes frames in presentation order and leaves nothing under its final name until
//! [`FrameSink::finish`] has succeeded: it writes beside, verifies, then renames. Dropping a sink
//! without finishing it removes what it had written.

#[cfg(feature = "video")]
pub mod broadcast;
pub mod memory;
pub mod place;
pub mod still;
#[cfg(feature = "video")]
pub mod video;
#[cfg(all(feature = "webcam", target_os = "linux"))]
pub mod virtual_camera;
#[cfg(feature = "window")]
pub mod window;

use crate::error::Result;
use crate::source::TimedFrame;
use std::path::PathBuf;

/// How the stream of frames came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The source was read to its end.
    Complete,
    /// Somebody stopped it: what was written is kept, made playable and given its final name.
    Interrupted,
}

/// What a sink has made, said after the fact.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// The file or folder that now exists, if the sink makes one.
    pub path: Option<PathBuf>,
    /// Frames written.
    pub frames: u64,
    /// Sentences for people: streams that could not be copied, and why.
    pub notes: Vec<String>,
}

/// Something that takes frames one after the other.
pub trait FrameSink: Send {
    /// Takes the next frame. An `Err` means that the sink is broken and only good for dropping.
    fn write(&mut self, frame: TimedFrame) -> Result<()>;

    /// Completes the work: flushes, verifies, renames. Only now does the result stand under its
    /// final name.
    fn finish(self: Box<Self>, ending: Ending) -> Result<Finished>;
}
