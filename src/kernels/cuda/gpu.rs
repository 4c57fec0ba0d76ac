//! The kernels on a real GPU, through the tensor library's device and stream.
#![expect(unsafe_code, reason = "memory and kernels of a GPU are addressed by hand")]

use super::convolve::{Convolution, Convolutions};
#[cfg(feature = "cudnn")]
use super::cudnn::Cudnn;
use super::machine::{Allocation, Argument, Call, Composed, Launch, Machine};
use crate::error::{Error, Result};
use candle_core::Device;
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaGraph, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig, PushKernelArg,
    result, sys,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// All kernels, for compute capability 8.0; the driver translates them for what is there.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/engine.ptx"));

/// Those that only compute capability 9.0 has. Empty where CUDA's toolkit could not compile them.
const HOPPER_PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/hopper.ptx"));
/// And what their names begin with.
const HOPPER: &str = "stylecast_wgmma";

/// More shared memory than this has to be asked for.
const SHARED: u32 = 48 * 1024;

/// A GPU with its kernels.
pub struct Gpu {
    device: CudaDevice,
    stream: Arc<CudaStream>,
    functions: Mutex<HashMap<&'static str, CudaFunction>>,
    /// For what is brought meanwhile; opened when it is first asked for.
    beside: Mutex<Option<Arc<CudaStream>>>,
    /// Opened when it is first asked for.
    library: OnceLock<std::result::Result<Cudnn, String>>,
}

impl Gpu {
    /// The GPU that `device` is.
    ///
    /// # Errors
    /// A device that is none.
    pub fn new(device: &Device) -> Result<Self> {
        let device = device.as_cuda_device()?.clone();
        let stream = device.cuda_stream();
        Ok(Self {
            device,
            stream,
            functions: Mutex::default(),
            beside: Mutex::default(),
            library: OnceLock::new(),
        })
    }

    /// A kernel that may take so many bytes of shared memory.
    fn function(&self, kernel: &'static str, shared: u32) -> Result<CudaFunction> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(kernel) {
            return Ok(function.clone());
        }
        let (module, ptx) = match kernel.starts_with(HOPPER) {
            true => ("stylecast-hopper", HOPPER_PTX),
            false => ("stylecast", PTX),
        };
        let function = self.device.get_or_load_custom_func(kernel, module, ptx)?.into_cuda_function();
        if shared > SHARED {
            let most = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            function.set_attribute(most, shared.try_into().unwrap_or(i32::MAX)).map_err(failed)?;
        }
        functions.insert(kernel, function.clone());
        Ok(function)
    }

    fn beside(&self) -> Result<Arc<CudaStream>> {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if beside.is_none() {
            *beside = Some(self.stream.context().new_stream().map_err(failed)?);
        }
        Ok(beside.as_ref().unwrap_or(&self.stream).clone())
    }

    fn bound(&self) -> Result<sys::CUstream> {
        self.stream.context().bind_to_thread().map_err(failed)?;
        Ok(self.stream.cu_stream())
    }
}

pub(super) fn failed(error: DriverError) -> Error {
    match error.0 {
        sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Error::memory("the GPU has no more memory"),
        _ => Error::model(format!("the GPU failed: {error}")),
    }
}

impl Machine for Gpu {
    fn allocate(&self, bytes: usize) -> Result<Allocation> {
        // SAFETY: whoever gets it knows that nothing certain is in there.
        let memory = unsafe { self.stream.alloc::<u8>(bytes) }.map_err(failed)?;
        let (address, in_use) = memory.device_ptr(&self.stream);
        drop(in_use);
        Ok(Allocation { address, owner: Box::new(memory) })
    }

    fn bring(&self, data: &[u8]) -> Result<Allocation> {
        let beside = self.beside()?;
        // SAFETY: it is written before anybody reads it.
        let memory = unsafe { beside.alloc::<u8>(data.len().max(1)) }.map_err(failed)?;
        let (address, in_use) = memory.device_ptr(&beside);
        drop(in_use);
        beside.context().bind_to_thread().map_err(failed)?;
        // SAFETY: as long as that; `data` is borrowed until all is there.
        unsafe { result::memcpy_htod_async(address, data, beside.cu_stream()) }.map_err(failed)?;
        beside.synchronize().map_err(failed)?;
        let owner = Brought { memory: Some(memory), beside, stream: self.stream.clone() };
        Ok(Allocation { address, owner: Box::new(owner) })
    }

    unsafe fn write(&self, to: u64, data: &[u8]) -> Result<()> {
        let stream = self.bound()?;
        // SAFETY: by the caller's promise. Memory that is not pinned is copied before this returns.
        unsafe { result::memcpy_htod_async(to, data, stream) }.map_err(failed)
    }

    unsafe fn read(&self, from: u64, data: &mut [u8]) -> Result<()> {
        let stream = self.bound()?;
        // SAFETY: by the caller's promise; `data` is borrowed until all is there.
        unsafe { result::memcpy_dtoh_async(data, from, stream) }.map_err(failed)?;
        self.stream.synchronize().map_err(failed)
    }

    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        let stream = self.bound()?;
        // SAFETY: by the caller's promise.
        unsafe { result::memcpy_dtod_async(to, from, bytes, stream) }.map_err(failed)
    }

    unsafe fn launch(&self, kernel: &'static str, launch: Launch, arguments: &[Argument]) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.launch_on(&self.stream, kernel, launch, arguments) }
    }

    fn convolves_by(&self, way: Convolutions) -> std::result::Result<(), String> {
        match way {
            Convolutions::Mma => Ok(()),
            Convolutions::Wgmma if HOPPER_PTX.is_empty() => {
                Err("this stylecast was built by a CUDA toolkit before 12.0".into())
            }
            Convolutions::Wgmma => match self.stream.context().compute_capability() {
                Ok((9, 0)) => Ok(()),
                Ok((major, minor)) => {
                    Err(format!("it takes compute capability 9.0, and this GPU has {major}.{minor}"))
                }
                Err(error) => Err(format!("the GPU's compute capability is not known: {error}")),
            },
            Convolutions::Cudnn => self.library().map(|_| ()),
        }
    }

    unsafe fn convolve(&self, convolution: &Convolution) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.convolve_on(&self.stream, convolution) }
    }

    unsafe fn compose(&self, calls: &[Call]) -> Result<Option<Box<dyn Composed>>> {
        // On a stream where nothing runs: what is asked there meanwhile is taken down, and other threads can go on
        // asking for memory on ours.
        let aside = self.stream.context().new_stream().map_err(failed)?;
        aside.begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).map_err(failed)?;
        let asked = calls.iter().try_for_each(|call| match call {
            Call::Launch { kernel, launch, arguments } => {
                // SAFETY: nothing is done yet.
                unsafe { self.launch_on(&aside, kernel, *launch, arguments) }
            }
            Call::Convolve(convolution) => {
                // SAFETY: nothing is done yet.
                unsafe { self.convolve_on(&aside, convolution) }
            }
            Call::Copy { from, to, bytes } => {
                // SAFETY: nothing is done yet.
                unsafe { result::memcpy_dtod_async(*to, *from, *bytes, aside.cu_stream()) }.map_err(failed)
            }
        });
        let graph = aside.end_capture(sys::CUgraphInstantiate_flags(0)).map_err(failed);
        if let Some(Ok(library)) = self.library.get() {
            library.come_home()?;
        }
        let graph = graph?;
        asked?;
        Ok(graph.map(|graph| -> Box<dyn Composed> {
            Box::new(Graph { graph: Sent(graph), stream: self.stream.clone() })
        }))
    }
}

/// Memory of the stream beside.
struct Brought {
    memory: Option<CudaSlice<u8>>,
    beside: Arc<CudaStream>,
    stream: Arc<CudaStream>,
}

impl Drop for Brought {
    fn drop(&mut self) {
        // What reads it may be under way; its own stream, where it is given back, waits for that.
        if self.beside.join(&self.stream).is_err() {
            let _ = self.stream.synchronize();
        }
        self.memory = None;
    }
}

/// Calls as a CUDA graph.
struct Graph {
    graph: Sent,
    stream: Arc<CudaStream>,
}

/// A graph that goes from thread to thread.
struct Sent(CudaGraph);

// SAFETY: graphs of the driver belong to no thread; they only must not be used by two at a time, and whoever has a
// graph has it alone.
unsafe impl Send for Sent {}

impl Composed for Graph {
    unsafe fn run(&self) -> Result<()> {
        self.stream.context().bind_to_thread().map_err(failed)?;
        // SAFETY: by the caller's promise; not on the graph's own stream, where nothing of ours runs.
        unsafe { result::graph::launch(self.graph.0.cu_graph_exec(), self.stream.cu_stream()) }
            .map_err(failed)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // It may be at work. What failed is told by whatever is asked next.
        let _ = self.stream.synchronize();
    }
}

impl Gpu {
    fn library(&self) -> std::result::Result<&Cudnn, String> {
        self.library.get_or_init(|| Cudnn::new(&self.stream)).as_ref().map_err(Clone::clone)
    }

    /// Convolves by cuDNN on `stream`.
    ///
    /// # Safety
    /// As for [`Machine::convolve`].
    unsafe fn convolve_on(&self, stream: &CudaStream, convolution: &Convolution) -> Result<()> {
        let library = self.library().map_err(|why| Error::model(format!("there is no cuDNN: {why}")))?;
        // SAFETY: by the caller's promise.
        unsafe { library.convolve(stream, convolution) }
    }

    /// Runs `kernel` on `stream`.
    ///
    /// # Safety
    /// As for [`Machine::launch`].
    unsafe fn launch_on(
        &self,
        stream: &CudaStream,
        kernel: &'static str,
        launch: Launch,
        arguments: &[Argument],
    ) -> Result<()> {
        let function = self.function(kernel, launch.shared)?;
        let mut builder = stream.launch_builder(&function);
        for argument in arguments {
            match argument {
                Argument::Address(address) => builder.arg(address),
                Argument::Int(number) => builder.arg(number),
                Argument::Long(number) => builder.arg(number),
                Argument::Float(number) => builder.arg(number),
            };
        }
        let [x, y, z] = launch.grid;
        let config = LaunchConfig {
            grid_dim: (x, y, z),
            block_dim: (launch.block, 1, 1),
            shared_mem_bytes: launch.shared,
        };
        // SAFETY: by the caller's promise.
        unsafe { builder.launch(config) }.map(|_| ()).map_err(failed)
    }
}

/// A program without cuDNN.
#[cfg(not(feature = "cudnn"))]
struct Cudnn;

#[cfg(not(feature = "cudnn"))]
impl Cudnn {
    fn new(_stream: &Arc<CudaStream>) -> std::result::Result<Self, String> {
        Err("this stylecast was built without cuDNN (docs/CUDA.md tells how to build it)".into())
    }

    unsafe fn convolve(&self, _stream: &CudaStream, _convolution: &Convolution) -> Result<()> {
        Ok(())
    }

    fn come_home(&self) -> Result<()> {
        Ok(())
    }
}
