//! From a source through the painter to a sink, on threads.
//!
//! [`run_lossless`] is the pipeline for files: nothing is dropped, every frame keeps its time, and
//! the queues between the stages are bounded, so that memory does not grow with the film. [`run_latest`] is
//! the pipeline for cameras: the newest frame wins, and nobody waits for anybody. The end of
//! the film, a wish to stop ([`StopToken`]) and a failure are three different things and never
//! stand in for one another.

mod adapt;
mod latency;
mod latest;
mod lossless;
mod mask_track;
mod masked;
mod stage;
mod statistics;
mod stop;

pub use adapt::{Scaled, Trimmed};
pub use latency::Latencies;
pub use latest::{Counts, Fresh, Seen, run_latest};
pub use lossless::{DECODED_QUEUE, Event, Outcome, PAINTED_QUEUE, PaintedFrame, SCOUTED_QUEUE, run_lossless};
pub use mask_track::{MaskTrack, MaskTracks, NumberedMasks};
pub use masked::Masked;
pub use statistics::Statistics;
pub use stop::{StopToken, Wish};
