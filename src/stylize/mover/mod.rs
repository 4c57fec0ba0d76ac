//! What moves the pixels of a film: an optimiser whose memory follows the paint.
//!
//! What an optimiser has learned belongs to the paint it moved. Where the paint is carried along the
//! motion, its memory goes along; where the paint starts anew, it is forgotten.
//!
//! Where the network computes on a GPU in half precision, everything stays there while a picture is painted: pixels,
//! gradient and memory; and the next frame starts there too, from the paint of the last one. Elsewhere everything is in
//! the CPU's memory.

mod gpu;
mod memory;

use super::OptimizerKind;
use super::history::{History, Name};
use super::keep_color::average_channels;
use super::place::{Host, Place as _};
use super::warm::{Brought, Scene, unwarped, warped};
use crate::error::{ErrorKind, Result};
use crate::flow::Mask;
use crate::frame::Size;
use crate::kernels::cuda::{Buffer, Machine};
use crate::loss::{Hold, Losses, Objective};
use crate::pixels::Pixels;
use crate::vgg::Network;
use gpu::OnGpu;
use memory::Memory;
use std::ops::ControlFlow;
use std::sync::Arc;

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

    /// Gets ready for the next frame: where it starts, and what it is held to with `weight`, if that is above 0;
    /// `continues` says whether there is paint before it at all. Where it starts may be on the GPU alone: then
    /// [`Self::begin`] knows, and what is handed out is as large, and nothing else.
    pub(super) fn start(
        &mut self,
        scene: &Scene<'_>,
        continues: bool,
        weight: f64,
        objective: &mut Objective,
    ) -> Result<Pixels> {
        match &mut self.0 {
            Where::Host { memory, .. } => start_here(memory, scene, continues, weight, objective),
            Where::Gpu(gpu) => {
                gpu.clear();
                if continues && scene.is_warped() {
                    match gpu.start(scene, weight, objective) {
                        Err(error) if error.kind() == ErrorKind::Memory => gpu.make_room(),
                        done => return done.map(|()| Pixels::zeros(scene.size())),
                    }
                }
                gpu.memory.follow(scene.how, continues, None)?;
                let mut memory = Memory::new(OptimizerKind::Adam, 0.0, Host::default());
                start_here(&mut memory, scene, continues, weight, objective)
            }
        }
    }

    /// The last picture that was painted is the last one of `history`: the next one starts from it.
    pub(super) fn remember(&mut self, history: &History) -> Result<()> {
        match &mut self.0 {
            Where::Host { .. } => Ok(()),
            Where::Gpu(gpu) => match gpu.remember(history) {
                // The next frame will bring what it needs.
                Err(error) if error.kind() == ErrorKind::Memory => {
                    gpu.memory.place.forget();
                    Ok(())
                }
                done => done,
            },
        }
    }

    /// The GPU where pictures are painted.
    pub(super) fn machine(&self) -> Option<Arc<dyn Machine>> {
        match &self.0 {
            Where::Host { .. } => None,
            Where::Gpu(gpu) => Some(gpu.memory.place.kernels().machine().clone()),
        }
    }

    /// `picture`, which is on the GPU, has a name from now on.
    pub(super) fn name(&mut self, name: Name, picture: Arc<Buffer<f32>>) {
        if let Where::Gpu(gpu) = &mut self.0 {
            gpu.memory.place.name(name, picture);
        }
    }

    /// The picture of this name and `size`, if it is on the GPU.
    pub(super) fn named(&self, name: Name, size: Size) -> Option<Arc<Buffer<f32>>> {
        match &self.0 {
            Where::Host { .. } => None,
            Where::Gpu(gpu) => gpu.memory.place.named(name, size),
        }
    }

    /// Sees to it that `x` is in the CPU's memory too, if it starts, or is being moved, on a GPU alone.
    pub(super) fn fetch(&mut self, x: &mut Pixels) -> Result<()> {
        match &mut self.0 {
            Where::Host { .. } => Ok(()),
            Where::Gpu(gpu) => gpu.fetch(x),
        }
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

/// In the CPU's memory.
fn start_here(
    memory: &mut Memory<Host>,
    scene: &Scene<'_>,
    continues: bool,
    weight: f64,
    objective: &mut Objective,
) -> Result<Pixels> {
    let links = scene.links();
    let nearest = links.first().map(|link| memory.place.way(link)).transpose()?;
    memory.follow(scene.how, continues, nearest.as_ref())?;
    let mut brought = match &nearest {
        Some(nearest) => Brought::along(&mut memory.place, links, nearest, scene.history)?,
        None => None,
    };
    let x = match (&nearest, &mut brought) {
        (Some(nearest), Some(brought)) if scene.is_warped() => {
            Pixels::new(scene.size(), warped(&mut memory.place, scene, nearest, brought)?)
        }
        _ => None,
    };
    objective.set_hold(brought.filter(|_| weight > 0.0).and_then(|Brought { paint, certainty, .. }| {
        let size = scene.size();
        Hold::new(Pixels::new(size, paint)?, Mask::new(size, certainty)?, weight)
    }));
    Ok(x.unwrap_or_else(|| unwarped(scene)))
}
