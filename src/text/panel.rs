//! Panels, dots and key caps: plain shapes with round corners, mixed into a picture.
//!
//! Letters in any one colour vanish somewhere in a painted picture. On a dark panel that lets the picture
//! shine through they can be read everywhere, and the picture stays whole to the eye.

use crate::frame::{Frame, Size};

/// A rectangle on a picture, in pixels. It may lie outside, in part or wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// The leftmost column.
    pub left: i32,
    /// The uppermost row.
    pub top: i32,
    /// Columns and rows.
    pub size: Size,
}

impl Rect {
    /// The rectangle of `size` with its top left corner at column `left`, row `top`.
    pub const fn new(left: i32, top: i32, size: Size) -> Self {
        Self { left, top, size }
    }

    /// The first column to the right of it.
    pub fn right(self) -> i32 {
        self.left.saturating_add(i32::try_from(self.size.width).unwrap_or(i32::MAX))
    }

    /// The first row below it.
    pub fn bottom(self) -> i32 {
        self.top.saturating_add(i32::try_from(self.size.height).unwrap_or(i32::MAX))
    }
}

/// Mixes `color` into a rectangle: at `opacity` 0 the picture stays as it is, at 1 it is covered. Corners
/// are rounded by `radius` pixels, at most half the shorter side, so that a square with a large radius is
/// a disc. What lies outside of the frame is cut off.
pub fn fill(frame: &mut Frame, rect: Rect, radius: f32, color: [u8; 3], opacity: f32) {
    let Size { width, height } = frame.size();
    let inside = |edge: i32, end: usize| usize::try_from(edge.max(0)).unwrap_or(0).min(end);
    let columns = inside(rect.left, width)..inside(rect.right(), width);
    let (across, down) = (rect.size.width as f32, rect.size.height as f32);
    let radius = radius.clamp(0.0, rect.size.shortest_side() as f32 / 2.0);
    for row in inside(rect.top, height)..inside(rect.bottom(), height) {
        let y = (row as i64 - i64::from(rect.top)) as f32 + 0.5;
        let beyond_y = (radius - y).max(y - (down - radius)).max(0.0);
        let at = 3 * row * width;
        let (pixels, _) =
            frame.data_mut()[at + 3 * columns.start..at + 3 * columns.end.max(columns.start)].as_chunks_mut();
        for (column, pixel) in columns.clone().zip(pixels) {
            let x = (column as i64 - i64::from(rect.left)) as f32 + 0.5;
            let beyond_x = (radius - x).max(x - (across - radius)).max(0.0);
            let cover = if beyond_x > 0.0 && beyond_y > 0.0 {
                (radius - beyond_x.hypot(beyond_y) + 0.5).clamp(0.0, 1.0)
            } else {
                1.0
            };
            mix(pixel, color, opacity * cover);
        }
    }
}

/// Mixes in 256ths, which is as fine as the samples are.
fn mix(pixel: &mut [u8; 3], color: [u8; 3], opacity: f32) {
    let share = (opacity.clamp(0.0, 1.0) * 256.0) as u32;
    for (value, color) in pixel.iter_mut().zip(color) {
        *value = ((u32::from(*value) * (256 - share) + u32::from(color) * share + 128) >> 8) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: [u8; 3] = [100; 3];

    fn grey() -> Frame {
        Frame::from_fn(Size::new(20, 16), |_, _| GREY)
    }

    #[test]
    fn a_panel_covers_its_rectangle_and_nothing_else() {
        let mut frame = grey();
        fill(&mut frame, Rect::new(3, 4, Size::new(10, 6)), 0.0, [0, 200, 255], 0.5);
        for (x, y) in (0..16).flat_map(|y| (0..20).map(move |x| (x, y))) {
            let inside = (3..13).contains(&x) && (4..10).contains(&y);
            assert_eq!(frame.pixel(x, y), if inside { [50, 150, 178] } else { GREY }, "{x}, {y}");
        }
    }

    #[test]
    fn round_corners_are_left_out_smoothly_and_a_round_square_is_a_disc() {
        let mut frame = Frame::from_fn(Size::new(40, 40), |_, _| [0; 3]);
        fill(&mut frame, Rect::new(0, 0, Size::new(40, 40)), 100.0, [255; 3], 1.0);
        assert_eq!(frame.pixel(0, 0), [0; 3]);
        assert_eq!(frame.pixel(20, 20), [255; 3]);
        assert!(frame.pixel(20, 0)[0] > 250);
        let covered: u64 = frame.data().iter().map(|&value| u64::from(value)).sum();
        let disc = std::f64::consts::PI * 20.0 * 20.0;
        assert!((covered as f64 / (3.0 * 255.0) - disc).abs() < 8.0, "{covered}");
        assert!(frame.data().iter().any(|&value| (64..192).contains(&value)));
    }

    #[test]
    fn edges_cut_and_nothing_changes_at_no_opacity() {
        let mut frame = grey();
        fill(&mut frame, Rect::new(0, 0, Size::new(20, 16)), 3.0, [255; 3], 0.0);
        fill(&mut frame, Rect::new(20, -9, Size::new(5, 5)), 1.0, [255; 3], 1.0);
        fill(&mut frame, Rect::new(i32::MAX, i32::MIN, Size::new(9, usize::MAX)), 1.0, [255; 3], 1.0);
        fill(&mut frame, Rect::new(4, 4, Size::new(0, 3)), 1.0, [255; 3], 1.0);
        assert!(frame == grey());
        fill(&mut frame, Rect::new(-5, 12, Size::new(8, 100)), 0.0, [0; 3], 1.0);
        assert_eq!([frame.pixel(2, 15), frame.pixel(3, 15)], [[0; 3], GREY]);
    }
}
