//! A frame as the cut detector sees it: so small that noise and grain are gone and looking is cheap.

use crate::flow::Flow;
use crate::frame::Size;
use crate::pixels::Pixels;

/// Cells on the longest side. Tuned: at 56 a cell of a 224-pixel frame averages noise of 30 steps down to
/// 5, and blocks are still small beside what moves in a film.
const LONGEST: usize = 56;
/// The side of the blocks that are compared, in cells.
const BLOCK: usize = 8;
/// Below so many 8-bit steps of deviation, averaged over the blocks, a frame is flat. Tuned at 224×128: the
/// sample clip has 26 and more, a fifth of its light 5, black with noise of 4 steps 0.4.
const FLAT: f32 = 2.0;
/// From this mean luma on a flat frame is bright, in 8-bit steps. Tuned.
const BRIGHT: f32 = 200.0;

/// Means over the cells of a frame, in 8-bit steps.
#[derive(Debug, Clone)]
pub(super) struct Small {
    pub(super) size: Size,
    /// Red, green, blue.
    pub(super) colors: [Vec<f32>; 3],
    pub(super) luma: Vec<f32>,
}

impl Small {
    pub(super) fn new(frame: &Pixels) -> Self {
        let size = frame.size().fit(LONGEST);
        let colors = frame.planes().map(|plane| cells(plane, frame.size(), size, 255.0));
        let [r, g, b] = &colors;
        let luma = r.iter().zip(g).zip(b).map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b).collect();
        Self { size, colors, luma }
    }

    /// The flow between two frames of `frame` pixels as the flow between their cells, in cells.
    pub(super) fn flow(flow: &Flow) -> Flow {
        let (from, size) = (flow.size(), flow.size().fit(LONGEST));
        let across = size.width as f32 / from.width as f32;
        let along = size.height as f32 / from.height as f32;
        let right = cells(flow.right(), from, size, across);
        let down = cells(flow.down(), from, size, along);
        Flow::new(size, right, down).unwrap_or_else(|| Flow::zeros(size))
    }

    /// The deviation of luma within a block, averaged over the blocks.
    pub(super) fn structure(&self) -> f32 {
        let blocks = blocks(self.size);
        let sum: f32 =
            blocks.iter().map(|block| Products::of(block, &self.luma, &self.luma).first.sqrt()).sum();
        sum / blocks.len().max(1) as f32
    }

    pub(super) fn is_flat(&self) -> bool {
        self.structure() < FLAT
    }

    pub(super) fn is_bright(&self) -> bool {
        mean(&self.luma) >= BRIGHT
    }

    /// The mean red, green and blue.
    pub(super) fn color(&self) -> [f32; 3] {
        [0, 1, 2].map(|channel: usize| mean(&self.colors[channel]))
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// The mean of the pixels of each cell, times `scale`. A pixel belongs to one cell.
fn cells(plane: &[f32], from: Size, to: Size, scale: f32) -> Vec<f32> {
    let edges = |n: usize, cells: usize| (0..=cells).map(|i| i * n / cells).collect::<Vec<_>>();
    let (columns, rows) = (edges(from.width, to.width), edges(from.height, to.height));
    let mut means = Vec::with_capacity(to.pixels());
    let mut line = vec![0.0; from.width];
    for rows in rows.windows(2) {
        line.fill(0.0);
        for row in plane[rows[0] * from.width..rows[1] * from.width].chunks_exact(from.width) {
            line.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        means.extend(columns.windows(2).map(|columns| {
            let pixels = (columns[1] - columns[0]) * (rows[1] - rows[0]);
            scale * line[columns[0]..columns[1]].iter().sum::<f32>() / pixels as f32
        }));
    }
    means
}

/// The cells of each block.
pub(super) fn blocks(size: Size) -> Vec<Vec<usize>> {
    let starts = |n: usize| (0..n).step_by(BLOCK).map(move |start| (start, (start + BLOCK).min(n)));
    let block = |(top, bottom): (usize, usize), (left, right): (usize, usize)| {
        (top..bottom).flat_map(|y| (left..right).map(move |x| y * size.width + x)).collect()
    };
    starts(size.height).flat_map(|rows| starts(size.width).map(move |columns| block(rows, columns))).collect()
}

/// Variances and covariance of two planes over a block.
pub(super) struct Products {
    pub(super) first: f32,
    pub(super) second: f32,
    pub(super) both: f32,
}

impl Products {
    pub(super) fn of(block: &[usize], first: &[f32], second: &[f32]) -> Self {
        let n = block.len().max(1) as f32;
        let mean = |plane: &[f32]| block.iter().map(|&i| plane[i]).sum::<f32>() / n;
        let (middle, other) = (mean(first), mean(second));
        let mut products = Self { first: 0.0, second: 0.0, both: 0.0 };
        for &i in block {
            let (a, b) = (first[i] - middle, second[i] - other);
            products.first += a * a / n;
            products.second += b * b / n;
            products.both += a * b / n;
        }
        products
    }

    /// 0..1: how well one plane is the other, up to brightness and contrast; what has no structure is not.
    pub(super) fn likeness(&self) -> f32 {
        // A step² of rounding noise in both.
        (self.both / ((self.first + 1.0) * (self.second + 1.0)).sqrt()).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_means_and_every_pixel_counts_once() {
        let (from, to) = (Size::new(7, 5), Size::new(3, 2));
        let plane: Vec<f32> = (0..35).map(|i| i as f32).collect();
        let cells = cells(&plane, from, to, 2.0);
        // Columns 0–1, 2–3, 4–6; rows 0–1, 2–4.
        assert_eq!(cells[0], 2.0 * (0.0 + 1.0 + 7.0 + 8.0) / 4.0);
        assert_eq!(cells[5], 2.0 * 26.0);
    }

    #[test]
    fn likeness_ignores_brightness_and_contrast() {
        let block: Vec<usize> = (0..64).collect();
        let wave: Vec<f32> = (0..64).map(|i| 40.0 * (i as f32 * 0.7).sin()).collect();
        let faded: Vec<f32> = wave.iter().map(|v| 0.3 * v + 180.0).collect();
        let turned: Vec<f32> = wave.iter().map(|v| -v).collect();
        assert!(Products::of(&block, &wave, &faded).likeness() > 0.99);
        assert_eq!(Products::of(&block, &wave, &turned).likeness(), 0.0);
        assert_eq!(Products::of(&block, &wave, &[7.0; 64]).likeness(), 0.0);
    }

    #[test]
    fn blocks_cover_every_cell_once() {
        for size in [Size::new(56, 32), Size::new(13, 9), Size::new(1, 1)] {
            let mut cells: Vec<usize> = blocks(size).concat();
            cells.sort_unstable();
            assert!(cells.into_iter().eq(0..size.pixels()));
        }
    }
}
