//! A picture in a window: how large the window first is, where the picture stands in it, and the pixels
//! as the window system takes them. Plain arithmetic, so that it can be tested without a display.

use crate::frame::{Frame, Size};

/// A new window is at least so wide, unless it would be too high …
const WIDE_ENOUGH: usize = 640;

/// … and never larger than this: it fits on the screen of a small notebook.
const LARGEST: Size = Size::new(1280, 900);

/// What is left beside the picture counts as a bar from so many pixels on; less would look like a mistake
/// and is filled with the picture.
const BAR: usize = 3;

/// Where a picture stands in a window, in pixels of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) size: Size,
}

impl Placement {
    /// As large as `window` allows, in the middle, its shape kept.
    pub(super) fn new(picture: Size, window: Size) -> Self {
        let size = scaled(picture, scale_to_fit(picture, window));
        let side = |side: usize, room: usize| if room.saturating_sub(side) < BAR { room } else { side };
        let size = Size::new(side(size.width, window.width), side(size.height, window.height));
        Self { left: (window.width - size.width) / 2, top: (window.height - size.height) / 2, size }
    }

    /// A point of the window as a share of the picture's width and height, `None` beside the picture.
    pub(super) fn share(&self, (x, y): (f32, f32)) -> Option<(f32, f32)> {
        let across = (x + 0.5 - self.left as f32) / self.size.width as f32;
        let down = (y + 0.5 - self.top as f32) / self.size.height as f32;
        let inside = |share: f32| (0.0..=1.0).contains(&share);
        (inside(across) && inside(down)).then_some((across, down))
    }
}

/// The size of a new window: the picture's, enlarged by whole or half steps until it is wide enough, or
/// shrunk until it fits on a screen.
pub(super) fn first_size(picture: Size) -> Size {
    let picture = Size::new(picture.width.max(1), picture.height.max(1));
    let steps = (2 * WIDE_ENOUGH).div_ceil(picture.width).max(2);
    let enlarged = scaled(picture, steps as f64 / 2.0);
    if enlarged.width <= LARGEST.width && enlarged.height <= LARGEST.height {
        enlarged
    } else {
        scaled(picture, scale_to_fit(picture, LARGEST))
    }
}

/// The largest scale at which `picture` is no larger than `room`.
fn scale_to_fit(picture: Size, room: Size) -> f64 {
    let across = room.width as f64 / picture.width as f64;
    let down = room.height as f64 / picture.height as f64;
    across.min(down)
}

fn scaled(picture: Size, scale: f64) -> Size {
    let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    Size::new(side(picture.width), side(picture.height))
}

/// Writes `picture` into `canvas`, row after row of the window: blue in the lowest byte, then green and
/// red, black around the picture.
pub(super) fn pack(picture: &Frame, place: Placement, window: Size, canvas: &mut Vec<u32>) {
    canvas.clear();
    canvas.resize(window.pixels(), 0);
    let rows = canvas.chunks_exact_mut(window.width.max(1)).skip(place.top);
    for (row, pixels) in rows.zip(picture.data().chunks_exact(3 * picture.size().width)) {
        let (pixels, _) = pixels.as_chunks::<3>();
        for (goal, [red, green, blue]) in row.iter_mut().skip(place.left).zip(pixels) {
            *goal = u32::from_be_bytes([0, *red, *green, *blue]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_window_is_large_enough_to_see_and_small_enough_for_a_screen() {
        for (picture, window) in [
            ((640, 360), (640, 360)),
            ((320, 180), (640, 360)),
            ((512, 288), (768, 432)),
            ((300, 200), (750, 500)),
            ((800, 600), (800, 600)),
            ((1280, 720), (1280, 720)),
            ((3840, 2160), (1280, 720)),
            ((1080, 1920), (506, 900)),
            ((1, 1), (640, 640)),
            ((0, 5), (1, 6)),
        ] {
            let found = first_size(Size::new(picture.0, picture.1));
            if picture.0 > 0 {
                assert_eq!(found, Size::new(window.0, window.1), "{picture:?}");
            }
            assert!(found.width <= 1280 && found.height <= 900 && found.pixels() > 0, "{picture:?}");
        }
    }

    #[test]
    fn the_picture_keeps_its_shape_and_stands_in_the_middle() {
        let place = |picture: (usize, usize), window: (usize, usize)| {
            let found = Placement::new(Size::new(picture.0, picture.1), Size::new(window.0, window.1));
            (found.left, found.top, found.size.width, found.size.height)
        };
        assert_eq!(place((640, 360), (1280, 720)), (0, 0, 1280, 720));
        assert_eq!(place((640, 360), (1280, 1000)), (0, 140, 1280, 720));
        assert_eq!(place((640, 360), (1000, 360)), (180, 0, 640, 360));
        assert_eq!(place((640, 360), (320, 360)), (0, 90, 320, 180));
        // 1280 × 719.4: a bar of half a row is none.
        assert_eq!(place((854, 480), (1280, 720)), (0, 0, 1280, 720));
        assert_eq!(place((4000, 1), (10, 10)), (0, 4, 10, 1));
        assert_eq!(place((4, 4), (1, 1)), (0, 0, 1, 1));
    }

    #[test]
    fn the_pointer_is_told_in_shares_of_the_picture() {
        let place = Placement { left: 100, top: 0, size: Size::new(200, 50) };
        assert_eq!(place.share((199.5, 24.5)), Some((0.5, 0.5)));
        assert!(place.share((100.0, 0.0)).is_some() && place.share((299.0, 49.0)).is_some());
        for outside in [(99.0, 10.0), (300.0, 10.0), (150.0, 50.0), (f32::NAN, 1.0)] {
            assert_eq!(place.share(outside), None, "{outside:?}");
        }
    }

    #[test]
    fn pixels_stand_where_they_belong_with_black_around() {
        let picture = Frame::from_fn(Size::new(2, 1), |x, _| [1 + x as u8, 16, 32]);
        let mut canvas = vec![7; 3];
        let place = Placement { left: 1, top: 1, size: Size::new(2, 1) };
        pack(&picture, place, Size::new(4, 3), &mut canvas);
        assert_eq!(canvas, [0, 0, 0, 0, 0, 0x01_10_20, 0x02_10_20, 0, 0, 0, 0, 0]);
    }
}
