//! What speaks for and against a cut between two frames with something to see in them.

use super::small::{Products, Small, blocks};
use crate::flow::{Flow, Kernel, warp_planes};
use crate::frame::Size;
use rayon::prelude::*;

/// Deviations above this many 8-bit steps count no more, so that one hard edge does not outvote a meadow.
/// Tuned.
const STRONGEST: f32 = 20.0;
/// The bound of Sundaram et al. (2010) on vectors that do not lead back, in cells²: their 0.5 pixels² are
/// for flow at a frame's own resolution; averaged over cells of 4 pixels and more it is steadier. Tuned.
const APART: f32 = 0.05;
/// The share of two shifted frames that must overlap. Tuned.
const OVERLAP: f32 = 0.25;
/// Deviation of the blur that detail is told from, in cells. Tuned.
const BLUR: f32 = 1.5;

/// How much of the structure of `after` was there before, 0..1: each block's best likeness to where
/// the motion says it came from, or to its own place, weighted by its deviation.
///
/// A motion is believed as far as `forward` leads back from where `backward` leads to: a dense flow always
/// finds something alike, and between unrelated frames what it finds is not the same both ways.
pub(super) fn explained(before: &Small, after: &Small, backward: &Flow, forward: &Flow) -> f32 {
    let size = after.size;
    let moved = warp_planes(&before.luma, backward, Kernel::Linear);
    let cells = (0..size.pixels()).map(|i| follow(backward, forward, i % size.width, i / size.width));
    let (leads_back, inside): (Vec<f32>, Vec<f32>) = cells.unzip();
    let (mut sum, mut weights) = (0.0, 0.0);
    for block in blocks(size) {
        let share = |of: &[f32]| block.iter().map(|&i| of[i]).sum::<f32>() / block.len() as f32;
        let with_motion = Products::of(&block, &after.luma, &moved);
        let without = Products::of(&block, &after.luma, &before.luma);
        let weight = with_motion.first.sqrt().min(STRONGEST) * share(&inside);
        sum += weight * (with_motion.likeness() * share(&leads_back)).max(without.likeness());
        weights += weight;
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// Whether the vectors of a cell lead back, and whether they stay within the frame, as 0 or 1.
fn follow(backward: &Flow, forward: &Flow, x: usize, y: usize) -> (f32, f32) {
    let Size { width, height } = backward.size();
    let [bx, by] = backward.at(x, y);
    let (to_x, to_y) = (x as f32 + bx, y as f32 + by);
    let [fx, fy] = forward.sample(to_x, to_y);
    let apart = (fx + bx).powi(2) + (fy + by).powi(2);
    let leads_back = apart <= 0.01 * (fx * fx + fy * fy + bx * bx + by * by) + APART;
    let within = |at: f32, n: usize| (-0.5..=n as f32 - 0.5).contains(&at);
    let number = |yes: bool| f32::from(u8::from(yes));
    (number(leads_back), number(within(to_x, width) && within(to_y, height)))
}

/// How clearly one frame's detail is the other's in another place, 0..1: the best correlation over all
/// shifts that leave a quarter of the frame, less the best one that is more than a quarter of a side from
/// it. Unrelated frames have many poor places, repeating textures many good ones; what is one scene has
/// one place, however fast the camera, and even behind a flash or an object that covers half of it.
pub(super) fn in_one_place(before: &Small, after: &Small) -> f32 {
    let Size { width, height } = after.size;
    let (before, after) = (detail(before), detail(after));
    let reach = |n: usize| 1 - n as isize..n as isize;
    let shifts: Vec<(isize, isize)> = reach(height).flat_map(|y| reach(width).map(move |x| (x, y))).collect();
    let overlap = |(x, y): (isize, isize)| {
        (1.0 - x.abs() as f32 / width as f32) * (1.0 - y.abs() as f32 / height as f32)
    };
    let scores: Vec<((isize, isize), f32)> = shifts
        .into_par_iter()
        .filter(|shift| overlap(*shift) >= OVERLAP)
        // Small overlaps correlate well by chance.
        .map(|shift| {
            (shift, overlap(shift).powf(0.25) * correlation(&after, &before, [width, height], shift))
        })
        .collect();
    let Some((place, best)) = scores.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else { return 0.0 };
    let far = |shift: &(isize, isize)| {
        4 * (shift.0 - place.0).abs() > width as isize || 4 * (shift.1 - place.1).abs() > height as isize
    };
    let second =
        scores.iter().filter(|(shift, _)| far(shift)).fold(0.0, |most: f32, (_, score)| most.max(*score));
    (best - second).max(0.0)
}

/// The correlation of `after` with `before` fetched at `shift`, over what overlaps.
fn correlation(after: &[f32], before: &[f32], [width, height]: [usize; 2], (x, y): (isize, isize)) -> f32 {
    let range = |shift: isize, n: usize| {
        let start = (-shift).max(0) as usize;
        (start, (start as isize + shift) as usize, n - shift.unsigned_abs())
    };
    let ((x, from_x, columns), (y, from_y, rows)) = (range(x, width), range(y, height));
    let mut sums = [0.0; 3];
    for row in 0..rows {
        let after = &after[(y + row) * width + x..][..columns];
        let before = &before[(from_y + row) * width + from_x..][..columns];
        let mut line = [0.0; 3];
        for (a, b) in after.iter().zip(before) {
            line[0] += a * a;
            line[1] += b * b;
            line[2] += a * b;
        }
        sums.iter_mut().zip(line).for_each(|(sum, line)| *sum += line);
    }
    // Nothing but rounding noise in both adds up to about this.
    const NOISE: f32 = 50.0;
    sums[2] / ((sums[0] + NOISE) * (sums[1] + NOISE)).sqrt()
}

/// Luma without what is coarse: less itself blurred by a Gaussian.
fn detail(small: &Small) -> Vec<f32> {
    let Size { width, height } = small.size;
    let reach = (3.0 * BLUR) as isize;
    let kernel: Vec<f32> = (-reach..=reach).map(|i| (-0.5 * (i as f32 / BLUR).powi(2)).exp()).collect();
    let total: f32 = kernel.iter().sum();
    let blurred = |plane: &[f32], step: [isize; 2]| -> Vec<f32> {
        let at = |x: usize, y: usize, i: isize| {
            let x = (x as isize + i * step[0]).clamp(0, width as isize - 1) as usize;
            let y = (y as isize + i * step[1]).clamp(0, height as isize - 1) as usize;
            plane[y * width + x]
        };
        let cell = |i: usize| {
            let (x, y) = (i % width, i / width);
            (-reach..=reach).zip(&kernel).map(|(i, weight)| weight * at(x, y, i)).sum::<f32>() / total
        };
        (0..width * height).map(cell).collect()
    };
    let coarse = blurred(&blurred(&small.luma, [1, 0]), [0, 1]);
    small.luma.iter().zip(coarse).map(|(luma, coarse)| luma - coarse).collect()
}

/// How much the colours differ, wherever they are, 0..1: half the sum of the differences of two
/// histograms of 4×4×4 colours.
pub(super) fn color_distance(before: &Small, after: &Small) -> f32 {
    let histogram = |small: &Small| {
        let mut counts = [0.0f32; 64];
        for i in 0..small.size.pixels() {
            let [r, g, b] = [0, 1, 2].map(|c: usize| (small.colors[c][i] / 64.0).clamp(0.0, 3.0) as usize);
            counts[16 * r + 4 * g + b] += 1.0 / small.size.pixels() as f32;
        }
        counts
    };
    let pairs = histogram(before).into_iter().zip(histogram(after));
    pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / 2.0
}
