//! A GPU that is none: the kernels' sources, compiled for the CPU, with a block's threads as fibers
//! (tests/cuda). What runs there, with which sizes and in which memory, is decided by the same code as on a GPU.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic like tests")]
#![allow(unsafe_code, reason = "kernels are called by their addresses")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of these")]

use libloading::{Library, Symbol};
use std::ffi::c_void;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use stylecast::error::{Error, Result};
use stylecast::kernels::cuda::{
    Allocation, Argument, Buffer, Call, Composed, Convolution, Convolutions, Kernels, Launch, Machine,
};

#[path = "plain_library.rs"]
mod plain_library;

type Kernel = unsafe extern "C" fn(u32, u32, u32, u32, u32, u32, u32, *mut *mut c_void);

#[derive(Clone)]
pub struct Emulator {
    pub library: &'static Library,
    /// In which ways it convolves; plain loops stand in for cuDNN.
    pub ways: &'static [Convolutions],
    /// A kernel that does nothing.
    pub left_out: Option<&'static str>,
    /// Whether it puts calls together.
    pub composes: bool,
    /// How often calls were made as one.
    pub as_one: Arc<AtomicUsize>,
    /// The kernels that ran.
    pub ran: Arc<Mutex<Vec<&'static str>>>,
    /// How many bytes each reading took.
    pub reads: Arc<Mutex<Vec<usize>>>,
    /// How many bytes each writing took, but for what was brought ahead.
    pub writes: Arc<Mutex<Vec<usize>>>,
    /// Bytes of memory that are in use.
    pub held: Arc<AtomicUsize>,
    /// Bytes of memory that there are.
    pub limit: Arc<AtomicUsize>,
    /// How often there were not enough.
    pub refused: Arc<AtomicUsize>,
}

/// Memory lies where a GPU would put it.
#[derive(Clone, Copy)]
#[repr(align(256))]
struct Line([u8; 256]);

/// Memory begins with numbers that a kernel is not to rely on.
const JUNK: u8 = 0xff;

impl Emulator {
    /// `None`, with a message, where the kernels cannot be compiled for this CPU.
    pub fn new() -> Option<Arc<Self>> {
        static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
        let library = LIBRARY.get_or_init(compiled).as_ref()?;
        Some(Arc::new(Self {
            library,
            ways: &[Convolutions::Mma],
            left_out: None,
            composes: true,
            as_one: Arc::default(),
            ran: Arc::default(),
            reads: Arc::default(),
            writes: Arc::default(),
            held: Arc::default(),
            limit: Arc::new(AtomicUsize::new(usize::MAX)),
            refused: Arc::default(),
        }))
    }
}

/// Every way to convolve.
pub const WAYS: [Convolutions; 3] = [Convolutions::Mma, Convolutions::Wgmma, Convolutions::Cudnn];

/// What [`Emulator::ran`] says of a convolution by the library.
pub const LIBRARY: &str = "library";

/// Kernels on an emulator of their own, and random numbers to try them on.
pub struct Bench {
    pub machine: Arc<dyn Machine>,
    pub kernels: Kernels,
    pub random: fastrand::Rng,
}

impl Bench {
    pub fn new(seed: u64) -> Option<Self> {
        let machine: Arc<dyn Machine> = Emulator::new()?;
        Some(Self { kernels: Kernels::new(machine.clone()), machine, random: fastrand::Rng::with_seed(seed) })
    }
}

impl Bench {
    /// Numbers on the machine.
    pub fn put(&self, numbers: &[f32]) -> Buffer<f32> {
        Buffer::from_slice(&self.machine, numbers).unwrap()
    }
}

/// And back.
pub fn take(buffer: &Buffer<f32>) -> Vec<f32> {
    let mut numbers = vec![0.0; buffer.len()];
    buffer.read(&mut numbers).unwrap();
    numbers
}

fn compiled() -> Option<Library> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        eprintln!("not run: kernels for GPUs are emulated on x86-64 under Linux only");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("emulated-{}.so", std::process::id()));
    let status = Command::new("g++")
        .args([
            "-std=c++17",
            "-O3",
            "-march=native",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
            "-pthread",
            "-fno-strict-aliasing",
            "-Wno-unknown-pragmas",
            "-o",
        ])
        .arg(&library)
        .arg(root.join("tests/cuda/emulated.cpp"))
        .arg(format!("-I{}", root.join("tests/cuda").display()))
        .arg(format!("-I{}", root.join("src/kernels/cuda").display()))
        .status();
    let Ok(status) = status else {
        eprintln!("not run: there is no g++ to compile the kernels for the CPU");
        return None;
    };
    assert!(status.success(), "the kernels do not compile");
    // SAFETY: it was made just now, and its initialisers fill tables.
    let loaded = unsafe { Library::new(&library) }.unwrap();
    std::fs::remove_file(&library).unwrap();
    Some(loaded)
}

impl Machine for Emulator {
    fn allocate(&self, bytes: usize) -> Result<Allocation> {
        if self.held.load(Ordering::Relaxed) + bytes > self.limit.load(Ordering::Relaxed) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Error::memory("the emulator has no more memory"));
        }
        self.held.fetch_add(bytes, Ordering::Relaxed);
        // A line before and a line behind, to see whether anybody writes there.
        let mut memory = vec![Line([JUNK; 256]); bytes.div_ceil(256) + 2];
        let address = memory.as_mut_ptr() as u64 + 256;
        Ok(Allocation { address, owner: Box::new(Guarded { memory, bytes, held: self.held.clone() }) })
    }

    fn bring(&self, data: &[u8]) -> Result<Allocation> {
        let memory = self.allocate(data.len())?;
        // SAFETY: allocated just now.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), memory.address as *mut u8, data.len()) };
        Ok(memory)
    }

    unsafe fn write(&self, to: u64, data: &[u8]) -> Result<()> {
        self.writes.lock().unwrap().push(data.len());
        // SAFETY: by the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), to as *mut u8, data.len()) };
        Ok(())
    }

    unsafe fn read(&self, from: u64, data: &mut [u8]) -> Result<()> {
        self.reads.lock().unwrap().push(data.len());
        // SAFETY: by the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, data.as_mut_ptr(), data.len()) };
        Ok(())
    }

    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, bytes) };
        Ok(())
    }

    unsafe fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Argument]) -> Result<()> {
        self.ran.lock().unwrap().push(kernel);
        if self.left_out == Some(kernel) {
            return Ok(());
        }
        // What CUDA refuses.
        assert!(launch.grid.iter().all(|n| *n > 0) && launch.grid[1] <= 65535, "{kernel}: {launch:?}");
        // Of compute capability 9.0, where it is asked for.
        let most = if kernel.starts_with("stylecast_wgmma") { 227 * 1024 } else { 48 * 1024 };
        assert!(launch.block <= 1024 && launch.shared <= most, "{kernel}: {launch:?}");
        let mut arguments = arguments.to_vec();
        let mut pointers: Vec<*mut c_void> = arguments
            .iter_mut()
            .map(|argument| match argument {
                Argument::Address(x) => (x as *mut u64).cast(),
                Argument::Int(x) => (x as *mut i32).cast(),
                Argument::Long(x) => (x as *mut i64).cast(),
                Argument::Float(x) => (x as *mut f32).cast(),
            })
            .collect();
        let [x, y, z] = launch.grid;
        // SAFETY: the library's functions have this type; the rest is by the caller's promise.
        unsafe {
            let run: Symbol<'_, Kernel> = self.library.get(format!("emulate_{kernel}").as_bytes()).unwrap();
            run(x, y, z, launch.block, 1, 1, launch.shared, pointers.as_mut_ptr());
        }
        Ok(())
    }

    fn convolves_by(&self, way: Convolutions) -> Result<(), String> {
        self.ways.contains(&way).then_some(()).ok_or_else(|| "an emulator that was told not to".into())
    }

    unsafe fn convolve(&self, convolution: &Convolution) -> Result<()> {
        self.ran.lock().unwrap().push(LIBRARY);
        // SAFETY: by the caller's promise, memory being memory of this process.
        unsafe { plain_library::convolve(convolution) };
        Ok(())
    }

    unsafe fn compose(&self, calls: &[Call]) -> Result<Option<Box<dyn Composed>>> {
        Ok(self.composes.then(|| -> Box<dyn Composed> {
            Box::new(Whole { calls: calls.to_vec(), machine: self.clone() })
        }))
    }
}

/// Calls made as one.
struct Whole {
    calls: Vec<Call>,
    machine: Emulator,
}

impl Composed for Whole {
    unsafe fn run(&self) -> Result<()> {
        self.machine.as_one.fetch_add(1, Ordering::Relaxed);
        // SAFETY: by the caller's promise.
        self.calls.iter().try_for_each(|call| unsafe { call.make(&self.machine) })
    }
}

/// Memory that must not be written beside.
struct Guarded {
    memory: Vec<Line>,
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
        let bytes = self.memory.iter().flat_map(|line| line.0);
        let beside = bytes.enumerate().filter(|(i, _)| *i < 256 || *i >= 256 + self.bytes);
        if beside.into_iter().any(|(_, byte)| byte != JUNK) && !std::thread::panicking() {
            panic!("a kernel wrote beside its memory");
        }
    }
}
