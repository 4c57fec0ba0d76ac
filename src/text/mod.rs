//! Letters on pictures: one bundled font, to draw a line of text with and to know beforehand how large
//! it will be; and the panels (`panel`) that lines stand on where a picture is too lively to be read from.
//!
//! Plots are labelled with it; whatever else writes on pictures does it through here too, so that a
//! program without any system fonts looks the same everywhere.

pub mod panel;

use crate::frame::{Frame, Size};
use ab_glyph::{Font, FontRef, ScaleFont, point};
use std::sync::OnceLock;

/// DejaVu Sans, a TrueType font with Latin letters (`src/text/README.md` tells its origin and licence).
pub const SANS: &[u8] = include_bytes!("DejaVuSans.ttf");

fn sans() -> Option<&'static FontRef<'static>> {
    static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(SANS).ok()).as_ref()
}

/// The pixels that [`draw`] needs for one line of `text` in letters of `height` pixels, from the top of
/// the tallest letter to the bottom of the deepest.
pub fn measure(text: &str, height: f32) -> Size {
    let Some(font) = sans() else { return Size::new(0, 0) };
    let font = font.as_scaled(height);
    let mut width = 0.0;
    let mut before = None;
    for letter in text.chars() {
        let glyph = font.glyph_id(letter);
        width += before.map_or(0.0, |before| font.kern(before, glyph)) + font.h_advance(glyph);
        before = Some(glyph);
    }
    Size::new(width.ceil() as usize, height.ceil() as usize)
}

/// Draws one line of `text` with its top left corner at column `x`, row `y` (which may lie outside), in
/// letters of `height` pixels and one colour. What does not fit into the frame is cut off. A letter that
/// the font lacks is drawn as an empty box.
pub fn draw(frame: &mut Frame, text: &str, at: (i32, i32), height: f32, color: [u8; 3]) {
    draw_faint(frame, text, at, height, color, 1.0);
}

/// As [`draw`], with letters that the picture shines through: `opacity` 0 leaves it as it is, at 1 they
/// are solid.
pub fn draw_faint(
    frame: &mut Frame,
    text: &str,
    (x, y): (i32, i32),
    height: f32,
    color: [u8; 3],
    opacity: f32,
) {
    let Some(font) = sans() else { return };
    let font = font.as_scaled(height);
    let mut pen = point(x as f32, y as f32 + font.ascent());
    let mut before = None;
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        pen.x += before.map_or(0.0, |before| font.kern(before, id));
        let glyph = id.with_scale_and_position(height, pen);
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, cover| {
                blend(
                    frame,
                    corner.x as i64 + i64::from(column),
                    corner.y as i64 + i64::from(row),
                    color,
                    cover * opacity,
                );
            });
        }
        pen.x += font.h_advance(id);
        before = Some(id);
    }
}

/// Mixes `color` into a pixel, if there is one: 0 leaves it, 1 replaces it.
fn blend(frame: &mut Frame, x: i64, y: i64, color: [u8; 3], cover: f32) {
    let Size { width, height } = frame.size();
    let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
    if x >= width || y >= height {
        return;
    }
    let cover = cover.clamp(0.0, 1.0);
    let at = 3 * (y * width + x);
    for (value, color) in frame.data_mut()[at..at + 3].iter_mut().zip(color) {
        *value = (f32::from(*value) * (1.0 - cover) + f32::from(color) * cover).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn black(size: Size) -> Frame {
        Frame::from_fn(size, |_, _| [0; 3])
    }

    /// The columns and rows that anything was drawn in.
    fn inked(frame: &Frame) -> Option<[usize; 4]> {
        let Size { width, height } = frame.size();
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let inked: Vec<_> = places.filter(|&(x, y)| frame.pixel(x, y) != [0; 3]).collect();
        let (xs, ys) = (inked.iter().map(|p| p.0), inked.iter().map(|p| p.1));
        Some([xs.clone().min()?, xs.max()?, ys.clone().min()?, ys.max()?])
    }

    #[test]
    fn the_font_has_what_labels_need() {
        let font = sans().unwrap();
        let needed = "AZaz09äöüÉñ ×±²°·–—…→≈≤≥−μσΔ●▶%,.:;()[]/'\"";
        for letter in needed.chars() {
            assert_ne!(font.glyph_id(letter).0, 0, "{letter}");
        }
        assert!(SANS.len() < 100_000);
    }

    #[test]
    fn what_is_drawn_lies_where_it_was_measured() {
        let text = "Åqy 0.0021 (ms)";
        let size = measure(text, 32.0);
        let mut frame = black(Size::new(size.width + 40, 60));
        draw(&mut frame, text, (20, 10), 32.0, [255, 200, 0]);
        let [left, right, top, bottom] = inked(&frame).unwrap();
        assert!(left >= 19 && right <= 20 + size.width, "{left}..{right} of {size}");
        assert!(top >= 10 && bottom < 10 + size.height, "{top}..{bottom} of {size}");
        // It fills what was measured, and its full colour is there.
        assert!(right - left > 9 * size.width / 10 && bottom - top > 8 * size.height / 10);
        assert!(frame.data().chunks_exact(3).any(|pixel| pixel == [255, 200, 0]));
    }

    #[test]
    fn a_longer_or_larger_text_needs_more_and_edges_cut() {
        assert!(measure("frames", 20.0).width > measure("frame", 20.0).width);
        assert!(measure("frames", 40.0).width > measure("frames", 20.0).width);
        assert_eq!(measure("", 20.0), Size::new(0, 20));
        let mut frame = black(Size::new(10, 6));
        for at in [(-5, -5), (8, 3), (-1000, 0), (i32::MAX, i32::MIN)] {
            draw(&mut frame, "Wide letters", at, 30.0, [255; 3]);
        }
        assert!(inked(&frame).is_some());
    }
}
