//! What moves the pixels: optimisers over a slice of floats confined to 0..1.
//!
//! They know nothing of pictures or networks. Their state is open, so that it can be moved, resized
//! or dropped along with the picture it belongs to.

mod adam;
mod lbfgs;
pub mod space;

pub use adam::{Adam, AdamStep};
pub use lbfgs::Lbfgs;
