//! In place of recordings and streams, where the program was built without video: there are none.

use super::outlets::Made;
use crate::cli::args::LiveOutputArgs;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::time::FrameRate;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A broadcast that cannot be.
pub(super) enum Encoded {}

impl Encoded {
    pub(super) fn start(
        args: &LiveOutputArgs,
        streams: &[&PathBuf],
        _: Size,
        _: FrameRate,
        _: Instant,
    ) -> Result<Option<Self>> {
        if streams.is_empty() && args.record.is_none() { Ok(None) } else { Err(is_missing()) }
    }

    pub(super) fn send(&self, _: &Arc<Frame>, _: Duration) {
        match *self {}
    }

    pub(super) fn start_recording(&self, _: &Path) -> Result<PathBuf> {
        match *self {}
    }

    pub(super) fn stop_recording(&self) {
        match *self {}
    }

    pub(super) fn save_last(&self, _: &Path) -> Result<PathBuf> {
        match *self {}
    }

    pub(super) fn recording(&self) -> Option<f64> {
        match *self {}
    }

    pub(super) fn dropped(&self) -> (u64, u64) {
        match *self {}
    }

    pub(super) fn has_ended(&self) -> bool {
        match *self {}
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        match *self {}
    }

    pub(super) fn finish(self) -> Made {
        match self {}
    }
}

/// Why nothing can be recorded.
pub(super) fn is_missing() -> Error {
    Error::usage("this stylecast was built without video: it cannot record or stream")
        .hint("build it with the feature 'video' (cargo install --path .)")
}
