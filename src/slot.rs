//! A place for one thing, where the newest replaces the older: how frames pass between threads that must
//! not wait for each other.
//!
//! A queue keeps everything and so grows old; whoever paints or shows what a camera sees wants the present.
//! What was replaced is counted, because a frame that nobody saw should be known of.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What came of waiting at a slot.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// The newest thing.
    Thing(T),
    /// Nothing came in time.
    Nothing,
    /// It is empty, and nobody is left to fill it.
    Closed,
}

/// The filling side; clones share the slot, which closes when the last of them is gone.
pub struct Giver<T>(Arc<Shared<T>>);

/// The emptying side.
pub struct Taker<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

struct State<T> {
    thing: Option<T>,
    givers: usize,
    taker: bool,
    replaced: u64,
}

/// An empty slot.
pub fn slot<T>() -> (Giver<T>, Taker<T>) {
    let state = State { thing: None, givers: 1, taker: true, replaced: 0 };
    let shared = Arc::new(Shared { state: Mutex::new(state), filled: Condvar::new() });
    (Giver(shared.clone()), Taker(shared))
}

impl<T> Shared<T> {
    /// A thread that panicked while it held the lock has left nothing half-done: every change is one move.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Giver<T> {
    /// Puts `thing` there, in the place of what nobody took. `false`: nobody is left to take it.
    pub fn put(&self, thing: T) -> bool {
        let mut state = self.0.lock();
        if !state.taker {
            return false;
        }
        if state.thing.replace(thing).is_some() {
            state.replaced += 1;
        }
        drop(state);
        self.0.filled.notify_one();
        true
    }

    /// Whether anybody is left to take it.
    pub fn has_taker(&self) -> bool {
        self.0.lock().taker
    }

    /// How many things were replaced before anybody took them.
    pub fn replaced(&self) -> u64 {
        self.0.lock().replaced
    }
}

impl<T> Clone for Giver<T> {
    fn clone(&self) -> Self {
        self.0.lock().givers += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.lock().givers -= 1;
        self.0.filled.notify_all();
    }
}

impl<T> Taker<T> {
    /// The newest thing, waiting for it at most `patience`.
    pub fn take(&self, patience: Duration) -> Taken<T> {
        let until = Instant::now() + patience;
        let mut state = self.0.lock();
        loop {
            if let Some(thing) = state.thing.take() {
                return Taken::Thing(thing);
            }
            if state.givers == 0 {
                return Taken::Closed;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            state = self.0.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many things were replaced before anybody took them.
    pub fn replaced(&self) -> u64 {
        self.0.lock().replaced
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.taker = false;
        state.thing = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn the_newest_replaces_the_older_and_is_counted() {
        let (giver, taker) = slot();
        assert_eq!(taker.take(Duration::ZERO), Taken::Nothing);
        assert!(giver.put(1) && giver.put(2) && giver.put(3));
        assert_eq!(taker.take(Duration::ZERO), Taken::Thing(3));
        assert_eq!((giver.replaced(), taker.replaced()), (2, 2));
        assert_eq!(taker.take(Duration::ZERO), Taken::Nothing);
    }

    #[test]
    fn what_is_left_is_taken_before_the_slot_is_closed() {
        let (giver, taker) = slot();
        let other = giver.clone();
        giver.put('a');
        drop(giver);
        assert_eq!(taker.take(SOON), Taken::Thing('a'));
        assert_eq!(taker.take(Duration::ZERO), Taken::Nothing);
        drop(other);
        assert_eq!(taker.take(SOON), Taken::Closed);
    }

    #[test]
    fn who_gives_learns_that_nobody_takes() {
        let (giver, taker) = slot();
        assert!(giver.has_taker());
        drop(taker);
        assert!(!giver.put(1) && !giver.has_taker());
    }

    #[test]
    fn who_waits_is_woken_by_a_thing_and_by_the_end() {
        let (giver, taker) = slot();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (taker.take(SOON), taker.take(SOON)));
            giver.put(7);
            drop(giver);
            assert_eq!(waiting.join().unwrap(), (Taken::Thing(7), Taken::Closed));
        });
    }
}
