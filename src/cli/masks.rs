//! The masks that were named, opened: stills, films, numbered pictures.

use super::args::MaskArgs;
use super::media::{self, Part};
use super::styles::{self, StyleSet};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::numbered::NumberedPath;
use crate::pipeline::{MaskTrack, MaskTracks, NumberedMasks};
use crate::source::still::begins_like_a_picture;
use crate::stylize::MaskReading;
use crate::time::{FrameRate, Timestamp};
use std::path::Path;

/// A mask's picture may come this share of the film's frame late without being late: containers round times.
const TOLERANCE: f64 = 0.25;

/// What masks lie over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Under {
    /// The size of its frames.
    pub(super) size: Size,
    pub(super) time: Time,
}

/// Whether masks may move over it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    /// A film, or a moment of one: its rate, and where it is begun.
    Runs { rate: FrameRate, start: Option<Timestamp> },
    /// Masks have to be stills; what to do instead.
    Stands { hint: &'static str },
}

/// Every file that is a mask of `painters` or says where paint shows.
///
/// # Errors
/// Options about a mask that is not named. (Not left to the reader of options: a mask may have been named when
/// what is painted again was painted first.)
pub(super) fn files<'a>(args: &'a MaskArgs, painters: &'a [StyleSet]) -> Result<Vec<&'a Path>> {
    let options = [("--mask-invert", args.mask_invert), ("--mask-feather", args.mask_feather > 0)];
    if let (None, Some((option, _))) = (&args.mask, options.iter().find(|(_, given)| *given)) {
        return Err(Error::usage(format!("{option} is about a mask, but none is named"))
            .hint("add --mask MASK, or leave it away"));
    }
    Ok(args.mask.as_deref().into_iter().chain(styles::regions(painters)).collect())
}

/// Opens all masks.
///
/// # Errors
/// Those of [`files`]; a mask that is missing or none, that moves where it cannot, or that is black everywhere.
pub(super) fn open(args: &MaskArgs, painters: &[StyleSet], under: Under) -> Result<MaskTracks> {
    files(args, painters)?;
    let reading = MaskReading { invert: args.mask_invert, feather: args.mask_feather };
    let open_paint = |path| track(path, reading, under);
    let open_region = |path| track(path, MaskReading::default(), under);
    Ok(MaskTracks {
        paint: args.mask.as_deref().map(open_paint).transpose()?,
        regions: styles::regions(painters).into_iter().map(open_region).collect::<Result<_>>()?,
    })
}

fn track(path: &Path, reading: MaskReading, Under { size, time }: Under) -> Result<MaskTrack> {
    let name = path.display().to_string();
    let numbered = NumberedPath::is_pattern(path);
    let still = || MaskTrack::still(&name, &media::read_picture(path)?, reading, size);
    if !numbered && begins_like_a_picture(path) {
        return still();
    }
    let (rate, start) = match time {
        Time::Runs { rate, start } => (rate, start),
        Time::Stands { hint } if numbered || media::is_film(path) => {
            return Err(
                Error::usage(format!("the mask {name} moves, but here a mask must be a picture")).hint(hint)
            );
        }
        Time::Stands { .. } => return still(),
    };
    let tolerance = TOLERANCE / rate.fps();
    if numbered {
        let masks = NumberedMasks::open(path, rate, start.map_or(0.0, Timestamp::seconds))?;
        return MaskTrack::moving(&name, Box::new(masks), (0.0, tolerance), None, reading, size);
    }
    let opened = |start| media::open_film(path, Part { start, ..Part::default() });
    let (film, first) = match (opened(start), start) {
        (Ok(film), Some(start)) => (film, media::frame_at(path, start).ok().map(|(frame, _)| frame)),
        (Ok(film), None) => (film, None),
        // It may be over by then, and its last picture holds: that is found by reading it all.
        (Err(error), Some(_)) => (opened(None).map_err(|_| error)?, None),
        (Err(error), None) => return Err(error),
    };
    let origin = film.origin;
    MaskTrack::moving(&name, film.source, (origin, tolerance), first, reading, size)
}
