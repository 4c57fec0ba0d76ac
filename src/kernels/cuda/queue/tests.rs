//! Whatever is asked through a queue is done as if it were not there; what comes again is asked for as one.

use super::*;
use crate::kernels::cuda::Buffer;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A machine in the CPU's memory, with one kernel: numbers are multiplied and added to.
#[derive(Clone, Default)]
struct Plain {
    composes: bool,
    fails: Arc<AtomicUsize>,
    alone: Arc<AtomicUsize>,
    as_one: Arc<AtomicUsize>,
    put_together: Arc<AtomicUsize>,
}

struct Whole(Vec<Call>, Plain);

impl Composed for Whole {
    unsafe fn run(&self) -> Result<()> {
        self.1.as_one.fetch_add(1, Ordering::Relaxed);
        let uncounted = Plain { composes: true, ..Plain::default() };
        // SAFETY: by the caller's promise.
        self.0.iter().try_for_each(|call| unsafe { call.make(&uncounted) })
    }
}

/// Marks memory that was given back.
struct Given(Box<[f32]>);

impl Drop for Given {
    fn drop(&mut self) {
        self.0.fill(f32::NAN);
    }
}

impl Machine for Plain {
    fn allocate(&self, bytes: usize) -> Result<Allocation> {
        let mut memory = vec![f32::NAN; bytes.div_ceil(4)].into_boxed_slice();
        Ok(Allocation { address: memory.as_mut_ptr() as u64, owner: Box::new(Given(memory)) })
    }

    unsafe fn write(&self, to: u64, data: &[u8]) -> Result<()> {
        // SAFETY: by the caller's promise, as everywhere below.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), to as *mut u8, data.len()) };
        Ok(())
    }

    unsafe fn read(&self, from: u64, data: &mut [u8]) -> Result<()> {
        // SAFETY: see `write`.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, data.as_mut_ptr(), data.len()) };
        Ok(())
    }

    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        self.alone.fetch_add(1, Ordering::Relaxed);
        // SAFETY: see `write`.
        unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) };
        Ok(())
    }

    unsafe fn launch(&self, kernel: &'static str, _: Launch, arguments: &[Argument]) -> Result<()> {
        if self.fails.load(Ordering::Relaxed) > 0 {
            self.fails.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::model("it fails"));
        }
        self.alone.fetch_add(1, Ordering::Relaxed);
        let [Argument::Address(to), Argument::Float(by), Argument::Int(n)] = *arguments else {
            return Err(Error::model(format!("{kernel} is called with {arguments:?}")));
        };
        // SAFETY: see `write`.
        let numbers = unsafe { std::slice::from_raw_parts_mut(to as *mut f32, n as usize) };
        numbers.iter_mut().for_each(|x| *x = 0.5 * *x + by);
        Ok(())
    }

    unsafe fn compose(&self, calls: &[Call]) -> Result<Option<Box<dyn Composed>>> {
        self.put_together.fetch_add(1, Ordering::Relaxed);
        Ok(self.composes.then(|| -> Box<dyn Composed> { Box::new(Whole(calls.to_vec(), self.clone())) }))
    }
}

const N: usize = 3;

fn kernel(machine: &Arc<dyn Machine>, on: &Buffer<f32>, by: f32) -> Result<()> {
    let launch = Launch { grid: [1; 3], block: 32, shared: 0 };
    // SAFETY: `on` has N numbers.
    unsafe { machine.launch("kernel", launch, &[on.address(), Argument::Float(by), Argument::Int(N as i32)]) }
}

fn read(buffer: &Buffer<f32>) -> Vec<f32> {
    let mut numbers = vec![0.0; N];
    buffer.read(&mut numbers).unwrap();
    numbers
}

#[derive(Debug, Clone)]
enum Act {
    Repeats,
    Kernel(usize, u8),
    Copy(usize, usize),
    Write(usize, u8),
    Read(usize),
    Replace(usize),
    /// The same few calls, as an iteration makes them.
    Iteration(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let buffer = || 0..3usize;
    let act = prop_oneof![
        Just(Act::Repeats),
        (buffer(), any::<u8>()).prop_map(|(i, by)| Act::Kernel(i, by)),
        (buffer(), buffer()).prop_map(|(i, j)| Act::Copy(i, j)),
        (buffer(), any::<u8>()).prop_map(|(i, by)| Act::Write(i, by)),
        buffer().prop_map(Act::Read),
        buffer().prop_map(Act::Replace),
        (0..2u8).prop_map(Act::Iteration),
        (0..2u8).prop_map(Act::Iteration),
    ];
    proptest::collection::vec(act, 1..60)
}

/// What is read, in order, and at last from everywhere.
fn perform(machine: &Arc<dyn Machine>, acts: &[Act]) -> Vec<Vec<f32>> {
    let fresh = |x: f32| Buffer::from_slice(machine, &[x; N]).unwrap();
    let mut buffers = [fresh(1.0), fresh(2.0), fresh(3.0)];
    let copy = |buffers: &mut [Buffer<f32>; 3], from: usize, to: usize| {
        if let Ok([from, to]) = buffers.get_disjoint_mut([from, to]) {
            to.copy(from, N).unwrap();
        }
    };
    let mut seen = Vec::new();
    for act in acts {
        match *act {
            Act::Repeats => machine.repeats().unwrap(),
            Act::Kernel(i, by) => kernel(machine, &buffers[i], by.into()).unwrap(),
            Act::Copy(from, to) => copy(&mut buffers, from, to),
            Act::Write(i, x) => buffers[i].write(&[x.into(); N]).unwrap(),
            Act::Read(i) => seen.push(read(&buffers[i])),
            Act::Replace(i) => buffers[i] = fresh(9.0),
            Act::Iteration(kind) => {
                machine.repeats().unwrap();
                for by in 0..4 {
                    kernel(machine, &buffers[usize::from(kind)], by as f32).unwrap();
                }
                copy(&mut buffers, usize::from(kind), 2);
                seen.push(read(&buffers[2]));
            }
        }
    }
    seen.extend(buffers.iter().map(read));
    seen
}

proptest! {
    #[test]
    fn everything_is_done_as_if_there_were_no_queue(acts in acts(), composes in any::<bool>()) {
        let plain: Arc<dyn Machine> = Arc::new(Plain::default());
        let queue: Arc<dyn Machine> = Arc::new(Queue::new(Arc::new(Plain { composes, ..Plain::default() })));
        prop_assert_eq!(perform(&queue, &acts), perform(&plain, &acts));
    }
}

#[test]
fn the_third_time_it_is_one() {
    let machine = Plain { composes: true, ..Plain::default() };
    let queue: Arc<dyn Machine> = Arc::new(Queue::new(Arc::new(machine.clone())));
    perform(&queue, &[const { Act::Iteration(0) }; 7]);
    let counts = [&machine.alone, &machine.put_together, &machine.as_one].map(|n| n.load(Ordering::Relaxed));
    assert_eq!(counts, [2 * 5, 1, 5]);
}

#[test]
fn other_arguments_are_something_else() {
    let machine = Plain { composes: true, ..Plain::default() };
    let queue: Arc<dyn Machine> = Arc::new(Queue::new(Arc::new(machine.clone())));
    let buffer = Buffer::from_slice(&queue, &[1.0; N]).unwrap();
    for round in 0..4 {
        queue.repeats().unwrap();
        (0..6).for_each(|i| kernel(&queue, &buffer, (6 * round + i) as f32).unwrap());
        read(&buffer);
    }
    assert_eq!(machine.put_together.load(Ordering::Relaxed), 0);
}

#[test]
fn a_machine_that_cannot_is_asked_once() {
    let machine = Plain::default();
    let queue: Arc<dyn Machine> = Arc::new(Queue::new(Arc::new(machine.clone())));
    perform(&queue, &[const { Act::Iteration(1) }; 5]);
    assert_eq!(machine.put_together.load(Ordering::Relaxed), 1);
    assert_eq!(machine.alone.load(Ordering::Relaxed), 5 * 5);
}

#[test]
fn a_failure_is_told_even_if_nobody_listened() {
    let machine = Plain::default();
    let queue: Arc<dyn Machine> = Arc::new(Queue::new(Arc::new(machine.clone())));
    let [buffer, other] = [(); 2].map(|()| Buffer::from_slice(&queue, &[1.0; N]).unwrap());
    queue.repeats().unwrap();
    kernel(&queue, &buffer, 1.0).unwrap();
    machine.fails.store(1, Ordering::Relaxed);
    drop(buffer);
    assert!(other.read(&mut [0.0; N]).is_err());
    assert_eq!(read(&other), [1.0; N]);
}
