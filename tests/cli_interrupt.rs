//! Ctrl-C: the first keeps what is painted as a film that plays, the second leaves nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(all(unix, feature = "video", feature = "embedded-weights"))]

mod cli_parts;

use cli_parts::*;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use stylecast::source::FrameSource;
use stylecast::source::video::{VideoOptions, VideoSource};

fn interrupt(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Reads lines until one of this type has come so many times.
fn wait_for(lines: &mut impl BufRead, kind: &str, times: usize) {
    let (wanted, mut line, mut seen) = (format!("\"type\":\"{kind}\""), String::new(), 0);
    while seen < times {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the output ended before {times} times {kind}");
        seen += usize::from(line.contains(&wanted));
    }
}

fn started(desk: &Desk, first_iterations: &str) -> Child {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("auvers.jpg"));
    desk.spawn(&[
        "video",
        &clip,
        "--style",
        &style,
        "--size",
        "64",
        "--paint-size",
        "32",
        "--iterations",
        "3",
        "--first-iterations",
        first_iterations,
        "-o",
        "out.mp4",
        "--json",
    ])
}

#[test]
fn the_first_signal_keeps_a_film_that_plays() {
    for signal in ["-INT", "-TERM"] {
        let desk = Desk::new();
        let mut child = started(&desk, "3");
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        wait_for(&mut lines, "frame", 4);
        interrupt(&child, signal);
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("out.mp4 keeps the") && said.contains("again"), "{said}");

        let summary: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!((&summary["type"], &summary["ending"]), (&"summary".into(), &"interrupted".into()));
        let frames = summary["frames"].as_u64().unwrap();
        assert!((4..132).contains(&frames), "{frames}");
        assert_eq!(desk.files(), ["out.mp4"]);
        let mut film = VideoSource::open(&desk.path("out.mp4"), &VideoOptions::default()).unwrap();
        let mut played = 0;
        while film.next_frame().unwrap().is_some() {
            played += 1;
        }
        assert_eq!(played, frames);
    }
}

#[test]
fn the_second_signal_ends_it_at_once_and_leaves_nothing() {
    let desk = Desk::new();
    let mut child = started(&desk, "1000000");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    wait_for(&mut lines, "start", 1);
    interrupt(&child, "-INT");
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("press Ctrl-C again"), "{line}");
    // Within a moment it would be an echo of the first.
    std::thread::sleep(std::time::Duration::from_millis(250));
    interrupt(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}

#[test]
fn an_interrupted_picture_is_written_as_it_is() {
    let desk = Desk::new();
    let (photo, style) = (media("poppies.jpg"), media("auvers.jpg"));
    let args = [
        "image",
        &photo,
        "--style",
        &style,
        "--size",
        "48",
        "--iterations",
        "1000000",
        "-o",
        "out.png",
        "--json",
    ];
    let mut child = desk.spawn(&args);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    wait_for(&mut lines, "start", 1);
    interrupt(&child, "-INT");
    wait_for(&mut lines, "summary", 1);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(desk.files(), ["out.png"]);
}

#[test]
fn an_interrupted_study_keeps_the_pictures_that_are_done() {
    let desk = Desk::new();
    let (photo, style) = (media("poppies.jpg"), media("auvers.jpg"));
    let args = ["layers", &photo, "--style", &style, "--cell", "32", "--iterations", "30", "-o", "out.png"];
    let mut child = desk.spawn(&[&args[..], &["--pictures", "single", "--json"]].concat());
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    wait_for(&mut lines, "layers_cell", 2);
    interrupt(&child, "-INT");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(desk.files(), ["out.json", "out.png", "single"]);
    let report: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&report["type"], &report["ending"]), (&"layers".into(), &"interrupted".into()));
    let painted = report["painted"].as_u64().unwrap() as usize;
    assert!((2..11).contains(&painted), "{painted}");
    assert_eq!(std::fs::read_dir(desk.path("single")).unwrap().count(), painted);
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 11);
    for (i, cell) in cells.iter().enumerate() {
        assert_eq!(cell["own"].is_null(), i >= painted, "{cell}");
    }
}

#[test]
fn an_interrupted_judge_tells_what_it_has() {
    let desk = Desk::new();
    let (clip, style) = (media("big-buck-bunny.mp4"), media("auvers.jpg"));
    let args = ["eval", &clip, &clip, "--size", "96", "--style", &style, "--style-size", "96", "--json"];
    let mut child = desk.spawn(&args);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    wait_for(&mut lines, "eval_frame", 2);
    interrupt(&child, "-INT");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let total: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&total["type"], &total["ending"]), (&"eval".into(), &"interrupted".into()));
    assert!((2..132).contains(&total["frames"].as_u64().unwrap()), "{total}");
}
