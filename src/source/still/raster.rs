//! From whatever samples a file holds to 8-bit sRGB over white.
//!
//! Every decoder ends in a [`Raster`]; only here are colours converted, so that the formats cannot
//! differ in it. The conversion runs in 16 bits row by row: the picture is never held twice in a
//! wide form, and 16-bit files keep their precision until the last step.

use super::Problem;
use crate::frame::{Frame, Size};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform16BitExecutor, TransformOptions};
use std::sync::Arc;

/// What one pixel is made of, in this order. Samples are full scale: 0 … 255 or 0 … 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Ink: 0 is none, full scale is all of it.
    Cmyk,
    CmykAlpha,
}

impl Channels {
    /// Samples a pixel without its alpha.
    fn colors(self) -> usize {
        match self {
            Self::Gray | Self::GrayAlpha => 1,
            Self::Rgb | Self::Rgba => 3,
            Self::Cmyk | Self::CmykAlpha => 4,
        }
    }

    fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba | Self::CmykAlpha)
    }

    /// Samples a pixel.
    pub(super) fn count(self) -> usize {
        self.colors() + usize::from(self.has_alpha())
    }
}

/// Interleaved samples, row-major.
pub(super) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
        }
    }
}

/// A decoded picture in its own colours, not yet turned upright.
pub(super) struct Raster {
    pub(super) size: Size,
    pub(super) channels: Channels,
    pub(super) samples: Samples,
    pub(super) icc: Option<Vec<u8>>,
    pub(super) orientation: Orientation,
    /// Whether colours are already multiplied by alpha.
    pub(super) premultiplied: bool,
}

impl Raster {
    /// The picture in sRGB, over white, upright.
    pub(super) fn into_frame(self) -> Result<Frame, Problem> {
        let Self { size, channels, samples, icc, orientation, premultiplied } = self;
        if samples.len() != size.pixels() * channels.count() {
            return Err(Problem::new("it holds fewer pixels than its header says"));
        }
        let transform = icc.as_deref().and_then(|icc| to_srgb(icc, channels));
        let rgb = match (samples, &transform, channels) {
            (Samples::U8(samples), None, Channels::Rgb) => samples,
            (samples, transform, _) => convert(size, channels, &samples, transform.as_ref(), premultiplied)?,
        };
        upright(size, rgb, orientation)
    }
}

fn upright(size: Size, rgb: Vec<u8>, orientation: Orientation) -> Result<Frame, Problem> {
    let broken = || Problem::new("its pixels do not fit its size");
    if orientation == Orientation::NoTransforms {
        return Frame::new(size, rgb).ok_or_else(broken);
    }
    let image = RgbImage::from_raw(size.width as u32, size.height as u32, rgb).ok_or_else(broken)?;
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    let size = Size::new(image.width() as usize, image.height() as usize);
    Frame::new(size, image.into_rgb8().into_raw()).ok_or_else(broken)
}

/// How the colours of one row become sRGB.
struct ToSrgb {
    executor: Arc<Transform16BitExecutor>,
    /// Colours the profile takes: 1, 3 or 4. Grey samples under an RGB profile are tripled first.
    takes: usize,
}

/// The conversion an embedded profile asks for; `None` if it is sRGB already, or unusable: a broken
/// profile, or one for other channels, is ignored as image viewers do.
fn to_srgb(icc: &[u8], channels: Channels) -> Option<ToSrgb> {
    let ignored = |why: &str| {
        tracing::warn!("an embedded colour profile is ignored ({why}); the picture is taken as sRGB");
        None
    };
    let profile = match ColorProfile::new_from_slice(icc) {
        Ok(profile) => profile,
        Err(error) => return ignored(&error.to_string()),
    };
    let (layout, takes) = match (profile.color_space, channels.colors()) {
        (DataColorSpace::Gray, 1) => (Layout::Gray, 1),
        (DataColorSpace::Rgb, 1 | 3) => (Layout::Rgb, 3),
        (DataColorSpace::Cmyk, 4) => (Layout::Rgba, 4),
        _ => return ignored("it describes other channels than the picture has"),
    };
    let options = TransformOptions { prefer_fixed_point: false, ..TransformOptions::default() };
    let srgb = ColorProfile::new_srgb();
    match profile.create_transform_16bit(layout, &srgb, Layout::Rgb, options) {
        Ok(executor) if takes == 3 && is_identity(executor.as_ref()) => None,
        Ok(executor) => Some(ToSrgb { executor, takes }),
        Err(error) => ignored(&error.to_string()),
    }
}

/// Whether no colour moves by a whole 8-bit step: then the profile is sRGB in one of its many
/// spellings, and the samples are kept bit for bit instead of being rounded once more.
fn is_identity(executor: &Transform16BitExecutor) -> bool {
    const STEPS: u16 = 8;
    let level = |step: u16| (u32::from(step) * 65535 / u32::from(STEPS)) as u16;
    let mut probes = Vec::new();
    for r in 0..=STEPS {
        for g in 0..=STEPS {
            for b in 0..=STEPS {
                probes.extend([level(r), level(g), level(b)]);
            }
        }
    }
    let mut moved = vec![0; probes.len()];
    executor.transform(&probes, &mut moved).is_ok()
        && probes.iter().zip(&moved).all(|(&from, &to)| from.abs_diff(to) < 257)
}

fn convert(
    size: Size,
    channels: Channels,
    samples: &Samples,
    transform: Option<&ToSrgb>,
    premultiplied: bool,
) -> Result<Vec<u8>, Problem> {
    let count = channels.count();
    let mut row = vec![0_u16; size.width * count];
    let mut colors = Vec::with_capacity(size.width * 4);
    let mut rgb = vec![0_u16; size.width * 3];
    let mut out = Vec::with_capacity(size.pixels() * 3);
    for y in 0..size.height {
        let range = y * row.len()..(y + 1) * row.len();
        match samples {
            Samples::U8(all) => {
                row.iter_mut().zip(&all[range]).for_each(|(to, &from)| *to = u16::from(from) * 257)
            }
            Samples::U16(all) => row.copy_from_slice(&all[range]),
        }
        colors.clear();
        for pixel in row.chunks_exact(count) {
            let alpha = if premultiplied && channels.has_alpha() { pixel[count - 1] } else { u16::MAX };
            for &sample in &pixel[..channels.colors()] {
                let repeat =
                    if transform.is_some_and(|t| t.takes == 3 && channels.colors() == 1) { 3 } else { 1 };
                colors.extend(std::iter::repeat_n(unmultiply(sample, alpha), repeat));
            }
        }
        match transform {
            Some(to_srgb) => to_srgb
                .executor
                .transform(&colors, &mut rgb)
                .map_err(|error| Problem::new(format!("its colour profile fails ({error})")))?,
            None => plain(&colors, channels, &mut rgb),
        }
        for (x, color) in rgb.chunks_exact(3).enumerate() {
            let alpha = if channels.has_alpha() { row[x * count + count - 1] } else { u16::MAX };
            out.extend(color.iter().map(|&sample| over_white(sample, alpha)));
        }
    }
    Ok(out)
}

/// Colours to RGB without a profile. Ink takes light away: R = (1 − C)(1 − K).
fn plain(colors: &[u16], channels: Channels, rgb: &mut [u16]) {
    for (color, out) in colors.chunks_exact(channels.colors()).zip(rgb.chunks_exact_mut(3)) {
        match *color {
            [gray] => out.fill(gray),
            [c, m, y, k] => {
                for (out, ink) in out.iter_mut().zip([c, m, y]) {
                    *out = multiply(u16::MAX - ink, u16::MAX - k);
                }
            }
            _ => out.copy_from_slice(color),
        }
    }
}

/// `a · b` where full scale stands for 1.
fn multiply(a: u16, b: u16) -> u16 {
    ((u64::from(a) * u64::from(b) + 32767) / 65535) as u16
}

fn unmultiply(sample: u16, alpha: u16) -> u16 {
    match alpha {
        u16::MAX => sample,
        0 => 0,
        alpha => (u32::from(sample) * 65535 / u32::from(alpha)).min(65535) as u16,
    }
}

/// Laid over white and rounded to 8 bits.
fn over_white(sample: u16, alpha: u16) -> u8 {
    let blended = u32::from(multiply(sample, alpha)) + u32::from(u16::MAX - alpha);
    ((blended + 128) / 257) as u8
}
