//! How pixels moved from one frame to another: estimated, followed, and doubted where it cannot be
//! known.
//!
//! A [`Flow`] belongs to the frame whose pixels it speaks of. Between frame *t − 1* and frame *t* the
//! *forward* flow lives on *t − 1* and points to *t*, the *backward* flow lives on *t* and points to
//! *t − 1*: warping by the backward flow brings what was painted to where it is now.

mod cut;
mod dense;
mod field;
mod file;
mod occlusion;
mod warp;

pub use cut::CutDetector;
pub use dense::{DenseFlow, Motion, Pyramid};
pub use field::Flow;
pub use file::{read_flow, write_flow};
pub use occlusion::{Mask, certainty, motion_boundaries, occlusions};
pub use warp::{Kernel, warp, warp_planes};
