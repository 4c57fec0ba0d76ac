//! The painter: holds a style and what it remembers of the last frame, and turns frames into painted
//! ones.

mod memory;
mod still;

use super::history::{History, Last};
use super::keep_color::{Colors, KeepColor};
use super::look::Look;
use super::looks::Looks;
use super::masks::Masks;
use super::mover::Mover;
use super::rest::{News, Rest};
use super::scout::{Change, Scout, Scouted};
use super::upsample::upsample;
use super::warm::Scene;
use super::{PaintReport, PaintSettings, Painted, Start};
use crate::error::Result;
use crate::frame::{Frame, Size};
use crate::loss::{Losses, Objective};
use crate::pixels::Pixels;
use crate::vgg::Network;
use std::ops::ControlFlow;
use std::time::Instant;

/// The smallest side of a style picture: one position of VGG's fifth block.
pub(super) const SMALLEST_STYLE: usize = 16;

/// One iteration, as seen from outside.
#[derive(Debug, Clone)]
pub struct Step {
    /// Iterations done for this picture, from 1.
    pub iteration: usize,
    /// Iterations that will be done unless somebody stops it.
    pub of: usize,
    /// The painted size; where memory has run out, a smaller copy is moved.
    pub size: Size,
    /// The losses before this step.
    pub losses: Losses,
}

/// A style and how to paint in it, frame after frame.
pub struct Painter {
    network: Network,
    settings: PaintSettings,
    looks: Looks,
    masks: Masks,
    objective: Objective,
    mover: Mover,
    history: History,
    rest: Rest,
    colors: Colors,
    /// How the paint there is keeps colours, where that is not how it is to go on.
    recolored: Option<KeepColor>,
    /// Whether the next frame is of another size only because it is painted so.
    resized: bool,
    /// Looks at the frames that nobody has looked at before.
    scout: Option<Scout>,
    /// The longest side for which there is memory, once there was too little.
    ceiling: Option<usize>,
}

impl Painter {
    /// A painter in one look, for example a [`super::Blend`] of pictures.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`] for settings that cannot be (see [`PaintSettings::check`]), for no
    /// style at all, blend weights that are not positive, and parts of a look that contradict each other;
    /// [`crate::error::ErrorKind::Input`] for a style picture with less than 16 pixels on a side.
    pub fn new(network: Network, settings: PaintSettings, look: impl Into<Look>) -> Result<Self> {
        Self::with_looks(network, settings, vec![look.into()])
    }

    /// A painter that can paint in any of `looks`, and starts in the first ([`Self::mix`] changes that).
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_looks(network: Network, settings: PaintSettings, looks: Vec<Look>) -> Result<Self> {
        settings.check()?;
        let objective = Objective::new(&network, settings.objective.clone())?;
        let looks = Looks::new(looks, &settings.objective.style_layers)?;
        let mover = Mover::new(settings.optimizer, settings.learning_rate, &network)?;
        let colors = Colors::new(settings.keep_color);
        Ok(Self {
            network,
            settings,
            looks,
            masks: Masks::default(),
            objective,
            mover,
            history: History::default(),
            rest: Rest::default(),
            colors,
            recolored: None,
            resized: false,
            scout: None,
            ceiling: None,
        })
    }

    /// How it paints.
    pub fn settings(&self) -> &PaintSettings {
        &self.settings
    }

    /// Whether the network runs on the CPU.
    pub(super) fn is_on_cpu(&self) -> bool {
        matches!(self.network, Network::Cpu(_))
    }

    /// The size at which a frame of `size` is painted.
    pub fn paint_size(&self, size: Size) -> Size {
        super::paint_size(self.settings.paint_size, size)
    }

    /// Paints in a mix of its looks from now on: looks by their places, each with its weight. Looks that do
    /// not exist and weights that are not positive are left out; a mix of nothing changes nothing.
    ///
    /// The paint there is takes on the new tones at once. Returns whether anything has changed.
    pub fn mix(&mut self, looks: &[(usize, f64)]) -> bool {
        let before = self.looks.tones();
        let changes = self.looks.set_mix(looks);
        if changes {
            self.rest = Rest::default();
            if let Some(share) = self.tones_share() {
                let Self { looks, masks, history, .. } = self;
                history.change(|last| match (before, looks.tones()) {
                    (Some(before), Some(now)) => before.change_by(share, &now, &mut last.painted),
                    // Regions that lack a mask are told of when the next frame is painted.
                    _ => looks.give_tones(share, &mut last.painted, masks).unwrap_or_default(),
                });
            }
        }
        changes
    }

    /// Lays masks over the frames from now on. A mask of another size is stretched.
    pub fn set_masks(&mut self, masks: Masks) {
        if !self.masks.same_regions(&masks) {
            self.rest = Rest::default();
        }
        self.masks = masks;
    }

    /// Changes whose colours the painting has ([`PaintSettings::keep_color`]). The paint there is takes on the
    /// new ones at once. Returns whether that is a change.
    pub fn set_keep_color(&mut self, how: KeepColor) -> bool {
        let before = std::mem::replace(&mut self.settings.keep_color, how);
        if before != how {
            self.recolored.get_or_insert(before);
            self.colors = Colors::new(how);
            self.looks.wear(self.colors.palette());
            self.rest = Rest::default();
        }
        before != how
    }

    /// Paints at another size from now on ([`PaintSettings::paint_size`]), and goes on with the paint there
    /// is. Its [`Scout`], if there is one, has to be told too.
    pub fn set_paint_size(&mut self, longest: usize) {
        let before = self.settings.paint_size.replace(longest.max(SMALLEST_STYLE));
        if before != self.settings.paint_size {
            self.resized = true;
            self.rest = Rest::default();
        }
        if let Some(scout) = &mut self.scout {
            scout.set_paint_size(longest);
        }
    }

    /// Changes how much the style counts ([`crate::loss::ObjectiveSettings::style_weight`]); numbers below 0
    /// change nothing. The paint there is takes on as much of the style's tones as a start would.
    pub fn set_style_weight(&mut self, weight: f64) {
        if weight.is_finite() && weight >= 0.0 && weight != self.settings.objective.style_weight {
            let fresh = |painter: &Self| painter.fresh(painter.history.source()?).ok();
            let before = fresh(self);
            self.settings.objective.style_weight = weight;
            self.objective.set_style_weight(weight);
            self.rest = Rest::default();
            if let (Some(before), Some(now)) = (before, fresh(self))
                && before != now
            {
                self.history.shift(&before, &now);
            }
        }
    }

    /// Changes [`PaintSettings::steadiness`]; what is outside of 0..1 is taken as the end it is beyond.
    pub fn set_steadiness(&mut self, steadiness: f64) {
        if !steadiness.is_nan() {
            self.settings.steadiness = steadiness.clamp(0.0, 1.0);
        }
    }

    /// Gets everything ready that the first frames of `size` would otherwise wait for: the kernels, and all
    /// looks as they are at this size.
    ///
    /// # Errors
    /// A failing device.
    pub fn prepare(&mut self, size: Size) -> Result<()> {
        let longest = self.style_size(self.paint_size(size));
        let network = self.network.clone();
        network.install(|| self.looks.describe_all(&mut self.objective, longest))
    }

    /// Somebody who looks at the frames ahead of this painter: see [`Self::paint_scouted`].
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn scout(&self) -> Result<Scout> {
        // On a CPU, painting a frame takes a hundred times as long as following its motion: one thread keeps
        // up. A GPU paints faster than that, and leaves the CPU's cores free.
        let threads = match self.network {
            Network::Cpu(_) => 1,
            Network::Tensor(_) | Network::Half(_) => 0,
        };
        let mut scout = Scout::new(self.settings.paint_size, self.settings.follows_motion(), threads)?;
        if let Some(machine) = self.mover.machine() {
            scout.bring_to(machine);
            // In half precision not even all cores keep up otherwise.
            scout.look_at_half();
        }
        Ok(scout)
    }

    /// The next frame of a film, started from the one before ([`PaintSettings::start`]). With
    /// [`PaintSettings::iterations`] 0, and where neither style nor smoothness count, frames pass through as they
    /// are. A frame just like the one before is left as that was painted, without an iteration, once painting it
    /// on gains next to nothing; a camera's noise makes no difference.
    ///
    /// # Errors
    /// A frame too small for the network, or a failing device.
    pub fn paint(&mut self, frame: &Frame) -> Result<Painted> {
        self.paint_watched(frame, |_| ControlFlow::Continue(()))
    }

    /// As [`Self::paint`]; `on_step` sees every iteration and may stop, which keeps the frame as far as
    /// it is painted.
    ///
    /// # Errors
    /// As [`Self::paint`].
    pub fn paint_watched(
        &mut self,
        frame: &Frame,
        on_step: impl FnMut(Step) -> ControlFlow<()> + Send,
    ) -> Result<Painted> {
        if self.settings.iterations == 0 {
            return Ok(Painted { frame: frame.clone(), report: PaintReport::default() });
        }
        let mut scout = match self.scout.take() {
            Some(scout) => scout,
            None => self.scout()?,
        };
        let began = Instant::now();
        let scouted = scout.look(frame.clone());
        let looked = began.elapsed().as_secs_f64();
        self.scout = Some(scout);
        let mut painted = self.paint_scouted(scouted, on_step)?;
        painted.report.seconds += looked;
        Ok(painted)
    }

    /// As [`Self::paint_watched`], for a frame that [`Self::scout`]'s scout has looked at, so that looking
    /// and painting can go on side by side. All frames of a film have to come this way, in order.
    ///
    /// # Errors
    /// As [`Self::paint`].
    pub fn paint_scouted(
        &mut self,
        scouted: Scouted,
        mut on_step: impl FnMut(Step) -> ControlFlow<()> + Send,
    ) -> Result<Painted> {
        let began = Instant::now();
        let Scouted { frame, source, there, change } = scouted;
        if self.settings.iterations == 0 || self.settings.change_nothing() {
            self.history.clear();
            return Ok(Painted { frame, report: PaintReport::default() });
        }
        let network = self.network.clone();
        network.install(|| {
            let size = source.size();
            let cut = matches!(change, Change::Cut);
            if cut {
                self.history.clear();
                self.colors.begin_shot();
            }
            if std::mem::take(&mut self.resized) {
                self.history.resize(size);
                self.mover.reset();
            }
            let source = self.view(source);
            // Where only luminance is painted, it is not what was brought.
            if let Some(there) = there.filter(|_| !self.colors.are_luminance()) {
                self.mover.name(self.history.next().source, there);
            }
            let continues = self.history.last(size).is_some();
            let iterations =
                if continues { self.settings.iterations } else { self.settings.first_iterations };
            let PaintSettings { start: how, seed, .. } = self.settings;
            let last = self.history.last(size).filter(|_| how == Start::Warped);
            let news = last.map_or(News::Some, |last| self.rest.news(&last.source, &source));
            let (mut x, mut report);
            if let Some(last) = last.filter(|_| self.rest.has_settled(news)) {
                (x, report) = (last.painted.clone(), PaintReport::default());
            } else {
                let fresh = self.fresh(&source)?;
                let Self { history, mover, objective, settings, .. } = self;
                let scene = Scene { how, source: &source, fresh: &fresh, change: &change, history, seed };
                x = mover.start(&scene, continues, settings.temporal_weight(), objective)?;
                let mut see = |iteration: usize, losses: &Losses| {
                    on_step(Step { iteration, of: iterations, size, losses: losses.clone() })
                };
                report = self.optimise_in_memory(&source, &mut x, iterations, &mut see)?;
                self.objective.set_hold(None);
                self.rest.reached(news, &source, report.last_loss);
            }
            let last = Last { source, painted: x };
            let painted = self.masks.lay(self.show(&last, &frame), &frame);
            self.history.push(last);
            self.mover.remember(&self.history)?;
            report.cut = cut;
            report.seconds = began.elapsed().as_secs_f64();
            Ok(Painted { frame: painted, report })
        })
    }

    /// Every term of the objective for a picture that was painted from `source`, by whomever; both have the
    /// size at which they are compared.
    ///
    /// # Errors
    /// Pictures too small for the network or of different sizes, or a failing device.
    pub fn losses(&mut self, source: &Frame, painted: &Frame) -> Result<Losses> {
        let network = self.network.clone();
        network.install(|| {
            self.aim_at(&Pixels::from_frame(source))?;
            self.objective.evaluate(&Pixels::from_frame(painted), &mut Pixels::zeros(painted.size()))
        })
    }

    /// `source` as it is painted from; style and paint take on the colours they are to have beside it.
    fn view(&mut self, source: Pixels) -> Pixels {
        let view = self.colors.view(&source).into_owned();
        if self.colors.see(&view) {
            self.looks.wear(self.colors.palette());
            self.rest = Rest::default();
        }
        if let Some(before) = self.recolored.take() {
            let tones = self.colors.tones().or_else(|| self.looks.tones());
            self.history.change(|last| self.colors.recolor(last, before, &source, tones));
            self.mover.reset();
        }
        view
    }

    /// What was painted as it is shown: as large as `frame`, which it was painted from, and in its colours.
    fn show(&self, Last { source, painted }: &Last, frame: &Frame) -> Frame {
        if painted.size() == frame.size() && self.settings.keep_color != KeepColor::Luminance {
            return painted.to_frame();
        }
        let whole = Pixels::from_frame(frame);
        let mut painted = upsample(painted, source, &self.colors.view(&whole));
        self.colors.finish(&mut painted, &whole);
        painted.to_frame()
    }

    /// `source` in the tones of the style, as far as it is to take them on.
    fn fresh(&self, source: &Pixels) -> Result<Pixels> {
        let mut fresh = source.clone();
        if let Some(share) = self.tones_share().filter(|_| self.settings.start == Start::Warped) {
            self.looks.give_tones(share, &mut fresh, &self.masks)?;
        }
        Ok(fresh)
    }

    /// How far paint takes on the style's tones before the first iteration; `None` where it does not.
    fn tones_share(&self) -> Option<f64> {
        let share = self.settings.strength().tones();
        (share > 0.0 && self.settings.keep_color == KeepColor::Off).then_some(share)
    }

    /// The longest side at which styles are looked at when painting at `size`.
    fn style_size(&self, size: Size) -> usize {
        self.settings.style_size.unwrap_or(size.longest_side())
    }

    /// Gives the style, as it is looked at beside `source`, and the content of `source` to the objective.
    fn aim_at(&mut self, source: &Pixels) -> Result<()> {
        // The style first: describing it needs the memory that the content goes on with.
        let longest = self.style_size(source.size());
        self.looks.give(&mut self.objective, longest, source.size(), &self.masks)?;
        match self.mover.named(self.history.next().source, source.size()) {
            Some(there) => self.objective.set_content_there((&there, source.size())),
            None => self.objective.set_content(source),
        }
    }

    /// Moves `x` towards the objective of `source`.
    fn optimise(
        &mut self,
        source: &Pixels,
        x: &mut Pixels,
        iterations: usize,
        on_step: &mut dyn FnMut(usize, &Losses) -> ControlFlow<()>,
    ) -> Result<PaintReport> {
        self.aim_at(source)?;
        self.colors.restrict(x);
        self.mover.begin(x)?;
        let mut report = PaintReport::default();
        for _ in 0..iterations {
            let losses = self.mover.evaluate(&mut self.objective, x, self.colors.are_luminance())?;
            let moved = self.mover.step(x, losses.total)?;
            report.iterations += 1;
            report.first_loss.get_or_insert(losses.total);
            report.last_loss = Some(losses.total);
            if on_step(report.iterations, &losses).is_break() || moved.is_break() {
                break;
            }
        }
        self.mover.end(x)?;
        Ok(report)
    }
}

/// The size at which a style picture of `size` is looked at: `longest` on its longest side, or more if
/// its shortest would fall below what the network needs.
pub(super) fn style_size(size: Size, longest: usize) -> Size {
    let least = SMALLEST_STYLE * size.longest_side().div_ceil(size.shortest_side().max(1));
    size.with_longest_side(longest.max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_style_stays_wide_enough_for_the_network() {
        assert_eq!(style_size(Size::new(600, 400), 300), Size::new(300, 200));
        assert!(style_size(Size::new(2000, 100), 64).shortest_side() >= SMALLEST_STYLE);
        assert!(style_size(Size::new(17, 1000), 20).shortest_side() >= SMALLEST_STYLE);
    }
}
