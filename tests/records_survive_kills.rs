//! Recordings play up to their last moment, however they end, and keep the true times of their frames;
//! what has happened already can still be saved. Judged by FFmpeg's own tools.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common {
    pub(crate) mod broadcasts;
    pub(crate) mod films;
}

use common::broadcasts::{RATE, SIZE, Show, frame, pictures, times_and_keys};
use common::films::{files, folder, probe};
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stylecast::sink::broadcast::{Broadcast, Microphone, Wishes};
use stylecast::time::FrameRate;

/// The file to which the process that gets killed records.
const VICTIM: &str = "STYLECAST_TEST_RECORDS_IN";

/// No test by itself: the process that is killed, started by the test below it.
#[test]
fn victim() {
    let Ok(file) = std::env::var(VICTIM) else { return };
    // Some of them hear as well.
    let hears = file.contains("heard");
    let microphone = hears.then(|| Microphone::parse("lavfi:sine,arealtime").unwrap());
    let mut show = Show::start(Wishes { microphone, ..Wishes::default() });
    show.broadcast.start_recording(Path::new(&file)).unwrap();
    for number in 0.. {
        show.step();
        // The time that has been sent so far, in frames.
        eprintln!("sent {number}");
    }
}

#[test]
fn a_recording_killed_at_any_moment_plays_and_lacks_at_most_the_last_second() {
    let folder = folder();
    let program = std::env::current_exe().unwrap();
    let mut victims = Vec::new();
    // All at once, because most of their time is spent waiting.
    for number in 0..10 {
        let kind = if number % 2 == 0 { "mkv" } else { "mp4" };
        let file =
            folder.path().join(format!("{}{number}.{kind}", if number < 4 { "heard" } else { "mute" }));
        let child = Command::new(&program)
            .args(["--exact", "victim", "--nocapture"])
            .env(VICTIM, &file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        victims.push((file, child));
    }
    let mut random = fastrand::Rng::with_seed(5);
    let judge = |(file, mut child): (std::path::PathBuf, std::process::Child), frames: u64| {
        let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let sent = lines.by_ref().find(|line| *line == format!("sent {frames}"));
        // SIGKILL: nothing in the process has a say in it.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(sent.is_some(), "it ended by itself before frame {frames}");
        let last = lines.filter_map(|line| line.strip_prefix("sent ")?.parse().ok()).last().unwrap_or(frames);
        let (times, plays) = (times_and_keys(&file), pictures(&file).len());
        assert_eq!(times[0], (0.0, true), "{file:?}");
        // A kill can end the last write between two pages of memory, in the middle of a packet, which an
        // MP4's index lists all the same.
        assert!((plays..=plays + 1).contains(&times.len()), "{plays} of {} play: {file:?}", times.len());
        // By time, not by number: a machine that is too busy drops frames on the way.
        let (last_sent, last_kept) = (last as f64 / RATE as f64, times[plays - 1].0);
        assert!(last_sent - last_kept < 1.0, "{last_kept} s of {last_sent} s: {file:?}");
        let has_sound = file.to_str().unwrap().contains("heard");
        assert_eq!(!probe(&file, "a:0", "packet=pts_time").is_empty(), has_sound, "{file:?}");
    };
    std::thread::scope(|scope| {
        for victim in victims {
            let frames = random.u64(RATE..4 * RATE);
            scope.spawn(move || judge(victim, frames));
        }
    });
}

#[test]
fn irregular_times_are_kept_and_key_frames_are_at_most_a_second_apart() {
    let folder = folder();
    let path = folder.path().join("evening.mkv");
    let broadcast = Broadcast::start(SIZE, FrameRate::new(30, 1), Wishes::default()).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut times = vec![1234_u64];
    while times.len() < 150 {
        times.push(times.last().unwrap() + random.u64(5..220));
    }
    // A long pause too, in which nothing was painted.
    times.iter_mut().skip(100).for_each(|time| *time += 5000);
    broadcast.start_recording(&path).unwrap();
    send_all(&broadcast, &times);
    let finished = broadcast.finish();
    assert_eq!(finished.counts.dropped, 0);
    let found = times_and_keys(&path);
    let expected: Vec<f64> = times.iter().map(|time| (time - times[0]) as f64 / 1000.0).collect();
    assert_eq!(found.iter().map(|(time, _)| *time).collect::<Vec<_>>(), expected);
    assert_eq!(pictures(&path).len(), times.len());
    let keys: Vec<f64> = found.iter().filter(|(_, key)| *key).map(|(time, _)| *time).collect();
    for pair in keys.windows(2) {
        // Across the pause, no frame could be a key.
        assert!(pair[1] - pair[0] <= 1.0 || pair[1] - pair[0] > 5.0, "{pair:?}");
    }
    assert_eq!(finished.clips.len(), 1);
    assert_eq!(finished.clips[0].frames, 150);
    // It was ended in peace: its duration and its index are there.
    let duration: f64 = probe(&path, "", "format=duration")[0].parse().unwrap();
    assert!((duration - expected.last().unwrap()).abs() < 0.1, "{duration}");
}

/// Sends frames without a pace of their own, as fast as they are encoded.
fn send_all(broadcast: &Broadcast, times: &[u64]) {
    for (number, time) in times.iter().enumerate() {
        broadcast.send(frame(number as u64), Duration::from_millis(*time));
        while broadcast.counts().encoded <= number as u64 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn every_tenth(frames: u64) -> Vec<u64> {
    (0..frames).map(|number| 100 * number).collect()
}

#[test]
fn each_press_of_record_makes_a_file_of_its_own_that_begins_at_zero() {
    let folder = folder();
    let path = folder.path().join("evening.mp4");
    let broadcast = Broadcast::start(SIZE, FrameRate::new(10, 1), Wishes::default()).unwrap();
    let mut names = Vec::new();
    let times = every_tenth(60);
    send_all(&broadcast, &times[..3]);
    for part in times[3..].chunks(19) {
        names.push(broadcast.start_recording(&path).unwrap());
        assert!(broadcast.start_recording(&path).is_err());
        let encoded = broadcast.counts().encoded;
        for (number, time) in part.iter().enumerate() {
            broadcast.send(frame(*time / 100), Duration::from_millis(*time));
            while broadcast.counts().encoded <= encoded + number as u64 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        broadcast.stop_recording();
    }
    let finished = broadcast.finish();
    let expected = ["evening.mp4", "evening-2.mp4", "evening-3.mp4"].map(|name| folder.path().join(name));
    assert_eq!(names, expected);
    assert_eq!(finished.notes.iter().filter(|note| note.starts_with("There is")).count(), 2);
    assert_eq!(finished.notes.iter().filter(|note| note.starts_with("Recorded")).count(), 3);
    for (name, clip) in names.iter().zip(&finished.clips) {
        let times = times_and_keys(name);
        assert_eq!((times.len(), times[0]), (19, (0.0, true)));
        assert_eq!((&clip.path, clip.frames), (name, 19));
        assert_eq!(pictures(name).len(), 19);
    }
}

#[test]
fn the_last_seconds_are_saved_after_they_have_happened() {
    let folder = folder();
    let wishes = Wishes { keep: Duration::from_secs(2), ..Wishes::default() };
    let broadcast = Broadcast::start(SIZE, FrameRate::new(10, 1), wishes).unwrap();
    let at = |name: &str| folder.path().join(name);
    broadcast.start_recording(&at("all.mkv")).unwrap();
    send_all(&broadcast, &every_tenth(75));
    let first = broadcast.save_last(&at("clip.mkv")).unwrap();
    let second = broadcast.save_last(&at("clip.mkv")).unwrap();
    let third = broadcast.save_last(&at("clip.mp4")).unwrap();
    assert_eq!((&first, &second), (&at("clip.mkv"), &at("clip-2.mkv")));
    let finished = broadcast.finish();
    assert_eq!(finished.clips.len(), 4, "{:?}", finished.notes);
    let all = pictures(&at("all.mkv"));
    for clip in [first, second, third] {
        let times = times_and_keys(&clip);
        assert_eq!(times[0], (0.0, true), "{clip:?}");
        assert!((20..31).contains(&times.len()), "{clip:?} has {}", times.len());
        // Not encoded anew: the same pictures, bit for bit, up to the last.
        assert_eq!(pictures(&clip), all[all.len() - times.len()..]);
    }
    // Nothing unfinished lies about.
    assert_eq!(files(folder.path()).len(), 4);
}

#[test]
fn what_cannot_be_written_is_said_at_once() {
    let folder = folder();
    let broadcast = Broadcast::start(SIZE, FrameRate::new(10, 1), Wishes::default()).unwrap();
    for name in ["none/evening.mkv", "evening.avi", "evening"] {
        let path = folder.path().join(name);
        for error in [broadcast.start_recording(&path).unwrap_err(), broadcast.save_last(&path).unwrap_err()]
        {
            assert!(error.to_string().contains("evening") && error.next_step().is_some(), "{error}");
        }
    }
    // Saved before there was anything; recorded without a frame.
    broadcast.save_last(&folder.path().join("clip.mkv")).unwrap();
    broadcast.start_recording(&folder.path().join("evening.mkv")).unwrap();
    let finished = broadcast.finish();
    assert!(finished.clips.is_empty() && files(folder.path()).is_empty(), "{:?}", finished.notes);
    assert_eq!(finished.notes.iter().filter(|note| note.starts_with("Nothing was")).count(), 2);
}

#[test]
fn frames_for_which_there_is_no_room_are_dropped_and_counted() {
    let broadcast = Broadcast::start(SIZE, FrameRate::new(10, 1), Wishes::default()).unwrap();
    let frame = frame(0);
    for number in 0..5000 {
        broadcast.send(frame.clone(), Duration::from_millis(number));
    }
    let counts = broadcast.finish().counts;
    assert_eq!(counts.encoded + counts.dropped, 5000);
    assert!(counts.dropped > 0);
}

#[test]
fn sound_is_recorded_along_with_the_pictures_and_in_sync() {
    let folder = folder();
    let path = folder.path().join("evening.mkv");
    // A device that beeps for the first tenth of each second of its own time.
    let device = "lavfi:aevalsrc='sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000,arealtime";
    let microphone = Some(Microphone::parse(device).unwrap());
    let before = Instant::now();
    let mut show = Show::start(Wishes { microphone, began: before, ..Wishes::default() });
    // What the device calls zero, on the clock of the show.
    let zero = before.elapsed().as_secs_f64();
    show.broadcast.start_recording(&path).unwrap();
    show.play(4 * RATE);
    show.broadcast.finish();
    assert_eq!(probe(&path, "a:0", "stream=codec_name"), ["aac"]);
    let output = Command::new("ffmpeg")
        .args(["-v", "info", "-nostdin", "-i", path.to_str().unwrap()])
        .args(["-af", "silencedetect=noise=-30dB:d=0.3", "-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    // Where silence ends, a beep begins.
    let beeps: Vec<f64> = log
        .lines()
        .filter_map(|line| line.split("silence_end: ").nth(1)?.split(' ').next()?.parse().ok())
        .filter(|beep| *beep < 3.5)
        .collect();
    assert!(beeps.len() >= 2, "{log}");
    for beep in beeps {
        let off = (beep - zero).rem_euclid(1.0);
        let off = off.min(1.0 - off);
        // The device is opened somewhat before `zero` is taken.
        assert!(off < 0.15, "a beep at {beep:.3} s, {off:.3} s beside its second ({zero:.3})\n{log}");
    }
}
