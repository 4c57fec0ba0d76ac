//! The hold on a camera's thread, and the board that both sides write on.
//!
//! Only the newest picture is kept, in a slot of one: a camera does not wait, and a late picture is worth
//! less than none. The thread alone speaks to the driver (`watch`), so that one that hangs in there holds
//! nobody up: whoever waits does so with a timeout, and whoever leaves lets it go.

use super::choose::CameraWish;
use super::decode::Layout;
use super::driver::{Driver, Raw};
use super::watch::keep;
use crate::error::{Error, Result};
use crate::time::FrameRate;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a camera to be opened.
    pub(super) open: Duration,
    /// For a picture, before the camera is taken to hang.
    pub(super) stall: Duration,
    /// Between two tries to open it again.
    pub(super) retry: Duration,
    /// For the thread, at the end.
    pub(super) leave: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Some take seconds to wake up.
            open: Duration::from_secs(10),
            stall: Duration::from_secs(3),
            retry: Duration::from_secs(1),
            leave: Duration::from_millis(700),
        }
    }
}

/// What the camera was opened as.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) rate: Option<FrameRate>,
}

/// A picture and how to read it.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) raw: Raw,
    pub(super) layout: Layout,
}

/// What is written on the board.
#[derive(Debug, Default)]
struct Board {
    /// How opening went; `None` while it is tried and after it was taken.
    start: Option<Result<Start>>,
    newest: Option<Taken>,
    notes: Vec<String>,
    stop: bool,
    ended: bool,
}

/// What the thread and whoever reads share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    board: Mutex<Board>,
    changed: Condvar,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        // Nothing is ever left half done on it.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board());
        self.changed.notify_all();
    }

    /// Waits until `done` finds what it looks for, at most `patience`.
    fn wait<T>(&self, patience: Duration, mut done: impl FnMut(&mut Board) -> Option<T>) -> Option<T> {
        let end = Instant::now() + patience;
        let mut board = self.board();
        loop {
            if let Some(found) = done(&mut board) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            board = self.changed.wait_timeout(board, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How opening went.
    pub(super) fn started(&self, start: Result<Start>) {
        self.change(|board| board.start = Some(start));
    }

    /// A new picture takes the slot.
    pub(super) fn publish(&self, taken: Taken) {
        self.change(|board| board.newest = Some(taken));
    }

    /// A sentence for people.
    pub(super) fn note(&self, note: String) {
        self.change(|board| board.notes.push(note));
    }

    /// Waits, and tells whether the thread shall end.
    pub(super) fn should_stop_after(&self, time: Duration) -> bool {
        self.wait(time, |board| board.stop.then_some(())).is_some()
    }
}

/// Holds the thread; dropping it lets the camera go.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    patience: Patience,
}

impl Keeper {
    /// Opens a camera on a thread of its own.
    pub(super) fn start(
        driver: impl Driver,
        which: Option<&str>,
        wish: &CameraWish,
        patience: Patience,
    ) -> Result<(Self, Start)> {
        let shared = Arc::new(Shared::default());
        let keeper = Self { shared: shared.clone(), patience };
        let (which, wish) = (which.map(str::to_owned), *wish);
        let run = move || {
            let whole = catch_unwind(AssertUnwindSafe(|| {
                keep(&driver, which.as_deref(), &wish, patience, &shared);
            }));
            shared.change(|board| {
                if whole.is_err() {
                    board.start = Some(Err(Error::input("cannot open the camera: its driver failed")));
                }
                board.ended = true;
            });
        };
        std::thread::Builder::new().name("camera".into()).spawn(run).map_err(|cause| {
            Error::input("cannot open the camera: no thread can be started").caused_by(cause)
        })?;
        let start = keeper.shared.wait(patience.open, |board| board.start.take());
        let start = start.unwrap_or_else(|| {
            Err(Error::input("cannot open the camera: it does not answer")
                .hint("unplug it, plug it in again and try once more"))
        })?;
        Ok((keeper, start))
    }

    /// The newest picture that was not yet taken; waits for it at most `patience`.
    pub(super) fn next(&self, patience: Duration) -> Option<Taken> {
        self.shared.wait(patience, |board| board.newest.take())
    }

    /// Whether the thread has ended, which it does by itself only if the driver fails in an unknown way.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.board().ended
    }

    /// Sentences since the last call.
    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.board().notes)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.change(|board| board.stop = true);
        // One that hangs in the driver is left there; it ends when the driver lets it.
        self.shared.wait(self.patience.leave, |board| board.ended.then_some(()));
    }
}
