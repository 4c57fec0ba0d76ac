//! A real window on a display of its own: Xvfb, an X server without a screen. xdotool presses keys and
//! moves the window about, FFmpeg takes pictures of the display. Without these programs the tests say so
//! and pass.
//!
//! The window is in a process of its own, this same program started again for its one ignored test, because
//! a window takes its display from the environment and belongs to the thread that opened it.
#![cfg(all(feature = "window", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

#[path = "common/display.rs"]
mod display;

use display::{Display, PATIENCE, SCREEN, lines};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use stylecast::frame::{Frame, Size};
use stylecast::sink::window::{Help, Hud, Message, Window};

const PICTURE: Size = Size::new(320, 180);

const LIGHT: [u8; 3] = [200, 120, 40];
const DEEP: [u8; 3] = [40, 90, 180];

/// Light on the left half, deep on the right.
fn picture() -> Frame {
    Frame::from_fn(PICTURE, |x, _| if x < PICTURE.width / 2 { LIGHT } else { DEEP })
}

// --- The process with the window ------------------------------------------------------------------

#[test]
#[ignore = "the process with the window, started by the other tests"]
fn the_process_with_the_window() {
    let mut window = match Window::open("stylecast test", PICTURE) {
        Ok(window) => window,
        Err(error) => return println!("\n#error {error} | {}", error.next_step().unwrap_or_default()),
    };
    window.when_lost(|| {
        println!("\n#farewell");
        7
    });
    let orders = lines(std::io::stdin());
    let (mut sleep, mut overlay) = (5, String::new());
    window.show(&picture(), |_| {}).unwrap();
    println!("\n#open");
    loop {
        let presses = window.poll();
        presses.iter().for_each(|press| println!("#{press:?}"));
        match orders.try_recv().as_deref() {
            Ok("quit") | Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            Ok("pointer") => println!("#{:?}", window.pointer()),
            Ok(order) if order.starts_with("sleep ") => {
                sleep = order["sleep ".len()..].parse().unwrap();
                println!("#sleeping");
            }
            Ok(order) => {
                overlay = order.to_owned();
                window.show(&picture(), |frame| draw(&overlay, frame)).unwrap();
                println!("#shown");
            }
            Err(_) => {}
        }
        if window.is_stale() {
            window.show(&picture(), |frame| draw(&overlay, frame)).unwrap();
            println!("#resized");
        }
        std::thread::sleep(Duration::from_millis(sleep));
    }
}

fn draw(overlay: &str, frame: &mut Frame) {
    match overlay {
        "hud" => Hud {
            style: Some("Great Wave".to_owned()),
            fps: Some(12.0),
            message: Some(Message { text: "saved clip.mkv".to_owned(), age: Duration::ZERO }),
            ..Hud::default()
        }
        .draw(frame),
        "help" => Help { title: "Keys", keys: &[("q", "quit"), ("h ?", "this help")] }.draw(frame),
        _ => {}
    }
}

// --- The display, and the window as seen from outside ----------------------------------------------

/// The process with the window.
struct Shown<'a> {
    display: &'a Display,
    process: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
    id: String,
}

fn start(display: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_process_with_the_window", "--nocapture"])
        .env("DISPLAY", display)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

impl<'a> Shown<'a> {
    fn open(display: &'a Display) -> Self {
        let mut process = start(&display.name);
        let (orders, answers) = (process.stdin.take().unwrap(), lines(process.stdout.take().unwrap()));
        let mut shown = Self { display, process, orders, answers, id: String::new() };
        shown.wait_for("open");
        let found = display.run("xdotool search --name ^stylecast.test$");
        shown.id = found.split_whitespace().next().unwrap().to_owned();
        // There is no window manager to give it the keys.
        shown.act("windowfocus --sync {}");
        shown
    }

    /// One xdotool command, `{}` being this window.
    #[track_caller]
    fn act(&self, command: &str) {
        self.display.run(&format!("xdotool {}", command.replace("{}", &self.id)));
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// The next thing that the window has told, `None` if it tells nothing for so long.
    fn next(&self, patience: Duration) -> Option<String> {
        let until = Instant::now() + patience;
        loop {
            match self.answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(answer) = line.strip_prefix('#') {
                        return Some(answer.to_owned());
                    }
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => return Some("gone".to_owned()),
            }
        }
    }

    #[track_caller]
    fn wait_for(&self, expected: &str) {
        assert_eq!(self.next(PATIENCE).as_deref(), Some(expected));
    }

    /// Changes the window's size and waits until the picture has followed.
    #[track_caller]
    fn resize(&self, width: usize, height: usize) {
        self.act(&format!("windowsize {{}} {width} {height}"));
        self.wait_for("resized");
    }

    /// What a window manager sends when its button to close the window is clicked. There is none here, and
    /// older versions of xdotool cannot, so it is said in the X protocol itself.
    fn ask_to_close(&self) {
        let socket = format!("/tmp/.X11-unix/X{}", &self.display.name[1..]);
        let mut server = UnixStream::connect(socket).unwrap();
        // Little-endian, version 11, no authorization; the answer tells its own length in words.
        server.write_all(&[b'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let mut head = [0; 8];
        server.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 1, "the server does not let us in");
        let mut rest = vec![0; 4 * usize::from(u16::from_le_bytes([head[6], head[7]]))];
        server.read_exact(&mut rest).unwrap();
        let mut atom = |name: &str| {
            let words = (8 + name.len().next_multiple_of(4)) / 4;
            let mut request = vec![16, 0, words as u8, 0, name.len() as u8, 0, 0, 0];
            request.extend(name.bytes());
            request.resize(4 * words, 0);
            server.write_all(&request).unwrap();
            let mut answer = [0; 32];
            server.read_exact(&mut answer).unwrap();
            u32::from_le_bytes([answer[8], answer[9], answer[10], answer[11]])
        };
        let (protocols, delete) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
        let window: u32 = self.id.parse().unwrap();
        // SendEvent to the window's owner: a client message of 32-bit words.
        let mut request = vec![25, 0, 11, 0];
        for word in [window, 0, 0x2021, window, protocols, delete, 0, 0, 0, 0] {
            request.extend(u32::to_le_bytes(word));
        }
        server.write_all(&request).unwrap();
        // An answer to something asked later: it has been read.
        let mut head = [0; 32];
        server.write_all(&[43, 0, 1, 0]).unwrap();
        server.read_exact(&mut head).unwrap();
    }

    /// Everything that was pressed, up to a key that the test does not otherwise use.
    #[track_caller]
    fn presses(&self) -> Vec<String> {
        self.act("key --delay 0 underscore");
        let mut presses = Vec::new();
        loop {
            match self.next(PATIENCE) {
                Some(press) if press == "Char('_')" => return presses,
                Some(press) => presses.push(press),
                None => panic!("the window is silent after {presses:?}"),
            }
        }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// --- What is promised -------------------------------------------------------------------------------

#[test]
fn every_key_arrives_once_and_in_order_however_short() {
    let Some(display) = Display::start() else { return };
    let mut shown = Shown::open(&display);
    shown.act("key --delay 0 q q space 1 Left Right s S");
    let expected = "Char('q') Char('q') Char(' ') Char('1') Left Right Char('s') Char('S')";
    assert_eq!(shown.presses().join(" "), expected);
    // Nobody looks for most of a second, and all of it is typed meanwhile.
    shown.order("sleep 700");
    shown.wait_for("sleeping");
    shown.act("key --delay 0 r c m Escape x d h r");
    let expected = "Char('r') Char('c') Char('m') Escape Char('x') Char('d') Char('h') Char('r')";
    assert_eq!(shown.presses().join(" "), expected);
}

#[test]
fn characters_are_those_of_the_keyboards_layout() {
    let Some(display) = Display::start() else { return };
    let shown = Shown::open(&display);
    display.run("setxkbmap de");
    // By their places: 8 and 9 with AltGr, the key after 0 with shift, the key before right shift, and y.
    for keys in
        ["keydown 108 key --delay 0 17 18 keyup 108", "keydown 50 key --delay 0 20 keyup 50", "key 61 29"]
    {
        shown.act(keys);
    }
    display.run("setxkbmap us");
    shown.act("key --delay 0 34 35 20 21 29");
    let pressed = shown.presses().join(" ");
    let german = "Char('[') Char(']') Char('?') Char('-') Char('z')";
    let american = "Char('[') Char(']') Char('-') Char('=') Char('y')";
    assert_eq!(pressed, format!("{german} {american}"));
}

#[test]
fn a_key_held_down_is_pressed_once_and_then_repeats() {
    let Some(display) = Display::start() else { return };
    let shown = Shown::open(&display);
    shown.act("keydown s");
    shown.wait_for("Char('s')");
    for _ in 0..3 {
        shown.wait_for("Repeat('s')");
    }
    shown.act("keyup s");
    let rest = shown.presses();
    assert!(rest.iter().all(|press| press == "Repeat('s')"), "{rest:?}");
}

/// The screen's columns or rows that belong to the picture, along a line through its middle.
fn extent(colors: impl Iterator<Item = [u8; 3]>) -> (usize, usize) {
    let inside: Vec<_> = colors.enumerate().filter(|(_, color)| *color != [0; 3]).map(|(at, _)| at).collect();
    (inside[0], inside[inside.len() - 1] + 1)
}

#[test]
fn the_picture_keeps_its_shape_in_a_window_of_any_size() {
    let Some(display) = Display::start() else { return };
    let shown = Shown::open(&display);
    // First: twice as large, in the middle of the screen.
    shown.act("mousemove 0 0");
    let seen = display.picture();
    let row = |y: usize| move |x: usize| (x, y);
    let along = |seen: &Frame, y| extent((0..SCREEN.width).map(row(y)).map(|(x, y)| seen.pixel(x, y)));
    let down = |seen: &Frame, x| extent((0..SCREEN.height).map(|y| seen.pixel(x, y)));
    assert_eq!((along(&seen, 350), down(&seen, 500)), ((180, 820), (170, 530)));
    shown.act("windowmove --sync {} 0 0");
    for ((width, height), across, downwards) in [
        ((1000, 600), (0, 1000), (18, 581)),
        ((900, 450), (50, 850), (0, 450)),
        ((200, 300), (0, 200), (93, 206)),
    ] {
        shown.resize(width, height);
        let seen = display.picture();
        let middle = (width / 2, height / 2);
        let found = (along(&seen, middle.1), down(&seen, middle.0));
        assert_eq!(found, (across, downwards), "{width}x{height}");
        // Left and right where they were, and the edge between them smooth.
        assert_eq!(seen.pixel(across.0 + 9, middle.1), LIGHT);
        assert_eq!(seen.pixel(across.1 - 9, middle.1), DEEP);
    }
}

#[test]
fn the_pointer_is_found_in_the_picture_and_not_beside_it() {
    let Some(display) = Display::start() else { return };
    let mut shown = Shown::open(&display);
    shown.act("windowmove --sync {} 0 0");
    shown.resize(900, 450);
    for (at, expected) in
        [("450 225", Some((0.5, 0.5))), ("250 45", Some((0.25, 0.1))), ("20 200", None), ("950 100", None)]
    {
        shown.act(&format!("mousemove {at}"));
        // The pointer is that of the last look, which is due within milliseconds.
        shown.order("sleep 5");
        shown.wait_for("sleeping");
        shown.order("pointer");
        let told = shown.next(PATIENCE).unwrap();
        match expected {
            None => assert_eq!(told, "None", "{at}"),
            Some((x, y)) => {
                let numbers = told.trim_start_matches("Some((").trim_end_matches("))");
                let (across, down) = numbers.split_once(", ").unwrap_or_else(|| panic!("{at}: {told}"));
                let off = |told: &str, meant: f32| (told.parse::<f32>().unwrap() - meant).abs();
                assert!(off(across, x) < 0.002 && off(down, y) < 0.002, "{at}: {told}");
            }
        }
    }
}

#[test]
fn instruments_and_help_are_drawn_at_the_windows_own_size() {
    let Some(display) = Display::start() else { return };
    let mut shown = Shown::open(&display);
    shown.act("windowmove --sync {} 0 0");
    shown.resize(960, 540);
    for (overlay, order) in [("hud", "hud"), ("help", "help"), ("none", "nothing")] {
        shown.order(order);
        shown.wait_for("shown");
        let seen = display.picture();
        // What the library draws into the enlarged picture is on the screen pixel by pixel.
        let mut expected = Frame::from_fn(Size::new(960, 540), |_, _| [0; 3]);
        stylecast::resize::resize_frame_into(&picture(), &mut expected);
        draw(overlay, &mut expected);
        for y in 0..540 {
            for x in 0..960 {
                assert_eq!(seen.pixel(x, y), expected.pixel(x, y), "{overlay}: {x}, {y}");
            }
        }
    }
}

#[test]
fn closing_the_window_is_told_once() {
    let Some(display) = Display::start() else { return };
    let mut shown = Shown::open(&display);
    shown.act("key --delay 0 s");
    shown.ask_to_close();
    shown.wait_for("Char('s')");
    shown.wait_for("Closed");
    shown.order("nothing");
    shown.wait_for("shown");
    shown.order("quit");
    assert_eq!(shown.next(PATIENCE).as_deref(), Some("gone"));
    assert!(shown.process.wait().unwrap().success());
}

#[test]
fn a_window_that_is_lost_says_farewell_and_ends_the_process() {
    let Some(display) = Display::start() else { return };
    // As xkill does it: the connection is cut. And then: only the window is taken away.
    for how in ["windowkill {}", "windowclose {}"] {
        let mut shown = Shown::open(&display);
        shown.act(how);
        // Noticed at the latest by whoever draws; nobody may be left to take this order.
        let _ = writeln!(shown.orders, "nothing");
        shown.wait_for("farewell");
        assert_eq!(shown.process.wait().unwrap().code(), Some(7), "{how}");
    }
}

#[test]
fn without_a_display_it_is_an_error_with_a_next_step() {
    for (display, cause) in [("", "DISPLAY is not set"), (":4711", "the display :4711 does not answer")] {
        let output = start(display).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8(output.stdout).unwrap();
        let error =
            told.lines().find_map(|line| line.strip_prefix("#error ")).unwrap_or_else(|| panic!("{told}"));
        assert!(error.starts_with("cannot open a window: ") && error.contains(cause), "{error}");
        assert!(error.contains("--no-window"), "{error}");
    }
}
