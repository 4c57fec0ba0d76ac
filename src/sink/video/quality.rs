//! One wish for quality, in each encoder's own words.
//!
//! `crf` is x264's idea and its scale differs between encoders; others take a quantiser, a bit rate,
//! or nothing because they lose nothing. The defaults aim at the look of x264's crf 18.

use crate::ffmpeg::mux_codec;
use ff::codec::Id;
use ffmpeg_next as ff;

/// How an encoder is told to keep quality.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Quality {
    /// A private option of this name and value.
    Option(&'static str, f32),
    /// A fixed quantiser, from 1 (best) to 31.
    Quantiser(f32),
    /// Bits per second.
    BitRate(usize),
    /// Nothing to choose.
    Fixed,
}

/// Chooses for `encoder`; `crf` is the user's wish, `pixels_per_second` scales a bit rate. The flag
/// says whether a given wish is honoured.
pub(super) fn choose(encoder: &ff::Codec, crf: Option<f32>, pixels_per_second: f64) -> (Quality, bool) {
    let quality = if mux_codec::has_option(encoder, "crf") {
        // x264: the issue of taste; the others by their makers' tables of equal looks.
        let default = match encoder.name() {
            "libx265" => 21.0,
            "libsvtav1" | "libaom-av1" | "libvpx-vp9" => 24.0,
            "libvpx" => 10.0,
            _ => 18.0,
        };
        Quality::Option("crf", crf.unwrap_or(default))
    } else if mux_codec::has_option(encoder, "cq") {
        Quality::Option("cq", crf.unwrap_or(19.0))
    } else {
        let fallback = match encoder.id() {
            Id::MPEG1VIDEO
            | Id::MPEG2VIDEO
            | Id::MPEG4
            | Id::MSMPEG4V2
            | Id::MSMPEG4V3
            | Id::WMV1
            | Id::WMV2
            | Id::H263
            | Id::H263P
            | Id::FLV1
            | Id::MJPEG
            | Id::SNOW => Quality::Quantiser(2.5),
            // Theora counts the other way round, but libtheora's wrapper reads it as 0..10.
            Id::THEORA => Quality::Quantiser(8.0),
            Id::PRORES | Id::GIF | Id::RAWVIDEO | Id::WRAPPED_AVFRAME | Id::CFHD => Quality::Fixed,
            id if mux_codec::is_lossless(id) => Quality::Fixed,
            // A fifth of a bit per pixel: generous for any block codec.
            _ => Quality::BitRate(((0.2 * pixels_per_second) as usize).max(200_000)),
        };
        return (fallback, crf.is_none());
    };
    (quality, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(name: &str, crf: Option<f32>) -> (Quality, bool) {
        crate::ffmpeg::init();
        choose(&mux_codec::encoder(name, ff::media::Type::Video).unwrap(), crf, 1e6)
    }

    #[test]
    fn every_encoder_gets_quality_in_its_own_words() {
        assert_eq!(quality("mpeg4", None), (Quality::Quantiser(2.5), true));
        assert_eq!(quality("ffv1", None), (Quality::Fixed, true));
        assert_eq!(quality("prores_ks", Some(20.0)), (Quality::Fixed, false));
        if mux_codec::encoder("libx264", ff::media::Type::Video).is_some() {
            assert_eq!(quality("libx264", None), (Quality::Option("crf", 18.0), true));
            assert_eq!(quality("libx264", Some(30.0)), (Quality::Option("crf", 30.0), true));
        }
    }
}
