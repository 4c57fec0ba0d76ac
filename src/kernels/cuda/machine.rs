//! What runs the kernels of a GPU, as far as the network needs to know: memory, and launches.
//!
//! There are two: a GPU ([`super::Gpu`]), and the emulator of the tests, which runs the same sources on a CPU. So
//! everything above the kernels is tested where there is no GPU.

#![expect(unsafe_code, reason = "a machine trusts addresses and lengths")]

use super::convolve::{Convolution, Convolutions};
use crate::error::{Error, Result};
use bytemuck::Pod;
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// A GPU, or what stands in for one. Everything asked of it is done in the order of asking.
pub trait Machine: Send + Sync {
    /// Memory of `bytes` bytes with nothing certain in it, at an address that is a multiple of 256.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Model`] where there is not enough.
    fn allocate(&self, bytes: usize) -> Result<Allocation>;

    /// Copies `data` to the address `to`.
    ///
    /// # Safety
    /// There is as much memory at `to`, allocated here and not yet given back.
    ///
    /// # Errors
    /// A failing device.
    unsafe fn write(&self, to: u64, data: &[u8]) -> Result<()>;

    /// Waits for all that was asked before, then copies from the address `from`.
    ///
    /// # Safety
    /// As for [`Self::write`].
    ///
    /// # Errors
    /// A failing device, also one that failed at what was asked before.
    unsafe fn read(&self, from: u64, data: &mut [u8]) -> Result<()>;

    /// Copies `bytes` bytes from one address to another, apart from each other.
    ///
    /// # Safety
    /// As for [`Self::write`].
    ///
    /// # Errors
    /// A failing device.
    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()>;

    /// Runs `kernel`.
    ///
    /// # Safety
    /// Arguments are those of the kernel, in their order, and their memory is as large as it expects.
    ///
    /// # Errors
    /// A failing device.
    unsafe fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Argument]) -> Result<()>;

    /// Whether it can convolve in this way.
    ///
    /// # Errors
    /// Why not, as a part of a sentence.
    fn convolves_by(&self, way: Convolutions) -> Result<(), String> {
        match way {
            Convolutions::Mma => Ok(()),
            Convolutions::Wgmma => Err("this machine has no kernels by wgmma".into()),
            Convolutions::Cudnn => Err("this machine has no cuDNN".into()),
        }
    }

    /// Convolves by its library, [`Convolutions::Cudnn`].
    ///
    /// # Safety
    /// Memory is as large as the convolution's shape says, and `to` overlaps nothing else.
    ///
    /// # Errors
    /// No library; a failing device.
    unsafe fn convolve(&self, _convolution: &Convolution) -> Result<()> {
        Err(Error::model("this machine has no library that convolves"))
    }

    /// Memory with these bytes, brought there beside whatever the machine is busy with: it is there when this returns,
    /// and can be called from any thread.
    ///
    /// # Errors
    /// As [`Self::allocate`]; a failing device.
    fn bring(&self, data: &[u8]) -> Result<Allocation> {
        let memory = self.allocate(data.len().max(1))?;
        // SAFETY: allocated just now.
        unsafe { self.write(memory.address, data) }?;
        Ok(memory)
    }

    /// Tells that what is asked from here to the next reading is likely to be asked again, just so.
    ///
    /// # Errors
    /// A failing device.
    fn repeats(&self) -> Result<()> {
        Ok(())
    }

    /// Puts calls together without making them; `None` where the machine has no way to.
    ///
    /// # Safety
    /// As for each of the calls.
    ///
    /// # Errors
    /// A failing device.
    unsafe fn compose(&self, _calls: &[Call]) -> Result<Option<Box<dyn Composed>>> {
        Ok(None)
    }
}

/// Calls that are made as one.
pub trait Composed: Send {
    /// Makes them all, in their order.
    ///
    /// # Safety
    /// As for each of the calls, at this moment.
    ///
    /// # Errors
    /// A failing device.
    unsafe fn run(&self) -> Result<()>;
}

/// What is asked of a machine without an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// [`Machine::launch`].
    Launch {
        /// Which.
        kernel: &'static str,
        /// By how many threads.
        launch: Launch,
        /// With what.
        arguments: Vec<Argument>,
    },
    /// [`Machine::copy`].
    Copy {
        /// Address.
        from: u64,
        /// Address.
        to: u64,
        /// How many.
        bytes: usize,
    },
    /// [`Machine::convolve`].
    Convolve(Convolution),
}

impl Call {
    /// Makes it.
    ///
    /// # Safety
    /// As for what it calls.
    ///
    /// # Errors
    /// A failing device.
    pub unsafe fn make(&self, machine: &dyn Machine) -> Result<()> {
        match self {
            // SAFETY: by the caller's promise, as below.
            Self::Launch { kernel, launch, arguments } => unsafe {
                machine.launch(kernel, *launch, arguments)
            },
            // SAFETY: see above.
            Self::Copy { from, to, bytes } => unsafe { machine.copy(*from, *to, *bytes) },
            // SAFETY: see above.
            Self::Convolve(convolution) => unsafe { machine.convolve(convolution) },
        }
    }
}

/// Memory of a machine, given back when it is dropped.
pub struct Allocation {
    /// Where it is.
    pub address: u64,
    /// What gives it back.
    pub owner: Box<dyn Any + Send + Sync>,
}

/// How many threads run a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: u32,
    /// Bytes of shared memory beside what the kernel declares.
    pub shared: u32,
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument {
    /// Memory; 0 for none.
    Address(u64),
    /// `int`.
    Int(i32),
    /// `long long`.
    Long(i64),
    /// `float`.
    Float(f32),
}

/// Numbers in the memory of a machine.
pub struct Buffer<T> {
    machine: Arc<dyn Machine>,
    memory: Allocation,
    length: usize,
    numbers: PhantomData<T>,
}

impl<T: Pod> Buffer<T> {
    /// Room for `length` numbers.
    ///
    /// # Errors
    /// As [`Machine::allocate`].
    pub fn new(machine: &Arc<dyn Machine>, length: usize) -> Result<Self> {
        let memory = machine.allocate(size_of::<T>() * length.max(1))?;
        Ok(Self { machine: machine.clone(), memory, length, numbers: PhantomData })
    }

    /// With these numbers.
    ///
    /// # Errors
    /// As [`Machine::allocate`].
    pub fn from_slice(machine: &Arc<dyn Machine>, numbers: &[T]) -> Result<Self> {
        let mut buffer = Self::new(machine, numbers.len())?;
        buffer.write(numbers)?;
        Ok(buffer)
    }

    /// With these numbers, brought there while the machine goes on with what it is busy with.
    ///
    /// # Errors
    /// As [`Machine::bring`].
    pub fn brought(machine: &Arc<dyn Machine>, numbers: &[T]) -> Result<Self> {
        let memory = machine.bring(bytemuck::cast_slice(numbers))?;
        Ok(Self { machine: machine.clone(), memory, length: numbers.len(), numbers: PhantomData })
    }

    /// How many numbers there is room for.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is room for none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where they are.
    pub(super) fn place(&self) -> u64 {
        self.memory.address
    }

    /// Where they are, for a kernel.
    pub(super) fn address(&self) -> Argument {
        Argument::Address(self.memory.address)
    }

    /// Where they go on from one of them.
    pub(super) fn address_at(&self, index: usize) -> Argument {
        Argument::Address(self.memory.address + (size_of::<T>() * index) as u64)
    }

    /// Replaces the first of its numbers, as many as there are of both.
    ///
    /// # Errors
    /// A failing device.
    pub fn write(&mut self, numbers: &[T]) -> Result<()> {
        let numbers = &numbers[..numbers.len().min(self.length)];
        // SAFETY: this memory has room for `length` numbers and lives as long as `self`.
        unsafe { self.machine.write(self.memory.address, bytemuck::cast_slice(numbers)) }
    }

    /// Takes the first `count` numbers of `other`, or as many as there are of both.
    ///
    /// # Errors
    /// A failing device.
    pub fn copy(&mut self, other: &Self, count: usize) -> Result<()> {
        let count = count.min(self.length).min(other.length);
        // SAFETY: both have room for `count` numbers, and two buffers never overlap.
        unsafe { self.machine.copy(other.memory.address, self.memory.address, size_of::<T>() * count) }
    }

    /// The first of its numbers, as many as there are of both, once all that was asked before is done.
    ///
    /// # Errors
    /// A failing device.
    pub fn read(&self, numbers: &mut [T]) -> Result<()> {
        let count = numbers.len().min(self.length);
        // SAFETY: as in `write`.
        unsafe { self.machine.read(self.memory.address, bytemuck::cast_slice_mut(&mut numbers[..count])) }
    }
}
