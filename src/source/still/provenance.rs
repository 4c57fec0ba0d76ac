//! What a picture says of how it was made, wherever its format has a place for it.

use super::{Problem, limits, read_file, recognise};
use crate::error::Result;
use crate::provenance::{IMAGE_HISTORY, KEYWORD, Provenance};
use image::{ImageDecoder, ImageFormat, ImageReader};
use std::io::Cursor;
use std::path::Path;

/// The TIFF type of text.
const ASCII: u16 = 2;

/// Whether a file begins as a picture does that is read here.
pub fn is_picture(path: &Path) -> bool {
    let head = crate::files::head(path);
    matches!(
        image::guess_format(&head),
        Ok(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Tiff)
    )
}

/// What the picture at `path` says of how it was made; `None` if it says nothing.
///
/// # Errors
///
/// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the file is missing, not a picture, or damaged
/// before the place where it would say so.
pub fn read_provenance(path: &Path) -> Result<Option<Provenance>> {
    let bytes = read_file(path)?;
    provenance(&bytes).map_err(|problem| problem.about(path))
}

fn provenance(bytes: &[u8]) -> Result<Option<Provenance>, Problem> {
    let text = match recognise(bytes)? {
        ImageFormat::Png => png(bytes)?,
        ImageFormat::Tiff => history(bytes),
        format => {
            let damaged = |error| Problem::damaged(&super::name_of(format), error);
            let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
            reader.limits(limits());
            let mut decoder = reader.into_decoder().map_err(damaged)?;
            decoder.exif_metadata().map_err(damaged)?.as_deref().and_then(history)
        }
    };
    Ok(text.as_deref().and_then(Provenance::find))
}

/// The text of a PNG; other programs may have compressed it or changed its encoding.
fn png(bytes: &[u8]) -> Result<Option<String>, Problem> {
    let damaged = |error| Problem::damaged("PNG", error);
    let reader = png::Decoder::new(Cursor::new(bytes)).read_info().map_err(damaged)?;
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter().filter(|text| text.keyword == KEYWORD);
    let packed = info.compressed_latin1_text.iter().filter(|text| text.keyword == KEYWORD);
    let wide = info.utf8_text.iter().filter(|text| text.keyword == KEYWORD);
    let texts = plain
        .map(|text| Some(text.text.clone()))
        .chain(packed.map(|text| text.get_text().ok()))
        .chain(wide.map(|text| text.get_text().ok()));
    Ok(texts.flatten().next())
}

/// The tag ImageHistory in the first directory of a TIFF file, or of an Exif block, which is one (TIFF 6.0,
/// section 2). `None` also for whatever is damaged.
fn history(tiff: &[u8]) -> Option<String> {
    const ENTRY: usize = 12;
    let big_endian = match tiff.get(..4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        Some(if big_endian { u16::from_be_bytes(*bytes) } else { u16::from_le_bytes(*bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        let value = if big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
        usize::try_from(value).ok()
    };
    let directory = long(4)?;
    let entries = (0..usize::from(short(directory)?)).map(|i| directory + 2 + ENTRY * i);
    let entry = entries.into_iter().find(|&at| short(at) == Some(IMAGE_HISTORY))?;
    // Text of up to four bytes stands in the entry itself; none of ours is so short.
    let (length, at) = (long(entry + 4)?, long(entry + 8)?);
    let text = tiff.get(at..at.checked_add(length)?).filter(|_| short(entry + 2) == Some(ASCII))?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A big-endian TIFF of one entry, by the specification.
    fn tiff(text: &str) -> Vec<u8> {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x92\x13\0\x02".to_vec();
        bytes.extend((text.len() as u32 + 1).to_be_bytes());
        bytes.extend(26u32.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(text.bytes().chain([0]));
        bytes
    }

    #[test]
    fn either_byte_order_is_read() {
        assert_eq!(history(&tiff("a history")).unwrap(), "a history");
        let little = b"II*\0\x08\0\0\0\x01\0\x13\x92\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0hello\0";
        assert_eq!(history(little).unwrap(), "hello");
    }

    proptest! {
        #[test]
        fn no_damage_does_harm(at in 0usize..40, value in any::<u8>(), length in 0usize..40) {
            let mut bytes = tiff("a history");
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = history(&bytes);
            bytes.truncate(length);
            let _ = history(&bytes);
        }

        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = provenance(&bytes);
            let _ = history(&bytes);
        }
    }
}
