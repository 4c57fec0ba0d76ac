//! `stylecast live` in a real window: what the keys promise, as a person presses them. Needs what
//! `window_in_xvfb` needs, and says so where it is missing.
#![cfg(all(feature = "window", feature = "video", feature = "embedded-weights", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cli_parts;
#[path = "common/display.rs"]
mod display;

use cli_parts::*;
use display::{Display, PATIENCE, lines};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use stylecast::frame::Size;

/// A run in a window, and what it reports.
struct Show<'a> {
    display: &'a Display,
    desk: Desk,
    process: Child,
    reports: Receiver<String>,
}

impl<'a> Show<'a> {
    /// Passes a film through, with two styles to choose from.
    fn start(display: &'a Display, more: &[&str]) -> Self {
        Self::of(display, Desk::new(), &media("big-buck-bunny.mp4"), more)
    }

    /// As [`start`](Self::start), with another film.
    fn of(display: &'a Display, desk: Desk, film: &str, more: &[&str]) -> Self {
        let styles = [media("great-wave.jpg"), media("auvers.jpg")];
        let args = ["live", "--input", film, "--loop", "--json"];
        let styles = ["--style", &styles[0], "--style", &styles[1]];
        let mut command = desk.command(&[&args[..], &styles, more].concat());
        let mut process = command
            .env("DISPLAY", &display.name)
            .stdout(std::process::Stdio::piped())
            .stderr(std::fs::File::create(desk.path("said")).unwrap())
            .spawn()
            .unwrap();
        let reports = lines(process.stdout.take().unwrap());
        let show = Self { display, desk, process, reports };
        show.wait_for(r#""type":"live""#);
        let window = display.run("xdotool search --name ^stylecast$");
        display.run(&format!("xdotool windowfocus --sync {}", window.split_whitespace().next().unwrap()));
        show
    }

    /// Reads reports until one has this in it.
    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.reports.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(_) => panic!("nothing with {text} was reported"),
            }
        }
    }

    #[track_caller]
    fn press(&self, keys: &str) {
        self.display.run(&format!("xdotool key --delay 0 {keys}"));
    }

    /// Waits until there is a file of this name with something in it.
    #[track_caller]
    fn file(&self, name: &str) -> std::path::PathBuf {
        let (path, until) = (self.desk.path(name), Instant::now() + PATIENCE);
        while std::fs::metadata(&path).map_or(0, |data| data.len()) == 0 {
            assert!(Instant::now() < until, "there is no {name}: {:?}", self.desk.files());
            std::thread::sleep(Duration::from_millis(20));
        }
        path
    }
}

impl Drop for Show<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn frames(film: &Path) -> usize {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries"])
        .args(["stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(film)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').parse().unwrap()
}

#[test]
fn keys_choose_styles_save_pictures_and_clips_record_and_quit() {
    let Some(display) = Display::start() else { return };
    let mut show = Show::start(&display, &["--iterations", "0", "--size", "320", "--fps", "15"]);
    show.press("2");
    show.wait_for(r#""style":"auvers""#);
    show.press("Left");
    show.wait_for(r#""style":"great-wave""#);

    show.press("s s");
    show.file("stylecast-0001.png");
    let picture = image::open(show.file("stylecast-0002.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 180));

    show.press("r");
    show.file("stylecast.mkv");
    show.wait_for(r#""type":"live""#);
    show.press("r");
    show.wait_for(r#""type":"live""#);
    // A second recording takes another name.
    show.press("r c");
    show.file("stylecast-2.mkv");
    show.file("clip.mkv");
    show.wait_for(r#""type":"live""#);
    show.press("q");
    let summary: serde_json::Value = serde_json::from_str(&show.wait_for("live_summary")).unwrap();
    assert_eq!(show.process.wait().unwrap().code(), Some(0));
    let mut clips: Vec<_> =
        summary["clips"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    clips.sort_unstable();
    assert_eq!(clips.len(), 3, "{summary}");
    for name in ["stylecast.mkv", "stylecast-2.mkv", "clip.mkv"] {
        assert!(frames(&show.desk.path(name)) > 3, "{name} has hardly a frame");
    }
}

#[test]
fn a_frozen_picture_stands_still_and_is_painted_on() {
    let Some(display) = Display::start() else { return };
    let show = Show::start(&display, &["--size", "160", "--fps", "5"]);
    show.press("space d");
    // What was under way when the key was pressed is shown first.
    show.wait_for(r#""type":"live""#);
    let painted =
        |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap()["painted"].as_u64();
    let before = painted(show.wait_for(r#""type":"live""#));
    assert!(painted(show.wait_for(r#""type":"live""#)) > before, "painting goes on");
    show.press("s");
    let first = image::open(show.file("stylecast-0001.png")).unwrap().to_rgb8();
    show.wait_for(r#""type":"live""#);
    show.press("s");
    let later = image::open(show.file("stylecast-0002.png")).unwrap().to_rgb8();
    let difference: f64 = first.iter().zip(later.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>()
        / first.len() as f64;
    assert!(difference < 12.0, "the paint changes, the scene does not: {difference}");
}

#[test]
fn the_mirror_hangs_in_the_window_and_nowhere_else() {
    let Some(display) = Display::start() else { return };
    let desk = Desk::new();
    desk.picture("frames/00001.png", Size::new(64, 48));
    let more = ["--iterations", "0", "--fps", "10", "--record", "out.mkv"];
    let mut show = Show::of(&display, desk, "frames/%05d.png", &more);
    let saved = |name: &str| image::open(show.file(name)).unwrap().to_rgb8();
    show.press("s");
    let plain = saved("stylecast-0001.png");
    show.press("m");
    show.press("s");
    let turned = saved("stylecast-0002.png");
    assert!(turned != plain && image::imageops::flip_horizontal(&turned) == plain);
    show.wait_for(r#""type":"live""#);
    show.press("q");
    assert_eq!(show.process.wait().unwrap().code(), Some(0));
    // The codec's loss, and no more: the whole recording shows what the camera saw.
    for at in ["first", "last"] {
        let recorded = image_of(&show.desk.path("out.mkv"), at);
        let off = |other: &image::RgbImage| {
            let differences = recorded.iter().zip(other.iter()).map(|(a, b)| u64::from(a.abs_diff(*b)));
            differences.sum::<u64>() / other.len() as u64
        };
        assert!(off(&plain) * 2 < off(&turned), "{at}: {} and {}", off(&plain), off(&turned));
    }
}

/// The first or the last frame of a film.
fn image_of(film: &Path, which: &str) -> image::RgbImage {
    let at: &[&str] = if which == "last" { &["-sseof", "-0.3"] } else { &[] };
    let output = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(at)
        .args(["-i", film.to_str().unwrap(), "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"])
        .output()
        .unwrap();
    image::load_from_memory(&output.stdout).unwrap().to_rgb8()
}

#[test]
fn a_window_that_is_killed_leaves_a_complete_recording_and_a_sentence() {
    let Some(display) = Display::start() else { return };
    for how in ["windowkill", "windowclose"] {
        let more = ["--iterations", "0", "--size", "160", "--fps", "15", "--record", "out.mkv"];
        let mut show = Show::start(&display, &more);
        let window = display.run("xdotool search --name ^stylecast$");
        display.run(&format!("xdotool {how} {}", window.split_whitespace().next().unwrap()));
        assert_eq!(show.process.wait().unwrap().code(), Some(4), "{how}");
        let said = std::fs::read_to_string(show.desk.path("said")).unwrap();
        assert!(said.contains("Recorded out.mkv") && said.contains("the window is lost"), "{how}: {said}");
        assert!(!said.contains("X connection") && !said.contains("X Error"), "{how}: {said}");
        assert!(frames(&show.desk.path("out.mkv")) > 3);
    }
}
