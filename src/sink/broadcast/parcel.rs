//! What travels from the encoder to everybody who wants it: one packet with its time, shared and never
//! copied. All of a broadcast ticks on one clock, that of transport streams, which is finer than any
//! camera and from which every container's own can be made.

use crate::time::{FrameRate, TimeBase, Timestamp};
use ffmpeg_next as ff;
use std::time::Duration;

/// The clock of a broadcast.
pub(super) const CLOCK: TimeBase = TimeBase { num: 1, den: 90_000 };

/// A second of [`CLOCK`].
pub(super) const SECOND: i64 = 90_000;

/// A time since the beginning, in ticks of [`CLOCK`].
pub(super) fn ticks(at: Duration) -> i64 {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    Timestamp::new(micros, TimeBase::new(1, 1_000_000)).rescale(CLOCK).ticks
}

/// Ticks of [`CLOCK`] in seconds, for people.
pub(super) fn seconds(ticks: i64) -> f64 {
    Timestamp::new(ticks, CLOCK).seconds()
}

/// What a packet belongs to. Also its stream's number in every container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Track {
    Picture = 0,
    Sound = 1,
}

/// One encoded packet. Nothing is reordered: it is decoded when it is shown.
pub(super) struct Parcel {
    pub(super) packet: ff::Packet,
    pub(super) track: Track,
    /// When it is shown or heard, in ticks of [`CLOCK`].
    pub(super) at: i64,
    /// How long, in the same ticks; nominal for pictures, whose true length only the next one tells.
    pub(super) duration: i64,
    /// Whether decoding can begin here.
    pub(super) is_key: bool,
}

/// What every container must know before the first packet.
#[derive(Clone)]
pub(super) struct Tracks {
    pub(super) picture: ff::codec::Parameters,
    pub(super) rate: FrameRate,
    pub(super) sound: Option<ff::codec::Parameters>,
}
