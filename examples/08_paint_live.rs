//! Numbered pictures painted with a deadline, as live painting does: so many a second, each painted as far and
//! as large as the time allows.
//!
//!     cargo run --release --example 08_paint_live -- frames/%05d.png style.jpg 10 painted/%05d.png

use stylecast::device::Device;
use stylecast::error::{Error, Result};
use stylecast::models::WeightFile;
use stylecast::sink::place::Existing;
use stylecast::sink::still::PictureSink;
use stylecast::sink::{Ending, FrameSink};
use stylecast::source::sequence::{DEFAULT_RATE, PictureSequence};
use stylecast::source::still::read_picture;
use stylecast::source::{FrameSource, TimedFrame};
use stylecast::stylize::{LivePainter, PaintSettings, Painter};
use stylecast::vgg::{CpuSettings, Network, Pooling};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [film, style, rate, output] = arguments.as_slice() else {
        return Err(Error::usage("give numbered pictures, a style, frames a second and where to paint to"));
    };
    let rate: f64 = rate.parse().map_err(|_| Error::usage("frames a second are a number"))?;
    let mut source = PictureSequence::open(film.as_ref(), DEFAULT_RATE)?;
    let mut sink = PictureSink::create(output.as_ref(), Existing::Replace, &[] as &[&str])?;

    // As many iterations as there is time for.
    let settings = PaintSettings { iterations: 1000, first_iterations: 1000, ..PaintSettings::default() };
    let weights = WeightFile::load(None, None)?.parse()?;
    let network = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default())?;
    let painter = Painter::new(network, settings, vec![(read_picture(style.as_ref())?, 1.0)])?;
    let mut live = LivePainter::new(painter, 1.0 / rate, source.info().size)?;
    while let Some(timed) = source.next_frame()? {
        let painted_at = live.paint_size();
        let painted = live.paint(timed.frame)?;
        let report = painted.report;
        eprintln!(
            "frame {}: {} iterations at {painted_at} in {:.0} ms",
            timed.index,
            report.iterations,
            1e3 * report.seconds
        );
        sink.write(TimedFrame { frame: painted.frame, ..timed })?;
    }
    Box::new(sink).finish(Ending::Complete)?;
    Ok(())
}
