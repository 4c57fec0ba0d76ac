//! A recording on a thread of its own, so that a slow disk holds up nobody.

use super::feed::{Feed, Link};
use super::files::{Clip, Recorder};
use super::notes::{Crew, Notes, spawn};
use super::parcel::{Parcel, Tracks, seconds};
use crate::error::{Error, Result};
use crossbeam_channel::Receiver;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known of a recording while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingNow {
    /// Where it is written.
    pub path: PathBuf,
    /// How long it lasts so far, in seconds.
    pub seconds: f64,
    /// Packets that the disk was too slow for.
    pub dropped: u64,
}

/// Shared between the recording's thread and whoever asks how it is going.
pub(super) struct Recording {
    path: PathBuf,
    link: Arc<Link>,
    length: AtomicI64,
    has_ended: AtomicBool,
}

impl Recording {
    /// As it is now; `None` once it has ended.
    pub(super) fn now(&self) -> Option<RecordingNow> {
        (!self.has_ended.load(Ordering::Acquire)).then(|| RecordingNow {
            path: self.path.clone(),
            seconds: seconds(self.length.load(Ordering::Relaxed)),
            dropped: self.link.dropped(),
        })
    }
}

/// What has come of it so far: the files that were completed, and what has failed, each in order.
#[derive(Clone, Default)]
pub(super) struct Done(Arc<Mutex<(Vec<Clip>, Vec<Error>)>>);

impl Done {
    pub(super) fn add(&self, clip: Clip) {
        self.lock().0.push(clip);
    }

    pub(super) fn fail(&self, error: Error) {
        self.lock().1.push(error);
    }

    pub(super) fn take(&self) -> (Vec<Clip>, Vec<Error>) {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Clip>, Vec<Error>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to record `path`, a file that was reserved. It ends when the [`Feed`] is dropped.
pub(super) fn start(
    path: &Path,
    tracks: &Tracks,
    crew: &Crew,
    notes: &Notes,
    done: &Done,
) -> Result<(Feed, Arc<Recording>)> {
    let recorder = Recorder::start(path, tracks)?;
    let (feed, queue) = Feed::new();
    let recording = Arc::new(Recording {
        path: path.to_owned(),
        link: Arc::clone(&feed.link),
        length: AtomicI64::new(0),
        has_ended: AtomicBool::new(false),
    });
    let (shared, notes, done) = (Arc::clone(&recording), notes.clone(), done.clone());
    spawn("recording", crew.shift(), move || {
        let shown = shared.path.display();
        match record(recorder, &queue, &shared) {
            Ok(Some(clip)) => {
                let dropped = match shared.link.dropped() {
                    0 => String::new(),
                    packets => format!(", without {packets} packets that the disk was too slow for"),
                };
                notes.say(format!("Recorded {shown}: {:.1} s{dropped}.", clip.seconds));
                done.add(clip);
            }
            Ok(None) => notes.say(format!("Nothing was recorded to {shown}: no frame came.")),
            Err(error) => {
                notes.say(format!(
                    "The recording stops after {:.1} s: {error}. What was written until then is kept.",
                    seconds(shared.length.load(Ordering::Relaxed))
                ));
                done.fail(error);
            }
        }
        shared.has_ended.store(true, Ordering::Release);
    })?;
    feed.link.open();
    Ok((feed, recording))
}

fn record(
    mut recorder: Recorder,
    queue: &Receiver<Arc<Parcel>>,
    recording: &Recording,
) -> Result<Option<Clip>> {
    for parcel in queue {
        recorder.write(&parcel)?;
        recording.length.store(recorder.length(), Ordering::Relaxed);
    }
    recorder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::broadcast::encoder::tests::parcels;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_ends_the_recording_with_a_sentence() {
        use std::time::{Duration, Instant};
        let folder = tempfile::tempdir().unwrap();
        // The device that is always full, by a name that a recording may have.
        let path = folder.path().join("full.mkv");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let (tracks, parcels) = parcels(40);
        let (crew, notes) = (Crew::new(), Notes::default());
        let done = Done::default();
        let error = match start(&path, &tracks, &crew, &notes, &done) {
            Err(error) => error.to_string(),
            Ok((mut feed, recording)) => {
                let began = Instant::now();
                while recording.now().is_some() && began.elapsed() < Duration::from_secs(5) {
                    for parcel in &parcels {
                        feed.offer(parcel);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                assert_eq!(done.take().1.len(), 1);
                notes.take().join("\n")
            }
        };
        assert!(error.contains("the disk is full"), "{error}");
        assert!(crew.wait(Duration::from_secs(5)));
    }
}
