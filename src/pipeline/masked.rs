//! A source and the masks over it, read side by side.

use super::MaskTracks;
use crate::error::Result;
use crate::source::{FrameSource, SourceInfo, TimedFrame};
use crate::stylize::Masks;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A source whose masks are looked up with every frame, where it runs, beside the painter.
pub struct Masked {
    inner: Box<dyn FrameSource>,
    tracks: MaskTracks,
    /// The beginning of the film on its own clock, in seconds.
    origin: f64,
    masks: Sender<Masks>,
}

impl Masked {
    /// `inner`, which begins at `origin` seconds on its own clock, and the other end of a queue in which the
    /// masks of each frame lie before the frame is handed out, in order.
    pub fn over(
        inner: Box<dyn FrameSource>,
        tracks: MaskTracks,
        origin: f64,
    ) -> (Box<dyn FrameSource>, Receiver<Masks>) {
        // Never longer than the queue of frames that goes along with it.
        let (masks, taken) = channel();
        (Box::new(Self { inner, tracks, origin, masks }), taken)
    }
}

impl FrameSource for Masked {
    fn info(&self) -> &SourceInfo {
        self.inner.info()
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        let timed = self.inner.next_frame()?;
        match &timed {
            Some(timed) => {
                let masks = self.tracks.at(timed.timestamp.seconds() - self.origin)?;
                // Nobody takes them any more only when the run is over.
                let _ = self.masks.send(masks);
            }
            None => self.tracks.finish(),
        }
        Ok(timed)
    }

    fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.inner.take_notes();
        notes.extend(self.tracks.take_notes());
        notes
    }
}
