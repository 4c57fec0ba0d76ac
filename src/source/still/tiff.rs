//! TIFF in the kinds that scanners, cameras and print shops write.
//!
//! The `tiff` crate is used directly, because the general decoder turns ink into light before a
//! profile can be applied, and refuses palettes, grey with alpha and 2- or 4-bit grey.

use super::jpeg::ycc_to_rgb;
use super::raster::{Channels, Raster, Samples};
use super::{MAX_FILE_BYTES, Problem, checked_size, too_large};
use image::metadata::Orientation;
use std::io::Cursor;
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

/// Values of the Photometric tag (TIFF 6.0, page 37).
const BLACK_IS_ZERO: u8 = 1;
const PALETTE: u8 = 3;
/// Value of the ExtraSamples tag: colours are multiplied by alpha already.
const ASSOCIATED_ALPHA: u16 = 1;
/// Value of the Compression tag: JPEG, whose chroma the decoder has brought to full size.
const JPEG: u16 = 7;

pub(super) fn decode(mut bytes: Vec<u8>) -> Result<Raster, Problem> {
    let has_palette = indices_as_gray(&mut bytes);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_FILE_BYTES as usize;
    limits.intermediate_buffer_size = MAX_FILE_BYTES as usize;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(damaged)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(damaged)?;
    let size = checked_size(width, height)?;
    let kind = decoder.colortype().map_err(damaged)?;
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).map_err(damaged)?;
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(damaged)?.unwrap_or_default();
    let colors =
        if has_palette { decoder.get_tag_u16_vec(Tag::ColorMap).map_err(damaged)? } else { Vec::new() };
    let icc = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
    let orientation = decoder
        .find_tag_unsigned::<u8>(Tag::Orientation)
        .ok()
        .flatten()
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms);

    let mut buffer = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut buffer).map_err(damaged)?;
    if buffer.as_buffer(0).byte_len() < layout.complete_len {
        return Err(too_large());
    }
    let samples = interleaved(buffer, &layout, size.pixels()).ok_or_else(|| unsupported(kind))?;

    let (channels, samples) = match (kind, samples) {
        (ColorType::Gray(bits @ (1 | 2 | 4 | 8)), Samples::U8(packed)) => {
            let values = unpacked(&packed, size.width, bits);
            if has_palette {
                (Channels::Rgb, looked_up(&values, &colors, bits)?)
            } else {
                let scale = 255 / ((1_u16 << bits) - 1) as u8;
                (Channels::Gray, Samples::U8(values.into_iter().map(|value| value * scale).collect()))
            }
        }
        (ColorType::Gray(16), samples) if !has_palette => (Channels::Gray, samples),
        (ColorType::Multiband { bit_depth: 8 | 16, num_samples: 2 }, samples) => {
            (Channels::GrayAlpha, samples)
        }
        (ColorType::RGB(8 | 16), samples) => (Channels::Rgb, samples),
        (ColorType::RGBA(8 | 16), samples) => (Channels::Rgba, samples),
        (ColorType::CMYK(8 | 16), samples) => (Channels::Cmyk, samples),
        (ColorType::CMYKA(8 | 16), samples) => (Channels::CmykAlpha, samples),
        (ColorType::YCbCr(8), Samples::U8(mut samples)) if compression == Some(JPEG) => {
            for pixel in samples.as_chunks_mut::<3>().0 {
                *pixel = ycc_to_rgb(pixel[0], pixel[1], pixel[2]);
            }
            (Channels::Rgb, Samples::U8(samples))
        }
        _ => return Err(unsupported(kind)),
    };
    let premultiplied = extra.first() == Some(&ASSOCIATED_ALPHA);
    Ok(Raster { size, channels, samples, icc, orientation, premultiplied })
}

fn damaged(error: TiffError) -> Problem {
    match error {
        TiffError::LimitsExceeded => too_large(),
        other => Problem::damaged("TIFF", other),
    }
}

fn unsupported(kind: ColorType) -> Problem {
    Problem::new(format!("TIFF pixels of the kind {kind:?} are not read"))
        .hint("save it as 8- or 16-bit grey, RGB or CMYK, or as PNG")
}

/// Unsigned samples, pixel by pixel even if the file keeps each channel in a plane of its own.
fn interleaved(buffer: DecodingResult, layout: &BufferLayoutPreference, pixels: usize) -> Option<Samples> {
    fn weave<T: Copy>(samples: Vec<T>, planes: usize, pixels: usize) -> Option<Vec<T>> {
        if planes <= 1 {
            return Some(samples);
        }
        (samples.len() == planes * pixels).then(|| {
            (0..pixels)
                .flat_map(|i| (0..planes).map(move |p| (i, p)))
                .map(|(i, p)| samples[p * pixels + i])
                .collect()
        })
    }
    match buffer {
        DecodingResult::U8(samples) => weave(samples, layout.planes, pixels).map(Samples::U8),
        DecodingResult::U16(samples) => weave(samples, layout.planes, pixels).map(Samples::U16),
        _ => None,
    }
}

/// One value a byte, from rows that are packed and padded to whole bytes.
fn unpacked(packed: &[u8], width: usize, bits: u8) -> Vec<u8> {
    if bits == 8 {
        return packed.to_vec();
    }
    let per_byte = usize::from(8 / bits);
    let mask = (1_u8 << bits) - 1;
    packed
        .chunks_exact(width.div_ceil(per_byte))
        .flat_map(|row| {
            (0..width).map(move |x| {
                let shift = 8 - bits * ((x % per_byte) as u8 + 1);
                (row[x / per_byte] >> shift) & mask
            })
        })
        .collect()
}

/// Palette indices to colours. A ColorMap holds all reds, then all greens, then all blues, 16 bits
/// each. Writers scale 8-bit colours by 256 or 257, so the high byte is right for both; some leave
/// them unscaled, which libtiff recognises as done here.
fn looked_up(indices: &[u8], colors: &[u16], bits: u8) -> Result<Samples, Problem> {
    let entries = 1_usize << bits;
    if colors.len() < 3 * entries {
        return Err(Problem::damaged("TIFF", "its palette is too short"));
    }
    let shift = if colors.iter().all(|&value| value < 256) { 0 } else { 8 };
    let color = |index: u8, channel: usize| (colors[channel * entries + usize::from(index)] >> shift) as u8;
    Ok(Samples::U8(
        indices.iter().flat_map(|&index| [0, 1, 2].map(|channel| color(index, channel))).collect(),
    ))
}

/// The decoder reads no palettes, but indices are stored as grey is: if the first directory says
/// "palette", it is made to say "grey", and the colours are looked up afterwards. Whether it did.
fn indices_as_gray(bytes: &mut [u8]) -> bool {
    photometric_entry(bytes).is_some_and(|at| {
        let Some(field) = bytes.get_mut(at..at + 2) else { return false };
        // The value is a 16-bit number in the file's byte order, and one of its bytes is 0.
        let Some(low) = field.iter_mut().find(|byte| **byte == PALETTE) else { return false };
        *low = BLACK_IS_ZERO;
        true
    })
}

/// Where the value of the first directory's Photometric tag stands, in TIFF and BigTIFF.
fn photometric_entry(bytes: &[u8]) -> Option<usize> {
    const PHOTOMETRIC: u64 = 262;
    let little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<u64> {
        let field = bytes.get(at..at.checked_add(length)?)?;
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if little { field.iter().rev().fold(0, fold) } else { field.iter().fold(0, fold) })
    };
    let big = number(2, 2)? == 43;
    let directory = usize::try_from(if big { number(8, 8)? } else { number(4, 4)? }).ok()?;
    let (count_length, entry_length, value_offset) = if big { (8, 20, 12) } else { (2, 12, 8) };
    let first = directory.checked_add(count_length)?;
    let count = number(directory, count_length)?.min(bytes.len() as u64 / entry_length as u64);
    (0..count as usize)
        .map(|i| first.saturating_add(i * entry_length))
        .find(|&at| number(at, 2) == Some(PHOTOMETRIC))
        .map(|at| at + value_offset)
}
