//! Pictures and films say how they were painted, and are painted again to the pixel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cli_parts;

use cli_parts::*;
use stylecast::frame::Size;

fn desk() -> Desk {
    let desk = Desk::new();
    for name in ["my photo.png", "b.png", "style.png", "f/1.png", "f/2.png", "f/3.png"] {
        desk.picture(name, Size::new(24, 20));
    }
    desk
}

fn pixels(desk: &Desk, name: &str) -> Vec<u8> {
    image::open(desk.path(name)).unwrap().to_rgb8().into_raw()
}

/// The first line of what is told: the command line.
fn line(desk: &Desk, name: &str) -> String {
    desk.run(&["again", name]).succeeds().out.lines().next().unwrap().to_owned()
}

#[test]
#[cfg(feature = "embedded-weights")]
fn a_picture_is_painted_again_to_the_pixel() {
    let desk = desk();
    let args = ["image", "my photo.png", "--style", "style.png=2,b.png", "--recipe", "bold", "--seed", "9"];
    let more = ["--start-from", "noise", "--iterations", "2", "--threads", "1"];
    desk.run(&[&args[..], &more[..], &["--style-size", "24", "-o", "out.png"]].concat()).succeeds();
    let told = desk.run(&["again", "out.png"]).succeeds().out;
    let line = told.lines().next().unwrap();
    assert!(line.starts_with("stylecast image 'my photo.png' "), "{line}");
    assert!(line.ends_with(" -o out.png"), "{line}");
    for part in ["--style style.png=2,b.png", "--seed 9", "--start-from noise", "--style-weight 20"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for part in ["vgg16 on cpu, by the recipe bold", "dfd64199be64218f", "--content-weight", "--paint-size"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!line.contains("content-weight") && !line.contains("threads"), "{line}");

    desk.run(&["again", "out.png", "-o", "new.png"]).succeeds();
    assert_eq!(pixels(&desk, "out.png"), pixels(&desk, "new.png"));
    assert_eq!(self::line(&desk, "new.png"), line.replace("out.png", "new.png"));

    // The line that is told does the same.
    let script = line.replacen("stylecast", &format!("'{}'", env!("CARGO_BIN_EXE_stylecast")), 1);
    let script = script.replace(" -o out.png", " -o typed.png");
    let status = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(desk.folder.path())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
    assert_eq!(pixels(&desk, "typed.png"), pixels(&desk, "out.png"));

    // It is there now; and something else comes of other options and another input.
    desk.run(&["again", "out.png", "-o", "new.png"]).fails(4);
    desk.run(&["again", "out.png", "-y", "-o", "new.png", "--", "--seed", "10"]).succeeds();
    assert_ne!(pixels(&desk, "out.png"), pixels(&desk, "new.png"));
    assert!(self::line(&desk, "new.png").contains("--seed 10"));
    desk.run(&["again", "out.png", "-y", "-o", "new.png", "--input", "b.png"]).succeeds();
    assert!(self::line(&desk, "new.png").starts_with("stylecast image b.png "));
}

#[test]
#[cfg(feature = "embedded-weights")]
fn what_is_typed_stands_beside_what_was_recorded() {
    let desk = desk();
    let size = ["--style-size", "24", "--iterations", "2", "--threads", "1"];
    let args = ["image", "b.png", "--style", "style.png", "-o", "a.png", "--strength", "0.7"];
    desk.run(&[&args[..], &size].concat()).succeeds();
    desk.run(&["again", "a.png", "-o", "new.png", "--", "--style-weight", "5", "--threads", "1"]).succeeds();
    let told = line(&desk, "new.png").replace("new.png", "typed.png");
    assert!(told.contains("--strength 0.7") && told.contains("--style-weight 5"), "{told}");
    // The line that is told can be typed, and does the same.
    let typed: Vec<&str> = told.split(' ').skip(1).chain(["--threads", "1"]).collect();
    desk.run(&typed).succeeds();
    assert_eq!(pixels(&desk, "typed.png"), pixels(&desk, "new.png"));
    assert_ne!(pixels(&desk, "a.png"), pixels(&desk, "new.png"));
}

#[test]
#[cfg(feature = "embedded-weights")]
fn masks_and_regions_are_told_and_painted_again() {
    let desk = desk();
    let half =
        stylecast::frame::Frame::from_fn(Size::new(24, 20), |x, _| if x < 12 { [255; 3] } else { [0; 3] });
    image::save_buffer(desk.path("m.png"), half.data(), 24, 20, image::ColorType::Rgb8).unwrap();
    let args = ["image", "b.png", "--style", "style.png", "--style", "b.png@m.png", "--mask", "m.png"];
    desk.run(&[&args[..], &["--mask-invert", "--iterations", "1", "-o", "out.png"]].concat()).succeeds();
    let line = line(&desk, "out.png");
    for part in ["--style style.png", "--style b.png@m.png", "--mask m.png", "--mask-invert"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    desk.run(&["again", "out.png", "-o", "new.png"]).succeeds();
    assert_eq!(pixels(&desk, "out.png"), pixels(&desk, "new.png"));
    // Of a mask that was named then, something else can be typed now.
    desk.run(&["again", "out.png", "-y", "-o", "new.png", "--", "--mask-feather", "4"]).succeeds();
    assert_ne!(pixels(&desk, "out.png"), pixels(&desk, "new.png"));
}

#[test]
fn every_kind_of_picture_says_it_and_keeps_its_pixels() {
    let desk = desk();
    let plain = ["image", "my photo.png", "--iterations", "0", "--seed", "11"];
    for kind in ["png", "jpg", "webp", "tif"] {
        let (with, without) = (format!("with.{kind}"), format!("without.{kind}"));
        desk.run(&[&plain[..], &["-o", &with]].concat()).succeeds();
        desk.run(&[&plain[..], &["-o", &without, "--no-metadata"]].concat()).succeeds();
        assert!(line(&desk, &with).contains("--seed 11"), "{kind}");
        let refused = desk.run(&["again", &without]).fails(3).err;
        assert!(
            refused.contains("does not say how it was painted") && refused.contains("hint:"),
            "{refused}"
        );
        assert_eq!(pixels(&desk, &with), pixels(&desk, &without), "{kind}");
    }
    let bytes = std::fs::read(desk.path("with.png")).unwrap();
    let software = format!("Software\0stylecast {}", env!("CARGO_PKG_VERSION"));
    assert!(bytes.windows(software.len()).any(|bytes| bytes == software.as_bytes()));
    // Whatever other programs take for a picture with an Exif block.
    desk.run(&["image", "with.jpg", "--iterations", "0", "-o", "from-jpg.png"]).succeeds();
}

#[test]
fn what_says_nothing_or_nonsense_is_refused() {
    let desk = desk();
    let refused = |name: &str, code: i32, told: &str| {
        let run = desk.run(&["again", name]).fails(code);
        assert!(run.err.contains(told) && run.err.contains("hint:"), "{name}: {}", run.err);
    };
    refused("b.png", 3, "does not say");
    refused("missing.png", 3, "no such file");
    refused(".", 3, "directory");
    std::fs::write(desk.path("text.png"), "a letter").unwrap();
    desk.run(&["again", "text.png"]).fails(if cfg!(feature = "video") { 3 } else { 2 });
    desk.run(&["again", "b.png", "--input", "b.png"]).fails(2);
    desk.run(&["again", "b.png", "--", "--seed", "1"]).fails(2);

    // A picture from elsewhere that says what it likes.
    let said = |json: &str| {
        let file = std::fs::File::create(desk.path("odd.png")).unwrap();
        let mut encoder = png::Encoder::new(file, 2, 2);
        encoder.set_color(png::ColorType::Rgb);
        encoder.add_text_chunk("stylecast".into(), json.into()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[9; 12]).unwrap();
    };
    let record = |command: &str, options: &str| {
        format!(
            r#"{{"stylecast":"9.0.0","format":1,"command":"{command}","input":"b.png","options":[{options}]}}"#
        )
    };
    for json in [
        record("doctor", ""),
        record("image", "7"),
        record("image", "").replace(r#""format":1"#, r#""format":2"#),
        r#"{"stylecast":"9.0.0""#.to_owned(),
    ] {
        said(&json);
        refused("odd.png", 3, "cannot be used");
    }
    for option in [r#""--brush=7""#, r#""--style-weight=-1""#, r#""--overwrite=perhaps","--seed=x""#] {
        said(&record("image", option));
        let run = desk.run(&["again", "odd.png", "-o", "new.png"]).fails(3);
        assert!(run.err.contains("stylecast 9.0.0 with --"), "{option}: {}", run.err);
    }
    // Where a picture is written is not for a picture to say.
    said(&record("image", r#""--iterations=0","--output=b.png","--overwrite""#));
    let run = desk.run(&["again", "odd.png", "-o", "new.png"]).succeeds();
    assert!(run.err.contains("stylecast 9.0.0; this is"), "{}", run.err);
    assert_eq!(pixels(&desk, "new.png"), pixels(&desk, "b.png"));
    assert!(!desk.files().contains(&"odd.png.part".to_owned()));
}

#[test]
fn numbered_pictures_say_it_each() {
    let desk = desk();
    desk.run(&["video", "f/%d.png", "--iterations", "0", "--seed", "3", "-o", "g/%d.png"]).succeeds();
    let line = line(&desk, "g/3.png");
    assert!(line.starts_with("stylecast video f/%d.png ") && line.contains("--seed 3"), "{line}");
    desk.run(&["again", "g/3.png", "-o", "h/%d.png"]).succeeds();
    assert_eq!(pixels(&desk, "h/3.png"), pixels(&desk, "f/3.png"));
}

#[cfg(feature = "video")]
mod films {
    use super::*;
    use std::process::Command;

    /// What FFmpeg's own tools print.
    fn run(desk: &Desk, program: &str, args: &[&str]) -> String {
        let output =
            Command::new(program).args(["-v", "error"]).args(args).current_dir(desk.folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    #[cfg(feature = "embedded-weights")]
    fn a_film_is_painted_again_to_the_pixel() {
        let desk = desk();
        let args =
            ["video", "f/%d.png", "--style", "style.png", "--iterations", "1", "--first-iterations", "2"];
        desk.run(&[&args[..], &["--steadiness", "0.8", "--crf", "3", "-o", "out.mp4"]].concat()).succeeds();
        let line = line(&desk, "out.mp4");
        for part in ["--steadiness 0.8", "--crf 3", "--first-iterations 2"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let run_again = desk.run(&["again", "out.mp4", "-o", "new.mp4", "--json"]).succeeds();
        assert_eq!(run_again.json().len(), 5);
        let frames = |name: &str| run(&desk, "ffmpeg", &["-i", name, "-f", "framemd5", "-"]);
        assert_eq!(frames("out.mp4"), frames("new.mp4"));
    }

    #[test]
    fn every_container_says_it_and_keeps_a_comment() {
        let desk = desk();
        let mut make = vec!["-framerate", "5", "-i", "f/%d.png", "-pix_fmt", "yuv420p"];
        make.extend(["-metadata", "comment=By the sea", "-metadata", "title=June", "source.mp4"]);
        run(&desk, "ffmpeg", &make);
        for kind in ["mp4", "mov", "mkv", "webm", "avi"] {
            let out = format!("out.{kind}");
            let pass = ["video", "source.mp4", "--iterations", "0", "--seed", "4", "-o", &out];
            desk.run(&pass).succeeds();
            assert!(line(&desk, &out).contains("--seed 4"), "{kind}");
            let entries = ["-show_entries", "format_tags", "-of", "json", &out];
            let tags: serde_json::Value = serde_json::from_str(&run(&desk, "ffprobe", &entries)).unwrap();
            let tags = tags["format"]["tags"].as_object().unwrap();
            let tag = |key: &str| {
                let found = tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
                found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
            };
            assert_eq!((tag("title"), tag("comment").lines().next()), ("June", Some("By the sea")), "{kind}");
            let own = if matches!(kind, "mkv" | "webm") { tag("stylecast") } else { tag("comment") };
            assert!(own.contains(r#"{"stylecast":""#), "{kind}: {own}");
            // Painted from a painted film, it says one thing only; asked to be silent, it says none.
            let second = format!("second.{kind}");
            desk.run(&["video", &out, "--iterations", "0", "--seed", "5", "-o", &second]).succeeds();
            assert!(line(&desk, &second).contains("--seed 5"), "{kind}");
            let said = run(&desk, "ffprobe", &["-show_entries", "format_tags", "-of", "flat", &second]);
            assert_eq!(said.matches(r#"{\"stylecast"#).count(), 1, "{kind}: {said}");
            desk.run(&["video", &out, "--iterations", "0", "--no-metadata", "-y", "-o", &second]).succeeds();
            desk.run(&["again", &second]).fails(3);
        }
    }
}
