//! `--style A.jpg=2,B.jpg=1`: which pictures, and how much each counts.
//!
//! File names may contain `=` and `,` themselves. What exists as a file is that file: the whole value
//! first, then the shortest run of comma-separated parts.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One picture of a blend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StyleFile {
    pub(super) path: PathBuf,
    /// Its share, relative to the others.
    pub(super) weight: f64,
}

/// Reads the values of all `--style` options of a command that knows one painter.
pub(super) fn one_painter(values: &[impl AsRef<OsStr>]) -> Result<Vec<StyleFile>> {
    match values {
        [] => Err(Error::usage("no style is given").hint("add --style PICTURE")),
        [value] => blend(value.as_ref(), Path::is_file),
        values => {
            let list: Vec<_> = values.iter().map(|value| value.as_ref().to_string_lossy()).collect();
            Err(Error::usage(format!("{} styles are given, but there is one painter", values.len()))
                .hint(format!("to blend them, write --style {}", list.join(","))))
        }
    }
}

/// Reads the values of all `--style` options of a command that knows several painters.
pub(super) fn painters(values: &[impl AsRef<OsStr>]) -> Result<Vec<Vec<StyleFile>>> {
    values.iter().map(|value| blend(value.as_ref(), Path::is_file)).collect()
}

/// What a painter is called: the names of its pictures, without folders and extensions.
pub(super) fn name(files: &[StyleFile]) -> String {
    let stem = |file: &StyleFile| file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files.iter().map(stem).collect::<Vec<_>>().join(" + ")
}

fn blend(value: &OsStr, exists: impl Fn(&Path) -> bool) -> Result<Vec<StyleFile>> {
    let whole = || vec![StyleFile { path: value.into(), weight: 1.0 }];
    let text = match value.to_str() {
        Some(text) if !exists(Path::new(value)) => text,
        _ => return Ok(whole()),
    };
    let parts: Vec<&str> = text.split(',').collect();
    let mut files = Vec::new();
    let mut begin = 0;
    while begin < parts.len() {
        let runs = (begin + 1..=parts.len()).map(|end| (end, parts[begin..end].join(",")));
        let found = runs.clone().find_map(|(end, run)| existing(&run, &exists).map(|file| (end, file)));
        let (end, file) = match found {
            Some((end, file)) => (end, file?),
            // Nothing of that name: the plain reading, and whoever opens the file says that it is missing.
            None => (begin + 1, plain(parts[begin], text)?),
        };
        files.push(file);
        begin = end;
    }
    Ok(files)
}

/// `run` as a file that exists, with or without a weight behind it.
fn existing(run: &str, exists: &impl Fn(&Path) -> bool) -> Option<Result<StyleFile>> {
    if exists(Path::new(run)) {
        return Some(Ok(StyleFile { path: run.into(), weight: 1.0 }));
    }
    let (path, weight) = run.rsplit_once('=')?;
    exists(Path::new(path)).then(|| weighted(path, weight))
}

fn plain(part: &str, whole: &str) -> Result<StyleFile> {
    let (path, weight) = part.rsplit_once('=').unwrap_or((part, "1"));
    if path.trim().is_empty() {
        return Err(Error::usage(format!("--style {whole} names an empty file name"))
            .hint("write a picture, or several as A.jpg=2,B.jpg=1"));
    }
    weighted(path, weight)
}

fn weighted(path: &str, weight: &str) -> Result<StyleFile> {
    let value = weight.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
    match value {
        Some(weight) => Ok(StyleFile { path: path.into(), weight }),
        None => Err(Error::usage(format!("the style {path} has the weight '{weight}'"))
            .hint("weights of blended styles are numbers above 0, for example A.jpg=2,B.jpg=1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blend among `files` that exist, as `path=weight` strings.
    fn read(value: &str, files: &[&str]) -> Result<Vec<String>> {
        let files = blend(value.as_ref(), |path| files.iter().any(|file| Path::new(file) == path))?;
        Ok(files.iter().map(|file| format!("{}={}", file.path.display(), file.weight)).collect())
    }

    #[test]
    fn a_list_is_a_blend_and_a_name_alone_weighs_one() {
        assert_eq!(read("a.jpg", &["a.jpg"]).unwrap(), ["a.jpg=1"]);
        assert_eq!(read("a.jpg=2,b.jpg", &["a.jpg", "b.jpg"]).unwrap(), ["a.jpg=2", "b.jpg=1"]);
        assert_eq!(read("missing.jpg=0.5,b.jpg=1", &["b.jpg"]).unwrap(), ["missing.jpg=0.5", "b.jpg=1"]);
    }

    #[test]
    fn commas_and_equals_signs_in_names_of_files_that_exist_are_kept() {
        assert_eq!(read("a=2,b.jpg", &["a=2,b.jpg"]).unwrap(), ["a=2,b.jpg=1"]);
        assert_eq!(read("x=1.jpg=3", &["x=1.jpg"]).unwrap(), ["x=1.jpg=3"]);
        assert_eq!(
            read("one, two.jpg=3,c.jpg", &["one, two.jpg", "c.jpg"]).unwrap(),
            ["one, two.jpg=3", "c.jpg=1"]
        );
    }

    #[test]
    fn weights_must_be_positive_numbers() {
        for bad in
            ["a.jpg=0", "a.jpg=-1", "a.jpg=nan", "a.jpg=inf", "a.jpg=x", "a.jpg=", "=2", "", "a.jpg,,b.jpg"]
        {
            assert!(read(bad, &["a.jpg", "b.jpg"]).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_painters_are_read_and_named() {
        let painters = painters(&["a/b.jpg", "c.png=2,d.e.jpg=1"]).unwrap();
        assert_eq!(painters.iter().map(|files| name(files)).collect::<Vec<_>>(), ["b", "c + d.e"]);
        assert!(super::painters(&["a.jpg=0"]).is_err());
    }

    #[test]
    fn several_painters_are_refused_with_the_list_to_write() {
        let error = one_painter(&["a.jpg", "b.jpg=2"]).unwrap_err();
        assert!(error.next_step().unwrap().contains("--style a.jpg,b.jpg=2"));
        assert!(one_painter(&[] as &[&str]).is_err());
    }
}
