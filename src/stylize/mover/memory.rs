//! An optimiser's memory, and how it goes along with the paint; wherever it lies.

use crate::frame::Size;
use crate::optim::{Adam, Lbfgs};
use crate::stylize::place::{Place, copy};
use crate::stylize::{OptimizerKind, Start};
use std::ops::ControlFlow;

/// An optimiser and what it remembers.
pub(super) struct Memory<P: Place> {
    pub(super) place: P,
    kind: OptimizerKind,
    learning_rate: f32,
    /// `None` until the first step.
    adam: Option<Adam<P::Vector>>,
    lbfgs: Lbfgs<P::Vector>,
}

impl<P: Place> Memory<P> {
    /// Nothing remembered.
    pub(super) fn new(kind: OptimizerKind, learning_rate: f64, place: P) -> Self {
        Self { place, kind, learning_rate: learning_rate as f32, adam: None, lbfgs: Lbfgs::new() }
    }

    pub(super) fn reset(&mut self) {
        self.adam = None;
        self.lbfgs = Lbfgs::new();
    }

    pub(super) fn resize(&mut self, from: Size, to: Size) -> Result<(), P::Error> {
        let Self { place, adam, lbfgs, .. } = self;
        if let Some(Adam { first, second, .. }) = adam {
            let mut resized = |moment: &P::Vector| place.resized(P::view(moment), from, to);
            (*first, *second) = (resized(first)?, resized(second)?);
        }
        lbfgs.carry_in(place, |place, planes| place.resized(planes, from, to))?;
        // Each pixel's share of the objective is one of as many pixels as there are.
        lbfgs.scale_in(place, from.pixels() as f64 / to.pixels() as f64)
    }

    /// Gets ready for the next frame, which starts as `how` says; `continues` says whether there is paint
    /// before it at all.
    pub(super) fn follow(
        &mut self,
        how: Start,
        continues: bool,
        nearest: Option<&P::Way<'_>>,
    ) -> Result<(), P::Error> {
        match (how, nearest) {
            (Start::Previous | Start::Carried, _) if continues => self.stay(),
            (Start::Warped, Some(nearest)) if continues => self.move_along(nearest),
            _ => {
                self.reset();
                Ok(())
            }
        }
    }

    /// The paint starts where that of the frame before is.
    fn stay(&mut self) -> Result<(), P::Error> {
        self.lbfgs.carry_in(&mut self.place, |place, planes| copy(place, planes))
    }

    /// The paint is carried along.
    fn move_along(&mut self, way: &P::Way<'_>) -> Result<(), P::Error> {
        let Self { place, adam, lbfgs, .. } = self;
        if let Some(Adam { first, second, .. }) = adam {
            // How large gradients are is a good guess also where something new appears.
            *first = place.moved(P::view(first), way, true)?;
            *second = place.moved(P::view(second), way, false)?;
        }
        lbfgs.carry_in(place, |place, planes| place.moved(planes, way, true))
    }

    pub(super) fn settle(&mut self, x: &mut P::View) -> Result<(), P::Error> {
        self.lbfgs.settle_in(&mut self.place, x)
    }

    /// Moves `x`, a picture of `size` where the objective has `value` and `gradient`.
    pub(super) fn step(
        &mut self,
        size: Size,
        x: &mut P::View,
        value: f64,
        gradient: &P::View,
    ) -> Result<ControlFlow<()>, P::Error> {
        let Self { place, adam, lbfgs, .. } = self;
        place.set_size(size);
        match self.kind {
            OptimizerKind::Adam => {
                let adam = match adam {
                    Some(adam) => adam,
                    none => none.insert(Adam::with_moments(place.zeros(size)?, place.zeros(size)?)),
                };
                let step = adam.next_step(self.learning_rate);
                place.step_adam(step, x, gradient, [&mut adam.first, &mut adam.second])?;
                Ok(ControlFlow::Continue(()))
            }
            OptimizerKind::Lbfgs => lbfgs.step_in(place, x, value, gradient),
        }
    }
}
