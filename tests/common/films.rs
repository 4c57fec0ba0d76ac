//! Films for tests, made and judged by FFmpeg's own command line tools, which know nothing of this
//! program.

#![allow(dead_code, reason = "every test file uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::Command;
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::sink::video::{Companion, Output, VideoSink, VideoSinkOptions};
use stylecast::sink::{Ending, Finished, FrameSink};
use stylecast::source::TimedFrame;
use stylecast::time::{FrameRate, TimeBase, Timestamp};

/// A folder that goes away with the test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    output.stdout
}

/// Runs `ffmpeg` quietly with arguments separated by blanks, in `folder`, and returns what it prints.
pub(crate) fn ffmpeg(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments}: {stderr}");
    output.stdout
}

/// What `ffprobe -show_entries` says of a file, one value or line of values a line.
pub(crate) fn probe(file: &Path, streams: &str, entries: &str) -> Vec<String> {
    let mut arguments = vec!["-v", "error", "-of", "csv=p=0", "-show_entries", entries];
    if !streams.is_empty() {
        arguments.extend(["-select_streams", streams]);
    }
    arguments.push(file.to_str().unwrap());
    let text = String::from_utf8(run("ffprobe", &arguments)).unwrap();
    text.lines().map(|line| line.trim_end_matches(',').to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The presentation times of a film's frames, as the decoder gives them, in text.
pub(crate) fn frame_times(file: &Path) -> Vec<String> {
    let mut times = probe(file, "v:0", "frame=best_effort_timestamp_time");
    // Side data of a frame is printed behind its time.
    for time in &mut times {
        time.truncate(time.find(',').unwrap_or(time.len()));
    }
    times
}

/// A hash of all audio packets, one line for each track.
pub(crate) fn audio_md5(file: &Path) -> String {
    let mut arguments = vec!["-v", "error", "-i", file.to_str().unwrap()];
    arguments.extend("-map 0:a -c copy -f streamhash -hash md5 -".split(' '));
    String::from_utf8(run("ffmpeg", &arguments)).unwrap()
}

/// Whether `ffmpeg -encoders` knows this encoder.
pub(crate) fn has_encoder(name: &str) -> bool {
    String::from_utf8_lossy(&run("ffmpeg", &["-v", "quiet", "-encoders"]))
        .lines()
        .any(|line| line.split_whitespace().nth(1) == Some(name))
}

/// What a film's decoder would hand out: times from ffprobe, pictures made up.
pub(crate) struct Film {
    pub(crate) size: Size,
    pub(crate) rate: FrameRate,
    pub(crate) base: TimeBase,
    pub(crate) ticks: Vec<i64>,
    pub(crate) durations: Vec<Option<i64>>,
}

impl Film {
    /// Reads times and rate of `file`; the pictures will be of `size`.
    pub(crate) fn like(file: &Path, size: Size) -> Self {
        let stream = probe(file, "v:0", "stream=avg_frame_rate,time_base").remove(0);
        let fraction = |text: &str| {
            let (num, den) = text.split_once('/').unwrap();
            (num.parse::<i32>().unwrap(), den.parse::<i32>().unwrap())
        };
        let (rate, base) = stream.split_once(',').unwrap();
        let (rate, base) = (fraction(rate), fraction(base));
        let ticks = probe(file, "v:0", "frame=best_effort_timestamp")
            .iter()
            .map(|line| line.split(',').next().unwrap().parse().unwrap())
            .collect::<Vec<i64>>();
        Self {
            size,
            rate: FrameRate::new(rate.0, rate.1),
            base: TimeBase::new(base.0, base.1),
            durations: vec![None; ticks.len()],
            ticks,
        }
    }

    /// `frames` frames at a constant rate from zero.
    pub(crate) fn steady(size: Size, fps: i32, frames: i64) -> Self {
        Self {
            size,
            rate: FrameRate::new(fps, 1),
            base: TimeBase::new(1, fps),
            ticks: (0..frames).collect(),
            durations: vec![None; frames as usize],
        }
    }

    /// The frame with this number: a gradient with a bar that moves.
    pub(crate) fn frame(&self, number: usize) -> TimedFrame {
        let Size { width, height } = self.size;
        let bar = (7 * number) % width;
        let frame = Frame::from_fn(self.size, |x, y| {
            if x.abs_diff(bar) < 4 {
                [250, 220, 40]
            } else {
                [(255 * x / width) as u8, (255 * y / height) as u8, (40 + number % 100) as u8]
            }
        });
        TimedFrame {
            index: FrameIndex(number as u64),
            timestamp: Timestamp::new(self.ticks[number], self.base),
            duration_ticks: self.durations[number],
            frame,
        }
    }

    /// Opens a sink for this film.
    pub(crate) fn sink(
        &self,
        output: &Path,
        options: &VideoSinkOptions,
    ) -> stylecast::error::Result<VideoSink> {
        VideoSink::create(&Output::File(output.into()), self.size, self.rate, self.base, options)
    }

    /// Writes the whole film.
    pub(crate) fn write(&self, output: &Path, options: &VideoSinkOptions) -> Finished {
        let mut sink = self.sink(output, options).unwrap();
        for number in 0..self.ticks.len() {
            sink.write(self.frame(number)).unwrap();
        }
        Box::new(sink).finish(Ending::Complete).unwrap()
    }
}

/// Options that take everything but the picture from `file`, and encode fast.
pub(crate) fn with_companion(file: &Path) -> VideoSinkOptions {
    VideoSinkOptions {
        companion: Some(Companion { path: file.into(), start: None, duration: None }),
        preset: has_encoder("libx264").then(|| "ultrafast".into()),
        ..Default::default()
    }
}

/// The files in a folder, hidden ones too.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
