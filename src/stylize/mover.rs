//! What moves the pixels of a film: an optimiser whose memory follows the paint.
//!
//! What an optimiser has learned belongs to the paint it moved. Where the paint is carried along the
//! motion, its memory goes along; where the paint starts anew, it is forgotten.

use super::metric::coarse_to_fine;
use super::scout::{Change, Link};
use super::{OptimizerKind, Start};
use crate::flow::{Kernel, warp_planes};
use crate::frame::Size;
use crate::optim::{Adam, Lbfgs};
use crate::pixels::Pixels;
use crate::resize::resize_linear;
use std::ops::ControlFlow;

/// An optimiser and what it remembers.
pub(super) struct Mover {
    kind: OptimizerKind,
    learning_rate: f32,
    adam: Adam,
    lbfgs: Lbfgs,
}

impl Mover {
    pub(super) fn new(kind: OptimizerKind, learning_rate: f64, size: Size) -> Self {
        let mut mover =
            Self { kind, learning_rate: learning_rate as f32, adam: Adam::new(0), lbfgs: Lbfgs::new() };
        mover.reset(size);
        mover
    }

    /// Forgets everything; goes on with pictures of `size`.
    pub(super) fn reset(&mut self, size: Size) {
        match self.kind {
            OptimizerKind::Adam => self.adam = Adam::new(3 * size.pixels()),
            OptimizerKind::Lbfgs => self.lbfgs = Lbfgs::new(),
        }
    }

    /// Goes on with pictures of another size, and with what is remembered of those at size `from`.
    pub(super) fn resize(&mut self, from: Size, to: Size) {
        let resized = |planes: &[f32]| match Pixels::new(from, planes.to_vec()) {
            Some(planes) => resize_linear(&planes, to).data().to_vec(),
            None => vec![0.0; 3 * to.pixels()],
        };
        match self.kind {
            OptimizerKind::Adam => {
                self.adam.first = resized(&self.adam.first);
                self.adam.second = resized(&self.adam.second);
            }
            OptimizerKind::Lbfgs => {
                self.lbfgs.carry(resized);
                // Each pixel's share of the objective is one of as many pixels as there are.
                self.lbfgs.scale(from.pixels() as f64 / to.pixels() as f64);
            }
        }
    }

    /// Gets ready for the next frame, which starts as `how` says; `continues` says whether there is paint
    /// before it at all.
    pub(super) fn follow(&mut self, how: Start, continues: bool, change: &Change, size: Size) {
        match (how, change) {
            _ if !continues => self.reset(size),
            (Start::Content | Start::Noise, _) => self.reset(size),
            (Start::Warped, Change::Moved(links)) => match links.first() {
                Some(nearest) => self.move_along(nearest),
                None => self.reset(size),
            },
            (Start::Warped, _) => self.reset(size),
            (Start::Previous | Start::Carried, _) => self.lbfgs.carry(<[f32]>::to_vec),
        }
    }

    fn move_along(&mut self, link: &Link) {
        let visible = link.visible.values();
        let masked = |mut planes: Vec<f32>| {
            for plane in planes.chunks_exact_mut(visible.len()) {
                plane.iter_mut().zip(visible).for_each(|(value, visible)| *value *= visible);
            }
            planes
        };
        let moved = |planes: &[f32]| warp_planes(planes, &link.flow, Kernel::Linear);
        match self.kind {
            OptimizerKind::Adam => {
                self.adam.first = masked(moved(&self.adam.first));
                // How large gradients are is a good guess also where something new appears.
                self.adam.second = moved(&self.adam.second);
            }
            OptimizerKind::Lbfgs => self.lbfgs.carry(|planes| masked(moved(planes))),
        }
    }

    /// Ends with the best that is known, if the last step was none.
    pub(super) fn settle(&self, x: &mut Pixels) {
        if self.kind == OptimizerKind::Lbfgs {
            self.lbfgs.settle(x.data_mut());
        }
    }

    /// Moves `x`, where the objective has `value` and `gradient`. `Break`: nothing improves it any more.
    pub(super) fn step(&mut self, x: &mut Pixels, value: f64, gradient: &Pixels) -> ControlFlow<()> {
        let size = x.size();
        match self.kind {
            OptimizerKind::Adam => {
                self.adam.step(x.data_mut(), gradient.data(), self.learning_rate);
                ControlFlow::Continue(())
            }
            OptimizerKind::Lbfgs => {
                self.lbfgs.step(x.data_mut(), value, gradient.data(), |vector| coarse_to_fine(size, vector))
            }
        }
    }
}
