//! The options of masks, shared by the commands that paint.

use crate::cli::values;
use clap::Args;
use std::path::PathBuf;

/// Where paint shows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Masks")]
pub(crate) struct MaskArgs {
    /// Paint where this mask is white and leave the source untouched where it is black: a picture, a film,
    /// or numbered pictures (masks/%05d.png), matched by time.
    #[arg(long, value_name = "MASK")]
    pub(crate) mask: Option<PathBuf>,
    /// Paint where the mask is black instead.
    #[arg(long)]
    pub(crate) mask_invert: bool,
    /// Soften the mask's edges, so many pixels to each side.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::feather, allow_hyphen_values = true)]
    pub(crate) mask_feather: usize,
}
