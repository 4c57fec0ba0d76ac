//! The pixels as the cells of a checkerboard, each colour stored by itself.
//!
//! Relaxation visits all cells of one colour, then all of the other, because a cell's four neighbours are
//! of the other colour. Stored apart, neighbours in memory can be computed side by side. In row y, cell k
//! of colour c is the pixel in column 2k + ((y + c) mod 2): its upper and lower neighbours are cells k of
//! the other colour, its left and right neighbours are cells k − 1 and k where that remainder is 0, and
//! k and k + 1 where it is 1.

use super::lanes::LANES;

/// Even and odd.
pub(super) const COLOURS: usize = 2;

/// Cells of a colour that are stored for a row of `width` pixels: whole vectors. The last ones may stand for
/// no pixel; they are zero and joined to nothing.
pub(super) fn columns(width: usize) -> usize {
    width.div_ceil(2).next_multiple_of(LANES)
}

/// A row of pixels into its cells; those that stand for no pixel are left as they are.
#[inline(always)]
pub(super) fn split(row: &[f32], y: usize, even: &mut [f32], odd: &mut [f32]) {
    let (first, second) = if y.is_multiple_of(2) { (even, odd) } else { (odd, even) };
    let (pairs, rest) = row.as_chunks::<2>();
    for ((pair, first), second) in pairs.iter().zip(first.iter_mut()).zip(second) {
        (*first, *second) = (pair[0], pair[1]);
    }
    if let (Some(value), Some(last)) = (rest.first(), first.get_mut(pairs.len())) {
        *last = *value;
    }
}

/// The cells of a row back into pixels.
#[inline(always)]
pub(super) fn join(even: &[f32], odd: &[f32], y: usize, row: &mut [f32]) {
    let (first, second) = if y.is_multiple_of(2) { (even, odd) } else { (odd, even) };
    let (pairs, rest) = row.as_chunks_mut::<2>();
    let count = pairs.len();
    for ((pair, first), second) in pairs.iter_mut().zip(first).zip(second) {
        *pair = [*first, *second];
    }
    if let (Some(value), Some(last)) = (rest.first_mut(), first.get(count)) {
        *value = *last;
    }
}
