//! What was typed, and nothing else: these types touch no file and no device. What it means is
//! decided in `settings`.

mod eval;
mod layers;
mod live;
mod masks;
mod media;
mod paint;
mod recipes;

pub(super) use eval::{EvalArgs, GateArgs};
pub(super) use layers::LayersArgs;
pub(super) use live::{LiveArgs, LiveOutputArgs};
pub(super) use masks::MaskArgs;
pub(super) use media::{BenchArgs, ImageArgs, LossArgs, OutputArgs, VideoArgs};
pub(super) use paint::{DeviceArgs, ModelArgs, ObjectiveArgs, PaintArgs};
pub(super) use recipes::{AgainArgs, RecipesArgs, RecipesCommand};

use crate::vgg::Model;
use clap::{Args, Parser, Subcommand};

/// Paints moving pictures: repaints every frame of a video in the style of any picture.
#[derive(Debug, Parser)]
#[command(
    name = "stylecast",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 an eval gate was missed, 2 wrong use, 3 cannot read, \
                  4 cannot write, 5 model or device, 130 interrupted (what is painted is kept and plays)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) verbosity: Verbosity,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Paint a video file.
    Video(Box<VideoArgs>),
    /// Paint what a camera sees, as it happens: in a window, a recording, a stream.
    Live(Box<LiveArgs>),
    /// Paint one picture, or one frame of a film.
    Image(Box<ImageArgs>),
    /// Say how a picture or a film was painted, or paint it again.
    Again(AgainArgs),
    /// List the recipes: named sets of painting options.
    Recipes(RecipesArgs),
    /// See what the layers do: one picture painted by each of them, on a labelled sheet.
    #[command(
        after_help = "Without --content, --weights-study or --texture, the style layers are studied: each \
                            alone, and all but each."
    )]
    Layers(Box<LayersArgs>),
    /// Print every term of the objective for three pictures.
    Loss(Box<LossArgs>),
    /// Judge a painted film: losses, flicker and drift, with gates for scripts.
    Eval(Box<EvalArgs>),
    /// Measure the seconds that one iteration takes.
    Bench(Box<BenchArgs>),
    /// Say what there is to compute and to write films with, and how to get what is missing.
    Doctor(DoctorArgs),
    /// List the cameras, what they can send, and how to choose one.
    #[cfg(feature = "webcam")]
    Cameras(CamerasArgs),
    /// Fetch and list network weights.
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Verbosity {
    /// Say nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more; twice for details.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// For programs that read along.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct JsonArgs {
    /// Print one JSON object per line on stdout, each with a "type".
    #[arg(long, help_heading = None::<&str>)]
    pub(super) json: bool,
}

/// `stylecast doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub(super) json: JsonArgs,
}

/// `stylecast cameras`.
#[cfg(feature = "webcam")]
#[derive(Debug, Args)]
pub(super) struct CamerasArgs {
    #[command(flatten)]
    pub(super) json: JsonArgs,
}

/// `stylecast models …`.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// Fetch a network's weights from the Hugging Face hub, checked and resumable.
    Pull {
        /// Which network: vgg19 (vgg16 is built in).
        #[arg(value_parser = super::values::parsed::<Model>)]
        model: Model,
    },
    /// List the networks and whether their weights are here.
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
}
