//! Where a file is put: checked before work begins, written beside, renamed when it is complete.
//!
//! Hours of painting must not end at a folder that never existed, overwrite the film they were made
//! from, or leave half a file that looks finished. Every sink that makes files goes through here.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, TempPath};

/// What to do if there is a file of that name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// Say so and leave it alone.
    #[default]
    Refuse,
    /// Put the new file in its place, at the very end.
    Replace,
}

/// A final name, and a file beside it that is not there yet for others. Dropping it removes the
/// unfinished file.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    existing: Existing,
}

impl Place {
    /// Checks that `path` can be written: its folder exists, it is no folder itself, there is no such
    /// file unless it may be replaced, and it is none of the `inputs`, by whatever name or link.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output), naming what is in the way;
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) if it is one of the inputs.
    pub fn new<P: AsRef<Path>>(path: &Path, existing: Existing, inputs: &[P]) -> Result<Self> {
        let shown = path.display();
        if path.file_name().is_none() || path.is_dir() {
            return Err(Error::output(format!("cannot write {shown}: it is a folder"))
                .hint("name the file to write in it"));
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            let cause = if folder.exists() { "is not a folder" } else { "does not exist" };
            let error = Error::output(format!("cannot write {shown}: {} {cause}", folder.display()));
            return Err(if folder.exists() {
                error
            } else {
                error.hint(format!("mkdir -p '{}'", folder.display()))
            });
        }
        if inputs.iter().any(|input| is_same_file(path, input.as_ref())) {
            return Err(Error::usage(format!(
                "cannot write {shown}: it is the input, which is never overwritten"
            ))
            .hint("give the output another name"));
        }
        if existing == Existing::Refuse && path.symlink_metadata().is_ok() {
            return Err(exists_already(path));
        }
        // Through a link, the file it points to is replaced and not the link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Self { path, existing })
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An empty file in the same folder, hidden, with the final name's extension at the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if the folder cannot be written to.
    pub fn beside(&self) -> Result<NamedTempFile> {
        let name = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let prefix = format!(".{}.", name(self.path.file_stem()));
        let suffix = format!(".part.{}", name(self.path.extension()));
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(&suffix);
        #[cfg(unix)]
        {
            // As an ordinary new file: readable for others as far as the umask lets it.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(folder_of(&self.path)).map_err(|error| cannot_write(&self.path, &error))
    }

    /// Gives the finished file its name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if it cannot be renamed, or if meanwhile
    /// somebody else made a file of that name and it may not be replaced.
    pub fn complete(&self, file: TempPath) -> Result<()> {
        let renamed = match self.existing {
            Existing::Refuse => file.persist_noclobber(&self.path),
            Existing::Replace => file.persist(&self.path),
        };
        renamed.map_err(|error| match error.error.kind() {
            IoErrorKind::AlreadyExists => exists_already(&self.path),
            _ => cannot_write(&self.path, &error.error),
        })
    }
}

/// Writes a small file: beside its final name, then renamed.
///
/// # Errors
///
/// As [`Place::new`] and [`Place::complete`], or [`ErrorKind::Output`](crate::error::ErrorKind::Output) if
/// the disk is full.
pub fn write_file<P: AsRef<Path>>(path: &Path, bytes: &[u8], existing: Existing, inputs: &[P]) -> Result<()> {
    let place = Place::new(path, existing, inputs)?;
    let (mut file, beside) = place.beside()?.into_parts();
    file.write_all(bytes).map_err(|error| cannot_write(path, &error))?;
    place.complete(beside)
}

/// The folder a file is in, as it can be opened.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// "cannot write" with the cause in words that people know.
pub(crate) fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    let shown = path.display();
    let folder = folder_of(path).display();
    match error.kind() {
        IoErrorKind::StorageFull | IoErrorKind::QuotaExceeded => {
            Error::output(format!("cannot write {shown}: the disk is full"))
                .hint("make room, or write to another disk")
        }
        IoErrorKind::PermissionDenied => Error::output(format!("cannot write {shown}: permission denied"))
            .hint(format!("check the permissions of {folder}")),
        IoErrorKind::ReadOnlyFilesystem => {
            Error::output(format!("cannot write {shown}: the disk is read-only"))
                .hint("write to another folder")
        }
        _ => Error::output(format!("cannot write {shown}: {error}")),
    }
}

fn exists_already(path: &Path) -> Error {
    Error::output(format!("{} exists already", path.display())).hint("-y replaces it, or give another name")
}

/// Whether two names stand for one file: through links of both kinds, and however the path is spelt.
pub(crate) fn is_same_file(a: &Path, b: &Path) -> bool {
    if let (Ok(a), Ok(b)) = (a.canonicalize(), b.canonicalize())
        && a == b
    {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| path.metadata().ok().map(|data| (data.dev(), data.ino()));
        identity(a).is_some_and(|identity_of_a| identity(b) == Some(identity_of_a))
    }
    #[cfg(not(unix))]
    false
}

/// Flushes a finished file to the system, so that a full disk is noticed before the renaming.
pub(crate) fn flushed(file: std::io::BufWriter<File>, path: &Path) -> Result<()> {
    file.into_inner().map(drop).map_err(|error| cannot_write(path, error.error()))
}
