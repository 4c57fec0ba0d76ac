//! One flat thing of a scene: the still behind everything, or a cut-out before it.

use super::path::{Affine, Path};
use crate::frame::{Frame, Size};
use crate::pixels::Pixels;
use crate::resize::resize_pixels;

/// Texels for each pixel of an unmagnified layer. Tuned: scenes magnify by 1.0 to 1.9, mostly by 1.2; at
/// 1.25 they are neither soft nor aliased.
const TEXELS: f64 = 1.25;

/// How the edge of a cut-out meets what is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edge {
    /// Each pixel shows one of the two.
    Hard,
    /// Pixels on the edge show both, by the area each covers, as a lens does. The default.
    #[default]
    Smooth,
}

/// A thing in front of the still: a rounded rectangle cut out of a picture, moving on its own.
#[derive(Debug, Clone)]
pub struct Cutout {
    /// The picture it is cut from: its middle, shrunk or enlarged to just cover the cut-out.
    pub picture: Frame,
    /// Half its width and height in pixels, before its path makes it grow.
    pub half: [f64; 2],
    /// The radius of its corners in pixels; half the shorter side makes a disc of a square.
    pub corner: f64,
    /// What its edge is like.
    pub edge: Edge,
    /// Its way through the frame.
    pub path: Path,
}

/// A texture that is placed in the frame by a path; with a shape, cut out.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    texture: Pixels,
    path: Path,
    shape: Option<Shape>,
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    half: [f64; 2],
    corner: f64,
    edge: Edge,
}

impl Layer {
    /// `picture`, just covering `width` × `height` pixels, without an end: mirrored at its borders.
    pub(super) fn endless(picture: &Frame, covers: [f64; 2], path: Path) -> Self {
        let size = picture.size();
        let scale = (covers[0] / size.width as f64).max(covers[1] / size.height as f64) * TEXELS;
        let side = |n: usize| ((n as f64 * scale).round() as usize).clamp(1, 1 << 15);
        let size = Size::new(side(size.width), side(size.height));
        Self { texture: resize_pixels(&Pixels::from_frame(picture), size), path, shape: None }
    }

    pub(super) fn cut_out(cutout: &Cutout) -> Self {
        let half = cutout.half.map(|half| half.max(0.5));
        let corner = cutout.corner.clamp(0.0, half[0].min(half[1]));
        let shape = Shape { half, corner, edge: cutout.edge };
        let layer = Self::endless(&cutout.picture, half.map(|half| 2.0 * half), cutout.path);
        Self { shape: Some(shape), ..layer }
    }

    /// The layer as it lies in frame `t`.
    pub(super) fn placed(&self, t: f64, middle: [f64; 2]) -> Placed<'_> {
        let to_frame = self.path.at(t, middle);
        Placed { layer: self, to_frame, from_frame: to_frame.inverse() }
    }

    /// Red, green and blue (0..255, not rounded) at a point in pixels from the layer's middle.
    fn color(&self, [x, y]: [f64; 2]) -> [f64; 3] {
        let Size { width, height } = self.texture.size();
        let (columns, across) = taps(x * TEXELS + (width as f64 - 1.0) / 2.0, width);
        let (rows, along) = taps(y * TEXELS + (height as f64 - 1.0) / 2.0, height);
        self.texture.planes().map(|plane| {
            let mut sum = 0.0;
            for (row, weight) in rows.iter().zip(along) {
                let row = &plane[row * width..][..width];
                let line: f32 =
                    columns.iter().zip(across).map(|(column, weight)| row[*column] * weight).sum();
                sum += weight * line;
            }
            255.0 * f64::from(sum)
        })
    }
}

/// The four texels around a place on an axis of `n`, mirrored at its ends, and their weights.
fn taps(at: f64, n: usize) -> ([usize; 4], [f32; 4]) {
    let period = 2 * n;
    // From one texel further left, and in 0..period, so that the arithmetic stays within usize.
    let at = (at - 1.0).rem_euclid(period as f64);
    let first = at as usize;
    let texel = |i: usize| {
        let i = (first + i) % period;
        if i < n { i } else { period - 1 - i }
    };
    ([0, 1, 2, 3].map(texel), cubic_weights((at - first as f64) as f32))
}

/// Keys (1981), *Cubic Convolution Interpolation*, eq. 15 with a = −½: weights of the texels at −1, 0, 1 and
/// 2 for a place at `t` between 0 and 1.
fn cubic_weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t3 + 2.0 * t2 - t),
        0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
        0.5 * (-3.0 * t3 + 4.0 * t2 + t),
        0.5 * (t3 - t2),
    ]
}

/// A layer and the maps to and from one frame.
pub(super) struct Placed<'a> {
    layer: &'a Layer,
    to_frame: Affine,
    from_frame: Affine,
}

impl Placed<'_> {
    /// Where what is seen at `point` of this frame lies when the layer is placed like `other`.
    pub(super) fn follow(&self, point: [f64; 2], other: &Self) -> [f64; 2] {
        other.to_frame.apply(self.from_frame.apply(point))
    }

    pub(super) fn color(&self, point: [f64; 2]) -> [f64; 3] {
        self.layer.color(self.from_frame.apply(point))
    }

    /// Whether the layer is there at `point`.
    pub(super) fn covers(&self, point: [f64; 2]) -> bool {
        self.depth(point) >= 0.0
    }

    /// How much of the pixel at `point` the layer covers, 0..1.
    pub(super) fn coverage(&self, point: [f64; 2]) -> f64 {
        match self.layer.shape {
            Some(Shape { edge: Edge::Smooth, .. }) => (0.5 + self.depth(point)).clamp(0.0, 1.0),
            _ => f64::from(u8::from(self.covers(point))),
        }
    }

    /// Pixels from `point` to the layer's edge, above 0 inside. Exact for what is only moved, turned and
    /// grown; where a layer is sheared, right in sign and nearly so in size.
    fn depth(&self, point: [f64; 2]) -> f64 {
        let Some(Shape { half, corner, .. }) = self.layer.shape else { return f64::INFINITY };
        let [x, y] = self.from_frame.apply(point);
        let (x, y) = (x.abs() - half[0] + corner, y.abs() - half[1] + corner);
        let outside = x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0) - corner;
        -outside * self.to_frame.determinant().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scene::Swing;

    #[test]
    fn a_disc_is_as_large_as_it_says() {
        let path = Path { growth: Swing::still(2f64.ln()), ..Path::default() };
        let picture = Frame::from_fn(Size::new(4, 4), |_, _| [9; 3]);
        let disc = Cutout { picture, half: [10.0, 10.0], corner: 10.0, edge: Edge::Smooth, path };
        let layer = Layer::cut_out(&disc);
        let placed = layer.placed(0.0, [50.0, 40.0]);
        // Twice as large: 20 pixels from the middle, in every direction.
        for turn in 0..8 {
            let (sin, cos) = (f64::from(turn) * 0.8).sin_cos();
            let at = |radius: f64| [50.0 + radius * cos, 40.0 + radius * sin];
            assert!(placed.covers(at(19.9)) && !placed.covers(at(20.1)));
            assert!((placed.coverage(at(20.25)) - 0.25).abs() < 1e-9);
        }
    }

    #[test]
    fn beyond_its_border_a_picture_is_mirrored() {
        let places = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 1e300, f64::NAN];
        let first = places.map(|at| taps(at, 3).0[1]);
        assert_eq!(first[..7], [1, 0, 0, 1, 2, 2, 1]);
    }
}
