//! The artist: one frame in, one frame out, and no idea where they come from or go.
//!
//! [`Painter`] moves a picture's pixels towards an objective (`loss`) with an optimiser (`optim`). A
//! [`Scout`] looks at each frame beforehand: how it moved, and whether a new shot begins. `warm` decides
//! where painting starts, `mover` keeps the optimiser's memory with the paint, in one `place` or another, `keep_color` keeps the source's
//! colours, `upsample` enlarges what was painted small. [`Masks`] lie over frames: where paint shows, and where
//! each part of a [`Look`] holds.

mod budget;
mod history;
mod keep_color;
mod live;
mod look;
mod looks;
mod masks;
mod metric;
mod mover;
mod painter;
mod place;
mod regions;
mod rest;
mod scout;
mod settings;
mod smooth;
mod strength;
mod tones;
mod upsample;
mod warm;

pub use budget::{Budget, Spent};
pub use keep_color::KeepColor;
pub use live::LivePainter;
pub use look::{Blend, Look, Part};
pub use masks::{MaskReading, Masks};
pub(crate) use mover::Mover;
pub use painter::{Painter, Step};
pub use scout::{Scout, Scouted};
pub use settings::{OptimizerKind, PaintSettings, Start};
pub use strength::Strength;

use crate::frame::{Frame, Size};

/// What painting one frame did, for progress and reports.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PaintReport {
    /// Iterations taken.
    pub iterations: usize,
    /// The objective before the first step; `None` where nothing was optimised.
    pub first_loss: Option<f64>,
    /// The objective at the last evaluation; `None` where nothing was optimised.
    pub last_loss: Option<f64>,
    /// Whether a new shot began with this frame, so that it was painted from the start.
    pub cut: bool,
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

/// The size at which a frame of `size` is painted: with `longest` on its longest side, if it is larger.
fn paint_size(longest: Option<usize>, size: Size) -> Size {
    longest.map_or(size, |longest| size.fit(longest))
}
