//! The network on the CPU's engine: buffers planned once a size, activations forward, gradients back
//! into the same memory.

use super::{Layer, Model, Pooling, Weights};
use crate::error::Result;
use crate::frame::Size;
use crate::kernels::cpu::{Algorithm, Blocked, Conv3x3, Cpu, FirstConv, Scratch, Write, mask_in_place};
use std::fmt;
use std::time::{Duration, Instant};

/// A frozen VGG with its kernels packed for the CPU.
pub struct CpuNetwork {
    cpu: Cpu,
    model: Model,
    pooling: Pooling,
    first: FirstConv,
    /// The second convolution onwards.
    rest: Vec<Conv3x3>,
}

impl CpuNetwork {
    /// Takes `weights`; kernels are packed when a layer is first used.
    ///
    /// # Errors
    /// Weights whose lengths do not fit, which [`Weights::parse`] has excluded.
    pub fn new(weights: &Weights, pooling: Pooling, cpu: Cpu, algorithm: Algorithm) -> Result<Self> {
        let mut rest = Vec::new();
        let [head, tail @ ..] = weights.convs() else {
            return Err(crate::error::Error::model("the network has no convolutions"));
        };
        for conv in tail {
            rest.push(Conv3x3::new(&conv.kernel, &conv.bias, conv.inputs, conv.outputs, algorithm)?);
        }
        let first = FirstConv::new(&head.kernel, &head.bias, head.outputs, weights.normalization())?;
        Ok(Self { cpu, model: weights.model(), pooling, first, rest })
    }

    /// Which network this is.
    pub fn model(&self) -> Model {
        self.model
    }

    /// What it computes with.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Packs the kernels as far as `deepest` now instead of in the first iteration.
    pub fn prepare(&self, deepest: Layer) {
        for conv in &self.rest[..deepest.position(self.model)] {
            conv.prepare(&self.cpu);
        }
    }

    /// Bytes of memory held by the packed kernels so far.
    pub fn bytes(&self) -> usize {
        self.rest.iter().map(Conv3x3::bytes).sum()
    }
}

/// A part of a pass over the network, for measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A convolution with its ReLU and the pool behind it.
    Forward(Layer),
    /// The losses at this layer, values and gradients.
    Losses(Layer),
    /// The gradient of a convolution, with the pool and the ReLU below it.
    Backward(Layer),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(layer) => write!(f, "{layer} forward"),
            Self::Backward(layer) => write!(f, "{layer} backward"),
            Self::Losses(layer) => write!(f, "{layer} losses"),
        }
    }
}

/// The memory of one pass over pictures of one size, to be used again and again.
pub struct Plan {
    size: Size,
    /// The output of every convolution; on the way back, the gradient before its ReLU.
    activations: Vec<Blocked>,
    /// What is left of each block after its pool; on the way back, the gradient there.
    pooled: Vec<Blocked>,
    /// The gradient of the losses at one tapped layer.
    tap: Blocked,
    scratch: Scratch,
    /// What each stage of the last forward and backward pass took.
    timings: Vec<(Stage, Duration)>,
}

/// Appends the time since `since` and starts anew.
fn lap(timings: &mut Vec<(Stage, Duration)>, stage: Stage, since: &mut Instant) {
    timings.push((stage, since.elapsed()));
    *since = Instant::now();
}

impl Plan {
    /// Memory for pictures of `size` as far as `deepest`.
    ///
    /// # Errors
    /// A picture so small that nothing of it is left at `deepest`.
    pub fn new(network: &CpuNetwork, size: Size, deepest: Layer) -> Result<Self> {
        if size.shortest_side() < deepest.stride() {
            return Err(super::too_small(size, deepest));
        }
        let at = |layer: Layer| Size::new(size.width / layer.stride(), size.height / layer.stride());
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let activations = layers.iter().map(|&layer| Blocked::zeros(layer.channels(), at(layer))).collect();
        let pooled = layers
            .windows(2)
            .filter(|pair| pair[0].block() != pair[1].block())
            .map(|pair| Blocked::zeros(pair[0].channels(), at(pair[1])))
            .collect();
        let tap = Blocked::zeros(1, Size::new(1, 1));
        Ok(Self { size, activations, pooled, tap, scratch: Scratch::new(), timings: Vec::new() })
    }

    /// The size of the pictures it is for.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many convolutions it goes through.
    pub fn depth(&self) -> usize {
        self.activations.len()
    }

    /// What each stage of the last forward and, if there was one, backward pass took, in order.
    pub fn timings(&self) -> &[(Stage, Duration)] {
        &self.timings
    }

    /// Bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        let blocked = self.activations.iter().chain(&self.pooled).chain([&self.tap]);
        blocked.map(Blocked::bytes).sum::<usize>() + self.scratch.bytes()
    }

    /// Runs `pixels`, `[3, H, W]` in 0..1, forward as far as `deepest`, which must be within the plan.
    ///
    /// # Errors
    /// Pixels of another size.
    pub fn forward(&mut self, network: &CpuNetwork, pixels: &[f32], deepest: Layer) -> Result<()> {
        let cpu = &network.cpu;
        let mut now = Instant::now();
        self.timings.clear();
        network.first.forward(cpu, pixels, &mut self.activations[0], &mut self.scratch)?;
        lap(&mut self.timings, Stage::Forward(Layer::CONV1_1), &mut now);
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        for (position, pair) in layers.windows(2).enumerate() {
            let (before, after) = self.activations.split_at_mut(position + 1);
            let (conv, output) = (&network.rest[position], &mut after[0]);
            // What this layer reads, and what its pool leaves for the next.
            let (read, left) = self.pooled.split_at_mut(pair[1].block() - 1);
            let input =
                if pair[0].block() == pair[1].block() { Some(&before[position]) } else { read.last() };
            let Some(input) = input else { break };
            let pooled = layers.get(position + 2).filter(|next| next.block() != pair[1].block());
            match pooled.and(left.first_mut()) {
                Some(pooled) => {
                    conv.forward_and_pool(cpu, network.pooling, input, output, pooled, &mut self.scratch)?
                }
                None => conv.forward(cpu, input, output, &mut self.scratch)?,
            }
            lap(&mut self.timings, Stage::Forward(pair[1]), &mut now);
        }
        Ok(())
    }

    /// What the last forward pass left at `layer`, until the next backward pass overwrites it.
    pub fn features(&self, network: &CpuNetwork, layer: Layer) -> Option<&Blocked> {
        self.activations.get(layer.position(network.model))
    }

    /// Runs the gradient from `deepest`, as far as the last forward pass went, back to the pixels,
    /// `[3, H, W]`, whatever was in there. `tap(layer, features, gradient, scratch)` writes the losses'
    /// own gradient at a layer into `gradient` (whose contents are undefined) and returns true, or
    /// returns false if the layer is not tapped.
    ///
    /// Overwrites the activations.
    ///
    /// # Errors
    /// Whatever `tap` fails with.
    pub fn backward(
        &mut self,
        network: &CpuNetwork,
        deepest: Layer,
        mut tap: impl FnMut(Layer, &Blocked, &mut Blocked, &mut Scratch) -> Result<bool>,
        pixels: &mut [f32],
    ) -> Result<()> {
        let cpu = &network.cpu;
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let Self { activations, pooled, tap: buffer, scratch, timings, .. } = self;
        let mut tap_at = |layer: Layer, features: &Blocked, buffer: &mut Blocked, scratch: &mut Scratch| {
            buffer.reshape(features.channels(), features.size());
            tap(layer, features, buffer, scratch)
        };
        let mut now = Instant::now();
        let last = layers.len() - 1;
        if tap_at(layers[last], &activations[last], buffer, scratch)? {
            mask_in_place(cpu, buffer, &mut activations[last])?;
        } else {
            activations[last].clear();
        }
        lap(timings, Stage::Losses(layers[last]), &mut now);
        for position in (1..layers.len()).rev() {
            let (below, above) = (layers[position - 1], layers[position]);
            let (before, after) = activations.split_at_mut(position);
            let (activation, gradient) = (&mut before[position - 1], &after[0]);
            let conv = &network.rest[position - 1];
            let tap = tap_at(below, activation, buffer, scratch)?.then_some(&*buffer);
            lap(timings, Stage::Losses(below), &mut now);
            if below.block() == above.block() {
                conv.backward_in_place(cpu, gradient, tap, activation, scratch)?;
            } else {
                let pooled = &mut pooled[below.block() - 1];
                let pooling = network.pooling;
                conv.backward_through_pool(cpu, pooling, gradient, tap, pooled, activation, scratch)?;
            }
            lap(timings, Stage::Backward(above), &mut now);
        }
        network.first.backward(cpu, &activations[0], pixels, Write::Replace, scratch)?;
        lap(timings, Stage::Backward(Layer::CONV1_1), &mut now);
        Ok(())
    }
}
