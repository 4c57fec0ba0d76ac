//! How many frames a second a camera really sends, held against what it claims.
//!
//! Many claim thirty and send half of it in the dark, where they expose longer. Whoever sees a jerky
//! picture should know that it is the camera.

use crate::time::FrameRate;
use std::time::Duration;

/// The first moments do not count: cameras find their exposure then.
const WARM_UP: Duration = Duration::from_secs(1);
/// Over so long a time is counted; long enough for 5 frames a second to be told from 4.
const WINDOW: Duration = Duration::from_secs(5);
/// What is taken as keeping one's word. Tuned: cameras are a few per cent off all the time.
const GOOD_ENOUGH: f64 = 0.8;

/// Counts frames.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    claimed: Option<FrameRate>,
    since: Option<Duration>,
    frames: u32,
    told: bool,
}

impl Pace {
    /// For a camera that claims this rate, if it does.
    pub(super) fn new(claimed: Option<FrameRate>) -> Self {
        Self { claimed, since: None, frames: 0, told: false }
    }

    /// Counting begins anew: the camera was away, and may claim another rate now.
    pub(super) fn resume(&mut self, claimed: Option<FrameRate>) {
        (self.claimed, self.since) = (claimed, None);
    }

    /// A frame came at this time since the camera was opened. The measured rate and the claim, once,
    /// if it is clearly below.
    pub(super) fn arrived(&mut self, at: Duration) -> Option<(f64, FrameRate)> {
        let claimed = self.claimed?;
        let Some(since) = self.since else {
            (self.since, self.frames) = (Some(at + WARM_UP), 0);
            return None;
        };
        let Some(passed) = at.checked_sub(since) else {
            // Warming up: the last frame before the window opens it.
            self.frames = 0;
            return None;
        };
        self.frames += 1;
        if self.told || passed < WINDOW {
            return None;
        }
        let rate = f64::from(self.frames) / passed.as_secs_f64();
        (self.since, self.frames) = (Some(at), 0);
        self.told = rate < GOOD_ENOUGH * claimed.fps();
        self.told.then_some((rate, claimed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claiming(fps: i32) -> Pace {
        Pace::new(Some(FrameRate::new(fps, 1)))
    }

    /// What is told of frames that come at this rate for so many seconds.
    fn told(pace: &mut Pace, from: f64, seconds: f64, rate: f64) -> Vec<f64> {
        let frames = (seconds * rate) as u32;
        (0..frames)
            .filter_map(|n| pace.arrived(Duration::from_secs_f64(from + f64::from(n) / rate)))
            .map(|(measured, _)| measured)
            .collect()
    }

    #[test]
    fn one_that_keeps_its_word_is_not_spoken_of() {
        for rate in [30.0, 29.97, 25.5, 60.0] {
            assert_eq!(told(&mut claiming(30), 0.0, 30.0, rate), [0.0; 0]);
        }
    }

    #[test]
    fn a_slow_one_is_told_of_once_and_with_its_rate() {
        for (claimed, rate) in [(30, 15.0), (30, 7.5), (5, 3.0), (60, 30.0)] {
            let rates = told(&mut claiming(claimed), 0.0, 60.0, rate);
            assert_eq!(rates.len(), 1);
            // A frame more or less at the window's edges.
            assert!((rates[0] - rate).abs() <= 1.0 / 5.0 + 1e-9, "{rates:?} for {rate}");
        }
    }

    #[test]
    fn being_unplugged_is_not_being_slow() {
        let mut pace = claiming(30);
        assert!(told(&mut pace, 0.0, 3.0, 30.0).is_empty());
        pace.resume(Some(FrameRate::new(30, 1)));
        assert!(told(&mut pace, 60.0, 20.0, 30.0).is_empty());
        assert_eq!(told(&mut pace, 80.0, 20.0, 10.0).len(), 1);
        // Who claims nothing cannot break a promise.
        assert!(told(&mut Pace::new(None), 0.0, 20.0, 1.0).is_empty());
    }
}
