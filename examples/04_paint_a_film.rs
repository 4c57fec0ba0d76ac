//! Paints a film that comes and goes as numbered pictures: decoding, painting and encoding run side by
//! side, and each painted frame is the next one's start.
//!
//!     cargo run --release --example 04_paint_a_film -- 'frames/%05d.png' style.jpg 'painted/%05d.png'

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use stylecast::device::Device;
use stylecast::error::{Error, Result};
use stylecast::models::WeightFile;
use stylecast::pipeline::{Event, StopToken, run_lossless};
use stylecast::sink::{place::Existing, still::PictureSink};
use stylecast::source::TimedFrame;
use stylecast::source::sequence::{DEFAULT_RATE, PictureSequence};
use stylecast::source::still::read_picture;
use stylecast::stylize::{PaintSettings, Painter};
use stylecast::vgg::{CpuSettings, Network, Pooling};

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [film, style, output] = files.as_slice() else {
        return Err(Error::usage("three names are needed: the film, the style and the film to write"));
    };
    let source = PictureSequence::open(film, DEFAULT_RATE)?;
    let inputs: Vec<&Path> = source.files().collect();
    let sink = PictureSink::create(output, Existing::Refuse, &inputs)?;

    let weights = WeightFile::load(None, None)?.parse()?;
    let network = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default())?;
    let settings = PaintSettings { paint_size: Some(320), ..PaintSettings::default() };
    let mut painter = Painter::new(network, settings, vec![(read_picture(style)?, 1.0)])?;

    // Motion is followed on a thread of its own, a frame ahead of the painter.
    let mut scout = painter.scout()?;
    let look = |timed: TimedFrame| scout.look(timed.frame);
    let paint = |scouted| painter.paint_scouted(scouted, |_| ControlFlow::Continue(()));
    let mut observe = |event: Event<'_>| {
        if let Event::Painted(painted) = event {
            eprintln!("frame {} in {:.1} s", painted.index, painted.report.seconds);
        }
    };
    let outcome =
        run_lossless(Box::new(source), look, paint, Box::new(sink), &mut observe, &StopToken::new())?;
    outcome.notes.iter().for_each(|note| eprintln!("{note}"));
    Ok(())
}
