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

use super::keep_color::average_channels;
use super::scout::Change;
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
pub(crate) struct Mover(Where);

enum Where {
    /// In the CPU's memory.
    Host { memory: Box<Memory<Host>>, gradient: Pixels },
    /// On a GPU.
    Gpu(Box<OnGpu>),
}

/// Does the same wherever the memory is.
macro_rules! memory {
    ($mover:expr, $memory:ident => $do:expr) => {
        match &mut $mover.0 {
            Where::Host { memory: $memory, .. } => $do,
            Where::Gpu(gpu) => {
                let $memory = &mut gpu.memory;
                $do
            }
        }
    };
}

impl Mover {
    /// Nothing remembered.
    pub(crate) fn new(kind: OptimizerKind, learning_rate: f64, network: &Network) -> Result<Self> {
        match network {
            Network::Half(network) => {
                let gpu = OnGpu::new(kind, learning_rate, network.kernels().clone())?;
                Ok(Self(Where::Gpu(Box::new(gpu))))
            }
            Network::Cpu(_) | Network::Tensor(_) => Ok(Self::on_host(kind, learning_rate)),
        }
    }

    /// Nothing remembered, and in the CPU's memory wherever the network computes.
    pub(crate) fn on_host(kind: OptimizerKind, learning_rate: f64) -> Self {
        let memory = Box::new(Memory::new(kind, learning_rate, Host::default()));
        Self(Where::Host { memory, gradient: Pixels::zeros(Size::new(1, 1)) })
    }

    /// Whether pixels stay on a GPU.
    pub(crate) fn is_on_gpu(&self) -> bool {
        matches!(self.0, Where::Gpu(_))
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
        let nearest = match change {
            Change::Moved(links) => links.first(),
            _ => None,
        };
        match (how, nearest) {
            _ if !continues => self.reset(),
            (Start::Previous | Start::Carried, _) => memory!(self, memory => memory.stay()?),
            (Start::Warped, Some(link)) => memory!(self, memory => memory.move_along(link)?),
            (Start::Warped | Start::Content | Start::Noise, _) => self.reset(),
        }
        Ok(())
    }

    /// Bytes of a GPU's memory that painting at `size` takes beside the network; 0 elsewhere.
    pub(super) fn memory(&self, size: Size) -> u64 {
        match &self.0 {
            Where::Host { .. } => 0,
            Where::Gpu(gpu) => gpu.bytes(size),
        }
    }

    /// Begins to move `x`, which is where [`Self::end`] puts the result.
    pub(crate) fn begin(&mut self, x: &Pixels) -> Result<()> {
        match &mut self.0 {
            Where::Host { .. } => Ok(()),
            Where::Gpu(gpu) => gpu.begin(x),
        }
    }

    /// The objective where `x` has got to, and its gradient for the next step; `luminance`: all channels change as
    /// one.
    pub(crate) fn evaluate(
        &mut self,
        objective: &mut Objective,
        x: &Pixels,
        luminance: bool,
    ) -> Result<Losses> {
        match &mut self.0 {
            Where::Host { gradient, .. } => {
                let losses = objective.evaluate(x, gradient)?;
                if luminance {
                    average_channels(gradient);
                }
                Ok(losses)
            }
            Where::Gpu(gpu) => gpu.evaluate(objective, luminance),
        }
    }

    /// Moves `x`, where the objective has `value`. `Break`: nothing improves it any more.
    pub(crate) fn step(&mut self, x: &mut Pixels, value: f64) -> Result<ControlFlow<()>> {
        match &mut self.0 {
            Where::Host { memory, gradient } => {
                let size = x.size();
                Ok(memory.step(size, x.data_mut(), value, gradient.data())?)
            }
            Where::Gpu(gpu) => gpu.step(value),
        }
    }

    /// Ends with the best that is known, if the last step was none.
    pub(crate) fn end(&mut self, x: &mut Pixels) -> Result<()> {
        match &mut self.0 {
            Where::Host { memory, .. } => Ok(memory.settle(x.data_mut())?),
            Where::Gpu(gpu) => gpu.end(x),
        }
    }
}
