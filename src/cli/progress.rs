//! Progress for people while a film is painted: a bar on a terminal, a plain line every few seconds
//! elsewhere, the forecast after the first frame, and the same events as JSON for programs.

use super::forecast::{Forecast, Pace, clock, peak_memory};
use super::report::{Object, Reporter};
use super::screen::Screen;
use crate::frame::Size;
use crate::pipeline::{Event, PaintedFrame};
use crate::sink::Ending;
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A forecast below this many seconds is no news.
const WORTH_SAYING: f64 = 10.0;

/// What the forecast needs to know of the job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// How many frames will come, where that is known.
    pub(super) frames: Option<u64>,
    /// The size at which they are painted.
    pub(super) painted: Size,
    /// Iterations of every frame after the first.
    pub(super) iterations: usize,
}

/// Listens to a pipeline.
pub(super) struct Progress<'a> {
    screen: &'a Screen,
    reporter: &'a Reporter,
    job: Job,
    bar: Option<ProgressBar>,
    pace: Pace,
    done: u64,
    forecast: Option<Forecast>,
    begun: Instant,
    last_frame: Instant,
    last_line: Option<Instant>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(screen: &'a Screen, reporter: &'a Reporter, job: Job) -> Self {
        let bar = screen.draws().then(|| screen.bar(job.frames));
        if let Some(bar) = &bar {
            bar.set_message("first frame");
        }
        let now = Instant::now();
        Self {
            screen,
            reporter,
            job,
            bar,
            pace: Pace::default(),
            done: 0,
            forecast: None,
            begun: now,
            last_frame: now,
            last_line: None,
        }
    }

    /// Takes one event of the pipeline.
    pub(super) fn see(&mut self, event: Event<'_>) {
        match event {
            Event::Painted(frame) => self.painted(frame),
            Event::Note(note) => self.screen.line(&format!("stylecast: note: {note}")),
            Event::Finishing(ending) => self.finishing(ending),
        }
    }

    fn painted(&mut self, frame: PaintedFrame) {
        self.reporter.tell(&Object::Frame(frame.into()));
        let now = Instant::now();
        // The first frame takes other iterations than the rest and would bend the pace.
        if self.done > 0 {
            self.pace.push((now - self.last_frame).as_secs_f64());
        }
        self.last_frame = now;
        self.done += 1;
        if self.done == 1 {
            self.foretell(&frame);
        }
        let status = self.status(frame.report.last_loss);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
            bar.set_message(status);
        } else if self.last_line.is_none_or(|last| now - last >= LINE_EVERY) {
            self.last_line = Some(now);
            self.screen.line(&status);
        }
    }

    fn foretell(&mut self, frame: &PaintedFrame) {
        let Job { frames, painted, iterations } = self.job;
        let Some(frames) = frames else { return };
        self.forecast = Forecast::new(&frame.report, iterations, frames, painted, peak_memory());
        if let Some(forecast) = self.forecast.as_ref().filter(|forecast| forecast.seconds() >= WORTH_SAYING) {
            self.screen.line(&format!("stylecast: {forecast}"));
        }
    }

    fn status(&self, loss: Option<f64>) -> String {
        let pace = self.pace.seconds_per_frame();
        let remaining = self.job.frames.map(|frames| frames.saturating_sub(self.done));
        let left = match (pace, remaining, &self.forecast) {
            (Some(pace), Some(remaining), _) => Some(pace * remaining as f64),
            (None, Some(_), Some(forecast)) => Some(forecast.seconds() - self.begun.elapsed().as_secs_f64()),
            _ => None,
        };
        status(self.done, self.job.frames, pace, left, loss)
    }

    fn finishing(&mut self, ending: Ending) {
        if let Some(bar) = &self.bar {
            bar.set_message(match ending {
                Ending::Complete => "writing the rest",
                Ending::Interrupted => "completing the file",
            });
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// One line: `frame 12/132, 0.21 fps, 9:30 left, loss 0.412`.
pub(super) fn status(
    done: u64,
    frames: Option<u64>,
    pace: Option<f64>,
    left: Option<f64>,
    loss: Option<f64>,
) -> String {
    let mut parts = vec![match frames {
        // An estimate may be too low; it is not repeated once it is known to be wrong.
        Some(frames) if frames >= done => format!("frame {done}/{frames}"),
        _ => format!("frame {done}"),
    }];
    if let Some(pace) = pace.filter(|&pace| pace > 0.0) {
        let fps = 1.0 / pace;
        parts.push(if fps < 10.0 { format!("{fps:.2} fps") } else { format!("{fps:.0} fps") });
    }
    parts.extend(left.map(|left| format!("{} left", clock(left))));
    parts.extend(loss.map(|loss| format!("loss {loss:.4}")));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_is_known() {
        assert_eq!(
            status(12, Some(132), Some(4.75), Some(570.0), Some(0.41237)),
            "frame 12/132, 0.21 fps, 9:30 left, loss 0.4124"
        );
        assert_eq!(status(1, None, None, None, None), "frame 1");
        assert_eq!(status(7, Some(5), Some(0.01), None, None), "frame 7, 100 fps");
    }
}
