//! Opening a GPU without ever bringing the program down.

use super::reasons::reason;
use super::{Gpu, loader, trial};
use candle_core::Device;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

type Opened = Result<(Device, Gpu), String>;

/// The GPU of this number once it has passed its trial, or why it cannot be used. Looks once for each number.
pub(super) fn open(number: usize) -> Opened {
    static OPENED: Mutex<BTreeMap<usize, Opened>> = Mutex::new(BTreeMap::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.entry(number).or_insert_with(|| look(number)).clone()
}

fn look(number: usize) -> Opened {
    let loaded = loader::load()?;
    quietly(move || {
        // With a stream of its own: candle's usual one is another on every thread, and pictures are painted on
        // another thread than the one that puts the weights there.
        let device = Device::new_cuda_with_stream(number).map_err(|error| error.to_string())?;
        trial::passes(&device)?;
        let context = device.as_cuda_device().map_err(|error| error.to_string())?.cuda_stream();
        let context = context.context();
        let gpu = Gpu {
            name: context.name().unwrap_or_else(|_| "an NVIDIA GPU".into()),
            memory: context.total_mem().unwrap_or_default() as u64,
            cuda: loaded.driver,
            libraries: loaded.paths(),
        };
        Ok((device, gpu))
    })
    .map_err(|why| reason(&why))
}

/// Bytes of memory that nobody uses.
pub(super) fn free_memory(device: &Device) -> Option<u64> {
    let stream = device.as_cuda_device().ok()?.cuda_stream();
    quietly(move || stream.context().mem_get_info().map_err(|error| error.to_string()))
        .ok()
        .map(|(free, _)| free as u64)
}

/// Does what may panic: bindings that miss a library or one of its functions know no other way to say so.
fn quietly<R>(work: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    // Nothing that a panic may have left half done is looked at again.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        Err(text.or(payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(quietly(|| Ok(3)), Ok(3));
        assert_eq!(quietly::<()>(|| panic!("no {}", "library")), Err("no library".into()));
        assert_eq!(quietly::<()>(|| panic!("no library")), Err("no library".into()));
    }

    #[test]
    fn a_second_look_is_the_first() {
        assert_eq!(open(0).err(), open(0).err());
        assert!(open(9999).is_err());
    }
}
