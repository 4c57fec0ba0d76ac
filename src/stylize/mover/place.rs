//! Where a picture's pixels lie while they are moved, and what their memory needs there.

use crate::flow::{Kernel, warp_planes};
use crate::frame::Size;
use crate::optim::AdamStep;
use crate::optim::space::{Slices, Space};
use crate::pixels::Pixels;
use crate::resize::resize_linear;
use crate::stylize::metric::coarse_to_fine;
use crate::stylize::scout::Link;

/// A place for pictures `[3, H, W]`.
pub(in crate::stylize) trait Place: Space {
    /// What leads from a frame to the one before, ready to be followed.
    type Way<'a>;

    /// The metric is for pictures of `size` from now on.
    fn set_size(&mut self, size: Size);

    /// A picture of zeros.
    fn zeros(&mut self, size: Size) -> Result<Self::Vector, Self::Error>;

    /// `planes` of `from` at size `to`, linearly.
    fn resized(&mut self, planes: &Self::View, from: Size, to: Size) -> Result<Self::Vector, Self::Error>;

    /// Gets ready to follow `link`.
    fn way<'a>(&mut self, link: &'a Link) -> Result<Self::Way<'a>, Self::Error>;

    /// `planes` fetched along the way; `masked`: only what is visible.
    fn moved(
        &mut self,
        planes: &Self::View,
        way: &Self::Way<'_>,
        masked: bool,
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

type Metric = Box<dyn Fn(&mut [f32]) + Send + Sync>;

/// The CPU's memory.
pub(in crate::stylize) type Host = Slices<Metric>;

impl Default for Host {
    fn default() -> Self {
        Self(Box::new(|_| ()))
    }
}

impl Place for Host {
    type Way<'a> = &'a Link;

    fn set_size(&mut self, size: Size) {
        self.0 = Box::new(move |vector| coarse_to_fine(size, vector));
    }

    fn zeros(&mut self, size: Size) -> Result<Vec<f32>, Self::Error> {
        Ok(vec![0.0; 3 * size.pixels()])
    }

    fn resized(&mut self, planes: &[f32], from: Size, to: Size) -> Result<Vec<f32>, Self::Error> {
        match Pixels::new(from, planes.to_vec()) {
            Some(planes) => Ok(resize_linear(&planes, to).data().to_vec()),
            None => self.zeros(to),
        }
    }

    fn way<'a>(&mut self, link: &'a Link) -> Result<&'a Link, Self::Error> {
        Ok(link)
    }

    fn moved(&mut self, planes: &[f32], way: &&Link, masked: bool) -> Result<Vec<f32>, Self::Error> {
        let mut moved = warp_planes(planes, &way.flow, Kernel::Linear);
        if masked {
            let visible = way.visible.values();
            for plane in moved.chunks_exact_mut(visible.len()) {
                plane.iter_mut().zip(visible).for_each(|(value, visible)| *value *= visible);
            }
        }
        Ok(moved)
    }

    fn step_adam(
        &mut self,
        step: AdamStep,
        x: &mut [f32],
        gradient: &[f32],
        [first, second]: [&mut Vec<f32>; 2],
    ) -> Result<(), Self::Error> {
        step.apply(x, gradient, first, second);
        Ok(())
    }
}
