//! Where the optimisation of a frame starts.
//!
//! A start close to the goal is worth more than iterations: with the previous painted frame carried
//! along, ten iterations do what a hundred do from the source frame.

use super::Start;
use crate::frame::Size;
use crate::pixels::Pixels;

/// The last frame, as it was and as it was painted, both at the painted size.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) source: Pixels,
    pub(super) painted: Pixels,
}

/// The first point for `source`, within 0..1. Without a last frame of the same size, `previous` and
/// `carried` start from the source frame.
pub(super) fn start(how: Start, source: &Pixels, last: Option<&Last>, seed: u64) -> Pixels {
    let last = last.filter(|last| last.painted.size() == source.size());
    match (how, last) {
        (Start::Noise, _) => noise(source.size(), seed),
        (Start::Previous, Some(last)) => last.painted.clone(),
        (Start::Carried, Some(last)) => carry(source, last),
        (Start::Content | Start::Previous | Start::Carried, _) => source.clone(),
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

    fn flat(value: f32) -> Pixels {
        Pixels::new(Size::new(2, 1), vec![value; 6]).unwrap()
    }

    #[test]
    fn each_start_is_what_its_name_says() {
        let last = Last { source: flat(0.25), painted: flat(0.5) };
        let source = flat(0.375);
        let from = |how, last: Option<&Last>| start(how, &source, last, 7);
        assert_eq!(from(Start::Content, Some(&last)), source);
        assert_eq!(from(Start::Previous, Some(&last)), flat(0.5));
        assert_eq!(from(Start::Carried, Some(&last)), flat(0.625));
        assert_eq!(from(Start::Previous, None), source);
        assert_eq!(from(Start::Carried, None), source);
        assert_eq!(from(Start::Noise, None), from(Start::Noise, Some(&last)));
        assert_ne!(from(Start::Noise, None), start(Start::Noise, &source, None, 8));
        let bright = Last { source: flat(0.0), painted: flat(0.9) };
        assert_eq!(from(Start::Carried, Some(&bright)), flat(1.0));
    }
}
