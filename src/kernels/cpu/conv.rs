//! 3×3 convolutions, stride 1, zero padding 1, with a ReLU behind them: both directions.
//!
//! For such a convolution the gradient with respect to the input is a convolution again, with the
//! kernels rotated by 180° and input and output channels swapped. One routine serves both.

use super::blocked::{Blocked, LANES, Lane};
use super::input::Spread;
use super::pack::{Direction, Packed};
use super::pool::{self, Pooling};
use super::signs::Signs;
use super::target::{Finish, Mask, Target};
use super::transform::{F2, F4, Tile};
use super::{Cpu, Scratch, direct, winograd};
use crate::error::{Error, Result};
use crate::frame::Size;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// Winograd F(4×4, 3×3): a quarter of the products. A layer's relative error is about 1e-6.
    #[default]
    F4,
    /// Winograd F(2×2, 3×3): 4/9 of the products, a third of F4's error, less than half the memory.
    F2,
    /// All products.
    Direct,
}

impl Algorithm {
    /// Every algorithm, fastest first.
    pub const ALL: [Self; 3] = [Self::F4, Self::F2, Self::Direct];
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F4 => "f4",
            Self::F2 => "f2",
            Self::Direct => "direct",
        })
    }
}

impl std::str::FromStr for Algorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|a| a.to_string() == text.to_ascii_lowercase()).ok_or_else(|| {
            Error::usage(format!("'{text}' is not a convolution algorithm")).hint("choose f4, f2 or direct")
        })
    }
}

/// The gradient with respect to a convolution's output before its ReLU.
#[derive(Clone, Copy)]
pub enum Gradient<'a> {
    /// As it is.
    Whole(&'a Blocked),
    /// What is behind a pool that takes means, divided among their pixels
    /// ([`backward_to_pool`](Conv3x3::backward_to_pool)), and the signs of the activations in front of it
    /// ([`forward_to_pool`](Conv3x3::forward_to_pool)). Not for [`Algorithm::Direct`].
    Spread(&'a Blocked, &'a Signs),
}

impl<'a> From<&'a Blocked> for Gradient<'a> {
    fn from(grad: &'a Blocked) -> Self {
        Self::Whole(grad)
    }
}

impl Gradient<'_> {
    fn size(&self) -> Size {
        match self {
            Self::Whole(grad) => grad.size(),
            Self::Spread(_, signs) => signs.size(),
        }
    }

    fn expect(&self, channels: usize) -> Result<()> {
        match self {
            Self::Whole(grad) => grad.expect("gradient above the convolution", channels, grad.size()),
            Self::Spread(shares, signs) => {
                signs.expect(channels, signs.size())?;
                signs.expect_pooled(shares)
            }
        }
    }
}

/// A frozen 3×3 convolution with bias, followed by a ReLU.
#[derive(Debug)]
pub struct Conv3x3 {
    /// As they were given, until both directions are packed.
    weights: Mutex<Arc<[f32]>>,
    bias: Vec<Lane>,
    cin: usize,
    cout: usize,
    algorithm: Algorithm,
    forward: OnceLock<Packed>,
    backward: OnceLock<Packed>,
}

impl Conv3x3 {
    /// From `weights` `[cout, cin, 3, 3]` (as PyTorch stores them: a correlation) and `bias` `[cout]`.
    ///
    /// The weights are packed for a direction when it is first used.
    ///
    /// # Errors
    ///
    /// A model error if there are too few or too many numbers.
    pub fn new(weights: &[f32], bias: &[f32], cin: usize, cout: usize, algorithm: Algorithm) -> Result<Self> {
        check_parameters(weights, bias, cin, cout)?;
        Ok(Self {
            weights: Mutex::new(weights.into()),
            bias: blocks_of(bias),
            cin,
            cout,
            algorithm,
            forward: OnceLock::new(),
            backward: OnceLock::new(),
        })
    }

    /// Input channels.
    pub fn cin(&self) -> usize {
        self.cin
    }

    /// Output channels.
    pub fn cout(&self) -> usize {
        self.cout
    }

    /// How it is computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Packs the weights of both directions now, so that the first iteration is as fast as the others.
    pub fn prepare(&self, cpu: &Cpu) {
        self.packed(cpu, Direction::Forward);
        self.packed(cpu, Direction::Backward);
    }

    /// Bytes of memory held by the weights packed so far.
    pub fn bytes(&self) -> usize {
        let packed = [&self.forward, &self.backward].into_iter().filter_map(OnceLock::get);
        size_of_val(&*self.weights()) + packed.map(Packed::bytes).sum::<usize>()
    }

    /// `output` = relu(convolution of `input` + bias).
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit: `input` has [`cin`](Self::cin) channels, `output`
    /// [`cout`](Self::cout), both the same size.
    pub fn forward(
        &self,
        cpu: &Cpu,
        input: &Blocked,
        output: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        input.expect("input of the convolution", self.cin, input.size())?;
        output.expect("output of the convolution", self.cout, input.size())?;
        let target = Target::new(output, Finish::Activate { bias: &self.bias });
        self.convolve(cpu, Direction::Forward, input.into(), &target, scratch)
    }

    /// As [`forward`](Self::forward), and `pooled` = `output` pooled. Means are taken while the results are
    /// in registers.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit; `pooled` has half of the output's size, rounded down.
    pub fn forward_and_pool(
        &self,
        cpu: &Cpu,
        pooling: Pooling,
        input: &Blocked,
        output: &mut Blocked,
        pooled: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if pooling != Pooling::Average || self.algorithm == Algorithm::Direct {
            self.forward(cpu, input, output, scratch)?;
            return pool::forward(cpu, pooling, output, pooled);
        }
        input.expect("input of the convolution", self.cin, input.size())?;
        output.expect("output of the convolution", self.cout, input.size())?;
        pooled.expect("output of pooling", self.cout, pool::pooled(input.size()))?;
        let target = Target::new(output, Finish::Activate { bias: &self.bias }).with_pooled(pooled);
        self.convolve(cpu, Direction::Forward, input.into(), &target, scratch)
    }

    /// Whether [`forward_to_pool`](Self::forward_to_pool) can be used for this kind of pool.
    pub fn can_keep_signs(&self, pooling: Pooling) -> bool {
        pooling == Pooling::Average && self.algorithm != Algorithm::Direct
    }

    /// As [`forward_and_pool`](Self::forward_and_pool) with means, where of the output only the signs are kept.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit, and for [`Algorithm::Direct`].
    pub fn forward_to_pool(
        &self,
        cpu: &Cpu,
        input: &Blocked,
        signs: &mut Signs,
        pooled: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if !self.can_keep_signs(Pooling::Average) {
            return Err(Error::model("a direct convolution keeps no signs"));
        }
        input.expect("input of the convolution", self.cin, input.size())?;
        signs.expect(self.cout, input.size())?;
        signs.expect_pooled(pooled)?;
        let target = Target::of_signs(signs, &self.bias, pooled);
        self.convolve(cpu, Direction::Forward, input.into(), &target, scratch)
    }

    /// The adjoint of the convolution applied to `grad`, divided among the pixels of each mean: what
    /// [`Gradient::Spread`] takes.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    pub fn backward_to_pool(
        &self,
        cpu: &Cpu,
        grad: &Blocked,
        shares: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        grad.expect("gradient above the convolution", self.cout, grad.size())?;
        shares.expect("gradient below the convolution", self.cin, grad.size())?;
        let target = Target::new(shares, Finish::Share);
        self.convolve(cpu, Direction::Backward, grad.into(), &target, scratch)
    }

    /// `grad_input` = (adjoint of the convolution applied to `grad` + `tap`), zero where `mask` ≤ 0.
    ///
    /// `grad` is the gradient with respect to the convolution's output before this layer's ReLU, so
    /// already masked. `tap` is a loss' own gradient at the layer below; `mask` that layer's
    /// activation, whose ReLU is thereby passed as well.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    pub fn backward<'a>(
        &self,
        cpu: &Cpu,
        grad: impl Into<Gradient<'a>>,
        tap: Option<&Blocked>,
        mask: Option<&Blocked>,
        grad_input: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let grad = grad.into();
        if let Some(mask) = mask {
            mask.expect("activation below the convolution", self.cin, grad.size())?;
        }
        let mask = mask.map_or(Mask::None, |mask| Mask::Of(mask.lanes()));
        self.gradient(cpu, grad, tap, mask, grad_input, scratch)
    }

    /// As [`backward`](Self::backward), where `activation` is the mask and is overwritten by the
    /// gradient: half the memory, if nothing else needs the activation any more.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    pub fn backward_in_place<'a>(
        &self,
        cpu: &Cpu,
        grad: impl Into<Gradient<'a>>,
        tap: Option<&Blocked>,
        activation: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.gradient(cpu, grad.into(), tap, Mask::InPlace, activation, scratch)
    }

    /// As [`backward_in_place`](Self::backward_in_place), where the tap's gradient lies in the activation's place and
    /// is not a number where the activation was 0, as
    /// [`gram_gradient_in_place`](super::gram_gradient_in_place) leaves it.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    pub fn backward_onto<'a>(
        &self,
        cpu: &Cpu,
        grad: impl Into<Gradient<'a>>,
        marked: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let grad = grad.into();
        grad.expect(self.cout)?;
        marked.expect("gradient below the convolution", self.cin, grad.size())?;
        let target = Target::new(marked, Finish::Marked);
        self.convolve(cpu, Direction::Backward, grad, &target, scratch)
    }

    /// The gradient below the pool below the convolution: [`backward`](Self::backward) into `pooled`, then
    /// [`pool::backward_in_place`] with `tap` into `activation`, in one go where that can be; `pooled` may
    /// remain as it is.
    ///
    /// # Errors
    ///
    /// A model error if a shape does not fit.
    #[expect(clippy::too_many_arguments, reason = "two steps in one")]
    pub fn backward_through_pool(
        &self,
        cpu: &Cpu,
        pooling: Pooling,
        grad: &Blocked,
        tap: Option<&Blocked>,
        pooled: &mut Blocked,
        activation: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if pooling != Pooling::Average || self.algorithm == Algorithm::Direct {
            self.backward(cpu, grad, None, None, pooled, scratch)?;
            return pool::backward_in_place(cpu, pooling, pooled, tap, activation);
        }
        let size = activation.size();
        activation.expect("activation below pooling", self.cin, size)?;
        grad.expect("gradient above the convolution", self.cout, pool::pooled(size))?;
        if let Some(tap) = tap {
            tap.expect("tap gradient below pooling", self.cin, size)?;
        }
        pool::backward_dropped(cpu, tap, activation);
        let target = Target::new(activation, Finish::Unpool { tap: tap.map(Blocked::lanes) });
        self.convolve(cpu, Direction::Backward, grad.into(), &target, scratch)
    }

    fn gradient(
        &self,
        cpu: &Cpu,
        grad: Gradient<'_>,
        tap: Option<&Blocked>,
        mask: Mask<'_>,
        grad_input: &mut Blocked,
        scratch: &mut Scratch,
    ) -> Result<()> {
        grad.expect(self.cout)?;
        grad_input.expect("gradient below the convolution", self.cin, grad.size())?;
        if let Some(tap) = tap {
            tap.expect("tap gradient below the convolution", self.cin, grad.size())?;
        }
        let finish = Finish::Gradient { tap: tap.map(Blocked::lanes), mask };
        let target = Target::new(grad_input, finish);
        self.convolve(cpu, Direction::Backward, grad, &target, scratch)
    }

    fn convolve(
        &self,
        cpu: &Cpu,
        direction: Direction,
        input: Gradient<'_>,
        target: &Target<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let packed = self.packed(cpu, direction);
        match (self.algorithm, input) {
            (Algorithm::F4, Gradient::Whole(input)) => {
                winograd::convolve::<F4>(cpu, packed, input, target, scratch)
            }
            (Algorithm::F4, Gradient::Spread(shares, signs)) => {
                winograd::convolve::<F4>(cpu, packed, Spread { shares, signs }, target, scratch)
            }
            (Algorithm::F2, Gradient::Whole(input)) => {
                winograd::convolve::<F2>(cpu, packed, input, target, scratch)
            }
            (Algorithm::F2, Gradient::Spread(shares, signs)) => {
                winograd::convolve::<F2>(cpu, packed, Spread { shares, signs }, target, scratch)
            }
            (Algorithm::Direct, Gradient::Whole(input)) => direct::convolve(cpu, packed, input, target),
            (Algorithm::Direct, Gradient::Spread(..)) => {
                return Err(Error::model("a direct convolution needs the whole gradient"));
            }
        }
        Ok(())
    }

    fn packed(&self, cpu: &Cpu, direction: Direction) -> &Packed {
        let cell = match direction {
            Direction::Forward => &self.forward,
            Direction::Backward => &self.backward,
        };
        let tile = match self.algorithm {
            Algorithm::F4 => Tile::F4,
            Algorithm::F2 => Tile::F2,
            Algorithm::Direct => Tile::Taps,
        };
        if let Some(packed) = cell.get() {
            return packed;
        }
        let weights = self.weights();
        let packed = cell.get_or_init(|| Packed::new(cpu, &weights, (self.cout, self.cin), direction, tile));
        if self.forward.get().is_some() && self.backward.get().is_some() {
            *self.weights.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        }
        packed
    }

    fn weights(&self) -> Arc<[f32]> {
        self.weights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Fails unless `weights` and `bias` have the right number of elements.
pub(super) fn check_parameters(weights: &[f32], bias: &[f32], cin: usize, cout: usize) -> Result<()> {
    if cin > 0 && cout > 0 && weights.len() == cout * cin * 9 && bias.len() == cout {
        return Ok(());
    }
    Err(Error::model(format!(
        "a 3x3 convolution from {cin} to {cout} channels cannot have {} weights and {} biases",
        weights.len(),
        bias.len()
    )))
}

/// `values` in blocks of 16, the last one filled up with zeros.
pub(super) fn blocks_of(values: &[f32]) -> Vec<Lane> {
    let block = |block: &[f32]| Lane(std::array::from_fn(|i| block.get(i).copied().unwrap_or(0.0)));
    values.chunks(LANES).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Level, Threads};
    use super::*;
    /// Small enough for Miri: every algorithm on two threads, both ways, against the definition.
    #[test]
    fn a_small_convolution_agrees_with_its_definition() {
        let (cin, cout, size) = (2, 17, Size::new(5, 6));
        // Small whole numbers, so that the definition is exact.
        let number = |i: usize| ((i * 7919 + 13) % 7) as f32 - 3.0;
        let weights: Vec<f32> = (0..cout * cin * 9).map(number).collect();
        let planar: Vec<f32> = (0..cin * size.pixels()).map(|i| number(3 * i)).collect();
        let gradient: Vec<f32> = (0..cout * size.pixels()).map(|i| number(5 * i)).collect();
        let (mut expected, mut back) = (vec![1.0f32; cout * size.pixels()], vec![0.0f32; planar.len()]);
        for (k, w) in weights.iter().enumerate() {
            let (o, i, dy, dx) = (k / 9 / cin, k / 9 % cin, k % 9 / 3, k % 3);
            for y in (0..size.height).filter(|y| (1..=size.height).contains(&(y + dy))) {
                for x in (0..size.width).filter(|x| (1..=size.width).contains(&(x + dx))) {
                    let to = (o * size.height + y) * size.width + x;
                    let from = (i * size.height + y + dy - 1) * size.width + x + dx - 1;
                    expected[to] += w * planar[from];
                    back[from] += w * gradient[to];
                }
            }
        }
        let close = |got: &Blocked, expected: &[f32]| {
            got.to_planar().iter().zip(expected).all(|(g, e)| (g - e).abs() <= 1e-4 * (1.0 + e.abs()))
        };
        expected.iter_mut().for_each(|x| *x = x.max(0.0));
        let cpu = Cpu::new(Threads::new(2).unwrap(), Some(Level::Portable)).unwrap();
        let input = Blocked::from_planar(&planar, cin, size).unwrap();
        let grad = Blocked::from_planar(&gradient, cout, size).unwrap();
        for algorithm in Algorithm::ALL {
            let conv = Conv3x3::new(&weights, &vec![1.0; cout], cin, cout, algorithm).unwrap();
            let (mut output, mut scratch) = (Blocked::zeros(cout, size), Scratch::new());
            conv.forward(&cpu, &input, &mut output, &mut scratch).unwrap();
            assert!(close(&output, &expected), "forward {algorithm}");
            let mut got = Blocked::zeros(cin, size);
            conv.backward(&cpu, &grad, None, None, &mut got, &mut scratch).unwrap();
            assert!(close(&got, &back), "backward {algorithm}");
        }
    }

    #[test]
    fn algorithms_read_what_they_print() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse::<Algorithm>().unwrap(), algorithm);
        }
        assert!("f6".parse::<Algorithm>().is_err());
    }
}
