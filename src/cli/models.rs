//! `stylecast models`: which networks there are, and fetching the one that is not built in.

use super::args::ModelsCommand;
use super::exit::Exit;
use super::report::{ModelReport, Object, Reporter};
use super::screen::Screen;
use crate::error::Result;
use crate::models::{Hub, locate};
use crate::vgg::Model;
use indicatif::ProgressStyle;
use std::io::Write as _;
use std::time::{Duration, Instant};

pub(super) fn run(command: &ModelsCommand, screen: &Screen) -> Result<Exit> {
    match command {
        ModelsCommand::Pull { model } => pull(*model, screen)?,
        ModelsCommand::List { json } => {
            let reporter = Reporter::new(json.json);
            for model in [Model::Vgg16, Model::Vgg19] {
                let found = locate(model);
                if !reporter.is_on() {
                    let line = match &found {
                        Ok(origin) => format!("{model}  {origin}"),
                        Err(error) => format!("{model}  not here; {}", error.next_step().unwrap_or_default()),
                    };
                    // A closed stdout has no reader left.
                    let _ = writeln!(std::io::stdout(), "{line}");
                }
                let weights = found.ok().map(|origin| origin.to_string());
                reporter.tell(&Object::Model(ModelReport { model: model.to_string(), weights }));
            }
        }
    }
    Ok(Exit::Done)
}

/// Fetches the weights, with a bar on a terminal and a line now and then elsewhere.
fn pull(model: Model, screen: &Screen) -> Result<()> {
    const LINE_EVERY: Duration = Duration::from_secs(5);
    let bar = screen.draws().then(|| screen.bar(Some(1)));
    if let (Some(bar), Ok(style)) =
        (&bar, ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta}"))
    {
        bar.set_style(style);
    }
    let mut last_line = Instant::now();
    let pulled = Hub::from_env()?.pull(model, |here, all| {
        if let Some(bar) = &bar {
            bar.set_length(all);
            bar.set_position(here);
        } else if last_line.elapsed() >= LINE_EVERY {
            last_line = Instant::now();
            screen.line(&format!("{model}: {} of {} MB", here / 1_000_000, all / 1_000_000));
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let pulled = pulled?;
    let how = if pulled.fetched { "fetched" } else { "here already" };
    screen.line(&format!(
        "stylecast: {model} is {how}: {} (sha256 {})",
        pulled.path.display(),
        pulled.sha256
    ));
    Ok(())
}
