//! Any encoder and container that FFmpeg has: every frame is kept, at its time as far as the container
//! can tell times, also through pipes; the same frames give the same bytes.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[path = "common/films.rs"]
mod films;

use films::{Film, audio_md5, ffmpeg, folder, frame_times, has_encoder, probe, with_companion};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use stylecast::frame::Size;
use stylecast::sink::video::{Existing, Output, VideoSink, VideoSinkOptions};
use stylecast::sink::{Ending, FrameSink as _};
use stylecast::time::{FrameRate, TimeBase};

const SIZE: Size = Size::new(160, 96);

/// A film of irregular times in 1/1000 s, with sound: `in.mkv`.
fn irregular(folder: &Path) -> (PathBuf, Film) {
    ffmpeg(
        folder,
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1:r=48000 -c:v mpeg4 -c:a flac in.mkv",
    );
    let original = folder.join("in.mkv");
    let mut film = Film::like(&original, SIZE);
    for (number, ticks) in film.ticks.iter_mut().enumerate() {
        *ticks = 40 * number as i64 + [0, 7, 13, 1][number % 4];
    }
    (original, film)
}

fn seconds(times: &[String]) -> Vec<f64> {
    times.iter().map(|time| time.parse().unwrap()).collect()
}

#[test]
fn every_frame_at_its_time_whatever_the_codec() {
    let dir = folder();
    let (_, film) = irregular(dir.path());
    let want: Vec<f64> = film.ticks.iter().map(|&ticks| ticks as f64 / 1000.0).collect();
    // The last column: how finely the container tells time.
    let cases = [
        ("libx264", "a.mp4", 0.0),
        ("libx264", "a.mkv", 0.0),
        ("libx264", "a.ts", 1.0 / 90_000.0),
        ("libx264", "a.flv", 0.0005),
        ("libx264", "a.nut", 0.0),
        ("hevc", "a.mp4", 0.0),
        ("libsvtav1", "a.mp4", 0.0),
        ("libaom-av1", "a.mkv", 0.0),
        ("mpeg4", "a.mp4", 0.0),
        ("mpeg2video", "a.mkv", 0.0),
        ("ffv1", "a.mkv", 0.0),
        ("prores_ks", "a.mov", 0.0),
        ("libvpx", "a.webm", 0.0),
        ("libvpx-vp9", "a.webm", 0.0),
        ("libxvid", "a.mkv", 0.0),
        ("png", "a.mov", 0.0),
        ("gif", "a.gif", 0.006),
        ("apng", "a.apng", 0.001),
    ];
    for (codec, name, tick) in cases {
        if codec != "hevc" && !has_encoder(codec) {
            continue;
        }
        let painted = dir.path().join(name);
        let options = VideoSinkOptions {
            codec: Some(codec.into()),
            existing: Existing::Replace,
            preset: (codec == "libsvtav1").then(|| "12".into()),
            ..Default::default()
        };
        let finished = film.write(&painted, &options);
        assert_eq!(finished.notes, [""; 0], "{codec} {name}");
        let got = seconds(&frame_times(&painted));
        assert_eq!(got.len(), want.len(), "{codec} {name}");
        // These begin when they like, or cannot decode before zero (FLV): all streams move alike.
        let shift = if matches!(name, "a.gif" | "a.apng" | "a.ts" | "a.flv" | "a.nut") {
            got[0] - want[0]
        } else {
            0.0
        };
        for (got, want) in got.iter().zip(&want) {
            assert!((got - shift - want).abs() <= tick + 1e-6, "{codec} {name}: {want} became {got}");
        }
    }
}

#[test]
fn absurd_clocks_and_rates_do_no_harm() {
    let dir = folder();
    for (rate, base, ticks) in [
        (FrameRate::new(90_000, 1), TimeBase::new(1, 90_000), 3_600),
        (FrameRate::new(1, 100), TimeBase::new(1, 1_000_000_000), 40_000_000),
        (FrameRate::new(2_000_000_011, 80_000_033), TimeBase::new(1001, 30_000), 1),
        (FrameRate::new(25, 1), TimeBase::new(1, i32::MAX), i64::from(i32::MAX) / 25),
    ] {
        let mut film = Film::steady(SIZE, 25, 5);
        (film.rate, film.base) = (rate, base);
        film.ticks = (0..5).map(|number| number * ticks).collect();
        film.durations = vec![Some(ticks); 5];
        for (codec, name) in [("libx264", "a.mp4"), ("mpeg4", "a.mkv"), ("mpeg4", "a.avi")] {
            let path = dir.path().join(name);
            let options = VideoSinkOptions {
                codec: has_encoder(codec).then(|| codec.into()),
                existing: Existing::Replace,
                ..Default::default()
            };
            film.write(&path, &options);
            let got = seconds(&frame_times(&path));
            assert_eq!(got.len(), 5, "{rate} {base:?} {name}");
            for (number, got) in got.iter().enumerate().filter(|_| name != "a.avi") {
                let want = number as f64 * ticks as f64 * f64::from(base.num) / f64::from(base.den);
                assert!((got - want).abs() < 0.000_51, "{rate} {base:?} {name}: {want} became {got}");
            }
        }
    }
}

#[test]
fn containers_of_constant_rate_keep_every_frame() {
    let dir = folder();
    let (original, film) = irregular(dir.path());
    let painted = dir.path().join("a.avi");
    let finished = film.write(&painted, &with_companion(&original));
    assert_eq!(frame_times(&painted).len(), film.ticks.len());
    assert_eq!(finished.notes, [""; 0]);
    let last = *seconds(&frame_times(&painted)).last().unwrap();
    assert!((last - 24.0 / 25.0).abs() < 0.001, "{last}");

    // Half the frames missing: a constant rate would show the rest twice as fast, which is said.
    let mut gaps = Film::like(&original, SIZE);
    gaps.ticks = gaps.ticks.into_iter().step_by(2).collect();
    let finished = gaps.write(&dir.path().join("b.avi"), &VideoSinkOptions::default());
    assert!(finished.notes.iter().any(|note| note.contains("equally long")), "{:?}", finished.notes);
}

#[test]
fn wishes_that_an_encoder_cannot_grant_are_said() {
    let dir = folder();
    let film = Film::steady(SIZE, 25, 3);
    let options = VideoSinkOptions {
        codec: Some("prores_ks".into()),
        crf: Some(20.0),
        preset: Some("slow".into()),
        pix_fmt: Some("yuv420p".into()),
        ..Default::default()
    };
    let notes = film.write(&dir.path().join("a.mov"), &options).notes.join("\n");
    for words in ["--crf has no effect", "--preset slow has no effect", "yuv422p10le is used instead"] {
        assert!(notes.contains(words), "{notes}");
    }
    assert_eq!(probe(&dir.path().join("a.mov"), "v", "stream=pix_fmt"), ["yuv422p10le"]);
}

#[test]
fn quality_is_the_users() {
    let dir = folder();
    let film = Film::steady(Size::new(320, 180), 25, 10);
    let size = |crf: f32| {
        let path = dir.path().join(format!("{crf}.mp4"));
        film.write(&path, &VideoSinkOptions { crf: Some(crf), ..Default::default() });
        fs::metadata(path).unwrap().len()
    };
    assert!(size(10.0) > 2 * size(40.0));
}

#[test]
fn the_same_frames_give_the_same_bytes() {
    let dir = folder();
    let (original, film) = irregular(dir.path());
    for extension in ["mp4", "mkv", "mov"] {
        let write = |name: &str| {
            let path = dir.path().join(format!("{name}.{extension}"));
            film.write(&path, &with_companion(&original));
            fs::read(path).unwrap()
        };
        let first = write("one");
        // Clocks that tick in seconds would show by now.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(first == write("two"), "{extension} differs");
    }
}

#[test]
#[cfg(unix)]
fn any_file_name_will_do() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = folder();
    let film = Film::steady(SIZE, 25, 3);
    for name in
        [&b"a:b.mp4"[..], b"http:.mkv", b"50% off #1.mp4", b"\xff\xfe latin \xe9.mp4", "波.mp4".as_bytes()]
    {
        let path = dir.path().join(std::ffi::OsStr::from_bytes(name));
        film.write(&path, &VideoSinkOptions::default());
        fs::rename(&path, dir.path().join("plain")).unwrap();
        assert_eq!(frame_times(&dir.path().join("plain")).len(), 3);
    }
}

#[test]
#[cfg(unix)]
fn pipes_get_whole_films() {
    let dir = folder();
    let (original, film) = irregular(dir.path());
    let want: Vec<f64> = film.ticks.iter().map(|&ticks| ticks as f64 / 1000.0).collect();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for format in ["mp4", "mkv", "nut", "mpegts", "yuv4mpegpipe", "rawvideo"] {
        let received = dir.path().join("received");
        let reader = {
            let (pipe, received) = (pipe.clone(), received.clone());
            std::thread::spawn(move || {
                let (mut from, mut to) = (fs::File::open(pipe).unwrap(), fs::File::create(received).unwrap());
                std::io::copy(&mut from, &mut to).unwrap()
            })
        };
        let mut options = with_companion(&original);
        options.format = Some(format.into());
        options.preset = None;
        let finished = film.write(&pipe, &options);
        reader.join().unwrap();
        assert_eq!(finished.frames, 25, "{format}");
        if format == "rawvideo" {
            let bytes = fs::metadata(&received).unwrap().len();
            assert_eq!(bytes as usize, 25 * SIZE.pixels() * 3 / 2);
            continue;
        }
        let got = seconds(&frame_times(&received));
        assert_eq!(got.len(), 25, "{format}");
        if format == "yuv4mpegpipe" {
            continue;
        }
        let shift = got[0] - want[0];
        for (got, want) in got.iter().zip(&want) {
            assert!((got - shift - want).abs() < 2e-5, "{format}: {want} became {got}");
        }
        if matches!(format, "mp4" | "mkv" | "nut") {
            assert_eq!(audio_md5(&received), audio_md5(&original), "{format}");
            assert!(format == "nut" || shift.abs() < 1e-6, "{format}: {shift}");
        }
    }
}

/// Not a test of its own: `standard_output_gets_a_film` runs it in a process whose output it reads.
#[test]
#[ignore = "writes a film to standard output, for another test"]
fn write_to_standard_output() {
    let film = Film::steady(SIZE, 25, 25);
    let options = VideoSinkOptions { format: Some("matroska".into()), ..Default::default() };
    let (rate, base) = (FrameRate::new(25, 1), TimeBase::new(1, 25));
    let mut sink = VideoSink::create(&Output::Stdout, SIZE, rate, base, &options).unwrap();
    for number in 0..25 {
        sink.write(film.frame(number)).unwrap();
    }
    Box::new(sink).finish(Ending::Complete).unwrap();
}

#[test]
fn standard_output_gets_a_film() {
    let dir = folder();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "write_to_standard_output", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    // The test runner speaks before; the film begins with Matroska's own mark.
    let start = output.stdout.windows(4).position(|bytes| bytes == [0x1a, 0x45, 0xdf, 0xa3]).unwrap();
    let film = dir.path().join("film.mkv");
    fs::write(&film, &output.stdout[start..]).unwrap();
    assert_eq!(frame_times(&film).len(), 25);
}

#[test]
fn a_reader_that_stops_is_said() {
    let dir = folder();
    let pipe = dir.path().join("pipe");
    if !Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        return;
    }
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || drop(fs::File::open(pipe).unwrap()))
    };
    let film = Film::steady(Size::new(320, 180), 25, 60);
    let options =
        VideoSinkOptions { codec: Some("ffv1".into()), format: Some("nut".into()), ..Default::default() };
    let mut sink = film.sink(&pipe, &options).unwrap();
    reader.join().unwrap();
    let error = (0..60).find_map(|number| sink.write(film.frame(number)).err()).unwrap();
    assert!(error.to_string().contains("the program that reads it has stopped"), "{error}");
}
