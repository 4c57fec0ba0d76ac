//! Opening films: FFmpeg's `avformat_open_input`, with words for what it refuses.
//!
//! FFmpeg says "invalid data found" for a letter, a torn download and noise alike. The first bytes of
//! the file tell them apart.

use super::{init, reason};
use crate::error::{Error, Result};
use crate::files;
use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use std::ffi::CString;
use std::path::Path;

/// Opens a film, or anything else FFmpeg reads, and looks into its streams. A path with `://` is taken
/// as an address and handed to FFmpeg as it is.
///
/// # Errors
/// [`Error::input`] where there is nothing to read, or nothing FFmpeg can make sense of.
pub fn open(path: &Path) -> Result<ff::format::context::Input> {
    init();
    let shown = path.display();
    let is_address = path.to_str().is_some_and(|path| path.contains("://"));
    if !is_address {
        files::check_readable(path)?;
    }
    // "file:" keeps FFmpeg from taking the part before a colon for a protocol.
    let prefix: &[u8] = if is_address { b"" } else { b"file:" };
    let name = [prefix, path.as_os_str().as_encoded_bytes()].concat();
    let name = CString::new(name)
        .map_err(|_| Error::input(format!("cannot read {shown}: its name contains a zero byte")))?;
    let input = open_named(&name).map_err(|error| refusal(path, error))?;
    // FFmpeg "plays" text files as a scrolling terminal. Nobody means that.
    if input.format().name() == "tty" {
        return Err(refusal(path, ff::Error::InvalidData));
    }
    Ok(input)
}

#[expect(unsafe_code, reason = "the wrapper takes only paths that are UTF-8, and panics on others")]
fn open_named(name: &CString) -> Result<ff::format::context::Input, ff::Error> {
    let mut context = std::ptr::null_mut();
    // SAFETY: `name` is a C string; on success `context` is a valid context that `Input` then owns and
    // closes; on failure FFmpeg has freed it.
    let mut input = unsafe {
        match ffi::avformat_open_input(
            &mut context,
            name.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        ) {
            0 => ff::format::context::Input::wrap(context),
            code => return Err(code.into()),
        }
    };
    // SAFETY: the context is valid; the options are absent.
    match unsafe { ffi::avformat_find_stream_info(input.as_mut_ptr(), std::ptr::null_mut()) } {
        code if code < 0 => Err(code.into()),
        _ => Ok(input),
    }
}

/// The sentence for what FFmpeg would not open.
fn refusal(path: &Path, error: ff::Error) -> Error {
    let shown = path.display();
    let head = files::head(path);
    if error == ff::Error::Eof {
        return Error::input(format!("cannot read {shown}: it ends before its first frame"))
            .hint("copy or download it again");
    }
    if error != ff::Error::InvalidData {
        return Error::input(format!("cannot read {shown}: {}", reason(error)))
            .hint(format!("see what `ffprobe {shown}` says of it"));
    }
    if files::looks_like_text(&head) {
        return Error::input(format!("cannot read {shown}: it is a text file, not a film"))
            .hint("check the path; a download that failed often leaves a page of text");
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Error::input(format!(
            "cannot read {shown}: its index (the 'moov' part, written last) is missing or broken, so nothing in it can be found"
        ))
        .hint("copy or download it again; if the recording itself was cut off, a repair tool such as untrunc may rebuild the index");
    }
    Error::input(format!("cannot read {shown}: it is not a film or picture FFmpeg knows"))
        .hint(format!("see what `ffprobe {shown}` says of it"))
}
