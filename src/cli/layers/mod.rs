//! `stylecast layers`: what each layer of the network does, on one labelled sheet.

mod places;
mod progress;
mod report;

pub(in crate::cli) use report::{CellReport, LayersReport};

use super::args::LayersArgs;
use super::exit::Exit;
use super::forecast::clock;
use super::painter::{self, Place};
use super::report::{Object, Reporter, Start, ending};
use super::screen::Screen;
use super::styles::StyleFile;
use super::{interrupt, media, settings, styles};
use crate::error::Result;
use crate::frame::{Frame, Size};
use crate::pipeline::{StopToken, Wish};
use crate::sink::Ending;
use crate::study::{Easel, Heading, Made, Study, StudyKind, StudySettings, sheet};
use crate::stylize::PaintSettings;
use crate::time::Timestamp;
use crate::vgg::Model;
use places::Places;
use progress::Progress;
use report::{ObjectiveReport, StyleReport};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

pub(super) fn run(args: &LayersArgs, screen: &Screen) -> Result<Exit> {
    let begun = Instant::now();
    // What was typed.
    let kind = args.kind.kind();
    let study_settings = study_settings(args)?;
    let files = styles::one_blend(&args.style)?;
    let input = args.input.as_deref().filter(|_| kind != StudyKind::Texture);
    let inputs: Vec<&Path> = files.iter().map(|file| file.path.as_path()).chain(input).collect();
    let places = Places::new(args, &inputs)?;

    // What is read.
    let (source, mut notes) = match input {
        Some(path) => media::read_still(path, args.at).map(|(frame, notes)| (Some(frame), notes))?,
        None => (None, Vec::new()),
    };
    if let (None, Some(unused)) = (input, &args.input) {
        notes.push(format!("a texture is made of the style alone; {} is not used", unused.display()));
    }
    for note in &notes {
        screen.line(&format!("stylecast: note: {note}"));
    }
    let look = painter::read_blend(&files)?;
    let shape = source.as_ref().or(look.first().map(|(picture, _)| picture)).map(Frame::size);

    // Who paints.
    let weights = painter::weights(&args.model)?;
    let model = weights.model();
    let study = Study::new(kind, &study_settings, model, shape.unwrap_or(Size::new(1, 1)))?;
    places.check_pictures(&study)?;
    let place = Place::new(&args.device, args.threads);
    let (network, device) = painter::network(&weights, study.full().objective.pooling, place)?;
    let threads = network.threads();
    let mut heading = Heading {
        lines: lines(input.zip(Some(args.at)), &files, &study, model),
        pictures: shown(input, source.as_ref(), &files, &look),
    };
    let mut easel = Easel::new(network, &study, source.as_ref(), look)?;

    // The run.
    let reporter = Reporter::new(args.json.json);
    let stop = StopToken::new();
    interrupt::listen(&stop, screen, "stopping: the sheet is written with the pictures that are done");
    let (cell, size, of) = (study.cell_size(), sheet(&study, &heading, &[]).size(), study.cells().count());
    reporter.tell(&Object::Start(Start {
        input: inputs.last().copied().unwrap_or(Path::new("")).to_owned(),
        output: args.output.clone(),
        width: size.width,
        height: size.height,
        paint_width: cell.width,
        paint_height: cell.height,
        frames: Some(of as u64),
        frame_rate: None,
        device: Some(device.to_string()),
        threads: Some(threads),
    }));
    let made = paint(&study, &mut easel, &stop, screen, &reporter)?;
    if stop.wish() == Wish::Abandon {
        return Ok(Exit::Interrupted);
    }
    if made.is_empty() {
        screen.line("stylecast: stopped before the first picture was done; nothing is written");
        return Ok(Exit::Interrupted);
    }

    // What came of it.
    let complete = made.len() == of;
    if !complete {
        heading.lines.push(format!("Stopped after {} of {of} pictures.", made.len()));
    }
    let full = study.full();
    let style = |file: &StyleFile| StyleReport { picture: file.path.clone(), weight: file.weight };
    let report = LayersReport {
        study: kind.to_string(),
        ending: ending(if complete { Ending::Complete } else { Ending::Interrupted }),
        input: input.map(Path::to_owned),
        at: input.and(args.at).map(Timestamp::seconds),
        styles: files.iter().map(style).collect(),
        output: args.output.clone(),
        pictures: args.pictures.clone(),
        width: cell.width,
        height: cell.height,
        iterations: full.first_iterations,
        start_from: full.start.to_string(),
        seed: full.seed,
        model: model.to_string(),
        pooling: full.objective.pooling.to_string(),
        full_objective: ObjectiveReport::new(&full.objective, full.style_size),
        painted: made.len(),
        cells: report::cells(&study, &made),
        seconds: begun.elapsed().as_secs_f64(),
        notes,
    };
    places.write(&study, &made, &sheet(&study, &heading, &made), &report)?;
    reporter.tell(&Object::Layers(Box::new(report)));
    let (name, taken) = (args.output.display(), clock(begun.elapsed().as_secs_f64()));
    screen.line(&match complete {
        true => format!("stylecast: {name}: {of} pictures at {cell} in {taken}"),
        false => format!("stylecast: stopped; {name} has {} of {of} pictures", made.len()),
    });
    Ok(if complete { Exit::Done } else { Exit::Interrupted })
}

/// How to paint, but for the layers, which the study chooses.
fn study_settings(args: &LayersArgs) -> Result<StudySettings> {
    let model = args.model.model.or(args.model.weights.is_none().then_some(Model::Vgg16));
    let paint = PaintSettings {
        objective: settings::objective(&args.objective, model)?,
        first_iterations: args.iterations,
        start: args.start_from,
        style_size: args.style_size,
        seed: args.seed,
        ..StudySettings::default().paint
    };
    Ok(StudySettings { cell: args.cell, paint })
}

/// Paints cell by cell until all are painted or somebody stops it.
fn paint(
    study: &Study,
    easel: &mut Easel,
    stop: &StopToken,
    screen: &Screen,
    reporter: &Reporter,
) -> Result<Vec<Made>> {
    let mut made: Vec<Made> = Vec::new();
    let mut progress = Progress::new(screen, study);
    for cell in study.cells() {
        let painted = easel.paint(cell, |step| {
            progress.step(cell, &step);
            match stop.wish() {
                Wish::Continue => ControlFlow::Continue(()),
                Wish::Finish | Wish::Abandon => ControlFlow::Break(()),
            }
        })?;
        let Some(painted) = painted else { break };
        made.push(painted);
        progress.done();
        if reporter.is_on()
            && let Some(told) = report::cells(study, &made).into_iter().nth(made.len() - 1)
        {
            reporter.tell(&Object::LayersCell(Box::new(told)));
        }
    }
    Ok(made)
}

/// The pictures that were painted from, for the sheet.
fn shown(
    input: Option<&Path>,
    source: Option<&Frame>,
    files: &[StyleFile],
    look: &[(Frame, f64)],
) -> Vec<(String, Frame)> {
    let told =
        |what: &str, path: &Path, frame: &Frame| (format!("{what}: {}", media::name(path)), frame.clone());
    let source = input.zip(source).map(|(path, frame)| told("source", path, frame));
    let styles = files.iter().zip(look).map(|(file, (frame, _))| told("style", &file.path, frame));
    source.into_iter().chain(styles).collect()
}

/// What the sheet says about how it was made.
fn lines(
    input: Option<(&Path, Option<Timestamp>)>,
    files: &[StyleFile],
    study: &Study,
    model: Model,
) -> Vec<String> {
    let full = study.full();
    let objective = &full.objective;
    let style = files.iter().map(|file| media::name(&file.path)).collect::<Vec<_>>().join(" + ");
    let what = match input {
        Some((path, Some(at))) => {
            format!("{} at {} s in the style of {style}", media::name(path), at.seconds())
        }
        Some((path, None)) => format!("{} in the style of {style}", media::name(path)),
        None => format!("Textures of {style}"),
    };
    let weights = match study.kind() {
        StudyKind::Texture => String::new(),
        StudyKind::Weights => format!(", content weight {}", objective.content_weight),
        _ => {
            format!(", style weight {}, content weight {}", objective.style_weight, objective.content_weight)
        }
    };
    let how = format!(
        "{} pixels, {} iterations from {}, {model}, {} pooling{weights}",
        study.cell_size(),
        full.first_iterations,
        full.start,
        objective.pooling
    );
    vec![what, how]
}
