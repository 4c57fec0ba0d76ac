//! Text subtitles from one codec to another. The wrapper neither frees decoded subtitles nor hands
//! the style header from the decoder to the encoder, without which text encoders refuse to open.

use ff::ffi::*;
use ff::packet::Ref as _;
use ffmpeg_next as ff;
use std::ptr;

/// Room for one encoded subtitle; FFmpeg's own command uses as much.
const ROOM: usize = 1 << 20;

/// A decoder and an encoder for text subtitles.
pub struct SubtitleTranscoder {
    decoder: ff::codec::Context,
    encoder: ff::codec::Context,
    buffer: Vec<u8>,
}

/// One subtitle, encoded.
#[derive(Debug, Clone)]
pub struct EncodedSubtitle {
    /// Its bytes.
    pub data: Vec<u8>,
    /// When it appears, in milliseconds after its packet's own time.
    pub delay_ms: i64,
    /// How long it stays, in milliseconds; `None` where only its packet says.
    pub duration_ms: Option<i64>,
}

impl SubtitleTranscoder {
    /// From the codec of `stream` to `codec`.
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    pub fn new(stream: &ff::Stream<'_>, codec: ff::codec::Id) -> Result<Self, ff::Error> {
        let decoder_codec = ff::decoder::find(stream.parameters().id()).ok_or(ff::Error::DecoderNotFound)?;
        let encoder_codec = ff::encoder::find(codec).ok_or(ff::Error::EncoderNotFound)?;
        let mut decoder = ff::codec::Context::from_parameters(stream.parameters())?;
        let mut encoder = ff::codec::Context::new_with_codec(encoder_codec);
        // SAFETY: both contexts are fresh and owned; the header is copied into a block that FFmpeg frees
        // with the encoder, with the terminating zero it expects.
        unsafe {
            (*decoder.as_mut_ptr()).pkt_timebase = stream.time_base().into();
            (*decoder.as_mut_ptr()).time_base = stream.time_base().into();
            check(avcodec_open2(decoder.as_mut_ptr(), decoder_codec.as_ptr(), ptr::null_mut()))?;
            let (from, to) = (&*decoder.as_ptr(), &mut *encoder.as_mut_ptr());
            to.time_base = AVRational { num: 1, den: 1000 };
            if let Ok(size) = usize::try_from(from.subtitle_header_size)
                && !from.subtitle_header.is_null()
            {
                to.subtitle_header = av_mallocz(size + 1).cast();
                if to.subtitle_header.is_null() {
                    return Err(ff::Error::Other { errno: ff::error::ENOMEM });
                }
                ptr::copy_nonoverlapping(from.subtitle_header, to.subtitle_header, size);
                to.subtitle_header_size = from.subtitle_header_size;
            }
            check(avcodec_open2(encoder.as_mut_ptr(), encoder_codec.as_ptr(), ptr::null_mut()))?;
        }
        Ok(Self { decoder, encoder, buffer: vec![0; ROOM] })
    }

    /// Adds a stream for the encoded subtitles, and returns its index.
    pub fn add_stream(&self, out: &mut ff::format::context::Output) -> Result<usize, ff::Error> {
        let mut stream = out.add_stream_with(&self.encoder)?;
        stream.set_time_base((1, 1000));
        Ok(stream.index())
    }

    /// Decodes and encodes one packet; `None` where it holds nothing to show.
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    pub fn transcode(&mut self, packet: &ff::Packet) -> Result<Option<EncodedSubtitle>, ff::Error> {
        let mut subtitle = Decoded(ff::Subtitle::new());
        let mut got = 0;
        // SAFETY: `subtitle` receives what its drop frees; the buffer is as long as stated.
        unsafe {
            check(avcodec_decode_subtitle2(
                self.decoder.as_mut_ptr(),
                subtitle.0.as_mut_ptr(),
                &mut got,
                packet.as_ptr().cast_mut(),
            ))?;
            let decoded = &mut *subtitle.0.as_mut_ptr();
            if got == 0 || decoded.num_rects == 0 {
                return Ok(None);
            }
            let (start, end) = (decoded.start_display_time, decoded.end_display_time);
            // The packet carries the start from here on; encoders count from 0.
            decoded.end_display_time = end.saturating_sub(start);
            decoded.start_display_time = 0;
            let size = avcodec_encode_subtitle(
                self.encoder.as_mut_ptr(),
                self.buffer.as_mut_ptr(),
                ROOM as i32,
                decoded,
            );
            check(size)?;
            let timed = end > start && end != u32::MAX;
            Ok(self.buffer.get(..size as usize).filter(|data| !data.is_empty()).map(|data| EncodedSubtitle {
                data: data.to_vec(),
                delay_ms: i64::from(start),
                duration_ms: timed.then(|| i64::from(end - start)),
            }))
        }
    }
}

/// A decoded subtitle that is freed.
struct Decoded(ff::Subtitle);

impl Drop for Decoded {
    #[expect(unsafe_code, reason = "the wrapper never frees it")]
    fn drop(&mut self) {
        // SAFETY: it was made by FFmpeg or is all zero.
        unsafe { avsubtitle_free(self.0.as_mut_ptr()) };
    }
}

fn check(code: i32) -> Result<(), ff::Error> {
    if code < 0 { Err(ff::Error::from(code)) } else { Ok(()) }
}

/// A packet with these bytes.
pub fn packet(data: &[u8]) -> ff::Packet {
    let mut packet = ff::Packet::copy(data);
    packet.set_flags(ff::packet::Flags::KEY);
    packet
}
