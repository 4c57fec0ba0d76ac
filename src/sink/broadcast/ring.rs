//! The last seconds, encoded and kept in memory, for whoever presses the key after it has happened.
//!
//! Packets are kept in groups that begin with a key frame, because only from there they can be played.

use super::parcel::{Parcel, SECOND, Track};
use std::collections::VecDeque;
use std::sync::Arc;

/// Packets of the last `length` ticks, and of at most so many bytes.
pub(super) struct Ring {
    length: i64,
    most_bytes: usize,
    parcels: VecDeque<Arc<Parcel>>,
    bytes: usize,
}

impl Ring {
    /// Empty, for `length` ticks of the broadcast's clock, at least a second of them (shorter than that,
    /// no group is complete), and `most_bytes` bytes.
    pub(super) fn new(length: i64, most_bytes: usize) -> Self {
        Self { length: length.max(SECOND), most_bytes, parcels: VecDeque::new(), bytes: 0 }
    }

    /// Takes the newest packet and lets go of what is too old.
    pub(super) fn push(&mut self, parcel: &Arc<Parcel>) {
        if self.parcels.is_empty() && !begins(parcel) {
            return;
        }
        self.parcels.push_back(Arc::clone(parcel));
        self.bytes += parcel.packet.size();
        let newest = parcel.at;
        while let Some(next) = self.next_group() {
            let is_old = newest - self.parcels[next].at >= self.length;
            if !is_old && self.bytes <= self.most_bytes {
                return;
            }
            self.drop_front(next);
        }
        // One group alone is too large, which takes a key frame that never came.
        if self.bytes > self.most_bytes {
            self.drop_front(self.parcels.len());
        }
    }

    /// What is kept, oldest first, from a key frame on; empty before the first.
    pub(super) fn snapshot(&self) -> Vec<Arc<Parcel>> {
        self.parcels.iter().cloned().collect()
    }

    /// Where the second group begins.
    fn next_group(&self) -> Option<usize> {
        self.parcels.iter().skip(1).position(|parcel| begins(parcel)).map(|at| at + 1)
    }

    fn drop_front(&mut self, count: usize) {
        self.bytes -= self.parcels.drain(..count).map(|parcel| parcel.packet.size()).sum::<usize>();
    }
}

fn begins(parcel: &Parcel) -> bool {
    parcel.track == Track::Picture && parcel.is_key
}

/// The memory that ten seconds may take at most: 13 Mbit/s for ten seconds are 16 MB, and noise under a
/// constant quality is a few times that.
pub(super) const MOST_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg_next as ff;

    fn parcel(at: i64, is_key: bool, bytes: usize) -> Arc<Parcel> {
        let packet = ff::Packet::new(bytes);
        Arc::new(Parcel { packet, track: Track::Picture, at, duration: 3000, is_key })
    }

    /// Ten frames a second, a key each second.
    fn run(ring: &mut Ring, frames: i64, bytes: usize) {
        for n in 0..frames {
            ring.push(&parcel(n * SECOND / 10, n % 10 == 0, bytes));
        }
    }

    #[test]
    fn it_holds_the_wanted_time_from_a_key_on() {
        let mut ring = Ring::new(10 * SECOND, MOST_BYTES);
        for frames in [1, 5, 95, 100, 101, 109, 110, 111, 1234] {
            ring.parcels.clear();
            ring.bytes = 0;
            run(&mut ring, frames, 10);
            let kept = ring.snapshot();
            assert!(kept[0].is_key);
            let span = kept.last().unwrap().at - kept[0].at;
            assert_eq!(kept.last().unwrap().at, (frames - 1) * SECOND / 10);
            assert!(span >= (10 * SECOND).min((frames - 1) * SECOND / 10), "{frames}: {span}");
            assert!(span < 11 * SECOND, "{frames}: {span}");
            assert_eq!(ring.bytes, 10 * kept.len());
        }
    }

    #[test]
    fn it_never_holds_more_bytes_than_allowed() {
        let mut ring = Ring::new(10 * SECOND, 3500);
        run(&mut ring, 500, 100);
        assert!(ring.bytes <= 3500 && ring.snapshot()[0].is_key);
        // A group that is too large by itself goes, and all until the next key frame.
        let mut ring = Ring::new(10 * SECOND, 500);
        run(&mut ring, 19, 100);
        assert!(ring.snapshot().is_empty());
        run(&mut ring, 3, 100);
        assert_eq!(ring.snapshot().len(), 3);
    }

    #[test]
    fn nothing_is_kept_before_the_first_key() {
        let mut ring = Ring::new(10 * SECOND, MOST_BYTES);
        ring.push(&parcel(0, false, 10));
        assert!(ring.snapshot().is_empty());
    }
}
