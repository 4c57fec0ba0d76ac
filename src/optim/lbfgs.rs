//! L-BFGS (Nocedal 1980) inside the box 0..1.
//!
//! Variables that stand at a bound and would leave it are held (Bertsekas 1982, two-metric
//! projection); the others take the quasi-Newton direction of the two-loop recursion, and a
//! backtracking search along the projected path enforces Armijo's condition, so the objective never
//! rises.

use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Pairs of steps and gradient changes that are remembered: 10, the middle of what Nocedal & Wright
/// recommend (3 to 20) and the least that was as good as 20 on painted pictures in the literature.
const MEMORY: usize = 10;
/// Armijo's constant: the usual one.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Halvings before a direction is given up.
const MAX_BACKTRACKS: usize = 20;
/// The longest first step of any variable, before curvature is known: a tenth of the range.
const FIRST_STEP: f64 = 0.1;

/// The state of the optimiser for one objective; a new objective wants [`Lbfgs::reset`].
#[derive(Debug, Clone, Default)]
pub struct Lbfgs {
    /// `(s, y, 1 / sᵀy)`, oldest first.
    pairs: VecDeque<(Vec<f32>, Vec<f32>, f64)>,
    /// Value and gradient at the current point, once known.
    current: Option<(f64, Vec<f32>)>,
}

impl Lbfgs {
    /// Nothing remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything: the objective has changed.
    pub fn reset(&mut self) {
        self.pairs.clear();
        self.current = None;
    }

    /// Moves `x` to a better point within 0..1. `evaluate(x, gradient)` fills the gradient and returns
    /// the value. Returns the value at the new point, or `Break` with the old value where no step
    /// improves it: the minimum for this precision.
    ///
    /// # Errors
    /// Whatever `evaluate` fails with.
    pub fn step<E>(
        &mut self,
        x: &mut [f32],
        mut evaluate: impl FnMut(&[f32], &mut [f32]) -> Result<f64, E>,
    ) -> Result<ControlFlow<f64, f64>, E> {
        let (value, gradient) = match self.current.take() {
            Some(current) => current,
            None => {
                let mut gradient = vec![0.0; x.len()];
                (evaluate(x, &mut gradient)?, gradient)
            }
        };
        let held: Vec<bool> =
            x.iter().zip(&gradient).map(|(&x, &g)| (x <= 0.0 && g > 0.0) || (x >= 1.0 && g < 0.0)).collect();
        let free = |i: usize, v: f32| if held[i] { 0.0 } else { v };
        let steepest: Vec<f32> = gradient.iter().enumerate().map(|(i, &g)| free(i, g)).collect();

        let mut direction = self.two_loop(&steepest);
        direction.iter_mut().enumerate().for_each(|(i, d)| *d = -free(i, *d));
        if dot(&direction, &steepest) >= 0.0 {
            self.pairs.clear();
            direction = self.two_loop(&steepest).into_iter().map(|d| -d).collect();
        }

        let mut trial = x.to_vec();
        let mut trial_gradient = vec![0.0; x.len()];
        let mut step = 1.0f64;
        for _ in 0..MAX_BACKTRACKS {
            for ((trial, &x), &d) in trial.iter_mut().zip(&*x).zip(&direction) {
                *trial = (f64::from(x) + step * f64::from(d)).clamp(0.0, 1.0) as f32;
            }
            let moved: Vec<f32> = trial.iter().zip(&*x).map(|(t, x)| t - x).collect();
            let expected = dot(&gradient, &moved);
            let trial_value = evaluate(&trial, &mut trial_gradient)?;
            if expected < 0.0 && trial_value <= value + SUFFICIENT_DECREASE * expected {
                let change: Vec<f32> = trial_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
                let curvature = dot(&moved, &change);
                if curvature > 1e-10 * dot(&change, &change) {
                    if self.pairs.len() == MEMORY {
                        self.pairs.pop_front();
                    }
                    self.pairs.push_back((moved, change, 1.0 / curvature));
                }
                x.copy_from_slice(&trial);
                self.current = Some((trial_value, trial_gradient));
                return Ok(ControlFlow::Continue(trial_value));
            }
            step *= 0.5;
        }
        self.pairs.clear();
        self.current = Some((value, gradient));
        Ok(ControlFlow::Break(value))
    }

    /// `H g` by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4); without pairs `g`
    /// scaled to a first step.
    fn two_loop(&self, gradient: &[f32]) -> Vec<f32> {
        let mut q = gradient.to_vec();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for (s, y, rho) in self.pairs.iter().rev() {
            let alpha = rho * dot(s, &q);
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        let scale = match self.pairs.back() {
            Some((_, y, rho)) => 1.0 / (rho * dot(y, y)),
            None => {
                let largest = gradient.iter().fold(0.0f32, |max, g| max.max(g.abs()));
                FIRST_STEP / f64::from(largest).max(f64::MIN_POSITIVE)
            }
        };
        q.iter_mut().for_each(|q| *q = (f64::from(*q) * scale) as f32);
        for ((s, y, rho), alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = rho * dot(y, &q);
            add(&mut q, alpha - beta, s);
        }
        q
    }
}

/// In f64, in a fixed order: the same on every run.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn add(to: &mut [f32], factor: f64, what: &[f32]) {
    for (to, &what) in to.iter_mut().zip(what) {
        *to = (f64::from(*to) + factor * f64::from(what)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

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
    fn finds_the_minimum_within_the_box_and_never_rises() {
        let mut x = [0.9f32; 10];
        let mut lbfgs = Lbfgs::new();
        let mut last = f64::INFINITY;
        for _ in 0..100 {
            let step = lbfgs.step(&mut x, |x, g| Ok::<_, Infallible>(quadratic(x, g))).unwrap();
            let (ControlFlow::Continue(value) | ControlFlow::Break(value)) = step;
            assert!(value <= last);
            assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
            last = value;
            if step.is_break() {
                break;
            }
        }
        for (i, x) in x.iter().enumerate() {
            let expected = (i as f32 / 4.0 - 0.5).clamp(0.0, 1.0);
            assert!((x - expected).abs() < 1e-4, "{i}: {x} {expected}");
        }
    }

    #[test]
    fn rosenbrock_in_the_box() {
        // Minimum (1, 1) on the corner of the box; the textbook start (−1.2, 1) clamped into it.
        let rosenbrock = |x: &[f32], g: &mut [f32]| {
            let (a, b) = (f64::from(x[0]), f64::from(x[1]));
            g[0] = (-400.0 * a * (b - a * a) - 2.0 * (1.0 - a)) as f32;
            g[1] = (200.0 * (b - a * a)) as f32;
            Ok::<_, Infallible>(100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2))
        };
        let mut x = [0.0f32, 1.0];
        let mut lbfgs = Lbfgs::new();
        for _ in 0..200 {
            if lbfgs.step(&mut x, rosenbrock).unwrap().is_break() {
                break;
            }
        }
        assert!((x[0] - 1.0).abs() < 1e-2 && (x[1] - 1.0).abs() < 2e-2, "{x:?}");
    }

    #[test]
    fn a_failing_objective_is_passed_on() {
        assert_eq!(Lbfgs::new().step(&mut [0.5], |_, _| Err("broken")), Err("broken"));
    }
}
