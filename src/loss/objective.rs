//! The whole objective of one picture: `content_weight · L_content + style_weight · Σ w_l L_l +
//! u · (tv_weight · L_tv + temporal_weight · L_temporal)`, its value term by term and its gradient with
//! respect to the pixels.
//!
//! The unit `u` is 1 in the relative form. Other forms reach from millionths to thousands of millions, and
//! a weight of total variation or steadiness would mean nothing there; so `u` is what content and style
//! come to, weighted, in a picture without any features, over what they come to in the relative form with
//! the default weights. It belongs to the targets and not to the picture, so it has no gradient.

use super::content::ContentTerm;
use super::cpu::CpuObjective;
use super::half::HalfObjective;
use super::settings::shares;
use super::temporal::{Held, Hold, temporal};
use super::tensor::TensorObjective;
use super::tv::total_variation;
use super::{Gram, Guide, LossForm, ObjectiveSettings, StyleTerm};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::kernels::cuda::Buffer;
use crate::pixels::Pixels;
use crate::vgg::{Layer, Network, Stage};
use std::sync::Arc;
use std::time::Duration;

/// The terms of the objective for one picture, unweighted, and their weighted sum.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Losses {
    /// `L_content`, the weighted mean over the content layers.
    pub content: f64,
    /// `L_c` of every content layer, in the order of the settings.
    pub content_layers: Vec<(Layer, f64)>,
    /// `L_l` of every style layer, in the order of the settings; of several styles their sum, each by its
    /// share.
    pub style: Vec<(Layer, f64)>,
    /// `L_tv`.
    pub tv: f64,
    /// `L_temporal`.
    pub temporal: f64,
    /// `content_weight · L_content + style_weight · Σ w_l L_l + u · (tv_weight · L_tv + temporal_weight ·
    /// L_temporal)`, `Σ w_l = 1`; `u` is 1 in the relative form ([`Objective::unit`]).
    pub total: f64,
}

impl Losses {
    /// `L_style = Σ w_l L_l` over the layers of the `settings` that these are the losses of, `Σ w_l = 1`; 0
    /// without a style.
    pub fn style_mean(&self, settings: &ObjectiveSettings) -> f64 {
        let of = |layer| self.style.iter().find(|(l, _)| *l == layer).map_or(0.0, |(_, loss)| *loss);
        shares(&settings.style_layers).into_iter().map(|(layer, share)| share * of(layer)).sum()
    }
}

/// A term of the objective, by its place among its kind.
pub(super) enum Term {
    Style(usize),
    Content(usize),
    /// With what its distance is multiplied by, as below.
    TotalVariation(f64),
    Temporal(f64),
}

/// The terms that need no network, each with its weight in the total.
#[derive(Clone, Copy)]
pub(super) struct PixelTerms<'a> {
    pub(super) tv: Option<f64>,
    pub(super) hold: Option<(&'a Held, f64)>,
}

impl PixelTerms<'_> {
    /// How many there are at most.
    pub(super) const MOST: usize = 2;
}

impl Losses {
    /// The losses of these terms' squared distances.
    pub(super) fn at<F>(
        distances: impl Iterator<Item = (Term, f64)>,
        style: &[StyleTerm],
        content: &[ContentTerm<F>],
    ) -> Self {
        let mut losses = Self {
            style: style.iter().map(|term| (term.layer(), 0.0)).collect(),
            content_layers: content.iter().map(|term| (term.layer(), 0.0)).collect(),
            ..Self::default()
        };
        for (term, distance) in distances {
            match term {
                Term::Style(i) => losses.style[i].1 = style[i].value_at(distance),
                Term::Content(i) => {
                    losses.content_layers[i].1 = content[i].value(distance);
                    losses.content += content[i].weight() * losses.content_layers[i].1;
                }
                Term::TotalVariation(each) => losses.tv = each * distance,
                Term::Temporal(each) => losses.temporal = each * distance,
            }
        }
        losses
    }
}

/// What a style is to the objective: its Gram matrix at every style layer.
#[derive(Debug, Clone, PartialEq)]
pub struct StyleTarget(pub(super) Vec<(Layer, Gram)>);

/// One of several styles to be painted towards.
#[derive(Debug, Clone)]
pub struct StylePart {
    /// The style.
    pub target: StyleTarget,
    /// Where it holds; `None`: everywhere.
    pub guide: Option<Guide>,
    /// How much it counts; the sum over all parts that hold in one place is 1.
    pub share: f64,
}

impl StyleTarget {
    /// The weighted mean of several styles, with weights normalised to a sum of 1. `None` if there
    /// are none, their layers differ, or the weights do not add up to something positive.
    pub fn blend(parts: &[(Self, f64)]) -> Option<Self> {
        let (Self(first), _) = parts.first()?;
        let blended = first.iter().enumerate().map(|(i, (layer, _))| {
            let grams: Option<Vec<_>> = parts
                .iter()
                .map(|(Self(grams), weight)| {
                    grams.get(i).filter(|(l, _)| l == layer).map(|(_, g)| (g, *weight))
                })
                .collect();
            Some((*layer, Gram::blend(&grams?)?))
        });
        blended.collect::<Option<_>>().map(Self)
    }
}

/// The objective on one network, for a style and a content that can be exchanged at any time.
pub struct Objective {
    settings: ObjectiveSettings,
    style: Vec<StyleTerm>,
    /// Content and style losses of a picture without any features, unweighted.
    of_nothing: [f64; 2],
    hold: Option<Held>,
    engine: Engine,
}

enum Engine {
    Cpu(Box<CpuObjective>),
    Tensor(TensorObjective),
    Half(Box<HalfObjective>),
}

impl Objective {
    /// An objective without style and content yet, so that every term is 0.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`] for a layer that the network lacks and for weights that are
    /// negative, not finite, or, over the style layers, add up to 0.
    pub fn new(network: &Network, settings: ObjectiveSettings) -> Result<Self> {
        settings.check(network.model())?;
        let engine = match network {
            Network::Cpu(network) => Engine::Cpu(Box::new(CpuObjective::new(network.clone(), &settings))),
            Network::Tensor(network) => Engine::Tensor(TensorObjective::new(network.clone())),
            Network::Half(network) => Engine::Half(Box::new(HalfObjective::new(network.clone()))),
        };
        Ok(Self { settings, style: Vec::new(), of_nothing: [0.0; 2], hold: None, engine })
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &ObjectiveSettings {
        &self.settings
    }

    /// Changes how much the style counts.
    pub(crate) fn set_style_weight(&mut self, weight: f64) {
        self.settings.style_weight = weight;
    }

    /// What total variation and the temporal term are counted in, so that their weights mean the same in
    /// every form of the losses: 1 in the relative one.
    pub fn unit(&self) -> f64 {
        let ObjectiveSettings { form, content_weight, style_weight, .. } = &self.settings;
        let [content, style] = self.of_nothing;
        let weighted = content_weight * content + style_weight * style;
        if *form == LossForm::Relative || weighted <= 0.0 {
            return 1.0;
        }
        let usual = ObjectiveSettings::default();
        weighted / (usual.content_weight + usual.style_weight)
    }

    /// What `picture` is as a style.
    ///
    /// # Errors
    /// A picture too small for the deepest style layer.
    pub fn describe_style(&mut self, picture: &Pixels) -> Result<StyleTarget> {
        let layers: Vec<Layer> = self.settings.style_layers.iter().map(|(layer, _)| *layer).collect();
        let grams = match &mut self.engine {
            Engine::Cpu(engine) => engine.grams(picture, &layers)?,
            Engine::Tensor(engine) => engine.grams(picture, &layers)?,
            Engine::Half(engine) => engine.grams(picture, &layers)?,
        };
        Ok(StyleTarget(layers.into_iter().zip(grams).collect()))
    }

    /// Paints towards `style` from now on.
    pub fn set_style(&mut self, style: StyleTarget) {
        self.set_styles(vec![StylePart { target: style, guide: None, share: 1.0 }]);
    }

    /// Paints towards several styles at once from now on, each where its guide says.
    pub fn set_styles(&mut self, parts: Vec<StylePart>) {
        let shares = shares(&self.settings.style_layers);
        let weight = |layer| shares.iter().find(|(l, _)| *l == layer).map_or(0.0, |(_, weight)| *weight);
        let form = self.settings.form;
        let terms = parts.into_iter().flat_map(|StylePart { target, guide, share }| {
            let guide = guide.map(Arc::new);
            target.0.into_iter().filter_map(move |(layer, gram)| {
                StyleTerm::new(layer, weight(layer), gram).in_form(form).within(guide.clone(), share)
            })
        });
        self.style = terms.collect();
        let of_nothing = |term: &StyleTerm| term.weight() * term.share() * term.of_nothing();
        self.of_nothing[1] = self.style.iter().map(of_nothing).sum();
        match &mut self.engine {
            Engine::Cpu(_) => {}
            Engine::Tensor(engine) => engine.forget_style(),
            Engine::Half(engine) => engine.forget_style(),
        }
    }

    /// Keeps the content of `picture` from now on.
    ///
    /// # Errors
    /// A picture too small for the deepest content layer.
    pub fn set_content(&mut self, picture: &Pixels) -> Result<()> {
        let (layers, form) = (shares(&self.settings.content_layers), self.settings.form);
        self.of_nothing[0] = match &mut self.engine {
            Engine::Cpu(engine) => engine.set_content(picture, &layers, form)?,
            Engine::Tensor(engine) => engine.set_content(picture, &layers, form)?,
            Engine::Half(engine) => engine.set_content(picture, &layers, form)?,
        };
        Ok(())
    }

    /// As [`Self::set_content`], of a picture `[3, H, W]` that is on the network's GPU.
    ///
    /// # Errors
    /// As [`Self::set_content`]; a network that is on none, or does not compute there in half precision.
    pub(crate) fn set_content_there(&mut self, picture: (&Buffer<f32>, Size)) -> Result<()> {
        let (layers, form) = (shares(&self.settings.content_layers), self.settings.form);
        let Engine::Half(engine) = &mut self.engine else { return Err(no_gpu()) };
        self.of_nothing[0] = engine.set_content_there(picture, &layers, form)?;
        Ok(())
    }

    /// Holds the picture to what was painted before, from now on; `None` lets it go.
    pub fn set_hold(&mut self, hold: Option<Hold>) {
        self.hold = hold.map(Held::Here);
        if let Engine::Half(engine) = &mut self.engine {
            engine.forget_hold();
        }
    }

    /// Holds pictures of `size` to the same, from now on.
    pub(crate) fn shrink_hold(&mut self, size: Size) {
        let hold = match (self.hold.take(), &self.engine) {
            (Some(Held::Here(hold)), _) => Some(hold),
            (Some(Held::There(of, weight)), Engine::Half(engine)) => engine.hold(of, weight),
            _ => None,
        };
        self.set_hold(hold.and_then(|hold| hold.resized(size)));
    }

    /// As [`Self::set_hold`], to a picture of `size` and its certainty that are on the network's GPU.
    ///
    /// # Errors
    /// A network that is on none, or does not compute there in half precision; a failing device.
    pub(crate) fn set_hold_there(
        &mut self,
        held: Option<[&Buffer<f32>; 2]>,
        size: Size,
        weight: f64,
    ) -> Result<()> {
        self.set_hold(None);
        if let Some([target, certainty]) = held {
            let Engine::Half(engine) = &mut self.engine else { return Err(no_gpu()) };
            engine.hold_to(target, certainty)?;
            self.hold = Some(Held::There(size, weight));
        }
        Ok(())
    }

    /// On the CPU's engine: what each stage of the last evaluation took, and the bytes of memory held
    /// for it.
    pub fn last_pass(&self) -> Option<(&[(Stage, Duration)], usize)> {
        match &self.engine {
            Engine::Cpu(engine) => engine.last_pass(),
            Engine::Tensor(_) | Engine::Half(_) => None,
        }
    }

    /// Every term at `x` and the gradient of the total with respect to it, which replaces what was in
    /// `gradient`.
    ///
    /// # Errors
    /// A picture too small for the deepest layer, or of another size than the content, the hold or a guide.
    pub fn evaluate(&mut self, x: &Pixels, gradient: &mut Pixels) -> Result<Losses> {
        if gradient.size() != x.size() {
            *gradient = Pixels::zeros(x.size());
        }
        self.expect_size(x.size())?;
        let unit = self.unit();
        let Self { settings, style, hold, engine, .. } = self;
        let others = pixel_terms(settings, hold.as_ref(), unit);
        let mut losses = match engine {
            Engine::Cpu(engine) => engine.evaluate(x, settings, style, gradient)?,
            Engine::Tensor(engine) => engine.evaluate(x, settings, style, gradient)?,
            Engine::Half(engine) => {
                let losses = engine.evaluate(x, settings, (style, others), gradient)?;
                return Ok(self.add_up(losses, unit));
            }
        };
        if let Some(weight) = others.tv {
            losses.tv = total_variation(x, weight, gradient);
        }
        if let Some((Held::Here(hold), weight)) = others.hold {
            losses.temporal = temporal(x, hold, weight, gradient);
        }
        Ok(self.add_up(losses, unit))
    }

    /// As [`Self::evaluate`], for a picture `[3, H, W]` and a gradient that are on the network's GPU.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; a network that is on none, or does not compute there in half precision.
    pub(crate) fn evaluate_there(
        &mut self,
        (x, size): (&Buffer<f32>, Size),
        gradient: &mut Buffer<f32>,
    ) -> Result<Losses> {
        self.expect_size(size)?;
        let unit = self.unit();
        let Self { settings, style, hold, engine, .. } = self;
        let Engine::Half(engine) = engine else { return Err(no_gpu()) };
        let others = pixel_terms(settings, hold.as_ref(), unit);
        let losses = engine.evaluate_there((x, size), settings, (style, others), gradient)?;
        Ok(self.add_up(losses, unit))
    }

    /// Refuses pictures of another size than what they are compared with, as far as it is known here.
    fn expect_size(&self, size: Size) -> Result<()> {
        let mut guides = self.style.iter().filter_map(StyleTerm::guide).map(|guide| guide.size());
        match guides.any(|of| of != size) || self.hold.as_ref().is_some_and(|hold| hold.size() != size) {
            true => Err(other_size()),
            false => Ok(()),
        }
    }

    /// The terms, weighted, in one number.
    fn add_up(&self, mut losses: Losses, unit: f64) -> Losses {
        let mut style = 0.0;
        for (term, (_, value)) in self.style.iter().zip(&mut losses.style) {
            *value *= term.share();
            style += term.weight() * *value;
        }
        add_up_layers(&mut losses.style);
        let held = self.hold.as_ref().map_or(0.0, Held::weight) * losses.temporal;
        losses.total = self.settings.content_weight * losses.content
            + self.settings.style_weight * style
            + unit * (self.settings.tv_weight * losses.tv + held);
        losses
    }
}

fn pixel_terms<'a>(settings: &ObjectiveSettings, hold: Option<&'a Held>, unit: f64) -> PixelTerms<'a> {
    let tv = settings.tv_weight;
    PixelTerms { tv: (tv > 0.0).then_some(unit * tv), hold: hold.map(|hold| (hold, unit * hold.weight())) }
}

/// Adds what is of one layer to where that layer stands first.
fn add_up_layers(values: &mut Vec<(Layer, f64)>) {
    let mut kept = 0;
    for i in 0..values.len() {
        let (layer, value) = values[i];
        match values[..kept].iter_mut().find(|(other, _)| *other == layer) {
            Some((_, sum)) => *sum += value,
            None => {
                values[kept] = (layer, value);
                kept += 1;
            }
        }
    }
    values.truncate(kept);
}

/// The deepest layer that the terms need.
pub(super) fn deepest<F>(style: &[StyleTerm], content: &[ContentTerm<F>]) -> Option<Layer> {
    style.iter().map(StyleTerm::layer).chain(content.iter().map(ContentTerm::layer)).max()
}

/// The content loss of a picture without any features.
pub(super) fn content_of_nothing<F>(content: &[ContentTerm<F>]) -> f64 {
    content.iter().map(|term| term.weight() * term.of_nothing()).sum()
}

/// The error for a layer that was checked before and yet is not there.
pub(super) fn missing(layer: Layer) -> Error {
    Error::model(format!("the network has no layer {layer}"))
}

fn no_gpu() -> Error {
    Error::model("the network is on no GPU that pixels could stay on")
}

/// The error for content, a hold or a guide of another size than the picture.
pub(super) fn other_size() -> Error {
    Error::input("the picture and what it is compared with have different sizes")
        .hint("scale one of them to the size of the other first")
}
