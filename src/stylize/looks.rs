//! The looks that a painter can paint in, and the mix of them that it paints in now.
//!
//! A look is described by its Gram matrices at the size at which it is looked at, which takes as long as an
//! iteration; so what was described is kept, and whoever switches between looks, fades from one to the other
//! or paints at changing sizes does not wait for it twice.

use super::keep_color::Palette;
use super::look::{Blend, Look};
use super::masks::Masks;
use super::painter::style_size;
use super::regions::{add_tones, maps};
use super::tones::Tones;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::loss::{Guide, Objective, StylePart, StyleTarget};
use crate::pixels::Pixels;
use crate::resize::resize_frame;
use crate::vgg::Layer;
use std::collections::VecDeque;

/// Descriptions that are kept, 2.4 MB each: nine looks at four sizes.
const KEPT: usize = 36;

/// The longest side at which a look's tones are taken: enough for a mean.
const TONES_SIDE: usize = 128;

/// Which part of which look.
type Place = (usize, usize);

/// Looks, their descriptions, and their mix.
pub(super) struct Looks {
    looks: Vec<Look>,
    /// Of each part of each look.
    tones: Vec<Vec<Option<Tones>>>,
    /// Which part, at which longest side, in which colours; the newest last.
    described: VecDeque<((Place, usize, Palette), StyleTarget)>,
    /// What the pictures' colours become before they are described.
    palette: Palette,
    /// Which looks, by their weights.
    mix: Vec<(usize, f64)>,
    /// What the objective was given last.
    given: Option<Given>,
}

/// A mix as it was given to the objective.
struct Given {
    mix: Vec<(usize, f64)>,
    /// The longest side at which it was looked at.
    longest: usize,
    /// The painted size, and the regions there.
    regions: Option<(Size, Masks)>,
}

impl Looks {
    /// Starts with the first look alone; `layers` are the style layers in use.
    pub(super) fn new(looks: Vec<Look>, layers: &[(Layer, f64)]) -> Result<Self> {
        if looks.iter().all(|look| look.parts.is_empty()) {
            return Err(Error::usage("no style is given").hint("add --style PICTURE"));
        }
        looks.iter().try_for_each(|look| look.check(layers))?;
        // Colours are a matter of the fine scale.
        let tones = looks.iter().map(|look| look.parts.iter().map(|part| tones(&part.pictures)).collect());
        let tones = tones.collect();
        let palette = Palette::default();
        Ok(Self { looks, tones, described: VecDeque::new(), palette, mix: vec![(0, 1.0)], given: None })
    }

    /// The tones of the mix, if it holds everywhere.
    pub(super) fn tones(&self) -> Option<Tones> {
        if !self.is_whole() {
            return None;
        }
        let tones = |look: usize| self.tones.get(look)?.first().copied().flatten();
        Tones::blend(self.mix.iter().filter_map(|(look, weight)| Some((tones(*look)?, *weight))))
    }

    /// Gives `picture` the tones of the mix, everywhere or in its regions, a `share` of the way.
    pub(super) fn give_tones(&self, share: f64, picture: &mut Pixels, masks: &Masks) -> Result<()> {
        if let Some(tones) = self.tones() {
            Tones::of(picture).change_by(share, &tones, picture);
            return Ok(());
        }
        let before = picture.clone();
        for (look, weight) in self.shares() {
            let Some((look, tones)) = self.looks.get(look).zip(self.tones.get(look)) else { continue };
            let maps = maps(look, masks, before.size())?;
            let parts: Vec<_> = tones.iter().zip(maps).filter_map(|(t, map)| Some(((*t)?, map))).collect();
            add_tones(picture, &before, &parts, (share * weight) as f32);
        }
        Ok(())
    }

    /// Whether all looks of the mix hold everywhere.
    fn is_whole(&self) -> bool {
        self.mix.iter().all(|(look, _)| self.looks.get(*look).is_some_and(Look::is_whole))
    }

    /// The mix with weights that add up to 1.
    fn shares(&self) -> Vec<(usize, f64)> {
        let sum: f64 = self.mix.iter().map(|(_, weight)| weight).sum();
        self.mix.iter().map(|(look, weight)| (*look, weight / sum)).collect()
    }

    /// Paints in this mix from now on: looks by their places, each with its weight. What cannot be (no such
    /// look, no weight) is left out; a mix of nothing changes nothing. `true` if it is another mix now.
    pub(super) fn set_mix(&mut self, mix: &[(usize, f64)]) -> bool {
        let possible = |(look, weight): &&(usize, f64)| {
            let there = self.looks.get(*look).is_some_and(|look| !look.parts.is_empty());
            there && weight.is_finite() && *weight > 0.0
        };
        let mix: Vec<_> = mix.iter().filter(possible).copied().collect();
        let changes = !mix.is_empty() && mix != self.mix;
        if changes {
            self.mix = mix;
        }
        changes
    }

    /// Paints in these colours from now on.
    pub(super) fn wear(&mut self, palette: Palette) {
        if palette != self.palette {
            // The pictures' own colours may come again, those of a shot that is over will not.
            self.described.retain(|((.., worn), _)| *worn == Palette::default());
            self.palette = palette;
            self.given = None;
        }
    }

    /// Gives the mix, looked at with this longest side and painted at `size` under `masks`, to the objective.
    ///
    /// Looks that hold everywhere are blended into one. Those with regions stand beside it, each part by the
    /// weight of its look.
    pub(super) fn give(
        &mut self,
        objective: &mut Objective,
        longest: usize,
        size: Size,
        masks: &Masks,
    ) -> Result<()> {
        let regions = (!self.is_whole()).then(|| (size, masks.clone()));
        if self.given.as_ref().is_some_and(|given| given.is(&self.mix, longest, regions.as_ref())) {
            return Ok(());
        }
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        for (number, share) in self.shares() {
            let Some(look) = self.looks.get(number) else { continue };
            if look.is_whole() {
                whole.push((self.described(objective, (number, 0), longest)?, share));
                continue;
            }
            for (part, map) in maps(look, masks, size)?.iter().enumerate() {
                let target = self.described(objective, (number, part), longest)?;
                parts.push(StylePart { target, guide: Some(Guide::new(map)), share });
            }
        }
        if let Some(target) = StyleTarget::blend(&whole) {
            let share = whole.iter().map(|(_, share)| share).sum();
            parts.insert(0, StylePart { target, guide: None, share });
        }
        objective.set_styles(parts);
        self.given = Some(Given { mix: self.mix.clone(), longest, regions });
        Ok(())
    }

    /// Describes every look at this size now, so that nobody waits for it later.
    pub(super) fn describe_all(&mut self, objective: &mut Objective, longest: usize) -> Result<()> {
        let places: Vec<Place> = (self.looks.iter().enumerate())
            .flat_map(|(look, known)| (0..known.parts.len()).map(move |part| (look, part)))
            .collect();
        places.into_iter().try_for_each(|place| self.described(objective, place, longest).map(drop))
    }

    fn described(&mut self, objective: &mut Objective, place: Place, longest: usize) -> Result<StyleTarget> {
        let which = (place, longest, self.palette);
        if let Some((_, known)) = self.described.iter().find(|(known, _)| *known == which) {
            return Ok(known.clone());
        }
        let empty = || Error::usage("a style is empty").hint("give each --style a picture");
        let part = self.looks.get(place.0).and_then(|look| look.parts.get(place.1)).ok_or_else(empty)?;
        let describe = |pictures: &Blend, objective: &mut Objective| {
            describe(objective, pictures, longest, self.palette)?.ok_or_else(empty)
        };
        let mut style = describe(&part.pictures, objective)?;
        if let Some(coarse) = &part.coarse {
            style = StyleTarget::split(&style, &describe(coarse, objective)?).ok_or_else(empty)?;
        }
        if self.described.len() == KEPT {
            self.described.pop_front();
        }
        self.described.push_back((which, style.clone()));
        Ok(style)
    }
}

impl Given {
    fn is(&self, mix: &[(usize, f64)], longest: usize, regions: Option<&(Size, Masks)>) -> bool {
        let same_regions = match (&self.regions, regions) {
            (None, None) => true,
            (Some((size, masks)), Some((other_size, others))) => {
                size == other_size && masks.same_regions(others)
            }
            _ => false,
        };
        same_regions && self.mix == mix && self.longest == longest
    }
}

fn describe(
    objective: &mut Objective,
    pictures: &Blend,
    longest: usize,
    palette: Palette,
) -> Result<Option<StyleTarget>> {
    let mut parts = Vec::new();
    for (picture, weight) in pictures {
        let scaled = resize_frame(picture, style_size(picture.size(), longest));
        let mut scaled = Pixels::from_frame(&scaled);
        palette.put_on(&mut scaled);
        parts.push((objective.describe_style(&scaled)?, *weight));
    }
    Ok(StyleTarget::blend(&parts))
}

fn tones(pictures: &Blend) -> Option<Tones> {
    let small = |picture: &Frame| resize_frame(picture, picture.size().fit(TONES_SIDE));
    Tones::blend(pictures.iter().map(|(p, weight)| (Tones::of(&Pixels::from_frame(&small(p))), *weight)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::ObjectiveSettings;

    fn picture(side: usize) -> Frame {
        Frame::from_fn(Size::new(side, side), |x, y| [x as u8, y as u8, 9])
    }

    fn looks(blends: Vec<Blend>) -> Result<Looks> {
        let looks = blends.into_iter().map(Look::from).collect();
        Looks::new(looks, &ObjectiveSettings::default().style_layers)
    }

    #[test]
    fn a_mix_of_what_there_is_is_taken_and_nonsense_changes_nothing() {
        let mut looks = looks(vec![vec![(picture(16), 1.0)], vec![(picture(20), 2.0)]]).unwrap();
        assert!(looks.set_mix(&[(1, 0.5), (7, 1.0), (0, -1.0)]));
        assert_eq!(looks.mix, [(1, 0.5)]);
        assert!(!looks.set_mix(&[(2, 1.0), (0, f64::NAN), (1, 0.0)]) && !looks.set_mix(&[(1, 0.5)]));
        assert_eq!(looks.mix, [(1, 0.5)]);
    }

    #[test]
    fn what_is_no_style_is_refused() {
        for blends in [
            vec![],
            vec![vec![]],
            vec![vec![(picture(15), 1.0)]],
            vec![vec![(picture(16), 0.0)]],
            vec![vec![(picture(16), 1.0)], vec![(picture(16), f64::INFINITY)]],
        ] {
            assert!(looks(blends).is_err());
        }
    }
}
