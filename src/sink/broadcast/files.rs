//! Recordings and saved clips as files: their names, and the writing of both.
//!
//! A recording is the one thing in the house that stands under its final name before it is complete. It
//! has to be found and to play after a crash, a power button, a `kill -9`, and a hidden file with a name
//! like `.evening.mkv.part` would not be. So it is written in pieces that can be played at any moment,
//! never onto an existing file: each recording gets a name of its own, `evening.mkv`, `evening-2.mkv`.
//! A saved clip is complete from the start and goes through `sink::place` like any other file.

use super::muxer::{self, Muxer};
use super::parcel::{Parcel, Tracks, seconds};
use crate::error::{Error, Result};
use crate::ffmpeg::live::{self, Patience};
use crate::ffmpeg::{self, mux, mux::Container};
use crate::sink::place::{Existing, Place, cannot_write};
use ffmpeg_next as ff;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Where it is.
    pub path: PathBuf,
    /// How long it lasts, in seconds.
    pub seconds: f64,
    /// How many pictures it has.
    pub frames: u64,
}

/// Checks that files can be recorded as `path`: its extension, its folder. Says which container.
pub(super) fn check(path: &Path) -> Result<Container> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let container = muxer::file_container(&extension.to_ascii_lowercase()).ok_or_else(|| {
        let shown = path.display();
        let cause = match extension {
            "" => "its name has no extension".to_owned(),
            extension => format!("a file that ends in .{extension} would not survive being cut off"),
        };
        Error::usage(format!("cannot record {shown}: {cause}")).hint("end its name in .mkv, .mp4 or .mov")
    })?;
    // Whether a file of that name exists is no matter here: then the next name is taken.
    Place::new(path, Existing::Replace, &[] as &[&Path])?;
    Ok(container)
}

/// `path`, or else the first of `path-2`, `path-3` … that `is_free`.
pub(super) fn free_name(path: &Path, mut is_free: impl FnMut(&Path) -> Result<bool>) -> Result<PathBuf> {
    const MOST: usize = 9999;
    for number in 1..=MOST {
        let name = if number == 1 { path.to_owned() } else { numbered(path, number) };
        if is_free(&name)? {
            return Ok(name);
        }
    }
    Err(Error::output(format!("cannot write {}: it exists already, {MOST} times", path.display()))
        .hint("give another name"))
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}."));
    name.push(path.extension().unwrap_or_default());
    path.with_file_name(name)
}

/// Makes an empty file where there is none; `false` where there is one.
pub(super) fn reserve(path: &Path) -> Result<bool> {
    match File::create_new(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(cannot_write(path, &error)),
    }
}

/// A recording that goes on.
pub(super) struct Recorder {
    muxer: Muxer,
    path: PathBuf,
}

impl Recorder {
    /// Begins to write `path`, a file that was reserved. Nothing is in it before the first key frame.
    pub(super) fn start(path: &Path, tracks: &Tracks) -> Result<Self> {
        let container = check(path)?;
        let begin = || {
            let mut out = open(path, container)?;
            live::flush_every_packet(&mut out);
            let mut muxer = Muxer::begin(out, tracks, muxer::survivable(container))?;
            muxer.flush()?;
            Ok(muxer)
        };
        let muxer = begin().map_err(|error| failed(path, error))?;
        Ok(Self { muxer, path: path.to_owned() })
    }

    /// Writes one packet, to the disk as soon as its quarter of a second is complete.
    pub(super) fn write(&mut self, parcel: &Parcel) -> Result<()> {
        self.muxer.write(parcel).map(drop).map_err(|error| failed(&self.path, error))
    }

    /// How long it lasts so far, in ticks of the broadcast's clock.
    pub(super) fn length(&self) -> i64 {
        self.muxer.length()
    }

    /// Completes the file with its index and duration. One without a picture is removed.
    pub(super) fn finish(mut self) -> Result<Option<Clip>> {
        self.muxer.end().map_err(|error| failed(&self.path, error))?;
        let Self { muxer, path } = self;
        let (frames, seconds) = (muxer.frames(), seconds(muxer.length()));
        drop(muxer);
        if frames == 0 {
            fs::remove_file(&path).map_err(|error| cannot_write(&path, &error))?;
            return Ok(None);
        }
        Ok(Some(Clip { path, seconds, frames }))
    }
}

/// Writes `parcels` as a complete file under its final name.
pub(super) fn save(place: &Place, parcels: &[Arc<Parcel>], tracks: &Tracks) -> Result<Clip> {
    let path = place.path();
    let container = check(path)?;
    let part = place.beside()?.into_temp_path();
    let write = || {
        let settings: &[_] = if container.is_matroska() { &[] } else { &[("movflags", "+faststart")] };
        let mut muxer = Muxer::begin(open(&part, container)?, tracks, settings)?;
        for parcel in parcels {
            muxer.write(parcel)?;
        }
        muxer.end()?;
        Ok((muxer.frames(), seconds(muxer.length())))
    };
    let (frames, seconds) = write().map_err(|error| failed(path, error))?;
    place.complete(part)?;
    Ok(Clip { path: path.to_owned(), seconds, frames })
}

fn open(path: &Path, container: Container) -> Result<live::LiveOutput, ff::Error> {
    let url = mux::url(path).ok_or(ff::Error::InvalidData)?;
    live::open_output(container, &url, &Patience::new(), &[])
}

fn failed(path: &Path, error: ff::Error) -> Error {
    match error {
        ff::Error::Other { errno } => cannot_write(path, &std::io::Error::from_raw_os_error(errno)),
        error => Error::output(format!("cannot write {}: {}", path.display(), ffmpeg::reason(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recording_gets_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("an evening.of.mkv");
        let mut names = Vec::new();
        for _ in 0..3 {
            names.push(free_name(&path, reserve).unwrap());
        }
        let expected = ["an evening.of.mkv", "an evening.of-2.mkv", "an evening.of-3.mkv"];
        assert_eq!(names, expected.map(|name| folder.path().join(name)));
        assert!(free_name(&folder.path().join("none/a.mkv"), reserve).is_err());
    }

    #[test]
    fn what_would_not_survive_is_refused_with_what_would() {
        for bad in ["a.webm", "a", "a.avi", ".mkv"] {
            let error = check(Path::new(bad)).err().unwrap();
            assert!(error.next_step().unwrap().contains(".mkv"), "{bad}: {error}");
        }
        assert!(check(Path::new("no-such-folder/a.mkv")).is_err());
        assert_eq!(check(Path::new("A.MKV")).unwrap().name(), "matroska");
    }
}
