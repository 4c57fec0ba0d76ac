//! The kernels on a real GPU, through the tensor library's device and stream.
#![expect(unsafe_code, reason = "memory and kernels of a GPU are addressed by hand")]

use super::machine::{Allocation, Argument, Launch, Machine};
use crate::error::{Error, Result};
use candle_core::Device;
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaStream, DevicePtr, DriverError, LaunchConfig, PushKernelArg, result, sys,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// All kernels, for compute capability 8.0; the driver translates them for what is there.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/engine.ptx"));

/// A GPU with its kernels.
pub struct Gpu {
    device: CudaDevice,
    stream: Arc<CudaStream>,
    functions: Mutex<HashMap<&'static str, CudaFunction>>,
}

impl Gpu {
    /// The GPU that `device` is.
    ///
    /// # Errors
    /// A device that is none.
    pub fn new(device: &Device) -> Result<Self> {
        let device = device.as_cuda_device()?.clone();
        let stream = device.cuda_stream();
        Ok(Self { device, stream, functions: Mutex::default() })
    }

    fn function(&self, kernel: &'static str) -> Result<CudaFunction> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(kernel) {
            return Ok(function.clone());
        }
        let function = self.device.get_or_load_custom_func(kernel, "stylecast", PTX)?.into_cuda_function();
        functions.insert(kernel, function.clone());
        Ok(function)
    }

    fn bound(&self) -> Result<sys::CUstream> {
        self.stream.context().bind_to_thread().map_err(failed)?;
        Ok(self.stream.cu_stream())
    }
}

fn failed(error: DriverError) -> Error {
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
        let function = self.function(kernel)?;
        let mut builder = self.stream.launch_builder(&function);
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
