//! Everybody who takes encoded frames: recordings, the last seconds, streams.

use super::outlets::Made;
use crate::cli::args::LiveOutputArgs;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::sink::broadcast::{Address, Broadcast, Microphone, StreamState, Wishes};
use crate::time::FrameRate;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The broadcast of a live run.
pub(super) struct Encoded(Broadcast);

impl Encoded {
    /// Starts what `args` ask for, and the `streams`. `None` if nobody takes encoded frames, now or later.
    pub(super) fn start(
        args: &LiveOutputArgs,
        streams: &[&PathBuf],
        size: Size,
        rate: FrameRate,
        began: Instant,
    ) -> Result<Option<Self>> {
        // Keys may ask for a recording or a clip at any time, where there is a window to press them in.
        if streams.is_empty() && args.record.is_none() && args.no_window {
            return Ok(None);
        }
        let streams =
            streams.iter().map(|to| Address::parse(&to.to_string_lossy())).collect::<Result<_>>()?;
        let microphone = args.audio.as_deref().map(Microphone::parse).transpose()?;
        let codec = args.codec.clone();
        let broadcast =
            Broadcast::start(size, rate, Wishes { streams, microphone, codec, began, ..Wishes::default() })?;
        if let Some(path) = &args.record {
            broadcast.start_recording(path)?;
        }
        Ok(Some(Self(broadcast)))
    }

    pub(super) fn send(&self, frame: &Arc<Frame>, at: Duration) {
        self.0.send(frame.clone(), at);
    }

    pub(super) fn start_recording(&self, path: &Path) -> Result<PathBuf> {
        self.0.start_recording(path)
    }

    pub(super) fn stop_recording(&self) {
        self.0.stop_recording();
    }

    pub(super) fn save_last(&self, path: &Path) -> Result<PathBuf> {
        self.0.save_last(path)
    }

    /// How long the present recording lasts, in seconds.
    pub(super) fn recording(&self) -> Option<f64> {
        self.0.counts().recording.map(|now| now.seconds)
    }

    /// Frames that were not encoded, and packets that were not taken.
    pub(super) fn dropped(&self) -> (u64, u64) {
        let counts = self.0.counts();
        let packets = counts.streams.iter().map(|stream| stream.dropped).sum::<u64>()
            + counts.recording.map_or(0, |recording| recording.dropped);
        (counts.dropped, packets)
    }

    /// Whether nothing is recorded any more, or streamed.
    pub(super) fn has_ended(&self) -> bool {
        let counts = self.0.counts();
        counts.recording.is_none() && counts.streams.iter().all(|stream| stream.state == StreamState::Ended)
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        self.0.take_notes()
    }

    /// Completes everything, within a second.
    pub(super) fn finish(self) -> Made {
        let done = self.0.finish();
        Made {
            clips: done.clips.into_iter().map(|clip| clip.path).collect(),
            notes: done.notes,
            failures: done.failures,
        }
    }
}

/// Why nothing can be recorded.
pub(super) fn is_missing() -> Error {
    Error::usage("nothing is encoded in this run").hint("start with --record or a window")
}
