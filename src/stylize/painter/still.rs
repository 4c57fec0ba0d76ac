//! Painting a still: coarse to fine.

use super::{Painter, SMALLEST_STYLE, Step};
use crate::error::Result;
use crate::frame::{Frame, Size};
use crate::loss::Losses;
use crate::pixels::Pixels;
use crate::resize::resize_pixels;
use crate::stylize::history::{History, Last};
use crate::stylize::scout::Change;
use crate::stylize::upsample::upsample;
use crate::stylize::warm::{Scene, unwarped};
use crate::stylize::{PaintReport, PaintSettings, Painted};
use std::ops::ControlFlow;
use std::time::Instant;

/// The smallest longest side of a coarse scale when a still is painted coarse to fine: below, VGG's
/// fifth block has too few positions to say much.
const COARSEST: usize = 256;

impl Painter {
    /// A picture by itself, coarse to fine: painted small first, then enlarged and painted on, until it
    /// has its size, [`PaintSettings::first_iterations`](super::super::PaintSettings::first_iterations) at each
    /// scale. Large strokes come out whole, most of the work is done where it is cheap, and what the optimiser has
    /// learned at one scale it knows at the next. `on_step` sees every iteration and may stop, which
    /// keeps what is painted.
    ///
    /// # Errors
    /// As [`Self::paint`].
    pub fn paint_still(
        &mut self,
        frame: &Frame,
        mut on_step: impl FnMut(Step) -> ControlFlow<()> + Send,
    ) -> Result<Painted> {
        let began = Instant::now();
        let each = self.settings.first_iterations;
        if each == 0 || self.settings.change_nothing() {
            return Ok(Painted { frame: frame.clone(), report: PaintReport::default() });
        }
        let network = self.network.clone();
        network.install(|| {
            self.colors.begin_shot();
            let whole = self.view(Pixels::from_frame(frame));
            let scales = scales(self.paint_size(frame.size()));
            let mut report = PaintReport::default();
            let mut below: Option<Last> = None;
            let mut stopped = false;
            for &size in &scales {
                let source = resize_pixels(&whole, size);
                let mut x = match &below {
                    Some(below) => upsample(&below.painted, &below.source, &source),
                    None => {
                        let PaintSettings { start: how, seed, .. } = self.settings;
                        let fresh = self.fresh(&source)?;
                        let (change, history) = (&Change::Unknown, &History::default());
                        unwarped(&Scene { how, source: &source, fresh: &fresh, change, history, seed })
                    }
                };
                if !stopped {
                    match &below {
                        Some(below) => self.mover.resize(below.source.size(), size)?,
                        None => self.mover.reset(),
                    }
                    let done = report.iterations;
                    let mut see = |iteration: usize, losses: &Losses| {
                        let (iteration, of) = (done + iteration, each * scales.len());
                        let flow = on_step(Step { iteration, of, size, losses: losses.clone() });
                        stopped |= flow.is_break();
                        flow
                    };
                    let scale = self.optimise_in_memory(&source, &mut x, each, &mut see)?;
                    report.iterations += scale.iterations;
                    report.first_loss = report.first_loss.or(scale.first_loss);
                    report.last_loss = scale.last_loss;
                }
                below = Some(Last { source, painted: x });
            }
            let painted = below.map_or_else(|| frame.clone(), |last| self.show(&last, frame));
            let painted = self.masks.lay(painted, frame);
            report.seconds = began.elapsed().as_secs_f64();
            Ok(Painted { frame: painted, report })
        })
    }
}

/// The sizes from coarse to fine that end at `size`, each twice the one before.
fn scales(size: Size) -> Vec<Size> {
    let mut scales = vec![size];
    let mut longest = size.longest_side() / 2;
    while longest >= COARSEST && size.with_longest_side(longest).shortest_side() >= SMALLEST_STYLE {
        scales.push(size.with_longest_side(longest));
        longest /= 2;
    }
    scales.reverse();
    scales
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_double_up_to_the_picture() {
        let longest = |size| scales(size).iter().map(|s| s.longest_side()).collect::<Vec<_>>();
        assert_eq!(longest(Size::new(1280, 720)), [320, 640, 1280]);
        assert_eq!(longest(Size::new(300, 511)), [511]);
        assert_eq!(longest(Size::new(512, 16)), [512], "half of it would be too low for the network");
    }
}
