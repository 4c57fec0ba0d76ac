//! Where one stream of the companion goes: copied as it is, turned into what the container holds, or
//! left out, which is said.

use super::audio::AudioTranscoder;
use crate::ffmpeg::mux::{self, Container};
use crate::ffmpeg::mux_subtitle::{self, SubtitleTranscoder};
use crate::ffmpeg::packet::{self, AudioClock};
use crate::ffmpeg::{self, mux_codec};
use crate::time::{TimeBase, Timestamp};
use ff::codec::Id;
use ff::format::context::Output;
use ff::format::stream::Disposition;
use ff::media::Type;
use ffmpeg_next as ff;

/// What becomes of a stream.
pub(super) enum Route {
    Skip,
    Copy(Copy),
    Audio {
        transcoder: Box<AudioTranscoder>,
        copy: Copy,
    },
    Subtitle {
        transcoder: Box<SubtitleTranscoder>,
        copy: Copy,
    },
    /// A picture that stands for the film, as a stream of its own.
    Cover,
    /// A file in the film, with its tags.
    Attachment {
        tags: Vec<(String, String)>,
    },
}

/// Packets carried over, with their times moved to the new clock.
pub(super) struct Copy {
    /// The stream they go to.
    stream: usize,
    /// The clock they come with.
    pub(super) base: TimeBase,
    kind: Type,
    /// For audio whose clock is coarser than its samples.
    clock: Option<AudioClock>,
    last_dts: Option<i64>,
    /// Added to every time besides the film's own offset, in samples of Opus (1/48000 s).
    delay: i64,
}

/// The sum of two times, in the ticks of the first.
pub(super) fn add(a: Timestamp, b: Timestamp) -> Timestamp {
    Timestamp::new(a.ticks.saturating_add(b.rescale(a.base).ticks), a.base)
}

/// Decides for one stream that is not the painted picture.
pub(super) fn plan(
    stream: &ff::Stream<'_>,
    container: Container,
    global_header: bool,
    notes: &mut Vec<String>,
) -> Route {
    let (index, id) = (stream.index(), stream.parameters().id());
    let kind = stream.parameters().medium();
    let codec = mux_codec::codec_name(id);
    let into = container.name();
    let mut left_out = |what: &str, why: &str| {
        notes.push(format!("{what} (stream {index}) is left out: {why}."));
        Route::Skip
    };
    let holds = container.holds(id);
    match kind {
        Type::Audio if holds.is_none() && container.default_codec(Type::Audio) == Id::None => {
            left_out(&format!("The {codec} audio"), &format!("{into} holds no sound"))
        }
        Type::Audio if holds != Some(false) => Route::Copy(Copy::new(stream)),
        Type::Audio => match AudioTranscoder::new(stream, container, global_header) {
            Ok(transcoder) => {
                let to = transcoder.codec_name();
                notes.push(format!(
                    "The audio (stream {index}, {codec}) is encoded anew as {to}: {into} cannot hold {codec}."
                ));
                let mut copy = Copy::new(stream);
                copy.clock = None;
                Route::Audio { transcoder: Box::new(transcoder), copy }
            }
            Err(error) => left_out(
                &format!("The {codec} audio"),
                &format!("{into} cannot hold it, and it cannot be encoded anew ({error})"),
            ),
        },
        Type::Subtitle if holds == Some(true) => Route::Copy(Copy::new(stream)),
        Type::Subtitle if mux_codec::is_text(id) => {
            let wanted = text_codec(container);
            match wanted.map(|wanted| SubtitleTranscoder::new(stream, wanted)) {
                Some(Ok(transcoder)) => {
                    Route::Subtitle { transcoder: Box::new(transcoder), copy: Copy::new(stream) }
                }
                Some(Err(error)) => {
                    left_out(&format!("The {codec} subtitle"), &format!("it cannot be converted ({error})"))
                }
                None => left_out(&format!("The {codec} subtitle"), &format!("{into} holds no subtitles")),
            }
        }
        Type::Subtitle => left_out(
            &format!("The {codec} subtitle"),
            &format!("it is made of pictures, which {into} cannot hold"),
        ),
        Type::Video if stream.disposition().contains(Disposition::ATTACHED_PIC) => {
            let name = if id == Id::PNG { ("cover.png", "image/png") } else { ("cover.jpg", "image/jpeg") };
            if container.name() == "matroska" && matches!(id, Id::PNG | Id::MJPEG) {
                let tags = vec![("filename".into(), name.0.into()), ("mimetype".into(), name.1.into())];
                Route::Attachment { tags }
            } else if container.has_edit_lists() && holds == Some(true) {
                Route::Cover
            } else {
                left_out("The cover picture", &format!("{into} cannot hold it"))
            }
        }
        Type::Video => left_out("A further picture", "only one is painted"),
        Type::Attachment if container.name() == "matroska" => Route::Attachment { tags: file_tags(stream) },
        Type::Attachment => left_out("An attached file", &format!("{into} cannot hold it")),
        _ => {
            // Time codes and chapter marks are made anew by the muxer from the tags.
            let tag = packet::tag(stream);
            if matches!(tag.as_str(), "tmcd" | "text") || id == Id::BIN_DATA && tag == "????" {
                Route::Skip
            } else {
                left_out(&format!("A data stream ({tag})"), "it would not fit the painted picture")
            }
        }
    }
}

/// An attachment's name and kind; Matroska refuses files without.
fn file_tags(stream: &ff::Stream<'_>) -> Vec<(String, String)> {
    let tags = stream.metadata();
    let tag = |key: &str, default: String| (key.to_owned(), tags.get(key).map_or(default, str::to_owned));
    vec![
        tag("filename", format!("attachment-{}", stream.index())),
        tag("mimetype", "application/octet-stream".into()),
    ]
}

/// The kind of text subtitle that the container holds.
fn text_codec(container: Container) -> Option<Id> {
    [Id::SUBRIP, Id::MOV_TEXT, Id::WEBVTT, Id::ASS, container.default_codec(Type::Subtitle)]
        .into_iter()
        .find(|&id| container.holds(id) == Some(true) && mux_codec::is_text(id))
}

impl Route {
    /// Whether packets of the stream are wanted.
    pub(super) fn reads_packets(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::Audio { .. } | Self::Subtitle { .. })
    }

    /// Whether it carries sound.
    pub(super) fn is_audio(&self) -> bool {
        match self {
            Self::Copy(copy) => copy.kind == Type::Audio,
            Self::Audio { .. } => true,
            _ => false,
        }
    }

    /// The clock of the packets that come in.
    pub(super) fn base(&self) -> TimeBase {
        match self {
            Self::Copy(copy) | Self::Audio { copy, .. } | Self::Subtitle { copy, .. } => copy.base,
            _ => TimeBase::new(1, 1),
        }
    }

    /// Writes what becomes of one packet.
    pub(super) fn write(
        &mut self,
        packet: ff::Packet,
        offset: Timestamp,
        out: &mut Output,
    ) -> Result<(), ff::Error> {
        match self {
            Self::Copy(copy) => {
                let base = copy.base;
                copy.write(packet, base, offset, out)
            }
            Self::Audio { transcoder, copy } => {
                let base = ffmpeg::time_base(transcoder.time_base());
                let packets = transcoder.transcode(Some(&packet))?;
                packets.into_iter().try_for_each(|packet| copy.write(packet, base, offset, out))
            }
            Self::Subtitle { transcoder, copy } => {
                // One unreadable line is no reason to lose the film.
                let Ok(Some(text)) = transcoder.transcode(&packet) else { return Ok(()) };
                let ms = TimeBase::new(1, 1000);
                let in_ms = |ticks| Timestamp::new(ticks, copy.base).rescale(ms).ticks;
                let Some(pts) = packet.pts().or(packet.dts()) else { return Ok(()) };
                let pts = in_ms(pts) + text.delay_ms;
                let mut encoded = mux_subtitle::packet(&text.data);
                encoded.set_pts(Some(pts));
                encoded.set_dts(Some(pts));
                encoded.set_duration(text.duration_ms.unwrap_or_else(|| in_ms(packet.duration())));
                copy.write(encoded, ms, offset, out)
            }
            Self::Skip | Self::Cover | Self::Attachment { .. } => Ok(()),
        }
    }

    /// Writes what an encoder still holds.
    pub(super) fn finish(&mut self, offset: Timestamp, out: &mut Output) -> Result<(), ff::Error> {
        let Self::Audio { transcoder, copy } = self else { return Ok(()) };
        let base = ffmpeg::time_base(transcoder.time_base());
        let packets = transcoder.transcode(None)?;
        packets.into_iter().try_for_each(|packet| copy.write(packet, base, offset, out))
    }
}

impl Copy {
    fn new(stream: &ff::Stream<'_>) -> Self {
        let base = ffmpeg::time_base(stream.time_base());
        let kind = stream.parameters().medium();
        let rate = packet::sample_rate(stream);
        let coarse = i64::from(base.num) * i64::from(rate) > i64::from(base.den);
        let clock = (kind == Type::Audio && coarse).then(|| AudioClock::new(rate));
        Self { stream: 0, base, kind, clock, last_dts: None, delay: 0 }
    }

    /// Says which stream of `out` the packets go to.
    pub(super) fn go_to(&mut self, stream: usize, container: Container, out: &Output) {
        self.stream = stream;
        self.delay = mux::uncounted_delay(out, stream, container);
    }

    /// Writes a packet whose times are in `base`.
    fn write(
        &mut self,
        mut packet: ff::Packet,
        base: TimeBase,
        offset: Timestamp,
        out: &mut Output,
    ) -> Result<(), ff::Error> {
        let Some(stream) = out.stream(self.stream) else { return Err(ff::Error::StreamNotFound) };
        let to = ffmpeg::time_base(stream.time_base());
        let delay = Timestamp::new(self.delay, TimeBase::new(1, 48_000));
        let moved = |ticks: i64| add(add(Timestamp::new(ticks, base), offset), delay);
        let samples = if self.clock.is_some() { packet::samples(&stream, &packet) } else { 0 };
        let mut dts = packet.dts().or(packet.pts()).map(moved);
        let mut pts = packet.pts().map_or(dts, |pts| Some(moved(pts)));
        let mut duration = packet.duration().max(0);
        if self.kind == Type::Subtitle
            && let Some(at) = pts
            && at.ticks < 0
        {
            // It was already on when the cut began.
            duration = duration.saturating_add(at.ticks).max(1);
            (pts, dts) = (Some(Timestamp::new(0, base)), Some(Timestamp::new(0, base)));
        }
        let mut dts = match (dts, &mut self.clock) {
            (Some(at), Some(clock)) if samples > 0 => Some(clock.rescale(at, samples, to)),
            (at, _) => at.map(|at| at.rescale(to).ticks),
        };
        let mut pts = match self.kind {
            Type::Audio => dts,
            _ => pts.map(|at| at.rescale(to).ticks),
        };
        // Muxers refuse times that stand still; damaged or coarsely clocked files have them.
        if let Some(last) = self.last_dts
            && dts.is_none_or(|dts| dts <= last)
        {
            dts = Some(last + i64::from(self.kind != Type::Subtitle));
        }
        pts = pts.max(dts);
        self.last_dts = dts;
        packet.set_dts(dts);
        packet.set_pts(pts);
        packet.set_duration(Timestamp::new(duration, base).rescale(to).ticks);
        packet.set_position(-1);
        packet.set_stream(self.stream);
        packet::write(&mut packet, out)
    }
}
