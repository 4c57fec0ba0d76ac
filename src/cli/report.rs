//! What programs read on stdout with `--json`: one object per line, each with a `type`.
//!
//! Field names are a promise to scripts. Numbers that are not known, or not finite, are `null`.

use crate::bench::Measurement;
use crate::bench::agreement::Agreement;
use crate::eval::{FrameVerdict, Gate, Times, Verdict};
use crate::pipeline::{Outcome, PaintedFrame};
use crate::sink::Ending;
use crate::stylize::PaintReport;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Everything that can stand on a line.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Object {
    Start(Start),
    Frame(FrameDone),
    Summary(Summary),
    Live(super::live::LiveReport),
    LiveSummary(super::live::LiveReport),
    Layers(Box<super::layers::LayersReport>),
    LayersCell(Box<super::layers::CellReport>),
    Loss(LossReport),
    EvalFrame(FrameVerdict),
    Eval(Box<EvalReport>),
    Bench(Measurement),
    Agreement(Agreement),
    Doctor(super::doctor::Diagnosis),
    Model(ModelReport),
    Recipe(RecipeReport),
    Again(AgainReport),
    #[cfg(feature = "webcam")]
    Camera(CameraReport),
}

/// Told before the first frame.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Start {
    pub(super) input: PathBuf,
    pub(super) output: PathBuf,
    /// What is written, in pixels.
    pub(super) width: usize,
    pub(super) height: usize,
    /// What is painted, in pixels.
    pub(super) paint_width: usize,
    pub(super) paint_height: usize,
    /// How many frames will come, where that is known.
    pub(super) frames: Option<u64>,
    /// Frames per second; `null` for a picture.
    pub(super) frame_rate: Option<f64>,
    /// `null` where nothing is painted.
    pub(super) device: Option<String>,
    pub(super) threads: Option<usize>,
}

/// One painted frame.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FrameDone {
    pub(super) index: u64,
    /// When it is shown, in seconds of the film.
    pub(super) time: f64,
    pub(super) iterations: usize,
    pub(super) first_loss: Option<f64>,
    pub(super) last_loss: Option<f64>,
    /// Whether a new shot begins with it.
    pub(super) cut: bool,
    /// What it took.
    pub(super) seconds: f64,
}

impl From<PaintedFrame> for FrameDone {
    fn from(frame: PaintedFrame) -> Self {
        let PaintReport { iterations, first_loss, last_loss, cut, seconds } = frame.report;
        let (index, time) = (frame.index.0, frame.timestamp.seconds());
        Self { index, time, iterations, first_loss, last_loss, cut, seconds }
    }
}

/// Told at the end of everything that painted.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    /// `complete` or `interrupted`.
    pub(super) ending: &'static str,
    pub(super) frames: u64,
    /// Wall-clock seconds, then the busy seconds of each stage.
    pub(super) seconds: f64,
    pub(super) decode_seconds: f64,
    /// Motion and cuts.
    pub(super) look_seconds: f64,
    pub(super) paint_seconds: f64,
    pub(super) encode_seconds: f64,
    pub(super) iterations: u64,
    pub(super) first_loss: Option<f64>,
    pub(super) last_loss: Option<f64>,
    /// What exists now; `null` if nothing was kept.
    pub(super) output: Option<PathBuf>,
    pub(super) notes: Vec<String>,
}

pub(super) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Interrupted => "interrupted",
    }
}

impl Summary {
    /// Of a run that wrote to `output`.
    pub(super) fn new(outcome: &Outcome, output: &Path) -> Self {
        let s = outcome.statistics;
        let kept = outcome.finished.as_ref();
        Self {
            ending: ending(outcome.ending),
            frames: kept.map_or(0, |finished| finished.frames),
            seconds: s.seconds,
            decode_seconds: s.decode_seconds,
            look_seconds: s.look_seconds,
            paint_seconds: s.paint_seconds,
            encode_seconds: s.encode_seconds,
            iterations: s.iterations,
            first_loss: s.first_loss,
            last_loss: s.last_loss,
            output: kept.map(|finished| finished.path.clone().unwrap_or_else(|| output.to_owned())),
            notes: outcome.notes.clone(),
        }
    }
}

/// Every term of the objective for three pictures, unweighted, by their definitions.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LossReport {
    pub(super) content: f64,
    /// Of each content layer, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) content_layers: BTreeMap<String, f64>,
    pub(super) style: BTreeMap<String, f64>,
    pub(super) tv: f64,
    /// The weighted sum.
    pub(super) total: f64,
    /// L2 norm of the gradient of the total with respect to pixels in 0..1.
    pub(super) gradient_norm: f64,
}

/// What was found of a film.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EvalReport {
    /// `complete` or `interrupted`.
    pub(super) ending: &'static str,
    pub(super) source: PathBuf,
    pub(super) painted: PathBuf,
    /// The size at which both are judged, in pixels.
    pub(super) width: usize,
    pub(super) height: usize,
    /// The folder of the flow; `null` where it was estimated.
    pub(super) flow: Option<PathBuf>,
    /// How many frames the films have; `null` where they were not read to their ends.
    pub(super) source_frames: Option<u64>,
    pub(super) painted_frames: Option<u64>,
    pub(super) frames_agree: Option<bool>,
    /// `null` where one of them is numbered pictures, which have no times.
    pub(super) times: Option<Times>,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
    pub(super) gates: Vec<Gate>,
    pub(super) seconds: f64,
    pub(super) notes: Vec<String>,
}

/// One network and its weights.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ModelReport {
    pub(super) model: String,
    /// `built in`, the path of a file, or `null`.
    pub(super) weights: Option<String>,
}

/// A recipe inside the program.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RecipeReport {
    pub(super) name: String,
    /// What it is for, in a line.
    pub(super) about: String,
    /// The TOML.
    pub(super) text: String,
}

/// How a picture or a film was painted.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AgainReport {
    pub(super) file: PathBuf,
    /// The command line that paints it, word by word, without what are the defaults.
    pub(super) arguments: Vec<String>,
    /// What stands in the file.
    pub(super) record: super::record::Record,
}

/// A camera and what it can send.
#[cfg(feature = "webcam")]
#[derive(Debug, Clone, Serialize)]
pub(super) struct CameraReport {
    /// Its number, by which it can be chosen.
    pub(super) index: u32,
    /// `null` where the system has no such names.
    pub(super) path: Option<PathBuf>,
    pub(super) name: String,
    /// Why it cannot be used; `null` if it can.
    pub(super) trouble: Option<String>,
    pub(super) modes: Vec<ModeReport>,
}

/// One size in one format.
#[cfg(feature = "webcam")]
#[derive(Debug, Clone, Serialize)]
pub(super) struct ModeReport {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) format: &'static str,
    /// Frames per second, fastest first; empty where the camera does not say.
    pub(super) rates: Vec<f64>,
}

#[cfg(feature = "webcam")]
impl CameraReport {
    pub(super) fn new(camera: &crate::source::webcam::CameraInfo) -> Self {
        let modes = camera.modes.iter().map(|mode| ModeReport {
            width: mode.size.width,
            height: mode.size.height,
            format: mode.format.name(),
            rates: mode.rates.iter().map(|rate| rate.fps()).collect(),
        });
        Self {
            index: camera.index,
            path: camera.path.clone(),
            name: camera.name.clone(),
            trouble: camera.trouble.as_ref().map(crate::source::webcam::Trouble::reason),
            modes: modes.collect(),
        }
    }
}

/// The way to stdout.
#[derive(Debug)]
pub(super) struct Reporter {
    on: AtomicBool,
}

impl Reporter {
    pub(super) fn new(on: bool) -> Self {
        Self { on: AtomicBool::new(on) }
    }

    /// Whether somebody reads along.
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Writes one line, if it is on. A reader that has gone away does not end the work: the film is
    /// what counts.
    pub(super) fn tell(&self, object: &Object) {
        if !self.is_on() {
            return;
        }
        let written = serde_json::to_string(object).map_err(io::Error::other).and_then(|line| {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        });
        if let Err(cause) = written {
            self.on.store(false, Ordering::Relaxed);
            tracing::warn!("nothing more is written to stdout: {cause}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameIndex;
    use crate::pipeline::Statistics;
    use crate::sink::Finished;
    use crate::time::{TimeBase, Timestamp};

    fn line(object: Object) -> String {
        serde_json::to_string(&object).unwrap()
    }

    #[test]
    fn lines_keep_their_shape() {
        let start = Start {
            input: "in.mp4".into(),
            output: "out.mp4".into(),
            width: 1280,
            height: 720,
            paint_width: 512,
            paint_height: 288,
            frames: Some(132),
            frame_rate: Some(24.0),
            device: Some("cpu".into()),
            threads: Some(2),
        };
        insta::assert_snapshot!(line(Object::Start(start)), @r#"{"type":"start","input":"in.mp4","output":"out.mp4","width":1280,"height":720,"paint_width":512,"paint_height":288,"frames":132,"frame_rate":24.0,"device":"cpu","threads":2}"#);
        let frame = PaintedFrame {
            index: FrameIndex(3),
            timestamp: Timestamp::new(125, TimeBase::new(1, 1000)),
            report: PaintReport {
                iterations: 10,
                first_loss: Some(1.5),
                last_loss: None,
                cut: false,
                seconds: 0.25,
            },
        };
        insta::assert_snapshot!(line(Object::Frame(frame.into())), @r#"{"type":"frame","index":3,"time":0.125,"iterations":10,"first_loss":1.5,"last_loss":null,"cut":false,"seconds":0.25}"#);
        let outcome = Outcome {
            ending: Ending::Interrupted,
            finished: Some(Finished { path: Some("out.mp4".into()), frames: 4, notes: Vec::new() }),
            statistics: Statistics {
                frames: 4,
                seconds: 2.0,
                decode_seconds: 0.5,
                look_seconds: 0.125,
                paint_seconds: 1.75,
                encode_seconds: 0.25,
                iterations: 90,
                first_loss: Some(f64::NAN),
                last_loss: Some(0.5),
            },
            notes: vec!["the last row was dropped".into()],
        };
        insta::assert_snapshot!(line(Object::Summary(Summary::new(&outcome, Path::new("-")))), @r#"{"type":"summary","ending":"interrupted","frames":4,"seconds":2.0,"decode_seconds":0.5,"look_seconds":0.125,"paint_seconds":1.75,"encode_seconds":0.25,"iterations":90,"first_loss":null,"last_loss":0.5,"output":"out.mp4","notes":["the last row was dropped"]}"#);
        let nothing = Outcome { finished: None, ..outcome };
        assert!(Summary::new(&nothing, Path::new("out.mp4")).output.is_none());
        let loss = LossReport {
            content: 0.5,
            content_layers: BTreeMap::new(),
            style: [("conv1_1".to_owned(), 0.25)].into(),
            tv: 0.0,
            total: 1.25,
            gradient_norm: 2.0,
        };
        insta::assert_snapshot!(line(Object::Loss(loss)), @r#"{"type":"loss","content":0.5,"style":{"conv1_1":0.25},"tv":0.0,"total":1.25,"gradient_norm":2.0}"#);
        let model = ModelReport { model: "vgg16".into(), weights: Some("built in".into()) };
        insta::assert_snapshot!(line(Object::Model(model)), @r#"{"type":"model","model":"vgg16","weights":"built in"}"#);
    }
}
