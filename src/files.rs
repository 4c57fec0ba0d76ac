//! Looks at a file before anybody reads it, so that the simplest mistakes get the clearest words.
//!
//! A missing file, a missing folder, a folder where a file should be, an empty or unreadable file: a
//! decoder would call all of them "invalid data". Here each has its own sentence, and a name that is
//! nearly right gets a suggestion.

use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::path::Path;

/// How many bytes [`looks_like_text`] asks for; more tell nothing new.
pub const SNIFF_BYTES: usize = 512;

/// Checks that `path` names something that can be opened and is not empty.
///
/// # Errors
/// [`Error::input`] with the cause and the next step. Pipes and devices pass: only regular files can
/// be seen to be empty.
pub fn check_readable(path: &Path) -> Result<()> {
    let shown = path.display();
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Err(missing(path, &error)),
    };
    if metadata.is_dir() {
        return Err(Error::input(format!("cannot read {shown}: it is a directory"))
            .hint("name a file inside it, or a numbered sequence of pictures such as frames/%05d.png"));
    }
    if metadata.is_file() {
        if let Err(error) = std::fs::File::open(path) {
            return Err(missing(path, &error));
        }
        if metadata.len() == 0 {
            return Err(Error::input(format!("cannot read {shown}: the file is empty"))
                .hint("copy or download it again"));
        }
    }
    Ok(())
}

/// The sentence for a path that the system would not open.
fn missing(path: &Path, error: &std::io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Error::input(format!("cannot read {shown}: permission denied"))
            .hint("give yourself the right to read it (chmod +r), or copy it elsewhere"),
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            match folder {
                Some(folder) if !folder.is_dir() => {
                    Error::input(format!("cannot read {shown}: there is no folder {}", folder.display()))
                        .hint("check the path; relative paths start at the current folder")
                }
                _ => {
                    let hint = match similar_name(path) {
                        Some(name) => format!("did you mean {name}?"),
                        None => "check the name; relative paths start at the current folder".into(),
                    };
                    Error::input(format!("cannot read {shown}: there is no such file")).hint(hint)
                }
            }
        }
        _ => Error::input(format!("cannot read {shown}: {error}")),
    }
}

/// The file beside `path` whose name differs least, if it differs by no more than a slip of the
/// finger: two letters, the case, or the extension.
fn similar_name(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?.to_lowercase();
    let stem = path.file_stem()?.to_str()?.to_lowercase();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut best: Option<(usize, String)> = None;
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let found = entry.path();
        if found.is_dir() {
            continue;
        }
        let Some(name) = found.file_name().and_then(|name| name.to_str()) else { continue };
        let same_stem = found.file_stem().is_some_and(|other| other.to_string_lossy().to_lowercase() == stem);
        let distance = if same_stem { 1 } else { strsim::damerau_levenshtein(&wanted, &name.to_lowercase()) };
        let near = distance <= 2 && 3 * distance <= wanted.len();
        if near && best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, path.with_file_name(name).display().to_string()));
        }
    }
    best.map(|(_, name)| name)
}

/// Whether the first bytes of a file read as text: valid UTF-8 (but for a cut last letter) without
/// control characters other than white space.
pub fn looks_like_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

/// Up to [`SNIFF_BYTES`] from the beginning of a regular file; empty if it cannot be read.
pub fn head(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = Vec::new();
    if path.is_file()
        && let Ok(file) = std::fs::File::open(path)
    {
        let _ = file.take(SNIFF_BYTES as u64).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &Path) -> (String, String) {
        let error = check_readable(path).unwrap_err();
        (error.to_string(), error.next_step().unwrap_or_default().to_owned())
    }

    #[test]
    fn each_way_of_not_being_there_has_its_own_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("clip.mp4"), b"x").unwrap();
        std::fs::write(at("empty.mp4"), b"").unwrap();
        assert!(check_readable(&at("clip.mp4")).is_ok());
        assert!(said(&at("empty.mp4")).0.ends_with("the file is empty"));
        assert!(said(folder.path()).0.ends_with("it is a directory"));
        assert!(said(&at("no/such.mp4")).0.contains("there is no folder"));
        assert!(said(&at("wholly-different.mkv")).0.ends_with("there is no such file"));
    }

    #[test]
    fn a_name_that_is_nearly_right_gets_a_suggestion() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("holiday.mp4"), b"x").unwrap();
        for slip in ["holyday.mp4", "Holiday.MP4", "holiday.mkv", "hoilday.mp4"] {
            if at(slip).exists() {
                continue; // a file system that ignores case
            }
            let (_, hint) = said(&at(slip));
            assert_eq!(hint, format!("did you mean {}?", at("holiday.mp4").display()), "{slip}");
        }
        assert!(!said(&at("a.mp4")).1.contains("did you mean"));
    }

    #[test]
    fn text_is_told_from_binary() {
        assert!(looks_like_text("Grüße,\n\tworld".as_bytes()));
        assert!(looks_like_text(&"ü".as_bytes()[..1].iter().fold(b"abc".to_vec(), |mut v, b| {
            v.push(*b);
            v
        })));
        assert!(!looks_like_text(b"\0\0\0\x20ftypisom"));
        assert!(!looks_like_text(b""));
    }
}
