//! A second look at a film before it gets its name: does it open, and is every frame in it?

use crate::error::{Error, Result};
use crate::ffmpeg::mux::{self, Container};
use crate::time::{TimeBase, Timestamp};
use ffmpeg_next as ff;
use std::path::Path;

/// What must be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// Frames.
    pub(super) frames: u64,
    /// From the first frame's time to the end of the last, in seconds.
    pub(super) seconds: f64,
    /// How long one frame lasts, in seconds: the tolerance.
    pub(super) frame_seconds: f64,
}

/// Whether FFmpeg reads films in this container back frame by frame. Bare streams and the like hold
/// no times, or cannot be read at all.
fn can_be_verified(container: Container) -> bool {
    container.has_edit_lists()
        || container.is_matroska()
        || matches!(container.name(), "nut" | "avi" | "mpegts" | "flv" | "ivf" | "gif" | "apng" | "asf")
}

/// Reads the file at `path` back. `name` is for messages.
pub(super) fn verify(path: &Path, name: &str, container: Container, expected: Expected) -> Result<()> {
    if !can_be_verified(container) {
        return Ok(());
    }
    let broken = |what: String| {
        Error::output(format!("the film {name} did not come out right: {what}"))
            .hint("nothing was kept; check the disk, or try another container, for example -o painted.mkv")
    };
    let mut input =
        mux::open_input(path).map_err(|error| broken(format!("it cannot be read back ({error})")))?;
    let video = input.streams().best(ff::media::Type::Video).map(|stream| stream.index());
    let video = video.ok_or_else(|| broken("it holds no picture".into()))?;
    for index in (0..input.nb_streams() as usize).filter(|&index| index != video) {
        mux::discard(&mut input, index);
    }
    let base = input.stream(video).map_or(TimeBase::new(1, 1), |s| crate::ffmpeg::time_base(s.time_base()));
    let (mut frames, mut first, mut last) = (0_u64, i64::MAX, i64::MIN);
    let mut packet = ff::Packet::empty();
    while packet.read(&mut input).is_ok() {
        if packet.stream() == video {
            frames += 1;
            if let Some(pts) = packet.pts().or(packet.dts()) {
                first = first.min(pts);
                last = last.max(pts.saturating_add(packet.duration()));
            }
        }
        packet = ff::Packet::empty();
    }
    if frames != expected.frames {
        return Err(broken(format!("{} frames were written, {frames} are in it", expected.frames)));
    }
    if last > first {
        let seconds = Timestamp::new(last - first, base).seconds();
        // The last frame's length is not stored everywhere.
        let tolerance = 2.0 * expected.frame_seconds + 0.1;
        if (seconds - expected.seconds).abs() > tolerance {
            return Err(broken(format!("it should last {:.3} s and lasts {seconds:.3} s", expected.seconds)));
        }
    }
    Ok(())
}
