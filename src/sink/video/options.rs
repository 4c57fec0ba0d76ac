//! What a caller can ask of a written film: where it goes, how it is encoded, and which film lends it
//! sound, subtitles, chapters and tags.

pub use crate::sink::place::Existing;

use crate::provenance::Provenance;
use crate::time::Timestamp;
use std::path::PathBuf;

/// Where a film goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A file, written beside and renamed when complete. A pipe or device that already exists under
    /// this name is written directly.
    File(PathBuf),
    /// Standard output; needs [`VideoSinkOptions::format`].
    Stdout,
}

/// The film that lends its audio, subtitles, attachments, chapters and tags.
#[derive(Debug, Clone)]
pub struct Companion {
    /// The file.
    pub path: PathBuf,
    /// Where the painted part begins, on the film's own clock. It becomes the new film's zero. `None`
    /// keeps the clock as it is. Frames always come with the film's own timestamps.
    pub start: Option<Timestamp>,
    /// How long the painted part is; `None` means to the end.
    pub duration: Option<Timestamp>,
}

/// How a film is encoded and packed. The default is H.264, 4:2:0, at a quality that looks like the
/// original (x264's crf 18), in the container that the file's extension names.
#[derive(Debug, Clone, Default)]
pub struct VideoSinkOptions {
    /// An encoder ("libx265") or a codec ("hevc"). Default: H.264 where the container holds it,
    /// otherwise the container's own.
    pub codec: Option<String>,
    /// Constant quality, smaller is better. Default: 18 for x264, and what looks alike for others.
    pub crf: Option<f32>,
    /// The encoder's own preset ("slow", "8"). Default: the encoder's own default.
    pub preset: Option<String>,
    /// The pixel format ("yuv420p10le"). Default: yuv420p, or the nearest that the encoder takes.
    pub pix_fmt: Option<String>,
    /// The container ("mp4", "matroska"). Default: by the file's extension.
    pub format: Option<String>,
    /// What to do with an existing file.
    pub existing: Existing,
    /// Threads of the encoder. Default: as many as it likes.
    pub threads: Option<usize>,
    /// The film that lends the rest.
    pub companion: Option<Companion>,
    /// What the film says of how it was made, where its container has a place for it.
    pub provenance: Option<Provenance>,
}
