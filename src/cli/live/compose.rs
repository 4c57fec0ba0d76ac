//! What is shown, made of what was captured and what was painted.

use crate::frame::Frame;
use crate::resize::resize_frame;
use std::borrow::Cow;

/// The line between source and painting has a 480th of the picture's width, and at least one pixel.
const LINE: usize = 480;

/// Left and right exchanged.
pub(super) fn mirrored(frame: &Frame) -> Frame {
    let mut mirrored = frame.clone();
    let row = 3 * frame.size().width;
    for row in mirrored.data_mut().chunks_exact_mut(row) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
    mirrored
}

/// The source on the left and the painting on the right of a thin line, `at` a share of the width: at 0
/// all is painted, at 1 nothing. A source of another size is brought to the painting's.
pub(super) fn split(source: &Frame, painted: &Frame, at: f32) -> Frame {
    let size = painted.size();
    let source =
        if source.size() == size { Cow::Borrowed(source) } else { Cow::Owned(resize_frame(source, size)) };
    let column = (at.clamp(0.0, 1.0) * size.width as f32).round() as usize;
    let mut shown = painted.clone();
    let row = 3 * size.width;
    let line = line(column, size.width);
    for (shown, source) in shown.data_mut().chunks_exact_mut(row).zip(source.data().chunks_exact(row)) {
        shown[..3 * column].copy_from_slice(&source[..3 * column]);
        for value in &mut shown[3 * line.start..3 * line.end] {
            // Three quarters of white.
            *value = 192 + *value / 4;
        }
    }
    shown
}

/// The columns of the line around an edge; none at the picture's own edges.
fn line(column: usize, width: usize) -> std::ops::Range<usize> {
    if column == 0 || column >= width {
        return 0..0;
    }
    let thick = (width / LINE).max(1);
    let start = column.saturating_sub(thick / 2);
    start..(start + thick).min(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn numbered(size: Size, mark: u8) -> Frame {
        Frame::from_fn(size, |x, y| [x as u8, y as u8, mark])
    }

    #[test]
    fn a_mirrored_picture_is_reversed_row_by_row_and_twice_is_the_picture() {
        let frame = numbered(Size::new(5, 3), 7);
        let mirrored_frame = mirrored(&frame);
        assert_eq!(mirrored_frame, Frame::from_fn(Size::new(5, 3), |x, y| [4 - x as u8, y as u8, 7]));
        assert_eq!(mirrored(&mirrored_frame), frame);
    }

    #[test]
    fn the_source_stands_left_of_the_line_and_the_painting_right_of_it() {
        let size = Size::new(100, 4);
        let (source, painted) = (numbered(size, 0), numbered(size, 200));
        let shown = split(&source, &painted, 0.3);
        for (x, y) in (0..4).flat_map(|y| (0..100).map(move |x| (x, y))) {
            let expected = match x {
                30 => [192 + 30 / 4, 192 + y as u8 / 4, 192 + 200 / 4],
                _ if x < 30 => source.pixel(x, y),
                _ => painted.pixel(x, y),
            };
            assert_eq!(shown.pixel(x, y), expected, "{x}, {y}");
        }
    }

    #[test]
    fn at_the_edges_there_is_one_picture_and_no_line() {
        let size = Size::new(64, 4);
        let (source, painted) = (numbered(size, 0), numbered(size, 200));
        for (at, whole) in
            [(0.0, &painted), (-3.0, &painted), (f32::NAN, &painted), (1.0, &source), (9.0, &source)]
        {
            assert_eq!(&split(&source, &painted, at), whole, "{at}");
        }
        // Wide pictures have a line of more than a pixel, which is never off the picture.
        for column in 0..=1920 {
            let line = line(column, 1920);
            assert!(line.end <= 1920 && (line.is_empty() || line.len() == 4 || line.end == 1920));
        }
        assert_eq!(line(960, 1920), 958..962);
    }

    #[test]
    fn a_source_of_another_size_is_brought_to_the_paintings() {
        let source = Frame::from_fn(Size::new(32, 18), |_, _| [10, 20, 30]);
        let painted = Frame::from_fn(Size::new(64, 36), |_, _| [200; 3]);
        let shown = split(&source, &painted, 0.5);
        assert_eq!(shown.size(), painted.size());
        assert_eq!([shown.pixel(3, 3), shown.pixel(60, 30)], [[10, 20, 30], [200; 3]]);
    }
}
