//! What a film says of how it was made, as tags of its container.
//!
//! MP4, MOV and AVI keep only tags that they know: there the line is added to the comment, which keeps its
//! other lines. Others have a tag of our own. A film that was painted from a painted one would bring the
//! old line along, so that is taken out.

use super::mux::Container;
use super::open;
use crate::error::Result;
use crate::provenance::{Provenance, is_provenance};
use ff::ffi::*;
use ff::format::context::Output;
use ffmpeg_next as ff;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

const COMMENT: &CStr = c"comment";
/// [`crate::provenance::KEYWORD`], for FFmpeg.
const OWN: &CStr = c"stylecast";

/// Says in `out`, whose header is yet to be written and whose other tags are there already, how it was made;
/// `None` leaves nothing of it.
pub fn write_provenance(out: &mut Output, container: Container, provenance: Option<&Provenance>) {
    let in_comment = container.has_edit_lists() || container.name() == "avi";
    let (own, added) = match provenance.map(Provenance::as_str) {
        Some(line) if in_comment => (None, Some(line)),
        line => (line, None),
    };
    set(out, OWN, own.map(str::as_bytes));
    let before = get(out, COMMENT);
    let kept = before.as_deref().unwrap_or_default().split(|&byte| byte == b'\n');
    let kept = kept.filter(|line| !line.is_empty() && !is_provenance(line));
    let lines: Vec<&[u8]> = kept.chain(added.map(str::as_bytes)).collect();
    let comment = lines.join(&b'\n');
    if before.is_some() || added.is_some() {
        set(out, COMMENT, Some(comment.as_slice()).filter(|comment| !comment.is_empty()));
    }
}

/// What the film at `path` says of how it was made; `None` if it says nothing.
///
/// # Errors
/// As [`open::open`].
pub fn read_provenance(path: &Path) -> Result<Option<Provenance>> {
    let input = open::open(path)?;
    let found = |text: Vec<u8>| Provenance::find(&String::from_utf8_lossy(&text));
    let keys = [OWN, COMMENT];
    #[expect(unsafe_code, reason = "the wrapper takes tags for UTF-8")]
    // SAFETY: the dictionaries belong to an open context and its streams, which are borrowed.
    let said = unsafe {
        let of_film = keys.iter().find_map(|key| found(value((*input.as_ptr()).metadata, key)?));
        // Ogg has its tags in the streams.
        of_film.or_else(|| {
            input.streams().find_map(|stream| {
                keys.iter().find_map(|key| found(value((*stream.as_ptr()).metadata, key)?))
            })
        })
    };
    Ok(said)
}

#[expect(unsafe_code, reason = "the wrapper takes tags for UTF-8")]
fn get(out: &Output, key: &CStr) -> Option<Vec<u8>> {
    // SAFETY: the dictionary belongs to an open context, which is borrowed.
    unsafe { value((*out.as_ptr()).metadata, key) }
}

/// The value of `key`.
///
/// # Safety
/// `tags` is a dictionary or null.
#[expect(unsafe_code, reason = "the wrapper takes tags for UTF-8")]
unsafe fn value(tags: *const AVDictionary, key: &CStr) -> Option<Vec<u8>> {
    // SAFETY: as this function's own; entries hold C strings.
    unsafe {
        let entry = av_dict_get(tags, key.as_ptr(), ptr::null(), 0);
        (!entry.is_null()).then(|| CStr::from_ptr((*entry).value).to_bytes().to_owned())
    }
}

/// Sets a tag, or removes it.
#[expect(unsafe_code, reason = "the wrapper can only replace all tags at once")]
fn set(out: &mut Output, key: &CStr, value: Option<&[u8]>) {
    // Values come from C strings or are plain ASCII: none has a zero byte.
    let value = value.and_then(|value| CString::new(value).ok());
    let value = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
    // SAFETY: the dictionary belongs to the context, borrowed mutably; FFmpeg copies the strings, and a
    // null value removes the key. Without memory the tag is missing, which is no harm.
    unsafe { av_dict_set(&mut (*out.as_mut_ptr()).metadata, key.as_ptr(), value, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::mux::{Target, create};
    use crate::provenance::KEYWORD;

    /// What is left of a comment and a line of our own, in a film of this kind.
    fn said(kind: &str, comment: &CStr, provenance: Option<&Provenance>) -> [Option<String>; 2] {
        crate::ffmpeg::init();
        let container = Container::by_name(kind).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut out = create(container, Target::File(&folder.path().join("film"))).unwrap();
        set(&mut out, COMMENT, Some(comment.to_bytes()));
        set(&mut out, OWN, Some(b"{\"stylecast\":\"old\"}"));
        write_provenance(&mut out, container, provenance);
        [COMMENT, OWN].map(|key| get(&out, key).map(|value| String::from_utf8(value).unwrap()))
    }

    #[test]
    fn a_comment_keeps_its_lines_and_loses_what_an_older_painting_said() {
        assert_eq!(OWN.to_bytes(), KEYWORD.as_bytes());
        let new = Provenance::new(r#"{"stylecast":"new"}"#).unwrap();
        let before = c"By the sea\n{\"stylecast\":\"old\"}\nin June";
        let text = |text: &str| Some(text.to_owned());
        for kind in ["mp4", "mov", "avi"] {
            let expected = [text("By the sea\nin June\n{\"stylecast\":\"new\"}"), None];
            assert_eq!(said(kind, before, Some(&new)), expected, "{kind}");
        }
        for kind in ["matroska", "webm", "nut"] {
            let expected = [text("By the sea\nin June"), text(new.as_str())];
            assert_eq!(said(kind, before, Some(&new)), expected, "{kind}");
            assert_eq!(said(kind, before, None), [text("By the sea\nin June"), None], "{kind}");
        }
        assert_eq!(said("mp4", c"{\"stylecast\":\"old\"}", None), [None, None]);
    }
}
