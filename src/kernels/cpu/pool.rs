//! Pooling 2×2 with stride 2, and its gradient.
//!
//! An odd last row or column is dropped (floor), as PyTorch does. The gradient adds the loss' own
//! gradient and applies the ReLU mask of the layer below in the same pass.

use super::Cpu;
use super::blocked::{Blocked, Lane};
use super::simd::{Kernel, Simd, dispatch};
use crate::error::Result;
use crate::frame::Size;
use rayon::prelude::*;

/// What becomes of four pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pooling {
    /// Their mean; each gets a quarter of the gradient (Gatys et al. 2016 prefer it).
    #[default]
    Average,
    /// The largest; the first of equals (row by row) gets the gradient.
    Max,
}

/// The size after pooling: half of each side, rounded down; 0 if a side is 1.
pub fn pooled(size: Size) -> Size {
    Size::new(size.width / 2, size.height / 2)
}

/// `output` = `input` pooled; `output` has size [`pooled`].
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn forward(cpu: &Cpu, pooling: Pooling, input: &Blocked, output: &mut Blocked) -> Result<()> {
    output.expect("output of pooling", input.channels(), pooled(input.size()))?;
    let (size, grid) = (output.size(), output.grid());
    let rows = output.lanes_mut().par_chunks_mut(grid.columns).enumerate();
    cpu.install(|| {
        rows.for_each(|(row, to)| {
            let (block, y) = (row / grid.rows, row % grid.rows);
            if (1..=size.height).contains(&y) {
                let from = [input.row(block, 2 * y - 2), input.row(block, 2 * y - 1)];
                dispatch(cpu.level(), Forward { pooling, from, to: &mut to[1..=size.width] });
            }
        });
    });
    Ok(())
}

/// One row of the output.
struct Forward<'a> {
    pooling: Pooling,
    from: [&'a [Lane]; 2],
    to: &'a mut [Lane],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let [upper, lower] = self.from.map(|row| row.as_chunks::<2>().0);
        let quarter = s.splat(0.25);
        for ((to, u), l) in self.to.iter_mut().zip(upper).zip(lower) {
            let (a, b, c, d) = (s.load(&u[0]), s.load(&u[1]), s.load(&l[0]), s.load(&l[1]));
            let v = match self.pooling {
                Pooling::Average => s.mul(quarter, s.add(s.add(a, b), s.add(c, d))),
                Pooling::Max => s.max(s.max(a, b), s.max(c, d)),
            };
            s.store(v, to);
        }
    }
}

/// `grad_input` = (gradient of pooling applied to `grad` + `tap`), zero where `activation` ≤ 0.
///
/// `activation` is what was pooled, the layer below after its ReLU; `tap` a loss' own gradient there.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn backward(
    cpu: &Cpu,
    pooling: Pooling,
    grad: &Blocked,
    tap: Option<&Blocked>,
    activation: &Blocked,
    grad_input: &mut Blocked,
) -> Result<()> {
    grad_input.expect("gradient below pooling", activation.channels(), activation.size())?;
    gradient(cpu, pooling, grad, tap, Some(activation), grad_input)
}

/// As [`backward`], where `activation` is overwritten by the gradient.
///
/// # Errors
///
/// A model error if a shape does not fit.
pub fn backward_in_place(
    cpu: &Cpu,
    pooling: Pooling,
    grad: &Blocked,
    tap: Option<&Blocked>,
    activation: &mut Blocked,
) -> Result<()> {
    gradient(cpu, pooling, grad, tap, None, activation)
}

/// The gradient at the last row and column if the pool dropped them: that of the tap, masked by
/// `activation`, which it overwrites.
pub(super) fn backward_dropped(cpu: &Cpu, tap: Option<&Blocked>, activation: &mut Blocked) {
    let (size, grid) = (activation.size(), activation.grid());
    for block in 0..grid.blocks {
        for y in 0..size.height {
            let whole = if y < size.height / 2 * 2 { size.width / 2 * 2 } else { 0 };
            if whole == size.width {
                continue;
            }
            let range = grid.at(block, y + 1, whole + 1)..grid.at(block, y + 1, size.width + 1);
            let tap = tap.map(|tap| &tap.lanes()[range.clone()]);
            let to = &mut activation.lanes_mut()[range];
            dispatch(cpu.level(), Dropped { tap, to });
        }
    }
}

struct Dropped<'a> {
    tap: Option<&'a [Lane]>,
    to: &'a mut [Lane],
}

impl Kernel for Dropped<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for (x, to) in self.to.iter_mut().enumerate() {
            let v = self.tap.map_or(s.zero(), |tap| s.load(&tap[x]));
            s.store(s.where_positive(s.load(to), v), to);
        }
    }
}

fn gradient(
    cpu: &Cpu,
    pooling: Pooling,
    grad: &Blocked,
    tap: Option<&Blocked>,
    activation: Option<&Blocked>,
    output: &mut Blocked,
) -> Result<()> {
    let (channels, size, grid) = (output.channels(), output.size(), output.grid());
    grad.expect("gradient above pooling", channels, pooled(size))?;
    if let Some(tap) = tap {
        tap.expect("tap gradient below pooling", channels, size)?;
    }
    // Two rows of the picture at a time. A plane has an even number of rows, one of them above the
    // picture, so the pairs that start with the second row never share a plane's picture rows.
    let pair = 2 * grid.columns;
    let pairs = output.lanes_mut()[grid.columns..].par_chunks_mut(pair).enumerate();
    cpu.install(|| {
        pairs.for_each(|(index, to)| {
            let (block, y) = (2 * index / grid.rows, 2 * index % grid.rows);
            if y >= size.height {
                return;
            }
            let start = grid.at(block, y + 1, 0);
            let same = |other: &'_ Blocked| start..other.lanes().len().min(start + pair);
            dispatch(
                cpu.level(),
                Gradient {
                    pooling,
                    grad: grad.row(block, y / 2),
                    tap: tap.map(|tap| &tap.lanes()[same(tap)]),
                    activation: activation.map(|activation| &activation.lanes()[same(activation)]),
                    to,
                    columns: grid.columns,
                    size: Size::new(size.width, (size.height - y).min(2)),
                },
            );
        });
    });
    Ok(())
}

/// Two rows of the gradient, or the last one of an odd number. All slices but `grad` have the padded
/// layout; without an `activation` it lies in `to`.
struct Gradient<'a> {
    pooling: Pooling,
    grad: &'a [Lane],
    tap: Option<&'a [Lane]>,
    activation: Option<&'a [Lane]>,
    to: &'a mut [Lane],
    columns: usize,
    size: Size,
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, s: S) {
        let whole = if self.size.height == 2 { self.grad.len().min(self.size.width / 2) } else { 0 };
        for x in 0..whole {
            let at = [0, 1, self.columns, self.columns + 1].map(|i| i + 2 * x + 1);
            let g = s.load(&self.grad[x]);
            match self.pooling {
                Pooling::Average => {
                    let share = s.mul(s.splat(0.25), g);
                    for i in at {
                        self.put(s, i, share);
                    }
                }
                Pooling::Max => {
                    let a = at.map(|i| s.load(self.activation.map_or(&self.to[i], |a| &a[i])));
                    let best = s.max(s.max(a[0], a[1]), s.max(a[2], a[3]));
                    let mut left = g;
                    for (a, i) in a.into_iter().zip(at) {
                        self.put(s, i, s.where_equal(a, best, left, s.zero()));
                        // Only the first of equals gets the gradient.
                        left = s.where_equal(a, best, s.zero(), left);
                    }
                }
            }
        }
        // What pooling dropped gets the tap's gradient only.
        for y in 0..self.size.height {
            for x in 2 * whole..self.size.width {
                self.put(s, y * self.columns + x + 1, s.zero());
            }
        }
    }
}

impl Gradient<'_> {
    /// Adds the tap's gradient to `v`, masks it and writes it to `index`.
    #[inline(always)]
    fn put<S: Simd>(&mut self, s: S, index: usize, v: S::V) {
        let v = self.tap.map_or(v, |tap| s.add(v, s.load(&tap[index])));
        let activation = s.load(self.activation.map_or(&self.to[index], |a| &a[index]));
        s.store(s.where_positive(activation, v), &mut self.to[index]);
    }
}
