//! From a file to decoded pictures: demuxing, decoding on several threads, seeking, and keeping count
//! of what was damaged.
//!
//! Damage never ends a film: whatever decodes after it is handed out, and [`Damage`] says afterwards
//! what was lost.

use super::probe::{Probe, describe};
use super::{open, rational, reason};
use crate::error::{Error, Result};
use crate::time::TimeBase;
use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use std::path::Path;

/// What could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Pieces of the film that were marked broken, or that the decoder refused or had to patch.
    pub pieces: u64,
    /// The file ends before the film does, or reading it failed.
    pub cut_short: bool,
}

/// How often in a row reading may fail before it counts as hopeless. Tuned: demuxers that find their
/// way back do so within a few tries.
const HOPELESS: u32 = 64;

/// A film being decoded: its best video stream.
pub struct Decoder {
    input: ff::format::context::Input,
    video: ff::decoder::Video,
    stream: usize,
    base: TimeBase,
    probe: Probe,
    damage: Damage,
    draining: bool,
    failures: u32,
}

impl Decoder {
    /// Opens the film at `path` for decoding on `threads` threads (0: as many as there are cores), as a
    /// container or device of `format` where that is given.
    ///
    /// # Errors
    /// [`Error::input`] where the file cannot be read, has no moving picture, or FFmpeg has no decoder
    /// for it.
    pub fn open(path: &Path, format: Option<&str>, threads: usize) -> Result<Self> {
        let mut input = open::open_as(path, format)?;
        let probe = describe(path, &input)?;
        let stream = probe.video_stream;
        let shown = path.display();
        let gone = || Error::input(format!("cannot read {shown}: its moving picture cannot be found again"));
        let damage = Damage { cut_short: ends_early(&input, stream), ..Damage::default() };
        let (parameters, base, wants_alpha) = {
            let stream = input.stream(stream).ok_or_else(gone)?;
            let wants_alpha = stream.metadata().get("alpha_mode") == Some("1");
            (stream.parameters(), super::time_base(stream.time_base()), wants_alpha)
        };
        // FFmpeg's own VP8 and VP9 decoders leave transparency out; libvpx's do not.
        let with_alpha = wants_alpha
            .then(|| match probe.codec.as_str() {
                "vp8" => ff::decoder::find_by_name("libvpx"),
                "vp9" => ff::decoder::find_by_name("libvpx-vp9"),
                _ => None,
            })
            .flatten();
        let codec = with_alpha.or_else(|| find_decoder(&parameters)).ok_or_else(|| {
            Error::input(format!("cannot read {shown}: this FFmpeg has no decoder for {}", probe.codec))
                .hint("install an FFmpeg with more codecs, or convert the film to H.264 first")
        })?;
        let refused = |error| {
            Error::input(format!(
                "cannot read {shown}: the decoder for {} does not start: {}",
                probe.codec,
                reason(error)
            ))
            .hint("copy or download it again, or convert it to H.264 first")
        };
        let mut decoder = ff::codec::Context::from_parameters(parameters).map_err(refused)?.decoder();
        decoder.set_packet_time_base(rational(base));
        #[expect(unsafe_code, reason = "the wrapper's setter turns frame and slice threads into one of them")]
        // SAFETY: the context is ours and not opened yet; a plain field is written.
        unsafe {
            (*decoder.as_mut_ptr()).thread_count = i32::try_from(threads).unwrap_or(0);
        }
        let video = decoder.open_as(codec).and_then(ff::codec::decoder::Opened::video).map_err(refused)?;
        ignore_other_streams(&mut input, stream);
        Ok(Self { input, video, stream, base, probe, damage, draining: false, failures: 0 })
    }

    /// What the file says of itself.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The base of the pictures' timestamps.
    pub fn time_base(&self) -> TimeBase {
        self.base
    }

    /// What was lost so far.
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// Forgets the broken pieces met so far.
    pub fn forget_damage(&mut self) {
        self.damage.pieces = 0;
    }

    /// Decodes the next picture into `frame`, in presentation order; `false` at the end.
    pub fn decode(&mut self, frame: &mut ff::frame::Video) -> bool {
        loop {
            match self.video.receive_frame(frame) {
                Ok(()) => {
                    self.failures = 0;
                    if frame.is_corrupt() || frame.has_decode_errors() {
                        self.damage.pieces += 1;
                    }
                    return true;
                }
                Err(ff::Error::Eof) => return false,
                Err(ff::Error::Other { errno: ff::error::EAGAIN }) if !self.draining => self.feed(),
                Err(_) => {
                    self.damage.pieces += 1;
                    self.failures += 1;
                    if self.draining && self.failures > HOPELESS {
                        return false;
                    }
                    if self.failures > HOPELESS {
                        self.drain();
                    }
                }
            }
        }
    }

    /// Reads packets until one of the video stream has gone into the decoder, or the file ends.
    fn feed(&mut self) {
        loop {
            let mut packet = ff::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => continue,
                Ok(()) => {
                    self.failures = 0;
                    if packet.is_corrupt() {
                        self.damage.pieces += 1;
                    }
                    if self.video.send_packet(&packet).is_err() {
                        self.damage.pieces += 1;
                    }
                    return;
                }
                Err(ff::Error::Eof) => return self.drain(),
                Err(error) => {
                    self.damage.pieces += 1;
                    self.failures += 1;
                    // A demuxer may find its way back after invalid data; other failures stay.
                    if error != ff::Error::InvalidData || self.failures > HOPELESS {
                        self.damage.cut_short = true;
                        return self.drain();
                    }
                }
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.failures = 0;
        // Can only say that the decoder is draining already.
        let _ = self.video.send_eof();
    }

    /// Goes to the last key picture at or before `ticks` (of [`Decoder::time_base`]), as far as the
    /// container knows; `false` where the file cannot be sought in. The next picture may still lie
    /// before or, in some containers, after it.
    pub fn seek(&mut self, ticks: i64) -> bool {
        #[expect(unsafe_code, reason = "the wrapper seeks only in microseconds over all streams")]
        // SAFETY: the context is valid and the stream exists.
        let code = unsafe {
            ffi::avformat_seek_file(
                self.input.as_mut_ptr(),
                self.stream as i32,
                i64::MIN,
                ticks,
                ticks,
                ffi::AVSEEK_FLAG_BACKWARD,
            )
        };
        self.video.flush();
        self.draining = false;
        self.failures = 0;
        code >= 0
    }
}

/// FFmpeg's first choice of a decoder for a stream.
fn find_decoder(parameters: &ff::codec::Parameters) -> Option<ff::Codec> {
    #[expect(unsafe_code, reason = "the wrapper panics on codecs newer than itself")]
    // SAFETY: the parameters are borrowed, hence valid; a codec is static data or null.
    unsafe {
        let codec = ffi::avcodec_find_decoder((*parameters.as_ptr()).codec_id);
        (!codec.is_null()).then(|| ff::Codec::wrap(codec))
    }
}

/// Tells the demuxer to skip all streams but one.
fn ignore_other_streams(input: &mut ff::format::context::Input, keep: usize) {
    for index in 0..input.nb_streams() as usize {
        if let Some(mut stream) = input.stream_mut(index).filter(|_| index != keep) {
            #[expect(unsafe_code, reason = "the wrapper has no setter")]
            // SAFETY: the stream is borrowed mutably from its context; a plain field is written.
            unsafe {
                (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL;
            }
        }
    }
}

/// Whether the container's index points beyond the end of the file.
fn ends_early(input: &ff::format::context::Input, stream: usize) -> bool {
    let (Some(size), Some(stream)) = (input.io_size(), input.stream(stream)) else { return false };
    #[expect(unsafe_code, reason = "the wrapper does not show the index")]
    // SAFETY: the stream is borrowed from a valid context; entries are valid until the next read, and
    // null where there is none. FFmpeg's signature asks for a mutable stream but only reads.
    unsafe {
        let stream = stream.as_ptr().cast_mut();
        (0..ffi::avformat_index_get_entries_count(stream)).rev().any(|i| {
            ffi::avformat_index_get_entry(stream, i)
                .as_ref()
                .is_some_and(|entry| entry.pos.saturating_add(i64::from(entry.size().max(0))) > size)
        })
    }
}
