//! The threads that compute: an own pool, never the process-wide one.
//!
//! A program that embeds the library keeps its own rayon pool free, and `--threads` means what it
//! says. Work is handed out piece by piece in order, so a thread that is held up by something else on
//! the machine takes fewer pieces. Which thread computes a piece never changes a result.

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A pool of computing threads.
#[derive(Debug)]
pub struct Threads {
    pool: rayon::ThreadPool,
}

impl Threads {
    /// `count` threads; 0 means one per core available to the process.
    ///
    /// # Errors
    ///
    /// A model error if the system refuses the threads.
    pub fn new(count: usize) -> Result<Self> {
        let count = match count {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|i| format!("compute-{i}"))
            .build()
            .map(|pool| Self { pool })
            .map_err(|e| {
                Error::model(format!("cannot start {count} computing threads"))
                    .hint("ask for fewer with --threads")
                    .caused_by(e)
            })
    }

    /// How many threads compute.
    pub fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` on a thread of the pool. Kernels called inside save themselves the way in, so a
    /// whole iteration belongs into one call.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Runs `work(piece, thread)` for each piece in `0..pieces`, in ascending order of starting;
    /// `thread` < [`count`](Self::count) names the thread that runs it.
    pub(super) fn for_each(&self, pieces: usize, work: impl Fn(usize, usize) + Sync) {
        let next = AtomicUsize::new(0);
        let run = || {
            let thread = rayon::current_thread_index().unwrap_or(0);
            loop {
                // Relaxed: the pieces are independent and the join orders their results.
                let piece = next.fetch_add(1, Ordering::Relaxed);
                if piece >= pieces {
                    break;
                }
                work(piece, thread);
            }
        };
        let workers = self.count().min(pieces);
        self.pool.install(|| fork(workers, &run));
    }
}

/// Runs `run` on up to `workers` threads at once, without allocating.
fn fork(workers: usize, run: &(impl Fn() + Sync)) {
    if workers <= 1 {
        run();
    } else {
        rayon::join(run, || fork(workers - 1, run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_runs_exactly_once_on_a_thread_of_the_pool() {
        for count in [1, 2, 5] {
            let threads = Threads::new(count).unwrap();
            assert_eq!(threads.count(), count);
            for pieces in [0, 1, 3, 100] {
                let seen: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                threads.for_each(pieces, |piece, thread| {
                    assert!(thread < count);
                    seen[piece].fetch_add(1, Ordering::Relaxed);
                });
                assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1));
            }
        }
    }
}
