//! Limits that a film must keep: the judge as a test.

use super::{Figures, Verdict};
use serde::Serialize;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The mean E_warp from the frame before, at most.
    MaxWarpError,
    /// The mean E_warp from [`super::LONG`] frames before, at most.
    MaxLongWarpError,
    /// The strongest relative drift of luminance, saturation and contrast, at most.
    MaxDrift,
    /// The mean objective, at most.
    MaxObjective,
    /// The mean ratio of the painted contrast to the source's, at least.
    MinContrast,
}

impl GateKind {
    /// Its option on the command line.
    pub fn option(self) -> &'static str {
        match self {
            Self::MaxWarpError => "--max-warp-error",
            Self::MaxLongWarpError => "--max-long-warp-error",
            Self::MaxDrift => "--max-drift",
            Self::MaxObjective => "--max-objective",
            Self::MinContrast => "--min-contrast",
        }
    }

    /// What it is about, in words.
    pub fn about(self) -> &'static str {
        match self {
            Self::MaxWarpError => "E_warp",
            Self::MaxLongWarpError => "E_warp over 10 frames",
            Self::MaxDrift => "the drift per 1,000 frames",
            Self::MaxObjective => "the objective",
            Self::MinContrast => "the contrast's ratio to the source's",
        }
    }

    fn value(self, verdict: &Verdict) -> Option<f64> {
        let Figures { warp_error, warp_error_10, objective, contrast_ratio, .. } = verdict.means;
        match self {
            Self::MaxWarpError => warp_error,
            Self::MaxLongWarpError => warp_error_10,
            Self::MaxDrift => verdict.drift.map(|drift| drift.strongest()),
            Self::MaxObjective => objective,
            Self::MinContrast => contrast_ratio,
        }
    }

    fn is_least(self) -> bool {
        self == Self::MinContrast
    }
}

/// The limits that were set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gates(pub Vec<(GateKind, f64)>);

/// What came of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gate {
    /// What is limited.
    pub gate: GateKind,
    /// The limit.
    pub limit: f64,
    /// What was found; `None` where nothing could be measured, which misses the gate.
    pub value: Option<f64>,
    /// Whether the film misses it.
    pub missed: bool,
}

impl Gates {
    /// Holds a verdict against every limit.
    pub fn check(&self, verdict: &Verdict) -> Vec<Gate> {
        let check = |&(gate, limit): &(GateKind, f64)| {
            let value = gate.value(verdict).filter(|value| value.is_finite());
            let kept =
                value.is_some_and(|value| if gate.is_least() { value >= limit } else { value <= limit });
            Gate { gate, limit, value, missed: !kept }
        };
        self.0.iter().map(check).collect()
    }
}

impl std::fmt::Display for Gate {
    /// `E_warp is 0.00712, above --max-warp-error 0.006 by 0.00112`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { gate, limit, value, missed } = self;
        let (about, option) = (gate.about(), gate.option());
        let Some(value) = value else {
            return write!(f, "{about} could not be measured, so {option} {limit} is not kept");
        };
        let shown = super::figures::shown;
        match (missed, gate.is_least()) {
            (false, _) => write!(f, "{about} is {}, which keeps {option} {limit}", shown(*value)),
            (true, least) => {
                let side = if least { "below" } else { "above" };
                let apart = shown((value - limit).abs());
                write!(f, "{about} is {}, {side} {option} {limit} by {apart}", shown(*value))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        let means = Figures { warp_error: Some(0.007), contrast_ratio: Some(0.9), ..Figures::default() };
        Verdict { frames: 1, first: Some(0), last: Some(0), means, drift: None }
    }

    #[test]
    fn limits_are_inclusive_and_what_was_not_measured_is_missed() {
        for (gate, limit, missed) in [
            (GateKind::MaxWarpError, 0.007, false),
            (GateKind::MaxWarpError, 0.0069, true),
            (GateKind::MinContrast, 0.9, false),
            (GateKind::MinContrast, 0.95, true),
            (GateKind::MaxDrift, 1.0, true),
            (GateKind::MaxObjective, 1.0, true),
        ] {
            assert_eq!(Gates(vec![(gate, limit)]).check(&verdict())[0].missed, missed, "{gate:?} {limit}");
        }
    }

    #[test]
    fn a_gate_says_by_how_much_it_is_missed() {
        let gates = Gates(vec![
            (GateKind::MaxWarpError, 0.006),
            (GateKind::MinContrast, 0.95),
            (GateKind::MinContrast, 0.5),
            (GateKind::MaxDrift, 0.01),
        ]);
        let said: Vec<String> = gates.check(&verdict()).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "E_warp is 0.00700, above --max-warp-error 0.006 by 0.00100",
                "the contrast's ratio to the source's is 0.900, below --min-contrast 0.95 by 0.0500",
                "the contrast's ratio to the source's is 0.900, which keeps --min-contrast 0.5",
                "the drift per 1,000 frames could not be measured, so --max-drift 0.01 is not kept",
            ]
        );
    }
}
