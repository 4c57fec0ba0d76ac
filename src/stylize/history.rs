//! What was painted so far in this shot.

use super::scout::{Link, OLDEST};
use crate::frame::{Frame, Size};
use crate::pixels::Pixels;
use crate::resize::resize_pixels;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// A frame as it was and as it was painted, both at the painted size.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) source: Pixels,
    pub(super) painted: Pixels,
}

/// The name of a picture, by which a GPU knows that it has it already. No two pictures ever have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(u64);

impl Name {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The names of a frame and of its painting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) source: Name,
    pub(super) painted: Name,
}

impl Names {
    fn new() -> Self {
        Self { source: Name::new(), painted: Name::new() }
    }
}

/// A picture from before. What is older than the frame before has been rounded to 8 bits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Earlier<'a> {
    Pixels(Name, &'a Pixels),
    Frame(Name, &'a Frame),
}

/// What was painted so far in this shot.
#[derive(Debug, Clone)]
pub(super) struct History {
    last: Option<(Last, Names)>,
    /// Painted frames before `last`, newest first, as far back as is looked.
    older: VecDeque<(Frame, Name)>,
    /// What comes next.
    next: Names,
}

impl Default for History {
    fn default() -> Self {
        Self { last: None, older: VecDeque::new(), next: Names::new() }
    }
}

impl History {
    /// The frame before, if it has this size.
    pub(super) fn last(&self, size: Size) -> Option<&Last> {
        self.last.as_ref().map(|(last, _)| last).filter(|last| last.painted.size() == size)
    }

    /// The frame before as it was.
    pub(super) fn source(&self) -> Option<&Pixels> {
        self.last.as_ref().map(|(last, _)| &last.source)
    }

    /// The names that the next frame will have.
    pub(super) fn next(&self) -> Names {
        self.next
    }

    /// The names of the frame before.
    pub(super) fn names(&self) -> Option<Names> {
        self.last.as_ref().map(|(_, names)| *names)
    }

    /// The names of the paintings before it, newest first.
    pub(super) fn older(&self) -> impl Iterator<Item = Name> {
        self.older.iter().map(|(_, name)| *name)
    }

    /// The frame before as it was, if it has this size.
    pub(super) fn earlier_source(&self, size: Size) -> Option<Earlier<'_>> {
        let (last, names) = self.last.as_ref().filter(|(last, _)| last.source.size() == size)?;
        Some(Earlier::Pixels(names.source, &last.source))
    }

    /// The painting that `link` leads to, if it has its size.
    pub(super) fn earlier(&self, link: &Link) -> Option<Earlier<'_>> {
        let size = link.flow.size();
        match link.back {
            1 => {
                let (last, names) = self.last.as_ref().filter(|(last, _)| last.painted.size() == size)?;
                Some(Earlier::Pixels(names.painted, &last.painted))
            }
            back => {
                let (frame, name) = self.older.get(back - 2).filter(|(frame, _)| frame.size() == size)?;
                Some(Earlier::Frame(*name, frame))
            }
        }
    }

    /// Adds a painted frame.
    pub(super) fn push(&mut self, last: Last) {
        let names = std::mem::replace(&mut self.next, Names::new());
        if let Some((before, names)) = self.last.replace((last, names)) {
            self.older.push_front((before.painted.to_frame(), names.painted));
            self.older.truncate(OLDEST - 1);
        }
    }

    /// Goes on as if the last frame had been painted at `size`. Older ones are forgotten.
    pub(super) fn resize(&mut self, size: Size) {
        if self.last.as_ref().is_some_and(|(last, _)| last.painted.size() != size) {
            self.change(|last| {
                last.source = resize_pixels(&last.source, size);
                last.painted = resize_pixels(&last.painted, size);
            });
        }
    }

    /// Goes on as if the last frame had been another, or painted otherwise. Older ones are forgotten.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Last)) {
        self.older.clear();
        if let Some((last, names)) = &mut self.last {
            change(last);
            *names = Names::new();
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_has_another_name() {
        let size = Size::new(2, 2);
        let flat = |value: f32| Pixels::new(size, vec![value; 12]).unwrap();
        let mut history = History::default();
        let first = history.next();
        history.push(Last { source: flat(0.25), painted: flat(0.5) });
        let names = |history: &History| history.names().map(|names| (names.source, names.painted)).unwrap();
        assert_eq!(names(&history), (first.source, first.painted));
        history.push(Last { source: flat(0.25), painted: flat(0.75) });
        assert_eq!(history.older().collect::<Vec<_>>(), [first.painted]);
        let second = names(&history);
        assert_ne!(second.1, first.painted);
        history.resize(size);
        assert_eq!(names(&history), second, "it has that size");
        history.shift(&flat(0.0), &flat(0.125));
        assert_ne!(names(&history), second);
        assert_eq!(history.last(size).unwrap().painted, flat(0.875));
        assert_eq!(history.older().count(), 0);
    }
}
