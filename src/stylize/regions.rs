//! Where the parts of a look hold: its regions at the painted size, so divided that no place has more than
//! one style's worth.
//!
//! Where regions overlap they share the place in proportion; what none of them covers belongs to the part
//! without a region, or, if there is none, to the content alone.

use super::look::Look;
use super::masks::{Masks, at_size};
use super::tones::Tones;
use crate::error::{Error, Result};
use crate::flow::Mask;
use crate::frame::Size;
use crate::pixels::Pixels;

/// A map for each part of `look` at `size`; anywhere they add up to at most 1.
///
/// # Errors
/// A region that is not among the masks.
pub(super) fn maps(look: &Look, masks: &Masks, size: Size) -> Result<Vec<Mask>> {
    let region = |number: usize| {
        let mask = masks.regions.get(number).ok_or_else(|| {
            Error::usage(format!("a style holds in region {number}, but there are {}", masks.regions.len()))
                .hint("give the painter a mask for each region")
        })?;
        Ok(at_size(mask, size).values().to_vec())
    };
    let mut maps: Vec<Option<Vec<f32>>> =
        look.parts.iter().map(|part| part.region.map(region).transpose()).collect::<Result<_>>()?;
    let mut rest = vec![1.0f32; size.pixels()];
    for (i, rest) in rest.iter_mut().enumerate() {
        let sum: f32 = maps.iter().flatten().map(|map| map[i]).sum();
        if sum > 1.0 {
            maps.iter_mut().flatten().for_each(|map| map[i] /= sum);
        }
        *rest = (1.0 - sum).max(0.0);
    }
    let mask = |map: Option<Vec<f32>>| {
        let values = map.unwrap_or_else(|| rest.clone());
        Mask::new(size, values).unwrap_or_else(|| Mask::flat(size, 0.0))
    };
    Ok(maps.into_iter().map(mask).collect())
}

/// `picture` with the tones of `parts`, each where its map is above 0 and as far as it is, by `weight` of the
/// way.
pub(super) fn add_tones(changed: &mut Pixels, picture: &Pixels, parts: &[(Tones, Mask)], weight: f32) {
    let pixels = picture.size().pixels();
    for (tones, map) in parts {
        let Some(from) = Tones::within(picture, map.values()) else { continue };
        let mut toned = picture.clone();
        from.change(tones, &mut toned);
        let planes = toned.data().chunks_exact(pixels).zip(picture.data().chunks_exact(pixels));
        for (changed, (toned, picture)) in changed.data_mut().chunks_exact_mut(pixels).zip(planes) {
            for (((changed, toned), picture), map) in
                changed.iter_mut().zip(toned).zip(picture).zip(map.values())
            {
                *changed += weight * map * (toned - picture);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stylize::Part;
    use std::sync::Arc;

    const SIZE: Size = Size { width: 4, height: 1 };

    fn masks(regions: &[[f32; 4]]) -> Masks {
        let regions = regions.iter().map(|v| Arc::new(Mask::new(SIZE, v.to_vec()).unwrap())).collect();
        Masks { paint: None, regions }
    }

    fn look(regions: &[Option<usize>]) -> Look {
        Look { parts: regions.iter().map(|region| Part { region: *region, ..Part::default() }).collect() }
    }

    fn values(maps: &[Mask]) -> Vec<Vec<f32>> {
        maps.iter().map(|map| map.values().to_vec()).collect()
    }

    #[test]
    fn overlaps_are_shared_and_the_rest_is_left_to_the_part_without_a_region() {
        let masks = masks(&[[1.0, 1.0, 0.0, 0.25], [0.0, 1.0, 0.0, 0.25]]);
        let with_rest = maps(&look(&[None, Some(0), Some(1)]), &masks, SIZE).unwrap();
        assert_eq!(values(&with_rest), [[0.0, 0.0, 1.0, 0.5], [1.0, 0.5, 0.0, 0.25], [0.0, 0.5, 0.0, 0.25]]);
        let without = maps(&look(&[Some(1), Some(0)]), &masks, SIZE).unwrap();
        assert_eq!(values(&without), [[0.0, 0.5, 0.0, 0.25], [1.0, 0.5, 0.0, 0.25]]);
        // Regions of other looks do not matter to this one.
        assert_eq!(values(&maps(&look(&[Some(1)]), &masks, SIZE).unwrap()), [[0.0, 1.0, 0.0, 0.25]]);
    }

    #[test]
    fn a_region_without_a_mask_is_an_error() {
        let error = maps(&look(&[Some(2)]), &masks(&[[1.0; 4]]), SIZE).unwrap_err();
        assert!(error.to_string().contains("region 2") && error.next_step().is_some());
    }

    #[test]
    fn each_region_takes_on_its_own_tones_and_nothing_else_changes() {
        let size = Size::new(8, 8);
        let flat = |v| Tones::of(&Pixels::new(size, vec![v; 3 * 64]).unwrap());
        let half = |left: bool| {
            let inside = |i: usize| (i % 8 < 4) == left && i < 32;
            Mask::new(size, (0..64).map(|i| f32::from(u8::from(inside(i)))).collect()).unwrap()
        };
        let picture = Pixels::new(size, vec![0.5; 3 * 64]).unwrap();
        let mut changed = picture.clone();
        add_tones(&mut changed, &picture, &[(flat(0.9), half(true)), (flat(0.1), half(false))], 0.5);
        for (i, value) in changed.data()[..64].iter().enumerate() {
            let expected = if i >= 32 {
                0.5
            } else if i % 8 < 4 {
                0.7
            } else {
                0.3
            };
            assert!((value - expected).abs() < 1e-5, "{i}: {value}");
        }
    }
}
