//! A frame as the bytes of a picture file, with what the file says of how it was made.
//!
//! That line stands where each format has a place for it: in PNG as a text, in TIFF as the tag
//! ImageHistory, in JPEG and WebP as the same tag of an Exif block.

use super::PictureKind;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::provenance::{IMAGE_HISTORY, KEYWORD, Provenance, SOFTWARE};
use crate::sink::place::{cannot_write, flushed};
use image::codecs::{jpeg::JpegEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};
use png::EncodingError;
use std::fs::File;
use std::io::{self, BufWriter, Cursor, Seek, Write};
use std::path::Path;
use tiff::TiffError;
use tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKind, colortype::RGB8};
use tiff::tags::Tag;

/// The quality of a written JPEG: chosen high, since painted strokes are all edges.
const JPEG_QUALITY: u8 = 95;

/// What an Exif block may take in a JPEG, whose segments end at 65,535 bytes.
const LARGEST_EXIF: usize = 65_000;

/// Writes the picture's bytes; `path` is for messages.
pub(super) fn encode(
    file: File,
    path: &Path,
    kind: PictureKind,
    frame: &Frame,
    provenance: Option<&Provenance>,
) -> Result<()> {
    let mut out = BufWriter::new(file);
    let written = match kind {
        PictureKind::Png => png(&mut out, frame, provenance).map_err(|error| match error {
            EncodingError::IoError(error) => Trouble::Io(error),
            other => Trouble::Other(other.to_string()),
        }),
        PictureKind::Jpeg => {
            with_exif(JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY), frame, provenance)
        }
        PictureKind::WebP => with_exif(WebPEncoder::new_lossless(&mut out), frame, provenance),
        PictureKind::Tiff => tiff(&mut out, frame, provenance).map_err(|error| match error {
            TiffError::IoError(error) => Trouble::Io(error),
            other => Trouble::Other(other.to_string()),
        }),
    };
    written.map_err(|trouble| match trouble {
        Trouble::Io(error) => cannot_write(path, &error),
        Trouble::Other(cause) => Error::output(format!("cannot write {}: {cause}", path.display())),
    })?;
    flushed(out, path)
}

/// Why a picture could not be encoded.
enum Trouble {
    Io(io::Error),
    Other(String),
}

fn sides(frame: &Frame) -> (u32, u32) {
    (frame.size().width as u32, frame.size().height as u32)
}

fn png(out: impl Write, frame: &Frame, provenance: Option<&Provenance>) -> Result<(), EncodingError> {
    let (width, height) = sides(frame);
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    if let Some(provenance) = provenance {
        encoder.add_text_chunk("Software".into(), SOFTWARE.into())?;
        encoder.add_text_chunk(KEYWORD.into(), provenance.as_str().into())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(frame.data())?;
    writer.finish()
}

fn tiff(out: impl Write + Seek, frame: &Frame, provenance: Option<&Provenance>) -> Result<(), TiffError> {
    let (width, height) = sides(frame);
    let mut encoder = TiffEncoder::new(out)?;
    let mut picture = encoder.new_image::<RGB8>(width, height)?;
    if let Some(provenance) = provenance {
        write_tags(picture.encoder(), provenance)?;
    }
    picture.write_data(frame.data())
}

fn with_exif(
    mut encoder: impl ImageEncoder,
    frame: &Frame,
    provenance: Option<&Provenance>,
) -> Result<(), Trouble> {
    let block = provenance.and_then(|provenance| exif(provenance).ok());
    if let Some(block) = block.filter(|block| block.len() <= LARGEST_EXIF) {
        // Both kinds take it.
        let _ = encoder.set_exif_metadata(block);
    }
    let (width, height) = sides(frame);
    encoder.write_image(frame.data(), width, height, ExtendedColorType::Rgb8).map_err(|error| match error {
        ImageError::IoError(error) => Trouble::Io(error),
        other => Trouble::Other(other.to_string()),
    })
}

/// An Exif block: a TIFF file without a picture.
fn exif(provenance: &Provenance) -> Result<Vec<u8>, TiffError> {
    let mut block = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut block)?;
    let mut directory = encoder.image_directory()?;
    write_tags(&mut directory, provenance)?;
    directory.finish()?;
    Ok(block.into_inner())
}

fn write_tags<W: Write + Seek, K: TiffKind>(
    directory: &mut DirectoryEncoder<'_, W, K>,
    provenance: &Provenance,
) -> Result<(), TiffError> {
    directory.write_tag(Tag::Software, SOFTWARE)?;
    directory.write_tag(Tag::Unknown(IMAGE_HISTORY), provenance.as_str())
}
