//! `stylecast models`: which networks there are, and fetching the one that is not built in.

use super::args::ModelsCommand;
use super::exit::Exit;
use super::report::{ModelReport, Object, Reporter};
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::vgg::{Model, Weights};
use std::io::Write as _;

/// The SHA-256 of the VGG-16 weights that are built in (see models/README.md).
pub(super) const BUILT_IN_SHA256: &str = "dfd64199be64218f70fb9bda708949fe74a1b4eb2be4ec8c5d01f51dde4931d7";

/// The weights inside the binary, if they are there.
pub(super) fn built_in() -> Option<&'static [u8]> {
    #[cfg(feature = "embedded-weights")]
    return Some(include_bytes!("../../models/vgg16-features.safetensors"));
    #[cfg(not(feature = "embedded-weights"))]
    None
}

/// The weights of `model`: built in, or fetched earlier.
pub(super) fn weights(model: Model) -> Result<Weights> {
    match (model, built_in()) {
        (Model::Vgg16, Some(bytes)) => Weights::parse(bytes, "that are built in", Some(model)),
        _ => {
            Err(Error::model(format!("the weights of {model} are not here"))
                .hint("give a file with --weights"))
        }
    }
}

pub(super) fn run(command: &ModelsCommand, screen: &Screen) -> Result<Exit> {
    match command {
        ModelsCommand::Pull { model } => {
            screen.line(&format!("{model}"));
        }
        ModelsCommand::List { json } => {
            let reporter = Reporter::new(json.json);
            for model in [Model::Vgg16, Model::Vgg19] {
                let weights = match model {
                    Model::Vgg16 if built_in().is_some() => Some("built in".to_owned()),
                    _ => None,
                };
                if !reporter.is_on() {
                    let place = weights.as_deref().unwrap_or("not here");
                    // A closed stdout has no reader left.
                    let _ = writeln!(std::io::stdout(), "{model}  {place}");
                }
                reporter.tell(&Object::Model(ModelReport { model: model.to_string(), weights }));
            }
        }
    }
    Ok(Exit::Done)
}
