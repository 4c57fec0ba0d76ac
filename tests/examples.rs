//! Every example runs, and does what its first line says.
//!
//! `cargo test` builds the examples beside the tests; they are run as a person runs them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use stylecast::flow::read_flow;
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::sink::place::Existing;
use stylecast::sink::still::write_picture;
use stylecast::source::pattern::{Pattern, PatternOptions};
use stylecast::source::still::read_picture;

/// The example of this number, as `cargo test` has built it.
fn example(number: &str) -> Command {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let source = std::fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(number))
        .unwrap_or_else(|| panic!("there is no example {number}"));
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().unwrap().with_file_name("examples").join(source.file_stem().unwrap());
    assert!(built.exists(), "{} is not built: run the whole of `cargo test`", built.display());
    Command::new(built)
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn style() -> PathBuf {
    shared("examples/media/great-wave.jpg")
}

/// A small photo: a ball before a wall, moved by `t` pixels.
fn put_photo(path: &Path, t: usize) {
    let photo = Frame::from_fn(Size::new(64, 48), |x, y| {
        let ball = (x as f32 - 20.0 - t as f32).hypot(y as f32 - 24.0) < 12.0;
        if ball { [210, 70, 40] } else { [(2 * x) as u8, 130, (4 * y) as u8] }
    });
    write_picture(path, &photo, Existing::Refuse, &[] as &[&Path]).unwrap();
}

/// The mean difference of two pictures' samples.
fn difference(a: &Frame, b: &Frame) -> f64 {
    let sum: u64 = a.data().iter().zip(b.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.data().len() as f64
}

#[test]
fn example_01_converts_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let upright = folder.path().join("upright.png");
    run(example("01").arg(shared("tests/data/pictures/turned-6.jpg")).arg(&upright));
    assert_eq!(read_picture(&upright).unwrap().size(), Size::new(16, 32));
}

#[test]
fn example_02_measures_losses() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("photo.png");
    put_photo(&photo, 0);
    // The photo as its own painting: no content is lost, and the style is still far.
    let output = run(example("02").args([&photo, &style(), &photo]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("content 0.000000\nstyle at conv1_1 "), "{text}");
    let total: f64 = text.lines().last().unwrap().strip_prefix("total ").unwrap().parse().unwrap();
    assert!(total > 0.5, "{total}");
}

#[test]
fn example_03_paints_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, painted) = (folder.path().join("photo.png"), folder.path().join("painted.png"));
    put_photo(&photo, 0);
    run(example("03").args([&photo, &style(), &painted]));
    let (photo, painted) = (read_picture(&photo).unwrap(), read_picture(&painted).unwrap());
    assert_eq!(photo.size(), painted.size());
    assert!(difference(&photo, &painted) > 8.0, "it is painted");
}

#[test]
fn example_04_paints_a_film() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("frames")).unwrap();
    for t in 0..3 {
        put_photo(&folder.path().join(format!("frames/{t:05}.png")), t);
    }
    let [film, output] = ["frames", "painted"].map(|name| folder.path().join(name).join("%05d.png"));
    run(example("04").args([&film, &style(), &output]));
    // Written from 1, as FFmpeg numbers pictures.
    let frames: Vec<_> =
        (1..=3).map(|n| read_picture(&folder.path().join(format!("painted/{n:05}.png"))).unwrap()).collect();
    let photo = read_picture(&folder.path().join("frames/00000.png")).unwrap();
    assert!(difference(&photo, &frames[0]) > 8.0, "it is painted");
    assert!(difference(&frames[0], &frames[1]) < difference(&photo, &frames[0]), "the paint carries on");
}

#[test]
fn example_05_brings_its_own_source_and_sink() {
    let output = run(&mut example("05"));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
}

#[test]
fn example_06_follows_motion() {
    let folder = tempfile::tempdir().unwrap();
    let [before, after, backward, forward] =
        ["before.png", "after.png", "backward.flo", "forward.flo"].map(|name| folder.path().join(name));
    let pattern = Pattern::new(PatternOptions { motion: [3.0, -1.5], ..PatternOptions::default() });
    for (t, path) in [(0, &before), (1, &after)] {
        write_picture(path, &pattern.frame(FrameIndex(t)), Existing::Refuse, &[] as &[&Path]).unwrap();
    }
    let output = run(example("06").args([&before, &after, &backward, &forward]).arg("2"));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2, "a time for each repeat");
    for (path, right, down) in [(&forward, 3.0, -1.5), (&backward, -3.0, 1.5)] {
        let [x, y] = read_flow(path).unwrap().at(64, 48);
        assert!((x - right).abs() < 0.1 && (y - down).abs() < 0.1, "{x} {y}");
    }
}

#[test]
fn example_07_makes_a_scene() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene");
    let arguments = ["walk", "56x32", "12"];
    run(example("07").args(arguments).arg(style()).arg(shared("examples/media/poppies.jpg")).arg(&scene));
    let count = |folder: &str, start: &str| {
        let names = std::fs::read_dir(scene.join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with(start)).count()
    };
    assert_eq!(count("frames", ""), 12);
    // Eleven steps, and two pairs ten frames apart.
    assert_eq!(
        (count("flow", "backward"), count("flow", "forward"), count("flow", "occluded")),
        (13, 11, 13)
    );
    let size = Size::new(56, 32);
    assert_eq!(read_flow(&scene.join("flow/backward_00011_00001.flo")).unwrap().size(), size);
    assert_eq!(read_picture(&scene.join("flow/occluded_00001.png")).unwrap().size(), size);
}

#[test]
fn example_08_paints_with_a_deadline() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("frames")).unwrap();
    for t in 0..3 {
        put_photo(&folder.path().join(format!("frames/{t:05}.png")), t);
    }
    let [film, output] = ["frames", "painted"].map(|name| folder.path().join(name).join("%05d.png"));
    let told = run(example("08").args([&film, &style()]).arg("50").arg(&output)).stderr;
    assert_eq!(String::from_utf8(told).unwrap().matches("iterations at").count(), 3);
    let photo = read_picture(&folder.path().join("frames/00000.png")).unwrap();
    let painted = read_picture(&folder.path().join("painted/00001.png")).unwrap();
    assert!(difference(&photo, &painted) > 8.0, "it is painted");
}

#[test]
fn example_09_shows_the_layers() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, sheet) = (folder.path().join("photo.png"), folder.path().join("layers.png"));
    put_photo(&photo, 0);
    let told = run(example("09").args([&photo, &style(), &sheet])).stderr;
    // Five layers twice, and all of them together.
    assert_eq!(String::from_utf8(told).unwrap().lines().count(), 11);
    // Higher than six of its pictures.
    assert!(read_picture(&sheet).unwrap().size().height > 6 * 48);
}
