//! Which pictures a study paints: one for each cell of a table, with the settings that it is painted by.

use crate::error::{Error, Result};
use crate::frame::Size;
use crate::loss::{ObjectiveSettings, shares};
use crate::names::names;
use crate::stylize::{PaintSettings, Start};
use crate::vgg::{Layer, Model, too_small};

/// What is changed from picture to picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StudyKind {
    /// The style layers: each alone, all but each, and all.
    Style,
    /// The content layers: each alone, all but each, and all.
    Content,
    /// How much the style counts, against the size at which it is looked at.
    Weights,
    /// The style layers from noise, without any content: each alone, and all up to each, as in Gatys et al.
    /// (2015), *Texture Synthesis Using Convolutional Neural Networks*, fig. 2.
    Texture,
}

names!(StudyKind, "study", Style = "style", Content = "content", Weights = "weights", Texture = "texture");

/// How a study is painted, but for what it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct StudySettings {
    /// Longest side of each picture; a smaller source keeps its size. Default: 192.
    pub cell: usize,
    /// The rest. [`PaintSettings::first_iterations`] are the iterations of every picture, by default 100.
    /// Pictures start from the source as it is, so that whatever is new on them was asked for by the layers;
    /// a texture starts from noise.
    pub paint: PaintSettings,
}

impl Default for StudySettings {
    fn default() -> Self {
        let paint =
            PaintSettings { first_iterations: 100, start: Start::Content, ..PaintSettings::default() };
        Self { cell: 192, paint }
    }
}

/// One picture of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What it is called, fit for a file: `style-only-conv1_1`.
    pub name: String,
    /// How it is painted.
    pub settings: PaintSettings,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What its cells share.
    pub label: String,
    /// A second, smaller line; may be empty.
    pub note: String,
    /// From left to right. There may be fewer than columns.
    pub cells: Vec<Cell>,
}

/// The table of the pictures to paint.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    kind: StudyKind,
    size: Size,
    columns: Vec<String>,
    rows: Vec<Row>,
    full: PaintSettings,
}

/// The style sizes of [`StudyKind::Weights`], in shares of the usual one, and the smallest that there is.
const STYLE_SIZES: [f64; 4] = [0.25, 0.5, 1.0, 2.0];
const SMALLEST_STYLE_SIZE: usize = 32;

/// Powers of ten of the style weights of [`StudyKind::Weights`].
const DECADES: [i32; 5] = [-2, -1, 0, 1, 2];

impl Study {
    /// The study of `kind` for a source of `shape` (for a texture, the style's shape).
    ///
    /// The rows of a style or texture study are the style layers of the settings. Those of a content study
    /// are the content layers, if the settings have several, or else the first layers of all blocks,
    /// conv3_2, conv4_2 and, where `model` has it, conv3_4. Layers without weight are left out.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`] for settings that cannot be, or with which all pictures would be
    /// the same; [`crate::error::ErrorKind::Input`] for pictures too small for the deepest layer.
    pub fn new(kind: StudyKind, settings: &StudySettings, model: Model, shape: Size) -> Result<Self> {
        let size = shape.fit(settings.cell.max(1));
        let full = full(kind, settings, model, size)?;
        let ObjectiveSettings { style_layers, content_layers, .. } = &full.objective;
        let (columns, rows) = match kind {
            StudyKind::Style => beside_the_others(kind, &full, style_layers, model, |o| &mut o.style_layers),
            StudyKind::Content => {
                beside_the_others(kind, &full, content_layers, model, |o| &mut o.content_layers)
            }
            StudyKind::Texture => textures(&full, style_layers, model),
            StudyKind::Weights => weights(&full),
        };
        Ok(Self { kind, size, columns, rows, full })
    }

    /// What is changed.
    pub fn kind(&self) -> StudyKind {
        self.kind
    }

    /// The size of every picture.
    pub fn cell_size(&self) -> Size {
        self.size
    }

    /// What the cells of a column share.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, from the top.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All cells, row by row.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flat_map(|row| &row.cells)
    }

    /// The settings with nothing left out, by whose objective all pictures can be compared.
    pub fn full(&self) -> &PaintSettings {
        &self.full
    }
}

/// The settings that every cell is a change of.
fn full(kind: StudyKind, settings: &StudySettings, model: Model, size: Size) -> Result<PaintSettings> {
    let mut full = settings.paint.clone();
    full.check()?;
    full.objective.check(model)?;
    if full.first_iterations == 0 {
        return Err(Error::usage("a study with 0 iterations would show the same picture in every cell")
            .hint("give --iterations 1 or more"));
    }
    if matches!(full.start, Start::Previous | Start::Carried) {
        return Err(Error::usage(format!(
            "a study cannot start from {}: it has no frame before",
            full.start
        ))
        .hint("start from content, noise, or warped (the content in the tones of the style)"));
    }
    full.iterations = full.first_iterations;
    full.steadiness = 0.0;
    full.paint_size = None;
    full.style_size.get_or_insert(size.longest_side());
    let objective = &mut full.objective;
    objective.style_layers.retain(|(_, weight)| *weight > 0.0);
    objective.style_layers.sort_by_key(|(layer, _)| *layer);
    objective.style_layers = shares(&objective.style_layers);
    if kind == StudyKind::Content {
        objective.content_layers = content_layers(&objective.content_layers, model)?;
    }
    if kind == StudyKind::Texture {
        objective.content_weight = 0.0;
        full.start = Start::Noise;
    }
    let (style, content) = (objective.style_weight, objective.content_weight);
    let idle = match kind {
        StudyKind::Content => (content == 0.0).then_some("content"),
        _ => (style == 0.0).then_some("style"),
    };
    if let Some(what) = idle {
        return Err(Error::usage(format!("the {what} has no weight: every picture would be the same"))
            .hint(format!("give --{what}-weight a number above 0")));
    }
    if matches!(kind, StudyKind::Style | StudyKind::Texture) && objective.style_layers.len() < 2 {
        return Err(Error::usage("there is only one style layer, and nothing to compare it with")
            .hint("name several with --style-layers, or leave it away"));
    }
    let deepest =
        objective.style_layers.iter().chain(&objective.content_layers).map(|(layer, _)| *layer).max();
    match deepest {
        Some(deepest) if size.shortest_side() < deepest.stride() => {
            Err(too_small(size, deepest).hint("use larger pictures and --cell, or only shallower layers"))
        }
        _ => Ok(full),
    }
}

/// The layers of a content study.
fn content_layers(given: &[(Layer, f64)], model: Model) -> Result<Vec<(Layer, f64)>> {
    let mut layers: Vec<_> = given.iter().copied().filter(|(_, weight)| *weight > 0.0).collect();
    if given == ObjectiveSettings::default().content_layers {
        let of_every_block = model.layers().filter(|layer| layer.index() == 1);
        let more = ["conv3_2", "conv3_4", "conv4_2"].into_iter().filter_map(|name| name.parse().ok());
        layers = of_every_block.chain(more).filter(|layer| layer.is_in(model)).map(|l| (l, 1.0)).collect();
    }
    if layers.len() < 2 {
        return Err(Error::usage("there is only one content layer, and nothing to compare it with")
            .hint("name several (--content-layer conv2_2=1,conv4_2=1), or leave --content-layer away"));
    }
    layers.sort_by_key(|(layer, _)| *layer);
    Ok(shares(&layers))
}

fn cell(name: String, full: &PaintSettings, change: impl FnOnce(&mut PaintSettings)) -> Cell {
    let mut settings = full.clone();
    change(&mut settings);
    Cell { name, settings }
}

/// What a row about a layer has to say of it.
fn note(layer: Layer, model: Model) -> String {
    format!("sees {} pixels", layer.receptive_field(model))
}

/// Columns and rows.
type Table = (Vec<String>, Vec<Row>);

/// Each layer alone and all but each; at the end all of them. `list` is where layers are put.
fn beside_the_others(
    kind: StudyKind,
    full: &PaintSettings,
    layers: &[(Layer, f64)],
    model: Model,
    list: fn(&mut ObjectiveSettings) -> &mut Vec<(Layer, f64)>,
) -> Table {
    let with = |name: String, layers: Vec<(Layer, f64)>| {
        cell(format!("{kind}-{name}"), full, |settings| *list(&mut settings.objective) = layers)
    };
    let of_layer = |&(layer, _): &(Layer, f64)| {
        let others: Vec<_> = layers.iter().copied().filter(|(other, _)| *other != layer).collect();
        let cells = vec![
            with(format!("only-{layer}"), vec![(layer, 1.0)]),
            with(format!("without-{layer}"), shares(&others)),
        ];
        Row { label: layer.to_string(), note: note(layer, model), cells }
    };
    let mut rows: Vec<Row> = layers.iter().map(of_layer).collect();
    let all = vec![with("all".into(), layers.to_vec())];
    rows.push(Row { label: "all layers".into(), note: "together".into(), cells: all });
    (vec!["only this layer".into(), "every layer but this".into()], rows)
}

/// Each layer alone and all layers up to each; the last of these is all of them.
fn textures(full: &PaintSettings, layers: &[(Layer, f64)], model: Model) -> Table {
    let with = |name: String, layers: Vec<(Layer, f64)>| {
        cell(format!("texture-{name}"), full, |settings| settings.objective.style_layers = layers)
    };
    let of_layer = |(i, &(layer, _)): (usize, &(Layer, f64))| {
        let cells = vec![
            with(format!("only-{layer}"), vec![(layer, 1.0)]),
            with(format!("up-to-{layer}"), shares(&layers[..=i])),
        ];
        Row { label: layer.to_string(), note: note(layer, model), cells }
    };
    let rows = layers.iter().enumerate().map(of_layer).collect();
    (vec!["only this layer".into(), "all layers up to this".into()], rows)
}

/// Style weights down, style sizes across.
fn weights(full: &PaintSettings) -> Table {
    let usual = full.style_size.unwrap_or_default();
    let mut sizes: Vec<usize> =
        STYLE_SIZES.iter().map(|share| (share * usual as f64).round() as usize).collect();
    sizes.retain(|size| *size >= SMALLEST_STYLE_SIZE.min(usual));
    let of_decade = |decade: i32| {
        let ten = 10f64.powi(decade.abs());
        let usual = full.objective.style_weight;
        // Divided rather than multiplied by a fraction, which would show its rounding.
        let weight = if decade < 0 { usual / ten } else { usual * ten };
        let of_size = |size: &usize| {
            cell(format!("weights-{weight}-at-{size}"), full, |settings| {
                settings.objective.style_weight = weight;
                settings.style_size = Some(*size);
            })
        };
        let note = if decade == 0 { "as usual".into() } else { String::new() };
        Row { label: format!("style weight {weight}"), note, cells: sizes.iter().map(of_size).collect() }
    };
    let rows = DECADES.into_iter().map(of_decade).collect();
    (sizes.iter().map(|size| format!("style at {size} pixels")).collect(), rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const SHAPE: Size = Size::new(400, 300);

    fn study(kind: StudyKind, change: impl FnOnce(&mut StudySettings)) -> Result<Study> {
        let mut settings = StudySettings::default();
        change(&mut settings);
        Study::new(kind, &settings, Model::Vgg16, SHAPE)
    }

    fn objective<'a>(study: &'a Study, name: &str) -> &'a ObjectiveSettings {
        &study.cells().find(|cell| cell.name == name).unwrap().settings.objective
    }

    #[test]
    fn a_style_study_has_each_layer_alone_and_all_but_each() {
        let study = study(StudyKind::Style, |_| ()).unwrap();
        assert_eq!((study.cell_size(), study.rows().len()), (Size::new(192, 144), 6));
        assert_eq!(study.cells().count(), 11);
        assert_eq!(objective(&study, "style-only-conv3_1").style_layers, [(Layer::CONV3_1, 1.0)]);
        let others = [Layer::CONV1_1, Layer::CONV2_1, Layer::CONV4_1, Layer::CONV5_1].map(|l| (l, 0.25));
        assert_eq!(objective(&study, "style-without-conv3_1").style_layers, others);
        assert_eq!(objective(&study, "style-all"), &study.full().objective);
        for cell in study.cells() {
            assert_eq!(cell.settings.objective.content_layers, ObjectiveSettings::default().content_layers);
            assert_eq!((cell.settings.start, cell.settings.style_size), (Start::Content, Some(192)));
        }
    }

    #[test]
    fn the_others_keep_their_weights_to_each_other() {
        let layers = |s: &mut StudySettings| {
            // Not in order, and one that is switched off.
            let weights = [("conv5_1", 2.0), ("conv1_1", 1.0), ("conv4_1", 0.0), ("conv3_1", 6.0)];
            s.paint.objective.style_layers = weights.map(|(name, w)| (name.parse().unwrap(), w)).to_vec();
        };
        let study = study(StudyKind::Style, layers).unwrap();
        let labels: Vec<_> = study.rows().iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["conv1_1", "conv3_1", "conv5_1", "all layers"]);
        assert_eq!(
            objective(&study, "style-without-conv1_1").style_layers,
            [(Layer::CONV3_1, 0.75), (Layer::CONV5_1, 0.25)]
        );
    }

    #[test]
    fn a_content_study_has_the_layers_that_the_network_has_or_those_that_are_named() {
        let labels = |study: &Study| study.rows().iter().map(|row| row.label.clone()).collect::<Vec<_>>();
        let usual =
            ["conv1_1", "conv2_1", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1", "all layers"];
        let study_of =
            |model| Study::new(StudyKind::Content, &StudySettings::default(), model, SHAPE).unwrap();
        assert_eq!(labels(&study_of(Model::Vgg16)), usual);
        let mut larger = usual.to_vec();
        larger.insert(4, "conv3_4");
        assert_eq!(labels(&study_of(Model::Vgg19)), larger);
        let named = |s: &mut StudySettings| {
            s.paint.objective.content_layers = vec![(Layer::CONV4_2, 1.0), (Layer::CONV2_1, 3.0)];
        };
        let named = study(StudyKind::Content, named).unwrap();
        assert_eq!(labels(&named), ["conv2_1", "conv4_2", "all layers"]);
        assert_eq!(
            objective(&named, "content-all").content_layers,
            [(Layer::CONV2_1, 0.75), (Layer::CONV4_2, 0.25)]
        );
        // The style is whole in every picture.
        assert!(named.cells().all(|cell| cell.settings.objective.style_layers.len() == 5));
    }

    #[test]
    fn a_texture_adds_up_layers_and_knows_no_content() {
        let study = study(StudyKind::Texture, |_| ()).unwrap();
        assert_eq!((study.rows().len(), study.cells().count()), (5, 10));
        assert_eq!(objective(&study, "texture-up-to-conv2_1").style_layers.len(), 2);
        assert_eq!(objective(&study, "texture-up-to-conv5_1"), &study.full().objective);
        for cell in study.cells() {
            let settings = &cell.settings;
            assert_eq!((settings.objective.content_weight, settings.start), (0.0, Start::Noise));
        }
    }

    #[test]
    fn weights_span_four_decades_and_sizes_a_factor_of_eight() {
        let study = study(StudyKind::Weights, |_| ()).unwrap();
        let labels: Vec<_> = study.rows().iter().map(|row| row.label.as_str()).collect();
        let weights = ["0.03", "0.3", "3", "30", "300"].map(|weight| format!("style weight {weight}"));
        assert_eq!(labels, weights);
        let sizes = ["48", "96", "192", "384"].map(|size| format!("style at {size} pixels"));
        assert_eq!(study.columns(), sizes);
        let cell = study.cells().find(|cell| cell.name == "weights-0.3-at-96").unwrap();
        assert_eq!((cell.settings.objective.style_weight, cell.settings.style_size), (0.3, Some(96)));
        // Below, a style says nothing any more.
        let small = study_of_cells(40);
        assert_eq!(small.columns(), ["style at 40 pixels", "style at 80 pixels"]);
    }

    fn study_of_cells(cell: usize) -> Study {
        study(StudyKind::Weights, |settings| settings.cell = cell).unwrap()
    }

    #[test]
    fn a_name_belongs_to_one_cell_alone() {
        for kind in [StudyKind::Style, StudyKind::Content, StudyKind::Weights, StudyKind::Texture] {
            let study = study(kind, |_| ()).unwrap();
            let mut names: Vec<_> = study.cells().map(|cell| &cell.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), study.cells().count());
            assert!(study.rows().iter().all(|row| row.cells.len() <= study.columns().len()));
        }
    }

    #[test]
    fn a_study_that_shows_nothing_is_refused() {
        type Change = fn(&mut StudySettings);
        let cases: [(StudyKind, Change); 9] = [
            (StudyKind::Style, |s| s.paint.first_iterations = 0),
            (StudyKind::Style, |s| s.paint.start = Start::Previous),
            (StudyKind::Style, |s| s.paint.objective.style_weight = 0.0),
            (StudyKind::Style, |s| s.paint.objective.style_layers.truncate(1)),
            (StudyKind::Texture, |s| s.paint.objective.style_layers.truncate(1)),
            (StudyKind::Weights, |s| s.paint.objective.style_weight = 0.0),
            (StudyKind::Content, |s| s.paint.objective.content_weight = 0.0),
            (StudyKind::Content, |s| s.paint.objective.content_layers = vec![(Layer::CONV3_1, 1.0)]),
            (StudyKind::Content, |s| {
                s.paint.objective.content_layers = vec![(Layer::new(4, 4).unwrap(), 1.0)]
            }),
        ];
        for (number, (kind, change)) in cases.into_iter().enumerate() {
            let error = study(kind, change).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "case {number}: {error}");
            assert!(error.next_step().is_some(), "case {number}");
        }
        let error = study(StudyKind::Style, |s| s.cell = 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.next_step().unwrap().contains("--cell"), "{error}");
    }
}
