//! L-BFGS (Nocedal 1980) inside the box 0..1, one evaluation of the objective a step.
//!
//! Variables that stand at a bound and would leave it are held (Bertsekas 1982, two-metric projection);
//! the others take the quasi-Newton direction of the two-loop recursion. There is no line search: a step
//! is taken as it is, judged when its gradient is known, and taken back, halved and along a better informed
//! direction, if it did not satisfy Armijo's condition. On painted pictures that is a step in a hundred, and
//! every evaluation moves the picture.
//!
//! What has been learned of the curvature is worth keeping from frame to frame: it can be brought along
//! with the picture ([`Lbfgs::carry`]).

use rayon::prelude::*;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Pairs of steps and gradient changes that are remembered: 40, those of four frames, or as many as fit into 96 MB,
/// but 3 at least (Nocedal & Wright 2006 recommend 3 to 20). At 512×288 there are 27, at 1280×720 there are 4.
const MOST_PAIRS: usize = 40;
const FEWEST_PAIRS: usize = 3;
const PAIRS_BYTES: usize = 96_000_000;
/// Armijo's constant: the usual one.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Steps taken back one after the other before the point counts as the minimum for this precision.
const MAX_REJECTED: u32 = 20;
/// The longest first step of any variable, before curvature is known: a tenth of the range.
const FIRST_STEP: f64 = 0.1;
/// A pair is worth remembering if its step and gradient change point the same way, by this cosine at least.
/// Tuned: pairs that were moved with the picture lose a little of it.
const LEAST_COSINE: f64 = 1e-3;

/// A step and how it changed the gradient.
#[derive(Debug, Clone)]
struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
    /// `stepᵀ change`, positive.
    curvature: f64,
}

/// The best point so far.
#[derive(Debug, Clone)]
struct Best {
    x: Vec<f32>,
    gradient: Vec<f32>,
    value: f64,
}

/// The state of the optimiser for one objective; another objective wants [`Lbfgs::carry`] or a new one.
#[derive(Debug, Clone, Default)]
pub struct Lbfgs {
    /// Oldest first.
    pairs: VecDeque<Pair>,
    best: Option<Best>,
    /// Steps taken back since the best point was found.
    rejected: u32,
    spare: Spare,
}

/// Vectors that are not in use, so that a step asks the system for none: large ones would be handed out page by
/// page each time.
#[derive(Debug, Clone, Default)]
struct Spare(Vec<Vec<f32>>);

impl Spare {
    /// As many as a step needs at once.
    const MOST: usize = 3;

    /// A vector of this length, with anything in it.
    fn take(&mut self, length: usize) -> Vec<f32> {
        self.0.retain(|vector| vector.len() == length);
        self.0.pop().unwrap_or_else(|| vec![0.0; length])
    }

    fn copy(&mut self, of: &[f32]) -> Vec<f32> {
        let mut copy = self.take(of.len());
        copy.copy_from_slice(of);
        copy
    }

    fn difference(&mut self, a: &[f32], b: &[f32]) -> Vec<f32> {
        let mut difference = self.take(a.len());
        difference.par_iter_mut().zip(a.par_iter().zip(b)).for_each(|(to, (a, b))| *to = a - b);
        difference
    }

    fn give_back(&mut self, vector: Vec<f32>) {
        if self.0.len() < Self::MOST {
            self.0.push(vector);
        }
    }
}

impl Lbfgs {
    /// Nothing remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many pairs of steps and gradient changes are remembered.
    pub fn remembered(&self) -> usize {
        self.pairs.len()
    }

    /// Goes on to another objective nearby, keeping what is known of the curvature: `moved` maps a vector
    /// over the variables to where the variables have gone. What no longer fits is forgotten.
    pub fn carry(&mut self, mut moved: impl FnMut(&[f32]) -> Vec<f32>) {
        self.best = None;
        self.rejected = 0;
        for pair in std::mem::take(&mut self.pairs) {
            self.remember(moved(&pair.step), moved(&pair.change));
        }
    }

    /// Goes on to an objective whose gradients are `factor` times as large.
    pub fn scale(&mut self, factor: f64) {
        for Pair { change, curvature, .. } in &mut self.pairs {
            change.par_iter_mut().for_each(|change| *change *= factor as f32);
            *curvature *= factor;
        }
    }

    /// Moves `x`, where the objective has `value` and `gradient`, to a point within 0..1 that promises to
    /// be better; the next call judges it. `metric` applies the inverse of a rough guess of the
    /// objective's curvature to a vector, up to a factor (a symmetric positive operator; one that does
    /// nothing is plain L-BFGS). `Break`: no step improves on `x`, which then is the best point so far.
    ///
    /// All lengths must be those of the first call. Runs on the threads of the pool it is called in; the
    /// result does not depend on their number.
    pub fn step(
        &mut self,
        x: &mut [f32],
        value: f64,
        gradient: &[f32],
        metric: impl Fn(&mut [f32]),
    ) -> ControlFlow<()> {
        self.judge(x, value, gradient);
        let Self { pairs, best, spare, .. } = self;
        let Some(best) = best else { return ControlFlow::Break(()) };
        if self.rejected > MAX_REJECTED {
            x.copy_from_slice(&best.x);
            return ControlFlow::Break(());
        }
        // A variable at a bound that would leave it is held there.
        let held = |x: f32, g: f32| (x <= 0.0 && g > 0.0) || (x >= 1.0 && g < 0.0) || !g.is_finite();
        let mut steepest = spare.copy(&best.gradient);
        let hold = |vector: &mut [f32]| {
            let points = best.x.par_iter().zip(&best.gradient);
            vector
                .par_iter_mut()
                .zip(points)
                .filter(|(_, (x, g))| held(**x, **g))
                .for_each(|(v, _)| *v = 0.0);
        };
        hold(&mut steepest);
        if steepest.iter().all(|g| *g == 0.0) {
            x.copy_from_slice(&best.x);
            return ControlFlow::Break(());
        }
        let mut direction = two_loop(pairs, &steepest, &metric, spare);
        hold(&mut direction);
        if dot(&direction, &steepest) <= 0.0 {
            pairs.clear();
            spare.give_back(direction);
            direction = two_loop(pairs, &steepest, &metric, spare);
            hold(&mut direction);
        }
        let length = 0.5f32.powi(self.rejected as i32);
        x.par_iter_mut()
            .zip(best.x.par_iter().zip(&direction))
            .for_each(|(x, (from, d))| *x = (from - length * d).clamp(0.0, 1.0));
        spare.give_back(steepest);
        spare.give_back(direction);
        if x == best.x { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Ends the search: where the last point that was judged was taken back, `x` becomes the best one instead
    /// of a further try from there, which may be as bad.
    pub fn settle(&self, x: &mut [f32]) {
        if let Some(best) = self.best.as_ref().filter(|_| self.rejected > 0) {
            x.copy_from_slice(&best.x);
        }
    }

    /// Learns from the gradient at `x` and makes it the best point if it is good enough.
    fn judge(&mut self, x: &[f32], value: f64, gradient: &[f32]) {
        let Some(mut best) = self.best.take() else {
            let (x, gradient) = (x.to_vec(), gradient.to_vec());
            self.best = value.is_finite().then_some(Best { x, gradient, value });
            return;
        };
        let step = self.spare.difference(x, &best.x);
        let expected = dot(&step, &best.gradient);
        let accepted = value <= best.value + SUFFICIENT_DECREASE * expected.min(0.0);
        if value.is_finite() {
            let change = self.spare.difference(gradient, &best.gradient);
            self.remember(step, change);
        }
        if accepted {
            best.x.copy_from_slice(x);
            best.gradient.copy_from_slice(gradient);
            best.value = value;
            self.rejected = 0;
        } else {
            self.rejected += 1;
        }
        self.best = Some(best);
    }

    fn remember(&mut self, step: Vec<f32>, change: Vec<f32>) {
        let curvature = dot(&step, &change);
        let lengths = (dot(&step, &step) * dot(&change, &change)).sqrt();
        if curvature > LEAST_COSINE * lengths && curvature.is_normal() {
            let fit = PAIRS_BYTES / (2 * size_of::<f32>() * step.len().max(1));
            if self.pairs.len() >= fit.clamp(FEWEST_PAIRS, MOST_PAIRS)
                && let Some(oldest) = self.pairs.pop_front()
            {
                self.spare.give_back(oldest.step);
                self.spare.give_back(oldest.change);
            }
            self.pairs.push_back(Pair { step, change, curvature });
        } else {
            self.spare.give_back(step);
            self.spare.give_back(change);
        }
    }
}

/// `H g` by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), starting from `metric` scaled to
/// the newest pair (their eq. 7.20); without pairs scaled to a first step.
fn two_loop(
    pairs: &VecDeque<Pair>,
    gradient: &[f32],
    metric: &impl Fn(&mut [f32]),
    spare: &mut Spare,
) -> Vec<f32> {
    let mut q = spare.copy(gradient);
    let mut alphas = Vec::with_capacity(pairs.len());
    for Pair { step, change, curvature } in pairs.iter().rev() {
        let alpha = dot(step, &q) / curvature;
        add(&mut q, -alpha, change);
        alphas.push(alpha);
    }
    let factor = pairs.back().map(|Pair { change, curvature, .. }| {
        let mut stiff = spare.copy(change);
        metric(&mut stiff);
        let factor = curvature / dot(change, &stiff);
        spare.give_back(stiff);
        factor
    });
    metric(&mut q);
    let factor = factor.filter(|factor| factor.is_normal()).unwrap_or_else(|| {
        let largest = q.iter().fold(0.0f32, |max, q| max.max(q.abs()));
        FIRST_STEP / f64::from(largest.max(f32::MIN_POSITIVE))
    }) as f32;
    q.par_iter_mut().for_each(|q| *q *= factor);
    for (Pair { step, change, curvature }, alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = dot(change, &q) / curvature;
        add(&mut q, alpha - beta, step);
    }
    q
}

/// A cache-friendly share. Sums are made share by share, so that they do not depend on the threads.
const SHARE: usize = 16 * 1024;

/// In f64 and in a fixed order: the same on every run.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let shares: Vec<f64> = a
        .par_chunks(SHARE)
        .zip(b.par_chunks(SHARE))
        .map(|(a, b)| {
            let (a, a_rest) = a.as_chunks::<8>();
            let (b, b_rest) = b.as_chunks::<8>();
            let mut sums = [0.0f64; 8];
            for (a, b) in a.iter().zip(b) {
                for i in 0..8 {
                    sums[i] += f64::from(a[i]) * f64::from(b[i]);
                }
            }
            let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            sums.iter().sum::<f64>() + rest
        })
        .collect();
    shares.iter().sum()
}

fn add(to: &mut [f32], factor: f64, what: &[f32]) {
    let factor = factor as f32;
    to.par_iter_mut().zip(what).for_each(|(to, what)| *to += factor * what);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ill-conditioned quadratic whose free minimum lies partly outside of the box, so that the
    /// minimum within is known: each coordinate clamped (the Hessian is diagonal).
    fn quadratic(x: &[f32], gradient: &mut [f32]) -> f64 {
        let mut value = 0.0;
        for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
            let (stiffness, center) = ((i + 1) as f64 * 10.0, i as f64 / 4.0 - 0.5);
            let d = f64::from(*x) - center;
            value += stiffness * d * d;
            *g = (2.0 * stiffness * d) as f32;
        }
        value
    }

    #[test]
    fn who_stops_at_a_step_that_was_taken_back_has_the_best_point() {
        let mut lbfgs = Lbfgs::new();
        let mut x = vec![0.5f32; 4];
        let _ = lbfgs.step(&mut x, 1.0, &[1.0; 4], |_| ());
        let tried = x.clone();
        lbfgs.settle(&mut x);
        assert_eq!(x, tried, "a step that nobody has judged is taken");
        // Worse than before: taken back, and a shorter one tried.
        let _ = lbfgs.step(&mut x, 2.0, &[1.0; 4], |_| ());
        assert_ne!(x, [0.5; 4]);
        lbfgs.settle(&mut x);
        assert_eq!(x, [0.5; 4]);
    }

    /// Steps until nothing improves or `most` evaluations are used; how many were.
    fn minimise(
        lbfgs: &mut Lbfgs,
        x: &mut [f32],
        most: usize,
        metric: impl Fn(&mut [f32]),
        objective: impl Fn(&[f32], &mut [f32]) -> f64,
    ) -> usize {
        let mut gradient = vec![0.0; x.len()];
        for used in 0..most {
            assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
            let value = objective(x, &mut gradient);
            if lbfgs.step(x, value, &gradient, &metric).is_break() {
                return used + 1;
            }
        }
        most
    }

    fn nothing(_: &mut [f32]) {}

    #[test]
    fn finds_the_minimum_within_the_box() {
        let mut x = [0.9f32; 10];
        minimise(&mut Lbfgs::new(), &mut x, 100, nothing, quadratic);
        for (i, x) in x.iter().enumerate() {
            let expected = (i as f32 / 4.0 - 0.5).clamp(0.0, 1.0);
            assert!((x - expected).abs() < 1e-4, "{i}: {x} {expected}");
        }
    }

    #[test]
    fn the_true_metric_makes_one_step_of_many() {
        // With the inverse Hessian as its metric the first scaled step is Newton's.
        let inverse = |v: &mut [f32]| v.iter_mut().enumerate().for_each(|(i, v)| *v /= (i + 1) as f32);
        let (mut plain, mut informed) = ([0.5f32; 4], [0.5f32; 4]);
        let center = |x: &[f32], g: &mut [f32]| {
            x.iter().zip(g).enumerate().fold(0.0, |sum, (i, (x, g))| {
                let (stiffness, d) = ((i + 1) as f32, x - 0.2 - 0.1 * i as f32);
                *g = 2.0 * stiffness * d;
                sum + f64::from(stiffness * d * d)
            })
        };
        minimise(&mut Lbfgs::new(), &mut plain, 4, nothing, center);
        minimise(&mut Lbfgs::new(), &mut informed, 4, inverse, center);
        let error = |x: [f32; 4]| -> f32 {
            x.iter().enumerate().map(|(i, x)| (x - 0.2 - 0.1 * i as f32).abs()).sum()
        };
        assert!(error(informed) < 1e-5 && error(informed) < 0.1 * error(plain), "{informed:?} {plain:?}");
    }

    #[test]
    fn rosenbrock_in_the_box() {
        // Minimum (1, 1) on the corner of the box; the textbook start (−1.2, 1) clamped into it.
        let rosenbrock = |x: &[f32], g: &mut [f32]| {
            let (a, b) = (f64::from(x[0]), f64::from(x[1]));
            g[0] = (-400.0 * a * (b - a * a) - 2.0 * (1.0 - a)) as f32;
            g[1] = (200.0 * (b - a * a)) as f32;
            100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
        };
        let mut x = [0.0f32, 1.0];
        minimise(&mut Lbfgs::new(), &mut x, 300, nothing, rosenbrock);
        assert!((x[0] - 1.0).abs() < 1e-2 && (x[1] - 1.0).abs() < 2e-2, "{x:?}");
    }

    #[test]
    fn what_was_learned_helps_the_next_objective() {
        // The same quadratic with its variables in reversed order: carried along, one step more is enough.
        let reversed = |v: &[f32]| v.iter().rev().copied().collect::<Vec<_>>();
        let turned = |x: &[f32], g: &mut [f32]| {
            let mut turned = vec![0.0; x.len()];
            let value = quadratic(&reversed(x), &mut turned);
            g.copy_from_slice(&reversed(&turned));
            value
        };
        let mut lbfgs = Lbfgs::new();
        minimise(&mut lbfgs, &mut [0.9; 6], 60, nothing, quadratic);
        assert!(lbfgs.remembered() > 3);
        lbfgs.carry(reversed);
        let mut gradient = [0.0; 6];
        let after = |mut lbfgs: Lbfgs, gradient: &mut [f32; 6]| {
            let mut x = [0.5f32; 6];
            minimise(&mut lbfgs, &mut x, 5, nothing, turned);
            turned(&x, gradient)
        };
        let (carried, fresh) = (after(lbfgs, &mut gradient), after(Lbfgs::new(), &mut gradient));
        // The first two centres lie outside by 0.5 and 0.25: at the minimum 10 · 0.5² + 20 · 0.25² remain.
        let least = 3.75;
        assert!(carried - least < 0.5 * (fresh - least), "{carried} {fresh}");
    }

    #[test]
    fn on_another_scale_the_way_is_the_same() {
        let quartered = |x: &[f32], g: &mut [f32]| {
            let value = quadratic(x, g) / 4.0;
            g.iter_mut().for_each(|g| *g /= 4.0);
            value
        };
        let mut lbfgs = Lbfgs::new();
        let mut x = [0.9f32; 6];
        minimise(&mut lbfgs, &mut x, 4, nothing, quadratic);
        lbfgs.carry(<[f32]>::to_vec);
        let (mut scaled, mut there) = (lbfgs.clone(), x);
        minimise(&mut lbfgs, &mut x, 4, nothing, quadratic);
        scaled.scale(0.25);
        minimise(&mut scaled, &mut there, 4, nothing, quartered);
        assert_eq!(there, x);
    }

    #[test]
    fn what_is_no_number_is_taken_back() {
        let mut x = [0.5f32; 3];
        let mut lbfgs = Lbfgs::new();
        assert!(lbfgs.step(&mut x, f64::NAN, &[0.1; 3], nothing).is_break());
        assert_eq!(x, [0.5; 3]);
        assert!(lbfgs.step(&mut x, 1.0, &[0.1, f32::NAN, 0.0], nothing).is_continue());
        assert!(x[0] < 0.5 && x[1] == 0.5 && x[2] == 0.5);
        let trial = x[0];
        assert!(lbfgs.step(&mut x, f64::INFINITY, &[f32::NAN; 3], nothing).is_continue());
        assert!(trial < x[0] && x[0] < 0.5, "half of the step");
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut x = vec![0.5f32; 50_000];
                minimise(&mut Lbfgs::new(), &mut x, 6, nothing, |x, g| {
                    x.iter().zip(g).enumerate().fold(0.0, |sum, (i, (x, g))| {
                        let d = x - (i % 7) as f32 / 7.0;
                        *g = 2.0 * d * (1 + i % 3) as f32;
                        sum + f64::from(d * d * (1 + i % 3) as f32)
                    })
                });
                x
            })
        };
        assert_eq!(run(1), run(3));
    }
}
