//! What the pixels say about the flow, made linear around the flow so far.
//!
//! A pixel says three things: that its grey value stays the same, and that each of the two slopes there
//! does. To first order in the change of the flow these are three linear equations
//! a · right + b · down + c = 0. Each is divided by the length of (a, b), so that strong edges do not
//! count more than faint ones (Zimmer, Bruhn & Weickert 2011); a little is added to the length, so that
//! noise does not count as much as a faint edge.

use super::checker::{COLOURS, columns, split};
use super::field::Field;
use super::lanes::{LANES, Lanes};
use super::plane::{BORDER, MIN_ROWS, Plane};
use crate::frame::Size;
use crate::kernels::cpu::{Loops, vectorised};
use rayon::prelude::*;

/// Numbers kept of every pixel: three equations.
pub(super) const NUMBERS: usize = 9;

/// Added to the length of an equation's (a, b), in grey values a pixel: about what the noise of a camera
/// makes of a flat place (tuned; OpenCV has 0.1).
const FAINT: f32 = 1.0;

/// The equations of all pixels, row by row; in a row those of the even cells of the checkerboard first
/// (see [`super::checker`]), number by number.
pub(super) struct Equations {
    data: Vec<f32>,
    columns: usize,
    /// By the shift of a row's cells: 1 for those with a right neighbour, else 0.
    right_edge: [Vec<f32>; 2],
}

impl Equations {
    pub(super) fn new(size: Size) -> Self {
        let columns = columns(size.width);
        let has_right = |k: usize, shift: usize| if 2 * k + shift + 1 < size.width { 1.0 } else { 0.0 };
        Self {
            data: vec![0.0; COLOURS * NUMBERS * columns * size.height],
            columns,
            right_edge: [0, 1].map(|shift| (0..columns).map(|k| has_right(k, shift)).collect()),
        }
    }

    /// Made anew around `flow`.
    pub(super) fn update(&mut self, of: &Plane, towards: &Plane, flow: &Field) {
        let size = of.size();
        let width = size.width;
        let warped = Plane::from_rows(size, |y, to| {
            let range = y * width..(y + 1) * width;
            let (right, down) = (&flow.right[range.clone()], &flow.down[range]);
            vectorised(Warp { towards, y, right, down, to });
        });
        let padded = width.next_multiple_of(LANES);
        let rows = self.data.par_chunks_exact_mut(COLOURS * NUMBERS * self.columns);
        rows.with_min_len(MIN_ROWS).enumerate().for_each_init(
            || vec![0.0; (NUMBERS + 2) * padded],
            |numbers, (y, row)| {
                let range = y * width..(y + 1) * width;
                numbers[NUMBERS * padded..][..width].copy_from_slice(&flow.right[range.clone()]);
                numbers[(NUMBERS + 1) * padded..][..width].copy_from_slice(&flow.down[range]);
                vectorised(Row { of, warped: &warped, y, numbers, row });
            },
        );
    }

    /// For a row whose cells are shifted by `shift`: 1 for each that has a right neighbour, else 0.
    #[inline(always)]
    pub(super) fn right_edge(&self, shift: usize) -> &[f32] {
        &self.right_edge[shift]
    }

    /// The numbers of one colour in row `y`.
    #[inline(always)]
    pub(super) fn row(&self, y: usize, colour: usize) -> &[f32] {
        let n = NUMBERS * self.columns;
        &self.data[(y * COLOURS + colour) * n..][..n]
    }
}

/// One row of the other frame, fetched along the flow with Catmull & Rom's cubic (Keys 1981, a = −½).
struct Warp<'a> {
    towards: &'a Plane,
    y: usize,
    right: &'a [f32],
    down: &'a [f32],
    to: &'a mut [f32],
}

/// Keys' weights for eight places at once.
#[inline(always)]
fn cubic(t: Lanes) -> [Lanes; 4] {
    let half = Lanes::splat(0.5);
    let (t2, t3) = (t * t, t * t * t);
    let (two, three, four, five) =
        (Lanes::splat(2.0), Lanes::splat(3.0), Lanes::splat(4.0), Lanes::splat(5.0));
    [
        half * (two * t2 - t3 - t),
        half * (three * t3 - five * t2 + two),
        half * (four * t2 - three * t3 + t),
        half * (t3 - t2),
    ]
}

impl Loops for Warp<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { towards, y, right, down, to } = self;
        let size = towards.size();
        // Counted from the border's edge: positive, so that truncation is the floor.
        let border = BORDER as f32;
        let (least, most_x, most_y) = (border - 2.0, size.width as f32 + border, size.height as f32 + border);
        let stride = towards.stride();
        let everything = towards.from(-(BORDER as isize), -(BORDER as isize));
        let vectors = right.chunks(LANES).zip(down.chunks(LANES));
        for (chunk, (to, (right, down))) in to.chunks_mut(LANES).zip(vectors).enumerate() {
            let (mut at_x, mut at_y) = ([least; LANES], [least; LANES]);
            for (i, (right, down)) in right.iter().zip(down).enumerate() {
                at_x[i] = (chunk * LANES + i) as f32 + right + border;
                at_y[i] = y as f32 + down + border;
            }
            let (mut u, mut v, mut starts) = ([0.0; LANES], [0.0; LANES], [0usize; LANES]);
            for i in 0..LANES {
                let (x, y) = (at_x[i].max(least).min(most_x), at_y[i].max(least).min(most_y));
                let (column, row) = (x as i32, y as i32);
                (u[i], v[i]) = (x - column as f32, y - row as f32);
                starts[i] = (row as usize - 1) * stride + column as usize - 1;
            }
            let (across, along) = (cubic(Lanes(u)), cubic(Lanes(v)));
            for (i, to) in to.iter_mut().enumerate() {
                let from = &everything[starts[i]..];
                let mut sum = [0.0f32; 4];
                for (j, weights) in along.iter().enumerate() {
                    let Some(four) = from[j * stride..].first_chunk::<4>() else { break };
                    for k in 0..4 {
                        sum[k] += weights.0[i] * four[k];
                    }
                }
                *to = (sum[0] * across[0].0[i] + sum[2] * across[2].0[i])
                    + (sum[1] * across[1].0[i] + sum[3] * across[3].0[i]);
            }
        }
    }
}

/// Rows y − 2 to y + 2, from two columns before the frame to two columns behind `columns`.
#[inline(always)]
fn around(plane: &Plane, y: usize, columns: usize) -> [&[f32]; 5] {
    std::array::from_fn(|i| &plane.from(-2, y as isize + i as isize - 2)[..columns + 4])
}

struct Row<'a> {
    of: &'a Plane,
    warped: &'a Plane,
    y: usize,
    numbers: &'a mut [f32],
    row: &'a mut [f32],
}

impl Loops for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { of, warped, y, numbers, row } = self;
        let size = of.size();
        let width = size.width;
        let padded = numbers.len() / (NUMBERS + 2);
        let (faint, quarter) = (Lanes::splat(FAINT * FAINT), Lanes::splat(0.25));
        let (half, eighth) = (Lanes::splat(0.5), Lanes::splat(0.125));
        // Two rows and columns around; the mean of both frames gives the slopes, their difference what
        // is left to explain. Beyond the last pixel the rows go on with their border.
        let (a, b) = (around(of, y, padded), around(warped, y, padded));
        let (last_x, last_y) = ((width - 1) as f32, (size.height - 1) as f32);
        let mut planes = numbers.chunks_exact_mut(padded).map(|plane| plane.as_chunks_mut::<LANES>().0);
        let mut plane = || planes.next().unwrap_or_default();
        let [a0, b0, c0, a1, b1, c1, a2, b2, c2, right, down]: [&mut [[f32; LANES]]; NUMBERS + 2] =
            std::array::from_fn(|_| plane());
        for (k, (right, down)) in right.iter().zip(&*down).enumerate() {
            let x = k * LANES;
            let (right, down) = (Lanes(*right), Lanes(*down));
            let read = |j: usize, i: usize| (Lanes::read(&a[j][x + i..]), Lanes::read(&b[j][x + i..]));
            let sum = |j: usize, i: usize| {
                let (a, b) = read(j, i);
                a + b
            };
            let less = |j: usize, i: usize| {
                let (a, b) = read(j, i);
                b - a
            };
            let twice = sum(2, 2) + sum(2, 2);
            let ix = quarter * (sum(2, 3) - sum(2, 1));
            let iy = quarter * (sum(3, 2) - sum(1, 2));
            let iz = less(2, 2);
            let ixx = eighth * (sum(2, 4) - twice + sum(2, 0));
            let iyy = eighth * (sum(4, 2) - twice + sum(0, 2));
            let ixy = eighth * ((sum(3, 3) - sum(3, 1)) - (sum(1, 3) - sum(1, 1)));
            let ixz = half * (less(2, 3) - less(2, 1));
            let iyz = half * (less(3, 2) - less(1, 2));
            // Whoever left the frame has nothing to say.
            let mut counts = Lanes::ZERO;
            for i in 0..LANES {
                let (to_x, to_y) = ((x + i) as f32 + right.0[i], y as f32 + down.0[i]);
                let inside = (to_x >= 0.0) & (to_x <= last_x) & (to_y >= 0.0) & (to_y <= last_y);
                counts.0[i] = if inside { 1.0 } else { 0.0 };
            }
            let n0 = counts / (ix * ix + iy * iy + faint).sqrt();
            let n1 = counts / (ixx * ixx + ixy * ixy + faint).sqrt();
            let n2 = counts / (ixy * ixy + iyy * iyy + faint).sqrt();
            // What is left is told for the flow itself, not for its change.
            a0[k] = (n0 * ix).0;
            b0[k] = (n0 * iy).0;
            c0[k] = (n0 * (iz - ix * right - iy * down)).0;
            a1[k] = (n1 * ixx).0;
            b1[k] = (n1 * ixy).0;
            c1[k] = (n1 * (ixz - ixx * right - ixy * down)).0;
            a2[k] = (n2 * ixy).0;
            b2[k] = (n2 * iyy).0;
            c2[k] = (n2 * (iyz - ixy * right - iyy * down)).0;
        }
        let columns = columns(width);
        let (even, odd) = row.split_at_mut(NUMBERS * columns);
        let cells = even.chunks_exact_mut(columns).zip(odd.chunks_exact_mut(columns));
        for (numbers, (even, odd)) in numbers.chunks_exact(padded).zip(cells) {
            split(&numbers[..width], y, even, odd);
        }
    }
}
