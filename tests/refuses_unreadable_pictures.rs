//! A picture that cannot be read ends in a sentence that names it and the cause, never in a panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use stylecast::error::ErrorKind;
use stylecast::source::still::read_picture;

/// A file in a folder that lasts as long as the value.
struct Given {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn given(name: &str, bytes: &[u8]) -> Given {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Given { path, _folder: folder }
}

impl Given {
    #[track_caller]
    fn is_refused_because(&self, cause: &str) {
        refused(&self.path, cause);
    }
}

#[track_caller]
fn refused(path: &Path, cause: &str) {
    let error = read_picture(path).unwrap_err();
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(message.contains(cause), "{message}");
    assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name)).unwrap()
}

#[test]
fn missing_empty_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    refused(&folder.path().join("none.jpg"), "no such file");
    refused(folder.path(), "it is a folder");
    given("empty.png", b"").is_refused_because("it is empty");
}

#[test]
fn text_random_bytes_and_other_formats_are_told_apart() {
    given("notes.jpg", b"P1 is how my notes begin\n").is_refused_because("a text file");
    given("noise.png", &[0x93; 64]).is_refused_because("not a picture of a known kind");
    given("clip.png", b"\0\0\0\x20ftypisom\0\0\x02\0").is_refused_because("a video");
    given("phone.jpg", b"\0\0\0\x20ftypheic\0\0\0\0").is_refused_because("HEIC");
    given("moving.png", b"GIF89a\x01\0\x01\0\0\0\0").is_refused_because("GIF");
}

#[test]
fn pictures_cut_short() {
    for name in ["rgb.png", "turned-1.jpg", "progressive.jpg", "cmyk-adobe.jpg", "lossy.webp", "planar.tif"] {
        let bytes = fixture(name);
        let read = given(name, &bytes[..bytes.len() * 9 / 10]);
        assert!(read_picture(&read.path).is_err(), "{name}");
    }
    given("half.jpg", &fixture("turned-1.jpg")[..650]).is_refused_because("ends too early");
}

#[test]
fn a_forged_size_asks_for_no_memory() {
    let mut png = fixture("rgb.png");
    png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]); // 65536 × 65536
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    given("bomb.png", &png).is_refused_because("too large");
}

/// CRC-32 as PNG has it (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn damaged_files_never_panic() {
    // Every fixture, one byte in 23 at a time set to a value that headers stumble over.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures");
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let entry = entry.unwrap().path();
        if entry.extension().is_some_and(|extension| extension == "json") {
            continue;
        }
        let bytes = std::fs::read(&entry).unwrap();
        for at in (0..bytes.len().min(700)).step_by(23) {
            for value in [0, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                std::fs::write(&path, &damaged).unwrap();
                let outcome = std::panic::catch_unwind(|| drop(read_picture(&path)));
                assert!(outcome.is_ok(), "{} with byte {at} = {value}", entry.display());
            }
        }
    }
}
