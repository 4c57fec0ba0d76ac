//! Opening what is read and what is written: the only place of the command that knows which source
//! and which sink a name asks for.

use super::args::OutputArgs;
use super::settings::is_stdout;
use crate::error::{Error, Result};
use crate::files;
use crate::frame::Frame;
use crate::numbered::NumberedPath;
use crate::pipeline::{Scaled, Trimmed};
use crate::provenance::Provenance;
use crate::sink::FrameSink;
use crate::sink::place::{self, Existing, Place};
use crate::sink::still::{self, PictureKind, PictureSink};
use crate::source::FrameSource;
use crate::source::sequence::{DEFAULT_RATE, PictureSequence};
use crate::time::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

pub(super) use crate::source::still::read_picture;
use crate::source::still::{is_picture, read_provenance};

/// Which part of a film is painted, and its longest side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) start: Option<Timestamp>,
    pub(super) duration: Option<Timestamp>,
    pub(super) size: Option<usize>,
}

/// A film that is open.
#[cfg_attr(not(feature = "video"), expect(dead_code, reason = "only films have a clock and sound"))]
pub(super) struct Film {
    pub(super) source: Box<dyn FrameSource>,
    /// When its first picture is shown, in seconds on its own clock.
    pub(super) origin: f64,
    /// What players show as 0:00, on its own clock.
    pub(super) zero: Timestamp,
    /// Where its first moment lies on its own clock, if that is not its beginning.
    begins: Option<Timestamp>,
    /// The files that must not be overwritten.
    files: Vec<PathBuf>,
    /// Whether it has sound and the like to lend.
    is_video: bool,
}

impl Film {
    /// Another file, or numbered pictures, that must not be overwritten.
    pub(super) fn protect(&mut self, path: &Path) {
        let numbered = NumberedPath::parse(path).ok().and_then(|pattern| {
            let numbers = pattern.existing().ok()?;
            Some((pattern, numbers))
        });
        match numbered {
            Some((pattern, numbers)) => self.files.extend(numbers.into_iter().map(|n| pattern.path(n))),
            None => self.files.push(path.to_owned()),
        }
    }
}

/// Opens a film or a numbered sequence of pictures.
pub(super) fn open_film(path: &Path, part: Part) -> Result<Film> {
    if !NumberedPath::is_pattern(path) {
        return video::open(path, part);
    }
    let sequence = PictureSequence::open(path, DEFAULT_RATE)?;
    let files = sequence.files().map(Path::to_owned).collect();
    let source = Trimmed::to(Box::new(sequence), part.start, part.duration);
    let zero = Timestamp::new(0, source.info().time_base);
    Ok(Film { source: enlarged(source, part), origin: 0.0, zero, begins: None, files, is_video: false })
}

/// `source` at the size that was asked for, where it does not have it by itself.
fn enlarged(source: Box<dyn FrameSource>, part: Part) -> Box<dyn FrameSource> {
    let size = source.info().size;
    match part.size {
        // One pixel may be missing where an odd size was rounded.
        Some(longest) if longest.abs_diff(size.longest_side()) > 1 => {
            Scaled::to(source, size.with_longest_side(longest).even())
        }
        _ => source,
    }
}

/// A source and the sink its frames go to, of one size.
pub(super) type Ends = (Box<dyn FrameSource>, Box<dyn FrameSink>);

/// Opens what is painted to: a film, numbered pictures, or standard output. The source is scaled by
/// a pixel where the output needs even sides. What is written says how it was `made`.
pub(super) fn open_output(
    args: &OutputArgs,
    part: Part,
    film: Film,
    made: Option<Provenance>,
) -> Result<Ends> {
    let path = &args.output;
    if is_stdout(path) || !NumberedPath::is_pattern(path) {
        return video::create(args, part, film, made);
    }
    let options = [
        ("--codec", args.codec.is_some()),
        ("--crf", args.crf.is_some()),
        ("--preset", args.preset.is_some()),
        ("--pix-fmt", args.pix_fmt.is_some()),
        ("--format", args.format.is_some()),
    ];
    if let Some((option, _)) = options.iter().find(|(_, given)| *given) {
        return Err(Error::usage(format!("{option} is about films, but {} are pictures", path.display()))
            .hint(format!("leave {option} away, or write a film (-o painted.mp4)")));
    }
    let sink = PictureSink::create(path, existing(args.overwrite), &film.files)?.made(made);
    Ok((film.source, Box::new(sink)))
}

fn existing(overwrite: bool) -> Existing {
    if overwrite { Existing::Replace } else { Existing::Refuse }
}

/// What a file is called, without its folder.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Refuses, before anything is painted, what [`write_picture`] would refuse after.
pub(super) fn check_picture_output(path: &Path, overwrite: bool, inputs: &[&Path]) -> Result<()> {
    PictureKind::of(path)?;
    Place::new(path, existing(overwrite), inputs).map(drop)
}

/// Writes one still picture.
pub(super) fn write_picture(path: &Path, frame: &Frame, overwrite: bool, inputs: &[&Path]) -> Result<()> {
    still::write_picture(path, frame, existing(overwrite), inputs)
}

/// As [`write_picture`]; the file also says how it was `made`.
pub(super) fn write_picture_made(
    path: &Path,
    frame: &Frame,
    overwrite: bool,
    inputs: &[&Path],
    made: Option<&Provenance>,
) -> Result<()> {
    still::write_picture_made(path, frame, existing(overwrite), inputs, made)
}

/// What a picture or a film says of how it was painted; `None` if it says nothing.
pub(super) fn provenance(path: &Path) -> Result<Option<Provenance>> {
    files::check_readable(path)?;
    if is_picture(path) { read_provenance(path) } else { video::provenance(path) }
}

/// Refuses, before anything is painted, what [`write_json`] would refuse after.
pub(super) fn check_output(path: &Path, overwrite: bool, inputs: &[&Path]) -> Result<()> {
    Place::new(path, existing(overwrite), inputs).map(drop)
}

/// Writes numbers for programs.
pub(super) fn write_json(
    path: &Path,
    value: &impl Serialize,
    overwrite: bool,
    inputs: &[&Path],
) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::output(format!("cannot write {}: {error}", path.display())))?;
    text.push('\n');
    place::write_file(path, text.as_bytes(), existing(overwrite), inputs)
}

/// One still picture, or with `at` the frame of a film that is shown then; and what there is to say of it.
pub(super) fn read_still(path: &Path, at: Option<Timestamp>) -> Result<(Frame, Vec<String>)> {
    match at {
        Some(at) => frame_at(path, at),
        None => Ok((read_picture_or_hint(path)?, Vec::new())),
    }
}

/// The frame of a film that is on the screen at `at`, and what there is to say of it.
pub(super) fn frame_at(path: &Path, at: Timestamp) -> Result<(Frame, Vec<String>)> {
    if !NumberedPath::is_pattern(path) {
        return video::frame_at(path, at);
    }
    let mut sequence = PictureSequence::open(path, DEFAULT_RATE)?;
    let mut shown = None;
    while let Some(timed) = sequence.next_frame()? {
        if timed.timestamp > at {
            break;
        }
        let end = timed.timestamp.ticks + timed.duration_ticks.unwrap_or(1);
        shown = Some((timed.frame, Timestamp::new(end, timed.timestamp.base)));
    }
    match shown {
        Some((frame, end)) if at < end => Ok((frame, sequence.take_notes())),
        _ => Err(Error::input(format!("{} ends before {} s", path.display(), at.seconds()))
            .hint("choose an earlier --at")),
    }
}

/// A film in a picture's place gets the hint that helps.
fn read_picture_or_hint(path: &Path) -> Result<Frame> {
    read_picture(path).map_err(|error| match video::is_film(path) {
        true => Error::usage(format!("{} is a film, not a picture", path.display()))
            .hint("add --at TIME to choose one of its frames, or use 'stylecast video' to paint it all"),
        false => error,
    })
}

/// Whether the file is a film of more than one picture.
pub(super) fn is_film(path: &Path) -> bool {
    video::is_film(path)
}

#[cfg(feature = "video")]
mod video {
    use super::{Ends, Film, Part, enlarged};
    use crate::cli::args::OutputArgs;
    use crate::cli::settings::is_stdout;
    use crate::error::Result;
    use crate::ffmpeg::tags;
    use crate::frame::Frame;
    use crate::pipeline::Scaled;
    use crate::provenance::Provenance;
    use crate::sink::video::{Companion, Existing, Output, VideoSink, VideoSinkOptions};
    use crate::source::FrameSource;
    use crate::source::video::{VideoOptions, VideoSource};
    use crate::time::{TimeBase, Timestamp};
    use std::path::Path;

    pub(super) fn open(path: &Path, part: Part) -> Result<Film> {
        let options = VideoOptions {
            start: part.start.map(Timestamp::seconds),
            duration: part.duration.map(Timestamp::seconds),
            size: part.size,
            ..VideoOptions::default()
        };
        let source = VideoSource::open(path, &options)?;
        let micros = TimeBase::new(1, 1_000_000);
        let zero = Timestamp::new((source.probe().start_seconds * 1e6).round() as i64, micros);
        let begins = part
            .start
            .map(|start| Timestamp::new(zero.ticks.saturating_add(start.rescale(micros).ticks), micros));
        let origin = source.probe().first_seconds;
        let source = enlarged(Box::new(source), part);
        Ok(Film { source, origin, zero, begins, files: vec![path.to_owned()], is_video: true })
    }

    pub(super) fn create(
        args: &OutputArgs,
        part: Part,
        film: Film,
        made: Option<Provenance>,
    ) -> Result<Ends> {
        let output = if is_stdout(&args.output) { Output::Stdout } else { Output::File(args.output.clone()) };
        let companion = film.files.first().filter(|_| film.is_video).map(|path| Companion {
            path: path.clone(),
            start: film.begins,
            duration: part.duration,
        });
        let options = VideoSinkOptions {
            codec: args.codec.clone(),
            crf: args.crf.map(|crf| crf as f32),
            preset: args.preset.clone(),
            pix_fmt: args.pix_fmt.clone(),
            format: args.format.clone(),
            existing: if args.overwrite { Existing::Replace } else { Existing::Refuse },
            threads: None,
            companion,
            provenance: made,
        };
        let info = film.source.info();
        let (even, rate, base) = (info.size.even(), info.frame_rate, info.time_base);
        let sink = VideoSink::create(&output, even, rate, base, &options)?;
        Ok((Scaled::to(film.source, even), Box::new(sink)))
    }

    pub(super) fn frame_at(path: &Path, at: Timestamp) -> Result<(Frame, Vec<String>)> {
        let (timed, notes) = VideoSource::frame_at(path, at.seconds(), None)?;
        Ok((timed.frame, notes))
    }

    pub(super) fn provenance(path: &Path) -> Result<Option<Provenance>> {
        tags::read_provenance(path)
    }

    pub(super) fn is_film(path: &Path) -> bool {
        VideoSource::open(path, &VideoOptions::default())
            .is_ok_and(|source| source.info().frames.is_none_or(|frames| frames > 1))
    }
}

#[cfg(not(feature = "video"))]
mod video {
    use super::{Ends, Film, Part};
    use crate::cli::args::OutputArgs;
    use crate::error::{Error, Result};
    use crate::frame::Frame;
    use crate::provenance::Provenance;
    use crate::time::Timestamp;
    use std::path::Path;

    fn left_out<T>(what: &str, path: &Path) -> Result<T> {
        Err(Error::usage(format!("cannot {what} {}: this stylecast was built without video", path.display()))
            .hint("build it with the feature 'video' (cargo install --path .), or use numbered pictures such as frames/%05d.png"))
    }

    pub(super) fn open(path: &Path, _: Part) -> Result<Film> {
        left_out("read", path)
    }

    pub(super) fn create(args: &OutputArgs, _: Part, _: Film, _: Option<Provenance>) -> Result<Ends> {
        left_out("write", &args.output)
    }

    pub(super) fn frame_at(path: &Path, _: Timestamp) -> Result<(Frame, Vec<String>)> {
        left_out("read", path)
    }

    pub(super) fn provenance(path: &Path) -> Result<Option<Provenance>> {
        left_out("read", path)
    }

    pub(super) fn is_film(_: &Path) -> bool {
        false
    }
}
