//! Where the world is touched: what a way of speaking to cameras must be able to do. Linux has one of
//! its own (`linux`), everybody else goes through nokhwa (`portable`), and tests play a camera.

use super::choose::Choice;
use super::decode::Layout;
use super::info::CameraInfo;
use super::trouble::Trouble;
use crate::time::FrameRate;
use std::time::{Duration, Instant};

/// A way of speaking to cameras.
pub(super) trait Driver: Send + 'static {
    /// Every camera that is plugged in, in the order of their numbers.
    fn cameras(&self) -> Vec<CameraInfo>;

    /// Opens one and starts it in a mode it has.
    fn open(&self, camera: &CameraInfo, choice: &Choice) -> Result<Opened, Trouble>;
}

/// A camera that has started to send.
pub(super) struct Opened {
    /// How its pictures lie; the size may be another than was asked for.
    pub(super) layout: Layout,
    /// The rate it claims; `None` if it does not say.
    pub(super) rate: Option<FrameRate>,
    pub(super) device: Box<dyn Device>,
}

/// Hands out what comes.
pub(super) trait Device {
    /// Waits for the next picture, about `patience`. `Ok(None)`: nothing came. After an `Err` it is only
    /// good for dropping.
    fn next(&mut self, patience: Duration) -> Result<Option<Raw>, Trouble>;
}

/// One picture as the camera packed it.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    /// Empty if the driver knows that the picture is damaged.
    pub(super) bytes: Vec<u8>,
    pub(super) at: Instant,
}
