//! Paints a photo in the style of a picture, coarse to fine.
//!
//!     cargo run --release --example 03_paint_a_picture -- photo.jpg style.jpg painted.png

use std::ops::ControlFlow;
use std::path::PathBuf;
use stylecast::device::Device;
use stylecast::error::{Error, Result};
use stylecast::models::WeightFile;
use stylecast::sink::place::Existing;
use stylecast::sink::still::write_picture;
use stylecast::source::still::read_picture;
use stylecast::stylize::{PaintSettings, Painter};
use stylecast::vgg::{CpuSettings, Network, Pooling};

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [photo, style, output] = files.as_slice() else {
        return Err(Error::usage("three files are needed: the photo, the style and the picture to write"));
    };
    let weights = WeightFile::load(None, None)?.parse()?;
    let network = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default())?;
    let settings = PaintSettings { first_iterations: 40, ..PaintSettings::default() };
    let mut painter = Painter::new(network, settings, vec![(read_picture(style)?, 1.0)])?;

    let painted = painter.paint_still(&read_picture(photo)?, |step| {
        eprintln!("{} of {}, at {}: {:.4}", step.iteration, step.of, step.size, step.losses.total);
        ControlFlow::Continue(())
    })?;
    write_picture(output, &painted.frame, Existing::Refuse, &[photo, style])
}
