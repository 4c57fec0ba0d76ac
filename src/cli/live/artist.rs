//! The painter's thread of a live run: takes what the camera saw, paints it as the desk wishes, hands it to
//! whoever wants every painted frame, and on to the view.

use super::desk::Wishes;
use super::outlets::Outlets;
use crate::error::Result;
use crate::frame::{Frame, Size};
use crate::pipeline::{Fresh, StopToken, Wish};
use crate::source::live::Captured;
use crate::stylize::{LivePainter, PaintReport, Painted};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A painted frame on its way to the view.
pub(super) struct Picture {
    /// What was painted from.
    pub(super) source: Frame,
    pub(super) painted: Arc<Frame>,
    pub(super) report: PaintReport,
    /// The size at which it was painted.
    pub(super) paint_size: Size,
}

/// Paints what it is given.
pub(super) struct Artist {
    /// `None` passes frames through.
    painter: Option<LivePainter>,
    wishes: Arc<Mutex<Wishes>>,
    outlets: Arc<Outlets>,
    stop: StopToken,
    began: Instant,
    /// The last frame as it came, for when time is to stand still.
    last: Option<Frame>,
}

impl Artist {
    pub(super) fn new(
        painter: Option<LivePainter>,
        wishes: Arc<Mutex<Wishes>>,
        outlets: Arc<Outlets>,
        stop: StopToken,
        began: Instant,
    ) -> Self {
        Self { painter, wishes, outlets, stop, began, last: None }
    }

    /// Paints a captured frame; where time stands still, the last one further.
    pub(super) fn paint(&mut self, captured: Option<Captured>) -> Result<Option<Fresh<Picture>>> {
        let wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (source, at) = match (captured, &self.last) {
            (_, Some(last)) if wishes.frozen => (last.clone(), Instant::now()),
            (Some(captured), _) => {
                self.last = Some(captured.timed.frame.clone());
                (captured.timed.frame, captured.at)
            }
            (None, _) => return Ok(None),
        };
        let Painted { frame, report } = match &mut self.painter {
            None => Painted { frame: source.clone(), report: PaintReport::default() },
            Some(live) => {
                live.mix(&wishes.mix);
                live.set_keep_color(wishes.keep_color);
                let painter = live.painter();
                painter.set_style_weight(wishes.style_weight);
                painter.set_steadiness(wishes.steadiness);
                live.paint_while(source.clone(), || self.stop.wish() == Wish::Continue)?
            }
        };
        let paint_size = self.painter.as_ref().map_or(source.size(), LivePainter::paint_size);
        let painted = Arc::new(frame);
        self.outlets.send(&painted, at.saturating_duration_since(self.began));
        let picture = Picture { source, painted, report, paint_size };
        Ok(Some(Fresh { view: picture, captured: at }))
    }
}
