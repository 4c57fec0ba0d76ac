//! Films: frames encoded as they come, together with everything else of the film they were painted
//! from.
//!
//! The walk of a frame: `encoder` turns it into packets with their true times, `companion` writes the
//! sound and subtitles due by then, the container takes both; `destination` keeps the unfinished file
//! under another name until `verify` has read it back. `docs/MEDIA.md` tells what each container
//! can keep.

pub(super) mod audio;
pub(super) mod choice;
mod companion;
mod destination;
pub(super) mod encoder;
mod options;
mod palette;
mod quality;
mod route;
mod timing;
mod verify;

pub use options::{Companion, Existing, Output, VideoSinkOptions};

use self::companion::CompanionReader;
use self::destination::{Destination, write_error};
use self::encoder::{Encoder, Manner, Wish};
use super::{Ending, Finished, FrameSink};
use crate::error::{Error, Result};
use crate::ffmpeg::{self, mux, mux::Container, packet, tags};
use crate::frame::Size;
use crate::source::TimedFrame;
use crate::time::{FrameRate, TimeBase, Timestamp};
use ff::format::Flags;
use ffmpeg_next as ff;

/// Writes a film. Nothing stands under its final name before [`FrameSink::finish`] has succeeded.
pub struct VideoSink {
    // In this order: the container is closed before the unfinished file is removed.
    out: ff::format::context::Output,
    destination: Destination,
    container: Container,
    encoder: Encoder,
    companion: Option<CompanionReader>,
    clock: Clock,
    size: Size,
    frames: u64,
    last_dts: Option<i64>,
    notes: Vec<String>,
}

/// The times of the pictures.
struct Clock {
    /// The unit in which the encoder's times are kept.
    base: TimeBase,
    rate: FrameRate,
    /// Whether the container shows every frame equally long.
    constant: bool,
    offset: Timestamp,
    /// First, last and end of last, in ticks of `base` on the new clock.
    seen: Option<(i64, i64, i64)>,
    /// The farthest that a frame was moved to fit a constant rate, in seconds.
    moved_seconds: f64,
}

impl VideoSink {
    /// Prepares everything up to the first frame: whatever can be known to fail fails here.
    ///
    /// `size` is that of every frame, `frame_rate` the nominal rate, `time_base` that of the frames'
    /// timestamps (the container's clock is made fine enough for it).
    ///
    /// # Errors
    /// Usage errors for what contradicts itself (an unknown codec, a codec that the container cannot
    /// hold, the film being read as output), output errors for files that cannot be written, input
    /// errors for a companion that cannot be read.
    pub fn create(
        output: &Output,
        size: Size,
        frame_rate: FrameRate,
        time_base: TimeBase,
        options: &VideoSinkOptions,
    ) -> Result<Self> {
        ffmpeg::init();
        let container = destination::container(output, options.format.as_deref())?;
        let mut notes = Vec::new();
        let codec = choice::encoder(container, options.codec.as_deref(), &mut notes)?;
        let destination = Destination::prepare(output, options)?;

        // Files lie about their rate, and clocks of nanoseconds overflow the fields of containers.
        let plausible = (0.1..=1000.0).contains(&frame_rate.fps());
        let frame_rate = if plausible { frame_rate } else { FrameRate::new(25, 1) };
        let too_fine = i64::from(time_base.den) > 10_000_000 * i64::from(time_base.num);
        let time_base = if too_fine { TimeBase::new(1, 1_000_000) } else { time_base };
        let constant = holds_constant_rate_only(container);
        let base = if constant { frame_rate.time_base() } else { time_base };
        let nominal_ticks = Timestamp::new(1, frame_rate.time_base()).rescale(base).ticks.max(1);
        let wish =
            Wish { codec, size, rate: frame_rate, nominal_ticks, container, manner: Manner::Film, options };
        let encoder = Encoder::open(&wish, &mut notes)?;

        let failed = |error| write_error(destination.name(), error);
        let mut out = destination::open(container, &destination)?;
        let mut stream = out.add_stream_with(encoder.context()).map_err(failed)?;
        stream.set_time_base(ffmpeg::rational(base));
        stream.set_avg_frame_rate((frame_rate.num, frame_rate.den));
        if constant {
            stream.set_rate((frame_rate.num, frame_rate.den));
        }
        let companion = options
            .companion
            .as_ref()
            .map(|companion| CompanionReader::open(companion, container, &mut out, &mut notes))
            .transpose()?;
        tags::write_provenance(&mut out, container, options.provenance.as_ref());
        if container.is_matroska() {
            // Sound that begins before zero is announced as codec delay, or as it is. Others that cannot
            // go below zero (FLV, NUT) move all streams later by the pictures' reordering.
            mux::keep_negative_times(&mut out);
        }
        let rates = companion.as_ref().map(CompanionReader::sample_rates).unwrap_or_default();
        let settings = header_settings(container, &destination, base, &rates);
        out.write_header_with(settings)
            .map_err(|error| header_error(container, codec.name(), failed(error)))?;

        let offset = companion.as_ref().map_or(Timestamp::new(0, base), CompanionReader::offset);
        let clock = Clock { base, rate: frame_rate, constant, offset, seen: None, moved_seconds: 0.0 };
        Ok(Self {
            out,
            destination,
            container,
            encoder,
            companion,
            clock,
            size,
            frames: 0,
            last_dts: None,
            notes,
        })
    }

    /// What there is to say so far: codecs replaced, streams left out. Said again by `finish`.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Writes the packets that are ready, each after the sound that is due by then.
    fn write_ready(&mut self) -> Result<(), ff::Error> {
        while let Some(encoded) = self.encoder.next() {
            let base = self.clock.base;
            if let Some(companion) = &mut self.companion {
                companion.advance(&mut self.out, Some(Timestamp::new(encoded.dts, base)))?;
            }
            let to = self.out.stream(0).ok_or(ff::Error::StreamNotFound)?.time_base();
            let to = ffmpeg::time_base(to);
            let ticks = |ticks| Timestamp::new(ticks, base).rescale(to).ticks;
            let mut packet = encoded.packet;
            let (pts, mut dts) = (ticks(encoded.pts), ticks(encoded.dts));
            // A coarser clock may round two decoding times to one.
            if let Some(last) = self.last_dts
                && dts <= last
                && last < pts
            {
                dts = last + 1;
            }
            self.last_dts = Some(dts);
            packet.set_pts(Some(pts));
            packet.set_dts(Some(dts));
            packet.set_duration(ticks(encoded.duration));
            packet.set_stream(0);
            packet::write(&mut packet, &mut self.out)?;
        }
        Ok(())
    }

    fn error(&self, error: ff::Error) -> Error {
        write_error(self.destination.name(), error)
    }
}

impl FrameSink for VideoSink {
    fn write(&mut self, frame: TimedFrame) -> Result<()> {
        if frame.frame.size() != self.size {
            return Err(Error::output(format!(
                "frame {} is {}, but the film {} is {}",
                frame.index,
                frame.frame.size(),
                self.destination.name(),
                self.size
            ))
            .hint("give every frame of a film the same size"));
        }
        if self.clock.seen.is_none() {
            let late = self.clock.begin(frame.timestamp);
            if let (Some(late), Some(companion)) = (late, &mut self.companion) {
                companion.move_later(late);
            }
        }
        let (ticks, duration) = self.clock.place(&frame).ok_or_else(|| {
            Error::output(format!(
                "frame {} of {} does not come after the one before it",
                frame.index,
                self.destination.name()
            ))
            .hint("give frames in the order in which they are shown")
        })?;
        self.encoder.send(frame.frame, ticks, Some(duration)).map_err(|error| self.error(error))?;
        self.frames += 1;
        self.write_ready().map_err(|error| self.error(error))
    }

    fn finish(self: Box<Self>, ending: Ending) -> Result<Finished> {
        let mut sink = *self;
        let Some((first, _, end)) = sink.clock.seen else {
            return Err(Error::output(format!(
                "nothing was written to {}: no frame was painted",
                sink.destination.name()
            ))
            .hint("check that the film has pictures in the chosen part"));
        };
        let base = sink.clock.base;
        let sound_end = (ending == Ending::Interrupted).then(|| Timestamp::new(end, base));
        let mut complete = || -> Result<(), ff::Error> {
            sink.encoder.end()?;
            sink.write_ready()?;
            if let Some(companion) = &mut sink.companion {
                companion.finish(&mut sink.out, sound_end)?;
            }
            sink.out.write_trailer()?;
            packet::flush(&mut sink.out)
        };
        complete().map_err(|error| write_error(sink.destination.name(), error))?;
        let Self { out, destination, container, clock, frames, mut notes, .. } = sink;
        drop(out);
        notes.extend(clock.note(container));
        if let Some(part) = destination.part() {
            let seconds = Timestamp::new(end - first, base).seconds();
            let frame_seconds = 1.0 / clock.rate.fps();
            let expected = verify::Expected { frames, seconds, frame_seconds };
            verify::verify(part, destination.name(), container, expected)?;
        }
        let path = destination.publish()?;
        Ok(Finished { path, frames, notes })
    }
}

impl Clock {
    /// Sets the clock by the first frame. A film cannot begin before its zero: then everything moves
    /// later, by the time returned.
    fn begin(&mut self, first: Timestamp) -> Option<Timestamp> {
        let start = route::add(first, self.offset);
        if start.ticks >= 0 {
            return None;
        }
        let late = Timestamp::new(-start.ticks, start.base);
        self.offset = route::add(late, self.offset);
        Some(late)
    }

    /// A frame's time and duration in ticks of `base`; `None` if it does not come after the last.
    fn place(&mut self, frame: &TimedFrame) -> Option<(i64, i64)> {
        let exact = route::add(frame.timestamp, self.offset);
        let mut at = exact.rescale(self.base).ticks;
        let mut duration = frame
            .duration_ticks
            .filter(|&ticks| ticks > 0)
            .map(|ticks| Timestamp::new(ticks, frame.timestamp.base).rescale(self.base).ticks)
            .unwrap_or_else(|| Timestamp::new(1, self.rate.time_base()).rescale(self.base).ticks)
            .max(1);
        let first = self.seen.map_or(at, |(first, ..)| first);
        if let Some((_, last, _)) = self.seen {
            if self.constant {
                at = last + 1;
            } else if at <= last {
                return None;
            }
        }
        if self.constant {
            duration = 1;
            let off = Timestamp::new(at, self.base).seconds() - exact.seconds();
            self.moved_seconds = self.moved_seconds.max(off.abs());
        }
        self.seen = Some((first, at, at + duration));
        Some((at, duration))
    }

    /// What a constant rate has cost.
    fn note(&self, container: Container) -> Option<String> {
        (self.moved_seconds > 0.75 / self.rate.fps()).then(|| {
            format!(
                "{} shows every frame equally long ({} a second): frames were moved by up to {:.3} s.",
                container.name(),
                self.rate,
                self.moved_seconds
            )
        })
    }
}

/// Containers that count frames instead of timing them.
fn holds_constant_rate_only(container: Container) -> bool {
    // The flag for variable rates says less than it seems: MP4 lacks it in some versions.
    container.flags().contains(Flags::NO_TIMESTAMPS)
        || matches!(
            container.name(),
            "avi" | "dv" | "gxf" | "mxf" | "mxf_d10" | "mxf_opatom" | "rm" | "swf" | "yuv4mpegpipe"
        )
}

/// The muxer's own settings: exact clocks, and a header in front where that helps.
fn header_settings<'a>(
    container: Container,
    destination: &Destination,
    base: TimeBase,
    sample_rates: &[i32],
) -> ff::Dictionary<'a> {
    let mut settings = ff::Dictionary::new();
    if !container.has_edit_lists() {
        return settings;
    }
    // Without going back, the index comes in pieces, after the first of which the sound is known.
    settings.set(
        "movflags",
        if destination.is_seekable() { "+faststart" } else { "+frag_keyframe+delay_moov+default_base_moof" },
    );
    let mut timescale = i64::from(base.den);
    while timescale < 10_000 {
        timescale *= 2;
    }
    settings.set("video_track_timescale", &timescale.to_string());
    // Starts of streams are counted in this unit: one that divides them all keeps them exact.
    let common = sample_rates.iter().fold(timescale, |common, &rate| {
        let rate = i64::from(rate);
        let both = common / gcd(common, rate) * rate;
        if both <= i64::from(i32::MAX) / 8 { both } else { common }
    });
    settings.set("movie_timescale", &common.max(1000).to_string());
    settings
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

fn header_error(container: Container, codec: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("{error} ({} with {codec} video)", container.name()))
        .hint(error.next_step().unwrap_or("try another container, for example -o painted.mkv").to_owned())
}
