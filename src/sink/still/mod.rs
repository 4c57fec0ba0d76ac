//! Still pictures and numbered sequences of them, written.
//!
//! The format follows the file name's extension. A single picture is written beside its final name
//! and renamed. A sequence fills a hidden folder beside, and its pictures move to their names
//! together when it is finished.

mod encode;

use self::encode::encode;
use super::place::{Existing, Place, cannot_write, folder_of, is_same_file};
use super::{Ending, Finished, FrameSink};
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::numbered::NumberedPath;
use crate::provenance::Provenance;
use crate::source::TimedFrame;
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The number of the first picture of a sequence, as FFmpeg has it.
const FIRST_NUMBER: u64 = 1;

/// The picture formats that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// `.png`, lossless.
    Png,
    /// `.jpg` or `.jpeg`, quality 95, chroma at full size.
    Jpeg,
    /// `.webp`, lossless.
    WebP,
    /// `.tif` or `.tiff`, uncompressed.
    Tiff,
}

impl PictureKind {
    /// The kind that a file's name asks for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for any other extension.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::WebP),
            "tif" | "tiff" => Ok(Self::Tiff),
            _ => Err(Error::usage(format!(
                "cannot tell from the name {} which kind of picture to write",
                path.display()
            ))
            .hint("end it in .png, .jpg, .webp or .tif")),
        }
    }

    /// The longest side the format can hold.
    fn longest_side(self) -> usize {
        match self {
            Self::Jpeg => 65_535,
            Self::WebP => 16_383,
            Self::Png | Self::Tiff => usize::MAX,
        }
    }

    fn check(self, size: Size, path: &Path) -> Result<()> {
        if size.longest_side() <= self.longest_side() {
            return Ok(());
        }
        let limit = self.longest_side();
        Err(Error::output(format!(
            "cannot write {}: {size} is larger than its format holds ({limit})",
            path.display()
        ))
        .hint("write a .png"))
    }
}

/// Writes one picture in the format its name ends in.
///
/// # Errors
///
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) if the name ends in no known format or is
/// that of one of the `inputs`;
/// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if the folder is missing or cannot be
/// written to, the file exists and may not be replaced, or the disk is full. In all these cases nothing is left under the name that was not there before.
pub fn write_picture<P: AsRef<Path>>(
    path: &Path,
    frame: &Frame,
    existing: Existing,
    inputs: &[P],
) -> Result<()> {
    write_picture_made(path, frame, existing, inputs, None)
}

/// As [`write_picture`]; the file also says how it was made. In a JPEG there is room for 65,000 bytes; what is
/// longer is left out.
///
/// # Errors
///
/// As [`write_picture`].
pub fn write_picture_made<P: AsRef<Path>>(
    path: &Path,
    frame: &Frame,
    existing: Existing,
    inputs: &[P],
    provenance: Option<&Provenance>,
) -> Result<()> {
    let kind = PictureKind::of(path)?;
    kind.check(frame.size(), path)?;
    let place = Place::new(path, existing, inputs)?;
    let (file, beside) = place.beside()?.into_parts();
    encode(file, path, kind, frame, provenance)?;
    place.complete(beside)
}

/// A sink that writes every frame as a numbered picture, from 1: `frames/%05d.png`.
#[derive(Debug)]
pub struct PictureSink {
    pattern: NumberedPath,
    kind: PictureKind,
    existing: Existing,
    provenance: Option<Provenance>,
    /// Holds the pictures until they are finished. Taken by `finish`.
    beside: TempDir,
    /// Made by this sink, and to be removed if nothing comes of it.
    made_folder: Option<MadeFolder>,
    frames: u64,
}

/// A folder that goes away again unless something was put into it.
#[derive(Debug)]
pub(crate) struct MadeFolder(PathBuf);

impl Drop for MadeFolder {
    fn drop(&mut self) {
        // Fails if the folder is not empty, and is meant to.
        let _ = std::fs::remove_dir(&self.0);
    }
}

impl PictureSink {
    /// Prepares to write pictures named by `pattern`. Its folder is made if the folder above exists.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) if the pattern has no number or no known
    /// extension, or one of the `inputs` has such a name;
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if the folder cannot be made or written
    /// to, or holds pictures of such names that may not be replaced.
    pub fn create<P: AsRef<Path>>(pattern: &Path, existing: Existing, inputs: &[P]) -> Result<Self> {
        let kind = PictureKind::of(pattern)?;
        let pattern = NumberedPath::parse(pattern)?;
        let folder = pattern.folder_to_open();
        let made_folder = make_folder(folder)?;
        let present = pattern.existing().map_err(|error| cannot_write(folder, &error))?;
        let is_input = |input: &P| {
            let input = input.as_ref();
            let name = input.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| pattern.number(name).is_some()) && is_same_file(folder_of(input), folder)
        };
        if inputs.iter().any(is_input) {
            return Err(Error::usage(format!(
                "cannot write {pattern}: the input has such a name, and is never overwritten"
            ))
            .hint("write to another folder"));
        }
        if existing == Existing::Refuse
            && let Some(&number) = present.first()
        {
            let shown = pattern.path(number);
            return Err(Error::output(format!("{} exists already", shown.display()))
                .hint("-y replaces pictures of such names, or write to another folder"));
        }
        let beside = tempfile::Builder::new()
            .prefix(".pictures.")
            .suffix(".part")
            .tempdir_in(folder)
            .map_err(|error| cannot_write(&pattern.path(FIRST_NUMBER), &error))?;
        Ok(Self { pattern, kind, existing, provenance: None, beside, made_folder, frames: 0 })
    }

    /// Has each picture say how it was made.
    #[must_use]
    pub fn made(mut self, provenance: Option<Provenance>) -> Self {
        self.provenance = provenance;
        self
    }
}

/// Makes the last folder of a path if only that is missing.
pub(crate) fn make_folder(folder: &Path) -> Result<Option<MadeFolder>> {
    if folder.is_dir() {
        return Ok(None);
    }
    match std::fs::create_dir(folder) {
        Ok(()) => Ok(Some(MadeFolder(folder.to_owned()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above = folder_of(folder).display();
            Err(Error::output(format!("cannot make the folder {}: {above} does not exist", folder.display()))
                .hint(format!("mkdir -p '{}'", folder.display())))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::output(format!("cannot write into {}: it is not a folder", folder.display())))
        }
        Err(error) => Err(cannot_write(folder, &error)),
    }
}

impl FrameSink for PictureSink {
    fn write(&mut self, frame: TimedFrame) -> Result<()> {
        let number = FIRST_NUMBER + self.frames;
        let shown = self.pattern.path(number);
        self.kind.check(frame.frame.size(), &shown)?;
        let file = File::create_new(self.beside.path().join(self.pattern.name(number)))
            .map_err(|error| cannot_write(&shown, &error))?;
        encode(file, &shown, self.kind, &frame.frame, self.provenance.as_ref())?;
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _ending: Ending) -> Result<Finished> {
        let Self { pattern, existing, beside, made_folder, frames, .. } = *self;
        let numbers = FIRST_NUMBER..FIRST_NUMBER + frames;
        for number in numbers.clone() {
            let (from, to) = (beside.path().join(pattern.name(number)), pattern.path(number));
            let moved = match existing {
                Existing::Replace => std::fs::rename(&from, &to),
                // A file that appeared meanwhile is not replaced either.
                Existing::Refuse => tempfile::TempPath::try_from_path(&from)
                    .and_then(|from| from.persist_noclobber(&to).map_err(|error| error.error)),
            };
            moved.map_err(|error| cannot_write(&to, &error))?;
        }
        let mut notes = Vec::new();
        if let Some(made) = made_folder {
            notes.push(format!("the folder {} was made", made.0.display()));
        }
        let older =
            pattern.existing().unwrap_or_default().into_iter().filter(|n| !numbers.contains(n)).count();
        if older > 0 {
            notes.push(format!(
                "{older} other pictures named like {pattern} were there before and are still there"
            ));
        }
        Ok(Finished { path: Some(pattern.folder_to_open().to_owned()), frames, notes })
    }
}
