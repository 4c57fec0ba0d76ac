//! The network and the painter that the arguments ask for.

use super::args::ModelArgs;
use super::styles::{StyleFile, StylePart, StyleSet};
use super::{media, settings};
use crate::device::{Device, DeviceChoice};
use crate::error::Result;
use crate::models::WeightFile;
use crate::stylize::{Blend, Look, PaintSettings, Painter, Part};
use crate::vgg::{CpuSettings, Model, Network, Pooling, Weights};

/// Where and with how many threads the network runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) device: DeviceChoice,
    /// `None`: all cores.
    pub(super) threads: Option<usize>,
}

/// The file of the weights that were asked for.
pub(super) fn weight_file(args: &ModelArgs) -> Result<WeightFile> {
    WeightFile::load(args.model, args.weights.as_deref())
}

/// The weights that were asked for.
pub(super) fn weights(args: &ModelArgs) -> Result<Weights> {
    weight_file(args)?.parse()
}

/// The network on its device.
pub(super) fn network(weights: &Weights, pooling: Pooling, place: Place) -> Result<(Network, Device)> {
    let device = Device::open(place.device)?;
    let cpu = CpuSettings { threads: place.threads, ..CpuSettings::default() };
    Ok((Network::new(weights, pooling, &device, cpu)?, device))
}

/// Reads the pictures of a blend.
pub(super) fn read_blend(files: &[StyleFile]) -> Result<Blend> {
    files.iter().map(|file| Ok((media::read_picture(&file.path)?, file.weight))).collect()
}

/// Reads all pictures that one painter paints in.
pub(super) fn read_styles(set: &StyleSet) -> Result<Look> {
    let part = |StylePart { files, coarse, region }: &StylePart| {
        Ok(Part {
            pictures: read_blend(files)?,
            coarse: coarse.as_deref().map(read_blend).transpose()?,
            region: region.as_ref().map(|region| region.index),
        })
    };
    Ok(Look { parts: set.parts.iter().map(part).collect::<Result<_>>()? })
}

/// A painter, and the device and threads it runs on.
pub(super) struct Studio {
    pub(super) painter: Painter,
    pub(super) device: String,
    pub(super) threads: usize,
    pub(super) model: Model,
    /// The SHA-256 of the network's weights.
    pub(super) weights: String,
    /// The longest side that is painted.
    pub(super) paint_size: usize,
}

/// Sets up a painter that can paint in any of `looks`.
pub(super) fn studio(
    mut paint: PaintSettings,
    model: &ModelArgs,
    place: Place,
    looks: Vec<Look>,
) -> Result<Studio> {
    let file = weight_file(model)?;
    let (network, device) = network(&file.parse()?, paint.objective.pooling, place)?;
    let paint_size = settings::paint_size(paint.paint_size, &device);
    paint.paint_size = Some(paint_size);
    let (threads, model) = (network.threads(), network.model());
    let painter = Painter::with_looks(network, paint, looks)?;
    Ok(Studio { painter, device: device.to_string(), threads, model, weights: file.sha256(), paint_size })
}
