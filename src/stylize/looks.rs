//! The looks that a painter can paint in, and the mix of them that it paints in now.
//!
//! A look is a blend of style pictures. It is described by its Gram matrices at the size at which it is
//! looked at, which takes as long as an iteration; so what was described is kept, and whoever switches
//! between looks, fades from one to the other or paints at changing sizes does not wait for it twice.

use super::painter::style_size;
use super::tones::Tones;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::loss::{Objective, StyleTarget};
use crate::pixels::Pixels;
use crate::resize::resize_frame;
use std::collections::VecDeque;

/// The pictures of one look, each with its weight (any positive scale).
pub type Look = Vec<(Frame, f64)>;

/// The smallest side of a style picture: one position of VGG's fifth block.
pub(super) const SMALLEST_STYLE: usize = 16;

/// Descriptions that are kept, 2.4 MB each: nine looks at four sizes.
const KEPT: usize = 36;

/// The longest side at which a look's tones are taken: enough for a mean.
const TONES_SIDE: usize = 128;

/// Looks, their descriptions, and their mix.
pub(super) struct Looks {
    looks: Vec<Look>,
    /// Of each look, where it has pictures.
    tones: Vec<Option<Tones>>,
    /// Which look, at which longest side; the newest last.
    described: VecDeque<((usize, usize), StyleTarget)>,
    /// Which looks, by their weights.
    mix: Vec<(usize, f64)>,
    /// The mix and the size that the objective was given last.
    given: Option<(Vec<(usize, f64)>, usize)>,
}

impl Looks {
    /// Starts with the first look alone.
    pub(super) fn new(looks: Vec<Look>) -> Result<Self> {
        if looks.iter().all(Vec::is_empty) {
            return Err(Error::usage("no style is given").hint("add --style PICTURE"));
        }
        for (picture, weight) in looks.iter().flatten() {
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(Error::usage(format!("a style has the weight {weight}"))
                    .hint("weights of blended styles are numbers above 0"));
            }
            if picture.size().shortest_side() < SMALLEST_STYLE {
                return Err(Error::input(format!(
                    "a style picture of {} is too small: it needs at least {SMALLEST_STYLE} pixels on each side",
                    picture.size()
                ))
                .hint("use a larger picture of the style"));
            }
        }
        let small = |picture: &Frame| resize_frame(picture, picture.size().fit(TONES_SIDE));
        let tones = looks.iter().map(|look| {
            Tones::blend(look.iter().map(|(p, weight)| (Tones::of(&Pixels::from_frame(&small(p))), *weight)))
        });
        let tones = tones.collect();
        Ok(Self { looks, tones, described: VecDeque::new(), mix: vec![(0, 1.0)], given: None })
    }

    /// The tones of the mix.
    pub(super) fn tones(&self) -> Option<Tones> {
        let tones = |look: usize| self.tones.get(look).copied().flatten();
        Tones::blend(self.mix.iter().filter_map(|(look, weight)| Some((tones(*look)?, *weight))))
    }

    /// Paints in this mix from now on: looks by their places, each with its weight. What cannot be (no such
    /// look, no weight) is left out; a mix of nothing changes nothing. `true` if it is another mix now.
    pub(super) fn set_mix(&mut self, mix: &[(usize, f64)]) -> bool {
        let possible = |(look, weight): &&(usize, f64)| {
            self.looks.get(*look).is_some_and(|look| !look.is_empty()) && weight.is_finite() && *weight > 0.0
        };
        let mix: Vec<_> = mix.iter().filter(possible).copied().collect();
        let changes = !mix.is_empty() && mix != self.mix;
        if changes {
            self.mix = mix;
        }
        changes
    }

    /// Gives the mix, looked at with this longest side, to the objective.
    pub(super) fn give(&mut self, objective: &mut Objective, longest: usize) -> Result<()> {
        if self.given.as_ref().is_some_and(|(mix, at)| *mix == self.mix && *at == longest) {
            return Ok(());
        }
        let mix = self.mix.clone();
        let parts: Vec<_> = mix
            .iter()
            .copied()
            .map(|(look, weight)| Ok((self.described(objective, look, longest)?, weight)))
            .collect::<Result<_>>()?;
        if let Some(style) = StyleTarget::blend(&parts) {
            objective.set_style(style);
        }
        self.given = Some((mix, longest));
        Ok(())
    }

    /// Describes every look at this size now, so that nobody waits for it later.
    pub(super) fn describe_all(&mut self, objective: &mut Objective, longest: usize) -> Result<()> {
        (0..self.looks.len()).try_for_each(|look| self.described(objective, look, longest).map(drop))
    }

    fn described(&mut self, objective: &mut Objective, look: usize, longest: usize) -> Result<StyleTarget> {
        if let Some((_, known)) = self.described.iter().find(|(which, _)| *which == (look, longest)) {
            return Ok(known.clone());
        }
        let mut parts = Vec::new();
        for (picture, weight) in self.looks.get(look).into_iter().flatten() {
            let scaled = resize_frame(picture, style_size(picture.size(), longest));
            parts.push((objective.describe_style(&Pixels::from_frame(&scaled))?, *weight));
        }
        let style = StyleTarget::blend(&parts)
            .ok_or_else(|| Error::usage("a style is empty").hint("give each --style a picture"))?;
        if self.described.len() == KEPT {
            self.described.pop_front();
        }
        self.described.push_back(((look, longest), style.clone()));
        Ok(style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn picture(side: usize) -> Frame {
        Frame::from_fn(Size::new(side, side), |x, y| [x as u8, y as u8, 9])
    }

    #[test]
    fn a_mix_of_what_there_is_is_taken_and_nonsense_changes_nothing() {
        let mut looks = Looks::new(vec![vec![(picture(16), 1.0)], vec![(picture(20), 2.0)]]).unwrap();
        assert!(looks.set_mix(&[(1, 0.5), (7, 1.0), (0, -1.0)]));
        assert_eq!(looks.mix, [(1, 0.5)]);
        assert!(!looks.set_mix(&[(2, 1.0), (0, f64::NAN), (1, 0.0)]) && !looks.set_mix(&[(1, 0.5)]));
        assert_eq!(looks.mix, [(1, 0.5)]);
    }

    #[test]
    fn what_is_no_style_is_refused() {
        for looks in [
            vec![],
            vec![vec![]],
            vec![vec![(picture(15), 1.0)]],
            vec![vec![(picture(16), 0.0)]],
            vec![vec![(picture(16), 1.0)], vec![(picture(16), f64::INFINITY)]],
        ] {
            assert!(Looks::new(looks).is_err());
        }
    }
}
