//! L-BFGS (Nocedal 1980) inside the box 0..1, one evaluation of the objective a step.
//!
//! Variables that stand at a bound and would leave it are held (Bertsekas 1982, two-metric projection);
//! the others take the quasi-Newton direction of the two-loop recursion. There is no line search: a step
//! is taken as it is, judged when its gradient is known, and taken back, halved and along a better informed
//! direction, if it did not satisfy Armijo's condition. On painted pictures that is a step in a hundred, and
//! every evaluation moves the picture.
//!
//! What has been learned of the curvature is worth keeping from frame to frame: it can be brought along
//! with the picture ([`Lbfgs::carry_in`]).
//!
//! The two-loop recursion runs over inner products instead of vectors (after Chen, Wang & Zhou 2014, *Large-scale
//! L-BFGS using MapReduce*): all that are needed are made together, so that vectors are read few times and a device
//! that holds them is asked four times a step. The vectors lie in a [`Space`].

use super::space::{Advance, Directions, Slices, Space};
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
struct Pair<V> {
    step: V,
    change: V,
    /// `stepᵀ change`, positive.
    curvature: f64,
    /// `changeᵀ P change` with the metric P, once it was needed.
    stiffness: Option<f64>,
    /// Each older pair's `stepᵀ` this `change`, oldest first.
    older: VecDeque<f64>,
}

/// The best point so far.
#[derive(Debug, Clone)]
struct Best<V> {
    x: V,
    gradient: V,
    value: f64,
}

/// Where it is steepest at the best point.
struct Steepest<V> {
    /// The gradient, 0 where variables are held.
    gradient: V,
    squared: f64,
    /// Each pair's step times this gradient, oldest first.
    slopes: Vec<f64>,
}

/// The state of the optimiser for one objective; another objective wants [`Lbfgs::carry_in`] or a new one.
#[derive(Debug, Clone)]
pub struct Lbfgs<V = Vec<f32>> {
    /// Oldest first.
    pairs: VecDeque<Pair<V>>,
    best: Option<Best<V>>,
    /// Steps taken back since the best point was found.
    rejected: u32,
    /// Vectors that are not in use, so that a step asks the system for none: large ones would be handed out page by
    /// page each time.
    spare: Vec<V>,
}

/// As many spare vectors as a step needs at once.
const MOST_SPARE: usize = 3;

/// Pairs of vectors of so many numbers that are remembered at most.
fn most_pairs(length: usize) -> usize {
    (PAIRS_BYTES / (2 * size_of::<f32>() * length.max(1))).clamp(FEWEST_PAIRS, MOST_PAIRS)
}

/// Whether a pair teaches anything.
fn is_worth_it(curvature: f64, step_squared: f64, change_squared: f64) -> bool {
    curvature > LEAST_COSINE * (step_squared * change_squared).sqrt() && curvature.is_normal()
}

impl<V> Default for Lbfgs<V> {
    fn default() -> Self {
        Self { pairs: VecDeque::new(), best: None, rejected: 0, spare: Vec::new() }
    }
}

impl<V> Lbfgs<V> {
    /// Nothing remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Vectors of so many numbers that are held at most, for an instant one pair more than are remembered.
    pub fn most_vectors(length: usize) -> usize {
        2 * (most_pairs(length) + 1) + 2 + MOST_SPARE
    }

    /// How many pairs of steps and gradient changes are remembered.
    pub fn remembered(&self) -> usize {
        self.pairs.len()
    }

    /// Goes on to another objective nearby, keeping what is known of the curvature: `moved` maps a vector
    /// over the variables to where the variables have gone. What no longer fits is forgotten.
    ///
    /// # Errors
    /// Those of `moved` and of the space; nothing is remembered then.
    pub fn carry_in<S: Space<Vector = V>>(
        &mut self,
        space: &mut S,
        mut moved: impl FnMut(&mut S, &S::View) -> Result<V, S::Error>,
    ) -> Result<(), S::Error> {
        self.best = None;
        self.rejected = 0;
        let mut carried = Vec::with_capacity(self.pairs.len());
        for Pair { step, change, .. } in std::mem::take(&mut self.pairs) {
            carried.push((moved(space, S::view(&step))?, moved(space, S::view(&change))?));
            self.give_back(step);
            self.give_back(change);
        }
        // All products of an older step and a change at once, and what judges each pair.
        let mut products = Vec::new();
        for (j, (step, change)) in carried.iter().enumerate() {
            let (s, y) = (S::view(step), S::view(change));
            products.push((s, s));
            products.push((y, y));
            products.extend(carried[..=j].iter().map(|(older, _)| (S::view(older), y)));
        }
        let products = space.products(&products)?;
        let (mut start, mut kept) = (0, Vec::new());
        for (j, (step, change)) in carried.into_iter().enumerate() {
            let row = &products[start + 2..][..=j];
            let curvature = row[j];
            if is_worth_it(curvature, products[start], products[start + 1]) {
                let older = kept.iter().map(|&i: &usize| row[i]).collect();
                kept.push(j);
                self.pairs.push_back(Pair { step, change, curvature, stiffness: None, older });
            } else {
                self.give_back(step);
                self.give_back(change);
            }
            start += 3 + j;
        }
        while let Some(pair) = self.pairs.front()
            && self.pairs.len() > most_pairs(space.length(S::view(&pair.step)))
        {
            self.forget_oldest();
        }
        Ok(())
    }

    /// Goes on to an objective whose gradients are `factor` times as large.
    ///
    /// # Errors
    /// Those of the space.
    pub fn scale_in<S: Space<Vector = V>>(&mut self, space: &mut S, factor: f64) -> Result<(), S::Error> {
        for Pair { change, curvature, stiffness, older, .. } in &mut self.pairs {
            space.add(S::view_mut(change), &[], factor)?;
            *curvature *= factor;
            *stiffness = stiffness.map(|stiffness| factor * factor * stiffness);
            older.iter_mut().for_each(|product| *product *= factor);
        }
        Ok(())
    }

    /// Moves `x`, where the objective has `value` and `gradient`, to a point within 0..1 that promises to
    /// be better; the next call judges it. `Break`: no step improves on `x`, which then is the best point so far.
    ///
    /// All lengths must be those of the first call.
    ///
    /// # Errors
    /// Those of the space.
    pub fn step_in<S: Space<Vector = V>>(
        &mut self,
        space: &mut S,
        x: &mut S::View,
        value: f64,
        gradient: &S::View,
    ) -> Result<ControlFlow<()>, S::Error> {
        let steepest = self.judge(space, x, value, gradient)?;
        let Some(best) = self.best.take() else { return Ok(ControlFlow::Break(())) };
        let flow = self.step_from(space, &best, steepest, x);
        self.best = Some(best);
        flow
    }

    fn step_from<S: Space<Vector = V>>(
        &mut self,
        space: &mut S,
        best: &Best<V>,
        steepest: Option<Steepest<V>>,
        x: &mut S::View,
    ) -> Result<ControlFlow<()>, S::Error> {
        let (from, gradient) = (S::view(&best.x), S::view(&best.gradient));
        if self.rejected > MAX_REJECTED {
            space.copy(from, x)?;
            return Ok(ControlFlow::Break(()));
        }
        let steepest = match steepest {
            Some(steepest) => steepest,
            None => {
                let held = self.held(space, from, gradient)?;
                let g = S::view(&held);
                let mut products = vec![(g, g)];
                products.extend(self.pairs.iter().map(|pair| (S::view(&pair.step), g)));
                let products = space.products(&products)?;
                Steepest { squared: products[0], slopes: products[1..].to_vec(), gradient: held }
            }
        };
        if steepest.squared == 0.0 {
            self.give_back(steepest.gradient);
            space.copy(from, x)?;
            return Ok(ControlFlow::Break(()));
        }
        let length = 0.5f32.powi(self.rejected as i32);
        let moves = loop {
            let mut direction = self.direction(space, &steepest)?;
            space.hold(from, gradient, S::view_mut(&mut direction))?;
            let directions =
                Directions { chosen: S::view(&direction), steepest: S::view(&steepest.gradient) };
            let Advance { slope, moves } = space.advance(from, length, directions, x)?;
            self.give_back(direction);
            // Uphill: what is remembered is of no use here.
            if slope > 0.0 || slope.is_nan() || self.pairs.is_empty() {
                break moves;
            }
            self.pairs.clear();
        };
        self.give_back(steepest.gradient);
        Ok(if moves { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// Ends the search: where the last point that was judged was taken back, `x` becomes the best one instead
    /// of a further try from there, which may be as bad.
    ///
    /// # Errors
    /// Those of the space.
    pub fn settle_in<S: Space<Vector = V>>(&self, space: &mut S, x: &mut S::View) -> Result<(), S::Error> {
        match self.best.as_ref().filter(|_| self.rejected > 0) {
            Some(best) => space.copy(S::view(&best.x), x),
            None => Ok(()),
        }
    }

    /// Learns from the gradient at `x` and makes it the best point if it is good enough; then returns where it is
    /// steepest there, as far as that is known.
    fn judge<S: Space<Vector = V>>(
        &mut self,
        space: &mut S,
        x: &S::View,
        value: f64,
        gradient: &S::View,
    ) -> Result<Option<Steepest<V>>, S::Error> {
        if !value.is_finite() {
            self.rejected += u32::from(self.best.is_some());
            return Ok(None);
        }
        let Some(mut best) = self.best.take() else {
            let (x, gradient) = (self.copy_of(space, x)?, self.copy_of(space, gradient)?);
            self.best = Some(Best { x, gradient, value });
            return Ok(None);
        };
        let (mut step, mut change) = (self.take(space, x)?, self.take(space, gradient)?);
        space.difference(x, S::view(&best.x), S::view_mut(&mut step))?;
        space.difference(gradient, S::view(&best.gradient), S::view_mut(&mut change))?;
        let held = self.held(space, x, gradient)?;

        // All products at once, also those that are of use only if the point is good enough, as nearly all are.
        let (s, y, g) = (S::view(&step), S::view(&change), S::view(&held));
        let mut products = vec![(S::view(&best.gradient), s), (s, s), (s, y), (y, y)];
        products.extend(self.pairs.iter().map(|pair| (S::view(&pair.step), y)));
        products.push((g, g));
        products.extend(self.pairs.iter().map(|pair| (S::view(&pair.step), g)));
        products.push((s, g));
        let products = space.products(&products)?;
        let (of_step, products) = products.split_at(4);
        let (older, of_held) = products.split_at(self.pairs.len());
        let [expected, step_squared, curvature, change_squared] = of_step[..] else { return Ok(None) };
        let (squared, mut slopes) = (of_held[0], of_held[1..].to_vec());

        if is_worth_it(curvature, step_squared, change_squared) {
            let most = most_pairs(space.length(s));
            let older = older.iter().copied().collect();
            self.pairs.push_back(Pair { step, change, curvature, stiffness: None, older });
            if self.pairs.len() > most {
                self.forget_oldest();
                slopes.remove(0);
            }
        } else {
            slopes.pop();
            self.give_back(step);
            self.give_back(change);
        }
        let steepest = if value <= best.value + SUFFICIENT_DECREASE * expected.min(0.0) {
            space.copy(x, S::view_mut(&mut best.x))?;
            space.copy(gradient, S::view_mut(&mut best.gradient))?;
            best.value = value;
            self.rejected = 0;
            Some(Steepest { gradient: held, squared, slopes })
        } else {
            self.rejected += 1;
            self.give_back(held);
            None
        };
        self.best = Some(best);
        Ok(steepest)
    }

    fn forget_oldest(&mut self) {
        if let Some(Pair { step, change, .. }) = self.pairs.pop_front() {
            self.give_back(step);
            self.give_back(change);
        }
        for pair in &mut self.pairs {
            pair.older.pop_front();
        }
    }

    /// `H g` by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), starting from the metric scaled to
    /// the newest pair (their eq. 7.20); without pairs scaled to a first step.
    fn direction<S: Space<Vector = V>>(
        &mut self,
        space: &mut S,
        steepest: &Steepest<V>,
    ) -> Result<V, S::Error> {
        let mut q = self.copy_of(space, S::view(&steepest.gradient))?;
        if let Some(mut newest) = self.pairs.pop_back() {
            if newest.stiffness.is_none() {
                let mut stiff = self.copy_of(space, S::view(&newest.change))?;
                space.metric(S::view_mut(&mut stiff))?;
                let stiffness = space.products(&[(S::view(&newest.change), S::view(&stiff))])?;
                newest.stiffness = stiffness.first().copied();
                self.give_back(stiff);
            }
            self.pairs.push_back(newest);
        }

        let pairs = &self.pairs;
        let mut alphas = vec![0.0; pairs.len()];
        for i in (0..pairs.len()).rev() {
            let later: f64 = (i + 1..pairs.len()).map(|j| alphas[j] * pairs[j].older[i]).sum();
            alphas[i] = (steepest.slopes[i] - later) / pairs[i].curvature;
        }
        let terms: Vec<_> =
            pairs.iter().zip(&alphas).map(|(p, alpha)| (-alpha, S::view(&p.change))).collect();
        space.add(S::view_mut(&mut q), &terms, 1.0)?;
        space.metric(S::view_mut(&mut q))?;

        let factor = pairs.back().and_then(|pair| Some(pair.curvature / pair.stiffness?));
        let factor = match factor.filter(|factor| factor.is_normal()) {
            Some(factor) => factor,
            None => FIRST_STEP / space.largest(S::view(&q))?.max(f64::from(f32::MIN_POSITIVE)),
        };
        let changes: Vec<_> = pairs.iter().map(|pair| (S::view(&pair.change), S::view(&q))).collect();
        let along = space.products(&changes)?;
        let mut terms: Vec<(f64, &S::View)> = Vec::with_capacity(pairs.len());
        for (i, pair) in pairs.iter().enumerate() {
            let earlier: f64 =
                terms.iter().zip(&pair.older).map(|((times, _), product)| times * product).sum();
            let beta = (factor * along[i] + earlier) / pair.curvature;
            terms.push((alphas[i] - beta, S::view(&pair.step)));
        }
        space.add(S::view_mut(&mut q), &[], factor)?;
        space.add(S::view_mut(&mut q), &terms, 1.0)?;
        Ok(q)
    }

    /// The gradient where variables are not held.
    fn held<S: Space<Vector = V>>(
        &mut self,
        space: &mut S,
        x: &S::View,
        gradient: &S::View,
    ) -> Result<V, S::Error> {
        let mut held = self.copy_of(space, gradient)?;
        space.hold(x, gradient, S::view_mut(&mut held))?;
        Ok(held)
    }

    /// A vector like this one, with anything in it.
    fn take<S: Space<Vector = V>>(&mut self, space: &mut S, like: &S::View) -> Result<V, S::Error> {
        let length = space.length(like);
        self.spare.retain(|vector| space.length(S::view(vector)) == length);
        self.spare.pop().map_or_else(|| space.vector(like), Ok)
    }

    fn copy_of<S: Space<Vector = V>>(&mut self, space: &mut S, of: &S::View) -> Result<V, S::Error> {
        let mut copy = self.take(space, of)?;
        space.copy(of, S::view_mut(&mut copy))?;
        Ok(copy)
    }

    fn give_back(&mut self, vector: V) {
        if self.spare.len() < MOST_SPARE {
            self.spare.push(vector);
        }
    }
}

fn nothing(_: &mut [f32]) {}

/// In memory.
impl Lbfgs {
    /// As [`Self::carry_in`].
    pub fn carry(&mut self, mut moved: impl FnMut(&[f32]) -> Vec<f32>) {
        let Ok(()) = self.carry_in(&mut Slices(nothing), |_, vector| Ok(moved(vector)));
    }

    /// As [`Self::scale_in`].
    pub fn scale(&mut self, factor: f64) {
        let Ok(()) = self.scale_in(&mut Slices(nothing), factor);
    }

    /// As [`Self::step_in`], with a [`Space::metric`]; one that does nothing is plain L-BFGS.
    pub fn step(
        &mut self,
        x: &mut [f32],
        value: f64,
        gradient: &[f32],
        metric: impl Fn(&mut [f32]),
    ) -> ControlFlow<()> {
        let Ok(flow) = self.step_in(&mut Slices(metric), x, value, gradient);
        flow
    }

    /// As [`Self::settle_in`].
    pub fn settle(&self, x: &mut [f32]) {
        let Ok(()) = self.settle_in(&mut Slices(nothing), x);
    }
}

#[cfg(test)]
mod tests;
