//! Painted films are steady: paint moves with what it is painted on, nothing drifts, and a cut leaves
//! nothing of the shot before.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/painting.rs"]
mod painting;

use painting::network;
use std::ops::ControlFlow;
use stylecast::frame::{Frame, Size};
use stylecast::resize::resize_frame;
use stylecast::stylize::{OptimizerKind, PaintSettings, Painted, Painter, Start};
use stylecast::vgg::Network;

const VIEW: Size = Size { width: 72, height: 48 };

fn picture(name: &str) -> Frame {
    resize_frame(&painting::picture(name), Size::new(110, 80))
}

/// A view of `picture` that has moved `t` pixels to the right.
fn pan(picture: &Frame, t: usize) -> Frame {
    Frame::from_fn(VIEW, |x, y| picture.pixel(x + t, y + 8))
}

fn painter(network: &Network, change: impl FnOnce(&mut PaintSettings)) -> Painter {
    let mut settings = PaintSettings { first_iterations: 20, iterations: 5, ..PaintSettings::default() };
    change(&mut settings);
    Painter::new(network.clone(), settings, vec![(picture("auvers.jpg"), 1.0)]).unwrap()
}

fn paint_pan(network: &Network, frames: usize, change: impl FnOnce(&mut PaintSettings)) -> Vec<Painted> {
    let (mut painter, picture) = (painter(network, change), picture("summertime.jpg"));
    (0..frames).map(|t| painter.paint(&pan(&picture, t)).unwrap()).collect()
}

/// E_warp (Lai et al. 2018) of a pan by one pixel a frame: what was at column x + 1 is now at x. Mean over
/// the frames from the third on, in units of the 0..1 range.
fn warp_error(film: &[Painted]) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for pair in film[1..].windows(2) {
        for y in 0..VIEW.height {
            for x in 0..VIEW.width - 1 {
                let (before, after) = (pair[0].frame.pixel(x + 1, y), pair[1].frame.pixel(x, y));
                for (a, b) in before.iter().zip(after) {
                    sum += ((f64::from(*a) - f64::from(b)) / 255.0).powi(2);
                    count += 1;
                }
            }
        }
    }
    sum / f64::from(count)
}

#[test]
fn paint_moves_with_the_source_and_the_more_it_is_held_the_less_it_changes() {
    let network = network();
    let film = |start, steadiness| paint_pan(&network, 8, |s| (s.start, s.steadiness) = (start, steadiness));
    let previous = warp_error(&film(Start::Previous, 0.0));
    let [free, held, firm] = [0.0, 0.5, 0.95].map(|s| warp_error(&film(Start::Warped, s)));
    assert!(free < previous / 6.0, "{free} {previous}");
    assert!(held < free && firm < 0.5 * held, "{free} {held} {firm}");
}

#[test]
fn either_optimizer_keeps_what_it_learned() {
    let network = network();
    for optimizer in [OptimizerKind::Adam, OptimizerKind::Lbfgs] {
        let film = paint_pan(&network, 6, |s| s.optimizer = optimizer);
        let cold = paint_pan(&network, 6, |s| {
            (s.optimizer, s.start, s.steadiness) = (optimizer, Start::Content, 0.0);
        });
        let last = |film: &[Painted]| film[5].report.last_loss.unwrap();
        assert!(last(&film) < 0.8 * last(&cold), "{optimizer}: {} {}", last(&film), last(&cold));
    }
}

#[test]
fn a_cut_starts_afresh_and_shows_nothing_old() {
    let network = network();
    let (first, second) = (picture("summertime.jpg"), picture("composition-viii.jpg"));
    let mut film = painter(&network, |_| ());
    for t in 0..3 {
        let report = film.paint(&pan(&first, t)).unwrap().report;
        assert!(!report.cut, "frame {t}");
        assert_eq!(report.iterations, if t == 0 { 20 } else { 5 });
    }
    let after = film.paint(&pan(&second, 0)).unwrap();
    assert!(after.report.cut);
    assert_eq!(after.report.iterations, 20);
    // To the byte what a painter makes of it who has seen nothing else.
    assert_eq!(after.frame, painter(&network, |_| ()).paint(&pan(&second, 0)).unwrap().frame);
}

#[test]
fn a_still_scene_keeps_its_light_and_its_objective_does_not_rise() {
    let network = network();
    let (mut painter, picture) = (painter(&network, |_| ()), picture("summertime.jpg"));
    let film: Vec<_> = (0..30).map(|_| painter.paint(&pan(&picture, 0)).unwrap()).collect();
    let light = |painted: &Painted| {
        let data = painted.frame.data();
        data.iter().map(|v| f64::from(*v)).sum::<f64>() / data.len() as f64
    };
    let (early, late) = (light(&film[15]), light(&film[29]));
    assert!((late / early - 1.0).abs() < 0.01, "{early} {late}");
    for pair in film[1..].windows(2) {
        match (pair[0].report.last_loss, pair[1].report.last_loss) {
            (Some(before), Some(after)) => assert!(after <= 1.001 * before, "{before} {after}"),
            (_, None) => assert_eq!(pair[0].frame, pair[1].frame, "painting rests"),
            (None, Some(_)) => panic!("painting goes on though nothing has changed"),
        }
    }
}

#[test]
fn painting_rests_when_it_has_settled_and_goes_on_when_something_moves() {
    let network = network();
    let picture = picture("summertime.jpg");
    let mut painter = painter(&network, |s| (s.first_iterations, s.iterations) = (150, 20));
    let settled = (0..60).find(|_| painter.paint(&pan(&picture, 0)).unwrap().report.iterations == 0);
    assert!(settled.is_some(), "never at rest");
    assert_eq!(painter.paint(&pan(&picture, 1)).unwrap().report.iterations, 20);
}

#[test]
fn a_cameras_noise_does_not_keep_painting_from_its_rest() {
    let network = network();
    let picture = picture("summertime.jpg");
    let mut painter = painter(&network, |s| (s.first_iterations, s.iterations) = (150, 10));
    let mut random = fastrand::Rng::with_seed(7);
    let mut noisy = |t: usize| {
        let mut frame = pan(&picture, t);
        for value in frame.data_mut() {
            *value = value.saturating_add_signed(random.i8(-4..=4));
        }
        frame
    };
    let resting = (0..90).map(|_| painter.paint(&noisy(0)).unwrap()).find(|p| p.report.iterations == 0);
    let resting = resting.expect("never at rest").frame;
    assert_eq!(painter.paint(&noisy(0)).unwrap().frame, resting, "not a bit swims");
    assert_eq!(painter.paint(&noisy(1)).unwrap().report.iterations, 10);
}

#[test]
fn looking_ahead_changes_nothing() {
    let network = network();
    let picture = picture("summertime.jpg");
    let inline = paint_pan(&network, 3, |_| ());
    let mut ahead = painter(&network, |_| ());
    let mut scout = ahead.scout().unwrap();
    let looked: Vec<_> = (0..3).map(|t| scout.look(pan(&picture, t))).collect();
    assert!(looked.iter().all(|scouted| !scouted.is_cut() && scouted.paint_size() == VIEW));
    for (scouted, inline) in looked.into_iter().zip(inline) {
        let painted = ahead.paint_scouted(scouted, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(painted.frame, inline.frame);
    }
}
