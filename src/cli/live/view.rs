//! The main thread of a live run: shows what is painted, heeds the keys, and reports.

use super::artist::Picture;
use super::desk::{Desk, Wishes};
use super::outlets::{Made, Outlets};
use super::pane::Pane;
use super::statistics::{Dropped, Instruments, Statistics};
use crate::cli::report::{Object, Reporter};
use crate::cli::screen::Screen;
use crate::error::{Error, Result};
use crate::pipeline::{Counts, Seen};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What somebody sees, and can do about it.
pub(super) struct View<'a> {
    pub(super) desk: Desk,
    pub(super) wishes: Arc<Mutex<Wishes>>,
    /// What the looks are called.
    pub(super) names: Vec<String>,
    pub(super) pane: Option<Pane>,
    pub(super) outlets: Arc<Outlets>,
    pub(super) statistics: Statistics,
    pub(super) reporter: &'a Reporter,
    pub(super) screen: &'a Screen,
    /// From the first painted frame on, after which the run ends by itself.
    pub(super) duration: Option<Duration>,
    pub(super) until: Option<Instant>,
    pub(super) instruments: Instruments,
}

impl View<'_> {
    /// Called with every frame to show, and every few milliseconds without.
    pub(super) fn see(&mut self, seen: Seen<'_, Picture>, counts: Counts) -> Result<ControlFlow<()>> {
        let now = Instant::now();
        let fresh = match seen {
            Seen::Frame(fresh) => Some(fresh),
            Seen::Nothing => None,
            Seen::Note(note) => {
                self.note(note);
                None
            }
        };
        for note in self.outlets.take_notes() {
            self.note(&note);
        }
        let heeded = match &mut self.pane {
            Some(pane) => pane.heed(&mut self.desk, &self.names, &self.outlets),
            None => ControlFlow::Continue(()),
        };
        *self.wishes.lock().unwrap_or_else(PoisonError::into_inner) = self.desk.wishes(now);
        let measured = fresh.as_ref().map(|fresh| {
            let Picture { report, paint_size, .. } = &fresh.view;
            (fresh.captured, report.iterations, *paint_size)
        });
        if let Some(pane) = &mut self.pane {
            pane.show(fresh.map(|fresh| fresh.view), &self.desk, &self.instruments, &self.outlets)?;
        }
        if let Some((captured, iterations, paint_size)) = measured {
            self.until = self.until.or(self.duration.map(|duration| now + duration));
            self.statistics.shown(captured, iterations, paint_size);
        }
        self.report(counts);
        let is_over = self.until.is_some_and(|until| now >= until);
        // Without a window, nobody is left who would see what is painted.
        let is_in_vain = self.pane.is_none() && self.outlets.have_ended();
        Ok(if is_over || is_in_vain { ControlFlow::Break(()) } else { heeded })
    }

    fn report(&mut self, counts: Counts) {
        let style = self.names.get(self.desk.look());
        self.instruments.style = style.cloned();
        let dropped = || Dropped::new(self.outlets.dropped());
        if let Some(report) = self.statistics.every_second(counts, style.map(String::as_str), dropped) {
            self.instruments.fps = Some(report.fps);
            self.instruments.latency_ms = report.latency_ms_p50.map(|ms| ms as f64);
            self.instruments.dropped = report.dropped.frames + report.dropped.packets;
            self.reporter.tell(&Object::Live(report));
        }
    }

    fn note(&mut self, note: &str) {
        self.screen.line(&format!("stylecast: note: {note}"));
        if let Some(pane) = &mut self.pane {
            pane.say(note);
        }
    }

    /// Completes what is being written, and says how it went. Returns the first failure of what was to be
    /// written, after which the run has not done what it was asked to.
    pub(super) fn finish(mut self, counts: Counts) -> Option<Error> {
        // The window goes first: what is left may take a second.
        self.pane = None;
        let Self { desk, names, outlets, statistics, reporter, screen, .. } = self;
        let dropped = Dropped::new(outlets.dropped());
        let Made { clips, notes, failures } = outlets.finish();
        for note in notes {
            screen.line(&format!("stylecast: note: {note}"));
        }
        let style = names.get(desk.look()).map(String::as_str);
        let mut report = statistics.in_all(counts, style, dropped);
        report.clips = clips;
        screen.line(&format!("stylecast: {report}"));
        reporter.tell(&Object::LiveSummary(report));
        failures.into_iter().next()
    }
}
