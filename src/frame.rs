//! Pictures as the world hands them over, and their sizes.
//!
//! A [`Frame`] is packed 8-bit sRGB; a [`Size`] keeps width and height from being swapped, the
//! classic bug of square-only image code. Both cross every room.

use crate::error::{Error, Result};
use std::fmt;

/// Width and height in pixels, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// `width` × `height` pixels.
    pub const fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// The number of pixels.
    pub const fn pixels(self) -> usize {
        self.width * self.height
    }

    /// The longer of the two sides.
    pub fn longest_side(self) -> usize {
        self.width.max(self.height)
    }

    /// The shorter of the two sides.
    pub fn shortest_side(self) -> usize {
        self.width.min(self.height)
    }

    /// The same shape with `longest` pixels on its longest side, each side rounded to the nearest
    /// pixel and at least 1.
    #[must_use]
    pub fn with_longest_side(self, longest: usize) -> Self {
        let scale = longest as f64 / self.longest_side() as f64;
        let side = |n: usize| ((n as f64 * scale).round() as usize).max(1);
        Self::new(side(self.width), side(self.height))
    }

    /// The same shape, shrunk so that no side is longer than `longest`; never enlarged.
    #[must_use]
    pub fn fit(self, longest: usize) -> Self {
        if self.longest_side() <= longest { self } else { self.with_longest_side(longest) }
    }

    /// Both sides rounded down to even numbers (4:2:0 video needs them), at least 2.
    #[must_use]
    pub fn even(self) -> Self {
        Self::new((self.width & !1).max(2), (self.height & !1).max(2))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl std::str::FromStr for Size {
    type Err = Error;

    /// Reads `640x360`; both sides must be at least 1.
    fn from_str(text: &str) -> Result<Self> {
        text.split_once(['x', 'X', '×'])
            .and_then(|(w, h)| Some(Self::new(w.trim().parse().ok()?, h.trim().parse().ok()?)))
            .filter(|size| size.width > 0 && size.height > 0)
            .ok_or_else(|| {
                Error::usage(format!("'{text}' is not a size"))
                    .hint("write WIDTHxHEIGHT, for example 640x360")
            })
    }
}

/// Which frame of a film, counted from 0 in presentation order, without holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameIndex(pub u64);

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A picture: packed RGB, 8 bits a channel, sRGB (for video: BT.709 primaries and the display's
/// transfer, as an ordinary screen shows it), full range, row-major from the top left, no padding
/// between rows, upright and with square pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    data: Vec<u8>,
}

impl Frame {
    /// Takes `data` of exactly `3 · width · height` bytes, or `None` if the length is another or a
    /// side is 0.
    pub fn new(size: Size, data: Vec<u8>) -> Option<Self> {
        (size.pixels() > 0 && data.len() == 3 * size.pixels()).then_some(Self { size, data })
    }

    /// A picture made pixel by pixel: `color(x, y)` gives red, green, blue.
    ///
    /// A side of 0 is taken as 1.
    pub fn from_fn(size: Size, mut color: impl FnMut(usize, usize) -> [u8; 3]) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let mut data = Vec::with_capacity(3 * size.pixels());
        for y in 0..size.height {
            for x in 0..size.width {
                data.extend_from_slice(&color(x, y));
            }
        }
        Self { size, data }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The bytes: `data()[3 * (y * width + x) + channel]`.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The bytes, owned, so that a buffer can be used again.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// Red, green and blue at column `x`, row `y`.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let i = 3 * (y * self.size.width + x);
        [self.data[i], self.data[i + 1], self.data[i + 2]]
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({})", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_scale_by_their_longest_side() {
        assert_eq!(Size::new(1280, 720).fit(512), Size::new(512, 288));
        assert_eq!(Size::new(100, 50).fit(512), Size::new(100, 50));
        assert_eq!(Size::new(1, 4000).fit(16), Size::new(1, 16));
        assert_eq!(Size::new(1081, 721).even(), Size::new(1080, 720));
    }

    #[test]
    fn sizes_read_what_they_print() {
        assert_eq!("640x360".parse::<Size>().unwrap(), Size::new(640, 360));
        for bad in ["", "640", "x", "0x3", "-1x2", "1x2x3", "1.5x2"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_frame_is_row_major_rgb() {
        let frame = Frame::from_fn(Size::new(3, 2), |x, y| [x as u8, y as u8, 9]);
        assert_eq!(frame.pixel(2, 1), [2, 1, 9]);
        assert_eq!(&frame.data()[9..12], &[0, 1, 9]);
        assert!(Frame::new(Size::new(3, 2), vec![0; 17]).is_none());
    }
}
