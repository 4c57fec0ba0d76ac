//! Drift: whether a film slowly becomes darker, paler or flatter than its source does.

use super::Figures;
use serde::Serialize;

/// The mean of a film below which a change is no longer told as a share of it: 1/50 of the range. Tuned:
/// a film that is nearly grey or black would else drift by whatever its noise does.
const LEAST_MEAN: f64 = 0.02;

/// How one property of a film changes, from a least-squares line through its values over the frame
/// numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drift {
    /// Change of the painted film's mean in 1,000 frames, in units of the 0..1 range.
    pub painted: f64,
    /// The same of the source.
    pub source: f64,
    /// `painted − source`: what is the painted film's own.
    pub own: f64,
    /// The same as shares of what there is: `painted` over the painted film's mean, minus `source` over
    /// the source's mean (each mean taken as at least 0.02). 0.01 is one per cent in 1,000 frames.
    pub relative: f64,
}

/// The drift of everything that [`super::Look`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drifts {
    /// Of the mean luma.
    pub luminance: Drift,
    /// Of the mean saturation.
    pub saturation: Drift,
    /// Of the RMS contrast.
    pub contrast: Drift,
}

impl Drifts {
    /// The strongest relative drift, without its sign.
    pub fn strongest(&self) -> f64 {
        [self.luminance, self.saturation, self.contrast]
            .iter()
            .fold(0.0, |most, d| d.relative.abs().max(most))
    }
}

/// Lines through the looks of both films, frame by frame.
#[derive(Debug, Clone, Default)]
pub(super) struct DriftMeter {
    lines: [[Line; 2]; 3],
}

impl DriftMeter {
    /// Counts a frame.
    pub(super) fn see(&mut self, index: u64, figures: &Figures) {
        let looks = [
            [figures.luminance, figures.source_luminance],
            [figures.saturation, figures.source_saturation],
            [figures.contrast, figures.source_contrast],
        ];
        for (lines, looks) in self.lines.iter_mut().zip(looks) {
            for (line, value) in lines.iter_mut().zip(looks) {
                value.into_iter().for_each(|value| line.see(index as f64, value));
            }
        }
    }

    /// The slopes; `None` before the second frame.
    pub(super) fn drifts(&self) -> Option<Drifts> {
        let of = |[painted, source]: [&Line; 2]| {
            let share = |line: &Line| Some(line.slope()? / line.mean_y.max(LEAST_MEAN));
            let per_thousand = |slope: f64| 1000.0 * slope;
            Some(Drift {
                painted: per_thousand(painted.slope()?),
                source: per_thousand(source.slope()?),
                own: per_thousand(painted.slope()? - source.slope()?),
                relative: per_thousand(share(painted)? - share(source)?),
            })
        };
        let [luminance, saturation, contrast] = self.lines.each_ref().map(|lines| of(lines.each_ref()));
        Some(Drifts { luminance: luminance?, saturation: saturation?, contrast: contrast? })
    }
}

/// A least-squares line, updated point by point (Welford 1962) so that long films lose no digits.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    n: f64,
    mean_x: f64,
    mean_y: f64,
    /// Σ (x − mean)².
    xx: f64,
    /// Σ (x − mean)(y − mean).
    xy: f64,
}

impl Line {
    fn see(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        let from_old_x = x - self.mean_x;
        self.mean_x += from_old_x / self.n;
        self.mean_y += (y - self.mean_y) / self.n;
        self.xx += from_old_x * (x - self.mean_x);
        self.xy += from_old_x * (y - self.mean_y);
    }

    fn slope(&self) -> Option<f64> {
        (self.xx > 0.0).then(|| self.xy / self.xx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_slope_is_found_and_the_sources_own_is_taken_off() {
        let mut meter = DriftMeter::default();
        assert_eq!(meter.drifts(), None);
        for t in 100..400u64 {
            // Wiggles of whole periods have no slope of their own.
            let wiggle = 0.01 * (std::f64::consts::TAU * t as f64 / 100.0).cos();
            let along = t as f64 - 249.5;
            meter.see(
                t,
                &Figures {
                    luminance: Some(0.5 + 3e-5 * along + wiggle),
                    source_luminance: Some(0.4 + 1e-5 * along + wiggle),
                    saturation: Some(0.2),
                    source_saturation: Some(0.1),
                    contrast: Some(0.004 + 1e-6 * along),
                    source_contrast: Some(0.25),
                    ..Figures::default()
                },
            );
        }
        let drifts = meter.drifts().unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 2e-3, "{a} instead of {b}");
        near(drifts.luminance.painted, 0.030);
        near(drifts.luminance.source, 0.010);
        near(drifts.luminance.own, 0.020);
        near(drifts.luminance.relative, 0.030 / 0.5 - 0.010 / 0.4);
        near(drifts.saturation.relative, 0.0);
        // Of a film without contrast no share is taken.
        near(drifts.contrast.relative, 0.001 / 0.02);
        assert_eq!(drifts.strongest(), drifts.contrast.relative);
    }
}
