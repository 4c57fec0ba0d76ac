//! Originals of every kind: whatever their container, codecs and clocks, the painted film has the same
//! frames at the same times and its sound in the same place.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[path = "common/films.rs"]
mod films;

use films::{Film, audio_md5, ffmpeg, folder, frame_times, has_encoder, probe, with_companion};
use std::path::Path;
use stylecast::frame::Size;

const SIZE: Size = Size::new(160, 96);

/// Times of the sound's packets relative to the first frame, in seconds.
fn sound(file: &Path) -> Vec<f64> {
    let frame: f64 = frame_times(file)[0].parse().unwrap();
    probe(file, "a:0", "packet=pts_time")
        .iter()
        .map(|time| time.split(',').next().unwrap().parse::<f64>().unwrap() - frame)
        .collect()
}

#[test]
fn times_and_sound_are_the_originals() {
    let dir = folder();
    let picture = "-f lavfi -i testsrc=d=1:s=160x96:r=30000/1001";
    let tone = "-f lavfi -i sine=d=1.2:r=48000";
    // Original, how its streams are made, what is painted.
    let cases = [
        ("in.ts", "-c:v libx264 -c:a aac", &["out.mp4", "out.mkv"][..]),
        ("in.ts", "-c:v mpeg2video -c:a mp2", &["out.mp4", "out.mkv"]),
        ("in.mts", "-c:v libx264 -c:a ac3", &["out.mp4", "out.mov"]),
        ("in.mpg", "-c:v mpeg2video -c:a mp2", &["out.mkv"]),
        ("in.mov", "-c:v libx264 -c:a pcm_s16le", &["out.mov", "out.mkv"]),
        ("in.avi", "-c:v mpeg4 -c:a libmp3lame", &["out.mp4", "out.mkv"]),
        ("in.flv", "-c:v libx264 -c:a aac -ar 44100", &["out.mp4"]),
        ("in.webm", "-c:v libvpx -c:a libvorbis", &["out.mkv", "out.mp4"]),
        ("in.webm", "-c:v libvpx -c:a libopus", &["out.mkv", "out.mp4"]),
        ("in.mp4", "-c:v libx264 -c:a libopus", &["out.webm", "out.mkv"]),
        ("in.mp4", "-c:v libx264 -bf 3 -c:a aac -movflags frag_keyframe+empty_moov", &["out.mp4"]),
        ("in.mp4", "-c:v libx264 -c:a alac -video_track_timescale 600", &["out.mp4", "out.mkv"]),
        ("in.ogv", "-c:v libtheora -c:a libvorbis", &["out.mkv"]),
    ];
    for (name, codecs, outputs) in cases {
        let missing = codecs.split(' ').any(|word| word.starts_with("lib") && !has_encoder(word));
        if missing {
            continue;
        }
        ffmpeg(dir.path(), &format!("{picture} {tone} {codecs} {name}"));
        let original = dir.path().join(name);
        let film = Film::like(&original, SIZE);
        for output in outputs {
            let what = format!("{name} ({codecs}) -> {output}");
            let painted = dir.path().join(output);
            let mut options = with_companion(&original);
            options.existing = stylecast::sink::video::Existing::Replace;
            if output.ends_with("webm") {
                options.preset = None;
            }
            let finished = film.write(&painted, &options);
            assert_eq!(finished.notes, [""; 0], "{what}");
            let (want, got) = (frame_times(&original), frame_times(&painted));
            assert_eq!(want.len(), got.len(), "{what}");
            let tick =
                if output.ends_with("kv") || output.ends_with("webm") { 0.000_501 } else { 0.000_001_5 };
            for (want, got) in want.iter().zip(&got) {
                let (want, got): (f64, f64) = (want.parse().unwrap(), got.parse().unwrap());
                assert!((want - got).abs() <= tick, "{what}: {want} became {got}");
            }
            let (want, got) = (sound(&original), sound(&painted));
            assert_eq!(want.len(), got.len(), "{what}");
            for (want, got) in want.iter().zip(&got) {
                assert!((want - got).abs() < 0.002, "{what}: sound at {want} s came to {got} s");
            }
            // AAC of broadcasts carries headers that files do without.
            if !(name.ends_with("ts") && codecs.contains("aac")) {
                assert_eq!(audio_md5(&original), audio_md5(&painted), "{what}");
            }
        }
    }
}

#[test]
fn sound_may_be_missing_or_shorter_or_longer() {
    let dir = folder();
    let x264 = "-c:v libx264 -preset ultrafast";
    ffmpeg(dir.path(), &format!("-f lavfi -i testsrc=d=2:s=160x96:r=25 {x264} silent.mp4"));
    ffmpeg(
        dir.path(),
        &format!("-f lavfi -i testsrc=d=2:s=160x96:r=25 -f lavfi -i sine=d=0.5 {x264} short.mp4"),
    );
    ffmpeg(
        dir.path(),
        &format!("-f lavfi -i testsrc=d=2:s=160x96:r=25 -f lavfi -i sine=d=8 {x264} long.mp4"),
    );
    ffmpeg(
        dir.path(),
        &format!("-f lavfi -i testsrc=d=30:s=160x96:r=25 -f lavfi -i sine=d=30 {x264} -c:a flac plain.mkv"),
    );
    for name in ["silent.mp4", "short.mp4", "long.mp4", "plain.mkv"] {
        let original = dir.path().join(name);
        let painted = dir.path().join(format!("painted-{name}"));
        let finished = Film::like(&original, SIZE).write(&painted, &with_companion(&original));
        assert_eq!(finished.notes, [""; 0], "{name}");
        assert_eq!(frame_times(&painted), frame_times(&original), "{name}");
        if name != "silent.mp4" {
            assert_eq!(audio_md5(&painted), audio_md5(&original), "{name}");
        }
    }
}

#[test]
fn a_cameras_time_code_is_kept() {
    let dir = folder();
    // A camera's time code becomes a tag and then a time code again; no note.
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac -timecode 01:02:03:04 in.mov",
    );
    let original = dir.path().join("in.mov");
    let painted = dir.path().join("out.mov");
    let finished = Film::like(&original, SIZE).write(&painted, &with_companion(&original));
    assert_eq!(finished.notes, [""; 0]);
    assert_eq!(probe(&painted, "v", "stream_tags=timecode"), ["01:02:03:04"]);
    assert_eq!(frame_times(&painted), frame_times(&original));
}
