//! From what was asked to a file that may be written: all that can be wrong with a path is found
//! before the first frame is painted, and nothing stands under the final name before all is done.

use super::options::{Existing, Output, VideoSinkOptions};
use crate::error::{Error, Result};
use crate::ffmpeg::mux::{self, Container, Target};
use crate::sink::place::is_same_file;
use ffmpeg_next as ff;
use std::fs;
use std::io::{ErrorKind as Io, IsTerminal};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Where the bytes go until they are complete, and where they stand then.
#[derive(Debug)]
pub(super) struct Destination {
    place: Place,
    /// As the user wrote it, for messages.
    name: String,
}

#[derive(Debug)]
enum Place {
    /// Written to `part`, which is removed when dropped, then renamed to `path`.
    Beside {
        part: TempPath,
        path: PathBuf,
        existing: Existing,
    },
    /// A device or named pipe, written as it is.
    Direct(PathBuf),
    Stdout,
}

impl Destination {
    /// Checks the path and makes the temporary file.
    pub(super) fn prepare(output: &Output, options: &VideoSinkOptions) -> Result<Self> {
        let Output::File(path) = output else {
            return Self::stdout();
        };
        let name = path.display().to_string();
        let cannot = |cause: &str| Error::output(format!("cannot write {name}: {cause}"));
        // Through a link: the film belongs where the link points.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        if let Ok(metadata) = fs::metadata(&path) {
            if metadata.is_dir() {
                return Err(cannot("it is a directory")
                    .hint(format!("name a file in it, for example {}", path.join("painted.mp4").display())));
            }
            if let Some(companion) = &options.companion
                && is_same_file(&path, &companion.path)
            {
                return Err(Error::usage(format!("cannot write {name}: it is the film being read"))
                    .hint("choose another name with -o"));
            }
            if !metadata.is_file() {
                return Ok(Self { place: Place::Direct(path), name });
            }
            if options.existing == Existing::Refuse {
                return Err(cannot("it exists already").hint("add -y to replace it, or choose another name"));
            }
        }
        let Some(file_name) = path.file_name() else {
            return Err(cannot("it does not name a file").hint("write a file name, for example painted.mp4"));
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(file_name);
        prefix.push(".stylecast-");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Like any new file: what the user's umask leaves of it.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let part = builder.tempfile_in(folder).map_err(|error| folder_error(&name, folder, error))?;
        Ok(Self {
            place: Place::Beside { part: part.into_temp_path(), path, existing: options.existing },
            name,
        })
    }

    fn stdout() -> Result<Self> {
        if std::io::stdout().is_terminal() {
            return Err(Error::usage("cannot write a film to a terminal")
                .hint("pipe it into another program (… -o - --format nut | ffplay -), or name a file"));
        }
        Ok(Self { place: Place::Stdout, name: "standard output".into() })
    }

    /// The name for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the container is to be written.
    pub(super) fn target(&self) -> Target<'_> {
        match &self.place {
            Place::Beside { part, .. } => Target::File(part),
            Place::Direct(path) => Target::File(path),
            Place::Stdout => Target::Stdout,
        }
    }

    /// Whether one can go back in it to complete a header.
    pub(super) fn is_seekable(&self) -> bool {
        matches!(self.place, Place::Beside { .. })
    }

    /// The file to look at before it gets its name; `None` for pipes and devices.
    pub(super) fn part(&self) -> Option<&Path> {
        match &self.place {
            Place::Beside { part, .. } => Some(part),
            Place::Direct(_) | Place::Stdout => None,
        }
    }

    /// Puts the complete film under its final name, safely on the disk.
    pub(super) fn publish(self) -> Result<Option<PathBuf>> {
        let (part, path, existing) = match self.place {
            Place::Beside { part, path, existing } => (part, path, existing),
            Place::Direct(path) => return Ok(Some(path)),
            Place::Stdout => return Ok(None),
        };
        let name = self.name;
        let failed = |error: std::io::Error| io_error(&name, error);
        fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
        match existing {
            Existing::Replace => part.persist(&path),
            Existing::Refuse => part.persist_noclobber(&path),
        }
        .map_err(|error| match error.error.kind() {
            Io::AlreadyExists => {
                Error::output(format!("cannot write {name}: it has come to exist meanwhile"))
                    .hint("add -y to replace it, or choose another name")
            }
            _ => io_error(&name, error.error),
        })?;
        Ok(Some(path))
    }
}

fn folder_error(name: &str, folder: &Path, error: std::io::Error) -> Error {
    let shown = folder.display();
    match error.kind() {
        // Some systems' own folders (/proc) exist and yet say "not found" to whoever writes there.
        Io::NotFound if folder.is_dir() => {
            Error::output(format!("cannot write {name}: no files can be made in the folder {shown}"))
                .hint("choose another folder with -o")
        }
        Io::NotFound => Error::output(format!("cannot write {name}: there is no folder {shown}"))
            .hint(format!("make it first: mkdir -p {shown}")),
        Io::NotADirectory => Error::output(format!("cannot write {name}: {shown} is not a folder"))
            .hint("choose another name with -o"),
        Io::PermissionDenied => {
            Error::output(format!("cannot write {name}: you may not write into the folder {shown}"))
                .hint("choose a folder of your own with -o")
        }
        Io::ReadOnlyFilesystem => {
            Error::output(format!("cannot write {name}: the folder {shown} is read-only"))
                .hint("choose another folder with -o")
        }
        _ => io_error(name, error),
    }
}

fn io_error(name: &str, error: std::io::Error) -> Error {
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => disk_full(name),
        _ => Error::output(format!("cannot write {name}: {error}"))
            .hint("choose another folder with -o")
            .caused_by(error),
    }
}

fn disk_full(name: &str) -> Error {
    Error::output(format!("cannot write {name}: the disk is full"))
        .hint("make room, or choose a folder on another disk with -o")
}

/// What FFmpeg says about a failed write, in the words of this room.
pub(super) fn write_error(name: &str, error: ff::Error) -> Error {
    match error {
        ff::Error::Other { errno: ff::error::ENOSPC } => disk_full(name),
        ff::Error::Other { errno: ff::error::EPIPE } => {
            Error::output(format!("cannot write {name}: the program that reads it has stopped"))
                .hint("see what that program says")
        }
        error => Error::output(format!("cannot write {name}: {error}"))
            .hint("try another container or codec, for example -o painted.mkv"),
    }
}

/// Which container is meant: the one named, else the one of the extension.
pub(super) fn container(output: &Output, format: Option<&str>) -> Result<Container> {
    const WORKING: &str = "mp4, mkv, mov and webm work everywhere";
    if let Some(format) = format {
        // People say "mkv" and "ts" for what FFmpeg calls "matroska" and "mpegts".
        let found = Container::by_name(format).or_else(|| Container::by_extension(format));
        return found
            .ok_or_else(|| Error::usage(format!("there is no container '{format}'")).hint(WORKING))
            .and_then(not_pictures);
    }
    let Output::File(path) = output else {
        return Err(Error::usage("a pipe needs to know its container")
            .hint("add --format nut (or mp4, matroska, yuv4mpegpipe, rawvideo)"));
    };
    let name = path.display();
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
        return Err(Error::usage(format!("cannot tell the container of {name}: it has no extension"))
            .hint(format!("name it {name}.mp4, or add --format; {WORKING}")));
    };
    Container::by_extension(extension)
        .ok_or_else(|| Error::usage(format!("no video container is called '.{extension}'")).hint(WORKING))
        .and_then(not_pictures)
}

fn not_pictures(container: Container) -> Result<Container> {
    let video = container.default_codec(ff::media::Type::Video);
    if container.name() == "image2" || matches!(video, ff::codec::Id::None | ff::codec::Id::PNG) {
        return Err(Error::usage(format!("a film cannot be written as {}", container.name()))
            .hint("write painted.mp4, or pictures with -o frames/%05d.png"));
    }
    Ok(container)
}

/// Opens the container at its destination.
pub(super) fn open(container: Container, destination: &Destination) -> Result<ff::format::context::Output> {
    mux::create(container, destination.target()).map_err(|error| write_error(destination.name(), error))
}
