//! Variational refinement: the flow that the pixels' equations and smoothness agree on.
//!
//! Minimises, over a whole level, the sum of δ Ψ(grey values) + γ Ψ(slopes) + α Ψ(|∇flow|²) with
//! Ψ(s²) = √(s² + ε²), as Brox et al. (2004) and Kroeger et al. (2016, section 2.3) do, by iteratively
//! reweighted least squares; each linear system is relaxed by a few red-black sweeps of over-relaxation.
//!
//! All sweeps of all iterations walk down the picture together, each a row behind the one before, so that a
//! row is fetched from memory once and then stays in the cache. Each reads exactly what it would read if
//! the one before had been finished.

use super::checker::{COLOURS, columns, join, split};
use super::equations::Equations;
use super::field::Field;
use super::plane::Plane;
use super::relax::{NUMBERS as SYSTEM, Sweep, VALUES as STATE, Weigh};
use super::settings::DenseFlow;
use crate::kernels::cpu::vectorised;

/// Improves `flow` in place, following it `warps` times.
pub(super) fn refine(flow: &mut Field, of: &Plane, towards: &Plane, settings: &DenseFlow, warps: usize) {
    let mut equations = Equations::new(of.size());
    for _ in 0..warps {
        equations.update(of, towards, flow);
        Relaxation::new(flow, &equations, settings).run(flow);
    }
}

/// What is done to a row.
#[derive(Clone, Copy)]
enum Stage {
    /// The system is made from the flow so far.
    Weigh,
    /// The cells of a colour are relaxed.
    Sweep(usize),
}

/// A level being relaxed. Rows of cells have one more cell at each end that nothing is joined to.
struct Relaxation<'a> {
    equations: &'a Equations,
    settings: &'a DenseFlow,
    /// From one number of a row's cells to the next.
    stride: usize,
    height: usize,
    /// Stages and how many rows each is behind the first.
    stages: Vec<(Stage, usize)>,
    /// The flow, by colour; one row more above and below.
    state: [Vec<f32>; COLOURS],
    /// The rows of the system, by colour, that any stage still needs: as many as `rows`, then over again.
    system: [Vec<f32>; COLOURS],
    rows: usize,
}

impl<'a> Relaxation<'a> {
    fn new(flow: &Field, equations: &'a Equations, settings: &'a DenseFlow) -> Self {
        let height = flow.size.height;
        let stride = columns(flow.size.width) + 2;
        let mut stages = Vec::new();
        let mut lag = 0;
        for _ in 0..settings.refinements {
            stages.push((Stage::Weigh, lag));
            for _ in 0..settings.sweeps {
                stages.push((Stage::Sweep(0), lag + 1));
                stages.push((Stage::Sweep(1), lag + 2));
                lag += 2;
            }
            lag += 1;
        }
        let rows = (lag + 3).min(height + 1);
        let system = [(); COLOURS].map(|()| vec![0.0; rows * SYSTEM * stride]);
        let state = [(); COLOURS].map(|()| vec![0.0; (height + 2) * STATE * stride]);
        let mut this = Self { equations, settings, stride, height, stages, state, system, rows };
        let width = flow.size.width;
        for y in 0..height {
            for (i, plane) in [&flow.right, &flow.down].into_iter().enumerate() {
                let cells = this.cells(y, i);
                let [even, odd] = &mut this.state;
                split(&plane[y * width..][..width], y, &mut even[cells.clone()], &mut odd[cells]);
            }
        }
        this
    }

    /// Runs all stages and leaves the result in `flow`.
    fn run(mut self, flow: &mut Field) {
        let behind = self.stages.last().map_or(0, |(_, lag)| *lag);
        for t in 0..self.height + behind {
            for i in 0..self.stages.len() {
                let (stage, lag) = self.stages[i];
                match (t.checked_sub(lag).filter(|y| *y < self.height), stage) {
                    (Some(y), Stage::Weigh) => (0..COLOURS).for_each(|colour| self.weigh(y, colour)),
                    (Some(y), Stage::Sweep(colour)) => self.sweep(y, colour),
                    (None, _) => {}
                }
            }
        }
        let width = flow.size.width;
        let [even, odd] = &self.state;
        for y in 0..self.height {
            for (i, plane) in [&mut flow.right, &mut flow.down].into_iter().enumerate() {
                let cells = self.cells(y, i);
                join(&even[cells.clone()], &odd[cells], y, &mut plane[y * width..][..width]);
            }
        }
    }

    /// Where number `i` of row `y` lies in the state of a colour.
    fn cells(&self, y: usize, i: usize) -> std::ops::Range<usize> {
        let start = ((y + 1) * STATE + i) * self.stride + 1;
        start..start + self.stride - 2
    }

    fn weigh(&mut self, y: usize, colour: usize) {
        let Self { equations, settings, stride, height, state, system, rows, .. } = self;
        let (stride, other) = (*stride, 1 - colour);
        // Counted from the row above the frame.
        let state = |colour: usize, y: usize| &state[colour][y * STATE * stride..][..STATE * stride];
        let start = (y + 1) % *rows * SYSTEM * stride;
        let shift = (y + colour) % 2;
        vectorised(Weigh {
            stride,
            shift,
            equations: equations.row(y, colour),
            right_edge: equations.right_edge(shift),
            has_row_below: y + 1 < *height,
            settings,
            own: state(colour, y + 1),
            beside: state(other, y + 1),
            below: state(other, y + 2),
            to: &mut system[colour][start..][..SYSTEM * stride],
        });
    }

    fn sweep(&mut self, y: usize, colour: usize) {
        let Self { stride, state, system, rows, .. } = self;
        let (stride, other) = (*stride, 1 - colour);
        let [even, odd] = state;
        let (own, others) = if colour == 0 { (even, odd) } else { (odd, even) };
        let others = |y: usize| &others[y * STATE * stride..][..STATE * stride];
        let system =
            |colour: usize, y: usize| &system[colour][y % *rows * SYSTEM * stride..][..SYSTEM * stride];
        vectorised(Sweep {
            stride,
            shift: (y + colour) % 2,
            system: system(colour, y + 1),
            system_beside: system(other, y + 1),
            system_above: system(other, y),
            above: others(y),
            beside: others(y + 1),
            below: others(y + 2),
            own: &mut own[(y + 1) * STATE * stride..][..STATE * stride],
        });
    }
}
