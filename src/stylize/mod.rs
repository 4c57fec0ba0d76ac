//! The artist: one frame in, one frame out, and no idea where they come from or go.
//!
//! [`Painter`] moves a picture's pixels towards an objective (`loss`) with an optimiser (`optim`);
//! `warm` decides where it starts, `upsample` enlarges what was painted small.

mod painter;
mod settings;
mod upsample;
mod warm;

pub use painter::{Painter, Step};
pub use settings::{OptimizerKind, PaintSettings, Start};

use crate::frame::Frame;

/// What painting one frame did, for progress and reports.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PaintReport {
    /// Iterations taken.
    pub iterations: usize,
    /// The objective before the first step; `None` where nothing was optimised.
    pub first_loss: Option<f64>,
    /// The objective at the last evaluation; `None` where nothing was optimised.
    pub last_loss: Option<f64>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// A painted frame and how it came about.
#[derive(Debug, Clone)]
pub struct Painted {
    /// The picture, at the size of the frame that was painted.
    pub frame: Frame,
    /// How it came about.
    pub report: PaintReport,
}
