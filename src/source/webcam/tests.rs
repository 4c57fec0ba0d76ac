//! A camera that is played: what happens to a run when it is unplugged, hangs, breaks or comes back
//! otherwise.

use super::choose::Choice;
use super::decode::{Layout, UVC};
use super::driver::{Device, Opened, Raw};
use super::*;
use std::sync::{Arc, Mutex, MutexGuard};

/// How the played camera behaves from now on; changed by the test while it runs.
#[derive(Debug, Clone)]
struct Mood {
    /// What is plugged in.
    cameras: Vec<CameraInfo>,
    /// What opening it meets.
    open: Option<Trouble>,
    /// What reading it meets.
    read: Option<Trouble>,
    /// Whether it sends.
    sends: bool,
    /// Whether its driver never returns.
    hangs: bool,
    panics: bool,
    /// What it sends of a picture.
    bytes: Option<Vec<u8>>,
    opened: usize,
}

#[derive(Clone)]
struct Stage(Arc<Mutex<Mood>>);

impl Stage {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Mood {
            cameras: vec![camera("Played Camera", 64, 48)],
            open: None,
            read: None,
            sends: true,
            hangs: false,
            panics: false,
            bytes: None,
            opened: 0,
        })))
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Result<Webcam> {
        Webcam::with(self.clone(), None, &CameraWish::default(), SHORT)
    }
}

/// So that tests are quick. Nothing is asserted of how long anything takes.
const SHORT: Patience = Patience {
    open: Duration::from_secs(5),
    stall: Duration::from_millis(250),
    retry: Duration::from_millis(5),
    leave: Duration::from_millis(100),
};

fn camera(name: &str, width: usize, height: usize) -> CameraInfo {
    let rates = vec![FrameRate::new(30, 1)];
    CameraInfo {
        index: 0,
        path: None,
        name: name.into(),
        bus: "usb-1".into(),
        modes: vec![CameraMode { size: Size::new(width, height), format: PixelFormat::Grey, rates }],
        trouble: None,
    }
}

impl Driver for Stage {
    fn cameras(&self) -> Vec<CameraInfo> {
        self.mood().cameras.clone()
    }

    fn open(&self, _: &CameraInfo, choice: &Choice) -> Result<Opened, Trouble> {
        let mut mood = self.mood();
        if let Some(trouble) = &mood.open {
            return Err(trouble.clone());
        }
        mood.opened += 1;
        let layout = Layout { format: choice.format, size: choice.size, stride: 0, colour: UVC };
        Ok(Opened { layout, rate: choice.rate, device: Box::new(Played { stage: self.clone(), layout }) })
    }
}

struct Played {
    stage: Stage,
    layout: Layout,
}

impl Device for Played {
    fn next(&mut self, patience: Duration) -> Result<Option<Raw>, Trouble> {
        let mood = self.stage.mood().clone();
        if mood.hangs {
            loop {
                std::thread::park();
            }
        }
        assert!(!mood.panics, "a driver that was played to fail (this message is meant to be here)");
        if let Some(trouble) = mood.read {
            return Err(trouble);
        }
        std::thread::sleep(Duration::from_millis(2).min(patience));
        let bytes = mood.bytes.unwrap_or_else(|| vec![126; self.layout.size.pixels()]);
        Ok(mood.sends.then(|| Raw { bytes, at: Instant::now() }))
    }
}

/// Reads until a note has these words; far longer than it can take.
#[track_caller]
fn until_noted(webcam: &mut Webcam, words: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for _ in 0..3000 {
        let _ = webcam.next(Duration::from_millis(10)).unwrap();
        notes.append(&mut webcam.take_notes());
        if notes.iter().any(|note| note.contains(words)) {
            return notes;
        }
    }
    panic!("nobody said '{words}': {notes:?}");
}

#[track_caller]
fn frame(webcam: &mut Webcam) -> Captured {
    for _ in 0..500 {
        if let Arrival::Frame(captured) = webcam.next(Duration::from_millis(20)).unwrap() {
            return captured;
        }
    }
    panic!("no frame came");
}

#[test]
fn frames_are_numbered_without_holes_and_their_times_rise() {
    let mut webcam = Stage::new().open().unwrap();
    assert_eq!(webcam.info().size, Size::new(64, 48));
    assert_eq!((webcam.name(), webcam.format()), ("Played Camera", PixelFormat::Grey));
    let frames: Vec<_> = (0..10).map(|_| frame(&mut webcam)).collect();
    for (n, captured) in frames.iter().enumerate() {
        assert_eq!(captured.timed.index, FrameIndex(n as u64));
        assert_eq!(captured.timed.frame.size(), Size::new(64, 48));
    }
    assert!(
        frames
            .windows(2)
            .all(|pair| { pair[0].timed.timestamp < pair[1].timed.timestamp && pair[0].at < pair[1].at })
    );
    assert_eq!(webcam.take_notes(), Vec::<String>::new());
}

#[test]
fn unplugging_is_told_once_and_waited_for() {
    let stage = Stage::new();
    let mut webcam = stage.open().unwrap();
    frame(&mut webcam);
    {
        let mut mood = stage.mood();
        mood.cameras.clear();
        mood.read = Some(Trouble::Gone);
    }
    let notes = until_noted(&mut webcam, "was unplugged");
    assert_eq!(notes.len(), 1, "{notes:?}");
    for _ in 0..20 {
        assert!(matches!(
            webcam.next(Duration::from_millis(5)).unwrap(),
            Arrival::Nothing | Arrival::Frame(_)
        ));
    }
    assert_eq!(webcam.take_notes(), Vec::<String>::new());
    {
        // It comes back under another number and in another size.
        let mut mood = stage.mood();
        mood.cameras = vec![camera("Another", 64, 48), camera("Played Camera", 32, 24)];
        mood.cameras[1].index = 7;
        mood.read = None;
    }
    assert_eq!(until_noted(&mut webcam, "is back").len(), 1);
    // All frames are of one size nevertheless.
    assert_eq!(frame(&mut webcam).timed.frame.size(), Size::new(64, 48));
}

#[test]
fn one_that_stops_sending_is_opened_again() {
    let stage = Stage::new();
    let mut webcam = stage.open().unwrap();
    frame(&mut webcam);
    stage.mood().sends = false;
    until_noted(&mut webcam, "has sent nothing for");
    stage.mood().sends = true;
    until_noted(&mut webcam, "is back");
    assert!(stage.mood().opened >= 2);
}

#[test]
fn trouble_that_turns_into_another_is_told_anew() {
    let stage = Stage::new();
    let mut webcam = stage.open().unwrap();
    {
        let mut mood = stage.mood();
        mood.read = Some(Trouble::Other("input/output error".into()));
        mood.open = Some(Trouble::Busy);
    }
    let notes = until_noted(&mut webcam, "another program is using it");
    assert!(notes[0].contains("input/output error"), "{notes:?}");
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn a_driver_that_panics_is_trouble_like_any_other() {
    let stage = Stage::new();
    let mut webcam = stage.open().unwrap();
    stage.mood().panics = true;
    until_noted(&mut webcam, "its driver failed");
    stage.mood().panics = false;
    until_noted(&mut webcam, "is back");
}

#[test]
fn broken_pictures_are_left_out_counted_and_told_once() {
    let stage = Stage::new();
    let mut webcam = stage.open().unwrap();
    frame(&mut webcam);
    stage.mood().bytes = Some(vec![0; 10]);
    let mut notes = until_noted(&mut webcam, "broken picture");
    while webcam.broken() < 5 {
        assert!(matches!(
            webcam.next(Duration::from_millis(10)).unwrap(),
            Arrival::Nothing | Arrival::Frame(_)
        ));
        notes.append(&mut webcam.take_notes());
    }
    assert_eq!(notes.len(), 1, "{notes:?}");
    stage.mood().bytes = None;
    // Numbers have no holes where pictures were left out.
    let (one, two) = (frame(&mut webcam).timed.index.0, frame(&mut webcam).timed.index.0);
    assert_eq!(two, one + 1);
}

#[test]
fn odd_sizes_are_made_even_and_said() {
    let stage = Stage::new();
    stage.mood().cameras = vec![camera("Played Camera", 65, 49)];
    let mut webcam = stage.open().unwrap();
    assert_eq!(webcam.info().size, Size::new(64, 48));
    assert_eq!(frame(&mut webcam).timed.frame.size(), Size::new(64, 48));
    assert!(webcam.take_notes()[0].contains("even sides"));
}

#[test]
fn what_cannot_be_opened_is_an_error_with_a_next_step() {
    for (trouble, words) in [
        (Trouble::Busy, "another program"),
        (Trouble::Denied, "permission denied"),
        (Trouble::Gone, "not plugged in"),
        (Trouble::Unreadable, "no mode"),
    ] {
        let stage = Stage::new();
        stage.mood().open = Some(trouble);
        let error = stage.open().unwrap_err();
        assert!(error.to_string().contains("Played Camera") && error.to_string().contains(words), "{error}");
        assert!(error.next_step().is_some());
    }
    let stage = Stage::new();
    stage.mood().cameras.clear();
    assert!(stage.open().unwrap_err().to_string().contains("there is no camera"));
}

#[test]
fn a_driver_that_hangs_holds_nobody_up() {
    let stage = Stage::new();
    let mut webcam = stage.open().unwrap();
    stage.mood().hangs = true;
    // At most the pictures that were on their way; then nothing, and dropping returns.
    while matches!(webcam.next(Duration::from_millis(50)).unwrap(), Arrival::Frame(_)) {}
    assert!(matches!(webcam.next(Duration::from_millis(50)).unwrap(), Arrival::Nothing));
    drop(webcam);
}
