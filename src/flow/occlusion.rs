//! Where a flow cannot be trusted: what was hidden before, and the edges of what moves.
//!
//! Both tests are those of Sundaram, Brox & Keutzer (2010), *Dense Point Trajectories by
//! GPU-Accelerated Large Displacement Optical Flow*, section 4, as Ruder et al. (2016, eqs. 5 and 6) and
//! Lai et al. (2018) use them. The constants are for flow in pixels at about the frame's own resolution.

use super::Flow;
use crate::frame::Size;

/// One number for every pixel of a frame, 0..1, `[H, W]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    size: Size,
    values: Vec<f32>,
}

impl Mask {
    /// Takes exactly `width · height` values in 0..1, or `None`.
    pub fn new(size: Size, values: Vec<f32>) -> Option<Self> {
        let fits = size.pixels() > 0 && values.len() == size.pixels();
        (fits && values.iter().all(|v| (0.0..=1.0).contains(v))).then_some(Self { size, values })
    }

    /// `value`, kept within 0..1, everywhere.
    pub fn flat(size: Size, value: f32) -> Self {
        Self { size, values: vec![value.clamp(0.0, 1.0); size.pixels()] }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The mean value.
    pub fn mean(&self) -> f64 {
        self.values.iter().map(|&v| f64::from(v)).sum::<f64>() / self.values.len().max(1) as f64
    }
}

/// Whether each pixel p of the frame that `backward` lives on had no place in the frame before: where the
/// vectors do not lead back, |f(p + b) + b|² > 0.01 (|f(p + b)|² + |b|²) + 0.5, or lead out of the frame.
/// `forward` lives on the frame before; both have one size.
pub fn occlusions(backward: &Flow, forward: &Flow) -> Vec<bool> {
    let size = backward.size();
    let (last_x, last_y) = ((size.width - 1) as f32, (size.height - 1) as f32);
    each(size, |x, y| {
        let [bx, by] = backward.at(x, y);
        let (to_x, to_y) = (x as f32 + bx, y as f32 + by);
        // Half a pixel beyond the last centre is still the frame.
        let outside = !((-0.5..=last_x + 0.5).contains(&to_x) && (-0.5..=last_y + 0.5).contains(&to_y));
        let [fx, fy] = forward.sample(to_x, to_y);
        let apart = (fx + bx).powi(2) + (fy + by).powi(2);
        outside || apart > 0.01 * (fx * fx + fy * fy + bx * bx + by * by) + 0.5
    })
}

/// Whether each pixel lies where the motion changes: |∇b|² > 0.01 |b|² + 0.002, with the squared central
/// differences of both components added up.
pub fn motion_boundaries(backward: &Flow) -> Vec<bool> {
    let size = backward.size();
    each(size, |x, y| {
        let (x0, x1) = (x.saturating_sub(1), (x + 1).min(size.width - 1));
        let (y0, y1) = (y.saturating_sub(1), (y + 1).min(size.height - 1));
        let slope = |a: [f32; 2], b: [f32; 2], distance: usize| {
            let distance = distance.max(1) as f32;
            ((b[0] - a[0]) / distance).powi(2) + ((b[1] - a[1]) / distance).powi(2)
        };
        let gradient = slope(backward.at(x0, y), backward.at(x1, y), x1 - x0)
            + slope(backward.at(x, y0), backward.at(x, y1), y1 - y0);
        let [bx, by] = backward.at(x, y);
        gradient > 0.01 * (bx * bx + by * by) + 0.002
    })
}

/// How far each pixel's backward vector may be trusted: 0 where it is occluded or at a motion boundary,
/// 1 elsewhere.
pub fn certainty(backward: &Flow, forward: &Flow) -> Mask {
    let doubted = occlusions(backward, forward).into_iter().zip(motion_boundaries(backward));
    let values = doubted.map(|(hidden, edge)| if hidden || edge { 0.0 } else { 1.0 }).collect();
    Mask { size: backward.size(), values }
}

fn each(size: Size, mut test: impl FnMut(usize, usize) -> bool) -> Vec<bool> {
    (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y))).map(|(x, y)| test(x, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square of 10 pixels that moves by 4 to the right over a background that stands still.
    fn square(size: Size, left: usize, vector: f32) -> Flow {
        Flow::from_fn(size, |x, y| {
            let inside = (left..left + 10).contains(&x) && (5..15).contains(&y);
            [if inside { vector } else { 0.0 }, 0.0]
        })
    }

    #[test]
    fn what_a_moving_square_uncovers_was_hidden() {
        let size = Size::new(40, 20);
        let hidden = occlusions(&square(size, 14, -4.0), &square(size, 10, 4.0));
        let at = |x: usize, y: usize| hidden[y * 40 + x];
        assert!((10..14).all(|x| at(x, 10)), "the strip behind the square");
        assert!((14..24).all(|x| !at(x, 10)), "the square itself");
        assert!((0..40).all(|x| !at(x, 2)), "the rows above");
        assert!((25..40).all(|x| !at(x, 10)), "what it has not reached");
    }

    #[test]
    fn what_comes_in_at_the_border_was_hidden() {
        let size = Size::new(12, 6);
        let pan = |by: f32| Flow::from_fn(size, move |_, _| [by, 0.0]);
        let hidden = occlusions(&pan(3.0), &pan(-3.0));
        assert!((0..6).all(|y| (0..12).all(|x| hidden[y * 12 + x] == (x > 8))));
    }

    #[test]
    fn edges_of_motion_are_doubted_and_a_slow_zoom_is_not() {
        let size = Size::new(40, 20);
        let edges = motion_boundaries(&square(size, 14, -4.0));
        assert!(edges[10 * 40 + 13] && edges[10 * 40 + 14] && !edges[10 * 40 + 19] && !edges[2 * 40 + 2]);
        // 1 % a frame: |∇b|² = 0.0002.
        let zoom = Flow::from_fn(size, |x, y| [0.01 * (x as f32 - 20.0), 0.01 * (y as f32 - 10.0)]);
        assert!(motion_boundaries(&zoom).iter().all(|edge| !edge));
    }

    #[test]
    fn still_and_certain() {
        let still = Flow::zeros(Size::new(9, 7));
        assert_eq!(certainty(&still, &still).mean(), 1.0);
    }
}
