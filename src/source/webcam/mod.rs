//! Cameras as a source of frames: which there are, and one of them opened in the mode nearest to a wish.
//!
//! A camera runs on a thread of its own and is asked for its newest picture; pictures that nobody took
//! in time are replaced. What comes is decoded here, by whoever asks, so that only pictures that are
//! wanted cost anything. A camera that is unplugged, hangs or is taken away is waited for, in words.
//!
//! On Linux the driver is spoken to directly (`linux` tells why), elsewhere through nokhwa (`portable`).

mod choose;
mod decode;
mod driver;
mod info;
mod keeper;
#[cfg(target_os = "linux")]
mod linux;
mod pace;
// Compiled on Linux too, where nobody uses it, so that it is checked where most of the work is done.
#[cfg_attr(target_os = "linux", allow(dead_code, reason = "Linux has a driver of its own"))]
mod portable;
#[cfg(test)]
mod tests;
mod trouble;
mod watch;

pub use choose::CameraWish;
pub use info::{CameraInfo, CameraMode, PixelFormat};
pub use trouble::Trouble;

use super::live::{Arrival, Captured, LiveSource};
use super::{SourceInfo, TimedFrame};
use crate::error::{Error, Result};
use crate::frame::{FrameIndex, Size};
use crate::resize::resize_frame;
use crate::time::{FrameRate, TimeBase, Timestamp};
use decode::Decoder;
use driver::Driver;
use keeper::{Keeper, Patience};
use std::time::{Duration, Instant};

/// Timestamps count microseconds.
const MICROSECONDS: TimeBase = TimeBase { num: 1, den: 1_000_000 };
/// What is taken of cameras that do not say.
const USUAL_RATE: FrameRate = FrameRate { num: 30, den: 1 };

fn driver() -> impl Driver {
    #[cfg(target_os = "linux")]
    return linux::Video4Linux;
    #[cfg(not(target_os = "linux"))]
    return portable::Nokhwa;
}

/// Every camera that is plugged in, in the order of their numbers. What cannot take pictures (a camera's
/// node for metadata, a radio) is left out; a camera that may not be opened is there with its
/// [`Trouble`] and without modes. Empty where there is none.
///
/// # Errors
///
/// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the system's drivers do not answer.
pub fn cameras() -> Result<Vec<CameraInfo>> {
    let (to, from) = std::sync::mpsc::sync_channel(1);
    // A driver that hangs must not hang whoever asks.
    let ask = move || to.send(driver().cameras()).unwrap_or_default();
    std::thread::Builder::new().name("cameras".into()).spawn(ask).map_err(|cause| {
        Error::input("cannot look for cameras: no thread can be started").caused_by(cause)
    })?;
    from.recv_timeout(Patience::default().open).map_err(|_| {
        Error::input("cannot look for cameras: a driver does not answer")
            .hint("unplug the cameras, plug them in again and try once more")
    })
}

/// A camera that is open.
///
/// Frames are upright as the camera sends them (nothing is mirrored) and all of one size, also if the
/// camera comes back in another one after it was unplugged.
#[derive(Debug)]
pub struct Webcam {
    keeper: Keeper,
    name: String,
    info: SourceInfo,
    decoder: Decoder,
    opened: Instant,
    index: u64,
    last_ticks: i64,
    broken: u64,
    notes: Vec<String>,
    ended: bool,
}

impl Webcam {
    /// Opens the camera that `which` means: its number ("0"), its device path ("/dev/video0") or a part
    /// of its name, in capitals or not; without it the first one. It is set to the mode nearest to the
    /// wish; if that is another than the one wished for, a note says so.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if there is none, none of that name, if it is
    /// busy or may not be used, or does not answer; [`ErrorKind::Usage`](crate::error::ErrorKind::Usage)
    /// if the name fits several. Both name the cameras that there are.
    pub fn open(which: Option<&str>, wish: &CameraWish) -> Result<Self> {
        Self::with(driver(), which, wish, Patience::default())
    }

    fn with(driver: impl Driver, which: Option<&str>, wish: &CameraWish, patience: Patience) -> Result<Self> {
        let (keeper, start) = Keeper::start(driver, which, wish, patience)?;
        let size = start.layout.size.even();
        let frame_rate = start.rate.unwrap_or(USUAL_RATE);
        let mut notes = Vec::new();
        if size != start.layout.size {
            notes.push(format!(
                "{} sends {}: made {size}, as video needs even sides",
                start.name, start.layout.size
            ));
        }
        Ok(Self {
            keeper,
            name: start.name,
            info: SourceInfo { size, frame_rate, time_base: MICROSECONDS, frames: None },
            decoder: Decoder::new(start.layout),
            opened: Instant::now(),
            index: 0,
            last_ticks: -1,
            broken: 0,
            notes,
            ended: false,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its pictures come.
    pub fn format(&self) -> PixelFormat {
        self.decoder.layout().format
    }

    /// How many pictures were left out because they were broken.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// The frame in a picture, if it is whole.
    fn frame(&mut self, taken: keeper::Taken) -> Option<Captured> {
        if taken.layout != *self.decoder.layout() {
            self.decoder = Decoder::new(taken.layout);
        }
        let Some(frame) = self.decoder.decode(&taken.raw.bytes) else {
            self.broken += 1;
            if self.broken == 1 {
                self.notes.push(format!(
                    "{} has sent a broken picture: it is left out, as others will be",
                    self.name
                ));
            }
            return None;
        };
        let at = taken.raw.at;
        let passed = at.saturating_duration_since(self.opened).as_micros();
        let ticks = i64::try_from(passed).unwrap_or(i64::MAX).max(self.last_ticks.saturating_add(1));
        self.last_ticks = ticks;
        let timed = TimedFrame {
            index: FrameIndex(self.index),
            timestamp: Timestamp::new(ticks, MICROSECONDS),
            duration_ticks: None,
            frame: fitted(frame, self.info.size),
        };
        self.index += 1;
        Some(Captured { timed, at })
    }
}

fn fitted(frame: crate::frame::Frame, size: Size) -> crate::frame::Frame {
    if frame.size() == size { frame } else { resize_frame(&frame, size) }
}

impl LiveSource for Webcam {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self, patience: Duration) -> Result<Arrival> {
        if self.ended {
            return Ok(Arrival::Ended);
        }
        let end = Instant::now() + patience;
        loop {
            match self.keeper.next(end.saturating_duration_since(Instant::now())) {
                Some(taken) => {
                    if let Some(captured) = self.frame(taken) {
                        return Ok(Arrival::Frame(captured));
                    }
                }
                None if self.keeper.has_ended() => {
                    self.ended = true;
                    return Err(Error::input(format!(
                        "cannot read the camera {}: its driver failed",
                        self.name
                    ))
                    .hint("unplug it, plug it in again and start once more"));
                }
                None => return Ok(Arrival::Nothing),
            }
        }
    }

    fn take_notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.append(&mut self.keeper.take_notes());
        notes
    }
}
