//! One network for everyone who does not care what it runs on.

use super::memory::MemoryPlan;
use super::{CpuNetwork, HalfNetwork, Layer, Model, Pooling, TensorNetwork, Weights};
use crate::device::Device;
use crate::error::Result;
use crate::frame::Size;
use crate::kernels::cpu::{Algorithm, Cpu, Level, Threads};
use crate::kernels::cuda::{Convolutions, Kernels, Machine, Queue};
use candle_core::DType;
use std::sync::Arc;

/// A frozen VGG on a device. Cheap to clone: the weights are shared.
#[derive(Clone)]
pub enum Network {
    /// On the CPU's own engine.
    Cpu(Arc<CpuNetwork>),
    /// On candle's tensors: a GPU, or the plain reference on the CPU.
    Tensor(Arc<TensorNetwork>),
    /// In half precision on a GPU's tensor cores.
    Half(Arc<HalfNetwork>),
}

/// How the CPU computes.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuSettings {
    /// Threads; `None`: all cores there are.
    pub threads: Option<usize>,
    /// Instructions; `None`: the best the processor has.
    pub level: Option<Level>,
    /// How convolutions are computed.
    pub algorithm: Algorithm,
}

impl Network {
    /// Puts `weights` where they shall run.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] when the device refuses or the processor lacks a forced level.
    pub fn new(weights: &Weights, pooling: Pooling, device: &Device, settings: CpuSettings) -> Result<Self> {
        match device {
            Device::Cpu => {
                let threads = Threads::new(settings.threads.unwrap_or(0))?;
                let cpu = Cpu::new(threads, settings.level)?;
                Ok(Self::Cpu(Arc::new(CpuNetwork::new(weights, pooling, cpu, settings.algorithm)?)))
            }
            Device::Tensor(device) => {
                Ok(Self::Tensor(Arc::new(TensorNetwork::new(weights, pooling, device, DType::F32)?)))
            }
        }
    }

    /// Puts `weights` on a GPU in half precision, once it has shown that it computes the right thing.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] when it does not, or refuses.
    pub fn half(weights: &Weights, pooling: Pooling, machine: Arc<dyn Machine>) -> Result<Self> {
        Self::half_by(weights, pooling, machine, None)
    }

    /// The same, convolving in the way that is asked for; without one, in the best of our own that the GPU has.
    ///
    /// # Errors
    /// As [`Self::half`], and when the GPU has no such way.
    pub fn half_by(
        weights: &Weights,
        pooling: Pooling,
        machine: Arc<dyn Machine>,
        asked: Option<Convolutions>,
    ) -> Result<Self> {
        let way = Kernels::tried(machine.clone(), asked)?.convolutions();
        let kernels = Kernels::new(Arc::new(Queue::new(machine))).with_convolutions(way)?;
        Ok(Self::Half(Arc::new(HalfNetwork::new(weights, pooling, kernels)?)))
    }

    /// Which network this is.
    pub fn model(&self) -> Model {
        match self {
            Self::Cpu(network) => network.model(),
            Self::Tensor(network) => network.model(),
            Self::Half(network) => network.model(),
        }
    }

    /// In which way it convolves; `None` outside of half precision.
    pub fn convolutions(&self) -> Option<Convolutions> {
        match self {
            Self::Cpu(_) | Self::Tensor(_) => None,
            Self::Half(network) => Some(network.kernels().convolutions()),
        }
    }

    /// Threads of the CPU that take part.
    pub fn threads(&self) -> usize {
        match self {
            Self::Cpu(network) => network.cpu().threads().count(),
            Self::Tensor(_) | Self::Half(_) => 1,
        }
    }

    /// What painting pictures of `size` takes of a GPU's memory, with these layers in use; `None` on the CPU's
    /// engine, whose [`super::Plan`] knows what it holds.
    pub fn memory(&self, deepest: Layer, content: &[Layer], size: Size) -> Option<MemoryPlan> {
        match self {
            Self::Cpu(_) => None,
            Self::Tensor(network) => Some(network.memory(deepest, content, size)),
            Self::Half(network) => Some(network.memory(deepest, content, size)),
        }
    }

    /// Runs `work`, and whatever it does in parallel, on the network's own threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Self::Cpu(network) => network.cpu().install(work),
            Self::Tensor(_) | Self::Half(_) => work(),
        }
    }
}
