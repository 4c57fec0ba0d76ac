//! What the threads of a broadcast have to tell people, and how long they are waited for.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Notes that nobody has taken yet: more than anybody reads.
const MOST: usize = 1000;

/// Sentences from any thread, in the order in which they were said.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Adds a sentence.
    pub(super) fn say(&self, note: impl Into<String>) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < MOST {
            notes.push(note.into());
        }
    }

    /// What was said since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The threads that are at work. Each holds a [`Shift`], and all are gone when all of those are.
pub(super) struct Crew {
    shift: Sender<Infallible>,
    all_gone: Receiver<Infallible>,
}

/// Held by a thread as long as it works.
pub(super) struct Shift(#[expect(dead_code, reason = "it is held, not used")] Sender<Infallible>);

impl Crew {
    /// Nobody yet.
    pub(super) fn new() -> Self {
        let (shift, all_gone) = bounded(0);
        Self { shift, all_gone }
    }

    /// For one more thread.
    pub(super) fn shift(&self) -> Shift {
        Shift(self.shift.clone())
    }

    /// Waits until all are gone, at most so long. Says whether they are.
    pub(super) fn wait(self, patience: Duration) -> bool {
        drop(self.shift);
        self.all_gone.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

/// Starts a named thread that holds `shift` until `work` is done.
pub(super) fn spawn(
    name: &str,
    shift: Shift,
    work: impl FnOnce() + Send + 'static,
) -> crate::error::Result<()> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    let body = move || {
        work();
        drop(shift);
    };
    builder.spawn(body).map(drop).map_err(|error| {
        crate::error::Error::output(format!("cannot start a thread for the {name}: {error}"))
            .hint("close other programs, or raise the limit of processes (ulimit -u)")
    })
}
