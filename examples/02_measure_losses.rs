//! How far is a painted picture from its photo (content), and from a style?
//!
//!     cargo run --example 02_measure_losses -- photo.jpg style.jpg painted.png
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::path::PathBuf;
use stylecast::device::Device;
use stylecast::error::{Error, Result};
use stylecast::loss::{Objective, ObjectiveSettings};
use stylecast::models::WeightFile;
use stylecast::pixels::Pixels;
use stylecast::source::still::read_picture;
use stylecast::vgg::{CpuSettings, Network, Pooling};

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [content, style, painted] = files.as_slice() else {
        return Err(Error::usage("three pictures are needed: the content, the style and the painted one"));
    };
    let weights = WeightFile::load(None, None)?.parse()?;
    let network = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default())?;
    let mut objective = Objective::new(&network, ObjectiveSettings::default())?;
    let pixels = |path| read_picture(path).map(|frame| Pixels::from_frame(&frame));

    let target = objective.describe_style(&pixels(style)?)?;
    objective.set_style(target);
    objective.set_content(&pixels(content)?)?;
    let painted = pixels(painted)?;
    let mut gradient = Pixels::zeros(painted.size());
    let losses = objective.evaluate(&painted, &mut gradient)?;

    println!("content {:.6}", losses.content);
    for (layer, loss) in &losses.style {
        println!("style at {layer} {loss:.6}");
    }
    println!("total {:.6}", losses.total);
    Ok(())
}
