//! How much painting fits into the time there is: iterations frame by frame, and the size painted at.
//!
//! A camera does not wait, so a live painter has a deadline instead of a number of iterations. [`Budget`]
//! measures what an iteration and everything around it cost, lets as many iterations begin as will end in
//! time, and where even a few do not fit, paints smaller. It paints larger again only after a rest, and
//! the longer a larger size was in vain, the longer the rest: a size that pumps is worse than a small one.

/// Fewer iterations than this leave new things unpainted for too long: then a smaller size is better.
const FEW: f64 = 2.0;

/// A larger size is tried where this many iterations would fit there. Tuned: well above [`FEW`], or sizes
/// would change back and forth.
const MANY: f64 = 4.0;

/// Frames in a row with too few iterations, after which the size steps down.
const PATIENCE: u32 = 4;

/// Seconds of room after which the size steps up, at first and at most.
const REST: [f64; 2] = [2.0, 60.0];

/// A step up was in vain if it is taken back within so many seconds.
const IN_VAIN: f64 = 15.0;

/// The share of the time that is planned with: what else runs on the machine takes its part.
const PLANNED: f64 = 0.92;

/// How fast measured costs are followed. Tuned: a few frames.
const FOLLOW: f64 = 0.25;

/// From one painted size to the next: a third more pixels.
const STEP: f64 = 1.155;

/// The smallest longest side: below, VGG's fifth block has a handful of positions.
const SMALLEST: usize = 96;

/// Measures what painting costs, and decides how much of it fits.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Seconds there are for a frame.
    period: f64,
    /// Longest sides, from small to large.
    sizes: Vec<usize>,
    at: usize,
    /// Seconds of an iteration at the present size, once one has been measured.
    iteration: Option<f64>,
    /// Seconds of a frame beside its iterations.
    around: f64,
    /// Of `around`, what comes after the iterations.
    after: f64,
    too_few: u32,
    /// Seconds for which there has been room for a larger size.
    room: f64,
    rest: f64,
    /// Seconds since the last step up.
    since_up: f64,
}

/// What painting one frame took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// Before the first iteration ended: looking, describing the content, one iteration.
    pub first: f64,
    /// The iterations after the first, and how many they were.
    pub further: f64,
    /// How many iterations after the first.
    pub further_iterations: usize,
    /// After the last iteration: enlarging and handing on.
    pub after: f64,
}

impl Budget {
    /// A budget of `period` seconds a frame for pictures painted at most at `largest` and, to begin with, at
    /// `first`.
    pub fn new(period: f64, largest: usize, first: usize) -> Self {
        let mut sizes = vec![largest];
        let mut side = largest as f64 / STEP;
        while side >= SMALLEST as f64 {
            sizes.push(side.round() as usize);
            side /= STEP;
        }
        sizes.reverse();
        let at = sizes.iter().rposition(|&size| size <= first.max(sizes[0])).unwrap_or(0);
        Self {
            period,
            sizes,
            at,
            iteration: None,
            around: 0.0,
            after: 0.0,
            too_few: 0,
            room: 0.0,
            rest: REST[0],
            since_up: f64::INFINITY,
        }
    }

    /// The longest side to paint at.
    pub fn paint_size(&self) -> usize {
        self.sizes[self.at]
    }

    /// Whether one more iteration will end in time, `elapsed` seconds after work on the frame began.
    pub fn fits(&self, elapsed: f64) -> bool {
        elapsed + self.iteration.unwrap_or(elapsed) + self.after <= PLANNED * self.period
    }

    /// Learns from a frame; `true` if the next one is to be painted at another size.
    pub fn spent(&mut self, spent: Spent) -> bool {
        let Spent { first, further, further_iterations, after } = spent;
        let follow = |known: f64, seen: f64| known + FOLLOW * (seen - known);
        let iteration = match (further_iterations, self.iteration) {
            // Nothing else is known yet: the first one and what came before it.
            (0, None) => first,
            (0, Some(known)) => known.min(first),
            (n, None) => further / n as f64,
            (n, Some(known)) => follow(known, further / n as f64),
        };
        let around = (first - iteration).max(0.0) + after;
        let begins = self.iteration.is_none();
        self.around = if begins { around } else { follow(self.around, around) };
        self.after = if begins { after } else { follow(self.after, after) };
        self.iteration = Some(iteration);
        self.since_up += self.period;
        self.judge(1.0 + further_iterations as f64)
    }

    /// Steps down or up, where it is time to.
    fn judge(&mut self, iterations: f64) -> bool {
        let fitting = |scale: f64| {
            let iteration = self.iteration.unwrap_or(self.period) * scale;
            (PLANNED * self.period - self.around * scale) / iteration.max(1e-9)
        };
        self.too_few = if iterations < FEW { self.too_few + 1 } else { 0 };
        if self.too_few >= PATIENCE && self.at > 0 {
            if self.since_up < IN_VAIN {
                self.rest = (2.0 * self.rest).min(REST[1]);
            }
            // As many steps as are needed, since a machine may be ten times too slow.
            let scale = |at: usize| (self.sizes[at] as f64 / self.paint_size() as f64).powi(2);
            let enough = (0..self.at).rev().find(|&at| fitting(scale(at)) >= FEW + 0.5);
            self.go_to(enough.unwrap_or(0));
            return true;
        }
        let larger = self.sizes.get(self.at + 1).map(|&size| size as f64 / self.paint_size() as f64);
        match larger {
            Some(larger) if fitting(larger * larger) >= MANY => self.room += self.period,
            _ => self.room = 0.0,
        }
        if self.room >= self.rest {
            if self.since_up > 2.0 * IN_VAIN {
                self.rest = (0.5 * self.rest).max(REST[0]);
            }
            self.go_to(self.at + 1);
            self.since_up = 0.0;
            return true;
        }
        false
    }

    fn go_to(&mut self, at: usize) {
        let scale = (self.sizes[at] as f64 / self.paint_size() as f64).powi(2);
        self.iteration = self.iteration.map(|seconds| seconds * scale);
        self.around *= scale;
        self.at = at;
        self.too_few = 0;
        self.room = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A machine that needs so many seconds an iteration for a megapixel (of a square), and so many a frame
    /// for everything else.
    struct Machine {
        megapixel: f64,
        around: f64,
    }

    impl Machine {
        /// Paints a frame; iterations and seconds.
        fn paint(&self, budget: &mut Budget) -> (usize, f64) {
            let side = budget.paint_size() as f64;
            let iteration = self.megapixel * side * side / 1e6;
            let (before, after) = (0.6 * self.around, 0.4 * self.around);
            let (mut elapsed, mut further) = (before + iteration, 0);
            while budget.fits(elapsed) {
                elapsed += iteration;
                further += 1;
            }
            let spent = Spent {
                first: before + iteration,
                further: further as f64 * iteration,
                further_iterations: further,
                after,
            };
            budget.spent(spent);
            (1 + further, elapsed + after)
        }
    }

    #[test]
    fn a_slow_machine_paints_small_and_in_time() {
        let machine = Machine { megapixel: 3.0, around: 0.02 };
        let mut budget = Budget::new(0.1, 512, 256);
        let painted: Vec<_> = (0..100).map(|_| machine.paint(&mut budget)).collect();
        for (iterations, seconds) in &painted[20..] {
            assert!(*iterations >= 2 && *seconds <= 0.1, "{iterations} in {seconds}");
        }
        assert!((96..130).contains(&budget.paint_size()), "{}", budget.paint_size());
    }

    #[test]
    fn a_fast_machine_grows_to_the_largest_size_and_stays() {
        let machine = Machine { megapixel: 0.01, around: 0.002 };
        let mut budget = Budget::new(0.04, 512, 160);
        for _ in 0..5000 {
            machine.paint(&mut budget);
        }
        assert_eq!(budget.paint_size(), 512);
        assert!(machine.paint(&mut budget).0 >= 4);
    }

    #[test]
    fn a_machine_on_the_edge_does_not_pump() {
        // Every fourth frame takes twice as long: other programs run.
        let mut budget = Budget::new(0.1, 512, 192);
        let (mut changes, mut size) = (0, budget.paint_size());
        for frame in 0..3000 {
            let megapixel = if frame % 4 == 0 { 3.0 } else { 1.5 };
            Machine { megapixel, around: 0.01 }.paint(&mut budget);
            if frame > 600 && budget.paint_size() != size {
                changes += 1;
            }
            size = budget.paint_size();
        }
        assert!(changes <= 4, "{changes} changes in four minutes");
    }

    #[test]
    fn a_machine_that_is_busy_for_a_while_recovers() {
        let mut budget = Budget::new(0.1, 512, 192);
        let mut run = |megapixel, frames| {
            for _ in 0..frames {
                Machine { megapixel, around: 0.01 }.paint(&mut budget);
            }
            budget.paint_size()
        };
        let before = run(0.5, 600);
        assert!(run(8.0, 100) < before);
        assert_eq!(run(0.5, 3000), before);
    }

    proptest! {
        #[test]
        fn sizes_stay_within_what_was_allowed(
            largest in 16usize..2000, first in 1usize..3000,
            costs in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64, 0usize..30, 0.0..1.0f64), 1..60),
        ) {
            let mut budget = Budget::new(0.05, largest, first);
            for (first, further, further_iterations, after) in costs {
                budget.spent(Spent { first, further, further_iterations, after });
                prop_assert!(budget.paint_size() <= largest);
                prop_assert!(budget.paint_size() >= SMALLEST.min(largest));
                prop_assert!(!budget.fits(0.05));
            }
        }
    }
}
