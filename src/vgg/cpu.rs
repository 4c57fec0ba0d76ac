//! The network on the CPU's engine: buffers planned once a size, activations forward, gradients back
//! into the same memory.

use super::{Layer, Model, Pooling, Weights};
use crate::error::Result;
use crate::frame::Size;
use crate::kernels::cpu::{
    Algorithm, Blocked, Conv3x3, Cpu, FirstConv, Gradient, Scratch, Signs, Write, mask_in_place, pool,
};
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

    /// Runs `pixels`, `[3, H, W]` in 0..1, of a picture of `size` forward as far as `deepest`, and shows `see` each
    /// layer's features on the way. Nothing is kept for a way back: no more than two layers are held at once, a
    /// third of what a [`Plan`] holds.
    ///
    /// # Errors
    /// A picture so small that nothing of it is left at `deepest`; whatever `see` fails with.
    pub fn look(
        &self,
        pixels: &[f32],
        size: Size,
        deepest: Layer,
        mut see: impl FnMut(Layer, &Blocked, &mut Scratch) -> Result<()>,
    ) -> Result<()> {
        let mut scratch = Scratch::new();
        check_size(size, deepest)?;
        let mut features = Blocked::zeros(Layer::CONV1_1.channels(), size);
        self.first.forward(&self.cpu, pixels, &mut features, &mut scratch)?;
        see(Layer::CONV1_1, &features, &mut scratch)?;
        let layers = self.model.layers().take_while(|layer| *layer <= deepest).skip(1);
        for (layer, conv) in layers.zip(&self.rest) {
            if features.size() != layer.size_of(size) {
                let mut pooled = Blocked::zeros(features.channels(), layer.size_of(size));
                pool::forward(&self.cpu, self.pooling, &features, &mut pooled)?;
                features = pooled;
            }
            let mut output = Blocked::zeros(layer.channels(), features.size());
            conv.forward(&self.cpu, &features, &mut output, &mut scratch)?;
            see(layer, &output, &mut scratch)?;
            features = output;
        }
        Ok(())
    }

    /// Bytes of memory held by the packed kernels so far.
    pub fn bytes(&self) -> usize {
        self.rest.iter().map(Conv3x3::bytes).sum()
    }
}

/// Fails for a picture so small that nothing of it is left at `deepest`.
fn check_size(size: Size, deepest: Layer) -> Result<()> {
    if size.shortest_side() < deepest.stride() {
        return Err(super::too_small(size, deepest));
    }
    Ok(())
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

/// A layer on the way back, for whoever has losses there.
pub struct Tap<'a> {
    /// Which layer.
    pub layer: Layer,
    /// Its features. They may be overwritten if the answer is [`Tapped::Within`].
    pub features: &'a mut Blocked,
    /// Room for a gradient beside them, of any shape yet ([`Blocked::reshape`]).
    pub gradient: &'a mut Blocked,
    /// Whether the gradient may take the features' place.
    pub may_overwrite: bool,
    /// Working memory.
    pub scratch: &'a mut Scratch,
}

/// Where the gradient of the losses at a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tapped {
    /// There are no losses.
    Nowhere,
    /// In [`Tap::gradient`], reshaped to the features.
    Beside,
    /// In the features' place, marked by what is not a number where a feature was 0
    /// ([`gram_gradient_in_place`](crate::kernels::cpu::gram_gradient_in_place)).
    Within,
}

/// What is held of a layer.
enum Held {
    /// All of it.
    Whole(Blocked),
    /// Whether it is positive: enough where only a pool reads it.
    Signs(Signs),
}

impl Held {
    fn bytes(&self) -> usize {
        match self {
            Self::Whole(whole) => whole.bytes(),
            Self::Signs(signs) => signs.bytes(),
        }
    }
}

/// The memory of one pass over pictures of one size, to be used again and again.
pub struct Plan {
    size: Size,
    /// By convolution, its output; on the way back, the gradient before its ReLU.
    activations: Vec<Held>,
    /// What is left of a block after its pool, while the next layer reads it; on the way back, the gradient there.
    pooled: Blocked,
    /// The gradient of the losses at one tapped layer, where it lies beside the features.
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
    /// Memory for pictures of `size` as far as `deepest`; only at the `tapped` layers there can be losses.
    ///
    /// # Errors
    /// A picture so small that nothing of it is left at `deepest`.
    pub fn new(network: &CpuNetwork, size: Size, deepest: Layer, tapped: &[Layer]) -> Result<Self> {
        check_size(size, deepest)?;
        let at = |layer: Layer| layer.size_of(size);
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let held = |(position, &layer): (usize, &Layer)| {
            let is_pooled = layers.get(position + 1).is_some_and(|next| next.block() != layer.block());
            let conv = position.checked_sub(1).and_then(|before| network.rest.get(before));
            let can_keep_signs = conv.is_some_and(|conv| conv.can_keep_signs(network.pooling));
            match is_pooled && can_keep_signs && !tapped.contains(&layer) {
                true => Held::Signs(Signs::new(layer.channels(), at(layer))),
                false => Held::Whole(Blocked::zeros(layer.channels(), at(layer))),
            }
        };
        let activations = layers.iter().enumerate().map(held).collect();
        let nothing = || Blocked::zeros(1, Size::new(1, 1));
        let (pooled, tap) = (nothing(), nothing());
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
        let blocked = self.pooled.bytes() + self.tap.bytes();
        blocked + self.activations.iter().map(Held::bytes).sum::<usize>() + self.scratch.bytes()
    }

    /// Runs `pixels`, `[3, H, W]` in 0..1, forward as far as `deepest`, which must be within the plan.
    ///
    /// # Errors
    /// Pixels of another size.
    pub fn forward(&mut self, network: &CpuNetwork, pixels: &[f32], deepest: Layer) -> Result<()> {
        let cpu = &network.cpu;
        let mut now = Instant::now();
        self.timings.clear();
        let Self { size, activations, pooled, scratch, timings, .. } = self;
        if let Some(Held::Whole(output)) = activations.first_mut() {
            network.first.forward(cpu, pixels, output, scratch)?;
        }
        lap(timings, Stage::Forward(Layer::CONV1_1), &mut now);
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        for (position, pair) in layers.windows(2).enumerate() {
            let (before, after) = activations.split_at_mut(position + 1);
            let conv = &network.rest[position];
            let next = layers.get(position + 2).filter(|next| next.block() != pair[1].block());
            match (&before[position], &mut after[0], next) {
                // No block is a single layer: nobody reads what the pool before has left any more.
                (Held::Whole(input), output, Some(next)) => {
                    pooled.reshape_with_border(pair[1].channels(), next.size_of(*size));
                    match output {
                        Held::Whole(output) => {
                            conv.forward_and_pool(cpu, network.pooling, input, output, pooled, scratch)?;
                        }
                        Held::Signs(signs) => conv.forward_to_pool(cpu, input, signs, pooled, scratch)?,
                    }
                }
                (Held::Whole(input), Held::Whole(output), None) if pair[0].block() == pair[1].block() => {
                    conv.forward(cpu, input, output, scratch)?;
                }
                (_, Held::Whole(output), None) => conv.forward(cpu, pooled, output, scratch)?,
                _ => break,
            }
            lap(timings, Stage::Forward(pair[1]), &mut now);
        }
        Ok(())
    }

    /// What the last forward pass left at `layer`, until the next backward pass overwrites it; `None` if not all
    /// of it is held.
    pub fn features(&self, network: &CpuNetwork, layer: Layer) -> Option<&Blocked> {
        match self.activations.get(layer.position(network.model)) {
            Some(Held::Whole(features)) => Some(features),
            Some(Held::Signs(_)) | None => None,
        }
    }

    /// Runs the gradient from `deepest`, as far as the last forward pass went, back to the pixels,
    /// `[3, H, W]`, whatever was in there. `tap` leaves the losses' own gradient at each layer, and says where.
    ///
    /// Overwrites the activations.
    ///
    /// # Errors
    /// Whatever `tap` fails with.
    pub fn backward(
        &mut self,
        network: &CpuNetwork,
        deepest: Layer,
        mut tap: impl FnMut(Tap<'_>) -> Result<Tapped>,
        pixels: &mut [f32],
    ) -> Result<()> {
        let cpu = &network.cpu;
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let Self { size, activations, pooled, tap: buffer, scratch, timings, .. } = self;
        let mut now = Instant::now();
        let last = layers.len() - 1;
        if let (layer, Held::Whole(features)) = (layers[last], &mut activations[last]) {
            let gradient = &mut *buffer;
            match tap(Tap { layer, features: &mut *features, gradient, may_overwrite: false, scratch })? {
                Tapped::Nowhere => features.clear(),
                _ => mask_in_place(cpu, buffer, features)?,
            }
            lap(timings, Stage::Losses(layer), &mut now);
        }
        for position in (1..layers.len()).rev() {
            let (layer, above) = (layers[position - 1], layers[position]);
            let (before, after) = activations.split_at_mut(position);
            let conv = &network.rest[position - 1];
            let features = match (&mut before[position - 1], &after[0]) {
                (Held::Whole(features), _) => features,
                (Held::Signs(_), Held::Whole(grad)) => {
                    pooled.reshape_with_border(layer.channels(), above.size_of(*size));
                    conv.backward_to_pool(cpu, grad, pooled, scratch)?;
                    lap(timings, Stage::Backward(above), &mut now);
                    continue;
                }
                // No block is a single layer.
                (Held::Signs(_), Held::Signs(_)) => break,
            };
            // A pool may need the features to know whose the gradient is.
            let may_overwrite = layer.block() == above.block();
            let (within, gradient) = (&mut *features, &mut *buffer);
            let tapped = tap(Tap { layer, features: within, gradient, may_overwrite, scratch })?;
            lap(timings, Stage::Losses(layer), &mut now);
            let beside = (tapped == Tapped::Beside).then_some(&*buffer);
            let grad = match &after[0] {
                Held::Whole(grad) if !may_overwrite => {
                    pooled.reshape_with_border(layer.channels(), above.size_of(*size));
                    let pooling = network.pooling;
                    conv.backward_through_pool(cpu, pooling, grad, beside, pooled, features, scratch)?;
                    lap(timings, Stage::Backward(above), &mut now);
                    continue;
                }
                Held::Whole(grad) => Gradient::Whole(grad),
                Held::Signs(signs) => Gradient::Spread(pooled, signs),
            };
            match tapped {
                Tapped::Within => conv.backward_onto(cpu, grad, features, scratch)?,
                _ => conv.backward_in_place(cpu, grad, beside, features, scratch)?,
            }
            lap(timings, Stage::Backward(above), &mut now);
        }
        if let Some(Held::Whole(gradient)) = activations.first() {
            network.first.backward(cpu, gradient, pixels, Write::Replace, scratch)?;
        }
        lap(timings, Stage::Backward(Layer::CONV1_1), &mut now);
        Ok(())
    }
}
