//! A virtual camera on a thread of its own, which shows the newest frame that it was sent.

use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::sink::virtual_camera::VirtualCamera as Device;
use crate::slot::{Giver, Taken, Taker, slot};
use crate::time::FrameRate;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The way to a device's thread.
pub(super) struct VirtualCamera {
    frames: Giver<Arc<Frame>>,
    state: Arc<State>,
}

/// What the thread lets others know.
#[derive(Default)]
struct State {
    /// Frames for which the device had no room.
    dropped: AtomicU64,
    failure: Mutex<Option<Error>>,
    note: Mutex<Option<String>>,
}

impl VirtualCamera {
    /// Opens the device at `path` for frames of `size`.
    pub(super) fn open(path: &Path, size: Size, rate: FrameRate) -> Result<Self> {
        let device = Device::open(path, size, rate)?;
        let state = Arc::<State>::default();
        let (frames, taker) = slot();
        let told = state.clone();
        std::thread::Builder::new()
            .name("virtual camera".into())
            .spawn(move || show(device, &taker, &told))
            .map_err(|cause| Error::output("cannot start a thread").caused_by(cause))?;
        Ok(Self { frames, state })
    }

    pub(super) fn send(&self, frame: &Arc<Frame>) {
        self.frames.put(frame.clone());
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::Relaxed) + self.frames.replaced()
    }

    /// Whether the device has failed.
    pub(super) fn has_gone(&self) -> bool {
        !self.frames.has_taker()
    }

    /// What happened to it, once.
    pub(super) fn take_note(&self) -> Option<String> {
        self.state.note.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why it has gone, once.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.state.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Shows frames until nobody sends any more, or the device fails.
fn show(mut device: Device, frames: &Taker<Arc<Frame>>, state: &State) {
    loop {
        match frames.take(Duration::from_secs(1)) {
            Taken::Closed => return,
            Taken::Nothing => {}
            Taken::Thing(frame) => {
                let shown = device.write(&frame);
                state.dropped.store(device.dropped(), Ordering::Relaxed);
                if let Err(error) = shown {
                    *state.note.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                    *state.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return;
                }
            }
        }
    }
}
