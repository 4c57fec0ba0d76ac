//! What the numbers of a picture mean: which matrix made them, how far they reach, what light they
//! stand for.
//!
//! Films say it in tags that are often missing. What players assume then is written here once: BT.601
//! for pictures of at most 576 rows, BT.709 above; limited range unless the format itself says
//! otherwise; BT.709's primaries and transfer.

use super::picture::Layout;
pub use crate::yuv::YuvColour;
use ffmpeg_next as ff;

/// Where chroma was sampled, relative to luma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Siting {
    /// On the even luma columns, between the rows (MPEG-2, H.264's default).
    Left,
    /// In the middle of four luma samples (JPEG, MPEG-1).
    Centre,
    /// On the even luma columns and rows (much of BT.2020).
    TopLeft,
}

/// The light that the numbers stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// Standard dynamic range, near enough to BT.709's colours to be shown as it is.
    Standard,
    /// Standard dynamic range in wider primaries (BT.2020, P3): needs its colours converted.
    Wide,
    /// High dynamic range, SMPTE ST 2084 (PQ: HDR10, Dolby Vision).
    Pq,
    /// High dynamic range, ARIB STD-B67 (HLG).
    Hlg,
}

/// A picture's colours, with nothing left unsaid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    /// Matrix and range; the range means something for RGB as well.
    pub yuv: YuvColour,
    /// The matrix's number in ITU-T H.273 (0 for RGB).
    pub matrix: i32,
    /// The primaries' number in ITU-T H.273.
    pub primaries: i32,
    /// What the numbers stand for.
    pub light: Light,
    /// Where chroma lies.
    pub siting: Siting,
    /// The tagged matrix is one that cannot be undone here, and BT.709's stands in for it.
    pub matrix_replaced: bool,
}

// Numbers of ITU-T H.273, which FFmpeg's enums repeat.
const MATRIX_RGB: i32 = 0;
const MATRIX_709: i32 = 1;
const MATRIX_UNSPECIFIED: i32 = 2;
const MATRIX_FCC: i32 = 4;
const MATRIX_470BG: i32 = 5;
const MATRIX_170M: i32 = 6;
const MATRIX_240M: i32 = 7;
const MATRIX_2020: i32 = 9;
const PRIMARIES_709: i32 = 1;
const PRIMARIES_UNSPECIFIED: i32 = 2;
const PRIMARIES_2020: i32 = 9;
const PRIMARIES_P3_DCI: i32 = 11;
const PRIMARIES_P3_D65: i32 = 12;
const TRANSFER_709: i32 = 1;
const TRANSFER_PQ: i32 = 16;
const TRANSFER_HLG: i32 = 18;

/// The tallest picture that is taken for standard definition where the film does not say.
const SD_ROWS: u32 = 576;

impl Colour {
    /// The colours of a decoded frame; `grey_is_full` says how far untagged grey reaches (pictures:
    /// all the way; films: like their other formats).
    pub fn of(frame: &ff::frame::Video, layout: &Layout, grey_is_full: bool) -> Self {
        let tags = Tags::of(frame);
        let mut matrix = tags.matrix;
        if layout.is_rgb {
            matrix = MATRIX_RGB;
        } else if matrix == MATRIX_UNSPECIFIED || matrix == MATRIX_RGB {
            let wide = tags.primaries == PRIMARIES_2020 || is_hdr(tags.transfer);
            matrix = match (wide, frame.height() <= SD_ROWS) {
                (true, _) => MATRIX_2020,
                (false, true) => MATRIX_170M,
                (false, false) => MATRIX_709,
            };
        }
        let known = weights(matrix);
        let (kr, kb) = known.unwrap_or((0.2126, 0.0722));
        let full_range = match tags.range {
            1 => layout.is_jpeg,
            2 => true,
            _ => layout.is_jpeg || layout.is_rgb || (layout.is_grey && grey_is_full),
        };
        let primaries = match tags.primaries {
            PRIMARIES_UNSPECIFIED if is_hdr(tags.transfer) => PRIMARIES_2020,
            primaries => primaries,
        };
        let light = match (tags.transfer, primaries) {
            (TRANSFER_PQ, _) => Light::Pq,
            (TRANSFER_HLG, _) => Light::Hlg,
            (_, PRIMARIES_2020 | PRIMARIES_P3_DCI | PRIMARIES_P3_D65) => Light::Wide,
            _ => Light::Standard,
        };
        let siting = match tags.siting {
            2 => Siting::Centre,
            3 => Siting::TopLeft,
            0 if layout.is_jpeg => Siting::Centre,
            _ => Siting::Left,
        };
        Self {
            yuv: YuvColour { kr, kb, full_range },
            matrix: if known.is_some() || layout.is_rgb { matrix } else { MATRIX_709 },
            primaries,
            light,
            siting,
            matrix_replaced: known.is_none() && !layout.is_rgb && !layout.is_grey,
        }
    }

    /// Writes these colours onto a frame, for filters that read them there: FFmpeg's `zscale` takes
    /// what it is told of its input, but copies to its output what the frame says.
    #[expect(unsafe_code, reason = "writes C enums as the integers they are")]
    pub fn write_tags(&self, frame: &mut ff::frame::Video) {
        let transfer = match self.light {
            Light::Pq => TRANSFER_PQ,
            Light::Hlg => TRANSFER_HLG,
            Light::Standard | Light::Wide => TRANSFER_709,
        };
        let primaries = if self.primaries == PRIMARIES_UNSPECIFIED { PRIMARIES_709 } else { self.primaries };
        let siting = match self.siting {
            Siting::Left => 1,
            Siting::Centre => 2,
            Siting::TopLeft => 3,
        };
        // SAFETY: the frame is borrowed mutably, hence valid and ours; every field written is a C enum,
        // of an int's size and alignment, and gets a number that its enum knows.
        unsafe {
            let frame = frame.as_mut_ptr();
            (&raw mut (*frame).colorspace).cast::<i32>().write(self.matrix);
            (&raw mut (*frame).color_range).cast::<i32>().write(1 + i32::from(self.yuv.full_range));
            (&raw mut (*frame).color_primaries).cast::<i32>().write(primaries);
            (&raw mut (*frame).color_trc).cast::<i32>().write(transfer);
            (&raw mut (*frame).chroma_location).cast::<i32>().write(siting);
        }
    }

    /// The matrix as FFmpeg's `zscale` filter calls it.
    pub fn zscale_matrix(&self) -> &'static str {
        match self.matrix {
            MATRIX_RGB => "gbr",
            MATRIX_FCC => "fcc",
            MATRIX_470BG => "470bg",
            MATRIX_170M => "170m",
            MATRIX_240M => "240m",
            MATRIX_2020 => "2020_ncl",
            _ => "709",
        }
    }

    /// The primaries as FFmpeg's `zscale` filter calls them.
    pub fn zscale_primaries(&self) -> &'static str {
        match self.primaries {
            PRIMARIES_2020 => "2020",
            PRIMARIES_P3_DCI => "smpte431",
            PRIMARIES_P3_D65 => "smpte432",
            _ => "709",
        }
    }
}

/// Kr and Kb of a matrix by its number in H.273; `None` for those that are not of this kind.
fn weights(matrix: i32) -> Option<(f64, f64)> {
    Some(match matrix {
        MATRIX_709 => (0.2126, 0.0722),
        MATRIX_FCC => (0.30, 0.11),
        MATRIX_470BG | MATRIX_170M => (0.299, 0.114),
        MATRIX_240M => (0.212, 0.087),
        MATRIX_2020 => (0.2627, 0.0593),
        _ => return None,
    })
}

fn is_hdr(transfer: i32) -> bool {
    matches!(transfer, TRANSFER_PQ | TRANSFER_HLG)
}

/// The tags as numbers. FFmpeg hands on what the file says, which a Rust enum must not hold if it is
/// not among its variants; so they are read as plain integers.
struct Tags {
    matrix: i32,
    range: i32,
    primaries: i32,
    transfer: i32,
    siting: i32,
}

impl Tags {
    #[expect(unsafe_code, reason = "reads C enums as the integers they are")]
    fn of(frame: &ff::frame::Video) -> Self {
        // SAFETY: the pointer is valid as long as `frame` is borrowed, and every field read is a C
        // enum, which has the size and alignment of an int.
        unsafe {
            let frame = frame.as_ptr();
            Self {
                matrix: (&raw const (*frame).colorspace).cast::<i32>().read(),
                range: (&raw const (*frame).color_range).cast::<i32>().read(),
                primaries: (&raw const (*frame).color_primaries).cast::<i32>().read(),
                transfer: (&raw const (*frame).color_trc).cast::<i32>().read(),
                siting: (&raw const (*frame).chroma_location).cast::<i32>().read(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::format::Pixel;

    fn colour(format: Pixel, height: u32, change: impl FnOnce(&mut ff::frame::Video)) -> Colour {
        let mut frame = ff::frame::Video::new(format, 64, height);
        change(&mut frame);
        Colour::of(&frame, &Layout::of(&frame), true)
    }

    #[test]
    fn what_is_not_said_is_what_players_assume() {
        let sd = colour(Pixel::YUV420P, 576, |_| ());
        assert_eq!((sd.yuv.kr, sd.yuv.full_range, sd.siting), (0.299, false, Siting::Left));
        let hd = colour(Pixel::YUV420P, 578, |_| ());
        assert_eq!((hd.yuv.kr, hd.light), (0.2126, Light::Standard));
        let jpeg = colour(Pixel::YUVJ420P, 64, |_| ());
        assert!(jpeg.yuv.full_range && jpeg.siting == Siting::Centre);
        assert!(colour(Pixel::GRAY8, 64, |_| ()).yuv.full_range);
    }

    #[test]
    fn tags_are_believed() {
        let hdr = colour(Pixel::YUV420P10LE, 64, |frame| {
            frame.set_color_transfer_characteristic(ff::color::TransferCharacteristic::SMPTE2084);
        });
        assert_eq!((hdr.light, hdr.matrix, hdr.primaries), (Light::Pq, MATRIX_2020, PRIMARIES_2020));
        let full = colour(Pixel::YUV420P, 64, |frame| {
            frame.set_color_range(ff::color::Range::JPEG);
            frame.set_color_space(ff::color::Space::BT709);
        });
        assert_eq!((full.yuv.full_range, full.yuv.kr), (true, 0.2126));
        let odd = colour(Pixel::YUV444P, 64, |frame| frame.set_color_space(ff::color::Space::YCGCO));
        assert!(odd.matrix_replaced);
    }
}
