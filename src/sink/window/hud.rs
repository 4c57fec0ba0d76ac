//! The instruments: how fast, how late, which style, whether it records. One calm line along the bottom
//! of the picture, and small labels in its upper corners for what must not be missed.
//!
//! Numbers have the room of their longest value, so that nothing moves while they change. In a small
//! window the less important go first, and whatever is drawn lies inside the picture.

use crate::frame::{Frame, Size};
use crate::text::panel::{Rect, fill};
use crate::text::{draw_faint, measure};
use std::time::Duration;

/// Letters have a 32nd of the picture's height, or a 44th of its width if that is less, within these bounds
/// in pixels. Tuned by eye.
const LETTERS: (f32, f32) = (13.0, 34.0);

/// Pictures of less height than so many lines show nothing.
const FEWEST_LINES: f32 = 5.0;

const BRIGHT: [u8; 3] = [242, 242, 240];
const DIM: [u8; 3] = [172, 172, 168];
const RED: [u8; 3] = [235, 64, 52];
const DARK: [u8; 3] = [12, 12, 14];

/// How much of the picture a panel covers: enough to read light letters over white paint.
const COVER: f32 = 0.66;

/// What is shown over the picture. What is `None` is not shown; the default shows nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hud {
    /// The name of the style.
    pub style: Option<String>,
    /// How strong the style is, 0 to 1.
    pub strength: Option<f64>,
    /// How steady the film is kept, 0 to 1.
    pub steadiness: Option<f64>,
    /// How the source's colours are kept, where they are.
    pub colors: Option<String>,
    /// Painted frames a second.
    pub fps: Option<f64>,
    /// From the capture of a frame to its being shown, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Iterations of the last frame.
    pub iterations: Option<usize>,
    /// The size at which frames are painted.
    pub painted: Option<Size>,
    /// Frames that were recorded or streamed too slowly and left out. 0 is not shown.
    pub dropped: Option<u64>,
    /// How long it has been recording.
    pub recording: Option<Duration>,
    /// The present frame stands still.
    pub frozen: bool,
    /// A sentence about what has just happened.
    pub message: Option<Message>,
}

/// A sentence that is shown for a while: "saved clip.mkv".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sentence.
    pub text: String,
    /// How long it has been shown.
    pub age: Duration,
}

impl Message {
    /// After this it is no longer drawn.
    pub const LASTS: Duration = Duration::from_millis(4000);

    /// In the last part of its time it fades away.
    const FADES: Duration = Duration::from_millis(700);

    fn opacity(&self) -> f32 {
        let left = Self::LASTS.saturating_sub(self.age);
        (left.as_secs_f32() / Self::FADES.as_secs_f32()).min(1.0)
    }
}

impl Hud {
    /// Draws it over a picture.
    pub fn draw(&self, frame: &mut Frame) {
        let size = frame.size();
        let letters = letters(size);
        if (size.height as f32) < FEWEST_LINES * 1.7 * letters {
            return;
        }
        let band = self.draw_band(frame, letters);
        self.draw_labels(frame, letters);
        if let Some(message) = &self.message {
            draw_message(frame, message, letters, band);
        }
    }

    /// The line along the bottom; returns its height, 0 if there is none.
    fn draw_band(&self, frame: &mut Frame, letters: f32) -> usize {
        let size = frame.size();
        let margin = 0.9 * letters;
        let gap = 1.5 * letters;
        let room = size.width as f32 - 2.0 * margin;
        let mut items = self.items();
        let widths = |items: &[Item]| items.iter().map(|item| item.width(letters) + gap).sum::<f32>() - gap;
        while items.len() > 1 && widths(&items) > room {
            let least = (0..items.len()).max_by_key(|&at| items[at].rank);
            least.map(|least| items.remove(least));
        }
        // What stands alone and is still too wide is the style's name, or a number in a sliver of a window.
        if let [item] = items.as_mut_slice() {
            item.value = shortened(&item.value, letters, room);
            items.retain(|item| !item.value.is_empty() && item.width(letters) <= room);
        }
        if items.is_empty() {
            return 0;
        }
        let height = (1.75 * letters).round();
        let top = (size.height as f32 - height).round() as i32;
        let panel = Rect::new(0, top, Size::new(size.width, height as usize));
        fill(frame, panel, 0.0, DARK, COVER);
        let baseline = top + ((height - letters) / 2.0).round() as i32;
        let (mut left, mut right) = (margin, size.width as f32 - margin);
        for item in items.iter().filter(|item| item.side == Side::Left) {
            item.draw(frame, left, baseline, letters);
            left += item.width(letters) + gap;
        }
        for item in items.iter().rev().filter(|item| item.side == Side::Right) {
            right -= item.width(letters);
            item.draw(frame, right, baseline, letters);
            right -= gap;
        }
        height as usize
    }

    /// What the band tells, from left to right.
    fn items(&self) -> Vec<Item> {
        let item = |side, rank, before, value: String, widest, after| Item {
            side,
            rank,
            before,
            value,
            widest,
            after,
        };
        let left = |rank, before, value, widest| item(Side::Left, rank, before, value, widest, "");
        let right = |rank, value, widest, after| item(Side::Right, rank, "", value, widest, after);
        let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
        let style = self.style.as_deref().filter(|style| !style.is_empty());
        let number = |value: f64| format!("{value:.0}");
        let dropped = self.dropped.filter(|&dropped| dropped > 0);
        [
            style.map(|style| left(0, "", style.to_owned(), "")),
            finite(self.strength).map(|share| left(3, "strength", format!("{share:.2}"), "0.00")),
            finite(self.steadiness).map(|share| left(4, "steadiness", format!("{share:.1}"), "0.0")),
            self.colors.clone().map(|how| left(5, "colours", how, "")),
            dropped.map(|dropped| right(6, dropped.to_string(), "", "dropped")),
            self.painted.map(|size| right(8, format!("{}×{}", size.width, size.height), "", "")),
            self.iterations.map(|count| item(Side::Right, 7, "iterations", count.to_string(), "00", "")),
            finite(self.latency_ms).map(|latency| right(2, number(latency), "000", "ms")),
            finite(self.fps).map(|fps| right(1, format!("{fps:.1}"), "00.0", "fps")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The upper corners: recording to the right, frozen to the left.
    fn draw_labels(&self, frame: &mut Frame, letters: f32) {
        let width = frame.size().width as f32;
        let margin = (0.7 * letters).round();
        let mut taken = margin;
        if let Some(recording) = self.recording {
            let label = Label { sign: Sign::Dot, text: clock(recording) };
            if label.width(letters) + 2.0 * margin <= width {
                let left = width - margin - label.width(letters);
                label.draw(frame, (left as i32, margin as i32), letters, 1.0);
                taken += label.width(letters) + margin;
            }
        }
        if self.frozen {
            let label = Label { sign: Sign::Bars, text: "frozen".to_owned() };
            if label.width(letters) + margin + taken <= width {
                label.draw(frame, (margin as i32, margin as i32), letters, 1.0);
            }
        }
    }
}

/// The height of letters for a picture of this size.
pub(super) fn letters(size: Size) -> f32 {
    (size.height as f32 / 32.0).min(size.width as f32 / 44.0).round().clamp(LETTERS.0, LETTERS.1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// One value on the band, with its name before it or its unit after.
struct Item {
    side: Side,
    /// 0 is the most important; the highest goes first.
    rank: u8,
    before: &'static str,
    value: String,
    /// As wide as the value usually gets.
    widest: &'static str,
    after: &'static str,
}

impl Item {
    fn value_width(&self, letters: f32) -> f32 {
        wide(&self.value, letters).max(wide(self.widest, letters))
    }

    fn width(&self, letters: f32) -> f32 {
        let beside = |text: &str| if text.is_empty() { 0.0 } else { wide(text, letters) + 0.4 * letters };
        beside(self.before) + self.value_width(letters) + beside(self.after)
    }

    fn draw(&self, frame: &mut Frame, left: f32, top: i32, letters: f32) {
        let mut write = |text: &str, left: f32, color| {
            draw_faint(frame, text, (left.round() as i32, top), letters, color, 1.0);
        };
        let mut left = left;
        if !self.before.is_empty() {
            write(self.before, left, DIM);
            left += wide(self.before, letters) + 0.4 * letters;
        }
        let room = self.value_width(letters);
        // Numbers end where they always end, right before their unit; values after a name begin there.
        let indent = if self.side == Side::Right { room - wide(&self.value, letters) } else { 0.0 };
        write(&self.value, left + indent, BRIGHT);
        write(self.after, left + room + 0.4 * letters, DIM);
    }
}

/// What stands before the words of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    /// A red dot: it records.
    Dot,
    /// Two upright bars: it stands still.
    Bars,
}

/// A line on a dark panel with round ends.
struct Label {
    sign: Sign,
    text: String,
}

impl Label {
    fn height(letters: f32) -> f32 {
        (1.6 * letters).round()
    }

    fn sign_room(&self, letters: f32) -> f32 {
        if self.sign == Sign::None { 0.0 } else { letters.round() }
    }

    fn width(&self, letters: f32) -> f32 {
        (wide(&self.text, letters) + self.sign_room(letters) + 1.4 * letters).round()
    }

    fn draw(&self, frame: &mut Frame, (left, top): (i32, i32), letters: f32, opacity: f32) {
        let height = Self::height(letters);
        let size = Size::new(self.width(letters) as usize, height as usize);
        fill(frame, Rect::new(left, top, size), height / 2.0, DARK, COVER * opacity);
        let inner = left + (0.7 * letters).round() as i32;
        let side = (0.58 * letters).round() as usize;
        let middle = top + ((height - side as f32) / 2.0).round() as i32;
        match self.sign {
            Sign::None => {}
            Sign::Dot => fill(frame, Rect::new(inner, middle, Size::new(side, side)), height, RED, opacity),
            Sign::Bars => {
                let bar = (side / 3).max(1);
                for at in [inner, inner + (side - bar) as i32] {
                    fill(frame, Rect::new(at, middle, Size::new(bar, side)), 0.0, BRIGHT, opacity);
                }
            }
        }
        let words = inner + self.sign_room(letters) as i32;
        let at = (words, top + ((height - letters) / 2.0).round() as i32);
        draw_faint(frame, &self.text, at, letters, BRIGHT, opacity);
    }
}

/// In the middle, above the band.
fn draw_message(frame: &mut Frame, message: &Message, letters: f32, band: usize) {
    let size = frame.size();
    let opacity = message.opacity();
    let room = size.width as f32 - 3.0 * letters;
    let label = Label { sign: Sign::None, text: shortened(&message.text, letters, room) };
    if opacity <= 0.0 || label.text.is_empty() {
        return;
    }
    let left = (size.width as f32 - label.width(letters)) / 2.0;
    let top = size.height as f32 - band as f32 - Label::height(letters) - 0.7 * letters;
    label.draw(frame, (left.round() as i32, top.round() as i32), letters, opacity);
}

fn wide(text: &str, letters: f32) -> f32 {
    if text.is_empty() { 0.0 } else { measure(text, letters).width as f32 }
}

/// As much of `text` as there is room for, with an ellipsis if that is not all; nothing if not even one
/// letter fits.
fn shortened(text: &str, letters: f32, room: f32) -> String {
    if wide(text, letters) <= room {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(at, _)| at).skip(1).collect::<Vec<_>>();
    let cut = |end: usize| format!("{}…", text[..end].trim_end());
    // Wider with every letter, so the last that fits can be looked for by halves.
    let fitting = ends.partition_point(|&end| wide(&cut(end), letters) <= room);
    fitting.checked_sub(1).map(|last| cut(ends[last])).unwrap_or_default()
}

/// `0:07`, `12:34`, `1:02:03`.
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAINT: [u8; 3] = [180, 140, 90];

    fn picture(size: Size) -> Frame {
        Frame::from_fn(size, |_, _| PAINT)
    }

    fn full() -> Hud {
        Hud {
            style: Some("The Starry Night".to_owned()),
            strength: Some(0.55),
            steadiness: Some(0.5),
            colors: Some("luminance".to_owned()),
            fps: Some(12.34),
            latency_ms: Some(83.0),
            iterations: Some(14),
            painted: Some(Size::new(512, 288)),
            dropped: Some(3),
            recording: Some(Duration::from_secs(83)),
            frozen: true,
            message: Some(Message { text: "saved evening.mkv".to_owned(), age: Duration::from_secs(1) }),
        }
    }

    /// Where anything was drawn: in rows `rows`, the first and last such column.
    fn touched(frame: &Frame, rows: std::ops::Range<usize>) -> Option<(usize, usize)> {
        let columns = |x: &usize| rows.clone().any(|y| frame.pixel(*x, y) != PAINT);
        let width = frame.size().width;
        Some(((0..width).find(columns)?, (0..width).rev().find(columns)?))
    }

    #[test]
    fn an_empty_hud_draws_nothing() {
        let size = Size::new(640, 360);
        let mut frame = picture(size);
        Hud::default().draw(&mut frame);
        Hud { dropped: Some(0), style: Some(String::new()), fps: Some(f64::NAN), ..Hud::default() }
            .draw(&mut frame);
        let over = Message { text: "long ago".to_owned(), age: Message::LASTS };
        Hud { message: Some(over), ..Hud::default() }.draw(&mut frame);
        assert!(frame == picture(size));
    }

    #[test]
    fn the_middle_of_the_picture_stays_free_and_labels_keep_off_the_edges() {
        for size in [Size::new(1280, 720), Size::new(640, 360), Size::new(320, 180), Size::new(300, 900)] {
            let mut frame = picture(size);
            full().draw(&mut frame);
            let Size { width, height } = size;
            assert_eq!(touched(&frame, height / 4..height / 2), None, "{size}");
            assert_eq!(touched(&frame, height - 2..height), Some((0, width - 1)), "{size}");
            let (left, right) = touched(&frame, 0..height / 4).unwrap();
            assert!(left >= 5 && right < width - 5, "{size}: {left}..{right}");
            assert_eq!(touched(&frame, 0..5), None, "{size}");
        }
    }

    #[test]
    fn in_a_small_window_the_less_important_goes_first_and_nothing_is_cut() {
        let letters = letters(Size::new(640, 360));
        let shown = |width: usize| {
            // Each value alone is found in the picture if and only if it was drawn: here by its colour.
            let mut frame = picture(Size::new(width, 360));
            Hud { recording: None, frozen: false, message: None, ..full() }.draw(&mut frame);
            let row = 360 - (1.75 * letters) as usize..360;
            let bright = |x: usize| row.clone().any(|y| frame.pixel(x, y).iter().all(|&value| value > 150));
            let inked: Vec<usize> = (0..width).filter(|&x| bright(x)).collect();
            (inked.first().copied(), inked.last().copied(), inked.len())
        };
        let mut before = 0;
        for width in [60, 120, 240, 360, 480, 640, 900, 1280] {
            let (first, last, count) = shown(width);
            let (first, last) = (first.unwrap(), last.unwrap());
            assert!(first >= 8 && last < width - 8, "{width}: {first}..{last}");
            assert!(count >= before, "{width} shows less than a narrower picture");
            before = count;
        }
        for (width, height) in [(1, 1), (5, 400), (400, 30), (3, 3)] {
            let mut frame = picture(Size::new(width, height));
            full().draw(&mut frame);
            assert!(frame == picture(Size::new(width, height)), "{width}x{height}");
        }
    }

    #[test]
    fn numbers_do_not_move_when_they_change() {
        let band = |fps: f64, latency: f64| {
            let mut frame = picture(Size::new(900, 360));
            Hud { fps: Some(fps), latency_ms: Some(latency), painted: full().painted, ..Hud::default() }
                .draw(&mut frame);
            frame
        };
        let (one, other) = (band(9.9, 7.0), band(12.3, 145.0));
        let differs = |x: &usize| (320..360).any(|y| one.pixel(*x, y) != other.pixel(*x, y));
        let changed: Vec<usize> = (0..900).filter(differs).collect();
        // Only the digits themselves: not "fps", "ms", nor the size to the left of them.
        let letters = letters(Size::new(900, 360));
        assert!(!changed.is_empty() && changed.len() < wide("145 12.3", letters) as usize);
    }

    #[test]
    fn a_message_fades_at_its_end() {
        let drawn = |age: u64| {
            let mut frame = picture(Size::new(640, 360));
            let message = Message { text: "saved clip.mkv".to_owned(), age: Duration::from_millis(age) };
            Hud { message: Some(message), ..Hud::default() }.draw(&mut frame);
            let changes =
                frame.data().iter().zip(PAINT.iter().cycle()).map(|(a, b)| u64::from(a.abs_diff(*b)));
            changes.sum::<u64>()
        };
        assert_eq!(drawn(0), drawn(3000));
        assert!(drawn(3000) > drawn(3600) && drawn(3600) > drawn(3900));
        assert_eq!(drawn(4000), 0);
    }

    #[test]
    fn texts_are_shortened_by_whole_letters_and_numbers_read_well() {
        let whole = "Über den Wellen";
        assert_eq!(shortened(whole, 20.0, 1000.0), whole);
        let short = shortened(whole, 20.0, 90.0);
        assert!(short.starts_with("Üb") && short.ends_with('…') && wide(&short, 20.0) <= 90.0, "{short}");
        assert_eq!(shortened(whole, 20.0, 5.0), "");
        assert_eq!(
            [7, 754, 3723].map(|seconds| clock(Duration::from_secs(seconds))),
            ["0:07", "12:34", "1:02:03"]
        );
    }
}
