//! Packed RGB to the two formats that virtual cameras take: YUV 4:2:0 in planes, and YUYV.
//!
//! BT.601 in limited range (16 to 235), because that is what programs assume of a camera that says
//! nothing else. Integer arithmetic with 16 fractional bits; chroma is the mean of the pixels that share
//! it. The encoders' vectorised conversion (`ffmpeg::mux_rgb420`) is not used: it comes with FFmpeg, which
//! a virtual camera does not need.

use crate::frame::{Frame, Size};

/// How a device wants its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// A plane of luma, then one of blue and one of red difference at half the width and height.
    Planar420,
    /// Y U Y V.
    Yuyv,
}

impl Packing {
    /// Bytes of a row of the first plane without gaps.
    fn row(self, width: usize) -> usize {
        match self {
            Self::Planar420 => width,
            Self::Yuyv => 2 * width,
        }
    }

    /// Bytes of a whole picture of even sides whose rows are `stride` bytes apart.
    fn bytes(self, height: usize, stride: usize) -> usize {
        match self {
            Self::Planar420 => stride * height + 2 * (stride / 2) * (height / 2),
            Self::Yuyv => stride * height,
        }
    }
}

/// Fractional bits of the matrix.
const BITS: u32 = 16;
/// ITU-R BT.601-7 section 2.5: rows for luma, blue and red difference; luma spans 219 levels, chroma 224.
/// Rounded so that luma's add up to the span and the others to nothing: grey stays grey.
const MATRIX: [[i32; 3]; 3] = [[16829, 33039, 6416], [-9714, -19071, 28785], [28785, -24104, -4681]];

fn luma([r, g, b]: [i32; 3]) -> u8 {
    let [kr, kg, kb] = MATRIX[0];
    (((kr * r + kg * g + kb * b + (1 << (BITS - 1))) >> BITS) + 16) as u8
}

/// The difference of row `row`, of the sum of `1 << shift` pixels.
fn chroma(row: usize, [r, g, b]: [i32; 3], shift: u32) -> u8 {
    let [kr, kg, kb] = MATRIX[row];
    let bits = BITS + shift;
    (((kr * r + kg * g + kb * b + (1 << (bits - 1))) >> bits) + 128) as u8
}

fn sum(pixels: &[[u8; 3]]) -> [i32; 3] {
    let channel = |c: usize| pixels.iter().map(|pixel| i32::from(pixel[c])).sum();
    [channel(0), channel(1), channel(2)]
}

/// Packs a frame with even sides, rows at least `stride` bytes apart, into `to`, whose length is made to
/// fit (`least` bytes or more).
pub(super) fn pack(frame: &Frame, packing: Packing, stride: usize, least: usize, to: &mut Vec<u8>) {
    let Size { width, height } = frame.size();
    debug_assert!(width.is_multiple_of(2) && height.is_multiple_of(2));
    let stride = stride.max(packing.row(width)).next_multiple_of(2);
    to.resize(packing.bytes(height, stride).max(least), 0);
    let rows = frame.data().as_chunks::<3>().0;
    match packing {
        Packing::Yuyv => {
            for (row, to) in rows.chunks_exact(width).zip(to.chunks_mut(stride)) {
                for (pair, to) in row.as_chunks::<2>().0.iter().zip(to.as_chunks_mut::<4>().0) {
                    let both = sum(pair);
                    let y = pair.map(|pixel| luma(pixel.map(i32::from)));
                    *to = [y[0], chroma(1, both, 1), y[1], chroma(2, both, 1)];
                }
            }
        }
        Packing::Planar420 => {
            let (y_plane, rest) = to.split_at_mut(stride * height);
            let (u_plane, v_plane) = rest.split_at_mut((stride / 2) * (height / 2));
            for (row, to) in rows.chunks_exact(width).zip(y_plane.chunks_mut(stride)) {
                row.iter().zip(to).for_each(|(pixel, to)| *to = luma(pixel.map(i32::from)));
            }
            let planes = u_plane.chunks_mut(stride / 2).zip(v_plane.chunks_mut(stride / 2));
            for (pair, (u, v)) in rows.chunks_exact(2 * width).zip(planes) {
                let (upper, lower) = pair.split_at(width);
                let fours = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                for (((a, b), u), v) in fours.zip(u).zip(v) {
                    let four = sum(&[a[0], a[1], b[0], b[1]]);
                    (*u, *v) = (chroma(1, four, 2), chroma(2, four, 2));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ITU-R BT.601-7 section 2.5.3 in floating point.
    fn exact([r, g, b]: [f64; 3]) -> [f64; 3] {
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        let (u, v) = ((b - y) / 1.772, (r - y) / 1.402);
        [16.0 + 219.0 * y / 255.0, 128.0 + 224.0 * u / 255.0, 128.0 + 224.0 * v / 255.0]
    }

    fn noise(size: Size) -> Frame {
        let mut state = 1_u32;
        Frame::from_fn(size, |_, _| {
            // Numerical Recipes' linear congruential generator.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [state >> 24, state >> 16, state >> 8].map(|v| v as u8)
        })
    }

    #[track_caller]
    fn near(got: u8, want: f64) {
        assert!((f64::from(got) - want).abs() <= 0.52, "{got}, not {want}");
    }

    fn mean(frame: &Frame, places: &[(usize, usize)]) -> [f64; 3] {
        [0, 1, 2].map(|c| {
            places.iter().map(|&(x, y)| f64::from(frame.pixel(x, y)[c])).sum::<f64>() / places.len() as f64
        })
    }

    #[test]
    fn noise_is_packed_as_the_standard_says_and_gaps_are_left() {
        let frame = noise(Size::new(6, 4));
        let mut bytes = Vec::new();
        pack(&frame, Packing::Yuyv, 16, 0, &mut bytes);
        assert_eq!(bytes.len(), 64);
        for y in 0..4 {
            for x in 0..6 {
                near(bytes[16 * y + 2 * x], exact(mean(&frame, &[(x, y)]))[0]);
                let left = x / 2 * 2;
                let pair = exact(mean(&frame, &[(left, y), (left + 1, y)]));
                near(bytes[16 * y + 2 * left + 1], pair[1]);
                near(bytes[16 * y + 2 * left + 3], pair[2]);
            }
            assert_eq!(bytes[16 * y + 12..16 * (y + 1)], [0; 4]);
        }
        pack(&frame, Packing::Planar420, 8, 100, &mut bytes);
        assert_eq!(bytes.len(), 100);
        for y in 0..4 {
            for x in 0..6 {
                near(bytes[8 * y + x], exact(mean(&frame, &[(x, y)]))[0]);
                let (l, t) = (x / 2 * 2, y / 2 * 2);
                let four = exact(mean(&frame, &[(l, t), (l + 1, t), (l, t + 1), (l + 1, t + 1)]));
                near(bytes[32 + 4 * (y / 2) + x / 2], four[1]);
                near(bytes[40 + 4 * (y / 2) + x / 2], four[2]);
            }
        }
    }

    #[test]
    fn greys_have_no_colour_and_reach_from_16_to_235() {
        for grey in 0..=255u8 {
            let frame = Frame::from_fn(Size::new(2, 2), |_, _| [grey; 3]);
            let mut bytes = Vec::new();
            pack(&frame, Packing::Planar420, 0, 0, &mut bytes);
            assert_eq!(bytes[4..], [128, 128], "{grey}");
            near(bytes[0], 16.0 + 219.0 * f64::from(grey) / 255.0);
        }
    }
}
