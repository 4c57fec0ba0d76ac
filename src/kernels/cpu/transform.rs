//! Winograd's minimal filtering for 3×3 kernels (Lavin & Gray 2016).
//!
//! A tile of m×m outputs takes (m+2)² products instead of 9m², between transforms that only add and
//! scale. F(4×4) is interpolated at 0, ±1, ½, −2 and ∞: ½ and −2 amplify rounding less than the usual
//! ±2 (Barabasz et al. 2020), and −1/a maps the points onto themselves, which keeps the transforms short.

use super::simd::Simd;

/// The tile a convolution is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tile {
    /// No transform: the nine taps themselves.
    Taps,
    /// 2×2 outputs.
    F2,
    /// 4×4 outputs.
    F4,
}

/// Rows evaluate the kernel's polynomial at 0, 1, −1, ∞, divided by the points' Lagrange denominators.
const KERNEL_F2: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

/// The same at 0, 1, −1, ½, −2, ∞.
const KERNEL_F4: [[f64; 3]; 6] = [
    [1.0, 0.0, 0.0],
    [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
    [-1.0 / 3.0, 1.0 / 3.0, -1.0 / 3.0],
    [-16.0 / 15.0, -8.0 / 15.0, -4.0 / 15.0],
    [1.0 / 15.0, -2.0 / 15.0, 4.0 / 15.0],
    [0.0, 0.0, 1.0],
];

/// The nine taps as they are.
const KERNEL_TAPS: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

impl Tile {
    /// G: a kernel g becomes G g Gᵀ.
    pub(super) fn matrix(self) -> &'static [[f64; 3]] {
        match self {
            Self::Taps => &KERNEL_TAPS,
            Self::F2 => &KERNEL_F2,
            Self::F4 => &KERNEL_F4,
        }
    }

    /// Elements of a transformed kernel.
    pub(super) fn positions(self) -> usize {
        self.matrix().len().pow(2)
    }
}

/// The transforms of one tile size. Arrays are as long as the largest tile needs; F(2×2) uses the first
/// four elements of inputs and two of outputs.
pub(super) trait Filter: Copy + Sync {
    /// m: outputs along a side.
    const OUTPUTS: usize;
    /// m + 2: inputs along a side.
    const SIDE: usize;

    /// Bᵀ d.
    fn input<S: Simd>(s: S, d: [S::V; 6]) -> [S::V; 6];

    /// Aᵀ m.
    fn output<S: Simd>(s: S, m: [S::V; 6]) -> [S::V; 4];
}

/// F(2×2, 3×3).
#[derive(Clone, Copy)]
pub(super) struct F2;

impl Filter for F2 {
    const OUTPUTS: usize = 2;
    const SIDE: usize = 4;

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; 6]) -> [S::V; 6] {
        let z = s.zero();
        [s.sub(d[0], d[2]), s.add(d[1], d[2]), s.sub(d[2], d[1]), s.sub(d[3], d[1]), z, z]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; 6]) -> [S::V; 4] {
        let z = s.zero();
        [s.add(s.add(m[0], m[1]), m[2]), s.add(s.sub(m[1], m[2]), m[3]), z, z]
    }
}

/// F(4×4, 3×3).
#[derive(Clone, Copy)]
pub(super) struct F4;

impl Filter for F4 {
    const OUTPUTS: usize = 4;
    const SIDE: usize = 6;

    // The rows are the products of (x − a) over all other points: with p = (x²−1)(x²+3x/2−1),
    // p for 0, x·p for ∞, and x·p/(x−a) for the rest.
    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; 6]) -> [S::V; 6] {
        let (half, minus_half, three_halves) = (s.splat(0.5), s.splat(-0.5), s.splat(1.5));
        let (two, five_halves, minus_five_halves) = (s.splat(2.0), s.splat(2.5), s.splat(-2.5));
        let even = s.sub(d[4], d[2]);
        let odd = s.sub(d[3], d[1]);
        [
            s.mul_add(three_halves, odd, s.add(s.sub(d[0], d[2]), even)),
            s.mul_add(five_halves, d[3], s.mul_add(half, d[2], s.sub(d[4], d[1]))),
            s.mul_add(minus_five_halves, d[2], s.mul_add(half, d[3], s.add(d[4], d[1]))),
            s.mul_add(two, odd, even),
            s.mul_add(minus_half, odd, even),
            s.mul_add(three_halves, even, s.sub(s.sub(d[5], d[3]), odd)),
        ]
    }

    // Row j holds the j-th powers of the points.
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; 6]) -> [S::V; 4] {
        let sum = s.add(m[1], m[2]);
        let difference = s.sub(m[1], m[2]);
        [
            s.add(s.add(m[0], sum), s.add(m[3], m[4])),
            s.mul_add(s.splat(0.5), m[3], s.mul_add(s.splat(-2.0), m[4], difference)),
            s.mul_add(s.splat(0.25), m[3], s.mul_add(s.splat(4.0), m[4], sum)),
            s.mul_add(s.splat(0.125), m[3], s.mul_add(s.splat(-8.0), m[4], s.add(difference, m[5]))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::simd::Portable;

    /// One row of numbers filtered by three taps, by way of the transforms.
    fn filter<F: Filter, const N: usize>(g: &[[f64; 3]; N], d: &[f32], kernel: [f64; 3]) -> Vec<f32> {
        let d: [[f32; 16]; 6] = std::array::from_fn(|i| [d[i]; 16]);
        let d = F::input(Portable, d);
        let product = std::array::from_fn(|i| {
            let g = if i < N { (0..3).map(|x| g[i][x] * kernel[x]).sum() } else { 0.0 };
            d[i].map(|d| d * g as f32)
        });
        F::output(Portable, product)[..F::OUTPUTS].iter().map(|v| v[3]).collect()
    }

    #[test]
    fn transforms_filter_a_row_as_the_definition_does() {
        let (d, kernel) = ([3.0, -1.0, 4.0, 1.5, -5.0, 9.0], [2.0, -7.0, 1.25]);
        let expected = |i: usize| (0..3).map(|k| f64::from(d[i + k]) * kernel[k]).sum::<f64>();
        for (i, y) in filter::<F4, 6>(&KERNEL_F4, &d, kernel).into_iter().enumerate() {
            assert!((f64::from(y) - expected(i)).abs() < 1e-4, "F4 {i}");
        }
        for (i, y) in filter::<F2, 4>(&KERNEL_F2, &d, kernel).into_iter().enumerate() {
            assert!((f64::from(y) - expected(i)).abs() < 1e-4, "F2 {i}");
        }
    }
}
