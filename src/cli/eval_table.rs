//! What the judge found, as a table for people.

use super::report::EvalReport;
use crate::eval::{Drift, FrameVerdict, shown};
use std::fmt::Write as _;

/// How the films were judged, in one line.
pub(super) fn how(report: &EvalReport) -> String {
    let frames = match (report.verdict.first, report.verdict.last) {
        (Some(first), Some(last)) if first == last => format!("frame {first}"),
        (Some(first), Some(last)) => format!("{} frames ({first} to {last})", report.verdict.frames),
        _ => "no frames".into(),
    };
    let flow = if report.flow.is_some() { "flow from files" } else { "flow estimated" };
    format!("{frames} at {}x{}, {flow}", report.width, report.height)
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), shown)
}

fn percent(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{:.1} %", 100.0 * value))
}

/// One frame on one line (`-v`).
pub(super) fn line(frame: &FrameVerdict) -> String {
    let f = &frame.figures;
    let mut text = format!("frame {:>5}  {:>9.3} s", frame.index, frame.time);
    let losses = [("objective", f.objective), ("style", f.style), ("content", f.content)];
    let losses = losses.into_iter().filter(|(_, value)| value.is_some()).map(|(n, v)| (n, number(v)));
    let others = [
        ("E_warp", number(f.warp_error)),
        ("occluded", percent(f.occluded)),
        ("contrast", number(f.contrast)),
        ("SSIM", number(f.ssim)),
    ];
    for (name, value) in losses.chain(others) {
        // Writing to a string cannot fail.
        let _ = write!(text, "  {name} {value:>7}");
    }
    text + "\n"
}

/// The whole.
pub(super) fn table(report: &EvalReport) -> String {
    let f = &report.verdict.means;
    let (painted, source) = (report.painted.display(), report.source.display());
    let mut text = format!("{painted} judged against {source}:\n{}\n\n", how(report));
    let mut row = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>14}")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", format!("{name:<22}{cells}").trim_end());
    };
    let none = String::new;
    row("mean of all frames", &["painted".into(), "source".into(), "occluded".into()]);
    if f.objective.is_some() {
        row("objective", &[number(f.objective)]);
        row("  style", &[number(f.style)]);
        row("  content", &[number(f.content)]);
    }
    row("E_warp", &[number(f.warp_error), number(f.source_warp_error), percent(f.occluded)]);
    row("  over 10 frames", &[number(f.warp_error_10), none(), percent(f.occluded_10)]);
    row("  from frame 0", &[number(f.warp_error_first), none(), percent(f.occluded_first)]);
    row("luminance", &[number(f.luminance), number(f.source_luminance)]);
    row("saturation", &[number(f.saturation), number(f.source_saturation)]);
    row("contrast", &[number(f.contrast), number(f.source_contrast)]);
    row("  ratio", &[number(f.contrast_ratio)]);
    row("SSIM to the source", &[number(f.ssim)]);
    if let Some(drift) = &report.verdict.drift {
        let change = |drift: &Drift| {
            let slope = |value: f64| format!("{value:+.4}");
            [slope(drift.painted), slope(drift.source), format!("{:+.1} %", 100.0 * drift.relative)]
        };
        row("", &[]);
        row("drift in 1,000 frames", &["painted".into(), "source".into(), "its own".into()]);
        row("luminance", &change(&drift.luminance));
        row("saturation", &change(&drift.saturation));
        row("contrast", &change(&drift.contrast));
    }
    row("", &[]);
    let count = |frames: Option<u64>| frames.map_or("-".into(), |frames| frames.to_string());
    row("frames", &[count(report.painted_frames), count(report.source_frames)]);
    let times = match report.times {
        None => "no clock".into(),
        Some(times) if times.agree => "agree".into(),
        Some(times) => format!("differ, by up to {:.4} s", times.largest_difference_seconds),
    };
    let _ = writeln!(text, "{:<22}{times:>14}", "times");
    if !report.gates.is_empty() {
        text += "\n";
    }
    for gate in &report.gates {
        let verdict = if gate.missed { "MISSED" } else { "kept" };
        let _ = writeln!(
            text,
            "{:<22}{:>14}{:>14}{verdict:>14}",
            gate.gate.option(),
            gate.limit,
            number(gate.value)
        );
    }
    text
}
