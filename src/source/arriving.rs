//! Sources that may hang: a network stream, a screen being grabbed, a pipe from another program. Each is read on a
//! thread of its own, so that nobody waits for it without end, least of all whoever wants to quit.

use super::live::{Arrival, Captured, LiveSource};
use super::paced::Paced;
use super::{FrameSource, SourceInfo, TimedFrame};
use crate::error::{Error, Result};
use crate::frame::FrameIndex;
use crate::resize::resize_frame;
use crate::slot::{Giver, Taken, Taker, slot};
use crate::time::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a thread that has nothing to hand on looks whether anybody is left to take it.
const GLANCE: Duration = Duration::from_millis(100);

/// A source on a thread of its own.
pub struct Arriving {
    info: SourceInfo,
    frames: Taker<Result<Captured>>,
    notes: Arc<Mutex<Vec<String>>>,
    began: Option<Instant>,
    /// The time of the last frame, in ticks of the clock.
    last: i64,
    index: u64,
    over: bool,
}

impl Arriving {
    /// Takes the frames of `source` as they come, for one that has a pace of its own; at most `rate` a second.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn new(source: Box<dyn FrameSource>, rate: Option<f64>) -> Result<Self> {
        let spacing = rate
            .filter(|rate| *rate > 0.0)
            .map_or(Duration::ZERO, |rate| Duration::from_secs_f64(0.9 / rate));
        let info = SourceInfo { time_base: super::live::CLOCK, frames: None, ..source.info().clone() };
        Self::read(Coming { source, info, spacing, last: None })
    }

    /// Shows a film at its own speed.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn paced(film: Paced) -> Result<Self> {
        Self::read(film)
    }

    fn read(source: impl LiveSource + 'static) -> Result<Self> {
        let info = source.info().clone();
        let (giver, frames) = slot();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = notes.clone();
        // Never joined: it may hang in a read, and ends by itself when nobody takes its frames.
        thread::Builder::new()
            .name("read".into())
            .spawn(move || read(source, &giver, &told))
            .map_err(|cause| Error::model("cannot start a thread").caused_by(cause))?;
        Ok(Self { info, frames, notes, began: None, last: -1, index: 0, over: false })
    }
}

fn read(mut source: impl LiveSource, giver: &Giver<Result<Captured>>, notes: &Mutex<Vec<String>>) {
    while giver.has_taker() {
        let arrival = source.next(GLANCE);
        notes.lock().unwrap_or_else(PoisonError::into_inner).extend(source.take_notes());
        match arrival {
            Ok(Arrival::Nothing) => {}
            Ok(Arrival::Ended) => return,
            Ok(Arrival::Frame(captured)) => {
                giver.put(Ok(captured));
            }
            Err(error) => {
                giver.put(Err(error));
                return;
            }
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
            Taken::Thing(Ok(Captured { timed, at })) => {
                let since = at.saturating_duration_since(*self.began.get_or_insert(at));
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

/// Frames that count as captured when they come. It waits for them without end.
struct Coming {
    source: Box<dyn FrameSource>,
    info: SourceInfo,
    /// The least time between two frames that are handed on.
    spacing: Duration,
    last: Option<Instant>,
}

impl LiveSource for Coming {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self, _: Duration) -> Result<Arrival> {
        let Some(timed) = self.source.next_frame()? else { return Ok(Arrival::Ended) };
        let at = Instant::now();
        if self.last.is_some_and(|last| at - last < self.spacing) {
            return Ok(Arrival::Nothing);
        }
        self.last = Some(at);
        Ok(Arrival::Frame(Captured { timed, at }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.source.take_notes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::paced::AtEnd;
    use super::*;
    use crate::frame::Size;
    use crate::source::pattern::{Pattern, PatternOptions};
    use crate::time::FrameRate;

    fn pattern(frames: u64, fps: i32) -> Box<dyn FrameSource> {
        let (size, frame_rate) = (Size::new(16, 16), FrameRate::new(fps, 1));
        Box::new(Pattern::new(PatternOptions { size, frames, frame_rate, ..PatternOptions::default() }))
    }

    /// The times of all frames, in microseconds.
    fn times(arriving: &mut Arriving) -> Vec<i64> {
        let mut times = Vec::new();
        loop {
            match arriving.next(Duration::from_secs(10)).unwrap() {
                Arrival::Frame(captured) => times.push(captured.timed.timestamp.ticks),
                Arrival::Nothing => panic!("ten seconds are enough for a pattern"),
                Arrival::Ended => return times,
            }
        }
    }

    #[test]
    fn what_arrives_is_handed_on_with_growing_times_and_its_end() {
        let times = times(&mut Arriving::new(pattern(30, 25), None).unwrap());
        assert!(!times.is_empty() && times.is_sorted_by(|a, b| a < b), "{times:?}");
    }

    #[test]
    fn a_film_that_comes_from_afar_is_no_faster_for_it() {
        let film = Paced::new(Box::new(|| Ok(pattern(6, 20))), None, AtEnd::Stop).unwrap();
        let began = Instant::now();
        let times = times(&mut Arriving::paced(film).unwrap());
        let last = times[times.len() - 1];
        assert!(last >= 200_000 && began.elapsed() >= Duration::from_millis(200), "{times:?}");
    }

    /// Fails, or hangs until it is let go.
    struct Troubled(SourceInfo, Option<std::sync::mpsc::Receiver<()>>);

    impl FrameSource for Troubled {
        fn info(&self) -> &SourceInfo {
            &self.0
        }
        fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
            if let Some(hangs) = &self.1 {
                let _ = hangs.recv();
            }
            Err(Error::input("the cable is cut"))
        }
        fn take_notes(&mut self) -> Vec<String> {
            vec!["a note".into()]
        }
    }

    #[test]
    fn failures_and_notes_are_handed_on() {
        let info = pattern(1, 25).info().clone();
        let mut failing = Arriving::new(Box::new(Troubled(info, None)), None).unwrap();
        assert!(failing.next(Duration::from_secs(10)).is_err());
        assert_eq!(failing.take_notes(), ["a note"]);
        assert!(matches!(failing.next(Duration::ZERO).unwrap(), Arrival::Ended));
    }

    #[test]
    fn one_that_hangs_holds_up_nobody() {
        let (let_go, hangs) = std::sync::mpsc::channel();
        let info = pattern(1, 25).info().clone();
        let mut hanging = Arriving::new(Box::new(Troubled(info, Some(hangs))), None).unwrap();
        assert!(matches!(hanging.next(Duration::from_millis(1)).unwrap(), Arrival::Nothing));
        drop(hanging);
        drop(let_go);
    }
}
