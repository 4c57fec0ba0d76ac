//! Where an optimiser's vectors lie, and what it has to be able to do with them: in memory, or on a device that
//! computes with them where they are.

use rayon::prelude::*;
use std::convert::Infallible;

/// A place for vectors of `f32`, all of them of one length. Sums are made in a fixed order and, but for short
/// pieces, in `f64`.
pub trait Space {
    /// A vector, as it is looked at.
    type View: ?Sized;
    /// A vector of one's own.
    type Vector;
    /// What can go wrong.
    type Error;

    /// Looks at a vector.
    fn view(vector: &Self::Vector) -> &Self::View;

    /// Looks at a vector, to change it.
    fn view_mut(vector: &mut Self::Vector) -> &mut Self::View;

    /// How many numbers a vector has.
    fn length(&self, of: &Self::View) -> usize;

    /// A vector as long as `like`, with anything in it.
    ///
    /// # Errors
    /// No room, or a device that fails.
    fn vector(&mut self, like: &Self::View) -> Result<Self::Vector, Self::Error>;

    /// `to` = `from`.
    ///
    /// # Errors
    /// A device that fails.
    fn copy(&mut self, from: &Self::View, to: &mut Self::View) -> Result<(), Self::Error>;

    /// `to` = `a` − `b`.
    ///
    /// # Errors
    /// A device that fails.
    fn difference(&mut self, a: &Self::View, b: &Self::View, to: &mut Self::View) -> Result<(), Self::Error>;

    /// `to` = `factor` · (`to` + the sum of each term's factor · vector).
    ///
    /// # Errors
    /// A device that fails.
    fn add(
        &mut self,
        to: &mut Self::View,
        terms: &[(f64, &Self::View)],
        factor: f64,
    ) -> Result<(), Self::Error>;

    /// The inner product of each pair; quickest where neighbours share their second vector.
    ///
    /// # Errors
    /// A device that fails.
    fn products(&mut self, pairs: &[(&Self::View, &Self::View)]) -> Result<Vec<f64>, Self::Error>;

    /// The largest absolute value.
    ///
    /// # Errors
    /// A device that fails.
    fn largest(&mut self, of: &Self::View) -> Result<f64, Self::Error>;

    /// Applies the inverse of a rough guess of the objective's curvature, up to a factor: a symmetric positive
    /// operator.
    ///
    /// # Errors
    /// A device that fails.
    fn metric(&mut self, vector: &mut Self::View) -> Result<(), Self::Error>;

    /// Sets those values to 0 whose variable is held, by [`is_held`].
    ///
    /// # Errors
    /// A device that fails.
    fn hold(
        &mut self,
        x: &Self::View,
        gradient: &Self::View,
        vector: &mut Self::View,
    ) -> Result<(), Self::Error>;

    /// `x` = `from` − `length` · `direction`, clamped to 0..1.
    ///
    /// # Errors
    /// A device that fails.
    fn advance(
        &mut self,
        from: &Self::View,
        length: f32,
        directions: Directions<'_, Self::View>,
        x: &mut Self::View,
    ) -> Result<Advance, Self::Error>;
}

/// Where to go, and where it would be steepest.
#[derive(Debug, Clone, Copy)]
pub struct Directions<'a, View: ?Sized> {
    /// Where to go.
    pub chosen: &'a View,
    /// The gradient, where it is not held.
    pub steepest: &'a View,
}

/// What a step comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advance {
    /// The inner product of both [`Directions`].
    pub slope: f64,
    /// Whether any variable changes.
    pub moves: bool,
}

/// A variable at a bound that would leave it, or whose gradient is no number, is held there.
pub fn is_held(x: f32, gradient: f32) -> bool {
    (x <= 0.0 && gradient > 0.0) || (x >= 1.0 && gradient < 0.0) || !gradient.is_finite()
}

/// Slices in memory, with `F` as their metric. Computes on the threads of the pool it is called in; results do not
/// depend on their number.
#[derive(Debug, Clone, Copy)]
pub struct Slices<F>(pub F);

/// So short a piece that those of all vectors at once stay in the cache, and long enough to be fetched ahead.
const PIECE: usize = 8192;

impl<F: Fn(&mut [f32])> Space for Slices<F> {
    type View = [f32];
    type Vector = Vec<f32>;
    type Error = Infallible;

    fn view(vector: &Vec<f32>) -> &[f32] {
        vector
    }

    fn view_mut(vector: &mut Vec<f32>) -> &mut [f32] {
        vector
    }

    fn length(&self, of: &[f32]) -> usize {
        of.len()
    }

    fn vector(&mut self, like: &[f32]) -> Result<Vec<f32>, Infallible> {
        Ok(vec![0.0; like.len()])
    }

    fn copy(&mut self, from: &[f32], to: &mut [f32]) -> Result<(), Infallible> {
        to.copy_from_slice(from);
        Ok(())
    }

    fn difference(&mut self, a: &[f32], b: &[f32], to: &mut [f32]) -> Result<(), Infallible> {
        to.par_iter_mut().zip(a.par_iter().zip(b)).for_each(|(to, (a, b))| *to = a - b);
        Ok(())
    }

    fn add(&mut self, to: &mut [f32], terms: &[(f64, &[f32])], factor: f64) -> Result<(), Infallible> {
        to.par_chunks_mut(PIECE).enumerate().for_each(|(piece, to)| {
            for (times, what) in terms {
                let times = *times as f32;
                let what = &what[piece * PIECE..];
                to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
            }
            if factor != 1.0 {
                to.iter_mut().for_each(|to| *to *= factor as f32);
            }
        });
        Ok(())
    }

    fn products(&mut self, pairs: &[(&[f32], &[f32])]) -> Result<Vec<f64>, Infallible> {
        let pieces = pairs.iter().map(|(a, _)| a.len().div_ceil(PIECE)).max().unwrap_or(0);
        let of_piece = |piece: usize| {
            let cut = |v: &[f32]| (piece * PIECE).min(v.len())..((piece + 1) * PIECE).min(v.len());
            pairs.iter().map(|(a, b)| dot(&a[cut(a)], &b[cut(b)])).collect::<Vec<_>>()
        };
        let sums: Vec<Vec<f64>> = (0..pieces).into_par_iter().map(of_piece).collect();
        Ok((0..pairs.len()).map(|pair| sums.iter().map(|piece| piece[pair]).sum()).collect())
    }

    fn largest(&mut self, of: &[f32]) -> Result<f64, Infallible> {
        Ok(of.iter().fold(0.0f32, |largest, value| largest.max(value.abs())).into())
    }

    fn metric(&mut self, vector: &mut [f32]) -> Result<(), Infallible> {
        (self.0)(vector);
        Ok(())
    }

    fn hold(&mut self, x: &[f32], gradient: &[f32], vector: &mut [f32]) -> Result<(), Infallible> {
        let points = x.par_iter().zip(gradient);
        let held = vector.par_iter_mut().zip(points).filter(|(_, (x, g))| is_held(**x, **g));
        held.for_each(|(v, _)| *v = 0.0);
        Ok(())
    }

    fn advance(
        &mut self,
        from: &[f32],
        length: f32,
        Directions { chosen, steepest }: Directions<'_, [f32]>,
        x: &mut [f32],
    ) -> Result<Advance, Infallible> {
        let piece = |(x, (from, chosen)): (&mut [f32], (&[f32], &[f32]))| {
            for (x, (from, d)) in x.iter_mut().zip(from.iter().zip(chosen)) {
                *x = (from - length * d).clamp(0.0, 1.0);
            }
            *x != *from
        };
        let along = from.par_chunks(PIECE).zip(chosen.par_chunks(PIECE));
        let moves = x.par_chunks_mut(PIECE).zip(along).map(piece).reduce(|| false, |a, b| a | b);
        let Ok(slopes) = self.products(&[(chosen, steepest)]);
        Ok(Advance { slope: slopes[0], moves })
    }
}

/// In a fixed order, the same on every run. `f32` holds no more than 16 products in a row, each lane its own.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let short = a.chunks(256).zip(b.chunks(256)).map(|(a, b)| {
        let (a, a_rest) = a.as_chunks::<16>();
        let (b, b_rest) = b.as_chunks::<16>();
        let mut lanes = [0.0f32; 16];
        for (a, b) in a.iter().zip(b) {
            for i in 0..16 {
                lanes[i] += a[i] * b[i];
            }
        }
        let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        lanes.into_iter().map(f64::from).sum::<f64>() + rest
    });
    short.sum()
}
