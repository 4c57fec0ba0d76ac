//! Masks that lie over a frame: where paint shows, and where each style holds.
//!
//! A mask decides what is seen, not what is painted: the whole frame is painted and laid over the source
//! through the mask in the last step. So the painting is the same as without, goes on under a mask that
//! moves, opens or fades, and is finished and steady wherever it comes to light. Who wants a style's
//! statistics from a part of the frame only gives that style a region.

use super::smooth::box_mean;
use crate::flow::Mask;
use crate::frame::{Frame, Size};
use crate::resize::resize_values;
use rayon::prelude::*;
use std::sync::Arc;

/// Brightness this close to black or white, in 8-bit steps, is black or white: encoders leave such traces,
/// and what is masked shall stay exactly as it was. Tuned: twice what H.264 and JPEG leave in flat areas at
/// usual quality.
const TRACE: f32 = 4.0;

/// What lies over a frame.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    /// Where paint shows: 1 painted, 0 the source untouched. `None`: everywhere.
    pub paint: Option<Arc<Mask>>,
    /// The regions that [`super::Part::region`] counts.
    pub regions: Vec<Arc<Mask>>,
}

impl Masks {
    /// Whether the regions are the very same.
    pub(super) fn same_regions(&self, other: &Self) -> bool {
        let pairs = self.regions.iter().zip(&other.regions);
        self.regions.len() == other.regions.len() && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// `painted` as it is seen: laid over `source`, of one size, through the mask.
    pub(super) fn lay(&self, mut painted: Frame, source: &Frame) -> Frame {
        if let Some(mask) = &self.paint {
            let mask = at_size(mask, source.size());
            let pixels = painted.data_mut().par_chunks_mut(3).zip(source.data().par_chunks(3));
            pixels.zip(mask.values()).for_each(|((painted, source), &m)| {
                for (paint, source) in painted.iter_mut().zip(source) {
                    // Exact at 0 and at 1.
                    *paint = (f32::from(*source) * (1.0 - m) + f32::from(*paint) * m + 0.5) as u8;
                }
            });
        }
        painted
    }
}

/// `mask` at `size`.
pub(super) fn at_size(mask: &Mask, size: Size) -> Mask {
    if mask.size() == size {
        return mask.clone();
    }
    let values =
        resize_values(mask.values(), mask.size(), size).into_iter().map(|v| v.clamp(0.0, 1.0)).collect();
    Mask::new(size, values).unwrap_or_else(|| mask.clone())
}

/// How a picture is read as a mask: by its brightness, white for 1 and black for 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaskReading {
    /// Black for 1 and white for 0 instead. Default: no.
    pub invert: bool,
    /// How far edges are softened to each side, in pixels of the size that is read at. Default: 0.
    pub feather: usize,
}

impl MaskReading {
    /// `picture` as a mask of `size`.
    pub fn read(&self, picture: &Frame, size: Size) -> Mask {
        let brightness: Vec<f32> = picture.data().par_chunks(3).map(brightness).collect();
        let mut values = match picture.size() == size {
            true => brightness,
            false => resize_values(&brightness, picture.size(), size),
        };
        values.par_iter_mut().for_each(|value| {
            let clean = ((*value - TRACE) / (255.0 - 2.0 * TRACE)).clamp(0.0, 1.0);
            *value = if self.invert { 1.0 - clean } else { clean };
        });
        // Two box filters: a soft S that reaches as far as both radii together.
        for radius in [self.feather / 2, self.feather.div_ceil(2)] {
            if radius > 0 {
                values = box_mean(&values, size, radius);
            }
        }
        values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        Mask::new(size, values).unwrap_or_else(|| Mask::flat(size, 0.0))
    }
}

/// The luma of a pixel (BT.709), 0..255; of a grey one exactly its value.
fn brightness(rgb: &[u8]) -> f32 {
    let weighted: u32 = rgb.iter().zip([2126u32, 7152, 722]).map(|(&v, weight)| weight * u32::from(v)).sum();
    weighted as f32 / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 32, height: 8 };

    /// White on the right half.
    fn half() -> Frame {
        Frame::from_fn(SIZE, |x, _| if x < 16 { [0; 3] } else { [255; 3] })
    }

    fn read(picture: &Frame, invert: bool, feather: usize) -> Mask {
        MaskReading { invert, feather }.read(picture, SIZE)
    }

    #[test]
    fn white_is_one_black_is_nought_and_traces_do_not_count() {
        let grey = |v: u8| read(&Frame::from_fn(SIZE, |_, _| [v; 3]), false, 0).values()[0];
        assert_eq!([grey(0), grey(4), grey(251), grey(255)], [0.0, 0.0, 1.0, 1.0]);
        assert!((grey(127) - 0.5).abs() < 0.01 && grey(64) > 0.2 && grey(64) < 0.3);
        let red = read(&Frame::from_fn(SIZE, |_, _| [255, 0, 0]), false, 0).values()[0];
        // BT.709: 0.2126.
        assert!((red - 0.2).abs() < 0.02, "{red}");
        let (mask, inverted) = (read(&half(), false, 0), read(&half(), true, 0));
        assert!(
            mask.values()
                .iter()
                .zip(inverted.values())
                .all(|(a, b)| a + b == 1.0 && (*a == 0.0 || *b == 0.0))
        );
    }

    #[test]
    fn feathers_reach_as_far_as_they_are_told_and_no_further() {
        for feather in [1, 2, 5, 8] {
            let row = read(&half(), false, feather).values()[..32].to_vec();
            assert!(row[..16 - feather].iter().all(|v| *v == 0.0), "{feather}: {row:?}");
            assert!(row[16 + feather..].iter().all(|v| *v == 1.0), "{feather}: {row:?}");
            assert!(row[16 - feather] > 0.0 && row[15 + feather] < 1.0, "{feather}: {row:?}");
            assert!(row.is_sorted() && (row[15] + row[16] - 1.0).abs() < 1e-6, "{feather}: {row:?}");
        }
    }

    #[test]
    fn enlarged_masks_stay_exact_in_flat_areas() {
        let large = Size::new(119, 31);
        let mask = MaskReading::default().read(&half(), large);
        assert_eq!(mask.size(), large);
        let row = &mask.values()[..119];
        assert!(row[..50].iter().all(|v| *v == 0.0) && row[70..].iter().all(|v| *v == 1.0));
        let again = at_size(&mask, SIZE);
        assert!((again.mean() - 0.5).abs() < 0.02 && again.values()[0] == 0.0);
    }

    #[test]
    fn outside_of_the_mask_is_the_source_and_inside_the_painting() {
        let source = Frame::from_fn(SIZE, |x, y| [x as u8, y as u8, 77]);
        let painted = Frame::from_fn(SIZE, |x, y| [255 - x as u8, 200, y as u8]);
        let mut values = vec![0.0; SIZE.pixels()];
        (values[1], values[2]) = (1.0, 0.5);
        let paint = Some(Arc::new(Mask::new(SIZE, values).unwrap()));
        let seen = Masks { paint, regions: Vec::new() }.lay(painted.clone(), &source);
        assert_eq!([seen.pixel(0, 0), seen.pixel(1, 0)], [source.pixel(0, 0), painted.pixel(1, 0)]);
        // (2 + 253) / 2 and (0 + 200) / 2 and (77 + 0) / 2, rounded.
        assert_eq!(seen.pixel(2, 0), [128, 100, 39]);
        assert_eq!(&seen.data()[9..], &source.data()[9..]);
        assert_eq!(Masks::default().lay(painted.clone(), &source), painted);
    }
}
