//! One buffer written by many threads, each in its own places.
//!
//! The tiles of a convolution interleave in memory (every tile writes a few pixels of every block of
//! channels), so the buffer cannot be cut into one slice per task. The tasks promise to keep apart.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use std::marker::PhantomData;

/// Exclusive access to a slice, shared out among the tasks of one parallel loop.
pub(super) struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    exclusive: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Shared` is an exclusive borrow; handing it to other threads is what `&mut [T]` allows for
// `T: Send`, and `slice` leaves the promise not to overlap to its callers.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), exclusive: PhantomData }
    }

    /// The elements `from .. from + count`; empty if they are not all inside.
    ///
    /// # Safety
    ///
    /// While the result lives, no other call may have given out any of these elements: the tasks of a
    /// loop must ask for disjoint ranges, and one task for one at a time.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "the caller promises disjoint ranges")]
    pub(super) unsafe fn slice(&self, from: usize, count: usize) -> &mut [T] {
        if from > self.length || count > self.length - from {
            return &mut [];
        }
        // SAFETY: inside the exclusive borrow taken by `new`; disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_write_their_own_places() {
        let mut numbers = vec![0usize; 64];
        let shared = Shared::new(&mut numbers);
        std::thread::scope(|scope| {
            for task in 0..4 {
                let shared = &shared;
                scope.spawn(move || {
                    for i in (task..64).step_by(4) {
                        // SAFETY: i is this task's own.
                        if let [place] = unsafe { shared.slice(i, 1) } {
                            *place = i;
                        }
                    }
                });
            }
        });
        assert!(numbers.iter().enumerate().all(|(i, &n)| i == n));
    }

    #[test]
    fn nothing_is_given_out_beyond_the_end() {
        let mut numbers = [1, 2, 3];
        let shared = Shared::new(&mut numbers);
        // SAFETY: one call at a time.
        unsafe {
            assert!(shared.slice(2, 2).is_empty());
            assert!(shared.slice(usize::MAX, 2).is_empty());
            assert_eq!(shared.slice(1, 2).len(), 2);
        }
    }
}
