//! The options of painting live.

use super::{JsonArgs, PaintArgs};
use crate::cli::{fade, values};
use crate::stylize::PaintSettings;
use crate::time::Timestamp;
use clap::Args;
use std::path::PathBuf;

/// `stylecast live --style … [--style …]`.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// The camera: its number, its device (/dev/video0) or a part of its name (see 'stylecast cameras')
    /// [default: the first].
    #[arg(long, value_name = "CAMERA", help_heading = "Input", conflicts_with_all = ["input", "input_format", "loop_input"])]
    pub(crate) camera: Option<String>,
    /// Instead of a camera: a film, numbered pictures, or an address that FFmpeg can open (rtsp://…),
    /// at its own speed.
    #[arg(long, value_name = "IN", help_heading = "Input")]
    pub(crate) input: Option<PathBuf>,
    /// What kind of input it is, by FFmpeg's name: for a device that has no file (x11grab with --input :0).
    #[arg(long, value_name = "NAME", help_heading = "Input", requires = "input")]
    pub(crate) input_format: Option<String>,
    /// Begin a film again at its end.
    #[arg(long = "loop", help_heading = "Input", requires = "input")]
    pub(crate) loop_input: bool,
    /// Frames a second that are painted at most, and that the camera is asked for [default: the source's own].
    #[arg(long, value_name = "N", value_parser = values::rate, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) fps: Option<f64>,
    /// Show the camera as it sees, not as a mirror does.
    #[arg(long, help_heading = "Input")]
    pub(crate) no_mirror: bool,
    /// Milliseconds that painting a frame may take at most [default: what keeps the frame rate].
    #[arg(long, value_name = "MS", value_parser = values::positive, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) latency: Option<f64>,
    /// Iterations for a frame at most; 0 passes frames through unpainted [default: as many as there is time for].
    #[arg(long, value_name = "N", value_parser = values::iterations, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) iterations: Option<usize>,
    /// How firmly the paint is held to where it was, moved along with the source: from 0, free, to 1, as
    /// still as can be.
    #[arg(long, value_name = "S", default_value_t = PaintSettings::default().steadiness, value_parser = values::share, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) steadiness: f64,
    /// Seconds that going from one style to the next takes.
    #[arg(long, value_name = "S", default_value_t = fade::SECONDS, value_parser = values::weight, allow_hyphen_values = true, help_heading = "Painting")]
    pub(crate) cross_fade: f64,
    #[command(flatten)]
    pub(crate) paint: PaintArgs,
    #[command(flatten)]
    pub(crate) output: LiveOutputArgs,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// Where what is painted live goes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct LiveOutputArgs {
    /// Open no window.
    #[arg(long)]
    pub(crate) no_window: bool,
    /// Record from the start into this file (.mkv or .mp4); it plays even if the power fails.
    #[arg(long, value_name = "OUT")]
    pub(crate) record: Option<PathBuf>,
    /// The folder for recordings, clips and pictures that are asked for by key.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Send to an address (rtmp://…, srt://…, udp://…), a playlist (hls/index.m3u8) or a virtual camera
    /// (/dev/video10). May be given several times.
    #[arg(long, value_name = "WHERE")]
    pub(crate) to: Vec<PathBuf>,
    /// FFmpeg's name of the encoder for recordings and streams [default: libx264, or the best there is instead].
    #[arg(long, value_name = "ENCODER")]
    pub(crate) codec: Option<String>,
    /// Record and stream sound along: a device of PulseAudio or ALSA, or FORMAT:DEVICE as FFmpeg names them
    /// [default device: the system's].
    #[arg(long, value_name = "DEVICE", num_args = 0..=1, default_missing_value = "default")]
    pub(crate) audio: Option<String>,
    /// End by itself after this long.
    #[arg(long, value_name = "TIME", value_parser = values::span, allow_hyphen_values = true)]
    pub(crate) duration: Option<Timestamp>,
}
