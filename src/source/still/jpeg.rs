//! JPEG, with the two things the general decoder leaves out: ink and missing ends.
//!
//! CMYK and YCCK files are decoded to their four inks, so that a print profile can be applied to
//! them; Adobe stores these inverted. A file that was cut short decodes to a picture with a grey
//! part, which as a style would quietly spoil everything painted with it: it is refused.

use super::raster::{Channels, Raster, Samples};
use super::{Problem, checked_size, decode_with_image};
use image::ImageFormat;
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Problem> {
    let outline = Outline::read(bytes);
    if !outline.has_end {
        return Err(Problem::new("the JPEG data ends too early: a part of the picture is missing")
            .hint("copy or download the file again"));
    }
    if outline.components == 4 {
        decode_ink(bytes, &outline)
    } else {
        decode_with_image(bytes, ImageFormat::Jpeg)
    }
}

/// What the segments before the pixels say.
#[derive(Default)]
struct Outline {
    components: u8,
    /// The Adobe segment's colour transform, if there is one: 0 is CMYK, 2 is YCCK.
    adobe: Option<u8>,
    /// Whether an end-of-image marker follows the first scan.
    has_end: bool,
}

impl Outline {
    fn read(bytes: &[u8]) -> Self {
        let mut outline = Self::default();
        let mut at = 2;
        while let Some(&[0xff, marker, high, low]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            if marker == 0xff {
                at += 1; // a fill byte
                continue;
            }
            let length = usize::from(u16::from_be_bytes([high, low]));
            let body = bytes.get(at + 4..at + 2 + length.max(2)).unwrap_or_default();
            match marker {
                // Every start of frame; C4, C8 and CC are tables.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    outline.components = body.get(5).copied().unwrap_or_default();
                }
                0xee if body.starts_with(b"Adobe") => outline.adobe = body.get(11).copied(),
                0xda => {
                    // Within a scan 0xff is followed by 0 or a restart, so this pair is the marker.
                    outline.has_end = bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
                    return outline;
                }
                _ => {}
            }
            at += 2 + length.max(2);
        }
        // No scan was found by this simple walk: the decoder says what is wrong.
        outline.has_end = true;
        outline
    }
}

fn decode_ink(bytes: &[u8], outline: &Outline) -> Result<Raster, Problem> {
    let damaged = |error| Problem::damaged("JPEG", format!("{error:?}"));
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(65535).set_max_height(65535);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let size = checked_size(width as u32, height as u32)?;
    let space = if outline.adobe == Some(2) { ColorSpace::YCCK } else { ColorSpace::CMYK };
    if decoder.input_colorspace() != Some(space) {
        return Err(Problem::damaged("JPEG", "its four channels are of an unknown kind"));
    }
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let icc = decoder.icc_profile();
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    let mut samples = decoder.decode().map_err(damaged)?;
    for pixel in samples.as_chunks_mut::<4>().0 {
        if space == ColorSpace::YCCK {
            // The transform's "RGB" is what the stored inks leave of full scale.
            let [r, g, b] = ycc_to_rgb(pixel[0], pixel[1], pixel[2]);
            pixel[..3].copy_from_slice(&[255 - r, 255 - g, 255 - b]);
        }
        if outline.adobe.is_some() {
            pixel.iter_mut().for_each(|ink| *ink = 255 - *ink);
        }
    }
    let samples = Samples::U8(samples);
    Ok(Raster { size, channels: Channels::Cmyk, samples, icc, orientation, premultiplied: false })
}

/// Full-range BT.601 (JFIF 1.02, page 3).
pub(super) fn ycc_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    // `as` saturates at 0 and 255.
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round() as u8)
}
