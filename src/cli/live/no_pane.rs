//! In place of the window, where the program was built without: it cannot be opened.

use super::artist::Picture;
use super::desk::Desk;
use super::outlets::Outlets;
use super::statistics::Instruments;
use crate::error::{Error, Result};
use crate::frame::Size;
use std::ops::ControlFlow;
use std::path::Path;

/// A window that cannot be.
pub(super) enum Pane {}

impl Pane {
    pub(super) fn open(_: Size, _: Option<&Path>, _: &Path) -> Result<Self> {
        Err(Error::usage("this stylecast was built without a window")
            .hint("add --no-window, or build it with the feature 'window' (cargo install --path .)"))
    }

    pub(super) fn when_lost(&self, _: impl FnOnce() -> u8 + Send + 'static) {}

    pub(super) fn say(&mut self, _: impl Into<String>) {}

    pub(super) fn heed(&mut self, _: &mut Desk, _: &[String], _: &Outlets) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    pub(super) fn show(&mut self, _: Option<Picture>, _: &Desk, _: &Instruments, _: &Outlets) -> Result<()> {
        Ok(())
    }
}
