//! Shows for tests of recordings and streams, and FFmpeg's own tools as those who receive and judge them.

#![allow(dead_code, reason = "every test file uses a part of this")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stylecast::frame::{Frame, Size};
use stylecast::sink::broadcast::{Address, Broadcast, StreamState, Wishes};
use stylecast::time::FrameRate;

/// Small, so that the tests are quick.
pub(crate) const SIZE: Size = Size::new(160, 90);

/// Frames a second of every show here.
pub(crate) const RATE: u64 = 20;

/// A bar that moves over a gradient; no two frames within a minute are the same.
pub(crate) fn frame(number: u64) -> Arc<Frame> {
    let (number, width) = (number as usize, SIZE.width);
    let (bar, shade) = (3 * number % width, (number / 53 * 40) as u8);
    Arc::new(Frame::from_fn(SIZE, |x, y| {
        if x.abs_diff(bar) < 4 { [250, 220, 40] } else { [x as u8, 2 * y as u8, shade] }
    }))
}

/// A broadcast that is sent frames at its true pace.
pub(crate) struct Show {
    pub(crate) broadcast: Broadcast,
    pub(crate) notes: Vec<String>,
    began: Instant,
    number: u64,
}

impl Show {
    pub(crate) fn start(wishes: Wishes) -> Self {
        let began = wishes.began;
        let broadcast = Broadcast::start(SIZE, FrameRate::new(RATE as i32, 1), wishes).unwrap();
        Self { broadcast, notes: Vec::new(), began, number: 0 }
    }

    pub(crate) fn to(address: &str) -> Self {
        Self::start(Wishes { streams: vec![Address::parse(address).unwrap()], ..Wishes::default() })
    }

    /// Sends the next frame when it is due.
    pub(crate) fn step(&mut self) {
        let at = Duration::from_micros(1_000_000 * self.number / RATE);
        std::thread::sleep(at.saturating_sub(self.began.elapsed()));
        self.broadcast.send(frame(self.number), at);
        self.number += 1;
        self.notes.extend(self.broadcast.take_notes());
    }

    pub(crate) fn play(&mut self, frames: u64) {
        for _ in 0..frames {
            self.step();
        }
    }

    /// Plays until `done`, at most twenty seconds.
    pub(crate) fn play_until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        for _ in 0..20 * RATE {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("never came: {what}; {:?}; {:?}", self.broadcast.counts(), self.notes);
    }

    pub(crate) fn stream_state(&self) -> StreamState {
        self.broadcast.counts().streams[0].state
    }
}

/// A port of the loopback that nobody uses.
pub(crate) fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program of FFmpeg's that goes on until it is told to stop.
pub(crate) struct Receiver(Child);

impl Receiver {
    /// `ffmpeg` with arguments separated by blanks, in `folder`.
    pub(crate) fn ffmpeg(folder: &Path, arguments: &str) -> Self {
        let log = std::fs::File::create(folder.join("receiver.log")).unwrap();
        let child = Command::new("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits for its own end, at most ten seconds, or asks for it after that.
    pub(crate) fn wait(&mut self) {
        use std::io::Write as _;
        let began = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if began.elapsed() > Duration::from_secs(10) {
                let _ = self.0.kill();
            } else if began.elapsed() > Duration::from_secs(1) {
                let _ = self.0.stdin.as_mut().map(|keys| keys.write_all(b"q"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A hash of each decoded picture of a film.
pub(crate) fn pictures(file: &Path) -> Vec<String> {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-i", file.to_str().unwrap()])
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let hash = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
    text.lines().filter(|line| !line.starts_with('#')).map(hash).collect()
}

/// Asserts that `received` has what was `recorded`, without a hole, and says how much is missing before
/// and after.
pub(crate) fn assert_same_pictures(received: &[String], recorded: &[String]) -> (usize, usize) {
    assert!(received.len() >= 10, "only {} pictures were received", received.len());
    let at = recorded.iter().position(|picture| *picture == received[0]);
    let at = at.expect("the first picture that was received was not recorded");
    let common = received.len().min(recorded.len() - at);
    assert_eq!(received[..common], recorded[at..at + common], "from picture {at} on");
    assert_eq!(common, received.len(), "more was received than recorded");
    (at, recorded.len() - at - common)
}

/// Presentation times of a film's pictures in seconds, and whether each is a key frame.
pub(crate) fn times_and_keys(file: &Path) -> Vec<(f64, bool)> {
    let lines = super::films::probe(file, "v:0", "packet=pts_time,flags");
    let read = |line: &String| {
        let (time, flags) = line.split_once(',').unwrap();
        (time.parse().unwrap(), flags.contains('K'))
    };
    lines.iter().map(read).collect()
}
