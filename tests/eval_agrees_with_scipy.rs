//! Every number of the judge is numpy's, SciPy's and scikit-image's.
//!
//! `tests/data/reference_metrics.json` comes from `scripts/reference_metrics.py`; films and flows are made
//! from the same integer formulas here and there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use serde_json::Value;
use stylecast::eval::{FlowFolder, Judge, MotionSource, Pair};
use stylecast::flow::{Flow, write_flow};
use stylecast::frame::{Frame, Size};
use stylecast::time::{TimeBase, Timestamp};

const SIZE: Size = Size::new(40, 30);

/// `source` of the script.
fn source(t: i64) -> Frame {
    Frame::from_fn(SIZE, |x, y| {
        let (x, y) = (x as i64 - 2 * t + 400, y as i64 + t);
        [0, 1, 2].map(|c: i64| {
            let waves = (x * (5 + c) + y * (7 - 2 * c) + (x * y) / 9) % 256;
            let waves = if waves < 128 { 2 * waves } else { 511 - 2 * waves };
            ((waves * (200 - t)) / 200) as u8
        })
    })
}

/// `painted` of the script.
fn painted(t: i64) -> Frame {
    let source = source(t);
    Frame::from_fn(SIZE, |x, y| {
        let from = source.pixel(x, y);
        [0, 1, 2].map(|c: i64| {
            let (x, y) = (x as i64, y as i64);
            let noise = ((x * 7919 + y * 104_729 + c * 1_299_709 + t * 15_485_863) % 65_521) % 48;
            ((i64::from(from[c as usize]) * (200 - 2 * t)) / 255 + noise) as u8
        })
    })
}

/// `vectors` of the script.
fn vectors(scale: i64, t: i64) -> Flow {
    Flow::from_fn(SIZE, |x, y| {
        let (x, y) = (x as i64, y as i64);
        let block = (8 + 2 * t..16 + 2 * t).contains(&x) && (10..18).contains(&y);
        let (right, down) = if block { (-128, 16) } else { (x - 20 + 40, y - 15) };
        [(scale * right) as f32 / 64.0, (scale * down) as f32 / 64.0]
    })
}

#[test]
fn every_figure_of_every_frame_is_the_references() {
    let reference: Value = serde_json::from_str(include_str!("data/reference_metrics.json")).unwrap();
    let frames = reference["frames"].as_array().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for t in 1..frames.len() as i64 {
        let write = |kind: &str, flow: &Flow| {
            write_flow(&folder.path().join(format!("{kind}_{t:05}.flo")), flow).unwrap();
        };
        write("backward", &vectors(1, t));
        write("forward", &vectors(-1, t - 1));
    }
    let motion = MotionSource::Files(FlowFolder::open(folder.path()).unwrap());
    let mut judge = Judge::new(motion, None, 1, 0);
    for (t, expected) in frames.iter().enumerate() {
        let pair = Pair {
            index: t as u64,
            timestamp: Timestamp::new(t as i64, TimeBase::new(1, 25)),
            source: source(t as i64),
            painted: painted(t as i64),
        };
        let verdict = serde_json::to_value(judge.see(&pair).unwrap().unwrap()).unwrap();
        for (name, expected) in expected.as_object().unwrap() {
            let (found, expected) = (verdict[name].as_f64().unwrap(), expected.as_f64().unwrap());
            assert!((found - expected).abs() < 2e-6, "frame {t}, {name}: {found} instead of {expected}");
        }
        // What the reference does not have does not exist.
        for name in
            ["warp_error", "warp_error_10", "warp_error_first", "occluded", "occluded_10", "objective"]
        {
            assert_eq!(verdict[name].is_null(), expected.get(name).is_none(), "frame {t}, {name}");
        }
    }
    let drift = serde_json::to_value(judge.verdict().drift).unwrap();
    for (name, expected) in reference["drift"].as_object().unwrap() {
        for film in ["painted", "source"] {
            let (found, expected) = (drift[name][film].as_f64().unwrap(), expected[film].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-6, "{name} of {film}: {found} instead of {expected}");
        }
    }
}
