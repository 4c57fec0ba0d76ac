//! The commands do what their arguments say, from files to files, and tell programs and people about
//! it on separate channels.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cli_parts;

use cli_parts::*;
use stylecast::frame::Size;

/// Three pictures as a film, and two styles, one of them with a difficult name.
fn desk() -> Desk {
    let desk = Desk::new();
    for name in ["f/001.png", "f/002.png", "f/003.png", "style.png", "odd, name=2.png"] {
        desk.picture(name, Size::new(40, 32));
    }
    desk
}

fn pixels(desk: &Desk, name: &str) -> image::RgbImage {
    image::open(desk.path(name)).unwrap().to_rgb8()
}

#[test]
fn without_iterations_frames_pass_through_untouched() {
    let desk = desk();
    std::fs::create_dir(desk.path("g")).unwrap();
    let run =
        desk.run(&["video", "f/%03d.png", "--iterations", "0", "-o", "g/%03d.png", "--json"]).succeeds();
    for name in ["001.png", "002.png", "003.png"] {
        assert_eq!(pixels(&desk, &format!("f/{name}")), pixels(&desk, &format!("g/{name}")));
    }
    let types: Vec<_> = run.json().iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["start", "frame", "frame", "frame", "summary"]);
    let lines: Vec<_> = run.out.lines().map(keys).collect();
    let expected = [
        "type input output width height paint_width paint_height frames frame_rate device threads",
        "type index time iterations first_loss last_loss cut seconds",
        "type ending frames seconds decode_seconds look_seconds paint_seconds encode_seconds iterations first_loss last_loss output notes",
    ];
    for (line, expected) in [0, 1, 4].into_iter().zip(expected) {
        assert_eq!(lines[line].join(" "), expected);
    }
    let json = run.json();
    assert_eq!(
        (&json[0]["frames"], &json[0]["width"], &json[0]["height"]),
        (&3.into(), &40.into(), &32.into())
    );
    assert!(json[0]["device"].is_null());
    assert_eq!((&json[2]["index"], &json[2]["time"]), (&1.into(), &0.04.into()));
    assert_eq!((&json[4]["ending"], &json[4]["frames"]), (&"complete".into(), &3.into()));
}

#[test]
fn a_part_of_a_sequence_is_scaled_and_numbered_anew() {
    let desk = desk();
    std::fs::create_dir(desk.path("g")).unwrap();
    let args = [
        "video",
        "f/%03d.png",
        "--iterations",
        "0",
        "-o",
        "g/%d.png",
        "--start",
        "0.04",
        "--duration",
        "0.04",
    ];
    desk.run(&[&args[..], &["--size", "20"]].concat()).succeeds();
    let names: Vec<_> =
        std::fs::read_dir(desk.path("g")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1.png"]);
    assert_eq!(pixels(&desk, "g/1.png").dimensions(), (20, 16));
}

#[test]
#[cfg(feature = "embedded-weights")]
fn painting_is_told_in_losses_that_fall() {
    let desk = desk();
    std::fs::create_dir(desk.path("g")).unwrap();
    let args =
        ["video", "f/%03d.png", "--style", "odd, name=2.png=3,style.png", "-o", "g/%03d.png", "--json"];
    let few = ["--iterations", "2", "--first-iterations", "6", "--device", "cpu", "--threads", "1"];
    let run = desk.run(&[&args[..], &few[..]].concat()).succeeds();
    let json = run.json();
    assert_eq!((&json[0]["device"], &json[0]["threads"]), (&"cpu".into(), &1.into()));
    let iterations: Vec<_> = json[1..4].iter().map(|frame| frame["iterations"].as_u64().unwrap()).collect();
    assert_eq!(iterations, [6, 2, 2]);
    let (first, last) = (json[1]["first_loss"].as_f64().unwrap(), json[1]["last_loss"].as_f64().unwrap());
    assert!(last < first, "{first} → {last}");
    assert_eq!(json[4]["iterations"], 10);
    assert_eq!(json[4]["first_loss"], json[1]["first_loss"]);
    assert_eq!(json[4]["last_loss"], json[3]["last_loss"]);
    assert_ne!(pixels(&desk, "f/001.png"), pixels(&desk, "g/001.png"));

    // The same again gives the same bytes.
    std::fs::create_dir(desk.path("h")).unwrap();
    let again: Vec<_> = args.iter().map(|arg| arg.replace("g/%03d.png", "h/%03d.png")).collect();
    let again: Vec<&str> = again.iter().map(String::as_str).chain(few).collect();
    desk.run(&again).succeeds();
    for name in ["001.png", "002.png", "003.png"] {
        let read = |folder: &str| std::fs::read(desk.path(&format!("{folder}/{name}"))).unwrap();
        assert_eq!(read("g"), read("h"), "{name}");
    }
}

#[test]
#[cfg(feature = "embedded-weights")]
fn quiet_is_silent_and_people_are_told_otherwise() {
    let desk = desk();
    let args = ["image", "f/001.png", "--style", "style.png", "--iterations", "1", "-o", "out.png"];
    let run = desk.run(&[&args[..], &["-q"]].concat()).succeeds();
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
    // It exists now.
    desk.run(&args).fails(4);
    let run = desk.run(&[&args[..], &["-y"]].concat()).succeeds();
    assert!(run.out.is_empty() && run.err.contains("out.png: 40x32"), "{}", run.err);
    let run = desk.run(&[&args[..], &["-y", "--json", "--size", "24"]].concat()).succeeds();
    let json = run.json();
    assert_eq!(json.len(), 3);
    assert_eq!((&json[0]["frame_rate"].is_null(), &json[0]["width"]), (&true, &24.into()));
    assert_eq!((&json[2]["type"], &json[2]["output"]), (&"summary".into(), &"out.png".into()));
    assert_eq!(pixels(&desk, "out.png").dimensions(), (24, 19));
}

#[test]
#[cfg(feature = "embedded-weights")]
fn a_picture_of_its_own_style_and_content_has_no_loss() {
    let desk = desk();
    let pictures = ["--content", "style.png", "--style", "style.png", "--image", "style.png"];
    let run = desk.run(&[&["loss", "--json"], &pictures[..]].concat()).succeeds();
    let json = &run.json()[0];
    assert_eq!(keys(run.out.trim()), ["type", "content", "style", "tv", "total", "gradient_norm"]);
    let layers: Vec<_> = json["style"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(layers, ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]);
    for number in [&json["content"], &json["total"], &json["gradient_norm"], &json["style"]["conv3_1"]] {
        assert!(number.as_f64().unwrap().abs() < 1e-6, "{json}");
    }
    let table = desk.run(&[&["loss"], &pictures[..]].concat()).succeeds();
    assert!(table.out.contains("style conv5_1") && table.out.contains("gradient norm"));
}

#[test]
#[cfg(feature = "embedded-weights")]
fn several_content_layers_are_told_one_by_one_and_weighted() {
    let desk = desk();
    let pictures = ["--content", "f/001.png", "--style", "style.png", "--image", "f/002.png"];
    let layers = ["--content-layer", "conv1_1=1,conv2_2=3"];
    let run = desk.run(&[&["loss", "--json"], &pictures[..], &layers[..]].concat()).succeeds();
    let json = &run.json()[0];
    let of = |layer: &str| json["content_layers"][layer].as_f64().unwrap();
    assert!(of("conv1_1") > 0.0 && of("conv2_2") > 0.0);
    let mean = (of("conv1_1") + 3.0 * of("conv2_2")) / 4.0;
    assert!((json["content"].as_f64().unwrap() - mean).abs() < 1e-9 * mean);
    // With one layer it would be said twice.
    let run =
        desk.run(&[&["loss", "--json"], &pictures[..], &["--content-layer", "conv2_2"]].concat()).succeeds();
    assert!(run.json()[0]["content_layers"].is_null());
    assert_eq!(run.json()[0]["content"].as_f64(), Some(of("conv2_2")));
    let table = desk.run(&[&["loss"], &pictures[..], &layers[..]].concat()).succeeds();
    assert!(table.out.contains("content conv2_2"), "{}", table.out);
}

#[test]
#[cfg(feature = "embedded-weights")]
fn bench_tells_one_object_for_each_configuration() {
    let args = [
        "bench",
        "--size",
        "32x16,16x16",
        "--threads",
        "1,2",
        "--iterations",
        "1",
        "--device",
        "cpu",
        "--json",
    ];
    let json = Desk::new().run(&args).succeeds().json();
    let told: Vec<_> = json
        .iter()
        .map(|line| (line["width"].as_u64(), line["height"].as_u64(), line["threads"].as_u64()))
        .collect();
    let expected = [(32, 16, 1), (16, 16, 1), (32, 16, 2), (16, 16, 2)];
    assert_eq!(told, expected.map(|(width, height, threads)| (Some(width), Some(height), Some(threads))));
    for line in &json {
        assert_eq!(
            (&line["type"], &line["device"], &line["dtype"]),
            (&"bench".into(), &"cpu".into(), &"f32".into())
        );
        assert!(line["seconds_per_iteration"].as_f64().unwrap() > 0.0);
    }
}

#[test]
#[cfg(feature = "embedded-weights")]
fn doctor_finds_the_weights_and_says_what_is_missing() {
    let desk = Desk::new();
    let run = desk.run(&["doctor", "--json"]).succeeds();
    let json = &run.json()[0];
    assert_eq!(keys(run.out.trim()), ["type", "version", "devices", "model", "ffmpeg", "cameras", "fixes"]);
    // As published with the weights.
    let sha256 = "dfd64199be64218f70fb9bda708949fe74a1b4eb2be4ec8c5d01f51dde4931d7";
    assert_eq!((&json["model"]["sha256"], &json["model"]["available"]), (&sha256.into(), &true.into()));
    assert_eq!(json["devices"][0]["device"], "cpu");
    assert_eq!(json["ffmpeg"]["available"], cfg!(feature = "video"));
    let people = desk.run(&["doctor"]).succeeds().out;
    assert!(people.contains(sha256) && people.contains("libx264"), "{people}");
}

#[test]
fn models_are_listed_with_the_way_to_get_them() {
    let desk = Desk::new();
    let cache = desk.folder.path().to_str().unwrap().to_owned();
    let list = |json: &[&str]| {
        let output = desk
            .command(&[&["models", "list"], json].concat())
            .env("XDG_CACHE_HOME", &cache)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(list(&[]).contains("stylecast models pull vgg19"));
    let lines: Vec<serde_json::Value> =
        list(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["model"], &lines[1]["model"]), (&"vgg16".into(), &"vgg19".into()));
    assert_eq!(lines[0]["weights"].is_null(), cfg!(not(feature = "embedded-weights")));
    assert!(lines[1]["weights"].is_null());
}

#[test]
#[cfg(feature = "video")]
fn a_film_goes_into_a_pipe_and_a_closed_reader_of_json_stops_nothing() {
    let desk = Desk::new();
    let clip = media("big-buck-bunny.mp4");
    let part = ["video", &clip, "--iterations", "0", "--size", "64", "--duration", "0.2"];
    let output =
        desk.command(&[&part[..], &["-o", "-", "--format", "matroska", "-q"]].concat()).output().unwrap();
    assert!(output.status.success());
    // EBML's magic number.
    assert!(output.stdout.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]));
    let mut child = desk.spawn(&[&part[..], &["-o", "out.mp4", "--json"]].concat());
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(desk.files(), ["out.mp4"]);
}
