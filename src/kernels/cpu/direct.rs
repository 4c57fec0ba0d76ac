//! The convolution as it is defined: nine products per pixel.
//!
//! Slower than Winograd's and the most accurate: the yardstick for the others, and the choice for
//! those who want no transforms.
#![expect(unsafe_code, reason = "tasks of one loop write disjoint places of one buffer")]

use super::Cpu;
use super::blocked::Blocked;
use super::pack::Packed;
use super::panel::{multiply, pieces, with_rows};
use super::simd::{Kernel, Simd, dispatch};
use super::target::Target;

/// `target` = `packed` ∗ `input`, finished by the target.
pub(super) fn convolve(cpu: &Cpu, packed: &Packed, input: &Blocked, target: &Target<'_>) {
    let rows = target.size.height;
    cpu.threads().for_each(packed.panels.len() * rows, |piece, _| {
        dispatch(cpu.level(), Row { packed, input, target, panel: piece / rows, y: piece % rows });
    });
}

/// One row of 32 output channels.
struct Row<'a> {
    packed: &'a Packed,
    input: &'a Blocked,
    target: &'a Target<'a>,
    panel: usize,
    y: usize,
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for (x, count) in pieces(self.target.size.width, S::TILES) {
            with_rows!(count, R => {
                if R <= S::TILES {
                    if S::VECTORS == 2 {
                        self.pixels::<S, R, 2>(s, x, 0);
                    } else {
                        self.pixels::<S, R, 1>(s, x, 0);
                        self.pixels::<S, R, 1>(s, x, 1);
                    }
                }
            });
        }
    }
}

impl Row<'_> {
    /// `R` pixels from column `x` on, `N` blocks of 16 output channels from block `first` of the panel on.
    #[inline(always)]
    fn pixels<S: Simd, const R: usize, const N: usize>(&self, s: S, x: usize, first: usize) {
        let (from, to) = (self.input.grid(), self.target.grid);
        let mut sums = [[s.zero(); N]; R];
        for tap in 0..9 {
            let left = &self.input.lanes()[from.at(0, self.y + tap / 3, x + tap % 3)..];
            let depth = self.packed.depth;
            let right = &self.packed.panels[self.panel][tap * depth..][..depth];
            multiply(s, left, from.plane(), right, first, &[], &mut sums);
        }
        for n in 0..N {
            let block = 2 * self.panel + first + n;
            if block < to.blocks {
                for (r, sum) in sums.iter().enumerate() {
                    let index = to.at(block, self.y + 1, x + r + 1);
                    // SAFETY: each task has its own row of its own panel.
                    unsafe { self.target.put(s, block, index, sum[n]) };
                }
            }
        }
    }
}
