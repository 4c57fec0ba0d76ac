//! Painting in a style but not in its colours: Gatys et al. (2016), *Preserving Color in Neural Artistic Style
//! Transfer* (arXiv:1606.05897).
//!
//! Both of their ways give the style the source's tones before it is painted in. In a film these are the tones of
//! the shot: taken at its first frame and followed slowly, because a style that was matched to every frame anew would
//! pull the colours of the whole picture up and down with whatever passes through it.

use super::history::Last;
use super::tones::Tones;
use crate::names::names;
use crate::pixels::Pixels;
use rayon::prelude::*;
use std::borrow::Cow;

/// Whose colours a painting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeepColor {
    /// The style's.
    #[default]
    Off,
    /// The source's, to the pixel: only luminance is painted, and the source's chroma is laid over it (their
    /// section 4, "luminance-only transfer"). The style's luminance is given the mean and the deviation of the
    /// source's first (their eq. 10).
    Luminance,
    /// The source's as a whole: the style is painted in after its colours have been given the mean and the
    /// covariance of the source's (their section 3, "color histogram matching"), by the linear map that moves
    /// them least.
    Match,
}

names!(KeepColor, "way of keeping colours", Off = "off", Luminance = "luminance", Match = "match");

/// Frames over which the tones of a shot are averaged: two seconds. Tuned.
const MEMORY: f64 = 48.0;

/// Tones that have moved by so much, in units of the 0..1 range, are matched anew; less is not seen. Tuned: the
/// step should not be seen either, and each costs a forward pass of the style.
const NOTICEABLE: f64 = 0.03;

/// What becomes of a style picture's colours before it is painted in. The default leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Palette {
    grey: bool,
    tones: Option<Tones>,
}

impl Palette {
    /// Gives them to a style picture.
    pub(super) fn put_on(&self, style: &mut Pixels) {
        if self.grey {
            turn_grey(style);
        }
        if let Some(tones) = &self.tones {
            Tones::of(style).change(tones, style);
        }
    }
}

/// Keeps colours, shot by shot.
pub(super) struct Colors {
    how: KeepColor,
    shot: Option<Shot>,
}

/// The tones of a shot.
struct Shot {
    /// Their mean over so many frames.
    mean: Tones,
    frames: f64,
    /// Those that the style has been given.
    given: Tones,
}

impl Colors {
    pub(super) fn new(how: KeepColor) -> Self {
        Self { how, shot: None }
    }

    /// The next frame belongs to another shot.
    pub(super) fn begin_shot(&mut self) {
        self.shot = None;
    }

    /// `source` as it is painted from.
    pub(super) fn view<'a>(&self, source: &'a Pixels) -> Cow<'a, Pixels> {
        match self.how {
            KeepColor::Luminance => {
                let mut grey = source.clone();
                turn_grey(&mut grey);
                Cow::Owned(grey)
            }
            KeepColor::Off | KeepColor::Match => Cow::Borrowed(source),
        }
    }

    /// Sees the next frame, as it is painted from. `true` if the style is to have another [`Self::palette`] now.
    pub(super) fn see(&mut self, source: &Pixels) -> bool {
        if self.how == KeepColor::Off {
            return false;
        }
        let now = Tones::of(source);
        let Some(shot) = &mut self.shot else {
            self.shot = Some(Shot { mean: now, frames: 1.0, given: now });
            return true;
        };
        shot.frames = (shot.frames + 1.0).min(MEMORY);
        shot.mean = Tones::blend([(shot.mean, shot.frames - 1.0), (now, 1.0)]).unwrap_or(now);
        let moved = shot.given.distance(&shot.mean) > NOTICEABLE;
        if moved {
            shot.given = shot.mean;
        }
        moved
    }

    /// What the style's colours become.
    pub(super) fn palette(&self) -> Palette {
        Palette { grey: self.how == KeepColor::Luminance, tones: self.tones() }
    }

    /// The tones that the style has been given, if it has not kept its own.
    pub(super) fn tones(&self) -> Option<Tones> {
        self.shot.as_ref().map(|shot| shot.given)
    }

    /// Whether luminance alone may be painted, so that all channels are one.
    pub(super) fn are_luminance(&self) -> bool {
        self.how == KeepColor::Luminance
    }

    /// Keeps a picture, or a gradient, within what may be painted.
    pub(super) fn restrict(&self, values: &mut Pixels) {
        if self.are_luminance() {
            average_channels(values);
        }
    }

    /// Makes what was painted what is shown, where `source` is the frame in its own colours, of the same size.
    pub(super) fn finish(&self, painted: &mut Pixels, source: &Pixels) {
        if self.how == KeepColor::Luminance {
            add_chroma(painted, source);
        }
    }

    /// Changes the paint there is to what it would be had colours been kept as they are now, not as `before`.
    /// `seen` is the source now, in its own colours, and `tones` are those of the style.
    pub(super) fn recolor(&self, last: &mut Last, before: KeepColor, seen: &Pixels, tones: Option<Tones>) {
        if before == KeepColor::Luminance && last.painted.size() == seen.size() {
            add_chroma(&mut last.painted, seen);
            last.source = seen.clone();
        }
        if self.how == KeepColor::Luminance {
            turn_grey(&mut last.source);
            turn_grey(&mut last.painted);
        }
        if let Some(tones) = tones {
            Tones::of(&last.painted).change(&tones, &mut last.painted);
        }
    }
}

/// Luma as in YIQ (Rec. 601), the space of the paper. What is grey stays as it is, to the bit.
fn luma([r, g, b]: [f32; 3]) -> f32 {
    g + 0.299 * (r - g) + 0.114 * (b - g)
}

/// Makes all channels their mean.
pub(super) fn average_channels(values: &mut Pixels) {
    for_each_pixel(values, |[r, g, b]| [(r + g + b) / 3.0; 3]);
}

fn turn_grey(picture: &mut Pixels) {
    for_each_pixel(picture, |rgb| [luma(rgb); 3]);
}

/// Lays the chroma of `source` over a grey painting: to all three channels of a pixel the same is added, so that
/// its I and Q in YIQ stay. Where that leaves 0..1, chroma is taken back as far as it takes: strokes and hue stay.
fn add_chroma(painted: &mut Pixels, source: &Pixels) {
    let [red, green, blue] = source.planes();
    for_each_pixel_with(painted, |i, [grey, ..]| {
        let grey = grey.clamp(0.0, 1.0);
        let rgb = [red[i], green[i], blue[i]];
        let chroma = rgb.map(|v| v - luma(rgb));
        let room = chroma.iter().fold(1.0f32, |room, &c| {
            let most = if c > 0.0 { 1.0 - grey } else { grey };
            if c == 0.0 { room } else { room.min(most / c.abs()) }
        });
        chroma.map(|c| grey + room * c)
    });
}

fn for_each_pixel(picture: &mut Pixels, change: impl Fn([f32; 3]) -> [f32; 3] + Sync) {
    for_each_pixel_with(picture, |_, rgb| change(rgb));
}

/// Changes every pixel, of which `change` is told the place.
fn for_each_pixel_with(picture: &mut Pixels, change: impl Fn(usize, [f32; 3]) -> [f32; 3] + Sync) {
    let count = picture.size().pixels();
    let (red, rest) = picture.data_mut().split_at_mut(count);
    let (green, blue) = rest.split_at_mut(count);
    red.par_iter_mut().zip(green).zip(blue).enumerate().for_each(|(i, ((r, g), b))| {
        [*r, *g, *b] = change(i, [*r, *g, *b]);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Size};
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 20, height: 12 };

    fn random(seed: u64) -> Pixels {
        let mut random = fastrand::Rng::with_seed(seed);
        let data = (0..3 * SIZE.pixels()).map(|_| random.f32()).collect();
        Pixels::new(SIZE, data).unwrap()
    }

    fn flat(rgb: [u8; 3]) -> Pixels {
        Pixels::from_frame(&Frame::from_fn(SIZE, |_, _| rgb))
    }

    fn pixel(picture: &Pixels, i: usize) -> [f32; 3] {
        picture.planes().map(|plane| plane[i])
    }

    proptest! {
        #[test]
        fn luminance_is_the_paintings_and_hue_the_sources(painted in any::<u64>(), source in any::<u64>()) {
            let (mut painted, source) = (random(painted), random(source));
            turn_grey(&mut painted);
            let grey = painted.clone();
            add_chroma(&mut painted, &source);
            for i in 0..SIZE.pixels() {
                let (shown, from, y) = (pixel(&painted, i), pixel(&source, i), grey.data()[i]);
                prop_assert!(shown.iter().all(|v| (-1e-6..=1.0 + 1e-6).contains(v)), "{shown:?}");
                prop_assert!((luma(shown) - y).abs() < 1e-5);
                // The differences of the channels are the source's, by a factor of at most 1.
                let differences = |[r, g, b]: [f32; 3]| [r - g, b - g];
                let ([a, b], [c, d]) = (differences(shown), differences(from));
                prop_assert!((a * d - b * c).abs() < 1e-5 && a.abs() <= c.abs() + 1e-5 && b.abs() <= d.abs() + 1e-5);
                prop_assert!(a * c >= -1e-6 && b * d >= -1e-6);
            }
        }

        #[test]
        fn what_was_not_painted_looks_as_it_was(seed in any::<u64>()) {
            let source = random(seed);
            let colors = Colors::new(KeepColor::Luminance);
            let mut painted = colors.view(&source).into_owned();
            colors.finish(&mut painted, &source);
            for (a, b) in painted.data().iter().zip(source.data()) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn grey_stays_grey_to_the_bit_and_gradients_move_all_channels_together() {
        let colors = Colors::new(KeepColor::Luminance);
        let once = colors.view(&random(3)).into_owned();
        assert_eq!(*colors.view(&once), once);
        let mut gradient = random(4);
        let before = pixel(&gradient, 7);
        colors.restrict(&mut gradient);
        assert_eq!(pixel(&gradient, 7), [before.iter().sum::<f32>() / 3.0; 3]);
        for how in [KeepColor::Off, KeepColor::Match] {
            let colors = Colors::new(how);
            let (mut same, source) = (random(4), random(5));
            colors.restrict(&mut same);
            colors.finish(&mut same, &source);
            assert_eq!((same, &*colors.view(&source)), (random(4), &source));
        }
    }

    #[test]
    fn a_grey_style_has_the_sources_mean_and_deviation() {
        // Luma of the source from 0.2 to 0.4, of the style 0 and 1: eq. 10 by hand.
        let source = Pixels::from_frame(&Frame::from_fn(SIZE, |x, _| [if x % 2 == 0 { 51 } else { 102 }; 3]));
        let mut style =
            Pixels::from_frame(&Frame::from_fn(SIZE, |_, y| [if y % 2 == 0 { 0 } else { 255 }; 3]));
        let mut colors = Colors::new(KeepColor::Luminance);
        assert!(colors.see(&colors.view(&source)));
        colors.palette().put_on(&mut style);
        for (y, expected) in [(0, 0.2), (1, 0.4)] {
            let got = pixel(&style, y * SIZE.width);
            assert!(got.iter().all(|v| (v - expected).abs() < 2e-3), "{y}: {got:?}");
        }
        // Red has luma 0.299, and a style of one colour takes on the mean: 0.3.
        let mut red = flat([255, 0, 0]);
        colors.palette().put_on(&mut red);
        assert!(red.data().iter().all(|v| (v - 0.3).abs() < 2e-3), "{:?}", pixel(&red, 0));
    }

    #[test]
    fn a_flicker_in_a_corner_does_not_pump_and_a_cut_takes_new_colours() {
        let frame = |lit: bool, rgb: [u8; 3]| {
            Pixels::from_frame(&Frame::from_fn(SIZE, |x, y| match (x < 4 && y < 4, lit) {
                (false, _) => rgb,
                (true, lit) => [if lit { 255 } else { 0 }; 3],
            }))
        };
        for how in [KeepColor::Luminance, KeepColor::Match] {
            let mut colors = Colors::new(how);
            let changes = |colors: &mut Colors, frames: std::ops::Range<usize>, rgb| {
                frames.filter(|i| colors.see(&colors.view(&frame(i % 2 == 0, rgb)))).count()
            };
            let settling = changes(&mut colors, 0..10, [90, 120, 60]);
            assert!((1..=3).contains(&settling), "{how}: {settling}");
            assert_eq!(changes(&mut colors, 10..300, [90, 120, 60]), 0, "{how}");
            let old = colors.tones().unwrap();
            colors.begin_shot();
            assert_eq!(changes(&mut colors, 0..1, [220, 180, 160]), 1);
            assert!(colors.tones().unwrap().distance(&old) > 0.1);
        }
    }

    #[test]
    fn a_light_that_comes_up_is_followed_in_small_steps() {
        let mut colors = Colors::new(KeepColor::Match);
        let (mut steps, mut largest) = (0, 0.0f64);
        for i in 0..600usize {
            let before = colors.tones();
            if colors.see(&flat([(i / 2).min(150) as u8; 3])) {
                steps += 1;
                let step = before.map_or(0.0, |before| before.distance(&colors.tones().unwrap()));
                largest = largest.max(step);
            }
        }
        let wanted = Tones::of(&flat([150; 3]));
        assert!(colors.tones().unwrap().distance(&wanted) < 1.1 * NOTICEABLE);
        assert!(steps > 10 && largest < 1.5 * NOTICEABLE, "{steps} steps, {largest}");
    }

    #[test]
    fn what_was_painted_changes_over() {
        let (source, painted) = (flat([200, 100, 50]), flat([40, 60, 200]));
        let mut last = Last { source: source.clone(), painted };
        let mut luminance = Colors::new(KeepColor::Luminance);
        luminance.see(&luminance.view(&source));
        luminance.recolor(&mut last, KeepColor::Off, &source, luminance.tones());
        let [r, g, b] = pixel(&last.painted, 0);
        assert!((r - g).abs() < 1e-4 && (g - b).abs() < 1e-4, "grey");
        assert_eq!(last.source, *luminance.view(&source));
        Colors::new(KeepColor::Off).recolor(&mut last, KeepColor::Luminance, &source, None);
        let [r, g, b] = pixel(&last.painted, 0);
        assert!(r > g + 0.2 && g > b + 0.1, "{r} {g} {b}: the source's colours");
        assert_eq!(last.source, source);
    }
}
