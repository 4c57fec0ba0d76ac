//! `stylecast layers` paints every cell of its study, writes the sheet, the losses beside it and the single
//! pictures, and each of its options does something.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(feature = "embedded-weights")]

mod cli_parts;

use cli_parts::*;
use serde_json::Value;
use stylecast::frame::Size;

const STYLE_CELLS: [&str; 5] = [
    "style-only-conv1_1",
    "style-without-conv1_1",
    "style-only-conv2_1",
    "style-without-conv2_1",
    "style-all",
];

/// A photo and a style, and the two shallowest layers to be quick.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.picture("photo.png", Size::new(40, 32)).picture("style.png", Size::new(48, 30));
    desk
}

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let quick = ["--style-layers", "conv1_1,conv2_1", "--device", "cpu", "--threads", "1"];
    [&["layers", "photo.png", "--style", "style.png"], &quick[..], more].concat()
}

fn losses(desk: &Desk, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(desk.path(name)).unwrap()).unwrap()
}

fn size(desk: &Desk, name: &str) -> (u32, u32) {
    image::image_dimensions(desk.path(name)).unwrap()
}

fn names(report: &Value) -> Vec<String> {
    let cells = report["cells"].as_array().unwrap();
    cells.iter().map(|cell| cell["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_study_is_a_sheet_its_losses_and_its_pictures() {
    let desk = desk();
    let more = ["-o", "sheet.png", "--pictures", "single", "--iterations", "2", "--json"];
    let run = desk.run(&args(&more)).succeeds();
    assert_eq!(desk.files(), ["photo.png", "sheet.json", "sheet.png", "single", "style.png"]);
    let lines = run.json();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, [&["start"][..], &["layers_cell"; 5], &["layers"]].concat());
    let (start, told) = (&lines[0], &lines[6]);
    assert_eq!(
        (&start["frames"], &start["paint_width"], &start["paint_height"]),
        (&5.into(), &40.into(), &32.into())
    );
    let (width, height) = size(&desk, "sheet.png");
    assert_eq!((&start["width"], &start["height"]), (&width.into(), &height.into()));

    // What is told is what is in the file.
    let mut told = told.clone();
    assert_eq!(told.as_object_mut().unwrap().remove("type").unwrap(), "layers");
    let report = losses(&desk, "sheet.json");
    assert_eq!(report, told);
    assert_eq!(
        (&report["study"], &report["ending"], &report["painted"]),
        (&"style".into(), &"complete".into(), &5.into())
    );
    assert_eq!(names(&report), STYLE_CELLS);
    for (cell, line) in report["cells"].as_array().unwrap().iter().zip(&lines[1..]) {
        assert_eq!(
            (&cell["name"], &cell["own"], &cell["full"]),
            (&line["name"], &line["own"], &line["full"])
        );
        let single = format!("single/{}.png", cell["name"].as_str().unwrap());
        assert_eq!(size(&desk, &single), (40, 32));
        assert_eq!(cell["full"]["style_layers"].as_object().unwrap().len(), 2);
        let own = cell["objective"]["style_layers"].as_object().unwrap();
        assert_eq!(cell["own"]["style_layers"].as_object().unwrap().len(), own.len());
        assert_eq!(own.values().map(|weight| weight.as_f64().unwrap()).sum::<f64>(), 1.0);
    }

    // The losses are those that `stylecast loss` prints for the picture.
    let single = "single/style-without-conv1_1.png";
    let pictures =
        ["--content", "photo.png", "--style", "style.png", "--style-size", "40", "--image", single];
    let loss = ["loss", "--style-layers", "conv1_1,conv2_1", "--device", "cpu", "--json"];
    let said = &desk.run(&[&loss[..], &pictures[..]].concat()).succeeds().json()[0];
    let cell = &report["cells"][1]["full"];
    for (ours, theirs) in [
        (&cell["total"], &said["total"]),
        (&cell["content"], &said["content"]),
        (&cell["style_layers"]["conv1_1"], &said["style"]["conv1_1"]),
    ] {
        let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
        assert!(theirs > 0.0 && (ours / theirs - 1.0).abs() < 1e-4, "{ours} {theirs}");
    }
}

#[test]
fn each_kind_has_its_cells() {
    let desk = desk();
    let study = |name: &str, more: &[&str]| {
        let (sheet, json) = (format!("{name}.png"), format!("{name}.json"));
        let own = ["-o", sheet.as_str(), "--iterations", "1"];
        desk.run(&args(&[&own[..], more].concat())).succeeds();
        losses(&desk, &json)
    };
    let content = study("content", &["--content", "--content-layer", "conv1_1=1,conv1_2=3"]);
    assert_eq!(names(&content).len(), 5);
    assert_eq!(content["full_objective"]["content_layers"]["conv1_2"], 0.75);
    let weights = study("weights", &["--weights-study", "--cell", "32", "--style-weight", "2"]);
    assert_eq!(names(&weights)[..3], ["weights-0.02-at-32", "weights-0.02-at-64", "weights-0.2-at-32"]);
    assert_eq!((&weights["width"], &weights["height"]), (&32.into(), &26.into()));
    let texture = study("texture", &["--texture", "--cell", "32"]);
    assert_eq!(names(&texture)[..2], ["texture-only-conv1_1", "texture-up-to-conv1_1"]);
    assert!(texture["cells"][0]["full"]["content"].is_null() && texture["input"].is_null());
    // It has the shape of the style, and says that the photo is left out.
    assert_eq!((&texture["width"], &texture["height"]), (&32.into(), &20.into()));
    assert!(texture["notes"][0].as_str().unwrap().contains("photo.png is not used"));
    let alone = ["layers", "--texture", "--style", "style.png", "--iterations", "1", "-o", "alone.png"];
    desk.run(&[&alone[..], &["--style-layers", "conv1_1,conv1_2", "--device", "cpu"]].concat()).succeeds();
    assert_eq!(losses(&desk, "alone.json")["notes"].as_array().unwrap().len(), 0);
}

#[test]
fn each_option_does_something() {
    let desk = desk();
    let picture = |name: &str, more: &[&str]| {
        let (sheet, folder) = (format!("{name}.png"), format!("of-{name}"));
        let own = ["-o", sheet.as_str(), "--pictures", folder.as_str(), "-q"];
        let run = desk.run(&args(&[&own[..], more].concat())).succeeds();
        assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
        std::fs::read(desk.path(&format!("{folder}/style-all.png"))).unwrap()
    };
    let few = ["--iterations", "2"];
    let usual = picture("usual", &few);
    assert_eq!(usual, picture("again", &few));
    assert_ne!(usual, picture("iterations", &["--iterations", "3"]));
    for option in [
        ["--cell", "24"],
        ["--style-size", "24"],
        ["--start-from", "warped"],
        ["--style-weight", "30"],
        ["--content-weight", "30"],
        ["--tv", "5"],
        ["--pooling", "max"],
        ["--content-layer", "conv1_1"],
        ["--loss-form", "gatys"],
        ["--recipe", "bold"],
    ] {
        let changed = picture(&option[0][2..], &[&few[..], &option[..]].concat());
        assert_ne!(usual, changed, "{} does nothing", option[0]);
    }
    let noise = ["--iterations", "2", "--start-from", "noise"];
    assert_ne!(picture("noise", &noise), picture("seed", &[&noise[..], &["--seed", "1"]].concat()));
}

#[test]
fn nothing_is_overwritten_unless_told() {
    let desk = desk();
    let own = ["-o", "sheet.png", "--pictures", "single", "--iterations", "1"];
    desk.picture("single/style-all.png", Size::new(9, 9));
    let before = std::fs::read(desk.path("single/style-all.png")).unwrap();
    let refused = desk.run(&args(&own)).fails(4);
    assert!(refused.err.contains("style-all.png exists already"), "{}", refused.err);
    assert_eq!(desk.files(), ["photo.png", "single", "style.png"]);
    assert_eq!(std::fs::read(desk.path("single/style-all.png")).unwrap(), before);
    desk.run(&args(&[&own[..], &["-y"]].concat())).succeeds();
    assert_ne!(std::fs::read(desk.path("single/style-all.png")).unwrap(), before);

    // The losses alone are in the way; then a folder that cannot be made.
    std::fs::remove_file(desk.path("sheet.png")).unwrap();
    let refused = desk.run(&args(&["-o", "sheet.png", "--iterations", "1"])).fails(4);
    assert!(refused.err.contains("sheet.json exists already"), "{}", refused.err);
    let refused = desk.run(&args(&["-o", "b.png", "--pictures", "no/such", "--iterations", "1"])).fails(4);
    assert!(refused.err.contains("mkdir -p"), "{}", refused.err);
    // A run that fails leaves no folder that it made.
    desk.run(&args(&["-o", "b.png", "--pictures", "new", "--iterations", "0"])).fails(2);
    assert!(!desk.path("new").exists() && !desk.path("b.png").exists());
}
