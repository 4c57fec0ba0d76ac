//! What moves the pixels of a film: an optimiser whose memory follows the paint.
//!
//! What an optimiser has learned belongs to the paint it moved. Where the paint is carried along the
//! motion, its memory goes along; where the paint starts anew, it is forgotten.
//!
//! Where the network computes on a GPU in half precision, everything stays there while a picture is painted: pixels,
//! gradient and memory. Elsewhere everything is in the CPU's memory.

mod gpu;
mod memory;
mod place;

use super::keep_color::Colors;
use super::scout::{Change, Link};
use super::{OptimizerKind, Start};
use crate::error::Result;
use crate::frame::Size;
use crate::loss::{Losses, Objective};
use crate::pixels::Pixels;
use crate::vgg::Network;
use gpu::OnGpu;
use memory::Memory;
use place::Host;
use std::ops::ControlFlow;

/// An optimiser, what it remembers, and the gradient it follows.
pub(super) enum Mover {
    /// In the CPU's memory.
    Host { memory: Memory<Host>, gradient: Pixels },
    /// On a GPU.
    Gpu(Box<OnGpu>),
}

/// Does the same wherever the memory is.
macro_rules! memory {
    ($mover:expr, $memory:ident => $do:expr) => {
        match $mover {
            Mover::Host { memory: $memory, .. } => $do,
            Mover::Gpu(gpu) => {
                let $memory = &mut gpu.memory;
                $do
            }
        }
    };
}

impl Mover {
    /// Nothing remembered.
    pub(super) fn new(kind: OptimizerKind, learning_rate: f64, network: &Network) -> Result<Self> {
        Ok(match network {
            Network::Half(network) => {
                Self::Gpu(Box::new(OnGpu::new(kind, learning_rate, network.kernels().clone())?))
            }
            Network::Cpu(_) | Network::Tensor(_) => Self::Host {
                memory: Memory::new(kind, learning_rate, Host::default()),
                gradient: Pixels::zeros(Size::new(1, 1)),
            },
        })
    }

    /// Forgets everything; goes on with pictures of any size.
    pub(super) fn reset(&mut self) {
        memory!(self, memory => memory.reset());
    }

    /// Goes on with pictures of another size, and with what is remembered of those at size `from`.
    pub(super) fn resize(&mut self, from: Size, to: Size) -> Result<()> {
        memory!(self, memory => memory.resize(from, to)?);
        Ok(())
    }

    /// Gets ready for the next frame, which starts as `how` says; `continues` says whether there is paint
    /// before it at all.
    pub(super) fn follow(&mut self, how: Start, continues: bool, change: &Change) -> Result<()> {
        let nearest = |links: &'_ [Link]| links.first().is_some();
        match (how, change) {
            _ if !continues => self.reset(),
            (Start::Content | Start::Noise, _) => self.reset(),
            (Start::Warped, Change::Moved(links)) if nearest(links) => {
                memory!(self, memory => memory.move_along(&links[0])?);
            }
            (Start::Warped, _) => self.reset(),
            (Start::Previous | Start::Carried, _) => memory!(self, memory => memory.stay()?),
        }
        Ok(())
    }

    /// Bytes of a GPU's memory that painting at `size` takes beside the network; 0 elsewhere.
    pub(super) fn memory(&self, size: Size) -> u64 {
        match self {
            Self::Host { .. } => 0,
            Self::Gpu(gpu) => gpu.bytes(size),
        }
    }

    /// Begins to move `x`, which is where [`Self::end`] puts the result.
    pub(super) fn begin(&mut self, x: &Pixels) -> Result<()> {
        match self {
            Self::Host { .. } => Ok(()),
            Self::Gpu(gpu) => gpu.begin(x),
        }
    }

    /// The objective where `x` has got to, and its gradient, within what `colors` allow, for the next step.
    pub(super) fn evaluate(
        &mut self,
        objective: &mut Objective,
        x: &Pixels,
        colors: &Colors,
    ) -> Result<Losses> {
        match self {
            Self::Host { gradient, .. } => {
                let losses = objective.evaluate(x, gradient)?;
                colors.restrict(gradient);
                Ok(losses)
            }
            Self::Gpu(gpu) => gpu.evaluate(objective, colors),
        }
    }

    /// Moves `x`, where the objective has `value`. `Break`: nothing improves it any more.
    pub(super) fn step(&mut self, x: &mut Pixels, value: f64) -> Result<ControlFlow<()>> {
        match self {
            Self::Host { memory, gradient } => {
                let size = x.size();
                Ok(memory.step(size, x.data_mut(), value, gradient.data())?)
            }
            Self::Gpu(gpu) => gpu.step(value),
        }
    }

    /// Ends with the best that is known, if the last step was none.
    pub(super) fn end(&mut self, x: &mut Pixels) -> Result<()> {
        match self {
            Self::Host { memory, .. } => Ok(memory.settle(x.data_mut())?),
            Self::Gpu(gpu) => gpu.end(x),
        }
    }
}
