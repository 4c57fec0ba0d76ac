//! All figures over time, in a memory that does not grow with the film: where there are more frames than
//! points to draw, neighbours are averaged.

use super::figures::Means;
use super::{Figures, FrameVerdict};

/// Points that are kept at most; more than a plot has columns.
const MOST: usize = 4096;

/// The figures of a film, frame by frame or a few frames together.
#[derive(Debug, Clone, Default)]
pub struct Curves {
    points: Vec<Point>,
    /// Frames that go into one point, as a power of two; 0 stands for 1.
    frames_per_point: u64,
}

#[derive(Debug, Clone)]
struct Point {
    /// The sum of the frames' numbers, and how many they are.
    numbers: f64,
    frames: u64,
    means: Means,
}

impl Curves {
    /// Takes the next frame.
    pub fn see(&mut self, frame: &FrameVerdict) {
        let most = self.frames_per_point.max(1);
        if self.points.last().is_none_or(|point| point.frames >= most) {
            if self.points.len() == MOST {
                self.halve();
                return self.see(frame);
            }
            self.points.push(Point { numbers: 0.0, frames: 0, means: Means::default() });
        }
        if let Some(point) = self.points.last_mut() {
            point.numbers += frame.index as f64;
            point.frames += 1;
            point.means.see(&frame.figures);
        }
    }

    fn halve(&mut self) {
        self.frames_per_point = 2 * self.frames_per_point.max(1);
        let merged = self.points.chunks(2).map(|pair| {
            let mut point = pair[0].clone();
            if let Some(other) = pair.get(1) {
                point.numbers += other.numbers;
                point.frames += other.frames;
                point.means.merge(&other.means);
            }
            point
        });
        self.points = merged.collect();
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The number of the first and of the last frame drawn, as far as the axis goes.
    pub(super) fn range(&self) -> (f64, f64) {
        let number = |point: Option<&Point>| point.map_or(0.0, |point| point.numbers / point.frames as f64);
        (number(self.points.first()), number(self.points.last()))
    }

    /// One figure over the frame number, in unbroken runs of frames that have it.
    pub(super) fn runs(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
        let mut runs = vec![Vec::new()];
        for point in &self.points {
            match figure(&point.means.mean()) {
                Some(value) => {
                    if let Some(run) = runs.last_mut() {
                        run.push((point.numbers / point.frames as f64, value));
                    }
                }
                None => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(index: u64, ssim: Option<f64>) -> FrameVerdict {
        FrameVerdict { index, time: 0.0, figures: Figures { ssim, ..Figures::default() } }
    }

    #[test]
    fn long_films_are_averaged_and_keep_their_shape() {
        let mut curves = Curves::default();
        let frames = 5 * MOST as u64;
        for index in 0..frames {
            curves.see(&frame(index, Some(index as f64 / frames as f64)));
        }
        assert!(curves.points.len() <= MOST && curves.points.len() > MOST / 2);
        let runs = curves.runs(|figures| figures.ssim);
        assert_eq!(runs.len(), 1);
        for (number, value) in &runs[0] {
            assert!((value - number / frames as f64).abs() < 1e-9);
        }
        let counted: u64 = curves.points.iter().map(|point| point.frames).sum();
        assert_eq!(counted, frames);
    }

    #[test]
    fn a_curve_breaks_where_a_figure_is_missing() {
        let mut curves = Curves::default();
        for (index, ssim) in [Some(0.5), Some(0.6), None, Some(0.7)].into_iter().enumerate() {
            curves.see(&frame(index as u64 + 3, ssim));
        }
        assert_eq!(curves.range(), (3.0, 6.0));
        assert_eq!(curves.runs(|figures| figures.ssim), [vec![(3.0, 0.5), (4.0, 0.6)], vec![(6.0, 0.7)]]);
        assert!(curves.runs(|figures| figures.style).is_empty());
    }
}
