//! Masks decide where paint shows, and regions in which style it is: in stills and films, moving or not, and
//! nothing outside of a mask is touched by as much as a bit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(feature = "embedded-weights")]

mod cli_parts;
#[path = "common/painting.rs"]
mod painting;

use cli_parts::*;
use painting::{network, picture};
use std::sync::Arc;
use stylecast::flow::Mask;
use stylecast::frame::{Frame, Size};
use stylecast::resize::resize_frame;
use stylecast::stylize::{LivePainter, Look, Masks, PaintSettings, Painter, Part};

const SIZE: Size = Size { width: 40, height: 32 };

fn save(desk: &Desk, name: &str, frame: &Frame) {
    let Size { width, height } = frame.size();
    std::fs::create_dir_all(desk.path(name).parent().unwrap()).unwrap();
    let color = image::ColorType::Rgb8;
    image::save_buffer(desk.path(name), frame.data(), width as u32, height as u32, color).unwrap();
}

/// A mask of `size`, white where `inside`.
fn mask(desk: &Desk, name: &str, size: Size, inside: impl Fn(usize, usize) -> bool) {
    save(desk, name, &Frame::from_fn(size, |x, y| if inside(x, y) { [255; 3] } else { [0; 3] }));
}

fn pixels(desk: &Desk, name: &str) -> Frame {
    let image = image::open(desk.path(name)).unwrap().to_rgb8();
    Frame::new(Size::new(image.width() as usize, image.height() as usize), image.into_raw()).unwrap()
}

/// A desk with a photo, a style, and a mask that is white on the left half.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.picture("photo.png", SIZE).picture("style.png", SIZE);
    mask(&desk, "left.png", SIZE, |x, _| x < 20);
    desk
}

const QUICK: [&str; 6] = ["--iterations", "1", "--device", "cpu", "--threads", "1"];

/// Paints the photo with further arguments.
#[track_caller]
fn paint(desk: &Desk, more: &[&str]) -> (Frame, String) {
    let args = [&["image", "photo.png", "-o", "out.png", "-y"], more, &QUICK].concat();
    let said = desk.run(&args).succeeds().err;
    (pixels(desk, "out.png"), said)
}

/// The columns in which two frames differ.
fn differing(a: &Frame, b: &Frame) -> Vec<usize> {
    let Size { width, height } = a.size();
    (0..width).filter(|&x| (0..height).any(|y| a.pixel(x, y) != b.pixel(x, y))).collect()
}

#[test]
fn outside_of_the_mask_nothing_changes_and_inside_it_is_the_whole_painting() {
    let desk = desk();
    let photo = pixels(&desk, "photo.png");
    let (whole, _) = paint(&desk, &["--style", "style.png"]);
    let (masked, said) = paint(&desk, &["--style", "style.png", "--mask", "left.png"]);
    assert!(!said.contains("note"), "{said}");
    assert!(differing(&whole, &photo).len() == 40);
    assert_eq!(differing(&masked, &photo), (0..20).collect::<Vec<_>>());
    assert!(differing(&masked, &whole).iter().all(|x| *x >= 20));

    let inverted = ["--style", "style.png", "--mask", "left.png", "--mask-invert"];
    assert_eq!(differing(&paint(&desk, &inverted).0, &photo), (20..40).collect::<Vec<_>>());

    let (soft, _) = paint(&desk, &["--style", "style.png", "--mask", "left.png", "--mask-feather", "6"]);
    let changed = differing(&soft, &photo);
    assert!(changed.iter().all(|x| *x < 26) && changed.iter().any(|x| *x >= 20), "{changed:?}");
    assert!(differing(&soft, &whole).iter().all(|x| *x >= 14));

    // Painted smaller and enlarged, it is as untouched.
    let (enlarged, _) = paint(&desk, &["--style", "style.png", "--mask", "left.png", "--paint-size", "24"]);
    assert!(differing(&enlarged, &photo).iter().all(|x| *x < 20));
}

#[test]
fn a_mask_of_another_size_is_stretched_and_that_is_said() {
    let desk = desk();
    let photo = pixels(&desk, "photo.png");
    mask(&desk, "small.png", Size::new(20, 16), |x, _| x < 10);
    mask(&desk, "square.png", Size::new(64, 64), |x, _| x < 32);
    for (name, said) in [
        ("small.png", "the mask small.png is 20x16: it is resized to 40x32"),
        ("square.png", "the mask square.png is 64x64: it has another shape and is stretched to 40x32"),
    ] {
        let (masked, notes) = paint(&desk, &["--style", "style.png", "--mask", name]);
        assert!(notes.contains(said), "{notes}");
        let changed = differing(&masked, &photo);
        assert!(changed.len() >= 18 && changed.iter().all(|x| *x < 22), "{name}: {changed:?}");
    }
    // Programs are told as well.
    let args = ["image", "photo.png", "--style", "style.png", "--mask", "small.png", "-o", "o.png", "--json"];
    let json = desk.run(&[&args[..], &QUICK].concat()).succeeds().json();
    assert!(json[2]["notes"][0].as_str().unwrap().contains("small.png"));
}

#[test]
fn masks_that_cannot_be_are_refused_before_anything_is_written() {
    let desk = desk();
    mask(&desk, "black.png", SIZE, |_, _| false);
    mask(&desk, "white.png", SIZE, |_, _| true);
    std::fs::write(desk.path("notes.png"), "not a picture").unwrap();
    mask(&desk, "m/01.png", SIZE, |_, _| true);
    let before = desk.files();
    let refused = |more: &[&str], code: i32, named: &str| {
        let run = desk.run(&[&["image", "photo.png", "-o", "out.png"], more].concat()).fails(code);
        assert!(run.err.contains(named) && run.err.contains("hint"), "{more:?}: {}", run.err);
    };
    let style = ["--style", "style.png"];
    refused(&[&style[..], &["--mask", "none.png"]].concat(), 3, "none.png");
    refused(&[&style[..], &["--mask", "notes.png"]].concat(), 3, "notes.png");
    refused(&[&style[..], &["--mask", "black.png"]].concat(), 3, "black everywhere");
    refused(&[&style[..], &["--mask", "white.png", "--mask-invert"]].concat(), 3, "white everywhere");
    refused(&[&style[..], &["--mask", "m/%02d.png"]].concat(), 2, "moves");
    refused(&["--style", "style.png@black.png"], 3, "black everywhere");
    refused(&["--style", "style.png@none.png"], 3, "none.png");
    refused(&["--style", "style.png@fine"], 2, "coarse scale is missing");
    refused(&["--style", "style.png@left.png", "--style", "style.png"], 2, "one painter");
    refused(
        &["--style", "style.png@fine", "--style", "photo.png@coarse", "--style-layers", "conv1_1,conv2_1"],
        2,
        "the coarse style would not be seen",
    );
    refused(&[&style[..], &["--mask", "left.png", "--mask-feather", "-1"]].concat(), 2, "--mask-feather");
    // Alone they mean nothing.
    for alone in [&["--mask-invert"][..], &["--mask-feather", "3"]] {
        refused(&[&style[..], alone].concat(), 2, "none is named");
    }
    // A mask is not written over.
    let onto = ["image", "photo.png", "--style", "style.png", "--mask", "left.png", "-o", "left.png", "-y"];
    desk.run(&onto).fails(2);
    assert_eq!(desk.files(), before);
    assert!(
        desk.run(&[
            "loss",
            "--content",
            "photo.png",
            "--style",
            "style.png@left.png",
            "--image",
            "photo.png"
        ])
        .fails(2)
        .err
        .contains("no masks")
    );
}

/// Paints a film of so many frames from `first` on, from 0, and returns the columns that were changed in each,
/// and what was said.
fn film(desk: &Desk, frames: usize, first: usize, more: &[&str]) -> (Vec<Vec<usize>>, String) {
    for i in 1..=frames {
        desk.picture(&format!("f/{i}.png"), SIZE);
    }
    let _ = std::fs::remove_dir_all(desk.path("g"));
    std::fs::create_dir(desk.path("g")).unwrap();
    let quick = ["--iterations", "1", "--first-iterations", "1", "--device", "cpu", "-y"];
    let args = [&["video", "f/%d.png", "--style", "style.png", "-o", "g/%d.png"], more, &quick].concat();
    let said = desk.run(&args).succeeds().err;
    let painted = std::fs::read_dir(desk.path("g")).unwrap().count();
    let columns = (1..=painted).map(|i| {
        differing(&pixels(desk, &format!("g/{i}.png")), &pixels(desk, &format!("f/{}.png", first + i)))
    });
    (columns.collect(), said)
}

/// A column of paint that moves to the right, ten pixels a picture.
fn sweep(desk: &Desk, numbers: &[usize]) {
    for (i, number) in numbers.iter().enumerate() {
        mask(desk, &format!("m/{number:02}.png"), SIZE, |x, _| x / 10 == i);
    }
}

fn tens(ten: usize) -> Vec<usize> {
    (10 * ten..10 * ten + 10).collect()
}

#[test]
fn a_mask_moves_with_the_film_and_its_last_picture_holds() {
    let desk = desk();
    sweep(&desk, &[7, 8, 9]);
    let (columns, said) = film(&desk, 4, 0, &["--mask", "m/%02d.png"]);
    assert_eq!(columns, [tens(0), tens(1), tens(2), tens(2)]);
    assert!(said.contains("the mask m/%02d.png ends after 0.12 s: its last picture holds"), "{said}");
}

#[test]
fn a_missing_number_is_held_and_a_part_of_a_film_has_its_part_of_the_mask() {
    let desk = desk();
    sweep(&desk, &[1, 2, 4]);
    let (columns, said) = film(&desk, 4, 1, &["--mask", "m/%02d.png", "--start", "0.04"]);
    assert_eq!(columns, [tens(1), tens(1), tens(2)]);
    assert!(said.contains("a picture is missing among m/%02d.png: the one before it holds"), "{said}");
    // Pictures that are read as a mask are not written over.
    let args =
        ["video", "f/%d.png", "--style", "style.png", "--mask", "m/%02d.png", "-o", "m/%02d.png", "-y"];
    let run = desk.run(&[&args[..], &["--iterations", "1", "--first-iterations", "1"]].concat());
    assert!(
        run.code != Some(0) && differing(&pixels(&desk, "m/01.png"), &pixels(&desk, "m/02.png")).len() == 20
    );
}

#[test]
#[cfg(feature = "video")]
fn a_mask_may_be_a_film_and_is_matched_by_time() {
    let desk = desk();
    sweep(&desk, &[1, 2]);
    let args = ["video", "m/%02d.png", "--iterations", "0", "-o", "m.mkv", "--codec", "ffv1"];
    desk.run(&args).succeeds();
    // 25 a second, as numbered pictures have it.
    let (columns, said) = film(&desk, 3, 0, &["--mask", "m.mkv"]);
    assert_eq!(columns, [tens(0), tens(1), tens(1)]);
    assert!(said.contains("the mask m.mkv ends after 0.08 s"), "{said}");
    let (later, _) = film(&desk, 3, 1, &["--mask", "m.mkv", "--start", "0.04", "--duration", "0.04"]);
    assert_eq!(later, [tens(1)]);
    // It is over by then.
    let (over, said) = film(&desk, 4, 3, &["--mask", "m.mkv", "--start", "0.12"]);
    assert_eq!(over, [tens(1)]);
    assert!(said.contains("the mask m.mkv ends after 0.08 s"), "{said}");
}

fn mean(frame: &Frame, columns: std::ops::Range<usize>) -> [f64; 3] {
    let places = || (0..frame.size().height).flat_map(|y| columns.clone().map(move |x| (x, y)));
    let count = places().count() as f64;
    std::array::from_fn(|c| places().map(|(x, y)| f64::from(frame.pixel(x, y)[c])).sum::<f64>() / count)
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// A painting in blue and white, and one in warm colours.
fn styles() -> [Frame; 2] {
    ["auvers.jpg", "composition-viii.jpg"].map(|name| resize_frame(&picture(name), Size::new(48, 36)))
}

fn scene() -> Frame {
    resize_frame(&picture("summertime.jpg"), Size::new(48, 32))
}

fn columns(inside: impl Fn(usize) -> bool) -> Arc<Mask> {
    let size = scene().size();
    let values = (0..size.pixels()).map(|i| f32::from(u8::from(inside(i % size.width)))).collect();
    Arc::new(Mask::new(size, values).unwrap())
}

fn painter(looks: Vec<Look>) -> Painter {
    let settings = PaintSettings { iterations: 2, first_iterations: 3, ..PaintSettings::default() };
    Painter::with_looks(network(), settings, looks).unwrap()
}

fn part(style: usize, region: Option<usize>) -> Part {
    Part { region, ..Part::from(vec![(styles()[style].clone(), 1.0)]) }
}

fn regions(regions: &[Arc<Mask>]) -> Masks {
    Masks { paint: None, regions: regions.to_vec() }
}

#[test]
fn each_region_is_painted_in_its_own_style_and_the_rest_keeps_to_the_source() {
    let [cold, warm] = styles().map(|style| mean(&style, 0..48));
    let (left, right) = (columns(|x| x < 16), columns(|x| x >= 32));
    let mut painter = painter(vec![Look { parts: vec![part(0, Some(0)), part(1, Some(1))] }]);
    painter.set_masks(regions(&[left.clone(), right.clone()]));
    let painted = painter.paint(&scene()).unwrap().frame;
    for (columns, own, other) in [(0..14, cold, warm), (34..48, warm, cold)] {
        let mean = mean(&painted, columns.clone());
        assert!(distance(mean, own) < distance(mean, other), "{columns:?}: {mean:?}, {own:?} or {other:?}");
    }
    let moved = |columns: std::ops::Range<usize>| {
        let places = (0..32).flat_map(|y| columns.clone().map(move |x| (x, y)));
        let apart = |(x, y): (usize, usize)| {
            let (a, b) = (painted.pixel(x, y), scene().pixel(x, y));
            a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(b))).sum::<f64>()
        };
        places.map(apart).sum::<f64>() / columns.len() as f64
    };
    assert!(moved(22..26) < 0.5 * moved(0..14), "{} {}", moved(22..26), moved(0..14));

    // The same the other way round, in the next frame.
    painter.set_masks(regions(&[right, left]));
    let swapped = painter.paint(&scene()).unwrap().frame;
    let (before, after) = (mean(&painted, 34..48), mean(&swapped, 34..48));
    assert!(distance(after, cold) < distance(before, cold), "{before:?} {after:?}");
}

#[test]
fn what_no_mask_covers_is_in_the_style_without_one() {
    let paint = |parts: Vec<Part>| {
        let mut painter = painter(vec![Look { parts }]);
        painter.set_masks(regions(&[columns(|x| x < 20)]));
        painter.paint(&scene()).unwrap().frame
    };
    let warm = mean(&styles()[1], 0..48);
    let (alone, with_rest) = (paint(vec![part(0, Some(0))]), paint(vec![part(1, None), part(0, Some(0))]));
    let [alone, with_rest] = [alone, with_rest].map(|frame| distance(mean(&frame, 28..48), warm));
    assert!(with_rest < alone, "{with_rest} {alone}");
}

#[test]
fn looks_with_and_without_regions_mix() {
    let looks = vec![Look { parts: vec![part(0, None)] }, Look { parts: vec![part(1, Some(0))] }];
    let warm = mean(&styles()[1], 0..48);
    let paint = |mix: &[(usize, f64)]| {
        let mut painter = painter(looks.clone());
        painter.set_masks(regions(&[columns(|x| x >= 24)]));
        painter.paint(&scene()).unwrap();
        painter.mix(mix);
        distance(mean(&painter.paint(&scene()).unwrap().frame, 28..48), warm)
    };
    let (first, between, second) = (paint(&[(0, 1.0)]), paint(&[(0, 0.5), (1, 0.5)]), paint(&[(1, 2.0)]));
    assert!(second < between && between < first, "{first} {between} {second}");
}

#[test]
fn a_mask_lies_over_live_paint_as_well() {
    let mut painter = painter(vec![Look { parts: vec![part(0, None)] }]);
    painter.set_masks(Masks { paint: Some(columns(|x| x < 20)), regions: Vec::new() });
    let mut live = LivePainter::new(painter, 1e-6, scene().size()).unwrap();
    let painted = live.paint(scene()).unwrap().frame;
    assert_eq!(differing(&painted, &scene()), (0..20).collect::<Vec<_>>());
    live.painter().set_masks(Masks::default());
    assert_eq!(differing(&live.paint(scene()).unwrap().frame, &scene()).len(), 48);
}

#[test]
fn a_region_without_a_mask_is_an_error() {
    let error = painter(vec![Look { parts: vec![part(0, Some(1))] }]).paint(&scene()).unwrap_err();
    assert!(error.to_string().contains("region 1") && error.next_step().is_some());
}

#[test]
fn scales_and_regions_are_read_from_the_command_line() {
    let desk = desk();
    desk.picture("other.png", SIZE);
    mask(&desk, "right.png", SIZE, |x, _| x >= 28);
    let mut seen: Vec<Frame> = Vec::new();
    for styles in [
        &["style.png"][..],
        &["other.png"],
        &["style.png@fine", "other.png@coarse"],
        &["other.png@fine", "style.png@coarse"],
        &["style.png@left.png", "other.png@right.png"],
        &["other.png@left.png", "style.png@right.png"],
        &["style.png@left.png"],
        &["other.png", "style.png@left.png"],
        &["other.png=2,style.png@left.png"],
        &["style.png@fine", "other.png@coarse", "other.png@left.png"],
    ] {
        let options: Vec<&str> = styles.iter().flat_map(|style| ["--style", style]).collect();
        let (frame, _) = paint(&desk, &options);
        assert!(seen.iter().all(|other| *other != frame), "{styles:?} is like one before");
        seen.push(frame);
    }
    // Either order of the scales is the same painter.
    let (frame, _) = paint(&desk, &["--style", "other.png@coarse", "--style", "style.png@fine"]);
    assert_eq!(frame, seen[2]);
}
