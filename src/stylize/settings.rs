//! What the artist can be told, with the defaults of the whole program.
//!
//! Every default is written here once; the command's help quotes them.

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
}

/// What moves the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba 2015); its moments carry over from frame to frame.
    Adam,
    /// Limited-memory BFGS, projected onto 0..1.
    Lbfgs,
}

names!(Start, "start", Content = "content", Noise = "noise", Previous = "previous", Carried = "carried");
names!(OptimizerKind, "optimizer", Adam = "adam", Lbfgs = "lbfgs");

/// How one painter paints.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintSettings {
    /// What is minimised.
    pub objective: ObjectiveSettings,
    /// Default: Adam.
    pub optimizer: OptimizerKind,
    /// Adam's step, in units of the 0..1 range; L-BFGS ignores it.
    pub learning_rate: f64,
    /// Iterations for every frame that has a painted predecessor. 0 passes frames through unpainted.
    pub iterations: usize,
    /// Iterations for the first frame.
    pub first_iterations: usize,
    /// Where frames after the first start. Default: carried.
    pub start: Start,
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
            optimizer: OptimizerKind::Adam,
            learning_rate: 0.02,
            iterations: 10,
            first_iterations: 60,
            start: Start::Carried,
            paint_size: Some(512),
            style_size: None,
            seed: 0,
        }
    }
}

impl PaintSettings {
    /// Refuses numbers that cannot be meant.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`], naming the setting.
    pub fn check(&self) -> Result<()> {
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::usage(format!("the learning rate is {}", self.learning_rate))
                .hint("give a number above 0; 0.01 to 0.05 are usual"));
        }
        for (name, size) in [("paint size", self.paint_size), ("style size", self.style_size)] {
            if size == Some(0) {
                return Err(Error::usage(format!("the {name} is 0")).hint("sizes are in pixels, from 16 up"));
            }
        }
        Ok(())
    }
}
