//! Opens the driver and CUDA's libraries before the tensor library asks for them.
//!
//! The tensor library opens them by their bare names when it first needs them, and panics where the loader does
//! not know one. A library that is open already is found by its name, wherever it came from: so what
//! [`libraries`](super::libraries) finds is opened here first and never closed.

use super::libraries::{DRIVER, Places};
use libloading::Library;
use std::error::Error;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What was opened.
pub(super) struct Loaded {
    /// The newest version of CUDA that the driver knows, major and minor.
    pub(super) driver: (u32, u32),
    /// The driver's library first. Held for good: the tensor library keeps functions of them.
    libraries: Vec<(PathBuf, Library)>,
}

impl Loaded {
    /// As the libraries were found.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.libraries.iter().map(|(path, _)| path.clone()).collect()
    }
}

/// Opens everything, once.
///
/// # Errors
/// What is missing, as a part of a sentence.
pub(super) fn load() -> Result<&'static Loaded, String> {
    static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
    LOADED.get_or_init(search).as_ref().map_err(Clone::clone)
}

fn search() -> Result<Loaded, String> {
    let mut places = Places::from_environment();
    let driver = places.open(DRIVER, &mut open).map_err(|why| format!("there is no NVIDIA driver: {why}"))?;
    let version = driver_version(&driver.1);
    let major = version.map(|(major, _)| major);
    let missing = |why: String| match version {
        Some((major, minor)) => format!("{why}; the driver is for CUDA {major}.{minor}"),
        None => why,
    };
    let mut libraries = vec![driver];
    match places.open_all(major, &mut open) {
        Ok(found) => libraries.extend(found),
        Err(why) => {
            let stand_ins = stand_ins().ok_or_else(|| missing(why))?;
            places.add_last(stand_ins.path());
            libraries.extend(places.open_all(major, &mut open).map_err(missing)?);
        }
    }
    Ok(Loaded { driver: version.unwrap_or_default(), libraries })
}

#[expect(unsafe_code, reason = "opening a library runs its initialisers")]
fn open(path: &Path) -> Result<Library, String> {
    // SAFETY: the initialisers of NVIDIA's libraries may run at any time and on any thread. What else somebody
    // has put under their names runs with that person's rights, as with every dynamic loader.
    let opened = unsafe { Library::new(path) };
    // The error itself says no more than that it failed.
    opened.map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

/// The newest version of CUDA that the driver knows, major and minor.
#[expect(unsafe_code, reason = "functions of the driver have no safe signature")]
fn driver_version(driver: &Library) -> Option<(u32, u32)> {
    type GetVersion = unsafe extern "C" fn(*mut c_int) -> c_int;
    let mut version: c_int = 0;
    // SAFETY: `CUresult cuDriverGetVersion(int *)` in cuda.h, which may be called before anything else.
    let status = unsafe { driver.get::<GetVersion>("cuDriverGetVersion").ok()?(&raw mut version) };
    let version = u32::try_from(version).ok().filter(|_| status == 0)?;
    Some((version / 1000, version % 1000 / 10))
}

/// A folder with stand-ins for libraries that the tensor library opens and stylecast has no use for. It may go
/// once they are open.
#[cfg(stylecast_portable)]
fn stand_ins() -> Option<tempfile::TempDir> {
    /// For cuRAND: random numbers are never drawn on the GPU, and PyTorch's packages do not bring it.
    const CURAND: &[u8] = include_bytes!(env!("STYLECAST_CURAND_STAND_IN"));
    let folder = tempfile::tempdir().ok()?;
    std::fs::write(folder.path().join("libcurand.so.10"), CURAND).ok()?;
    Some(folder)
}

/// A program that is linked with the libraries starts with all of them or not at all.
#[cfg(not(stylecast_portable))]
fn stand_ins() -> Option<tempfile::TempDir> {
    None
}
