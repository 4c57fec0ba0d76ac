//! What stands still gets a flow of exactly 0.
//!
//! Noise alone makes a flow of some hundredths of a pixel, which differ from frame to frame: paint that
//! follows them swims, and softens as it is fetched from between the pixels. So small vectors must be
//! called for by the pictures. Around each block of pixels, one vector common to all of them is fitted by
//! least squares (Lucas & Kanade 1981), and what it explains of the difference of the frames is held
//! against what it leaves, which is noise: under noise alone the quotient is distributed like χ² with two
//! degrees of freedom, whose mean is 2 and which passes 20 once in 20 000 times.

use super::field::Field;
use super::plane::Plane;
use rayon::prelude::*;

/// Pixels along the side of a block.
const BLOCK: usize = 16;
/// Evidence up to which nothing moves, and from which on all is believed. More than independent noise
/// calls for, because compression makes the noise of neighbours alike (tuned).
const EVIDENCE: [f32; 2] = [20.0, 60.0];
/// Lengths in pixels: shorter vectors need evidence, longer ones do not. A small thing that moves is not
/// seen in the sums over a block, but moves by more than noise does.
const LENGTHS: [f32; 2] = [0.25, 0.5];
/// What rounding to 8 bits adds to the variance of a difference: 1/12 for each frame.
const ROUNDING: f32 = 1.0 / 6.0;

/// Sums over a block: products of slopes (three), of slopes with the difference (two), its square, and
/// the number of pixels.
type Sums = [f32; 7];

/// Sets to 0, in place, what no evidence speaks for; `of` and `towards` have the size of `flow`.
pub(super) fn hold_still(flow: &mut Field, of: &Plane, towards: &Plane) {
    let size = flow.size;
    let (columns, rows) = (size.width.div_ceil(BLOCK), size.height.div_ceil(BLOCK));
    let mut sums = vec![Sums::default(); columns * rows];
    sums.par_chunks_exact_mut(columns).enumerate().for_each(|(row, sums)| {
        for y in row * BLOCK..((row + 1) * BLOCK).min(size.height) {
            add_row(of, towards, y, sums);
        }
    });
    let moves: Vec<f32> = (0..columns * rows)
        .map(|i| {
            let (x, y) = (i % columns, i / columns);
            let mut around = Sums::default();
            for y in y.saturating_sub(1)..(y + 2).min(rows) {
                for sums in &sums[y * columns..][x.saturating_sub(1)..(x + 2).min(columns)] {
                    for (to, from) in around.iter_mut().zip(sums) {
                        *to += from;
                    }
                }
            }
            ramp(evidence(&around), EVIDENCE)
        })
        .collect();
    if moves.iter().all(|moves| *moves >= 1.0) {
        return;
    }
    let planes = flow.right.par_chunks_exact_mut(size.width).zip(flow.down.par_chunks_exact_mut(size.width));
    planes.enumerate().for_each(|(y, (right, down))| {
        let (y0, y1, v) = between(y, rows);
        for (x, (right, down)) in right.iter_mut().zip(down).enumerate() {
            let (x0, x1, u) = between(x, columns);
            let row = |y: usize| {
                let (left, right) = (moves[y * columns + x0], moves[y * columns + x1]);
                left + u * (right - left)
            };
            let block = row(y0) + v * (row(y1) - row(y0));
            let length = (*right * *right + *down * *down).sqrt();
            let believed = block.max(ramp(length, LENGTHS));
            (*right, *down) = (*right * believed, *down * believed);
        }
    });
}

/// The two blocks whose centres pixel `i` of an axis lies between, and how far along.
fn between(i: usize, blocks: usize) -> (usize, usize, f32) {
    let at = ((i as f32 + 0.5) / BLOCK as f32 - 0.5).clamp(0.0, (blocks - 1) as f32);
    (at as usize, (at as usize + 1).min(blocks - 1), at - at.floor())
}

/// 0 up to the first of two numbers, 1 from the second on, smoothly between.
fn ramp(value: f32, [from, to]: [f32; 2]) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Adds one row of pixels to the sums of the blocks it passes through.
fn add_row(of: &Plane, towards: &Plane, y: usize, sums: &mut [Sums]) {
    let y = y as isize;
    let (a, b) = (of.row(y, 1), towards.row(y, 1));
    let (a_above, b_above) = (of.row(y - 1, 0), towards.row(y - 1, 0));
    let (a_below, b_below) = (of.row(y + 1, 0), towards.row(y + 1, 0));
    let width = a_above.len();
    for (block, sums) in sums.iter_mut().enumerate() {
        for x in block * BLOCK..((block + 1) * BLOCK).min(width) {
            // Slopes of the mean of both frames; with the noise of the difference they have nothing in
            // common.
            let right = 0.25 * ((a[x + 2] + b[x + 2]) - (a[x] + b[x]));
            let down = 0.25 * ((a_below[x] + b_below[x]) - (a_above[x] + b_above[x]));
            let difference = b[x + 1] - a[x + 1];
            let row = [
                right * right,
                right * down,
                down * down,
                right * difference,
                down * difference,
                difference * difference,
                1.0,
            ];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// What one vector explains of the squared difference, over the variance it leaves.
fn evidence(&[rr, rd, dd, r, d, square, n]: &Sums) -> f32 {
    let determinant = rr * dd - rd * rd;
    // Slopes in one direction only, or none: what can be explained along the stronger axis.
    let explained = if determinant > 1e-4 * (rr + dd) * (rr + dd) {
        (dd * r * r - 2.0 * rd * r * d + rr * d * d) / determinant
    } else {
        (r * r + d * d) / (rr + dd).max(f32::MIN_POSITIVE)
    };
    explained / ((square - explained).max(0.0) / n.max(1.0) + ROUNDING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    /// A wave of 12 pixels and of amplitude 30, moved by `by`, with noise of deviation `noise`.
    fn picture(by: f32, noise: f32, seed: u64) -> Plane {
        let size = Size::new(64, 48);
        let mut random = fastrand::Rng::with_seed(seed);
        // Twelve uniform numbers make a normal one, nearly.
        let mut normal = || (0..12).map(|_| random.f32()).sum::<f32>() - 6.0;
        let noise: Vec<f32> = (0..size.pixels()).map(|_| noise * normal()).collect();
        Plane::from_rows(size, |y, row| {
            for (x, to) in row.iter_mut().enumerate() {
                let wave = |at: f32| (std::f32::consts::TAU * at / 12.0).sin();
                *to = 128.0 + 30.0 * wave(x as f32 - by) * wave(y as f32) + noise[y * size.width + x];
            }
        })
    }

    fn held(by: f32, noise: f32) -> Field {
        let size = Size::new(64, 48);
        let mut flow = Field { right: vec![by; size.pixels()], ..Field::zeros(size) };
        hold_still(&mut flow, &picture(0.0, noise, 1), &picture(by, noise, 2));
        flow
    }

    #[test]
    fn noise_does_not_move() {
        for noise in [0.0, 1.0, 3.0, 10.0] {
            let size = Size::new(64, 48);
            let mut flow = Field { right: vec![0.1; size.pixels()], ..Field::zeros(size) };
            hold_still(&mut flow, &picture(0.0, noise, 1), &picture(0.0, noise, 2));
            assert!(flow.right.iter().all(|v| *v == 0.0), "noise {noise}");
        }
    }

    #[test]
    fn what_moves_keeps_its_flow_however_slow() {
        // Mean squared slope of the wave: (30 τ / 12)² / 4 = 62; noise 1 leaves a variance of 2. A vector of
        // 0.1 explains 0.62 a pixel, and a corner's four blocks have 1024 pixels: evidence of 290.
        assert!(held(0.1, 1.0).right.iter().all(|v| *v == 0.1));
        assert!(held(0.6, 10.0).right.iter().all(|v| *v == 0.6), "long vectors need no evidence");
    }
}
