//! The arithmetic of the loss network on an NVIDIA GPU: half precision with float32 sums, on tensor cores.
//!
//! The kernels are CUDA C (`*.cu`), compiled to PTX for compute capability 8.0 when the feature `cuda` is on. What
//! calls them is the same for a GPU and for the emulator of the tests ([`Machine`]).

mod convolve;
#[cfg(feature = "cudnn")]
mod cudnn;
#[cfg(feature = "cuda")]
mod gpu;
mod kernels;
mod machine;
mod operands;
mod queue;
mod start;
mod trial;
mod vectors;

pub use convolve::{Convolution, Convolutions, Direction};
#[cfg(feature = "cuda")]
pub use gpu::Gpu;
pub use kernels::Kernels;
pub use machine::{Allocation, Argument, Buffer, Call, Composed, Launch, Machine};
pub use operands::{Bias, Compared, Features, Finish, First, GramParts, Part, Sums, Weights};
pub use queue::Queue;
pub use vectors::{FlowField, Partials};
