//! A painter with a deadline instead of a number of iterations.

use super::budget::{Budget, Spent};
use super::{KeepColor, Painted, Painter, Scout};
use crate::error::Result;
use crate::frame::{Frame, Size};
use std::ops::ControlFlow;
use std::time::Instant;

/// Where a CPU begins: what two cores of a laptop reach at ten frames a second.
const FIRST_ON_A_CPU: usize = 144;

/// Where a GPU begins.
const FIRST_ON_A_GPU: usize = 640;

/// The first frame may take so many seconds more: nobody has seen anything yet, and it shall look painted.
const FIRST: f64 = 0.8;

/// A new shot and another look may hold the picture up for so many seconds, to be seen painted at once.
const FRESH: f64 = 0.15;

/// Paints each frame as far as the time allows, at the size that the time allows.
pub struct LivePainter {
    painter: Painter,
    scout: Scout,
    budget: Budget,
    size: Size,
    /// Seconds that the next frame may take beyond its budget.
    grace: f64,
}

impl LivePainter {
    /// `painter` with `period` seconds for a frame of `size`. Its settings say how large is painted at
    /// most, and how many iterations a frame gets at most.
    ///
    /// # Errors
    /// Threads that cannot be started, or a failing device.
    pub fn new(mut painter: Painter, period: f64, size: Size) -> Result<Self> {
        let largest = painter.paint_size(size).longest_side();
        let first = if painter.is_on_cpu() { FIRST_ON_A_CPU } else { FIRST_ON_A_GPU };
        let budget = Budget::new(period, largest, first);
        painter.set_paint_size(budget.paint_size());
        painter.prepare(size)?;
        let mut scout = painter.scout()?;
        scout.look_back_once();
        Ok(Self { painter, scout, budget, size, grace: FIRST })
    }

    /// The painter, to change how it paints.
    pub fn painter(&mut self) -> &mut Painter {
        &mut self.painter
    }

    /// Paints in a mix of the painter's looks from now on: see [`Painter::mix`].
    pub fn mix(&mut self, looks: &[(usize, f64)]) {
        // A fade has time anyway.
        if self.painter.mix(looks) && looks.len() == 1 {
            self.grace = self.grace.max(FRESH);
        }
    }

    /// Changes whose colours the painting has: see [`Painter::set_keep_color`].
    pub fn set_keep_color(&mut self, how: KeepColor) {
        if self.painter.set_keep_color(how) {
            self.grace = self.grace.max(FRESH);
        }
    }

    /// The size at which the next frame is painted.
    pub fn paint_size(&self) -> Size {
        self.painter.paint_size(self.size)
    }

    /// Paints the next frame, or the same one further.
    ///
    /// # Errors
    /// A frame too small for the network, or a failing device.
    pub fn paint(&mut self, frame: Frame) -> Result<Painted> {
        self.paint_while(frame, || true)
    }

    /// As [`paint`](Self::paint), but no further once `goes_on` says no, which it is asked after each iteration:
    /// at a frame in ten seconds nobody wants to wait for the end of one.
    ///
    /// # Errors
    /// Those of [`paint`](Self::paint).
    pub fn paint_while(&mut self, frame: Frame, mut goes_on: impl FnMut() -> bool + Send) -> Result<Painted> {
        let began = Instant::now();
        let Self { painter, scout, budget, grace, .. } = self;
        let scouted = scout.look(frame);
        let looked = began.elapsed().as_secs_f64();
        let grace = std::mem::take(grace).max(if scouted.is_cut() { FRESH } else { 0.0 });
        let size = scouted.paint_size();
        let (mut first, mut last, mut iterations) = (0.0, 0.0, 0);
        let mut painted = painter.paint_scouted(scouted, |_| {
            last = began.elapsed().as_secs_f64();
            iterations += 1;
            if iterations == 1 {
                first = last;
            }
            if budget.fits(last - grace) && goes_on() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        painted.report.seconds = began.elapsed().as_secs_f64();
        if iterations > 0 {
            tracing::debug!(
                "at {size}: looked until {:.1} ms, first iteration until {:.1}, {} more until {:.1}, enlarged until {:.1}",
                1e3 * looked,
                1e3 * first,
                iterations - 1,
                1e3 * last,
                1e3 * painted.report.seconds
            );
            let spent = Spent {
                first,
                further: last - first,
                further_iterations: iterations - 1,
                after: painted.report.seconds - last,
            };
            if self.budget.spent(spent) {
                let longest = self.budget.paint_size();
                self.painter.set_paint_size(longest);
                self.scout.set_paint_size(longest);
            }
        }
        Ok(painted)
    }
}
