//! From patches to pixels: a pixel's vector is the mean of those of the patches over it, each the more
//! trusted the better it fits there (Kroeger et al. 2016, eq. 3).

use super::field::Field;
use super::patches::{Found, Patches, SIDE};
use super::plane::{BORDER, MIN_ROWS, Plane};
use crate::kernels::cpu::{Loops, vectorised};
use rayon::prelude::*;

/// The vectors of all pixels of `of`.
pub(super) fn densify(patches: &Patches, of: &Plane, towards: &Plane) -> Field {
    let size = of.size();
    let mut field = Field::zeros(size);
    let rows = field.right.par_chunks_exact_mut(size.width).zip(field.down.par_chunks_exact_mut(size.width));
    rows.with_min_len(MIN_ROWS).enumerate().for_each(|(y, (right, down))| {
        vectorised(Row { patches, of, towards, y, right, down });
    });
    field
}

struct Row<'a> {
    patches: &'a Patches,
    of: &'a Plane,
    towards: &'a Plane,
    y: usize,
    right: &'a mut [f32],
    down: &'a mut [f32],
}

impl Loops for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { patches, of, towards, y, right, down } = self;
        let width = of.size().width;
        // A frame narrower than a patch is covered by it and some border.
        let n = width.max(SIDE);
        let (mut total_right, mut total_down, mut total) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let columns = patches.left.len();
        for (row, &top) in patches.top.iter().enumerate() {
            if !(top..top + SIDE).contains(&y) {
                continue;
            }
            let found = &patches.found[row * columns..][..columns];
            for (found, &left) in found.iter().zip(&patches.left) {
                let weights = trust(of, towards, left, y, found);
                for (sums, value) in
                    [(&mut total_right, found.right), (&mut total_down, found.down), (&mut total, 1.0)]
                {
                    let Some(sums) = sums[left..].first_chunk_mut::<SIDE>() else { continue };
                    for i in 0..SIDE {
                        sums[i] += weights[i] * value;
                    }
                }
            }
        }
        for (x, (right, down)) in right.iter_mut().zip(down).enumerate() {
            let scale = 1.0 / total[x].max(f32::MIN_POSITIVE);
            (*right, *down) = (total_right[x] * scale, total_down[x] * scale);
        }
    }
}

/// How much the eight pixels of row `y` from column `left` on trust a vector: the inverse of the
/// difference, counted as 1 where it is less than a grey value.
#[inline(always)]
fn trust(of: &Plane, towards: &Plane, left: usize, y: usize, found: &Found) -> [f32; SIDE] {
    let size = towards.size();
    let limit = (BORDER - 1) as f32;
    let at_x = (left as f32 + found.right).clamp(-limit, size.width as f32 + limit - (SIDE + 1) as f32);
    let at_y = (y as f32 + found.down).clamp(-limit, size.height as f32 + limit - 2.0);
    let (at_x, at_y) = (at_x + BORDER as f32, at_y + BORDER as f32);
    let (column, row) = (at_x as usize, at_y as usize);
    let (u, v) = (at_x - column as f32, at_y - row as f32);
    let from = towards.from(column as isize - BORDER as isize, row as isize - BORDER as isize);
    let mut weights = [0.0; SIDE];
    let (Some(above), Some(below), Some(here)) = (
        from.first_chunk::<{ SIDE + 1 }>(),
        from.get(towards.stride()..).and_then(|row| row.first_chunk::<{ SIDE + 1 }>()),
        of.from(left as isize, y as isize).first_chunk::<SIDE>(),
    ) else {
        return weights;
    };
    for i in 0..SIDE {
        let upper = above[i] + u * (above[i + 1] - above[i]);
        let lower = below[i] + u * (below[i + 1] - below[i]);
        let difference = upper + v * (lower - upper) - here[i];
        weights[i] = 1.0 / difference.abs().max(1.0);
    }
    weights
}
