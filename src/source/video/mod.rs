//! Films as a source of frames: every frame, at its exact time, upright, in true colours.
//!
//! FFmpeg decodes on its own threads; this keeps the times strict, finds the first frame asked for,
//! follows changes in the middle of a film, and says in words what was unusual or damaged.

mod convert;
mod first;

use crate::error::{Error, Result};
use crate::ffmpeg::colour::{Colour, Light};
use crate::ffmpeg::decode::Decoder;
use crate::ffmpeg::orient::Orientation;
use crate::ffmpeg::picture::{Layout, Picture};
use crate::ffmpeg::probe::{Probe, orientation_of_frame, square_size};
use crate::frame::{Frame, FrameIndex, Size};
use crate::source::{FrameSource, SourceInfo, TimedFrame};
use crate::time::{TimeBase, Timestamp};
use convert::{Converter, Moment, Shape, can_convert};
use std::collections::VecDeque;
use std::path::Path;

/// How much earlier than promised a film may end before it counts as torn; tuned: writers round, and
/// some count the last frame's duration twice.
const TORN_SECONDS: f64 = 0.5;

/// Which part of a film is read, and how.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VideoOptions {
    /// Seconds from the film's beginning to the first frame. Default: the beginning.
    pub start: Option<f64>,
    /// Seconds to read. Default: to the end.
    pub duration: Option<f64>,
    /// The longest side handed out; smaller films are never enlarged. Default: the film's own.
    pub size: Option<usize>,
    /// What kind of input it is, by FFmpeg's name, for devices that have no file ("x11grab"). Default: by
    /// its content.
    pub format: Option<String>,
    /// Threads that decode; 0, the default, means as many as there are cores.
    pub threads: usize,
}

/// The part of a film that is read, in ticks of its moving picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The time of the first frame, where a start was asked for.
    pub start: Option<Timestamp>,
    /// How long the part is, where a duration was asked for. The film may end before.
    pub duration: Option<Timestamp>,
}

/// A film being read.
pub struct VideoSource {
    name: String,
    info: SourceInfo,
    probe: Probe,
    decoder: Decoder,
    clock: Clock,
    span: Span,
    /// The first tick that is no longer read.
    end: Option<i64>,
    threads: usize,
    converter: Option<Converter>,
    /// Converted frames that wait, after a change of shape.
    ready: VecDeque<(Moment, Frame)>,
    /// Decoded already, by looking for the first frame.
    waiting: Option<(Picture, Moment)>,
    state: State,
    index: u64,
    notes: Vec<String>,
    noted: Noted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// All is decoded; filters may still hold frames.
    Draining,
    Ended,
}

/// What has been said already, or has to be remembered to be said at the end.
#[derive(Debug, Default)]
struct Noted {
    interlaced: bool,
    resized: bool,
    /// Seconds of the last frame before the first damage.
    damage_at: Option<f64>,
    last_end: f64,
    reached_end_of_file: bool,
}

impl VideoSource {
    /// Opens the film at `path` and decodes its first frame, so that the size is certain.
    ///
    /// # Errors
    /// [`Error::input`] where the file cannot be read, holds no frame that decodes, none in the part
    /// asked for, or is smaller than 2×2 pixels; [`Error::usage`] for options that are not numbers.
    pub fn open(path: &Path, options: &VideoOptions) -> Result<Self> {
        Self::open_on(path, options, first::Wanted::AtOrAfterStart)
    }

    /// The one frame that is on the screen at `seconds` from the film's beginning, no side longer than
    /// `size` where that is given, and what there is to say of it.
    ///
    /// # Errors
    /// As [`VideoSource::open`], and where the film ends before `seconds`.
    pub fn frame_at(path: &Path, seconds: f64, size: Option<usize>) -> Result<(TimedFrame, Vec<String>)> {
        let options = VideoOptions { start: Some(seconds), size, ..VideoOptions::default() };
        let mut source = Self::open_on(path, &options, first::Wanted::OnScreenAtStart)?;
        let frame = source.next_frame()?.ok_or_else(|| no_frame(&source.name))?;
        Ok((frame, std::mem::take(&mut source.notes)))
    }

    fn open_on(path: &Path, options: &VideoOptions, wanted: first::Wanted) -> Result<Self> {
        options.check()?;
        let name = path.display().to_string();
        let first = first::find(path, options, wanted)?;
        let (decoder, mut picture, moment, clock) = (first.decoder, first.picture, first.moment, first.clock);
        let probe = decoder.probe().clone();
        let base = decoder.time_base();
        let origin = probe.start_seconds;
        let start = options.start.unwrap_or(0.0).max(0.0);
        let end = options.duration.map(|duration| ticks(origin + start + duration, base));
        if end.is_some_and(|end| moment.ticks >= end) {
            return Err(Error::input(format!(
                "no frame of {name} lies between {start} s and {} s",
                start + options.duration.unwrap_or(0.0)
            ))
            .hint("choose a longer --duration"));
        }
        let span = Span {
            start: options.start.map(|_| Timestamp::new(moment.ticks, base)),
            duration: end.map(|end| {
                let from = if options.start.is_some() { moment.ticks } else { ticks(origin, base) };
                Timestamp::new(end.saturating_sub(from), base)
            }),
        };
        let mut noted = Noted::default();
        let shape = shape_of(&picture, &probe, &mut noted);
        let mut notes = Vec::new();
        let upright = upright_size(&shape);
        if upright.shortest_side() < 2 {
            return Err(Error::input(format!("{name} is {upright} pixels: too small for a film"))
                .hint("choose a film of at least 2x2 pixels"));
        }
        let fitted = options.size.map_or(upright, |longest| upright.fit(longest.max(2)));
        let size = fitted.even();
        describe(&name, &shape, upright, fitted, size, &mut notes);
        let info = SourceInfo {
            size,
            frame_rate: probe.frame_rate,
            time_base: base,
            frames: expected(&probe, options),
        };
        let converter = Converter::new(&name, &mut picture, shape, size, base, options.threads)?;
        Ok(Self {
            name,
            info,
            probe,
            decoder,
            clock,
            span,
            end,
            threads: options.threads,
            converter: Some(converter),
            ready: VecDeque::new(),
            waiting: Some((picture, moment)),
            state: State::Reading,
            index: 0,
            notes,
            noted,
        })
    }

    /// What the file says of itself.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The part of the film that is read, for whoever copies its sound.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The next decoded picture within the range, with its time.
    fn next_picture(&mut self) -> Option<(Picture, Moment)> {
        if let Some(first) = self.waiting.take() {
            return Some(first);
        }
        let mut picture = Picture::empty();
        if !self.decoder.decode(&mut picture) {
            self.noted.reached_end_of_file = true;
            return None;
        }
        let moment = self.clock.read(&picture);
        (self.end.is_none_or(|end| moment.ticks < end)).then_some((picture, moment))
    }

    /// Decodes one picture and gives it to the converter, a new one where its shape is new.
    fn advance(&mut self) -> Result<()> {
        let Some((mut picture, moment)) = self.next_picture() else {
            self.state = State::Draining;
            return self.converter.as_mut().map_or(Ok(()), Converter::finish);
        };
        if self.noted.damage_at.is_none() && self.decoder.damage().pieces > 0 {
            self.noted.damage_at = Some(self.noted.last_end);
        }
        let shape = shape_of(&picture, &self.probe, &mut self.noted);
        if self.converter.as_ref().is_none_or(|converter| *converter.shape() != shape) {
            self.change_shape(&mut picture, shape)?;
        }
        self.noted.last_end = self.since_beginning(moment.ticks.saturating_add(moment.duration.unwrap_or(0)));
        self.converter.as_mut().map_or(Ok(()), |converter| converter.push(&mut picture, moment))
    }

    fn change_shape(&mut self, picture: &mut Picture, shape: Shape) -> Result<()> {
        if let Some(mut old) = self.converter.take() {
            old.finish()?;
            while let Some(frame) = old.pull()? {
                self.ready.push_back(frame);
            }
            if shape.stored != old.shape().stored && !self.noted.resized {
                self.noted.resized = true;
                self.notes.push(format!(
                    "{} changes its size to {} after {:.1} s: scaled to {} throughout",
                    self.name,
                    upright_size(&shape),
                    self.noted.last_end,
                    self.info.size
                ));
            }
            if shape.interlaced && !old.shape().interlaced {
                self.notes.push(interlaced_note(&self.name));
            }
        }
        let base = self.info.time_base;
        self.converter =
            Some(Converter::new(&self.name, picture, shape, self.info.size, base, self.threads)?);
        Ok(())
    }

    /// Seconds from the film's beginning.
    fn since_beginning(&self, ticks: i64) -> f64 {
        Timestamp::new(ticks, self.info.time_base).seconds() - self.probe.start_seconds
    }

    /// Says what was damaged, once the end of the file has been reached.
    fn note_damage(&mut self) {
        let (name, frames) = (&self.name, self.index);
        let damage = self.decoder.damage();
        let end = self.noted.last_end + self.probe.start_seconds;
        let torn = self.probe.promised_end_seconds.is_some_and(|promised| end + TORN_SECONDS < promised);
        if (damage.cut_short || torn) && self.noted.reached_end_of_file {
            let of = match self.info.frames {
                Some(expected) if expected > frames => format!(" of about {expected}"),
                _ => String::new(),
            };
            self.notes.push(format!(
                "{name} is damaged after {:.1} s: {frames} frames{of} could be read",
                self.noted.last_end
            ));
        } else if damage.pieces > 0 {
            self.notes.push(format!(
                "{name} is damaged near {:.1} s: {} of its pieces could not be decoded well, {frames} frames could be read",
                self.noted.damage_at.unwrap_or(self.noted.last_end),
                damage.pieces
            ));
        }
        if self.clock.mended > 0 {
            self.notes.push(format!(
                "{} frames of {name} claim a time not later than the frame before: each is shown right after it",
                self.clock.mended
            ));
        }
    }
}

impl FrameSource for VideoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        while self.state != State::Ended {
            let converted = match self.ready.pop_front() {
                Some(frame) => Some(frame),
                None => self.converter.as_mut().map_or(Ok(None), Converter::pull)?,
            };
            if let Some((moment, frame)) = converted {
                let index = FrameIndex(self.index);
                self.index += 1;
                let timestamp = Timestamp::new(moment.ticks, self.info.time_base);
                return Ok(Some(TimedFrame { index, timestamp, duration_ticks: moment.duration, frame }));
            }
            if self.state == State::Draining {
                self.state = State::Ended;
                self.note_damage();
            } else if let Err(error) = self.advance() {
                self.state = State::Ended;
                return Err(error);
            }
        }
        Ok(None)
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

impl VideoOptions {
    fn check(&self) -> Result<()> {
        for (name, value) in [("--start", self.start), ("--duration", self.duration)] {
            if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
                return Err(Error::usage(format!("{name} must be a number of seconds, not below 0")));
            }
        }
        if self.duration == Some(0.0) {
            return Err(Error::usage("--duration 0 leaves no frame to read"));
        }
        Ok(())
    }
}

/// Gives every picture a time later than the one before.
#[derive(Debug)]
struct Clock {
    last: Option<i64>,
    /// Ticks from one frame to the next, where nothing better is known.
    step: i64,
    /// How many pictures claimed a time not later than the one before.
    mended: u64,
}

impl Clock {
    fn new(probe: &Probe) -> Self {
        let frame = Timestamp::new(1, probe.frame_rate.time_base());
        Self { last: None, step: frame.rescale(probe.time_base).ticks.max(1), mended: 0 }
    }

    fn read(&mut self, picture: &Picture) -> Moment {
        let duration = Some(picture.packet().duration).filter(|&ticks| ticks > 0);
        let said = picture.timestamp();
        let ticks = match (said, self.last) {
            (Some(said), Some(last)) if said <= last => last.saturating_add(1),
            (Some(said), _) => said,
            (None, Some(last)) => last.saturating_add(duration.unwrap_or(self.step)),
            (None, None) => 0,
        };
        self.mended += u64::from(said.is_some_and(|said| said != ticks));
        self.last = Some(ticks);
        Moment { ticks, duration }
    }
}

/// Seconds in ticks, to the nearest. No film is longer than 30 years; demuxers overflow far above.
fn ticks(seconds: f64, base: TimeBase) -> i64 {
    (seconds.clamp(-1e9, 1e9) * f64::from(base.den) / f64::from(base.num)).round() as i64
}

fn no_frame(name: &str) -> Error {
    Error::input(format!("cannot read {name}: no frame of it could be decoded"))
        .hint("the film is empty or damaged throughout; copy or download it again")
}

/// How many frames the options leave, as far as the file knows.
fn expected(probe: &Probe, options: &VideoOptions) -> Option<u64> {
    if options.start.is_none() && options.duration.is_none() {
        return probe.frames;
    }
    let rest = probe.duration_seconds.map(|all| (all - options.start.unwrap_or(0.0)).max(0.0));
    let seconds = match (rest, options.duration) {
        (Some(rest), Some(duration)) => rest.min(duration),
        (rest, duration) => rest.or(duration)?,
    };
    let fps = match (probe.frames, probe.duration_seconds) {
        (Some(frames), Some(all)) if all > 0.0 => frames as f64 / all,
        _ => probe.frame_rate.fps(),
    };
    Some(((seconds * fps).round() as u64).max(1))
}

fn shape_of(picture: &Picture, probe: &Probe, noted: &mut Noted) -> Shape {
    let layout = Layout::of(picture);
    // Deinterlacing needs neighbours: once it is on, it stays on, and passes whole frames through.
    noted.interlaced |= picture.is_interlaced() && !layout.is_rgb;
    let coded = picture.aspect_ratio();
    let coded = Some((coded.numerator(), coded.denominator())).filter(|(num, den)| *num > 0 && *den > 0);
    let pixel_aspect = probe.pixel_aspect.or(coded).unwrap_or((1, 1));
    let orientation = match probe.orientation {
        Orientation::UPRIGHT => orientation_of_frame(picture).unwrap_or(Orientation::UPRIGHT),
        turned => turned,
    };
    // Grey from a picture format reaches from 0 to 255; films mean what their other formats mean.
    let grey_is_full =
        !matches!(probe.codec.as_str(), "h264" | "hevc" | "av1" | "vp9" | "vp8" | "mpeg2video");
    Shape {
        stored: Size::new(picture.width() as usize, picture.height() as usize),
        pixel_aspect,
        orientation,
        colour: Colour::of(picture, &layout, grey_is_full),
        layout,
        interlaced: noted.interlaced,
    }
}

/// The size on the screen: square pixels, upright.
fn upright_size(shape: &Shape) -> Size {
    let square = square_size(shape.stored, shape.pixel_aspect).unwrap_or(shape.stored);
    shape.orientation.apply_to_size(square)
}

fn interlaced_note(name: &str) -> String {
    format!("{name} is interlaced: its fields are made into whole frames")
}

/// What is unusual about a film, in sentences.
fn describe(name: &str, shape: &Shape, upright: Size, fitted: Size, size: Size, notes: &mut Vec<String>) {
    let (num, den) = shape.pixel_aspect;
    if num != den {
        if square_size(shape.stored, shape.pixel_aspect).is_some() {
            notes.push(format!("the pixels of {name} are {num}:{den}: made square, {upright} pixels"));
        } else {
            notes.push(format!("the pixels of {name} claim to be {num}:{den}: taken as square"));
        }
    }
    if fitted != size {
        notes.push(format!(
            "{name} would be {fitted} pixels: rounded down to {size}, as video needs even sides"
        ));
    }
    if shape.interlaced {
        notes.push(interlaced_note(name));
    }
    let light = shape.colour.light;
    match (light, can_convert(light)) {
        (Light::Standard, _) => (),
        (Light::Wide, true) => notes.push(format!("{name} has wide colours: converted to BT.709")),
        (Light::Pq | Light::Hlg, true) => {
            notes.push(format!("{name} is HDR: its light is mapped to an ordinary screen (SDR, BT.709)"));
        }
        (Light::Wide, false) => notes.push(format!(
            "{name} has wide colours, which this FFmpeg (built without zscale) cannot convert: they will look pale"
        )),
        (Light::Pq | Light::Hlg, false) => notes.push(format!(
            "{name} is HDR, which this FFmpeg (built without zscale) cannot convert: it will look pale and flat"
        )),
    }
    if shape.colour.matrix_replaced {
        notes.push(format!("the colours of {name} use a rare matrix: read as BT.709, they may be off"));
    }
}
