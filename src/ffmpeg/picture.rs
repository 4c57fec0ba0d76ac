//! A decoded picture in memory: how its format is laid out, and its rows as slices.
//!
//! The wrapper's own accessors panic on formats newer than itself and take a picture stored upside
//! down (a negative stride) for a huge one. These read FFmpeg's description of the format instead,
//! and hand out one checked row at a time.

use ffmpeg_next as ff;
use ffmpeg_next::ffi;

/// A picture as FFmpeg holds it: reference-counted planes, a format, tags, a time.
pub type Picture = ff::frame::Video;

/// How the samples of a format lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Planes of luma and, unless grey, U and V; then alpha where there is any. Native byte order, one
    /// byte a sample up to 8 bits, two above.
    Planes,
    /// Packed R, G, B bytes.
    Rgb24,
    /// Packed R, G, B, A bytes, colours not multiplied by alpha.
    Rgba,
    /// Anything else: FFmpeg has to convert it first.
    Other,
}

/// What a pixel format is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// FFmpeg's name, "yuv420p10le".
    pub name: String,
    /// How it lies in memory.
    pub store: Store,
    /// Bits of the deepest component.
    pub depth: u32,
    /// Luma columns for a chroma column, as a power of two.
    pub chroma_shift_x: u32,
    /// Luma rows for a chroma row, as a power of two.
    pub chroma_shift_y: u32,
    /// Has transparency.
    pub has_alpha: bool,
    /// Red, green and blue (palettes included), not luma and chroma.
    pub is_rgb: bool,
    /// Luma alone.
    pub is_grey: bool,
    /// One of the old `yuvj` formats, full range by name.
    pub is_jpeg: bool,
}

impl Layout {
    /// The layout of a frame's pixels.
    pub fn of(frame: &ff::frame::Video) -> Self {
        #[expect(unsafe_code, reason = "the wrapper knows fewer formats than FFmpeg")]
        // SAFETY: the frame is borrowed, hence valid; the descriptor is static data or null.
        let descriptor = unsafe {
            let format = (&raw const (*frame.as_ptr()).format).cast::<ffi::AVPixelFormat>().read();
            ffi::av_pix_fmt_desc_get(format).as_ref()
        };
        descriptor.map_or_else(Self::unknown, Self::described)
    }

    fn unknown() -> Self {
        Self {
            name: "unknown".into(),
            store: Store::Other,
            depth: 8,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            has_alpha: false,
            is_rgb: false,
            is_grey: false,
            is_jpeg: false,
        }
    }

    fn described(descriptor: &ffi::AVPixFmtDescriptor) -> Self {
        let has = |flag: i32| descriptor.flags & flag as u64 != 0;
        #[expect(unsafe_code, reason = "a C string")]
        // SAFETY: descriptors have a static name.
        let name = unsafe { std::ffi::CStr::from_ptr(descriptor.name) }.to_string_lossy().into_owned();
        let count = usize::from(descriptor.nb_components).min(4);
        let components = &descriptor.comp[..count];
        let depth = components.iter().map(|c| c.depth).max().unwrap_or(8).max(1) as u32;
        let has_alpha = has(ffi::AV_PIX_FMT_FLAG_ALPHA);
        // XYZ has neither flag; FFmpeg converts it to RGB.
        let strange = has(ffi::AV_PIX_FMT_FLAG_PAL)
            || has(ffi::AV_PIX_FMT_FLAG_BITSTREAM)
            || has(ffi::AV_PIX_FMT_FLAG_HWACCEL)
            || has(ffi::AV_PIX_FMT_FLAG_BAYER)
            || has(ffi::AV_PIX_FMT_FLAG_FLOAT)
            || name.starts_with("xyz");
        let is_rgb = has(ffi::AV_PIX_FMT_FLAG_RGB) || strange;
        let bytes = if depth > 8 { 2 } else { 1 };
        let in_planes = !is_rgb
            && (8..=16).contains(&depth)
            && (depth == 8 || has(ffi::AV_PIX_FMT_FLAG_BE) == cfg!(target_endian = "big"))
            && components.iter().enumerate().all(|(i, c)| {
                c.plane as usize == i
                    && c.step == bytes
                    && c.offset == 0
                    && c.shift == 0
                    && c.depth as u32 == depth
            });
        let (x, y) = (u32::from(descriptor.log2_chroma_w), u32::from(descriptor.log2_chroma_h));
        let store = match name.as_str() {
            "rgb24" => Store::Rgb24,
            "rgba" => Store::Rgba,
            // Grey with alpha has two components, and no plane for each.
            _ if in_planes && count != 2 && x <= 1 && y <= 1 => Store::Planes,
            _ => Store::Other,
        };
        Self {
            is_jpeg: name.starts_with("yuvj"),
            name,
            store,
            depth,
            chroma_shift_x: x,
            chroma_shift_y: y,
            has_alpha,
            is_rgb,
            is_grey: !is_rgb && count <= 2,
        }
    }

    /// The format, among those that need no further conversion, that keeps most of this one; with
    /// `scaled`, chroma as fine as luma, since scaling interpolates it anyway.
    pub fn plain_format(&self, scaled: bool) -> String {
        if self.is_rgb {
            return if self.has_alpha { "rgba" } else { "rgb24" }.into();
        }
        let deep = match (self.depth > 8, cfg!(target_endian = "big")) {
            (false, _) => "",
            (true, false) => "16le",
            (true, true) => "16be",
        };
        if self.is_grey {
            return if self.has_alpha { "rgba".into() } else { format!("gray{deep}") };
        }
        let sampling = match (scaled, self.chroma_shift_x, self.chroma_shift_y) {
            (false, 1, 1) => "420",
            (false, 1, 0) => "422",
            _ => "444",
        };
        format!("yuv{}{sampling}p{deep}", if self.has_alpha { "a" } else { "" })
    }
}

/// A sample as it lies in memory; only these two.
pub trait StoredSample: Copy + private::Sealed {}
impl StoredSample for u8 {}
impl StoredSample for u16 {}

mod private {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
}

/// Row `y` of plane `plane`: its first `samples` samples, or `None` where the frame has no such row or
/// it is shorter.
pub fn row<S: StoredSample>(
    frame: &ff::frame::Video,
    plane: usize,
    y: usize,
    samples: usize,
) -> Option<&[S]> {
    let layout_rows = rows(frame, plane)?;
    #[expect(unsafe_code, reason = "planes are raw pointers with a signed stride")]
    // SAFETY: `plane` is below 4 and has a pointer (checked by `rows`), `y` is within its rows, and a
    // row holds |stride| bytes from its start, of which no more than that are taken. Decoders and
    // filters align planes and strides to more than 2 bytes; alignment is checked all the same.
    unsafe {
        let raw = frame.as_ptr();
        let stride = (*raw).linesize[plane];
        let bytes = samples.checked_mul(size_of::<S>())?;
        if y >= layout_rows || bytes > stride.unsigned_abs() as usize {
            return None;
        }
        let start = (*raw).data[plane].offset(isize::try_from(y).ok()? * stride as isize).cast::<S>();
        start.is_aligned().then(|| std::slice::from_raw_parts(start, samples))
    }
}

/// How many rows plane `plane` of a frame has, or `None` if there is no such plane.
fn rows(frame: &ff::frame::Video, plane: usize) -> Option<usize> {
    #[expect(unsafe_code, reason = "planes are raw pointers")]
    // SAFETY: the frame is borrowed, hence valid; the descriptor is static data or null.
    let (pointer, descriptor) = unsafe {
        let raw = frame.as_ptr();
        let format = (&raw const (*raw).format).cast::<ffi::AVPixelFormat>().read();
        (*(*raw).data.get(plane)?, ffi::av_pix_fmt_desc_get(format).as_ref()?)
    };
    if pointer.is_null() {
        return None;
    }
    let height = frame.height() as usize;
    let shift = if plane == 1 || plane == 2 { usize::from(descriptor.log2_chroma_h) } else { 0 };
    Some((height + (1 << shift) - 1) >> shift)
}

/// Takes the tags off a frame and calls its `yuvj` format by its plain name, so that no filter
/// converts anything on its own: what the tags said is told to the filters that need it.
#[expect(unsafe_code, reason = "plain fields of a C struct")]
pub fn strip_tags(frame: &mut ff::frame::Video) {
    use ffi::AVPixelFormat as F;
    const PLAIN: [(F, F); 5] = [
        (F::AV_PIX_FMT_YUVJ420P, F::AV_PIX_FMT_YUV420P),
        (F::AV_PIX_FMT_YUVJ422P, F::AV_PIX_FMT_YUV422P),
        (F::AV_PIX_FMT_YUVJ444P, F::AV_PIX_FMT_YUV444P),
        (F::AV_PIX_FMT_YUVJ440P, F::AV_PIX_FMT_YUV440P),
        (F::AV_PIX_FMT_YUVJ411P, F::AV_PIX_FMT_YUV411P),
    ];
    // SAFETY: the frame is borrowed mutably, hence valid and ours; only plain fields are written, and
    // a yuvj format lies in memory exactly as its plain twin.
    unsafe {
        let raw = frame.as_mut_ptr();
        (*raw).colorspace = ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED;
        (*raw).color_range = ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED;
        (*raw).color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_UNSPECIFIED;
        (*raw).color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_UNSPECIFIED;
        (*raw).sample_aspect_ratio = ffi::AVRational { num: 1, den: 1 };
        for (jpeg, plain) in PLAIN {
            if (*raw).format == jpeg as i32 {
                (*raw).format = plain as i32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::format::Pixel;

    fn layout(format: Pixel) -> Layout {
        Layout::of(&ff::frame::Video::new(format, 16, 16))
    }

    #[test]
    fn layouts_are_told_apart() {
        use Store::{Other, Planes, Rgb24, Rgba};
        for (format, store, plain) in [
            (Pixel::YUV420P, Planes, "yuv420p"),
            (Pixel::YUVJ422P, Planes, "yuv422p"),
            (Pixel::YUV444P12LE, Planes, "yuv444p16le"),
            (Pixel::YUVA420P10LE, Planes, "yuva420p16le"),
            (Pixel::GRAY8, Planes, "gray"),
            (Pixel::GRAY12LE, Planes, "gray16le"),
            (Pixel::YUV420P10BE, Other, "yuv420p16le"),
            (Pixel::YUV411P, Other, "yuv444p"),
            (Pixel::NV12, Other, "yuv420p"),
            (Pixel::P010LE, Other, "yuv420p16le"),
            (Pixel::YUYV422, Other, "yuv422p"),
            (Pixel::YA8, Other, "rgba"),
            (Pixel::RGB24, Rgb24, "rgb24"),
            (Pixel::RGBA, Rgba, "rgba"),
            (Pixel::BGRA, Other, "rgba"),
            (Pixel::GBRP10LE, Other, "rgb24"),
            (Pixel::PAL8, Other, "rgba"),
            (Pixel::MonoBlack, Other, "rgb24"),
        ] {
            let layout = layout(format);
            assert_eq!((layout.store, layout.plain_format(false).as_str()), (store, plain), "{format:?}");
        }
    }

    #[test]
    fn rows_are_checked_and_may_run_upwards() {
        let mut frame = ff::frame::Video::new(Pixel::YUV420P, 16, 6);
        for (y, row) in frame.data_mut(0).chunks_mut(frame_stride()).enumerate() {
            row.fill(y as u8);
        }
        fn frame_stride() -> usize {
            ff::frame::Video::new(Pixel::YUV420P, 16, 6).stride(0)
        }
        assert_eq!(row::<u8>(&frame, 0, 5, 16).unwrap(), [5; 16]);
        assert!(row::<u8>(&frame, 0, 6, 16).is_none());
        assert!(row::<u8>(&frame, 1, 2, 8).is_some() && row::<u8>(&frame, 1, 3, 8).is_none());
        assert!(row::<u8>(&frame, 3, 0, 1).is_none() && row::<u8>(&frame, 0, 0, 1 << 20).is_none());
        #[expect(unsafe_code, reason = "makes the upside-down frame under test")]
        // SAFETY: the pointer moves to the last row of the same plane, and the stride back.
        unsafe {
            let raw = frame.as_mut_ptr();
            (*raw).data[0] = (*raw).data[0].offset(5 * (*raw).linesize[0] as isize);
            (*raw).linesize[0] = -(*raw).linesize[0];
        }
        assert_eq!(row::<u8>(&frame, 0, 0, 16).unwrap(), [5; 16]);
        assert_eq!(row::<u8>(&frame, 0, 5, 16).unwrap(), [0; 16]);
    }
}
