//! Painting within the memory there is: what painting will take, and painting smaller where it was too much.
//!
//! A GPU's memory belongs to whoever asks first, so a plan can only be a forecast. When memory runs out all the
//! same, the picture in work is optimised smaller and enlarged again, with the source's own detail as everything
//! that is painted small; nobody outside need know.

use super::{Painter, SMALLEST_STYLE};
use crate::error::{ErrorKind, Result};
use crate::frame::Size;
use crate::loss::Losses;
use crate::pixels::Pixels;
use crate::resize::resize_pixels;
use crate::stylize::PaintReport;
use crate::stylize::upsample::upsample;
use crate::vgg::memory::{MemoryPlan, largest_within};
use std::ops::ControlFlow;

/// From one size to the next where memory was too little: three quarters of the pixels.
const STEP: f64 = 0.866;

/// Of the free memory, the share that is planned with: allocators round up, and other programs live too.
const PLANNED: f64 = 0.9;

impl Painter {
    /// What painting frames of `size` takes of the GPU's memory; `None` on a CPU.
    pub fn memory(&self, size: Size) -> Option<MemoryPlan> {
        self.memory_at(self.paint_size(size))
    }

    fn memory_at(&self, painted: Size) -> Option<MemoryPlan> {
        let objective = &self.settings.objective;
        let content: Vec<_> = objective.content_layers.iter().map(|(layer, _)| *layer).collect();
        let style = objective.style_layers.iter().map(|(layer, _)| *layer);
        let deepest = style.chain(content.iter().copied()).max()?;
        let mut plan = self.network.memory(deepest, &content, painted)?;
        plan.work += self.mover.memory(painted);
        Some(plan)
    }

    /// Paints frames of `size` no larger than fits into `free` bytes of the GPU's memory from now on. Returns
    /// the painted size where it is another now.
    pub fn fit_into(&mut self, free: u64, size: Size) -> Option<Size> {
        let painted = self.paint_size(size);
        let planned = (free as f64 * PLANNED) as u64;
        let needed = |size| self.memory_at(size).map_or(0, |plan| plan.total());
        // Where not even the smallest fits, it is tried nevertheless, and fails with its own error.
        let fitting = largest_within(painted, SMALLEST_STYLE, planned, needed).unwrap_or(painted);
        (fitting != painted).then(|| {
            self.set_paint_size(fitting.longest_side());
            fitting
        })
    }

    /// Moves `x` towards the objective of `source`; if memory runs out, on smaller copies of both, and so from
    /// then on.
    pub(super) fn optimise_in_memory(
        &mut self,
        source: &Pixels,
        x: &mut Pixels,
        iterations: usize,
        on_step: &mut dyn FnMut(usize, &Losses) -> ControlFlow<()>,
    ) -> Result<PaintReport> {
        loop {
            let size = self.ceiling.map_or(source.size(), |longest| source.size().fit(longest));
            let tried = match size == source.size() {
                true => self.optimise(source, x, iterations, on_step),
                false => {
                    self.mover.fetch(x)?;
                    self.optimise_smaller(size, source, x, iterations, on_step)
                }
            };
            let error = match tried {
                Err(error) if error.kind() == ErrorKind::Memory => error,
                other => return other,
            };
            let Some(smaller) = smaller(size) else { return Err(error) };
            tracing::warn!("{error}: painting at {} instead of {size}", size.fit(smaller));
            self.ceiling = Some(smaller);
        }
    }

    /// Moves a copy of `x` at `size`, and puts it, enlarged, in its place.
    fn optimise_smaller(
        &mut self,
        size: Size,
        source: &Pixels,
        x: &mut Pixels,
        iterations: usize,
        on_step: &mut dyn FnMut(usize, &Losses) -> ControlFlow<()>,
    ) -> Result<PaintReport> {
        let small_source = resize_pixels(source, size);
        let mut small = resize_pixels(x, size);
        self.objective.shrink_hold(size);
        // What is remembered from frame to frame is of the whole size.
        self.mover.resize(source.size(), size)?;
        let report = self.optimise(&small_source, &mut small, iterations, on_step);
        self.mover.resize(size, source.size())?;
        *x = upsample(&small, &small_source, source);
        report
    }
}

/// The next smaller longest side, if there is one that the network can see anything at.
fn smaller(size: Size) -> Option<usize> {
    let longest = (size.longest_side() as f64 * STEP) as usize;
    (size.fit(longest).shortest_side() >= SMALLEST_STYLE).then_some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_step_down_to_what_the_network_can_see() {
        let mut size = Size::new(1920, 1080);
        let mut steps = 0;
        while let Some(longest) = smaller(size) {
            let next = size.fit(longest);
            let share = next.pixels() as f64 / size.pixels() as f64;
            assert!((0.6..0.8).contains(&share), "{size} to {next}");
            (size, steps) = (next, steps + 1);
        }
        assert!(steps > 20 && size.shortest_side() >= SMALLEST_STYLE);
    }
}
