//! The command line: from arguments (`args`) to settings, from settings to a run, from a run to a
//! report and an exit code.

mod args;
mod bench;
#[cfg(feature = "webcam")]
mod cameras;
mod doctor;
mod eval;
mod eval_table;
mod exit;
mod forecast;
mod image;
mod interrupt;
mod live;
mod loss;
mod masks;
mod media;
mod models;
mod painter;
mod progress;
mod report;
mod screen;
mod settings;
mod styles;
mod values;
mod video;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use exit::Exit;
use screen::Screen;
use std::process::ExitCode;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to stdout; a closed one has no reader left.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let screen = Screen::new(cli.verbosity.quiet);
    screen.log(cli.verbosity);
    let result = match &cli.command {
        Command::Video(args) => video::run(args, &screen),
        Command::Live(args) => live::run(args, &screen),
        Command::Image(args) => image::run(args, &screen),
        Command::Loss(args) => loss::run(args),
        Command::Eval(args) => eval::run(args, &screen, cli.verbosity.verbose > 0),
        Command::Bench(args) => bench::run(args),
        Command::Doctor(args) => doctor::run(args),
        #[cfg(feature = "webcam")]
        Command::Cameras(args) => cameras::run(args),
        Command::Models { command } => models::run(command, &screen),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "stylecast", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    };
    result
        .unwrap_or_else(|error| {
            screen.always(&exit::sentence(&error));
            error.kind().into()
        })
        .into()
}
