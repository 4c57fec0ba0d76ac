//! Where a picture's pixels lie while they are painted, and what painting needs there beside the objective: the
//! optimiser's memory that goes along with the paint, and a start that is made of the paint before.
//!
//! In the CPU's memory ([`Host`]), or on the GPU that the network computes on ([`Gpu`]). What is done is written once
//! for both.

mod gpu;
mod host;

use super::history::Earlier;
use super::scout::Link;
use crate::frame::Size;
use crate::optim::AdamStep;
use crate::optim::space::Space;
use std::ops::Deref;

pub(super) use gpu::{Gpu, LinkThere};
pub(super) use host::Host;

/// A place for pictures `[3, H, W]` and maps `[H, W]`.
pub(super) trait Place: Space {
    /// A link to an earlier frame, ready to be followed.
    type Way<'a>;
    /// Something of the CPU's memory that is only read, where it can be.
    type Laid<'a>: Deref<Target = Self::View>;

    /// The metric is for pictures of `size` from now on.
    fn set_size(&mut self, size: Size);

    /// A picture of zeros.
    fn zeros(&mut self, size: Size) -> Result<Self::Vector, Self::Error>;

    /// `planes` of `from` at size `to`, linearly.
    fn resized(&mut self, planes: &Self::View, from: Size, to: Size) -> Result<Self::Vector, Self::Error>;

    /// Gets ready to follow `link`.
    fn way<'a>(&mut self, link: &'a Link) -> Result<Self::Way<'a>, Self::Error>;

    /// 1 where the earlier frame shows the same thing.
    fn visible<'w>(way: &'w Self::Way<'_>) -> &'w Self::View;

    /// As `visible`, and 0 at the edges of what moves.
    fn certainty<'w>(way: &'w Self::Way<'_>) -> &'w Self::View;

    /// Lays numbers out.
    fn lay<'a>(&mut self, numbers: &'a [f32]) -> Result<Self::Laid<'a>, Self::Error>;

    /// Lays a picture out, or finds it where it was laid out before.
    fn recall<'a>(&mut self, picture: Earlier<'a>) -> Result<Self::Laid<'a>, Self::Error>;

    /// `planes` fetched along the way, linearly; `seen`: only what is visible.
    fn moved(
        &mut self,
        planes: &Self::View,
        way: &Self::Way<'_>,
        seen: bool,
    ) -> Result<Self::Vector, Self::Error>;

    /// `picture` fetched along the way by the cubic spline, within 0..1.
    fn brought(&mut self, picture: &Self::View, way: &Self::Way<'_>) -> Result<Self::Vector, Self::Error>;

    /// In paint, and in the maps of what is visible in it and how certainly: where a pixel is not visible and `older`
    /// paint is `known` to show it, that is taken.
    fn fill(
        &mut self,
        into: [&mut Self::View; 3],
        older: &Self::View,
        known: &Self::View,
    ) -> Result<(), Self::Error>;

    /// `map` · (`a` − `b`).
    fn seen_difference(
        &mut self,
        pictures: [&Self::View; 2],
        map: &Self::View,
    ) -> Result<Self::Vector, Self::Error>;

    /// The mean of each plane around each pixel, as [`super::smooth::box_mean`].
    fn box_mean(
        &mut self,
        planes: Self::Vector,
        size: Size,
        radius: usize,
    ) -> Result<Self::Vector, Self::Error>;

    /// `paint` + `change` / `share`, within 0..1, where `share` is above 0.
    fn relight(
        &mut self,
        paint: &mut Self::View,
        change: &Self::View,
        share: &Self::View,
    ) -> Result<(), Self::Error>;

    /// `paint` as far as it is `visible`, and beside it `fresh` + `shift` / `share`, within 0..1.
    fn over(
        &mut self,
        paint_fresh_shift: [&Self::View; 3],
        share_visible: [&Self::View; 2],
    ) -> Result<Self::Vector, Self::Error>;

    /// A step of Adam.
    fn step_adam(
        &mut self,
        step: AdamStep,
        x: &mut Self::View,
        gradient: &Self::View,
        moments: [&mut Self::Vector; 2],
    ) -> Result<(), Self::Error>;
}

/// A vector of one's own like this one.
pub(super) fn copy<P: Place>(place: &mut P, view: &P::View) -> Result<P::Vector, P::Error> {
    let mut copy = place.vector(view)?;
    place.copy(view, P::view_mut(&mut copy))?;
    Ok(copy)
}
