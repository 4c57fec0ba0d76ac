//! Options about how to paint, shared by the commands. Every default is the library's own.

use super::MaskArgs;
use crate::cli::values::{self, Layers};
use crate::device::{DeviceChoice, Precision};
use crate::loss::{LossForm, ObjectiveSettings};
use crate::stylize::{KeepColor, OptimizerKind, PaintSettings, Start, Strength};
use crate::vgg::{Model, Pooling};
use clap::Args;
use std::path::PathBuf;

fn objective() -> ObjectiveSettings {
    ObjectiveSettings::default()
}

fn paint() -> PaintSettings {
    PaintSettings::default()
}

/// What is minimised.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Objective")]
pub(crate) struct ObjectiveArgs {
    /// A named set of these and of painting options, or a TOML file of your own (see 'stylecast recipes').
    /// What is typed beside it wins.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// The form of the losses: relative (each divided by its target, so that weights mean the same
    /// everywhere), gatys (the equations of Gatys et al. 2016) or mean (means of squares, as fast.ai has
    /// them).
    #[arg(long, value_name = "FORM", default_value_t = objective().form, value_parser = values::parsed::<LossForm>)]
    pub(crate) loss_form: LossForm,
    /// How much the content counts.
    #[arg(long, value_name = "W", default_value_t = objective().content_weight, value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) content_weight: f64,
    /// How much the style counts.
    #[arg(long, value_name = "W", default_value_t = objective().style_weight, value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) style_weight: f64,
    /// How much smoothness counts (total variation).
    #[arg(long, value_name = "W", default_value_t = objective().tv_weight, value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) tv: f64,
    /// Layers that describe the style, with their weights.
    #[arg(long, value_name = "LAYER=W,…", default_value_t = Layers(objective().style_layers), value_parser = values::layers)]
    pub(crate) style_layers: Layers,
    /// Layer that describes the content, or several with their weights.
    #[arg(long, alias = "content-layers", value_name = "LAYER=W,…", default_value_t = Layers(objective().content_layers), value_parser = values::layers)]
    pub(crate) content_layer: Layers,
    /// How the network shrinks pictures: avg or max.
    #[arg(long, value_name = "KIND", default_value_t = objective().pooling, value_parser = values::parsed::<Pooling>)]
    pub(crate) pooling: Pooling,
}

/// The network.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ModelArgs {
    /// Which network: vgg16 or vgg19 (see 'stylecast models pull vgg19') [default: the one of --weights, else vgg16].
    #[arg(long, value_name = "NAME", value_parser = values::parsed::<Model>)]
    pub(crate) model: Option<Model>,
    /// A safetensors file with torchvision's names instead of the built-in weights.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
}

/// What it runs on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct DeviceArgs {
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::default(), value_parser = values::device)]
    pub(crate) device: DeviceChoice,
    /// How exact products are on a GPU: f32; tf32 (10 bits of mantissa), which is faster; or f16, by kernels of our
    /// own that have not run on a GPU yet.
    #[arg(long, value_name = "P", default_value_t = Precision::default(), value_parser = values::parsed::<Precision>)]
    pub(crate) precision: Precision,
}

/// How one painter paints.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Painting")]
pub(crate) struct PaintArgs {
    /// The style: a picture, or several with weights, blended (A.jpg=2,B.jpg=1). Behind an @, where it holds:
    /// a mask (A.jpg@sky.png), once for each region, or a scale (A.jpg@fine with B.jpg@coarse). Needed
    /// unless --iterations is 0.
    #[arg(long, value_name = "PICTURE[=W],…")]
    pub(crate) style: Vec<std::ffi::OsString>,
    #[arg(
        long, value_name = "S", value_parser = values::parsed::<Strength>, allow_hyphen_values = true,
        help = format!(
            "How strong the style is, the same for every picture and style: from 0, the source as it is, to 1, as \
             strong as can be. Half-way the style weighs just --style-weight [default: {}]",
            paint().strength()
        )
    )]
    pub(crate) strength: Option<Strength>,
    /// Whose colours to paint in: off (the style's), luminance (only light and dark are painted, over the
    /// source's colours) or match (the style's colours are changed to the source's first).
    #[arg(long, value_name = "HOW", default_value_t = paint().keep_color, value_parser = values::parsed::<KeepColor>)]
    pub(crate) keep_color: KeepColor,
    /// Longest side that is written, in pixels [default: the source's own].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true)]
    pub(crate) size: Option<usize>,
    #[arg(
        long, value_name = "N", value_parser = values::side, allow_hyphen_values = true,
        help = format!(
            "Longest side that is painted; smaller than --size, the result is enlarged with the source's \
             own detail [default: {} on a CPU, {} on a GPU]",
            crate::cli::settings::comfortable_cpu(), crate::cli::settings::COMFORTABLE_GPU
        )
    )]
    pub(crate) paint_size: Option<usize>,
    /// Longest side at which the style is looked at; larger gives larger strokes [default: that of the
    /// painted picture].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true)]
    pub(crate) style_size: Option<usize>,
    /// Where a frame starts: content, noise, previous (the painted frame before), carried (the same plus
    /// what changed in the source) or warped (moved along with the source). Where there is no frame
    /// before, the last three mean content.
    #[arg(long, value_name = "START", default_value_t = paint().start, value_parser = values::parsed::<Start>)]
    pub(crate) start_from: Start,
    /// What moves the pixels: lbfgs or adam.
    #[arg(long, value_name = "KIND", default_value_t = paint().optimizer, value_parser = values::parsed::<OptimizerKind>)]
    pub(crate) optimizer: OptimizerKind,
    /// Adam's step, for pixels from 0 to 1.
    #[arg(long, value_name = "RATE", default_value_t = paint().learning_rate, value_parser = values::positive, allow_hyphen_values = true)]
    pub(crate) learning_rate: f64,
    /// Seed of the noise.
    #[arg(long, value_name = "N", default_value_t = paint().seed, allow_hyphen_values = true)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) mask: MaskArgs,
    #[command(flatten)]
    pub(crate) objective: ObjectiveArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Threads that paint [default: all cores].
    #[arg(long, value_name = "N", value_parser = values::count, allow_hyphen_values = true, help_heading = "Network")]
    pub(crate) threads: Option<usize>,
}
