//! The names of the network's layers, and which part of the network each stands for.
//!
//! Names follow Keras and the style-transfer papers: `conv3_2` is the output *after the ReLU* of the
//! second convolution in the third block.

use crate::error::{Error, Result};
use crate::frame::Size;
use std::fmt;

/// Which of the two networks of Simonyan & Zisserman (2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// 13 convolutions (configuration D).
    Vgg16,
    /// 16 convolutions (configuration E).
    Vgg19,
}

impl Model {
    /// Convolutions in each of the five blocks.
    pub const fn block_lengths(self) -> [usize; 5] {
        match self {
            Self::Vgg16 => [2, 2, 3, 3, 3],
            Self::Vgg19 => [2, 2, 4, 4, 4],
        }
    }

    /// The name as typed: `vgg16` or `vgg19`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// Every layer, from the pixels inwards.
    pub fn layers(self) -> impl Iterator<Item = Layer> {
        self.block_lengths().into_iter().enumerate().flat_map(|(b, length)| {
            (0..length).map(move |i| Layer { block: b as u8 + 1, index: i as u8 + 1 })
        })
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Model {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "vgg16" => Ok(Self::Vgg16),
            "vgg19" => Ok(Self::Vgg19),
            _ => Err(Error::usage(format!("unknown model '{text}'")).hint("choose vgg16 or vgg19")),
        }
    }
}

/// The output of one convolution after its ReLU, named `conv{block}_{index}`. Orders from the pixels
/// inwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Layer {
    block: u8,
    index: u8,
}

impl Layer {
    /// The first convolution of each block, the usual style layers, and the usual content layer.
    pub const CONV1_1: Self = Self { block: 1, index: 1 };
    /// See [`Self::CONV1_1`].
    pub const CONV2_1: Self = Self { block: 2, index: 1 };
    /// See [`Self::CONV1_1`].
    pub const CONV3_1: Self = Self { block: 3, index: 1 };
    /// See [`Self::CONV1_1`].
    pub const CONV4_1: Self = Self { block: 4, index: 1 };
    /// See [`Self::CONV1_1`].
    pub const CONV5_1: Self = Self { block: 5, index: 1 };
    /// The usual content layer.
    pub const CONV4_2: Self = Self { block: 4, index: 2 };

    /// Block `1..=5` and convolution `1..=4`, or `None` outside of every VGG.
    pub const fn new(block: u8, index: u8) -> Option<Self> {
        let length = match block {
            1 | 2 => 2,
            3..=5 => 4,
            _ => return None,
        };
        if index == 0 || index > length { None } else { Some(Self { block, index }) }
    }

    /// The block, `1..=5`.
    pub const fn block(self) -> usize {
        self.block as usize
    }

    /// The convolution within its block, from 1.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Channels of the output: 64, 128, 256, 512, 512.
    pub const fn channels(self) -> usize {
        match self.block {
            1 => 64,
            2 => 128,
            3 => 256,
            _ => 512,
        }
    }

    /// Input pixels from one output pixel to the next: 1, 2, 4, 8, 16.
    pub const fn stride(self) -> usize {
        1 << (self.block - 1)
    }

    /// The size of its output for a picture of `size`: an odd last row or column is dropped at each pool.
    pub const fn size_of(self, size: Size) -> Size {
        Size::new(size.width / self.stride(), size.height / self.stride())
    }

    /// Pixels on a side of the square that one output value depends on: 3 at conv1_1, 132 at conv5_1 of
    /// VGG-16.
    pub fn receptive_field(self, model: Model) -> usize {
        let mut side = 1;
        let mut block = 1;
        for layer in model.layers().take_while(|layer| *layer <= self) {
            if layer.block() != block {
                // The pool between joins two positions.
                side += layer.stride() / 2;
                block = layer.block();
            }
            // A 3×3 kernel looks one position further on either side.
            side += 2 * layer.stride();
        }
        side
    }

    /// Whether `model` has this layer (VGG-16 lacks conv3_4, conv4_4 and conv5_4).
    pub const fn is_in(self, model: Model) -> bool {
        self.index() <= model.block_lengths()[self.block() - 1]
    }

    /// The number of convolutions before this one in `model`, from 0.
    pub fn position(self, model: Model) -> usize {
        model.block_lengths()[..self.block() - 1].iter().sum::<usize>() + self.index() - 1
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv{}_{}", self.block, self.index)
    }
}

impl std::str::FromStr for Layer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix("conv")
            .and_then(|rest| rest.split_once('_'))
            .and_then(|(block, index)| Self::new(block.parse().ok()?, index.parse().ok()?))
            .ok_or_else(|| {
                Error::usage(format!("unknown layer '{text}'"))
                    .hint("layers are named conv1_1, conv1_2, conv2_1 … conv5_3 (VGG-19 also has conv3_4, conv4_4, conv5_4)")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_count_sixteen_in_vgg19() {
        assert_eq!(Model::Vgg16.layers().count(), 13);
        assert_eq!(Model::Vgg19.layers().count(), 16);
        for (position, layer) in Model::Vgg19.layers().enumerate() {
            assert_eq!(layer.to_string().parse::<Layer>().unwrap(), layer);
            assert_eq!(layer.position(Model::Vgg19), position);
        }
        for bad in ["conv0_1", "conv1_3", "conv6_1", "conv3_5", "conv3", "relu1_1", "conv1_", ""] {
            assert!(bad.parse::<Layer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn receptive_fields_are_the_published_ones() {
        // Araujo, Norris & Sim (2019), *Computing Receptive Fields of Convolutional Neural Networks*: VGG-16
        // ends at 212 pixels behind its last pool, which joins two positions of stride 16.
        let last = |model: Model| model.layers().last().unwrap().receptive_field(model);
        assert_eq!(last(Model::Vgg16) + 16, 212);
        // By hand: two more convolutions of stride 1, a pool and one of stride 2.
        assert_eq!(Layer::CONV1_1.receptive_field(Model::Vgg16), 3);
        assert_eq!(Layer::CONV2_1.receptive_field(Model::Vgg16), 10);
        // The fourth convolutions of blocks 3 and 4, by hand.
        assert_eq!(Layer::CONV5_1.receptive_field(Model::Vgg16), 132);
        assert_eq!(Layer::CONV5_1.receptive_field(Model::Vgg19), 132 + 2 * (4 + 8));
    }

    #[test]
    fn vgg16_lacks_the_fourth_convolutions() {
        let layer: Layer = "conv3_4".parse().unwrap();
        assert!(!layer.is_in(Model::Vgg16) && layer.is_in(Model::Vgg19));
    }
}
