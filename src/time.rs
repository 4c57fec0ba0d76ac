//! Exact time: rational time bases, timestamps in ticks of them, frame rates.
//!
//! Films drift out of sync when time is a float. Here it is an integer count of a stated fraction of
//! a second, as in the container, and becomes seconds only to be shown.

use std::cmp::Ordering;
use std::fmt;

/// The length of one tick in seconds, as a fraction `num / den`, both positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeBase {
    /// Numerator, at least 1.
    pub num: i32,
    /// Denominator, at least 1.
    pub den: i32,
}

impl TimeBase {
    /// `num / den` seconds a tick; values below 1 are taken as 1.
    pub fn new(num: i32, den: i32) -> Self {
        Self { num: num.max(1), den: den.max(1) }
    }
}

/// A moment: `ticks · base` seconds from the container's zero. May be negative.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp {
    /// How many ticks of `base`.
    pub ticks: i64,
    /// The unit of `ticks`.
    pub base: TimeBase,
}

impl Timestamp {
    /// `ticks` of `base`.
    pub fn new(ticks: i64, base: TimeBase) -> Self {
        Self { ticks, base }
    }

    /// In seconds, for people.
    pub fn seconds(self) -> f64 {
        self.ticks as f64 * f64::from(self.base.num) / f64::from(self.base.den)
    }

    /// How long after `zero` this moment is, to the microsecond.
    #[must_use]
    pub fn since(self, zero: Self) -> Self {
        let micros = TimeBase::new(1, 1_000_000);
        let ticks = self.rescale(micros).ticks.saturating_sub(zero.rescale(micros).ticks);
        Self::new(ticks, micros)
    }

    /// The same moment in ticks of `base`, rounded to the nearest tick, halves away from zero.
    #[must_use]
    pub fn rescale(self, base: TimeBase) -> Self {
        let num = i128::from(self.ticks) * i128::from(self.base.num) * i128::from(base.den);
        let den = i128::from(self.base.den) * i128::from(base.num);
        let rounded = (2 * num.abs() + den) / (2 * den) * num.signum();
        let ticks = rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        Self { ticks, base }
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    /// Exact: the fractions are compared by cross-multiplication.
    fn cmp(&self, other: &Self) -> Ordering {
        let a = i128::from(self.ticks) * i128::from(self.base.num) * i128::from(other.base.den);
        let b = i128::from(other.ticks) * i128::from(other.base.num) * i128::from(self.base.den);
        a.cmp(&b)
    }
}

/// Frames per second as a fraction `num / den`, both positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    /// Numerator, at least 1.
    pub num: i32,
    /// Denominator, at least 1.
    pub den: i32,
}

impl FrameRate {
    /// `num / den` frames a second; values below 1 are taken as 1.
    pub fn new(num: i32, den: i32) -> Self {
        Self { num: num.max(1), den: den.max(1) }
    }

    /// Frames per second, for people.
    pub fn fps(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The length of one frame as a time base.
    pub fn time_base(self) -> TimeBase {
        TimeBase::new(self.den, self.num)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_rescale_exactly_and_compare_across_bases() {
        let ms = TimeBase::new(1, 1000);
        let mpeg = TimeBase::new(1, 90_000);
        assert_eq!(Timestamp::new(40, ms).rescale(mpeg).ticks, 3600);
        assert_eq!(Timestamp::new(-40, ms).rescale(mpeg).ticks, -3600);
        assert_eq!(Timestamp::new(1, mpeg).rescale(ms).ticks, 0);
        assert_eq!(Timestamp::new(45, mpeg).rescale(ms).ticks, 1);
        assert_eq!(Timestamp::new(-45, mpeg).rescale(ms).ticks, -1);
        assert_eq!(Timestamp::new(40, ms), Timestamp::new(3600, mpeg));
        assert!(Timestamp::new(i64::MAX, ms) > Timestamp::new(i64::MAX - 1, ms));
        assert_eq!(
            Timestamp::new(3600, mpeg).since(Timestamp::new(1040, ms)),
            Timestamp::new(-1, TimeBase::new(1, 1))
        );
    }
}
