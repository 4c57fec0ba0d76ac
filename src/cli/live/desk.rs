//! What the person at the keys has chosen: which look, how strong, how steady, and how one look fades into
//! the next. It knows nothing of windows or painters; time is told to it.

use crate::cli::fade::{Mix, toward};
use crate::stylize::{KeepColor, PaintSettings, Strength};
use std::time::{Duration, Instant};

/// One press makes the style stronger by so much.
const STRONGER: f64 = 0.05;

/// One press makes the film steadier by so much.
const STEADIER: f64 = 0.1;

/// What the painter is told before each frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wishes {
    pub(super) mix: Mix,
    pub(super) style_weight: f64,
    pub(super) steadiness: f64,
    pub(super) keep_color: KeepColor,
    /// The present frame is painted on and on; no other is taken.
    pub(super) frozen: bool,
}

/// The controls as they stand.
#[derive(Debug)]
pub(super) struct Desk {
    looks: usize,
    look: usize,
    fade: Option<Fade>,
    fade_time: Duration,
    strength: Strength,
    style_weight: f64,
    /// The style weight at strength ½.
    half_weight: f64,
    steadiness: f64,
    keep_color: KeepColor,
    /// How colours are kept where they are.
    keeps: KeepColor,
    pub(super) frozen: bool,
    /// Left and right are exchanged in the window, as in a mirror; nowhere else.
    pub(super) mirrored: bool,
}

/// On the way from one mix to a look.
#[derive(Debug, Clone)]
struct Fade {
    from: Mix,
    began: Instant,
}

impl Desk {
    /// Controls for so many looks, the first of them chosen, as `chosen` on the command line. The style weight at
    /// strength ½ is `half_weight`.
    pub(super) fn new(looks: usize, chosen: &PaintSettings, half_weight: f64, fade_time: Duration) -> Self {
        let style_weight = chosen.objective.style_weight;
        let keeps = match chosen.keep_color {
            KeepColor::Off => KeepColor::Luminance,
            keeps => keeps,
        };
        Self {
            looks,
            look: 0,
            fade: None,
            fade_time,
            strength: Strength::of_factor(style_weight / half_weight),
            style_weight,
            half_weight,
            steadiness: chosen.steadiness,
            keep_color: chosen.keep_color,
            keeps,
            frozen: false,
            mirrored: false,
        }
    }

    /// The look that is painted, or faded to.
    pub(super) fn look(&self) -> usize {
        self.look
    }

    /// The look at this place at once; `false` if there is none.
    pub(super) fn choose(&mut self, look: usize) -> bool {
        let exists = look < self.looks;
        if exists {
            self.look = look;
            self.fade = None;
        }
        exists
    }

    /// Fades to the next look, or the one before, around the end.
    pub(super) fn fade_by(&mut self, steps: isize, now: Instant) {
        if self.looks > 1 {
            let from = self.mix(now);
            self.look = (self.look as isize + steps).rem_euclid(self.looks as isize) as usize;
            self.fade = Some(Fade { from, began: now });
        }
    }

    /// The looks and their weights at this moment. The weights add up to 1.
    pub(super) fn mix(&mut self, now: Instant) -> Mix {
        let Some(fade) = &self.fade else { return vec![(self.look, 1.0)] };
        let passed = now.saturating_duration_since(fade.began).as_secs_f64();
        let share = passed / self.fade_time.as_secs_f64().max(1e-9);
        if share >= 1.0 {
            self.fade = None;
            return vec![(self.look, 1.0)];
        }
        // In tenths: a painter that is told of every little step describes its style anew each time.
        toward(&fade.from, self.look, (share * 10.0).round() / 10.0)
    }

    pub(super) fn strength(&self) -> Strength {
        self.strength
    }

    pub(super) fn stronger_by(&mut self, presses: i32) {
        self.strength =
            Strength::new(turned(self.strength.value(), STRONGER * f64::from(presses))).unwrap_or_default();
        self.style_weight = self.half_weight * self.strength.factor();
    }

    pub(super) fn steadiness(&self) -> f64 {
        self.steadiness
    }

    pub(super) fn steadier_by(&mut self, presses: i32) {
        self.steadiness = turned(self.steadiness, STEADIER * f64::from(presses));
    }

    pub(super) fn keep_color(&self) -> KeepColor {
        self.keep_color
    }

    /// Keeps the source's colours, or no longer.
    pub(super) fn toggle_keep_color(&mut self) {
        let off = self.keep_color == KeepColor::Off;
        self.keep_color = if off { self.keeps } else { KeepColor::Off };
    }

    /// Everything for the painter.
    pub(super) fn wishes(&mut self, now: Instant) -> Wishes {
        Wishes {
            mix: self.mix(now),
            style_weight: self.style_weight,
            steadiness: self.steadiness,
            keep_color: self.keep_color,
            frozen: self.frozen,
        }
    }
}

/// `value` turned up or down within 0..1; to hundredths, so that ten presses up and ten down end where they began.
fn turned(value: f64, by: f64) -> f64 {
    ((value + by).clamp(0.0, 1.0) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        Desk::new(3, &PaintSettings::default(), 3.0, Duration::from_secs(1))
    }

    #[test]
    fn a_look_is_chosen_at_once_and_one_that_is_not_there_is_not() {
        let (mut desk, now) = (desk(), Instant::now());
        assert!(desk.choose(2) && !desk.choose(3));
        assert_eq!((desk.look(), desk.mix(now)), (2, vec![(2, 1.0)]));
    }

    #[test]
    fn a_fade_takes_its_time_and_goes_around_the_end() {
        let (mut desk, now) = (desk(), Instant::now());
        desk.fade_by(-1, now);
        assert_eq!(desk.look(), 2);
        assert_eq!(desk.mix(now), [(0, 1.0)]);
        assert_eq!(desk.mix(now + Duration::from_millis(300)), [(0, 0.7), (2, 0.3)]);
        // Turned back half-way, it goes on from where it is.
        desk.fade_by(1, now + Duration::from_millis(300));
        let mix = desk.mix(now + Duration::from_millis(800));
        assert_eq!(mix.iter().map(|(look, _)| *look).collect::<Vec<_>>(), [0, 2]);
        assert!((mix[0].1 - 0.85).abs() < 1e-9 && (mix[1].1 - 0.15).abs() < 1e-9, "{mix:?}");
        assert_eq!(desk.mix(now + Duration::from_secs(2)), [(0, 1.0)]);
        let mut alone = Desk::new(1, &PaintSettings::default(), 3.0, Duration::ZERO);
        alone.fade_by(1, now);
        assert_eq!(alone.mix(now), [(0, 1.0)]);
    }

    #[test]
    fn strength_and_steadiness_stay_within_bounds_and_come_back() {
        let mut desk = desk();
        let weight = |desk: &mut Desk| desk.wishes(Instant::now()).style_weight;
        desk.stronger_by(2);
        assert_eq!(desk.strength().value(), 0.6);
        // A weight is that of ½ times the odds to the power of the scale.
        assert_eq!(weight(&mut desk), 3.0 * Strength::new(0.6).unwrap().factor());
        desk.stronger_by(-2);
        assert_eq!(weight(&mut desk), 3.0);
        desk.stronger_by(-1000);
        assert_eq!((desk.strength().value(), weight(&mut desk)), (0.0, 0.0));
        desk.stronger_by(1000);
        assert_eq!(desk.strength().value(), 1.0);
        (0..20).for_each(|_| desk.steadier_by(1));
        assert_eq!(desk.steadiness(), 1.0);
        (0..5).for_each(|_| desk.steadier_by(-1));
        assert_eq!(desk.steadiness(), 0.5);
    }

    #[test]
    fn a_weight_of_the_command_line_stands_until_a_key_is_pressed() {
        let mut chosen = PaintSettings::default();
        chosen.objective.style_weight = 1e6;
        let mut desk = Desk::new(1, &chosen, 10.0, Duration::ZERO);
        assert_eq!(desk.wishes(Instant::now()).style_weight, 1e6);
        desk.stronger_by(-1);
        assert!(desk.wishes(Instant::now()).style_weight < 1e4);
        chosen.objective.style_weight = 10.0;
        assert_eq!(Desk::new(1, &chosen, 10.0, Duration::ZERO).strength().value(), 0.5);
    }

    #[test]
    fn colours_are_kept_by_luminance_unless_another_way_was_chosen() {
        let mut desk = desk();
        let pressed = |desk: &mut Desk| {
            desk.toggle_keep_color();
            desk.wishes(Instant::now()).keep_color
        };
        assert_eq!(pressed(&mut desk), KeepColor::Luminance);
        assert_eq!(pressed(&mut desk), KeepColor::Off);
        let chosen = PaintSettings { keep_color: KeepColor::Match, ..PaintSettings::default() };
        let mut desk = Desk::new(1, &chosen, 3.0, Duration::ZERO);
        assert_eq!(desk.keep_color(), KeepColor::Match);
        assert_eq!(pressed(&mut desk), KeepColor::Off);
        assert_eq!(pressed(&mut desk), KeepColor::Match);
    }
}
