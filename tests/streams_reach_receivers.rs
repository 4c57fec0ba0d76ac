//! Streams arrive as they were sent, are found again after a loss, and hold up nobody: what real
//! receivers of FFmpeg's take on the loopback is compared with a recording of the same show.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common {
    pub(crate) mod broadcasts;
    pub(crate) mod films;
}

use common::broadcasts::{
    RATE, Receiver, Show, assert_same_pictures, frame, free_port, pictures, times_and_keys,
};
use common::films::{folder, probe};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use stylecast::sink::broadcast::{Address, Broadcast, Microphone, StreamState, Wishes};
use stylecast::time::FrameRate;

/// How much of the end of a show a receiver may miss that buffers before it writes: half a second.
const TAIL: usize = RATE as usize / 2;

/// Whether this FFmpeg can do it at all.
fn has_protocol(name: &str) -> bool {
    let output = Command::new("ffmpeg").args(["-hide_banner", "-protocols"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.trim() == name)
}

/// Streams three seconds to a receiver that is there already, and compares with a recording.
fn arrives(address: &str, receiver: &str) {
    let folder = folder();
    let mut receiver = Receiver::ffmpeg(folder.path(), receiver);
    std::thread::sleep(Duration::from_millis(700));
    let mut show = Show::to(address);
    show.broadcast.start_recording(&folder.path().join("recorded.mkv")).unwrap();
    show.play_until("a connection", |show| show.stream_state() == StreamState::Connected);
    show.play(3 * RATE);
    let finished = show.broadcast.finish();
    receiver.wait();
    let stream = &finished.counts.streams[0];
    assert_eq!((stream.state, stream.reconnects), (StreamState::Ended, 0), "{:?}", show.notes);
    let (received, recorded) =
        (pictures(&folder.path().join("received.mkv")), pictures(&folder.path().join("recorded.mkv")));
    let (_, missing) = assert_same_pictures(&received, &recorded);
    assert!(missing <= TAIL, "{missing} pictures are missing at the end");
    // Real times: irregular where the show was, never faster.
    let gap = |times: &[(f64, bool)]| times.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(0.0, f64::max);
    assert!(gap(&times_and_keys(&folder.path().join("received.mkv"))) < 0.2);
}

#[test]
fn rtmp_arrives_as_it_was_sent() {
    if !has_protocol("rtmp") {
        return;
    }
    let address = format!("rtmp://127.0.0.1:{}/live/key", free_port());
    arrives(&address, &format!("-listen 1 -i {address} -c copy received.mkv"));
}

#[test]
fn srt_arrives_as_it_was_sent() {
    if !has_protocol("srt") {
        return;
    }
    let address = format!("srt://127.0.0.1:{}", free_port());
    arrives(&address, &format!("-i {address}?mode=listener -c copy received.mkv"));
}

#[test]
fn udp_arrives_as_it_was_sent() {
    let address = format!("udp://127.0.0.1:{}", free_port());
    // Datagrams have no end: it is one when none has come for so long.
    arrives(
        &address,
        &format!(
            "-analyzeduration 500000 -i {address}?fifo_size=100000&timeout=2500000 -c copy received.mkv"
        ),
    );
}

#[test]
fn rist_arrives_as_it_was_sent() {
    if !has_protocol("rist") {
        return;
    }
    let folder = folder();
    let port = free_port() & !1;
    // It has no end that receivers would notice: this one has enough after two seconds. What is sent after that
    // may be dropped.
    let listening = format!("-analyzeduration 500000 -f mpegts -i rist://@127.0.0.1:{port} -t 2");
    let mut receiver = Receiver::ffmpeg(folder.path(), &format!("{listening} -c copy received.mkv"));
    std::thread::sleep(Duration::from_millis(700));
    let mut show = Show::to(&format!("rist://127.0.0.1:{port}"));
    show.broadcast.start_recording(&folder.path().join("recorded.mkv")).unwrap();
    show.play(6 * RATE);
    show.broadcast.finish();
    receiver.wait();
    let (received, recorded) =
        (pictures(&folder.path().join("received.mkv")), pictures(&folder.path().join("recorded.mkv")));
    assert_same_pictures(&received, &recorded);
    assert!(received.len() > RATE as usize, "{} pictures", received.len());
}

/// When a beep begins, in seconds of a file.
fn beeps(file: &Path) -> Vec<f64> {
    let output = Command::new("ffmpeg")
        .args(["-v", "info", "-nostdin", "-i", file.to_str().unwrap()])
        .args(["-af", "aresample=async=1:first_pts=0,silencedetect=noise=-30dB:d=0.2", "-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    log.lines()
        .filter_map(|line| line.split("silence_end: ").nth(1)?.split(' ').next()?.parse().ok())
        .collect()
}

/// Streams pictures and sound to a receiver that is there already: both arrive as they are recorded, and as
/// far apart.
fn arrives_with_sound(address: &str, receiver: &str) {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let mut receiver = Receiver::ffmpeg(folder.path(), receiver);
    std::thread::sleep(Duration::from_millis(700));
    let device = "lavfi:aevalsrc='sin(2*PI*1000*t)*lt(mod(t,0.7),0.1)':s=48000,arealtime";
    let microphone = Some(Microphone::parse(device).unwrap());
    let streams = vec![Address::parse(address).unwrap()];
    let mut show = Show::start(Wishes { streams, microphone, ..Wishes::default() });
    show.broadcast.start_recording(&at("recorded.mkv")).unwrap();
    show.play_until("a connection", |show| show.stream_state() == StreamState::Connected);
    show.play(4 * RATE);
    show.broadcast.finish();
    receiver.wait();
    assert_eq!(probe(&at("received.mkv"), "a:0", "stream=codec_name"), ["aac"]);
    let (received, recorded) = (pictures(&at("received.mkv")), pictures(&at("recorded.mkv")));
    let (first, _) = assert_same_pictures(&received, &recorded);
    // How much earlier everything is in what was received, by its first picture.
    let times = |name: &str| times_and_keys(&at(name)).into_iter().map(|(time, _)| time).collect::<Vec<_>>();
    let earlier = times("recorded.mkv")[first] - times("received.mkv")[0];
    let (here, there) = (beeps(&at("recorded.mkv")), beeps(&at("received.mkv")));
    assert!(there.len() >= 3, "{there:?} of {here:?}");
    for beep in there.iter().skip(1) {
        let off = here.iter().map(|other| (other - earlier - beep).abs()).fold(f64::INFINITY, f64::min);
        assert!(off < 0.03, "a beep at {beep} is {off} s off: {here:?}, {there:?}, {earlier}");
    }
}

#[test]
fn sound_is_streamed_along_over_rtmp() {
    if has_protocol("rtmp") {
        let address = format!("rtmp://127.0.0.1:{}/live/key", free_port());
        arrives_with_sound(&address, &format!("-listen 1 -i {address} -c copy received.mkv"));
    }
}

#[test]
fn sound_is_streamed_along_in_a_transport_stream() {
    let address = format!("tcp://127.0.0.1:{}", free_port());
    arrives_with_sound(&address, &format!("-f mpegts -i {address}?listen=1 -c copy received.mkv"));
}

#[test]
fn a_server_whose_certificate_nobody_vouches_for_gets_nothing() {
    let has = |program: &str| Command::new(program).arg("version").output().is_ok();
    if !has_protocol("rtmps") || !has("openssl") || !has("socat") {
        println!("skipped: there is no openssl, no socat, or no RTMPS in this FFmpeg");
        return;
    }
    let folder = folder();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success());
    let port = free_port();
    let heard = std::fs::File::create(folder.path().join("heard")).unwrap();
    let mut server = Command::new("socat")
        .args(["-u", &format!("OPENSSL-LISTEN:{port},cert=cert.pem,key=key.pem,verify=0,fork"), "STDOUT"])
        .current_dir(folder.path())
        .stdout(heard)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut show = Show::to(&format!("rtmps://localhost:{port}/live/key"));
    show.play(2 * RATE);
    let state = show.stream_state();
    let notes = [show.notes, show.broadcast.finish().notes].concat().join("\n");
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(state, StreamState::Connecting, "{notes}");
    assert!(notes.contains("Cannot stream to rtmps://localhost") && notes.contains("certificate"), "{notes}");
    assert_eq!(std::fs::metadata(folder.path().join("heard")).unwrap().len(), 0);
}

#[test]
fn rtsp_arrives_as_it_was_sent() {
    let address = format!("rtsp://127.0.0.1:{}/live", free_port());
    arrives(&address, &format!("-rtsp_flags listen -i {address} -c copy received.mkv"));
}

#[test]
fn a_playlist_plays_while_it_is_written_and_old_segments_go() {
    let folder = folder();
    let playlist = folder.path().join("index.m3u8");
    let show = Show::to(playlist.to_str().unwrap());
    show.broadcast.start_recording(&folder.path().join("recorded.mkv")).unwrap();
    // Fed faster than it is shown: twenty seconds that take three.
    let frames = 20 * RATE;
    for number in 0..frames {
        show.broadcast.send(frame(number), Duration::from_micros(1_000_000 * number / RATE));
        while show.broadcast.counts().encoded <= number {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(4));
        if number == frames / 2 {
            let text = std::fs::read_to_string(&playlist).unwrap();
            assert!(text.starts_with("#EXTM3U") && !text.contains("#EXT-X-ENDLIST"), "{text}");
            // As it is now: a player would wait for more.
            let now = folder.path().join("now.m3u8");
            std::fs::write(&now, format!("{text}#EXT-X-ENDLIST\n")).unwrap();
            assert!(pictures(&now).len() >= RATE as usize, "{text}");
        }
    }
    show.broadcast.finish();
    let text = std::fs::read_to_string(&playlist).unwrap();
    assert!(text.contains("#EXT-X-ENDLIST"), "{text}");
    let received = pictures(&playlist);
    let (_, missing) = assert_same_pictures(&received, &pictures(&folder.path().join("recorded.mkv")));
    assert_eq!(missing, 0);
    let segments = std::fs::read_dir(folder.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "ts")
    });
    // Eight are listed, and a few are kept for those who read an older list.
    let segments = segments.count();
    assert!((8..13).contains(&segments), "{segments} segments\n{text}");
}

#[test]
fn a_receiver_that_goes_away_and_comes_back_is_found_again() {
    let folder = folder();
    let port = free_port();
    let address = format!("tcp://127.0.0.1:{port}");
    let listening = format!("-f mpegts -i {address}?listen=1 -c copy received.mkv");
    let mut show = Show::to(&address);
    // Nobody is there yet: said once, and tried again.
    show.play(RATE);
    assert_eq!(show.stream_state(), StreamState::Connecting);
    assert_eq!(show.notes.len(), 1, "{:?}", show.notes);
    assert!(show.notes[0].contains("connection refused"), "{:?}", show.notes);
    let mut receiver = Receiver::ffmpeg(folder.path(), &listening);
    show.play_until("a connection", |show| show.stream_state() == StreamState::Connected);
    show.play(RATE / 2);
    receiver.kill();
    show.play_until("the loss", |show| show.stream_state() == StreamState::Lost);
    let mut receiver = Receiver::ffmpeg(folder.path(), &listening);
    show.play_until("another connection", |show| show.stream_state() == StreamState::Connected);
    show.broadcast.start_recording(&folder.path().join("recorded.mkv")).unwrap();
    show.play(2 * RATE);
    let finished = show.broadcast.finish();
    receiver.wait();
    let stream = &finished.counts.streams[0];
    assert_eq!(stream.reconnects, 1);
    assert!(stream.dropped > 0 && stream.sent + stream.dropped == finished.counts.encoded, "{stream:?}");
    let notes = show.notes.join("\n");
    for said in ["Streaming to", "broke off", "again, after"] {
        assert_eq!(notes.matches(said).count(), if said == "Streaming to" { 2 } else { 1 }, "{notes}");
    }
    // What the second receiver has begins with a key frame and plays; the recording began later.
    let received = pictures(&folder.path().join("received.mkv"));
    let recorded = pictures(&folder.path().join("recorded.mkv"));
    let at = received.iter().position(|picture| *picture == recorded[0]).unwrap();
    let common = received.len() - at;
    assert_eq!(received[at..], recorded[..common]);
    assert!(common + TAIL >= recorded.len());
}

#[test]
fn a_receiver_that_does_not_read_holds_up_nobody() {
    // It accepts, and then takes nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}?send_buffer_size=4096", listener.local_addr().unwrap());
    let wishes = Wishes { streams: vec![Address::parse(&address).unwrap()], ..Wishes::default() };
    let folder = folder();
    let size = stylecast::frame::Size::new(320, 180);
    let broadcast = Broadcast::start(size, FrameRate::new(30, 1), wishes).unwrap();
    let _accepted = listener.accept().unwrap();
    broadcast.start_recording(&folder.path().join("recorded.mkv")).unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let began = Instant::now();
    let mut sent = 0;
    // Noise fills the way there quickly.
    while broadcast.counts().streams[0].dropped < 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", broadcast.counts());
        let noise =
            stylecast::frame::Frame::from_fn(size, |_, _| [random.u8(..), random.u8(..), random.u8(..)]);
        broadcast.send(noise.into(), Duration::from_millis(33 * sent));
        sent += 1;
        while broadcast.counts().encoded + broadcast.counts().dropped < sent {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let finished = broadcast.finish();
    assert_eq!(finished.clips.len(), 1, "{:?}", finished.notes);
    assert_eq!(finished.clips[0].frames, finished.counts.encoded);
    assert!(!finished.notes.iter().any(|note| note.contains("did not end within")), "{:?}", finished.notes);
}

#[test]
fn the_end_comes_within_a_second_though_servers_are_silent() {
    // One that never answers the handshake, and one that nobody knows.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let streams = [format!("rtmp://{}/live/key", silent.local_addr().unwrap()), "tcp://127.0.0.1:1".into()];
    let streams = streams.iter().map(|address| Address::parse(address).unwrap()).collect();
    let folder = folder();
    let path = folder.path().join("recorded.mkv");
    let mut show = Show::start(Wishes { streams, ..Wishes::default() });
    show.broadcast.start_recording(&path).unwrap();
    show.play(RATE);
    let finished = show.broadcast.finish();
    // Whoever is not gone after a second is told of.
    assert!(!finished.notes.iter().any(|note| note.contains("did not end within")), "{:?}", finished.notes);
    assert!(finished.counts.streams.iter().all(|stream| stream.state == StreamState::Ended));
    assert_eq!(pictures(&path).len() as u64, finished.counts.encoded);
}
