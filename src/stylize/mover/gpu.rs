//! Moving pixels that stay on a GPU: they go there once a frame, and come back painted.

use super::memory::Memory;
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::kernels::cuda::{Buffer, Kernels};
use crate::loss::{Losses, Objective};
use crate::optim::Lbfgs;
use crate::pixels::Pixels;
use crate::stylize::OptimizerKind;
use crate::stylize::history::History;
use crate::stylize::place::{Gpu, Place as _, copy};
use crate::stylize::warm::{Brought, Scene, warped};
use std::ops::ControlFlow;
use std::sync::Arc;

/// An optimiser on a GPU, with the picture it moves.
pub(in crate::stylize) struct OnGpu {
    pub(super) memory: Memory<Gpu>,
    easel: Option<Easel>,
}

/// A picture in work.
struct Easel {
    size: Size,
    x: Buffer<f32>,
    gradient: Buffer<f32>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The picture starts here, and is nowhere else.
    Starts,
    /// It is being moved.
    Moves,
    /// It is painted, and is in the CPU's memory too.
    Painted,
}

impl OnGpu {
    pub(super) fn new(kind: OptimizerKind, learning_rate: f64, kernels: Kernels) -> Result<Self> {
        Ok(Self { memory: Memory::new(kind, learning_rate, Gpu::new(kernels)?), easel: None })
    }

    /// Bytes that painting at `size` takes.
    pub(super) fn bytes(&self, size: Size) -> u64 {
        let length = 3 * size.pixels();
        // Beside the optimiser's: the picture, its gradient, its hold and the coarse versions; the frame before and its
        // painting, and nine older ones, which are a quarter as large; what a start is made of; and three frames with
        // what leads back from them, of which two wait.
        let vectors = Lbfgs::<Buffer<f32>>::most_vectors(length) + 4 + 5 + 7 + 11;
        (size_of::<f32>() * length * vectors) as u64
    }

    /// An easel of this size, with anything on it.
    fn easel(&mut self, size: Size) -> Result<&mut Easel> {
        if self.easel.as_ref().is_none_or(|easel| easel.size != size) {
            self.easel = None;
            let machine = self.memory.place.kernels().machine();
            let [x, gradient] = [(); 2].map(|()| Buffer::new(machine, 3 * size.pixels()));
            self.easel = Some(Easel { size, x: x?, gradient: gradient?, state: State::Moves });
        }
        self.easel.as_mut().ok_or_else(nothing_begun)
    }

    /// Gives back what can be done without.
    pub(super) fn make_room(&mut self) {
        self.memory.reset();
        self.memory.place.forget();
    }

    /// What is on the easel is of no use any more.
    pub(super) fn clear(&mut self) {
        if let Some(easel) = &mut self.easel {
            easel.state = State::Moves;
        }
    }

    /// See [`super::Mover::start`], for a scene that is warped.
    pub(super) fn start(&mut self, scene: &Scene<'_>, weight: f64, objective: &mut Objective) -> Result<()> {
        let (links, size) = (scene.links(), scene.size());
        let Some(first) = links.first() else { return Err(nothing_begun()) };
        let nearest = self.memory.place.way(first)?;
        self.memory.follow(scene.how, true, Some(&nearest))?;
        let place = &mut self.memory.place;
        let Some(mut brought) = Brought::along(place, links, &nearest, scene.history)? else {
            return Err(nothing_begun());
        };
        let start = warped(place, scene, &nearest, &mut brought)?;
        let held = (weight > 0.0).then_some([&brought.paint, &brought.certainty]);
        objective.set_hold_there(held, size, weight)?;
        let easel = self.easel(size)?;
        // Into the same memory for every frame, so that iterations ask for the same.
        easel.x.copy(&start, start.len())?;
        easel.state = State::Starts;
        Ok(())
    }

    /// See [`super::Mover::remember`].
    pub(super) fn remember(&mut self, history: &History) -> Result<()> {
        let Self { memory, easel } = self;
        if let (Some(easel), Some(names)) = (easel, history.names())
            && std::mem::replace(&mut easel.state, State::Moves) == State::Painted
            && history.last(easel.size).is_some()
        {
            let painted = copy(&mut memory.place, &easel.x)?;
            memory.place.name(names.painted, Arc::new(painted));
        }
        memory.place.remember(history)
    }

    /// See [`super::Mover::fetch`].
    pub(super) fn fetch(&mut self, x: &mut Pixels) -> Result<()> {
        match &mut self.easel {
            Some(easel) if easel.state == State::Starts && easel.size == x.size() => {
                easel.state = State::Moves;
                easel.x.read(x.data_mut())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn begin(&mut self, x: &Pixels) -> Result<()> {
        let easel = self.easel(x.size())?;
        if easel.state != State::Starts {
            easel.x.write(x.data())?;
            easel.state = State::Moves;
        }
        Ok(())
    }

    pub(super) fn evaluate(&mut self, objective: &mut Objective, luminance: bool) -> Result<Losses> {
        let Easel { size, x, gradient, .. } = self.easel.as_mut().ok_or_else(nothing_begun)?;
        let losses = objective.evaluate_there((x, *size), gradient)?;
        if luminance {
            self.memory.place.kernels().grey(gradient)?;
        }
        Ok(losses)
    }

    pub(super) fn step(&mut self, value: f64) -> Result<ControlFlow<()>> {
        let Easel { size, x, gradient, .. } = self.easel.as_mut().ok_or_else(nothing_begun)?;
        self.memory.step(*size, x, value, gradient)
    }

    pub(super) fn end(&mut self, x: &mut Pixels) -> Result<()> {
        let easel = self.easel.as_mut().ok_or_else(nothing_begun)?;
        self.memory.settle(&mut easel.x)?;
        easel.state = State::Painted;
        easel.x.read(x.data_mut())
    }
}

fn nothing_begun() -> Error {
    Error::model("no picture was put on the GPU to be moved")
}
