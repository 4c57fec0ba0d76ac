//! A deterministic film and a sink in memory, each of which can be told to be slow, to fail or to
//! panic at a certain frame.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, unreachable_pub, reason = "each test file includes it and uses its own part")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stylecast::error::{Error, Result};
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::sink::{Ending, Finished, FrameSink};
use stylecast::source::{FrameSource, SourceInfo, TimedFrame};
use stylecast::stylize::{PaintReport, Painted};
use stylecast::time::{FrameRate, TimeBase, Timestamp};

pub const SIZE: Size = Size::new(4, 3);
pub const BASE: TimeBase = TimeBase { num: 1, den: 1000 };

/// What happens at one frame of a source or sink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    Error(u64),
    Panic(u64),
}

impl Trouble {
    fn strikes(trouble: Option<Self>, index: u64, error: impl FnOnce() -> Error) -> Result<()> {
        match trouble {
            Some(Self::Error(at)) if at == index => Err(error()),
            Some(Self::Panic(at)) if at == index => panic!("a panic at frame {index}"),
            _ => Ok(()),
        }
    }
}

pub fn picture(index: u64) -> Frame {
    Frame::from_fn(SIZE, |x, y| [index as u8, x as u8, y as u8])
}

/// Uneven on purpose, as in a film of variable frame rate.
pub fn moment(index: u64) -> Timestamp {
    Timestamp::new(40 * index as i64 + (index % 3) as i64 - 80, BASE)
}

pub fn duration(index: u64) -> i64 {
    moment(index + 1).ticks - moment(index).ticks
}

pub fn untouched(timed: TimedFrame) -> Painted {
    Painted { frame: timed.frame, report: PaintReport::default() }
}

pub fn inverted(timed: &TimedFrame) -> Painted {
    let mut frame = timed.frame.clone();
    frame.data_mut().iter_mut().for_each(|value| *value = 255 - *value);
    Painted { frame, report: PaintReport::default() }
}

/// A film whose pictures count upwards.
pub struct Counter {
    info: SourceInfo,
    next: u64,
    length: u64,
    pub pause: Duration,
    pub trouble: Option<Trouble>,
    pub notes: Vec<String>,
    pub issued: Arc<AtomicUsize>,
}

impl Counter {
    pub fn film(length: u64) -> Self {
        let info = SourceInfo {
            size: SIZE,
            frame_rate: FrameRate::new(25, 1),
            time_base: BASE,
            frames: Some(length),
        };
        Self {
            info,
            next: 0,
            length,
            pause: Duration::ZERO,
            trouble: None,
            notes: Vec::new(),
            issued: Arc::default(),
        }
    }

    pub fn endless() -> Self {
        Self::film(u64::MAX)
    }
}

impl FrameSource for Counter {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        std::thread::sleep(self.pause);
        let index = self.next;
        Trouble::strikes(self.trouble, index, || Error::input("cannot read film.mp4: it is damaged"))?;
        if index == self.length {
            return Ok(None);
        }
        self.next += 1;
        self.issued.fetch_add(1, Ordering::SeqCst);
        Ok(Some(TimedFrame {
            index: FrameIndex(index),
            timestamp: moment(index),
            duration_ticks: Some(duration(index)),
            frame: picture(index),
        }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// What a [`Memory`] has taken, readable after it is gone.
#[derive(Default)]
pub struct Kept {
    pub frames: Vec<TimedFrame>,
    pub ending: Option<Ending>,
}

/// A sink that keeps everything.
#[derive(Default)]
pub struct Memory {
    pub kept: Arc<Mutex<Kept>>,
    pub pause: Duration,
    pub trouble: Option<Trouble>,
    pub fails_to_finish: bool,
    pub notes: Vec<String>,
    /// Set when the sink is dropped, finished or not.
    pub gone: Arc<AtomicBool>,
    /// A source's count of issued frames, to measure how many are alive.
    pub issued: Option<Arc<AtomicUsize>>,
    pub most_alive: Arc<AtomicUsize>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}

impl FrameSink for Memory {
    fn write(&mut self, timed: TimedFrame) -> Result<()> {
        std::thread::sleep(self.pause);
        let written = self.kept.lock().unwrap().frames.len();
        if let Some(issued) = &self.issued {
            self.most_alive.fetch_max(issued.load(Ordering::SeqCst) - written, Ordering::SeqCst);
        }
        Trouble::strikes(self.trouble, timed.index.0, || {
            Error::output("cannot write painted.mp4: disk full")
        })?;
        self.kept.lock().unwrap().frames.push(timed);
        Ok(())
    }

    fn finish(self: Box<Self>, ending: Ending) -> Result<Finished> {
        if self.fails_to_finish {
            return Err(Error::output("cannot rename painted.mp4"));
        }
        let mut kept = self.kept.lock().unwrap();
        kept.ending = Some(ending);
        Ok(Finished { path: None, frames: kept.frames.len() as u64, notes: self.notes.clone() })
    }
}
