//! `stylecast doctor`: what there is to compute with and to write films with, and for whatever is
//! missing the line that gets it.

use super::args::DoctorArgs;
use super::exit::Exit;
use super::report::{Object, Reporter};
use crate::device::{Device, Gpu};
use crate::error::Result;
use crate::kernels::cpu::{Level, Threads};
use crate::models::{Origin, WeightFile};
use crate::vgg::Model;
use serde::Serialize;
use std::io::Write as _;

/// The SHA-256 of the VGG-16 weights that are built in (models/README.md tells their origin).
const BUILT_IN_SHA256: &str = "dfd64199be64218f70fb9bda708949fe74a1b4eb2be4ec8c5d01f51dde4931d7";

/// Encoders that people ask for, and what each is good for.
const USUAL_ENCODERS: [(&str, &str); 8] = [
    ("libx264", "H.264, the default"),
    ("libx265", "HEVC"),
    ("libsvtav1", "AV1"),
    ("libvpx-vp9", "VP9 for webm"),
    ("prores_ks", "ProRes"),
    ("ffv1", "lossless"),
    ("h264_nvenc", "H.264 on an NVIDIA GPU"),
    ("gif", "animated pictures"),
];

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Diagnosis {
    version: &'static str,
    devices: Vec<DeviceFound>,
    model: ModelFound,
    ffmpeg: FfmpegFound,
    cameras: CamerasFound,
    /// What is missing and how to get it.
    fixes: Vec<Fix>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct DeviceFound {
    device: &'static str,
    available: bool,
    /// Vector instructions in use, of a CPU.
    simd: Option<String>,
    threads: Option<usize>,
    /// The name of a GPU.
    name: Option<String>,
    /// Bytes of its memory.
    memory: Option<u64>,
    /// The newest version of CUDA that its driver knows.
    cuda: Option<String>,
    /// The libraries that were opened for it.
    libraries: Vec<String>,
    /// Why it is not available.
    reason: Option<String>,
}

impl DeviceFound {
    fn cpu() -> Self {
        Self {
            device: "cpu",
            available: true,
            simd: Some(Level::detect().to_string()),
            threads: Threads::new(0).ok().map(|threads| threads.count()),
            ..Self::default()
        }
    }

    fn gpu(gpu: Result<Gpu, String>) -> Self {
        let device = "cuda";
        match gpu {
            Err(reason) => Self { device, reason: Some(reason), ..Self::default() },
            Ok(Gpu { name, memory, cuda: (major, minor), libraries }) => Self {
                device,
                available: true,
                name: Some(name),
                memory: Some(memory),
                cuda: Some(format!("{major}.{minor}")),
                libraries: libraries.iter().map(|path| path.display().to_string()).collect(),
                ..Self::default()
            },
        }
    }

    /// What there is to say of it, on one line.
    fn detail(&self) -> String {
        let gigabytes = self.memory.unwrap_or_default() as f64 / 1e9;
        match (&self.reason, &self.simd, self.threads, &self.name, &self.cuda) {
            (Some(reason), ..) => reason.clone(),
            (None, Some(simd), Some(threads), ..) => format!("{simd}, {threads} threads"),
            (None, _, _, Some(name), Some(cuda)) => {
                format!("{name}, {gigabytes:.0} GB, driver for CUDA {cuda}; {}", self.libraries.join(", "))
            }
            _ => "ready".into(),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
struct ModelFound {
    model: &'static str,
    /// `built in`, the path of a file, or `null`.
    weights: Option<String>,
    /// Whether they can be used.
    available: bool,
    sha256: Option<String>,
    /// Whether the checksum is the published one.
    genuine: bool,
}

#[derive(Debug, Clone, Serialize)]
struct FfmpegFound {
    available: bool,
    version: Option<String>,
    encoders: Vec<EncoderFound>,
}

#[derive(Debug, Clone, Serialize)]
struct EncoderFound {
    name: &'static str,
    available: bool,
    good_for: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct CamerasFound {
    /// Whether the program can read cameras at all.
    available: bool,
    /// The names of those that can be used.
    usable: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Fix {
    missing: String,
    fix: String,
}

pub(super) fn run(args: &DoctorArgs) -> Result<Exit> {
    let diagnosis = diagnose();
    let healthy = diagnosis.model.available;
    if args.json.json {
        Reporter::new(true).tell(&Object::Doctor(diagnosis));
    } else {
        // A closed stdout has no reader left.
        let _ = write!(std::io::stdout(), "{}", told(&diagnosis));
    }
    Ok(if healthy { Exit::Done } else { Exit::Model })
}

fn diagnose() -> Diagnosis {
    let mut fixes = Vec::new();
    let mut missing = |missing: &str, fix: &str| fixes.push(Fix { missing: missing.into(), fix: fix.into() });

    let devices = vec![DeviceFound::cpu(), DeviceFound::gpu(Device::gpu())];
    if devices.iter().any(|device| !device.available) {
        missing(
            "a GPU",
            match cfg!(feature = "cuda") {
                true => {
                    "an NVIDIA GPU, its driver (nvidia-smi must list it) and CUDA's libraries, as in a Python environment with PyTorch; STYLECAST_CUDA_LIBS=FOLDER if they lie elsewhere"
                }
                false => "with an NVIDIA GPU: scripts/build-cuda, or cargo install --path . --features cuda",
            },
        );
    }

    let model = model();
    if !model.available {
        missing(
            "the weights of VGG-16",
            "stylecast models pull vgg16, or build with the feature embedded-weights",
        );
    } else if !model.genuine {
        missing("the published weights", "git checkout models/ and build again");
    }

    let ffmpeg = ffmpeg();
    if !ffmpeg.available {
        missing(
            "video",
            "build with the feature video (on by default); it needs FFmpeg's development files: sudo apt install libavformat-dev libavfilter-dev libavdevice-dev libswscale-dev libswresample-dev clang pkg-config",
        );
    } else if ffmpeg.encoders.iter().any(|encoder| encoder.name == "libx264" && !encoder.available) {
        missing(
            "libx264, the usual encoder",
            "sudo apt install ffmpeg libavcodec-extra, or choose another --codec",
        );
    }

    let cameras = cameras();
    if !cameras.available {
        missing("cameras", "build with the feature webcam (on by default)");
    }
    Diagnosis { version: env!("CARGO_PKG_VERSION"), devices, model, ffmpeg, cameras, fixes }
}

fn model() -> ModelFound {
    let model = Model::Vgg16.name();
    match WeightFile::load(Some(Model::Vgg16), None) {
        Err(_) => ModelFound { model, weights: None, available: false, sha256: None, genuine: false },
        Ok(file) => {
            let sha256 = file.sha256();
            // A pulled file was checked against the hub's checksum when it came.
            let genuine = *file.origin() != Origin::Embedded || sha256 == BUILT_IN_SHA256;
            let weights = Some(file.origin().to_string());
            ModelFound { model, weights, available: file.parse().is_ok(), sha256: Some(sha256), genuine }
        }
    }
}

#[cfg(feature = "video")]
fn ffmpeg() -> FfmpegFound {
    use crate::ffmpeg::about;
    let encoders = USUAL_ENCODERS
        .map(|(name, good_for)| EncoderFound { name, available: about::has_encoder(name), good_for })
        .to_vec();
    FfmpegFound { available: true, version: Some(about::version()), encoders }
}

#[cfg(not(feature = "video"))]
fn ffmpeg() -> FfmpegFound {
    let encoders =
        USUAL_ENCODERS.map(|(name, good_for)| EncoderFound { name, available: false, good_for }).to_vec();
    FfmpegFound { available: false, version: None, encoders }
}

#[cfg(feature = "webcam")]
fn cameras() -> CamerasFound {
    let found = crate::source::webcam::cameras().unwrap_or_default();
    let usable = found.into_iter().filter(|camera| camera.trouble.is_none());
    CamerasFound { available: true, usable: usable.map(|camera| camera.name).collect() }
}

#[cfg(not(feature = "webcam"))]
fn cameras() -> CamerasFound {
    CamerasFound { available: false, usable: Vec::new() }
}

/// The diagnosis for people.
fn told(found: &Diagnosis) -> String {
    let mut lines = vec![format!("stylecast {}", found.version), "compute".into()];
    for device in &found.devices {
        lines.push(row(device.available, device.device, &device.detail()));
    }
    lines.push("model".into());
    let detail = match (&found.model.weights, &found.model.sha256) {
        (Some(place), Some(sha256)) if found.model.genuine => format!("{place}, sha256 {sha256}"),
        (Some(place), Some(sha256)) => format!("{place}, but sha256 {sha256} is not the published one"),
        _ => "not here".into(),
    };
    lines.push(row(found.model.available && found.model.genuine, found.model.model, &detail));
    lines.push("video".into());
    let version = found.ffmpeg.version.as_deref().unwrap_or("not built in");
    lines.push(row(found.ffmpeg.available, "FFmpeg", version));
    lines.extend(
        found.ffmpeg.encoders.iter().map(|encoder| row(encoder.available, encoder.name, encoder.good_for)),
    );
    lines.push("live".into());
    let usable = &found.cameras.usable;
    let detail = match (found.cameras.available, usable.is_empty()) {
        (false, _) => "not built in".to_owned(),
        (true, true) => "none found; stylecast cameras tells more".to_owned(),
        (true, false) => usable.join(", "),
    };
    lines.push(row(!usable.is_empty(), "cameras", &detail));
    if !found.fixes.is_empty() {
        lines.push("what is missing".into());
        lines.extend(found.fixes.iter().map(|fix| format!("  {}: {}", fix.missing, fix.fix)));
    }
    lines.join("\n") + "\n"
}

fn row(available: bool, name: &str, detail: &str) -> String {
    format!("  {} {name:<12} {detail}", if available { "yes" } else { "no " })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "embedded-weights")]
    fn the_built_in_weights_are_the_published_ones() {
        let model = model();
        assert!(model.available && model.genuine, "{model:?}");
    }

    #[test]
    fn a_gpu_is_told_with_its_memory_and_libraries() {
        let gpu = Gpu {
            name: "NVIDIA X".into(),
            memory: 24_000_000_000,
            cuda: (13, 0),
            libraries: vec!["libcuda.so.1".into(), "/env/libcublas.so.13".into()],
        };
        let found = DeviceFound::gpu(Ok(gpu));
        assert!(found.available && found.simd.is_none());
        assert_eq!(
            found.detail(),
            "NVIDIA X, 24 GB, driver for CUDA 13.0; libcuda.so.1, /env/libcublas.so.13"
        );
        let missing = DeviceFound::gpu(Err("there is no NVIDIA driver".into()));
        assert_eq!((missing.available, missing.detail().as_str()), (false, "there is no NVIDIA driver"));
    }

    #[test]
    fn whatever_is_missing_comes_with_the_line_that_gets_it() {
        let diagnosis = diagnose();
        let text = told(&diagnosis);
        for fix in &diagnosis.fixes {
            assert!(text.contains(&fix.missing) && text.contains(&fix.fix));
        }
        for device in diagnosis.devices.iter().filter(|device| !device.available) {
            assert!(text.contains(device.reason.as_deref().unwrap()));
            assert!(diagnosis.fixes.iter().any(|fix| fix.missing == "a GPU"));
        }
    }
}
