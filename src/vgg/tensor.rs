//! The network on candle's tensors: any device, any float type, written to be read.
//!
//! This is the plain reference that the CPU engine is tested against in float64, and what runs on a
//! GPU. The gradient is not candle's autograd but the network's adjoint written out: a 3×3, padding 1
//! convolution's gradient is a 3×3, padding 1 convolution with the kernel turned by 180° and its
//! channels swapped (candle's own backward pass also computes the frozen kernels' gradients, and its
//! pooling gradients are wrong for max pooling and odd sizes).
//!
//! On a GPU without cuDNN candle convolves by laying out nine shifted copies of the input, and counts them in
//! 32 bits: there, large pictures go through in bands of rows.

use super::memory::{BAND_BYTES, Convolutions, Extent, MemoryPlan};
use super::{Layer, Model, Pooling, Weights};
use crate::error::{Error, Result};
use crate::frame::Size;
use candle_core::{DType, Device, Tensor};

/// One convolution with the kernel for either direction.
struct Conv {
    /// `[cout, cin, 3, 3]`.
    kernel: Tensor,
    /// `[cin, cout, 3, 3]`, turned by 180°.
    flipped: Tensor,
    /// `[1, cout, 1, 1]`.
    bias: Tensor,
}

/// A frozen VGG on one device.
pub struct TensorNetwork {
    model: Model,
    pooling: Pooling,
    convs: Vec<Conv>,
    /// `[1, 3, 1, 1]`: input = x · gain + offset.
    gain: Tensor,
    offset: Tensor,
    convolutions: Convolutions,
    memory_limit: Option<u64>,
}

/// What a forward pass leaves for the backward pass: the output of every convolution after its ReLU,
/// from conv1_1 to the deepest one wanted.
pub struct Activations(Vec<Tensor>);

impl Activations {
    /// The output of `layer`, `[1, C, H, W]`, if the pass went that deep.
    pub fn get(&self, layer: Layer, model: Model) -> Option<&Tensor> {
        self.0.get(layer.position(model))
    }
}

impl TensorNetwork {
    /// Puts `weights` on `device` as `dtype`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] when the device refuses.
    pub fn new(weights: &Weights, pooling: Pooling, device: &Device, dtype: DType) -> Result<Self> {
        let convs = weights
            .convs()
            .iter()
            .map(|conv| {
                let shape = (conv.outputs, conv.inputs, 3, 3);
                let kernel = Tensor::from_slice(&conv.kernel, shape, device)?.to_dtype(dtype)?;
                let flipped = kernel.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?;
                let bias =
                    Tensor::from_slice(&conv.bias, (1, conv.outputs, 1, 1), device)?.to_dtype(dtype)?;
                Ok(Conv { kernel, flipped, bias })
            })
            .collect::<Result<_>>()?;
        let n = weights.normalization();
        let channel = |value: [f64; 3]| Tensor::new(&value, device)?.reshape((1, 3, 1, 1))?.to_dtype(dtype);
        let std = n.std.map(f64::from);
        let gain = channel(std.map(|std| f64::from(n.scale) / std))?;
        let offset = channel([0, 1, 2].map(|c| -f64::from(n.mean[c]) / std[c]))?;
        let convolutions = match device.is_cuda() && !cfg!(feature = "cudnn") {
            true => Convolutions::Bands,
            false => Convolutions::Whole,
        };
        let model = weights.model();
        Ok(Self { model, pooling, convs, gain, offset, convolutions, memory_limit: None })
    }

    /// Refuses, from now on, pictures that would take more than `bytes` of memory, as if the device had no
    /// more: to leave some of a shared GPU to others.
    #[must_use]
    pub fn with_memory_limit(self, bytes: u64) -> Self {
        Self { memory_limit: Some(bytes), ..self }
    }

    /// What painting pictures of `size` takes of the device's memory, with these layers in use.
    pub fn memory(&self, deepest: Layer, content: &[Layer], size: Size) -> MemoryPlan {
        let bytes_per_value = self.dtype().size_in_bytes() as u64;
        let extent = Extent { model: self.model, deepest, content, pooling: self.pooling, bytes_per_value };
        MemoryPlan::new(&extent, self.convolutions, size)
    }

    /// Which network this is.
    pub fn model(&self) -> Model {
        self.model
    }

    /// The float type everything is computed in.
    pub fn dtype(&self) -> DType {
        self.gain.dtype()
    }

    /// The device everything is computed on.
    pub fn device(&self) -> &Device {
        self.gain.device()
    }

    /// Runs pictures `x`, `[1, 3, H, W]` in 0..1, forward as far as `deepest`.
    ///
    /// # Errors
    /// A picture too small to reach `deepest` (less than its stride), or a failing device.
    pub fn forward(&self, x: &Tensor, deepest: Layer) -> Result<Activations> {
        let (_, _, height, width) = x.dims4()?;
        let size = Size::new(width, height);
        if size.shortest_side() < deepest.stride() {
            return Err(super::too_small(size, deepest));
        }
        let needed = self.memory(deepest, &[deepest], size).total();
        if let Some(limit) = self.memory_limit.filter(|&limit| needed > limit) {
            let [needed, limit] = [needed, limit].map(|bytes| bytes as f64 / 1e9);
            let message =
                format!("a picture of {size} takes {needed:.2} GB of memory, and {limit:.2} GB are allowed");
            return Err(Error::memory(message));
        }
        let mut activations: Vec<Tensor> = Vec::new();
        let mut input = x.broadcast_mul(&self.gain)?.broadcast_add(&self.offset)?;
        let mut block = 1;
        for (layer, conv) in self.model.layers().zip(&self.convs).take_while(|(layer, _)| *layer <= deepest) {
            if layer.block() != block {
                input = pool(&input, self.pooling)?;
                block = layer.block();
            }
            // Step by step, so that each result takes the place of the one before.
            input = self.convolve(&input, &conv.kernel)?;
            input = input.broadcast_add(&conv.bias)?;
            input = input.relu()?;
            activations.push(input.clone());
        }
        Ok(Activations(activations))
    }

    /// A 3×3 convolution, stride 1, padding 1.
    fn convolve(&self, x: &Tensor, kernel: &Tensor) -> Result<Tensor> {
        let (_, channels, height, width) = x.dims4()?;
        let row = 9 * (channels * width * x.dtype().size_in_bytes()) as u64;
        let rows = (BAND_BYTES / row.max(1)).max(1) as usize;
        match self.convolutions {
            Convolutions::Bands if rows < height => convolve_in_bands(x, kernel, rows),
            _ => Ok(x.conv2d(kernel, 1, 1, 1, 1)?),
        }
    }

    /// Runs the gradient back to the pixels: `tap(layer)` is the objective's gradient with respect to
    /// a tapped layer's output, `[1, C, H, W]`. The result has the shape of the pixels.
    ///
    /// # Errors
    /// A failing device.
    pub fn backward(
        &self,
        activations: &Activations,
        mut tap: impl FnMut(Layer) -> Result<Option<Tensor>>,
    ) -> Result<Option<Tensor>> {
        let mut gradient: Option<Tensor> = None;
        let layers: Vec<Layer> = self.model.layers().take(activations.0.len()).collect();
        for (position, &layer) in layers.iter().enumerate().rev() {
            let output = &activations.0[position];
            let above = layers.get(position + 1);
            if let Some(g) = gradient.take() {
                let pooled = above.is_some_and(|above| above.block() != layer.block());
                gradient = Some(if pooled { unpool(&g, output, self.pooling)? } else { g });
            }
            gradient = match (gradient, tap(layer)?) {
                (Some(gradient), Some(tap)) => Some(gradient.add(&tap)?),
                (gradient, tap) => gradient.or(tap),
            };
            if let Some(mut g) = gradient.take() {
                // After a ReLU the sign is its mask: 1 or 0.
                g = g.mul(&output.sign()?)?;
                gradient = Some(self.convolve(&g, &self.convs[position].flipped)?);
            }
        }
        Ok(gradient.map(|gradient| gradient.broadcast_mul(&self.gain)).transpose()?)
    }
}

/// A 3×3 convolution, stride 1, padding 1, `rows` rows at a time.
fn convolve_in_bands(x: &Tensor, kernel: &Tensor, rows: usize) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let whole = Tensor::zeros((1, kernel.dim(0)?, height, width), x.dtype(), x.device())?;
    let mut top = 0;
    while top < height {
        let bottom = (top + rows).min(height);
        // With the neighbouring rows, whose own results, which lack a neighbour, are dropped.
        let (above, below) = (usize::from(top > 0), usize::from(bottom < height));
        let band = x.narrow(2, top - above, bottom - top + above + below)?.contiguous()?;
        let band = band.conv2d(kernel, 1, 1, 1, 1)?.narrow(2, above, bottom - top)?.contiguous()?;
        whole.slice_set(&band, 2, top)?;
        top = bottom;
    }
    Ok(whole)
}

/// `[1, C, H, W]` cut to even sides and seen as `[C, H/2, 2, W/2, 2]`.
fn windows(x: &Tensor) -> Result<Tensor> {
    let (_, c, h, w) = x.dims4()?;
    let cut = x.narrow(2, 0, h / 2 * 2)?.narrow(3, 0, w / 2 * 2)?.contiguous()?;
    Ok(cut.reshape((c, h / 2, 2, w / 2, 2))?)
}

/// Pools 2×2; an odd last row or column is dropped.
fn pool(x: &Tensor, pooling: Pooling) -> Result<Tensor> {
    Ok(match pooling {
        Pooling::Average => x.avg_pool2d(2)?,
        Pooling::Max => x.max_pool2d(2)?,
    })
}

/// The gradient with respect to the pool's input `x` from the gradient `g` of its output.
fn unpool(g: &Tensor, x: &Tensor, pooling: Pooling) -> Result<Tensor> {
    let (_, c, h, w) = x.dims4()?;
    let (h2, w2) = (h / 2, w / 2);
    let g = g.reshape((c, h2, 1, w2, 1))?;
    let spread = match pooling {
        Pooling::Average => (g.broadcast_as((c, h2, 2, w2, 2))? * 0.25)?,
        Pooling::Max => {
            let windows = windows(x)?;
            let max = windows.max_keepdim(4)?.max_keepdim(2)?;
            let is_max = windows.broadcast_eq(&max)?.to_dtype(x.dtype())?;
            // The first maximum in row-major order takes the whole gradient.
            let at = |dy: usize, dx: usize| is_max.narrow(2, dy, 1)?.narrow(4, dx, 1);
            let mut free = Tensor::ones((c, h2, 1, w2, 1), x.dtype(), x.device())?;
            let mut rows = Vec::new();
            for dy in 0..2 {
                let mut row = Vec::new();
                for dx in 0..2 {
                    let first = (at(dy, dx)? * &free)?;
                    free = (&free - &first)?;
                    row.push((&g * first)?);
                }
                rows.push(Tensor::cat(&row, 4)?);
            }
            Tensor::cat(&rows, 2)?
        }
    };
    let whole = spread.contiguous()?.reshape((1, c, 2 * h2, 2 * w2))?;
    Ok(whole.pad_with_zeros(2, 0, h - 2 * h2)?.pad_with_zeros(3, 0, w - 2 * w2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(t: &Tensor) -> Vec<f64> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn bands_are_the_whole() {
        let numbers = |shape: &[usize]| {
            let count: usize = shape.iter().product();
            let values: Vec<f64> = (0..count).map(|i| ((i * 37 + 11) % 64) as f64 / 32.0 - 1.0).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (x, kernel) = (numbers(&[1, 5, 11, 7]), numbers(&[6, 5, 3, 3]));
        let whole = values(&x.conv2d(&kernel, 1, 1, 1, 1).unwrap());
        for rows in 1..=12 {
            let bands = values(&convolve_in_bands(&x, &kernel, rows).unwrap());
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(bands.len() == whole.len() && bands.iter().zip(&whole).all(close), "{rows} rows");
        }
    }

    #[test]
    fn pools_drop_the_odd_edge_and_give_it_no_gradient() {
        // 3×3, by hand: the one window is [[1, 4], [4, 3]].
        let x =
            Tensor::new(&[[[[1.0, 4.0, 9.0], [4.0, 3.0, 9.0], [9.0, 9.0, 9.0f64]]]], &Device::Cpu).unwrap();
        let g = Tensor::new(&[[[[8.0f64]]]], &Device::Cpu).unwrap();
        assert_eq!(values(&pool(&x, Pooling::Average).unwrap()), [3.0]);
        assert_eq!(values(&pool(&x, Pooling::Max).unwrap()), [4.0]);
        let average = unpool(&g, &x, Pooling::Average).unwrap();
        assert_eq!(values(&average), [2.0, 2.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        let max = unpool(&g, &x, Pooling::Max).unwrap();
        assert_eq!(values(&max), [0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
