//! Sources around sources: another size, and a part of the time.

use crate::error::Result;
use crate::frame::{FrameIndex, Size};
use crate::resize::resize_frame;
use crate::source::{FrameSource, SourceInfo, TimedFrame};
use crate::time::Timestamp;

/// A source whose frames are scaled to one size. Runs where the source runs, beside the painter.
pub struct Scaled {
    inner: Box<dyn FrameSource>,
    info: SourceInfo,
}

impl Scaled {
    /// `inner` at `size`, or `inner` itself where it has that size.
    pub fn to(inner: Box<dyn FrameSource>, size: Size) -> Box<dyn FrameSource> {
        if inner.info().size == size {
            return inner;
        }
        let info = SourceInfo { size, ..inner.info().clone() };
        Box::new(Self { inner, info })
    }
}

impl FrameSource for Scaled {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        let timed = self.inner.next_frame()?;
        Ok(timed.map(|timed| TimedFrame { frame: resize_frame(&timed.frame, self.info.size), ..timed }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner.take_notes()
    }
}

/// The part of a source from `start` on, for a `duration`. Reads what it skips: for sources that
/// cannot seek. Frames are counted anew, and keep their times.
pub struct Trimmed {
    inner: Box<dyn FrameSource>,
    info: SourceInfo,
    start: Option<Timestamp>,
    /// The first moment that no longer belongs to it.
    end: Option<Timestamp>,
    next: u64,
    over: bool,
}

impl Trimmed {
    /// Frames shown at `start` or later and before `start + duration`.
    pub fn to(
        inner: Box<dyn FrameSource>,
        start: Option<Timestamp>,
        duration: Option<Timestamp>,
    ) -> Box<dyn FrameSource> {
        if start.is_none() && duration.is_none() {
            return inner;
        }
        let end = duration.map(|duration| {
            let start = start.map_or(0, |start| start.rescale(duration.base).ticks);
            Timestamp::new(start.saturating_add(duration.ticks), duration.base)
        });
        let whole = inner.info();
        let seconds = |moment: Option<Timestamp>| moment.map(Timestamp::seconds);
        let frames = whole.frames.map(|frames| {
            let fps = whole.frame_rate.fps();
            let begin = (seconds(start).unwrap_or(0.0) * fps).ceil() as u64;
            let end = seconds(end).map_or(frames, |end| ((end * fps).ceil() as u64).min(frames));
            end.saturating_sub(begin)
        });
        let info = SourceInfo { frames, ..whole.clone() };
        Box::new(Self { inner, info, start, end, next: 0, over: false })
    }
}

impl FrameSource for Trimmed {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        while !self.over {
            let Some(timed) = self.inner.next_frame()? else { break };
            if self.end.is_some_and(|end| timed.timestamp >= end) {
                break;
            }
            if self.start.is_none_or(|start| timed.timestamp >= start) {
                let index = FrameIndex(self.next);
                self.next += 1;
                return Ok(Some(TimedFrame { index, ..timed }));
            }
        }
        self.over = true;
        Ok(None)
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner.take_notes()
    }
}
