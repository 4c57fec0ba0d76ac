//! A guess of how stiff the objective is, for the quasi-Newton optimiser to start from.
//!
//! Seen from the pixels, the network's objective is stiff in fine detail and soft in what is coarse: a
//! change of the mean colour of a region has to move all of its pixels, and by steps along the gradient it
//! takes many. The multilevel preconditioner of Bramble, Pasciak & Xu (1990, *Parallel multilevel
//! preconditioners*) adds to a vector its own coarser versions, so that regions move together. It is
//! symmetric and positive, as two-loop recursions need: shrinking and enlarging by a factor of two with a
//! triangle are each other's transpose, up to the borders and a factor.

use crate::frame::Size;
use crate::resize::resize_values;

/// Coarser versions that are added, each half as large. Tuned: see docs/PERFORMANCE.md, "Fewer iterations".
pub(super) const LEVELS: usize = 4;

/// Adds the coarser versions of a gradient `[3, H, W]` to it.
pub(super) fn coarse_to_fine(size: Size, gradient: &mut [f32]) {
    for plane in gradient.chunks_exact_mut(size.pixels()) {
        let (mut at, mut coarse) = (size, None::<Vec<f32>>);
        for _ in 0..LEVELS {
            let half = Size::new(at.width / 2, at.height / 2);
            if half.shortest_side() < 2 {
                break;
            }
            let coarser = resize_values(coarse.as_deref().unwrap_or(plane), at, half);
            for (fine, coarse) in plane.iter_mut().zip(resize_values(&coarser, half, size)) {
                *fine += coarse;
            }
            (at, coarse) = (half, Some(coarser));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    proptest! {
        #[test]
        fn it_is_positive_and_nearly_symmetric(width in 1usize..40, height in 1usize..40, seed in any::<u64>()) {
            let size = Size::new(width, height);
            let mut random = fastrand::Rng::with_seed(seed);
            let mut vector = || (0..3 * size.pixels()).map(|_| random.f32() - 0.5).collect::<Vec<_>>();
            let (a, b) = (vector(), vector());
            let applied = |v: &[f32]| {
                let mut v = v.to_vec();
                coarse_to_fine(size, &mut v);
                v
            };
            let (pa, pb) = (applied(&a), applied(&b));
            prop_assert!(dot(&a, &pa) > 0.5 * dot(&a, &a));
            // Odd sides break the symmetry a little, at the borders.
            let scale = (dot(&a, &pa) * dot(&b, &pb)).sqrt();
            prop_assert!((dot(&a, &pb) - dot(&pa, &b)).abs() < 0.1 * scale);
        }
    }

    #[test]
    fn the_mean_moves_most() {
        // A flat gradient is its own coarse version: once for itself and once a level.
        let size = Size::new(64, 48);
        let mut flat = vec![1.0; 3 * size.pixels()];
        coarse_to_fine(size, &mut flat);
        assert!(flat.iter().all(|v| (v - 1.0 - LEVELS as f32).abs() < 1e-4));
        // A checkerboard has none.
        let mut fine: Vec<f32> =
            (0..3 * size.pixels()).map(|i| if (i / 64 + i % 64) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let before = fine.clone();
        coarse_to_fine(size, &mut fine);
        // The border reaches two pixels of the coarsest version far.
        let inside = |i: usize| (16..48).contains(&(i % 64)) && (16..32).contains(&(i / 64 % 48));
        for i in (0..fine.len()).filter(|i| inside(*i)) {
            assert!((fine[i] - before[i]).abs() < 1e-4);
        }
    }
}
