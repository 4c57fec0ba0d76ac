//! A film, which waits for its reader, made to go on by itself: it is shown at its own speed, as a camera would
//! show it, and what is not taken in time is gone.

use super::live::{Arrival, Captured, LiveSource};
use super::{FrameSource, SourceInfo, TimedFrame};
use crate::error::Result;
use crate::frame::FrameIndex;
use crate::time::{FrameRate, Timestamp};
use std::thread;
use std::time::{Duration, Instant};

/// Opens a source from its beginning, again and again.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn FrameSource>> + Send>;

/// What happens at the end of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// The source ends.
    Stop,
    /// It begins again.
    Loop,
}

/// A film that is later than this is shown from where it ought to be: what lies between is skipped.
const LATE: Duration = Duration::from_millis(100);

/// A film that has skipped for this long without catching up is decoded too slowly for its speed.
const HOPELESS: Duration = Duration::from_millis(500);

/// In seconds: a longer pause is left out. Slide shows and films of a screen have long ones; films that are damaged
/// or were cut leap by hours or years.
const LONGEST_PAUSE: f64 = 30.0;

/// What comes next of a film.
enum Due {
    /// A frame, and when it is due, in seconds since the beginning.
    Frame(TimedFrame, f64),
    /// It has not been found yet.
    NotYet,
    /// The film is over.
    Never,
}

/// A film that goes on at its own speed.
pub struct Paced {
    open: Opener,
    source: Box<dyn FrameSource>,
    info: SourceInfo,
    at_end: AtEnd,
    /// The least time between two frames, in seconds: for a rate below the film's own.
    spacing: f64,
    /// When the film's first moment is shown, once it is.
    began: Option<Instant>,
    /// The film's first moment of this round, in seconds.
    first: Option<f64>,
    /// Seconds of the rounds before.
    rounds: f64,
    /// The earliest moment of the next frame that is handed out, in seconds since `began`.
    next: f64,
    /// The end of the last frame, in seconds since `began`.
    end: f64,
    waiting: Option<(TimedFrame, f64)>,
    /// Since when frames are skipped.
    skipping: Option<Instant>,
    index: u64,
    notes: Vec<String>,
    over: bool,
}

impl Paced {
    /// The source that `open` opens, shown at its own speed, but at most `rate` frames a second.
    ///
    /// # Errors
    /// What `open` fails with.
    pub fn new(mut open: Opener, rate: Option<f64>, at_end: AtEnd) -> Result<Self> {
        let source = open()?;
        let own = source.info().clone();
        let slower = rate.filter(|rate| rate.is_finite() && *rate > 0.0 && *rate < own.frame_rate.fps());
        let frame_rate = slower.map_or(own.frame_rate, |rate| FrameRate::new((rate * 1000.0) as i32, 1000));
        let info = SourceInfo { frame_rate, time_base: super::live::CLOCK, frames: None, ..own };
        Ok(Self {
            open,
            source,
            info,
            at_end,
            spacing: slower.map_or(0.0, |rate| 1.0 / rate),
            began: None,
            first: None,
            rounds: 0.0,
            next: 0.0,
            end: 0.0,
            waiting: None,
            skipping: None,
            index: 0,
            notes: Vec::new(),
            over: false,
        })
    }

    /// The next frame that is due at all, if it is found before `until`: a film that is shown at a low rate has
    /// hundreds of frames in between, each of which has to be decoded.
    fn due(&mut self, until: Instant) -> Result<Due> {
        if let Some((timed, at)) = self.waiting.take() {
            return Ok(Due::Frame(timed, at));
        }
        let mut empty_rounds = 0;
        loop {
            let Some(timed) = self.source.next_frame()? else {
                empty_rounds += 1;
                if self.at_end == AtEnd::Stop || empty_rounds > 1 {
                    return Ok(Due::Never);
                }
                self.source = (self.open)()?;
                self.rounds = self.end;
                self.first = None;
                continue;
            };
            empty_rounds = 0;
            let at = self.place(&timed);
            // A hair's breadth less, because times are rounded.
            if at + 1e-3 >= self.next && !self.is_late(at) {
                if self.spacing > 0.0 {
                    // The grid stays where it is, however frames fall on it.
                    self.next = ((at + 1e-3) / self.spacing).floor() * self.spacing + self.spacing;
                }
                return Ok(Due::Frame(timed, at));
            }
            if Instant::now() >= until {
                return Ok(Due::NotYet);
            }
        }
    }
}

impl Paced {
    /// When a frame is due in this round, in seconds since the beginning, and where it ends.
    fn place(&mut self, timed: &TimedFrame) -> f64 {
        let shown = timed.timestamp.seconds();
        let first = *self.first.get_or_insert(shown);
        let mut at = self.rounds + shown - first;
        let leap = at - self.end;
        if leap > LONGEST_PAUSE {
            self.notes.push(format!(
                "The film's times leap by {leap:.0} seconds after {:.0}: so long a pause is left out",
                self.end - self.rounds
            ));
            self.first = Some(first + leap);
            at = self.end;
        }
        let told = timed.duration_ticks.map(|ticks| Timestamp::new(ticks, timed.timestamp.base).seconds());
        // Some films count the pause as a part of the frame before it.
        let told = told.filter(|seconds| *seconds <= LONGEST_PAUSE);
        self.end = at + told.unwrap_or_else(|| 1.0 / self.source.info().frame_rate.fps());
        at
    }
}

/// No film is shown for thirty years; clocks overflow beyond.
const FARTHEST_SECONDS: f64 = 1e9;

fn after(began: Instant, seconds: f64) -> Instant {
    began + Duration::from_secs_f64(seconds.clamp(0.0, FARTHEST_SECONDS))
}

impl Paced {
    /// Whether a frame that was due at `at` is skipped. A film that never catches up slows down instead.
    fn is_late(&mut self, at: f64) -> bool {
        let Some(began) = self.began else { return false };
        let due = after(began, at);
        let now = Instant::now();
        if now <= due + LATE {
            self.skipping = None;
            return false;
        }
        if now - *self.skipping.get_or_insert(now) < HOPELESS {
            return true;
        }
        self.skipping = None;
        self.began = Some(began + (now - due));
        false
    }
}

impl LiveSource for Paced {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self, patience: Duration) -> Result<Arrival> {
        if self.over {
            return Ok(Arrival::Ended);
        }
        let until = Instant::now() + patience;
        let (timed, at) = match self.due(until)? {
            Due::Frame(timed, at) => (timed, at),
            Due::NotYet => return Ok(Arrival::Nothing),
            Due::Never => {
                self.over = true;
                return Ok(Arrival::Ended);
            }
        };
        let began = *self.began.get_or_insert_with(Instant::now);
        let moment = after(began, at);
        if moment > until.max(Instant::now()) {
            self.waiting = Some((timed, at));
            thread::sleep(until.saturating_duration_since(Instant::now()));
            return Ok(Arrival::Nothing);
        }
        let wait = moment.saturating_duration_since(Instant::now());
        thread::sleep(wait);
        let index = FrameIndex(self.index);
        self.index += 1;
        let timestamp = Timestamp::new((at * 1e6).round() as i64, super::live::CLOCK);
        let timed = TimedFrame { index, timestamp, duration_ticks: None, frame: timed.frame };
        Ok(Arrival::Frame(Captured { timed, at: moment }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.source.take_notes();
        notes.append(&mut self.notes);
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use crate::source::pattern::{Pattern, PatternOptions};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn pattern(frames: u64, fps: i32) -> Opener {
        Box::new(move || {
            let options = PatternOptions {
                size: Size::new(16, 16),
                frames,
                frame_rate: FrameRate::new(fps, 1),
                ..PatternOptions::default()
            };
            Ok(Box::new(Pattern::new(options)))
        })
    }

    /// The times of all frames, in milliseconds, up to `most` of them.
    fn times(source: &mut dyn LiveSource, most: usize) -> Vec<i64> {
        let (mut times, mut indices) = (Vec::new(), None);
        while times.len() < most {
            match source.next(Duration::from_secs(5)).unwrap() {
                Arrival::Frame(captured) => {
                    assert!(indices.is_none_or(|last| captured.timed.index.0 == last + 1), "no holes");
                    indices = Some(captured.timed.index.0);
                    times.push(captured.timed.timestamp.ticks / 1000);
                }
                Arrival::Nothing => {}
                Arrival::Ended => break,
            }
        }
        times
    }

    /// These, but for some that a busy machine may have been too late for.
    #[track_caller]
    fn shown(times: &[i64], expected: &[i64]) {
        assert!(times.len() > 1 && times.is_sorted() && times[0] == 0, "{times:?}");
        assert!(times.iter().all(|time| expected.contains(time)), "{times:?}");
    }

    #[test]
    fn a_film_is_shown_when_its_frames_are_due() {
        let mut paced = Paced::new(pattern(4, 50), None, AtEnd::Stop).unwrap();
        let began = Instant::now();
        let times = times(&mut paced, 9);
        shown(&times, &[0, 20, 40, 60]);
        let last = times[times.len() - 1] as u64;
        assert!(began.elapsed() >= Duration::from_millis(last), "not earlier than due");
        assert!(matches!(paced.next(Duration::ZERO).unwrap(), Arrival::Ended));
    }

    #[test]
    fn a_lower_rate_takes_frames_evenly() {
        let mut paced = Paced::new(pattern(12, 60), Some(20.0), AtEnd::Stop).unwrap();
        shown(&times(&mut paced, 9), &[0, 50, 100, 150]);
        assert_eq!(paced.info().frame_rate.fps(), 20.0);
    }

    #[test]
    fn a_loop_goes_on_where_the_film_ends_and_one_of_nothing_ends() {
        let mut paced = Paced::new(pattern(2, 100), None, AtEnd::Loop).unwrap();
        let times = times(&mut paced, 5);
        assert!(times.len() == 5 && times.iter().all(|time| time % 10 == 0), "{times:?}");
        let mut nothing = Paced::new(pattern(0, 100), None, AtEnd::Loop).unwrap();
        assert!(matches!(nothing.next(Duration::from_secs(5)).unwrap(), Arrival::Ended));
    }

    /// Hands out frames at these times, in seconds, each of this duration.
    struct Timed(SourceInfo, Vec<i64>, Option<i64>);

    impl FrameSource for Timed {
        fn info(&self) -> &SourceInfo {
            &self.0
        }
        fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
            if self.1.is_empty() {
                return Ok(None);
            }
            let timestamp = Timestamp::new(self.1.remove(0), crate::time::TimeBase::new(1, 1));
            let frame = crate::frame::Frame::from_fn(self.0.size, |_, _| [0; 3]);
            Ok(Some(TimedFrame { index: FrameIndex(0), timestamp, duration_ticks: self.2, frame }))
        }
    }

    #[test]
    fn a_film_whose_times_leap_goes_on_at_once_and_says_so() {
        let info = pattern(1, 25)().unwrap().info().clone();
        let year = 31_557_600;
        for duration in [None, Some(3 * year), Some(i64::MAX)] {
            let (info, times) = (info.clone(), vec![0, 3 * year, 3 * year + 20, i64::MAX]);
            let open: Opener = Box::new(move || Ok(Box::new(Timed(info.clone(), times.clone(), duration))));
            let mut paced = Paced::new(open, None, AtEnd::Loop).unwrap();
            let far = Instant::now() + Duration::from_secs(60);
            let mut next = || match paced.due(far).unwrap() {
                Due::Frame(_, at) => at,
                Due::NotYet | Due::Never => panic!("there is a frame"),
            };
            let due: Vec<_> = (0..5).map(|_| next()).collect();
            // Pauses of twenty seconds are a film's own; a frame lasts a 25th of a second.
            for (at, expected) in due.iter().zip([0.0, 0.04, 20.04, 20.08, 20.12]) {
                assert!((at - expected).abs() < 1e-6, "{due:?}");
            }
            let notes = paced.take_notes();
            assert!(notes.len() == 2 && notes[0].contains("leap by 94672800 seconds after 0"), "{notes:?}");
        }
    }

    #[test]
    fn who_has_no_patience_gets_the_frame_later() {
        let mut paced = Paced::new(pattern(2, 5), None, AtEnd::Stop).unwrap();
        assert!(matches!(paced.next(Duration::ZERO).unwrap(), Arrival::Frame(_)));
        assert!(matches!(paced.next(Duration::from_millis(1)).unwrap(), Arrival::Nothing));
        assert!(matches!(paced.next(Duration::from_secs(5)).unwrap(), Arrival::Frame(_)));
    }

    /// Counts its frames, each of which takes a while.
    struct Slow(Pattern, Arc<AtomicU64>);

    impl FrameSource for Slow {
        fn info(&self) -> &SourceInfo {
            self.0.info()
        }
        fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
            thread::sleep(Duration::from_millis(5));
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.next_frame()
        }
    }

    #[test]
    fn nobody_waits_until_all_that_lies_in_between_is_read() {
        let read = Arc::new(AtomicU64::new(0));
        let counter = read.clone();
        let open: Opener = Box::new(move || {
            let options =
                PatternOptions { size: Size::new(16, 16), frames: 2000, ..PatternOptions::default() };
            Ok(Box::new(Slow(Pattern::new(options), counter.clone())))
        });
        let mut paced = Paced::new(open, Some(0.02), AtEnd::Stop).unwrap();
        assert!(matches!(paced.next(Duration::ZERO).unwrap(), Arrival::Frame(_)));
        let before = read.load(Ordering::Relaxed);
        assert!(matches!(paced.next(Duration::from_millis(20)).unwrap(), Arrival::Nothing));
        let between = read.load(Ordering::Relaxed) - before;
        assert!((1..=5).contains(&between), "{between} frames, of 5 ms at least each");
    }

    #[test]
    fn a_film_that_cannot_keep_up_skips_what_is_over() {
        let mut paced = Paced::new(pattern(100, 100), None, AtEnd::Stop).unwrap();
        assert_eq!(times(&mut paced, 1), [0]);
        thread::sleep(Duration::from_millis(300));
        let next = times(&mut paced, 1)[0];
        assert!(next >= 190, "a frame that was due 200 ms ago is skipped: {next}");
    }
}
