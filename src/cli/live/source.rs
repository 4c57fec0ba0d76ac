//! What live painting looks at: a camera, a film at its own speed, or something that arrives by itself.

use crate::cli::args::LiveArgs;
use crate::error::Result;
use crate::numbered::NumberedPath;
use crate::pipeline::Scaled;
use crate::source::FrameSource;
use crate::source::live::LiveSource;
use crate::source::paced::{AtEnd, Paced};
use crate::source::sequence::{DEFAULT_RATE, PictureSequence};
use std::path::Path;

/// Opens what the arguments ask for, and says what it is called.
pub(super) fn open(args: &LiveArgs) -> Result<(Box<dyn LiveSource>, String)> {
    let Some(input) = &args.input else { return camera(args) };
    let name = input.display().to_string();
    let longest = args.paint.size;
    let at_end = if args.loop_input { AtEnd::Loop } else { AtEnd::Stop };
    if NumberedPath::is_pattern(input) && args.input_format.is_none() {
        let input = input.clone();
        let open = move || {
            let sequence: Box<dyn FrameSource> = Box::new(PictureSequence::open(&input, DEFAULT_RATE)?);
            let size = sequence.info().size;
            Ok(Scaled::to(sequence, longest.map_or(size, |longest| size.with_longest_side(longest)).even()))
        };
        return Ok((Box::new(Paced::new(Box::new(open), args.fps, at_end)?), name));
    }
    Ok((film(args, input, at_end)?, name))
}

#[cfg(feature = "video")]
fn film(args: &LiveArgs, input: &Path, at_end: AtEnd) -> Result<Box<dyn LiveSource>> {
    use crate::source::arriving::Arriving;
    use crate::source::video::{VideoOptions, VideoSource};
    let options = VideoOptions {
        size: args.paint.size,
        format: args.input_format.clone(),
        // Painting needs the cores.
        threads: 1,
        ..VideoOptions::default()
    };
    let source = VideoSource::open(input, &options)?;
    if has_own_pace(input, source.info().frames, args.input_format.as_deref()) {
        return Ok(Box::new(Arriving::new(Box::new(source), args.fps)?));
    }
    let path = input.to_owned();
    let mut opened = Some(source);
    let open = move || -> Result<Box<dyn FrameSource>> {
        Ok(Box::new(opened.take().map_or_else(|| VideoSource::open(&path, &options), Ok)?))
    };
    let film = Paced::new(Box::new(open), args.fps, at_end)?;
    // What is no file on a disk may be waited for without end.
    Ok(if input.is_file() { Box::new(film) } else { Box::new(Arriving::paced(film)?) })
}

/// Whether frames come when it is time for them: from a device or a server, unless a film lies there that has an
/// end. Anything else is read as fast as somebody reads it: files, pipes, and FFmpeg's generators.
#[cfg(feature = "video")]
fn has_own_pace(input: &Path, frames: Option<u64>, format: Option<&str>) -> bool {
    let is_address = input.to_str().is_some_and(|input| input.contains("://"));
    let is_device = format.is_some_and(|format| format != "lavfi") && !input.is_file() && !is_pipe(input);
    frames.is_none() && (is_address || is_device)
}

#[cfg(all(feature = "video", unix))]
fn is_pipe(input: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    input.metadata().is_ok_and(|about| about.file_type().is_fifo())
}

#[cfg(all(feature = "video", not(unix)))]
fn is_pipe(_: &Path) -> bool {
    false
}

#[cfg(not(feature = "video"))]
fn film(_: &LiveArgs, input: &Path, _: AtEnd) -> Result<Box<dyn LiveSource>> {
    use crate::error::Error;
    Err(Error::usage(format!("cannot read {}: this stylecast was built without video", input.display())).hint(
        "build it with the feature 'video' (cargo install --path .), or use numbered pictures such as frames/%05d.png",
    ))
}

#[cfg(feature = "webcam")]
fn camera(args: &LiveArgs) -> Result<(Box<dyn LiveSource>, String)> {
    use crate::frame::Size;
    use crate::source::webcam::{CameraWish, Webcam};
    // Cameras are asked for a picture of the usual shape at the size that is wanted; they have what they have.
    let size = args.paint.size.map(|longest| Size::new(16, 9).with_longest_side(longest));
    let camera = Webcam::open(args.camera.as_deref(), &CameraWish { size, fps: args.fps })?;
    let name = camera.name().to_owned();
    Ok((Box::new(camera), name))
}

#[cfg(not(feature = "webcam"))]
fn camera(_: &LiveArgs) -> Result<(Box<dyn LiveSource>, String)> {
    use crate::error::Error;
    Err(Error::usage("this stylecast was built without cameras")
        .hint("name a film with --input, or build it with the feature 'webcam' (cargo install --path .)"))
}

#[cfg(all(test, feature = "video"))]
mod tests {
    use super::*;

    #[test]
    fn devices_and_servers_have_a_pace_of_their_own_and_films_have_none_wherever_they_are() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (input, frames, format, expected) in [
            ("rtsp://camera/1", None, None, true),
            ("udp://0.0.0.0:9000", None, Some("mpegts"), true),
            (":0", None, Some("x11grab"), true),
            ("https://host/film.mp4", Some(132), None, false),
            ("testsrc", None, Some("lavfi"), false),
            (file, None, None, false),
            (file, None, Some("mpegts"), false),
        ] {
            assert_eq!(has_own_pace(Path::new(input), frames, format), expected, "{input}");
        }
    }
}
