//! The matrix product at the heart of everything: tiles × channels, held in registers.
//!
//! The left factor is activations or their transforms in blocks of 16 channels, the right factor
//! weights packed 32 output channels wide. Each number of the left is broadcast against one or two
//! vectors of weights; the sums stay in registers for the whole depth.

use super::blocked::{LANES, Lane};
use super::simd::Simd;

/// Weights of one input channel towards 32 output channels.
pub(super) type Weights = [Lane; 2];

/// Output channels in one panel of weights.
pub(super) const WIDTH: usize = 2 * LANES;

/// The most rows that any level keeps in registers.
pub(super) const MOST_TILES: usize = 14;

/// Adds to `sums[r][n]` the product of `left` and `right` over all input channels:
/// `left[b · stride + r]` holds 16 channels of row `r`, `right[16 b + k][first + n]` the weights of channel
/// `16 b + k`. Meanwhile `ahead` is brought into the cache, as evenly as may be.
#[inline(always)]
pub(super) fn multiply<S: Simd, const R: usize, const N: usize>(
    s: S,
    left: &[Lane],
    stride: usize,
    right: &[Weights],
    first: usize,
    ahead: &[Weights],
    sums: &mut [[S::V; N]; R],
) {
    let (blocks, _) = right.as_chunks::<LANES>();
    let each = ahead.len().div_ceil(blocks.len().max(1));
    let mut acc = *sums;
    for (b, weights) in blocks.iter().enumerate() {
        let Some((rows, _)) = left[b * stride..].split_first_chunk::<R>() else { return };
        // Not among the products: a branch there costs more than the burst.
        for next in ahead.get(b * each..).unwrap_or(&[]).iter().take(each) {
            s.prefetch(&next[0]);
            s.prefetch(&next[1]);
        }
        for k in 0..LANES {
            let w: [S::V; N] = std::array::from_fn(|n| s.load(&weights[k][(first + n) % 2]));
            for r in 0..R {
                let x = s.splat(rows[r].0[k]);
                for n in 0..N {
                    acc[r][n] = s.mul_add(x, w[n], acc[r][n]);
                }
            }
        }
    }
    *sums = acc;
}

/// Calls `$body` with the constant `$r` equal to `$rows`, 1 to 14.
macro_rules! with_rows {
    ($rows:expr, $r:ident => $body:expr) => {
        with_rows!(@ $rows, $r, $body, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    (@ $rows:expr, $r:ident, $body:expr, $($n:literal)+) => {
        match $rows {
            $($n => { const $r: usize = $n; $body })+
            _ => {}
        }
    };
}
pub(super) use with_rows;

/// Cuts `count` rows into pieces of at most `most`, as even as possible: `(start, length)`.
#[inline(always)]
pub(super) fn pieces(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = count.div_ceil(most).max(1);
    (0..n).map(move |i| {
        let start = i * count / n;
        (start, (i + 1) * count / n - start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_everything_once_and_evenly() {
        for count in 1..100 {
            let mut next = 0;
            for (start, length) in pieces(count, 14) {
                assert_eq!(start, next);
                assert!((1..=14).contains(&length) && length + 1 >= count / count.div_ceil(14));
                next += length;
            }
            assert_eq!(next, count);
        }
    }
}
