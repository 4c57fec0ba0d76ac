//! The sheet: what a study has painted, in rows and columns, with words enough for somebody who has never
//! heard of layers.

use super::easel::Made;
use super::page::{GREY, INK, Page, shortened, wrap};
use super::plan::{Study, StudyKind};
use crate::frame::{Frame, Size};
use crate::resize::resize_frame;
use crate::text::measure;

/// What stands above the table.
#[derive(Debug, Clone, Default)]
pub struct Heading {
    /// Which pictures, and how they were painted: a line each.
    pub lines: Vec<String>,
    /// The pictures that were painted from, each with what it is. They are shown small.
    pub pictures: Vec<(String, Frame)>,
}

/// Draws the sheet. `made` are the cells that are painted, in their order; the others are left empty.
pub fn sheet(study: &Study, heading: &Heading, made: &[Made]) -> Frame {
    let lay = Layout::new(study);
    let shown = heading.pictures.iter().map(|(name, picture)| (name, small(picture, study.cell_size())));
    let shown: Vec<(&String, Frame)> = shown.collect();
    let mut page = Page::new(lay.width);
    let (left, room) = (lay.gap, lay.width - 2 * lay.gap);
    let mut y = lay.gap;
    for line in wrap(title(study.kind()), lay.title, room) {
        y = page.text((left, y), &line, lay.title, INK);
    }
    y += lay.gap / 2;
    for line in heading.lines.iter().flat_map(|line| wrap(line, lay.small, room)) {
        y = page.text((left, y), &line, lay.small, GREY);
    }
    y += lay.gap / 2;
    for line in wrap(explanation(study.kind()), lay.small, room) {
        y = page.text((left, y), &line, lay.small, INK);
    }
    y = pictures(&mut page, &lay, &shown, y + lay.gap / 2);
    y += lay.gap;

    for (column, name) in study.columns().iter().enumerate() {
        page.text((lay.column(column), y), name, lay.letters, INK);
    }
    y += lay.letters.ceil() as usize + lay.gap / 3;
    let mut painted = made.iter();
    for row in study.rows() {
        let below = page.text((left, y), &row.label, lay.letters, INK);
        page.text((left, below), &row.note, lay.small, GREY);
        for column in 0..row.cells.len() {
            let at = (lay.column(column), y);
            match painted.next() {
                Some(made) => {
                    let below = page.picture(at, &made.picture);
                    let style = made.full.style_mean(&study.full().objective);
                    page.text(
                        (at.0, below),
                        &caption(study.kind(), style, made.full.content),
                        lay.small,
                        GREY,
                    );
                }
                None => {
                    page.empty(at, study.cell_size(), "not painted", lay.small);
                }
            }
        }
        y += lay.row + lay.gap / 2;
    }
    page.reach(y + lay.gap / 2);
    page.draw()
}

/// The pictures that were painted from, side by side and in several rows where they do not fit into one.
/// Returns the first row below.
fn pictures<'a>(page: &mut Page<'a>, lay: &Layout, shown: &'a [(&String, Frame)], top: usize) -> usize {
    let (mut x, mut y, mut bottom) = (lay.gap, top, top);
    for (name, picture) in shown {
        let name = shortened(name, lay.small, picture.size().width.max(lay.column));
        let width = picture.size().width.max(measure(&name, lay.small).width);
        if x > lay.gap && x + width + lay.gap > lay.width {
            (x, y) = (lay.gap, bottom + lay.gap / 2);
        }
        let below = page.picture((x, y), picture);
        bottom = bottom.max(page.text((x, below), &name, lay.small, GREY));
        x += width + lay.gap;
    }
    bottom
}

/// Heights of letters and places of columns, in pixels.
struct Layout {
    title: f32,
    letters: f32,
    small: f32,
    gap: usize,
    /// The width of the labels at the left, and of a column.
    labels: usize,
    column: usize,
    /// The height of a picture and what is written below it, or of the labels if they are higher.
    row: usize,
    width: usize,
}

impl Layout {
    fn new(study: &Study) -> Self {
        let cell = study.cell_size();
        let letters = (cell.longest_side() as f32 / 12.0).clamp(14.0, 40.0);
        let small = (0.8 * letters).max(12.0);
        let gap = letters.ceil() as usize;
        let widest = |texts: &mut dyn Iterator<Item = &String>, height: f32| {
            texts.map(|text| measure(text, height).width).max().unwrap_or(0)
        };
        let labels = widest(&mut study.rows().iter().map(|row| &row.label), letters);
        let notes = widest(&mut study.rows().iter().map(|row| &row.note), small);
        let columns = widest(&mut study.columns().iter(), letters);
        let labels = labels.max(notes);
        let column = cell.width.max(columns).max(measure(&caption(study.kind(), 0.0, 0.0), small).width);
        let below = small.ceil() as usize;
        let row = (cell.height + below).max(letters.ceil() as usize + below);
        let table = labels + 2 * gap + (column + gap) * study.columns().len();
        // Room for a sentence also where the pictures are tiny.
        let width = table.max((26.0 * letters) as usize);
        Self { title: 1.5 * letters, letters, small, gap, labels, column, row, width }
    }

    /// The left edge of a column of pictures.
    fn column(&self, column: usize) -> usize {
        self.labels + 2 * self.gap + (self.column + self.gap) * column
    }
}

fn title(kind: StudyKind) -> &'static str {
    match kind {
        StudyKind::Style => "What each style layer gives",
        StudyKind::Content => "What each content layer keeps",
        StudyKind::Weights => "How much style, and at which size",
        StudyKind::Texture => "Textures from noise, layer by layer",
    }
}

fn explanation(kind: StudyKind) -> &'static str {
    match kind {
        StudyKind::Style => {
            "Left, the picture is painted towards the style as one layer of the network sees it; right, as all \
             layers but that one see it. The numbers: how far it then is from the style, all layers taken \
             together, and from the source (0 is no difference)."
        }
        StudyKind::Content => {
            "The style is the same everywhere. Left, the source is kept as one layer of the network sees it; \
             right, as all layers but that one see it. The numbers: how far the picture then is from the style, \
             and from the source, all layers taken together (0 is no difference)."
        }
        StudyKind::Weights => {
            "Down: how much the style counts against the source. Across: the size at which the style is looked \
             at. The numbers: how far the picture then is from the style at its usual size and from the source \
             (0 is no difference)."
        }
        StudyKind::Texture => {
            "Painted from noise towards the style alone. Left, as one layer of the network sees it; right, as \
             this layer and all before it see it. The numbers: how far the picture then is from the style, all \
             layers taken together (0 is no difference)."
        }
    }
}

/// What stands below a picture.
fn caption(kind: StudyKind, style: f64, content: f64) -> String {
    match kind {
        StudyKind::Texture => format!("style {}", number(style)),
        _ => format!("style {} · content {}", number(style), number(content)),
    }
}

/// Three decimals where they say something; the losses of some papers lie far beyond.
fn number(value: f64) -> String {
    match value {
        0.0 => "0.000".into(),
        0.0005..9.9995 => format!("{value:.3}"),
        9.9995..99_999.5 => format!("{value:.0}"),
        _ => format!("{value:.1e}"),
    }
}

/// A picture that was painted from, at two thirds of a cell.
fn small(picture: &Frame, cell: Size) -> Frame {
    resize_frame(picture, picture.size().fit((2 * cell.longest_side() / 3).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Losses;
    use crate::study::StudySettings;
    use crate::vgg::Model;

    const CELL: Size = Size::new(64, 48);
    const GREEN: [u8; 3] = [10, 200, 30];

    fn study(kind: StudyKind) -> Study {
        let settings = StudySettings { cell: 64, ..StudySettings::default() };
        Study::new(kind, &settings, Model::Vgg16, CELL).unwrap()
    }

    fn made(color: [u8; 3]) -> Made {
        let picture = Frame::from_fn(CELL, |_, _| color);
        Made { picture, own: Losses::default(), full: Losses::default(), iterations: 1, seconds: 1.0 }
    }

    fn count(frame: &Frame, color: [u8; 3]) -> usize {
        frame.data().chunks_exact(3).filter(|pixel| **pixel == color).count()
    }

    #[test]
    fn every_painted_cell_is_on_it_whole_and_the_rest_is_empty() {
        for kind in [StudyKind::Style, StudyKind::Content, StudyKind::Weights, StudyKind::Texture] {
            let study = study(kind);
            let cells = study.cells().count();
            for painted in [0, 1, cells / 2, cells] {
                let made = vec![made(GREEN); painted];
                let frame = sheet(&study, &Heading::default(), &made);
                assert_eq!(count(&frame, GREEN), painted * CELL.pixels(), "{kind}");
                let full = sheet(&study, &Heading::default(), &vec![made_first(&made); cells]);
                assert_eq!(frame.size(), full.size(), "{kind}: a sheet is as large with cells missing");
            }
        }
    }

    fn made_first(all: &[Made]) -> Made {
        all.first().cloned().unwrap_or_else(|| made(GREEN))
    }

    #[test]
    fn what_was_painted_from_is_shown_small_and_told() {
        let study = study(StudyKind::Style);
        let plain = sheet(&study, &Heading::default(), &[]);
        let red = [200, 20, 10];
        let photo = Frame::from_fn(Size::new(300, 200), |_, _| red);
        let heading = Heading { lines: vec!["photo.jpg in the style of it".into()], ..Heading::default() };
        let told = sheet(&study, &heading, &[]);
        assert!(told.size().height > plain.size().height);
        let pictures = vec![("photo.jpg".into(), photo.clone()); 30];
        let shown = sheet(&study, &Heading { pictures, ..heading }, &[]);
        // All of them, in as many rows as it takes; 42 by 28 pixels each.
        assert_eq!(count(&shown, red), 30 * 42 * 28);
        assert_eq!(shown.size().width, plain.size().width);
    }

    #[test]
    fn numbers_are_short_wherever_they_lie() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.12345, "0.123"),
            (9.9994, "9.999"),
            (9.9999, "10"),
            (317.2, "317"),
            (1.234e9, "1.2e9"),
            (4.2e-7, "4.2e-7"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
