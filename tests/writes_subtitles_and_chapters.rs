//! What stands beside picture and sound comes along: subtitles (in the container's own kind), chapters,
//! covers and attached fonts; what cannot is said.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[path = "common/films.rs"]
mod films;

use films::{Film, ffmpeg, folder, probe, with_companion};
use std::fs;
use std::path::{Path, PathBuf};
use stylecast::frame::Size;
use stylecast::time::{TimeBase, Timestamp};

const SIZE: Size = Size::new(160, 96);

const SRT: &str =
    "1\n00:00:00,500 --> 00:00:01,250\nThe wave\n\n2\n00:00:02,000 --> 00:00:02,800\n<i>breaks</i>\n";
const CHAPTERS: &str = ";FFMETADATA1\ntitle=Sea\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=Calm\n\
    [CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3000\ntitle=Sturm & Drang\n";

/// A Matroska film of 3 s with two subtitles, two chapters and an attached file.
fn original(folder: &Path) -> PathBuf {
    fs::write(folder.join("text.srt"), SRT).unwrap();
    fs::write(folder.join("chapters.txt"), CHAPTERS).unwrap();
    fs::write(folder.join("font.ttf"), b"not really a font").unwrap();
    ffmpeg(
        folder,
        "-f lavfi -i testsrc=d=3:s=160x96:r=25 -f lavfi -i sine=d=3:r=48000 -i text.srt -i chapters.txt \
         -map 0 -map 1 -map 2 -map 2 -map_metadata 3 -map_chapters 3 -c:v libx264 -c:a flac -c:s:0 srt -c:s:1 ass \
         -metadata:s:s:0 language=ger -metadata:s:s:0 title=Untertitel -disposition:s:0 forced \
         -attach font.ttf -metadata:s:t mimetype=application/x-truetype-font in.mkv",
    );
    folder.join("in.mkv")
}

/// Chapters as "start end title", in seconds.
fn chapters(file: &Path) -> Vec<String> {
    probe(file, "", "chapter=start_time,end_time:chapter_tags=title")
}

/// The subtitles as text, decoded by FFmpeg.
fn subtitles(folder: &Path, file: &Path, stream: usize) -> String {
    let srt = ffmpeg(folder, &format!("-copyts -i {} -map 0:s:{stream} -c:s srt -f srt -", file.display()));
    String::from_utf8(srt).unwrap()
}

#[test]
fn matroska_keeps_everything() {
    let dir = folder();
    let original = original(dir.path());
    let painted = dir.path().join("out.mkv");
    let finished = Film::like(&original, SIZE).write(&painted, &with_companion(&original));
    assert!(finished.notes.is_empty(), "{:?}", finished.notes);
    assert_eq!(
        probe(&painted, "", "stream=codec_name,codec_type"),
        ["h264,video", "flac,audio", "subrip,subtitle", "ass,subtitle", "ttf,attachment"]
    );
    assert_eq!(probe(&painted, "s:0", "stream_tags=language,title"), ["ger,Untertitel"]);
    assert_eq!(probe(&painted, "s:0", "stream_disposition=forced"), ["1"]);
    for stream in 0..2 {
        let text = subtitles(dir.path(), &painted, stream);
        assert_eq!(text, subtitles(dir.path(), &original, stream));
        assert!(text.contains("00:00:00,500 --> 00:00:01,250") && text.contains("The wave"), "{text}");
    }
    assert_eq!(chapters(&painted), chapters(&original));
    assert_eq!(chapters(&painted), ["0.000000,1.500000,Calm", "1.500000,3.000000,Sturm & Drang"]);
    assert_eq!(probe(&painted, "", "format_tags=title"), ["Sea"]);
    // Dumped by FFmpeg, byte for byte; it then complains that nothing was converted.
    let _ = std::process::Command::new("ffmpeg")
        .args(["-v", "quiet", "-y", "-dump_attachment:t:0", "back.ttf", "-i", "out.mkv"])
        .current_dir(dir.path())
        .output();
    assert_eq!(fs::read(dir.path().join("back.ttf")).unwrap(), b"not really a font");
}

#[test]
fn mp4_gets_its_own_kind_of_subtitles() {
    let dir = folder();
    let original = original(dir.path());
    let painted = dir.path().join("out.mp4");
    let finished = Film::like(&original, SIZE).write(&painted, &with_companion(&original));
    // The font has no place in MP4, which is said.
    assert_eq!(finished.notes.len(), 1, "{:?}", finished.notes);
    assert!(finished.notes[0].contains("attached file"), "{:?}", finished.notes);
    assert_eq!(probe(&painted, "s", "stream=codec_name"), ["mov_text", "mov_text"]);
    assert_eq!(probe(&painted, "s:0", "stream_tags=language"), ["ger"]);
    for stream in 0..2 {
        let text = subtitles(dir.path(), &painted, stream);
        assert!(text.contains("00:00:00,500 --> 00:00:01,250\nThe wave"), "{text}");
        assert!(text.contains("00:00:02,000 --> 00:00:02,800\n<i>breaks</i>"), "{text}");
    }
    assert_eq!(chapters(&painted), ["0.000000,1.500000,Calm", "1.500000,3.000000,Sturm & Drang"]);

    // And back again.
    let again = dir.path().join("again.mkv");
    let finished = Film::like(&painted, SIZE).write(&again, &with_companion(&painted));
    assert!(finished.notes.is_empty(), "{:?}", finished.notes);
    assert_eq!(probe(&again, "s", "stream=codec_name"), ["subrip", "subrip"]);
    assert!(subtitles(dir.path(), &again, 0).contains("00:00:00,500 --> 00:00:01,250\nThe wave"));
    assert_eq!(chapters(&again), chapters(&painted));
}

#[test]
fn webm_gets_webvtt() {
    let dir = folder();
    let original = original(dir.path());
    let painted = dir.path().join("out.webm");
    let mut options = with_companion(&original);
    options.preset = None;
    Film::like(&original, SIZE).write(&painted, &options);
    assert_eq!(probe(&painted, "s", "stream=codec_name"), ["webvtt", "webvtt"]);
    let text = subtitles(dir.path(), &painted, 0);
    assert!(text.contains("00:00:00,500 --> 00:00:01,250\nThe wave"), "{text}");
}

#[test]
fn containers_without_subtitles_say_so() {
    let dir = folder();
    let original = original(dir.path());
    let painted = dir.path().join("out.avi");
    let finished = Film::like(&original, SIZE).write(&painted, &with_companion(&original));
    let subtitles = finished.notes.iter().filter(|note| note.contains("subtitle")).count();
    assert_eq!(subtitles, 2, "{:?}", finished.notes);
    assert_eq!(probe(&painted, "", "stream=codec_type"), ["video", "audio"]);
}

#[test]
fn a_cut_moves_chapters_and_subtitles_along() {
    let dir = folder();
    let original = original(dir.path());
    let mut film = Film::like(&original, SIZE);
    film.ticks.retain(|ticks| (1000..3000).contains(ticks));
    for name in ["out.mkv", "out.mp4"] {
        let painted = dir.path().join(name);
        let mut options = with_companion(&original);
        options.companion.as_mut().unwrap().start = Some(Timestamp::new(1, TimeBase::new(1, 1)));
        film.write(&painted, &options);
        assert_eq!(chapters(&painted), ["0.000000,0.500000,Calm", "0.500000,2.000000,Sturm & Drang"]);
        let text = subtitles(dir.path(), &painted, 0);
        // The first was on since 0.5 s and stays until 1.25 s; the second comes at 2 s.
        assert!(text.contains("00:00:00,000 --> 00:00:00,250\nThe wave"), "{name}: {text}");
        assert!(text.contains("00:00:01,000 --> 00:00:01,800"), "{name}: {text}");
    }
}

#[test]
fn covers_come_along() {
    let dir = folder();
    ffmpeg(dir.path(), "-f lavfi -i testsrc=s=64x64 -frames:v 1 cover.png");
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1 -i cover.png -map 0 -map 1 -map 2 \
         -c:v:0 libx264 -c:a aac -c:v:1 copy -disposition:v:1 attached_pic in.mp4",
    );
    let original = dir.path().join("in.mp4");
    let film = Film::like(&original, SIZE);
    for name in ["out.mp4", "out.mkv"] {
        let painted = dir.path().join(name);
        let finished = film.write(&painted, &with_companion(&original));
        assert!(finished.notes.is_empty(), "{:?}", finished.notes);
        assert_eq!(probe(&painted, "v", "stream=codec_name"), ["h264", "png"], "{name}");
        assert_eq!(probe(&painted, "v:1", "stream_disposition=attached_pic"), ["1"], "{name}");
        ffmpeg(dir.path(), &format!("-i {name} -map 0:v:1 -c copy -frames:v 1 -update 1 back.png"));
        assert_eq!(
            fs::read(dir.path().join("back.png")).unwrap(),
            fs::read(dir.path().join("cover.png")).unwrap(),
            "{name}"
        );
    }
}
