//! The bounded queue between the encoder and one taker, seen from the encoder's side.
//!
//! The encoder never waits. When a taker's queue is full, what follows is of no use to it until the next
//! key frame, because everything before that builds upon what is missing: so all of it is dropped, and
//! counted.

use super::parcel::{Parcel, Track};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Packets that may wait for a taker: two seconds of thirty pictures and of sound, so that a short
/// trouble of a disk or a network passes without a loss.
const QUEUE: usize = 160;

/// What a taker and the encoder know of each other beside the queue.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Whether the taker can use anything now.
    is_open: AtomicBool,
    /// Set by a taker that would begin, cleared by the encoder when it makes a key frame.
    wants_key: AtomicBool,
    dropped: AtomicU64,
}

impl Link {
    /// From now on packets are wanted, from a key frame on, which should come soon.
    pub(super) fn open(&self) {
        self.wants_key.store(true, Ordering::Relaxed);
        self.is_open.store(true, Ordering::Release);
    }

    /// Packets are of no use for now.
    pub(super) fn close(&self) {
        self.is_open.store(false, Ordering::Release);
    }

    /// Whether a key frame is wanted that was not asked for yet; the answer is given once.
    pub(super) fn takes_key_wish(&self) -> bool {
        self.wants_key.swap(false, Ordering::Relaxed)
    }

    /// Counts packets that were queued and could not be used.
    pub(super) fn drop_more(&self, packets: u64) {
        self.dropped.fetch_add(packets, Ordering::Relaxed);
    }

    /// Packets that were made and never taken.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The encoder's end of a queue.
pub(super) struct Feed {
    queue: Sender<Arc<Parcel>>,
    pub(super) link: Arc<Link>,
    waits_for_key: bool,
}

/// Whether the taker is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taker {
    There,
    Gone,
}

impl Feed {
    /// A queue, closed until its [`Link`] is opened, and the taker's end of it.
    pub(super) fn new() -> (Self, Receiver<Arc<Parcel>>) {
        let (queue, receiver) = bounded(QUEUE);
        (Self { queue, link: Arc::default(), waits_for_key: true }, receiver)
    }

    /// Hands on a packet if it is of use and there is room. Never waits.
    pub(super) fn offer(&mut self, parcel: &Arc<Parcel>) -> Taker {
        if !self.link.is_open.load(Ordering::Acquire) {
            self.waits_for_key = true;
            self.link.drop_more(1);
            return Taker::There;
        }
        let is_picture = parcel.track == Track::Picture;
        if is_picture && self.waits_for_key && !parcel.is_key {
            self.link.drop_more(1);
            return Taker::There;
        }
        match self.queue.try_send(Arc::clone(parcel)) {
            Ok(()) => self.waits_for_key &= !is_picture,
            Err(TrySendError::Full(_)) => {
                self.waits_for_key |= is_picture;
                self.link.drop_more(1);
            }
            Err(TrySendError::Disconnected(_)) => return Taker::Gone,
        }
        Taker::There
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg_next as ff;

    fn picture(at: i64, is_key: bool) -> Arc<Parcel> {
        let packet = ff::Packet::empty();
        Arc::new(Parcel { packet, track: Track::Picture, at, duration: 1, is_key })
    }

    #[test]
    fn a_full_queue_drops_up_to_the_next_key() {
        let (mut feed, queue) = Feed::new();
        feed.link.open();
        assert!(feed.link.takes_key_wish() && !feed.link.takes_key_wish());
        for n in 0..QUEUE as i64 + 5 {
            feed.offer(&picture(n, n == 0));
        }
        assert_eq!((queue.len(), feed.link.dropped()), (QUEUE, 5));
        // There is room again, but this one builds upon what is missing.
        queue.recv().unwrap();
        feed.offer(&picture(900, false));
        assert_eq!((queue.len(), feed.link.dropped()), (QUEUE - 1, 6));
        feed.offer(&picture(901, true));
        assert_eq!((queue.len(), feed.link.dropped()), (QUEUE, 6));
        assert_eq!(queue.iter().take(QUEUE).last().unwrap().at, 901);
    }

    #[test]
    fn a_closed_taker_gets_nothing_and_begins_again_with_a_key() {
        let (mut feed, queue) = Feed::new();
        feed.offer(&picture(0, true));
        feed.link.open();
        feed.offer(&picture(1, false));
        feed.offer(&picture(2, true));
        feed.offer(&picture(3, false));
        feed.link.close();
        feed.offer(&picture(4, true));
        feed.link.open();
        feed.offer(&picture(5, false));
        assert_eq!(queue.try_iter().map(|parcel| parcel.at).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(feed.link.dropped(), 4);
        drop(queue);
        assert_eq!(feed.offer(&picture(6, true)), Taker::Gone);
    }
}
