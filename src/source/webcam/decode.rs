//! From the bytes a camera sends to a frame. What does not add up to a whole picture is refused, never
//! guessed at: the next picture is there a moment later.
//!
//! JPEGs are decoded strictly, because a lenient decoder fills what is missing with grey. Most cameras
//! leave out the Huffman tables, which are always the same; they are put back.

use super::info::PixelFormat;
use crate::frame::{Frame, Size};
use crate::yuv::{Chroma, Columns, YuvColour, YuvToRgb};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// How the bytes of a picture lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) format: PixelFormat,
    pub(super) size: Size,
    /// Bytes from one row to the next in the first plane; 0: no gaps.
    pub(super) stride: usize,
    /// The matrix and range of YUV formats; JPEGs are always BT.601, full range.
    pub(super) colour: YuvColour,
}

/// What UVC cameras send: BT.601, 16 to 235.
pub(super) const UVC: YuvColour = YuvColour { kr: 0.299, kb: 0.114, full_range: false };

/// Decodes pictures of one layout.
#[derive(Debug)]
pub(super) struct Decoder {
    layout: Layout,
    matrix: YuvToRgb,
    /// A row of luma and of both chromas, where the camera packs them together.
    rows: [Vec<u8>; 3],
}

impl Decoder {
    pub(super) fn new(layout: Layout) -> Self {
        let width = layout.size.width;
        let half = width.div_ceil(2);
        let rows = [vec![0; width], vec![0; half], vec![0; half]];
        Self { layout, matrix: YuvToRgb::new(layout.colour, 8, width), rows }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The frame, or `None` if the bytes are no whole picture of this layout.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Option<Frame> {
        let Layout { format, size, .. } = self.layout;
        if size.pixels() == 0 {
            return None;
        }
        let mut rgb = Vec::new();
        if format == PixelFormat::Mjpeg {
            return jpeg(bytes, size);
        }
        rgb.resize(3 * size.pixels(), 0);
        match format {
            PixelFormat::Yuyv => self.packed(bytes, [0, 1, 3], &mut rgb)?,
            PixelFormat::Uyvy => self.packed(bytes, [1, 0, 2], &mut rgb)?,
            PixelFormat::Nv12 | PixelFormat::Yuv420 => self.planes(bytes, &mut rgb)?,
            PixelFormat::Grey => {
                for (row, rgb) in self.lines(bytes, 1)?.zip(rgb.chunks_exact_mut(3 * size.width)) {
                    self.matrix.row(row, None, Columns::Full, rgb);
                }
            }
            PixelFormat::Rgb | PixelFormat::Bgr | PixelFormat::Mjpeg => {
                for (row, rgb) in self.lines(bytes, 3)?.zip(rgb.chunks_exact_mut(3 * size.width)) {
                    rgb.copy_from_slice(row);
                }
                if format == PixelFormat::Bgr {
                    rgb.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
                }
            }
        }
        Frame::new(size, rgb)
    }

    /// The rows of a plane of `each` bytes a pixel, without what lies between them.
    fn lines<'a>(&self, bytes: &'a [u8], each: usize) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let Size { width, height } = self.layout.size;
        let row = width * each;
        let stride = self.layout.stride.max(row);
        // Behind the last row there need be no gap.
        let whole = bytes.len() >= stride * (height - 1) + row;
        whole.then(|| bytes.chunks(stride).take(height).filter_map(move |line| line.get(..row)))
    }

    /// 4:2:2 with luma and chroma in turns; `places` of the first luma and of both chromas in a group of
    /// four bytes.
    fn packed(&mut self, bytes: &[u8], places: [usize; 3], rgb: &mut [u8]) -> Option<()> {
        let width = self.layout.size.width;
        if !width.is_multiple_of(2) {
            return None;
        }
        let [y, u, v] = places;
        for (line, rgb) in self.lines(bytes, 2)?.zip(rgb.chunks_exact_mut(3 * width)) {
            let [luma, blue, red] = &mut self.rows;
            let groups = line.as_chunks::<4>().0.iter();
            for (((group, luma), blue), red) in
                groups.zip(luma.as_chunks_mut::<2>().0).zip(blue.iter_mut()).zip(red.iter_mut())
            {
                *luma = [group[y], group[y + 2]];
                (*blue, *red) = (group[u], group[v]);
            }
            let chroma = Chroma { near: [&blue[..], red], far: [&blue[..], red], near_quarters: 4 };
            self.matrix.row(luma, Some(chroma), Columns::HalfLeft, rgb);
        }
        Some(())
    }

    /// 4:2:0 in two or three planes, chroma on the even columns between two rows.
    fn planes(&mut self, bytes: &[u8], rgb: &mut [u8]) -> Option<()> {
        let Size { width, height } = self.layout.size;
        let stride = self.layout.stride.max(width);
        let (half, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (luma, chroma) = bytes.split_at_checked(stride * height)?;
        // Both kinds take the same room: two bytes for every other pixel of every other row.
        let chroma_stride =
            if self.layout.format == PixelFormat::Nv12 { stride.max(2 * half) } else { stride.div_ceil(2) };
        let plane = chroma_stride * half_height;
        let needed = if self.layout.format == PixelFormat::Nv12 { plane } else { 2 * plane };
        // The last row's gap may be missing.
        if chroma.len() + chroma_stride < needed + half {
            return None;
        }
        let row = |plane_number: usize, y: usize, to: &mut [u8]| -> Option<()> {
            if self.layout.format == PixelFormat::Nv12 {
                let line = chroma.get(chroma_stride * y..)?;
                let pairs = line.as_chunks::<2>().0.get(..half)?;
                to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[plane_number]);
            } else {
                let start = plane * plane_number + chroma_stride * y;
                to.copy_from_slice(chroma.get(start..start + half)?);
            }
            Some(())
        };
        let mut near = [vec![0; half], vec![0; half]];
        let mut far = near.clone();
        for (y, (luma, rgb)) in luma.chunks_exact(stride).zip(rgb.chunks_exact_mut(3 * width)).enumerate() {
            // Chroma lies a quarter row below even rows and above odd ones.
            let other = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
            for plane_number in 0..2 {
                row(plane_number, y / 2, &mut near[plane_number])?;
                row(plane_number, other.min(half_height - 1), &mut far[plane_number])?;
            }
            let chroma =
                Chroma { near: [&near[0][..], &near[1]], far: [&far[0][..], &far[1]], near_quarters: 3 };
            self.matrix.row(&luma[..width], Some(chroma), Columns::HalfLeft, rgb);
        }
        Some(())
    }
}

/// How many pixels more than agreed a JPEG may have on each side: encoders round up to whole blocks.
const BLOCK: usize = 16;

/// Bytes that the decoder may look at behind the picture: twice the eight that it reads at once.
const READ_AHEAD: usize = 16;

/// A JPEG of `size`, or up to a block larger, which is cut off.
fn jpeg(bytes: &[u8], size: Size) -> Option<Frame> {
    let start = bytes.windows(3).position(|three| three == [0xff, 0xd8, 0xff])?;
    // The end must be marked, and the mark is not handed on: the decoder would fill with grey what is
    // missing before it, and without it says that something is. A few bytes behind the data let it read
    // ahead without taking that for a missing end.
    let end = bytes.windows(2).rposition(|pair| pair == [0xff, 0xd9])?;
    let body = bytes.get(start + 2..end)?;
    // This segment tells the decoder that it is one of a stream, so that the usual tables are meant
    // where none are given.
    let mut whole = Vec::with_capacity(body.len() + 20 + READ_AHEAD);
    whole.extend_from_slice(b"\xff\xd8\xff\xe0\x00\x10AVI1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    whole.extend_from_slice(body);
    whole.resize(whole.len() + READ_AHEAD, 0);
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(size.width + BLOCK)
        .set_max_height(size.height + BLOCK)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole[..]), options);
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    if width < size.width || height < size.height {
        return None;
    }
    let mut rgb = decoder.decode().ok()?;
    if rgb.len() != 3 * width * height {
        return None;
    }
    if width > size.width {
        let rows = rgb.chunks_exact(3 * width).take(size.height);
        rgb = rows.flat_map(|row| &row[..3 * size.width]).copied().collect();
    }
    rgb.truncate(3 * size.pixels());
    Frame::new(size, rgb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ExtendedColorType;
    use image::codecs::jpeg::JpegEncoder;
    use proptest::prelude::*;

    fn layout(format: PixelFormat, width: usize, height: usize, stride: usize) -> Layout {
        Layout { format, size: Size::new(width, height), stride, colour: UVC }
    }

    /// White, black, and the primaries at full strength, in BT.601 limited range: the levels of ITU-R
    /// BT.601-7 section 2.5.3, rounded.
    const COLOURS: [([u8; 3], [u8; 3]); 5] = [
        ([235, 128, 128], [255, 255, 255]),
        ([16, 128, 128], [0, 0, 0]),
        ([81, 90, 240], [255, 0, 0]),
        ([145, 54, 34], [0, 255, 0]),
        ([41, 240, 110], [0, 0, 255]),
    ];

    #[track_caller]
    fn is_flat(frame: &Frame, color: [u8; 3]) {
        for pixel in frame.data().chunks_exact(3) {
            let near = pixel.iter().zip(color).all(|(&a, b)| a.abs_diff(b) <= 2);
            assert!(near, "{pixel:?}, not {color:?}");
        }
    }

    /// A flat picture of 4x4 pixels in every raw format, rows `gap` bytes apart.
    fn flat(format: PixelFormat, [y, u, v]: [u8; 3], gap: usize) -> (Layout, Vec<u8>) {
        let rows = |row: &[u8], count: usize, gap: usize| [row, &vec![7; gap]].concat().repeat(count);
        let (stride, bytes) = match format {
            PixelFormat::Yuyv => (8 + gap, rows(&[y, u, y, v].repeat(2), 4, gap)),
            PixelFormat::Uyvy => (8 + gap, rows(&[u, y, v, y].repeat(2), 4, gap)),
            PixelFormat::Nv12 => (4 + gap, [rows(&[y; 4], 4, gap), rows(&[u, v].repeat(2), 2, gap)].concat()),
            PixelFormat::Yuv420 => {
                let chroma = |c| rows(&[c; 2], 2, gap / 2);
                (4 + gap, [rows(&[y; 4], 4, gap), chroma(u), chroma(v)].concat())
            }
            PixelFormat::Grey => (4 + gap, rows(&[y; 4], 4, gap)),
            PixelFormat::Rgb => (12 + gap, rows(&[y, u, v].repeat(4), 4, gap)),
            PixelFormat::Bgr => (12 + gap, rows(&[v, u, y].repeat(4), 4, gap)),
            PixelFormat::Mjpeg => unreachable!("it is not raw"),
        };
        (layout(format, 4, 4, stride), bytes)
    }

    const RAW: [PixelFormat; 7] = [
        PixelFormat::Nv12,
        PixelFormat::Yuv420,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Rgb,
        PixelFormat::Bgr,
        PixelFormat::Grey,
    ];

    #[test]
    fn every_raw_format_shows_the_colours_of_bt601() {
        for format in RAW {
            for gap in [0, 8] {
                for (yuv, rgb) in COLOURS {
                    let (layout, bytes) = flat(format, yuv, gap);
                    let frame = Decoder::new(layout).decode(&bytes).unwrap();
                    let expected = match format {
                        PixelFormat::Rgb | PixelFormat::Bgr => yuv,
                        PixelFormat::Grey => [((f64::from(yuv[0]) - 16.0) * 255.0 / 219.0).round() as u8; 3],
                        _ => rgb,
                    };
                    is_flat(&frame, expected);
                }
            }
        }
    }

    #[test]
    fn pixels_stay_where_they_are() {
        // A grey ramp from the top left, row by row, in rows of 6 with 2 bytes between.
        let bytes: Vec<u8> = (0..4u8).flat_map(|y| (0..8u8).map(move |x| 16 + 8 * y + x)).collect();
        let mut decoder = Decoder::new(layout(PixelFormat::Grey, 6, 4, 8));
        let frame = decoder.decode(&bytes).unwrap();
        let level = |v: f64| ((v - 16.0) * 255.0 / 219.0).round() as u8;
        assert_eq!(frame.pixel(0, 0), [0; 3]);
        assert_eq!(frame.pixel(5, 3), [level(16.0 + 24.0 + 5.0); 3]);
        // The last row's gap may be missing, nothing else.
        assert!(decoder.decode(&bytes[..30]).is_some());
        assert!(decoder.decode(&bytes[..29]).is_none());
    }

    #[test]
    fn a_picture_that_is_too_short_is_refused() {
        for format in RAW {
            let (layout, bytes) = flat(format, [90, 100, 110], 0);
            assert!(Decoder::new(layout).decode(&bytes[..bytes.len() - 1]).is_none(), "{format}");
            assert!(Decoder::new(layout).decode(&[]).is_none(), "{format}");
        }
    }

    /// A JPEG as the crate `image` writes it, of crossing slopes.
    fn slopes(width: usize, height: usize) -> (Frame, Vec<u8>) {
        let frame = Frame::from_fn(Size::new(width, height), |x, y| [(3 * x) as u8, (4 * y) as u8, 90]);
        let bytes = encoded(&frame);
        (frame, bytes)
    }

    fn encoded(frame: &Frame) -> Vec<u8> {
        let Size { width, height } = frame.size();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode(frame.data(), width as u32, height as u32, ExtendedColorType::Rgb8)
            .unwrap();
        bytes
    }

    /// The same without its Huffman tables, as most cameras send them.
    fn without_tables(bytes: &[u8]) -> Vec<u8> {
        let mut kept = bytes[..2].to_vec();
        let mut at = 2;
        while bytes[at + 1] != 0xda {
            let next = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if bytes[at + 1] != 0xc4 {
                kept.extend_from_slice(&bytes[at..next]);
            }
            at = next;
        }
        kept.extend_from_slice(&bytes[at..]);
        assert!(kept.len() < bytes.len());
        kept
    }

    #[track_caller]
    fn looks_like(frame: &Frame, source: &Frame) {
        assert_eq!(frame.size(), source.size());
        let off =
            frame.data().iter().zip(source.data()).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum::<u64>();
        let mean = off as f64 / frame.data().len() as f64;
        assert!(mean < 3.0, "{mean} levels off on average");
    }

    #[test]
    fn jpegs_are_read_with_and_without_tables_and_with_padding() {
        let (source, bytes) = slopes(80, 60);
        let mut decoder = Decoder::new(layout(PixelFormat::Mjpeg, 80, 60, 0));
        looks_like(&decoder.decode(&bytes).unwrap(), &source);
        looks_like(&decoder.decode(&without_tables(&bytes)).unwrap(), &source);
        looks_like(&decoder.decode(&[&bytes[..], &[0; 500]].concat()).unwrap(), &source);
        // The shortest data that there is: one colour.
        for (width, height) in [(16, 16), (64, 48), (640, 360)] {
            let source = Frame::from_fn(Size::new(width, height), |_, _| [0, 0, 0]);
            let bytes = encoded(&source);
            let mut decoder = Decoder::new(layout(PixelFormat::Mjpeg, width, height, 0));
            looks_like(&decoder.decode(&bytes).unwrap(), &source);
        }
    }

    #[test]
    fn a_jpeg_that_is_a_block_larger_is_cut_and_another_size_refused() {
        let (source, bytes) = slopes(80, 60);
        let frame = Decoder::new(layout(PixelFormat::Mjpeg, 72, 56, 0)).decode(&bytes).unwrap();
        let cut = Frame::from_fn(Size::new(72, 56), |x, y| source.pixel(x, y));
        looks_like(&frame, &cut);
        assert!(Decoder::new(layout(PixelFormat::Mjpeg, 96, 60, 0)).decode(&bytes).is_none());
        assert!(Decoder::new(layout(PixelFormat::Mjpeg, 40, 30, 0)).decode(&bytes).is_none());
    }

    #[test]
    fn a_jpeg_with_a_missing_end_is_refused_even_if_an_end_is_marked() {
        let (_, bytes) = slopes(80, 60);
        let mut decoder = Decoder::new(layout(PixelFormat::Mjpeg, 80, 60, 0));
        let half = &bytes[..bytes.len() * 2 / 3];
        assert!(decoder.decode(half).is_none());
        assert!(decoder.decode(&[half, &[0xff, 0xd9]].concat()).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_end_in_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            format in 0usize..8, width in 0usize..20, height in 0usize..20, stride in 0usize..64
        ) {
            let layout = layout(PixelFormat::ALL[format], width, height, stride);
            let frame = Decoder::new(layout).decode(&bytes);
            prop_assert!(frame.is_none_or(|frame| frame.size() == layout.size));
        }

        #[test]
        fn no_damaged_jpeg_ends_in_a_panic(
            hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            tables in any::<bool>()
        ) {
            let (_, mut bytes) = slopes(48, 32);
            if !tables {
                bytes = without_tables(&bytes);
            }
            for (at, value) in hits {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let frame = Decoder::new(layout(PixelFormat::Mjpeg, 48, 32, 0)).decode(&bytes);
            prop_assert!(frame.is_none_or(|frame| frame.size() == Size::new(48, 32)));
        }
    }
}
