//! Where the pictures of a study are painted, one after the other.

use super::plan::{Cell, Study, StudyKind};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::loss::Losses;
use crate::resize::resize_frame;
use crate::stylize::{Blend, PaintSettings, Painter, Step};
use crate::vgg::Network;
use std::ops::ControlFlow;

/// A painted cell.
#[derive(Debug, Clone)]
pub struct Made {
    /// The picture.
    pub picture: Frame,
    /// Every term of the objective that it was painted by.
    pub own: Losses,
    /// Every term of [`Study::full`]'s objective, which is the same for all cells.
    pub full: Losses,
    /// Iterations taken: fewer than asked for where nothing improved the picture any more.
    pub iterations: usize,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// The network, the pictures to paint from, and what is painted so far.
pub struct Easel {
    network: Network,
    source: Frame,
    style: Blend,
    /// Judges every cell by the same objective.
    judge: Painter,
    made: Vec<(PaintSettings, Made)>,
}

impl Easel {
    /// Gets ready to paint the cells of `study` in the blend of `style`. `source` is shrunk to their size; a
    /// texture needs none.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`] for a style that is none, or a source that is missing, and those of
    /// [`Painter::new`].
    pub fn new(network: Network, study: &Study, source: Option<&Frame>, style: Blend) -> Result<Self> {
        let source = match study.kind() {
            // It gives the pictures their size and nothing else.
            StudyKind::Texture => style.first().map(|(picture, _)| picture),
            _ => source,
        };
        let Some(source) = source else {
            return Err(Error::usage("there is no picture to paint from").hint("name a photo and a style"));
        };
        let source = resize_frame(source, study.cell_size());
        let judge = Painter::new(network.clone(), study.full().clone(), style.clone())?;
        Ok(Self { network, source, style, judge, made: Vec::new() })
    }

    /// The source as it is painted from.
    pub fn source(&self) -> &Frame {
        &self.source
    }

    /// Paints a cell. `on_step` sees every iteration and may stop, which gives up this cell: `None`. A cell
    /// with the settings of an earlier one is the same picture, and is not painted again.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub fn paint(
        &mut self,
        cell: &Cell,
        mut on_step: impl FnMut(Step) -> ControlFlow<()> + Send,
    ) -> Result<Option<Made>> {
        if let Some((_, made)) = self.made.iter().find(|(settings, _)| *settings == cell.settings) {
            return Ok(Some(made.clone()));
        }
        let mut painter = Painter::new(self.network.clone(), cell.settings.clone(), self.style.clone())?;
        let mut stopped = false;
        // As the first frame of a film: at one scale, unlike a still, whose coarser scales would lend a
        // single layer what it does not give.
        let painted = painter.paint_watched(&self.source, |step| {
            let flow = on_step(step);
            stopped |= flow.is_break();
            flow
        })?;
        if stopped {
            return Ok(None);
        }
        let own = painter.losses(&self.source, &painted.frame)?;
        let full = self.judge.losses(&self.source, &painted.frame)?;
        let (iterations, seconds) = (painted.report.iterations, painted.report.seconds);
        let made = Made { picture: painted.frame, own, full, iterations, seconds };
        self.made.push((cell.settings.clone(), made.clone()));
        Ok(Some(made))
    }
}
