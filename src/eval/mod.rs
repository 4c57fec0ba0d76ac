//! The judge: how well a film was painted and how steady it is, in numbers that anyone can recompute.
//!
//! It reads any pair of films, the source and what somebody painted from it. [`Pairs`] reads them in
//! step, a [`Judge`] turns each pair into [`Figures`] and the whole into a [`Verdict`], [`Gates`] say
//! whether that is good enough, and [`Curves`] draw it. What is kept does not grow with the film: the
//! last [`LONG`] frames and the first. `docs/EVAL.md` defines every number.

mod curves;
mod drift;
mod figures;
mod flow_folder;
mod gates;
mod judge;
mod look;
mod losses;
mod motion;
mod pairs;
mod plot;
mod ssim;
mod warp_error;

pub use curves::Curves;
pub use drift::{Drift, Drifts};
pub use figures::{Figures, shown};
pub use flow_folder::FlowFolder;
pub use gates::{Gate, GateKind, Gates};
pub use judge::{FrameVerdict, Judge, Verdict};
pub use look::{Look, luma};
pub use losses::{FrameLosses, LossJudge};
pub use motion::{LONG, Link, MotionSource};
pub use pairs::{Lengths, Pair, Pairs, Times};
pub use plot::{Heading, plot};
pub use ssim::ssim;
pub use warp_error::warp_error;
