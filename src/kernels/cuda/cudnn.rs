//! Convolutions by cuDNN: halves, `[H, W, C]`, sums in float32.
//!
//! Which of its algorithms computes a shape is asked once, of its rule of thumb and not of a clock, and only those are
//! taken that give the same bits every time and sum the products as they are (no Winograd, no FFT).
#![expect(unsafe_code, reason = "cuDNN is a library in C")]

use super::convolve::{Convolution, Direction};
use super::gpu::failed as driver_failed;
use crate::error::{Error, Result};
use candle_core::cuda_backend::cudarc::cudnn::{result as dnn, sys as raw};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr, sys};
use dnn::CudnnError;
use raw::cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
use raw::cudnnConvolutionFwdAlgo_t::{
    CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
};
use raw::cudnnDataType_t::{CUDNN_DATA_FLOAT, CUDNN_DATA_HALF};
use raw::cudnnMathType_t::CUDNN_TENSOR_OP_MATH;
use raw::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes that an algorithm may work in.
const MOST_WORK: usize = 256 << 20;
/// How many algorithms there are at most.
const ALGORITHMS: usize = 8;

/// cuDNN on a GPU.
pub(super) struct Cudnn {
    stream: Arc<CudaStream>,
    state: Mutex<State>,
}

struct State {
    setups: HashMap<Shape, Setup>,
    /// The largest last. None is given back: a CUDA graph may still work in an older one. Each is twice as large as
    /// the one before at least, so that all together are no more than twice the last.
    work: Vec<Work>,
    relu: Descriptor<raw::cudnnActivationDescriptor_t>,
    /// The stream that it works on.
    on: sys::CUstream,
    /// After what was made with it.
    handle: Descriptor<raw::cudnnHandle_t>,
}

// SAFETY: cuDNN's handles and descriptors belong to no thread; they only must not be used by two at a time, and the
// mutex around sees to that.
unsafe impl Send for State {}

struct Work {
    address: u64,
    bytes: usize,
    _memory: CudaSlice<u8>,
}

/// Direction, height and width, channels in and out.
type Shape = (Direction, [usize; 4]);

/// How a shape is convolved.
struct Setup {
    /// Of the convolution forward: input, output, and the output's bias.
    input: Descriptor<raw::cudnnTensorDescriptor_t>,
    output: Descriptor<raw::cudnnTensorDescriptor_t>,
    bias: Descriptor<raw::cudnnTensorDescriptor_t>,
    kernel: Descriptor<raw::cudnnFilterDescriptor_t>,
    convolution: Descriptor<raw::cudnnConvolutionDescriptor_t>,
    algorithm: Algorithm,
    /// Bytes that it works in.
    work: usize,
}

#[derive(Clone, Copy)]
enum Algorithm {
    Forward(raw::cudnnConvolutionFwdAlgo_t),
    Backward(raw::cudnnConvolutionBwdDataAlgo_t),
}

/// What cuDNN has made, and the function that takes it back.
struct Descriptor<T: Copy>(T, unsafe fn(T) -> std::result::Result<(), CudnnError>);

impl<T: Copy> Drop for Descriptor<T> {
    fn drop(&mut self) {
        // SAFETY: it was made with `self`, and nobody else has it.
        let _ = unsafe { self.1(self.0) };
    }
}

impl Cudnn {
    /// On the GPU of this stream.
    ///
    /// # Errors
    /// Why it cannot be used, as a part of a sentence.
    pub(super) fn new(stream: &Arc<CudaStream>) -> std::result::Result<Self, String> {
        stream.context().bind_to_thread().map_err(|error| format!("the GPU failed: {error}"))?;
        let state =
            State::new(stream.cu_stream()).map_err(|error| format!("cuDNN does not start: {error}"))?;
        Ok(Self { stream: stream.clone(), state: Mutex::new(state) })
    }

    /// See [`super::Machine::convolve`]. A shape that has been convolved before asks for no memory, so that a CUDA
    /// graph can be made of it.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn convolve(&self, stream: &CudaStream, convolution: &Convolution) -> Result<()> {
        self.stream.context().bind_to_thread().map_err(driver_failed)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: by the caller's promise.
        unsafe { state.convolve(&self.stream, stream.cu_stream(), convolution) }
    }

    /// Leaves a stream that will not be there for long.
    pub(super) fn come_home(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the home stream is there as long as `self`.
        unsafe { state.go_to(self.stream.cu_stream()) }
            .map_err(|error| Error::model(format!("cuDNN failed: {error}")))
    }
}

impl State {
    fn new(stream: sys::CUstream) -> std::result::Result<Self, CudnnError> {
        let handle = Descriptor(dnn::create_handle()?, dnn::destroy_handle);
        let relu = Descriptor(dnn::create_activation_descriptor()?, destroy_activation);
        // SAFETY: handle, stream and descriptor are those of just now.
        unsafe {
            dnn::set_stream(handle.0, stream.cast())?;
            dnn::set_activation_descriptor(
                relu.0,
                raw::cudnnActivationMode_t::CUDNN_ACTIVATION_RELU,
                raw::cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN,
                0.0,
            )?;
        }
        Ok(Self { setups: HashMap::new(), work: Vec::new(), relu, on: stream, handle })
    }

    /// Works on `stream` from now on.
    ///
    /// # Safety
    /// It is a stream of this GPU.
    unsafe fn go_to(&mut self, stream: sys::CUstream) -> std::result::Result<(), CudnnError> {
        if self.on != stream {
            // SAFETY: by the caller's promise.
            unsafe { dnn::set_stream(self.handle.0, stream.cast()) }?;
            self.on = stream;
        }
        Ok(())
    }

    /// # Safety
    /// As for [`super::Machine::convolve`].
    unsafe fn convolve(
        &mut self,
        home: &Arc<CudaStream>,
        stream: sys::CUstream,
        convolution: &Convolution,
    ) -> Result<()> {
        let Convolution { direction, size, inputs, outputs, kernel, from, to, scale, bias } = *convolution;
        let shape = (direction, [size.height, size.width, inputs, outputs]);
        if !self.setups.contains_key(&shape) {
            let setup = Setup::new(self.handle.0, shape).map_err(|error| failed(&error, convolution))?;
            self.setups.insert(shape, setup);
        }
        // SAFETY: the caller's stream is there while it is used.
        unsafe { self.go_to(stream) }.map_err(|error| failed(&error, convolution))?;
        let Some(setup) = self.setups.get(&shape) else { return Ok(()) };
        if self.work.last().map_or(0, |work| work.bytes) < setup.work {
            self.work.push(Work::new(home, setup.work.next_power_of_two())?);
        }
        let work = self.work.last().map_or(0, |work| work.address) as *mut c_void;
        let handle = self.handle.0;
        let [kernel, from] = [kernel, from].map(|address| address as *const c_void);
        let to = to as *mut c_void;
        let (scale, nothing) = (&raw const scale, &0.0f32 as *const f32);
        let (scale, nothing) = (scale.cast::<c_void>(), nothing.cast::<c_void>());
        let Setup { input, output, convolution: how, .. } = setup;
        // SAFETY: descriptors say what lies at the addresses, by the caller's promise; the workspace is large enough.
        let done = unsafe {
            match (setup.algorithm, bias) {
                (Algorithm::Forward(algorithm), Some(bias)) => dnn::convolution_bias_activation_forward(
                    handle,
                    scale,
                    input.0,
                    from,
                    setup.kernel.0,
                    kernel,
                    how.0,
                    algorithm,
                    work,
                    setup.work,
                    nothing,
                    output.0,
                    to.cast_const(),
                    setup.bias.0,
                    bias as *const c_void,
                    self.relu.0,
                    output.0,
                    to,
                ),
                (Algorithm::Forward(algorithm), None) => dnn::convolution_forward(
                    handle,
                    scale,
                    input.0,
                    from,
                    setup.kernel.0,
                    kernel,
                    how.0,
                    algorithm,
                    work,
                    setup.work,
                    nothing,
                    output.0,
                    to,
                ),
                (Algorithm::Backward(algorithm), _) => dnn::convolution_backward_data(
                    handle,
                    scale,
                    setup.kernel.0,
                    kernel,
                    output.0,
                    from,
                    how.0,
                    algorithm,
                    work,
                    setup.work,
                    nothing,
                    input.0,
                    to,
                ),
            }
        };
        done.map_err(|error| failed(&error, convolution))
    }
}

impl Work {
    fn new(stream: &Arc<CudaStream>, bytes: usize) -> Result<Self> {
        // SAFETY: cuDNN expects nothing certain in there.
        let memory = unsafe { stream.alloc::<u8>(bytes) }.map_err(driver_failed)?;
        let (address, in_use) = memory.device_ptr(stream);
        drop(in_use);
        Ok(Self { address, bytes, _memory: memory })
    }
}

impl Setup {
    fn new(handle: raw::cudnnHandle_t, (direction, shape): Shape) -> std::result::Result<Self, CudnnError> {
        let [height, width, inputs, outputs] = shape.map(|n| c_int::try_from(n).unwrap_or(c_int::MAX));
        let input = features([1, inputs, height, width])?;
        let output = features([1, outputs, height, width])?;
        let bias = features([1, outputs, 1, 1])?;
        let kernel = Descriptor(dnn::create_filter_descriptor()?, dnn::destroy_filter_descriptor);
        let convolution =
            Descriptor(dnn::create_convolution_descriptor()?, dnn::destroy_convolution_descriptor);
        let mode = raw::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        // SAFETY: the descriptors were made just now.
        unsafe {
            let shape = [outputs, inputs, 3, 3];
            dnn::set_filter4d_descriptor(kernel.0, CUDNN_DATA_HALF, CUDNN_TENSOR_NHWC, shape)?;
            dnn::set_convolution2d_descriptor(convolution.0, 1, 1, 1, 1, 1, 1, mode, CUDNN_DATA_FLOAT)?;
            dnn::set_convolution_math_type(convolution.0, CUDNN_TENSOR_OP_MATH)?;
        }
        let descriptors = (&input, &output, &kernel, &convolution);
        let (algorithm, math) = match direction {
            Direction::Forward => forward_algorithm(handle, descriptors)?,
            Direction::Backward => backward_algorithm(handle, descriptors)?,
        };
        // SAFETY: the descriptors were made just now.
        let work = unsafe {
            dnn::set_convolution_math_type(convolution.0, math)?;
            match algorithm {
                Algorithm::Forward(algorithm) => dnn::get_convolution_forward_workspace_size(
                    handle,
                    input.0,
                    kernel.0,
                    convolution.0,
                    output.0,
                    algorithm,
                )?,
                Algorithm::Backward(algorithm) => dnn::get_convolution_backward_data_workspace_size(
                    handle,
                    kernel.0,
                    output.0,
                    convolution.0,
                    input.0,
                    algorithm,
                )?,
            }
        };
        Ok(Self { input, output, bias, kernel, convolution, algorithm, work })
    }
}

/// Halves, `[H, W, C]`.
fn features(shape: [c_int; 4]) -> std::result::Result<Descriptor<raw::cudnnTensorDescriptor_t>, CudnnError> {
    let descriptor = Descriptor(dnn::create_tensor_descriptor()?, dnn::destroy_tensor_descriptor);
    // SAFETY: it was made just now.
    unsafe { dnn::set_tensor4d_descriptor(descriptor.0, CUDNN_TENSOR_NHWC, CUDNN_DATA_HALF, shape) }?;
    Ok(descriptor)
}

/// Input, output, kernel and convolution.
type Descriptors<'a> = (
    &'a Descriptor<raw::cudnnTensorDescriptor_t>,
    &'a Descriptor<raw::cudnnTensorDescriptor_t>,
    &'a Descriptor<raw::cudnnFilterDescriptor_t>,
    &'a Descriptor<raw::cudnnConvolutionDescriptor_t>,
);

/// The first of what cuDNN proposes that will do, with its kind of products; without any, the one that takes every
/// shape.
fn forward_algorithm(
    handle: raw::cudnnHandle_t,
    (input, output, kernel, convolution): Descriptors<'_>,
) -> std::result::Result<(Algorithm, raw::cudnnMathType_t), CudnnError> {
    let mut proposed = [const { MaybeUninit::<raw::cudnnConvolutionFwdAlgoPerf_t>::uninit() }; ALGORITHMS];
    let mut count = 0;
    // SAFETY: there is room for as many as are asked for; the descriptors are in use.
    unsafe {
        dnn::get_convolution_forward_algorithm(
            handle,
            input.0,
            kernel.0,
            convolution.0,
            output.0,
            ALGORITHMS as c_int,
            &raw mut count,
            proposed.as_mut_ptr().cast(),
        )
    }?;
    let count = usize::try_from(count).unwrap_or(0).min(ALGORITHMS);
    // SAFETY: so many were written.
    let found = proposed[..count].iter().map(|one| unsafe { one.assume_init() }).find(|one| {
        let plain =
            [CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM];
        plain.contains(&one.algo) && will_do(one.status, one.determinism, one.memory)
    });
    Ok(match found {
        Some(one) => (Algorithm::Forward(one.algo), one.mathType),
        None => (Algorithm::Forward(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM), CUDNN_TENSOR_OP_MATH),
    })
}

/// The same for the gradient, of which one algorithm sums the products as they are and in the same order.
fn backward_algorithm(
    handle: raw::cudnnHandle_t,
    (input, output, kernel, convolution): Descriptors<'_>,
) -> std::result::Result<(Algorithm, raw::cudnnMathType_t), CudnnError> {
    let mut proposed =
        [const { MaybeUninit::<raw::cudnnConvolutionBwdDataAlgoPerf_t>::uninit() }; ALGORITHMS];
    let mut count = 0;
    // SAFETY: there is room for as many as are asked for; the descriptors are in use.
    unsafe {
        dnn::get_convolution_backward_data_algorithm(
            handle,
            kernel.0,
            output.0,
            convolution.0,
            input.0,
            ALGORITHMS as c_int,
            &raw mut count,
            proposed.as_mut_ptr().cast(),
        )
    }?;
    let count = usize::try_from(count).unwrap_or(0).min(ALGORITHMS);
    // SAFETY: so many were written.
    let found = proposed[..count].iter().map(|one| unsafe { one.assume_init() }).find(|one| {
        one.algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1 && will_do(one.status, one.determinism, one.memory)
    });
    let math = found.map_or(CUDNN_TENSOR_OP_MATH, |one| one.mathType);
    Ok((Algorithm::Backward(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1), math))
}

fn will_do(status: raw::cudnnStatus_t, determinism: raw::cudnnDeterminism_t, memory: usize) -> bool {
    status == raw::cudnnStatus_t::CUDNN_STATUS_SUCCESS
        && determinism == raw::cudnnDeterminism_t::CUDNN_DETERMINISTIC
        && memory <= MOST_WORK
}

unsafe fn destroy_activation(
    descriptor: raw::cudnnActivationDescriptor_t,
) -> std::result::Result<(), CudnnError> {
    // SAFETY: by the caller's promise.
    unsafe { raw::cudnnDestroyActivationDescriptor(descriptor) }.result()
}

fn failed(error: &CudnnError, convolution: &Convolution) -> Error {
    match error.0 {
        raw::cudnnStatus_t::CUDNN_STATUS_ALLOC_FAILED => Error::memory("the GPU has no more memory"),
        _ => Error::model(format!("cuDNN failed to convolve {convolution}: {error}")),
    }
}
