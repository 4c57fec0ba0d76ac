//! The network and the painter that the arguments ask for.

use super::args::{DeviceArgs, ModelArgs};
use super::screen::Screen;
use super::styles::{StyleFile, StylePart, StyleSet};
use super::{media, settings};
use crate::device::{Device, DeviceChoice, Precision};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::kernels::cuda::Convolutions;
use crate::models::WeightFile;
use crate::stylize::{Blend, Look, PaintSettings, Painter, Part};
use crate::vgg::{CpuSettings, Model, Network, Pooling, Weights};

/// Where and with how many threads the network runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) device: DeviceChoice,
    /// On a GPU.
    pub(super) precision: Precision,
    /// In half precision; `None`: the best of our own.
    pub(super) convolutions: Option<Convolutions>,
    /// `None`: all cores.
    pub(super) threads: Option<usize>,
}

impl Place {
    /// What was asked for.
    pub(super) fn new(args: &DeviceArgs, threads: Option<usize>) -> Self {
        Self { device: args.device, precision: args.precision, convolutions: None, threads }
    }

    /// A way to convolve is a matter of half precision.
    fn check(&self) -> Result<()> {
        match self.convolutions {
            Some(way) if self.precision != Precision::F16 => Err(Error::usage(format!(
                "--convolutions {way} is for half precision, and products are asked for in {}",
                self.precision
            ))
            .hint("add --precision f16, or leave --convolutions away")),
            _ => Ok(()),
        }
    }

    /// And of a GPU.
    fn check_with(&self, device: &Device) -> Result<()> {
        match (self.convolutions, device) {
            (Some(way), Device::Cpu) => {
                Err(Error::usage(format!("--convolutions {way} is for a GPU, and the CPU is used"))
                    .hint("add --device cuda, or leave --convolutions away"))
            }
            _ => Ok(()),
        }
    }
}

/// The file of the weights that were asked for.
pub(super) fn weight_file(args: &ModelArgs) -> Result<WeightFile> {
    WeightFile::load(args.model, args.weights.as_deref())
}

/// The weights that were asked for.
pub(super) fn weights(args: &ModelArgs) -> Result<Weights> {
    weight_file(args)?.parse()
}

/// The network on its device. A program that could use a GPU says why it does not.
pub(super) fn network(weights: &Weights, pooling: Pooling, place: Place) -> Result<(Network, Device)> {
    place.check()?;
    let device = Device::open(place.device)?;
    if let Some(why) = Device::why_not_the_gpu(place.device) {
        tracing::warn!("the CPU is used, because no GPU can be: {why}");
    }
    place.check_with(&device)?;
    place.precision.apply();
    let cpu = CpuSettings { threads: place.threads, ..CpuSettings::default() };
    let network = match &device {
        #[cfg(feature = "cuda")]
        Device::Tensor(gpu) if place.precision == Precision::F16 => {
            let machine = std::sync::Arc::new(crate::kernels::cuda::Gpu::new(gpu)?);
            Network::half_by(weights, pooling, machine, place.convolutions)
        }
        device => Network::new(weights, pooling, device, cpu),
    };
    Ok((network?, device))
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
    /// Bytes of the GPU's memory that nobody uses, the network being there.
    free_memory: Option<u64>,
}

impl Studio {
    /// Says what painting frames of `size` takes of the GPU's memory, and paints smaller if there is too little.
    pub(super) fn plan_memory(&mut self, size: Size, screen: &Screen) {
        let (Some(plan), Some(free)) = (self.painter.memory(size), self.free_memory) else { return };
        let whole = self.painter.paint_size(size);
        let smaller = self.painter.fit_into(free, size);
        self.paint_size = smaller.map_or(self.paint_size, Size::longest_side);
        screen.line(&format!("stylecast: {}", memory_told(whole, plan.total(), free, smaller)));
    }
}

/// What painting at `painted` takes of the GPU's memory, and what is done if it is too much.
fn memory_told(painted: Size, needed: u64, free: u64, smaller: Option<Size>) -> String {
    let [needed, free] = [needed, free].map(|bytes| bytes as f64 / 1e9);
    let plan = format!("painting at {painted} takes about {needed:.1} GB of the GPU's memory");
    match smaller {
        None => format!("{plan} ({free:.1} GB are free)"),
        Some(smaller) => format!("{plan}, and {free:.1} GB are free: painting at {smaller}"),
    }
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
    let free_memory = device.free_memory();
    let paint_size = settings::paint_size(paint.paint_size, &device);
    paint.paint_size = Some(paint_size);
    let (threads, model) = (network.threads(), network.model());
    let painter = Painter::with_looks(network, paint, looks)?;
    let (device, weights) = (device.to_string(), file.sha256());
    Ok(Studio { painter, device, threads, model, weights, paint_size, free_memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_with_what_follows_from_it() {
        let told = |free, smaller| memory_told(Size::new(1920, 1080), 6_540_000_000, free, smaller);
        assert_eq!(
            told(79_000_000_000, None),
            "painting at 1920x1080 takes about 6.5 GB of the GPU's memory (79.0 GB are free)"
        );
        assert_eq!(
            told(4_000_000_000, Some(Size::new(1424, 801))),
            "painting at 1920x1080 takes about 6.5 GB of the GPU's memory, and 4.0 GB are free: painting at 1424x801"
        );
    }
}
