//! Whether painting may rest while the source stands still.
//!
//! Painting the same source on and on would never end: it converges for thousands of iterations along
//! directions that hardly matter to the objective, and colours creep all the while. So what stands still, but
//! for a camera's noise, is left as it is painted once painting it on gains next to nothing.

use crate::pixels::Pixels;
use std::collections::VecDeque;

/// A frame that gains less than this share of the objective has settled.
const SETTLED: f64 = 2e-4;
/// Frames over which the gain is averaged when noise makes the objective of each a little different.
const WINDOW: usize = 8;

/// Pixels along the side of a block that noise is looked for in.
const BLOCK: usize = 8;
/// Standard deviations that a block's mean differs by at most under noise alone: beyond five is one block in
/// two million.
const DEVIATIONS: f32 = 5.0;
/// How much more than elsewhere pictures may be noisy in a block: noise grows with the light.
const UNEVEN: f32 = 2.0;
/// What no eye sees of a block's mean.
const UNSEEN: f32 = 0.5 / 255.0;
/// What rounding to 8 bits adds to the deviation of a difference, at most.
const ROUNDING: f32 = 1.0 / 255.0;

/// What is new in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Something.
    Some,
    /// Noise.
    Noise,
    /// Nothing: the pictures are the same.
    None,
}

/// How far painting one scene that stands still has come.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The objective of each frame since the scene stands still, latest last.
    reached: VecDeque<f64>,
    /// Once painting has settled, the source that it settled on.
    settled_on: Option<Pixels>,
}

impl Rest {
    /// What is new in `source` since the frame before, or, if painting rests, since it does: what changes
    /// slowly adds up until it is seen.
    pub(super) fn news(&self, before: &Pixels, source: &Pixels) -> News {
        if before == source {
            return News::None;
        }
        let before = self.settled_on.as_ref().unwrap_or(before);
        if differ_by_noise(before, source) { News::Noise } else { News::Some }
    }

    /// Whether a frame with these news can be left as the one before was painted.
    pub(super) fn has_settled(&self, news: News) -> bool {
        self.settled_on.is_some() && news != News::Some
    }

    /// `source`, with these news, was painted down to `objective`.
    pub(super) fn reached(&mut self, news: News, source: &Pixels, objective: Option<f64>) {
        self.settled_on = None;
        if news == News::Some {
            self.reached.clear();
        }
        let Some(objective) = objective else { return };
        if self.reached.len() == 2 * WINDOW {
            self.reached.pop_front();
        }
        self.reached.push_back(objective);
        let window = if news == News::None { 1 } else { WINDOW };
        if news != News::Some && self.gain(window).is_some_and(|gain| gain <= SETTLED) {
            self.settled_on = Some(source.clone());
        }
    }

    /// By what share of it the objective fell in a frame, on the mean of the last `window` against those
    /// before them.
    fn gain(&self, window: usize) -> Option<f64> {
        let mean = |skip: usize| {
            let frames = self.reached.iter().rev().skip(skip).take(window);
            (self.reached.len() >= skip + window).then(|| frames.sum::<f64>() / window as f64)
        };
        let (now, before) = (mean(0)?, mean(window)?);
        Some((before - now) / (before * window as f64))
    }
}

/// Whether noise, as it is all over the pictures, is all that they differ by: in no block of pixels is their
/// mean another, or the noise a different one.
fn differ_by_noise(a: &Pixels, b: &Pixels) -> bool {
    if a.size() != b.size() {
        return false;
    }
    let (width, height) = (a.size().width, a.size().height);
    a.planes().into_iter().zip(b.planes()).all(|(a, b)| {
        let mut blocks = Vec::with_capacity(width.div_ceil(BLOCK) * height.div_ceil(BLOCK));
        for y in (0..height).step_by(BLOCK) {
            for x in (0..width).step_by(BLOCK) {
                blocks.push(difference(a, b, width, x..(x + BLOCK).min(width), y..(y + BLOCK).min(height)));
            }
        }
        let mut deviations: Vec<f32> = blocks.iter().map(|block| block.deviation).collect();
        let middle = deviations.len() / 2;
        let usual = *deviations.select_nth_unstable_by(middle, f32::total_cmp).1;
        blocks.iter().all(|block| {
            let noise = block.deviation.clamp(usual, UNEVEN * usual);
            block.mean.abs() <= DEVIATIONS * noise / block.pixels.sqrt() + UNSEEN
                && block.deviation <= UNEVEN * usual + ROUNDING
        })
    })
}

/// By how much two blocks of pixels differ.
struct Difference {
    mean: f32,
    /// The standard deviation of the pixels' differences.
    deviation: f32,
    pixels: f32,
}

fn difference(
    a: &[f32],
    b: &[f32],
    width: usize,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
) -> Difference {
    let pixels = (columns.len() * rows.len()) as f32;
    let (mut sum, mut square) = (0.0, 0.0);
    for y in rows {
        let row = y * width + columns.start..y * width + columns.end;
        for (a, b) in a[row.clone()].iter().zip(&b[row]) {
            let difference = b - a;
            sum += difference;
            square += difference * difference;
        }
    }
    let mean = sum / pixels;
    Difference { mean, deviation: (square / pixels - mean * mean).max(0.0).sqrt(), pixels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Size};

    const SIZE: Size = Size { width: 60, height: 44 };

    /// A still with noise of deviation `noise` (in 8-bit steps), changed by `change`.
    fn noisy(noise: f32, seed: u64, change: impl Fn(usize, usize, f32) -> f32) -> Pixels {
        let mut random = fastrand::Rng::with_seed(seed);
        // Twelve uniform numbers make a normal one, nearly.
        let mut normal = || (0..12).map(|_| random.f32()).sum::<f32>() - 6.0;
        let frame = Frame::from_fn(SIZE, |x, y| {
            let still = 128.0 + 60.0 * (x as f32 / 5.0).sin() * (y as f32 / 7.0).cos();
            let still = change(x, y, still);
            [0; 3].map(|_: u8| (still + noise * normal()).round().clamp(0.0, 255.0) as u8)
        });
        Pixels::from_frame(&frame)
    }

    fn same(_: usize, _: usize, still: f32) -> f32 {
        still
    }

    fn news(a: &Pixels, b: &Pixels) -> News {
        Rest::default().news(a, b)
    }

    #[test]
    fn a_still_scene_with_noise_has_no_other_news() {
        for noise in [0.3, 1.0, 3.0, 8.0] {
            let first = noisy(noise, 1, same);
            assert_eq!(news(&first, &first), News::None);
            for seed in 2..40 {
                assert_eq!(
                    news(&first, &noisy(noise, seed, same)),
                    News::Noise,
                    "noise {noise}, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn whatever_moves_or_changes_is_news_in_spite_of_noise() {
        let first = noisy(2.0, 1, same);
        let shifted =
            |x: usize, y: usize, _: f32| 128.0 + 60.0 * ((x + 1) as f32 / 5.0).sin() * (y as f32 / 7.0).cos();
        let spot =
            |x, y, still| if (20..23).contains(&x) && (30..33).contains(&y) { still + 40.0 } else { still };
        let lighter = |_: usize, _: usize, still| still + 3.0;
        let dimmer_corner = |x, y, still| if x < 16 && y < 16 { still - 4.0 } else { still };
        assert_eq!(news(&first, &noisy(2.0, 2, shifted)), News::Some);
        assert_eq!(news(&first, &noisy(2.0, 3, spot)), News::Some);
        assert_eq!(news(&first, &noisy(2.0, 4, lighter)), News::Some);
        assert_eq!(news(&first, &noisy(2.0, 5, dimmer_corner)), News::Some);
        assert_eq!(news(&noisy(0.0, 1, same), &noisy(0.0, 1, spot)), News::Some);
    }

    #[test]
    fn what_changes_slowly_is_seen_in_the_end() {
        let mut rest = Rest::default();
        let first = noisy(1.0, 1, same);
        rest.reached(News::Some, &first, Some(1.0));
        rest.reached(News::None, &first, Some(1.0));
        let mut before = first;
        let woke = (1..100).find(|frame| {
            let source = noisy(1.0, 1 + *frame as u64, |_, _, still| still + 0.05 * *frame as f32);
            let news = rest.news(&before, &source);
            before = source;
            !rest.has_settled(news)
        });
        assert!((5..60).contains(&woke.unwrap()), "{woke:?}");
    }

    #[test]
    fn the_same_picture_settles_when_a_frame_gains_nothing() {
        let (source, mut rest) = (noisy(0.0, 1, same), Rest::default());
        for (news, objective, settled) in [
            (News::Some, 1.0, false),
            (News::None, 0.9, false),
            (News::None, 0.8999, true),
            (News::Some, 0.8999, false),
            (News::None, 0.8999, true),
        ] {
            rest.reached(news, &source, Some(objective));
            assert_eq!(rest.has_settled(news), settled, "{news:?} {objective}");
        }
        assert!(!rest.has_settled(News::Some), "news wake it");
        rest.reached(News::None, &source, None);
        assert!(!rest.has_settled(News::None));
    }

    #[test]
    fn noise_settles_when_a_few_frames_together_gain_nothing() {
        let (source, mut rest) = (noisy(1.0, 1, same), Rest::default());
        let mut frames = 0;
        while !rest.has_settled(News::Noise) {
            // Falls by a thousandth a frame until the thirtieth, and differs by more from frame to frame.
            let objective = 1.0 - 1e-3 * f64::from(frames.min(30)) + if frames % 2 == 0 { 3e-3 } else { 0.0 };
            rest.reached(News::Noise, &source, Some(objective));
            frames += 1;
        }
        assert!((31..=31 + 2 * WINDOW as i32).contains(&frames), "settled after {frames}");
    }
}
