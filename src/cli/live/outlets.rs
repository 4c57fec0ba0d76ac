//! Where every painted frame of a live run goes, beside the window: recordings, streams, virtual cameras.
//!
//! Each has a queue or a slot of its own and drops what it cannot keep up with; nobody waits.

use crate::cli::args::LiveOutputArgs;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::slot::{Giver, Taken, slot};
use crate::time::FrameRate;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// All of them.
pub(super) struct Outlets {
    #[cfg(feature = "video")]
    broadcast: Option<crate::sink::broadcast::Broadcast>,
    cameras: Vec<Giver<Arc<Frame>>>,
    notes: Arc<Mutex<Vec<String>>>,
}

/// What was made, and what there is still to say.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Recordings and clips, and how long they last in seconds.
    pub(super) clips: Vec<(PathBuf, f64)>,
    pub(super) notes: Vec<String>,
}

impl Outlets {
    /// Opens what `args` ask for, for frames of `size`. Times count from `began`.
    pub(super) fn open(args: &LiveOutputArgs, size: Size, rate: FrameRate, began: Instant) -> Result<Self> {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let is_camera = |to: &&PathBuf| to.starts_with("/dev");
        let cameras = args
            .to
            .iter()
            .filter(is_camera)
            .map(|path| virtual_camera(path, size, rate, notes.clone()))
            .collect::<Result<_>>()?;
        let streams: Vec<_> = args.to.iter().filter(|to| !is_camera(to)).collect();
        #[cfg(not(feature = "video"))]
        {
            let _ = began;
            match (streams.first(), &args.record) {
                (None, None) => Ok(Self { cameras, notes }),
                _ => Err(without_video()),
            }
        }
        #[cfg(feature = "video")]
        {
            use crate::sink::broadcast::{Address, Broadcast, Microphone, Wishes};
            // Keys may ask for a recording or a clip at any time, where there is a window to press them in.
            let wanted = !streams.is_empty() || args.record.is_some() || !args.no_window;
            if !wanted {
                return Ok(Self { broadcast: None, cameras, notes });
            }
            let streams =
                streams.iter().map(|to| Address::parse(&to.to_string_lossy())).collect::<Result<_>>()?;
            let microphone = args.audio.as_deref().map(Microphone::parse).transpose()?;
            let wishes = Wishes { streams, microphone, began, ..Wishes::default() };
            let broadcast = Broadcast::start(size, rate, wishes)?;
            if let Some(path) = &args.record {
                broadcast.start_recording(path)?;
            }
            Ok(Self { broadcast: Some(broadcast), cameras, notes })
        }
    }

    /// A frame that was captured `at` after the beginning.
    pub(super) fn send(&self, frame: &Arc<Frame>, at: Duration) {
        for camera in &self.cameras {
            camera.put(frame.clone());
        }
        #[cfg(feature = "video")]
        if let Some(broadcast) = &self.broadcast {
            broadcast.send(frame.clone(), at);
        }
        #[cfg(not(feature = "video"))]
        let _ = at;
    }

    /// Sentences for people since the last call.
    pub(super) fn take_notes(&self) -> Vec<String> {
        let said = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        #[cfg(feature = "video")]
        let said = said
            .into_iter()
            .chain(self.broadcast.iter().flat_map(|broadcast| broadcast.take_notes()))
            .collect();
        said
    }
}

#[cfg(feature = "video")]
impl Outlets {
    /// Begins to record to `path` or a free name like it.
    pub(super) fn start_recording(&self, path: &Path) -> Result<PathBuf> {
        self.broadcast.as_ref().ok_or_else(nothing_encodes)?.start_recording(path)
    }

    /// Ends the recording, if there is one.
    pub(super) fn stop_recording(&self) {
        self.broadcast.iter().for_each(|broadcast| broadcast.stop_recording());
    }

    /// Saves the last seconds to `path` or a free name like it.
    pub(super) fn save_last(&self, path: &Path) -> Result<PathBuf> {
        self.broadcast.as_ref().ok_or_else(nothing_encodes)?.save_last(path)
    }

    /// How long the present recording lasts, in seconds.
    pub(super) fn recording(&self) -> Option<f64> {
        self.broadcast.as_ref()?.counts().recording.map(|now| now.seconds)
    }

    /// Frames that were dropped before they were encoded, and packets that a disk or a stream was too slow
    /// for.
    pub(super) fn dropped(&self) -> (u64, u64) {
        let Some(broadcast) = &self.broadcast else { return (0, 0) };
        let counts = broadcast.counts();
        let packets = counts.streams.iter().map(|stream| stream.dropped).sum::<u64>()
            + counts.recording.map_or(0, |recording| recording.dropped);
        (counts.dropped, packets)
    }

    /// Completes everything, within a second.
    pub(super) fn finish(self) -> Made {
        let notes = self.take_notes();
        let mut made = Made { clips: Vec::new(), notes };
        if let Some(broadcast) = self.broadcast {
            let done = broadcast.finish();
            made.clips = done.clips.into_iter().map(|clip| (clip.path, clip.seconds)).collect();
            made.notes.extend(done.notes);
        }
        made
    }
}

#[cfg(not(feature = "video"))]
impl Outlets {
    pub(super) fn start_recording(&self, _: &Path) -> Result<PathBuf> {
        Err(without_video())
    }

    pub(super) fn stop_recording(&self) {}

    pub(super) fn save_last(&self, _: &Path) -> Result<PathBuf> {
        Err(without_video())
    }

    pub(super) fn recording(&self) -> Option<f64> {
        None
    }

    pub(super) fn dropped(&self) -> (u64, u64) {
        (0, 0)
    }

    pub(super) fn finish(self) -> Made {
        Made { clips: Vec::new(), notes: self.take_notes() }
    }
}

#[cfg(feature = "video")]
fn nothing_encodes() -> Error {
    Error::usage("nothing is encoded in this run").hint("start with --record or a window")
}

#[cfg(not(feature = "video"))]
fn without_video() -> Error {
    Error::usage("this stylecast was built without video: it cannot record or stream")
        .hint("build it with the feature 'video' (cargo install --path .)")
}

/// A virtual camera on a thread of its own, and where its frames are put.
#[cfg(all(feature = "webcam", target_os = "linux"))]
fn virtual_camera(
    path: &Path,
    size: Size,
    rate: FrameRate,
    notes: Arc<Mutex<Vec<String>>>,
) -> Result<Giver<Arc<Frame>>> {
    use crate::sink::virtual_camera::VirtualCamera;
    let mut camera = VirtualCamera::open(path, size, rate)?;
    let (giver, taker) = slot::<Arc<Frame>>();
    let run = move || {
        loop {
            match taker.take(Duration::from_secs(1)) {
                Taken::Thing(frame) => {
                    if let Err(error) = camera.write(&frame) {
                        notes.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
                        return;
                    }
                }
                Taken::Nothing => {}
                Taken::Closed => return,
            }
        }
    };
    std::thread::Builder::new()
        .name("virtual camera".into())
        .spawn(run)
        .map_err(|cause| Error::output("cannot start a thread").caused_by(cause))?;
    Ok(giver)
}

#[cfg(not(all(feature = "webcam", target_os = "linux")))]
fn virtual_camera(
    path: &Path,
    _: Size,
    _: FrameRate,
    _: Arc<Mutex<Vec<String>>>,
) -> Result<Giver<Arc<Frame>>> {
    let _ = (slot::<()>, Taken::<()>::Nothing);
    Err(Error::usage(format!("cannot send to {}: this stylecast has no virtual cameras", path.display()))
        .hint("they exist on Linux, with the feature 'webcam'"))
}
