//! Every kind of picture that people have is read upright, in sRGB and over white.
//!
//! The pictures and the colours they must show come from `scripts/make-picture-fixtures.py`, that is
//! from Pillow and LittleCMS or from the colours the files were built of.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use stylecast::frame::Size;
use stylecast::source::still::read_picture;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures")
}

#[test]
fn every_kind_shows_what_pillow_and_littlecms_show() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
    let mut wrong = Vec::new();
    for (name, picture) in expected.as_object().unwrap() {
        let frame = match read_picture(&folder().join(name)) {
            Ok(frame) => frame,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let size = Size::new(number(&picture["size"][0]), number(&picture["size"][1]));
        if frame.size() != size {
            wrong.push(format!("{name}: {} instead of {size}", frame.size()));
            continue;
        }
        for pixel in picture["pixels"].as_array().unwrap() {
            let values: Vec<usize> = pixel.as_array().unwrap().iter().map(number).collect();
            let [x, y, rgb @ ..] = values.as_slice() else { panic!("{pixel}") };
            let shown = frame.pixel(*x, *y);
            let off = shown.iter().zip(rgb).map(|(&a, &b)| usize::from(a).abs_diff(b)).max().unwrap();
            if off > number(&picture["tolerance"]) {
                wrong.push(format!("{name} at {x},{y}: {shown:?} instead of {rgb:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(expected.as_object().unwrap().len() > 40, "the fixtures are there");
}

#[test]
fn the_content_decides_and_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let misnamed = folder.path().join("photo.jpg");
    std::fs::copy(self::folder().join("rgb.png"), &misnamed).unwrap();
    assert_eq!(read_picture(&misnamed).unwrap(), read_picture(&self::folder().join("rgb.png")).unwrap());
}

#[test]
fn a_single_pixel_is_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dot.png");
    image::RgbImage::from_pixel(1, 1, image::Rgb([1, 2, 3])).save(&path).unwrap();
    let frame = read_picture(&path).unwrap();
    assert_eq!((frame.size(), frame.pixel(0, 0)), (Size::new(1, 1), [1, 2, 3]));
}
