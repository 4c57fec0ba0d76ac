//! Paints a photo towards each style layer alone and towards all but each, and puts the pictures on one
//! labelled sheet.
//!
//!     cargo run --release --example 09_see_the_layers -- photo.jpg style.jpg layers.png

use std::ops::ControlFlow;
use std::path::PathBuf;
use stylecast::device::Device;
use stylecast::error::{Error, Result};
use stylecast::models::WeightFile;
use stylecast::sink::place::Existing;
use stylecast::sink::still::write_picture;
use stylecast::source::still::read_picture;
use stylecast::study::{Easel, Heading, Study, StudyKind, StudySettings, sheet};
use stylecast::vgg::{CpuSettings, Network, Pooling};

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [photo, style, output] = files.as_slice() else {
        return Err(Error::usage("three files are needed: the photo, the style and the sheet to write"));
    };
    let pictures = [read_picture(photo)?, read_picture(style)?];
    let weights = WeightFile::load(None, None)?.parse()?;
    let network = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default())?;

    let mut settings = StudySettings::default();
    settings.paint.first_iterations = 40;
    let study = Study::new(StudyKind::Style, &settings, weights.model(), pictures[0].size())?;
    let mut easel = Easel::new(network, &study, Some(&pictures[0]), vec![(pictures[1].clone(), 1.0)])?;
    let mut made = Vec::new();
    for cell in study.cells() {
        eprintln!("{}", cell.name);
        made.extend(easel.paint(cell, |_| ControlFlow::Continue(()))?);
    }

    let names = ["source", "style"].map(String::from);
    let heading = Heading { lines: Vec::new(), pictures: names.into_iter().zip(pictures).collect() };
    write_picture(output, &sheet(&study, &heading, &made), Existing::Refuse, &[photo, style])
}
