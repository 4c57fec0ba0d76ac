//! Masks that go along with a film: which picture of a mask is on at which time.
//!
//! A mask is a still, a film, or numbered pictures, and matched by time: both begin together, and a picture
//! of the mask is on until its next one. Where it begins late or ends early, its first or last picture holds,
//! and that is said. The size is stretched to the film's, and that is said too.

use crate::error::{Error, Result};
use crate::flow::Mask;
use crate::frame::{Frame, FrameIndex, Size};
use crate::numbered::NumberedPath;
use crate::source::still::read_picture;
use crate::source::{FrameSource, SourceInfo, TimedFrame};
use crate::stylize::{MaskReading, Masks};
use crate::time::{FrameRate, Timestamp};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One mask over time.
pub struct MaskTrack {
    name: String,
    reading: MaskReading,
    /// At which masks are handed out.
    size: Size,
    /// What is on.
    now: Arc<Mask>,
    film: Option<Film>,
    /// Whether it has ever been above 0 anywhere.
    opened: bool,
    notes: Vec<String>,
}

/// A mask that moves. All times in seconds from its beginning.
struct Film {
    source: Box<dyn FrameSource>,
    /// The beginning on the source's own clock, in seconds.
    origin: f64,
    tolerance: f64,
    next: Option<(f64, Frame)>,
    /// When the last picture that was read is over.
    end: f64,
    /// Whether its first picture has been on.
    begun: bool,
    /// Whether it was said that it has ended.
    ended: bool,
}

impl MaskTrack {
    /// A mask that stays as it is, called `name`.
    ///
    /// # Errors
    /// A mask that is black everywhere.
    pub fn still(name: &str, picture: &Frame, reading: MaskReading, size: Size) -> Result<Self> {
        let track = Self::starting_with(name, picture, reading, size);
        if track.opened {
            return Ok(track);
        }
        let (color, hint) = match reading.invert {
            false => ("black", "paint white where it shall count"),
            true => {
                ("white", "it is inverted: leave --mask-invert away, or paint black where it shall count")
            }
        };
        Err(Error::input(format!("{name} is {color} everywhere: this mask leaves nothing to paint"))
            .hint(hint))
    }

    /// A mask that moves. It begins at `origin` seconds on the clock of `source`, and a picture of it may
    /// come `tolerance` seconds late without being late: containers round times.
    ///
    /// `first` is what is on at the beginning, if `source` does not hand it out because it was opened in the
    /// middle.
    ///
    /// # Errors
    /// What the source fails with, or that there is no picture.
    pub fn moving(
        name: &str,
        mut source: Box<dyn FrameSource>,
        (origin, tolerance): (f64, f64),
        first: Option<Frame>,
        reading: MaskReading,
        size: Size,
    ) -> Result<Self> {
        let none = || Error::input(format!("the mask {name} has no pictures")).hint("choose another mask");
        let timed = source.next_frame()?.ok_or_else(none)?;
        let begun = first.is_some();
        let mut track = Self::starting_with(name, first.as_ref().unwrap_or(&timed.frame), reading, size);
        let mut film = Film { source, origin, tolerance, next: None, end: 0.0, begun, ended: false };
        film.next = Some(film.taken(timed));
        track.film = Some(film);
        Ok(track)
    }

    fn starting_with(name: &str, picture: &Frame, reading: MaskReading, size: Size) -> Self {
        let now = Arc::new(reading.read(picture, size));
        let opened = is_open(&now);
        let notes = size_note(name, picture.size(), size).into_iter().collect();
        Self { name: name.to_owned(), reading, size, now, film: None, opened, notes }
    }

    /// The mask at `seconds` from the beginning of the film; times must not fall.
    ///
    /// # Errors
    /// What the mask's source fails with.
    pub fn at(&mut self, seconds: f64) -> Result<Arc<Mask>> {
        let Self { name, film, notes, .. } = self;
        let Some(film) = film else { return Ok(self.now.clone()) };
        let due = seconds + film.tolerance;
        let mut picture = None;
        while film.next.as_ref().is_some_and(|(time, _)| *time <= due) {
            picture = film.next.take().map(|(_, frame)| frame);
            film.begun = true;
            film.next = film.source.next_frame()?.map(|timed| film.taken(timed));
        }
        if let (false, Some((time, _))) = (film.begun, &film.next) {
            film.begun = true;
            notes.push(format!(
                "the mask {name} begins after {time:.2} s: its first picture holds until then"
            ));
        }
        if film.next.is_none() && due >= film.end && !film.ended {
            film.ended = true;
            notes.push(format!("the mask {name} ends after {:.2} s: its last picture holds", film.end));
        }
        notes.extend(film.source.take_notes());
        if let Some(picture) = picture {
            let mask = self.reading.read(&picture, self.size);
            // The very same as long as nothing moves, so that nobody has to look at it again.
            if mask != *self.now {
                self.opened |= is_open(&mask);
                self.now = Arc::new(mask);
            }
        }
        Ok(self.now.clone())
    }

    /// Says what is known only at the film's end.
    fn finish(&mut self) {
        if !self.opened {
            self.opened = true;
            let Self { name, notes, .. } = self;
            notes.push(format!("the mask {name} left nothing to paint from the beginning to the end"));
        }
    }
}

impl Film {
    /// A frame of the source with its time.
    fn taken(&mut self, timed: TimedFrame) -> (f64, Frame) {
        let TimedFrame { timestamp, duration_ticks, frame, .. } = timed;
        let time = timestamp.seconds() - self.origin;
        let lasts = match duration_ticks {
            Some(ticks) => Timestamp::new(ticks, timestamp.base).seconds(),
            None => 1.0 / self.source.info().frame_rate.fps(),
        };
        self.end = time + lasts;
        (time, frame)
    }
}

fn is_open(mask: &Mask) -> bool {
    mask.values().iter().any(|value| *value > 0.0)
}

/// That a mask is stretched, if it is.
fn size_note(name: &str, own: Size, size: Size) -> Option<String> {
    if own == size {
        return None;
    }
    let aspect = |size: Size| size.width as f64 / size.height as f64;
    let shape = aspect(own) / aspect(size);
    let done =
        if (0.98..=1.02).contains(&shape) { "is resized" } else { "has another shape and is stretched" };
    Some(format!("the mask {name} is {own}: it {done} to {size}"))
}

/// All masks of a film: where paint shows, and the regions of its styles.
#[derive(Default)]
pub struct MaskTracks {
    /// Where paint shows; `None`: everywhere.
    pub paint: Option<MaskTrack>,
    /// As [`Masks::regions`].
    pub regions: Vec<MaskTrack>,
}

impl MaskTracks {
    /// The masks at `seconds` from the beginning of the film; times must not fall.
    ///
    /// # Errors
    /// As [`MaskTrack::at`].
    pub fn at(&mut self, seconds: f64) -> Result<Masks> {
        Ok(Masks {
            paint: self.paint.as_mut().map(|track| track.at(seconds)).transpose()?,
            regions: self.regions.iter_mut().map(|track| track.at(seconds)).collect::<Result<_>>()?,
        })
    }

    /// The film is over: says what is known only now.
    pub fn finish(&mut self) {
        self.paint.iter_mut().chain(&mut self.regions).for_each(MaskTrack::finish);
    }

    /// Sentences for people about what was met since the last call.
    pub fn take_notes(&mut self) -> Vec<String> {
        let tracks = self.paint.iter_mut().chain(&mut self.regions);
        tracks.flat_map(|track| std::mem::take(&mut track.notes)).collect()
    }
}

/// Numbered pictures as a mask: the first belongs to the film's first frame, and each to as many frames later
/// as its number says. A number that is missing is no picture of its own: the one before it holds.
pub struct NumberedMasks {
    info: SourceInfo,
    /// Frames after the first, and the file.
    files: VecDeque<(u64, PathBuf)>,
    next: u64,
    notes: Vec<String>,
}

impl NumberedMasks {
    /// The pictures of `pattern` at the film's `rate`, from the one that is on at `start` seconds.
    ///
    /// # Errors
    /// A folder that cannot be listed, no such pictures, or one that cannot be read.
    pub fn open(pattern: &Path, rate: FrameRate, start: f64) -> Result<Self> {
        let pattern = NumberedPath::parse(pattern)?;
        let numbers =
            pattern.existing().map_err(|cause| Error::input(format!("cannot read {pattern}: {cause}")))?;
        let none = || {
            Error::input(format!("cannot read {pattern}: no file has such a name"))
                .hint("name the pictures of a mask with a pattern such as masks/%05d.png")
        };
        let (&first, &last) = numbers.first().zip(numbers.last()).ok_or_else(none)?;
        let missing = (last - first + 1).saturating_sub(numbers.len() as u64);
        let notes = match missing {
            0 => Vec::new(),
            1 => vec![format!("a picture is missing among {pattern}: the one before it holds")],
            n => vec![format!("{n} pictures are missing among {pattern}: the ones before them hold")],
        };
        let mut files: VecDeque<_> =
            numbers.iter().map(|number| (number - first, pattern.path(*number))).collect();
        let wanted = (start * rate.fps()).round().max(0.0) as u64;
        while files.get(1).is_some_and(|(later, _)| *later <= wanted) {
            files.pop_front();
        }
        let size = read_picture(&files[0].1)?.size();
        let frames = Some(files.len() as u64);
        let info = SourceInfo { size, frame_rate: rate, time_base: rate.time_base(), frames };
        Ok(Self { info, files, next: 0, notes })
    }
}

impl FrameSource for NumberedMasks {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        let Some((later, file)) = self.files.pop_front() else { return Ok(None) };
        let index = FrameIndex(self.next);
        self.next += 1;
        let timestamp = Timestamp::new(i64::try_from(later).unwrap_or(i64::MAX), self.info.time_base);
        Ok(Some(TimedFrame { index, timestamp, duration_ticks: Some(1), frame: read_picture(&file)? }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Masked;
    use crate::time::TimeBase;

    const SIZE: Size = Size { width: 4, height: 2 };

    /// Flat pictures at these milliseconds, each of this brightness.
    struct Flat {
        info: SourceInfo,
        pictures: VecDeque<(i64, u8)>,
    }

    fn flat(pictures: &[(i64, u8)]) -> Box<dyn FrameSource> {
        let time_base = TimeBase::new(1, 1000);
        let info = SourceInfo { size: SIZE, frame_rate: FrameRate::new(25, 1), time_base, frames: None };
        Box::new(Flat { info, pictures: pictures.iter().copied().collect() })
    }

    impl FrameSource for Flat {
        fn info(&self) -> &SourceInfo {
            &self.info
        }

        fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
            Ok(self.pictures.pop_front().map(|(ms, value)| TimedFrame {
                index: FrameIndex(0),
                timestamp: Timestamp::new(ms, self.info.time_base),
                duration_ticks: Some(40),
                frame: Frame::from_fn(SIZE, |_, _| [value; 3]),
            }))
        }
    }

    /// A mask whose film begins at 1 s on its clock.
    fn track(pictures: &[(i64, u8)], first: Option<u8>) -> MaskTrack {
        let first = first.map(|value| Frame::from_fn(SIZE, |_, _| [value; 3]));
        MaskTrack::moving("m", flat(pictures), (1.0, 0.01), first, MaskReading::default(), SIZE).unwrap()
    }

    /// Whether the mask is white at these seconds, and what was said by the end.
    fn white(track: MaskTrack, times: &[f64]) -> (Vec<bool>, Vec<String>) {
        let mut tracks = MaskTracks { paint: Some(track), regions: Vec::new() };
        let white = times.iter().map(|t| tracks.at(*t).unwrap().paint.unwrap().values()[0] == 1.0).collect();
        tracks.finish();
        (white, tracks.take_notes())
    }

    #[test]
    fn a_picture_is_on_until_the_next_and_rounded_times_are_no_delay() {
        let pictures = [(1000, 255), (1040, 0), (1080, 255), (1200, 0)];
        let (on, notes) = white(track(&pictures, None), &[0.0, 0.029, 0.0301, 0.0701, 0.18, 0.1901, 0.21]);
        assert_eq!(on, [true, true, false, true, true, false, false]);
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn what_is_missing_at_the_ends_is_held_and_said_once() {
        let (on, notes) = white(track(&[(1100, 0), (1140, 255)], None), &[0.0, 0.04, 0.1, 0.14, 0.18, 0.5]);
        assert_eq!(on, [false, false, false, true, true, true]);
        let said = [
            "the mask m begins after 0.10 s: its first picture holds until then",
            "the mask m ends after 0.18 s: its last picture holds",
        ];
        assert_eq!(notes, said);
        // Opened in the middle, where an earlier picture is still on.
        let (on, notes) = white(track(&[(1100, 0)], Some(255)), &[0.0, 0.04, 0.1]);
        assert_eq!((on, notes.len()), (vec![true, true, false], 0));
    }

    #[test]
    fn a_mask_that_never_opens_is_told_at_the_end() {
        let (_, notes) = white(track(&[(1000, 0), (1040, 0)], None), &[0.0, 0.04]);
        assert_eq!(notes, ["the mask m left nothing to paint from the beginning to the end"]);
        assert!(MaskTrack::moving("m", flat(&[]), (0.0, 0.0), None, MaskReading::default(), SIZE).is_err());
    }

    #[test]
    fn the_very_same_mask_is_handed_out_while_nothing_moves() {
        let mut track = track(&[(1000, 255), (1040, 255), (1080, 0)], None);
        let masks = [0.0, 0.04, 0.08].map(|t| track.at(t).unwrap());
        assert!(Arc::ptr_eq(&masks[0], &masks[1]) && !Arc::ptr_eq(&masks[1], &masks[2]));
    }

    #[test]
    fn every_frame_finds_its_masks_waiting() {
        let tracks = MaskTracks {
            paint: Some(track(&[(1000, 255), (1040, 0)], None)),
            regions: vec![track(&[(1000, 0), (1080, 255)], None)],
        };
        let (mut source, masks) = Masked::over(flat(&[(500, 1), (540, 2), (580, 3)]), tracks, 0.5);
        let mut seen = Vec::new();
        while source.next_frame().unwrap().is_some() {
            let Masks { paint, regions } = masks.try_recv().unwrap();
            seen.push([&paint.unwrap(), &regions[0]].map(|mask| mask.values()[0]));
        }
        assert_eq!(seen, [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]);
        assert_eq!(source.take_notes(), ["the mask m ends after 0.08 s: its last picture holds"]);
        assert!(masks.try_recv().is_err());
    }
}
