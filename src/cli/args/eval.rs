//! The options of the judge.

use super::{DeviceArgs, JsonArgs, ModelArgs, ObjectiveArgs};
use crate::cli::values;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// `stylecast eval SOURCE PAINTED`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The film that was painted from, or a numbered sequence of pictures (frames/%05d.png).
    #[arg(value_name = "SOURCE")]
    pub(crate) source: PathBuf,
    /// The painted film or sequence, by whatever program.
    #[arg(value_name = "PAINTED")]
    pub(crate) painted: PathBuf,
    /// The style it was painted in: a picture, or several with weights, blended (A.jpg=2,B.jpg=1).
    /// Without it the losses are left out, which is much faster.
    #[arg(long, value_name = "PICTURE[=W],…")]
    pub(crate) style: Vec<OsString>,
    /// Scale the style to this longest side first [default: its own size].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true)]
    pub(crate) style_size: Option<usize>,
    /// Shrink both films to this longest side first [default: the size of the painted one].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true)]
    pub(crate) size: Option<usize>,
    /// The first frame that is judged, counted from 0. Those before it are still compared with.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first: u64,
    /// The last frame that is judged [default: the film's last].
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<u64>,
    /// Work out the losses of every N-th frame only.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) losses_every: u64,
    /// Take the source's motion from this folder: backward_%05d.flo, and occluded_%05d.png or
    /// forward_%05d.flo [default: estimate it].
    #[arg(long, value_name = "DIR")]
    pub(crate) flow: Option<PathBuf>,
    /// Draw all curves over time into this picture: PNG, JPEG, WebP or TIFF by its name.
    #[arg(long, value_name = "OUT", help_heading = "Output")]
    pub(crate) plot: Option<PathBuf>,
    /// Overwrite the plot if it exists.
    #[arg(short = 'y', long, help_heading = "Output")]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    #[command(flatten)]
    pub(crate) objective: ObjectiveArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Threads that compute [default: all cores].
    #[arg(long, value_name = "N", value_parser = values::count, allow_hyphen_values = true, help_heading = "Network")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// Limits; a film that misses one makes the exit code 1.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Gates (exit code 1 when one is missed)")]
pub(crate) struct GateArgs {
    /// The mean E_warp from the frame before must not be above this.
    #[arg(long, value_name = "X", value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) max_warp_error: Option<f64>,
    /// The mean E_warp from 10 frames before must not be above this.
    #[arg(long, value_name = "X", value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) max_long_warp_error: Option<f64>,
    /// Luminance, saturation and contrast must not change by a larger share than this in 1,000 frames,
    /// beyond the source's own change (0.01 is 1 %).
    #[arg(long, value_name = "X", value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) max_drift: Option<f64>,
    /// The mean objective must not be above this (needs --style).
    #[arg(long, value_name = "X", value_parser = values::weight, allow_hyphen_values = true, requires = "style")]
    pub(crate) max_objective: Option<f64>,
    /// The mean of the painted contrast over the source's must not be below this.
    #[arg(long, value_name = "X", value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) min_contrast: Option<f64>,
}
