//! The commands about how pictures are painted: recipes, and painting one again.

use super::JsonArgs;
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// `stylecast recipes`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RecipesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RecipesCommand>,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// `stylecast recipes …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RecipesCommand {
    /// Print a recipe, to read or to begin one of your own with (> mine.toml).
    Show {
        /// Its name, or a file of your own, which is checked.
        #[arg(value_name = "RECIPE")]
        recipe: PathBuf,
    },
}

/// `stylecast again PAINTED`.
#[derive(Debug, Args)]
pub(crate) struct AgainArgs {
    /// The painted picture or film.
    #[arg(value_name = "PAINTED")]
    pub(crate) painted: PathBuf,
    /// Paint it again, into this file [default: only show how it was painted].
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the output if it exists.
    #[arg(short = 'y', long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Paint another picture or film in the same way [default: the one that was painted].
    #[arg(long, value_name = "IN", requires = "output")]
    pub(crate) input: Option<PathBuf>,
    /// More options of the command that painted it, after --; they win over what was recorded.
    #[arg(last = true, value_name = "OPTIONS", requires = "output")]
    pub(crate) options: Vec<OsString>,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}
