//! Live painting keeps its deadline, and what it is told while it paints is seen in the next frames.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/painting.rs"]
mod painting;

use painting::{network, picture};
use stylecast::frame::{Frame, Size};
use stylecast::resize::resize_frame;
use stylecast::stylize::{LivePainter, Look, PaintSettings, Painter};

fn scene() -> Frame {
    resize_frame(&picture("summertime.jpg"), Size::new(160, 112))
}

/// A painter of two looks: a painting in blue and white, and one in warm colours.
fn painter(iterations: usize, paint_size: usize) -> Painter {
    let settings = PaintSettings {
        iterations,
        first_iterations: iterations,
        paint_size: Some(paint_size),
        ..PaintSettings::default()
    };
    let looks: Vec<Look> =
        ["auvers.jpg", "composition-viii.jpg"].map(|name| vec![(picture(name), 1.0)].into()).into();
    Painter::with_looks(network(), settings, looks).unwrap()
}

fn mean(frame: &Frame) -> [f64; 3] {
    let (pixels, _) = frame.data().as_chunks::<3>();
    std::array::from_fn(|c| pixels.iter().map(|p| f64::from(p[c])).sum::<f64>() / pixels.len() as f64)
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_frame_gets_one_iteration_however_little_time_there_is_and_no_more_than_the_most() {
    let mut hurried = LivePainter::new(painter(1000, 160), 1e-6, scene().size()).unwrap();
    let first = hurried.paint(scene()).unwrap();
    assert!(first.report.iterations >= 1 && first.frame.size() == scene().size());
    // Little by little it paints smaller, down to a size that still says something.
    let mut moving = |i: usize| {
        let frame = Frame::from_fn(scene().size(), |x, y| scene_at(x + i, y));
        hurried.paint(frame).unwrap()
    };
    (0..6).for_each(|i| assert_eq!(moving(i).report.iterations, 1));
    assert_eq!(hurried.paint_size().longest_side(), 104);

    let mut idle = LivePainter::new(painter(2, 96), 1e6, scene().size()).unwrap();
    assert_eq!(idle.paint(scene()).unwrap().report.iterations, 2);
}

fn scene_at(x: usize, y: usize) -> [u8; 3] {
    [(x * 3 % 256) as u8, (y * 2 % 256) as u8, ((x + y) % 256) as u8]
}

#[test]
fn the_paint_goes_on_at_another_size() {
    let mut painter = painter(12, 96);
    let fresh = painter.paint(&scene()).unwrap().report;
    painter.set_paint_size(128);
    let larger = painter.paint(&scene()).unwrap().report;
    assert!(!larger.cut);
    assert!(larger.first_loss < fresh.first_loss.map(|loss| 0.7 * loss), "{fresh:?} {larger:?}");
    painter.set_paint_size(96);
    let again = painter.paint(&scene()).unwrap().report;
    assert!(again.first_loss < fresh.first_loss.map(|loss| 0.7 * loss), "{fresh:?} {again:?}");
}

#[test]
fn another_look_is_seen_in_the_next_frame_and_a_fade_lies_between() {
    let mut painter = painter(2, 96);
    let before = mean(&painter.paint(&scene()).unwrap().frame);
    assert!(!painter.mix(&[(0, 1.0)]), "that is what it paints in");
    assert!(painter.mix(&[(1, 1.0)]));
    let after = mean(&painter.paint(&scene()).unwrap().frame);
    let (old, new) = (mean(&picture("auvers.jpg")), mean(&picture("composition-viii.jpg")));
    assert!(distance(after, new) < 0.5 * distance(before, new), "{before:?} {after:?}, wanted {new:?}");
    assert!(distance(before, old) < distance(after, old));
    assert!(painter.mix(&[(0, 0.5), (1, 0.5)]));
    let between = mean(&painter.paint(&scene()).unwrap().frame);
    assert!(distance(between, new) > distance(after, new));
    assert!(!painter.mix(&[(7, 1.0)]), "no such look");
}

#[test]
fn a_style_that_counts_for_more_is_seen() {
    let departs = |weight: Option<f64>| {
        let mut painter = painter(4, 96);
        painter.paint(&scene()).unwrap();
        weight.into_iter().for_each(|weight| painter.set_style_weight(weight));
        let frame = painter.paint(&scene()).unwrap().frame;
        let differences = frame.data().iter().zip(scene().data().to_vec());
        differences.map(|(a, b)| f64::from(a.abs_diff(b))).sum::<f64>()
    };
    assert!(departs(Some(100.0)) > departs(None));
    assert!(departs(None) > departs(Some(0.03)));
    assert_eq!(departs(Some(f64::NAN)), departs(None), "what is no number changes nothing");
}
