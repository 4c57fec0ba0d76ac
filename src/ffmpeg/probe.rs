//! What a film says of itself before anything is decoded: streams, size, rate, duration.
//!
//! For forecasts, for `doctor`, and for whoever must know whether there is sound to copy. What is said
//! here is the file's own claim; the decoded pictures are the truth.

use super::orient::Orientation;
use super::{frame_rate, open, time_base};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::time::{FrameRate, TimeBase, Timestamp};
use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use std::path::Path;

/// A film's description.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The container, as FFmpeg calls it ("mov,mp4,m4a,3gp,3g2,mj2").
    pub format: String,
    /// Which of the file's streams is the moving picture.
    pub video_stream: usize,
    /// Its codec, as FFmpeg calls it ("h264").
    pub codec: String,
    /// Its size as stored.
    pub stored_size: Size,
    /// Width of a stored pixel divided by its height, as a fraction, where something is said of it.
    pub pixel_aspect: Option<(i32, i32)>,
    /// How the stored picture has to be turned.
    pub orientation: Orientation,
    /// Its size on the screen: upright, with square pixels, odd sides not rounded.
    pub size: Size,
    /// The nominal frame rate.
    pub frame_rate: FrameRate,
    /// The base of its timestamps.
    pub time_base: TimeBase,
    /// When the file begins, in seconds on its own clock; often 0, sometimes hours.
    pub start_seconds: f64,
    /// When its first picture is shown, in seconds on the same clock; sound may begin before.
    pub first_seconds: f64,
    /// How long the moving picture lasts, where the file says so.
    pub duration_seconds: Option<f64>,
    /// The time of its end on the film's own clock, in seconds, where the file commits itself so firmly
    /// that an earlier end means a torn file.
    pub promised_end_seconds: Option<f64>,
    /// How many frames there are, as the file says or by duration and rate.
    pub frames: Option<u64>,
    /// The codecs of the sound tracks.
    pub audio: Vec<String>,
    /// The codecs of the subtitle tracks.
    pub subtitles: Vec<String>,
    /// How many chapters there are.
    pub chapters: usize,
}

/// Describes the film at `path`.
///
/// # Errors
/// [`Error::input`] where it cannot be opened or has no moving picture.
pub fn probe(path: &Path) -> Result<Probe> {
    describe(path, &open::open(path)?)
}

/// Describes an opened film; `path` is for its errors.
pub(crate) fn describe(path: &Path, input: &ff::format::context::Input) -> Result<Probe> {
    let shown = path.display();
    let mut audio = Vec::new();
    let mut subtitles = Vec::new();
    let mut has_cover = false;
    for stream in input.streams() {
        match stream.parameters().medium() {
            ff::media::Type::Audio => audio.push(codec_name(&stream)),
            ff::media::Type::Subtitle => subtitles.push(codec_name(&stream)),
            ff::media::Type::Video => has_cover |= is_cover(&stream),
            _ => (),
        }
    }
    let best = input.streams().best(ff::media::Type::Video).filter(|stream| !is_cover(stream));
    let Some(stream) = best else {
        let cause = match (audio.is_empty(), has_cover) {
            (false, false) => "it has sound but no moving picture",
            (false, true) => "it has sound and a cover, but no moving picture",
            (true, _) => "there is no moving picture in it",
        };
        return Err(Error::input(format!("cannot read {shown}: {cause}"))
            .hint(format!("`ffprobe {shown}` lists what is in it")));
    };
    let shape = Shape::of(&stream);
    if shape.size.width == 0 || shape.size.height == 0 {
        return Err(Error::input(format!(
            "cannot read {shown}: no frame of it could be decoded, not even to learn its size"
        ))
        .hint("copy or download it again"));
    }
    let base = time_base(stream.time_base());
    let rate = guess_rate(input, &stream);
    let seconds = |ticks: i64| (ticks > 0).then(|| Timestamp::new(ticks, base).seconds());
    let whole = (input.duration() > 0).then(|| input.duration() as f64 / f64::from(ffi::AV_TIME_BASE));
    let duration = seconds(stream.duration()).or(whole);
    let frames = u64::try_from(stream.frames()).ok().filter(|&frames| frames > 0);
    let frames = frames.or_else(|| duration.map(|seconds| ((seconds * rate.fps()).round() as u64).max(1)));
    // MP4's durations leave out what edit lists hide; its index tells of tears better.
    let unsure = input.format().name().starts_with("mov,") || !duration_is_stated(input);
    let promised =
        if unsure { None } else { tagged_duration(&stream).or(whole.filter(|_| audio.is_empty())) };
    let orientation = orientation_of(&stream);
    let start_seconds = start_seconds(input);
    let first = Some(stream.start_time()).filter(|ticks| *ticks != ffi::AV_NOPTS_VALUE);
    let square = shape.pixel_aspect.and_then(|aspect| square_size(shape.size, aspect)).unwrap_or(shape.size);
    Ok(Probe {
        format: input.format().name().to_owned(),
        video_stream: stream.index(),
        codec: codec_name(&stream),
        stored_size: shape.size,
        pixel_aspect: shape.pixel_aspect,
        orientation,
        size: orientation.apply_to_size(square),
        frame_rate: rate,
        time_base: base,
        start_seconds,
        first_seconds: first.map_or(start_seconds, |ticks| Timestamp::new(ticks, base).seconds()),
        duration_seconds: duration,
        promised_end_seconds: promised,
        frames,
        audio,
        subtitles,
        chapters: input.nb_chapters() as usize,
    })
}

/// The size with square pixels: the width is changed, as players do it, so that no row is invented.
/// `None` for an aspect that is no aspect, or one so extreme that it must be an error.
pub fn square_size(stored: Size, (num, den): (i32, i32)) -> Option<Size> {
    if num <= 0 || den <= 0 {
        return None;
    }
    let aspect = f64::from(num) / f64::from(den);
    let width = (stored.width as f64 * aspect).round();
    ((1.0 / 16.0..=16.0).contains(&aspect) && (1.0..=32768.0).contains(&width))
        .then(|| Size::new(width as usize, stored.height))
}

fn is_cover(stream: &ff::Stream<'_>) -> bool {
    stream.disposition().contains(ff::format::stream::Disposition::ATTACHED_PIC)
}

struct Shape {
    size: Size,
    pixel_aspect: Option<(i32, i32)>,
}

impl Shape {
    #[expect(unsafe_code, reason = "the wrapper does not show a stream's sizes")]
    fn of(stream: &ff::Stream<'_>) -> Self {
        // SAFETY: the stream is borrowed from a valid context and always has parameters; plain fields
        // are read.
        let (width, height, aspect) = unsafe {
            let stream = stream.as_ptr();
            let parameters = (*stream).codecpar;
            let (container, coded) = ((*stream).sample_aspect_ratio, (*parameters).sample_aspect_ratio);
            let aspect = if container.num > 0 && container.den > 0 { container } else { coded };
            ((*parameters).width, (*parameters).height, aspect)
        };
        let side = |n: i32| usize::try_from(n).unwrap_or(0);
        let said = aspect.num > 0 && aspect.den > 0;
        Self {
            size: Size::new(side(width), side(height)),
            pixel_aspect: said.then_some((aspect.num, aspect.den)),
        }
    }
}

/// The name of a stream's codec.
fn codec_name(stream: &ff::Stream<'_>) -> String {
    #[expect(unsafe_code, reason = "the wrapper panics on codecs newer than itself")]
    // SAFETY: the stream is borrowed and has parameters; FFmpeg returns a static string for any codec.
    let name =
        unsafe { std::ffi::CStr::from_ptr(ffi::avcodec_get_name((*(*stream.as_ptr()).codecpar).codec_id)) };
    name.to_string_lossy().into_owned()
}

/// The rate players assume: the container's, unless the pictures' own contradict it.
fn guess_rate(input: &ff::format::context::Input, stream: &ff::Stream<'_>) -> FrameRate {
    #[expect(unsafe_code, reason = "the wrapper has no call for it")]
    // SAFETY: both pointers are valid; FFmpeg only reads, though its signature does not say so.
    let guessed = unsafe {
        ffi::av_guess_frame_rate(input.as_ptr().cast_mut(), stream.as_ptr().cast_mut(), std::ptr::null_mut())
    };
    frame_rate(guessed.into())
        .or_else(|| frame_rate(stream.avg_frame_rate()))
        .or_else(|| frame_rate(stream.rate()))
        .unwrap_or(FrameRate::new(25, 1))
}

/// When the container begins, in seconds; 0 where it does not say.
fn start_seconds(input: &ff::format::context::Input) -> f64 {
    #[expect(unsafe_code, reason = "the wrapper has no call for it")]
    // SAFETY: the context is valid; a plain field is read.
    let start = unsafe { (*input.as_ptr()).start_time };
    if start == ffi::AV_NOPTS_VALUE { 0.0 } else { start as f64 / f64::from(ffi::AV_TIME_BASE) }
}

/// Whether the file itself states its duration, instead of FFmpeg estimating it from its end or size.
fn duration_is_stated(input: &ff::format::context::Input) -> bool {
    #[expect(unsafe_code, reason = "the wrapper does not show it")]
    // SAFETY: the context is valid; a C enum is read as the integer it is.
    let method = unsafe { (&raw const (*input.as_ptr()).duration_estimation_method).cast::<u32>().read() };
    method == ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_STREAM as u32
}

/// A Matroska track's own duration, "00:01:02.345000000", in seconds.
fn tagged_duration(stream: &ff::Stream<'_>) -> Option<f64> {
    let metadata = stream.metadata();
    let mut parts = metadata.get("DURATION")?.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

/// How a stream's pictures have to be turned, by the container's display matrix.
fn orientation_of(stream: &ff::Stream<'_>) -> Orientation {
    stream
        .side_data()
        .find(|data| data.kind() == ff::codec::packet::side_data::Type::DisplayMatrix)
        .and_then(|data| display_matrix(data.data()))
        .unwrap_or(Orientation::UPRIGHT)
}

/// How a decoded picture has to be turned, where the codec itself says so (H.264 and HEVC can).
pub(crate) fn orientation_of_frame(frame: &ff::frame::Video) -> Option<Orientation> {
    frame.side_data(ff::frame::side_data::Type::DisplayMatrix).and_then(|data| display_matrix(data.data()))
}

fn display_matrix(bytes: &[u8]) -> Option<Orientation> {
    let mut matrix = [0; 9];
    for (value, bytes) in matrix.iter_mut().zip(bytes.chunks_exact(4)) {
        *value = i32::from_ne_bytes(bytes.try_into().ok()?);
    }
    (bytes.len() >= 36).then(|| Orientation::from_display_matrix(matrix)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn square_pixels_keep_the_rows() {
        assert_eq!(square_size(Size::new(1440, 1080), (4, 3)), Some(Size::new(1920, 1080)));
        assert_eq!(square_size(Size::new(720, 480), (8, 9)), Some(Size::new(640, 480)));
        assert_eq!(square_size(Size::new(640, 480), (1, 100)), None);
        assert_eq!(square_size(Size::new(640, 480), (0, 1)), None);
    }
}
