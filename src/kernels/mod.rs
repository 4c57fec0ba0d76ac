//! The arithmetic of the loss network, as fast as the machine allows.
//!
//! The program spends its life in 3×3 convolutions, pooling and Gram matrices. These kernels know
//! nothing of styles, layers or frames: numbers in, numbers out, in both directions (values forward,
//! gradients back to the input). The weights are frozen, so they are transformed once and kept.

pub mod cpu;
pub mod cuda;
