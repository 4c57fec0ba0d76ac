//! A sink that keeps every frame, for tests and for programs that want the pictures themselves.

use super::{Ending, Finished, FrameSink};
use crate::error::Result;
use crate::source::TimedFrame;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps frames in memory. Clones share what they hold, so that one can be read after the other has
/// been finished by a pipeline.
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    frames: Vec<TimedFrame>,
    ending: Option<Ending>,
}

impl MemorySink {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the frames written so far out of it.
    pub fn take_frames(&self) -> Vec<TimedFrame> {
        std::mem::take(&mut self.lock().frames)
    }

    /// How the stream ended; `None` before it has.
    pub fn ending(&self) -> Option<Ending> {
        self.lock().ending
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic elsewhere does not spoil a list of frames.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FrameSink for MemorySink {
    fn write(&mut self, frame: TimedFrame) -> Result<()> {
        self.lock().frames.push(frame);
        Ok(())
    }

    fn finish(self: Box<Self>, ending: Ending) -> Result<Finished> {
        let mut kept = self.lock();
        kept.ending = Some(ending);
        Ok(Finished { path: None, frames: kept.frames.len() as u64, notes: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, FrameIndex, Size};
    use crate::time::{TimeBase, Timestamp};

    #[test]
    fn frames_are_kept_in_order_and_seen_through_clones() {
        let sink = MemorySink::new();
        let mut writer: Box<dyn FrameSink> = Box::new(sink.clone());
        for i in 0..3 {
            let frame = Frame::from_fn(Size::new(2, 2), |_, _| [i as u8; 3]);
            let timestamp = Timestamp::new(i, TimeBase::new(1, 25));
            writer
                .write(TimedFrame { index: FrameIndex(i as u64), timestamp, duration_ticks: None, frame })
                .unwrap();
        }
        assert_eq!(sink.ending(), None);
        assert_eq!(writer.finish(Ending::Interrupted).unwrap().frames, 3);
        assert_eq!(sink.ending(), Some(Ending::Interrupted));
        let reds: Vec<u8> = sink.take_frames().iter().map(|kept| kept.frame.pixel(0, 0)[0]).collect();
        assert_eq!(reds, [0, 1, 2]);
    }
}
