//! RGB pictures with a palette of their own each, for encoders of 256 colours (GIF): FFmpeg's filters
//! choose the colours and dither.

use crate::ffmpeg::mux_scale::rgb_picture;
use crate::frame::{Frame, Size};
use ffmpeg_next as ff;

/// Turns frames into pictures of 256 colours. A picture may come out one frame late.
pub(super) struct Palette {
    graph: ff::filter::Graph,
}

impl Palette {
    /// For frames of `size`.
    pub(super) fn new(size: Size) -> Result<Self, ff::Error> {
        let find = |name| ff::filter::find(name).ok_or(ff::Error::FilterNotFound);
        let mut graph = ff::filter::Graph::new();
        let source = format!(
            "video_size={}x{}:pix_fmt=rgb24:time_base=1/1000:pixel_aspect=1/1",
            size.width, size.height
        );
        graph.add(&find("buffer")?, "in", &source)?;
        graph.add(&find("buffersink")?, "out", "")?;
        graph.output("in", 0)?.input("out", 0)?.parse(
            "split[picture][colours];[colours]palettegen=stats_mode=single[palette];\
             [picture][palette]paletteuse=new=1:dither=sierra2_4a",
        )?;
        graph.validate()?;
        Ok(Self { graph })
    }

    /// Puts in the frame with this number.
    pub(super) fn push(&mut self, frame: &Frame, number: i64) -> Result<(), ff::Error> {
        let mut picture = rgb_picture(frame);
        picture.set_pts(Some(number));
        self.graph.get("in").ok_or(ff::Error::FilterNotFound)?.source().add(&picture)
    }

    /// Says that no more will come.
    pub(super) fn end(&mut self) -> Result<(), ff::Error> {
        self.graph.get("in").ok_or(ff::Error::FilterNotFound)?.source().flush()
    }

    /// Takes out the next picture, numbered as it was put in.
    pub(super) fn pull(&mut self) -> Option<ff::frame::Video> {
        let mut picture = ff::frame::Video::empty();
        let mut sink = self.graph.get("out")?;
        sink.sink().frame(&mut picture).ok().map(|()| picture)
    }
}
