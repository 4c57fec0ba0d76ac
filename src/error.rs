//! What went wrong, said so that a person can act on it.
//!
//! Every failure of the library is one [`Error`]: a sentence that names the thing and the cause, an
//! optional next step, and a [`ErrorKind`] from which the command derives its exit code. One type
//! for all rooms keeps messages uniform and lets the pipeline rank a root cause above its symptoms.

use std::fmt;

/// The kinds of failure, one per exit code of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command was used wrongly: an unknown layer, a contradictory pair of options (exit 2).
    Usage,
    /// Something to be read is missing, broken or unusable: film, picture, camera (exit 3).
    Input,
    /// Something to be written could not be: folder missing, disk full, unknown encoder (exit 4).
    Output,
    /// The network's weights or the compute device (exit 5).
    Model,
    /// The compute device has no memory left for a picture of this size (exit 5). Smaller ones may do.
    Memory,
    /// A later stage stopped listening because something else failed first. Never shown when
    /// another error is known: it is a symptom (exit 5 if it ever stands alone).
    Disconnected,
}

impl ErrorKind {
    /// The exit code of the command for this kind of failure.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Input => 3,
            Self::Output => 4,
            Self::Model | Self::Memory | Self::Disconnected => 5,
        }
    }
}

/// A failure: what and why in one sentence, and what to do next where that is known.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` is a sentence without a final full stop that names the thing
    /// and the cause ("cannot read clip.mp4: it is a directory").
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// [`ErrorKind::Input`].
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// [`ErrorKind::Output`].
    pub fn output(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Output, message)
    }

    /// [`ErrorKind::Model`].
    pub fn model(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Model, message)
    }

    /// [`ErrorKind::Memory`], with the next step.
    pub fn memory(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Memory, message)
            .hint("paint smaller (--paint-size), or end other programs that use the GPU")
    }

    /// Adds the next step, an imperative sentence without a final full stop ("try --size 256").
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the underlying failure, printed after the message.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, which decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The next step, where one is known.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<candle_core::Error> for Error {
    /// Tensor failures are failures of the model or device: everything a user can get wrong is
    /// checked before a tensor is made.
    fn from(error: candle_core::Error) -> Self {
        match is_out_of_memory(&error.to_string()) {
            true => Self::memory("the memory of the GPU is full"),
            false => Self::model("a tensor operation failed"),
        }
        .caused_by(error)
    }
}

/// Whether a tensor failed for lack of memory. The tensor library has no kind of error for it: the names are
/// those of CUDA's, cuBLAS's and cuDNN's constants.
fn is_out_of_memory(message: &str) -> bool {
    ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"]
        .iter()
        .any(|constant| message.contains(constant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_memory_is_told_from_other_failures() {
        // As cudarc 0.19 prints them.
        for (text, kind) in [
            (r#"DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")"#, ErrorKind::Memory),
            ("CublasError(CUBLAS_STATUS_ALLOC_FAILED)", ErrorKind::Memory),
            ("CublasError(CUBLAS_STATUS_EXECUTION_FAILED)", ErrorKind::Model),
        ] {
            let error = candle_core::Error::Cuda(text.into());
            assert_eq!(Error::from(error).kind(), kind, "{text}");
        }
    }
}
