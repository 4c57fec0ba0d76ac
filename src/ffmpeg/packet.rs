//! Packets on their way into a container: written at once, with times carried from one clock to
//! another without drift.

use crate::time::{TimeBase, Timestamp};
use ff::ffi::*;
use ff::packet::Mut as _;
use ffmpeg_next as ff;

/// Writes one packet now, in the order of the calls. The wrapper's interleaving would hold back
/// seconds of pictures wherever a subtitle stream is silent.
#[expect(unsafe_code, reason = "the wrapper takes a positive answer other than 1 for an error")]
pub fn write(packet: &mut ff::Packet, out: &mut ff::format::context::Output) -> Result<(), ff::Error> {
    // SAFETY: both are valid and borrowed mutably; the call does not keep the packet.
    match unsafe { av_write_frame(out.as_mut_ptr(), packet.as_mut_ptr()) } {
        code if code < 0 => Err(ff::Error::from(code)),
        _ => Ok(()),
    }
}

/// The same packet once more, with times of its own: its bytes are shared, not copied.
#[expect(unsafe_code, reason = "the wrapper's clone copies the bytes")]
pub fn share(packet: &ff::Packet) -> Result<ff::Packet, ff::Error> {
    use ff::packet::Ref as _;
    let mut shared = ff::Packet::empty();
    // SAFETY: the new packet is blank, and becomes a second owner of the counted buffer; packets that are
    // handed to muxers are not changed in place while others own them too.
    match unsafe { av_packet_ref(shared.as_mut_ptr(), packet.as_ptr()) } {
        code if code < 0 => Err(ff::Error::from(code)),
        _ => Ok(shared),
    }
}

/// Hands on what a muxer itself still holds (Matroska's open cluster), then empties the buffers.
#[expect(unsafe_code, reason = "the wrapper has no packet that is none")]
pub fn flush_muxer(out: &mut ff::format::context::Output) -> Result<(), ff::Error> {
    // SAFETY: the context is open and its header written; no packet means "flush".
    match unsafe { av_write_frame(out.as_mut_ptr(), std::ptr::null_mut()) } {
        code if code < 0 => Err(ff::Error::from(code)),
        _ => flush(out),
    }
}

/// Empties the writer's buffers, so that a full disk is noticed.
#[expect(unsafe_code, reason = "the wrapper cannot flush")]
pub fn flush(out: &mut ff::format::context::Output) -> Result<(), ff::Error> {
    // SAFETY: the context is open; `pb` is null for containers without a file.
    unsafe {
        let io = (*out.as_mut_ptr()).pb;
        if !io.is_null() {
            avio_flush(io);
            if (*io).error < 0 {
                return Err(ff::Error::from((*io).error));
            }
        }
    }
    Ok(())
}

/// Carries the times of an audio stream from a coarse clock to one of samples: Matroska's rounded
/// milliseconds become the sample counts they stand for.
#[derive(Debug)]
pub struct AudioClock {
    sample_rate: i32,
    last: i64,
}

impl AudioClock {
    /// For audio of `sample_rate` Hz.
    pub fn new(sample_rate: i32) -> Self {
        Self { sample_rate: sample_rate.max(1), last: AV_NOPTS_VALUE }
    }

    /// The time `at`, of a packet of `samples`, in ticks of `to`.
    #[expect(unsafe_code, reason = "the wrapper lacks this function")]
    pub fn rescale(&mut self, at: Timestamp, samples: i32, to: TimeBase) -> i64 {
        let rational = |base: TimeBase| AVRational { num: base.num, den: base.den };
        // SAFETY: `last` is the state that FFmpeg keeps between calls; bases are positive, and
        // `samples` and `at` are checked by the caller below.
        unsafe {
            av_rescale_delta(
                rational(at.base),
                at.ticks,
                AVRational { num: 1, den: self.sample_rate },
                samples.max(0),
                &mut self.last,
                rational(to),
            )
        }
    }
}

/// How many samples a packet of this stream holds, or 0 where its codec does not tell.
#[expect(unsafe_code, reason = "the wrapper lacks this function")]
pub fn samples(stream: &ff::Stream<'_>, packet: &ff::Packet) -> i32 {
    let size = i32::try_from(packet.size()).unwrap_or(i32::MAX);
    // SAFETY: the parameters belong to the stream and are only read.
    unsafe { av_get_audio_frame_duration2((*stream.as_ptr()).codecpar, size) }.max(0)
}

/// The sample rate of an audio stream, or 0.
#[expect(unsafe_code, reason = "the wrapper does not show it")]
pub fn sample_rate(stream: &ff::Stream<'_>) -> i32 {
    // SAFETY: a plain field of the stream's parameters.
    unsafe { (*(*stream.as_ptr()).codecpar).sample_rate }
}

/// A stream's codec tag as four letters, for messages.
#[expect(unsafe_code, reason = "the wrapper does not show it")]
pub fn tag(stream: &ff::Stream<'_>) -> String {
    // SAFETY: a plain field of the stream's parameters.
    let tag = unsafe { (*(*stream.as_ptr()).codecpar).codec_tag };
    tag.to_le_bytes().iter().map(|&b| if b.is_ascii_graphic() { b as char } else { '?' }).collect()
}

/// A stream's private header: for an attachment, the file itself.
#[expect(unsafe_code, reason = "the wrapper does not show it")]
pub fn extradata<'a>(stream: &'a ff::Stream<'_>) -> &'a [u8] {
    // SAFETY: a stream has parameters, which live as long as its context.
    unsafe { header((*stream.as_ptr()).codecpar) }
}

/// The private header in a codec's parameters.
#[expect(unsafe_code, reason = "the wrapper does not show it")]
pub fn parameters_extradata(parameters: &ff::codec::Parameters) -> &[u8] {
    // SAFETY: the parameters are borrowed, and own their header.
    unsafe { header(parameters.as_ptr()) }
}

#[expect(unsafe_code, reason = "FFmpeg's C interface")]
/// # Safety
/// `parameters` are valid for `'a`, and not changed meanwhile.
unsafe fn header<'a>(parameters: *const AVCodecParameters) -> &'a [u8] {
    // SAFETY: as this function's own; pointer and length belong together.
    unsafe {
        match usize::try_from((*parameters).extradata_size) {
            Ok(size) if size > 0 && !(*parameters).extradata.is_null() => {
                std::slice::from_raw_parts((*parameters).extradata, size)
            }
            _ => &[],
        }
    }
}

/// The picture attached to a stream (a film's cover), if it is one.
#[expect(unsafe_code, reason = "the wrapper does not show it")]
pub fn attached_picture(stream: &ff::Stream<'_>) -> Option<ff::Packet> {
    if !stream.disposition().contains(ff::format::stream::Disposition::ATTACHED_PIC) {
        return None;
    }
    // SAFETY: the packet belongs to the stream, which outlives this call; its bytes are copied.
    let data = unsafe {
        let packet = &(*stream.as_ptr()).attached_pic;
        let size = usize::try_from(packet.size).ok().filter(|&size| size > 0 && !packet.data.is_null())?;
        std::slice::from_raw_parts(packet.data, size)
    };
    let mut packet = ff::Packet::copy(data);
    packet.set_flags(ff::packet::Flags::KEY);
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_milliseconds_become_samples_again() {
        // AAC at 44.1 kHz in Matroska: 1024 samples are 23.22 ms, stored as 0, 23, 46, 70, 93.
        let mut clock = AudioClock::new(44_100);
        let (ms, hz) = (TimeBase::new(1, 1000), TimeBase::new(1, 44_100));
        let ticks: Vec<_> =
            [0, 23, 46, 70, 93].map(|t| clock.rescale(Timestamp::new(t, ms), 1024, hz)).to_vec();
        assert_eq!(ticks, [0, 1024, 2048, 3072, 4096]);
    }
}
