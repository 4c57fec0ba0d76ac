//! Two films read in step: frame *t* of the source beside frame *t* of the painted one.

use crate::error::Result;
use crate::frame::{Frame, Size};
use crate::resize::resize_frame;
use crate::source::{FrameSource, TimedFrame};
use crate::time::{TimeBase, Timestamp};
use serde::Serialize;

/// The same moment of both films, at one size.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Counted from 0.
    pub index: u64,
    /// When the source shows it.
    pub timestamp: Timestamp,
    /// The source's frame.
    pub source: Frame,
    /// The painted frame.
    pub painted: Frame,
}

/// How many frames each film has; `None` where it was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// Frames of the source.
    pub source: Option<u64>,
    /// Frames of the painted film.
    pub painted: Option<u64>,
}

impl Lengths {
    /// Whether both films are known to have the same number of frames.
    pub fn agree(&self) -> Option<bool> {
        Some(self.source? == self.painted?)
    }
}

/// How far the painted frames are shown at the source's times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// Whether no frame is off by more than one tick of the coarser of both films' clocks.
    pub agree: bool,
    /// When the painted film's first frame is shown, minus when the source's is.
    pub offset_seconds: f64,
    /// The largest difference of a frame's two times, the offset taken off.
    pub largest_difference_seconds: f64,
    /// The frame where that is.
    pub at_frame: u64,
    /// One tick of the coarser clock.
    tolerance_seconds: f64,
}

/// Two films, read in step.
pub struct Pairs {
    source: Box<dyn FrameSource>,
    painted: Box<dyn FrameSource>,
    size: Size,
    next: u64,
    lengths: Lengths,
    times: Option<Times>,
}

impl Pairs {
    /// Reads both at the painted film's size, shrunk to `longest` on its longest side where that is
    /// smaller.
    pub fn new(source: Box<dyn FrameSource>, painted: Box<dyn FrameSource>, longest: Option<usize>) -> Self {
        let own = painted.info().size;
        let size = longest.map_or(own, |longest| own.fit(longest));
        let lengths = Lengths { source: None, painted: None };
        Self { source, painted, size, next: 0, lengths, times: None }
    }

    /// The size at which both films are handed out.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many pairs are expected.
    pub fn expected(&self) -> Option<u64> {
        match (self.source.info().frames, self.painted.info().frames) {
            (Some(source), Some(painted)) => Some(source.min(painted)),
            (one, other) => one.or(other),
        }
    }

    /// The next pair; `None` where either film ends.
    ///
    /// # Errors
    /// Those of the two sources.
    pub fn next_pair(&mut self) -> Result<Option<Pair>> {
        let (source, painted) = (self.source.next_frame()?, self.painted.next_frame()?);
        let read = |frame: &Option<TimedFrame>, count: u64| frame.is_none().then_some(count);
        self.lengths = Lengths { source: read(&source, self.next), painted: read(&painted, self.next) };
        let (Some(source), Some(painted)) = (source, painted) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        self.compare(index, source.timestamp, painted.timestamp);
        let scaled =
            |frame: Frame| if frame.size() == self.size { frame } else { resize_frame(&frame, self.size) };
        Ok(Some(Pair {
            index,
            timestamp: source.timestamp,
            source: scaled(source.frame),
            painted: scaled(painted.frame),
        }))
    }

    fn compare(&mut self, index: u64, source: Timestamp, painted: Timestamp) {
        let apart = painted.seconds() - source.seconds();
        let tick = |base: TimeBase| f64::from(base.num) / f64::from(base.den);
        let times = self.times.get_or_insert(Times {
            agree: true,
            offset_seconds: apart,
            largest_difference_seconds: 0.0,
            at_frame: 0,
            tolerance_seconds: tick(source.base).max(tick(painted.base)),
        });
        let difference = apart - times.offset_seconds;
        if difference.abs() > times.largest_difference_seconds.abs() {
            times.largest_difference_seconds = difference;
            times.at_frame = index;
            // Ticks are compared in floats: a millionth of one is no difference.
            times.agree = difference.abs() <= times.tolerance_seconds * (1.0 + 1e-6);
        }
    }

    /// Reads the longer film to its end, as long as `go_on` says, so that [`Self::lengths`] is known.
    ///
    /// # Errors
    /// Those of the two sources.
    pub fn count_the_rest(&mut self, go_on: impl Fn() -> bool) -> Result<()> {
        let (film, length) = match self.lengths {
            Lengths { source: None, painted: Some(_) } => (&mut self.source, &mut self.lengths.source),
            Lengths { source: Some(_), painted: None } => (&mut self.painted, &mut self.lengths.painted),
            _ => return Ok(()),
        };
        // The frame that had no partner was read already.
        let mut count = self.next + 1;
        while go_on() {
            match film.next_frame()? {
                Some(_) => count += 1,
                None => {
                    *length = Some(count);
                    break;
                }
            }
        }
        Ok(())
    }

    /// How many frames each film has, once it was read to its end.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// How far the times of all pairs so far agree; `None` before the first.
    pub fn times(&self) -> Option<Times> {
        self.times
    }

    /// What the sources have to say since the last call.
    pub fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.source.take_notes();
        notes.extend(self.painted.take_notes());
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::pattern::{Pattern, PatternOptions};
    use crate::time::FrameRate;

    fn film(frames: u64, fps: i32, size: Size) -> Box<dyn FrameSource> {
        let frame_rate = FrameRate::new(fps, 1);
        Box::new(Pattern::new(PatternOptions { frames, frame_rate, size, ..PatternOptions::default() }))
    }

    fn read(source: Box<dyn FrameSource>, painted: Box<dyn FrameSource>, longest: Option<usize>) -> Pairs {
        let mut pairs = Pairs::new(source, painted, longest);
        while let Some(pair) = pairs.next_pair().unwrap() {
            assert_eq!((pair.source.size(), pair.painted.size()), (pairs.size(), pairs.size()));
        }
        pairs.count_the_rest(|| true).unwrap();
        pairs
    }

    #[test]
    fn the_common_part_is_paired_and_both_are_counted() {
        let size = Size::new(32, 24);
        for (source, painted) in [(5, 5), (3, 7), (9, 4), (0, 2), (2, 0)] {
            let pairs = read(film(source, 25, size), film(painted, 25, size), None);
            let lengths = Lengths { source: Some(source), painted: Some(painted) };
            assert_eq!(pairs.lengths(), lengths);
            assert_eq!(lengths.agree(), Some(source == painted));
        }
    }

    #[test]
    fn other_times_are_noticed_where_they_are_worst() {
        let size = Size::new(32, 24);
        let times = read(film(6, 25, size), film(6, 25, size), None).times().unwrap();
        assert!(times.agree && times.largest_difference_seconds == 0.0);
        // At 20 frames a second the sixth is shown at 0.25 s instead of 0.2 s.
        let times = read(film(6, 25, size), film(6, 20, size), None).times().unwrap();
        assert!((times.largest_difference_seconds - 0.05).abs() < 1e-9 && times.at_frame == 5);
        // Such clocks tick every 0.05 s, so that this is one tick; a frame later it is more.
        assert!(times.agree);
        assert!(!read(film(7, 25, size), film(7, 20, size), None).times().unwrap().agree);
    }

    #[test]
    fn the_painted_size_counts_and_is_only_ever_shrunk() {
        let films = || (film(2, 25, Size::new(64, 48)), film(2, 25, Size::new(32, 26)));
        for (longest, size) in [(None, (32, 26)), (Some(16), (16, 13)), (Some(100), (32, 26))] {
            let (source, painted) = films();
            assert_eq!(read(source, painted, longest).size(), Size::new(size.0, size.1));
        }
    }
}
