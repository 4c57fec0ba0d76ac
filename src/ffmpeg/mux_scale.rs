//! Packed RGB into the pixels an encoder wants: swscale with its matrix and ranges set, which the
//! wrapper cannot, because swscale's own default is BT.601.

use super::mux_rgb420::{self, Coefficients};
use crate::frame::{Frame, Size};
use ff::ffi::*;
use ff::format::Pixel;
use ffmpeg_next as ff;
use std::borrow::Cow;

/// How colours become luma and chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// High definition video.
    Bt709,
    /// JPEG pictures and standard definition video.
    Bt601,
}

/// How levels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 16..235, as in video.
    Limited,
    /// 0..255, as in pictures.
    Full,
}

/// Bytes after a picture that swscale's vector code may read, though it ignores their values.
const OVERREAD: usize = 64;

/// A converter from packed RGB to one pixel format at one size.
pub struct RgbScaler {
    context: Scaling,
    picture: ff::frame::Video,
    size: Size,
    /// For the one format that nearly all films have.
    fast: Option<Coefficients>,
}

#[expect(unsafe_code, reason = "a bare pointer is not marked, though it may move")]
// SAFETY: a scaling context has no ties to the thread that made it, and is used by one at a time.
unsafe impl Send for RgbScaler {}

impl RgbScaler {
    /// A converter to `format`, `matrix` and `range` (ignored where the format keeps RGB).
    #[expect(unsafe_code, reason = "the wrapper cannot set colour details")]
    pub fn new(size: Size, format: Pixel, matrix: Matrix, range: Range) -> Result<Self, ff::Error> {
        let side = |n: usize| u32::try_from(n).map_err(|_| ff::Error::InvalidData);
        let (width, height) = (side(size.width)?, side(size.height)?);
        // Measured at 1280x720 to 4:2:0 (ms a frame, one core): bicubic 2.2, bilinear 2.2, with
        // accurate rounding and full chroma input 1.7 and 1.4. The last is also the most exact; 8-bit
        // 4:2:0 has a faster way of its own.
        let flags = ff::software::scaling::Flags::BILINEAR
            | ff::software::scaling::Flags::ACCURATE_RND
            | ff::software::scaling::Flags::FULL_CHR_H_INP;
        let number = |format: Pixel| AVPixelFormat::from(format) as i64;
        let settings = [
            (c"srcw", i64::from(width)),
            (c"srch", i64::from(height)),
            (c"src_format", number(Pixel::RGB24)),
            (c"dstw", i64::from(width)),
            (c"dsth", i64::from(height)),
            (c"dst_format", number(format)),
            (c"sws_flags", i64::from(flags.bits())),
            // Video has its chroma at the even columns, JPEG between them.
            (c"dst_h_chr_pos", if range == Range::Limited { 0 } else { -513 }),
        ];
        let table = match matrix {
            Matrix::Bt709 => SWS_CS_ITU709,
            Matrix::Bt601 => SWS_CS_ITU601,
        };
        // SAFETY: the context is fresh, owned from here on, and freed when dropped; tables of coefficients
        // are constants of the library.
        let context = unsafe {
            let context = Scaling(sws_alloc_context());
            if context.0.is_null() {
                return Err(ff::Error::Other { errno: ff::error::ENOMEM });
            }
            for (name, value) in settings {
                // Formats without subsampled chroma have no use for its place.
                let _ = av_opt_set_int(context.0.cast(), name.as_ptr(), value, 0);
            }
            let code = sws_init_context(context.0, std::ptr::null_mut(), std::ptr::null_mut());
            if code < 0 {
                return Err(ff::Error::from(code));
            }
            let coefficients = sws_getCoefficients(table as _);
            sws_setColorspaceDetails(
                context.0,
                coefficients,
                1,
                coefficients,
                i32::from(range == Range::Full),
                0,
                1 << 16,
                1 << 16,
            );
            context
        };
        let fast = (format == Pixel::YUV420P && mux_rgb420::can_convert(size))
            .then(|| Coefficients::new(matrix, range));
        Ok(Self { context, picture: ff::frame::Video::new(format, width, height), size, fast })
    }

    /// The picture that conversions fill, to be tagged once: some encoders (ProRes) ask the picture for
    /// its colours.
    pub fn picture(&mut self) -> &mut ff::frame::Video {
        &mut self.picture
    }

    /// Converts `frame`, which must be of this converter's size; one that is owned may save a copy. The picture stays valid until the
    /// next call; an encoder that still holds it keeps its own copy.
    #[expect(unsafe_code, reason = "the wrapper would copy every frame once more")]
    pub fn convert(&mut self, frame: Cow<'_, Frame>) -> Result<&mut ff::frame::Video, ff::Error> {
        if frame.size() != self.size {
            return Err(ff::Error::InputChanged);
        }
        self.make_writable()?;
        if let Some(coefficients) = &self.fast {
            mux_rgb420::convert(frame.data(), self.size, coefficients, planes(&mut self.picture));
            return Ok(&mut self.picture);
        }
        let stride = i32::try_from(3 * self.size.width).map_err(|_| ff::Error::InvalidData)?;
        let mut data = frame.into_owned().into_data();
        data.reserve_exact(OVERREAD);
        let planes = [data.as_ptr(), std::ptr::null(), std::ptr::null(), std::ptr::null()];
        let strides = [stride, 0, 0, 0];
        // SAFETY: the source has `height` rows of `stride` bytes and spare room behind; the picture was
        // allocated with the converter's format and size, and has been made writable.
        unsafe {
            let picture = self.picture.as_mut_ptr();
            sws_scale(
                self.context.0,
                planes.as_ptr(),
                strides.as_ptr(),
                0,
                self.size.height as i32,
                (*picture).data.as_ptr(),
                (*picture).linesize.as_ptr(),
            );
        }
        Ok(&mut self.picture)
    }

    /// Gives the picture new memory if an encoder still reads the old.
    #[expect(unsafe_code, reason = "the wrapper cannot")]
    fn make_writable(&mut self) -> Result<(), ff::Error> {
        // SAFETY: the picture was allocated by FFmpeg and is owned.
        match unsafe { av_frame_make_writable(self.picture.as_mut_ptr()) } {
            code if code < 0 => Err(ff::Error::from(code)),
            _ => Ok(()),
        }
    }
}

/// The three planes of a picture of 8 bits, each with its stride; the wrapper lends one at a time.
#[expect(unsafe_code, reason = "the wrapper lends one plane at a time")]
fn planes(picture: &mut ff::frame::Video) -> [(&mut [u8], usize); 3] {
    [0, 1, 2].map(|plane| {
        let stride = picture.stride(plane);
        let bytes = picture.data_mut(plane);
        let (start, length) = (bytes.as_mut_ptr(), bytes.len());
        // SAFETY: the planes of a picture do not overlap, and all live as long as its mutable borrow.
        (unsafe { std::slice::from_raw_parts_mut(start, length) }, stride)
    })
}

/// A scaling context that is freed. The wrapper's cannot be told where chroma lies.
struct Scaling(*mut SwsContext);

impl Drop for Scaling {
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    fn drop(&mut self) {
        // SAFETY: allocated by `RgbScaler::new`, or null; used by nobody else.
        unsafe { sws_freeContext(self.0) };
    }
}

/// An RGB picture of FFmpeg's own, for its filters.
pub fn rgb_picture(frame: &Frame) -> ff::frame::Video {
    let Size { width, height } = frame.size();
    let mut picture = ff::frame::Video::new(Pixel::RGB24, width as u32, height as u32);
    let stride = picture.stride(0);
    for (to, from) in picture.data_mut(0).chunks_mut(stride).zip(frame.data().chunks(3 * width)) {
        to[..from.len()].copy_from_slice(from);
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT.709 by its definition (ITU-R BT.709-6, items 3.2 and 3.4), not by swscale.
    fn bt709(rgb: [u8; 3], range: Range) -> [f64; 3] {
        bt709_in(rgb.map(f64::from), range)
    }

    fn bt709_exact(rgb: [f64; 3]) -> [f64; 3] {
        bt709_in(rgb, Range::Limited)
    }

    fn bt709_in(rgb: [f64; 3], range: Range) -> [f64; 3] {
        let [r, g, b] = rgb.map(|v| v / 255.0);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let (cb, cr) = ((b - luma) / 1.8556, (r - luma) / 1.5748);
        match range {
            Range::Limited => [16.0 + 219.0 * luma, 128.0 + 224.0 * cb, 128.0 + 224.0 * cr],
            Range::Full => [255.0 * luma, 128.0 + 255.0 * cb, 128.0 + 255.0 * cr],
        }
    }

    #[test]
    fn colours_follow_the_definition_of_bt709() {
        crate::ffmpeg::init();
        let size = Size::new(32, 16);
        for range in [Range::Limited, Range::Full] {
            let mut scaler = RgbScaler::new(size, Pixel::YUV420P, Matrix::Bt709, range).unwrap();
            for rgb in
                [[0, 0, 0], [255; 3], [255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 100, 50], [17, 99, 240]]
            {
                let picture = scaler.convert(Cow::Owned(Frame::from_fn(size, |_, _| rgb))).unwrap();
                for (plane, want) in bt709(rgb, range).into_iter().enumerate() {
                    let got = f64::from(picture.data(plane)[0]);
                    assert!((got - want).abs() <= 1.0, "{rgb:?} {range:?} plane {plane}: {got}, want {want}");
                }
            }
        }
    }

    #[test]
    fn chroma_lies_at_the_even_columns() {
        crate::ffmpeg::init();
        let size = Size::new(64, 16);
        // Blue rises by 4 a column: half a column would be 0.9 levels of its difference.
        let ramp = |column: f64| bt709_exact([0.0, 0.0, 4.0 * column])[1];
        for format in [Pixel::YUV420P, Pixel::YUV422P, Pixel::NV12] {
            let mut scaler = RgbScaler::new(size, format, Matrix::Bt709, Range::Limited).unwrap();
            let picture =
                scaler.convert(Cow::Owned(Frame::from_fn(size, |x, _| [0, 0, 4 * x as u8]))).unwrap();
            let step = if format == Pixel::NV12 { 2 } else { 1 };
            for i in 1..31 {
                let got = f64::from(picture.data(1)[step * i]);
                let want = ramp(2.0 * i as f64);
                assert!((got - want).abs() <= 0.6, "{format:?} column {}: {got}, want {want}", 2 * i);
            }
        }
    }

    #[test]
    fn a_frame_of_another_size_is_refused() {
        crate::ffmpeg::init();
        let mut scaler =
            RgbScaler::new(Size::new(32, 16), Pixel::YUV420P, Matrix::Bt709, Range::Limited).unwrap();
        assert!(scaler.convert(Cow::Owned(Frame::from_fn(Size::new(16, 32), |_, _| [0; 3]))).is_err());
    }

    #[test]
    fn a_picture_for_filters_has_the_frames_pixels() {
        let frame = Frame::from_fn(Size::new(5, 3), |x, y| [x as u8, y as u8, 7]);
        let picture = rgb_picture(&frame);
        let row = &picture.data(0)[2 * picture.stride(0)..];
        assert_eq!(&row[12..15], &[4, 2, 7]);
    }
}
