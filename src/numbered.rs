//! Names with a number in them: `frames/%05d.png`.
//!
//! A numbered sequence of pictures is written and read under one such pattern, as FFmpeg writes it,
//! so the pattern stands below both the source and the sink.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// A file name with one number, such as `%d.png` or `paint-%05d.jpg`, in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedPath {
    folder: PathBuf,
    prefix: String,
    /// At least so many digits, filled with zeros; 0 for `%d`.
    width: usize,
    suffix: String,
}

impl NumberedPath {
    /// Whether `path` is meant as a pattern: its file name holds `%d` or `%0Nd`.
    pub fn is_pattern(path: &Path) -> bool {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| split(name).is_some())
    }

    /// Reads a pattern; `%%` stands for a per cent sign. The folder's name is taken as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) if the file name has no number, or two.
    pub fn parse(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        let (prefix, width, suffix) = name.and_then(split).ok_or_else(|| {
            Error::usage(format!("'{}' is not a name for numbered pictures", path.display()))
                .hint("put one %d or %05d into the file name, as in frames/%05d.png")
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { folder, prefix, width, suffix })
    }

    /// The folder the files are in; empty for the current one.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder as it can be opened: `.` instead of nothing.
    pub(crate) fn folder_to_open(&self) -> &Path {
        if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder }
    }

    /// The file name of `number`.
    pub fn name(&self, number: u64) -> String {
        format!("{}{number:0width$}{}", self.prefix, self.suffix, width = self.width)
    }

    /// The path of `number`.
    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(self.name(number))
    }

    /// The number in a file name, if the pattern writes it just so.
    pub fn number(&self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)?;
        let number = digits.parse().ok()?;
        (self.name(number) == name).then_some(number)
    }

    /// The numbers of all files in the folder that the pattern names, rising.
    ///
    /// # Errors
    ///
    /// What the system says if the folder cannot be listed.
    pub fn existing(&self) -> std::io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(self.folder_to_open())? {
            numbers.extend(entry?.file_name().to_str().and_then(|name| self.number(name)));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

impl std::fmt::Display for NumberedPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let escaped = |text: &str| text.replace('%', "%%");
        let number = if self.width == 0 { "%d".to_owned() } else { format!("%0{}d", self.width) };
        let name = format!("{}{number}{}", escaped(&self.prefix), escaped(&self.suffix));
        self.folder.join(name).display().fmt(f)
    }
}

/// Prefix, width and suffix of a file name with exactly one number.
fn split(name: &str) -> Option<(String, usize, String)> {
    let mut texts = [String::new(), String::new()];
    let mut width = None;
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        let text = &mut texts[usize::from(width.is_some())];
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (digits, after) = after.split_once('d')?;
        // More digits than a 64-bit number has would only be a way to exhaust memory.
        let digits: usize = if digits.is_empty() { 0 } else { digits.strip_prefix('0')?.parse().ok()? };
        if width.replace(digits).is_some() || digits > 19 {
            return None;
        }
        rest = after;
    }
    texts[1].push_str(rest);
    let [prefix, suffix] = texts;
    Some((prefix, width?, suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_files_as_ffmpeg_does() {
        let named = |pattern: &str, number| NumberedPath::parse(Path::new(pattern)).unwrap().path(number);
        assert_eq!(named("frames/%05d.png", 42), Path::new("frames/00042.png"));
        assert_eq!(named("%d.jpg", 7), Path::new("7.jpg"));
        assert_eq!(named("50%%-%03d-a.tif", 1234), Path::new("50%-1234-a.tif"));
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for name in ["clip.mp4", "%s.png", "%5d.png", "%d-%d.png", "100%.png", "%099d.png", ""] {
            assert!(NumberedPath::parse(Path::new(name)).is_err(), "{name}");
            assert!(!NumberedPath::is_pattern(Path::new(name)), "{name}");
        }
        assert!(!NumberedPath::is_pattern(Path::new("%05d/clip.mp4")));
    }

    #[test]
    fn a_number_is_found_only_as_it_would_be_written() {
        let pattern = NumberedPath::parse(Path::new("a%03d.png")).unwrap();
        assert_eq!(pattern.number("a007.png"), Some(7));
        assert_eq!(pattern.number("a1234.png"), Some(1234));
        for other in ["a7.png", "a0007.png", "b007.png", "a007.jpg", "a+07.png", "a.png"] {
            assert_eq!(pattern.number(other), None, "{other}");
        }
    }
}
