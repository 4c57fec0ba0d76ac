//! When a frame must be a key frame: at most a second after the last one.
//!
//! Encoders count frames, but here their rate varies, and a recording is only as safe, a stream only as
//! quickly joined, as its key frames are near. Since nobody knows when the next frame comes, this one is
//! the key if, by what was seen lately, the next would be too late.

use super::parcel::SECOND;
use std::collections::VecDeque;

/// Key frames are never farther apart, as long as frames come at all.
const APART: i64 = SECOND;

/// A gap longer than this is a hiccup and no rhythm.
const LONGEST_GAP: i64 = SECOND / 2;

/// How many gaps are remembered. Tuned: the largest of so many is seldom exceeded by the next, even where
/// they are random.
const GAPS: usize = 64;

/// Follows the times of frames.
#[derive(Debug, Default)]
pub(super) struct KeyClock {
    last_key: Option<i64>,
    last: Option<i64>,
    gaps: VecDeque<i64>,
}

impl KeyClock {
    /// Whether the frame at `at` (in ticks of the broadcast's clock, rising) must be a key; `wanted` if
    /// somebody asks for one.
    pub(super) fn is_due(&mut self, at: i64, wanted: bool) -> bool {
        if let Some(last) = self.last.replace(at) {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back((at - last).min(LONGEST_GAP));
        }
        let gap = self.gaps.iter().copied().max().unwrap_or(0);
        let due = wanted || self.last_key.is_none_or(|key| at - key + gap > APART);
        if due {
            self.last_key = Some(at);
        }
        due
    }

    /// The encoder made a key of its own accord.
    pub(super) fn saw_key(&mut self, at: i64) {
        self.last_key = self.last_key.max(Some(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(times: &[i64]) -> Vec<i64> {
        let mut clock = KeyClock::default();
        times.iter().copied().filter(|&at| clock.is_due(at, false)).collect()
    }

    proptest! {
        #[test]
        fn keys_are_at_most_a_second_apart_at_any_rhythm(
            rhythm in prop::collection::vec(1_i64..SECOND / 2, 1..=GAPS),
        ) {
            let times: Vec<i64> =
                rhythm.iter().cycle().take(200).scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            // Once the rhythm has been seen in full.
            let known = times[rhythm.len()];
            let keys: Vec<i64> = keys(&times).into_iter().filter(|&key| key >= known).collect();
            for pair in keys.windows(2) {
                prop_assert!(pair[1] - pair[0] <= SECOND, "{:?}", pair);
            }
        }
    }

    #[test]
    fn the_first_frame_is_a_key_and_so_is_one_that_is_asked_for() {
        let mut clock = KeyClock::default();
        assert!(clock.is_due(0, false));
        assert!(!clock.is_due(3000, false));
        assert!(clock.is_due(6000, true));
        assert!(!clock.is_due(9000, false));
        clock.saw_key(85_000);
        assert!(!clock.is_due(93_000, false));
    }

    #[test]
    fn thirty_frames_a_second_have_one_key_in_thirty() {
        let times: Vec<i64> = (0..300).map(|n| 3000 * n).collect();
        assert_eq!(keys(&times), (0..10).map(|n| SECOND * n).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_long_silence_comes_a_key() {
        assert_eq!(keys(&[0, 3000, 6000, 900_000, 903_000]), [0, 900_000]);
    }
}
