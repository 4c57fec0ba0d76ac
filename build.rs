//! Compiles the kernels for NVIDIA GPUs (`src/kernels/cuda`) to PTX, where the feature `cuda` asks for them.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/kernels/cuda");
    for variable in ["NVCC", "CUDA_HOME", "CUDA_PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    let ptx = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("engine.ptx");
    let _ = fs::remove_file(&ptx);
    let compiler = compiler();
    // Compute capability 8.0 has all that the kernels use, and the driver translates it for newer GPUs.
    let status = Command::new(&compiler)
        .args(["--ptx", "-arch=compute_80", "--std=c++17", "-O3", "-o"])
        .arg(&ptx)
        .arg("src/kernels/cuda/engine.cu")
        .status();
    match status {
        Ok(status) if status.success() && ptx.exists() => {}
        Ok(status) => fail(&format!("{} ended with {status}", compiler.display())),
        Err(error) => fail(&format!("{} cannot be run: {error}", compiler.display())),
    }
}

fn fail(why: &str) -> ! {
    println!(
        "cargo::error=the kernels for GPUs were not compiled: {why}. Install CUDA's toolkit, or see scripts/build-cuda"
    );
    std::process::exit(1)
}

/// NVIDIA's compiler, where the tensor library looks for it too.
fn compiler() -> PathBuf {
    if let Some(compiler) = env::var_os("NVCC") {
        return compiler.into();
    }
    let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let inside = homes.chain([PathBuf::from("/usr/local/cuda")]).map(|home| home.join("bin/nvcc"));
    inside.into_iter().find(|path| path.exists()).unwrap_or_else(|| "nvcc".into())
}
