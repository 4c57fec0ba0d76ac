//! Pictures as numbers to be optimised: planar floats, and the only way to and from [`Frame`].
//!
//! The optimiser, the losses and the flow want one plane a channel and values that are not rounded
//! to 256 steps. Values stand for the same sRGB numbers as in a [`Frame`], divided by 255; nothing is
//! linearised, because the network was trained on such values.

use crate::frame::{Frame, Size};
use rayon::prelude::*;

/// A picture, shape `[3, H, W]`: red, green, blue planes, row-major, 0..1 (not enforced: an optimiser
/// clamps when it wants to).
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    size: Size,
    data: Vec<f32>,
}

impl Pixels {
    /// All zero.
    pub fn zeros(size: Size) -> Self {
        Self { size, data: vec![0.0; 3 * size.pixels()] }
    }

    /// Takes `data` of exactly `3 · width · height` values, planar, or `None`.
    pub fn new(size: Size, data: Vec<f32>) -> Option<Self> {
        (size.pixels() > 0 && data.len() == 3 * size.pixels()).then_some(Self { size, data })
    }

    /// From packed bytes: each divided by 255.
    pub fn from_frame(frame: &Frame) -> Self {
        let mut pixels = Self::zeros(frame.size());
        let width = frame.size().width.max(1);
        let (r, gb) = pixels.data.split_at_mut(frame.size().pixels());
        let (g, b) = gb.split_at_mut(r.len());
        let planes = r.par_chunks_mut(width).zip(g.par_chunks_mut(width)).zip(b.par_chunks_mut(width));
        frame.data().par_chunks_exact(3 * width).zip(planes).for_each(|(row, ((r, g), b))| {
            for (((rgb, r), g), b) in row.chunks_exact(3).zip(r).zip(g).zip(b) {
                *r = f32::from(rgb[0]) / 255.0;
                *g = f32::from(rgb[1]) / 255.0;
                *b = f32::from(rgb[2]) / 255.0;
            }
        });
        pixels
    }

    /// To packed bytes: clamped to 0..1 and rounded to the nearest step; NaN becomes 0.
    pub fn to_frame(&self) -> Frame {
        let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        let width = self.size.width.max(1);
        let [r, g, b] = self.planes().map(|plane| plane.par_chunks_exact(width));
        let mut bytes = vec![0; self.data.len()];
        bytes.par_chunks_exact_mut(3 * width).zip(r.zip(g).zip(b)).for_each(|(row, ((r, g), b))| {
            for (rgb, ((r, g), b)) in row.chunks_exact_mut(3).zip(r.iter().zip(g).zip(b)) {
                rgb.copy_from_slice(&[byte(*r), byte(*g), byte(*b)]);
            }
        });
        Frame::new(self.size, bytes).unwrap_or_else(|| Frame::from_fn(self.size, |_, _| [0; 3]))
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All values, planar.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, planar, taken out.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// All values, planar, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The red, green and blue planes, each `[H, W]`.
    pub fn planes(&self) -> [&[f32]; 3] {
        let n = self.size.pixels();
        [&self.data[..n], &self.data[n..2 * n], &self.data[2 * n..]]
    }

    /// Calls `row(channel, y, values)` for every row of every plane, on all threads.
    pub fn for_each_row(&mut self, row: impl Fn(usize, usize, &mut [f32]) + Sync) {
        let Size { width, height } = self.size;
        self.data
            .par_chunks_mut(width)
            .enumerate()
            .for_each(|(i, values)| row(i / height, i % height, values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let frame = Frame::from_fn(Size::new(256, 2), |x, y| [x as u8, 255 - x as u8, (x * (y + 1)) as u8]);
        assert_eq!(Pixels::from_frame(&frame).to_frame(), frame);
    }
}
