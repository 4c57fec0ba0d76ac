//! The objective's terms of a painted frame, by the same [`Objective`] that paints and that
//! `stylecast loss` prints.

use crate::error::Result;
use crate::frame::Frame;
use crate::loss::{Losses, Objective, ObjectiveSettings, StyleTarget};
use crate::pixels::Pixels;
use crate::vgg::Network;

/// What the objective says of pictures in one style.
pub struct LossJudge {
    network: Network,
    objective: Objective,
    gradient: Pixels,
}

/// The terms that are told of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameLosses {
    /// The weighted sum of all terms.
    pub objective: f64,
    /// Σ w_l L_l with Σ w_l = 1.
    pub style: f64,
    /// The content loss.
    pub content: f64,
}

impl LossJudge {
    /// A judge of pictures in the blend of `styles`, each with its weight and looked at at its own size.
    ///
    /// # Errors
    /// Those of [`Objective::new`] and [`Objective::describe_style`].
    pub fn new(network: Network, settings: ObjectiveSettings, styles: &[(Frame, f64)]) -> Result<Self> {
        let mut objective = Objective::new(&network, settings)?;
        let target = network.install(|| {
            let describe = |(style, weight): &(Frame, f64)| {
                Ok((objective.describe_style(&Pixels::from_frame(style))?, *weight))
            };
            styles.iter().map(describe).collect::<Result<Vec<_>>>()
        })?;
        if let Some(target) = StyleTarget::blend(&target) {
            objective.set_style(target);
        }
        let gradient = Pixels::zeros(crate::frame::Size::new(1, 1));
        Ok(Self { network, objective, gradient })
    }

    /// Every term for `painted` with `source` as its content; both have one size.
    ///
    /// # Errors
    /// A picture too small for the deepest layer, or a failing device.
    pub fn losses(&mut self, source: &Pixels, painted: &Pixels) -> Result<Losses> {
        let Self { network, objective, gradient } = self;
        network.install(|| {
            objective.set_content(source)?;
            objective.evaluate(painted, gradient)
        })
    }

    /// [`Self::losses`], the style's layers added up.
    ///
    /// # Errors
    /// As there.
    pub fn judge(&mut self, source: &Pixels, painted: &Pixels) -> Result<FrameLosses> {
        let losses = self.losses(source, painted)?;
        let style = losses.style_mean(self.objective.settings());
        Ok(FrameLosses { objective: losses.total, style, content: losses.content })
    }

    /// The gradient of the last total with respect to the pixels.
    pub fn gradient(&self) -> &Pixels {
        &self.gradient
    }
}
