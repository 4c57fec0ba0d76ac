//! `stylecast live` without a camera and a window: a film at its own speed, painted to a deadline, reported
//! once a second, ended in good order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(all(feature = "video", feature = "embedded-weights"))]

mod cli_parts;

use cli_parts::*;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const HEADLESS: [&str; 4] = ["live", "--no-window", "--json", "--input"];

fn live<'a>(clip: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&HEADLESS, [clip].as_slice(), more].concat()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn a_film_is_painted_at_its_own_speed_and_the_run_ends_by_itself() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let desk = Desk::new();
    let lines = desk
        .run(&live(&clip, &["--style", &style, "--size", "160", "--fps", "8", "--duration", "2.2", "--loop"]))
        .succeeds()
        .json();
    assert_eq!(of_type(&lines, "start").len(), 1);
    assert!(!of_type(&lines, "live").is_empty(), "{lines:?}");
    let [summary] = of_type(&lines, "live_summary")[..] else { panic!("{lines:?}") };
    let number = |key: &str| summary[key].as_u64().unwrap();
    // Eight frames a second, from before the first was painted; how many were painted depends on the machine.
    let most = 8.0 * summary["seconds"].as_f64().unwrap() + 1.0;
    assert!(number("captured") >= 2 && number("captured") as f64 <= most, "{summary}");
    assert!(number("painted") >= 1 && number("painted") + number("unpainted") <= number("captured"));
    assert!(summary["iterations"].as_f64().unwrap() >= 1.0);
    assert_eq!(summary["style"], "great-wave");
    assert!(number("latency_ms_p50") <= number("latency_ms_p95"));
}

#[test]
fn a_film_that_ends_ends_the_run() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    let lines =
        desk.run(&live(&clip, &["--iterations", "0", "--size", "64", "--fps", "3"])).succeeds().json();
    let [summary] = of_type(&lines, "live_summary")[..] else { panic!("{lines:?}") };
    // 132 frames at 25 a second, the last at 5.24 s: frames at 0, 1/3, … 5 s, but for some that a busy machine
    // may have been too late for.
    assert!((8..=16).contains(&summary["captured"].as_u64().unwrap()), "{summary}");
    assert_eq!(summary["style"], Value::Null);
}

#[test]
fn numbers_beyond_all_clocks_do_no_harm() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let far = ["--cross-fade", "1e300", "--latency", "1e300", "--duration", "0.2", "--iterations", "0"];
    let args = [&far[..], &["--style", &style, "--size", "64"]].concat();
    Desk::new().run(&live(&clip, &args)).succeeds();
}

#[test]
fn what_cannot_be_is_refused_with_the_next_step() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let desk = Desk::new();
    let refused = |args: &[&str], code: i32, says: &str| {
        let run = desk.run(args).fails(code);
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
    };
    refused(&live(&clip, &[]), 2, "--style");
    refused(&live(&clip, &["--style", "missing.jpg"]), 3, "missing.jpg");
    refused(&live("missing.mp4", &["--style", &style]), 3, "missing.mp4");
    refused(&live(&clip, &["--style", &style, "--input-format", "x12grab"]), 2, "x12grab");
    refused(&live(&clip, &["--style", &style, "--camera", "0"]), 2, "--camera");
    refused(&["live", "--loop", "--style", &style], 2, "--input");
    refused(&live(&clip, &["--style", &style, "--mask", "missing.png"]), 3, "missing.png");
    refused(
        &live(&clip, &["--style", &style, "--mask", &clip]),
        2,
        "moves, but here a mask must be a picture",
    );
    refused(&live(&clip, &["--style", &style, "--fps", "0"]), 2, "240");
    refused(&live(&clip, &["--style", &style, "--latency", "-3"]), 2, "above 0");
    refused(&live(&clip, &["--iterations", "0", "--audio"]), 2, "nobody would hear");
    refused(&live(&clip, &["--iterations", "0", "--record", "a.mkv", "--codec", "libx254"]), 2, "libx254");
    refused(&live(&clip, &["--iterations", "0", "--record", "none/a.mkv"]), 4, "mkdir -p");
    refused(&live(&clip, &["--iterations", "0", "--to", "/dev/video73"]), 4, "modprobe v4l2loopback");
    #[cfg(feature = "window")]
    refused(&["live", "--input", &clip, "--iterations", "0", "--folder", "none"], 4, "mkdir -p 'none'");
}

/// What FFmpeg's own tool says of a film's picture.
fn probed(film: &Path, what: &str) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", what, "-of", "csv=p=0"])
        .arg(film)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.split([',', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The times of a film's frames, in seconds.
fn times(film: &Path) -> Vec<f64> {
    probed(film, "frame=pts_time").iter().map(|time| time.parse().unwrap()).collect()
}

#[test]
fn a_recording_has_every_painted_frame_at_its_time_and_is_no_faster_than_life() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    for name in ["out.mkv", "out.mp4"] {
        let args = ["--iterations", "0", "--size", "96", "--fps", "12", "--duration", "2", "--record", name];
        let lines = desk.run(&live(&clip, &args)).succeeds().json();
        let [summary] = of_type(&lines, "live_summary")[..] else { panic!("{lines:?}") };
        assert_eq!(summary["clips"], serde_json::json!([name]), "{summary}");
        let times = times(&desk.path(name));
        let recorded = summary["painted"].as_u64().unwrap() - summary["dropped"]["frames"].as_u64().unwrap();
        assert_eq!(times.len() as u64, recorded, "{summary}");
        assert!(times[0].abs() < 0.05 && times.is_sorted(), "{times:?}");
        // The run lasts two seconds from its first frame on, however many frames were missed.
        let last = times[times.len() - 1];
        assert!((1.0..=4.0).contains(&last), "{times:?}");
    }
}

#[test]
fn another_encoder_records_as_well() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    let args = ["--iterations", "0", "--size", "96", "--fps", "12", "--duration", "1"];
    desk.run(&live(&clip, &[&args[..], &["--record", "out.mp4", "--codec", "mpeg4"]].concat())).succeeds();
    let about = probed(&desk.path("out.mp4"), "stream=codec_name");
    assert_eq!(about, ["mpeg4"]);
    assert!(times(&desk.path("out.mp4")).len() > 4);
    // What a server of RTMP cannot take is refused before anything is painted.
    let to = ["--to", "rtmp://127.0.0.1/live/key", "--codec", "mpeg4"];
    let refused = desk.run(&live(&clip, &[&args[..], &to].concat())).fails(2);
    assert!(refused.err.contains("carries no") && refused.err.contains("libx264"), "{}", refused.err);
}

/// Serves one file over HTTP, from wherever it is asked to begin, until the test ends.
fn serve(file: String) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/film.mp4", server.local_addr().unwrap());
    let body = std::fs::read(file).unwrap();
    let answer = move |mut client: std::net::TcpStream, body: &[u8]| {
        let lines = BufReader::new(client.try_clone().ok()?).lines().map_while(Result::ok);
        let asked: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let range = asked
            .iter()
            .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let from: usize = range.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0);
        let (all, rest) = (body.len(), body.get(from..)?);
        let range = format!("Content-Range: bytes {from}-{}/{all}", all - 1);
        let head =
            format!("HTTP/1.1 206 Partial Content\r\n{range}\r\nContent-Length: {}\r\n\r\n", rest.len());
        client.write_all(head.as_bytes()).and_then(|()| client.write_all(rest)).ok()
    };
    std::thread::spawn(move || {
        let body: &[u8] = &body;
        std::thread::scope(|scope| {
            for client in server.incoming().map_while(Result::ok) {
                scope.spawn(move || answer(client, body));
            }
        });
    });
    address
}

#[test]
fn a_film_on_a_server_is_shown_at_its_own_speed_too() {
    let desk = Desk::new();
    let address = serve(media("big-buck-bunny.mp4"));
    let began = Instant::now();
    let args = ["--iterations", "0", "--size", "64", "--fps", "10", "--record", "out.mkv"];
    desk.run(&live(&address, &args)).succeeds();
    // 132 frames at 25 a second: the last at 5.24 s.
    assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
    let times = times(&desk.path("out.mkv"));
    assert!(times[times.len() - 1] > 4.0, "{times:?}");
}

#[test]
fn a_film_whose_times_leap_is_not_waited_for() {
    let desk = Desk::new();
    let film = desk.path("leaps.mkv");
    // Two seconds, with eleven days between them.
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2"])
        .args(["-vf", r"setpts=PTS+gte(N\,10)*1000000/TB", "-fps_mode", "passthrough", "-c:v", "ffv1"])
        .arg(&film)
        .status()
        .unwrap();
    assert!(made.success());
    let run = desk.run(&live("leaps.mkv", &["--iterations", "0", "--record", "out.mkv"])).succeeds();
    assert!(run.err.contains("leap by 1000000 seconds after 1"), "{}", run.err);
    let times = times(&desk.path("out.mkv"));
    assert!((1.0..3.0).contains(&times[times.len() - 1]), "{times:?}");
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// Reads a run's reports until it has painted for about a second.
#[track_caller]
fn painting(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(r#""type":"live""#)), "it ended by itself");
    lines
}

#[cfg(unix)]
#[test]
fn ctrl_c_completes_the_recording() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    let args = ["--iterations", "0", "--size", "96", "--fps", "12", "--loop", "--record", "out.mkv"];
    let mut child = desk.spawn(&live(&clip, &args));
    let lines = painting(&mut child);
    interrupt(&child);
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.iter().any(|line| line.contains("live_summary")), "{rest:?}");
    assert!(times(&desk.path("out.mkv")).len() > 4);
}

#[cfg(unix)]
#[test]
fn quitting_at_any_moment_takes_less_than_a_second() {
    let (clip, style) = (media("big-buck-bunny.mp4"), media("great-wave.jpg"));
    let common = ["--size", "96", "--loop", "--record", "out.mkv"];
    let slow = ["--style", &style, "--fps", "0.1"];
    let usual = ["--style", &style, "--fps", "8"];
    let unpainted = ["--iterations", "0", "--fps", "8"];
    let mut taken = Vec::new();
    for moment in 0..10 {
        let desk = Desk::new();
        // One paints ten seconds at each frame, some as cameras do; all of them record.
        let how: &[&str] = match moment {
            0 => &slow,
            1..=4 => &usual,
            _ => &unpainted,
        };
        let mut child = desk.spawn(&live(&clip, &[how, &common].concat()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(r#""type":"start""#)));
        std::thread::sleep(Duration::from_millis(170 * moment + 1));
        interrupt(&child);
        let asked = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        taken.push(asked.elapsed());
        // Complete, or gone if there was nothing to record yet.
        let (path, files) = (desk.path("out.mkv"), desk.files());
        assert!(files.is_empty() || probed(&path, "format=duration")[0].parse::<f64>().is_ok(), "{files:?}");
    }
    // Not each of them on a machine that does other things as well, but most.
    taken.sort_unstable();
    assert!(taken[7] < Duration::from_secs(1) && taken[9] < Duration::from_secs(4), "{taken:?}");
}

#[cfg(unix)]
#[test]
fn the_second_ctrl_c_does_not_wait_and_what_was_recorded_plays() {
    let clip = media("big-buck-bunny.mp4");
    let desk = Desk::new();
    // A server that accepts and says nothing: there is something to wait for.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("rtmp://{}/live/key", silent.local_addr().unwrap());
    let args =
        ["--iterations", "0", "--size", "96", "--fps", "12", "--loop", "--record", "out.mkv", "--to", &to];
    let mut child = desk.spawn(&live(&clip, &args));
    let _lines = painting(&mut child);
    interrupt(&child);
    let asked = Instant::now();
    // Sooner, it would be an echo of the first.
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(times(&desk.path("out.mkv")).len() > 4);
}

/// Runs the command where no file may have more than 128 KiB: as on a disk that fills up.
#[cfg(unix)]
fn confined(desk: &Desk, args: &[&str]) -> Run {
    let usual = desk.command(args);
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; ulimit -f 256; exec "$@""#, "sh"]).arg(usual.get_program());
    let output = command.args(usual.get_args()).current_dir(desk.folder.path()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_is_said_ends_a_run_that_only_records_and_leaves_what_plays() {
    // Noise, which cannot be made small.
    let noise = "nullsrc=size=128x96:rate=25,geq=random(1)*255:128:128";
    let desk = Desk::new();
    for name in ["out.mkv", "out.mp4"] {
        let args = ["--input-format", "lavfi", "--iterations", "0", "--duration", "60", "--record", name];
        let began = Instant::now();
        let run = confined(&desk, &live(noise, &args)).fails(4);
        assert!(began.elapsed() < Duration::from_secs(30), "it goes on for nobody");
        assert!(run.err.contains("The recording stops after"), "{}", run.err);
        assert!(run.err.contains(&format!("stylecast: cannot write {name}: ")), "{}", run.err);
        assert_eq!(of_type(&run.json(), "live_summary").len(), 1);
        assert!(times(&desk.path(name)).len() > 2, "{}", run.err);
    }
}
