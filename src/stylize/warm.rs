//! Where the optimisation of a frame starts, and what it is held to.
//!
//! A start close to the goal is worth more than iterations: with the painted frames before brought along,
//! ten iterations do what a hundred do from the source frame.

use super::Start;
use super::history::{Earlier, History, Last};
use super::place::{Place, copy};
use super::scout::{Change, Link};
use crate::frame::Size;
use crate::pixels::Pixels;

/// What a frame starts from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) how: Start,
    /// The frame at the painted size.
    pub(super) source: &'a Pixels,
    /// The source in the tones of the style.
    pub(super) fresh: &'a Pixels,
    pub(super) change: &'a Change,
    pub(super) history: &'a History,
    /// Of noise.
    pub(super) seed: u64,
}

impl<'a> Scene<'a> {
    pub(super) fn size(&self) -> Size {
        self.source.size()
    }

    fn last(&self) -> Option<&'a Last> {
        self.history.last(self.size())
    }

    /// What leads to earlier frames, nearest first.
    pub(super) fn links(&self) -> &'a [Link] {
        match self.change {
            Change::Moved(links) => links,
            Change::Unknown | Change::Cut => &[],
        }
    }

    /// Whether it starts from the paint before, moved along.
    pub(super) fn is_warped(&self) -> bool {
        self.how == Start::Warped && self.last().is_some() && !self.links().is_empty()
    }
}

/// Earlier paint where it is now.
pub(super) struct Brought<P: Place> {
    pub(super) paint: P::Vector,
    /// 1 where some earlier frame shows the same thing.
    pub(super) visible: P::Vector,
    /// As `visible`, and 0 at the edges of what moves.
    pub(super) certainty: P::Vector,
}

impl<P: Place> Brought<P> {
    /// Puts together, for every pixel, the paint of the nearest earlier frame that shows it (Ruder et al.
    /// 2016, eq. 10). `None` where nothing was painted before.
    pub(super) fn along<'a>(
        place: &mut P,
        links: &'a [Link],
        nearest: &P::Way<'a>,
        history: &'a History,
    ) -> Result<Option<Self>, P::Error> {
        let Some((first, others)) = links.split_first() else { return Ok(None) };
        let Some(last) = history.earlier(first) else { return Ok(None) };
        let last = place.recall(last)?;
        let mut paint = place.brought(&last, nearest)?;
        let mut visible = copy(place, P::visible(nearest))?;
        let mut certainty = copy(place, P::certainty(nearest))?;
        for link in others {
            let Some(older) = history.earlier(link) else { continue };
            let (older, way) = (place.recall(older)?, place.way(link)?);
            let older = place.brought(&older, &way)?;
            let into = [&mut paint, &mut visible, &mut certainty].map(P::view_mut);
            place.fill(into, P::view(&older), P::certainty(&way))?;
        }
        Ok(Some(Self { paint, visible, certainty }))
    }

    /// Adds how the source's light has changed since the frame before: the difference to the source
    /// brought along, its mean over a neighbourhood. Single pixels are left out: they differ by noise and
    /// by what interpolation loses, which the paint must not take on.
    fn relight(
        &mut self,
        place: &mut P,
        [source, last]: [&P::View; 2],
        nearest: &P::Way<'_>,
        size: Size,
    ) -> Result<(), P::Error> {
        let radius = (size.longest_side() / 64).max(2);
        let share = copy(place, P::visible(nearest))?;
        let share = place.box_mean(share, size, radius)?;
        let before = place.brought(last, nearest)?;
        let change = place.seen_difference([source, P::view(&before)], P::visible(nearest))?;
        drop(before);
        let change = place.box_mean(change, size, radius)?;
        place.relight(P::view_mut(&mut self.paint), P::view(&change), P::view(&share))
    }

    /// The paint where it is known. Where it is not, the `fresh` frame in the tones of the paint around: shifted by
    /// the mean difference of the two over the known neighbourhood. As it is, it would stand out in dark or pale
    /// seams behind everything that moves, for as long as a new region takes to be painted.
    fn over(&self, place: &mut P, fresh: &P::View, size: Size) -> Result<P::Vector, P::Error> {
        let radius = (size.longest_side() / 16).max(4);
        let (paint, visible) = (P::view(&self.paint), P::view(&self.visible));
        let share = copy(place, visible)?;
        let share = place.box_mean(share, size, radius)?;
        let shift = place.seen_difference([paint, fresh], visible)?;
        let shift = place.box_mean(shift, size, radius)?;
        place.over([paint, fresh, P::view(&shift)], [P::view(&share), visible])
    }
}

/// The first point for a scene that [is warped](Scene::is_warped): the earlier paint in the present light, which
/// `brought` becomes too, with fresh paint where nothing was painted before.
pub(super) fn warped<P: Place>(
    place: &mut P,
    scene: &Scene<'_>,
    nearest: &P::Way<'_>,
    brought: &mut Brought<P>,
) -> Result<P::Vector, P::Error> {
    let size = scene.size();
    if let Some(last) = scene.history.earlier_source(size) {
        let (source, last) =
            (place.recall(Earlier::Pixels(scene.history.next().source, scene.source))?, place.recall(last)?);
        brought.relight(place, [&source, &last], nearest, size)?;
    }
    let fresh = place.lay(scene.fresh.data())?;
    brought.over(place, &fresh, size)
}

/// The first point for any other, within 0..1. Where nothing was painted before, `previous` and `carried` start
/// from the source frame, and `warped` from the source in the tones of the style.
pub(super) fn unwarped(scene: &Scene<'_>) -> Pixels {
    match (scene.how, scene.last()) {
        (Start::Noise, _) => noise(scene.size(), scene.seed),
        (Start::Previous, Some(last)) => last.painted.clone(),
        (Start::Carried, Some(last)) => carry(scene.source, last),
        (Start::Warped, _) => scene.fresh.clone(),
        (Start::Previous | Start::Carried | Start::Content, _) => scene.source.clone(),
    }
}

/// The previous painted frame plus what changed in the source.
fn carry(source: &Pixels, last: &Last) -> Pixels {
    let mut start = last.painted.clone();
    for ((start, now), before) in start.data_mut().iter_mut().zip(source.data()).zip(last.source.data()) {
        *start = (*start + (now - before)).clamp(0.0, 1.0);
    }
    start
}

/// Uniform noise over 0..1. The same for every frame: noise that changed would flicker.
fn noise(size: Size, seed: u64) -> Pixels {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pixels = Pixels::zeros(size);
    pixels.data_mut().iter_mut().for_each(|value| *value = random.f32());
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, Mask};
    use crate::stylize::place::Host;

    const SIZE: Size = Size { width: 8, height: 4 };

    fn flat(value: f32) -> Pixels {
        Pixels::new(SIZE, vec![value; 3 * SIZE.pixels()]).unwrap()
    }

    fn painted_once(source: f32, painted: f32) -> History {
        let mut history = History::default();
        history.push(Last { source: flat(source), painted: flat(painted) });
        history
    }

    /// Everything moved `right` pixels to the right from `back` frames ago; the first `hidden` columns
    /// were not to be seen.
    fn link(back: usize, right: f32, hidden: usize) -> Link {
        let shown: Vec<f32> =
            (0..SIZE.pixels()).map(|i| if i % SIZE.width < hidden { 0.0 } else { 1.0 }).collect();
        let mask = Mask::new(SIZE, shown).unwrap();
        Link {
            back,
            flow: Flow::from_fn(SIZE, |_, _| [-right, 0.0]),
            visible: mask.clone(),
            certainty: mask,
            there: None,
        }
    }

    /// The start and the earlier paint of a frame that moved along `links`.
    fn start(source: &Pixels, links: Vec<Link>, history: &History) -> (Pixels, Brought<Host>) {
        let change = Change::Moved(links);
        let scene = Scene { how: Start::Warped, source, fresh: source, change: &change, history, seed: 0 };
        assert!(scene.is_warped());
        let place = &mut Host::default();
        let nearest = place.way(&scene.links()[0]).unwrap();
        let mut brought = Brought::along(place, scene.links(), &nearest, history).unwrap().unwrap();
        let x = warped(place, &scene, &nearest, &mut brought).unwrap();
        (Pixels::new(source.size(), x).unwrap(), brought)
    }

    #[test]
    fn each_start_is_what_its_name_says() {
        let source = flat(0.375);
        let from = |how, history: &History, seed| {
            let change = &Change::Unknown;
            unwarped(&Scene { how, source: &source, fresh: &source, change, history, seed })
        };
        let (history, nothing) = (painted_once(0.25, 0.5), History::default());
        assert_eq!(from(Start::Content, &history, 7), source);
        assert_eq!(from(Start::Previous, &history, 7), flat(0.5));
        assert_eq!(from(Start::Carried, &history, 7), flat(0.625));
        for how in [Start::Previous, Start::Carried, Start::Warped] {
            assert_eq!(from(how, &nothing, 7), source);
        }
        assert_eq!(from(Start::Noise, &nothing, 7), from(Start::Noise, &history, 7));
        assert_ne!(from(Start::Noise, &nothing, 7), from(Start::Noise, &nothing, 8));
        assert_eq!(from(Start::Carried, &painted_once(0.0, 0.9), 7), flat(1.0));
    }

    #[test]
    fn warped_paint_is_moved_relit_and_left_out_where_it_was_hidden() {
        let mut history = History::default();
        let mut painted = flat(0.5);
        painted.data_mut()[2] = 0.8;
        history.push(Last { source: flat(0.25), painted });
        let (start, _) = start(&flat(0.35), vec![link(1, 3.0, 3)], &history);
        let row = &start.data()[..SIZE.width];
        // The dot of column 2 is in column 5, and all is 0.1 lighter. Hidden: the source and what the paint
        // around differs by, 0.25 and a little of the dot (four rows have one value of 0.55 in the first).
        for (x, expected) in [(3, 0.6), (4, 0.6), (5, 0.9), (6, 0.6), (7, 0.6)] {
            assert!((row[x] - expected).abs() < 1e-5, "column {x}: {}", row[x]);
        }
        assert!(row[..3].iter().all(|v| (0.6..0.65).contains(v)), "{row:?}");
    }

    #[test]
    fn noise_in_the_source_does_not_get_into_the_paint() {
        let history = painted_once(0.5, 0.5);
        let mut source = flat(0.5);
        let mut random = fastrand::Rng::with_seed(1);
        source.data_mut().iter_mut().for_each(|v| *v += 0.1 * (random.f32() - 0.5));
        let (start, _) = start(&source, vec![link(1, 0.0, 0)], &history);
        let noise = |p: &Pixels| p.data().iter().map(|v| (v - 0.5).powi(2)).sum::<f32>();
        // The mean of 9 to 20 values (5 by 5, cut at the borders) has a ninth to a twentieth of the variance.
        // The mean over the picture, (2/3 + 2/4 + 4/5) / 8 · (2/3 + 2/4) / 4 = 0.07, scatters.
        assert!(noise(&start) < 0.2 * noise(&source), "{} {}", noise(&start), noise(&source));
    }

    #[test]
    fn what_was_hidden_for_a_moment_comes_back_as_it_was_painted() {
        let mut history = History::default();
        for i in 0..12 {
            history.push(Last { source: flat(0.5), painted: flat(i as f32 / 20.0) });
        }
        // Ten frames ago 1 of 11 was painted; the frame before is number 11.
        let (_, brought) = start(&flat(0.5), vec![link(1, 0.0, 4), link(10, 0.0, 2)], &history);
        let row = &brought.paint[..SIZE.width];
        let was = |i: usize| f32::from(flat(i as f32 / 20.0).to_frame().pixel(0, 0)[0]) / 255.0;
        assert!(row[2..4].iter().all(|v| (v - was(2)).abs() < 1e-6), "{row:?}");
        assert!(row[4..].iter().all(|v| (v - 0.55).abs() < 1e-6));
        assert_eq!(brought.visible[..SIZE.width], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_cut_brings_nothing() {
        let source = flat(0.5);
        let moved = Change::Moved(vec![link(1, 0.0, 0)]);
        for (change, history) in [(&Change::Cut, painted_once(0.2, 0.4)), (&moved, History::default())] {
            let (how, history) = (Start::Warped, &history);
            assert!(!Scene { how, source: &source, fresh: &source, change, history, seed: 0 }.is_warped());
        }
    }
}
