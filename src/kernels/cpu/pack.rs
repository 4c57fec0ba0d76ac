//! Weights the way the products read them: transformed, 32 output channels side by side.
//!
//! Packing reads each 3×3 kernel once, transforms it in float64 and rounds once. The input gradient's
//! weights are the same kernels, rotated by 180° and with input and output channels swapped.

use super::Cpu;
use super::blocked::{LANES, Lane};
use super::panel::{WIDTH, Weights};
use super::transform::Tile;
use rayon::prelude::*;

/// Which way the convolution runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    /// The gradient with respect to the input.
    Backward,
}

/// Weights of one direction: for each panel of 32 output channels, `[position][input channel][32]`.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) panels: Vec<Vec<Weights>>,
    /// Input channels, rounded up to whole blocks.
    pub(super) depth: usize,
}

impl Packed {
    /// Packs `weights`, `[cout, cin, 3, 3]`: one position per element of the transformed kernel.
    pub(super) fn new(
        cpu: &Cpu,
        weights: &[f32],
        (cout, cin): (usize, usize),
        direction: Direction,
        tile: Tile,
    ) -> Self {
        let (outputs, inputs) = match direction {
            Direction::Forward => (cout, cin),
            Direction::Backward => (cin, cout),
        };
        // The kernel from input i to output o, as it is needed in this direction.
        let kernel = |o: usize, i: usize| -> [f64; 9] {
            if o >= outputs || i >= inputs {
                return [0.0; 9];
            }
            match direction {
                Direction::Forward => std::array::from_fn(|k| f64::from(weights[(o * cin + i) * 9 + k])),
                Direction::Backward => std::array::from_fn(|k| f64::from(weights[(i * cin + o) * 9 + 8 - k])),
            }
        };
        let depth = inputs.next_multiple_of(LANES);
        let positions = tile.positions();
        let panel = |p: usize| {
            let mut packed = vec![[Lane::ZERO; 2]; positions * depth];
            for i in 0..inputs {
                for o in 0..WIDTH {
                    let transformed = tile.kernel(&kernel(p * WIDTH + o, i));
                    for (position, &value) in transformed[..positions].iter().enumerate() {
                        packed[position * depth + i][o / LANES].0[o % LANES] = value as f32;
                    }
                }
            }
            packed
        };
        let panels = cpu.install(|| (0..outputs.div_ceil(WIDTH)).into_par_iter().map(panel).collect());
        Self { panels, depth }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.panels.iter().map(|panel| size_of_val(panel.as_slice())).sum()
    }
}
