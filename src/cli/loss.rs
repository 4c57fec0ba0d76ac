//! `stylecast loss`: every term of the objective for any three pictures, so that anyone can check the
//! numbers that stylecast prints.

use super::args::LossArgs;
use super::exit::Exit;
use super::painter::{self, Place};
use super::report::{LossReport, Object, Reporter};
use super::{media, settings, styles};
use crate::error::{Error, Result};
use crate::eval::LossJudge;
use crate::frame::{Frame, Size};
use crate::pixels::Pixels;
use crate::resize::resize_frame;
use crate::vgg::{Layer, Model};
use std::fmt::Write as _;
use std::io::Write as _;

pub(super) fn run(args: &LossArgs) -> Result<Exit> {
    let styles = styles::one_blend(&args.style)?;
    let model = args.model.model.or(args.model.weights.is_none().then_some(Model::Vgg16));
    let objective = settings::objective(&args.objective, model)?;

    let scaled = |frame: Frame, longest: Option<usize>| match longest {
        Some(longest) => resize_frame(&frame, frame.size().with_longest_side(longest)),
        None => frame,
    };
    let content = scaled(media::read_picture(&args.content)?, args.size);
    let image = scaled(media::read_picture(&args.image)?, args.size);
    if content.size() != image.size() {
        return Err(Error::input(format!(
            "content and image differ in size: {} is {}, {} is {}",
            args.content.display(),
            content.size(),
            args.image.display(),
            image.size()
        ))
        .hint("scale one of them to the size of the other first"));
    }
    let styles: Vec<(Frame, f64)> = painter::read_blend(&styles)?
        .into_iter()
        .map(|(style, weight)| (scaled(style, args.style_size), weight))
        .collect();

    let place = Place::new(&args.device, args.threads);
    let (network, _) = painter::network(&painter::weights(&args.model)?, objective.pooling, place)?;
    let size = image.size();
    let mut judge = LossJudge::new(network, objective, &styles)?;
    let losses = judge.losses(&Pixels::from_frame(&content), &Pixels::from_frame(&image))?;
    let squares: f64 = judge.gradient().data().iter().map(|&value| f64::from(value).powi(2)).sum();
    let named = |layers: &[(Layer, f64)]| layers.iter().map(|(l, value)| (l.to_string(), *value)).collect();
    let report = LossReport {
        content: losses.content,
        content_layers: if losses.content_layers.len() > 1 {
            named(&losses.content_layers)
        } else {
            named(&[])
        },
        style: named(&losses.style),
        tv: losses.tv,
        total: losses.total,
        gradient_norm: squares.sqrt(),
    };
    if args.json.json {
        Reporter::new(true).tell(&Object::Loss(report));
    } else {
        // A closed stdout has no reader left.
        let _ = write!(std::io::stdout(), "{}", table(&report, size));
    }
    Ok(Exit::Done)
}

fn table(report: &LossReport, size: Size) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: f64| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<15} {value:>12.6}");
    };
    row("content", report.content);
    for (layer, value) in &report.content_layers {
        row(&format!("content {layer}"), *value);
    }
    for (layer, value) in &report.style {
        row(&format!("style {layer}"), *value);
    }
    row("tv", report.tv);
    row("total", report.total);
    row("gradient norm", report.gradient_norm);
    let _ = writeln!(text, "(image {size}; terms unweighted, total weighted)");
    text
}
