//! Winograd's minimal filtering for 3×3 kernels (Lavin & Gray 2016).

/// The tile a convolution is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tile {
    /// No transform: the nine taps themselves.
    Taps,
}

impl Tile {
    /// Elements of a transformed kernel.
    pub(super) fn positions(self) -> usize {
        match self {
            Self::Taps => 9,
        }
    }

    /// The transformed 3×3 kernel; the first [`positions`](Self::positions) elements count.
    pub(super) fn kernel(self, kernel: &[f64; 9]) -> [f64; 36] {
        let mut transformed = [0.0; 36];
        match self {
            Self::Taps => transformed[..9].copy_from_slice(kernel),
        }
        transformed
    }
}
