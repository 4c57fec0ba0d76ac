//! Progress of a study for people: a bar on a terminal, a plain line every few seconds elsewhere, and a
//! forecast after the first picture.

use crate::cli::forecast::{about, clock};
use crate::cli::screen::Screen;
use crate::study::{Cell, Study};
use crate::stylize::Step;
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A forecast below this many seconds is no news.
const WORTH_SAYING: f64 = 10.0;

pub(super) struct Progress<'a> {
    screen: &'a Screen,
    study: &'a Study,
    bar: Option<ProgressBar>,
    cells: usize,
    done: usize,
    begun: Instant,
    last_line: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(screen: &'a Screen, study: &'a Study) -> Self {
        let cells = study.cells().count();
        let steps = (cells * study.full().first_iterations) as u64;
        let bar = screen.draws().then(|| screen.bar(Some(steps)));
        let now = Instant::now();
        Self { screen, study, bar, cells, done: 0, begun: now, last_line: now }
    }

    /// An iteration of a cell is done.
    pub(super) fn step(&mut self, cell: &Cell, step: &Step) {
        let (done, all) = (self.done * step.of + step.iteration, self.cells * step.of);
        let left = self.begun.elapsed().as_secs_f64() / done.max(1) as f64 * all.saturating_sub(done) as f64;
        let status = format!(
            "picture {}/{} ({}), iteration {}/{}, {} left, loss {:.4}",
            self.done + 1,
            self.cells,
            cell.name,
            step.iteration,
            step.of,
            clock(left),
            step.losses.total
        );
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(status);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.screen.line(&status);
        }
    }

    /// A cell is done.
    pub(super) fn done(&mut self) {
        self.done += 1;
        let expected = self.begun.elapsed().as_secs_f64() * self.cells as f64;
        if self.done == 1 && expected >= WORTH_SAYING {
            let (cells, size) = (self.cells, self.study.cell_size());
            self.screen.line(&format!("stylecast: {cells} pictures at {size}: about {}", about(expected)));
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
