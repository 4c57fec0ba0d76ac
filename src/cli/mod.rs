//! The command line: from arguments (`args`) to settings, from settings to a run, from a run to a
//! report and an exit code.

mod again;
mod args;
mod bench;
#[cfg(feature = "webcam")]
mod cameras;
mod doctor;
mod eval;
mod eval_table;
mod exit;
mod fade;
mod forecast;
mod image;
mod interrupt;
mod layers;
mod live;
mod loss;
mod masks;
mod media;
mod models;
mod options;
mod painter;
mod progress;
mod recipes;
mod record;
mod report;
mod schedule;
mod screen;
mod settings;
mod shell;
mod styles;
mod typed;
mod values;
mod video;

use crate::error::Result;
use args::{Cli, Command};
use clap::CommandFactory;
use exit::Exit;
use screen::Screen;
use std::ffi::OsString;
use std::process::ExitCode;
use typed::{Refused, Typed};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let typed = match typed::read(&args, None) {
        Ok(typed) => typed,
        Err(Refused::Form(error)) => {
            // Help and version are no errors and go to stdout; a closed one has no reader left.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
        Err(Refused::Sense(error)) => {
            Screen::new(true).always(&exit::sentence(&error));
            return Exit::from(error.kind()).into();
        }
    };
    let screen = Screen::new(typed.cli.verbosity.quiet);
    screen.log(typed.cli.verbosity);
    dispatch(&typed, &screen)
        .unwrap_or_else(|error| {
            screen.always(&exit::sentence(&error));
            error.kind().into()
        })
        .into()
}

fn dispatch(typed: &Typed, screen: &Screen) -> Result<Exit> {
    let Typed { cli, record } = typed;
    match &cli.command {
        Command::Video(args) => video::run(args, record, screen),
        Command::Live(args) => live::run(args, screen),
        Command::Image(args) => image::run(args, record, screen),
        Command::Again(args) => again::run(args, screen),
        Command::Recipes(args) => recipes::run(args.command.as_ref(), args.json.json),
        Command::Layers(args) => layers::run(args, screen),
        Command::Loss(args) => loss::run(args),
        Command::Eval(args) => eval::run(args, screen, cli.verbosity.verbose > 0),
        Command::Bench(args) => bench::run(args),
        Command::Doctor(args) => doctor::run(args),
        #[cfg(feature = "webcam")]
        Command::Cameras(args) => cameras::run(args),
        Command::Models { command } => models::run(command, screen),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "stylecast", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    }
}
