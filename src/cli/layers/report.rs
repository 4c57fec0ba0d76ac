//! The numbers of a layer study, as they stand in the file beside its sheet and on stdout with `--json`.

use crate::loss::{Losses, ObjectiveSettings, shares};
use crate::study::{Cell, Made, Row, Study};
use crate::vgg::Layer;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything about a study.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct LayersReport {
    /// `style`, `content`, `weights` or `texture`.
    pub(in crate::cli) study: String,
    /// `complete` or `interrupted`.
    pub(in crate::cli) ending: &'static str,
    /// `null` for a texture.
    pub(in crate::cli) input: Option<PathBuf>,
    /// Which frame of a film, in seconds; `null` for a picture.
    pub(in crate::cli) at: Option<f64>,
    pub(in crate::cli) styles: Vec<StyleReport>,
    pub(in crate::cli) output: PathBuf,
    /// The folder of the single pictures; `null` if there is none.
    pub(in crate::cli) pictures: Option<PathBuf>,
    /// Of each picture, in pixels.
    pub(in crate::cli) width: usize,
    pub(in crate::cli) height: usize,
    pub(in crate::cli) iterations: usize,
    pub(in crate::cli) start_from: String,
    pub(in crate::cli) seed: u64,
    pub(in crate::cli) model: String,
    pub(in crate::cli) pooling: String,
    /// The objective that the cells' losses in `full` are those of.
    pub(in crate::cli) full_objective: ObjectiveReport,
    /// How many cells are painted.
    pub(in crate::cli) painted: usize,
    /// Row by row.
    pub(in crate::cli) cells: Vec<CellReport>,
    pub(in crate::cli) seconds: f64,
    pub(in crate::cli) notes: Vec<String>,
}

/// One picture of a blended style.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct StyleReport {
    pub(in crate::cli) picture: PathBuf,
    pub(in crate::cli) weight: f64,
}

/// What is minimised. The weights of layers add up to 1.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct ObjectiveReport {
    pub(in crate::cli) style_weight: f64,
    pub(in crate::cli) content_weight: f64,
    pub(in crate::cli) tv_weight: f64,
    pub(in crate::cli) style_layers: BTreeMap<String, f64>,
    pub(in crate::cli) content_layers: BTreeMap<String, f64>,
    /// Longest side at which the style is looked at, in pixels.
    pub(in crate::cli) style_size: Option<usize>,
}

/// One picture.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct CellReport {
    /// Also the name of its file, without the extension.
    pub(in crate::cli) name: String,
    pub(in crate::cli) row: String,
    pub(in crate::cli) column: String,
    /// What it was painted by.
    pub(in crate::cli) objective: ObjectiveReport,
    /// `null` where it is not painted; so are the following.
    pub(in crate::cli) iterations: Option<usize>,
    pub(in crate::cli) seconds: Option<f64>,
    /// The losses by its own objective.
    pub(in crate::cli) own: Option<TermsReport>,
    /// The losses by the objective that is the same for all cells.
    pub(in crate::cli) full: Option<TermsReport>,
}

/// Every term, unweighted, and their weighted sum.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct TermsReport {
    pub(in crate::cli) total: f64,
    /// The weighted mean over its layers.
    pub(in crate::cli) style: f64,
    /// The same; `null` where there is no content.
    pub(in crate::cli) content: Option<f64>,
    pub(in crate::cli) tv: f64,
    pub(in crate::cli) style_layers: BTreeMap<String, f64>,
    pub(in crate::cli) content_layers: BTreeMap<String, f64>,
}

impl ObjectiveReport {
    pub(in crate::cli) fn new(objective: &ObjectiveSettings, style_size: Option<usize>) -> Self {
        Self {
            style_weight: objective.style_weight,
            content_weight: objective.content_weight,
            tv_weight: objective.tv_weight,
            style_layers: named(&shares(&objective.style_layers)),
            content_layers: named(&content_of(objective, &shares(&objective.content_layers))),
            style_size,
        }
    }
}

impl TermsReport {
    fn new(losses: &Losses, objective: &ObjectiveSettings) -> Self {
        Self {
            total: losses.total,
            style: losses.style_mean(objective),
            content: (objective.content_weight > 0.0).then_some(losses.content),
            tv: losses.tv,
            style_layers: named(&losses.style),
            content_layers: named(&content_of(objective, &losses.content_layers)),
        }
    }
}

/// What belongs to content layers, where there is any content.
fn content_of(objective: &ObjectiveSettings, layers: &[(Layer, f64)]) -> Vec<(Layer, f64)> {
    if objective.content_weight > 0.0 { layers.to_vec() } else { Vec::new() }
}

fn named(layers: &[(Layer, f64)]) -> BTreeMap<String, f64> {
    layers.iter().map(|(layer, value)| (layer.to_string(), *value)).collect()
}

impl CellReport {
    fn new(study: &Study, row: &Row, column: &str, cell: &Cell, made: Option<&Made>) -> Self {
        let (own, full) = (&cell.settings.objective, &study.full().objective);
        Self {
            name: cell.name.clone(),
            row: row.label.clone(),
            column: column.to_owned(),
            objective: ObjectiveReport::new(own, cell.settings.style_size),
            iterations: made.map(|made| made.iterations),
            seconds: made.map(|made| made.seconds),
            own: made.map(|made| TermsReport::new(&made.own, own)),
            full: made.map(|made| TermsReport::new(&made.full, full)),
        }
    }
}

/// All cells of a study, of which the first ones are painted.
pub(in crate::cli) fn cells(study: &Study, made: &[Made]) -> Vec<CellReport> {
    let cells = study
        .rows()
        .iter()
        .flat_map(|row| row.cells.iter().zip(study.columns()).map(move |(cell, column)| (row, cell, column)));
    let made = made.iter().map(Some).chain(std::iter::repeat(None));
    cells
        .zip(made)
        .map(|((row, cell, column), made)| CellReport::new(study, row, column, cell, made))
        .collect()
}
