//! The loss network: VGG-16 or VGG-19 without its classifier, frozen.
//!
//! [`Weights`] reads a file; [`Network`] runs it, on the CPU's own engine ([`CpuNetwork`]), on
//! candle's tensors ([`TensorNetwork`]), or in half precision on a GPU's tensor cores ([`HalfNetwork`]).

mod cpu;
mod half;
mod layer;
pub mod memory;
mod network;
mod tensor;
mod weights;

pub use crate::kernels::cpu::Normalization;
pub use crate::kernels::cpu::pool::Pooling;
pub use cpu::{CpuNetwork, Plan, Stage, Tap, Tapped};
pub use half::{HalfNetwork, HalfPlan, HalfTap};
pub use layer::{Layer, Model};
pub use network::{CpuSettings, Network};
pub use tensor::{Activations, TensorNetwork};
pub use weights::{ConvWeights, TORCHVISION, Weights};

use crate::error::Error;
use crate::frame::Size;

crate::names::names!(Pooling, "pooling", Average = "avg", Max = "max");

/// The error for a picture that leaves nothing of itself at `deepest`.
pub(crate) fn too_small(size: Size, deepest: Layer) -> Error {
    let least = deepest.stride();
    Error::input(format!(
        "a picture of {size} is too small: at {deepest} nothing would be left of it, which needs at least {least} pixels on each side"
    ))
    .hint("use a larger picture or --size, or only shallower layers (--style-layers conv1_1=1,conv2_1=1 --content-layer conv2_2)")
}
