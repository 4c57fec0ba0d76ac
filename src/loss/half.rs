//! The objective on a GPU in half precision.
//!
//! Features, Gram matrices and targets stay there, and pixels and gradient can; only some sums come back when all is
//! done, so that the GPU is waited for once an iteration.

use super::content::ContentTerm;
use super::objective::{PixelTerms, Term, content_of_nothing, deepest, missing, other_size};
use super::temporal::{Held, Hold};
use super::{Gram, LossForm, Losses, ObjectiveSettings, StyleTerm};
use crate::error::Result;
use crate::flow::Mask;
use crate::frame::Size;
use crate::kernels::cuda::{Buffer, Compared, Features, Finish, GramParts, Kernels, Part, Sums, Weights};
use crate::pixels::Pixels;
use crate::vgg::{HalfNetwork, HalfPlan, HalfTap, Layer};
use std::sync::Arc;

/// What the difference of Gram matrices, as a share of the style's, is multiplied by in half precision: it reaches
/// from the hundredfold at the start to a ten-thousandth, spread over C² numbers.
const COEFFICIENT: f64 = 32.0;

/// The objective for one content picture on one network. See [`super::Objective`] for the terms.
pub(super) struct HalfObjective {
    network: Arc<HalfNetwork>,
    passes: Option<Passes>,
    content: Vec<ContentTerm<Features>>,
    /// What the style terms need on the GPU, in their order; empty until it is needed.
    style: Vec<OnDevice>,
    /// What the picture is held to, and its certainty.
    hold: Option<[Buffer<f32>; 2]>,
    /// Whether they are what the picture is held to now.
    holds: bool,
}

/// Memory for pictures of one size.
struct Passes {
    plan: HalfPlan,
    /// A picture that comes from elsewhere.
    picture: Buffer<f32>,
    parts: GramParts,
    sums: Sums,
    /// The slopes of the content's terms, and what was written there.
    slopes: (Buffer<f32>, Vec<f32>),
}

/// A style term's numbers.
struct OnDevice {
    /// `[C, C]`.
    target: Buffer<f32>,
    coefficients: Weights,
    /// The guide's `T²`, divided by the largest of them so that products with features stay within half precision,
    /// and that divisor.
    map: Option<(Buffer<f32>, f64)>,
}

impl HalfObjective {
    /// No content yet.
    pub(super) fn new(network: Arc<HalfNetwork>) -> Self {
        Self { network, passes: None, content: Vec::new(), style: Vec::new(), hold: None, holds: false }
    }

    /// The style terms are others from now on.
    pub(super) fn forget_style(&mut self) {
        self.style.clear();
    }

    /// The picture is held to something else from now on.
    pub(super) fn forget_hold(&mut self) {
        self.holds = false;
    }

    /// The picture is held to this, `[3, H, W]`, and to its certainty, `[H, W]`, from now on.
    pub(super) fn hold_to(&mut self, target: &Buffer<f32>, certainty: &Buffer<f32>) -> Result<()> {
        let [own_target, own_certainty] = self.room_for_hold([target, certainty].map(Buffer::len))?;
        own_target.copy(target, target.len())?;
        own_certainty.copy(certainty, certainty.len())?;
        self.holds = true;
        Ok(())
    }

    /// What a picture of `size` is held to, with this weight, as far as it is known.
    pub(super) fn hold(&self, size: Size, weight: f64) -> Option<Hold> {
        let [target, certainty] = self.hold.as_ref().filter(|_| self.holds)?;
        let [mut here, mut known] = [vec![0.0; 3 * size.pixels()], vec![0.0; size.pixels()]];
        target.read(&mut here).ok()?;
        certainty.read(&mut known).ok()?;
        Hold::new(Pixels::new(size, here)?, Mask::new(size, known)?, weight)
    }

    /// Memory for a hold, the same for every frame, so that iterations ask for the same.
    fn room_for_hold(&mut self, lengths: [usize; 2]) -> Result<&mut [Buffer<f32>; 2]> {
        let machine = self.network.kernels().machine();
        let fits = |hold: &[Buffer<f32>; 2]| [hold[0].len(), hold[1].len()] == lengths;
        let hold = match self.hold.take().filter(fits) {
            Some(hold) => hold,
            None => [Buffer::new(machine, lengths[0])?, Buffer::new(machine, lengths[1])?],
        };
        Ok(self.hold.insert(hold))
    }

    /// Memory for `size` as far as `deepest`, made anew only if there is none that will do.
    fn passes(&mut self, size: Size, deepest: Layer, terms: usize) -> Result<Passes> {
        let depth = deepest.position(self.network.model()) + 1;
        match self.passes.take() {
            Some(passes)
                if passes.plan.size() == size
                    && passes.plan.depth() >= depth
                    && passes.sums.room() >= terms =>
            {
                Ok(passes)
            }
            old => {
                drop(old);
                let machine = self.network.kernels().machine();
                let layers = self.network.model().layers().take_while(|layer| *layer <= deepest);
                let shapes = layers.map(|layer| (layer.channels(), layer.size_of(size).pixels()));
                Ok(Passes {
                    plan: HalfPlan::new(&self.network, size, deepest)?,
                    picture: Buffer::new(machine, 3 * size.pixels())?,
                    parts: GramParts::new(machine, shapes)?,
                    sums: Sums::new(machine, terms.max(1))?,
                    slopes: (Buffer::new(machine, terms)?, Vec::new()),
                })
            }
        }
    }

    /// See [`super::Objective::describe_style`].
    pub(super) fn grams(&mut self, picture: &Pixels, layers: &[Layer]) -> Result<Vec<Gram>> {
        let Some(&deepest) = layers.iter().max() else { return Ok(Vec::new()) };
        let network = self.network.clone();
        let mut passes = self.passes(picture.size(), deepest, 0)?;
        passes.forward(&network, picture, deepest)?;
        let gram = |&layer: &Layer| {
            let features = passes.plan.features(&network, layer).ok_or_else(|| missing(layer))?;
            let channels = features.channels();
            let mut gram = Buffer::new(network.kernels().machine(), channels * channels)?;
            network.kernels().gram(features, None, &mut passes.parts)?;
            let each = 1.0 / features.size().pixels() as f32;
            network.kernels().gram_total(&passes.parts, each, &mut gram)?;
            let mut values = vec![0.0; channels * channels];
            gram.read(&mut values)?;
            Gram::new(channels, values).ok_or_else(|| missing(layer))
        };
        let grams = layers.iter().map(gram).collect();
        self.passes = Some(passes);
        grams
    }

    /// See [`super::Objective::set_content`]; returns the loss of a picture without any features.
    pub(super) fn set_content(
        &mut self,
        picture: &Pixels,
        layers: &[(Layer, f64)],
        form: LossForm,
    ) -> Result<f64> {
        let Some(deepest) = layers.iter().map(|(layer, _)| *layer).max() else { return Ok(0.0) };
        let network = self.network.clone();
        let mut passes = self.passes(picture.size(), deepest, layers.len())?;
        passes.forward(&network, picture, deepest)?;
        self.keep_content(passes, layers, form)
    }

    /// The same, of a picture that is on the GPU.
    pub(super) fn set_content_there(
        &mut self,
        (picture, size): (&Buffer<f32>, Size),
        layers: &[(Layer, f64)],
        form: LossForm,
    ) -> Result<f64> {
        let Some(deepest) = layers.iter().map(|(layer, _)| *layer).max() else { return Ok(0.0) };
        let network = self.network.clone();
        let mut passes = self.passes(size, deepest, layers.len())?;
        passes.plan.forward(&network, picture, deepest)?;
        self.keep_content(passes, layers, form)
    }

    /// Keeps the features of the last forward pass.
    fn keep_content(&mut self, mut passes: Passes, layers: &[(Layer, f64)], form: LossForm) -> Result<f64> {
        let network = self.network.clone();
        let kernels = network.kernels();
        passes.sums.clear();
        // In the places of the last one's, so that all frames ask for the same.
        let mut places = std::mem::take(&mut self.content).into_iter().map(ContentTerm::into_target);
        let mut kept = Vec::new();
        for &(layer, weight) in layers {
            let features = passes.plan.features(&network, layer).ok_or_else(|| missing(layer))?;
            let part = kernels.squares(features, &mut passes.sums)?;
            kept.push((layer, weight, kernels.copy(features, places.next())?, part));
        }
        let parts: Vec<Part> = kept.iter().map(|(.., part)| part.clone()).collect();
        let norms = passes.sums.read(&parts)?;
        let term = |((layer, weight, features, _), norm): ((Layer, f64, Features, Part), f64)| {
            let count = features.count();
            ContentTerm::new((layer, weight), features, norm, count, form)
        };
        self.content = kept.into_iter().zip(norms).map(term).collect();
        self.passes = Some(passes);
        Ok(content_of_nothing(&self.content))
    }

    /// See [`super::Objective::evaluate`], for a picture that is not on the GPU.
    pub(super) fn evaluate(
        &mut self,
        x: &Pixels,
        settings: &ObjectiveSettings,
        (style, others): (&[StyleTerm], PixelTerms<'_>),
        gradient: &mut Pixels,
    ) -> Result<Losses> {
        let machine = self.network.kernels().machine();
        let on_device = Buffer::from_slice(machine, x.data())?;
        let mut there = Buffer::new(machine, x.data().len())?;
        let losses = self.evaluate_there((&on_device, x.size()), settings, (style, others), &mut there)?;
        there.read(gradient.data_mut())?;
        Ok(losses)
    }

    /// See [`super::Objective::evaluate`]; all terms but their weighted sum.
    pub(super) fn evaluate_there(
        &mut self,
        (x, size): (&Buffer<f32>, Size),
        settings: &ObjectiveSettings,
        (style, others): (&[StyleTerm], PixelTerms<'_>),
        gradient: &mut Buffer<f32>,
    ) -> Result<Losses> {
        let deepest = deepest(style, &self.content);
        let network = self.network.clone();
        let kernels = network.kernels();
        let terms = style.len() + self.content.len() + PixelTerms::MOST;
        let mut passes = self.passes(size, deepest.unwrap_or(Layer::CONV1_1), terms)?;
        if self.style.len() != style.len() {
            self.style = style.iter().map(|term| put(kernels, term)).collect::<Result<_>>()?;
        }
        let Passes { plan, parts, sums, slopes: (slopes, written), .. } = &mut passes;
        sums.clear();
        let scale = plan.scale();
        let now = self.content.iter().map(|term| (scale * term.slope(settings.content_weight)) as f32);
        let now: Vec<f32> = now.collect();
        if *written != now {
            slopes.write(&now)?;
            *written = now;
        }
        if let (Some((Held::Here(hold), _)), false) = (others.hold, self.holds) {
            let (target, certainty) = (hold.target().data(), hold.certainty().values());
            let [own_target, own_certainty] = self.room_for_hold([target.len(), certainty.len()])?;
            own_target.write(target)?;
            own_certainty.write(certainty)?;
            self.holds = true;
        }
        if deepest.is_none() {
            gradient.write(&vec![0.0; gradient.len()])?;
        }
        kernels.machine().repeats()?;
        let mut terms: Vec<(Term, Part)> = Vec::new();
        let Self { style: on_device, content, hold: held, .. } = self;
        let tap = |HalfTap { layer, features, gradient }: HalfTap<'_>| {
            let mut has_losses = false;
            let here = style.iter().zip(on_device.iter_mut()).enumerate();
            for (i, (term, OnDevice { target, coefficients, map })) in
                here.filter(|(_, (t, _))| t.layer() == layer)
            {
                // A style of nothing at all must not make it infinite.
                let unit = COEFFICIENT / term.target().norm_squared().sqrt().max(1e-20);
                let pixels = features.size().pixels();
                let rows = map.as_ref().map(|(map, _)| map);
                let largest = map.as_ref().map(|(_, largest)| *largest);
                kernels.gram(features, rows, parts)?;
                let compared = Compared { target, unit: unit as f32, coefficients };
                let each = largest.unwrap_or(1.0 / pixels as f64) as f32;
                terms.push((Term::Style(i), kernels.gram_difference(parts, each, compared, sums)?));
                let slope = term.slope(pixels, settings.style_weight) * largest.unwrap_or(1.0);
                let scale = (scale * slope / unit) as f32;
                let finish = Finish { scale, rows, onto: has_losses, ..Finish::default() };
                kernels.convolve(features, coefficients, finish, gradient)?;
                has_losses = true;
            }
            for (i, term) in content.iter().enumerate().filter(|(_, term)| term.layer() == layer) {
                if features.size() != term.target().size() {
                    return Err(other_size());
                }
                let part =
                    kernels.content(features, term.target(), (slopes, i), has_losses, gradient, sums)?;
                terms.push((Term::Content(i), part));
                has_losses = true;
            }
            Ok(has_losses)
        };
        if let Some(deepest) = deepest {
            plan.forward(&network, x, deepest)?;
            plan.backward(&network, deepest, gradient, tap)?;
        }
        let each = 1.0 / x.len() as f64;
        if let Some(weight) = others.tv {
            let part = kernels.total_variation((x, size), (2.0 * weight * each) as f32, gradient, sums)?;
            terms.push((Term::TotalVariation(each), part));
        }
        if let (Some((_, weight)), Some([target, certainty])) = (others.hold, held) {
            let scale = (2.0 * weight * each) as f32;
            let part = kernels.temporal(x, [target, certainty], scale, gradient, sums)?;
            terms.push((Term::Temporal(each), part));
        }
        let (terms, parts): (Vec<Term>, Vec<Part>) = terms.into_iter().unzip();
        let distances = passes.sums.read(&parts)?;
        let losses = Losses::at(terms.into_iter().zip(distances), style, &self.content);
        self.passes = Some(passes);
        Ok(losses)
    }
}

impl Passes {
    /// Runs a picture from elsewhere forward as far as `deepest`.
    fn forward(&mut self, network: &HalfNetwork, picture: &Pixels, deepest: Layer) -> Result<()> {
        self.picture.write(picture.data())?;
        self.plan.forward(network, &self.picture, deepest)
    }
}

/// Puts what a style term needs on the GPU.
fn put(kernels: &Kernels, term: &StyleTerm) -> Result<OnDevice> {
    let machine = kernels.machine();
    let map = |map: &[f32]| -> Result<(Buffer<f32>, f64)> {
        let largest = map.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let scaled: Vec<f32> = map.iter().map(|t| t / largest).collect();
        Ok((Buffer::from_slice(machine, &scaled)?, f64::from(largest)))
    };
    Ok(OnDevice {
        target: Buffer::from_slice(machine, term.target().values())?,
        coefficients: Weights::coefficients(machine, term.target().channels())?,
        map: term.map().map(map).transpose()?,
    })
}
