//! The form of the losses: what a squared distance is divided by.
//!
//! Papers agree on what is compared, features and Gram matrices, and differ in the factor in front. With
//! the Gram matrices of this program, `G = F Fᵀ / M` for features `F` of `C` channels at `M` positions
//! (Gatys et al. call them `N` and `M`), every form is `‖G − A‖²` and `‖F − P‖²` over a divisor that the
//! target alone decides.

use super::Gram;
use crate::names::names;

/// Whose equations the style and content losses follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LossForm {
    /// Each is divided by its own target, `‖G − A‖² / ‖A‖²` and `‖F − P‖² / ‖P‖²`, so that weights mean the
    /// same at every layer, resolution and network.
    #[default]
    Relative,
    /// Gatys, Ecker & Bethge (2016): content `½ Σ (F − P)²` (their eq. 1), style at a layer
    /// `Σ (M G − M A)² / (4 N² M²)` with `M G = F Fᵀ` (their eqs. 3 and 4). They bring the style to the
    /// picture's size; where it has another, each Gram matrix is taken by its own `M`.
    Gatys,
    /// Means of squares, as the fast.ai course has them (2017, lesson 8): content `Σ (F − P)² / (C·M)`, style
    /// at a layer `Σ (G/C − A/C)² / C²`.
    Mean,
}

names!(LossForm, "form of the losses", Relative = "relative", Gatys = "gatys", Mean = "mean");

impl LossForm {
    /// What `‖G − target‖²` is divided by; never 0.
    pub(super) fn style_divisor(self, target: &Gram) -> f64 {
        let channels = target.channels() as f64;
        match self {
            Self::Relative => target.norm_squared().max(f64::MIN_POSITIVE),
            Self::Gatys => 4.0 * channels.powi(2),
            Self::Mean => channels.powi(4),
        }
    }

    /// What `‖F − P‖²` is divided by, for a target of `count` values whose squares add up to
    /// `norm_squared`; never 0.
    pub(super) fn content_divisor(self, norm_squared: f64, count: usize) -> f64 {
        match self {
            Self::Relative => norm_squared.max(f64::MIN_POSITIVE),
            Self::Gatys => 2.0,
            Self::Mean => count.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand_for_two_channels() {
        // ‖A‖² = 1 + 4 + 4 + 16.
        let target = Gram::new(2, vec![1.0, 2.0, 2.0, 4.0]).unwrap();
        let divisors = |form: LossForm| (form.style_divisor(&target), form.content_divisor(9.0, 6));
        assert_eq!(divisors(LossForm::Relative), (25.0, 9.0));
        assert_eq!(divisors(LossForm::Gatys), (16.0, 2.0));
        assert_eq!(divisors(LossForm::Mean), (16.0, 6.0));
        let black = Gram::new(2, vec![0.0; 4]).unwrap();
        assert!(LossForm::Relative.style_divisor(&black) > 0.0);
    }
}
