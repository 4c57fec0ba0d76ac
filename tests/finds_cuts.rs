//! Cuts are found where they are, and nowhere else: sequences with known cuts and many without, made of the
//! sample clip, paintings and patterns, judged with the flow that paints.

#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path as FilePath, PathBuf};
use std::sync::LazyLock;
use stylecast::flow::{CutDetector, DenseFlow, Pyramid};
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_frame;
use stylecast::source::FrameSource;
use stylecast::source::pattern::{Pattern, PatternOptions};
use stylecast::source::scene::{Cutout, Edge, Path, Scene, SceneOptions, Swing};
use stylecast::source::still::read_picture;
use stylecast::source::video::{VideoOptions, VideoSource};

const SIZE: Size = Size::new(112, 64);
const PAINTINGS: [&str; 5] = ["auvers", "poppies", "summertime", "great-wave", "composition-viii"];

type Shot = Vec<Frame>;
type Grade = fn(f32) -> f32;

fn media(name: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("examples/media").join(name)
}

/// Large enough for close-ups at [`SIZE`], small enough to be quick.
fn still(picture: &Frame) -> Frame {
    resize_frame(picture, picture.size().fit(400))
}

fn painting(name: &str) -> Frame {
    still(&read_picture(&media(&format!("{name}.jpg"))).unwrap())
}

/// The first frame of the sample clip as a still, and all of them at [`SIZE`].
static CLIP: LazyLock<(Frame, Shot)> = LazyLock::new(|| {
    let mut film = VideoSource::open(&media("big-buck-bunny.mp4"), &VideoOptions::default()).unwrap();
    let mut frames = Vec::new();
    let mut first = None;
    while let Some(timed) = film.next_frame().unwrap() {
        frames.push(resize_frame(&timed.frame, SIZE));
        first.get_or_insert_with(|| still(&timed.frame));
    }
    (first.unwrap(), frames)
});

/// The frames that are the first of a shot, as the detector has it.
fn found(frames: &[Frame]) -> Vec<usize> {
    let flow = DenseFlow::default();
    let seen: Vec<_> = frames.iter().map(Pixels::from_frame).map(|p| (Pyramid::new(&p), p)).collect();
    let mut detector = CutDetector::new();
    let mut is_cut = |t: &usize| {
        let ((before, before_pixels), (after, after_pixels)) = (&seen[t - 1], &seen[*t]);
        detector.is_cut(before_pixels, after_pixels, &flow.between(before, after))
    };
    (1..frames.len()).filter(|t| is_cut(t)).collect()
}

/// Fails for all sequences together whose cuts are not where one shot joins the next.
#[track_caller]
fn expect_cuts(sequences: Vec<(String, Vec<Shot>)>) {
    let mut wrong = Vec::new();
    for (name, shots) in sequences {
        let lengths = shots.iter().scan(0, |at, shot| Some(std::mem::replace(at, *at + shot.len())));
        let expected: Vec<usize> = lengths.skip(1).collect();
        let found = found(&shots.concat());
        if found != expected {
            wrong.push(format!("{name}: cuts at {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn expect_none(sequences: Vec<(String, Shot)>) {
    expect_cuts(sequences.into_iter().map(|(name, shot)| (name, vec![shot])).collect());
}

/// `frames` of a still as a camera sees it.
fn shot(still: &Frame, frames: u64, camera: Path) -> Shot {
    noisy_shot(still, frames, camera, 0.0)
}

fn noisy_shot(still: &Frame, frames: u64, camera: Path, noise: f64) -> Shot {
    let options = SceneOptions { size: SIZE, frames, noise, ..SceneOptions::default() };
    let scene = Scene::new(options, still, camera, &[]);
    (0..frames).map(|t| scene.frame(FrameIndex(t))).collect()
}

/// A camera that is never quite still.
fn drift() -> Path {
    Path {
        right: Swing::steady(0.9),
        down: Swing::around(0.0, 1.4, 12.0),
        growth: Swing { start: 0.05, ..Swing::steady(0.003) },
        ..Path::default()
    }
}

/// Drifting over another part of a still, seen from twice as close.
fn elsewhere(right: f64, down: f64) -> Path {
    let drift = drift();
    Path {
        right: Swing { start: right, ..drift.right },
        down: Swing { start: down, ..drift.down },
        growth: Swing::still(0.7),
        ..drift
    }
}

fn pattern(seed: u64, frames: u64, motion: [f32; 2], from: u64) -> Shot {
    let pattern = Pattern::new(PatternOptions { size: SIZE, motion, seed, ..PatternOptions::default() });
    (from..from + frames).map(|t| pattern.frame(FrameIndex(t))).collect()
}

fn flat(value: u8, frames: usize) -> Shot {
    vec![Frame::from_fn(SIZE, |_, _| [value; 3]); frames]
}

/// Every sample through `to(frame, value)`.
fn graded(shot: &[Frame], to: impl Fn(usize, f32) -> f32) -> Shot {
    let grade = |(t, frame): (usize, &Frame)| {
        let mut frame = frame.clone();
        frame.data_mut().iter_mut().for_each(|v| *v = to(t, f32::from(*v)).round().clamp(0.0, 255.0) as u8);
        frame
    };
    shot.iter().enumerate().map(grade).collect()
}

fn named(kind: &str, name: &str) -> String {
    format!("{kind}, {name}")
}

#[test]
fn every_cut_between_shots_is_found() {
    let (bunny, clip) = CLIP.clone();
    let mut stills = vec![("clip", bunny)];
    stills.extend(PAINTINGS.map(|name| (name, painting(name))));
    let mut sequences = Vec::new();
    for (i, (name, still)) in stills.iter().enumerate() {
        let (other, next) = &stills[(i + 1) % stills.len()];
        let shots = vec![shot(still, 3, drift()), shot(next, 3, drift())];
        sequences.push((format!("{name} to {other}"), shots));
        let places = [(-84.0, 0.0), (63.0, 28.0), (-14.0, -42.0)];
        let shots = places.map(|(right, down)| shot(still, 3, elsewhere(right, down))).to_vec();
        sequences.push((named("elsewhere in the same picture", name), shots));
        let shots = vec![shot(still, 3, drift()), shot(still, 3, elsewhere(-20.0, 14.0))];
        sequences.push((named("a close-up", name), shots));
        let noisy = |still| noisy_shot(still, 3, drift(), 30.0);
        sequences.push((named("under noise", name), vec![noisy(still), noisy(next)]));
        let next = &stills[(i + 2) % stills.len()].1;
        let dark = |still| graded(&shot(still, 3, drift()), |_, v| 0.25 * v);
        sequences.push((named("in the dark", name), vec![dark(still), dark(next)]));
    }
    let turned = |frames: &[Frame], across: bool, along: bool| -> Shot {
        let turn = |frame: &Frame| {
            let at = |flip: bool, i: usize, n: usize| if flip { n - 1 - i } else { i };
            Frame::from_fn(SIZE, |x, y| frame.pixel(at(across, x, SIZE.width), at(along, y, SIZE.height)))
        };
        frames.iter().map(turn).collect()
    };
    sequences.extend([
        ("the clip mirrored".to_owned(), vec![clip[..4].to_vec(), turned(&clip[4..8], true, false)]),
        ("the clip upside down".to_owned(), vec![clip[..4].to_vec(), turned(&clip[4..8], false, true)]),
        ("every frame a shot".to_owned(), stills.iter().map(|(_, still)| shot(still, 1, drift())).collect()),
        (
            "after one frame".to_owned(),
            vec![shot(&stills[1].1, 1, elsewhere(-84.0, 0.0)), shot(&stills[1].1, 4, elsewhere(63.0, 28.0))],
        ),
    ]);
    let sliding = [1.5, -0.75];
    for seed in 0..4 {
        let shots = vec![pattern(seed, 3, sliding, 0), pattern(seed + 10, 3, sliding, 0)];
        sequences.push((format!("pattern {seed} to another"), shots));
        let shots = vec![pattern(seed, 3, sliding, 0), pattern(seed, 3, sliding, 200)];
        sequences.push((format!("elsewhere in pattern {seed}"), shots));
    }
    let pan = |still: &Frame, speed: f64| {
        let right = Swing { start: -2.0 * speed, ..Swing::steady(speed) };
        shot(still, 5, Path { right, growth: Swing::still(0.5), ..Path::default() })
    };
    sequences.push(("between pans".to_owned(), vec![pan(&stills[0].1, 6.0), pan(&stills[1].1, -6.0)]));
    sequences.push(("between whip pans".to_owned(), vec![pan(&stills[0].1, 28.0), pan(&stills[1].1, 28.0)]));
    expect_cuts(sequences);
}

#[test]
fn black_and_white_cards_are_cuts_and_fades_and_flashes_are_none() {
    let bunny = CLIP.0.clone();
    let other = painting("auvers");
    let (first, second) = (shot(&bunny, 3, drift()), shot(&other, 3, drift()));
    let cuts = [
        ("to black and back to the same", vec![first.clone(), flat(0, 3), first.clone()]),
        ("to black and on", vec![first.clone(), flat(0, 3), second.clone()]),
        ("one black frame", vec![first.clone(), flat(0, 1), first.clone()]),
        // White is told at its fourth frame: until then it may be a flash.
        ("a white card", vec![[first.clone(), flat(255, 3)].concat(), flat(255, 4), second.clone()]),
        ("a flash that hides a cut", vec![[first.clone(), flat(255, 1)].concat(), second.clone()]),
        ("from grey to black", vec![flat(128, 3), flat(0, 3)]),
    ];
    expect_cuts(cuts.map(|(name, shots)| (name.to_owned(), shots)).to_vec());

    let mut none = vec![("a flash in the dark".to_owned(), [flat(0, 3), flat(255, 1), flat(0, 3)].concat())];
    for (name, shot) in [("clip", shot(&bunny, 16, drift())), ("auvers", shot(&other, 16, drift()))] {
        let flashes: [(&str, Grade); 5] = [
            ("white", |_| 255.0),
            ("pale", |v| 0.15 * v + 217.0),
            ("bright", |v| v + 130.0),
            ("burnt out", |v| 3.0 * v + 60.0),
            ("flicker", |v| 1.6 * v),
        ];
        for (kind, flash) in flashes {
            for (from, to) in [(1, 2), (3, 6)] {
                let shot = graded(&shot[..8], |t, v| if (from..to).contains(&t) { flash(v) } else { v });
                none.push((format!("{name}: {kind} flash from {from} to {to}"), shot));
            }
        }
        for frames in if name == "clip" { vec![4.0, 10.0] } else { vec![4.0] } {
            let left = move |t: usize| (1.0 - (t as f32 - 2.0) / frames).clamp(0.0, 1.0);
            none.push((format!("{name}: out in {frames}"), graded(&shot, |t, v| v * left(t))));
            none.push((format!("{name}: in in {frames}"), graded(&shot, |t, v| v * (1.0 - left(t)))));
            let white = graded(&shot, |t, v| 255.0 - (255.0 - v) * left(t));
            none.push((format!("{name}: to white in {frames}"), white));
        }
        let gains = [1.0, 1.2, 1.5, 1.8, 1.8, 1.0, 0.6, 0.4, 0.4, 0.7];
        none.push((format!("{name}: exposure"), graded(&shot[..10], |t, v| v * gains[t])));
        none.push((
            format!("{name}: light off"),
            graded(&shot[..8], |t, v| if t < 4 { v } else { 0.35 * v }),
        ));
    }
    expect_none(none);
}

#[test]
fn nothing_that_moves_is_a_cut() {
    let (bunny, clip) = CLIP.clone();
    let mut stills = vec![("clip", bunny)];
    stills.extend(["auvers", "great-wave"].map(|name| (name, painting(name))));
    let mut none = Vec::new();
    let every = |step| clip.iter().step_by(step).cloned().collect();
    none.push(("the clip, every sixth".to_owned(), every(6)));
    for (i, (name, still)) in stills.iter().enumerate() {
        let close = Path { growth: Swing::still(0.7), ..Path::default() };
        for speed in [10.0, 20.0, 32.0, 42.0] {
            let right = Swing { start: -speed, ..Swing::steady(speed) };
            none.push((format!("{name}: pan by {speed}"), shot(still, 3, Path { right, ..close })));
        }
        // From rest to rest in 12 frames, by 27 pixels a frame at its fastest.
        let whip = Path { right: Swing { phase: -0.25, ..Swing::around(0.0, 52.0, 12.0) }, ..close };
        none.push((named("whip pan", name), blurred_whip(still, whip)));
        for rate in [0.15, -0.15] {
            let growth = Swing { start: if rate < 0.0 { 0.8 } else { 0.0 }, ..Swing::steady(rate) };
            none.push((
                format!("{name}: zoom by {rate}"),
                shot(still, 3, Path { growth, ..Path::default() }),
            ));
        }
        let turn = Swing::steady(0.2);
        none.push((named("turn", name), shot(still, 3, Path { turn, ..drift() })));
        for reach in [4.0, 10.0] {
            let shake = Path {
                right: Swing::around(0.0, reach, 3.3),
                down: Swing { phase: 0.3, ..Swing::around(0.0, reach, 4.1) },
                turn: Swing::around(0.0, 0.02, 2.7),
                growth: Swing::still(0.15),
                ..Path::default()
            };
            none.push((format!("{name}: shake by {reach}"), shot(still, 6, shake)));
        }
        for noise in [10.0, 30.0] {
            none.push((format!("{name}: moving, noise {noise}"), noisy_shot(still, 3, drift(), noise)));
            none.push((
                format!("{name}: still, noise {noise}"),
                noisy_shot(still, 3, Path::default(), noise),
            ));
        }
        none.push((named("still", name), shot(still, 3, Path::default())));
        let (other_name, other) = &stills[(i + 1) % stills.len()];
        for speed in [10.0, 20.0] {
            none.push((format!("{other_name} before {name} by {speed}"), covered(still, other, speed)));
        }
        for frames in [4, 8] {
            none.push((format!("{name} dissolves in {frames}"), dissolve(still, other, frames)));
        }
    }
    for speed in [1.5, 4.0, 9.0, 14.0] {
        none.push((format!("pattern by {speed}"), pattern(1, 4, [speed, -speed / 3.0], 0)));
    }
    expect_none(none);
}

/// A shot whose every frame is the mean of what the camera passes in half of a frame's time.
fn blurred_whip(still: &Frame, path: Path) -> Shot {
    const PARTS: usize = 4;
    let slow = |swing: Swing| Swing { period: swing.period * PARTS as f64, ..swing };
    let frames = shot(still, 13 * PARTS as u64, Path { right: slow(path.right), ..path });
    let mean = |parts: &[Frame]| {
        let half = &parts[..PARTS / 2];
        Frame::from_fn(SIZE, |x, y| {
            let sum = |c: usize| half.iter().map(|part| u32::from(part.pixel(x, y)[c])).sum::<u32>();
            [0, 1, 2].map(|c| (sum(c) / half.len() as u32) as u8)
        })
    };
    frames.chunks_exact(PARTS).map(mean).collect()
}

/// `object`, half as wide as the frame and as high, passes by.
fn covered(still: &Frame, object: &Frame, speed: f64) -> Shot {
    let half = [SIZE.width as f64 / 4.0, SIZE.height as f64 / 2.0];
    let right = Swing { start: -1.5 * SIZE.width as f64 / 2.0, ..Swing::steady(speed) };
    let path = Path { right, ..Path::default() };
    let object = Cutout { picture: object.clone(), half, corner: 0.0, edge: Edge::Smooth, path };
    let frames = (1.5 * SIZE.width as f64 / speed) as u64;
    let options = SceneOptions { size: SIZE, frames, ..SceneOptions::default() };
    let scene = Scene::new(options, still, drift(), &[object]);
    (0..frames.min(12)).map(|t| scene.frame(FrameIndex(t))).collect()
}

fn dissolve(first: &Frame, second: &Frame, frames: u64) -> Shot {
    let (first, second) = (shot(first, frames + 4, drift()), shot(second, frames + 4, drift()));
    let mix = |(t, (a, b)): (usize, (&Frame, &Frame))| {
        let weight = ((t as f32 - 2.0) / frames as f32).clamp(0.0, 1.0);
        let between = |a: u8, b: u8| (f32::from(a) + weight * (f32::from(b) - f32::from(a))).round() as u8;
        let data = a.data().iter().zip(b.data()).map(|(a, b)| between(*a, *b)).collect();
        Frame::new(a.size(), data).unwrap()
    };
    first.iter().zip(&second).enumerate().map(mix).collect()
}

#[test]
fn a_frame_of_another_size_is_a_cut() {
    let frames = |size| Pixels::from_frame(&Frame::from_fn(size, |x, y| [(x * 9) as u8, (y * 9) as u8, 80]));
    let (small, large) = (frames(Size::new(64, 48)), frames(Size::new(80, 48)));
    let flow = DenseFlow::default();
    let motion = flow.between(&Pyramid::new(&large), &Pyramid::new(&large));
    assert!(CutDetector::new().is_cut(&small, &large, &motion));
    assert!(!CutDetector::new().is_cut(&large, &large, &motion));
}
