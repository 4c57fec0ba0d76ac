//! Working memory, kept between calls.
//!
//! It grows to what the largest layer needs during the first pass over a network and never after, so
//! an iteration allocates nothing.

use super::Cpu;
use super::blocked::Lane;
use std::sync::Mutex;

/// Working memory of the kernels; one per caller, for any layer of any size.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For all threads together.
    pub(super) common: Vec<Lane>,
    /// One for each thread; the locks are never waited for.
    pub(super) own: Vec<Mutex<Vec<Lane>>>,
}

impl Scratch {
    /// Empty; grows at the first use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let own: usize = self.own.iter().map(|own| own.lock().map_or(0, |own| own.len())).sum();
        (self.common.len() + own) * size_of::<Lane>()
    }

    /// At least `own` vectors for each thread of `cpu` and `common` for all.
    pub(super) fn reserve(&mut self, cpu: &Cpu, own: usize, common: usize) {
        self.own.resize_with(self.own.len().max(cpu.threads().count()), Default::default);
        for memory in &mut self.own {
            let memory = memory.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
            if memory.len() < own {
                memory.resize(own, Lane::ZERO);
            }
        }
        if self.common.len() < common {
            self.common.resize(common, Lane::ZERO);
        }
    }
}

/// Runs `work` with the memory of `thread`.
pub(super) fn with_own<R>(own: &[Mutex<Vec<Lane>>], thread: usize, work: impl FnOnce(&mut [Lane]) -> R) -> R {
    let mut memory = own[thread].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    work(&mut memory)
}
