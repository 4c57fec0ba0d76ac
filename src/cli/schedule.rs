//! `--schedule "0:a 5:b"`: which painter paints when, and how one goes over into the next.
//!
//! Times are those of the film as players show them, so that a part of it (`--start`) is painted as it would be
//! within the whole. A style fades in from its time on.

use super::fade::{Mix, toward};
use super::values;
use crate::error::{Error, Result};
use crate::time::{TimeBase, Timestamp};

/// How a schedule is written, as the next step of whoever wrote it otherwise.
const WRITTEN: &str =
    "write TIME:STYLE for each style, separated by spaces, for example \"0:great-wave 1:30:auvers\"";

const MICROSECONDS: TimeBase = TimeBase { num: 1, den: 1_000_000 };

/// Who paints when.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// From the film's beginning on, in order of time, never empty.
    entries: Vec<Entry>,
    fade_seconds: f64,
}

/// From this moment on, this look.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    at: Timestamp,
    look: usize,
}

impl Schedule {
    /// Reads a schedule for painters of these `names`. Before its first time, the first painter paints.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Usage`] for what is no schedule, for times out of order, and for painters that
    /// are not there.
    pub(super) fn read(text: &str, names: &[String], fade_seconds: f64) -> Result<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        for (time, name) in parts(text)? {
            let entry = resolve(&time, &name, names)?;
            if let Some(before) = entries.last().filter(|before| before.at >= entry.at) {
                let (at, after) = (entry.at.seconds(), before.at.seconds());
                let how = if before.at == entry.at { "twice the same time" } else { "times out of order" };
                return Err(Error::usage(format!("the schedule has {how}: {at} s comes after {after} s"))
                    .hint(
                        "write its styles in the order in which they are to paint, each with a later time",
                    ));
            }
            entries.push(entry);
        }
        match entries.first() {
            None => return Err(Error::usage("the schedule is empty").hint(WRITTEN)),
            Some(first) if first.at.ticks > 0 => {
                entries.insert(0, Entry { at: Timestamp::new(0, MICROSECONDS), look: 0 });
            }
            Some(_) => {}
        }
        Ok(Self { entries, fade_seconds })
    }

    /// The looks and their weights at this time of the film.
    pub(super) fn mix_at(&self, at: Timestamp) -> Mix {
        let mut mix = vec![(self.entries[0].look, 1.0)];
        let ends = self.entries.iter().skip(2).map(|next| Some(next.at)).chain([None]);
        for (entry, end) in self.entries.iter().skip(1).zip(ends).filter(|(entry, _)| entry.at <= at) {
            let until = end.map_or(at, |end| end.min(at));
            let passed = until.seconds() - entry.at.seconds();
            let share = if passed >= self.fade_seconds { 1.0 } else { passed / self.fade_seconds };
            mix = toward(&mix, entry.look, share);
        }
        mix
    }

    /// What there is to say of it for a film that ends at this time, where that is known: of painters that will
    /// never paint.
    pub(super) fn notes(&self, names: &[String], end: Option<f64>) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for (look, name) in names.iter().enumerate() {
            if !self.entries.iter().any(|entry| entry.look == look) {
                notes.push(format!("the style {name} is given, but is not in the schedule"));
            }
        }
        if let Some(end) = end {
            let late = self.entries.iter().filter(|entry| entry.at.seconds() >= end);
            notes.extend(late.map(|entry| {
                let (name, at) = (&names[entry.look], entry.at.seconds());
                format!("the schedule has {name} at {at} s, but the film ends at {end:.1} s")
            }));
        }
        notes
    }
}

/// The entries as they are written, each a word that begins with a time and what follows up to the next such
/// word: names may have spaces.
fn parts(text: &str) -> Result<Vec<(String, String)>> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for word in text.split_whitespace() {
        match (splits(word).last(), parts.last_mut()) {
            (Some((time, name)), _) => parts.push((time.to_owned(), name.to_owned())),
            (None, Some((_, name))) => *name = format!("{name} {word}"),
            (None, None) => {
                return Err(Error::usage(format!("'{word}' in the schedule has no time")).hint(WRITTEN));
            }
        }
    }
    Ok(parts)
}

/// Every way to read a word as a time, a colon and a name.
fn splits(word: &str) -> impl Iterator<Item = (&str, &str)> {
    word.match_indices(':')
        .map(|(at, _)| (&word[..at], &word[at + 1..]))
        .filter(|(time, _)| values::moment(time).is_ok())
}

/// An entry with the longest time that leaves the name of a painter: `1:30:auvers`, but also `1:30`, at 1 s the
/// painter called 30.
fn resolve(time: &str, name: &str, names: &[String]) -> Result<Entry> {
    let whole = format!("{time}:{name}");
    let readings: Vec<_> = splits(&whole).collect();
    for (time, name) in readings.iter().rev() {
        if let (Ok(at), Some(look)) = (values::moment(time), find(name.trim(), names)?) {
            return Ok(Entry { at, look });
        }
    }
    let name = name.trim();
    let said = if name.is_empty() {
        format!("the schedule has no style at {time}")
    } else {
        format!("the schedule names a style '{name}' that is not given")
    };
    let given: Vec<_> = names.iter().enumerate().map(|(i, name)| format!("{} {name}", i + 1)).collect();
    Err(Error::usage(said).hint(format!(
        "give it with a --style of its own, or choose by number or name: {}",
        if given.is_empty() { "there is none yet".to_owned() } else { given.join(", ") }
    )))
}

/// The place of a painter by its name, or else by its number from 1.
fn find(name: &str, names: &[String]) -> Result<Option<usize>> {
    let mut called = names.iter().enumerate().filter(|(_, known)| *known == name).map(|(look, _)| look);
    match (called.next(), called.next()) {
        (Some(_), Some(_)) => Err(Error::usage(format!("several styles are called {name}"))
            .hint("name them by their numbers in the schedule, from 1 in the order of the --style options")),
        (Some(look), None) => Ok(Some(look)),
        (None, _) => {
            Ok(name.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|&n| n < names.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> Vec<String> {
        ["great-wave", "auvers", "a + b", "30"].map(str::to_owned).into()
    }

    fn read(text: &str) -> Result<Schedule> {
        Schedule::read(text, &names(), 1.0)
    }

    fn entries(text: &str) -> Vec<(f64, usize)> {
        read(text).unwrap().entries.iter().map(|entry| (entry.at.seconds(), entry.look)).collect()
    }

    fn at(seconds: f64) -> Timestamp {
        Timestamp::new((seconds * 1e6).round() as i64, MICROSECONDS)
    }

    #[test]
    fn times_and_names_are_read_as_people_write_them() {
        for (text, expected) in [
            ("0:great-wave 5:auvers", vec![(0.0, 0), (5.0, 1)]),
            ("0:1 5:2", vec![(0.0, 0), (5.0, 1)]),
            (" 0:auvers\t1:30:great-wave\n1:00:00.5:2 ", vec![(0.0, 1), (90.0, 0), (3600.5, 1)]),
            ("0: auvers 2.5:a + b", vec![(0.0, 1), (2.5, 2)]),
            // A style that is called like a number goes before the number; and here 1:30 is a time only if a name follows.
            ("0:30", vec![(0.0, 3)]),
            ("1:30", vec![(0.0, 0), (1.0, 3)]),
            ("1:30:30", vec![(0.0, 0), (90.0, 3)]),
            // Before its first time the first style paints.
            ("5:auvers", vec![(0.0, 0), (5.0, 1)]),
        ] {
            assert_eq!(entries(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_told_with_the_next_step() {
        for (text, says) in [
            ("", "empty"),
            ("  ", "empty"),
            ("auvers", "has no time"),
            ("great-wave 5:auvers", "has no time"),
            ("-1:auvers", "has no time"),
            ("0:auvers 0:great-wave", "twice"),
            ("5:auvers 3:great-wave", "out of order: 3 s comes after 5 s"),
            ("0:auvres", "'auvres'"),
            ("0:0", "'0'"),
            ("0:5", "'5'"),
            ("0:", "no style at 0"),
            ("0:auvers,5:great-wave", "not given"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(says), "{text}: {error}");
            assert!(error.next_step().is_some());
        }
        assert!(Schedule::read("0:1", &[], 1.0).is_err());
        let twins = ["x".to_owned(), "x".to_owned()];
        assert!(Schedule::read("0:x", &twins, 1.0).unwrap_err().to_string().contains("several"));
        assert!(Schedule::read("0:1 1:2", &twins, 1.0).is_ok());
    }

    #[test]
    fn one_fades_into_the_next_from_its_time_on() {
        let schedule = read("0:1 5:2 5.5:3 10:1").unwrap();
        assert_eq!(schedule.mix_at(at(-1.0)), [(0, 1.0)]);
        assert_eq!(schedule.mix_at(at(5.0)), [(0, 1.0)]);
        assert_eq!(schedule.mix_at(at(5.25)), [(0, 0.75), (1, 0.25)]);
        // Overtaken by the next, it fades out from where it was.
        assert_eq!(schedule.mix_at(at(6.0)), [(0, 0.25), (1, 0.25), (2, 0.5)]);
        assert_eq!(schedule.mix_at(at(6.5)), [(2, 1.0)]);
        assert_eq!(schedule.mix_at(at(1e6)), [(0, 1.0)]);
        let hard = Schedule::read("0:1 5:2", &names(), 0.0).unwrap();
        assert_eq!((hard.mix_at(at(4.999)), hard.mix_at(at(5.0))), (vec![(0, 1.0)], vec![(1, 1.0)]));
    }

    #[test]
    fn who_never_paints_is_told() {
        let schedule = Schedule::read("0:1 5:2 9:1", &names()[..3], 1.0).unwrap();
        let notes = schedule.notes(&names()[..3], Some(5.28));
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("a + b") && notes[1].contains("great-wave at 9 s"), "{notes:?}");
        assert_eq!(schedule.notes(&names()[..2], None), [] as [String; 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_schedule_or_an_error(text in "[0-9:. a-c+-]{0,24}|\\PC{0,24}") {
            if let Ok(schedule) = read(&text) {
                for time in [0.0, 0.5, 3.0, 1e5] {
                    let mix = schedule.mix_at(at(time));
                    prop_assert!((mix.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-6);
                }
            }
        }
    }
}
