//! What a live run tells of itself: once a second, and at its end.

use crate::frame::Size;
use crate::pipeline::{Counts, Latencies};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

/// Sums since the last report and since the beginning.
#[derive(Debug)]
pub(super) struct Statistics {
    began: Instant,
    since: Instant,
    second: Sums,
    whole: Sums,
    /// Frames shown before the present second.
    counts: Counts,
    /// That of the last frame.
    paint_size: Option<Size>,
    first_painted: Option<f64>,
}

#[derive(Debug, Default)]
struct Sums {
    latencies: Latencies,
    frames: u64,
    iterations: u64,
}

/// The state of a live run.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct LiveReport {
    /// Since the beginning.
    pub(super) seconds: f64,
    /// Frames in all.
    pub(super) captured: u64,
    pub(super) painted: u64,
    /// Replaced by a newer one before they were painted.
    pub(super) unpainted: u64,
    /// Replaced by a newer one before they were shown.
    pub(super) unseen: u64,
    /// Of the time reported on: painted frames a second.
    pub(super) fps: f64,
    /// From capture to being shown (or handed to the outlets, without a window); `null` without frames.
    pub(super) latency_ms_p50: Option<u64>,
    pub(super) latency_ms_p95: Option<u64>,
    /// The mean.
    pub(super) iterations: f64,
    pub(super) paint_width: Option<usize>,
    pub(super) paint_height: Option<usize>,
    pub(super) style: Option<String>,
    /// Seconds from the start of the command to the first painted frame.
    pub(super) first_painted_seconds: Option<f64>,
    pub(super) dropped: Dropped,
    /// At the end: recordings and clips.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) clips: Vec<PathBuf>,
}

/// What the instruments in the window show.
#[derive(Debug, Clone, Default)]
pub(super) struct Instruments {
    pub(super) style: Option<String>,
    pub(super) fps: Option<f64>,
    pub(super) latency_ms: Option<f64>,
    pub(super) dropped: u64,
}

/// What recordings and streams were too slow for.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(in crate::cli) struct Dropped {
    /// Painted frames that were not encoded.
    pub(super) frames: u64,
    /// Packets that a disk or a receiver did not get.
    pub(super) packets: u64,
}

impl Dropped {
    pub(super) fn new((frames, packets): (u64, u64)) -> Self {
        Self { frames, packets }
    }
}

impl fmt::Display for LiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames painted in {:.0} s ({:.1} a second", self.painted, self.seconds, self.fps)?;
        if let (Some(half), Some(most)) = (self.latency_ms_p50, self.latency_ms_p95) {
            write!(f, "; {half} ms from capture to view, 95 % within {most} ms")?;
        }
        write!(f, ")")?;
        if self.dropped.frames + self.dropped.packets > 0 {
            let Dropped { frames, packets } = self.dropped;
            write!(f, "; not recorded or streamed: {frames} frames, {packets} packets")?;
        }
        self.clips.iter().try_for_each(|clip| write!(f, "; {}", clip.display()))
    }
}

impl Statistics {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            since: Instant::now(),
            second: Sums::default(),
            whole: Sums::default(),
            counts: Counts::default(),
            paint_size: None,
            first_painted: None,
        }
    }

    /// A frame is shown that was captured then.
    pub(super) fn shown(&mut self, captured: Instant, iterations: usize, paint_size: Size) {
        let latency = captured.elapsed().as_secs_f64();
        for sums in [&mut self.second, &mut self.whole] {
            sums.latencies.count(latency);
            sums.frames += 1;
            sums.iterations += iterations as u64;
        }
        self.paint_size = Some(paint_size);
        self.first_painted.get_or_insert_with(|| self.began.elapsed().as_secs_f64());
    }

    /// The report on the time since the last one, once a second has passed.
    pub(super) fn every_second(
        &mut self,
        counts: Counts,
        style: Option<&str>,
        dropped: impl FnOnce() -> Dropped,
    ) -> Option<LiveReport> {
        let passed = self.since.elapsed().as_secs_f64();
        if passed < 1.0 {
            return None;
        }
        let painted = counts.painted - self.counts.painted;
        let report = self.report(&self.second, counts, painted as f64 / passed, style, dropped());
        self.second = Sums::default();
        self.since = Instant::now();
        self.counts = counts;
        Some(report)
    }

    /// The report on the whole run.
    pub(super) fn in_all(&self, counts: Counts, style: Option<&str>, dropped: Dropped) -> LiveReport {
        let passed = self.began.elapsed().as_secs_f64() - self.first_painted.unwrap_or(0.0);
        self.report(&self.whole, counts, counts.painted as f64 / passed.max(1e-9), style, dropped)
    }

    fn report(
        &self,
        sums: &Sums,
        counts: Counts,
        fps: f64,
        style: Option<&str>,
        dropped: Dropped,
    ) -> LiveReport {
        let round = |value: f64| (value * 1e3).round() / 1e3;
        LiveReport {
            seconds: round(self.began.elapsed().as_secs_f64()),
            captured: counts.captured,
            painted: counts.painted,
            unpainted: counts.unpainted,
            unseen: counts.unseen,
            fps: round(fps),
            latency_ms_p50: sums.latencies.quantile_ms(0.5),
            latency_ms_p95: sums.latencies.quantile_ms(0.95),
            iterations: round(sums.iterations as f64 / sums.frames.max(1) as f64),
            paint_width: self.paint_size.map(|size| size.width),
            paint_height: self.paint_size.map(|size| size.height),
            style: style.map(str::to_owned),
            first_painted_seconds: self.first_painted.map(round),
            dropped,
            clips: Vec::new(),
        }
    }
}
