//! `stylecast again`: how a picture or a film was painted, as it says itself, and painting it once more.

use super::args::{AgainArgs, Cli, Command};
use super::exit::Exit;
use super::record::Record;
use super::report::{AgainReport, Object, Reporter};
use super::screen::Screen;
use super::typed::{self, Refused, Typed};
use super::{painter, shell};
use crate::error::{Error, Result};
use clap::CommandFactory;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;

pub(super) fn run(args: &AgainArgs, screen: &Screen) -> Result<Exit> {
    let record = Record::read(&args.painted)?;
    if let Some(output) = &args.output {
        return repeat(args, output, &record, screen);
    }
    let words = record.words(&Cli::command(), &args.painted.to_string_lossy());
    if args.json.json {
        Reporter::new(true).tell(&Object::Again(AgainReport {
            file: args.painted.clone(),
            arguments: words,
            record,
        }));
    } else {
        // A closed stdout has no reader left.
        let _ = write!(std::io::stdout(), "{}", told(&words, &record));
    }
    Ok(Exit::Done)
}

/// The command line, then everything that was recorded.
fn told(words: &[String], record: &Record) -> String {
    let mut text =
        format!("{}\n\npainted by stylecast {}", shell::line(words), shell::quoted(&record.stylecast));
    if let Some(model) = &record.model {
        let _ = write!(text, ", with {}", shell::quoted(model));
    }
    if let Some(device) = &record.device {
        let _ = write!(text, " on {}", shell::quoted(device));
    }
    if let Some(recipe) = &record.recipe {
        let _ = write!(text, ", by the recipe {}", shell::quoted(recipe));
    }
    let _ = writeln!(text);
    if let Some(weights) = &record.weights {
        let _ = writeln!(text, "  {:<20} {}", "sha256 of weights", shell::quoted(weights));
    }
    for option in &record.options {
        let (name, value) = option
            .split_once('=')
            .map_or((option.as_str(), String::new()), |(name, value)| (name, shell::quoted(value)));
        let _ = writeln!(text, "  {:<20} {value}", shell::quoted(name));
    }
    text
}

fn repeat(args: &AgainArgs, output: &std::path::Path, record: &Record, screen: &Screen) -> Result<Exit> {
    let input = args.input.clone().map_or_else(|| record.input.clone().into(), OsString::from);
    let switches = [("-y", args.overwrite), ("--json", args.json.json)];
    let switches = switches.into_iter().filter(|(_, on)| *on).map(|(switch, _)| switch.into());
    let line: Vec<OsString> = [OsString::from("stylecast"), record.command.clone().into()]
        .into_iter()
        .chain(switches)
        .chain(["-o".into(), output.into()])
        .chain(args.options.iter().cloned())
        .chain(["--".into(), input])
        .collect();
    let typed = typed::read(&line, Some(record)).map_err(|refused| match refused {
        Refused::Sense(error) => error,
        Refused::Form(error) => Error::usage(first_line(&error.to_string()))
            .hint(format!("what follows -- are options of 'stylecast {}' (see its --help)", record.command)),
    })?;
    for note in differences(record, &typed)? {
        screen.line(&format!("stylecast: note: {note}"));
    }
    super::dispatch(&typed, screen)
}

/// What of clap's message says what is wrong.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// What may make it come out differently.
fn differences(record: &Record, typed: &Typed) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let here = &typed.record.stylecast;
    if record.stylecast != *here {
        let painted = shell::quoted(&record.stylecast);
        notes.push(format!(
            "it was painted by stylecast {painted}; this is {here}, which may paint differently"
        ));
    }
    let model = match &typed.cli.command {
        Command::Image(args) => &args.paint.model,
        Command::Video(args) => &args.paint.model,
        _ => return Ok(notes),
    };
    if let Some(weights) = &record.weights
        && painter::weight_file(model)?.sha256() != *weights
    {
        notes.push(
            "it was painted with other weights of the network, and will look a little different".into(),
        );
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_does_nothing_to_a_terminal() {
        let json = r#"{"stylecast":"\u001b[2J","format":1,"command":"image","input":"a\u0007.jpg",
            "options":["--style=\u001b]0;x","--odd\u001b"],"model":"\u009b1m","weights":"\r","device":"\u0000"}"#;
        let record: Record = serde_json::from_str(json).unwrap();
        let text = told(&record.words(&Cli::command(), "a.png"), &record);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}
