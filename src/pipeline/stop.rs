//! The wish to stop, in its two degrees.
//!
//! A stage that waits on a queue must notice the wish at once, so a token is more than a flag: each
//! degree is also a channel that nobody writes to and that closes when the wish is made, which wakes
//! whoever selects on it.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::{Arc, Mutex, PoisonError};

/// What is wished of a running pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Carry on.
    Continue,
    /// Paint no further frame; complete the output with what is painted.
    Finish,
    /// Drop everything, the unfinished output included.
    Abandon,
}

/// A handle on the wish to stop; clones share it.
#[derive(Debug, Clone)]
pub struct StopToken {
    open: Arc<Mutex<Degrees<Option<Sender<()>>>>>,
    closed: Degrees<Receiver<()>>,
}

#[derive(Debug, Clone)]
struct Degrees<T> {
    finish: T,
    abandon: T,
}

impl StopToken {
    /// A token on which nothing is wished yet.
    pub fn new() -> Self {
        let (finish, finish_closed) = unbounded();
        let (abandon, abandon_closed) = unbounded();
        Self {
            open: Arc::new(Mutex::new(Degrees { finish: Some(finish), abandon: Some(abandon) })),
            closed: Degrees { finish: finish_closed, abandon: abandon_closed },
        }
    }

    /// Wishes one degree more: the first call means [`Wish::Finish`], every later one
    /// [`Wish::Abandon`]. Returns what is wished now.
    pub fn stop(&self) -> Wish {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.finish.take().is_some() {
            Wish::Finish
        } else {
            open.abandon = None;
            Wish::Abandon
        }
    }

    /// What is wished now.
    pub fn wish(&self) -> Wish {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match (&open.finish, &open.abandon) {
            (Some(_), _) => Wish::Continue,
            (None, Some(_)) => Wish::Finish,
            (None, None) => Wish::Abandon,
        }
    }

    /// Carries nothing and closes with the first wish to stop: for `select!`.
    pub(super) fn on_finish(&self) -> &Receiver<()> {
        &self.closed.finish
    }

    /// Carries nothing and closes with the second wish to stop: for `select!`.
    pub(super) fn on_abandon(&self) -> &Receiver<()> {
        &self.closed.abandon
    }
}

impl Default for StopToken {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stop_finishes_and_the_second_abandons() {
        let token = StopToken::new();
        let clone = token.clone();
        assert_eq!(token.wish(), Wish::Continue);
        assert!(token.on_finish().try_recv().unwrap_err().is_empty());
        assert_eq!(clone.stop(), Wish::Finish);
        assert_eq!(token.wish(), Wish::Finish);
        assert!(token.on_finish().try_recv().unwrap_err().is_disconnected());
        assert!(token.on_abandon().try_recv().unwrap_err().is_empty());
        assert_eq!(token.stop(), Wish::Abandon);
        assert_eq!(clone.stop(), Wish::Abandon);
        assert!(clone.on_abandon().try_recv().unwrap_err().is_disconnected());
    }
}
