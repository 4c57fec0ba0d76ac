//! What a frame looks like as a whole: how bright, how colourful and how rich in contrast. A film that
//! does nothing is steady too, and one that slowly fades is not: both show here.

use crate::frame::Frame;

/// Rec. 709 luma `Y' = 0.2126 R + 0.7152 G + 0.0722 B` of every pixel, from sRGB values divided by 255,
/// not linearised. `[H, W]`, row-major, 0..1.
pub fn luma(frame: &Frame) -> Vec<f64> {
    let weigh = |rgb: &[u8; 3]| {
        let [r, g, b] = rgb.map(f64::from);
        (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255.0
    };
    frame.data().as_chunks::<3>().0.iter().map(weigh).collect()
}

/// Means over all pixels of one frame, each 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The mean of the luma.
    pub luminance: f64,
    /// The mean of max(R, G, B) − min(R, G, B), which is HSV's saturation times its value: unlike
    /// saturation alone it does not call nearly black pixels colourful.
    pub saturation: f64,
    /// The standard deviation of the luma: RMS contrast (Peli 1990, *Contrast in Complex Images*).
    pub contrast: f64,
}

impl Look {
    /// The look of `frame`, whose luma is `luma`.
    pub fn of(frame: &Frame, luma: &[f64]) -> Self {
        let n = luma.len().max(1) as f64;
        let luminance = luma.iter().sum::<f64>() / n;
        let variance = luma.iter().map(|y| (y - luminance).powi(2)).sum::<f64>() / n;
        let spread = |rgb: &[u8; 3]| {
            let [r, g, b] = *rgb;
            u64::from(r.max(g).max(b) - r.min(g).min(b))
        };
        let spreads: u64 = frame.data().as_chunks::<3>().0.iter().map(spread).sum();
        Self { luminance, saturation: spreads as f64 / 255.0 / n, contrast: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    #[test]
    fn two_halves_have_the_look_that_arithmetic_gives() {
        // Pure red beside black: luma .2126 and 0, saturation 1 and 0.
        let frame = Frame::from_fn(Size::new(4, 2), |x, _| if x < 2 { [255, 0, 0] } else { [0; 3] });
        let look = Look::of(&frame, &luma(&frame));
        assert!((look.luminance - 0.1063).abs() < 1e-12);
        assert!((look.contrast - 0.1063).abs() < 1e-12);
        assert_eq!(look.saturation, 0.5);
        let grey = Frame::from_fn(Size::new(3, 3), |_, _| [51; 3]);
        let look = Look::of(&grey, &luma(&grey));
        assert!((look.luminance - 0.2).abs() < 1e-12 && look.contrast < 1e-12 && look.saturation == 0.0);
    }
}
