//! The two things that are done to a row of cells: weighing what they say, and relaxing them.
//!
//! Cell k's left and right neighbours are cells k + `shift` − 1 and k + `shift` of the other colour (see
//! [`super::checker`]); rows have one cell more at each end, so that both exist.

use super::equations::NUMBERS as EQUATIONS;
use super::lanes::{LANES, Lanes};
use super::settings::DenseFlow;
use crate::kernels::cpu::Loops;

/// Numbers of the flow at a cell: right, down.
pub(super) const VALUES: usize = 2;
/// Numbers of the system at a cell: its 2 × 2 matrix (three), the right side (two), and how strongly it is
/// joined to its right and to its lower neighbour.
pub(super) const NUMBERS: usize = 7;
const JOINED_RIGHT: usize = 5;
const JOINED_DOWN: usize = 6;

/// ε of what pixels say, and of the flow's slopes: small enough for the absolute value, large enough for
/// finite weights (tuned; OpenCV's are the same).
const EPSILON: f32 = 1e-3;

/// Over-relaxation; tuned between 1.6 and 1.9 for few sweeps.
const OMEGA: f32 = 1.8;

/// Number `i` of a row's cells, from `from` on, counted with the one that is more.
#[inline(always)]
fn cells(row: &[f32], i: usize, stride: usize, from: usize) -> &[[f32; LANES]] {
    row[i * stride + from..][..stride - 2].as_chunks().0
}

/// Numbers `k` of every slice, under the slice's name. (Arrays of vectors that go through a closure go
/// through memory as well.)
macro_rules! take {
    ($k:ident: $($slice:ident),*) => { $(let $slice = Lanes($slice[$k]);)* };
}

/// Makes the system of a row from the flow so far.
pub(super) struct Weigh<'a> {
    pub(super) stride: usize,
    pub(super) shift: usize,
    pub(super) equations: &'a [f32],
    /// 1 for cells with a right neighbour, else 0.
    pub(super) right_edge: &'a [f32],
    pub(super) has_row_below: bool,
    pub(super) settings: &'a DenseFlow,
    pub(super) own: &'a [f32],
    /// The other colour's flow in the same row and in the next.
    pub(super) beside: &'a [f32],
    pub(super) below: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Loops for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { stride, shift, own, beside, below, settings, .. } = self;
        let n = stride - 2;
        let mut numbers = self.equations.chunks_exact(n).map(|plane| plane.as_chunks::<LANES>().0);
        let mut number = || numbers.next().unwrap_or_default();
        let [a0, b0, c0, a1, b1, c1, a2, b2, c2]: [&[[f32; LANES]]; EQUATIONS] =
            std::array::from_fn(|_| number());
        let has_right = self.right_edge.as_chunks::<LANES>().0;
        let (u, v) = (cells(own, 0, stride, 1), cells(own, 1, stride, 1));
        let (ur, vr) = (cells(beside, 0, stride, 1 + shift), cells(beside, 1, stride, 1 + shift));
        let (ud, vd) = (cells(below, 0, stride, 1), cells(below, 1, stride, 1));
        let mut planes =
            self.to.chunks_exact_mut(stride).map(|plane| plane[1..=n].as_chunks_mut::<LANES>().0);
        let mut plane = || planes.next().unwrap_or_default();
        let [m11, m12, m22, r1, r2, join_right, join_down]: [&mut [[f32; LANES]]; NUMBERS] =
            std::array::from_fn(|_| plane());
        let (zero, epsilon) = (Lanes::ZERO, Lanes::splat(EPSILON * EPSILON));
        let (brightness, slopes) = (Lanes::splat(settings.brightness), Lanes::splat(settings.slopes));
        let smoothness = Lanes::splat(settings.smoothness);
        let has_below = Lanes::splat(if self.has_row_below { 1.0 } else { 0.0 });
        for k in 0..n / LANES {
            take!(k: a0, b0, c0, a1, b1, c1, a2, b2, c2);
            take!(k: u, v, ur, vr, ud, vd, has_right);
            let e0 = a0 * u + b0 * v + c0;
            let e1 = a1 * u + b1 * v + c1;
            let e2 = a2 * u + b2 * v + c2;
            let w0 = brightness / (e0 * e0 + epsilon).sqrt();
            let w1 = slopes / (e1 * e1 + e2 * e2 + epsilon).sqrt();
            m11[k] = (w0 * a0 * a0 + w1 * (a1 * a1 + a2 * a2)).0;
            m12[k] = (w0 * a0 * b0 + w1 * (a1 * b1 + a2 * b2)).0;
            m22[k] = (w0 * b0 * b0 + w1 * (b1 * b1 + b2 * b2)).0;
            r1[k] = (zero - (w0 * a0 * c0 + w1 * (a1 * c1 + a2 * c2))).0;
            r2[k] = (zero - (w0 * b0 * c0 + w1 * (b1 * c1 + b2 * c2))).0;
            // The slopes to the right and down; beyond the frame there are none.
            let right = has_right * ((ur - u).squared() + (vr - v).squared());
            let down = has_below * ((ud - u).squared() + (vd - v).squared());
            let weight = smoothness / (right + down + epsilon).sqrt();
            join_right[k] = (has_right * weight).0;
            join_down[k] = (has_below * weight).0;
        }
    }
}

/// Relaxes the cells of a row.
pub(super) struct Sweep<'a> {
    pub(super) stride: usize,
    pub(super) shift: usize,
    pub(super) system: &'a [f32],
    /// The other colour's system in the same row and in the one before.
    pub(super) system_beside: &'a [f32],
    pub(super) system_above: &'a [f32],
    /// The other colour's flow in the row before, the same and the next.
    pub(super) above: &'a [f32],
    pub(super) beside: &'a [f32],
    pub(super) below: &'a [f32],
    pub(super) own: &'a mut [f32],
}

impl Loops for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { stride, shift, system, above, beside, below, .. } = self;
        let n = stride - 2;
        let [m11, m12, m22, r1, r2, jr, jd]: [&[[f32; LANES]]; NUMBERS] =
            std::array::from_fn(|i| cells(system, i, stride, 1));
        let jl = cells(self.system_beside, JOINED_RIGHT, stride, shift);
        let ju = cells(self.system_above, JOINED_DOWN, stride, 1);
        let (ul, vl) = (cells(beside, 0, stride, shift), cells(beside, 1, stride, shift));
        let (ur, vr) = (cells(beside, 0, stride, shift + 1), cells(beside, 1, stride, shift + 1));
        let (uu, vu) = (cells(above, 0, stride, 1), cells(above, 1, stride, 1));
        let (ud, vd) = (cells(below, 0, stride, 1), cells(below, 1, stride, 1));
        let (own_u, own_v) = self.own.split_at_mut(stride);
        let (own_u, own_v) = (own_u[1..=n].as_chunks_mut().0, own_v[1..=n].as_chunks_mut().0);
        let (omega, least) = (Lanes::splat(OMEGA), Lanes::splat(f32::MIN_POSITIVE));
        for k in 0..n / LANES {
            take!(k: m11, m12, m22, r1, r2);
            take!(k: jl, jr, ju, jd);
            take!(k: ul, ur, uu, ud, vl, vr, vu, vd);
            let (u, v) = (Lanes(own_u[k]), Lanes(own_v[k]));
            let joined = (jl + jr) + (ju + jd);
            let right = r1 + ((jl * ul + jr * ur) + (ju * uu + jd * ud));
            let down = r2 + ((jl * vl + jr * vr) + (ju * vu + jd * vd));
            let (p, q) = (m11 + joined, m22 + joined);
            // Never less than `joined`², but for rounding; and 0 only where nothing is known or joined.
            let determinant = (p * q - m12 * m12).max(joined * joined + least);
            let scale = omega / determinant;
            own_u[k] = (u + scale * (q * right - m12 * down) - omega * u).0;
            own_v[k] = (v + scale * (p * down - m12 * right) - omega * v).0;
        }
    }
}
