//! The painter paints: the objective falls, a warm start is worth iterations, and the same settings
//! give the same bytes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/painting.rs"]
mod painting;

use painting::{network, picture};
use std::ops::ControlFlow;
use stylecast::error::ErrorKind;
use stylecast::frame::{Frame, Size};
use stylecast::resize::resize_frame;
use stylecast::stylize::{OptimizerKind, PaintSettings, Painter, Start};
use stylecast::vgg::Network;

/// A view of a picture that moves by a pixel a frame.
fn scene(t: usize) -> Frame {
    let picture = resize_frame(&picture("summertime.jpg"), Size::new(96, 70));
    Frame::from_fn(Size::new(72, 48), |x, y| picture.pixel(x + t, y + 8))
}

fn style() -> Frame {
    picture("auvers.jpg")
}

fn painter(network: &Network, change: impl FnOnce(&mut PaintSettings)) -> Painter {
    let mut settings = PaintSettings { first_iterations: 30, iterations: 5, ..PaintSettings::default() };
    change(&mut settings);
    Painter::new(network.clone(), settings, vec![(style(), 1.0)]).unwrap()
}

#[test]
fn the_objective_falls_with_either_optimizer() {
    let network = network();
    for optimizer in [OptimizerKind::Adam, OptimizerKind::Lbfgs] {
        let painted = painter(&network, |s| s.optimizer = optimizer).paint(&scene(0)).unwrap();
        let (first, last) = (painted.report.first_loss.unwrap(), painted.report.last_loss.unwrap());
        assert!(last < 0.4 * first, "{optimizer}: {first} to {last}");
        assert_eq!(painted.frame.size(), scene(0).size());
    }
}

#[test]
fn a_warm_start_is_ahead_of_a_cold_one() {
    let network = network();
    let mut warm = painter(&network, |_| ());
    let mut cold = painter(&network, |s| s.start = Start::Content);
    for t in 0..3 {
        warm.paint(&scene(t)).unwrap();
        cold.paint(&scene(t)).unwrap();
    }
    let warm = warm.paint(&scene(3)).unwrap().report;
    let cold = cold.paint(&scene(3)).unwrap().report;
    assert_eq!(warm.iterations, 5);
    assert!(warm.last_loss < cold.last_loss.map(|loss| 0.8 * loss), "{warm:?} {cold:?}");
}

#[test]
fn the_same_settings_give_the_same_bytes() {
    let network = network();
    let film = |seed| {
        let mut painter =
            painter(&network, |s| (s.seed, s.start, s.first_iterations) = (seed, Start::Noise, 4));
        (0..2).map(|t| painter.paint(&scene(t)).unwrap().frame).collect::<Vec<_>>()
    };
    assert_eq!(film(1), film(1));
    assert_ne!(film(1), film(2));
}

#[test]
fn no_iterations_pass_frames_through() {
    let painted = painter(&network(), |s| s.iterations = 0).paint(&scene(0)).unwrap();
    assert_eq!(painted.frame, scene(0));
    assert_eq!(painted.report.iterations, 0);
}

#[test]
fn painted_smaller_it_still_has_its_size() {
    let painted = painter(&network(), |s| s.paint_size = Some(36)).paint(&scene(0)).unwrap();
    assert_eq!(painted.frame.size(), Size::new(72, 48));
    assert_ne!(painted.frame, scene(0));
}

#[test]
fn a_still_reports_every_step_and_stops_when_told() {
    let network = network();
    let mut seen = Vec::new();
    let painted = painter(&network, |_| ())
        .paint_still(&scene(0), |step| {
            seen.push((step.iteration, step.of));
            if step.iteration == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, (1..=7).map(|i| (i, 30)).collect::<Vec<_>>());
    assert_eq!(painted.report.iterations, 7);
    assert_ne!(painted.frame, scene(0));
}

#[test]
fn what_cannot_be_is_refused_with_a_next_step() {
    let network = network();
    let new = |settings: PaintSettings, styles| Painter::new(network.clone(), settings, styles);
    let one = || vec![(style(), 1.0)];
    let settings = |change: fn(&mut PaintSettings)| {
        let mut settings = PaintSettings::default();
        change(&mut settings);
        settings
    };
    let refused = [
        new(PaintSettings::default(), vec![]),
        new(PaintSettings::default(), vec![(style(), 0.0)]),
        new(PaintSettings::default(), vec![(style(), f64::NAN)]),
        new(settings(|s| s.learning_rate = f64::INFINITY), one()),
        new(settings(|s| s.learning_rate = 0.0), one()),
        new(settings(|s| s.objective.style_weight = -1.0), one()),
        new(settings(|s| s.objective.style_layers.clear()), one()),
        new(settings(|s| s.paint_size = Some(0)), one()),
    ];
    for (number, painter) in refused.into_iter().enumerate() {
        let error = painter.err().unwrap_or_else(|| panic!("case {number} was taken"));
        assert_eq!(error.kind(), ErrorKind::Usage, "case {number}");
        assert!(error.next_step().is_some(), "case {number}");
    }
    for size in [Size::new(1, 1), Size::new(15, 15), Size::new(200, 15)] {
        let tiny = Frame::from_fn(size, |_, _| [9; 3]);
        let error = painter(&network, |_| ()).paint(&tiny).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("too small"), "{error}");
        let error = new(PaintSettings::default(), vec![(tiny, 1.0)]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("too small"), "{error}");
    }
}
