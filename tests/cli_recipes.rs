//! Recipes: listed, printed, taken by name or from a file; they do something, and what is typed wins.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cli_parts;

use cli_parts::*;
use stylecast::frame::Size;

const NAMES: [&str; 6] = ["gatys", "fastai", "fine", "bold", "photo", "live"];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.picture("a.png", Size::new(24, 20)).picture("style.png", Size::new(24, 20));
    desk
}

fn write(desk: &Desk, name: &str, text: &str) {
    std::fs::write(desk.path(name), text).unwrap();
}

/// The options that a picture was painted with, as it says itself.
fn options(desk: &Desk, name: &str) -> Vec<String> {
    let json = desk.run(&["again", name, "--json"]).succeeds().json();
    let options = json[0]["record"]["options"].as_array().unwrap();
    options.iter().map(|option| option.as_str().unwrap().to_owned()).collect()
}

/// The same of a picture that is passed through with these arguments, which is quick.
fn passed(desk: &Desk, more: &[&str]) -> Vec<String> {
    desk.run(&[&["image", "a.png", "--iterations", "0", "-y", "-o", "out.png"], more].concat()).succeeds();
    options(desk, "out.png")
}

fn has(options: &[String], option: &str) -> bool {
    options.iter().any(|known| known == option)
}

#[test]
fn they_are_listed_with_a_line_each() {
    let desk = Desk::new();
    let people = desk.run(&["recipes"]).succeeds().out;
    assert_eq!(people.lines().count(), NAMES.len());
    for (line, name) in people.lines().zip(NAMES) {
        assert!(line.starts_with(name) && line.len() > 30, "{line}");
    }
    let json = desk.run(&["recipes", "--json"]).succeeds().json();
    let names: Vec<_> = json.iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, NAMES);
    for line in &json {
        assert_eq!(line["type"], "recipe");
        let text = desk.run(&["recipes", "show", line["name"].as_str().unwrap()]).succeeds().out;
        assert_eq!(line["text"], text.as_str());
        assert!(text.starts_with(&format!("# {}\n", line["about"].as_str().unwrap())), "{text}");
    }
}

#[test]
fn one_that_is_printed_is_a_file_of_ones_own() {
    let desk = desk();
    let text = desk.run(&["recipes", "show", "bold"]).succeeds().out;
    write(&desk, "mine.toml", &text);
    let ours = passed(&desk, &["--recipe", "./mine.toml"]);
    assert_eq!(passed(&desk, &["--recipe", "bold"]), ours);
    assert_ne!(passed(&desk, &[]), ours);
    desk.run(&["recipes", "show", "mine.toml"]).succeeds();
    write(&desk, "mine.toml", "style-weigth = 3\n");
    desk.run(&["recipes", "show", "mine.toml"]).fails(2);
}

#[test]
fn what_is_typed_wins_over_a_recipe_and_a_recipe_over_the_defaults() {
    let desk = desk();
    write(
        &desk,
        "mine.toml",
        "style-weight = 7\nseed = 5\n[image]\nlearning-rate = 0.5\n[video]\nseed = 6\n",
    );
    let options = passed(&desk, &["--recipe", "mine.toml", "--style-weight", "3"]);
    // Typed, though it is the default; from the recipe; from its table; left alone.
    for option in ["--style-weight=3", "--seed=5", "--learning-rate=0.5", "--content-weight=1"] {
        assert!(has(&options, option), "{option}: {options:?}");
    }
    std::fs::create_dir(desk.path("f")).unwrap();
    desk.picture("f/1.png", Size::new(24, 20));
    let film = ["video", "f/%d.png", "--iterations", "0", "-o", "g/%d.png", "--recipe", "mine.toml"];
    desk.run(&film).succeeds();
    let options = self::options(&desk, "g/1.png");
    for option in ["--style-weight=7", "--seed=6", "--learning-rate=0.02"] {
        assert!(has(&options, option), "{option}: {options:?}");
    }
}

#[test]
fn mistakes_in_a_file_are_told_with_its_line_and_the_nearest_name() {
    let desk = desk();
    let image = ["image", "a.png", "--style", "style.png", "-o", "out.png", "--recipe"];
    for (text, told) in [
        ("# mine\nstyle_weight = 3\n", ["mine.toml, line 2", "did you mean style-weight?"]),
        ("[imag]\nseed = 1\n", ["mine.toml, line 1", "did you mean image?"]),
        ("style-weight = -3\n", ["mine.toml, line 1: style-weight = -3", "from 0 up"]),
        ("style-weight = \"much\"\n", ["style-weight = much", "from 0 up"]),
        ("style-weight = \n", ["mine.toml, line 1", "recipe"]),
        ("steadiness = 1.5\n", ["steadiness = 1.5", "from 0 to 1"]),
        ("style-layers = { conv9_1 = 1 }\n", ["line 1", "unknown layer 'conv9_1'"]),
        ("style = \"b.jpg\"\n", ["line 1", "--style"]),
        ("output = \"b.png\"\n", ["line 1", "output"]),
        // Checked where it is used, like the option: VGG-16 has none.
        ("content-layer = \"conv4_4\"\n", ["vgg16 has no layer conv4_4", "vgg19"]),
        ("style-layers = { conv1_1 = 0 }\n", ["add up to nothing", "hint"]),
    ] {
        write(&desk, "mine.toml", text);
        let run = desk.run(&[&image[..], &["mine.toml"]].concat()).fails(2);
        assert!(told.iter().all(|told| run.err.contains(told)), "{text}: {}", run.err);
    }
    let refused = |name: &str, code: i32, told: &str| {
        let run = desk.run(&[&image[..], &[name]].concat()).fails(code);
        assert!(run.err.contains(told) && run.err.contains("hint:"), "{name}: {}", run.err);
    };
    refused("gaty", 2, "did you mean gatys?");
    refused("nothing-like-it", 2, "fastai, fine, bold");
    refused("missing.toml", 3, "missing.toml");
    refused("a.png", 3, "not a text");
    refused(".", 3, "directory");
    assert!(!desk.files().contains(&"out.png".to_owned()));
}

#[test]
#[cfg(feature = "embedded-weights")]
fn each_paints_in_a_way_of_its_own() {
    let desk = desk();
    let painted = |more: &[&str]| {
        // Seen small, which is quick; layers and weights are enough to tell them apart.
        let args = ["image", "a.png", "--style", "style.png", "--style-size", "24", "--iterations", "1"];
        desk.run(&[&args[..], &["-y", "-o", "out.png"], more].concat()).succeeds();
        image::open(desk.path("out.png")).unwrap().to_rgb8().into_raw()
    };
    let mut all = vec![painted(&[])];
    for name in NAMES {
        let picture = painted(&["--recipe", name]);
        assert!(!all.contains(&picture), "{name}");
        all.push(picture);
    }
}

#[test]
#[cfg(feature = "embedded-weights")]
fn losses_are_those_of_the_recipe() {
    let desk = desk();
    let pictures = ["loss", "--json", "--content", "a.png", "--image", "style.png", "--style", "a.png"];
    let loss = |more: &[&str]| desk.run(&[&pictures[..], more].concat()).succeeds().json().remove(0);
    let (relative, gatys) = (loss(&[]), loss(&["--recipe", "gatys"]));
    let (content, style) = (gatys["content"].as_f64().unwrap(), &gatys["style"]);
    assert!(content > 100.0 * relative["content"].as_f64().unwrap(), "{gatys}");
    let sum: f64 = style.as_object().unwrap().values().map(|loss| 0.2 * loss.as_f64().unwrap()).sum();
    let total = gatys["total"].as_f64().unwrap();
    assert!((total / (1e-3 * content + sum) - 1.0).abs() < 1e-6, "{gatys}");
    let layers: Vec<_> =
        loss(&["--recipe", "fastai"])["style"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(layers, ["conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2"]);
}
