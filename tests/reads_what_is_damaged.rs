//! Damage never loses what can still be read, and whatever cannot be read is refused with a sentence
//! that names the file, the cause and the next step.

#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "common/clips.rs"]
mod clips;

use clips::{Folder, read};
use std::path::Path;
use stylecast::error::ErrorKind;
use stylecast::source::video::{VideoOptions, VideoSource};

const CLIP: &str =
    "-f lavfi -i testsrc2=size=128x96:rate=25:duration=4 -c:v libx264 -pix_fmt yuv420p -g 25 -bf 2";

/// What opening `path` says, which must be a failure of input with a next step.
fn refused(path: &Path, options: &VideoOptions) -> (String, String) {
    match VideoSource::open(path, options) {
        Ok(_) => panic!("{} should be refused", path.display()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Input, "{error}");
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(error.to_string().contains(&name), "{error} does not name {name}");
            (error.to_string(), error.next_step().expect("a next step").to_owned())
        }
    }
}

fn refused_whole(path: &Path) -> (String, String) {
    refused(path, &VideoOptions::default())
}

/// Bytes without any pattern, the same in every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn what_is_no_film_is_refused_in_words() {
    let folder = Folder::new();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.at(name), bytes).unwrap();
        folder.at(name)
    };
    assert!(refused_whole(&folder.at("missing.mp4")).0.ends_with("there is no such file"));
    assert!(refused_whole(&folder.at("no/folder.mp4")).0.contains("there is no folder"));
    std::fs::create_dir(folder.at("directory.mp4")).unwrap();
    assert!(refused_whole(&folder.at("directory.mp4")).0.ends_with("it is a directory"));
    assert!(refused_whole(&write("empty.mp4", b"")).0.ends_with("the file is empty"));
    for name in ["letter.mp4", "letter.txt", "letter"] {
        let path = write(name, "Dear Ada,\n\nthe film is in the post.\n".repeat(40).as_bytes());
        assert!(refused_whole(&path).0.ends_with("it is a text file, not a film"));
    }
    let (said, _) = refused_whole(&write("noise.mp4", &noise(200_000)));
    assert!(said.contains("noise.mp4: "), "{said}");
    refused_whole(&write("noise.bin", &noise(5000)));
    let sound = folder.clip("sound.m4a", "-f lavfi -i sine=duration=1");
    assert!(refused_whole(&sound).0.ends_with("it has sound but no moving picture"));
    std::fs::rename(&sound, folder.at("sound.mp4")).unwrap();
    assert!(refused_whole(&folder.at("sound.mp4")).0.ends_with("it has sound but no moving picture"));
    folder.clip("cover.png", "-f lavfi -i color=red:size=64x64 -frames:v 1");
    let song = folder.clip(
        "song.mp3",
        "-f lavfi -i sine=duration=1 -i {cover.png} -map 0 -map 1 -disposition:v attached_pic -id3v2_version 3",
    );
    assert!(refused_whole(&song).0.contains("a cover, but no moving picture"));
    let subtitles = write("lines.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n");
    refused_whole(&subtitles);
}

#[test]
fn a_name_that_is_nearly_right_gets_a_suggestion() {
    let folder = Folder::new();
    let path = folder.clip("holiday.mp4", CLIP);
    let (_, hint) = refused_whole(&folder.at("holidya.mp4"));
    assert_eq!(hint, format!("did you mean {}?", path.display()));
}

#[test]
fn names_that_ffmpeg_would_misread() {
    let folder = Folder::new();
    let path = folder.clip("plain.mp4", CLIP);
    for name in ["a:b.mp4", "100%d.mp4", "-dash.mp4", "ümlaut 雪.mp4", "concat:x.mp4"] {
        std::fs::copy(&path, folder.at(name)).unwrap();
        assert_eq!(read(&folder.at(name)).0.len(), 100, "{name}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = folder.at("x").with_file_name(std::ffi::OsStr::from_bytes(b"not-utf8-\xff.mp4"));
        std::fs::copy(&path, &name).unwrap();
        assert_eq!(read(&name).0.len(), 100);
    }
}

#[test]
fn a_film_without_frames_is_refused() {
    let folder = Folder::new();
    // A Matroska header with a track and no blocks.
    let whole = std::fs::read(folder.clip("clip.mkv", CLIP)).unwrap();
    let cluster = whole.windows(4).position(|bytes| bytes == [0x1F, 0x43, 0xB6, 0x75]).unwrap();
    std::fs::write(folder.at("none.mkv"), &whole[..cluster]).unwrap();
    let (said, _) = refused_whole(&folder.at("none.mkv"));
    assert!(said.ends_with("it ends before its first frame"), "{said}");
    // All sample data overwritten with noise.
    let path = folder.clip("clip.mp4", &format!("{CLIP} -movflags +faststart"));
    let mut bytes = std::fs::read(&path).unwrap();
    let data = bytes.windows(4).position(|bytes| bytes == b"mdat").unwrap() + 4;
    let noise = noise(bytes.len() - data);
    bytes[data..].copy_from_slice(&noise);
    std::fs::write(&path, bytes).unwrap();
    let (said, _) = refused_whole(&path);
    assert!(said.contains("no frame of it could be decoded"), "{said}");
}

#[test]
fn a_torn_download_gives_what_it_has() {
    let folder = Folder::new();
    let path = folder.clip("clip.mp4", CLIP);
    let bytes = std::fs::read(&path).unwrap();
    // The index comes last: without it nothing can be found.
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let (said, hint) = refused_whole(&path);
    assert!(said.contains("its index (the 'moov' part"), "{said}");
    assert!(hint.contains("download it again"), "{hint}");

    let path = folder.clip("first.mp4", &format!("{CLIP} -movflags +faststart"));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let (frames, notes) = read(&path);
    assert!((20..90).contains(&frames.len()), "{} frames", frames.len());
    let note = notes.iter().find(|note| note.contains("is damaged after")).expect("a note on the damage");
    assert!(note.contains(&format!("{} frames of about 100 could be read", frames.len())), "{note}");

    // A part before the tear is whole, and nothing is said.
    let options = VideoOptions { duration: Some(0.4), ..VideoOptions::default() };
    let (part, notes) = clips::read_with(&path, &options);
    assert_eq!((part.len(), notes.len()), (10, 0), "{notes:?}");

    let path = folder.clip("torn.mkv", CLIP);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let (frames, notes) = read(&path);
    assert!((20..90).contains(&frames.len()), "{} frames", frames.len());
    assert!(notes.iter().any(|note| note.contains("is damaged")), "{notes:?}");
}

#[test]
fn a_scratch_in_the_middle_is_read_over() {
    let folder = Folder::new();
    for name in ["clip.mp4", "clip.mkv", "clip.ts"] {
        let path = folder.clip(name, CLIP);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        let scratch = noise(2000);
        bytes[middle..middle + 2000].copy_from_slice(&scratch);
        std::fs::write(&path, bytes).unwrap();
        let (frames, notes) = read(&path);
        assert!(frames.len() >= 60, "{name}: {} frames", frames.len());
        assert!(frames.last().unwrap().timestamp.seconds() > 3.5, "{name} goes on to its end");
        // Matroska's reader skips what it cannot parse without a word, and whether the decoder minds the
        // gap depends on how its threads fall.
        if !name.ends_with("mkv") {
            assert!(notes.iter().any(|note| note.contains("is damaged")), "{name}: {notes:?}");
        }
    }
}

#[test]
fn samples_beyond_their_depth_are_cut_off() {
    let folder = Folder::new();
    std::fs::write(folder.at("loud.raw"), vec![0xFF; 3 * 64 * 48]).unwrap();
    for format in ["yuv420p10le", "yuv422p9le", "yuv420p12le", "gray10le", "yuva444p10le"] {
        let path = folder.clip(
            "loud.nut",
            &format!("-f rawvideo -pix_fmt {format} -s 32x24 -i {{loud.raw}} -c copy -frames:v 1"),
        );
        assert_eq!(read(&path).0.len(), 1, "{format}");
    }
}

#[test]
fn parts_that_are_not_there() {
    let folder = Folder::new();
    let path = folder.clip("clip.mp4", CLIP);
    let part = |start, duration| VideoOptions { start, duration, ..VideoOptions::default() };
    for start in [4.0, 4.5, 10.0, 1e9, 1e300] {
        let (said, hint) = refused(&path, &part(Some(start), None));
        assert!(said.ends_with(&format!("lasts 4.00 s: there is nothing at {start} s")), "{said}");
        assert_eq!(hint, "choose a time below 4.00");
    }
    refused(&path, &part(Some(0.01), Some(0.01)));
    for (start, duration) in
        [(Some(f64::NAN), None), (Some(-1.0), None), (None, Some(f64::INFINITY)), (None, Some(0.0))]
    {
        let Err(error) = VideoSource::open(&path, &part(start, duration)) else { panic!("{start:?}") };
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}
