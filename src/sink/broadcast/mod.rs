//! Recordings, the last ten seconds, and streams: painted frames are encoded once, and their packets go
//! to everybody who takes them.
//!
//! The walk of a frame: [`Broadcast::send`] queues it, `worker` encodes it, `feed` hands the packets to
//! each taker's own bounded queue: to a `recording`, which survives a kill at any moment; to the `ring`,
//! from which the last seconds can be saved after they have happened; to any number of `stream`s, which
//! lose their receivers and find them again. The view never waits for any of them: whoever cannot keep
//! up loses packets up to the next key frame, which are counted.

mod address;
mod encoder;
mod feed;
mod files;
mod keys;
mod microphone;
mod muxer;
mod notes;
mod parcel;
mod recording;
mod ring;
mod stream;
mod worker;

pub use address::Address;
pub use encoder::{Effort, Quality};
pub use files::Clip;
pub use microphone::Microphone;
pub use recording::RecordingNow;
pub use stream::{StreamNow, StreamState};

use self::encoder::LiveEncoder;
use self::microphone::Listening;
use self::notes::{Crew, Notes, spawn};
use self::parcel::{Tracks, ticks};
use self::recording::{Done, Recording};
use self::ring::Ring;
use self::stream::Stream;
use self::worker::{Order, Shot, Tally, Worker};
use super::place::{Existing, Place};
use crate::error::{Error, Result};
use crate::ffmpeg::mux_codec;
use crate::frame::{Frame, Size};
use crate::time::FrameRate;
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Painted frames that may wait for the encoder, which is quicker than any painter: they bridge a moment
/// in which the system has no time for it.
const SHOTS: usize = 4;

/// Other orders that may wait; keys are not pressed faster.
const OTHERS: usize = 16;

/// How long the end may take.
const END: Duration = Duration::from_millis(900);

/// What a broadcast shall do.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Where streams go.
    pub streams: Vec<Address>,
    /// The sound that is recorded and streamed along. Default: none.
    pub microphone: Option<Microphone>,
    /// How much is kept for [`Broadcast::save_last`], at least a second. Default: ten seconds.
    pub keep: Duration,
    /// What the encoder is told.
    pub quality: Quality,
    /// FFmpeg's name of the encoder. Default: libx264, or the best there is in its place.
    pub codec: Option<String>,
    /// The moment from which the times of frames count. Default: now.
    pub began: Instant,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            streams: Vec::new(),
            microphone: None,
            keep: Duration::from_secs(10),
            quality: Quality::default(),
            codec: None,
            began: Instant::now(),
        }
    }
}

/// What has become of the frames so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// Frames that were encoded.
    pub encoded: u64,
    /// Frames that were not, because the encoder could not keep up, or because of their size.
    pub dropped: u64,
    /// The recording that goes on.
    pub recording: Option<RecordingNow>,
    /// The streams, in the order of the wishes.
    pub streams: Vec<StreamNow>,
}

/// What a broadcast has made, said after the fact.
#[derive(Debug)]
pub struct Broadcasted {
    /// The recordings and saved clips that were completed.
    pub clips: Vec<Clip>,
    /// Why recordings ended before their time. Notes have said so already.
    pub failures: Vec<Error>,
    /// The last counts.
    pub counts: Counts,
    /// Sentences for people that nobody has taken yet.
    pub notes: Vec<String>,
}

/// Records and streams what it is sent.
pub struct Broadcast {
    orders: Sender<Order>,
    tracks: Mutex<Tracks>,
    tally: Arc<Tally>,
    notes: Notes,
    done: Done,
    crew: Crew,
    listening: Option<Listening>,
    streams: Vec<Arc<Stream>>,
    recording: Mutex<Option<Arc<Recording>>>,
    /// Names given to clips that may not have been written yet.
    named: Mutex<Vec<PathBuf>>,
}

impl Broadcast {
    /// Opens the encoder, the microphone and the streams. `size` is that of every frame (of an odd side,
    /// the last column or row is left out), `rate` about how many frames a second will come.
    ///
    /// Receivers that cannot be reached yet are no error: they are tried again, and a note says so.
    ///
    /// # Errors
    /// [`Error::usage`] and [`Error::output`] for what cannot be encoded, or a stream that cannot carry
    /// it; [`Error::input`] for a microphone that cannot be opened.
    pub fn start(size: Size, rate: FrameRate, wishes: Wishes) -> Result<Self> {
        let mut said = Vec::new();
        let (encoder, mut tracks) =
            LiveEncoder::open(size, rate, wishes.quality, wishes.codec.as_deref(), &mut said)?;
        let (crew, notes, done) = (Crew::new(), Notes::default(), Done::default());
        said.into_iter().for_each(|note| notes.say(note));

        let (mut listening, mut sound) = (None, None);
        if let Some(microphone) = &wishes.microphone {
            let (ear, parcels, parameters) = microphone.listen(wishes.began, &notes)?;
            tracks.sound = Some(parameters);
            (listening, sound) = (Some(ear), Some(parcels));
        }
        let (mut feeds, mut streams) = (Vec::new(), Vec::new());
        for address in wishes.streams {
            let codec = tracks.picture.id();
            if address.container().holds(codec) == Some(false) {
                return Err(Error::usage(format!(
                    "cannot stream to {}: it carries no {}, which this FFmpeg encodes",
                    address.shown(),
                    mux_codec::codec_name(codec)
                ))
                .hint("it takes H.264: leave --codec out, and install an FFmpeg with libx264"));
            }
            let (feed, stream) = stream::start(address, &tracks, &crew, &notes)?;
            feeds.push(feed);
            streams.push(stream);
        }

        let (orders, orders_in) = bounded(SHOTS + OTHERS);
        let tally = Arc::<Tally>::default();
        let worker = Worker {
            encoder,
            ring: Ring::new(ticks(wishes.keep), ring::MOST_BYTES),
            recording: None,
            streams: feeds,
            tally: Arc::clone(&tally),
            notes: notes.clone(),
            done: done.clone(),
        };
        spawn("encoder", crew.shift(), move || worker.run(&orders_in, sound))?;
        Ok(Self {
            orders,
            tracks: Mutex::new(tracks),
            tally,
            notes,
            done,
            crew,
            listening,
            streams,
            recording: Mutex::new(None),
            named: Mutex::new(Vec::new()),
        })
    }

    /// Takes a frame that was shown `at` after the beginning; times rise. Never waits: a frame for which
    /// there is no room is dropped and counted.
    pub fn send(&self, frame: Arc<Frame>, at: Duration) {
        let more = |waiting| (waiting < SHOTS).then_some(waiting + 1);
        let has_room = self.tally.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if !has_room || self.orders.try_send(Order::Encode(Shot { frame, at })).is_err() {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins to record, with the next frame, to `path`, or to `path-2` and so on where there is such a
    /// file already. Returns the name. `.mkv`, `.mp4` and `.mov` are known; each plays up to its last
    /// quarter of a second whatever happens to the program. How it ends is told by a note.
    ///
    /// # Errors
    /// [`Error::usage`] for another extension, or while a recording goes on; [`Error::output`] where
    /// nothing can be written.
    pub fn start_recording(&self, path: &Path) -> Result<PathBuf> {
        let mut current = lock(&self.recording);
        if let Some(now) = current.as_ref().and_then(|recording| recording.now()) {
            return Err(Error::usage(format!(
                "cannot record {}: {} is being recorded",
                path.display(),
                now.path.display()
            ))
            .hint("end that recording first"));
        }
        files::check(path)?;
        let asked = path;
        let path = files::free_name(path, files::reserve)?;
        if path != asked {
            self.notes.say(format!("There is {} already: recording {}.", asked.display(), path.display()));
        }
        let started = recording::start(&path, &lock(&self.tracks), &self.crew, &self.notes, &self.done);
        // The name was reserved by an empty file, which is nobody's now.
        let (feed, recording) = started.inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        self.order(Order::Record(feed))?;
        *current = Some(recording);
        Ok(path)
    }

    /// Ends the recording, if there is one. A note tells when its file is complete.
    pub fn stop_recording(&self) {
        if lock(&self.recording).take().is_some() {
            // Should it fail, the encoder's thread is gone, and the recording with it.
            let _ = self.order(Order::StopRecording);
        }
    }

    /// Saves the last seconds, from a key frame on, to `path`, or to `path-2` and so on where there is
    /// such a file already. Returns the name, under which the file stands once it is complete; a note
    /// tells that too.
    ///
    /// # Errors
    /// [`Error::usage`] for another extension than `.mkv`, `.mp4` and `.mov`; [`Error::output`] where
    /// nothing can be written.
    pub fn save_last(&self, path: &Path) -> Result<PathBuf> {
        files::check(path)?;
        let mut named = lock(&self.named);
        let is_free =
            |path: &Path| Ok(!named.iter().any(|name| name == path) && path.symlink_metadata().is_err());
        let path = files::free_name(path, is_free)?;
        let place = Place::new(&path, Existing::Refuse, &[] as &[&Path])?;
        named.push(path.clone());
        let (tracks, notes, done) = (lock(&self.tracks).clone(), self.notes.clone(), self.done.clone());
        let shift = self.crew.shift();
        let save = move |parcels: Vec<_>| {
            let shown = place.path().display().to_string();
            if parcels.is_empty() {
                notes.say(format!("Nothing was saved to {shown}: no frame has come yet."));
                return;
            }
            let failed = notes.clone();
            let started = spawn("clip", shift, move || match files::save(&place, &parcels, &tracks) {
                Ok(clip) => {
                    notes.say(format!("Saved the last {:.1} s to {shown}.", clip.seconds));
                    done.add(clip);
                }
                Err(error) => notes.say(format!("The last seconds are not saved: {error}.")),
            });
            if let Err(error) = started {
                failed.say(format!("The last seconds are not saved: {error}."));
            }
        };
        self.order(Order::Snapshot(Box::new(save)))?;
        Ok(path)
    }

    /// Sentences for people since the last call: streams found and lost, files completed.
    pub fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// What has become of the frames so far.
    pub fn counts(&self) -> Counts {
        counts(&self.tally, lock(&self.recording).as_deref(), &self.streams)
    }

    /// Ends everything within a second: the frames that wait are encoded, files completed, receivers told.
    pub fn finish(self) -> Broadcasted {
        let Self { orders, tally, notes, done, crew, listening, streams, recording, .. } = self;
        listening.iter().for_each(Listening::end);
        streams.iter().for_each(|stream| stream.hurry());
        drop(orders);
        let are_gone = crew.wait(END);
        if !are_gone {
            notes.say(
                "The recording or a stream did not end within a second and is left as it is; what was \
                 recorded can be played.",
            );
        }
        drop(listening);
        let counts = counts(&tally, lock(&recording).as_deref(), &streams);
        let (clips, failures) = done.take();
        Broadcasted { clips, failures, counts, notes: notes.take() }
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.try_send(order).map_err(|error| {
            Error::output(match error {
                TrySendError::Full(_) => "the encoder cannot keep up and takes no orders now",
                TrySendError::Disconnected(_) => "nothing can be recorded any more: the encoder has failed",
            })
            .hint("try again in a moment")
        })
    }
}

fn counts(tally: &Tally, recording: Option<&Recording>, streams: &[Arc<Stream>]) -> Counts {
    Counts {
        encoded: tally.encoded.load(Ordering::Relaxed),
        dropped: tally.dropped.load(Ordering::Relaxed),
        recording: recording.and_then(Recording::now),
        streams: streams.iter().map(|stream| stream.now()).collect(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
