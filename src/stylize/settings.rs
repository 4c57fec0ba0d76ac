//! What the artist can be told, with the defaults of the whole program.
//!
//! Every default is written here once; the command's help quotes them.

use super::{KeepColor, Strength};
use crate::error::{Error, Result};
use crate::loss::ObjectiveSettings;
use crate::names::names;

/// Where the optimisation of a frame starts, once there is a previous painted frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// The source frame itself.
    Content,
    /// Seeded noise around mid grey.
    Noise,
    /// The previous painted frame as it is.
    Previous,
    /// The previous painted frame plus what changed in the source.
    Carried,
    /// The previous painted frame moved along with the source, in the source's light; the source itself
    /// where something new appears.
    Warped,
}

/// What moves the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba 2015).
    Adam,
    /// Limited-memory BFGS (Nocedal 1980) within 0..1, from a multilevel metric.
    Lbfgs,
}

names!(
    Start,
    "start",
    Content = "content",
    Noise = "noise",
    Previous = "previous",
    Carried = "carried",
    Warped = "warped"
);
names!(OptimizerKind, "optimizer", Adam = "adam", Lbfgs = "lbfgs");

/// How one painter paints.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintSettings {
    /// What is minimised.
    pub objective: ObjectiveSettings,
    /// Default: L-BFGS. What it has learned moves along with the paint.
    pub optimizer: OptimizerKind,
    /// Adam's step, in units of the 0..1 range; L-BFGS ignores it.
    pub learning_rate: f64,
    /// Iterations for every frame that has a painted predecessor. 0 passes frames through unpainted.
    pub iterations: usize,
    /// Iterations for the first frame, and after a cut.
    pub first_iterations: usize,
    /// Where frames after the first start. Default: warped.
    pub start: Start,
    /// How firmly the paint is held to where it was, moved along: from 0, free, to 1, as still as can be.
    /// Default: 0.5.
    pub steadiness: f64,
    /// Whose colours the painting has. Default: the style's.
    pub keep_color: KeepColor,
    /// Longest side that is painted; frames are shrunk to it and the result enlarged again. `None`
    /// paints at the frame's own size.
    pub paint_size: Option<usize>,
    /// Longest side at which the style is looked at. `None`: grows with the painted size.
    pub style_size: Option<usize>,
    /// Seed of the noise. Default: 0.
    pub seed: u64,
}

impl Default for PaintSettings {
    fn default() -> Self {
        Self {
            objective: ObjectiveSettings::default(),
            optimizer: OptimizerKind::Lbfgs,
            learning_rate: 0.02,
            iterations: 10,
            first_iterations: 60,
            start: Start::Warped,
            steadiness: 0.5,
            keep_color: KeepColor::Off,
            paint_size: Some(512),
            style_size: None,
            seed: 0,
        }
    }
}

/// The weight of the temporal term at steadiness ½. Tuned: docs/PERFORMANCE.md, "Steadiness".
const HALFWAY: f64 = 5.0;

/// The weight at steadiness 1, in units of [`HALFWAY`]: held so firmly that only what is new is painted.
const FIRMEST: f64 = 200.0;

impl PaintSettings {
    /// The weight of the temporal term that goes with the steadiness `s`: proportional to `s / (1 − s)`,
    /// so that the middle of the scale is where style and stillness balance, whatever the size (the term
    /// is a mean over the pixels) and the style (the other terms are relative).
    pub fn temporal_weight(&self) -> f64 {
        let s = self.steadiness;
        HALFWAY * s / (1.0 - s + s / FIRMEST)
    }

    /// How strong the style is: what its weight is on the scale whose middle is the default weight.
    pub fn strength(&self) -> Strength {
        Strength::of_factor(self.objective.style_weight / ObjectiveSettings::default().style_weight)
    }

    /// Whether frames would be painted towards themselves from themselves: they stay as they are.
    pub(super) fn change_nothing(&self) -> bool {
        let ObjectiveSettings { style_weight, tv_weight, .. } = self.objective;
        style_weight == 0.0 && tv_weight == 0.0 && self.start != Start::Noise
    }

    /// Whether the motion of the source is of any use: where paint is carried along or held.
    pub(super) fn follows_motion(&self) -> bool {
        self.steadiness > 0.0 || !matches!(self.start, Start::Content | Start::Noise)
    }

    /// Refuses numbers that cannot be meant.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`], naming the setting.
    pub fn check(&self) -> Result<()> {
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::usage(format!("the learning rate is {}", self.learning_rate))
                .hint("give a number above 0; 0.01 to 0.05 are usual"));
        }
        if !(0.0..=1.0).contains(&self.steadiness) {
            return Err(Error::usage(format!("the steadiness is {}", self.steadiness))
                .hint("give a number from 0, free, to 1, as still as can be"));
        }
        for (name, size) in [("paint size", self.paint_size), ("style size", self.style_size)] {
            if size == Some(0) {
                return Err(Error::usage(format!("the {name} is 0")).hint("sizes are in pixels, from 16 up"));
            }
        }
        Ok(())
    }
}
