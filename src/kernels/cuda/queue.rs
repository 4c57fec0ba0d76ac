//! Launches that come again and again, asked for as one.
//!
//! An iteration is some hundred kernels, the same with the same arguments every time, and a GPU is done with a small
//! one before the CPU has asked for the next. What has come twice is therefore put together (into a CUDA graph), and asked
//! for as one from then on. Whether it is the same is seen from the calls themselves, with all their
//! arguments: nobody has to tell that a buffer has moved or that a weight has changed.

#![expect(unsafe_code, reason = "a machine trusts addresses and lengths")]

use super::convolve::{Convolution, Convolutions};
use super::machine::{Allocation, Argument, Call, Composed, Launch, Machine};
use crate::error::{Error, Result};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A machine whose repeated calls are made as one.
pub struct Queue(Arc<Shared>);

struct Shared {
    machine: Arc<dyn Machine>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether calls wait to be made together.
    collects: bool,
    calls: Vec<Call>,
    /// What was made together lately, the newest first.
    known: VecDeque<Known>,
    /// The machine does not put calls together.
    cannot: bool,
    /// What went wrong where it could not be told.
    failed: Option<Error>,
}

struct Known {
    calls: Vec<Call>,
    whole: Option<Box<dyn Composed>>,
}

/// How many different sequences are remembered: those of two painted sizes, in two moods each.
const KEPT: usize = 4;
/// Fewer calls than these are not worth it.
const LEAST: usize = 4;

impl Queue {
    /// In front of this machine.
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        Self(Arc::new(Shared { machine, state: Mutex::default() }))
    }

    fn owned(&self, Allocation { address, owner }: Allocation) -> Allocation {
        Allocation { address, owner: Box::new(Owned { memory: Some(owner), queue: self.0.clone() }) }
    }
}

impl Shared {
    /// With nothing that waits.
    fn flushed(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.flush(&mut state)?;
        Ok(state)
    }

    /// Makes all calls that wait.
    fn flush(&self, state: &mut State) -> Result<()> {
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        state.collects = false;
        let calls = std::mem::take(&mut state.calls);
        if calls.len() < LEAST || state.cannot {
            return self.make(&calls);
        }
        let Some(at) = state.known.iter().position(|known| known.calls == calls) else {
            let made = self.make(&calls);
            state.known.push_front(Known { calls, whole: None });
            state.known.truncate(KEPT);
            return made;
        };
        let Some(mut known) = state.known.remove(at) else { return self.make(&calls) };
        let made = match &known.whole {
            // SAFETY: asked for just now, as what it was put together from.
            Some(whole) => unsafe { whole.run() },
            // Put together while the machine is busy with them, for the next time.
            None => self.make(&calls).map(|()| {
                known.whole = self.composed(&calls);
                state.cannot = known.whole.is_none();
            }),
        };
        state.known.push_front(known);
        made
    }

    fn composed(&self, calls: &[Call]) -> Option<Box<dyn Composed>> {
        // SAFETY: whoever asked for these calls has promised what each of them needs.
        unsafe { self.machine.compose(calls) }.unwrap_or_else(|error| {
            tracing::debug!("calls cannot be made as one: {error}");
            None
        })
    }

    fn make(&self, calls: &[Call]) -> Result<()> {
        calls.iter().try_for_each(|call| {
            // SAFETY: whoever asked for this call has promised what it needs, and memory is not given back before.
            unsafe { call.make(&*self.machine) }
        })
    }

    /// Makes this call, or lets it wait.
    fn ask(&self, call: impl FnOnce() -> Call, now: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.collects {
            state.calls.push(call());
            return Ok(());
        }
        now()
    }
}

/// Memory that waiting calls may still be about: they are made before it is given back.
struct Owned {
    memory: Option<Box<dyn Any + Send + Sync>>,
    queue: Arc<Shared>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.queue.flush(&mut state) {
            state.failed = Some(error);
        }
        self.memory = None;
    }
}

impl Machine for Queue {
    fn allocate(&self, bytes: usize) -> Result<Allocation> {
        Ok(self.owned(self.0.machine.allocate(bytes)?))
    }

    fn bring(&self, data: &[u8]) -> Result<Allocation> {
        // Calls that wait cannot be about memory that is new.
        Ok(self.owned(self.0.machine.bring(data)?))
    }

    unsafe fn write(&self, to: u64, data: &[u8]) -> Result<()> {
        let _state = self.0.flushed()?;
        // SAFETY: by the caller's promise, as everywhere below.
        unsafe { self.0.machine.write(to, data) }
    }

    unsafe fn read(&self, from: u64, data: &mut [u8]) -> Result<()> {
        let _state = self.0.flushed()?;
        // SAFETY: see `write`.
        unsafe { self.0.machine.read(from, data) }
    }

    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        // SAFETY: see `write`.
        let now = || unsafe { self.0.machine.copy(from, to, bytes) };
        self.0.ask(|| Call::Copy { from, to, bytes }, now)
    }

    unsafe fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Argument]) -> Result<()> {
        let call = || Call::Launch { kernel, launch, arguments: arguments.to_vec() };
        // SAFETY: see `write`.
        self.0.ask(call, || unsafe { self.0.machine.launch(kernel, launch, arguments) })
    }

    fn convolves_by(&self, way: Convolutions) -> Result<(), String> {
        self.0.machine.convolves_by(way)
    }

    unsafe fn convolve(&self, convolution: &Convolution) -> Result<()> {
        // SAFETY: see `write`.
        self.0.ask(|| Call::Convolve(*convolution), || unsafe { self.0.machine.convolve(convolution) })
    }

    fn repeats(&self) -> Result<()> {
        self.0.flushed()?.collects = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
