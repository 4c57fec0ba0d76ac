//! The controls as they are typed: each changes what `image`, `video` and `live` make, and what cannot be meant is
//! told with the next step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(feature = "embedded-weights")]

mod cli_parts;

use cli_parts::*;
use stylecast::frame::Size;

/// Six times the same picture as a film, and two styles.
fn desk() -> Desk {
    let desk = Desk::new();
    for name in ["1.png", "2.png", "3.png", "4.png", "5.png", "6.png"] {
        desk.picture("still.png", Size::new(32, 24));
        std::fs::create_dir_all(desk.path("f")).unwrap();
        std::fs::copy(desk.path("still.png"), desk.path("f").join(name)).unwrap();
    }
    desk.picture("warm.png", Size::new(24, 20)).picture("cold blue.png", Size::new(24, 20));
    desk
}

fn image(desk: &Desk, more: &[&str]) -> Vec<u8> {
    let args = [
        "image",
        "still.png",
        "--style",
        "warm.png",
        "--iterations",
        "3",
        "-y",
        "-q",
        "--no-metadata",
        "-o",
        "out.png",
    ];
    desk.run(&[&args[..], more].concat()).succeeds();
    std::fs::read(desk.path("out.png")).unwrap()
}

/// The painted frames, read. Without metadata: those say how they were painted.
fn video(desk: &Desk, more: &[&str]) -> (Vec<Vec<u8>>, Run) {
    let folder = desk.path("g");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let args = [
        "video",
        "f/%d.png",
        "--iterations",
        "1",
        "--first-iterations",
        "3",
        "-o",
        "g/%d.png",
        "--json",
        "--no-metadata",
    ];
    let run = desk.run(&[&args[..], more].concat()).succeeds();
    let frames = (1..).map_while(|n| std::fs::read(folder.join(format!("{n}.png"))).ok()).collect();
    (frames, run)
}

#[test]
fn every_control_changes_pictures_and_films() {
    let desk = desk();
    let plain = image(&desk, &[]);
    let film =
        |more: &[&str]| video(&desk, &[&["--style", "warm.png", "--duration", "0.04"], more].concat()).0;
    let plain_film = film(&[]);
    assert_eq!(plain_film.len(), 1);
    for control in [
        ["--keep-color", "luminance"],
        ["--keep-color", "match"],
        ["--strength", "0.8"],
        ["--strength", "0.2"],
        ["--tv", "50"],
    ] {
        assert_ne!(image(&desk, &control), plain, "{control:?}");
        assert_ne!(film(&control), plain_film, "{control:?}");
    }
    for same in [["--keep-color", "off"], ["--strength", "0.5"], ["--style-weight", "3"]] {
        assert_eq!(image(&desk, &same), plain, "{same:?}");
        assert_eq!(film(&same), plain_film, "{same:?}");
    }
    let pixels = |name: &str| image::open(desk.path(name)).unwrap().to_rgb8();
    image(&desk, &["--strength", "0"]);
    assert_eq!(pixels("out.png"), pixels("still.png"));
}

#[test]
#[cfg(feature = "video")]
fn live_runs_take_them_too() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let live = |more: &[&str]| {
        let args = ["live", "--input", &clip, "--no-window", "--json", "--size", "48", "--fps", "5"];
        let ends = ["--style", &style, "--duration", "0.3"];
        let json = Desk::new().run(&[&args[..], &ends, more].concat()).succeeds().json();
        json.last().unwrap()["iterations"].as_f64().unwrap()
    };
    assert!(live(&["--keep-color", "luminance", "--strength", "0.7", "--tv", "1"]) > 0.0);
    assert!(live(&["--keep-color", "match"]) > 0.0);
    assert_eq!(live(&["--strength", "0"]), 0.0);
}

#[test]
fn a_schedule_changes_painters_at_its_times() {
    let desk = desk();
    let both = ["--style", "warm.png", "--style", "cold blue.png"];
    let (warm, _) = video(&desk, &["--style", "warm.png"]);
    let scheduled = |more: &[&str]| video(&desk, &[&both, more].concat());
    // Frames are shown every 0.04 s.
    let (film, run) = scheduled(&["--schedule", "0:warm 0.08:cold blue", "--cross-fade", "0"]);
    assert_eq!(film[..2], warm[..2]);
    assert!((2..6).all(|i| film[i] != warm[i]));
    assert!(!run.err.contains("note"), "{}", run.err);
    // A fade begins at its time, too, and is another thing than a change at once.
    let (faded, _) = scheduled(&["--schedule", "0:1 0.08:2", "--cross-fade", "0.12"]);
    assert_eq!(faded[..2], warm[..2]);
    assert!(faded[4] != warm[4] && faded[4] != film[4]);
    // Times are those of the film, whatever part of it is painted.
    let (cold, _) = video(&desk, &["--style", "cold blue.png", "--start", "0.12"]);
    let (part, _) = scheduled(&["--schedule", "0.08:cold blue", "--cross-fade", "0", "--start", "0.12"]);
    assert_eq!((part.len(), &part), (3, &cold));
    // What will never be seen is said.
    let (_, run) = scheduled(&["--schedule", "0:warm 10:warm", "--cross-fade", "0"]);
    assert!(run.err.contains("cold blue is given, but is not in the schedule"), "{}", run.err);
    assert!(run.err.contains("warm at 10 s, but the film ends at 0.2 s"), "{}", run.err);
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_next_step() {
    let desk = desk();
    let before = desk.files();
    let refused = |args: &[&str], says: &str| {
        let run = desk.run(args).fails(2);
        let step = run.err.contains("hint:") || run.err.contains("--help");
        assert!(run.err.contains(says) && step, "{args:?}: {}", run.err);
    };
    let film = ["video", "f/%d.png", "-o", "g/%d.png", "--style", "warm.png", "--style", "cold blue.png"];
    let scheduled = |text: &str, says: &str| refused(&[&film[..], &["--schedule", text]].concat(), says);
    scheduled("", "empty");
    scheduled("warm", "has no time");
    scheduled("-1:warm", "has no time");
    scheduled("5:warm 3:cold blue", "out of order");
    scheduled("0:warm 0:cold blue", "twice");
    scheduled("0:wram", "1 warm, 2 cold blue");
    scheduled("0:3", "1 warm, 2 cold blue");
    refused(&film, "--schedule");
    refused(&film, "--style warm.png,cold blue.png");
    refused(&["video", "f/%d.png", "-o", "g/%d.png", "--schedule", "0:1"], "no style");
    let one = &film[..6];
    refused(&[one, &["--cross-fade", "2"]].concat(), "--schedule");
    refused(&[one, &["--schedule", "0:1", "--cross-fade", "-1"]].concat(), "--cross-fade");
    for strength in ["-0.1", "1.1", "nan", "much", ""] {
        refused(&[one, &["--strength", strength]].concat(), "--strength");
    }
    refused(&[one, &["--keep-color", "hue"]].concat(), "off luminance match");
    assert_eq!(desk.files(), before);
}
