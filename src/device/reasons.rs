//! Why a GPU cannot be used, in words: what the driver and the libraries say are names of constants.

/// What people read instead of a constant of CUDA's.
const KNOWN: &[(&str, &str)] = &[
    ("CUDA_ERROR_NO_DEVICE", "the driver sees no GPU"),
    ("CUDA_ERROR_INVALID_DEVICE", "there is no GPU of this number"),
    ("CUDA_ERROR_DEVICE_UNAVAILABLE", "the GPU is in use by another program that wants it alone"),
    (
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "the driver's library and the running driver differ; restart the machine",
    ),
    ("CUDA_ERROR_SYSTEM_NOT_READY", "the driver is not ready"),
    ("CUDA_ERROR_STUB_LIBRARY", "libcuda.so.1 is a stand-in that compilers use, not the driver's own"),
    (
        "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        "the driver is too old for the CUDA libraries that were found",
    ),
    ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the driver is too old for this program's kernels"),
    ("CUDA_ERROR_INVALID_PTX", "the GPU or its driver cannot run this program's kernels"),
    (
        "CUDA_ERROR_NO_BINARY_FOR_GPU",
        "this program's kernels are for newer GPUs (compute capability 8.0 and up)",
    ),
    ("CUDA_ERROR_OUT_OF_MEMORY", "its memory is full"),
    (
        "CUBLAS_STATUS_NOT_INITIALIZED",
        "cuBLAS does not start; its version and the driver's may not go together",
    ),
    ("CUBLAS_STATUS_ARCH_MISMATCH", "cuBLAS does not support this GPU"),
    (
        "CUDNN_STATUS_NOT_INITIALIZED",
        "cuDNN does not start; its version and the driver's may not go together",
    ),
];

/// The longest reason that is told; what follows in a panic's text are lists of names.
const LONGEST: usize = 160;

/// The reason in `raw`, an error's or a panic's text, as a part of a sentence.
pub(super) fn reason(raw: &str) -> String {
    if let Some((constant, words)) = KNOWN.iter().find(|(constant, _)| raw.contains(constant)) {
        return format!("{words} ({constant})");
    }
    let line = raw.lines().next().unwrap_or_default().trim();
    let line = line.split(" - searched for").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None if line.is_empty() => "its libraries failed without a word".into(),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_words_and_keep_their_name() {
        let why = reason(r#"DriverError(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected")"#);
        assert_eq!(why, "the driver sees no GPU (CUDA_ERROR_NO_DEVICE)");
        assert!(reason("CublasError(CUBLAS_STATUS_NOT_INITIALIZED)").contains("cuBLAS does not start"));
    }

    #[test]
    fn other_texts_are_cut_to_a_sentence() {
        let why = reason(
            "Unable to dynamically load the \"curand\" shared library - searched for library names: [\"libcurand.so\"]. Ensure",
        );
        assert_eq!(why, "Unable to dynamically load the \"curand\" shared library");
        assert_eq!(reason("Missing symbol cuX: gone.\n  stack backtrace"), "Missing symbol cuX: gone");
        assert_eq!(reason(&"ü".repeat(500)).chars().count(), LONGEST + 1);
        assert_eq!(reason(""), "its libraries failed without a word");
    }
}
