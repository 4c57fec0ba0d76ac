//! Where something lies in the frame at any time: smooth paths, and the affine maps they give.

use std::f64::consts::TAU;

/// A number that changes smoothly over the frames t:
/// `start + rate · t + reach · sin(2π (t / period + phase))`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Swing {
    /// The middle, at t = 0.
    pub start: f64,
    /// Change from one frame to the next.
    pub rate: f64,
    /// How far it swings to either side.
    pub reach: f64,
    /// Frames of one swing; at 0 (the default) nothing swings.
    pub period: f64,
    /// Where in the swing t = 0 is: 0 in the middle going up, 0.25 at the top.
    pub phase: f64,
}

impl Swing {
    /// Always `start`.
    pub fn still(start: f64) -> Self {
        Self { start, ..Self::default() }
    }

    /// 0 at t = 0, and `rate` more in each frame.
    pub fn steady(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }

    /// `reach` to either side of `start`, once in `period` frames; fastest at t = 0.
    pub fn around(start: f64, reach: f64, period: f64) -> Self {
        Self { start, reach, period, ..Self::default() }
    }

    fn at(&self, t: f64) -> f64 {
        let turns = if self.period > 0.0 { t / self.period + self.phase } else { 0.0 };
        self.start + self.rate * t + self.reach * (TAU * turns).sin()
    }
}

/// The way of a thing through the frame: moved, turned about its own middle, grown and sheared.
///
/// A point (x, y) of the thing, in pixels from its middle, is seen in frame t at
/// `middle of the frame + (right, down) + e^growth · R(turn) · (x + shear · y, y)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Path {
    /// Pixels from the middle of the frame to the right.
    pub right: Swing,
    /// Pixels from the middle of the frame down.
    pub down: Swing,
    /// Radians, clockwise as seen.
    pub turn: Swing,
    /// The natural logarithm of the magnification; kept within ±8.
    pub growth: Swing,
    /// Pixels to the right for each pixel down.
    pub shear: Swing,
}

impl Path {
    /// The map from the thing to frame `t`, whose middle is `middle`.
    pub(super) fn at(&self, t: f64, middle: [f64; 2]) -> Affine {
        let zoom = self.growth.at(t).clamp(-8.0, 8.0).exp();
        let (sin, cos) = self.turn.at(t).sin_cos();
        let shear = self.shear.at(t);
        Affine {
            rows: [[zoom * cos, zoom * (shear * cos - sin)], [zoom * sin, zoom * (shear * sin + cos)]],
            offset: [middle[0] + self.right.at(t), middle[1] + self.down.at(t)],
        }
    }
}

/// `p ↦ rows · p + offset`, with a determinant above 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    rows: [[f64; 2]; 2],
    offset: [f64; 2],
}

impl Affine {
    pub(super) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [[a, b], [c, d]] = self.rows;
        [a * x + b * y + self.offset[0], c * x + d * y + self.offset[1]]
    }

    pub(super) fn inverse(&self) -> Self {
        let [[a, b], [c, d]] = self.rows;
        let determinant = self.determinant();
        let rows = [[d / determinant, -b / determinant], [-c / determinant, a / determinant]];
        let [x, y] = Self { rows, offset: [0.0; 2] }.apply(self.offset);
        Self { rows, offset: [-x, -y] }
    }

    /// How much larger areas become.
    pub(super) fn determinant(&self) -> f64 {
        let [[a, b], [c, d]] = self.rows;
        a * d - b * c
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn inverses_lead_back(
            turn in -4.0f64..4.0, growth in -1.0f64..1.0, shear in -0.5f64..0.5, x in -99.0f64..99.0, y in -99.0f64..99.0
        ) {
            let path = Path {
                right: Swing::still(7.0), turn: Swing::still(turn), growth: Swing::still(growth),
                shear: Swing::still(shear), ..Path::default()
            };
            let map = path.at(3.0, [50.0, 40.0]);
            let [back_x, back_y] = map.inverse().apply(map.apply([x, y]));
            prop_assert!((back_x - x).abs() < 1e-9 && (back_y - y).abs() < 1e-9);
            // Turning and shearing keep areas.
            prop_assert!((map.determinant() - (2.0 * growth).exp()).abs() < 1e-9);
        }
    }

    #[test]
    fn a_quarter_turn_is_clockwise_as_seen() {
        let path = Path { turn: Swing::steady(TAU / 4.0), ..Path::default() };
        // What lay to the right of the middle lies below it.
        let [x, y] = path.at(1.0, [10.0, 10.0]).apply([5.0, 0.0]);
        assert!((x - 10.0).abs() < 1e-12 && (y - 15.0).abs() < 1e-12);
    }

    #[test]
    fn a_swing_returns_after_its_period() {
        let swing = Swing { phase: 0.25, ..Swing::around(1.0, 2.0, 40.0) };
        assert!((swing.at(0.0) - 3.0).abs() < 1e-12);
        assert!((swing.at(20.0) + 1.0).abs() < 1e-12 && (swing.at(40.0) - 3.0).abs() < 1e-12);
    }
}
