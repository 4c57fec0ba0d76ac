//! What can go wrong with an output is said in a sentence with a next step, and leaves nothing behind:
//! no file under the final name, none under a temporary one.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[path = "common/films.rs"]
mod films;

use films::{Film, ffmpeg, files, folder, has_encoder, with_companion};
use std::fs;
use std::path::Path;
use std::process::Command;
use stylecast::error::{Error, ErrorKind};
use stylecast::frame::Size;
use stylecast::sink::video::{Existing, Output, VideoSink, VideoSinkOptions};
use stylecast::sink::{Ending, FrameSink as _};

const SIZE: Size = Size::new(160, 96);

fn refused(path: &Path, options: &VideoSinkOptions) -> Error {
    let error = Film::steady(SIZE, 25, 2).sink(path, options).err().unwrap();
    assert!(error.next_step().is_some(), "no next step: {error}");
    error
}

fn with_codec(codec: &str) -> VideoSinkOptions {
    VideoSinkOptions { codec: Some(codec.into()), ..Default::default() }
}

#[test]
fn a_missing_folder() {
    let dir = folder();
    let error = refused(&dir.path().join("no/such/a.mp4"), &VideoSinkOptions::default());
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("there is no folder"), "{error}");
    assert!(error.next_step().unwrap().starts_with("make it first: mkdir -p"), "{error:?}");
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_folder_that_is_none_or_cannot_be_written() {
    let dir = folder();
    fs::write(dir.path().join("file"), "x").unwrap();
    let error = refused(&dir.path().join("file/a.mp4"), &VideoSinkOptions::default());
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("is not a folder"), "{error}");
    // Even root may not write here.
    if Path::new("/proc/self").exists() {
        let error = refused(Path::new("/proc/self/a.mp4"), &VideoSinkOptions::default());
        assert_eq!(error.kind(), ErrorKind::Output);
        assert!(error.to_string().contains("/proc/self/a.mp4"), "{error}");
    }
}

#[test]
fn a_directory() {
    let dir = folder();
    fs::create_dir(dir.path().join("film.mp4")).unwrap();
    let error = refused(&dir.path().join("film.mp4"), &VideoSinkOptions::default());
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().ends_with("it is a directory"), "{error}");
}

#[test]
fn containers_that_are_unknown_or_no_films() {
    let dir = folder();
    for (name, words) in [
        ("a.painting", "no video container is called '.painting'"),
        ("a", "has no extension"),
        ("a.png", "cannot be written as image2"),
        ("a.mp3", "cannot be written as mp3"),
        ("a.srt", "cannot be written as srt"),
    ] {
        let error = refused(&dir.path().join(name), &VideoSinkOptions::default());
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.next_step().unwrap().contains("mp4"), "{error:?}");
    }
    let options = VideoSinkOptions { format: Some("canvas".into()), ..Default::default() };
    let error = refused(&dir.path().join("a.mp4"), &options);
    assert!(error.to_string().contains("no container 'canvas'"), "{error}");
    let error = VideoSink::create(
        &Output::Stdout,
        SIZE,
        stylecast::time::FrameRate::new(25, 1),
        stylecast::time::TimeBase::new(1, 25),
        &VideoSinkOptions::default(),
    );
    assert!(error.err().unwrap().next_step().unwrap().contains("--format"));
    assert!(files(dir.path()).is_empty());
}

#[test]
fn codecs_that_are_unknown_or_do_not_fit() {
    let dir = folder();
    let error = refused(&dir.path().join("a.mp4"), &with_codec("libx254"));
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("no video encoder 'libx254'"), "{error}");
    if has_encoder("libx264") {
        assert!(error.next_step().unwrap().contains("libx264"), "{error:?}");
    }
    let error = refused(&dir.path().join("a.webm"), &with_codec("ffv1"));
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("webm cannot hold ffv1"), "{error}");
    assert!(error.next_step().unwrap().contains(".mkv"), "{error:?}");
    // A codec of sound is none for pictures.
    assert!(refused(&dir.path().join("a.mp4"), &with_codec("aac")).to_string().contains("no video encoder"));
    let options = VideoSinkOptions { pix_fmt: Some("oil".into()), ..Default::default() };
    assert!(refused(&dir.path().join("a.mp4"), &options).to_string().contains("no pixel format 'oil'"));
    for crf in [f32::NAN, f32::INFINITY, -1.0] {
        let options = VideoSinkOptions { crf: Some(crf), ..Default::default() };
        let error = refused(&dir.path().join("a.mp4"), &options);
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("--crf"), "{error}");
    }
    let options = VideoSinkOptions { preset: Some("sluggish".into()), ..with_codec("libx264") };
    if has_encoder("libx264") {
        let error = refused(&dir.path().join("a.mp4"), &options);
        assert!(error.to_string().contains("--preset sluggish"), "{error}");
    }
    assert!(files(dir.path()).is_empty());
}

#[test]
fn odd_sides() {
    let dir = folder();
    let film = Film::steady(Size::new(15, 15), 25, 1);
    let error = film.sink(&dir.path().join("a.mp4"), &VideoSinkOptions::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.next_step().unwrap().contains("14x14"), "{error:?}");
    assert!(files(dir.path()).is_empty());
}

#[test]
fn an_existing_file_stays_unless_it_may_be_replaced() {
    let dir = folder();
    let path = dir.path().join("a.mp4");
    fs::write(&path, "precious").unwrap();
    let error = refused(&path, &VideoSinkOptions::default());
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().ends_with("it exists already"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let options = VideoSinkOptions { existing: Existing::Replace, ..Default::default() };
    let film = Film::steady(SIZE, 25, 3);
    let mut sink = film.sink(&path, &options).unwrap();
    sink.write(film.frame(0)).unwrap();
    // Until the end the old one stands there.
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    Box::new(sink).finish(Ending::Complete).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 500);
    assert_eq!(files(dir.path()), [path]);
}

#[test]
fn a_file_that_comes_to_exist_meanwhile_stays() {
    let dir = folder();
    let path = dir.path().join("a.mp4");
    let film = Film::steady(SIZE, 25, 3);
    let mut sink = film.sink(&path, &VideoSinkOptions::default()).unwrap();
    sink.write(film.frame(0)).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = Box::new(sink).finish(Ending::Complete).unwrap_err();
    assert!(error.to_string().contains("meanwhile"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(files(dir.path()), [path]);
}

#[test]
#[cfg(unix)]
fn the_film_being_read_is_never_written() {
    let dir = folder();
    ffmpeg(dir.path(), "-f lavfi -i testsrc=d=0.2:s=160x96:r=25 -c:v mpeg4 in.mp4");
    let original = dir.path().join("in.mp4");
    let before = fs::read(&original).unwrap();
    std::os::unix::fs::symlink(&original, dir.path().join("soft.mp4")).unwrap();
    fs::hard_link(&original, dir.path().join("hard.mp4")).unwrap();
    let mut options = with_companion(&original);
    options.existing = Existing::Replace;
    for name in ["in.mp4", "soft.mp4", "hard.mp4", "../in.mp4"] {
        let path = if name.starts_with("..") {
            dir.path().join("..").join(dir.path().file_name().unwrap()).join("in.mp4")
        } else {
            dir.path().join(name)
        };
        let error = refused(&path, &options);
        assert_eq!(error.kind(), ErrorKind::Usage, "{name}");
        assert!(error.to_string().contains("is the film being read"), "{error}");
    }
    assert_eq!(fs::read(&original).unwrap(), before);
    assert_eq!(files(dir.path()).len(), 3);
}

#[test]
#[cfg(unix)]
fn through_a_link_the_film_is_written_where_it_points() {
    let dir = folder();
    fs::create_dir(dir.path().join("real")).unwrap();
    fs::write(dir.path().join("real/a.mp4"), "old").unwrap();
    std::os::unix::fs::symlink("real/a.mp4", dir.path().join("link.mp4")).unwrap();
    let options = VideoSinkOptions { existing: Existing::Replace, ..Default::default() };
    Film::steady(SIZE, 25, 3).write(&dir.path().join("link.mp4"), &options);
    assert!(fs::symlink_metadata(dir.path().join("link.mp4")).unwrap().is_symlink());
    assert!(fs::metadata(dir.path().join("real/a.mp4")).unwrap().len() > 500);
}

#[test]
fn a_dropped_sink_leaves_nothing() {
    let dir = folder();
    let film = Film::steady(SIZE, 25, 30);
    let mut sink = film.sink(&dir.path().join("a.mp4"), &VideoSinkOptions::default()).unwrap();
    for number in 0..30 {
        sink.write(film.frame(number)).unwrap();
    }
    let during = files(dir.path());
    assert_eq!(during.len(), 1);
    let name = during[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(".a.mp4.stylecast-") && name.ends_with(".part"), "{name}");
    drop(sink);
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_film_without_frames_is_none() {
    let dir = folder();
    let sink =
        Film::steady(SIZE, 25, 0).sink(&dir.path().join("a.mp4"), &VideoSinkOptions::default()).unwrap();
    let error = Box::new(sink).finish(Ending::Complete).unwrap_err();
    assert!(error.to_string().contains("no frame was painted"), "{error}");
    assert!(files(dir.path()).is_empty());
}

#[test]
fn frames_that_do_not_fit_are_refused() {
    let dir = folder();
    let film = Film::steady(SIZE, 25, 3);
    let mut sink = film.sink(&dir.path().join("a.mp4"), &VideoSinkOptions::default()).unwrap();
    sink.write(film.frame(1)).unwrap();
    let error = sink.write(film.frame(0)).unwrap_err();
    assert!(error.to_string().contains("does not come after"), "{error}");
    let other = Film::steady(Size::new(96, 160), 25, 3);
    let error = sink.write(other.frame(2)).unwrap_err();
    assert!(error.to_string().contains("96x160"), "{error}");
}

#[test]
fn a_companion_that_cannot_be_read() {
    let dir = folder();
    fs::write(dir.path().join("text.mp4"), "once upon a time").unwrap();
    for name in ["text.mp4", "missing.mp4"] {
        let error = refused(&dir.path().join("a.mp4"), &with_companion(&dir.path().join(name)));
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(files(dir.path()).len(), 1);
}

/// Mounts a file system of `kib` KiB at `folder`; `None` where that is not permitted.
fn small_disk(folder: &Path, kib: u32) -> Option<SmallDisk> {
    fs::create_dir(folder).unwrap();
    let size = format!("size={kib}k");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
    mounted.is_ok_and(|output| output.status.success()).then(|| SmallDisk(folder.into()))
}

struct SmallDisk(std::path::PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk() {
    let dir = folder();
    let Some(disk) = small_disk(&dir.path().join("disk"), 64) else {
        eprintln!("skipped: mounting a small disk is not permitted here");
        return;
    };
    for name in ["a.mp4", "a.mkv"] {
        let film = Film::steady(Size::new(640, 360), 25, 60);
        let options = VideoSinkOptions { crf: Some(1.0), ..Default::default() };
        let mut sink = film.sink(&disk.0.join(name), &options).unwrap();
        let mut result = Ok(());
        for number in 0..60 {
            result = sink.write(film.frame(number));
            if result.is_err() {
                break;
            }
        }
        let error = match result {
            Err(error) => {
                drop(sink);
                error
            }
            Ok(()) => Box::new(sink).finish(Ending::Complete).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Output);
        assert!(error.to_string().ends_with("the disk is full"), "{error}");
        assert!(files(&disk.0).is_empty(), "{:?}", files(&disk.0));
    }
}
