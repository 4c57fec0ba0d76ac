//! Flow from files: exact flow of made scenes, or another program's, so that a film can be judged by a
//! flow that had no part in painting it.
//!
//! In a folder lie, for every frame *t* from 1 (the film's first frame is 0),
//!
//! - `backward_%05d.flo`: lives on frame *t*, points to *t − 1*;
//! - `occluded_%05d.png`: white where *t* shows what *t − 1* hid; or else
//! - `forward_%05d.flo`: lives on *t − 1*, points to *t*; where the two do not lead back is occluded;
//!
//! and, where they are known, the same under two numbers, `backward_%05d_%05d.flo`, for pairs *t*, *s*
//! that lie further apart.

use super::Link;
use super::motion::trusted;
use crate::error::{Error, Result};
use crate::flow::{certainty, read_flow};
use crate::frame::Size;
use crate::resize::resize_frame;
use crate::source::still::read_picture;
use std::path::{Path, PathBuf};

/// A folder of flow files.
#[derive(Debug, Clone)]
pub struct FlowFolder {
    folder: PathBuf,
}

impl FlowFolder {
    /// Names a folder.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Input`] if there is no such folder.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let why = if folder.exists() { "it is no folder" } else { "there is no such folder" };
            return Err(Error::input(format!("cannot read flow from {}: {why}", folder.display()))
                .hint("name a folder with backward_00001.flo and forward_00001.flo (docs/EVAL.md)"));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The motion from frame `index` back to the frame before, for frames of `size`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Input`], naming the file that is missing or damaged.
    pub(super) fn to_previous(&self, index: u64, size: Size) -> Result<Link> {
        self.read(&format!("{index:05}"), size)
    }

    /// The motion from frame `index` back to frame `earlier`, if there is a file of it.
    ///
    /// # Errors
    /// As [`Self::to_previous`].
    pub(super) fn directly(&self, index: u64, earlier: u64, size: Size) -> Result<Option<Link>> {
        let numbers = format!("{index:05}_{earlier:05}");
        if !self.path("backward", &numbers, "flo").exists() {
            return Ok(None);
        }
        self.read(&numbers, size).map(Some)
    }

    fn path(&self, kind: &str, numbers: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{kind}_{numbers}.{extension}"))
    }

    fn read(&self, numbers: &str, size: Size) -> Result<Link> {
        let backward = read_flow(&self.path("backward", numbers, "flo"))
            .map_err(|error| match error.next_step() {
                Some(_) => error,
                None => error.hint("each frame but the first needs its backward flow (docs/EVAL.md)"),
            })?
            .resized(size);
        let (mask, forward) = (self.path("occluded", numbers, "png"), self.path("forward", numbers, "flo"));
        if mask.exists() {
            let hidden = resize_frame(&read_picture(&mask)?, size);
            let hidden = hidden.data().chunks_exact(3).map(|pixel| pixel[1] >= 128);
            return Ok(trusted(backward, hidden));
        }
        if !forward.exists() {
            return Err(Error::input(format!(
                "what is occluded cannot be told: there is neither {} nor {}",
                mask.display(),
                forward.display()
            ))
            .hint("add the forward flow, or a picture that is white where occluded (docs/EVAL.md)"));
        }
        let forward = read_flow(&forward)?.resized(size);
        let certainty = certainty(&backward, &forward);
        Ok(Link { backward, certainty })
    }
}
