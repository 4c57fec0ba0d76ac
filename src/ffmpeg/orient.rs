//! Turning pictures upright: the eight ways a camera can lie on its side or mirror its picture.
//!
//! Phones record as the sensor is mounted and write a matrix beside it. Players apply it; so does
//! this, by copying pixels, without arithmetic on colours.

use crate::frame::Size;

/// Where the columns and rows of a stored picture go on the screen: `x' = a·x + c·y`,
/// `y' = b·x + d·y`, each of `a`, `b`, `c`, `d` −1, 0 or 1, moved so that the picture starts at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation {
    a: i8,
    b: i8,
    c: i8,
    d: i8,
}

impl Orientation {
    /// As it is stored.
    pub const UPRIGHT: Self = Self { a: 1, b: 0, c: 0, d: 1 };

    /// From a display matrix as in MP4 (`a b u c d v x y w`), taken to the nearest right angle;
    /// `None` for a matrix that flattens the picture.
    pub fn from_display_matrix(matrix: [i32; 9]) -> Option<Self> {
        let [a, b, _, c, d, ..] = matrix.map(i64::from);
        let sign = |n: i64| n.signum() as i8;
        let (straight, turned) = (a.abs().min(d.abs()), b.abs().min(c.abs()));
        if straight >= turned && straight > 0 {
            Some(Self { a: sign(a), b: 0, c: 0, d: sign(d) })
        } else if turned > 0 {
            Some(Self { a: 0, b: sign(b), c: sign(c), d: 0 })
        } else {
            None
        }
    }

    /// Whether rows become columns.
    pub fn swaps_sides(self) -> bool {
        self.a == 0
    }

    /// The size on the screen of a picture stored at `size`.
    pub fn apply_to_size(self, size: Size) -> Size {
        if self.swaps_sides() { Size::new(size.height, size.width) } else { size }
    }

    /// The pixels (3 bytes each, row-major) of a picture stored at `size`, turned.
    pub fn apply(self, stored: Vec<u8>, size: Size) -> Vec<u8> {
        if self == Self::UPRIGHT {
            return stored;
        }
        let out = self.apply_to_size(size);
        let (w, h) = (size.width as isize, size.height as isize);
        // The stored column is x = a·x' + b·y', the row y = c·x' + d·y', each counted from the far
        // side where its sign is negative.
        let x0 = if self.a + self.b < 0 { w - 1 } else { 0 };
        let y0 = if self.c + self.d < 0 { h - 1 } else { 0 };
        let step_x = isize::from(self.a) + isize::from(self.c) * w;
        let step_y = isize::from(self.b) + isize::from(self.d) * w;
        let mut turned = Vec::with_capacity(stored.len());
        for row in 0..out.height as isize {
            let mut at = y0 * w + x0 + row * step_y;
            for _ in 0..out.width {
                let i = 3 * at as usize;
                turned.extend_from_slice(&stored[i..i + 3]);
                at += step_x;
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    /// Turns the picture `1 2 3 / 4 5 6`, one number a pixel.
    fn turned(a: i32, b: i32, c: i32, d: i32) -> (Size, Vec<u8>) {
        let size = Size::new(3, 2);
        let stored: Vec<u8> = (1..=6).flat_map(|n| [n, n, n]).collect();
        let o = Orientation::from_display_matrix([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]);
        let o = o.unwrap();
        (o.apply_to_size(size), o.apply(stored, size).chunks(3).map(|p| p[0]).collect())
    }

    #[test]
    fn all_eight_orientations() {
        let (wide, tall) = (Size::new(3, 2), Size::new(2, 3));
        assert_eq!(turned(1, 0, 0, 1), (wide, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(turned(-1, 0, 0, 1), (wide, vec![3, 2, 1, 6, 5, 4]));
        assert_eq!(turned(1, 0, 0, -1), (wide, vec![4, 5, 6, 1, 2, 3]));
        assert_eq!(turned(-1, 0, 0, -1), (wide, vec![6, 5, 4, 3, 2, 1]));
        // Clockwise: x' = h−1−y, y' = x.
        assert_eq!(turned(0, 1, -1, 0), (tall, vec![4, 1, 5, 2, 6, 3]));
        // Counterclockwise: x' = y, y' = w−1−x.
        assert_eq!(turned(0, -1, 1, 0), (tall, vec![3, 6, 2, 5, 1, 4]));
        assert_eq!(turned(0, 1, 1, 0), (tall, vec![1, 4, 2, 5, 3, 6]));
        assert_eq!(turned(0, -1, -1, 0), (tall, vec![6, 3, 5, 2, 4, 1]));
    }

    #[test]
    fn odd_angles_go_to_the_nearest_right_one() {
        let tilted = [60_000, 26_000, 0, -26_000, 60_000, 0, 0, 0, 1 << 30];
        assert_eq!(Orientation::from_display_matrix(tilted), Some(Orientation::UPRIGHT));
        assert_eq!(Orientation::from_display_matrix([0; 9]), None);
    }
}
