//! What is minimised: how far a picture's features are from the source's (content), how far their
//! Gram matrices are from the style's (style), how rough it is (total variation), and how far it is from
//! what was painted before (temporal).
//!
//! One equation, one file. [`Objective`] puts them together for one picture size: value and gradient
//! with respect to the pixels, on the CPU's engine or on candle's tensors.

mod content;
mod cpu;
mod form;
mod gram;
mod guide;
mod half;
mod objective;
mod scale;
mod settings;
mod style;
mod temporal;
mod tensor;
mod tv;

pub use form::LossForm;
pub use gram::Gram;
pub use guide::Guide;
pub use objective::{Losses, Objective, StylePart, StyleTarget};
pub use scale::fine_share;
pub use settings::{ObjectiveSettings, shares};
pub use style::StyleTerm;
pub use temporal::Hold;
