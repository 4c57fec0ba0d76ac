//! The loss network: VGG-16 or VGG-19 without its classifier, frozen.

mod layer;

pub use layer::{Layer, Model};
