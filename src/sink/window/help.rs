//! The keys, each with what it does, on a panel in the middle of the picture.

use super::hud::letters;
use crate::frame::{Frame, Size};
use crate::text::panel::{Rect, fill};
use crate::text::{draw_faint, measure};

/// Letters are not drawn smaller than this, in pixels: nobody could read them.
const SMALLEST: f32 = 8.0;

const TITLE: [u8; 3] = [255, 255, 252];
const KEY: [u8; 3] = [250, 250, 246];
const MEANING: [u8; 3] = [214, 214, 210];
const DARK: [u8; 3] = [12, 12, 14];

/// A list of keys to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Help<'a> {
    /// Stands above the list.
    pub title: &'a str,
    /// Keys, several separated by spaces, and what they do.
    pub keys: &'a [(&'a str, &'a str)],
}

/// All lengths of the panel, in pixels, for letters of one height.
struct Measures {
    letters: f32,
    /// From one line to the next.
    line: f32,
    padding: f32,
    title: f32,
    /// The width of the widest keys, and of the widest meaning.
    keys: f32,
    meanings: f32,
}

impl Measures {
    fn new(help: &Help<'_>, letters: f32) -> Self {
        let widest = |width: &dyn Fn(&(&str, &str)) -> f32| help.keys.iter().map(width).fold(0.0, f32::max);
        Self {
            letters,
            line: 1.72 * letters,
            padding: 1.3 * letters,
            title: if help.title.is_empty() { 0.0 } else { 2.1 * letters },
            keys: widest(&|(keys, _)| caps_width(keys, letters)),
            meanings: widest(&|(_, meaning)| measure(meaning, letters).width as f32),
        }
    }

    fn size(&self, lines: usize) -> (f32, f32) {
        let width = 2.0 * self.padding + self.keys + self.gap() + self.meanings;
        (width, 2.0 * self.padding + self.title + self.line * lines as f32)
    }

    fn gap(&self) -> f32 {
        1.3 * self.letters
    }
}

impl Help<'_> {
    /// Draws the list over a picture, in letters as large as the picture allows. In one that is too small
    /// for all of it the last lines are left out, and one that is too narrow stays free.
    pub fn draw(&self, frame: &mut Frame) {
        let Size { width, height } = frame.size();
        let (width, height) = (width as f32, height as f32);
        let measures = Measures::new(self, letters(frame.size()));
        let size = measures.size(self.keys.len());
        // A little air around the panel.
        let shrink = (0.96 * width / size.0).min(0.96 * height / size.1).min(1.0);
        // Whole steps down: widths are rounded up letter by letter and do not quite shrink in proportion.
        let mut measures = Measures::new(self, (measures.letters * shrink).floor().max(SMALLEST));
        if measures.size(0).0 > width && measures.letters > SMALLEST {
            measures = Measures::new(self, (measures.letters - 1.0).max(SMALLEST));
        }
        let room = height - measures.size(0).1;
        let lines = self.keys.len().min((room / measures.line).floor().max(0.0) as usize);
        let (across, down) = measures.size(lines);
        let size = (across.round(), down.round());
        if lines == 0 || size.0 > width {
            return;
        }
        let corner = (((width - size.0) / 2.0).floor(), ((height - size.1) / 2.0).floor());
        let panel = Rect::new(corner.0 as i32, corner.1 as i32, Size::new(size.0 as usize, size.1 as usize));
        fill(frame, panel, 0.7 * measures.letters, DARK, 0.82);
        self.draw_lines(frame, &measures, corner, lines);
    }

    fn draw_lines(&self, frame: &mut Frame, measures: &Measures, corner: (f32, f32), lines: usize) {
        let letters = measures.letters;
        let write = |frame: &mut Frame, text: &str, (left, top): (f32, f32), letters, color| {
            draw_faint(frame, text, (left.round() as i32, top.round() as i32), letters, color, 1.0);
        };
        let (left, mut top) = (corner.0 + measures.padding, corner.1 + measures.padding);
        write(frame, self.title, (left, top - 0.1 * letters), 1.3 * letters, TITLE);
        top += measures.title;
        for (keys, meaning) in &self.keys[..lines] {
            let height = (1.38 * letters).round();
            let cap_top = (top + (measures.line - height) / 2.0).round();
            let text_top = (cap_top + (height - letters) / 2.0).round();
            let mut cap_left = left.round();
            for key in keys.split_whitespace() {
                let width = cap_width(key, letters);
                let size = Size::new(width as usize, height as usize);
                let cap = Rect::new(cap_left as i32, cap_top as i32, size);
                fill(frame, cap, 0.28 * letters, KEY, 0.17);
                let inked = measure(key, letters).width as f32;
                write(frame, key, (cap_left + (width - inked) / 2.0, text_top), letters, KEY);
                cap_left = (cap_left + width + cap_gap(letters)).round();
            }
            write(frame, meaning, (left + measures.keys + measures.gap(), text_top), letters, MEANING);
            top += measures.line;
        }
    }
}

/// A cap is at least as wide as it is high.
fn cap_width(key: &str, letters: f32) -> f32 {
    (measure(key, letters).width as f32 + 0.7 * letters).max(1.38 * letters).round()
}

fn cap_gap(letters: f32) -> f32 {
    (0.3 * letters).round()
}

fn caps_width(keys: &str, letters: f32) -> f32 {
    let widths = keys.split_whitespace().map(|key| cap_width(key, letters) + cap_gap(letters));
    (widths.sum::<f32>() - cap_gap(letters)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAINT: [u8; 3] = [120, 90, 200];
    const KEYS: [(&str, &str); 4] = [
        ("1–9", "style"),
        ("← →", "fade to the previous or next style"),
        ("Space", "freeze"),
        ("q Esc", "quit"),
    ];

    fn drawn(size: Size, keys: &[(&str, &str)]) -> Frame {
        let mut frame = Frame::from_fn(size, |_, _| PAINT);
        Help { title: "Keys", keys }.draw(&mut frame);
        frame
    }

    /// The first and last column and row that anything was drawn in.
    fn touched(frame: &Frame) -> Option<[usize; 4]> {
        let Size { width, height } = frame.size();
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let places: Vec<_> = places.filter(|&(x, y)| frame.pixel(x, y) != PAINT).collect();
        let (xs, ys) = (places.iter().map(|p| p.0), places.iter().map(|p| p.1));
        Some([xs.clone().min()?, xs.max()?, ys.clone().min()?, ys.max()?])
    }

    #[test]
    fn the_list_stands_in_the_middle_with_air_around_it() {
        for (width, height) in [(1920, 1080), (1280, 720), (640, 360), (400, 400), (360, 160)] {
            let frame = drawn(Size::new(width, height), &KEYS);
            let [left, right, top, bottom] = touched(&frame).unwrap();
            assert!(left > 0 && top > 0, "{width}x{height}: {left}, {top}");
            assert!(left.abs_diff(width - 1 - right) <= 1, "{width}x{height}: {left}..{right}");
            assert!(top.abs_diff(height - 1 - bottom) <= 1, "{width}x{height}: {top}..{bottom}");
        }
    }

    #[test]
    fn every_key_and_every_meaning_is_drawn() {
        let size = Size::new(900, 500);
        let whole = drawn(size, &KEYS);
        for at in 0..KEYS.len() {
            for (blank_key, blank_meaning) in [(true, false), (false, true)] {
                let mut keys = KEYS;
                // As wide as before, so that only the letters are missing.
                if blank_key {
                    keys[at].0 = "";
                }
                if blank_meaning {
                    keys[at].1 = "";
                }
                assert!(drawn(size, &keys) != whole, "{at}");
            }
        }
    }

    #[test]
    fn a_small_picture_shows_the_first_keys_and_a_tiny_one_none() {
        let many: Vec<_> = KEYS.iter().copied().cycle().take(40).collect();
        let [_, _, top, bottom] = touched(&drawn(Size::new(500, 200), &many)).unwrap();
        assert!(bottom < 200 && bottom - top > 150);
        for (width, height) in [(1, 1), (40, 400), (400, 12)] {
            assert_eq!(touched(&drawn(Size::new(width, height), &many)), None, "{width}x{height}");
        }
    }
}
