//! Still pictures: one file in, one upright sRGB [`Frame`] out.
//!
//! Pictures arrive turned, in wide-gamut or print colours, transparent, and under the wrong name.
//! All of that is settled here, at the door: the format is recognised by content, EXIF orientation
//! applied, an embedded ICC profile converted to sRGB, ink (CMYK) to light, transparency laid over
//! white. FFmpeg is not needed for any of it.

mod jpeg;
mod provenance;
mod raster;
mod tiff;

pub use provenance::{is_picture, read_provenance};

use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use raster::{Channels, Raster, Samples};
use std::fs::File;
use std::io::{Cursor, ErrorKind as IoErrorKind, Read};
use std::path::Path;

/// The most pixels a picture may have: 16384 × 16384, above the largest phone cameras (200
/// megapixels). Chosen so that a forged header cannot ask for more memory than a machine has.
pub const MAX_PIXELS: usize = 1 << 28;

/// The largest file read, in bytes: an uncompressed 16-bit RGBA picture of [`MAX_PIXELS`].
const MAX_FILE_BYTES: u64 = 8 * MAX_PIXELS as u64 + (1 << 20);

/// Reads the PNG, JPEG, WebP or TIFF picture at `path`.
///
/// The format is recognised by the file's content, whatever its name. 8 and 16 bits, grey, palette
/// and CMYK are read; of an animation or a TIFF with several pages, the first picture.
///
/// # Errors
///
/// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the file is missing, a folder, empty,
/// not a picture, damaged, cut short, or larger than [`MAX_PIXELS`].
pub fn read_picture(path: &Path) -> Result<Frame> {
    let bytes = read_file(path)?;
    decode(bytes).map_err(|problem| problem.about(path))
}

/// Whether the file at `path` is to be read as a picture: it begins like one, or cannot be looked at without
/// being read (a pipe), or is not there at all, which [`read_picture`] tells best.
pub fn begins_like_a_picture(path: &Path) -> bool {
    if !path.is_file() {
        return true;
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut bytes));
    read.is_err() || bytes.is_empty() || recognise(&bytes).is_ok()
}

/// Why bytes are not a picture, before the file's name is known.
struct Problem {
    cause: String,
    hint: Option<String>,
}

impl Problem {
    fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// "damaged" plus what the decoder says.
    fn damaged(format: &str, detail: impl std::fmt::Display) -> Self {
        let detail = detail.to_string();
        let detail = detail.trim_end_matches('.').replace('\n', " ");
        Self::new(format!("the {format} data is damaged or of an unusual kind ({detail})"))
            .hint("open it in an image editor and save it again, or try another picture")
    }

    fn about(self, path: &Path) -> Error {
        let error = Error::input(format!("cannot read {}: {}", path.display(), self.cause));
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The whole file. Pipes are read too (`--style <(…)`).
fn read_file(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| match error.kind() {
        IoErrorKind::NotFound => {
            Problem::new("there is no such file").hint("check the spelling and the folder")
        }
        IoErrorKind::PermissionDenied => {
            Problem::new("permission denied").hint("check the file's permissions")
        }
        _ => Problem::new(error.to_string()),
    };
    let read = || -> Result<Vec<u8>, Problem> {
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Problem::new("it is a folder").hint("name one picture in it"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.is_empty() {
            return Err(Problem::new("it is empty"));
        }
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(too_large());
        }
        Ok(bytes)
    };
    read().map_err(|problem| problem.about(path))
}

fn too_large() -> Problem {
    Problem::new(format!("it is too large (more than {} megapixels)", MAX_PIXELS / 1_000_000))
        .hint("make it smaller first; a style or a photo needs no more than a few megapixels")
}

/// The size a header claims, if it may be decoded.
fn checked_size(width: u32, height: u32) -> Result<Size, Problem> {
    let size = Size::new(width as usize, height as usize);
    match size.width.checked_mul(size.height) {
        Some(0) => Err(Problem::new(format!("its header claims {size} pixels")).hint("the file is damaged")),
        Some(pixels) if pixels <= MAX_PIXELS => Ok(size),
        _ => Err(too_large()),
    }
}

fn decode(bytes: Vec<u8>) -> Result<Frame, Problem> {
    let raster = match recognise(&bytes)? {
        ImageFormat::Jpeg => jpeg::decode(&bytes)?,
        ImageFormat::Tiff => tiff::decode(bytes)?,
        format => decode_with_image(&bytes, format)?,
    };
    raster.into_frame()
}

/// Which of the formats that are read; otherwise a guess at what it is instead.
fn recognise(bytes: &[u8]) -> Result<ImageFormat, Problem> {
    const BIG_TIFF: [&[u8]; 2] = [b"II+\0", b"MM\0+"];
    const READ: &str = "PNG, JPEG, WebP and TIFF are read";
    if BIG_TIFF.iter().any(|magic| bytes.starts_with(magic)) {
        return Ok(ImageFormat::Tiff);
    }
    let brand = bytes.get(4..12).unwrap_or_default();
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Tiff)) => {
            Ok(format)
        }
        // "P1".."P7" and "BM" also begin ordinary words, so text is asked for first.
        _ if std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) => {
            Err(Problem::new("it is a text file, not a picture").hint(READ))
        }
        Ok(other) => Err(Problem::new(format!("it is a {} picture", name_of(other)))
            .hint(format!("{READ}; convert it to one of these"))),
        Err(_) if matches!(brand, b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypheif") => {
            Err(Problem::new("it is an HEIC picture").hint(format!("{READ}; convert it to one of these")))
        }
        Err(_) if brand.starts_with(b"ftyp") || bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) => {
            Err(Problem::new("it is a video, not a picture").hint(READ))
        }
        Err(_) => Err(Problem::new("it is not a picture of a known kind").hint(READ)),
    }
}

fn name_of(format: ImageFormat) -> String {
    format.extensions_str().first().map_or_else(|| "different".to_owned(), |name| name.to_uppercase())
}

/// Limits for decoders that keep to them: eight bytes a pixel, and room for what they need beside.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * MAX_FILE_BYTES);
    limits
}

/// PNG, WebP, and JPEG other than CMYK.
fn decode_with_image(bytes: &[u8], format: ImageFormat) -> Result<Raster, Problem> {
    let name = name_of(format);
    let damaged = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => too_large(),
        other => Problem::damaged(&name, other),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let size = checked_size(width, height)?;
    // A broken profile or EXIF block does not spoil the pixels.
    let icc = decoder.icc_profile().unwrap_or_default();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (channels, samples) = match DynamicImage::from_decoder(decoder).map_err(damaged)? {
        DynamicImage::ImageLuma8(image) => (Channels::Gray, Samples::U8(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (Channels::GrayAlpha, Samples::U8(image.into_raw())),
        DynamicImage::ImageRgb8(image) => (Channels::Rgb, Samples::U8(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (Channels::Rgba, Samples::U8(image.into_raw())),
        DynamicImage::ImageLuma16(image) => (Channels::Gray, Samples::U16(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (Channels::GrayAlpha, Samples::U16(image.into_raw())),
        DynamicImage::ImageRgb16(image) => (Channels::Rgb, Samples::U16(image.into_raw())),
        other => (Channels::Rgba, Samples::U16(other.into_rgba16().into_raw())),
    };
    Ok(Raster { size, channels, samples, icc, orientation, premultiplied: false })
}
