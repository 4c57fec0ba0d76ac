//! What painting on tensors takes of a device's memory, told before the device is asked for it.
//!
//! A sum over the tensors that are held at the worst moment of an iteration: every activation, and beside them
//! what the way back through the widest layer needs at once. Small things (pixels, pooled gradients, Gram
//! matrices) are counted roughly or left out, and so are the maps of styles in regions; `tests/memory_is_planned.rs` holds the sum against what is
//! really allocated.

use super::{Layer, Model, Pooling};
use crate::frame::Size;

/// How a device convolves, which decides what it needs beside input and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convolutions {
    /// Nine shifted copies of the input and one product of matrices, in bands of rows whose copies take
    /// [`BAND_BYTES`] at most: candle on CUDA.
    Bands,
    /// All at once by a library that lays out no copies: cuDNN, and candle on a CPU.
    Whole,
}

/// Bytes that the nine copies of a band may take. Tuned by reasoning, not by measuring: large enough to keep a
/// GPU busy, small beside the activations of a picture worth the trouble.
pub const BAND_BYTES: u64 = 256 << 20;

/// What a picture takes of a device's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Weights, for both directions. Held whatever is painted.
    pub network: u64,
    /// Activations of all layers, and the content's features.
    pub activations: u64,
    /// What the largest step of an iteration needs beside them.
    pub work: u64,
}

/// What is painted, as far as memory depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent<'a> {
    /// The network.
    pub model: Model,
    /// The deepest layer that is looked at.
    pub deepest: Layer,
    /// The layers whose features of the source are kept.
    pub content: &'a [Layer],
    /// How pictures shrink.
    pub pooling: Pooling,
    /// Bytes of a number: 4 for float32 and for TF32, which is stored as such, 8 for float64.
    pub bytes_per_value: u64,
}

impl MemoryPlan {
    /// The plan for pictures of `size`.
    pub fn new(extent: &Extent<'_>, convolutions: Convolutions, size: Size) -> Self {
        let Extent { model, deepest, content, pooling, bytes_per_value } = *extent;
        let pixels =
            |layer: Layer| (size.width / layer.stride()) as u64 * (size.height / layer.stride()) as u64;
        let values = |layer: Layer| layer.channels() as u64 * pixels(layer);
        // Gradient, mask and product; for max pooling, the windows, their maxima and who holds them as well.
        let at_once = match pooling {
            Pooling::Average => 3,
            Pooling::Max => 5,
        };
        let kept = content.iter().map(|&layer| values(layer));
        let (mut network, mut activations, mut work) = (0, kept.clone().sum::<u64>(), 0);
        let mut inputs = 3;
        for layer in model.layers() {
            let outputs = layer.channels() as u64;
            network += 2 * 9 * inputs * outputs + outputs;
            if layer <= deepest {
                activations += values(layer);
                let copies = match convolutions {
                    Convolutions::Whole => 0,
                    Convolutions::Bands => {
                        // Of the input forward, of the gradient backward; then the product, once more with its
                        // axes in order, and the band itself: together less than as much again.
                        let nine = 9 * inputs.max(outputs) * pixels(layer);
                        2 * nine.min(BAND_BYTES / bytes_per_value)
                    }
                };
                let convolving = values(layer) + inputs * pixels(layer) + copies;
                work = work.max(convolving).max(at_once * values(layer) + 3 * outputs * outputs);
            }
            inputs = outputs;
        }
        // Where style meets content: both gradients, their sum, and the difference.
        work = work.max(5 * kept.max().unwrap_or(0));
        // The picture, prepared for the network, and its gradient.
        work += 12 * size.pixels() as u64;
        let bytes = |values: u64| values.saturating_mul(bytes_per_value);
        Self { network: bytes(network), activations: bytes(activations), work: bytes(work) }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.network + self.activations + self.work
    }
}

/// The largest picture of the shape of `size`, and not larger, for which `needed` is at most `free`; `None` if
/// even `least` pixels on its longest side are too many. `needed` grows with the size.
pub fn largest_within(size: Size, least: usize, free: u64, needed: impl Fn(Size) -> u64) -> Option<Size> {
    let fits = |longest: usize| needed(size.fit(longest)) <= free;
    let (mut fitting, mut too_large) = (least, size.longest_side() + 1);
    if fits(size.longest_side()) {
        return Some(size);
    }
    if least >= size.longest_side() || !fits(least) {
        return None;
    }
    while fitting + 1 < too_large {
        let middle = fitting.midpoint(too_large);
        if fits(middle) { fitting = middle } else { too_large = middle }
    }
    Some(size.fit(fitting))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXTENT: Extent<'_> = Extent {
        model: Model::Vgg16,
        deepest: Layer::CONV5_1,
        content: &[Layer::CONV4_2],
        pooling: Pooling::Average,
        bytes_per_value: 4,
    };

    #[test]
    fn by_hand_at_720p() {
        let plan = MemoryPlan::new(&EXTENT, Convolutions::Whole, Size::new(1280, 720));
        // VGG-16's convolutions: 14 710 464 weights in all kernels, twice, and 4 224 biases.
        assert_eq!(plan.network, 4 * (2 * 14_710_464 + 4_224));
        // 2·64 values a pixel at full size, 2·128 at a quarter of it, 3·256, 3·512 (and 512 for the content), 512.
        let quarter = |n: u64| 1280 * 720 / 4u64.pow(n as u32);
        let values =
            128 * quarter(0) + 256 * quarter(1) + 768 * quarter(2) + 2048 * quarter(3) + 512 * quarter(4);
        assert_eq!(plan.activations, 4 * values);
        // Three times conv1_2, 3 · 64² for its Gram matrix, and 12 values a pixel.
        assert_eq!(plan.work, 4 * ((3 * 64 + 12) * quarter(0) + 3 * 64 * 64));
        assert_eq!(plan.total(), plan.network + plan.activations + plan.work);
    }

    #[test]
    fn bands_bound_what_copies_take() {
        let of = |size| MemoryPlan::new(&EXTENT, Convolutions::Bands, size).work;
        let small = Size::new(64, 64);
        // Twice nine copies of conv1_2's input fit into a band, beside its input and output.
        assert_eq!(of(small), 4 * 64 * 64 * (64 + 64 + 2 * 9 * 64 + 12));
        // At 8 megapixels the copies alone would take 19 GB.
        let large = Size::new(3840, 2160);
        let whole = MemoryPlan::new(&EXTENT, Convolutions::Whole, large).work;
        assert!(of(large) < whole + 2 * BAND_BYTES, "{} {whole}", of(large));
    }

    #[test]
    fn every_part_of_the_extent_counts() {
        let size = Size::new(640, 360);
        let total = |extent: Extent<'_>| MemoryPlan::new(&extent, Convolutions::Whole, size).total();
        let usual = total(EXTENT);
        assert!(total(Extent { model: Model::Vgg19, ..EXTENT }) > usual);
        assert!(total(Extent { deepest: Layer::CONV4_2, ..EXTENT }) < usual);
        assert!(total(Extent { content: &[Layer::CONV1_1], ..EXTENT }) > usual);
        assert!(total(Extent { pooling: Pooling::Max, ..EXTENT }) > usual);
        assert_eq!(total(Extent { bytes_per_value: 8, ..EXTENT }), 2 * usual);
    }

    proptest! {
        #[test]
        fn larger_pictures_never_take_less(width in 16usize..3000, height in 16usize..3000, bands in any::<bool>()) {
            let convolutions = if bands { Convolutions::Bands } else { Convolutions::Whole };
            let total = |w, h| MemoryPlan::new(&EXTENT, convolutions, Size::new(w, h)).total();
            prop_assert!(total(width + 16, height) >= total(width, height));
            prop_assert!(total(width, height + 16) >= total(width, height));
        }

        #[test]
        fn what_fits_fits_and_one_pixel_more_does_not(
            width in 16usize..3000, height in 16usize..3000, free in 1u64..20_000_000,
        ) {
            let size = Size::new(width, height);
            let needed = |size: Size| 3 * size.pixels() as u64;
            match largest_within(size, 16, free, needed) {
                Some(fit) => {
                    prop_assert!(needed(fit) <= free);
                    let longest = fit.longest_side();
                    prop_assert!(fit == size || needed(size.fit(longest + 1)) > free);
                }
                None => prop_assert!(needed(size.fit(16)) > free),
            }
        }
    }
}
