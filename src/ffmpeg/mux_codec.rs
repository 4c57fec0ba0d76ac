//! What FFmpeg's encoders are called and what they can do: questions that the wrapper does not ask.

use ff::codec::Id;
use ff::ffi::*;
use ff::format::Pixel;
use ffmpeg_next as ff;
use std::ffi::{CStr, CString};
use std::ptr;

/// The encoder of this name ("libx264"), or the preferred one of the codec of this name ("h264").
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn encoder(name: &str, kind: ff::media::Type) -> Option<ff::Codec> {
    let c_name = CString::new(name).ok()?;
    let found = ff::encoder::find_by_name(c_name.to_str().ok()?).or_else(|| {
        // SAFETY: the name outlives the call; descriptors are constants of the library.
        let id = unsafe { avcodec_descriptor_get_by_name(c_name.as_ptr()).as_ref() }?.id;
        ff::encoder::find(id.into())
    })?;
    (found.medium() == kind).then_some(found)
}

/// The names of all video encoders.
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn video_encoders() -> Vec<&'static str> {
    let mut state = ptr::null_mut();
    let mut names = Vec::new();
    // SAFETY: FFmpeg's own iteration over its constant tables.
    while let Some(codec) = unsafe { av_codec_iterate(&mut state).as_ref() } {
        // SAFETY: `codec` is one of them, and its name a constant string.
        let (encodes, name) = unsafe { (av_codec_is_encoder(codec) != 0, CStr::from_ptr(codec.name)) };
        if encodes && codec.type_ == AVMediaType::AVMEDIA_TYPE_VIDEO {
            names.extend(name.to_str().ok());
        }
    }
    names
}

/// FFmpeg's name of a codec ("h264", "mov_text").
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn codec_name(codec: Id) -> &'static str {
    // SAFETY: always a constant string.
    unsafe { CStr::from_ptr(avcodec_get_name(codec.into())) }.to_str().unwrap_or("unknown")
}

#[expect(unsafe_code, reason = "FFmpeg's C interface")]
fn properties(codec: Id) -> i32 {
    // SAFETY: descriptors are constants of the library.
    unsafe { avcodec_descriptor_get(codec.into()).as_ref() }.map_or(0, |descriptor| descriptor.props)
}

/// Whether subtitles of this codec are text, which can become another kind of text.
pub fn is_text(codec: Id) -> bool {
    properties(codec) & AV_CODEC_PROP_TEXT_SUB != 0
}

/// Whether the codec can keep every bit.
pub fn is_lossless(codec: Id) -> bool {
    properties(codec) & AV_CODEC_PROP_LOSSLESS != 0 && properties(codec) & AV_CODEC_PROP_LOSSY == 0
}

/// Whether the encoder has a private option of this name.
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn has_option(encoder: &ff::Codec, name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: with FAKE_OBJ FFmpeg wants a pointer to a pointer to a class and reads only that.
    unsafe {
        let class = ptr::addr_of!((*encoder.as_ptr()).priv_class);
        !(*class).is_null()
            && !av_opt_find(
                class.cast_mut().cast(),
                name.as_ptr(),
                ptr::null(),
                0,
                AV_OPT_SEARCH_FAKE_OBJ as _,
            )
            .is_null()
    }
}

/// The pixel format among the encoder's own that loses least of `wish`. Encoders that do not list
/// theirs get the wish.
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn nearest_pixel_format(encoder: &ff::Codec, wish: Pixel) -> Pixel {
    let formats: Vec<Pixel> =
        encoder.video().ok().and_then(|video| video.formats()).map(Iterator::collect).unwrap_or_default();
    if formats.is_empty() || formats.contains(&wish) {
        return wish;
    }
    // A palette made for the picture beats the fixed 256 colours of such encoders (GIF).
    if formats.contains(&Pixel::PAL8)
        && !formats.iter().any(|&format| is_yuv(format) || format == Pixel::RGB24)
    {
        return Pixel::PAL8;
    }
    let wish = if formats.iter().any(|&format| is_yuv(format)) { wish } else { Pixel::RGB24 };
    let mut list: Vec<AVPixelFormat> = formats
        .iter()
        .filter(|&&format| flags(format) & AV_PIX_FMT_FLAG_HWACCEL as u64 == 0)
        .map(|&format| format.into())
        .collect();
    list.push(AVPixelFormat::AV_PIX_FMT_NONE);
    // SAFETY: the list ends with NONE and outlives the call.
    unsafe { avcodec_find_best_pix_fmt_of_list(list.as_ptr(), wish.into(), 0, ptr::null_mut()) }.into()
}

#[expect(unsafe_code, reason = "the wrapper's descriptor has no flags")]
fn flags(format: Pixel) -> u64 {
    // SAFETY: descriptors are constants of the library.
    format.descriptor().map_or(0, |descriptor| unsafe { (*descriptor.as_ptr()).flags })
}

/// Whether the format keeps red, green and blue, or a palette of them.
pub fn is_rgb(format: Pixel) -> bool {
    flags(format) & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) as u64 != 0
}

fn is_yuv(format: Pixel) -> bool {
    let hardware = flags(format) & AV_PIX_FMT_FLAG_HWACCEL as u64 != 0;
    !hardware && !is_rgb(format) && format.descriptor().is_some_and(|d| d.nb_components() >= 3)
}

/// How many pixels share one colour sample, across and down.
pub fn chroma_block(format: Pixel) -> (usize, usize) {
    format.descriptor().map_or((1, 1), |d| (1 << d.log2_chroma_w(), 1 << d.log2_chroma_h()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_are_found_by_their_own_and_their_codecs_name() {
        crate::ffmpeg::init();
        let video = ff::media::Type::Video;
        assert_eq!(encoder("mpeg4", video).unwrap().name(), "mpeg4");
        assert_eq!(encoder("ffv1", video).unwrap().name(), "ffv1");
        assert_eq!(encoder("prores", video).unwrap().medium(), video);
        assert!(encoder("aac", video).is_none());
        assert!(encoder("no-such-codec", video).is_none());
        assert!(encoder("a\0b", video).is_none());
        assert!(video_encoders().contains(&"mpeg4"));
    }

    #[test]
    fn pixel_formats_are_the_nearest_that_the_encoder_takes() {
        crate::ffmpeg::init();
        let nearest =
            |name, wish| nearest_pixel_format(&encoder(name, ff::media::Type::Video).unwrap(), wish);
        assert_eq!(nearest("mpeg4", Pixel::YUV420P), Pixel::YUV420P);
        assert_eq!(nearest("prores_ks", Pixel::YUV420P), Pixel::YUV422P10LE);
        assert_eq!(nearest("png", Pixel::YUV420P), Pixel::RGB24);
        assert_eq!(nearest("gif", Pixel::YUV420P), Pixel::PAL8);
        assert!(is_rgb(Pixel::RGB24) && is_rgb(Pixel::PAL8) && !is_rgb(Pixel::YUV420P));
        assert_eq!(chroma_block(Pixel::YUV422P10LE), (2, 1));
    }

    #[test]
    fn private_options_and_properties_are_known() {
        crate::ffmpeg::init();
        let find = |name| encoder(name, ff::media::Type::Video).unwrap();
        assert!(has_option(&find("prores_ks"), "profile"));
        assert!(!has_option(&find("prores_ks"), "crf"));
        assert!(is_lossless(Id::FFV1) && !is_lossless(Id::MPEG4));
        assert!(is_text(Id::SUBRIP) && !is_text(Id::HDMV_PGS_SUBTITLE));
        assert_eq!(codec_name(Id::MOV_TEXT), "mov_text");
    }
}
