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
    open_as(path, None)
}

/// As [`open`]; with a `format`, FFmpeg's name of a container or a device ("x11grab"), `path` is whatever
/// that takes for a name.
///
/// # Errors
/// As [`open`], and [`Error::usage`] for a format that this FFmpeg does not know.
pub fn open_as(path: &Path, format: Option<&str>) -> Result<ff::format::context::Input> {
    init();
    let shown = path.display();
    let format = format.map(demuxer).transpose()?;
    let is_address = format.is_some() || path.to_str().is_some_and(|path| path.contains("://"));
    if !is_address {
        files::check_readable(path)?;
    }
    // "file:" keeps FFmpeg from taking the part before a colon for a protocol.
    let prefix: &[u8] = if is_address { b"" } else { b"file:" };
    let name = [prefix, path.as_os_str().as_encoded_bytes()].concat();
    let name = CString::new(name)
        .map_err(|_| Error::input(format!("cannot read {shown}: its name contains a zero byte")))?;
    let input = open_named(&name, format).map_err(|error| match format {
        None => refusal(path, error),
        Some(_) => Error::input(format!("cannot read {shown}: {}", reason(error)))
            .hint("check the name, and that the device is there and free"),
    })?;
    // FFmpeg "plays" text files as a scrolling terminal. Nobody means that.
    if input.format().name() == "tty" {
        return Err(refusal(path, ff::Error::InvalidData));
    }
    Ok(input)
}

/// One of FFmpeg's readers, a constant of the library.
#[derive(Clone, Copy)]
struct Demuxer(*const ffi::AVInputFormat);

#[expect(unsafe_code, reason = "the wrapper finds no devices")]
fn demuxer(name: &str) -> Result<Demuxer> {
    let unknown = || {
        Error::usage(format!("this FFmpeg has no input format '{name}'")).hint(
            "`ffmpeg -devices` and `ffmpeg -demuxers` list what it has, for example x11grab, pulse or mpegts",
        )
    };
    let wanted = CString::new(name).map_err(|_| unknown())?;
    // SAFETY: a string that outlives the call; the result is a constant of the library or null.
    let found = unsafe { ffi::av_find_input_format(wanted.as_ptr()) };
    if found.is_null() { Err(unknown()) } else { Ok(Demuxer(found)) }
}

#[expect(unsafe_code, reason = "the wrapper takes only paths that are UTF-8, and panics on others")]
fn open_named(name: &CString, format: Option<Demuxer>) -> Result<ff::format::context::Input, ff::Error> {
    let mut context = std::ptr::null_mut();
    // SAFETY: `name` is a C string; on success `context` is a valid context that `Input` then owns and
    // closes; on failure FFmpeg has freed it.
    let mut input = unsafe {
        match ffi::avformat_open_input(
            &mut context,
            name.as_ptr(),
            format.map_or(std::ptr::null(), |format| format.0),
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
