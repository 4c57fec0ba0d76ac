//! Opening what is read and what is written: the only place of the command that knows which source
//! and which sink a name asks for.

use super::args::OutputArgs;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::sink::FrameSink;
use crate::source::{FrameSource, SourceInfo};
use crate::time::Timestamp;
use std::path::Path;

/// The part of a film that is painted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) start: Option<Timestamp>,
    pub(super) duration: Option<Timestamp>,
}

/// One still picture.
pub(super) fn read_picture(path: &Path) -> Result<Frame> {
    Err(Error::input(format!("{}", path.display())))
}

/// Writes one still picture.
pub(super) fn write_picture(path: &Path, _frame: &Frame, _overwrite: bool, _inputs: &[&Path]) -> Result<()> {
    Err(Error::output(format!("{}", path.display())))
}

/// A film or a numbered sequence of pictures.
pub(super) fn open_film(path: &Path, _part: Part) -> Result<Box<dyn FrameSource>> {
    Err(Error::input(format!("{}", path.display())))
}

/// Where the painted film goes.
pub(super) fn open_output(
    args: &OutputArgs,
    _input: &Path,
    _part: Part,
    _info: &SourceInfo,
) -> Result<Box<dyn FrameSink>> {
    Err(Error::output(format!("{}", args.output.display())))
}

/// Refuses, before anything is painted, what [`write_picture`] would refuse after.
pub(super) fn check_picture_output(_path: &Path, _overwrite: bool, _inputs: &[&Path]) -> Result<()> {
    Ok(())
}
