//! How a picture or a film was painted, as it is written into it and read from it again.
//!
//! Every option that decides what the result looks like is written down with its value, typed or not, so that
//! another version with other defaults can repeat it. What only decides where it goes or how fast is left out,
//! and so is everything that nobody typed: no folder, no name of a user or a machine.

use super::media;
use super::options::{self, Values};
use super::painter::Studio;
use crate::error::{Error, Result};
use crate::provenance::Provenance;
use clap::{ArgMatches, Command};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The shape of what is written; raised when older programs could not understand it.
const FORMAT: u32 = 1;

/// Options that do not change the picture, by their ids; a container is told by the output's name anew.
const LEFT_OUT: [&str; 10] = [
    "output",
    "overwrite",
    "no_metadata",
    "format",
    "json",
    "quiet",
    "verbose",
    "recipe",
    "device",
    "threads",
];

/// What can be repeated.
const REPEATABLE: [&str; 2] = ["image", "video"];

/// What was painted, and how. Its first field is what marks it inside a file ([`Provenance`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The version of the program.
    pub(super) stylecast: String,
    format: u32,
    /// `image` or `video`.
    pub(super) command: String,
    /// What was painted from, as it was typed.
    pub(super) input: String,
    /// The recipe that was asked for; what it says is among the options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recipe: Option<String>,
    /// As they can be typed: `--style-weight=3`.
    pub(super) options: Vec<String>,
    /// The network; absent where frames were passed through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    /// The SHA-256 of its weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weights: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<String>,
}

impl Record {
    /// What was typed for `command`, with the values of everything that was not.
    pub(super) fn of(command: &Command, matches: &ArgMatches, recipe: Option<String>) -> Self {
        let raw = |id: &str| {
            let values = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
            values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let recorded = command.get_arguments().filter(|option| !LEFT_OUT.contains(&option.get_id().as_str()));
        let options = recorded.filter_map(|option| {
            let (name, values) = (option.get_long()?, raw(option.get_id().as_str()));
            Some(match options::is_switch(option) {
                true if values == ["true"] => vec![format!("--{name}")],
                true => Vec::new(),
                false => values.iter().map(|value| format!("--{name}={value}")).collect(),
            })
        });
        Self {
            stylecast: env!("CARGO_PKG_VERSION").into(),
            format: FORMAT,
            command: command.get_name().into(),
            input: without_secrets(&raw("input").concat()),
            recipe,
            options: options.flatten().collect(),
            model: None,
            weights: None,
            device: None,
        }
    }

    /// What is written into the file that `studio` paints; without one, frames are passed through.
    pub(super) fn provenance(&self, studio: Option<&Studio>) -> Option<Provenance> {
        let mut record = self.clone();
        if let Some(studio) = studio {
            record.model = Some(studio.model.to_string());
            record.weights = Some(studio.weights.clone());
            record.device = Some(studio.device.clone());
            // What was comfortable here may not be elsewhere.
            record.options.retain(|option| !option.starts_with("--paint-size="));
            record.options.push(format!("--paint-size={}", studio.paint_size));
        }
        serde_json::to_string(&record).ok().and_then(|json| Provenance::new(&json))
    }

    /// What the picture or film at `path` says of itself.
    ///
    /// # Errors
    /// Input errors for a file that cannot be read, says nothing, or says what this version cannot understand.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let provenance = media::provenance(path)?.ok_or_else(|| {
            Error::input(format!("{shown} does not say how it was painted"))
                .hint("stylecast writes that into what it paints, but for --no-metadata; editors and websites often take it out")
        })?;
        Self::parse(provenance.as_str()).map_err(|cause| {
            Error::input(format!("what {shown} says of how it was painted cannot be used: {cause}"))
                .hint("a newer stylecast may understand it; otherwise the file is damaged")
        })
    }

    fn parse(json: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if record.format > FORMAT {
            return Err(format!("it was written by the newer version {}", record.stylecast));
        }
        if !REPEATABLE.contains(&record.command.as_str()) {
            return Err(format!("there is no command '{}' that paints", record.command));
        }
        Ok(record)
    }

    /// The options that were recorded, each with the values of its kind; switches have `true`.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().filter_map(|option| {
            let option = option.strip_prefix("--")?;
            Some(option.split_once('=').unwrap_or((option, "true")))
        })
    }

    /// What was recorded, as the values of options unless something else is typed.
    ///
    /// # Errors
    /// Input errors for options and values that this version does not have.
    pub(super) fn values(&self, cli: &Command) -> Result<Values> {
        let unusable = |option: &str, why: &str| {
            Error::input(format!("it was painted by stylecast {} with {option}, {why}", self.stylecast))
                .hint("use that version, or paint anew with other options")
        };
        let mut values = Values::new();
        for (name, value) in self.pairs() {
            let command = cli.find_subcommand(&self.command);
            let option = command
                .and_then(|command| options::named(command, name))
                .ok_or_else(|| unusable(&format!("--{name}"), "which this version does not have"))?;
            let id = option.get_id().as_str();
            if LEFT_OUT.contains(&id) {
                continue;
            }
            options::check(option, value)
                .map_err(|error| unusable(&format!("--{name}={value}"), &error.to_string()))?;
            match values.iter_mut().find(|(known, _)| known == id) {
                Some((_, values)) => values.push(value.to_owned()),
                None => values.push((id.to_owned(), vec![value.to_owned()])),
            }
        }
        Ok(values)
    }

    /// The command line that painted `output`, without what are the defaults of `cli`.
    pub(super) fn words(&self, cli: &Command, output: &str) -> Vec<String> {
        let command = cli.find_subcommand(&self.command);
        let is_default = |name: &str, value: &str| {
            let option = command.and_then(|command| options::named(command, name));
            option.is_some_and(|option| option.get_default_values().iter().any(|default| default == value))
        };
        let mut words = vec!["stylecast".to_owned(), self.command.clone(), no_option(&self.input)];
        for option in &self.options {
            match option.strip_prefix("--").and_then(|option| option.split_once('=')) {
                Some((name, value)) if is_default(name, value) => {}
                Some((name, value)) if !value.starts_with('-') => {
                    words.extend([format!("--{name}"), value.to_owned()]);
                }
                _ => words.push(option.clone()),
            }
        }
        words.extend(["-o".to_owned(), no_option(output)]);
        words
    }
}

/// An address without what only its user should know: name, password, query.
fn without_secrets(input: &str) -> String {
    let Some((scheme, rest)) = input.split_once("://") else { return input.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
}

/// A path that nobody takes for an option.
fn no_option(path: &str) -> String {
    if path.starts_with('-') { format!("./{path}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::CommandFactory;

    fn record(args: &[&str]) -> Record {
        let mut cli = Cli::command();
        let matches = cli.try_get_matches_from_mut([&["stylecast"][..], args].concat()).unwrap();
        let (name, matches) = matches.subcommand().unwrap();
        Record::of(cli.find_subcommand(name).unwrap(), matches, None)
    }

    #[test]
    fn everything_that_decides_the_picture_is_recorded_and_nothing_else() {
        let args = ["image", "a b.jpg", "--style", "s.jpg", "-o", "/secret/out.png", "-y", "--threads", "2"];
        let record = record(&[&args[..], &["--size", "64", "--json", "-q"]].concat());
        assert_eq!((record.command.as_str(), record.input.as_str()), ("image", "a b.jpg"));
        for option in ["--style=s.jpg", "--size=64", "--style-weight=3", "--seed=0", "--iterations=60"] {
            assert!(record.options.iter().any(|known| known == option), "{option}: {:?}", record.options);
        }
        let json = serde_json::to_string(&record).unwrap();
        for left_out in ["secret", "overwrite", "threads", "json", "quiet", "device", "paint-size"] {
            assert!(!json.contains(left_out), "{left_out}: {json}");
        }
    }

    #[test]
    fn secrets_of_addresses_stay_out() {
        for (typed, kept) in [
            ("rtsp://me:secret@host:554/a@b/stream?token=secret", "rtsp://host:554/a@b/stream"),
            ("https://host/film.mp4#secret", "https://host/film.mp4"),
            ("film?.mp4", "film?.mp4"),
        ] {
            assert_eq!(record(&["video", typed, "--style", "s.jpg", "-o", "out.mp4"]).input, kept);
        }
    }

    #[test]
    fn the_command_line_is_short_and_means_the_same() {
        let cli = Cli::command();
        let args =
            ["video", "--style", "b.jpg=2,c.jpg", "--style-weight=9", "--start", "0:02", "-o", "out.mp4"];
        let painted = record(&[&args[..], &["--", "-a.mp4"]].concat());
        let words = painted.words(&cli, "out.mp4");
        let line = "stylecast video ./-a.mp4 --start 0:02 --style b.jpg=2,c.jpg --style-weight 9 -o out.mp4";
        let mut expected: Vec<_> = line.split(' ').collect();
        let mut found: Vec<_> = words.iter().map(String::as_str).collect();
        // The order of the options is that of the help.
        expected[3..].sort_unstable();
        found[3..].sort_unstable();
        assert_eq!(found, expected);
        let again: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        assert_eq!(record(&again).options, painted.options);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let mut painted = record(&["image", "a.jpg", "--style", "b.jpg", "-o", "c.png"]);
        assert!(Record::parse(&serde_json::to_string(&painted).unwrap()).is_ok());
        for (from, to) in [("\"format\":1", "\"format\":2"), ("\"image\"", "\"doctor\""), ("[", "{")] {
            let json = serde_json::to_string(&painted).unwrap().replacen(from, to, 1);
            assert!(Record::parse(&json).is_err(), "{json}");
        }
        let cli = Cli::command();
        assert!(painted.values(&cli).is_ok());
        // What says where a file goes is nothing for a record to say.
        painted.options.push("--output=/etc/passwd".into());
        assert!(!painted.values(&cli).unwrap().iter().any(|(id, _)| id == "output"));
        for option in ["--brush=7", "--style-weight=-1", "--style-weight"] {
            painted.options.push(option.into());
            assert!(painted.values(&cli).is_err(), "{option}");
            painted.options.pop();
        }
    }
}
