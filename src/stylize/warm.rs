//! Where the optimisation of a frame starts, and what it is held to.
//!
//! A start close to the goal is worth more than iterations: with the painted frames before brought along,
//! ten iterations do what a hundred do from the source frame.

use super::Start;
use super::scout::{Change, Link, OLDEST};
use super::smooth::box_mean;
use crate::flow::{Mask, warp};
use crate::frame::{Frame, Size};
use crate::pixels::Pixels;
use crate::resize::resize_pixels;
use rayon::prelude::*;
use std::collections::VecDeque;

/// A frame as it was and as it was painted, both at the painted size.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) source: Pixels,
    pub(super) painted: Pixels,
}

/// What was painted so far in this shot.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    last: Option<Last>,
    /// Painted frames before `last`, newest first, as far back as is looked.
    older: VecDeque<Frame>,
}

impl History {
    /// The frame before, if it has this size.
    pub(super) fn last(&self, size: Size) -> Option<&Last> {
        self.last.as_ref().filter(|last| last.painted.size() == size)
    }

    /// The frame before as it was.
    pub(super) fn source(&self) -> Option<&Pixels> {
        self.last.as_ref().map(|last| &last.source)
    }

    /// Adds a painted frame.
    pub(super) fn push(&mut self, last: Last) {
        if let Some(before) = self.last.replace(last) {
            self.older.push_front(before.painted.to_frame());
            self.older.truncate(OLDEST - 1);
        }
    }

    /// Goes on as if the last frame had been painted at `size`. Older ones are forgotten.
    pub(super) fn resize(&mut self, size: Size) {
        if let Some(last) = self.last.as_mut().filter(|last| last.painted.size() != size) {
            last.source = resize_pixels(&last.source, size);
            last.painted = resize_pixels(&last.painted, size);
            self.older.clear();
        }
    }

    /// Goes on as if the last frame had been another, or painted otherwise. Older ones are forgotten.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Last)) {
        self.older.clear();
        if let Some(last) = &mut self.last {
            change(last);
        }
    }

    /// Changes the last painting by what lies between two pictures of its size.
    pub(super) fn shift(&mut self, from: &Pixels, to: &Pixels) {
        self.change(|last| {
            let way = from.data().iter().zip(to.data());
            for (paint, (from, to)) in last.painted.data_mut().iter_mut().zip(way) {
                *paint = (*paint + to - from).clamp(0.0, 1.0);
            }
        });
    }

    /// Forgets everything: a new shot begins.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The painting of `back` frames ago, brought along `link`.
    fn brought(&self, link: &Link) -> Option<Pixels> {
        let size = link.flow.size();
        match link.back {
            1 => self.last(size).map(|last| warp(&last.painted, &link.flow)),
            back => {
                let frame = self.older.get(back - 2).filter(|frame| frame.size() == size)?;
                Some(warp(&Pixels::from_frame(frame), &link.flow))
            }
        }
    }
}

/// Earlier paint where it is now.
#[derive(Debug, Clone)]
pub(super) struct Brought {
    pub(super) paint: Pixels,
    /// 1 where some earlier frame shows the same thing.
    pub(super) visible: Mask,
    /// As `visible`, and 0 at the edges of what moves.
    pub(super) certainty: Mask,
}

impl Brought {
    /// Puts together, for every pixel, the paint of the nearest earlier frame that shows it (Ruder et al.
    /// 2016, eq. 10). `None` where nothing was painted before.
    pub(super) fn along(change: &Change, history: &History) -> Option<Self> {
        let Change::Moved(links) = change else { return None };
        let mut links = links.iter();
        let nearest = links.next()?;
        let mut paint = history.brought(nearest)?;
        let mut visible = nearest.visible.values().to_vec();
        let mut certainty = nearest.certainty.values().to_vec();
        for link in links {
            let Some(older) = history.brought(link) else { continue };
            let known = link.certainty.values();
            let fills: Vec<bool> = visible.iter().zip(known).map(|(v, k)| *v == 0.0 && *k > 0.0).collect();
            for (plane, older) in
                paint.data_mut().chunks_exact_mut(fills.len()).zip(older.data().chunks_exact(fills.len()))
            {
                for ((paint, older), _) in plane.iter_mut().zip(older).zip(&fills).filter(|(_, f)| **f) {
                    *paint = *older;
                }
            }
            for (i, _) in fills.iter().enumerate().filter(|(_, fills)| **fills) {
                visible[i] = known[i];
                certainty[i] = known[i];
            }
        }
        let size = paint.size();
        Some(Self { paint, visible: Mask::new(size, visible)?, certainty: Mask::new(size, certainty)? })
    }

    /// Adds how the source's light has changed since the frame before: the difference to the source
    /// brought along, its mean over a neighbourhood. Single pixels are left out: they differ by noise and
    /// by what interpolation loses, which the paint must not take on.
    fn relight(&mut self, source: &Pixels, last: &Last, nearest: &Link) {
        let size = source.size();
        let radius = (size.longest_side() / 64).max(2);
        let before = warp(&last.source, &nearest.flow);
        let visible = nearest.visible.values();
        let share = box_mean(visible, size, radius);
        let planes = source.planes().into_iter().zip(before.planes());
        let paint = self.paint.data_mut().chunks_exact_mut(size.pixels());
        for (paint, (now, before)) in paint.zip(planes) {
            let change: Vec<f32> = now
                .par_iter()
                .zip(before)
                .zip(visible)
                .map(|((now, before), v)| v * (now - before))
                .collect();
            let change = box_mean(&change, size, radius);
            for ((paint, change), share) in paint.iter_mut().zip(&change).zip(&share) {
                if *share > 0.0 {
                    *paint = (*paint + change / share).clamp(0.0, 1.0);
                }
            }
        }
    }
}

/// The first point for `source`, within 0..1. Where nothing was painted before, `previous` and `carried` start
/// from the source frame, and `warped` from `fresh`, the source in the tones of the style. `brought` is the
/// earlier paint, which `warped` changes to where it starts.
pub(super) fn start(
    how: Start,
    source: &Pixels,
    fresh: &Pixels,
    change: &Change,
    history: &History,
    brought: Option<&mut Brought>,
    seed: u64,
) -> Pixels {
    let last = history.last(source.size());
    match (how, last, brought, change) {
        (Start::Noise, ..) => noise(source.size(), seed),
        (Start::Previous, Some(last), ..) => last.painted.clone(),
        (Start::Carried, Some(last), ..) => carry(source, last),
        (Start::Warped, Some(last), Some(brought), Change::Moved(links)) => {
            if let Some(nearest) = links.first() {
                brought.relight(source, last, nearest);
            }
            over(fresh, brought)
        }
        (Start::Warped, ..) => fresh.clone(),
        _ => source.clone(),
    }
}

/// The paint where it is known. Where it is not, the `fresh` frame in the tones of the paint around: shifted by
/// the mean difference of the two over the known neighbourhood. As it is, it would stand out in dark or pale
/// seams behind everything that moves, for as long as a new region takes to be painted.
fn over(fresh: &Pixels, brought: &Brought) -> Pixels {
    let size = fresh.size();
    let radius = (size.longest_side() / 16).max(4);
    let visible = brought.visible.values();
    let share = box_mean(visible, size, radius);
    let mut start = brought.paint.clone();
    for (start, fresh) in start.data_mut().chunks_exact_mut(visible.len()).zip(fresh.planes()) {
        let shift: Vec<f32> =
            start.par_iter().zip(fresh).zip(visible).map(|((paint, fresh), v)| v * (paint - fresh)).collect();
        let shift = box_mean(&shift, size, radius);
        for (i, start) in start.iter_mut().enumerate() {
            let shift = if share[i] > 0.0 { shift[i] / share[i] } else { 0.0 };
            let fresh = (fresh[i] + shift).clamp(0.0, 1.0);
            *start = visible[i] * *start + (1.0 - visible[i]) * fresh;
        }
    }
    start
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
    use crate::flow::Flow;

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
        Link { back, flow: Flow::from_fn(SIZE, |_, _| [-right, 0.0]), visible: mask.clone(), certainty: mask }
    }

    #[test]
    fn each_start_is_what_its_name_says() {
        let source = flat(0.375);
        let from = |how, history: &History| start(how, &source, &source, &Change::Unknown, history, None, 7);
        let (history, nothing) = (painted_once(0.25, 0.5), History::default());
        assert_eq!(from(Start::Content, &history), source);
        assert_eq!(from(Start::Previous, &history), flat(0.5));
        assert_eq!(from(Start::Carried, &history), flat(0.625));
        for how in [Start::Previous, Start::Carried, Start::Warped] {
            assert_eq!(from(how, &nothing), source);
        }
        assert_eq!(from(Start::Noise, &nothing), from(Start::Noise, &history));
        assert_ne!(
            from(Start::Noise, &nothing),
            start(Start::Noise, &source, &source, &Change::Unknown, &nothing, None, 8)
        );
        assert_eq!(from(Start::Carried, &painted_once(0.0, 0.9)), flat(1.0));
    }

    #[test]
    fn warped_paint_is_moved_relit_and_left_out_where_it_was_hidden() {
        let mut history = History::default();
        let mut painted = flat(0.5);
        painted.data_mut()[2] = 0.8;
        history.push(Last { source: flat(0.25), painted });
        let change = Change::Moved(vec![link(1, 3.0, 3)]);
        let mut brought = Brought::along(&change, &history).unwrap();
        let source = flat(0.35);
        let start = start(Start::Warped, &source, &source, &change, &history, Some(&mut brought), 0);
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
        let change = Change::Moved(vec![link(1, 0.0, 0)]);
        let mut brought = Brought::along(&change, &history).unwrap();
        let mut source = flat(0.5);
        let mut random = fastrand::Rng::with_seed(1);
        source.data_mut().iter_mut().for_each(|v| *v += 0.1 * (random.f32() - 0.5));
        let start = start(Start::Warped, &source, &source, &change, &history, Some(&mut brought), 0);
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
        let change = Change::Moved(vec![link(1, 0.0, 4), link(10, 0.0, 2)]);
        let brought = Brought::along(&change, &history).unwrap();
        let row = &brought.paint.data()[..SIZE.width];
        let was = |i: usize| flat(i as f32 / 20.0).to_frame().pixel(0, 0)[0] as f32 / 255.0;
        assert!(row[2..4].iter().all(|v| (v - was(2)).abs() < 1e-6), "{row:?}");
        assert!(row[4..].iter().all(|v| (v - 0.55).abs() < 1e-6));
        assert_eq!(brought.visible.values()[..SIZE.width], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_cut_brings_nothing() {
        assert!(Brought::along(&Change::Cut, &painted_once(0.2, 0.4)).is_none());
        assert!(Brought::along(&Change::Moved(vec![link(1, 0.0, 0)]), &History::default()).is_none());
    }
}
