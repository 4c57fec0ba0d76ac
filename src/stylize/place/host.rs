//! The CPU's memory.

use super::Place;
use crate::flow::{Kernel, warp_planes};
use crate::frame::Size;
use crate::optim::AdamStep;
use crate::optim::space::Slices;
use crate::pixels::Pixels;
use crate::resize::resize_linear;
use crate::stylize::history::Earlier;
use crate::stylize::metric::coarse_to_fine;
use crate::stylize::scout::Link;
use crate::stylize::smooth::box_mean;
use rayon::prelude::*;
use std::borrow::Cow;

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
    type Laid<'a> = Cow<'a, [f32]>;

    fn set_size(&mut self, size: Size) {
        self.0 = Box::new(move |vector| coarse_to_fine(size, vector));
    }

    fn zeros(&mut self, size: Size) -> Result<Vec<f32>, Self::Error> {
        Ok(vec![0.0; 3 * size.pixels()])
    }

    fn resized(&mut self, planes: &[f32], from: Size, to: Size) -> Result<Vec<f32>, Self::Error> {
        match Pixels::new(from, planes.to_vec()) {
            Some(planes) => Ok(resize_linear(&planes, to).into_data()),
            None => self.zeros(to),
        }
    }

    fn way<'a>(&mut self, link: &'a Link) -> Result<&'a Link, Self::Error> {
        Ok(link)
    }

    fn visible<'w>(way: &'w &Link) -> &'w [f32] {
        way.visible.values()
    }

    fn certainty<'w>(way: &'w &Link) -> &'w [f32] {
        way.certainty.values()
    }

    fn lay<'a>(&mut self, numbers: &'a [f32]) -> Result<Cow<'a, [f32]>, Self::Error> {
        Ok(Cow::Borrowed(numbers))
    }

    fn recall<'a>(&mut self, picture: Earlier<'a>) -> Result<Cow<'a, [f32]>, Self::Error> {
        Ok(match picture {
            Earlier::Pixels(_, pixels) => Cow::Borrowed(pixels.data()),
            Earlier::Frame(_, frame) => Cow::Owned(Pixels::from_frame(frame).into_data()),
        })
    }

    fn moved(&mut self, planes: &[f32], way: &&Link, seen: bool) -> Result<Vec<f32>, Self::Error> {
        let mut moved = warp_planes(planes, &way.flow, Kernel::Linear);
        if seen {
            let visible = way.visible.values();
            for plane in moved.chunks_exact_mut(visible.len()) {
                plane.iter_mut().zip(visible).for_each(|(value, visible)| *value *= visible);
            }
        }
        Ok(moved)
    }

    fn brought(&mut self, picture: &[f32], way: &&Link) -> Result<Vec<f32>, Self::Error> {
        let mut brought = warp_planes(picture, &way.flow, Kernel::Cubic);
        brought.par_iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        Ok(brought)
    }

    fn fill(
        &mut self,
        [paint, visible, certainty]: [&mut [f32]; 3],
        older: &[f32],
        known: &[f32],
    ) -> Result<(), Self::Error> {
        let n = known.len();
        for i in (0..n).filter(|i| visible[*i] == 0.0 && known[*i] > 0.0).collect::<Vec<_>>() {
            for at in [i, n + i, 2 * n + i] {
                paint[at] = older[at];
            }
            visible[i] = known[i];
            certainty[i] = known[i];
        }
        Ok(())
    }

    fn seen_difference(&mut self, [a, b]: [&[f32]; 2], map: &[f32]) -> Result<Vec<f32>, Self::Error> {
        let planes = a.par_chunks_exact(map.len()).zip(b.par_chunks_exact(map.len()));
        let of = |(a, b): (&[f32], &[f32])| -> Vec<f32> {
            a.iter().zip(b).zip(map).map(|((a, b), v)| v * (a - b)).collect()
        };
        Ok(planes.flat_map(of).collect())
    }

    fn box_mean(&mut self, planes: Vec<f32>, size: Size, radius: usize) -> Result<Vec<f32>, Self::Error> {
        Ok(planes.chunks_exact(size.pixels()).flat_map(|plane| box_mean(plane, size, radius)).collect())
    }

    fn relight(&mut self, paint: &mut [f32], change: &[f32], share: &[f32]) -> Result<(), Self::Error> {
        let planes = paint.par_chunks_exact_mut(share.len()).zip(change.par_chunks_exact(share.len()));
        planes.for_each(|(paint, change)| {
            for ((paint, change), share) in paint.iter_mut().zip(change).zip(share) {
                if *share > 0.0 {
                    *paint = (*paint + change / share).clamp(0.0, 1.0);
                }
            }
        });
        Ok(())
    }

    fn over(
        &mut self,
        [paint, fresh, shift]: [&[f32]; 3],
        [share, visible]: [&[f32]; 2],
    ) -> Result<Vec<f32>, Self::Error> {
        let at = |i: usize| {
            let p = i % share.len();
            let shift = if share[p] > 0.0 { shift[i] / share[p] } else { 0.0 };
            let fresh = (fresh[i] + shift).clamp(0.0, 1.0);
            visible[p] * paint[i] + (1.0 - visible[p]) * fresh
        };
        Ok((0..paint.len()).into_par_iter().map(at).collect())
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
