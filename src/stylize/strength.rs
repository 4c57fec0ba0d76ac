//! How strong a style is, on one scale for all pictures and styles.
//!
//! Weights are no scale to turn a knob by: from 0.1 to 1 little happens, and from 1,000 to 10,000 nothing. What
//! is seen is how far the painting goes away from its source, `d = √(L_content / its limit)`, the distance of
//! their features as a share of what it is without any care for content. Measured over the weights, `d` is a
//! logistic curve of their logarithm, much the same for all pictures and styles. The scale is that curve, so that
//! equal steps look about equally large; docs/CONTROLS.md has the figures.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// How many times a weight is that of ½, as a power of the odds `s / (1 − s)`. Measured: the slope of the logit
/// of `d` over `ln w` is 0.7, and this is one over it.
const EXPONENT: f64 = 1.4;

/// So close to 0 or 1 nothing more is to be seen, and weights would go to nothing or beyond all bounds.
const ENDS: f64 = 0.01;

/// How strong a style is: from 0, the source as it is, to 1, as strong as can be. Default: ½, which is the
/// default weight of the style.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Strength(f64);

impl Default for Strength {
    fn default() -> Self {
        Self(0.5)
    }
}

impl Strength {
    /// `value` as a strength, if it is a number from 0 to 1.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number, 0..1.
    pub fn value(self) -> f64 {
        self.0
    }

    /// How many times the style weighs what it weighs at ½.
    pub fn factor(self) -> f64 {
        if self.0 == 0.0 {
            return 0.0;
        }
        let s = self.0.clamp(ENDS, 1.0 - ENDS);
        (s / (1.0 - s)).powf(EXPONENT)
    }

    /// The strength at which the style weighs `factor` times what it weighs at ½. What is no number, or below 0,
    /// counts as 0.
    pub fn of_factor(factor: f64) -> Self {
        let odds = factor.max(0.0).powf(1.0 / EXPONENT);
        Self(if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 })
    }

    /// How far a start takes on the style's tones, 0..1. All the way from ½ up. Below, in proportion: weak styles
    /// are too weak to change colours, which would stay as they were at the start, whatever the strength.
    pub(super) fn tones(self) -> f64 {
        (2.0 * self.0).min(1.0)
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Strength {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.trim().parse().ok().and_then(Self::new).ok_or_else(|| {
            Error::usage(format!("'{text}' is no strength"))
                .hint("write a number from 0, the source as it is, to 1, as strong as can be")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_weight_has_one_strength_and_more_weighs_more(a in 0.01f64..0.99, b in 0.01f64..0.99) {
            let (a, b) = (Strength(a), Strength(b));
            prop_assert!((Strength::of_factor(a.factor()).0 - a.0).abs() < 1e-9);
            prop_assert_eq!(a < b, a.factor() < b.factor());
            // The middle is the middle: as much below as above.
            prop_assert!((a.factor() * Strength(1.0 - a.0).factor() - 1.0).abs() < 1e-9);
        }

        #[test]
        fn whatever_is_typed_is_a_strength_or_an_error(text in "\\PC*", factor in any::<f64>()) {
            if let Ok(strength) = text.parse::<Strength>() {
                prop_assert!(strength.factor().is_finite());
            }
            let strength = Strength::of_factor(factor);
            prop_assert!(Strength::new(strength.0).is_some());
        }
    }

    #[test]
    fn the_ends_and_the_middle_are_what_they_are_called() {
        let factor = |value| Strength::new(value).unwrap().factor();
        assert_eq!([factor(0.0), factor(0.5)], [0.0, 1.0]);
        assert!(factor(1.0).is_finite() && factor(1.0) > 500.0);
        assert!(factor(0.001) > 0.0 && factor(0.001) < 0.002);
        assert_eq!([0.0, 1.0].map(|factor| Strength::of_factor(factor).value()), [0.0, 0.5]);
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|value| Strength(value).tones()), [0.0, 0.5, 1.0, 1.0]);
        for bad in ["-0.1", "1.1", "nan", "inf", "", "half", "50%"] {
            assert!(bad.parse::<Strength>().unwrap_err().next_step().is_some(), "{bad}");
        }
        assert_eq!(" 0.7 ".parse::<Strength>().unwrap().to_string(), "0.7");
    }
}
