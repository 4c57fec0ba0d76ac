//! Moving pixels that stay on a GPU: they go there once a frame, and come back painted.

use super::memory::Memory;
use super::place::Place;
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::kernels::cuda::{Buffer, FlowField, Kernels, Partials};
use crate::loss::{Losses, Objective};
use crate::optim::space::{Advance, Directions, Space};
use crate::optim::{AdamStep, Lbfgs};
use crate::pixels::Pixels;
use crate::resize::resize_linear;
use crate::stylize::OptimizerKind;
use crate::stylize::metric::LEVELS;
use crate::stylize::scout::Link;
use std::ops::ControlFlow;

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
}

impl OnGpu {
    pub(super) fn new(kind: OptimizerKind, learning_rate: f64, kernels: Kernels) -> Result<Self> {
        Ok(Self { memory: Memory::new(kind, learning_rate, Gpu::new(kernels)?), easel: None })
    }

    /// Bytes that painting at `size` takes.
    pub(super) fn bytes(&self, size: Size) -> u64 {
        let length = 3 * size.pixels();
        // The picture and its gradient, its hold, the coarse versions, and a vector that is being moved.
        let vectors = Lbfgs::<Buffer<f32>>::most_vectors(length) + 5;
        (size_of::<f32>() * length * vectors) as u64
    }

    pub(super) fn begin(&mut self, x: &Pixels) -> Result<()> {
        let machine = self.memory.place.kernels.machine();
        match &mut self.easel {
            Some(easel) if easel.size == x.size() => easel.x.write(x.data()),
            easel => {
                *easel = None;
                let [picture, gradient] =
                    [Buffer::from_slice(machine, x.data())?, Buffer::new(machine, x.data().len())?];
                *easel = Some(Easel { size: x.size(), x: picture, gradient });
                Ok(())
            }
        }
    }

    pub(super) fn evaluate(&mut self, objective: &mut Objective, luminance: bool) -> Result<Losses> {
        let Easel { size, x, gradient } = self.easel.as_mut().ok_or_else(nothing_begun)?;
        let losses = objective.evaluate_there((x, *size), gradient)?;
        if luminance {
            self.memory.place.kernels.grey(gradient)?;
        }
        Ok(losses)
    }

    pub(super) fn step(&mut self, value: f64) -> Result<ControlFlow<()>> {
        let Easel { size, x, gradient } = self.easel.as_mut().ok_or_else(nothing_begun)?;
        self.memory.step(*size, x, value, gradient)
    }

    pub(super) fn end(&mut self, x: &mut Pixels) -> Result<()> {
        let easel = self.easel.as_mut().ok_or_else(nothing_begun)?;
        self.memory.settle(&mut easel.x)?;
        easel.x.read(x.data_mut())
    }
}

fn nothing_begun() -> Error {
    Error::model("no picture was put on the GPU to be moved")
}

/// A GPU's memory.
pub(super) struct Gpu {
    kernels: Kernels,
    partials: Partials,
    /// For coarser versions of a picture.
    coarse: Buffer<f32>,
    size: Size,
}

impl Gpu {
    fn new(kernels: Kernels) -> Result<Self> {
        let machine = kernels.machine();
        let (partials, coarse) = (Partials::new(machine)?, Buffer::new(machine, 0)?);
        Ok(Self { partials, coarse, size: Size::new(1, 1), kernels })
    }

    fn put(&self, numbers: &[f32]) -> Result<Buffer<f32>> {
        Buffer::from_slice(self.kernels.machine(), numbers)
    }
}

impl Space for Gpu {
    type View = Buffer<f32>;
    type Vector = Buffer<f32>;
    type Error = Error;

    fn view(vector: &Buffer<f32>) -> &Buffer<f32> {
        vector
    }

    fn view_mut(vector: &mut Buffer<f32>) -> &mut Buffer<f32> {
        vector
    }

    fn length(&self, of: &Buffer<f32>) -> usize {
        of.len()
    }

    fn vector(&mut self, like: &Buffer<f32>) -> Result<Buffer<f32>> {
        Buffer::new(self.kernels.machine(), like.len())
    }

    fn copy(&mut self, from: &Buffer<f32>, to: &mut Buffer<f32>) -> Result<()> {
        to.copy(from, from.len())
    }

    fn difference(&mut self, a: &Buffer<f32>, b: &Buffer<f32>, to: &mut Buffer<f32>) -> Result<()> {
        self.kernels.difference(a, b, to)
    }

    fn add(&mut self, to: &mut Buffer<f32>, terms: &[(f64, &Buffer<f32>)], factor: f64) -> Result<()> {
        self.kernels.add(to, terms, factor)
    }

    fn products(&mut self, pairs: &[(&Buffer<f32>, &Buffer<f32>)]) -> Result<Vec<f64>> {
        self.kernels.products(pairs, &mut self.partials)
    }

    fn largest(&mut self, of: &Buffer<f32>) -> Result<f64> {
        self.kernels.largest(of, &mut self.partials)
    }

    fn metric(&mut self, vector: &mut Buffer<f32>) -> Result<()> {
        self.kernels.coarse_to_fine(vector, self.size, LEVELS, &mut self.coarse)
    }

    fn hold(&mut self, x: &Buffer<f32>, gradient: &Buffer<f32>, vector: &mut Buffer<f32>) -> Result<()> {
        self.kernels.hold(x, gradient, vector)
    }

    fn advance(
        &mut self,
        from: &Buffer<f32>,
        length: f32,
        Directions { chosen, steepest }: Directions<'_, Buffer<f32>>,
        x: &mut Buffer<f32>,
    ) -> Result<Advance> {
        let Self { kernels, partials, .. } = self;
        let [slope, moved] = kernels.advance(from, length, [chosen, steepest], x, partials)?;
        Ok(Advance { slope, moves: moved > 0.0 })
    }
}

impl Place for Gpu {
    type Way<'a> = FlowField;

    fn set_size(&mut self, size: Size) {
        self.size = size;
    }

    fn zeros(&mut self, size: Size) -> Result<Buffer<f32>> {
        self.put(&vec![0.0; 3 * size.pixels()])
    }

    /// On the CPU: a size changes a few times in a picture's life.
    fn resized(&mut self, planes: &Buffer<f32>, from: Size, to: Size) -> Result<Buffer<f32>> {
        let mut here = Pixels::zeros(from);
        planes.read(here.data_mut())?;
        self.put(resize_linear(&here, to).data())
    }

    fn way(&mut self, Link { flow, visible, .. }: &Link) -> Result<FlowField> {
        let (right, down) = (self.put(flow.right())?, self.put(flow.down())?);
        Ok(FlowField { right, down, visible: self.put(visible.values())?, size: flow.size() })
    }

    fn moved(&mut self, planes: &Buffer<f32>, way: &FlowField, masked: bool) -> Result<Buffer<f32>> {
        let mut moved = self.vector(planes)?;
        self.kernels.warp(planes, way, masked, &mut moved)?;
        Ok(moved)
    }

    fn step_adam(
        &mut self,
        AdamStep { rate, betas: [beta1, beta2], epsilon, corrections: [first, second] }: AdamStep,
        x: &mut Buffer<f32>,
        gradient: &Buffer<f32>,
        moments: [&mut Buffer<f32>; 2],
    ) -> Result<()> {
        self.kernels.adam(x, gradient, moments, [rate, beta1, beta2, epsilon, first, second])
    }
}
