//! Where a style holds: spatial guidance after Gatys et al. (2017), *Controlling Perceptual Factors in
//! Neural Style Transfer*, section 4.
//!
//! A region `r` has a guidance map `T_l` at every layer `l`, with `Σ T_l² = 1` over its positions. The
//! features are multiplied by it, and the guided Gram matrix is that of the products:
//!
//! `G_l = Σ_p T_l(p)² F_l(p) F_l(p)ᵀ`,
//!
//! a weighted mean where the plain one is a mean. So it is compared with the style picture's plain Gram
//! matrix, and a map of ones gives the plain matrix again. With `D = (4 w / ‖A_l‖²) (G_l − A_l)` the gradient
//! of `w ‖G_l − A_l‖² / ‖A_l‖²` with respect to the features at a position is `T_l(p)² D F_l(p)`.
//!
//! The maps are the mask averaged as the network's pooling averages: the paper's simplest way. Positions deep
//! in the network see some of what lies beside the region (132 pixels across at conv5_1), so that regions
//! grow together at their borders instead of being cut.
//!
//! Deviation: each region's loss is weighed by its share of the picture, where the paper leaves the weights
//! to the user. The pull on a pixel is then the same in small and large regions and without any, and a style
//! weight means the same everywhere.

use crate::flow::Mask;
use crate::frame::Size;
use crate::vgg::Layer;

/// The guidance maps of one region, for pictures of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Guide {
    size: Size,
    share: f64,
    /// `T²` for each block of the network, row-major; empty where nothing of the region is left.
    squares: Vec<Vec<f32>>,
}

/// Blocks of the network, each with half the size of the one before.
const BLOCKS: usize = 5;

impl Guide {
    /// The region where `mask` is above 0, for pictures of the mask's size.
    pub fn new(mask: &Mask) -> Self {
        let mut size = mask.size();
        let mut values = mask.values().to_vec();
        let mut squares = Vec::with_capacity(BLOCKS);
        for block in 0..BLOCKS {
            if block > 0 {
                (size, values) = pooled(size, &values);
            }
            squares.push(normalised(&values));
        }
        Self { size: mask.size(), share: mask.mean(), squares }
    }

    /// Width and height of the pictures it is for.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The share of the picture that it covers, 0..1.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// `T²` at the positions of `layer`, row-major, adding up to 1. `None` where nothing of the region is
    /// left there.
    pub fn squares(&self, layer: Layer) -> Option<&[f32]> {
        self.squares.get(layer.block() - 1).map(Vec::as_slice).filter(|squares| !squares.is_empty())
    }
}

/// Means over 2×2, an odd last row or column dropped, as the network's pooling has it.
fn pooled(size: Size, values: &[f32]) -> (Size, Vec<f32>) {
    let half = Size::new(size.width / 2, size.height / 2);
    let mean = |x: usize, y: usize| {
        let [upper, lower] = [2 * y, 2 * y + 1].map(|y| &values[y * size.width + 2 * x..][..2]);
        0.25 * (upper[0] + upper[1] + lower[0] + lower[1])
    };
    let means = (0..half.height).flat_map(|y| (0..half.width).map(move |x| (x, y)));
    (half, means.map(|(x, y)| mean(x, y)).collect())
}

/// The squares of `values`, divided by their sum; nothing if that is 0.
fn normalised(values: &[f32]) -> Vec<f32> {
    let square = |value: &f32| f64::from(*value).powi(2);
    let sum: f64 = values.iter().map(square).sum();
    match sum > 0.0 {
        true => values.iter().map(|value| (square(value) / sum) as f32).collect(),
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(size: Size, value: impl Fn(usize, usize) -> f32) -> Mask {
        let values = (0..size.pixels()).map(|i| value(i % size.width, i / size.width)).collect();
        Mask::new(size, values).unwrap()
    }

    #[test]
    fn the_whole_picture_is_guided_by_a_flat_map() {
        let guide = Guide::new(&Mask::flat(Size::new(37, 50), 1.0));
        assert_eq!(guide.share(), 1.0);
        for (layer, positions) in
            [(Layer::CONV1_1, 37 * 50), (Layer::CONV2_1, 18 * 25), (Layer::CONV5_1, 2 * 3)]
        {
            let squares = guide.squares(layer).unwrap();
            assert_eq!(squares.len(), positions);
            assert!(squares.iter().all(|t| (t * positions as f32 - 1.0).abs() < 1e-6));
        }
    }

    #[test]
    fn halves_stay_halves_and_grey_counts_by_its_square() {
        // Left 1, right ½: a pixel on the left counts four times as much.
        let size = Size::new(8, 4);
        let guide = Guide::new(&mask(size, |x, _| if x < 4 { 1.0 } else { 0.5 }));
        assert_eq!(guide.share(), 0.75);
        for layer in [Layer::CONV1_1, Layer::CONV3_1] {
            let squares = guide.squares(layer).unwrap();
            assert!((squares[0] - 4.0 * squares[squares.len() - 1]).abs() < 1e-6, "{layer}");
        }
        // 8 × 4 has a single row at the third block and nothing at the fourth.
        assert!(guide.squares(Layer::CONV4_1).is_none());
    }

    #[test]
    fn a_region_in_a_dropped_column_has_no_place_deeper_down() {
        let guide = Guide::new(&mask(Size::new(33, 32), |x, _| if x == 32 { 1.0 } else { 0.0 }));
        assert!(guide.squares(Layer::CONV1_1).is_some() && guide.squares(Layer::CONV2_1).is_none());
        assert_eq!(Guide::new(&Mask::flat(Size::new(32, 32), 0.0)).squares(Layer::CONV1_1), None);
    }

    proptest! {
        #[test]
        fn squares_add_up_to_one(width in 1usize..70, height in 1usize..70, seed in any::<u64>()) {
            let size = Size::new(width, height);
            let mut random = fastrand::Rng::with_seed(seed);
            let values = (0..size.pixels()).map(|_| random.f32()).collect();
            let guide = Guide::new(&Mask::new(size, values).unwrap());
            for block in 1..=5 {
                let layer = Layer::new(block, 1).unwrap();
                let positions = (width >> (block - 1)) * (height >> (block - 1));
                let squares = guide.squares(layer).unwrap_or_default();
                prop_assert!(squares.len() == positions);
                let sum: f64 = squares.iter().map(|t| f64::from(*t)).sum();
                prop_assert!(positions == 0 || (sum - 1.0).abs() < 1e-4);
            }
        }
    }
}
