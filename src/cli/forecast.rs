//! What a film will cost, and how long it will still take.
//!
//! The first frame takes more iterations than the others, so the forecast scales its measured
//! seconds per iteration; once later frames are there, the median of the last ones is what counts,
//! which neither a slow first frame nor a single hiccup can bend.

use crate::frame::Size;
use crate::stylize::PaintReport;
use std::collections::VecDeque;
use std::fmt;

/// Paint sizes below this are no advice to give: nothing is to be recognised.
const SMALLEST_ADVICE: usize = 128;

/// Films that are done sooner need no advice, in seconds.
const SHORT: f64 = 60.0;

/// What is expected after the first frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Forecast {
    frames: u64,
    painted: Size,
    seconds: f64,
    bytes: Option<u64>,
}

impl Forecast {
    /// From the report of the first of `frames` frames: it took `first.iterations`, every later one
    /// will take `iterations` of the same length at `painted`. `bytes` is the memory in use.
    /// `None` where nothing was optimised.
    pub(super) fn new(
        first: &PaintReport,
        iterations: usize,
        frames: u64,
        painted: Size,
        bytes: Option<u64>,
    ) -> Option<Self> {
        if first.iterations == 0 {
            return None;
        }
        let later = frames.saturating_sub(1) as f64 * iterations as f64;
        let seconds = first.seconds * (1.0 + later / first.iterations as f64);
        Some(Self { frames, painted, seconds, bytes })
    }

    /// Wall-clock seconds of the whole film.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Half the size, where that is worth saying, and the seconds it would take: an iteration costs
    /// in proportion to its pixels.
    fn smaller(&self) -> Option<(usize, f64)> {
        let longest = self.painted.longest_side() / 2;
        if longest < SMALLEST_ADVICE || self.seconds < SHORT {
            return None;
        }
        let share = self.painted.fit(longest).pixels() as f64 / self.painted.pixels() as f64;
        Some((longest, self.seconds * share))
    }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = if self.frames == 1 { "frame" } else { "frames" };
        write!(f, "{} {frames} at {}: about {}", self.frames, self.painted, about(self.seconds))?;
        if let Some(bytes) = self.bytes {
            write!(f, ", {:.1} GB", bytes as f64 / 1e9)?;
        }
        match self.smaller() {
            Some((size, seconds)) => write!(f, "; --paint-size {size} would take about {}", about(seconds)),
            None => Ok(()),
        }
    }
}

/// A duration as people say it.
pub(super) fn about(seconds: f64) -> String {
    let plural = |n: f64, unit: &str| format!("{n} {unit}{}", if n == 1.0 { "" } else { "s" });
    if seconds < 89.5 {
        plural(seconds.max(1.0).round(), "second")
    } else if seconds < 89.5 * 60.0 {
        plural((seconds / 60.0).round(), "minute")
    } else if seconds < 36.0 * 3600.0 {
        let minutes = (seconds / 60.0).round();
        format!("{} h {} min", (minutes / 60.0).floor(), minutes % 60.0)
    } else {
        plural((seconds / 86_400.0).round(), "day")
    }
}

/// A duration as a clock shows it: `0:09`, `12:34`, `1:02:03`.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round().min(1e15) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How fast frames come at present.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    recent: VecDeque<f64>,
}

impl Pace {
    /// Enough for a steady median, few enough to follow a film that becomes harder.
    const WINDOW: usize = 15;

    /// Counts a frame that came `seconds` after the one before.
    pub(super) fn push(&mut self, seconds: f64) {
        if self.recent.len() == Self::WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(seconds);
    }

    /// The median over the last frames.
    pub(super) fn seconds_per_frame(&self) -> Option<f64> {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            n if n % 2 == 1 => Some(sorted[middle]),
            _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        }
    }
}

/// The most memory that this process has had so far, in bytes, where the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(iterations: usize, seconds: f64) -> PaintReport {
        PaintReport { iterations, seconds, ..PaintReport::default() }
    }

    #[test]
    fn later_frames_are_projected_from_the_seconds_of_an_iteration() {
        // 60 iterations in 30 s are 0.5 s each: 30 + 131 · 10 · 0.5 = 685 s.
        let forecast =
            Forecast::new(&first(60, 30.0), 10, 132, Size::new(512, 288), Some(600_000_000)).unwrap();
        assert_eq!(forecast.seconds(), 685.0);
        // A quarter of the pixels: 171 s.
        assert_eq!(
            forecast.to_string(),
            "132 frames at 512x288: about 11 minutes, 0.6 GB; --paint-size 256 would take about 3 minutes"
        );
    }

    #[test]
    fn short_films_and_small_ones_get_no_advice() {
        let forecast =
            |seconds, size| Forecast::new(&first(10, seconds), 10, 2, size, None).unwrap().to_string();
        assert_eq!(forecast(4.0, Size::new(512, 288)), "2 frames at 512x288: about 8 seconds");
        assert_eq!(forecast(400.0, Size::new(240, 100)), "2 frames at 240x100: about 13 minutes");
        assert_eq!(Forecast::new(&first(0, 1.0), 0, 100, Size::new(64, 64), None), None);
        let one = Forecast::new(&first(10, 0.2), 10, 1, Size::new(64, 64), None).unwrap();
        assert_eq!(one.to_string(), "1 frame at 64x64: about 1 second");
    }

    #[test]
    fn durations_read_well() {
        for (seconds, text, shown) in [
            (0.0, "1 second", "0:00"),
            (59.6, "60 seconds", "1:00"),
            (100.0, "2 minutes", "1:40"),
            (5000.0, "83 minutes", "1:23:20"),
            (7_500.0, "2 h 5 min", "2:05:00"),
            (300_000.0, "3 days", "83:20:00"),
        ] {
            assert_eq!((about(seconds).as_str(), clock(seconds).as_str()), (text, shown));
        }
        assert_eq!(clock(f64::NAN), "0:00");
    }

    #[test]
    fn one_hiccup_does_not_bend_the_pace_and_a_change_is_followed() {
        let mut pace = Pace::default();
        assert_eq!(pace.seconds_per_frame(), None);
        for _ in 0..6 {
            pace.push(2.0);
        }
        pace.push(500.0);
        assert_eq!(pace.seconds_per_frame(), Some(2.0));
        for _ in 0..Pace::WINDOW {
            pace.push(3.0);
        }
        assert_eq!(pace.seconds_per_frame(), Some(3.0));
        let mut pace = Pace::default();
        pace.push(1.0);
        pace.push(2.0);
        assert_eq!(pace.seconds_per_frame(), Some(1.5));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_memory_in_use_is_known_on_linux() {
        assert!(peak_memory().unwrap() > 1_000_000);
    }
}
