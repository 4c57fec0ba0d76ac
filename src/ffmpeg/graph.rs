//! FFmpeg's filters as a function from frame to frame.
//!
//! Deinterlacing, tone mapping and scaling are FFmpeg's, known and trusted; this holds one chain of
//! them. Frames go in and come out in the same order and number.

use super::rational;
use crate::time::TimeBase;
use ffmpeg_next as ff;
use ffmpeg_next::ffi;

/// A chain of filters, made for frames of one size and format.
pub struct Graph {
    graph: ff::filter::Graph,
}

/// Whether FFmpeg was built with the filter of this name.
pub fn has_filter(name: &str) -> bool {
    super::init();
    ff::filter::find(name).is_some()
}

impl Graph {
    /// A chain written as on FFmpeg's command line (`"bwdif,scale=640:360"`) for frames like `first`,
    /// on `threads` threads (0: as many as there are cores).
    ///
    /// # Errors
    /// FFmpeg's, for a filter that does not exist or refuses the format.
    pub fn new(
        first: &ff::frame::Video,
        base: TimeBase,
        chain: &str,
        threads: usize,
    ) -> Result<Self, ff::Error> {
        let mut graph = ff::filter::Graph::new();
        #[expect(unsafe_code, reason = "plain fields the wrapper does not reach")]
        // SAFETY: the graph was just allocated and is configured later; the frame is borrowed.
        let (format, matrix, range) = unsafe {
            (*graph.as_mut_ptr()).nb_threads = i32::try_from(threads).unwrap_or(0);
            let raw = first.as_ptr();
            let matrix = (&raw const (*raw).colorspace).cast::<i32>().read();
            ((*raw).format, matrix, (&raw const (*raw).color_range).cast::<i32>().read())
        };
        let base = rational(base);
        let mut arguments = format!(
            "video_size={}x{}:pix_fmt={format}:time_base={}/{}:pixel_aspect=1/1",
            first.width(),
            first.height(),
            base.numerator(),
            base.denominator(),
        );
        // From FFmpeg 7 on (libavfilter 10), filters agree on these beforehand.
        if ff::filter::version() >> 16 >= 10 {
            arguments += &format!(":colorspace={matrix}:range={range}");
        }
        let find = |name| ff::filter::find(name).ok_or(ff::Error::FilterNotFound);
        graph.add(&find("buffer")?, "in", &arguments)?;
        graph.add(&find("buffersink")?, "out", "")?;
        graph.output("in", 0)?.input("out", 0)?.parse(chain)?;
        graph.validate()?;
        Ok(Self { graph })
    }

    /// Puts a frame in. Its buffers move into the graph; `frame` is empty afterwards.
    ///
    /// # Errors
    /// FFmpeg's, if a filter fails.
    #[expect(unsafe_code, reason = "the wrapper's call would leave a borrowed frame behind")]
    pub fn push(&mut self, frame: &mut ff::frame::Video) -> Result<(), ff::Error> {
        let mut input = self.graph.get("in").ok_or(ff::Error::Bug)?;
        // SAFETY: both pointers are valid; FFmpeg takes the frame's references and resets it.
        match unsafe { ffi::av_buffersrc_add_frame(input.as_mut_ptr(), frame.as_mut_ptr()) } {
            code if code < 0 => Err(code.into()),
            _ => Ok(()),
        }
    }

    /// Says that no more frames will come.
    ///
    /// # Errors
    /// FFmpeg's, if a filter fails while it gives out what it held.
    pub fn finish(&mut self) -> Result<(), ff::Error> {
        let mut input = self.graph.get("in").ok_or(ff::Error::Bug)?;
        input.source().flush()
    }

    /// The next frame that is ready, into `frame`; `false` where none is.
    ///
    /// # Errors
    /// FFmpeg's, if a filter fails.
    pub fn pull(&mut self, frame: &mut ff::frame::Video) -> Result<bool, ff::Error> {
        let mut output = self.graph.get("out").ok_or(ff::Error::Bug)?;
        match output.sink().frame(frame) {
            Ok(()) => Ok(true),
            Err(ff::Error::Eof | ff::Error::Other { errno: ff::error::EAGAIN }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_go_through_and_a_bad_chain_is_refused() {
        super::super::init();
        let frame = || ff::frame::Video::new(ff::format::Pixel::YUV420P, 32, 16);
        let base = TimeBase::new(1, 25);
        assert!(Graph::new(&frame(), base, "no-such-filter", 1).is_err());
        let mut graph = Graph::new(&frame(), base, "scale=16:8", 1).unwrap();
        let (mut input, mut output) = (frame(), ff::frame::Video::empty());
        assert!(!graph.pull(&mut output).unwrap());
        input.set_pts(Some(7));
        graph.push(&mut input).unwrap();
        assert!(graph.pull(&mut output).unwrap());
        assert_eq!((output.width(), output.height(), output.pts()), (16, 8, Some(7)));
        graph.finish().unwrap();
        assert!(!graph.pull(&mut output).unwrap());
    }
}
