//! What an artist asks for is heard: each control changes the painting in the way that it promises, from the first
//! frame on and when it is turned while painting.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/painting.rs"]
mod painting;

use painting::network;
use std::ops::ControlFlow;
use stylecast::frame::{Frame, Size};
use stylecast::resize::resize_frame;
use stylecast::stylize::{KeepColor, Look, PaintSettings, Painter, Start, Strength};
use stylecast::vgg::Network;

const VIEW: Size = Size { width: 48, height: 32 };

fn picture(name: &str) -> Frame {
    resize_frame(&painting::picture(name), VIEW)
}

fn style(name: &str) -> Look {
    vec![(resize_frame(&painting::picture(name), Size::new(64, 48)), 1.0)].into()
}

/// A painter in the blue of Auvers.
fn painter(network: &Network, change: impl FnOnce(&mut PaintSettings)) -> Painter {
    let mut settings = PaintSettings { first_iterations: 12, iterations: 3, ..PaintSettings::default() };
    change(&mut settings);
    Painter::new(network.clone(), settings, style("auvers.jpg")).unwrap()
}

fn still(network: &Network, frame: &Frame, change: impl FnOnce(&mut PaintSettings)) -> Frame {
    painter(network, change).paint_still(frame, |_| ControlFlow::Continue(())).unwrap().frame
}

fn rgb(frame: &Frame) -> impl Iterator<Item = [f64; 3]> {
    frame.data().as_chunks::<3>().0.iter().map(|rgb| rgb.map(|v| f64::from(v) / 255.0))
}

fn luma([r, g, b]: [f64; 3]) -> f64 {
    0.299 * r + 0.587 * g + 0.114 * b
}

fn mean(frame: &Frame) -> [f64; 3] {
    let sum = rgb(frame).fold([0.0; 3], |sum, rgb| std::array::from_fn(|c| sum[c] + rgb[c]));
    sum.map(|v| v / frame.size().pixels() as f64)
}

/// By how much two colours differ, without regard to how light they are.
fn hue_distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (light_a, light_b) = (luma(a), luma(b));
    (0..3).map(|c| (a[c] - light_a - b[c] + light_b).powi(2)).sum::<f64>().sqrt()
}

fn mean_hue_distance(a: &Frame, b: &Frame) -> f64 {
    rgb(a).zip(rgb(b)).map(|(a, b)| hue_distance(a, b)).sum::<f64>() / a.size().pixels() as f64
}

fn difference(a: &Frame, b: &Frame) -> f64 {
    let apart = a.data().iter().zip(b.data()).map(|(a, b)| f64::from(a.abs_diff(*b)));
    apart.sum::<f64>() / a.data().len() as f64
}

#[test]
fn kept_luminance_paints_light_and_dark_over_the_sources_own_colours() {
    let (network, source) = (network(), picture("summertime.jpg"));
    let free = still(&network, &source, |_| ());
    for start in [Start::Warped, Start::Noise] {
        let kept = still(&network, &source, |s| (s.keep_color, s.start) = (KeepColor::Luminance, start));
        assert!(difference(&kept, &source) > 4.0, "{start}: it is painted");
        // Chroma is taken back where a stroke is too dark or light for it, and rounded to bytes.
        assert!(mean_hue_distance(&kept, &source) < 0.02, "{start}: {}", mean_hue_distance(&kept, &source));
        let most = rgb(&kept).zip(rgb(&source)).filter(|(kept, source)| hue_distance(*kept, *source) > 0.012);
        assert!(most.count() < source.size().pixels() / 5, "{start}");
        assert!(mean_hue_distance(&free, &source) > 4.0 * mean_hue_distance(&kept, &source), "{start}");
    }
}

#[test]
fn chroma_comes_from_the_whole_source_where_painting_is_small() {
    // Columns of two colours of one luma, too fine for the painted size: 0.299 · 100 = 0.114 · 262, nearly.
    let source =
        Frame::from_fn(Size::new(96, 64), |x, _| if x % 2 == 0 { [180, 100, 60] } else { [80, 118, 230] });
    let kept =
        still(&network(), &source, |s| (s.keep_color, s.paint_size) = (KeepColor::Luminance, Some(32)));
    assert_eq!(kept.size(), source.size());
    let contrast = |frame: &Frame| {
        let differs = |y: usize| (1..95).map(move |x| (x, y));
        let red =
            |(x, y): (usize, usize)| f64::from(frame.pixel(x, y)[0]) - f64::from(frame.pixel(x + 1, y)[0]);
        (0..64).flat_map(differs).map(|at| red(at).abs()).sum::<f64>() / (94.0 * 64.0)
    };
    assert!(contrast(&kept) > 0.5 * contrast(&source), "{} {}", contrast(&kept), contrast(&source));
}

#[test]
fn a_matched_style_paints_in_the_sources_colours_as_a_whole() {
    let (network, source) = (network(), picture("summertime.jpg"));
    let [free, matched] =
        [KeepColor::Off, KeepColor::Match].map(|how| still(&network, &source, |s| s.keep_color = how));
    let apart = |frame: &Frame| {
        mean(frame).iter().zip(mean(&source)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    };
    assert!(
        apart(&matched) < 0.03 && apart(&matched) < 0.4 * apart(&free),
        "{} {}",
        apart(&matched),
        apart(&free)
    );
    assert!(difference(&matched, &source) > 4.0, "it is painted");
}

/// A still scene, in one corner of which a light goes on and off with every frame.
fn flickering(frame: &Frame, lit: bool) -> Frame {
    Frame::from_fn(
        VIEW,
        |x, y| if x < 5 && y < 5 { [if lit { 255 } else { 0 }; 3] } else { frame.pixel(x, y) },
    )
}

#[test]
fn kept_colours_do_not_pump_with_a_flicker_in_a_corner() {
    let (network, scene) = (network(), picture("summertime.jpg"));
    for how in [KeepColor::Luminance, KeepColor::Match] {
        let mut painter = painter(&network, |s| s.keep_color = how);
        let film: Vec<Frame> =
            (0..9).map(|i| painter.paint(&flickering(&scene, i % 2 == 0)).unwrap().frame).collect();
        // The colours of all that is far from the corner.
        let far =
            |frame: &Frame| mean(&Frame::from_fn(Size::new(24, 16), |x, y| frame.pixel(x + 24, y + 16)));
        let colors: Vec<[f64; 3]> = film[4..].iter().map(far).collect();
        for c in 0..3 {
            // Up with one frame and down with the next, that is pumping; a little of settling is not.
            let bends = colors.windows(3).map(|w| (w[0][c] - 2.0 * w[1][c] + w[2][c]).abs() / 2.0);
            let pumps = bends.fold(0.0, f64::max);
            assert!(pumps < 0.01, "{how}: {pumps} in {colors:?}");
        }
    }
}

#[test]
fn a_cut_takes_the_new_shots_colours() {
    let network = network();
    let (first, second) = (picture("summertime.jpg"), picture("composition-viii.jpg"));
    for how in [KeepColor::Luminance, KeepColor::Match] {
        let mut film = painter(&network, |s| s.keep_color = how);
        film.paint(&first).unwrap();
        film.paint(&first).unwrap();
        let after = film.paint(&second).unwrap();
        assert!(after.report.cut);
        // To the byte what a painter makes of it who has seen nothing else.
        let alone = painter(&network, |s| s.keep_color = how).paint(&second).unwrap().frame;
        assert_eq!(after.frame, alone, "{how}");
    }
}

#[test]
fn colours_are_kept_and_let_go_while_painting() {
    let (network, scene) = (network(), picture("summertime.jpg"));
    let mut painter = painter(&network, |_| ());
    let away = |painter: &mut Painter| mean_hue_distance(&painter.paint(&scene).unwrap().frame, &scene);
    let free = away(&mut painter);
    assert!(!painter.set_keep_color(KeepColor::Off), "that is how it paints");
    assert!(painter.set_keep_color(KeepColor::Luminance));
    let kept = away(&mut painter);
    assert!(kept < 0.25 * free, "{kept} {free}");
    // Back at once, not bit by bit over many frames.
    assert!(painter.set_keep_color(KeepColor::Off));
    let again = away(&mut painter);
    assert!(again > 0.6 * free, "{again} {free}");
    assert!(painter.set_keep_color(KeepColor::Match));
    assert!(away(&mut painter) < 0.7 * free);
    assert!(painter.set_keep_color(KeepColor::Luminance) && painter.set_keep_color(KeepColor::Match));
    assert!(away(&mut painter) < 0.7 * free);
}

#[test]
fn the_stronger_the_further_from_the_source_and_at_0_it_is_the_source() {
    let (network, source) = (network(), picture("summertime.jpg"));
    let painted = |strength: f64| {
        still(&network, &source, |s| s.objective.style_weight *= Strength::new(strength).unwrap().factor())
    };
    assert_eq!(painted(0.0), source);
    let away = [0.05, 0.2, 0.5, 0.9].map(|strength| difference(&painted(strength), &source));
    assert!(away.is_sorted() && away[0] > 0.0 && away[3] > 1.2 * away[2], "{away:?}");
    // A little style is a little colour too.
    assert!(away[0] < 0.4 * away[2], "{away:?}");
    assert_eq!(painted(0.5), still(&network, &source, |_| ()), "the middle is the default");
}

#[test]
fn strength_is_turned_while_painting_down_to_the_source_and_up_again() {
    let (network, scene) = (network(), picture("summertime.jpg"));
    let half = PaintSettings::default().objective.style_weight;
    let mut painter = painter(&network, |_| ());
    let mut at = |strength: f64| {
        painter.set_style_weight(half * Strength::new(strength).unwrap().factor());
        painter.paint(&scene).unwrap()
    };
    let full = difference(&at(0.5).frame, &scene);
    // Colours follow the knob at once.
    let weak = difference(&at(0.1).frame, &scene);
    assert!(weak < 0.7 * full, "{weak} {full}");
    let nothing = at(0.0);
    assert_eq!((nothing.frame, nothing.report.iterations), (scene.clone(), 0));
    let up = at(0.5);
    assert_eq!(up.report.iterations, 12, "it starts afresh");
    assert!(difference(&up.frame, &scene) > 0.7 * full);
}

#[test]
fn smoothness_makes_smooth() {
    let (network, source) = (network(), picture("summertime.jpg"));
    let roughness = |frame: &Frame| {
        let rough = |(x, y): (usize, usize)| {
            let (here, right, below) = (frame.pixel(x, y), frame.pixel(x + 1, y), frame.pixel(x, y + 1));
            (0..3)
                .map(|c| f64::from(here[c].abs_diff(right[c])) + f64::from(here[c].abs_diff(below[c])))
                .sum::<f64>()
        };
        (0..VIEW.height - 1).flat_map(|y| (0..VIEW.width - 1).map(move |x| (x, y))).map(rough).sum::<f64>()
    };
    let [rough, smooth] =
        [0.0, 100.0].map(|tv| roughness(&still(&network, &source, |s| s.objective.tv_weight = tv)));
    assert!(smooth < 0.8 * rough, "{smooth} {rough}");
    // Alone it smooths the source.
    let alone = |tv| {
        roughness(&still(&network, &source, |s| {
            (s.objective.style_weight, s.objective.tv_weight) = (0.0, tv)
        }))
    };
    assert!(alone(100.0) < 0.9 * alone(0.0));
}

#[test]
fn another_mix_wakes_a_painting_that_rests() {
    let (network, scene) = (network(), picture("summertime.jpg"));
    let settings = PaintSettings { first_iterations: 150, iterations: 20, ..PaintSettings::default() };
    let looks = vec![style("auvers.jpg"), style("composition-viii.jpg")];
    let mut painter = Painter::with_looks(network, settings, looks).unwrap();
    let at_rest = (0..80).find(|_| painter.paint(&scene).unwrap().report.iterations == 0);
    assert!(at_rest.is_some(), "never at rest");
    assert!(painter.mix(&[(0, 0.9), (1, 0.1)]));
    assert!(painter.paint(&scene).unwrap().report.iterations > 0);
}
