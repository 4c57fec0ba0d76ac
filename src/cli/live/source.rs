//! What live painting looks at: a camera, a film at its own speed, or something that arrives by itself.

use crate::cli::args::LiveArgs;
use crate::error::Result;
use crate::numbered::NumberedPath;
use crate::pipeline::Scaled;
use crate::source::FrameSource;
use crate::source::live::LiveSource;
use crate::source::paced::{AtEnd, Paced};
use crate::source::sequence::{DEFAULT_RATE, PictureSequence};

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
fn film(args: &LiveArgs, input: &std::path::Path, at_end: AtEnd) -> Result<Box<dyn LiveSource>> {
    use crate::source::paced::Arriving;
    use crate::source::video::{VideoOptions, VideoSource};
    let options = VideoOptions {
        size: args.paint.size,
        format: args.input_format.clone(),
        // Painting needs the cores.
        threads: 1,
        ..VideoOptions::default()
    };
    let is_address = input.to_str().is_some_and(|input| input.contains("://"));
    if is_address || args.input_format.is_some() {
        let source = VideoSource::open(input, &options)?;
        return Ok(Box::new(Arriving::new(Box::new(source), args.fps)?));
    }
    let path = input.to_owned();
    let open = move || -> Result<Box<dyn FrameSource>> { Ok(Box::new(VideoSource::open(&path, &options)?)) };
    Ok(Box::new(Paced::new(Box::new(open), args.fps, at_end)?))
}

#[cfg(not(feature = "video"))]
fn film(_: &LiveArgs, input: &std::path::Path, _: AtEnd) -> Result<Box<dyn LiveSource>> {
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
