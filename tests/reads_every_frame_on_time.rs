//! Every frame of a film is read, once, with the time `ffprobe` gives it, whatever the container and
//! however it was cut; and a part of a film begins and ends exactly where it was asked to.

#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "common/clips.rs"]
mod clips;

use clips::{Folder, difference, judged_frames, probed_ticks, read, read_with, ticks};
use stylecast::source::FrameSource;
use stylecast::source::video::{VideoOptions, VideoSource};

const SOURCE: &str = "-f lavfi -i testsrc2=size=128x96:rate=25:duration=2";
const X264: &str = "-c:v libx264 -pix_fmt yuv420p -bf 3 -g 12 -crf 12";

#[test]
fn times_and_pictures_agree_with_ffmpeg_in_every_container() {
    let folder = Folder::new();
    let mut made = vec![folder.clip("bframes.mp4", &format!("{SOURCE} {X264}"))];
    made.push(folder.clip("plain.mkv", &format!("{SOURCE} {X264}")));
    made.push(folder.clip("broadcast.ts", &format!("{SOURCE} {X264}")));
    made.push(folder.clip("fraction.mov", &format!("{SOURCE} -r 30000/1001 {X264}")));
    made.push(
        folder.clip("vp9.webm", &format!("{SOURCE} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M")),
    );
    made.push(folder.clip("old.avi", &format!("{SOURCE} -c:v mpeg4 -q:v 2")));
    made.push(folder.clip("disc.mpg", &format!("{SOURCE} -c:v mpeg2video -bf 2 -q:v 2")));
    made.push(folder.clip("intra.mkv", &format!("{SOURCE} -c:v mjpeg -pix_fmt yuvj422p -q:v 2")));
    // Frames are left out and the rest keeps its time: 1, 2 or 5 frames' distance.
    made.push(folder.clip(
        "variable.mp4",
        &format!("{SOURCE} -vf select='lt(mod(n,10),5)+eq(mod(n,10),6)' -vsync vfr {X264}"),
    ));
    made.push(folder.clip("variable.mkv", "-i {variable.mp4} -c copy"));
    // A cut without re-encoding starts at a key picture before the cut and hides it by an edit list.
    made.push(folder.clip("edit-list.mp4", "-ss 0.7 -i {bframes.mp4} -c copy"));
    made.push(folder.clip("late.mkv", "-itsoffset 100 -i {bframes.mp4} -c copy -copyts"));
    // Begins 0.2 s before time zero: an edit list drops what comes before.
    made.push(folder.clip(
        "before-zero.mp4",
        "-itsoffset -0.2 -i {bframes.mp4} -c copy -avoid_negative_ts disabled -copyts",
    ));
    made.push(folder.clip("no-edit-list.mp4", "-i {bframes.mp4} -c copy -use_editlist 0"));
    made.push(folder.clip("negative-offsets.mp4", "-i {bframes.mp4} -c copy -movflags negative_cts_offsets"));
    for path in made {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (frames, notes) = read(&path);
        assert_eq!(ticks(&frames), probed_ticks(&path), "{name}");
        assert!(frames.len() > 20, "{name} has only {} frames", frames.len());
        assert!(notes.is_empty(), "{name}: {notes:?}");
        let judged = judged_frames(&path, "", 3 * 128 * 96);
        assert_eq!(judged.len(), frames.len(), "{name}");
        for (i, (ours, theirs)) in frames.iter().zip(&judged).enumerate() {
            let apart = difference(ours.frame.data(), theirs);
            assert!(apart < 0.1, "{name}, frame {i}: {apart} levels apart");
        }
    }
}

#[test]
fn a_film_without_times_gets_even_ones() {
    let folder = Folder::new();
    for path in [
        folder.clip("raw.h264", &format!("{SOURCE} -c:v libx264 -bf 0 -pix_fmt yuv420p -f h264")),
        // AVI has no place for the times of B-frames.
        folder.clip("bframes.avi", &format!("{SOURCE} -c:v mpeg4 -bf 2 -q:v 2")),
    ] {
        let (frames, notes) = read(&path);
        assert_eq!((frames.len(), notes.len()), (50, 0), "{notes:?}");
        let times: Vec<f64> = frames.iter().map(|frame| frame.timestamp.seconds()).collect();
        for pair in times.windows(2) {
            assert!((pair[1] - pair[0] - 0.04).abs() < 1e-6, "{times:?}");
        }
    }
}

#[test]
fn interlaced_films_keep_one_frame_a_frame() {
    let folder = Folder::new();
    let fields =
        "-f lavfi -i testsrc2=size=128x96:rate=50:duration=2 -vf tinterlace=interleave_top,fieldorder=tff";
    for (name, codec) in [
        ("interlaced.mpg", "-c:v mpeg2video -q:v 2 -flags +ilme+ildct"),
        ("interlaced.mp4", "-c:v libx264 -pix_fmt yuv420p -bf 2 -crf 12 -flags +ilme+ildct"),
        ("interlaced.mkv", "-c:v ffv1 -pix_fmt yuv422p10le -flags +ilme+ildct"),
    ] {
        let path = folder.clip(name, &format!("{fields} {codec}"));
        let (frames, notes) = read(&path);
        assert_eq!(ticks(&frames), probed_ticks(&path), "{name}");
        assert_eq!(frames.len(), 50, "{name}");
        assert!(notes.iter().any(|note| note.contains("interlaced")), "{name}: {notes:?}");
        // The combing is gone, exactly as FFmpeg's own filter takes it away.
        let judged = judged_frames(&path, "bwdif=mode=send_frame", 3 * 128 * 96);
        for (i, (ours, theirs)) in frames.iter().zip(&judged).enumerate() {
            let apart = difference(ours.frame.data(), theirs);
            assert!(apart < 0.1, "{name}, frame {i}: {apart} levels apart");
        }
    }
}

#[test]
fn a_part_begins_and_ends_exactly() {
    let folder = Folder::new();
    folder.clip("whole.mp4", &format!("{SOURCE} {X264}"));
    let late = folder.clip("late.ts", "-i {whole.mp4} -c copy -output_ts_offset 50");
    let sparse = folder.clip("sparse.mp4", &format!("{SOURCE} -c:v libx264 -pix_fmt yuv420p -g 500 -bf 3"));
    let open = folder.clip("open.mkv", &format!("{SOURCE} {X264} -x264-params open-gop=1:keyint=12"));
    for path in [folder.at("whole.mp4"), late, sparse, open] {
        let (all, _) = read(&path);
        let first = all[0].timestamp.seconds();
        for start in [0.0, 0.04, 0.5, 0.99, 1.0, 1.01, 1.9] {
            for duration in [None, Some(0.04), Some(0.3)] {
                let options = VideoOptions { start: Some(start), duration, ..VideoOptions::default() };
                let (part, notes) = read_with(&path, &options);
                let end = duration.map_or(f64::INFINITY, |duration| start + duration);
                let half_tick = 1e-5;
                let expected: Vec<_> = all
                    .iter()
                    .filter(|frame| {
                        let at = frame.timestamp.seconds() - first;
                        at >= start - half_tick && at < end - half_tick
                    })
                    .collect();
                let what = format!("{} from {start} for {duration:?}", path.display());
                assert_eq!(part.len(), expected.len(), "{what}");
                assert!(notes.is_empty(), "{what}: {notes:?}");
                for (part, expected) in part.iter().zip(expected) {
                    assert_eq!(part.timestamp, expected.timestamp, "{what}");
                    assert_eq!(part.frame, expected.frame, "{what}: another picture at the same time");
                }
            }
        }
    }
}

#[test]
fn the_part_that_is_read_is_known_to_whoever_copies_the_sound() {
    let folder = Folder::new();
    folder.clip("whole.mp4", &format!("{SOURCE} {X264}"));
    let late = folder.clip("late.ts", "-i {whole.mp4} -c copy -output_ts_offset 50");
    let span = |start, duration| {
        let options = VideoOptions { start, duration, ..VideoOptions::default() };
        VideoSource::open(&late, &options).unwrap().span()
    };
    let first = read(&late).0[0].timestamp.seconds();
    let near = |time: Option<stylecast::time::Timestamp>, seconds: f64| {
        (time.unwrap().seconds() - seconds).abs() < 1e-4
    };
    assert!(span(None, None).start.is_none() && span(None, None).duration.is_none());
    // The first frame at or after 0.99 s is the one at 1 s, and it begins the new film.
    let part = span(Some(0.99), Some(0.5));
    assert!(near(part.start, first + 1.0) && near(part.duration, 0.49), "{part:?}, first {first}");
    assert!(near(span(None, Some(0.5)).duration, 0.5));
}

#[test]
fn a_single_frame_is_the_one_on_the_screen() {
    let folder = Folder::new();
    let path = folder.clip("clip.mp4", &format!("{SOURCE} {X264}"));
    let (all, _) = read(&path);
    for (seconds, index) in [(0.0, 0), (0.03, 0), (0.04, 1), (1.0, 25), (1.039, 25), (1.97, 49)] {
        let (frame, _) = VideoSource::frame_at(&path, seconds, None).unwrap();
        assert_eq!(frame.timestamp, all[index].timestamp, "at {seconds}");
        assert_eq!(frame.frame, all[index].frame, "at {seconds}");
    }
    let error = VideoSource::frame_at(&path, 2.5, None).unwrap_err();
    assert!(error.to_string().ends_with("lasts 2.00 s: there is nothing at 2.5 s"), "{error}");
}

#[test]
fn the_number_of_frames_is_known_beforehand_where_it_can_be() {
    let folder = Folder::new();
    for name in ["clip.mp4", "clip.mkv", "clip.webm"] {
        let codec = if name.ends_with("webm") { "-c:v libvpx -b:v 1M" } else { X264 };
        let path = folder.clip(name, &format!("{SOURCE} {codec}"));
        let frames = |start, duration| {
            let options = VideoOptions { start, duration, ..VideoOptions::default() };
            VideoSource::open(&path, &options).unwrap().info().frames
        };
        assert_eq!(frames(None, None), Some(50), "{name}");
        assert_eq!(frames(Some(1.0), None), Some(25), "{name}");
        assert_eq!(frames(Some(1.0), Some(0.4)), Some(10), "{name}");
        assert_eq!(frames(Some(1.6), Some(5.0)), Some(10), "{name}");
        let probe = stylecast::ffmpeg::probe(&path).unwrap();
        assert_eq!((probe.frame_rate.num, probe.frame_rate.den), (25, 1), "{name}");
        assert!((probe.duration_seconds.unwrap() - 2.0).abs() < 0.01, "{name}");
    }
}
