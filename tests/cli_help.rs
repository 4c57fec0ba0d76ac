//! The help is written for people, quotes the library's defaults and changes only on purpose.

mod cli_parts;

use cli_parts::*;
use stylecast::stylize::PaintSettings;

#[test]
fn every_command_has_its_help() {
    let desk = Desk::new();
    let commands: &[&[&str]] = &[
        &[],
        &["video"],
        &["live"],
        &["image"],
        &["again"],
        &["recipes"],
        &["recipes", "show"],
        &["layers"],
        &["loss"],
        &["eval"],
        &["bench"],
        &["doctor"],
        &["models"],
        &["models", "pull"],
        &["models", "list"],
        #[cfg(feature = "webcam")]
        &["cameras"],
        &["completions"],
    ];
    for command in commands {
        let help = desk.run(&[*command, &["--help"]].concat()).succeeds();
        assert!(help.err.is_empty(), "{}", help.err);
        let widest = help.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 100, "{command:?} has a line of {widest}");
        let name = if command.is_empty() { "stylecast".into() } else { command.join("-") };
        insta::assert_snapshot!(name, help.out);
    }
}

#[test]
fn defaults_are_the_librarys_own() {
    let help = Desk::new().run(&["video", "--help"]).succeeds().out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let settings = PaintSettings::default();
    let objective = &settings.objective;
    let layers: Vec<_> =
        objective.style_layers.iter().map(|(layer, weight)| format!("{layer}={weight}")).collect();
    for (option, default) in [
        ("--iterations", settings.iterations.to_string()),
        ("--first-iterations", settings.first_iterations.to_string()),
        ("--learning-rate", settings.learning_rate.to_string()),
        ("--optimizer", settings.optimizer.to_string()),
        ("--start-from", settings.start.to_string()),
        ("--loss-form", objective.form.to_string()),
        ("--content-weight", objective.content_weight.to_string()),
        ("--style-weight", objective.style_weight.to_string()),
        ("--tv", objective.tv_weight.to_string()),
        ("--content-layer", objective.content_layers[0].0.to_string()),
        ("--pooling", objective.pooling.to_string()),
        ("--style-layers", layers.join(",")),
        ("--seed", settings.seed.to_string()),
    ] {
        let text = help.split(&format!(" {option} <")).nth(1).unwrap();
        let text = text.split(" --").next().unwrap();
        assert!(text.contains(&format!("[default: {default}]")), "{option}: {text}");
    }
}

#[test]
fn completions_know_the_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let out = desk.run(&["completions", shell]).succeeds().out;
        assert!(out.contains("paint-size") && out.contains("doctor"), "{shell}");
    }
    desk.run(&["completions", "tcsh"]).fails(2);
}

#[test]
fn the_version_is_the_packages() {
    let run = Desk::new().run(&["--version"]).succeeds();
    assert_eq!(run.out.trim(), concat!("stylecast ", env!("CARGO_PKG_VERSION")));
}
