//! Weights the way the products read them: transformed, 32 output channels side by side.
//!
//! Packing reads each 3×3 kernel once, transforms it in float64 and rounds once. The input gradient's
//! weights are the same kernels, rotated by 180° and with input and output channels swapped.

use super::Cpu;
use super::blocked::{LANES, Lane};
use super::panel::{WIDTH, Weights};
use super::simd::{Kernel, Simd, dispatch};
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
        let depth = inputs.next_multiple_of(LANES);
        let panel = |panel: usize| {
            let mut packed = vec![[Lane::ZERO; 2]; tile.positions() * depth];
            let to = &mut packed;
            dispatch(cpu.level(), Panel { weights, cin, inputs, outputs, direction, tile, panel, depth, to });
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

/// The weights towards 32 output channels.
struct Panel<'a> {
    weights: &'a [f32],
    /// Input channels of the forward convolution.
    cin: usize,
    /// Channels in and out of this direction.
    inputs: usize,
    outputs: usize,
    direction: Direction,
    tile: Tile,
    panel: usize,
    depth: usize,
    to: &'a mut [Weights],
}

impl Kernel for Panel<'_> {
    type Output = ();

    /// Plain loops over 16 kernels side by side: the compiler uses the level's instructions by itself.
    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let g = self.tile.matrix();
        for i in 0..self.inputs {
            for n in 0..2 {
                let kernels = self.kernels(i, self.panel * WIDTH + n * LANES);
                for (r, left) in g.iter().enumerate() {
                    // Row r of G g.
                    let mut half = [[0.0f64; LANES]; 3];
                    for x in 0..3 {
                        for l in 0..LANES {
                            half[x][l] = left[0] * kernels[x][l]
                                + left[1] * kernels[3 + x][l]
                                + left[2] * kernels[6 + x][l];
                        }
                    }
                    for (c, right) in g.iter().enumerate() {
                        let place = &mut self.to[(r * g.len() + c) * self.depth + i][n].0;
                        for l in 0..LANES {
                            let value = half[0][l] * right[0] + half[1][l] * right[1] + half[2][l] * right[2];
                            place[l] = value as f32;
                        }
                    }
                }
            }
        }
    }
}

impl Panel<'_> {
    /// The kernels from input `i` to 16 outputs from `first` on, as this direction needs them:
    /// `[tap][output]`, zero where there is no such output.
    #[inline(always)]
    fn kernels(&self, i: usize, first: usize) -> [[f64; LANES]; 9] {
        let mut kernels = [[0.0; LANES]; 9];
        for l in 0..LANES.min(self.outputs.saturating_sub(first)) {
            let o = first + l;
            let (start, rotate) = match self.direction {
                Direction::Forward => ((o * self.cin + i) * 9, false),
                Direction::Backward => ((i * self.cin + o) * 9, true),
            };
            for (k, &w) in self.weights[start..start + 9].iter().enumerate() {
                kernels[if rotate { 8 - k } else { k }][l] = f64::from(w);
            }
        }
        kernels
    }
}
