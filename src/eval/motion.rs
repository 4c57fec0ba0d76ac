//! How the source moved: from each frame back to the one before, to [`LONG`] frames before and to the
//! first.

use super::FlowFolder;
use crate::error::Result;
use crate::flow::{DenseFlow, Flow, Mask, Pyramid, certainty, motion_boundaries};
use crate::frame::Size;
use crate::pixels::Pixels;
use rayon::prelude::*;
use std::collections::VecDeque;

/// How many frames lie between the two of long-term E_warp.
pub const LONG: u64 = 10;

/// From every pixel of a frame back to an earlier frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Lives on the later frame, points to the earlier one.
    pub backward: Flow,
    /// How far each of its vectors may be trusted; 0 where the pixel was hidden.
    pub certainty: Mask,
}

impl Link {
    /// The share of pixels that cannot be followed, 0..1.
    pub fn occluded(&self) -> f64 {
        1.0 - self.certainty.mean()
    }
}

/// A link that is trusted unless `hidden`, at a motion boundary, or led out of the frame.
pub(super) fn trusted(backward: Flow, hidden: impl Iterator<Item = bool>) -> Link {
    let size = backward.size();
    let doubted = hidden.zip(motion_boundaries(&backward)).enumerate().map(|(i, (hidden, edge))| {
        let (x, y) = (i % size.width, i / size.width);
        let [right, down] = backward.at(x, y);
        hidden || edge || !inside(size, x as f32 + right, y as f32 + down)
    });
    let values = doubted.map(|doubted| if doubted { 0.0 } else { 1.0 }).collect();
    let certainty = Mask::new(size, values).unwrap_or_else(|| Mask::flat(size, 0.0));
    Link { backward, certainty }
}

/// Half a pixel beyond the last centre is still the frame.
fn inside(size: Size, x: f32, y: f32) -> bool {
    (-0.5..=size.width as f32 - 0.5).contains(&x) && (-0.5..=size.height as f32 - 0.5).contains(&y)
}

/// Links one after the other, the latest first, as one: each pixel is followed through all of them, and
/// is occluded where it is anywhere on its way. `None` of no links.
fn chain(links: &[&Link]) -> Option<Link> {
    let size = links.first()?.backward.size();
    let vectors: Vec<([f32; 2], f32)> = (0..size.pixels())
        .into_par_iter()
        .map(|i| {
            let from = [(i % size.width) as f32, (i / size.width) as f32];
            let mut at = from;
            let mut seen = true;
            for link in links {
                seen &= inside(size, at[0], at[1]) && certain(&link.certainty, at);
                let [right, down] = link.backward.sample(at[0], at[1]);
                at = [at[0] + right, at[1] + down];
            }
            seen &= inside(size, at[0], at[1]);
            ([at[0] - from[0], at[1] - from[1]], if seen { 1.0 } else { 0.0 })
        })
        .collect();
    let right = vectors.iter().map(|(vector, _)| vector[0]).collect();
    let down = vectors.iter().map(|(vector, _)| vector[1]).collect();
    let certainty = vectors.iter().map(|(_, seen)| *seen).collect();
    Some(Link { backward: Flow::new(size, right, down)?, certainty: Mask::new(size, certainty)? })
}

/// Whether the pixel nearest to a place is trusted.
fn certain(mask: &Mask, [x, y]: [f32; 2]) -> bool {
    let size = mask.size();
    let nearest = |at: f32, n: usize| (at.round().max(0.0) as usize).min(n - 1);
    mask.values()[nearest(y, size.height) * size.width + nearest(x, size.width)] >= 0.5
}

/// Where motion comes from.
pub enum MotionSource {
    /// The program's own dense flow. A film that was painted with it is judged by it a little too
    /// kindly.
    Estimated,
    /// Files, exact or another program's.
    Files(FlowFolder),
}

/// From one frame back to earlier ones, as far as there are any.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    pub(super) previous: Option<Link>,
    pub(super) long: Option<Link>,
    pub(super) first: Option<Link>,
}

/// Follows the source's motion frame by frame.
pub(super) enum Tracker {
    Estimate {
        flow: DenseFlow,
        /// The last [`LONG`] frames, the latest at the front.
        recent: VecDeque<Pyramid>,
        first: Option<Pyramid>,
    },
    Files {
        folder: FlowFolder,
        /// The links of the last [`LONG`] frames to their predecessors, the latest at the front.
        steps: VecDeque<Link>,
        /// From the last frame to the first.
        first: Option<Link>,
    },
}

impl Tracker {
    pub(super) fn new(source: MotionSource) -> Self {
        match source {
            MotionSource::Estimated => {
                Self::Estimate { flow: DenseFlow::default(), recent: VecDeque::new(), first: None }
            }
            MotionSource::Files(folder) => Self::Files { folder, steps: VecDeque::new(), first: None },
        }
    }

    /// Takes the source's next frame, number `index`, and says how it moved; all frames must come, in
    /// order. Nothing is worked out that is not `wanted` now or later.
    ///
    /// # Errors
    /// Those of [`FlowFolder`].
    pub(super) fn follow(&mut self, index: u64, frame: &Pixels, wanted: bool) -> Result<Links> {
        let size = frame.size();
        match self {
            Self::Estimate { flow, recent, first } => {
                let now = Pyramid::new(frame);
                let links = match (wanted, index) {
                    (false, _) | (_, 0) => Links::default(),
                    _ => estimate(flow, &now, recent, first.as_ref()),
                };
                if first.is_none() {
                    *first = Some(now.clone());
                }
                recent.push_front(now);
                recent.truncate(LONG as usize);
                Ok(links)
            }
            Self::Files { folder, steps, first } => {
                if index == 0 {
                    return Ok(Links::default());
                }
                let step = folder.to_previous(index, size)?;
                *first = match &first {
                    Some(first) => chain(&[&step, first]),
                    None => Some(step.clone()),
                };
                steps.push_front(step);
                steps.truncate(LONG as usize);
                if !wanted {
                    return Ok(Links::default());
                }
                let long = match index.checked_sub(LONG) {
                    None => None,
                    Some(earlier) => match folder.directly(index, earlier, size)? {
                        Some(link) => Some(link),
                        None => chain(&steps.iter().collect::<Vec<_>>()),
                    },
                };
                let to_first = match folder.directly(index, 0, size)? {
                    Some(link) => Some(link),
                    None => first.clone(),
                };
                Ok(Links { previous: steps.front().cloned(), long, first: to_first })
            }
        }
    }
}

/// The links of `now` to the frames in `recent`, the latest at the front, and to the first. Frames far
/// apart are compared directly: followed step by step, the errors of the estimate would add up.
fn estimate(flow: &DenseFlow, now: &Pyramid, recent: &VecDeque<Pyramid>, first: Option<&Pyramid>) -> Links {
    let to = |earlier: &Pyramid| {
        let motion = flow.between(earlier, now);
        let certainty = certainty(&motion.backward, &motion.forward);
        Link { backward: motion.backward, certainty }
    };
    let previous = recent.front().map(to);
    let long = recent.get(LONG as usize - 1).map(to);
    // The frame before the second is the first.
    let first = match recent.len() {
        1 => previous.clone(),
        _ => first.map(to),
    };
    Links { previous, long, first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan(size: Size, right: f32) -> Link {
        trusted(Flow::from_fn(size, |_, _| [right, 0.0]), std::iter::repeat(false))
    }

    #[test]
    fn a_chain_of_pans_is_a_pan_and_what_left_the_frame_is_lost() {
        let size = Size::new(20, 4);
        let (one, two) = (pan(size, 1.25), pan(size, 2.0));
        let both = chain(&[&one, &two, &two]).unwrap();
        assert!(both.backward.right().iter().all(|v| (v - 5.25).abs() < 1e-5));
        // 20 columns, 5.25 to the right: from column 15 on the way leads out.
        let seen: Vec<bool> = both.certainty.values()[..20].iter().map(|c| *c == 1.0).collect();
        assert_eq!(seen, (0..20).map(|x| x < 15).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_hidden_on_the_way_is_hidden() {
        let size = Size::new(12, 3);
        let earlier = trusted(Flow::zeros(size), (0..36).map(|i| i % 12 == 7));
        let chained = chain(&[&pan(size, 3.0), &earlier]).unwrap();
        let hidden: Vec<usize> = (0..12).filter(|x| chained.certainty.values()[*x] == 0.0).collect();
        assert_eq!(hidden, [4, 9, 10, 11]);
    }
}
