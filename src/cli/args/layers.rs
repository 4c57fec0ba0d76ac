//! The options of the layer studies.

use super::{DeviceArgs, JsonArgs, ModelArgs, ObjectiveArgs};
use crate::cli::values;
use crate::study::{StudyKind, StudySettings};
use crate::stylize::Start;
use crate::time::Timestamp;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

fn study() -> StudySettings {
    StudySettings::default()
}

/// `stylecast layers IN --style … -o SHEET`.
#[derive(Debug, Args)]
pub(crate) struct LayersArgs {
    /// The picture to paint, or a film together with --at. A texture needs none.
    #[arg(value_name = "IN", required_unless_present = "texture")]
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) kind: KindArgs,
    /// The sheet to write: PNG, JPEG, WebP or TIFF by its name. All losses go beside it, into a .json.
    #[arg(short, long, value_name = "OUT", help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// Also write each picture by itself, as a PNG into this folder.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) pictures: Option<PathBuf>,
    /// Overwrite what exists.
    #[arg(short = 'y', long, help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Take the frame of a film that is shown at this time (seconds or [HH:]MM:SS[.m]).
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true, help_heading = "Input", requires = "input")]
    pub(crate) at: Option<Timestamp>,
    /// The style: a picture, or several with weights, blended (A.jpg=2,B.jpg=1).
    #[arg(long, value_name = "PICTURE[=W],…", required = true, help_heading = "Painting")]
    pub(crate) style: Vec<OsString>,
    /// Longest side of each picture, in pixels.
    #[arg(long, value_name = "N", default_value_t = study().cell, value_parser = values::side, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) cell: usize,
    /// Longest side at which the style is looked at [default: that of a picture].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) style_size: Option<usize>,
    /// Where each picture starts: content, noise, or warped (the content in the tones of the style). A
    /// texture starts from noise.
    #[arg(long, value_name = "START", default_value_t = study().paint.start, value_parser = values::parsed::<Start>, help_heading = "Painting")]
    pub(crate) start_from: Start,
    /// Iterations for each picture.
    #[arg(long, alias = "first-iterations", value_name = "N", default_value_t = study().paint.first_iterations, value_parser = values::iterations, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) iterations: usize,
    /// Seed of the noise.
    #[arg(long, value_name = "N", default_value_t = study().paint.seed, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) objective: ObjectiveArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Threads that paint [default: all cores].
    #[arg(long, value_name = "N", value_parser = values::count, allow_hyphen_values = true, help_heading = "Network")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// What is studied; without any of these, the style layers: each alone, and all but each.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Study")]
pub(crate) struct KindArgs {
    /// The content layers, each alone and all but each; --content-layer with several names them.
    #[arg(long)]
    content: bool,
    /// The style weight over four decades, and the style size from small to large.
    #[arg(long)]
    weights_study: bool,
    /// Textures from noise, by style alone: each style layer, and all layers up to each.
    #[arg(long)]
    texture: bool,
}

impl KindArgs {
    pub(crate) fn kind(self) -> StudyKind {
        match self {
            Self { content: true, .. } => StudyKind::Content,
            Self { weights_study: true, .. } => StudyKind::Weights,
            Self { texture: true, .. } => StudyKind::Texture,
            _ => StudyKind::Style,
        }
    }
}
