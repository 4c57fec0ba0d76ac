//! Exact times around an encoder that only counts.
//!
//! Encoders are fed frame numbers at the nominal rate: some refuse fine clocks (MPEG-4 stops at
//! 1/65535 s), others mistake them for 90,000 frames a second. The true times wait here and are put
//! onto the packets by their numbers, so that variable rates survive any encoder unrounded.

use std::collections::VecDeque;

/// The times of the frames that are inside the encoder, in ticks of the source.
#[derive(Debug)]
pub(super) struct Timing {
    /// Time and duration of frame `base` and those after it.
    frames: VecDeque<(i64, i64)>,
    base: i64,
    /// Of the very first frame.
    first: i64,
    /// How long a frame lasts at the nominal rate; at least 1.
    nominal: i64,
}

impl Timing {
    /// For frames of nominally `nominal` ticks.
    pub(super) fn new(nominal: i64) -> Self {
        Self { frames: VecDeque::new(), base: 0, first: 0, nominal: nominal.max(1) }
    }

    /// Notes the next frame and returns its number, from 0.
    pub(super) fn push(&mut self, ticks: i64, duration: Option<i64>) -> i64 {
        let number = self.base + self.frames.len() as i64;
        if number == 0 {
            self.first = ticks;
        }
        self.frames.push_back((ticks, duration.unwrap_or(self.nominal)));
        number
    }

    /// Presentation time and duration of a frame inside; `None` if it has left or never came.
    pub(super) fn shown(&self, number: i64) -> Option<(i64, i64)> {
        let place = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.frames.get(place).copied()
    }

    /// When the packet with decoding number `number` is due. Reordering starts below zero: before
    /// the first frame by as many nominal frames.
    pub(super) fn decoded(&self, number: i64) -> Option<i64> {
        if number < 0 { Some(self.first + number * self.nominal) } else { Some(self.shown(number)?.0) }
    }

    /// Forgets frames below `number`: nothing will ask for them again.
    pub(super) fn forget_below(&mut self, number: i64) {
        while self.base < number && self.frames.pop_front().is_some() {
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// An encoder with B-frames: numbers leave it reordered within `delay` frames, decoding
        /// numbers count up from `-delay`.
        #[test]
        fn reordered_packets_get_their_own_times(
            gaps in prop::collection::vec(1_i64..5000, 1..60),
            start in -10_000_i64..10_000,
            delay in 0_i64..4,
        ) {
            let times: Vec<i64> = gaps.iter().scan(start, |t, gap| { *t += gap; Some(*t) }).collect();
            let mut timing = Timing::new(40);
            let mut shown = Vec::new();
            let mut last = i64::MIN;
            let mut out = |timing: &mut Timing, decoding: i64, presentation: i64| {
                let dts = timing.decoded(decoding).unwrap();
                let (pts, _) = timing.shown(presentation).unwrap();
                assert!(last < dts && dts <= pts, "{last} < {dts} <= {pts}");
                last = dts;
                shown.push(pts);
                timing.forget_below(decoding);
            };
            let n = times.len() as i64;
            // Blocks of `delay + 1` frames, each led by its last one.
            let mut order = Vec::new();
            for block in (0..n).step_by(delay as usize + 1) {
                let end = (block + delay).min(n - 1);
                order.push(end);
                order.extend(block..end);
            }
            for &t in &times {
                timing.push(t, None);
            }
            for (i, &number) in order.iter().enumerate() {
                out(&mut timing, i as i64 - delay, number);
            }
            shown.sort_unstable();
            prop_assert_eq!(shown, times);
        }
    }

    #[test]
    fn frames_are_forgotten_so_that_memory_stays_small() {
        let mut timing = Timing::new(10);
        for i in 0..10_000 {
            let number = timing.push(10 * i, None);
            assert_eq!(number, i);
            timing.forget_below(number - 5);
        }
        assert!(timing.frames.len() <= 6);
        assert_eq!(timing.shown(9_999), Some((99_990, 10)));
        assert_eq!(timing.shown(10), None);
        assert_eq!(timing.decoded(-2), Some(-20));
    }
}
