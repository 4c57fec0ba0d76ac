//! Each kind of failure has its exit code, and each message names the thing and the cause. Nothing is
//! left behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cli_parts;

use cli_parts::*;
use stylecast::frame::Size;

/// Runs the command and checks code, message and that the folder is as it was.
#[track_caller]
fn fails(desk: &Desk, code: i32, args: &[&str], named: &[&str]) {
    let before = desk.files();
    let run = desk.run(args).fails(code);
    assert!(run.err.starts_with("stylecast: "), "{}", run.err);
    for name in named {
        assert!(run.err.contains(name), "{args:?} does not say '{name}': {}", run.err);
    }
    assert_eq!(desk.files(), before, "{args:?} left something");
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(32, 24))
        .picture("b.png", Size::new(24, 24))
        .picture("f/001.png", Size::new(32, 24));
    desk
}

#[test]
fn inputs_that_cannot_be_read_are_3() {
    let desk = desk();
    std::fs::write(desk.path("text.png"), "no picture").unwrap();
    std::fs::write(desk.path("empty.png"), "").unwrap();
    std::fs::create_dir(desk.path("folder")).unwrap();
    for (input, cause) in
        [("none.png", "no such file"), ("text.png", "text"), ("empty.png", "empty"), ("folder", "folder")]
    {
        fails(&desk, 3, &["image", input, "--style", "a.png", "-o", "out.png"], &[input, cause]);
        fails(&desk, 3, &["image", "a.png", "--style", input, "-o", "out.png"], &[input, cause]);
        fails(
            &desk,
            3,
            &["loss", "--content", "a.png", "--style", "a.png", "--image", input],
            &[input, cause],
        );
    }
    fails(&desk, 3, &["video", "g/%03d.png", "--style", "a.png", "-o", "h/%03d.png"], &["g/%03d.png"]);
    let sizes = ["loss", "--content", "a.png", "--style", "a.png", "--image", "b.png"];
    fails(&desk, 3, &sizes, &["a.png is 32x24", "b.png is 24x24", "hint:"]);
}

#[test]
#[cfg(feature = "video")]
fn films_that_cannot_be_read_are_3() {
    let desk = desk();
    std::fs::write(desk.path("text.mp4"), "no film").unwrap();
    std::fs::write(desk.path("empty.mp4"), "").unwrap();
    std::fs::create_dir(desk.path("folder")).unwrap();
    for input in ["none.mp4", "text.mp4", "empty.mp4", "folder"] {
        fails(&desk, 3, &["video", input, "--style", "a.png", "-o", "out.mp4"], &[input]);
        fails(&desk, 3, &["image", input, "--at", "1", "--style", "a.png", "-o", "out.png"], &[input]);
    }
    let clip = media("big-buck-bunny.mp4");
    fails(&desk, 3, &["image", &clip, "--at", "1:00:00", "--style", "a.png", "-o", "out.png"], &["hint:"]);
    fails(&desk, 2, &["image", &clip, "--style", "a.png", "-o", "out.png"], &["is a film", "--at"]);
}

#[test]
fn outputs_that_cannot_be_written_are_4() {
    let desk = desk();
    for output in ["none/out.png", "f/001.png", "f"] {
        let code = if output == "f" { 2 } else { 4 };
        fails(&desk, code, &["image", "a.png", "--style", "b.png", "-o", output], &[output, "hint:"]);
    }
}

#[test]
#[cfg(feature = "video")]
fn films_that_cannot_be_written_are_4() {
    let desk = desk();
    std::fs::write(desk.path("old.mp4"), "precious").unwrap();
    std::fs::create_dir(desk.path("dir.mp4")).unwrap();
    let clip = media("big-buck-bunny.mp4");
    for (output, cause) in [("none/out.mp4", "none"), ("old.mp4", "exists already"), ("dir.mp4", "directory")]
    {
        fails(&desk, 4, &["video", &clip, "--style", "b.png", "-o", output], &[output, cause]);
    }
    assert_eq!(std::fs::read(desk.path("old.mp4")).unwrap(), b"precious");
    // What contradicts itself is wrong use.
    let codec = ["video", &clip, "--style", "b.png", "-o", "out.mp4", "--codec", "libx999"];
    fails(&desk, 2, &codec, &["libx999", "hint:"]);
}

#[test]
fn weights_and_devices_are_5() {
    let desk = desk();
    std::fs::write(desk.path("w.safetensors"), "not weights").unwrap();
    let image = ["image", "a.png", "--style", "b.png", "-o", "out.png"];
    fails(
        &desk,
        5,
        &[&image[..], &["--weights", "none.safetensors"]].concat(),
        &["none.safetensors", "hint:"],
    );
    fails(&desk, 5, &[&image[..], &["--weights", "w.safetensors"]].concat(), &["w.safetensors", "hint:"]);
    #[cfg(all(not(feature = "cuda"), feature = "embedded-weights"))]
    fails(&desk, 5, &[&image[..], &["--device", "cuda"]].concat(), &["cuda:0", "hint:"]);
}

#[test]
#[cfg(not(feature = "video"))]
fn without_video_the_command_says_how_to_get_it() {
    let desk = desk();
    std::fs::write(desk.path("clip.mp4"), "a film").unwrap();
    for args in [
        ["video", "clip.mp4", "--style", "a.png", "-o", "out.mp4"],
        ["video", "f/%03d.png", "--style", "a.png", "-o", "out.mp4"],
    ] {
        fails(&desk, 2, &args, &["built without video", "feature 'video'"]);
    }
}

#[test]
#[cfg(feature = "webcam")]
fn cameras_are_listed_or_their_absence_is_3() {
    let desk = desk();
    // Whether there is one depends on the machine; both answers have their form.
    let run = desk.run(&["cameras"]);
    if run.code == Some(0) {
        assert!(run.out.contains("--camera "), "{}", run.out);
        let lines = desk.run(&["cameras", "--json"]).succeeds().json();
        assert!(lines.iter().all(|line| line["type"] == "camera" && line["modes"].is_array()));
    } else {
        fails(&desk, 3, &["cameras"], &["camera", "hint:"]);
        fails(&desk, 3, &["cameras", "--json"], &["camera", "hint:"]);
    }
}
