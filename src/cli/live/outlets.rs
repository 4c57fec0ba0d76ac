//! Where every painted frame of a live run goes, beside the window: recordings, streams, virtual cameras.
//!
//! Each has a queue or a slot of its own and drops what it cannot keep up with; nobody waits.

use super::encoded::{self, Encoded};
use super::virtual_camera::VirtualCamera;
use crate::cli::args::LiveOutputArgs;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::time::FrameRate;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// All of them.
pub(super) struct Outlets {
    /// `None` where nobody takes encoded frames, and after the end.
    encoded: RwLock<Option<Encoded>>,
    cameras: Vec<VirtualCamera>,
    /// Whether there was anybody to send to.
    are_wanted: bool,
}

/// What was made, and what there is still to say.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Recordings and clips.
    pub(super) clips: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
    /// What failed before its time. Notes have said so already.
    pub(super) failures: Vec<Error>,
}

impl Outlets {
    /// Opens what `args` ask for, for frames of `size`. Times count from `began`.
    pub(super) fn open(args: &LiveOutputArgs, size: Size, rate: FrameRate, began: Instant) -> Result<Self> {
        let (cameras, streams): (Vec<_>, Vec<_>) = args.to.iter().partition(|to| is_camera(to));
        let has_taker = !streams.is_empty() || args.record.is_some() || !args.no_window;
        if args.audio.is_some() && !has_taker {
            return Err(Error::usage("nobody would hear --audio: nothing is recorded or streamed")
                .hint("add --record FILE or --to ADDRESS, or leave --audio out"));
        }
        let cameras = cameras.into_iter().map(|path| VirtualCamera::open(path, size, rate));
        let cameras: Vec<_> = cameras.collect::<Result<_>>()?;
        let encoded = Encoded::start(args, &streams, size, rate, began)?;
        let are_wanted = encoded.is_some() || !cameras.is_empty();
        Ok(Self { encoded: RwLock::new(encoded), cameras, are_wanted })
    }

    /// A frame that was captured `at` after the beginning.
    pub(super) fn send(&self, frame: &Arc<Frame>, at: Duration) {
        for camera in &self.cameras {
            camera.send(frame);
        }
        self.with(|encoded| encoded.send(frame, at));
    }

    /// Begins to record to `path` or a free name like it.
    pub(super) fn start_recording(&self, path: &Path) -> Result<PathBuf> {
        self.with(|encoded| encoded.start_recording(path)).unwrap_or_else(|| Err(encoded::is_missing()))
    }

    /// Ends the recording, if there is one.
    pub(super) fn stop_recording(&self) {
        self.with(Encoded::stop_recording);
    }

    /// Saves the last seconds to `path` or a free name like it.
    pub(super) fn save_last(&self, path: &Path) -> Result<PathBuf> {
        self.with(|encoded| encoded.save_last(path)).unwrap_or_else(|| Err(encoded::is_missing()))
    }

    /// How long the present recording lasts, in seconds.
    pub(super) fn recording(&self) -> Option<f64> {
        self.with(Encoded::recording).flatten()
    }

    /// Frames that were dropped before they were encoded or shown by a virtual camera, and packets that a disk
    /// or a stream was too slow for.
    pub(super) fn dropped(&self) -> (u64, u64) {
        let (frames, packets) = self.with(Encoded::dropped).unwrap_or_default();
        (frames + self.cameras.iter().map(VirtualCamera::dropped).sum::<u64>(), packets)
    }

    /// Whether there was somebody to send to and no longer is: disks are full, devices gone.
    pub(super) fn have_ended(&self) -> bool {
        self.are_wanted
            && self.cameras.iter().all(VirtualCamera::has_gone)
            && self.with(Encoded::has_ended).unwrap_or(true)
    }

    /// Sentences for people since the last call.
    pub(super) fn take_notes(&self) -> Vec<String> {
        let mut notes: Vec<_> = self.cameras.iter().filter_map(VirtualCamera::take_note).collect();
        notes.extend(self.with(Encoded::take_notes).unwrap_or_default());
        notes
    }

    /// Completes everything, within a second. After it, nothing more is taken.
    pub(super) fn finish(&self) -> Made {
        let notes = self.take_notes();
        let encoded = self.encoded.write().unwrap_or_else(PoisonError::into_inner).take();
        let mut made = encoded.map(Encoded::finish).unwrap_or_default();
        made.notes.splice(0..0, notes);
        made.failures.extend(self.cameras.iter().filter_map(VirtualCamera::take_failure));
        made
    }

    fn with<T>(&self, ask: impl FnOnce(&Encoded) -> T) -> Option<T> {
        self.encoded.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }
}

/// Whether a place to send to is a device. Playlists may lie in /dev/shm.
fn is_camera(to: &Path) -> bool {
    to.starts_with("/dev") && to.extension().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_told_from_playlists_and_addresses() {
        for (to, expected) in [
            ("/dev/video10", true),
            ("/dev/v4l/by-id/painted", true),
            ("/dev/shm/hls/index.m3u8", false),
            ("hls/index.m3u8", false),
            ("rtmp://server/dev/video0", false),
        ] {
            assert_eq!(is_camera(Path::new(to)), expected, "{to}");
        }
    }
}
