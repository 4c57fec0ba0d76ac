//! Sources that wait for their reader, made to go on by themselves.
//!
//! [`Paced`] shows a film at its own speed, as a camera would: what is not taken in time is gone.
//! [`Arriving`] is for what has a pace of its own (a network stream, a screen being grabbed) and may stop
//! sending at any moment: it is read on a thread of its own, so that nobody waits for it without end.

use super::live::{Arrival, Captured, LiveSource};
use super::{FrameSource, SourceInfo, TimedFrame};
use crate::error::{Error, Result};
use crate::frame::FrameIndex;
use crate::resize::resize_frame;
use crate::slot::{Giver, Taken, Taker, slot};
use crate::time::{FrameRate, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
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
            over: false,
        })
    }

    /// The next frame that is due at all, and when, in seconds since the beginning.
    fn due(&mut self) -> Result<Option<(TimedFrame, f64)>> {
        if let Some(waiting) = self.waiting.take() {
            return Ok(Some(waiting));
        }
        let mut empty_rounds = 0;
        loop {
            let Some(timed) = self.source.next_frame()? else {
                empty_rounds += 1;
                if self.at_end == AtEnd::Stop || empty_rounds > 1 {
                    return Ok(None);
                }
                self.source = (self.open)()?;
                self.rounds = self.end;
                self.first = None;
                continue;
            };
            empty_rounds = 0;
            let shown = timed.timestamp.seconds();
            let at = self.rounds + shown - *self.first.get_or_insert(shown);
            let base = timed.timestamp.base;
            self.end = at
                + match timed.duration_ticks {
                    Some(ticks) => Timestamp::new(ticks, base).seconds(),
                    None => 1.0 / self.source.info().frame_rate.fps(),
                };
            // A hair's breadth less, because times are rounded.
            if at + 1e-3 >= self.next && !self.is_late(at) {
                if self.spacing > 0.0 {
                    // The grid stays where it is, however frames fall on it.
                    self.next = ((at + 1e-3) / self.spacing).floor() * self.spacing + self.spacing;
                }
                return Ok(Some((timed, at)));
            }
        }
    }
}

/// No film lasts thirty years; times beyond it are a damaged file's, and would overflow.
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
        let Some((timed, at)) = self.due()? else {
            self.over = true;
            return Ok(Arrival::Ended);
        };
        let began = *self.began.get_or_insert_with(Instant::now);
        let moment = after(began, at);
        let wait = moment.saturating_duration_since(Instant::now());
        if wait > patience {
            self.waiting = Some((timed, at));
            thread::sleep(patience);
            return Ok(Arrival::Nothing);
        }
        thread::sleep(wait);
        let index = FrameIndex(self.index);
        self.index += 1;
        let timestamp = Timestamp::new((at * 1e6).round() as i64, super::live::CLOCK);
        let timed = TimedFrame { index, timestamp, duration_ticks: None, frame: timed.frame };
        Ok(Arrival::Frame(Captured { timed, at: moment }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.source.take_notes()
    }
}

/// A source that sends when it likes, read on a thread of its own.
pub struct Arriving {
    info: SourceInfo,
    frames: Taker<Result<(TimedFrame, Instant)>>,
    notes: Arc<Mutex<Vec<String>>>,
    began: Option<Instant>,
    /// The time of the last frame, in ticks of the clock.
    last: i64,
    index: u64,
    over: bool,
}

impl Arriving {
    /// Reads `source` from now on, at most at `rate` frames a second.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn new(source: Box<dyn FrameSource>, rate: Option<f64>) -> Result<Self> {
        let info = SourceInfo { time_base: super::live::CLOCK, frames: None, ..source.info().clone() };
        let (giver, frames) = slot();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = notes.clone();
        let spacing = rate
            .filter(|rate| *rate > 0.0)
            .map_or(Duration::ZERO, |rate| Duration::from_secs_f64(0.9 / rate));
        // Never joined: it may hang in a read, and ends by itself when nobody takes its frames.
        thread::Builder::new()
            .name("read".into())
            .spawn(move || read(source, &giver, &told, spacing))
            .map_err(|cause| Error::model("cannot start a thread").caused_by(cause))?;
        Ok(Self { info, frames, notes, began: None, last: -1, index: 0, over: false })
    }
}

fn read(
    mut source: Box<dyn FrameSource>,
    giver: &Giver<Result<(TimedFrame, Instant)>>,
    notes: &Mutex<Vec<String>>,
    spacing: Duration,
) {
    let mut last: Option<Instant> = None;
    loop {
        let next = source.next_frame();
        let now = Instant::now();
        notes.lock().unwrap_or_else(PoisonError::into_inner).extend(source.take_notes());
        let message = match next {
            Ok(Some(_)) if last.is_some_and(|last| now - last < spacing) => continue,
            Ok(Some(timed)) => Ok((timed, now)),
            Ok(None) => return,
            Err(error) => {
                giver.put(Err(error));
                return;
            }
        };
        last = Some(now);
        if !giver.put(message) {
            return;
        }
    }
}

impl LiveSource for Arriving {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self, patience: Duration) -> Result<Arrival> {
        if self.over {
            return Ok(Arrival::Ended);
        }
        match self.frames.take(patience) {
            Taken::Nothing => Ok(Arrival::Nothing),
            Taken::Closed => {
                self.over = true;
                Ok(Arrival::Ended)
            }
            Taken::Thing(Err(error)) => {
                self.over = true;
                Err(error)
            }
            Taken::Thing(Ok((timed, at))) => {
                let since = at - *self.began.get_or_insert(at);
                self.last = (since.as_micros() as i64).max(self.last + 1);
                let frame = match timed.frame.size() == self.info.size {
                    true => timed.frame,
                    false => resize_frame(&timed.frame, self.info.size),
                };
                let index = FrameIndex(self.index);
                self.index += 1;
                let timestamp = Timestamp::new(self.last, super::live::CLOCK);
                let timed = TimedFrame { index, timestamp, duration_ticks: None, frame };
                Ok(Arrival::Frame(Captured { timed, at }))
            }
        }
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use crate::source::pattern::{Pattern, PatternOptions};

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

    #[test]
    fn a_time_that_no_film_reaches_is_waited_for_without_a_panic() {
        struct Damaged(SourceInfo, i64);
        impl FrameSource for Damaged {
            fn info(&self) -> &SourceInfo {
                &self.0
            }
            fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
                let base = crate::time::TimeBase::new(i32::MAX, 1);
                let timestamp = Timestamp::new(std::mem::replace(&mut self.1, i64::MAX), base);
                let frame = crate::frame::Frame::from_fn(self.0.size, |_, _| [0; 3]);
                Ok(Some(TimedFrame { index: FrameIndex(0), timestamp, duration_ticks: None, frame }))
            }
        }
        let info = pattern(1, 25)().unwrap().info().clone();
        let open: Opener = Box::new(move || Ok(Box::new(Damaged(info.clone(), 0))));
        let mut paced = Paced::new(open, None, AtEnd::Stop).unwrap();
        assert!(matches!(paced.next(Duration::ZERO).unwrap(), Arrival::Frame(_)));
        assert!(matches!(paced.next(Duration::ZERO).unwrap(), Arrival::Nothing));
    }

    #[test]
    fn who_has_no_patience_gets_the_frame_later() {
        let mut paced = Paced::new(pattern(2, 5), None, AtEnd::Stop).unwrap();
        assert!(matches!(paced.next(Duration::ZERO).unwrap(), Arrival::Frame(_)));
        assert!(matches!(paced.next(Duration::from_millis(1)).unwrap(), Arrival::Nothing));
        assert!(matches!(paced.next(Duration::from_secs(5)).unwrap(), Arrival::Frame(_)));
    }

    #[test]
    fn a_film_that_cannot_keep_up_skips_what_is_over() {
        let mut paced = Paced::new(pattern(100, 100), None, AtEnd::Stop).unwrap();
        assert_eq!(times(&mut paced, 1), [0]);
        thread::sleep(Duration::from_millis(300));
        let next = times(&mut paced, 1)[0];
        assert!(next >= 190, "a frame that was due 200 ms ago is skipped: {next}");
    }

    #[test]
    fn what_arrives_is_handed_on_with_growing_times_and_its_end_and_failure() {
        let mut arriving = Arriving::new(pattern(30, 25)().unwrap(), None).unwrap();
        let mut last = -1;
        loop {
            match arriving.next(Duration::from_secs(10)).unwrap() {
                Arrival::Frame(captured) => {
                    assert!(captured.timed.timestamp.ticks > last);
                    last = captured.timed.timestamp.ticks;
                }
                Arrival::Nothing => panic!("ten seconds are enough for a pattern"),
                Arrival::Ended => break,
            }
        }
        struct Failing(SourceInfo);
        impl FrameSource for Failing {
            fn info(&self) -> &SourceInfo {
                &self.0
            }
            fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
                Err(Error::input("the cable is cut"))
            }
            fn take_notes(&mut self) -> Vec<String> {
                vec!["a note".into()]
            }
        }
        let info = pattern(1, 25)().unwrap().info().clone();
        let mut failing = Arriving::new(Box::new(Failing(info)), None).unwrap();
        assert!(failing.next(Duration::from_secs(10)).is_err());
        assert_eq!(failing.take_notes(), ["a note"]);
        assert!(matches!(failing.next(Duration::ZERO).unwrap(), Arrival::Ended));
    }
}
