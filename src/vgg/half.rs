//! The network on a GPU's tensor cores: half precision, float32 sums, our own kernels.
//!
//! The walk is the CPU engine's: forward to the deepest layer, then back to the pixels, the gradient taking the
//! features' place. Half precision reaches from 6e-8 to 65504, and gradients of a mean over many pixels lie below:
//! they are carried multiplied by [`HalfPlan::scale`], and divided by it on their way out. Factors are rounded to
//! 11 bits, sums are not; unscaled, or with sums in half precision too, the gradient collapses.

use super::memory::MemoryPlan;
use super::{Layer, Model, Pooling, Weights};
use crate::error::Result;
use crate::frame::Size;
use crate::kernels::cuda::{self, Bias, Buffer, Features, Finish, First, Kernels};

/// A frozen VGG on a GPU, in half precision.
pub struct HalfNetwork {
    kernels: Kernels,
    model: Model,
    pooling: Pooling,
    first: First,
    /// The second convolution onwards.
    rest: Vec<Conv>,
}

struct Conv {
    forward: cuda::Weights,
    backward: cuda::Weights,
    bias: Bias,
}

impl HalfNetwork {
    /// Puts `weights` on the machine of these kernels.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] when the machine refuses.
    pub fn new(weights: &Weights, pooling: Pooling, kernels: Kernels) -> Result<Self> {
        let [head, tail @ ..] = weights.convs() else {
            return Err(crate::error::Error::model("the network has no convolutions"));
        };
        let n = weights.normalization();
        let gain = n.std.map(|std| n.scale / std);
        let offset = [0, 1, 2].map(|c| -n.mean[c] / n.std[c]);
        let machine = kernels.machine();
        let first = First::new(machine, &head.kernel, &head.bias, (gain, offset))?;
        let conv = |conv: &super::ConvWeights| {
            Ok(Conv {
                forward: kernels.convolution(&conv.kernel, conv.outputs, conv.inputs)?,
                backward: kernels.adjoint(&conv.kernel, conv.outputs, conv.inputs)?,
                bias: Bias::new(machine, &conv.bias)?,
            })
        };
        let rest = tail.iter().map(conv).collect::<Result<_>>()?;
        Ok(Self { kernels, model: weights.model(), pooling, first, rest })
    }

    /// Which network this is.
    pub fn model(&self) -> Model {
        self.model
    }

    /// The kernels it computes with.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// What painting pictures of `size` takes of the device's memory, with these layers in use.
    pub fn memory(&self, deepest: Layer, content: &[Layer], size: Size) -> MemoryPlan {
        let values = |layer: Layer| (layer.channels() * layer.size_of(size).pixels()) as u64;
        let layers = || self.model.layers().take_while(move |layer| *layer <= deepest);
        let kernel = |(from, to): (Layer, Layer)| 2 * 9 * (from.channels() * to.channels()) as u64;
        let network: u64 = self.model.layers().zip(self.model.layers().skip(1)).map(kernel).sum();
        let activations = layers().map(values).chain(content.iter().map(|&layer| values(layer))).sum::<u64>();
        // A tap as large as the largest layer, and what its pool leaves; pixels and gradient in float32.
        let largest = layers().map(values).max().unwrap_or(0);
        let aside = if self.kernels.needs_room_aside() { largest } else { 0 };
        let pixels = 4 * 6 * size.pixels() as u64;
        // Gram matrices in parts: as many tiles of 64×64 as there are blocks, twice for what they are rounded up to.
        let parts = 4 * 2 * 264 * 64 * 64;
        let work = 2 * (largest + largest / 4 + aside) + pixels + parts;
        MemoryPlan { network: 2 * network, activations: 2 * activations, work }
    }
}

/// The memory of a pass over pictures of one size.
pub struct HalfPlan {
    size: Size,
    /// By convolution, its output; on the way back, the gradient before its ReLU.
    activations: Vec<Features>,
    /// What a pool has left; on the way back, the gradient there.
    pooled: Features,
    /// The gradient of the losses at one layer.
    tap: Features,
    /// See [`Finish::aside`].
    aside: Option<Features>,
}

/// A layer on the way back, for whoever has losses there.
pub struct HalfTap<'a> {
    /// Which layer.
    pub layer: Layer,
    /// Its features.
    pub features: &'a Features,
    /// Of their shape: where the gradient goes, multiplied by [`HalfPlan::scale`].
    pub gradient: &'a mut Features,
}

impl HalfPlan {
    /// Memory for pictures of `size` as far as `deepest`.
    ///
    /// # Errors
    /// A picture so small that nothing of it is left at `deepest`; not enough memory.
    pub fn new(network: &HalfNetwork, size: Size, deepest: Layer) -> Result<Self> {
        if size.shortest_side() < deepest.stride() {
            return Err(super::too_small(size, deepest));
        }
        let machine = network.kernels.machine();
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let features = |layer: &Layer| Features::new(machine, layer.channels(), layer.size_of(size));
        let activations = layers.iter().map(features).collect::<Result<Vec<_>>>()?;
        let largest = layers.iter().max_by_key(|layer| layer.channels() * layer.size_of(size).pixels());
        let largest = *largest.unwrap_or(&Layer::CONV1_1);
        let half = Size::new((size.width / 2).max(1), (size.height / 2).max(1));
        Ok(Self {
            size,
            activations,
            pooled: Features::new(machine, Layer::CONV1_1.channels(), half)?,
            tap: features(&largest)?,
            aside: network.kernels.needs_room_aside().then(|| features(&largest)).transpose()?,
        })
    }

    /// The size of the pictures it is for.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many convolutions it goes through.
    pub fn depth(&self) -> usize {
        self.activations.len()
    }

    /// What gradients of features are multiplied by. Those of a mean over many pixels are as small as the picture
    /// is large; a power of two rounds nothing.
    pub fn scale(&self) -> f64 {
        (SCALE_PER_PIXEL * self.size.pixels() as f64).log2().round().exp2()
    }

    /// What the last forward pass left at `layer`, until the next backward pass.
    pub fn features(&self, network: &HalfNetwork, layer: Layer) -> Option<&Features> {
        self.activations.get(layer.position(network.model))
    }

    /// Runs `pixels`, `[3, H, W]` in 0..1, forward as far as `deepest`, which must be within the plan.
    ///
    /// # Errors
    /// A failing device.
    pub fn forward(&mut self, network: &HalfNetwork, pixels: &Buffer<f32>, deepest: Layer) -> Result<()> {
        let kernels = &network.kernels;
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let Self { activations, pooled, .. } = self;
        kernels.first_forward(pixels, &network.first, &mut activations[0])?;
        for (position, pair) in layers.windows(2).enumerate() {
            let (before, after) = activations.split_at_mut(position + 1);
            let (conv, output) = (&network.rest[position], &mut after[0]);
            let finish = Finish { bias: Some(&conv.bias), relu: true, ..Finish::default() };
            let mut input = &before[position];
            if pair[0].block() != pair[1].block() {
                pooled.reshape(pair[0].channels(), output.size())?;
                kernels.pool(network.pooling, input, pooled)?;
                input = pooled;
            }
            kernels.convolve(input, &conv.forward, finish, output)?;
        }
        Ok(())
    }

    /// Runs the gradient from `deepest`, as far as the last forward pass went, back to `pixels`,
    /// `[3, H, W]`. `tap` leaves the gradient of the losses at a layer, and says whether there is one.
    ///
    /// Overwrites the activations.
    ///
    /// # Errors
    /// Whatever `tap` fails with; a failing device.
    pub fn backward(
        &mut self,
        network: &HalfNetwork,
        deepest: Layer,
        pixels: &mut Buffer<f32>,
        mut tap: impl FnMut(HalfTap<'_>) -> Result<bool>,
    ) -> Result<()> {
        let kernels = &network.kernels;
        let layers: Vec<Layer> = network.model.layers().take_while(|layer| *layer <= deepest).collect();
        let scale = self.scale();
        let Self { activations, pooled, tap: gradient, aside, .. } = self;
        let mut at = |layer, features: &Features, gradient: &mut Features| {
            gradient.reshape(features.channels(), features.size())?;
            tap(HalfTap { layer, features, gradient })
        };
        let last = layers.len() - 1;
        let has_losses = at(layers[last], &activations[last], gradient)?;
        kernels.mask(has_losses.then_some(&*gradient), &mut activations[last])?;
        for position in (1..layers.len()).rev() {
            let (before, after) = activations.split_at_mut(position);
            let (features, above) = (&mut before[position - 1], &after[0]);
            let conv = &network.rest[position - 1];
            let has_losses = at(layers[position - 1], features, gradient)?;
            let tap = has_losses.then_some(&*gradient);
            if layers[position - 1].block() == layers[position].block() {
                let finish = Finish { tap, masked: true, aside: aside.as_ref(), ..Finish::default() };
                kernels.convolve(above, &conv.backward, finish, features)?;
            } else {
                pooled.reshape(features.channels(), above.size())?;
                kernels.convolve(above, &conv.backward, Finish::default(), pooled)?;
                kernels.unpool(network.pooling, pooled, tap, features)?;
            }
        }
        let scale = (1.0 / scale) as f32;
        kernels.first_backward(&activations[0], &network.first, scale, pixels)
    }
}

/// See [`HalfPlan::scale`].
const SCALE_PER_PIXEL: f64 = 64.0;
