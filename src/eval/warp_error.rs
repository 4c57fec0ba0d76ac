//! E_warp: how much of a film changes that should only move.
//!
//! Lai et al. (2018), *Learning Blind Video Temporal Consistency*, section 4.2: an earlier frame is
//! brought to where things are now by the *source's* flow, and what differs from the frame of now is
//! flicker. As there, and as the flow of Ruder et al. (2016), pixels that were hidden or lie at motion
//! boundaries are left out, and pixels in between are interpolated linearly. Deviation: the squared
//! differences are averaged over the channels instead of added up, so that a noise of deviation σ in
//! every frame is an error of 2σ².

use super::Link;
use crate::flow::{Kernel, warp_planes};
use crate::pixels::Pixels;

/// The mean over channels and trusted pixels of (`now` − `earlier` warped along `link`)², values 0..1,
/// each pixel weighted by its certainty. `None` where no pixel is trusted or the sizes differ.
pub fn warp_error(earlier: &Pixels, now: &Pixels, link: &Link) -> Option<f64> {
    let size = now.size();
    if earlier.size() != size || link.backward.size() != size || link.certainty.size() != size {
        return None;
    }
    let moved = warp_planes(earlier.data(), &link.backward, Kernel::Linear);
    let certainty = link.certainty.values();
    let weight: f64 = certainty.iter().map(|&c| f64::from(c)).sum();
    let planes = moved.chunks_exact(size.pixels()).zip(now.planes());
    let sum: f64 = planes
        .flat_map(|(moved, now)| moved.iter().zip(now).zip(certainty))
        .map(|((moved, now), certainty)| f64::from(*certainty) * f64::from(now - moved).powi(2))
        .sum();
    (weight > 0.0).then(|| sum / (3.0 * weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, Mask};
    use crate::frame::Size;

    #[test]
    fn only_trusted_pixels_count_and_channels_are_averaged() {
        let size = Size::new(4, 1);
        let flat =
            |values: [f32; 3]| Pixels::new(size, values.iter().flat_map(|v| [*v; 4]).collect()).unwrap();
        let link = |certainty: Vec<f32>| Link {
            backward: Flow::zeros(size),
            certainty: Mask::new(size, certainty).unwrap(),
        };
        let before = flat([0.5, 0.5, 0.5]);
        let mut now = flat([0.5, 0.25, 0.5]);
        now.data_mut()[0] = 1.0;
        // The first pixel changes by 1/2 and 1/4, the others by 1/4, each in one of three channels.
        let error = warp_error(&before, &now, &link(vec![1.0; 4])).unwrap();
        assert!((error - (0.25 + 4.0 * 0.0625) / 12.0).abs() < 1e-9);
        let error = warp_error(&before, &now, &link(vec![0.0, 1.0, 1.0, 0.0])).unwrap();
        assert!((error - 0.0625 / 3.0).abs() < 1e-9);
        assert_eq!(warp_error(&before, &now, &link(vec![0.0; 4])), None);
    }
}
