//! The one encoder of a broadcast: every painted frame is encoded once, however many take it.
//!
//! It holds nothing back (no look-ahead, no reordering), puts a key frame where time asks for one, and
//! repeats the codec's headers with each, so that whoever begins there has all it needs.

use super::keys::KeyClock;
use super::parcel::{CLOCK, Parcel, Track, Tracks};
use crate::error::{Error, Result};
use crate::ffmpeg::mux::Container;
use crate::ffmpeg::mux_codec;
use crate::ffmpeg::packet;
use crate::frame::{Frame, Size};
use crate::sink::video::encoder::{Coding, Encoder, Manner, Wish};
use crate::sink::video::{VideoSinkOptions, choice};
use crate::time::{FrameRate, Timestamp};
use ffmpeg_next as ff;
use std::borrow::Cow;

/// What an encoder may be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Constant quality in x264's terms, smaller is better. Default: 20, a little below what films get.
    pub crf: f32,
    /// Whether the processor has better things to do. Default: where it has at most four cores.
    pub effort: Effort,
}

/// How hard the encoder tries to make packets small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As little as can be (x264's `ultrafast`): painting needs the processor.
    Least,
    /// Somewhat more (x264's `veryfast`): packets of half the size for twice the time.
    Little,
}

impl Default for Quality {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { crf: 20.0, effort: if cores <= 4 { Effort::Least } else { Effort::Little } }
    }
}

/// Threads of the encoder: two are enough for 1280x720 at 30 frames a second, and the rest paints.
const THREADS: usize = 2;

/// Frames in, parcels out.
pub(super) struct LiveEncoder {
    inner: Encoder,
    keys: KeyClock,
    size: Size,
    last: Option<i64>,
    /// The codec's headers, for encoders that do not repeat them by themselves.
    headers: Option<Vec<u8>>,
}

impl LiveEncoder {
    /// Opens the encoder for frames of `size`, or a pixel more: 4:2:0 needs even sides, and what is odd
    /// loses its last column or row. `codec` is FFmpeg's name of it, if it is not to be the best there is.
    /// What is second best is said in `notes`.
    ///
    /// # Errors
    /// [`Error::usage`] where the encoder does not take what it is told, or there is none of that name.
    pub(super) fn open(
        size: Size,
        rate: FrameRate,
        quality: Quality,
        codec: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<(Self, Tracks)> {
        crate::ffmpeg::init();
        // It wants headers in front and tells of colours, as do most that the packets will go into.
        let container = Container::by_name("matroska")
            .ok_or_else(|| Error::output("this FFmpeg was built without Matroska, which recordings need"))?;
        let codec = choice::encoder(container, codec, notes)?;
        // Others have presets of other names.
        let preset = matches!(codec.name(), "libx264" | "libx265").then(|| match quality.effort {
            Effort::Least => "ultrafast".to_owned(),
            Effort::Little => "veryfast".to_owned(),
        });
        let crf = mux_codec::has_option(&codec, "crf").then_some(quality.crf);
        let options = VideoSinkOptions { crf, preset, threads: Some(THREADS), ..Default::default() };
        let plausible = (0.1..=1000.0).contains(&rate.fps());
        let rate = if plausible { rate } else { FrameRate::new(25, 1) };
        let nominal_ticks = Timestamp::new(1, rate.time_base()).rescale(CLOCK).ticks.max(1);
        let size = size.even();
        let wish =
            Wish { codec, size, rate, nominal_ticks, container, manner: Manner::Live, options: &options };
        let inner = Encoder::open(&wish, notes)?;
        let picture = inner.parameters();
        let headers = packet::parameters_extradata(&picture);
        let headers = (codec.name() != "libx264" && can_be_repeated(headers)).then(|| headers.to_vec());
        let tracks = Tracks { picture, rate, sound: None };
        Ok((Self { inner, keys: KeyClock::default(), size, last: None, headers }, tracks))
    }

    /// The size of the pictures.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Whether frames of `size` can be encoded.
    pub(super) fn takes(&self, size: Size) -> bool {
        size.width & !1 == self.size.width && size.height & !1 == self.size.height
    }

    /// Encodes the frame shown at `at` (later than the last, or else it counts as the next tick), as a
    /// key frame if that is due or `wanted`, and hands `take` what is ready.
    ///
    /// # Errors
    /// FFmpeg's, if the encoder fails.
    pub(super) fn encode(
        &mut self,
        frame: &Frame,
        at: i64,
        wanted: bool,
        take: impl FnMut(Parcel),
    ) -> Result<(), ff::Error> {
        let at = self.last.map_or(at, |last| at.max(last + 1));
        self.last = Some(at);
        let coding = if self.keys.is_due(at, wanted) { Coding::Key } else { Coding::Free };
        let frame = if frame.size() == self.size {
            Cow::Borrowed(frame)
        } else {
            Cow::Owned(cropped(frame, self.size).ok_or(ff::Error::InputChanged)?)
        };
        self.inner.send_as(frame, at, None, coding)?;
        self.deliver(take);
        Ok(())
    }

    /// Hands out what is left.
    pub(super) fn end(&mut self, take: impl FnMut(Parcel)) -> Result<(), ff::Error> {
        self.inner.end()?;
        self.deliver(take);
        Ok(())
    }

    fn deliver(&mut self, mut take: impl FnMut(Parcel)) {
        while let Some(encoded) = self.inner.next() {
            let is_key = encoded.packet.is_key();
            if is_key {
                self.keys.saw_key(encoded.pts);
            }
            let packet = match &self.headers {
                Some(headers) if is_key => with_headers(encoded.packet, headers),
                _ => encoded.packet,
            };
            let (at, duration) = (encoded.pts, encoded.duration);
            take(Parcel { packet, track: Track::Picture, at, duration, is_key });
        }
    }
}

/// The frame without its last column or row.
fn cropped(frame: &Frame, size: Size) -> Option<Frame> {
    let rows = frame.data().chunks_exact(3 * frame.size().width).take(size.height);
    let data = rows.flat_map(|row| row.iter().take(3 * size.width).copied()).collect();
    Frame::new(size, data)
}

/// Whether headers may stand in front of any key frame: those that begin with a start code, as H.264's, HEVC's
/// and MPEG-4's do. Others belong into the container alone.
fn can_be_repeated(headers: &[u8]) -> bool {
    headers.starts_with(&[0, 0, 1]) || headers.starts_with(&[0, 0, 0, 1])
}

/// A key frame that begins with the codec's headers.
fn with_headers(packet: ff::Packet, headers: &[u8]) -> ff::Packet {
    let data = packet.data().unwrap_or_default();
    if headers.is_empty() || data.starts_with(headers) {
        return packet;
    }
    let mut whole = ff::Packet::copy(&[headers, data].concat());
    whole.set_flags(packet.flags());
    whole
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::parcel::SECOND;
    use super::*;
    use std::sync::Arc;

    /// A bar that moves over a gradient.
    fn frame(size: Size, number: usize) -> Frame {
        let bar = 5 * number % size.width;
        Frame::from_fn(size, |x, y| if x.abs_diff(bar) < 4 { [250, 220, 40] } else { [x as u8, y as u8, 90] })
    }

    /// Frames at ten a second.
    pub(in crate::sink::broadcast) fn parcels(frames: usize) -> (Tracks, Vec<Arc<Parcel>>) {
        parcels_of(None, frames)
    }

    fn parcels_of(codec: Option<&str>, frames: usize) -> (Tracks, Vec<Arc<Parcel>>) {
        let size = Size::new(64, 48);
        let rate = FrameRate::new(10, 1);
        let (mut encoder, tracks) =
            LiveEncoder::open(size, rate, Quality::default(), codec, &mut Vec::new()).unwrap();
        let mut parcels = Vec::new();
        for number in 0..frames {
            let at = number as i64 * SECOND / 10;
            encoder.encode(&frame(size, number), at, false, |parcel| parcels.push(Arc::new(parcel))).unwrap();
        }
        encoder.end(|parcel| parcels.push(Arc::new(parcel))).unwrap();
        (tracks, parcels)
    }

    #[test]
    fn every_frame_comes_out_before_the_next_goes_in() {
        let size = Size::new(65, 49);
        let (mut encoder, _) =
            LiveEncoder::open(size, FrameRate::new(10, 1), Quality::default(), None, &mut Vec::new())
                .unwrap();
        assert_eq!(encoder.size(), Size::new(64, 48));
        assert!(encoder.takes(size) && !encoder.takes(Size::new(66, 48)));
        // An even gap, a long one, none at all, and one that goes back.
        for (number, (at, expected)) in
            [(0, 0), (9000, 9000), (40_000, 40_000), (40_000, 40_001), (100, 40_002)].into_iter().enumerate()
        {
            let mut out = Vec::new();
            encoder.encode(&frame(size, number), at, number == 3, |parcel| out.push(parcel)).unwrap();
            assert_eq!(out.len(), 1);
            assert_eq!(out[0].at, expected);
            assert_eq!(out[0].is_key, matches!(number, 0 | 3), "{number}");
        }
    }

    #[test]
    fn each_key_frame_carries_the_headers() {
        let (tracks, parcels) = parcels(25);
        assert_eq!(parcels.len(), 25);
        if tracks.picture.id() != ff::codec::Id::H264 {
            return;
        }
        for parcel in parcels.iter().filter(|parcel| parcel.is_key) {
            // H.264, 7.4.1: units of type 7 and 8 are the parameter sets.
            let data = parcel.packet.data().unwrap();
            let types: Vec<u8> = data
                .windows(4)
                .filter(|window| window[..3] == [0, 0, 1])
                .map(|window| window[3] & 0x1f)
                .collect();
            assert!(types.contains(&7) && types.contains(&8) && types.contains(&5), "{types:?}");
        }
        assert_eq!(parcels.iter().filter(|parcel| parcel.is_key).count(), 3);
    }

    #[test]
    fn mpeg4_in_the_place_of_a_missing_x264_repeats_its_headers_and_obeys_the_clock_of_keys() {
        let (tracks, parcels) = parcels_of(Some("mpeg4"), 25);
        assert_eq!((tracks.picture.id(), parcels.len()), (ff::codec::Id::MPEG4, 25));
        for (number, parcel) in parcels.iter().enumerate() {
            assert_eq!(parcel.is_key, parcel.packet.is_key());
            assert_eq!(parcel.is_key, number % 10 == 0, "{number}");
            // ISO/IEC 14496-2, 6.3.3: a video object layer begins with a start code from 0x20 to 0x2f.
            let data = parcel.packet.data().unwrap();
            let has_layer = data.windows(4).any(|at| at[..3] == [0, 0, 1] && (0x20..0x30).contains(&at[3]));
            assert_eq!(has_layer, parcel.is_key, "{number}");
        }
    }

    #[test]
    fn headers_are_put_in_front_once() {
        let packet = with_headers(ff::Packet::copy(&[1, 2, 3]), &[9, 8]);
        assert_eq!(packet.data().unwrap(), [9, 8, 1, 2, 3]);
        assert_eq!(with_headers(packet, &[9, 8]).data().unwrap(), [9, 8, 1, 2, 3]);
        assert!(can_be_repeated(&[0, 0, 1, 0xb0]) && can_be_repeated(&[0, 0, 0, 1, 0x67]));
        assert!(!can_be_repeated(&[1, 0x64, 0, 0x1f]) && !can_be_repeated(&[]));
    }
}
