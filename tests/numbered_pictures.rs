//! A numbered sequence of pictures reads as a film and is written as one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use stylecast::error::{Error, ErrorKind};
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::sink::place::Existing;
use stylecast::sink::still::{PictureSink, write_picture};
use stylecast::sink::{Ending, FrameSink};
use stylecast::source::sequence::{DEFAULT_RATE, PictureSequence};
use stylecast::source::still::read_picture;
use stylecast::source::{FrameSource, TimedFrame};
use stylecast::time::{FrameRate, Timestamp};

const NO_INPUTS: &[&Path] = &[];

/// A picture that can be told from others by its shade.
fn shade(value: u8) -> Frame {
    Frame::from_fn(Size::new(5, 4), |x, y| [value, x as u8, y as u8])
}

fn timed(index: u64) -> TimedFrame {
    TimedFrame {
        index: FrameIndex(index),
        timestamp: Timestamp::new(index as i64, DEFAULT_RATE.time_base()),
        duration_ticks: Some(1),
        frame: shade(index as u8),
    }
}

fn put(folder: &Path, numbers: &[u64]) {
    for &number in numbers {
        let path = folder.join(format!("{number:03}.png"));
        write_picture(&path, &shade(number as u8), Existing::Replace, NO_INPUTS).unwrap();
    }
}

fn shades(source: &mut PictureSequence) -> Result<Vec<u8>, Error> {
    let mut shades = Vec::new();
    while let Some(frame) = source.next_frame()? {
        assert_eq!(frame.index, FrameIndex(shades.len() as u64), "no holes");
        shades.push(frame.frame.pixel(0, 0)[0]);
    }
    assert!(source.next_frame()?.is_none(), "the end stays the end");
    Ok(shades)
}

#[test]
fn the_smallest_number_comes_first_and_gaps_are_said() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[3, 4, 7, 10, 11]);
    std::fs::write(folder.path().join("005.txt"), "not one of them").unwrap();
    let rate = FrameRate::new(30_000, 1001);
    let mut source = PictureSequence::open(&folder.path().join("%03d.png"), rate).unwrap();
    assert_eq!(source.info().frames, Some(5));
    assert_eq!((source.info().size, source.info().frame_rate), (Size::new(5, 4), rate));
    let notes = source.take_notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].ends_with("005.png to 006.png are missing (2 pictures): the film goes on with 007.png"),
        "{notes:?}"
    );
    let second = {
        source.next_frame().unwrap();
        source.next_frame().unwrap().unwrap()
    };
    assert_eq!(second.timestamp.seconds(), 1001.0 / 30_000.0);
    assert_eq!(shades_from(&mut source), [7, 10, 11]);
}

fn shades_from(source: &mut PictureSequence) -> Vec<u8> {
    std::iter::from_fn(|| source.next_frame().unwrap()).map(|frame| frame.frame.pixel(0, 0)[0]).collect()
}

#[test]
fn a_picture_of_another_size_ends_the_film_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[1, 2, 3]);
    let odd = Frame::from_fn(Size::new(4, 5), |_, _| [0; 3]);
    write_picture(&folder.path().join("002.png"), &odd, Existing::Replace, NO_INPUTS).unwrap();
    let mut source = PictureSequence::open(&folder.path().join("%03d.png"), DEFAULT_RATE).unwrap();
    let error = shades(&mut source).unwrap_err();
    assert!(error.to_string().contains("002.png is 4x5, but the pictures before it are 5x4"), "{error}");
    assert!(source.next_frame().unwrap().is_none());
}

#[test]
fn no_such_pictures_and_how_to_name_a_folders() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[1, 2]);
    for (path, hint) in [(folder.path().to_owned(), "%03d.png"), (folder.path().join("%05d.jpg"), "%03d.png")]
    {
        let error = PictureSequence::open(&path, DEFAULT_RATE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.next_step().unwrap().ends_with(hint), "{error:?}");
    }
    let nowhere = folder.path().join("none/%03d.png");
    assert!(
        PictureSequence::open(&nowhere, DEFAULT_RATE).unwrap_err().to_string().contains("no such folder")
    );
}

#[test]
fn one_still_is_a_film_of_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[9]);
    let mut source = PictureSequence::single(&folder.path().join("009.png")).unwrap();
    assert_eq!(source.files().count(), 1);
    assert_eq!(shades(&mut source).unwrap(), [9]);
}

#[test]
fn what_is_written_reads_back_and_the_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("frames/%03d.png");
    let mut sink = Box::new(PictureSink::create(&pattern, Existing::Refuse, NO_INPUTS).unwrap());
    for index in 0..3 {
        sink.write(timed(index)).unwrap();
    }
    assert!(!folder.path().join("frames/001.png").exists(), "nothing stands there before the end");
    let finished = sink.finish(Ending::Complete).unwrap();
    assert_eq!(finished.frames, 3);
    assert_eq!(finished.path.as_deref(), Some(folder.path().join("frames").as_path()));
    let mut source = PictureSequence::open(&pattern, DEFAULT_RATE).unwrap();
    assert_eq!(shades(&mut source).unwrap(), [0, 1, 2]);
    assert_eq!(std::fs::read_dir(folder.path().join("frames")).unwrap().count(), 3, "nothing else is left");
}

#[test]
fn an_unfinished_sequence_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("frames/%03d.jpg");
    let mut sink = PictureSink::create(&pattern, Existing::Refuse, NO_INPUTS).unwrap();
    sink.write(timed(0)).unwrap();
    drop(sink);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn pictures_that_are_there_are_replaced_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[1, 2, 3]);
    let pattern = folder.path().join("%03d.png");
    let error = PictureSink::create(&pattern, Existing::Refuse, NO_INPUTS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("001.png exists already"), "{error}");

    let mut sink = Box::new(PictureSink::create(&pattern, Existing::Replace, NO_INPUTS).unwrap());
    sink.write(timed(100)).unwrap();
    let finished = sink.finish(Ending::Interrupted).unwrap();
    assert_eq!(read_picture(&folder.path().join("001.png")).unwrap(), shade(100));
    assert_eq!(read_picture(&folder.path().join("002.png")).unwrap(), shade(2));
    assert!(finished.notes.iter().any(|note| note.starts_with("2 other pictures")), "{:?}", finished.notes);
}

#[test]
fn the_input_sequence_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[1, 2]);
    let source = PictureSequence::open(&folder.path().join("%03d.png"), DEFAULT_RATE).unwrap();
    let inputs: Vec<_> = source.files().collect();
    let same = folder.path().join("../").join(folder.path().file_name().unwrap()).join("%03d.png");
    let error = PictureSink::create(&same, Existing::Replace, &inputs).unwrap_err();
    assert!(error.to_string().contains("the input"), "{error}");
    assert!(PictureSink::create(&folder.path().join("out-%03d.png"), Existing::Refuse, &inputs).is_ok());
}

#[test]
fn patterns_and_folders_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let refusal =
        |name: &str| PictureSink::create(&folder.path().join(name), Existing::Refuse, NO_INPUTS).unwrap_err();
    assert_eq!(refusal("frames.png").kind(), ErrorKind::Usage);
    assert_eq!(refusal("%03d.gif").kind(), ErrorKind::Usage);
    assert_eq!(refusal("a/b/%03d.png").kind(), ErrorKind::Output);
    assert!(refusal("file/%03d.png").to_string().contains("not a folder"));
}
