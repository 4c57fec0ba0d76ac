//! Cameras and virtual cameras against a real V4L2 driver: the kernel's `vivid`, which plays a camera and
//! takes pictures as well. scripts/test-camera boots a kernel that has it and runs these tests there, one
//! after the other, those of `b` with vivid's HDMI ends alone; elsewhere they are left out.
#![cfg(all(feature = "webcam", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
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

/// vivid's node whose name, as the kernel gives it, ends in `kind`.
fn node(kind: &str) -> PathBuf {
    let nodes = std::fs::read_dir("/sys/class/video4linux").unwrap();
    let mut nodes = nodes.map(|node| node.unwrap().path());
    let is_it = |node: &PathBuf| {
        std::fs::read_to_string(node.join("name")).is_ok_and(|name| name.trim().ends_with(kind))
    };
    PathBuf::from("/dev").join(nodes.find(is_it).unwrap().file_name().unwrap())
}

/// The node that takes pictures.
fn output() -> PathBuf {
    node("vid-out")
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

/// The program that is tried, which may be another than the one that was built with this test.
fn program() -> Command {
    Command::new(std::env::var_os("STYLECAST").unwrap_or_else(|| env!("CARGO_BIN_EXE_stylecast").into()))
}

/// Ends the process at the latest when the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SCENE: Size = Size::new(320, 180);

/// Dark and light, as no pattern of vivid's is: the luma of each quarter, row by row.
const LUMA: [u8; 4] = [40, 90, 150, 220];

/// The mean of each quarter in a plane of luma, near the upper and the lower edge: between them is text of vivid's.
fn quarters(plane: &[u8]) -> [u8; 4] {
    let Size { width, height } = SCENE;
    [(0, 2), (1, 2), (0, height - 12), (1, height - 12)].map(|(right, top)| {
        let columns = width / 8 + right * width / 2..3 * width / 8 + right * width / 2;
        let rows = plane.chunks_exact(width).skip(top).take(10);
        let values: Vec<u64> =
            rows.flat_map(|row| &row[columns.clone()]).map(|luma| u64::from(*luma)).collect();
        (values.iter().sum::<u64>() / values.len() as u64) as u8
    })
}

/// vivid can be told to capture what is given to its output. Newer kernels do that in another way; `false`.
fn is_looped(device: &v4l::Device) -> bool {
    let controls = device.query_controls().unwrap();
    let Some(control) = controls.iter().find(|control| control.name == "Loop Video") else { return false };
    let value = v4l::control::Value::Boolean(true);
    device.set_control(v4l::Control { id: control.id, value }).unwrap();
    true
}

/// Paints the numbered pictures of a folder into the virtual camera; has done so for a while.
fn painting_from(folder: &Path) -> Running {
    let child = program()
        .args(["live", "--no-window", "--json", "--iterations", "0", "--input", "%05d.png", "--loop"])
        .args(["--fps", "10", "--to", output().to_str().unwrap()])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut reports = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let has_painted = |line: &str| line.contains(r#""type":"live""#) && !line.contains(r#""painted":0,"#);
    assert_eq!(reports.by_ref().filter(|line| has_painted(line.as_ref().unwrap())).take(3).count(), 3);
    // Read on, so that it is never held up by its reports.
    std::thread::spawn(move || reports.count());
    running
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn b1_what_is_painted_live_comes_out_of_the_virtual_camera() {
    use v4l::io::traits::CaptureStream;
    use v4l::video::Capture;
    let folder = tempfile::tempdir().unwrap();
    let quarter =
        |x: usize, y: usize| usize::from(x >= SCENE.width / 2) + 2 * usize::from(y >= SCENE.height / 2);
    // Grey from 0 to 255 becomes luma from 16 to 235.
    let grey = |luma: u8| (f32::from(luma - 16) * 255.0 / 219.0).round() as u8;
    let scene = Frame::from_fn(SCENE, |x, y| [grey(LUMA[quarter(x, y)]); 3]);
    let path = folder.path().join("00001.png");
    image::save_buffer(path, scene.data(), 320, 180, image::ColorType::Rgb8).unwrap();

    let (out, mut running) = (output(), painting_from(folder.path()));
    // At another size, because vivid lets others ask for what it does already.
    let other = VirtualCamera::open(&out, Size::new(640, 360), FrameRate::new(10, 1)).err().unwrap();
    assert!(other.to_string().contains("another program feeds it"), "{other}");

    let device = v4l::Device::with_path(node("vid-cap")).unwrap();
    if is_looped(&device) {
        let format = v4l::Format::new(SCENE.width as u32, SCENE.height as u32, v4l::FourCC::new(b"YU12"));
        let format = Capture::set_format(&device, &format).unwrap();
        assert_eq!((format.width as usize, format.height as usize), (SCENE.width, SCENE.height));
        let mut stream =
            v4l::io::mmap::Stream::with_buffers(&device, v4l::buffer::Type::VideoCapture, 4).unwrap();
        stream.set_timeout(Duration::from_secs(10));
        let mut seen = Vec::new();
        let arrived = (0..60).any(|_| {
            let (plane, _) = stream.next().unwrap();
            let found = quarters(plane);
            seen.push(found);
            found.iter().zip(LUMA).all(|(found, sent)| found.abs_diff(sent) <= 4)
        });
        assert!(arrived, "{LUMA:?} was sent, and {seen:?} seen");
    }

    assert!(running.0.try_wait().unwrap().is_none(), "it has ended by itself");
    let status = Command::new("kill").args(["-INT", &running.0.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    // And nobody feeds it any more.
    VirtualCamera::open(&out, SCENE, FrameRate::new(10, 1)).unwrap();
}

#[test]
#[ignore = "needs vivid: scripts/test-camera"]
fn b2_a_run_whose_only_virtual_camera_goes_away_ends_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Frame::from_fn(SCENE, |_, _| [90; 3]);
    let path = folder.path().join("00001.png");
    image::save_buffer(path, scene.data(), 320, 180, image::ColorType::Rgb8).unwrap();
    let mut running = painting_from(folder.path());
    std::fs::write(format!("{DRIVER}/unbind"), "vivid.0").unwrap();
    let began = Instant::now();
    while running.0.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it goes on for nobody");
        std::thread::sleep(Duration::from_millis(100));
    }
    std::fs::write(format!("{DRIVER}/bind"), "vivid.0").unwrap();
    let mut said = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(4), "{said}");
    assert!(said.contains("the device has gone"), "{said}");
}
