//! A recipe as it is written: TOML whose keys are options without their dashes.
//!
//! Keys at the top are for every command that has such an option; those in a table `[image]`, `[video]` or
//! `[live]` are for that command alone, and win there. Whatever is wrong is told with its line.

use super::super::args::Cli;
use super::super::options;
use super::COMMANDS;
use crate::error::{Error, Result};
use clap::{Arg, Command, CommandFactory};
use toml::de::{DeTable, DeValue};

/// One line of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    /// The command it is for; `None`: every one that has the option.
    pub(super) command: Option<String>,
    /// The option's name, without dashes.
    pub(super) key: String,
    /// As it would be typed.
    pub(super) value: String,
}

/// Whether recipes may say it: how to paint, but not in whose style.
fn may_be_said(option: &Arg) -> bool {
    let about_painting = matches!(option.get_help_heading(), Some("Painting" | "Objective"));
    let id = option.get_id().as_str();
    (about_painting || id == "model") && !matches!(id, "style" | "recipe")
}

/// Reads the recipe called `name`.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Setting>> {
    let reader = Reader { name, text, cli: Cli::command() };
    let table = DeTable::parse(text)
        .map_err(|error| reader.wrong(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut settings = Vec::new();
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let (name, at): (&str, _) = (key.get_ref(), key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) if COMMANDS.contains(&name) => {
                let mut entries: Vec<_> = inner.iter().collect();
                entries.sort_by_key(|(key, _)| key.span().start);
                for (key, value) in entries {
                    let at = key.span().start;
                    settings.push(reader.setting(Some(name), key.get_ref(), value.get_ref(), at)?);
                }
            }
            value => settings.push(reader.setting(None, name, value, at)?),
        }
    }
    Ok(settings)
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    cli: Command,
}

impl Reader<'_> {
    fn setting(&self, command: Option<&str>, key: &str, value: &DeValue<'_>, at: usize) -> Result<Setting> {
        let options: Vec<&Arg> = COMMANDS
            .into_iter()
            .filter(|name| command.is_none_or(|command| command == *name))
            .filter_map(|name| self.cli.find_subcommand(name))
            .filter_map(|command| options::named(command, key))
            .filter(|option| may_be_said(option))
            .collect();
        if options.is_empty() {
            return Err(self.unknown(command, key, at));
        }
        let value =
            typed(value).ok_or_else(|| self.wrong(at, format!("'{key}' is neither a number nor a text")))?;
        for option in options {
            options::check(option, &value).map_err(|error| {
                let told = self.wrong(at, format!("{key} = {value}: {error}"));
                match error.next_step() {
                    Some(hint) => told.hint(hint),
                    None => told,
                }
            })?;
        }
        Ok(Setting { command: command.map(str::to_owned), key: key.to_owned(), value })
    }

    /// The error for a key that is no option, or none of this command.
    fn unknown(&self, command: Option<&str>, key: &str, at: usize) -> Error {
        let of = |name: &&str| self.cli.find_subcommand(name);
        let known = COMMANDS
            .iter()
            .filter(|name| command.is_none_or(|command| command == **name))
            .filter_map(of)
            .flat_map(|command| command.get_arguments().filter(|option| may_be_said(option)))
            .flat_map(options::names)
            .chain(COMMANDS.into_iter().filter(|_| command.is_none()));
        let place = command.map(|command| format!(" of {command}")).unwrap_or_default();
        let error = self.wrong(at, format!("there is no option{place} called '{key}'"));
        error.hint(match (options::nearest(key, known), key) {
            (_, "style") => "a recipe says how to paint; the style is given by --style".to_owned(),
            (Some(name), _) => format!("did you mean {name}?"),
            (None, _) => format!(
                "keys are the options under Painting and Objective in 'stylecast {} --help', without dashes",
                command.unwrap_or("video")
            ),
        })
    }

    fn wrong(&self, at: usize, what: impl std::fmt::Display) -> Error {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Error::usage(format!("recipe {}, line {line}: {what}", self.name))
    }
}

/// A value as it would be typed: numbers, texts, switches, lists (`a,b`) and tables (`a=1,b=2`) of them.
fn typed(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Array(list) => {
            list.iter().map(|value| typed(value.get_ref())).collect::<Option<Vec<_>>>()?.join(",")
        }
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let parts = entries
                .into_iter()
                .map(|(key, value)| Some(format!("{}={}", key.get_ref(), typed(value.get_ref())?)));
            parts.collect::<Option<Vec<_>>>()?.join(",")
        }
        DeValue::Datetime(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(Option<String>, String, String)> {
        let settings = parse("mine.toml", text).unwrap();
        settings.into_iter().map(|setting| (setting.command, setting.key, setting.value)).collect()
    }

    fn said(text: &str) -> (String, String) {
        let error = parse("mine.toml", text).unwrap_err();
        (error.to_string(), error.next_step().unwrap_or_default().to_owned())
    }

    #[test]
    fn values_are_read_as_they_would_be_typed() {
        let text = "style-weight = 1_000\ncontent-weight = 1e-3\npooling = \"max\"\n\
                    style-layers = { conv2_1 = 0.5, conv1_1 = 2 }\n[live]\nlatency = 0x10\n";
        let top = |key: &str, value: &str| (None, key.to_owned(), value.to_owned());
        let expected = vec![
            top("style-weight", "1000"),
            top("content-weight", "1e-3"),
            top("pooling", "max"),
            top("style-layers", "conv2_1=0.5,conv1_1=2"),
            (Some("live".to_owned()), "latency".to_owned(), "16".to_owned()),
        ];
        assert_eq!(read(text), expected);
        // A table of its own is as good as one in braces, and a list of layers as good as a table of ones.
        assert_eq!(read("[style-layers]\nconv1_1 = 1\n"), [top("style-layers", "conv1_1=1")]);
        assert_eq!(
            read("style-layers = [\"conv1_1\", \"conv3_1\"]"),
            [top("style-layers", "conv1_1,conv3_1")]
        );
        assert!(read("# nothing\n").is_empty());
    }

    #[test]
    fn mistakes_are_told_with_file_line_and_the_nearest_name() {
        for (text, told, hint) in [
            (
                "seed = 1\nstyle_weight = 3",
                "recipe mine.toml, line 2: there is no option called 'style_weight'",
                "did you mean style-weight?",
            ),
            ("\n\n[vidoe]\nseed = 1", "line 3: there is no option called 'vidoe'", "did you mean video?"),
            (
                "[image]\nsteadyness = 1",
                "line 2: there is no option of image called 'steadyness'",
                "'stylecast image --help'",
            ),
            ("[video]\nsteadyness = 1", "called 'steadyness'", "did you mean steadiness?"),
            ("style = \"a.jpg\"", "called 'style'", "--style"),
            ("output = \"a.png\"", "called 'output'", "Painting and Objective"),
            ("recipe = \"bold\"", "called 'recipe'", ""),
            ("style-weight = -1", "line 1: style-weight = -1: weights are numbers from 0 up", "2 or 0.5"),
            ("style-weight = nan", "style-weight = nan", "2 or 0.5"),
            ("seed = 1\nsteadiness = 2", "line 2: steadiness = 2: this must be a number from 0 to 1", "0.7"),
            ("pooling = 3", "pooling = 3: unknown pooling '3'", "avg max"),
            ("content-layer = \"conv9_1\"", "unknown layer 'conv9_1'", "conv1_1"),
            ("style-layers = { conv1_1 = -1 }", "the weight of conv1_1 is '-1'", ""),
            ("style-weight = 1979-05-27", "neither a number nor a text", ""),
            ("seed = 1\nseed = 2", "line 2: ", ""),
            ("seed = 1\nstyle-weight 3", "line 2: ", ""),
        ] {
            let (error, next) = said(text);
            assert!(error.contains(told) && next.contains(hint), "{text}: {error} ({next})");
        }
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in ".{0,80}", key in "[a-z-]{1,12}", value in ".{0,12}") {
            let _ = parse("mine.toml", &text);
            let _ = parse("mine.toml", &format!("{key} = {value}"));
            let _ = parse("mine.toml", &format!("style-layers = {value}"));
        }
    }
}
