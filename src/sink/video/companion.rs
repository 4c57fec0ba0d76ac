//! Everything of a film that is not its picture: sound, subtitles, covers, attachments, chapters and
//! tags, carried over from the companion.
//!
//! Packets are read only as far as the painted picture has come, so memory stays small, and written
//! in the order of time. Nothing is decoded that the container can hold as it is.

use super::destination::write_error;
use super::options::Companion;
use super::route::{self, Route};
use crate::error::{Error, Result};
use crate::ffmpeg::{mux, mux::Container, packet};
use crate::time::{TimeBase, Timestamp};
use ff::format::context::{Input, Output};
use ff::format::stream::Disposition;
use ff::media::Type;
use ffmpeg_next as ff;
use std::collections::VecDeque;
use std::ffi::CStr;

/// Tags that describe the old file or its old pictures, not the film.
const STALE_TAGS: &[&CStr] =
    &[c"encoder", c"major_brand", c"minor_version", c"compatible_brands", c"duration"];
const STALE_VIDEO_TAGS: &[&CStr] = &[
    c"encoder",
    c"rotate",
    c"vendor_id",
    c"DURATION",
    c"BPS",
    c"NUMBER_OF_FRAMES",
    c"NUMBER_OF_BYTES",
    c"_STATISTICS_WRITING_APP",
    c"_STATISTICS_WRITING_DATE_UTC",
    c"_STATISTICS_TAGS",
];
const STALE_COPY_TAGS: &[&CStr] = &[c"encoder", c"vendor_id", c"DURATION"];

/// How far ahead packets are looked at before the header is written.
const PEEKED_PACKETS: usize = 400;
/// Clocks of transport streams that start later than this (seconds) are set back to zero.
const CLOCK_KEPT_S: i64 = 10;
/// Files interleave their streams loosely: this long (seconds) after the end nothing is missing.
const INTERLEAVING_S: i64 = 5;

/// The companion, open, and where each of its streams goes.
pub(super) struct CompanionReader {
    input: Input,
    routes: Vec<Route>,
    pending: VecDeque<ff::Packet>,
    video: Option<usize>,
    start: Option<Timestamp>,
    /// Where the copied part ends, on the companion's clock.
    end: Option<Timestamp>,
    /// Added to every time.
    offset: Timestamp,
    /// Whether packets that begin before the cut stay, to be skipped by an edit list.
    keeps_overlap: bool,
    covers: Vec<(usize, ff::Packet)>,
    done: bool,
}

impl CompanionReader {
    /// Opens the film and decides what becomes of each stream. Streams are added to `out`, whose
    /// header is yet to be written.
    pub(super) fn open(
        companion: &Companion,
        container: Container,
        out: &mut Output,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let name = companion.path.display();
        let cannot = |error: ff::Error| {
            Error::input(format!("cannot read the sound of {name}: {error}"))
                .hint("see what `ffprobe` says about the file")
        };
        let input = mux::open_input(&companion.path).map_err(cannot)?;
        let video = main_video(&input);
        let micros = TimeBase::new(1, 1_000_000);
        let beginning =
            companion.start.unwrap_or(Timestamp::new(mux::start_time(&input).unwrap_or(0), micros));
        let end = companion.duration.map(|duration| route::add(beginning, duration));
        let mut reader = Self {
            routes: Vec::new(),
            pending: VecDeque::new(),
            video,
            start: companion.start,
            end,
            offset: offset(companion, &input, notes),
            keeps_overlap: container.has_edit_lists(),
            covers: Vec::new(),
            done: false,
            input,
        };
        reader.plan(container, notes);
        reader.seek_and_peek();
        reader.add_streams(container, out).map_err(|error| write_error(&name.to_string(), error))?;
        reader.copy_descriptions(out);
        Ok(reader)
    }

    /// Decides what becomes of each stream, and has the reader skip the others.
    fn plan(&mut self, container: Container, notes: &mut Vec<String>) {
        let global_header = container.flags().contains(ff::format::Flags::GLOBAL_HEADER);
        let routes: Vec<Route> = self
            .input
            .streams()
            .map(|stream| {
                if Some(stream.index()) == self.video {
                    Route::Skip
                } else {
                    route::plan(&stream, container, global_header, notes)
                }
            })
            .collect();
        for (index, route) in routes.iter().enumerate() {
            if !route.reads_packets() {
                mux::discard(&mut self.input, index);
            }
        }
        self.done = !routes.iter().any(Route::reads_packets);
        self.routes = routes;
    }

    /// Goes to the start and looks at the first packets, whose times decide how the header is written.
    fn seek_and_peek(&mut self) {
        if self.done {
            return;
        }
        if let Some(start) = self.start {
            // A second early: audio is not always stored beside its picture. A film that cannot be
            // seeked is read from its beginning.
            let micros = start.rescale(TimeBase::new(1, 1_000_000)).ticks - 1_000_000;
            let _ = self.input.seek(micros, ..micros + 1);
        }
        let mut unseen: Vec<bool> = self.routes.iter().map(Route::is_audio).collect();
        while unseen.iter().any(|&unseen| unseen) && self.pending.len() < PEEKED_PACKETS {
            let Some(packet) = self.read() else { break };
            unseen[packet.stream()] = false;
            self.pending.push_back(packet);
        }
    }

    /// The next packet of a stream that goes somewhere; `None` at the end or where the file breaks.
    fn read(&mut self) -> Option<ff::Packet> {
        loop {
            let mut packet = ff::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if self.routes.get(packet.stream()).is_some_and(Route::reads_packets) => {
                    return Some(packet);
                }
                // Demuxers find their way after damage.
                Ok(()) | Err(ff::Error::InvalidData) => {}
                Err(_) => return None,
            }
        }
    }

    fn add_streams(&mut self, container: Container, out: &mut Output) -> Result<(), ff::Error> {
        for (index, route) in self.routes.iter_mut().enumerate() {
            let Some(stream) = self.input.stream(index) else { continue };
            let added = match route {
                Route::Skip => continue,
                Route::Attachment { tags } => {
                    let tags: Vec<(&str, &str)> =
                        tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                    let data = packet::attached_picture(&stream);
                    let data = data.as_ref().and_then(|picture| picture.data());
                    let id = stream.parameters().id();
                    mux::add_attachment(out, id, data.unwrap_or(packet::extradata(&stream)), &tags)?;
                    continue;
                }
                Route::Cover => {
                    let added = mux::add_copy(out, &stream, None)?;
                    self.covers.extend(packet::attached_picture(&stream).map(|picture| (added, picture)));
                    added
                }
                Route::Copy(copy) => {
                    let rate = packet::sample_rate(&stream);
                    let padding = (container.is_matroska() && self.start.is_none() && rate > 0)
                        .then(|| self.pending.iter().find(|packet| packet.stream() == index)?.pts())
                        .flatten()
                        .map(|pts| Timestamp::new(pts, copy.base).rescale(TimeBase::new(1, rate)).ticks)
                        .filter(|&samples| samples < 0)
                        .and_then(|samples| i32::try_from(-samples).ok());
                    let added = mux::add_copy(out, &stream, padding)?;
                    copy.go_to(added, container, out);
                    added
                }
                Route::Audio { transcoder, copy } => {
                    let added = transcoder.add_stream(out)?;
                    copy.go_to(added, container, out);
                    added
                }
                Route::Subtitle { transcoder, copy } => {
                    let added = transcoder.add_stream(out)?;
                    copy.go_to(added, container, out);
                    added
                }
            };
            mux::copy_stream_tags(&stream, out, added, STALE_COPY_TAGS);
            mux::set_disposition(out, added, stream.disposition());
        }
        Ok(())
    }

    /// Tags and chapters.
    fn copy_descriptions(&self, out: &mut Output) {
        mux::copy_tags(&self.input, out, STALE_TAGS);
        if let Some(stream) = self.video.and_then(|video| self.input.stream(video)) {
            mux::copy_stream_tags(&stream, out, 0, STALE_VIDEO_TAGS);
            // The picture stays the default or the forced one that it was.
            mux::set_disposition(out, 0, stream.disposition());
        }
        let ms = TimeBase::new(1, 1000);
        let offset = self.offset.rescale(ms).ticks;
        let length = self.end.map_or(i64::MAX, |end| end.rescale(ms).ticks.saturating_add(offset));
        for chapter in self.input.chapters() {
            let base = crate::ffmpeg::time_base(chapter.time_base());
            let moved = |ticks| Timestamp::new(ticks, base).rescale(ms).ticks.saturating_add(offset);
            let (start, end) = (moved(chapter.start()).max(0), moved(chapter.end()).min(length));
            if end > start {
                // A chapter that cannot be stored is no reason to lose the film.
                let _ = mux::copy_chapter(&chapter, out, start, end);
            }
        }
    }

    /// Sample rates of the audio that goes into the file.
    pub(super) fn sample_rates(&self) -> Vec<i32> {
        self.input
            .streams()
            .zip(&self.routes)
            .filter(|(_, route)| route.is_audio())
            .map(|(stream, _)| packet::sample_rate(&stream))
            .filter(|&rate| rate > 0)
            .collect()
    }

    /// Added to every time of the film, so that picture and sound stay together.
    pub(super) fn offset(&self) -> Timestamp {
        self.offset
    }

    /// Moves everything later by `by`, for pictures that would begin before zero.
    pub(super) fn move_later(&mut self, by: Timestamp) {
        self.offset = route::add(self.offset, by);
    }

    /// Writes what is due by `until` (on the new film's clock), or all that is left.
    pub(super) fn advance(&mut self, out: &mut Output, until: Option<Timestamp>) -> Result<(), ff::Error> {
        for (stream, mut picture) in std::mem::take(&mut self.covers) {
            picture.set_stream(stream);
            picture.set_pts(Some(0));
            picture.set_dts(Some(0));
            packet::write(&mut picture, out)?;
        }
        while !self.done {
            let Some(packet) = self.pending.pop_front().or_else(|| self.read()) else {
                self.done = true;
                break;
            };
            let base = self.routes[packet.stream()].base();
            let time = packet.dts().or(packet.pts()).map(|ticks| Timestamp::new(ticks, base));
            if let (Some(time), Some(until)) = (time, until)
                && route::add(time, self.offset) > until
            {
                self.pending.push_front(packet);
                break;
            }
            if let (Some(time), Some(end)) = (time, self.end)
                && time >= route::add(end, Timestamp::new(INTERLEAVING_S, TimeBase::new(1, 1)))
            {
                self.done = true;
                break;
            }
            if self.is_within(&packet, base) {
                let offset = self.offset;
                self.routes[packet.stream()].write(packet, offset, out)?;
            }
        }
        Ok(())
    }

    /// Whether the packet belongs to the copied part.
    fn is_within(&self, packet: &ff::Packet, base: TimeBase) -> bool {
        let Some(pts) = packet.pts().or(packet.dts()) else { return true };
        let at = Timestamp::new(pts, base);
        if self.end.is_some_and(|end| at >= end) {
            return false;
        }
        let Some(start) = self.start else { return true };
        let overlaps = Timestamp::new(pts.saturating_add(packet.duration()), base) > start;
        let may_overlap = self.keeps_overlap || !self.routes[packet.stream()].is_audio();
        at >= start || (may_overlap && overlaps)
    }

    /// Writes the rest, up to `end` (on the new film's clock) where the picture ends early.
    pub(super) fn finish(&mut self, out: &mut Output, end: Option<Timestamp>) -> Result<(), ff::Error> {
        if let Some(end) = end {
            let back = Timestamp::new(-self.offset.ticks, self.offset.base);
            let end = route::add(end, back);
            self.end = Some(self.end.map_or(end, |own| own.min(end)));
        }
        self.advance(out, None)?;
        let offset = self.offset;
        self.routes.iter_mut().try_for_each(|route| route.finish(offset, out))
    }
}

/// What is added to the film's times: the cut's start becomes zero, and so does the start of a
/// transport stream's clock, which may stand at any hour.
fn offset(companion: &Companion, input: &Input, notes: &mut Vec<String>) -> Timestamp {
    let back = |at: Timestamp| Timestamp::new(-at.ticks, at.base);
    let micros = TimeBase::new(1, 1_000_000);
    if let Some(start) = companion.start {
        return back(start);
    }
    let start = mux::start_time(input).unwrap_or(0);
    if mux::has_arbitrary_clock(input) && start > CLOCK_KEPT_S * 1_000_000 {
        notes.push(format!(
            "The clock of {} starts at {:.3} s; the painted film starts at 0.",
            companion.path.display(),
            start as f64 / 1e6
        ));
        return back(Timestamp::new(start, micros));
    }
    Timestamp::new(0, micros)
}

/// FFmpeg's choice of the main picture, which is not a cover.
fn main_video(input: &Input) -> Option<usize> {
    let is_film = |stream: &ff::Stream<'_>| {
        stream.parameters().medium() == Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    };
    let best = input.streams().best(Type::Video).filter(is_film);
    best.or_else(|| input.streams().find(is_film)).map(|stream| stream.index())
}
