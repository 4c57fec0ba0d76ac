//! The options of the commands as data: what recipes and pictures say of them is checked as if it were typed,
//! and takes the place of the defaults.

use crate::error::{Error, Result};
use clap::{Arg, ArgAction, Command};

/// Values for some options, by their ids: what they are unless something else is typed.
pub(super) type Values = Vec<(String, Vec<String>)>;

/// How an option is called: other names that mean the same, then its own. Not for positional arguments.
pub(super) fn names(option: &Arg) -> impl Iterator<Item = &str> {
    let own = option.get_long();
    option.get_all_aliases().filter(|_| own.is_some()).unwrap_or_default().into_iter().chain(own)
}

/// The option of `command` that is called so.
pub(super) fn named<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|option| names(option).any(|own| own == name))
}

/// Whether it stands alone, without a value.
pub(super) fn is_switch(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::SetTrue)
}

/// Refuses a value that the option would refuse if it were typed, in the same words.
///
/// # Errors
/// Usage, with what would be possible.
pub(super) fn check(option: &Arg, value: &str) -> Result<()> {
    if is_switch(option) {
        return match value {
            "true" | "false" => Ok(()),
            _ => Err(Error::usage("this is a switch").hint("write true or false")),
        };
    }
    // A command with nothing but this value's parser: the option itself may need others beside it.
    let alone = Arg::new("value").long("value").value_parser(option.get_value_parser().clone());
    let command = Command::new("check").no_binary_name(true).arg(alone.allow_hyphen_values(true));
    let Err(refused) = command.try_get_matches_from([format!("--value={value}")]) else { return Ok(()) };
    let why = std::error::Error::source(&refused).map(ToString::to_string);
    let why = why.unwrap_or_else(|| "this is no value of the option".into());
    Err(match why.split_once("\n  hint: ") {
        Some((why, hint)) => Error::usage(why).hint(hint),
        None => Error::usage(why),
    })
}

/// The one of these names that differs from `name` by no more than a slip of the finger: two letters.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().map(|known| (strsim::damerau_levenshtein(known, name), known));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && 3 * distance <= name.len()).then_some(nearest)
}

/// The whole command line with other defaults for the options of one subcommand.
pub(super) fn with_defaults(cli: Command, subcommand: &str, values: &Values) -> Command {
    cli.mut_subcommands(|command| {
        if command.get_name() != subcommand {
            return command;
        }
        command.mut_args(|option| match values.iter().rfind(|(id, _)| option.get_id() == id.as_str()) {
            Some((_, values)) => option.default_values(values.clone()),
            None => option,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn values_are_refused_in_the_words_of_the_option() {
        let cli = Cli::command();
        let video = cli.find_subcommand("video").unwrap();
        let check = |name: &str, value: &str| super::check(named(video, name).unwrap(), value);
        for (name, value) in [
            ("style-weight", "0.5"),
            ("style-layers", "conv1_1=2,conv2_1"),
            ("seed", "7"),
            ("overwrite", "true"),
        ] {
            assert!(check(name, value).is_ok(), "{name} {value}");
        }
        let error = check("style-weight", "-1").unwrap_err();
        assert_eq!(error.to_string(), "weights are numbers from 0 up");
        assert_eq!(error.next_step(), Some("write for example 2 or 0.5"));
        for (name, value) in [("seed", "-1"), ("overwrite", "yes"), ("pooling", "min"), ("steadiness", "2")] {
            assert!(check(name, value).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn other_names_are_known_and_positions_have_none() {
        let cli = Cli::command();
        let image = cli.find_subcommand("image").unwrap();
        assert_eq!(named(image, "first-iterations").unwrap().get_id(), "iterations");
        assert!(named(image, "input").is_none() && named(image, "steadiness").is_none());
    }
}
