//! Clips made by FFmpeg's own tools, and what `ffprobe` says of them: the judge of our reading.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of these")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use stylecast::frame::Frame;
use stylecast::source::video::{VideoOptions, VideoSource};
use stylecast::source::{FrameSource, TimedFrame};

/// A folder for clips, removed with it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `ffmpeg ARGUMENTS… NAME` and returns the path of the file it made. `arguments` are
    /// separated by white space; `{name}` in them is a path in this folder.
    pub fn clip(&self, name: &str, arguments: &str) -> PathBuf {
        let path = self.at(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]);
        for argument in arguments.split_whitespace() {
            match argument.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(other) => command.arg(self.at(other)),
                None => command.arg(argument),
            };
        }
        let done = command.arg(&path).output().unwrap();
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
        path
    }
}

/// The frames' times in ticks, by `ffprobe`.
pub fn probed_ticks(path: &Path) -> Vec<i64> {
    lines_of(path, "frame=best_effort_timestamp")
        .iter()
        .map(|line| line.parse().unwrap_or_else(|_| panic!("ffprobe says {line:?} of {}", path.display())))
        .collect()
}

/// One line for each value of the first video stream, by `ffprobe`.
pub fn lines_of(path: &Path, entries: &str) -> Vec<String> {
    let done = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0", "-show_entries", entries])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    // Side data of a frame adds an empty column.
    text.lines().map(|line| line.trim_end_matches(',').to_owned()).filter(|line| !line.is_empty()).collect()
}

/// All frames as `ffmpeg` converts them to RGB with zimg, the reference for accuracy, with `filters`
/// before. For films of standard definition that do not name their matrix.
pub fn judged_frames(path: &Path, filters: &str, frame_bytes: usize) -> Vec<Vec<u8>> {
    let scale = "zscale=min=170m:m=gbr:r=full:f=bilinear,format=gbrp";
    let chain = if filters.is_empty() { scale.to_owned() } else { format!("{filters},{scale}") };
    let done = Command::new("ffmpeg")
        .args(["-v", "fatal", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-vsync", "passthrough", "-vf", &chain])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert_eq!(done.stdout.len() % frame_bytes, 0, "{}", path.display());
    done.stdout.chunks(frame_bytes).map(<[u8]>::to_vec).collect()
}

/// Reads everything with the given options.
pub fn read_with(path: &Path, options: &VideoOptions) -> (Vec<TimedFrame>, Vec<String>) {
    let mut source = VideoSource::open(path, options).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        assert_eq!(frame.index.0, frames.len() as u64);
        assert_eq!(frame.frame.size(), source.info().size);
        frames.push(frame);
    }
    assert!(source.next_frame().unwrap().is_none(), "the end stays the end");
    let times: Vec<_> = frames.iter().map(|frame| frame.timestamp).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "times increase strictly");
    (frames, source.take_notes())
}

/// Reads everything.
pub fn read(path: &Path) -> (Vec<TimedFrame>, Vec<String>) {
    read_with(path, &VideoOptions::default())
}

/// The ticks of frames.
pub fn ticks(frames: &[TimedFrame]) -> Vec<i64> {
    frames.iter().map(|frame| frame.timestamp.ticks).collect()
}

/// Mean absolute difference of two pictures' bytes.
pub fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

/// The mean colour of a square around a point.
pub fn colour_at(frame: &Frame, x: usize, y: usize, radius: usize) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for y in y - radius..=y + radius {
        for x in x - radius..=x + radius {
            for (sum, value) in sum.iter_mut().zip(frame.pixel(x, y)) {
                *sum += f64::from(value);
            }
        }
    }
    sum.map(|sum| sum / (2 * radius + 1).pow(2) as f64)
}
