//! From what was typed to arguments, with a recipe, or what a picture says of itself, in between.
//!
//! Both become the defaults of the options, and the line is read once more. So what is typed wins over a
//! recipe, a recipe wins over what was recorded, that wins over the program's own defaults, and each value is
//! read and checked by the option itself.

use super::args::Cli;
use super::options::with_defaults;
use super::recipes::Recipe;
use super::record::Record;
use crate::device::{Device, DeviceChoice};
use crate::error::{Error, Result};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments, and how they are written into what is painted with them.
pub(super) struct Typed {
    pub(super) cli: Cli,
    pub(super) record: Record,
}

/// Why a line is not understood.
pub(super) enum Refused {
    /// Not in the right form; also what asks for help.
    Form(clap::Error),
    /// In the right form, but not possible.
    Sense(Error),
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Self {
        Self::Form(error)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Sense(error)
    }
}

/// Reads a command line, the program's name first; what was `recorded` is what is not typed.
pub(super) fn read(args: &[OsString], recorded: Option<&Record>) -> Result<Typed, Refused> {
    let mut command = Cli::command();
    if let Some(recorded) = recorded {
        let values = recorded.values(&command)?;
        command = with_defaults(command, &recorded.command, &values);
    }
    let mut matches = command.clone().try_get_matches_from(args)?;
    let recipe = match matches.subcommand() {
        Some((name, typed)) => recipe(name, typed, &command)?.map(|recipe| (name.to_owned(), recipe)),
        None => None,
    };
    if let Some((name, recipe)) = &recipe {
        let values = command.find_subcommand(name).map(|command| recipe.values(command));
        command = with_defaults(command, name, &values.unwrap_or_default());
        matches = command.clone().try_get_matches_from(args)?;
    }
    let named = recipe.map(|(_, recipe)| recipe.name().to_owned());
    let named = named.or_else(|| recorded.and_then(|recorded| recorded.recipe.clone()));
    let none = (Command::new(""), ArgMatches::default());
    let (part, typed) = matches
        .subcommand()
        .and_then(|(name, typed)| Some((command.find_subcommand(name)?, typed)))
        .unwrap_or((&none.0, &none.1));
    let record = Record::of(part, typed, named);
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok(Typed { cli, record })
}

/// The recipe that a command is to be read with: the one that was typed; live on a CPU, its own, unless
/// something was typed of what is painted towards.
fn recipe(name: &str, typed: &ArgMatches, cli: &Command) -> Result<Option<Recipe>> {
    if let Some(recipe) = typed.try_get_one::<PathBuf>("recipe").ok().flatten() {
        return Recipe::find(recipe).map(Some);
    }
    let of_objective = cli
        .find_subcommand(name)
        .filter(|_| name == "live")
        .into_iter()
        .flat_map(Command::get_arguments)
        .filter(|option| option.get_help_heading() == Some("Objective"));
    let mut ids = of_objective.map(|option| option.get_id().as_str()).peekable();
    let is_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
    if ids.peek().is_none() || ids.any(is_typed) {
        return Ok(None);
    }
    let device = typed.try_get_one::<DeviceChoice>("device").ok().flatten().copied().unwrap_or_default();
    match Device::open(device)? {
        Device::Cpu => Recipe::find("live".as_ref()).map(Some),
        Device::Tensor(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Command;
    use super::*;

    fn read(line: &str) -> Typed {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match super::read(&args, None) {
            Ok(typed) => typed,
            Err(Refused::Form(error)) => panic!("{error}"),
            Err(Refused::Sense(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn what_is_typed_wins_over_a_recipe_and_a_recipe_over_the_defaults() {
        let objective = |line: &str| match read(line).cli.command {
            Command::Image(args) => args.paint.objective,
            _ => panic!("{line}"),
        };
        let plain = objective("stylecast image a.jpg --style b.jpg -o c.png");
        let bold = objective("stylecast image a.jpg --style b.jpg -o c.png --recipe bold");
        let mixed =
            objective("stylecast image --recipe bold --style-weight 3 --style b.jpg -o c.png -- a.jpg");
        assert!(bold.style_weight > plain.style_weight && bold.style_layers != plain.style_layers);
        // Typed, though it is the default.
        assert_eq!(mixed.style_weight, 3.0);
        assert_eq!(mixed.style_layers, bold.style_layers);
    }

    #[test]
    fn live_on_a_cpu_is_lighter_unless_something_else_is_asked_for() {
        let read = |line: &str| {
            let Typed { cli, record } = read(&format!("stylecast live --device cpu --style a.jpg{line}"));
            match cli.command {
                Command::Live(args) => (args.paint.objective.style_layers.to_string(), record.recipe),
                _ => panic!("{line}"),
            }
        };
        let (light, recipe) = read("");
        assert_eq!(recipe.as_deref(), Some("live"));
        assert!(!light.contains("conv5_1"), "{light}");
        assert_eq!(read(" --recipe live").0, light);
        assert_eq!(read(" --steadiness 0.9").0, light);
        for asked in [" --style-weight 3", " --tv 0.1", " --pooling avg"] {
            let (usual, recipe) = read(asked);
            assert!(usual.contains("conv5_1") && recipe.is_none(), "{asked}: {usual}");
        }
        assert_eq!(read(" --recipe bold").1.as_deref(), Some("bold"));
    }

    #[test]
    fn what_was_recorded_is_what_is_not_typed() {
        let recorded = read("stylecast image a.jpg --style b.jpg --recipe bold --seed 7 -o c.png").record;
        let args = ["stylecast", "image", "--seed", "8", "-o", "d.png", "--", "a.jpg"].map(OsString::from);
        let Ok(again) = super::read(&args, Some(&recorded)) else { panic!("refused") };
        assert_eq!(again.record.recipe.as_deref(), Some("bold"));
        let changed: Vec<_> = again.record.options.iter().filter(|o| !recorded.options.contains(o)).collect();
        assert_eq!(changed, ["--seed=8"]);
    }
}
