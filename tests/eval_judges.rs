//! The judge says of made films what arithmetic says of them, holds them against gates, and tells people
//! and programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cli_parts;

use cli_parts::*;
use serde_json::Value;
use stylecast::flow::{Flow, write_flow};
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::source::pattern::{Pattern, PatternOptions};

const SIZE: Size = Size::new(64, 48);

fn write(desk: &Desk, folder: &str, frames: impl Iterator<Item = Frame>) {
    std::fs::create_dir_all(desk.path(folder)).unwrap();
    for (number, frame) in frames.enumerate() {
        let Size { width, height } = frame.size();
        let path = desk.path(&format!("{folder}/{number:03}.png"));
        image::save_buffer(path, frame.data(), width as u32, height as u32, image::ColorType::Rgb8).unwrap();
    }
}

/// A pattern that moves by this much from frame to frame.
fn pattern(motion: [f32; 2]) -> Pattern {
    Pattern::new(PatternOptions { size: SIZE, motion, ..PatternOptions::default() })
}

fn moving(motion: [f32; 2], frames: u64) -> impl Iterator<Item = Frame> {
    (0..frames).map(move |t| pattern(motion).frame(FrameIndex(t)))
}

/// The exact flow of such a film.
fn write_motion(desk: &Desk, folder: &str, [dx, dy]: [f32; 2], frames: u64) {
    std::fs::create_dir_all(desk.path(folder)).unwrap();
    for t in 1..frames {
        let flow = |sign: f32| Flow::from_fn(SIZE, |_, _| [sign * dx, sign * dy]);
        write_flow(&desk.path(&format!("{folder}/backward_{t:05}.flo")), &flow(-1.0)).unwrap();
        write_flow(&desk.path(&format!("{folder}/forward_{t:05}.flo")), &flow(1.0)).unwrap();
    }
}

/// A grey film of one value a frame, over a ramp so that there is contrast.
fn ramps(values: impl Iterator<Item = u8>) -> impl Iterator<Item = Frame> {
    values.map(|value| Frame::from_fn(SIZE, |x, _| [value + x as u8, value, value]))
}

/// A film with independent noise: every value is one of 64 steps, equally likely.
fn noise(seed: u64, frames: usize) -> impl Iterator<Item = Frame> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..frames).map(move |_| Frame::from_fn(SIZE, |_, _| [0; 3].map(|_| 90 + random.u8(0..64))))
}

/// `stylecast eval a/%03d.png b/%03d.png …`: every line of JSON.
fn judge(desk: &Desk, a: &str, b: &str, more: &[&str]) -> Vec<Value> {
    let (a, b) = (format!("{a}/%03d.png"), format!("{b}/%03d.png"));
    desk.run(&[&["eval", &a, &b, "--json"], more].concat()).succeeds().json()
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"))
}

#[test]
fn what_moves_with_the_source_is_steady_and_noise_is_twice_its_variance() {
    let desk = Desk::new();
    let motion = [1.5, -0.75];
    write(&desk, "moving", moving(motion, 13));
    write(&desk, "noise", noise(7, 13));
    write_motion(&desk, "flow", motion, 13);
    write(&desk, "still", (0..13).map(|_| pattern(motion).frame(FrameIndex(0))));
    write_motion(&desk, "none", [0.0, 0.0], 13);

    let lines = judge(&desk, "moving", "moving", &["--flow", "flow"]);
    let total = lines.last().unwrap();
    // What is left is rounding to bytes and interpolation.
    for name in ["warp_error", "warp_error_10", "warp_error_first"] {
        assert!(number(total, name) < 5e-4, "{name}: {total}");
    }
    // In each frame a column and a row come in from more than half a pixel beyond the border of 64×48.
    let occluded = number(total, "occluded");
    assert!((occluded - (1.0 - (63.0 / 64.0) * (47.0 / 48.0))).abs() < 1e-9, "{occluded}");
    assert!(number(total, "occluded_10") > 0.3);
    assert!(
        (number(total, "ssim") - 1.0).abs() < 1e-9 && (number(total, "contrast_ratio") - 1.0).abs() < 1e-9
    );

    let lines = judge(&desk, "still", "noise", &["--flow", "none"]);
    let total = lines.last().unwrap();
    // The variance of 64 equally likely steps is (64² − 1) / 12.
    let expected = 2.0 * (64.0f64.powi(2) - 1.0) / 12.0 / 255.0f64.powi(2);
    for name in ["warp_error", "warp_error_10", "warp_error_first"] {
        assert!((number(total, name) / expected - 1.0).abs() < 0.03, "{name}: {total}");
    }
    assert_eq!((number(total, "source_warp_error"), number(total, "occluded")), (0.0, 0.0));
}

#[test]
fn frames_that_are_left_out_are_still_compared_with() {
    let desk = Desk::new();
    write(&desk, "still", (0..14).map(|_| pattern([0.0; 2]).frame(FrameIndex(0))));
    write(&desk, "noise", noise(1, 14));
    write_motion(&desk, "none", [0.0, 0.0], 14);
    let all = judge(&desk, "still", "noise", &["--flow", "none"]);
    let some = judge(&desk, "still", "noise", &["--flow", "none", "--first", "10", "--last", "12"]);
    assert_eq!(all.len(), 15);
    assert_eq!(some[..3], all[10..13]);
    let total = &some[3];
    assert_eq!((&total["frames"], &total["first"], &total["last"]), (&3.into(), &10.into(), &12.into()));
    let mean = some[..3].iter().map(|line| number(line, "warp_error_10")).sum::<f64>() / 3.0;
    assert!((number(total, "warp_error_10") - mean).abs() < 1e-12);
    // The films were not read to their ends.
    assert!(total["source_frames"].is_null() && total["frames_agree"].is_null());
}

#[test]
fn a_known_drift_is_found_and_gates_say_what_is_missed() {
    let desk = Desk::new();
    write(&desk, "source", ramps((0..20).map(|t| 80 + t / 2 * 2)));
    write(&desk, "painted", ramps((0..20).map(|t| 120 + 3 * t)));
    write_motion(&desk, "none", [0.0, 0.0], 20);
    let total = judge(&desk, "source", "painted", &["--flow", "none"]).pop().unwrap();
    let drift = &total["drift"]["luminance"];
    // 3 of 255 steps a frame. The source's stairs rise by 2 in 2 frames: they are t minus its parity, whose
    // slope over 20 frames is Σ (t − 9.5) over odd t = 5, divided by Σ (t − 9.5)² = 665.
    assert!((number(drift, "painted") - 3000.0 / 255.0).abs() < 1e-6, "{drift}");
    assert!((number(drift, "source") - 1000.0 / 255.0 * (1.0 - 5.0 / 665.0)).abs() < 1e-6, "{drift}");
    assert!((number(drift, "own") - number(drift, "painted") + number(drift, "source")).abs() < 1e-9);
    assert!(number(&total["drift"]["saturation"], "painted").abs() < 1e-9);
    // Every frame is 3/255 brighter than the one before.
    assert!((number(&total, "warp_error") - (3.0f64 / 255.0).powi(2)).abs() < 1e-9);

    let eval = ["eval", "source/%03d.png", "painted/%03d.png", "--flow", "none"];
    let kept = ["--max-warp-error", "0.0002", "--min-contrast", "0.9", "--max-long-warp-error", "0.1"];
    let run = desk.run(&[&eval[..], &kept].concat()).succeeds();
    assert!(run.out.contains("--max-warp-error") && run.out.contains("kept"), "{}", run.out);
    let missed = ["--max-warp-error", "0.0001", "--max-drift", "0.01", "--min-contrast", "0.5"];
    let run = desk.run(&[&eval[..], &missed].concat()).fails(1);
    assert_eq!(run.out.matches("MISSED").count(), 2, "{}", run.out);
    assert!(
        run.err.contains("E_warp is 0.000138, above --max-warp-error 0.0001 by 0.0000384"),
        "{}",
        run.err
    );
    assert!(run.err.contains("--max-drift 0.01 by") && run.err.contains("20 frames are few"), "{}", run.err);
    let run = desk.run(&[&eval[..], &missed, &["--json", "-q"]].concat()).fails(1);
    let total = run.json().pop().unwrap();
    let told: Vec<_> = total["gates"].as_array().unwrap().iter().map(|gate| &gate["missed"]).collect();
    assert_eq!(told, [true, true, false]);
    assert_eq!(total["gates"][1]["gate"], "max_drift");
}

#[test]
fn lines_keep_their_shape() {
    let desk = Desk::new();
    write(&desk, "a", moving([0.0; 2], 2));
    write_motion(&desk, "none", [0.0, 0.0], 2);
    let run = desk
        .run(&["eval", "a/%03d.png", "a/%03d.png", "--flow", "none", "--max-drift", "1", "--json"])
        .succeeds();
    let lines: Vec<&str> = run.out.lines().collect();
    let types: Vec<_> = run.json().iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["eval_frame", "eval_frame", "eval"]);
    insta::assert_snapshot!(keys(lines[1]).join(" "), @"type index time objective style content warp_error warp_error_10 warp_error_first source_warp_error occluded occluded_10 occluded_first ssim luminance saturation contrast source_luminance source_saturation source_contrast contrast_ratio");
    let total: Value = serde_json::from_str(lines[2]).unwrap();
    insta::assert_snapshot!(total["gates"][0].to_string(), @r#"{"gate":"max_drift","limit":1.0,"missed":false,"value":0.0}"#);
    insta::assert_snapshot!(total["drift"]["contrast"].to_string(), @r#"{"own":0.0,"painted":0.0,"relative":0.0,"source":0.0}"#);
    // The drift has the names of figures again.
    let (before, after) = lines[2].split_once("\"drift\":").unwrap();
    insta::assert_snapshot!(keys(&(before.to_owned() + "\"drift\":0}")).join(" "), @"type ending source painted width height flow source_frames painted_frames frames_agree times frames first last objective style content warp_error warp_error_10 warp_error_first source_warp_error occluded occluded_10 occluded_first ssim luminance saturation contrast source_luminance source_saturation source_contrast contrast_ratio drift");
    let after = after.split_once("]").unwrap().1;
    insta::assert_snapshot!(keys(&("{\"gates\":0".to_owned() + after)).join(" "), @"gates seconds notes");
}

#[test]
fn a_film_of_one_frame_has_no_motion_and_no_drift() {
    let desk = Desk::new();
    write(&desk, "one", moving([0.0; 2], 1));
    write_motion(&desk, "none", [0.0, 0.0], 1);
    let lines = judge(&desk, "one", "one", &["--flow", "none"]);
    assert_eq!(lines.len(), 2);
    for name in ["warp_error", "warp_error_first", "occluded", "objective", "drift", "times"] {
        assert!(lines[1][name].is_null(), "{name}");
    }
    assert_eq!((number(&lines[1], "ssim"), &lines[1]["frames_agree"]), (1.0, &true.into()));
    // What cannot be measured is not kept.
    let eval = ["eval", "one/%03d.png", "one/%03d.png", "--flow", "none", "--max-warp-error", "1"];
    let run = desk.run(&eval).fails(1);
    assert!(run.err.contains("could not be measured"), "{}", run.err);
}

#[test]
fn other_sizes_and_lengths_are_said() {
    let desk = Desk::new();
    write(&desk, "long", moving([1.0, 0.0], 5));
    let half = |frame: Frame| stylecast::resize::resize_frame(&frame, Size::new(32, 24));
    write(&desk, "small", moving([1.0, 0.0], 3).map(half));
    // Flow of the source's own size is rescaled.
    write_motion(&desk, "flow", [1.0, 0.0], 5);
    let run = desk.run(&["eval", "long/%03d.png", "small/%03d.png", "--flow", "flow", "--json"]).succeeds();
    let total = run.json().pop().unwrap();
    assert_eq!((&total["width"], &total["height"], &total["frames"]), (&32.into(), &24.into(), &3.into()));
    assert_eq!((&total["source_frames"], &total["painted_frames"]), (&5.into(), &3.into()));
    assert_eq!(total["frames_agree"], false);
    assert!(number(&total, "warp_error") < 1e-3 && number(&total, "ssim") > 0.99, "{total}");
    assert!(run.err.contains("the source is 64x48 and is compared at 32x24"), "{}", run.err);
    assert!(run.err.contains("the source has 5 frames and the painted film 3"), "{}", run.err);
    let total = judge(&desk, "long", "long", &["--flow", "flow", "--size", "16"]).pop().unwrap();
    assert_eq!((&total["width"], &total["height"]), (&16.into(), &12.into()));
}

#[test]
fn flow_that_is_missing_or_damaged_is_named() {
    let desk = Desk::new();
    write(&desk, "a", moving([0.0; 2], 3));
    let eval = ["eval", "a/%03d.png", "a/%03d.png", "--flow", "flow"];
    let fails = |named: &str| {
        let run = desk.run(&eval).fails(3);
        assert!(run.err.contains(named) && run.err.contains("hint:"), "{named}: {}", run.err);
    };
    fails("there is no such folder");
    write_motion(&desk, "flow", [0.0; 2], 2);
    fails("backward_00002.flo");
    write_motion(&desk, "flow", [0.0; 2], 3);
    std::fs::remove_file(desk.path("flow/forward_00002.flo")).unwrap();
    fails("there is neither flow/occluded_00002.png nor flow/forward_00002.flo");
    // A mask in its place: its right half is white.
    let mask = Frame::from_fn(SIZE, |x, _| if x < 32 { [0; 3] } else { [255; 3] });
    image::save_buffer(desk.path("flow/occluded_00002.png"), mask.data(), 64, 48, image::ColorType::Rgb8)
        .unwrap();
    let lines = judge(&desk, "a", "a", &["--flow", "flow"]);
    assert_eq!((number(&lines[1], "occluded"), number(&lines[2], "occluded")), (0.0, 0.5));
    // What was hidden on the way from the first frame is hidden.
    assert_eq!(number(&lines[2], "occluded_first"), 0.5);
    // Unless a file says how the two frames relate.
    for kind in ["backward", "forward"] {
        let flow = Flow::zeros(SIZE);
        write_flow(&desk.path(&format!("flow/{kind}_00002_00000.flo")), &flow).unwrap();
    }
    assert_eq!(number(&judge(&desk, "a", "a", &["--flow", "flow"])[2], "occluded_first"), 0.0);
    std::fs::write(desk.path("flow/backward_00001.flo"), b"PIEH").unwrap();
    fails("backward_00001.flo");
}

#[test]
#[cfg(feature = "embedded-weights")]
fn losses_are_those_of_the_command_loss() {
    let desk = Desk::new();
    write(&desk, "source", moving([2.0, 1.0], 3));
    write(&desk, "painted", noise(3, 3));
    write_motion(&desk, "flow", [2.0, 1.0], 3);
    desk.picture("style.png", Size::new(80, 60));
    let style = ["--style", "style.png", "--style-size", "50", "--style-weight", "7", "--device", "cpu"];
    let layers = ["--style-layers", "conv1_1=1,conv2_1=3"];
    let more = [&style[..], &layers, &["--flow", "flow", "--losses-every", "2"]].concat();
    let lines = judge(&desk, "source", "painted", &more);
    let pictures = ["loss", "--content", "source/002.png", "--image", "painted/002.png", "--json"];
    let loss = desk.run(&[&pictures[..], &style, &layers].concat()).succeeds().json().remove(0);
    assert_eq!(lines[2]["objective"], loss["total"]);
    assert_eq!(lines[2]["content"], loss["content"]);
    let style = 0.25 * number(&loss["style"], "conv1_1") + 0.75 * number(&loss["style"], "conv2_1");
    assert!((number(&lines[2], "style") / style - 1.0).abs() < 1e-9);
    assert!(lines[1]["objective"].is_null());
    let mean = 0.5 * (number(&lines[0], "objective") + number(&lines[2], "objective"));
    assert!((number(&lines[3], "objective") / mean - 1.0).abs() < 1e-9);
}

#[test]
fn the_plot_is_a_picture_and_replaces_nothing_unasked() {
    let desk = Desk::new();
    write(&desk, "a", moving([1.0, 0.0], 4));
    write_motion(&desk, "flow", [1.0, 0.0], 4);
    let eval = ["eval", "a/%03d.png", "a/%03d.png", "--flow", "flow", "--plot"];
    let run = desk.run(&[&eval[..], &["plot.png"]].concat()).succeeds();
    assert!(run.err.contains("plot.png: the curves of 4 frames"), "{}", run.err);
    let plot = image::open(desk.path("plot.png")).unwrap();
    assert!(plot.width() >= 1000 && plot.height() > 500);
    assert_eq!(desk.files(), ["a", "flow", "plot.png"]);
    let run = desk.run(&[&eval[..], &["plot.png"]].concat()).fails(4);
    assert!(run.err.contains("exists already") && run.out.is_empty(), "{}", run.err);
    desk.run(&[&eval[..], &["plot.png", "-y", "-q"]].concat()).succeeds();
    desk.run(&[&eval[..], &["none/plot.png"]].concat()).fails(4);
    desk.run(&[&eval[..], &["plot.txt"]].concat()).fails(2);
}

#[test]
fn the_whole_is_a_table_and_every_frame_a_line_on_request() {
    let desk = Desk::new();
    write(&desk, "a", moving([1.0, 0.0], 3));
    write_motion(&desk, "flow", [1.0, 0.0], 3);
    let eval = ["eval", "a/%03d.png", "a/%03d.png", "--flow", "flow"];
    let run = desk.run(&eval).succeeds();
    assert!(
        run.out.starts_with(
            "a/%03d.png judged against a/%03d.png:\n3 frames (0 to 2) at 64x48, flow from files\n"
        )
    );
    for row in ["E_warp", "contrast", "SSIM to the source", "drift in 1,000 frames", "no clock"] {
        assert!(run.out.contains(row), "{row}: {}", run.out);
    }
    assert!(!run.out.contains("objective") && !run.out.contains("frame     1"));
    let run = desk.run(&[&eval[..], &["-v"]].concat()).succeeds();
    assert_eq!(run.out.lines().filter(|line| line.starts_with("frame   ")).count(), 3, "{}", run.out);
}

#[test]
fn what_contradicts_itself_is_wrong_use() {
    let desk = Desk::new();
    write(&desk, "a", moving([1.0, 0.0], 2));
    let eval = ["eval", "a/%03d.png", "a/%03d.png"];
    for (wrong, named) in [
        (&["--first", "5", "--last", "4"][..], "--last"),
        (&["--max-objective", "1"], "--style"),
        (&["--max-warp-error", "-1"], "--max-warp-error"),
        (&["--first", "x"], "--first"),
        (&["--losses-every", "0"], "--losses-every"),
    ] {
        let run = desk.run(&[&eval[..], wrong].concat()).fails(2);
        assert!(run.err.contains(named), "{wrong:?}: {}", run.err);
    }
    let run = desk.run(&[&eval[..], &["--first", "2"]].concat()).fails(3);
    assert!(run.err.contains("there is no frame 2 in both films"), "{}", run.err);
    let run = desk.run(&["eval", "a/%03d.png", "b/%03d.png"]).fails(3);
    assert!(run.err.contains("b/%03d.png"), "{}", run.err);
}

#[test]
#[cfg(feature = "video")]
fn films_are_compared_by_frame_and_by_time() {
    let desk = Desk::new();
    let clip = media("big-buck-bunny.mp4");
    let paint = ["video", &clip, "--iterations", "0", "--size", "64", "--duration", "0.3", "-q", "-o"];
    desk.run(&[&paint[..], &["painted.mp4"]].concat()).succeeds();
    let run = desk.run(&["eval", &clip, "painted.mp4", "--json"]).succeeds();
    let total = run.json().pop().unwrap();
    assert_eq!((&total["source_frames"], &total["frames_agree"]), (&132.into(), &false.into()));
    assert_eq!(total["times"]["agree"], true, "{total}");
    // Encoded and smaller, but the same film.
    assert!(number(&total, "ssim") > 0.9 && (number(&total, "contrast_ratio") - 1.0).abs() < 0.05, "{total}");
}

#[test]
fn without_files_the_motion_is_estimated() {
    let desk = Desk::new();
    write(&desk, "moving", moving([1.5, -0.75], 12));
    write(&desk, "still", (0..12).map(|_| pattern([0.0; 2]).frame(FrameIndex(0))));
    let total = judge(&desk, "moving", "moving", &[]).pop().unwrap();
    assert!(total["flow"].is_null());
    for name in ["warp_error", "warp_error_10", "warp_error_first"] {
        // By exact flow it is below 0.0005; without any it would be above 0.01.
        assert!(number(&total, name) < 2e-3, "{name}: {total}");
    }
    // The frame of 64×48 has moved by 15 columns and 7.5 rows after 10 frames.
    let came_in = 1.0 - (49.0 / 64.0) * (40.5 / 48.0);
    assert!((number(&total, "occluded_10") - came_in).abs() < 0.1, "{total}");
    // What stands still does not move with the source.
    let total = judge(&desk, "moving", "still", &[]).pop().unwrap();
    assert!(number(&total, "warp_error") > 2e-3, "{total}");
}
