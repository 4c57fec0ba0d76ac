//! Whatever is typed wrongly ends with exit code 2, a sentence that names it and a next step, before
//! anything is opened or written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cli_parts;

use cli_parts::*;
use stylecast::frame::Size;

/// Runs `stylecast COMMAND …` with arguments that would do, plus one that does not; `named` must be
/// in the answer.
#[track_caller]
fn refused(desk: &Desk, command: &[&str], wrong: &[&str], named: &str) {
    let run = desk.run(&[command, wrong].concat()).fails(2);
    let step = run.err.contains("hint:") || run.err.contains("--help") || run.err.contains("tip:");
    assert!(run.err.contains(named), "{wrong:?} is not told with '{named}': {}", run.err);
    assert!(step, "{wrong:?} has no next step: {}", run.err);
    assert!(run.out.is_empty(), "{}", run.out);
}

#[test]
fn numbers_that_cannot_be_meant() {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(20, 20));
    let before = desk.files();
    let video = ["video", "clip.mp4", "--style", "a.png", "-o", "out.mp4"];
    for option in ["--content-weight", "--style-weight", "--tv", "--learning-rate", "--crf"] {
        for value in ["-1", "nan", "NaN", "inf", "-inf", "1e999", "", "much"] {
            refused(&desk, &video, &[option, value], option);
            refused(&desk, &video, &[&format!("{option}={value}")], option);
        }
    }
    for option in ["--size", "--paint-size", "--style-size", "--threads"] {
        for value in ["0", "-5", "1.5", "nan", "99999999999999999999", "", "big"] {
            refused(&desk, &video, &[option, value], option);
        }
    }
    for option in ["--iterations", "--first-iterations", "--seed"] {
        for value in ["-1", "0.5", "nan", "99999999999999999999", ""] {
            refused(&desk, &video, &[option, value], option);
        }
    }
    for option in ["--start", "--duration"] {
        for value in ["-1", "nan", "inf", "1:60", "1::2", "1:2:3:4", "soon", ""] {
            refused(&desk, &video, &[option, value], option);
        }
    }
    refused(&desk, &video, &["--duration", "0"], "--duration");
    refused(&desk, &video, &["--learning-rate", "0"], "--learning-rate");
    assert_eq!(desk.files(), before);
}

#[test]
fn names_that_do_not_exist() {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(20, 20));
    let video = ["video", "clip.mp4", "--style", "a.png", "-o", "out.mp4"];
    for (wrong, named) in [
        (["--style-layers", "conv9_1=1"], "conv9_1"),
        (["--style-layers", "conv1_1=-1"], "conv1_1"),
        (["--style-layers", "conv1_1=nan"], "conv1_1"),
        (["--style-layers", "conv1_1=0"], "add up to nothing"),
        (["--style-layers", "conv1_1=1,conv1_1=2"], "twice"),
        (["--style-layers", ""], "unknown layer"),
        (["--content-layer", "relu4_2"], "relu4_2"),
        (["--content-layer", "conv4_2=-1"], "conv4_2"),
        (["--content-layer", "conv3_2=1,conv3_2=2"], "twice"),
        (["--content-layer", "conv4_2=0"], "add up to nothing"),
        // VGG-19 alone has it.
        (["--content-layer", "conv4_4"], "vgg16 has no layer conv4_4"),
        (["--pooling", "min"], "avg max"),
        (["--optimizer", "sgd"], "adam lbfgs"),
        (["--start-from", "flow"], "content noise previous carried warped"),
        (["--steadiness", "1.5"], "from 0 to 1"),
        (["--model", "resnet50"], "vgg16 or vgg19"),
        (["--device", "gpu"], "cuda:N"),
        (["--device", "cuda:x"], "cuda:x"),
        (["--no-such-option", "1"], "--no-such-option"),
        (["--paintsize", "9"], "--paint-size"),
    ] {
        refused(&desk, &video, &wrong, named);
    }
    refused(&desk, &["models", "pull"], &["resnet"], "vgg16 or vgg19");
    refused(&desk, &[], &["vidoe"], "video");
}

#[test]
fn what_is_missing_or_contradicts_itself() {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(20, 20)).picture("b.png", Size::new(20, 20));
    let sequence = ["video", "f/%03d.png", "-o", "g/%03d.png"];
    refused(&desk, &["video", "clip.mp4", "-o", "out.mp4"], &[], "no style");
    refused(&desk, &["video", "clip.mp4"], &["--style", "a.png"], "--output");
    refused(&desk, &["video", "-o", "out.mp4"], &["--style", "a.png"], "<IN>");
    refused(&desk, &["image", "a.png", "-o", "out.png"], &[], "no style");
    refused(&desk, &["loss", "--content", "a.png"], &["--image", "a.png"], "--style");
    refused(&desk, &sequence, &["-q", "-v", "--style", "a.png"], "--verbose");
    // Several painters are one blend, or need a schedule.
    let painters = ["--style", "a.png", "--style", "b.png=2"];
    for command in [
        &sequence[..],
        &["image", "a.png", "-o", "out.png"],
        &["loss", "--content", "a.png", "--image", "a.png"],
    ] {
        refused(&desk, command, &painters, "--style a.png,b.png=2");
    }
    for style in
        ["a.png=0", "a.png=-1", "a.png=nan", "a.png=inf", "a.png=", "a.png=x,b.png=1", "a.png,,b.png", "=1"]
    {
        refused(&desk, &sequence, &["--style", style], "hint:");
    }
    let nothing = ["--style", "a.png", "--content-weight", "0", "--style-weight", "0"];
    refused(&desk, &sequence, &nothing, "nothing to paint towards");
    refused(
        &desk,
        &["video", "clip.mp4", "-o", "-", "--format", "matroska"],
        &["--style", "a.png", "--json"],
        "stdout",
    );
    refused(&desk, &["video", "clip.mp4", "-o", "-"], &["--style", "a.png"], "--format");
    refused(&desk, &["image", "a.png", "-o", "-"], &["--style", "a.png"], "pipe");
    refused(&desk, &["image", "a.png", "-o", "out.xyz"], &["--style", "b.png"], "out.xyz");
    refused(&desk, &["image", "a.png", "-o", "out"], &["--style", "b.png"], "out");
    assert_eq!(desk.files(), ["a.png", "b.png"]);
}

#[test]
fn studies_that_cannot_be() {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(20, 20)).picture("b.png", Size::new(20, 20));
    let layers = ["layers", "a.png", "--style", "b.png", "-o", "out.png"];
    for (wrong, named) in [
        (&["--content", "--texture"][..], "cannot be used with"),
        (&["--iterations", "0"], "0 iterations"),
        (&["--iterations", "-1"], "--iterations"),
        (&["--cell", "0"], "--cell"),
        (&["--start-from", "previous"], "no frame before"),
        (&["--style-layers", "conv3_1"], "only one style layer"),
        (&["--content", "--content-layer", "conv3_1"], "only one content layer"),
        (&["--content", "--content-weight", "0"], "the content has no weight"),
        (&["--style-weight", "0"], "the style has no weight"),
        (&["--style", "a.png"], "2 styles are given"),
        (&["--content-layer", "conv3_4"], "vgg16 has no layer conv3_4"),
    ] {
        refused(&desk, &layers, wrong, named);
    }
    refused(&desk, &["layers", "-o", "out.png"], &["--style", "b.png"], "<IN>");
    refused(&desk, &["layers", "a.png", "-o", "out.png"], &[], "--style");
    refused(&desk, &["layers", "a.png", "--style", "b.png"], &["-o", "-"], "pipe");
    refused(&desk, &["layers", "a.png", "--style", "b.png"], &["-o", "out.json"], "out.json");
    refused(&desk, &["layers", "a.png", "--style", "b.png", "-y"], &["-o", "a.png"], "being read");
    assert_eq!(desk.files(), ["a.png", "b.png"]);
}

#[test]
fn what_is_read_is_never_overwritten() {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(20, 20)).picture("b.png", Size::new(20, 20));
    let before = std::fs::read(desk.path("a.png")).unwrap();
    refused(&desk, &["image", "a.png", "-y"], &["--style", "b.png", "-o", "a.png"], "being read");
    refused(&desk, &["image", "a.png", "-y"], &["--style", "b.png", "-o", "./b.png"], "being read");
    refused(&desk, &["video", "a.png", "-y"], &["--style", "b.png", "-o", "../nowhere/../a.png"], "hint:");
    assert_eq!(std::fs::read(desk.path("a.png")).unwrap(), before);
}

#[test]
fn bench_refuses_sizes_that_are_none() {
    let desk = Desk::new();
    for wrong in
        [["--size", "0x10"], ["--size", "640"], ["--size", "-1x5"], ["--threads", "0"], ["--iterations", "0"]]
    {
        refused(&desk, &["bench"], &wrong, wrong[0]);
    }
}

#[test]
fn ways_to_convolve_are_for_half_precision_on_a_gpu() {
    let desk = Desk::new();
    refused(&desk, &["bench"], &["--convolutions", "fastest"], "auto mma wgmma cudnn");
    refused(&desk, &["bench", "--check"], &["--convolutions", "wgmma"], "asked for in f32");
    refused(&desk, &["bench"], &["--convolutions", "cudnn", "--precision", "tf32"], "--precision f16");
    let on_cpu = ["--convolutions", "mma", "--precision", "f16", "--device", "cpu"];
    refused(&desk, &["bench"], &on_cpu, "the CPU is used");
    refused(&desk, &["bench", "--check"], &on_cpu, "--device cuda");
}
