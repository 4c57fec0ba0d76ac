//! What the person at the keys has chosen: which look, how strong, how steady, and how one look fades into
//! the next. It knows nothing of windows or painters; time is told to it.

use std::time::{Duration, Instant};

/// One press makes the style count so many times as much.
const STRONGER: f64 = std::f64::consts::SQRT_2;

/// Presses to either side: from a sixteenth to sixteen times the style weight.
const MOST_PRESSES: i32 = 8;

/// One press makes the film steadier by so much.
const STEADIER: f64 = 0.1;

/// What the painter is told before each frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wishes {
    /// Looks by their places, each with its weight.
    pub(super) mix: Vec<(usize, f64)>,
    pub(super) style_weight: f64,
    pub(super) steadiness: f64,
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
    base_weight: f64,
    presses: i32,
    steadiness: f64,
    pub(super) frozen: bool,
    /// Left and right are exchanged in the window, as in a mirror; nowhere else.
    pub(super) mirrored: bool,
}

/// On the way from one mix to a look.
#[derive(Debug, Clone)]
struct Fade {
    from: Vec<(usize, f64)>,
    began: Instant,
}

impl Desk {
    /// Controls for so many looks, the first of them chosen.
    pub(super) fn new(looks: usize, style_weight: f64, steadiness: f64, fade_time: Duration) -> Self {
        Self {
            looks,
            look: 0,
            fade: None,
            fade_time,
            base_weight: style_weight,
            presses: 0,
            steadiness,
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
    pub(super) fn mix(&mut self, now: Instant) -> Vec<(usize, f64)> {
        let Some(fade) = &self.fade else { return vec![(self.look, 1.0)] };
        let passed = now.saturating_duration_since(fade.began).as_secs_f64();
        let share = passed / self.fade_time.as_secs_f64().max(1e-9);
        if share >= 1.0 {
            self.fade = None;
            return vec![(self.look, 1.0)];
        }
        // In tenths: a painter that is told of every little step describes its style anew each time.
        let share = (share * 10.0).round() / 10.0;
        let mut mix: Vec<_> =
            fade.from.iter().map(|(look, weight)| (*look, weight * (1.0 - share))).collect();
        match mix.iter_mut().find(|(look, _)| *look == self.look) {
            Some((_, weight)) => *weight += share,
            None => mix.push((self.look, share)),
        }
        mix.retain(|(_, weight)| *weight > 1e-9);
        mix
    }

    /// How many times the style weight of the command line counts.
    pub(super) fn strength(&self) -> f64 {
        STRONGER.powi(self.presses)
    }

    pub(super) fn stronger_by(&mut self, presses: i32) {
        self.presses = (self.presses + presses).clamp(-MOST_PRESSES, MOST_PRESSES);
    }

    pub(super) fn steadiness(&self) -> f64 {
        self.steadiness
    }

    pub(super) fn steadier_by(&mut self, presses: i32) {
        // To hundredths, so that ten presses up and ten down end where they began.
        let steadiness = (self.steadiness + STEADIER * f64::from(presses)).clamp(0.0, 1.0);
        self.steadiness = (steadiness * 100.0).round() / 100.0;
    }

    /// Everything for the painter.
    pub(super) fn wishes(&mut self, now: Instant) -> Wishes {
        Wishes {
            mix: self.mix(now),
            style_weight: self.base_weight * self.strength(),
            steadiness: self.steadiness,
            frozen: self.frozen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        Desk::new(3, 3.0, 0.5, Duration::from_secs(1))
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
        let mut alone = Desk::new(1, 3.0, 0.5, Duration::ZERO);
        alone.fade_by(1, now);
        assert_eq!(alone.mix(now), [(0, 1.0)]);
    }

    #[test]
    fn strength_and_steadiness_stay_within_bounds_and_come_back() {
        let mut desk = desk();
        desk.stronger_by(2);
        assert!((desk.wishes(Instant::now()).style_weight - 6.0).abs() < 1e-9);
        desk.stronger_by(-2);
        assert_eq!(desk.strength(), 1.0);
        desk.stronger_by(1000);
        assert!((desk.strength() - 16.0).abs() < 1e-9);
        (0..20).for_each(|_| desk.steadier_by(1));
        assert_eq!(desk.steadiness(), 1.0);
        (0..5).for_each(|_| desk.steadier_by(-1));
        assert_eq!(desk.steadiness(), 0.5);
    }
}
