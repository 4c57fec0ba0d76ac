//! A painted film plays like the original: every frame at its time, every track of sound bit for bit,
//! in sync. FFmpeg's own tools make the originals and judge the results.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[path = "common/films.rs"]
mod films;

use films::{Film, audio_md5, ffmpeg, folder, frame_times, probe, with_companion};
use std::path::{Path, PathBuf};
use stylecast::frame::Size;
use stylecast::sink::{Ending, FrameSink as _};
use stylecast::time::{TimeBase, Timestamp};

const SIZE: Size = Size::new(160, 96);

/// Repaints `original` as `name` and checks what must hold for every film.
fn repaint(folder: &Path, original: &str, name: &str) -> (PathBuf, PathBuf, Vec<String>) {
    let (original, painted) = (folder.join(original), folder.join(name));
    let film = Film::like(&original, SIZE);
    let finished = film.write(&painted, &with_companion(&original));
    assert_eq!(finished.frames as usize, film.ticks.len());
    assert_eq!(finished.path.as_deref(), Some(painted.as_path()));
    assert_eq!(films::files(folder).iter().filter(|file| file.extension().unwrap() == "part").count(), 0);
    (original, painted, finished.notes)
}

fn assert_same_times(original: &Path, painted: &Path) {
    assert_eq!(frame_times(painted), frame_times(original));
}

/// The first audio packet's time minus the first frame's, in seconds.
fn lead(file: &Path) -> f64 {
    let first = |streams| -> f64 { probe(file, streams, "packet=pts_time")[0].parse().unwrap() };
    let frame: f64 = frame_times(file)[0].parse().unwrap();
    first("a:0") - frame
}

fn assert_in_sync(original: &Path, painted: &Path) {
    let (want, got) = (lead(original), lead(painted));
    assert!((want - got).abs() < 0.0015, "sound is {want} s from the picture, painted {got} s");
}

#[test]
fn a_plain_mp4_with_b_frames() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=2:s=160x96:r=25 -f lavfi -i sine=d=2 -c:v libx264 -bf 3 -c:a aac in.mp4",
    );
    let (original, painted, notes) = repaint(dir.path(), "in.mp4", "out.mp4");
    assert_same_times(&original, &painted);
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    assert_in_sync(&original, &painted);
    assert!(notes.is_empty(), "{notes:?}");
    // Faststart: the index stands before the pictures.
    let bytes = std::fs::read(&painted).unwrap();
    let find = |tag: &[u8]| bytes.windows(4).position(|window| window == tag).unwrap();
    assert!(find(b"moov") < find(b"mdat"));
    assert_eq!(
        probe(
            &painted,
            "v:0",
            "stream=codec_name,pix_fmt,color_range,color_space,color_transfer,color_primaries"
        ),
        ["h264,yuv420p,tv,bt709,bt709,bt709"]
    );
}

#[test]
fn variable_frame_rate() {
    let dir = folder();
    // Frames at irregular times: two of three dropped in the middle, and jitter of a millisecond.
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=3:s=160x96:r=30 -f lavfi -i sine=d=3:r=48000 \
         -vf select='not(between(n,30,60)*mod(n,3))',setpts=PTS+mod(N\\,4)*0.001/TB \
         -fps_mode vfr -enc_time_base 1:90000 -video_track_timescale 90000 -c:v libx264 -c:a aac in.mp4",
    );
    for name in ["out.mp4", "out.mov"] {
        let (original, painted, _) = repaint(dir.path(), "in.mp4", name);
        let times = frame_times(&original);
        assert!(times.len() > 40 && times.len() < 80, "{}", times.len());
        assert_same_times(&original, &painted);
        assert_eq!(audio_md5(&original), audio_md5(&painted));
        assert_in_sync(&original, &painted);
    }
}

#[test]
fn rotated_like_a_phones() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=96x160:r=30000/1001 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac plain.mp4",
    );
    ffmpeg(
        dir.path(),
        "-i plain.mp4 -c copy -metadata:s:v rotate=90 -metadata location=+52.5000-013.4000/ in.mp4",
    );
    let (original, painted, _) = repaint(dir.path(), "in.mp4", "out.mp4");
    assert_same_times(&original, &painted);
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    // The frames are upright already: nobody may turn them again.
    assert!(!probe(&original, "v:0", "stream_side_data=rotation").is_empty());
    assert_eq!(probe(&painted, "v:0", "stream_side_data=rotation"), [""; 0]);
    assert_eq!(probe(&painted, "v:0", "stream_tags=rotate"), [""; 0]);
    assert_eq!(probe(&painted, "", "format_tags=location"), ["+52.5000-013.4000/"]);
}

#[test]
fn ten_bits_and_odd_clocks() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=24000/1001 -f lavfi -i sine=d=1:r=32000 \
         -c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le -c:a ac3 in.mkv",
    );
    for name in ["out.mkv", "out.mp4"] {
        let (original, painted, _) = repaint(dir.path(), "in.mkv", name);
        assert_same_times(&original, &painted);
        assert_eq!(audio_md5(&original), audio_md5(&painted));
        assert_in_sync(&original, &painted);
    }
}

#[test]
fn mp4_into_matroska_keeps_times_to_the_millisecond() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=2:s=160x96:r=30000/1001 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac in.mp4",
    );
    let (original, painted, _) = repaint(dir.path(), "in.mp4", "out.mkv");
    let (want, got) = (frame_times(&original), frame_times(&painted));
    assert_eq!(want.len(), got.len());
    for (want, got) in want.iter().zip(&got) {
        let (want, got): (f64, f64) = (want.parse().unwrap(), got.parse().unwrap());
        assert!((want - got).abs() < 0.000_501, "{want} became {got}");
    }
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    // AAC in MP4 starts 1024 samples early; the players of both files drop them.
    assert_in_sync(&original, &painted);
}

#[test]
fn webm_stays_webm() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1:r=48000 \
         -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus in.webm",
    );
    let (original, painted) = (dir.path().join("in.webm"), dir.path().join("out.webm"));
    let film = Film::like(&original, SIZE);
    let mut options = with_companion(&original);
    options.preset = None;
    let finished = film.write(&painted, &options);
    assert!(finished.notes.is_empty(), "{:?}", finished.notes);
    assert_same_times(&original, &painted);
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    assert_in_sync(&original, &painted);
    assert_eq!(probe(&painted, "", "stream=codec_name"), ["vp9", "opus"]);
}

#[test]
fn a_picture_that_starts_late_stays_late() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac plain.mp4",
    );
    // 0.7331 s: no multiple of any usual clock.
    ffmpeg(
        dir.path(),
        "-itsoffset 0.7331 -i plain.mp4 -i plain.mp4 -map 0:v -map 1:a -c copy -video_track_timescale 90000 in.mp4",
    );
    for name in ["out.mp4", "out.mkv"] {
        let (original, painted, _) = repaint(dir.path(), "in.mp4", name);
        let first: f64 = frame_times(&original)[0].parse().unwrap();
        assert!(first > 0.7, "{first}");
        if name == "out.mp4" {
            assert_same_times(&original, &painted);
        }
        assert_eq!(audio_md5(&original), audio_md5(&painted));
        assert_in_sync(&original, &painted);
    }
}

#[test]
fn an_edit_list_that_cuts_into_the_film() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=3:s=160x96:r=25 -f lavfi -i sine=d=3 -c:v libx264 -g 25 -c:a aac plain.mp4",
    );
    // Copied from the middle of a group of pictures: an edit list hides what comes before.
    ffmpeg(dir.path(), "-ss 1.5 -i plain.mp4 -c copy in.mp4");
    let (original, painted, _) = repaint(dir.path(), "in.mp4", "out.mp4");
    assert_same_times(&original, &painted);
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    assert_in_sync(&original, &painted);
}

#[test]
fn frames_before_zero_move_everything_alike() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac plain.mp4",
    );
    let mut film = Film::like(&dir.path().join("plain.mp4"), SIZE);
    film.ticks.iter_mut().for_each(|ticks| *ticks -= i64::from(film.base.den) / 2);
    for name in ["out.mp4", "out.mkv"] {
        let painted = dir.path().join(name);
        film.write(&painted, &with_companion(&dir.path().join("plain.mp4")));
        let times = frame_times(&painted);
        assert_eq!(times.len(), film.ticks.len());
        assert_eq!(times[0].parse::<f64>().unwrap(), 0.0);
        // The sound of plain.mp4 is not early by itself, so it is now half a second late.
        let plain = lead(&dir.path().join("plain.mp4"));
        assert!((lead(&painted) - plain - 0.5).abs() < 0.0015, "{}", lead(&painted));
    }
}

#[test]
fn all_tracks_with_their_languages_titles_and_marks() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1:f=300 -f lavfi -i sine=d=1:f=500:r=48000 \
         -map 0 -map 1 -map 2 -c:v libx264 -c:a:0 aac -c:a:1 libmp3lame \
         -metadata:s:a:0 language=deu -metadata:s:a:1 language=fra -metadata:s:a:1 title=Commentary \
         -disposition:a:0 default -disposition:a:1 comment \
         -metadata title=Film -metadata artist=Painter in.mkv",
    );
    let (original, painted, notes) = repaint(dir.path(), "in.mkv", "out.mkv");
    assert!(notes.is_empty(), "{notes:?}");
    assert_same_times(&original, &painted);
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    for entries in ["stream=codec_name", "stream_tags=language,title", "stream_disposition=default,comment"] {
        assert_eq!(probe(&painted, "a", entries), probe(&original, "a", entries), "{entries}");
    }
    // Matroska's own spelling of tags is upper case.
    assert_eq!(
        probe(&painted, "", "format_tags=title,artist:format_tags=ARTIST"),
        probe(&original, "", "format_tags=title,artist:format_tags=ARTIST")
    );
    let (_, painted, _) = repaint(dir.path(), "in.mkv", "out.mp4");
    assert_eq!(audio_md5(&original), audio_md5(&painted));
    assert_eq!(probe(&painted, "a", "stream_tags=language"), ["deu", "fra"]);
    assert_in_sync(&original, &painted);
}

#[test]
fn only_sound_that_does_not_fit_is_encoded_anew() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=2:s=160x96:r=25 -f lavfi -i sine=d=2:f=440 -f lavfi -i sine=d=2:r=48000 \
         -map 0 -map 1 -map 2 -c:v libx264 -c:a:0 aac -c:a:1 libopus -ac:a:0 2 in.mkv",
    );
    let (original, painted) = (dir.path().join("in.mkv"), dir.path().join("out.webm"));
    let film = Film::like(&original, SIZE);
    let mut options = with_companion(&original);
    options.preset = None;
    let finished = film.write(&painted, &options);
    assert_eq!(finished.notes.len(), 1, "{:?}", finished.notes);
    assert!(finished.notes[0].contains("aac") && finished.notes[0].contains("opus"), "{:?}", finished.notes);
    assert_eq!(probe(&painted, "a", "stream=codec_name,channels"), ["opus,2", "opus,1"]);
    let md5 = |file: &Path| ffmpeg(dir.path(), &format!("-i {} -map 0:a:1 -c copy -f md5 -", file.display()));
    assert_eq!(md5(&original), md5(&painted));
    // The same tone, as loud, as long.
    let volume = |file: &Path| -> f64 {
        let pcm = ffmpeg(dir.path(), &format!("-i {} -map 0:a:0 -ac 1 -ar 8000 -f s16le -", file.display()));
        let samples = pcm.chunks_exact(2).map(|b| f64::from(i16::from_le_bytes([b[0], b[1]])));
        (samples.map(|s| s * s).sum::<f64>() / 16_000.0).sqrt()
    };
    let (want, got) = (volume(&original), volume(&painted));
    assert!((want - got).abs() < 0.05 * want, "{want} {got}");
}

#[test]
fn sound_that_lost_nothing_loses_nothing() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i aevalsrc=sin(2000*t)*0.5|cos(900*t)*0.3:d=1:s=44100 \
         -c:v mpeg4 -c:a pcm_s16le in.mkv",
    );
    let (original, painted, notes) = repaint(dir.path(), "in.mkv", "out.mp4");
    assert_eq!(probe(&painted, "a", "stream=codec_name"), ["alac"]);
    assert!(notes[0].contains("pcm_s16le") && notes[0].contains("alac"), "{notes:?}");
    let samples = |file: &Path| ffmpeg(dir.path(), &format!("-i {} -map 0:a -f s16le -", file.display()));
    assert!(samples(&original) == samples(&painted));
}

#[test]
fn a_cut_takes_the_same_part_of_the_sound() {
    let dir = folder();
    // Silence, then a tone from 3 s on: the cut from 2 s to 5 s must hear it after one second.
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=6:s=160x96:r=25 -f lavfi -i aevalsrc=sin(2000*t)*gte(t\\,3):d=6:s=48000 \
         -c:v libx264 -g 50 -c:a aac in.mp4",
    );
    let original = dir.path().join("in.mp4");
    let mut film = Film::like(&original, SIZE);
    let second = i64::from(film.base.den) / i64::from(film.base.num);
    film.ticks.retain(|ticks| (2 * second..5 * second).contains(ticks));
    film.durations.truncate(film.ticks.len());
    for name in ["out.mp4", "out.mkv"] {
        let painted = dir.path().join(name);
        let mut options = with_companion(&original);
        let companion = options.companion.as_mut().unwrap();
        companion.start = Some(Timestamp::new(2, TimeBase::new(1, 1)));
        companion.duration = Some(Timestamp::new(3, TimeBase::new(1, 1)));
        film.write(&painted, &options);
        assert_eq!(frame_times(&painted)[0], "0.000000", "{name}");
        assert_eq!(frame_times(&painted).len(), 75);
        // Decoded with its gaps filled, so that sample numbers are times.
        let pcm = ffmpeg(
            dir.path(),
            &format!("-i {name} -map 0:a -af aresample=async=1:first_pts=0 -ac 1 -ar 48000 -f s16le -"),
        );
        let samples: Vec<i16> = pcm.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        let onset = samples.iter().position(|s| s.unsigned_abs() > 8000).unwrap() as f64 / 48_000.0;
        assert!((onset - 1.0).abs() < 0.01, "{name}: the tone starts at {onset} s");
        let length = samples.len() as f64 / 48_000.0;
        assert!((length - 3.0).abs() < 0.05, "{name}: {length} s of sound");
    }
}

#[test]
fn an_interrupted_film_plays_and_its_sound_ends_with_the_picture() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=4:s=160x96:r=25 -f lavfi -i sine=d=4 -c:v libx264 -c:a aac in.mp4",
    );
    let original = dir.path().join("in.mp4");
    let film = Film::like(&original, SIZE);
    for name in ["out.mp4", "out.mkv"] {
        let painted = dir.path().join(name);
        let mut sink = film.sink(&painted, &with_companion(&original)).unwrap();
        for number in 0..30 {
            sink.write(film.frame(number)).unwrap();
        }
        let finished = Box::new(sink).finish(Ending::Interrupted).unwrap();
        assert_eq!(finished.frames, 30);
        assert_eq!(frame_times(&painted).len(), 30);
        let last: f64 = probe(&painted, "a", "packet=pts_time").last().unwrap().parse().unwrap();
        assert!((1.15..=1.2).contains(&last), "{name}: last sound at {last} s");
    }
}

#[test]
fn a_broadcasts_clock_is_set_back_to_zero_and_said() {
    let dir = folder();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=d=1:s=160x96:r=25 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac \
         -output_ts_offset 50000 in.ts",
    );
    let original = dir.path().join("in.ts");
    let film = Film::like(&original, SIZE);
    let painted = dir.path().join("out.mp4");
    let finished = film.write(&painted, &with_companion(&original));
    assert!(finished.notes.iter().any(|note| note.contains("starts at 5000")), "{:?}", finished.notes);
    let times = frame_times(&painted);
    assert_eq!(times.len(), 25);
    assert!(times[0].parse::<f64>().unwrap() < 0.2, "{}", times[0]);
    assert_in_sync(&original, &painted);
}
