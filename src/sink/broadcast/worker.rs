//! The thread in the middle: frames and sound in, one encoder, packets to everybody.
//!
//! Sound is ready within milliseconds, a picture only when it is painted. So sound waits here for the
//! picture of its time, and every taker gets both in the order of time.

use super::encoder::LiveEncoder;
use super::feed::{Feed, Taker};
use super::notes::Notes;
use super::parcel::{Parcel, SECOND, ticks};
use super::recording::Done;
use super::ring::Ring;
use crate::error::Error;
use crate::ffmpeg::Failure;
use crate::frame::Frame;
use crossbeam_channel::{Receiver, never, select};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How long sound waits for a picture at most: longer than any painter takes, unless none comes.
const SOUND_WAITS: i64 = SECOND;

/// A painted frame and its time since the beginning.
pub(super) struct Shot {
    pub(super) frame: Arc<Frame>,
    pub(super) at: Duration,
}

/// What the worker is told, in the order in which it was said: a recording begins with the first frame
/// after the wish and ends with the last one before.
pub(super) enum Order {
    /// The next frame.
    Encode(Shot),
    /// One more taker: a recording. Another that goes on is ended.
    Record(Feed),
    /// No more recording.
    StopRecording,
    /// What the ring holds.
    Snapshot(Box<dyn FnOnce(Vec<Arc<Parcel>>) + Send>),
}

/// Counts that others read.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Frames that wait for the encoder.
    pub(super) waiting: AtomicUsize,
    /// Frames that became packets.
    pub(super) encoded: AtomicU64,
    /// Frames that came while the encoder had no room, or that it could not take.
    pub(super) dropped: AtomicU64,
}

/// The state of the thread.
pub(super) struct Worker {
    pub(super) encoder: LiveEncoder,
    pub(super) ring: Ring,
    pub(super) recording: Option<Feed>,
    pub(super) streams: Vec<Feed>,
    pub(super) tally: Arc<Tally>,
    pub(super) notes: Notes,
    pub(super) done: Done,
}

impl Worker {
    /// Works until no more orders can come. All feeds are dropped then, which ends their takers.
    pub(super) fn run(self, orders: &Receiver<Order>, sound: Option<Receiver<Parcel>>) {
        let Self { mut encoder, ring, recording, streams, tally, notes, done } = self;
        let mut outlets = Outlets { ring, recording, streams, waiting: VecDeque::new() };
        let mut sound = sound.unwrap_or_else(never);
        let mut has_complained = false;
        loop {
            select! {
                recv(orders) -> order => match order {
                    Ok(Order::Encode(shot)) => {
                        tally.waiting.fetch_sub(1, Ordering::Relaxed);
                        let size = shot.frame.size();
                        if !encoder.takes(size) {
                            tally.dropped.fetch_add(1, Ordering::Relaxed);
                            if !std::mem::replace(&mut has_complained, true) {
                                notes.say(format!(
                                    "A frame of {size} cannot be recorded or streamed: the others are {}.",
                                    encoder.size()
                                ));
                            }
                        } else if let Err(error) = outlets.encode(&mut encoder, &shot, &tally) {
                            let reason = crate::ffmpeg::reason(error);
                            notes.say(format!(
                                "The encoder has failed, so recording and streaming end here: {reason}."
                            ));
                            done.fail(Error::output(format!("the encoder has failed: {reason}")));
                            return;
                        }
                    }
                    Ok(Order::Record(feed)) => outlets.recording = Some(feed),
                    Ok(Order::StopRecording) => outlets.recording = None,
                    Ok(Order::Snapshot(take)) => take(outlets.ring.snapshot()),
                    Err(_) => break,
                },
                recv(sound) -> parcel => match parcel {
                    Ok(parcel) => outlets.hear(parcel),
                    Err(_) => sound = never(),
                },
            }
        }
        // What fails here has given all that it had.
        let _ = encoder.end(|parcel| outlets.show(parcel));
    }
}

/// Where packets go.
struct Outlets {
    ring: Ring,
    recording: Option<Feed>,
    streams: Vec<Feed>,
    /// Sound that waits for the picture of its time.
    waiting: VecDeque<Arc<Parcel>>,
}

impl Outlets {
    fn encode(&mut self, encoder: &mut LiveEncoder, shot: &Shot, tally: &Tally) -> Result<(), Failure> {
        let wanted = self.take_key_wishes();
        encoder.encode(&shot.frame, ticks(shot.at), wanted, |parcel| {
            self.show(parcel);
            tally.encoded.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Sends a picture, after the sound that begins before it.
    fn show(&mut self, parcel: Parcel) {
        self.send_sound(parcel.at);
        self.send(&Arc::new(parcel));
    }

    /// Keeps sound until its picture comes, or has not come for too long.
    fn hear(&mut self, parcel: Parcel) {
        let newest = parcel.at;
        self.waiting.push_back(Arc::new(parcel));
        self.send_sound(newest - SOUND_WAITS);
    }

    fn send(&mut self, parcel: &Arc<Parcel>) {
        self.ring.push(parcel);
        if let Some(feed) = &mut self.recording
            && feed.offer(parcel) == Taker::Gone
        {
            self.recording = None;
        }
        self.streams.retain_mut(|feed| feed.offer(parcel) == Taker::There);
    }

    /// Sends the sound that begins until `until`.
    fn send_sound(&mut self, until: i64) {
        while let Some(parcel) = self.waiting.pop_front_if(|parcel| parcel.at <= until) {
            self.send(&parcel);
        }
    }

    fn take_key_wishes(&self) -> bool {
        let feeds = self.recording.iter().chain(&self.streams);
        // All are asked, so that one key frame answers all.
        feeds.fold(false, |wanted, feed| feed.link.takes_key_wish() | wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parcel::Track;
    use super::*;
    use ffmpeg_next as ff;

    fn parcel(track: Track, at: i64) -> Parcel {
        Parcel { packet: ff::Packet::empty(), track, at, duration: 1, is_key: true }
    }

    #[test]
    fn sound_goes_out_with_the_picture_of_its_time() {
        let (feed, queue) = Feed::new();
        feed.link.open();
        let ring = Ring::new(SECOND, 1000);
        let mut outlets = Outlets { ring, recording: None, streams: vec![feed], waiting: VecDeque::new() };
        assert!(outlets.take_key_wishes() && !outlets.take_key_wishes());
        (0..6).for_each(|n| outlets.hear(parcel(Track::Sound, 100 * n)));
        [50, 250, 300].into_iter().for_each(|at| outlets.show(parcel(Track::Picture, at)));
        let order: Vec<_> = queue.try_iter().map(|parcel| (parcel.at, parcel.track)).collect();
        assert_eq!(order.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 50, 100, 200, 250, 300, 300]);
        assert_eq!(order[6].1, Track::Picture);
        assert_eq!(outlets.waiting.len(), 2);
        // The picture of their time does not come.
        outlets.hear(parcel(Track::Sound, 450 + SOUND_WAITS));
        assert_eq!(queue.try_iter().map(|parcel| parcel.at).collect::<Vec<_>>(), [400]);
        drop(queue);
        outlets.show(parcel(Track::Picture, 500));
        assert!(outlets.streams.is_empty());
    }
}
