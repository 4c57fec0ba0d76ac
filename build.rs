//! Compiles the kernels for NVIDIA GPUs (`src/kernels/cuda`) to PTX, where the feature `cuda` asks for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let sources = Path::new("src/kernels/cuda");
    // Compute capability 8.0 has all that these kernels use, and the driver translates it for newer GPUs.
    compile(&sources.join("engine.cu"), "compute_80", &out.join("engine.ptx"))
        .unwrap_or_else(|why| fail(&why));
    // These are for one capability alone, and the program has others to do without them.
    let hopper = out.join("hopper.ptx");
    let made = match knows(HOPPER, &out) {
        true => compile(&sources.join("hopper.cu"), HOPPER, &hopper),
        false => {
            println!(
                "cargo::warning={} does not know {HOPPER}, CUDA 12.0 is the first to: convolutions by wgmma are left out",
                compiler().display()
            );
            fs::write(&hopper, "").map_err(|error| format!("{} cannot be written: {error}", hopper.display()))
        }
    };
    made.unwrap_or_else(|why| fail(&why));
}

/// What has `wgmma`.
const HOPPER: &str = "compute_90a";

/// Compiles `source` for an architecture to `ptx`.
fn compile(source: &Path, architecture: &str, ptx: &Path) -> Result<(), String> {
    let _ = fs::remove_file(ptx);
    match nvcc(source, architecture, ptx).status() {
        Ok(status) if status.success() && ptx.exists() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", compiler().display())),
        Err(error) => Err(format!("{} cannot be run: {error}", compiler().display())),
    }
}

/// Whether the compiler makes anything for an architecture.
fn knows(architecture: &str, out: &Path) -> bool {
    let nothing = out.join("nothing.cu");
    let tried = fs::write(&nothing, "")
        .and_then(|()| nvcc(&nothing, architecture, &out.join("nothing.ptx")).stderr(Stdio::null()).status());
    tried.is_ok_and(|status| status.success())
}

fn nvcc(source: &Path, architecture: &str, ptx: &Path) -> Command {
    let mut command = Command::new(compiler());
    command
        .args(["--ptx", &format!("-arch={architecture}"), "--std=c++17", "-O3", "-o"])
        .arg(ptx)
        .arg(source);
    command
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
