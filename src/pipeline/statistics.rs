//! What a run has cost, stage by stage.

use crate::stylize::PaintReport;

/// Sums over one run. Busy seconds count only the time inside the source, the scout, the painter or the sink,
/// not the waiting for each other: since the stages run side by side, they may add up to more than
/// `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// Frames painted.
    pub frames: u64,
    /// Wall-clock seconds of the whole run.
    pub seconds: f64,
    /// Busy seconds of the source.
    pub decode_seconds: f64,
    /// Busy seconds of looking ahead: motion and cuts.
    pub look_seconds: f64,
    /// Busy seconds of the painter.
    pub paint_seconds: f64,
    /// Busy seconds of the sink, its finishing included.
    pub encode_seconds: f64,
    /// Iterations, over all frames.
    pub iterations: u64,
    /// The objective before the first step of the first frame that was optimised.
    pub first_loss: Option<f64>,
    /// The objective after the last step of the last frame that was optimised.
    pub last_loss: Option<f64>,
}

impl Statistics {
    /// Counts one painted frame, which kept the painter busy for `seconds`.
    pub(super) fn count(&mut self, report: &PaintReport, seconds: f64) {
        self.frames += 1;
        self.paint_seconds += seconds;
        self.iterations += report.iterations as u64;
        self.first_loss = self.first_loss.or(report.first_loss);
        self.last_loss = report.last_loss.or(self.last_loss);
    }
}
