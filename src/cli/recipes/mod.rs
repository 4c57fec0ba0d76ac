//! Recipes: named sets of painting options, in the program or in a file of the user's own.
//!
//! A recipe is worth as much as typing its lines and no more: each goes through the option's own reading and
//! checks. What is typed wins over a recipe, and a recipe over the defaults.

mod file;

use self::file::Setting;
use super::args::RecipesCommand;
use super::exit::Exit;
use super::options::{Values, names, nearest};
use super::report::{Object, RecipeReport, Reporter};
use crate::error::{Error, Result};
use crate::files;
use clap::Command;
use std::borrow::Cow;
use std::io::Write as _;
use std::path::Path;

/// The commands that paint.
const COMMANDS: [&str; 3] = ["image", "video", "live"];

macro_rules! built_in {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/", $name, ".toml")))),+]
    };
}

/// Those inside the program.
const BUILT_IN: [(&str, &str); 6] = built_in!["gatys", "fastai", "fine", "bold", "photo", "live"];

/// The largest file that is taken for a recipe, in bytes.
const LARGEST: u64 = 1 << 20;

/// A set of painting options.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    name: String,
    text: Cow<'static, str>,
    settings: Vec<Setting>,
}

impl Recipe {
    /// The recipe inside the program that is called so, or else the file of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a name that is neither, with the nearest one,
    /// and for what is wrong in a file; [`ErrorKind::Input`](crate::error::ErrorKind::Input) for a file that
    /// cannot be read.
    pub(super) fn find(name: &Path) -> Result<Self> {
        let shown = name.display().to_string();
        if let Some((name, text)) = BUILT_IN.into_iter().find(|(built_in, _)| *built_in == shown) {
            return Self::new(name.to_owned(), text.into());
        }
        let is_path = name.extension().is_some() || name.components().count() > 1;
        if !is_path && !name.exists() {
            return Err(missing(&shown));
        }
        Self::new(shown, read(name)?.into())
    }

    fn new(name: String, text: Cow<'static, str>) -> Result<Self> {
        let settings = file::parse(&name, &text)?;
        Ok(Self { name, text, settings })
    }

    /// Its name, or its file as it was typed.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is for: the first line, a comment.
    fn about(&self) -> &str {
        let first = self.text.lines().next().and_then(|line| line.strip_prefix('#'));
        first.unwrap_or_default().trim()
    }

    /// What it says of the options of `command`.
    pub(super) fn values(&self, command: &Command) -> Values {
        // The last of several names for one option is its own, which counts only where the others are not
        // there: a still is what a film calls its first frame.
        let said = |table: Option<&str>, name: &str| {
            let setting =
                self.settings.iter().find(|said| said.command.as_deref() == table && said.key == name);
            setting.map(|setting| setting.value.clone())
        };
        command
            .get_arguments()
            .filter_map(|option| {
                let in_table = |table| names(option).find_map(|name| said(table, name));
                let value = in_table(Some(command.get_name())).or_else(|| in_table(None))?;
                Some((option.get_id().to_string(), vec![value]))
            })
            .collect()
    }
}

/// The error for a name that no recipe has.
fn missing(name: &str) -> Error {
    let near = nearest(name, BUILT_IN.map(|(name, _)| name));
    let known = BUILT_IN.map(|(name, _)| name).join(", ");
    Error::usage(format!("there is no recipe '{name}'")).hint(match near {
        Some(near) => format!("did you mean {near}? 'stylecast recipes' lists them"),
        None => format!("choose one of {known}, or name a file (./mine.toml)"),
    })
}

fn read(path: &Path) -> Result<String> {
    files::check_readable(path)?;
    let refused = |cause: &str| {
        Error::input(format!("cannot read the recipe {}: {cause}", path.display()))
            .hint("a recipe is a short text, as 'stylecast recipes show bold' prints one")
    };
    if path.metadata().is_ok_and(|metadata| metadata.len() > LARGEST) {
        return Err(refused("it is too large"));
    }
    let bytes = std::fs::read(path).map_err(|error| refused(&error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| refused("it is not a text in UTF-8"))
}

/// `stylecast recipes`.
pub(super) fn run(command: Option<&RecipesCommand>, json: bool) -> Result<Exit> {
    let print = |text: &str| {
        // A closed stdout has no reader left.
        let _ = write!(std::io::stdout(), "{text}");
    };
    if let Some(RecipesCommand::Show { recipe }) = command {
        print(&Recipe::find(recipe)?.text);
        return Ok(Exit::Done);
    }
    let reporter = Reporter::new(json);
    for (name, text) in BUILT_IN {
        let recipe = Recipe::new(name.to_owned(), text.into())?;
        if !reporter.is_on() {
            print(&format!("{name:<8} {}\n", recipe.about()));
        }
        reporter.tell(&Object::Recipe(RecipeReport {
            name: name.to_owned(),
            about: recipe.about().to_owned(),
            text: text.to_owned(),
        }));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::CommandFactory;

    fn recipe(text: &str) -> Recipe {
        Recipe::new("mine.toml".into(), text.to_owned().into()).unwrap()
    }

    /// What a recipe makes of an option.
    fn value(recipe: &Recipe, command: &str, id: &str) -> Option<String> {
        let values = recipe.values(Cli::command().find_subcommand(command).unwrap());
        values.into_iter().find(|(known, _)| known == id).map(|(_, values)| values.concat())
    }

    #[test]
    fn those_inside_are_sound_and_say_what_they_are_for() {
        for (name, text) in BUILT_IN {
            let recipe = Recipe::find(Path::new(name)).unwrap();
            assert_eq!((recipe.name(), &*recipe.text), (name, text));
            assert!((20..90).contains(&recipe.about().len()), "{name}: {}", recipe.about());
            assert!(!recipe.settings.is_empty() && text.ends_with('\n'), "{name}");
        }
    }

    #[test]
    fn a_table_is_for_its_command_and_wins_there() {
        let mine = recipe("style-weight = 2\n[video]\nstyle-weight = 5\nsteadiness = 0.9\n");
        assert_eq!(value(&mine, "image", "style_weight").unwrap(), "2");
        assert_eq!(value(&mine, "video", "style_weight").unwrap(), "5");
        assert_eq!(value(&mine, "video", "steadiness").unwrap(), "0.9");
        assert_eq!(value(&mine, "live", "steadiness"), None);
        // Commands that do not paint take what they know.
        assert_eq!(value(&mine, "loss", "style_weight").unwrap(), "2");
    }

    #[test]
    fn a_still_is_painted_like_a_first_frame() {
        let mine = recipe("iterations = 5\nfirst-iterations = 80\n");
        assert_eq!(value(&mine, "image", "iterations").unwrap(), "80");
        assert_eq!(value(&mine, "video", "iterations").unwrap(), "5");
        assert_eq!(value(&mine, "video", "first_iterations").unwrap(), "80");
        assert_eq!(value(&recipe("iterations = 5"), "image", "iterations").unwrap(), "5");
        assert_eq!(
            value(&recipe("[image]\niterations = 7\nfirst-iterations = 8"), "image", "iterations").unwrap(),
            "8"
        );
    }

    #[test]
    fn names_that_no_recipe_has_get_the_nearest() {
        let hint = |name: &str| Recipe::find(Path::new(name)).unwrap_err().next_step().unwrap().to_owned();
        assert!(hint("gaty").contains("did you mean gatys?"));
        assert!(hint("fast.ai").contains("check the name"), "a file: {}", hint("fast.ai"));
        assert!(hint("zzz").contains("fastai, fine, bold"));
    }
}
