//! Cameras and virtual cameras against a real V4L2 driver: the kernel's `vivid`, which plays a camera and
//! takes pictures as well. scripts/test-camera boots a kernel that has it and runs these tests there, one
//! after the other; elsewhere they are left out.
#![cfg(all(feature = "webcam", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::time::Duration;
use stylecast::error::ErrorKind;
use stylecast::frame::{Frame, Size};
use stylecast::sink::virtual_camera::VirtualCamera;
use stylecast::source::live::{Arrival, Captured, LiveSource};
use stylecast::source::webcam::{CameraInfo, CameraWish, PixelFormat, Webcam, cameras};
use stylecast::time::FrameRate;

const DRIVER: &str = "/sys/bus/platform/drivers/vivid";

fn vivid() -> CameraInfo {
    let found = cameras().unwrap();
    // Of vivid's nodes (capture, output, radio, metadata …) only one takes pictures.
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

fn wish(size: &str, fps: f64) -> CameraWish {
    CameraWish { size: Some(size.parse().unwrap()), fps: Some(fps) }
}

/// The next frame; emulated machines are slow, so that it may take a while.
#[track_caller]
fn frame(webcam: &mut Webcam) -> Captured {
    for _ in 0..60 {
        match webcam.next(Duration::from_millis(500)).unwrap() {
            Arrival::Frame(captured) => return captured,
            Arrival::Nothing => (),
            Arrival::Ended => panic!("a camera does not end"),
        }
    }
    panic!("no frame came: {:?}", webcam.take_notes());
}

/// Reads until a note has these words.
#[track_caller]
fn until_noted(webcam: &mut Webcam, words: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for _ in 0..120 {
        webcam.next(Duration::from_millis(250)).unwrap();
        notes.append(&mut webcam.take_notes());
        if notes.iter().any(|note| note.contains(words)) {
            return notes;
        }
    }
    panic!("nobody said '{words}': {notes:?}");
}

/// vivid's node that takes pictures: the kernel names it so.
fn output() -> PathBuf {
    let nodes = std::fs::read_dir("/sys/class/video4linux").unwrap();
    let mut nodes = nodes.map(|node| node.unwrap().path());
    let is_output = |node: &PathBuf| {
        std::fs::read_to_string(node.join("name")).is_ok_and(|name| name.trim().ends_with("vid-out"))
    };
    PathBuf::from("/dev").join(nodes.find(is_output).unwrap().file_name().unwrap())
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a1_it_is_listed_with_its_modes_and_frames_of_thirty_come_in_order() {
    let camera = vivid();
    assert!(camera.name.to_lowercase().contains("vivid") && camera.trouble.is_none(), "{camera:?}");
    let has =
        |format| camera.modes.iter().any(|mode| mode.size == Size::new(640, 360) && mode.format == format);
    assert!(has(PixelFormat::Yuyv) && has(PixelFormat::Grey) && has(PixelFormat::Rgb), "{camera:?}");

    let mut webcam = Webcam::open(Some("VIVID"), &wish("640x360", 15.0)).unwrap();
    assert_eq!(webcam.info().size, Size::new(640, 360));
    assert_eq!(webcam.info().frame_rate.fps(), 15.0);
    let frames: Vec<_> = (0..30).map(|_| frame(&mut webcam)).collect();
    for (n, pair) in frames.windows(2).enumerate() {
        assert_eq!(pair[0].timed.index.0, n as u64);
        assert!(pair[0].timed.timestamp < pair[1].timed.timestamp && pair[0].at <= pair[1].at);
    }
    // vivid's own picture is the eight colour bars at 75 %, with text over a part of them: white, yellow,
    // cyan, green, magenta, red, blue, black, from the left.
    let shown = &frames[29].timed.frame;
    let bars = [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]];
    for (n, bar) in bars.into_iter().enumerate() {
        let pixel = shown.pixel(640 * (2 * n + 1) / 16, 350);
        for (got, on) in pixel.into_iter().zip(bar) {
            assert!(if on == 1 { got > 150 } else { got < 60 }, "bar {n} is {pixel:?}");
        }
    }
    assert_eq!(webcam.broken(), 0);
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a2_it_is_found_by_number_path_and_name() {
    let camera = vivid();
    let path = camera.path.as_ref().unwrap().to_str().unwrap();
    for which in [&camera.index.to_string(), path, "viv"] {
        frame(&mut Webcam::open(Some(which), &CameraWish::default()).unwrap());
    }
    for which in ["73", "/dev/video73", "no such camera", output().to_str().unwrap()] {
        let error = Webcam::open(Some(which), &CameraWish::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(which) && error.to_string().contains(&camera.name), "{error}");
    }
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a3_a_mode_it_has_not_becomes_the_nearest_and_is_said() {
    let mut webcam = Webcam::open(None, &wish("600x350", 15.0)).unwrap();
    assert_eq!(webcam.info().size, Size::new(640, 360));
    let notes = webcam.take_notes();
    assert!(notes.len() == 1 && notes[0].contains("has no 600x350: the nearest is 640x360"), "{notes:?}");
    assert_eq!(frame(&mut webcam).timed.frame.size(), Size::new(640, 360));
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a4_one_that_is_in_use_says_so() {
    let mut first = Webcam::open(None, &CameraWish::default()).unwrap();
    frame(&mut first);
    let error = Webcam::open(None, &CameraWish::default()).unwrap_err();
    assert!(error.to_string().contains("another program is using it"), "{error}");
    frame(&mut first);
    drop(first);
    frame(&mut Webcam::open(None, &CameraWish::default()).unwrap());
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a5_unplugged_it_is_waited_for_and_used_again() {
    let mut webcam = Webcam::open(None, &wish("320x180", 15.0)).unwrap();
    let before = frame(&mut webcam);
    std::fs::write(format!("{DRIVER}/unbind"), "vivid.0").unwrap();
    let notes = until_noted(&mut webcam, "was unplugged");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(Webcam::open(None, &CameraWish::default()).is_err());
    std::fs::write(format!("{DRIVER}/bind"), "vivid.0").unwrap();
    until_noted(&mut webcam, "is back");
    let after = frame(&mut webcam);
    assert_eq!(after.timed.frame.size(), before.timed.frame.size());
    assert!(after.timed.timestamp > before.timed.timestamp);
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a6_the_virtual_camera_takes_frames_and_has_one_writer() {
    let path = output();
    let frame = Frame::from_fn(Size::new(640, 360), |x, y| [x as u8, y as u8, 90]);
    let mut camera = VirtualCamera::open(&path, frame.size(), FrameRate::new(15, 1)).unwrap();
    assert!(camera.size().pixels() > 0);
    for _ in 0..30 {
        camera.write(&frame).unwrap();
    }
    // A slow machine may lose some, but not all.
    assert!(camera.dropped() < 30, "{}", camera.dropped());
    let second = VirtualCamera::open(&path, frame.size(), FrameRate::new(15, 1)).err().unwrap();
    assert_eq!(second.kind(), ErrorKind::Output);
    assert!(second.to_string().contains("another program feeds it"), "{second}");
    drop(camera);

    // A camera is no place to write to.
    let camera = vivid();
    let refused = VirtualCamera::open(&camera.path.unwrap(), frame.size(), FrameRate::new(15, 1));
    assert!(refused.err().unwrap().to_string().contains("is a camera"));
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn a7_a_virtual_camera_that_goes_away_is_an_error() {
    let frame = Frame::from_fn(Size::new(320, 180), |x, y| [x as u8, y as u8, 90]);
    let mut camera = VirtualCamera::open(&output(), frame.size(), FrameRate::new(15, 1)).unwrap();
    camera.write(&frame).unwrap();
    std::fs::write(format!("{DRIVER}/unbind"), "vivid.0").unwrap();
    let failed = (0..20).find_map(|_| camera.write(&frame).err());
    std::fs::write(format!("{DRIVER}/bind"), "vivid.0").unwrap();
    assert!(failed.unwrap().to_string().contains("has gone"));
}
