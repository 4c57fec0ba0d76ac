//! A display of its own for a test: Xvfb, an X server without a screen. xdotool presses keys and moves
//! windows about, FFmpeg takes pictures of it. Without these programs a test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests may panic like tests")]
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use stylecast::frame::{Frame, Size};

pub const SCREEN: Size = Size::new(1000, 700);

/// After this a test has failed: nothing that is waited for takes a tenth of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Lines as they come, read by a thread so that they can be waited for with a limit.
pub fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(from).lines().map_while(Result::ok);
        lines.take_while(|line| sender.send(line.clone()).is_ok()).count()
    });
    receiver
}

/// An X server, ended when dropped.
pub struct Display {
    server: Child,
    /// As the environment's DISPLAY wants it.
    pub name: String,
}

impl Display {
    /// `None`, with a sentence, if a program is missing.
    pub fn start() -> Option<Self> {
        for (program, question) in
            [("Xvfb", "-help"), ("xdotool", "version"), ("setxkbmap", "-version"), ("ffmpeg", "-version")]
        {
            let asked =
                Command::new(program).arg(question).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if asked.is_err() {
                println!("skipped: there is no {program} (scripts/setup installs it)");
                return None;
            }
        }
        // The server looks for a free number itself and writes it to its standard output.
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-ardelay",
                "200",
                "-arinterval",
                "30",
                "-screen",
                "0",
            ])
            .arg(format!("{SCREEN}x24"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let number = lines(server.stdout.take().unwrap()).recv_timeout(PATIENCE).unwrap();
        Some(Self { server, name: format!(":{number}") })
    }

    /// Runs a program on this display and returns what it printed.
    #[track_caller]
    pub fn run(&self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let output =
            Command::new(words.next().unwrap()).args(words).env("DISPLAY", &self.name).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The whole screen.
    pub fn picture(&self) -> Frame {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size"])
            .args([&SCREEN.to_string(), "-i", &self.name])
            .args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Frame::new(SCREEN, output.stdout).unwrap()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
