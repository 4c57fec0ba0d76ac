//! Adam (Kingma & Ba 2015, algorithm 1), followed by clamping to 0..1.

use rayon::prelude::*;

/// Adam with its two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam<V = Vec<f32>> {
    /// β₁. Default: 0.9.
    pub beta1: f32,
    /// β₂. Default: 0.999.
    pub beta2: f32,
    /// ε, added to the root. Default: 1e-8.
    pub epsilon: f32,
    /// Steps taken, which the correction of the moments' bias depends on.
    pub steps: u32,
    /// The running mean of the gradient, one value for each variable.
    pub first: V,
    /// The running mean of the squared gradient, one value for each variable.
    pub second: V,
}

impl<V> Adam<V> {
    /// With these moments and no step taken.
    pub fn with_moments(first: V, second: V) -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, steps: 0, first, second }
    }

    /// Counts a step, and tells what it will be.
    pub fn next_step(&mut self, rate: f32) -> AdamStep {
        self.steps = self.steps.saturating_add(1);
        let steps = self.steps.min(1_000_000) as i32;
        let betas = [self.beta1, self.beta2];
        let corrections = betas.map(|beta| 1.0 / (1.0 - f64::from(beta).powi(steps)) as f32);
        AdamStep { rate, betas, epsilon: self.epsilon, corrections }
    }
}

/// What a step depends on beside the moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub rate: f32,
    /// β₁ and β₂.
    pub betas: [f32; 2],
    /// ε.
    pub epsilon: f32,
    /// What corrects the bias of both moments: `1 / (1 − βᵗ)`.
    pub corrections: [f32; 2],
}

impl AdamStep {
    /// Takes the step; see [`Adam::step`].
    pub fn apply(self, x: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        /// A cache-friendly share; the result does not depend on it.
        const CHUNK: usize = 16 * 1024;
        let Self { rate, betas: [beta1, beta2], epsilon, corrections: [correction1, correction2] } = self;
        x.par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)))
            .for_each(|((x, g), (m, v))| {
                for (((x, &g), m), v) in x.iter_mut().zip(g).zip(m).zip(v) {
                    let g = if g.is_nan() { 0.0 } else { g };
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    let step = rate * (*m * correction1) / ((*v * correction2).sqrt() + epsilon);
                    *x = (*x - step).clamp(0.0, 1.0);
                }
            });
    }
}

impl Adam {
    /// Fresh moments for `len` variables.
    pub fn new(len: usize) -> Self {
        let zeros = vec![0.0; len];
        Self::with_moments(zeros.clone(), zeros)
    }

    /// Forgets everything it has seen.
    pub fn reset(&mut self) {
        self.steps = 0;
        self.first.fill(0.0);
        self.second.fill(0.0);
    }

    /// Moves `x` against `gradient`, by about `learning_rate` at most, and clamps it to 0..1. Runs on
    /// the threads of the pool it is called in. All three lengths must agree with the moments'; what is
    /// beyond the shortest stays as it is. A gradient that is not a number counts as 0.
    pub fn step(&mut self, x: &mut [f32], gradient: &[f32], learning_rate: f32) {
        self.next_step(learning_rate).apply(x, gradient, &mut self.first, &mut self.second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_pytorch() {
        // torch 2.15, float32:
        //   x = torch.tensor([.5, .5, .2], requires_grad=True); o = torch.optim.Adam([x], lr=.1)
        //   for t in range(3):
        //       x.grad = torch.tensor([1., -.01, .3]) * (t + 1); o.step(); print(x.tolist())
        let expected = [
            [0.4000000059604645, 0.5999999046325684, 0.10000001639127731],
            [0.3034818172454834, 0.696518063545227, 0.0034818053245544434],
            [0.20768170058727264, 0.7923181056976318, -0.09231831878423691],
        ];
        let mut x = [0.5f32, 0.5, 0.2];
        let mut adam = Adam::new(3);
        for (t, expected) in expected.iter().enumerate() {
            let g = [1.0, -0.01, 0.3].map(|g: f32| g * (t as f32 + 1.0));
            adam.step(&mut x, &g, 0.1);
            for (x, e) in x.iter().zip(expected) {
                // Ours stays within 0..1.
                assert!((f64::from(*x) - f64::max(*e, 0.0)).abs() < 1e-5, "{x} {e}");
            }
        }
    }

    #[test]
    fn a_broken_gradient_does_not_spread() {
        let mut x = [0.5f32; 3];
        Adam::new(3).step(&mut x, &[f32::NAN; 3], 0.1);
        assert_eq!(x, [0.5; 3]);
    }

    #[test]
    fn stays_in_range_and_finds_a_minimum() {
        // (x − 0.7)² + (y + 1)²: the minimum within 0..1 is at (0.7, 0).
        let mut x = [0.0f32, 1.0];
        let mut adam = Adam::new(2);
        for _ in 0..2000 {
            let g = [2.0 * (x[0] - 0.7), 2.0 * (x[1] + 1.0)];
            adam.step(&mut x, &g, 0.01);
            assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
        }
        assert!((x[0] - 0.7).abs() < 1e-3 && x[1] == 0.0, "{x:?}");
    }
}
