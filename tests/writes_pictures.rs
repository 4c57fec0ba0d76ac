//! A written picture stands complete under its name, or nothing does; and no input is overwritten.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use stylecast::error::ErrorKind;
use stylecast::frame::{Frame, Size};
use stylecast::sink::place::{Existing, Place};
use stylecast::sink::still::write_picture;
use stylecast::source::still::read_picture;

const NO_INPUTS: &[&Path] = &[];

fn ramp() -> Frame {
    Frame::from_fn(Size::new(33, 17), |x, y| [7 * x as u8, 15 * y as u8, (3 * x + 5 * y) as u8])
}

#[test]
fn every_format_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format, worst) in [
        ("a.png", image::ImageFormat::Png, 0),
        ("a.webp", image::ImageFormat::WebP, 0),
        ("a.tif", image::ImageFormat::Tiff, 0),
        ("a.TIFF", image::ImageFormat::Tiff, 0),
        ("a.jpg", image::ImageFormat::Jpeg, 12),
    ] {
        let path = folder.path().join(name);
        write_picture(&path, &ramp(), Existing::Refuse, NO_INPUTS).unwrap();
        assert_eq!(image::guess_format(&std::fs::read(&path).unwrap()).unwrap(), format, "{name}");
        let read = read_picture(&path).unwrap();
        assert_eq!(read.size(), ramp().size());
        let off = read.data().iter().zip(ramp().data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(off <= worst, "{name}: off by {off}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is left beside");
}

#[test]
fn an_existing_file_is_replaced_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    std::fs::write(&path, "precious").unwrap();
    let error = write_picture(&path, &ramp(), Existing::Refuse, NO_INPUTS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    write_picture(&path, &ramp(), Existing::Replace, NO_INPUTS).unwrap();
    assert_eq!(read_picture(&path).unwrap(), ramp());
}

#[test]
fn a_file_that_appears_meanwhile_is_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let place = Place::new(&path, Existing::Refuse, NO_INPUTS).unwrap();
    let beside = place.beside().unwrap().into_temp_path();
    std::fs::write(&path, "precious").unwrap();
    assert!(place.complete(beside).unwrap_err().to_string().contains("exists already"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the unfinished file is gone");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn the_input_is_never_overwritten_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("photo.png");
    write_picture(&input, &ramp(), Existing::Refuse, NO_INPUTS).unwrap();
    let roundabout = folder.path().join(".").join("photo.png");
    let mut names = vec![input.clone(), roundabout];
    #[cfg(unix)]
    {
        names.extend([folder.path().join("soft.png"), folder.path().join("hard.png")]);
        std::os::unix::fs::symlink(&input, &names[2]).unwrap();
        std::fs::hard_link(&input, &names[3]).unwrap();
    }
    for name in names {
        let error = write_picture(&name, &ramp(), Existing::Replace, &[&input]).unwrap_err();
        assert!(error.to_string().contains("it is the input"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn through_a_link_the_file_is_replaced_and_not_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file.png"), folder.path().join("link.png"));
    std::fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write_picture(&link, &ramp(), Existing::Replace, NO_INPUTS).unwrap();
    assert!(link.is_symlink());
    assert_eq!(read_picture(&file).unwrap(), ramp());
}

#[test]
fn names_and_folders_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for (name, kind, cause) in [
        ("a.bmp", ErrorKind::Usage, "which kind of picture"),
        ("a", ErrorKind::Usage, "which kind of picture"),
        ("none/a.png", ErrorKind::Output, "does not exist"),
        ("file/a.png", ErrorKind::Output, "is not a folder"),
        ("folder.png", ErrorKind::Output, "it is a folder"),
    ] {
        let error =
            write_picture(&folder.path().join(name), &ramp(), Existing::Refuse, NO_INPUTS).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(cause), "{error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_files() {
    let error = write_picture(Path::new("/proc/a.png"), &ramp(), Existing::Refuse, NO_INPUTS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().starts_with("cannot write /proc/a.png"), "{error}");
}

#[test]
fn a_side_too_long_for_the_format_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let long = Frame::from_fn(Size::new(16_384, 1), |_, _| [0; 3]);
    let error = write_picture(&folder.path().join("a.webp"), &long, Existing::Refuse, NO_INPUTS).unwrap_err();
    assert!(error.to_string().contains("larger than its format holds"), "{error}");
}
