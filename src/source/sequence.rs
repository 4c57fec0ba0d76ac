//! Pictures as a film: a numbered sequence, or a single still.
//!
//! Films leave editors and renderers as folders of numbered pictures. They are read one at a time,
//! shown at a constant rate, and must all have one size. A number that is missing is said and
//! skipped: the film goes on with the next picture, so that no frame is made up.

use super::still::read_picture;
use super::{FrameSource, SourceInfo, TimedFrame};
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameIndex};
use crate::numbered::NumberedPath;
use crate::time::{FrameRate, Timestamp};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// The frame rate of pictures, which carry none: 25, as FFmpeg has it.
pub const DEFAULT_RATE: FrameRate = FrameRate { num: 25, den: 1 };

/// Pictures read as the frames of a film.
#[derive(Debug)]
pub struct PictureSequence {
    info: SourceInfo,
    /// Still to be read, after `first`.
    files: VecDeque<PathBuf>,
    /// Read already, to learn the size.
    first: Option<(PathBuf, Frame)>,
    next: u64,
    notes: Vec<String>,
}

impl PictureSequence {
    /// The pictures named by a pattern such as `frames/%05d.png`, from the smallest number found.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the folder cannot be listed, has no
    /// such picture, or its first one cannot be read;
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) if `pattern` is none.
    pub fn open(pattern: &Path, rate: FrameRate) -> Result<Self> {
        if pattern.is_dir() {
            return Err(Error::input(format!("cannot read {}: it is a folder", pattern.display()))
                .hint(hint_for_folder(pattern)));
        }
        let pattern = NumberedPath::parse(pattern)?;
        let numbers = pattern.existing().map_err(|error| {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
                _ => error.to_string(),
            };
            Error::input(format!("cannot read {pattern}: {cause}"))
        })?;
        let files = numbers.iter().map(|&number| pattern.path(number)).collect();
        let mut sequence = Self::from_files(files, rate).map_err(|error| {
            if !numbers.is_empty() {
                return error;
            }
            Error::input(format!("cannot read {pattern}: no file has such a name"))
                .hint(hint_for_folder(pattern.folder_to_open()))
        })?;
        sequence.notes.extend(gaps(&pattern, &numbers));
        Ok(sequence)
    }

    /// One picture as a film of one frame.
    ///
    /// # Errors
    ///
    /// Those of [`read_picture`].
    pub fn single(picture: &Path) -> Result<Self> {
        Self::from_files(vec![picture.to_owned()], DEFAULT_RATE)
    }

    /// These pictures, in this order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the list is empty or its first picture
    /// cannot be read.
    pub fn from_files(files: Vec<PathBuf>, rate: FrameRate) -> Result<Self> {
        let mut files = VecDeque::from(files);
        let count = files.len() as u64;
        let path = files.pop_front().ok_or_else(|| Error::input("there are no pictures to read"))?;
        let frame = read_picture(&path)?;
        let info = SourceInfo {
            size: frame.size(),
            frame_rate: rate,
            time_base: rate.time_base(),
            frames: Some(count),
        };
        Ok(Self { info, files, first: Some((path, frame)), next: 0, notes: Vec::new() })
    }

    /// The files still to be handed out, in order; all of them before the first frame is taken. What
    /// is written must be none of these.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.first.iter().map(|(path, _)| path).chain(&self.files).map(PathBuf::as_path)
    }
}

impl FrameSource for PictureSequence {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        let frame = match (self.first.take(), self.files.pop_front()) {
            (Some((_, frame)), next) => {
                // The first was read at opening: what was popped is still to come.
                if let Some(next) = next {
                    self.files.push_front(next);
                }
                frame
            }
            (None, Some(path)) => {
                let frame = read_picture(&path)?;
                if frame.size() != self.info.size {
                    self.files.clear();
                    return Err(Error::input(format!(
                        "{} is {}, but the pictures before it are {}",
                        path.display(),
                        frame.size(),
                        self.info.size
                    ))
                    .hint("bring all pictures of a sequence to one size"));
                }
                frame
            }
            (None, None) => return Ok(None),
        };
        let index = self.next;
        self.next += 1;
        Ok(Some(TimedFrame {
            index: FrameIndex(index),
            timestamp: Timestamp::new(index as i64, self.info.time_base),
            duration_ticks: Some(1),
            frame,
        }))
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// One sentence for each run of missing numbers, at most three and a summary.
fn gaps(pattern: &NumberedPath, numbers: &[u64]) -> Vec<String> {
    const SAID: usize = 3;
    let missing: Vec<_> = numbers
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 1)
        .map(|pair| (pair[0] + 1, pair[1] - 1, pair[1]))
        .collect();
    let mut notes: Vec<String> = missing
        .iter()
        .take(SAID)
        .map(|&(first, last, next)| {
            let which = if first == last {
                format!("{} is missing", pattern.path(first).display())
            } else {
                format!(
                    "{} to {} are missing ({} pictures)",
                    pattern.path(first).display(),
                    pattern.name(last),
                    last - first + 1
                )
            };
            format!("{which}: the film goes on with {}", pattern.name(next))
        })
        .collect();
    if missing.len() > SAID {
        notes.push(format!("there are {} more gaps in {pattern}", missing.len() - SAID));
    }
    notes
}

/// The pattern that names most of a folder's pictures, as something to type.
fn hint_for_folder(folder: &Path) -> String {
    let names = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| {
            let stem = name.rfind('.')?;
            let digits = name[..stem]
                .rfind(|c: char| !c.is_ascii_digit())
                .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
            let width = stem - digits;
            let image = image::ImageFormat::from_path(&name).is_ok();
            let number =
                if name[digits..stem].starts_with('0') { format!("%0{width}d") } else { "%d".to_owned() };
            (image && width > 0)
                .then(|| format!("{}{number}{}", name[..digits].replace('%', "%%"), &name[stem..]))
        });
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    match counts.into_iter().max_by_key(|(_, count)| *count) {
        Some((name, _)) => format!("name its pictures with a pattern: {}", folder.join(name).display()),
        None => "name numbered pictures with a pattern such as frames/%05d.png".to_owned(),
    }
}
