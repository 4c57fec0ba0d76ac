//! The options of each command that opens pictures or films.

use super::{DeviceArgs, JsonArgs, ModelArgs, ObjectiveArgs, PaintArgs};
use crate::cli::{fade, values};
use crate::frame::Size;
use crate::stylize::PaintSettings;
use crate::time::Timestamp;
use crate::vgg::Pooling;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// `stylecast video IN --style … -o OUT`.
#[derive(Debug, Args)]
pub(crate) struct VideoArgs {
    /// The film, or a numbered sequence of pictures (frames/%05d.png).
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// Skip everything before this time (seconds or [HH:]MM:SS[.m]).
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) start: Option<Timestamp>,
    /// Stop after this long.
    #[arg(long, value_name = "TIME", value_parser = values::span, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) duration: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) paint: PaintArgs,
    /// Iterations for every frame; 0 passes frames through unpainted.
    #[arg(long, value_name = "N", default_value_t = PaintSettings::default().iterations, value_parser = values::iterations, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) iterations: usize,
    /// Iterations for the first frame, and after a cut.
    #[arg(long, value_name = "N", default_value_t = PaintSettings::default().first_iterations, value_parser = values::iterations, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) first_iterations: usize,
    /// How firmly the paint is held to where it was, moved along with the source: from 0, free, to 1, as
    /// still as can be.
    #[arg(long, value_name = "S", default_value_t = PaintSettings::default().steadiness, value_parser = values::share, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) steadiness: f64,
    /// Paint in several styles one after the other, each given by its own --style: times of the film, and styles
    /// by their files' names without extensions, or their numbers from 1 ("0:great-wave 1:30:auvers").
    #[arg(long, value_name = "T:STYLE …", allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) schedule: Option<String>,
    /// Seconds that going from one style of the schedule to the next takes.
    #[arg(long, value_name = "S", default_value_t = fade::SECONDS, value_parser = values::weight, allow_hyphen_values = true, requires = "schedule", help_heading = "Painting")]
    pub(crate) cross_fade: f64,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// Where a film goes and how it is encoded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// The film to write, pictures (frames/%05d.png), or - for a pipe (with --format).
    #[arg(short, long, value_name = "OUT", allow_hyphen_values = true)]
    pub(crate) output: PathBuf,
    /// Overwrite the output if it exists.
    #[arg(short = 'y', long)]
    pub(crate) overwrite: bool,
    /// Any video encoder that FFmpeg has [default: H.264, or what the container wants].
    #[arg(long, value_name = "NAME")]
    pub(crate) codec: Option<String>,
    /// Constant quality of the encoder, lower is better [default: 18 for H.264].
    #[arg(long, value_name = "N", value_parser = values::weight, allow_hyphen_values = true)]
    pub(crate) crf: Option<f64>,
    /// The encoder's preset (ultrafast … veryslow for H.264).
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// The encoder's pixel format [default: yuv420p for H.264].
    #[arg(long, value_name = "NAME")]
    pub(crate) pix_fmt: Option<String>,
    /// The container [default: by the output's name].
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<String>,
    /// Do not write into the file how it was painted.
    #[arg(long)]
    pub(crate) no_metadata: bool,
}

/// `stylecast image IN --style … -o OUT`.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// The picture, or a film together with --at.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The picture to write: PNG, JPEG, WebP or TIFF by its name.
    #[arg(short, long, value_name = "OUT", help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// Overwrite the output if it exists.
    #[arg(short = 'y', long, help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Do not write into the file how it was painted.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_metadata: bool,
    /// Take the frame of a film that is shown at this time (seconds or [HH:]MM:SS[.m]).
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) paint: PaintArgs,
    /// Iterations at each scale, from coarse to fine; 0 leaves the picture unpainted.
    #[arg(long, alias = "first-iterations", value_name = "N", default_value_t = PaintSettings::default().first_iterations, value_parser = values::iterations, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) iterations: usize,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// `stylecast loss --content … --style … --image …`.
#[derive(Debug, Args)]
pub(crate) struct LossArgs {
    /// The picture that is painted from.
    #[arg(long, value_name = "PICTURE")]
    pub(crate) content: PathBuf,
    /// The style: a picture, or several with weights, blended (A.jpg=2,B.jpg=1).
    #[arg(long, value_name = "PICTURE[=W],…", required = true)]
    pub(crate) style: Vec<OsString>,
    /// The painted picture that is judged.
    #[arg(long, value_name = "PICTURE")]
    pub(crate) image: PathBuf,
    /// Shrink content and image to this longest side first [default: their own size].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true)]
    pub(crate) size: Option<usize>,
    /// Scale the style to this longest side first [default: its own size].
    #[arg(long, value_name = "N", value_parser = values::side, allow_hyphen_values = true)]
    pub(crate) style_size: Option<usize>,
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

/// `stylecast bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Sizes to measure, WIDTHxHEIGHT, separated by commas.
    #[arg(long, value_name = "WxH,…", value_delimiter = ',', default_value = "256x256", value_parser = values::size, allow_hyphen_values = true)]
    pub(crate) size: Vec<Size>,
    /// Numbers of threads to measure, separated by commas [default: all cores].
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = values::count, allow_hyphen_values = true)]
    pub(crate) threads: Vec<usize>,
    #[arg(
        long, value_name = "N", value_parser = values::count, allow_hyphen_values = true,
        help = format!(
            "Iterations measured after the warm-up; the median counts [default: {}; with --check, {}]",
            crate::cli::bench::ITERATIONS, crate::cli::bench::CHECK_ITERATIONS
        )
    )]
    pub(crate) iterations: Option<usize>,
    /// Instead of measuring, compare gradients and painted objectives with the CPU's engine, on random
    /// pictures; exit code 5 if they differ.
    #[arg(long)]
    pub(crate) check: bool,
    /// The random pictures of an earlier check, again.
    #[arg(long, value_name = "N", requires = "check")]
    pub(crate) seed: Option<u64>,
    /// How the network shrinks pictures: avg or max.
    #[arg(long, value_name = "KIND", default_value_t = PaintSettings::default().objective.pooling, value_parser = values::parsed::<Pooling>)]
    pub(crate) pooling: Pooling,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// What convolves at --precision f16: mma or wgmma, kernels of our own (wgmma on compute capability 9.0 alone);
    /// cudnn; or auto, the best of our own that the GPU has.
    #[arg(long, value_name = "WAY", default_value = "auto", value_parser = values::way)]
    pub(crate) convolutions: values::Way,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}
