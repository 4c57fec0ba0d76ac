//! A sheet of paper that grows downwards: text and pictures are put where they belong, and drawn once it is
//! known how long it gets.

use crate::frame::{Frame, Size};
use crate::text::panel::{Rect, fill};
use crate::text::{draw, measure};

/// Colours of paper and ink, and of a place where a picture is missing.
const PAPER: [u8; 3] = [255; 3];
pub(super) const INK: [u8; 3] = [34; 3];
pub(super) const GREY: [u8; 3] = [104; 3];
const EMPTY: [u8; 3] = [230; 3];

enum Mark<'a> {
    Text { text: String, height: f32, color: [u8; 3] },
    Picture(&'a Frame),
    Empty(Size),
}

/// What stands where, in pixels from the top left corner.
pub(super) struct Page<'a> {
    width: usize,
    height: usize,
    marks: Vec<((usize, usize), Mark<'a>)>,
}

impl<'a> Page<'a> {
    pub(super) fn new(width: usize) -> Self {
        Self { width, height: 1, marks: Vec::new() }
    }

    fn put(&mut self, (x, y): (usize, usize), size: Size, mark: Mark<'a>) -> usize {
        self.marks.push(((x, y), mark));
        let bottom = y + size.height;
        self.height = self.height.max(bottom);
        bottom
    }

    /// One line of text. Returns the first row below.
    pub(super) fn text(&mut self, at: (usize, usize), text: &str, height: f32, color: [u8; 3]) -> usize {
        self.put(at, measure(text, height), Mark::Text { text: text.into(), height, color })
    }

    /// A picture. Returns the first row below.
    pub(super) fn picture(&mut self, at: (usize, usize), picture: &'a Frame) -> usize {
        self.put(at, picture.size(), Mark::Picture(picture))
    }

    /// A place where no picture is, with a word about it. Returns the first row below.
    pub(super) fn empty(&mut self, (x, y): (usize, usize), size: Size, word: &str, height: f32) -> usize {
        let below = self.put((x, y), size, Mark::Empty(size));
        let text = measure(word, height);
        if text.width <= size.width && text.height <= size.height {
            let at = (x + (size.width - text.width) / 2, y + (size.height - text.height) / 2);
            self.text(at, word, height, GREY);
        }
        below
    }

    /// Makes it so long at least.
    pub(super) fn reach(&mut self, bottom: usize) {
        self.height = self.height.max(bottom);
    }

    pub(super) fn draw(self) -> Frame {
        let mut frame = Frame::from_fn(Size::new(self.width, self.height), |_, _| PAPER);
        for ((x, y), mark) in self.marks {
            let corner = (x as i32, y as i32);
            match mark {
                Mark::Text { text, height, color } => draw(&mut frame, &text, corner, height, color),
                Mark::Picture(picture) => paste(&mut frame, picture, (x, y)),
                Mark::Empty(size) => fill(&mut frame, Rect::new(corner.0, corner.1, size), 0.0, EMPTY, 1.0),
            }
        }
        frame
    }
}

/// Lays `picture` onto `frame`; what does not fit is cut off.
fn paste(frame: &mut Frame, picture: &Frame, (x, y): (usize, usize)) {
    let width = frame.size().width;
    let columns = picture.size().width.min(width.saturating_sub(x));
    let rows = frame.data_mut().chunks_exact_mut(3 * width).skip(y);
    for (row, from) in rows.zip(picture.data().chunks_exact(3 * picture.size().width)) {
        row[3 * x.min(width)..][..3 * columns].copy_from_slice(&from[..3 * columns]);
    }
}

/// Breaks a text between words into lines that are at most `width` pixels long. A word that is longer has a
/// line of its own.
pub(super) fn wrap(text: &str, height: f32, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if measure(&format!("{line} {word}"), height).width <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As much of a text as is at most `width` pixels long, with dots where something is missing.
pub(super) fn shortened(text: &str, height: f32, width: usize) -> String {
    let fits = |text: &str| measure(text, height).width <= width;
    if fits(text) {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |n: usize| letters[..n].iter().chain(&['…']).collect::<String>();
    (0..letters.len()).rev().map(cut).find(|text| fits(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_hold_all_of_them() {
        let text = "how far a picture is from  the style, at all layers";
        let width = 120;
        let lines = wrap(text, 16.0, width);
        assert!(lines.len() > 2 && lines.iter().all(|line| measure(line, 16.0).width <= width), "{lines:?}");
        assert_eq!(lines.join(" "), text.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(wrap("word", 16.0, 1), ["word"]);
        assert!(wrap(" ", 16.0, 100).is_empty());
    }

    #[test]
    fn names_are_shortened_to_their_room() {
        assert_eq!(shortened("photo.jpg", 14.0, 200), "photo.jpg");
        let short = shortened("a-very-long-name-of-a-photo.jpg", 14.0, 80);
        assert!(short.ends_with('…') && short.starts_with("a-very") && measure(&short, 14.0).width <= 80);
        assert_eq!(shortened("name", 14.0, 2), "");
    }

    #[test]
    fn everything_lies_where_it_was_put_and_the_page_is_as_long_as_it_needs_to_be() {
        let picture = Frame::from_fn(Size::new(6, 4), |x, y| [x as u8, y as u8, 7]);
        let mut page = Page::new(40);
        assert_eq!(page.picture((3, 2), &picture), 6);
        assert_eq!(page.picture((37, 10), &picture), 14);
        assert_eq!(page.empty((20, 3), Size::new(5, 5), "no", 14.0), 8);
        page.reach(16);
        page.reach(3);
        let frame = page.draw();
        assert_eq!(frame.size(), Size::new(40, 16));
        for (x, y) in (0..16).flat_map(|y| (0..40).map(move |x| (x, y))) {
            let first = (3..9).contains(&x) && (2..6).contains(&y);
            let cut = x >= 37 && (10..14).contains(&y);
            let empty = (20..25).contains(&x) && (3..8).contains(&y);
            let expected = match (first, cut, empty) {
                (true, ..) => picture.pixel(x - 3, y - 2),
                (_, true, _) => picture.pixel(x - 37, y - 10),
                (.., true) => EMPTY,
                _ => PAPER,
            };
            assert_eq!(frame.pixel(x, y), expected, "{x}, {y}");
        }
    }
}
