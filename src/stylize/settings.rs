//! What the artist can be told, with the defaults of the whole program.
//!
//! Every default is written here once; the command's help quotes them.

use crate::error::{Error, Result};
use crate::vgg::Layer;
use std::fmt;

/// How 2×2 windows are reduced between the network's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The mean, which Gatys et al. (2016) prefer.
    Average,
    /// The maximum, as the network was trained.
    Max,
}

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

macro_rules! names {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $name),+ })
            }
        }
        impl std::str::FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(Error::usage(format!(concat!("unknown ", $what, " '{}'"), text))
                        .hint(concat!("choose one of:" $(, " ", $name)+))),
                }
            }
        }
    };
}

names!(Pooling, "pooling", Average = "avg", Max = "max");
names!(Start, "start", Content = "content", Noise = "noise", Previous = "previous", Carried = "carried");
names!(OptimizerKind, "optimizer", Adam = "adam", Lbfgs = "lbfgs");

/// The objective: which layers, and how much each term weighs. DESIGN of the terms: `loss`.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveSettings {
    /// Weight of the relative content loss. Default: 1.
    pub content_weight: f64,
    /// Weight of the relative style loss. Default: 3.
    pub style_weight: f64,
    /// Weight of the total variation. Default: 0.
    pub tv_weight: f64,
    /// Layers of the style loss with their weights, normalised to a sum of 1 where they are used.
    /// Default: conv1_1, conv2_1, conv3_1, conv4_1, conv5_1, equal.
    pub style_layers: Vec<(Layer, f64)>,
    /// Layer of the content loss. Default: conv4_2.
    pub content_layer: Layer,
    /// Default: average.
    pub pooling: Pooling,
}

impl Default for ObjectiveSettings {
    fn default() -> Self {
        let layer = |block, index| Layer::new(block, index).unwrap_or_else(|| unreachable!());
        Self {
            content_weight: 1.0,
            style_weight: 3.0,
            tv_weight: 0.0,
            style_layers: (1..=5).map(|block| (layer(block, 1), 1.0)).collect(),
            content_layer: layer(4, 2),
            pooling: Pooling::Average,
        }
    }
}

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
