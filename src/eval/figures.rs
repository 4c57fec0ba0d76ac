//! The numbers of one frame, or their means over a film: the same list for both, so that a total is
//! always the mean of what stands on the frames' lines.

use serde::Serialize;

/// Declares [`Figures`] and the ways to go through all of them.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Everything that is measured of a frame. `None` where it does not exist: no style was named, no
        /// frame lies so far back, every pixel is occluded. In a total, the mean over the frames that
        /// have it. `docs/EVAL.md` has the definitions.
        #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
        pub struct Figures {
            $($(#[$doc])* pub $name: Option<f64>,)*
        }

        impl Figures {
            /// How many there are.
            pub(super) const COUNT: usize = [$(stringify!($name)),*].len();

            /// All values, in the order of the fields.
            pub(super) fn values(&self) -> [Option<f64>; Self::COUNT] {
                [$(self.$name),*]
            }

            /// From values in the order of the fields; what is not finite becomes `None`.
            pub(super) fn from_values(values: [Option<f64>; Self::COUNT]) -> Self {
                let [$($name),*] = values.map(|value| value.filter(|value| value.is_finite()));
                Self { $($name),* }
            }
        }
    };
}

figures! {
    /// The objective: the weighted sum of all terms.
    objective,
    /// Σ w_l L_l, the style loss with normalised weights.
    style,
    /// The relative content loss.
    content,
    /// E_warp from the frame before.
    warp_error,
    /// E_warp from [`super::LONG`] frames before.
    warp_error_10,
    /// E_warp from the film's first frame.
    warp_error_first,
    /// E_warp of the source from the frame before: noise, light and errors of the flow.
    source_warp_error,
    /// Share of pixels that are occluded or at motion boundaries and so left out of `warp_error`, 0..1.
    occluded,
    /// The same for `warp_error_10`.
    occluded_10,
    /// The same for `warp_error_first`.
    occluded_first,
    /// Structural similarity to the source, on luma.
    ssim,
    /// Mean luma, 0..1.
    luminance,
    /// Mean saturation, 0..1.
    saturation,
    /// RMS contrast of the luma.
    contrast,
    /// The source's mean luma.
    source_luminance,
    /// The source's mean saturation.
    source_saturation,
    /// The source's RMS contrast.
    source_contrast,
    /// `contrast / source_contrast`.
    contrast_ratio,
}

/// Running means of all figures.
#[derive(Debug, Clone, Default)]
pub(super) struct Means {
    sums: [f64; Figures::COUNT],
    counts: [u64; Figures::COUNT],
}

impl Means {
    /// Counts a frame.
    pub(super) fn see(&mut self, figures: &Figures) {
        for ((sum, count), value) in self.sums.iter_mut().zip(&mut self.counts).zip(figures.values()) {
            *sum += value.unwrap_or(0.0);
            *count += u64::from(value.is_some());
        }
    }

    /// Counts all frames of `other` too.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
        self.counts.iter_mut().zip(other.counts).for_each(|(count, other)| *count += other);
    }

    /// The mean of each figure over the frames that had it.
    pub(super) fn mean(&self) -> Figures {
        let mean = |i: usize| (self.counts[i] > 0).then(|| self.sums[i] / self.counts[i] as f64);
        Figures::from_values(std::array::from_fn(mean))
    }
}

/// A number for people: three significant digits, never in powers of ten, at most seven decimals.
pub fn shown(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let whole_digits = value.abs().max(1e-9).log10().floor() as i32;
    let decimals = (2 - whole_digits).clamp(0, 7) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_three_digits() {
        for (value, text) in [
            (0.0021349, "0.00213"),
            (12.345, "12.3"),
            (0.5, "0.500"),
            (1234.5, "1234"),
            (-0.0456, "-0.0456"),
            (0.0, "0"),
            (3.21e-9, "0.0000000"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn means_are_over_the_frames_that_have_a_value() {
        let mut means = Means::default();
        assert_eq!(means.mean(), Figures::default());
        let style = [Some(1.0), None, Some(3.0)];
        for (style, ssim) in style.into_iter().zip([0.25, 0.5, 0.75]) {
            means.see(&Figures { style, ssim: Some(ssim), ..Figures::default() });
        }
        let mut twice = means.clone();
        twice.merge(&means);
        for means in [means, twice] {
            assert_eq!(means.mean(), Figures { style: Some(2.0), ssim: Some(0.5), ..Figures::default() });
        }
    }

    #[test]
    fn no_figure_is_ever_nan() {
        let values = [Some(f64::NAN); Figures::COUNT];
        assert_eq!(Figures::from_values(values), Figures::default());
    }
}
