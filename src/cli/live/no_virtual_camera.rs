//! In place of virtual cameras, where the system or the program has none.

use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::time::FrameRate;
use std::path::Path;
use std::sync::Arc;

/// A virtual camera that cannot be.
pub(super) enum VirtualCamera {}

impl VirtualCamera {
    pub(super) fn open(path: &Path, _: Size, _: FrameRate) -> Result<Self> {
        Err(Error::usage(format!("cannot send to {}: this stylecast has no virtual cameras", path.display()))
            .hint("they exist on Linux, with the feature 'webcam'"))
    }

    pub(super) fn send(&self, _: &Arc<Frame>) {
        match *self {}
    }

    pub(super) fn dropped(&self) -> u64 {
        match *self {}
    }

    pub(super) fn has_gone(&self) -> bool {
        match *self {}
    }

    pub(super) fn take_note(&self) -> Option<String> {
        match *self {}
    }

    pub(super) fn take_failure(&self) -> Option<Error> {
        match *self {}
    }
}
