//! `stylecast live` without a camera and a window: a film at its own speed, painted to a deadline, reported
//! once a second, ended in good order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(all(feature = "video", feature = "embedded-weights"))]

mod cli_parts;

use cli_parts::*;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

const HEADLESS: [&str; 4] = ["live", "--no-window", "--json", "--input"];

fn live<'a>(clip: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&HEADLESS, [clip].as_slice(), more].concat()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn a_film_is_painted_at_its_own_speed_and_the_run_ends_by_itself() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let desk = Desk::new();
    let lines = desk
        .run(&live(&clip, &["--style", &style, "--size", "160", "--fps", "8", "--duration", "2.2", "--loop"]))
        .succeeds()
        .json();
    assert_eq!(of_type(&lines, "start").len(), 1);
    assert!(!of_type(&lines, "live").is_empty(), "{lines:?}");
    let [summary] = of_type(&lines, "live_summary")[..] else { panic!("{lines:?}") };
    let number = |key: &str| summary[key].as_u64().unwrap();
    // Eight frames a second, from before the first was painted; how many were painted depends on the machine.
    let most = 8.0 * summary["seconds"].as_f64().unwrap() + 1.0;
    assert!(number("captured") >= 2 && number("captured") as f64 <= most, "{summary}");
    assert!(number("painted") >= 1 && number("painted") + number("unpainted") <= number("captured"));
    assert!(summary["iterations"].as_f64().unwrap() >= 1.0);
    assert_eq!(summary["style"], "great-wave");
    assert!(number("latency_ms_p50") <= number("latency_ms_p95"));
}

#[test]
fn a_film_that_ends_ends_the_run() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    let lines =
        desk.run(&live(&clip, &["--iterations", "0", "--size", "64", "--fps", "3"])).succeeds().json();
    let [summary] = of_type(&lines, "live_summary")[..] else { panic!("{lines:?}") };
    // 132 frames at 25 a second, the last at 5.24 s: frames at 0, 1/3, … 5 s, but for some that a busy machine
    // may have been too late for.
    assert!((8..=16).contains(&summary["captured"].as_u64().unwrap()), "{summary}");
    assert_eq!(summary["style"], Value::Null);
}

#[test]
fn numbers_beyond_all_clocks_do_no_harm() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let far = ["--cross-fade", "1e300", "--latency", "1e300", "--duration", "0.2", "--iterations", "0"];
    let args = [&far[..], &["--style", &style, "--size", "64"]].concat();
    Desk::new().run(&live(&clip, &args)).succeeds();
}

#[test]
fn what_cannot_be_is_refused_with_the_next_step() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let desk = Desk::new();
    let refused = |args: &[&str], code: i32, says: &str| {
        let run = desk.run(args).fails(code);
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
    };
    refused(&live(&clip, &[]), 2, "--style");
    refused(&live(&clip, &["--style", "missing.jpg"]), 3, "missing.jpg");
    refused(&live("missing.mp4", &["--style", &style]), 3, "missing.mp4");
    refused(&live(&clip, &["--style", &style, "--input-format", "x12grab"]), 2, "x12grab");
    refused(&live(&clip, &["--style", &style, "--camera", "0"]), 2, "--camera");
    refused(&["live", "--loop", "--style", &style], 2, "--input");
    refused(&live(&clip, &["--style", &style, "--mask", "missing.png"]), 3, "missing.png");
    refused(
        &live(&clip, &["--style", &style, "--mask", &clip]),
        2,
        "moves, but here a mask must be a picture",
    );
    refused(&live(&clip, &["--style", &style, "--fps", "0"]), 2, "240");
    refused(&live(&clip, &["--style", &style, "--latency", "-3"]), 2, "above 0");
}

/// The times of a film's frames, in seconds.
fn times(film: &Path) -> Vec<f64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0"])
        .arg(film)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.split([',', '\n']).filter(|time| !time.is_empty()).map(|time| time.parse().unwrap()).collect()
}

#[test]
fn a_recording_has_every_painted_frame_at_its_time_and_is_no_faster_than_life() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    for name in ["out.mkv", "out.mp4"] {
        let args = ["--iterations", "0", "--size", "96", "--fps", "12", "--duration", "2", "--record", name];
        let lines = desk.run(&live(&clip, &args)).succeeds().json();
        let [summary] = of_type(&lines, "live_summary")[..] else { panic!("{lines:?}") };
        assert_eq!(summary["clips"], serde_json::json!([name]), "{summary}");
        let times = times(&desk.path(name));
        let recorded = summary["painted"].as_u64().unwrap() - summary["dropped"]["frames"].as_u64().unwrap();
        assert_eq!(times.len() as u64, recorded, "{summary}");
        assert!(times[0].abs() < 0.05 && times.is_sorted(), "{times:?}");
        // The run lasts two seconds from its first frame on, however many frames were missed.
        let last = times[times.len() - 1];
        assert!((1.0..=4.0).contains(&last), "{times:?}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_completes_the_recording() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    let args = ["--iterations", "0", "--size", "96", "--fps", "12", "--loop", "--record", "out.mkv"];
    let mut child = desk.spawn(&live(&clip, &args));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(r#""type":"live""#)), "a second has passed");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.iter().any(|line| line.contains("live_summary")), "{rest:?}");
    assert!(times(&desk.path("out.mkv")).len() > 4);
}
