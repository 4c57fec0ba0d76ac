//! `--style A.jpg=2,B.jpg=1@PART`: which pictures, how much each counts, and where.
//!
//! Behind the last `@` stands a mask (`@sky.png`), or the scale that the pictures are looked at for (`@fine`,
//! `@coarse`). Several options make painters, in the order given:
//!
//! - a style without `@` begins a painter, and so do a fine and a coarse one together;
//! - a style with a mask joins the painter before it, unless that has a style for this mask already; then, and
//!   where it is the first, it begins a painter of its own.
//!
//! File names may contain `@`, `=` and `,` themselves. What exists as a file is that file: the whole value
//! first, then the shortest run of comma-separated parts. `./fine` is a file in any case.

use crate::error::{Error, Result};
use crate::numbered::NumberedPath;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One picture of a blend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StyleFile {
    pub(super) path: PathBuf,
    /// Its share, relative to the others.
    pub(super) weight: f64,
}

/// What one painter paints in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StyleSet {
    pub(super) parts: Vec<StylePart>,
}

/// A blend, and where it holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StylePart {
    pub(super) files: Vec<StyleFile>,
    /// The blend for the coarse scale, where it is another.
    pub(super) coarse: Option<Vec<StyleFile>>,
    /// `None`: wherever no mask of this painter is.
    pub(super) region: Option<Region>,
}

/// A mask in which a style holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Region {
    /// Its place among all masks of all painters, from 0; painters may share a mask.
    pub(super) index: usize,
    pub(super) mask: PathBuf,
}

/// What stands behind the `@`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place<'a> {
    Everywhere,
    Fine,
    Coarse,
    In(&'a str),
}

impl StyleSet {
    /// Every file of it that is read as a style.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &Path> {
        let files = self.parts.iter().flat_map(|part| part.files.iter().chain(part.coarse.iter().flatten()));
        files.map(|file| file.path.as_path())
    }

    /// What it is called: the names of its pictures, without folders and extensions.
    pub(super) fn name(&self) -> String {
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.pictures().map(stem).collect::<Vec<_>>().join(" + ")
    }
}

/// The masks of all painters, by their places.
pub(super) fn regions<'a>(painters: impl IntoIterator<Item = &'a StyleSet>) -> Vec<&'a Path> {
    let regions = painters.into_iter().flat_map(|set| &set.parts).filter_map(|part| part.region.as_ref());
    let mut masks: Vec<_> = regions.map(|region| (region.index, region.mask.as_path())).collect();
    masks.sort_unstable_by_key(|(index, _)| *index);
    masks.dedup_by_key(|(index, _)| *index);
    masks.into_iter().map(|(_, mask)| mask).collect()
}

/// Reads the values of all `--style` options of a command that knows one painter.
pub(super) fn one_painter(values: &[impl AsRef<OsStr>]) -> Result<StyleSet> {
    let mut sets = painters(values)?;
    match (sets.pop(), sets.len()) {
        (None, _) => Err(Error::usage("no style is given").hint("add --style PICTURE")),
        (Some(set), 0) => Ok(set),
        (Some(last), before) => {
            let error = Error::usage(format!("{} styles are given, but there is one painter", before + 1));
            let list: Vec<_> = values.iter().map(|value| value.as_ref().to_string_lossy()).collect();
            let plain =
                |set: &StyleSet| set.parts.iter().all(|part| part.region.is_none() && part.coarse.is_none());
            Err(match sets.iter().chain([&last]).all(plain) {
                true => error.hint(format!("to blend them, write --style {}", list.join(","))),
                false => error.hint(
                    "first the style for what no mask covers, then those with masks, one for each: \
                     --style REST.jpg --style A.jpg@a.png --style B.jpg@b.png",
                ),
            })
        }
    }
}

/// Reads the values of all `--style` options of a command that knows neither masks nor scales.
pub(super) fn one_blend(values: &[impl AsRef<OsStr>]) -> Result<Vec<StyleFile>> {
    let mut set = one_painter(values)?;
    match (set.parts.pop(), set.parts.len()) {
        (Some(StylePart { files, coarse: None, region: None }), 0) => Ok(files),
        _ => Err(Error::usage("this command measures whole pictures: it knows no masks and no scales")
            .hint("name the style without an @")),
    }
}

/// Reads the values of all `--style` options of a command that knows several painters.
pub(super) fn painters(values: &[impl AsRef<OsStr>]) -> Result<Vec<StyleSet>> {
    painters_among(values, &is_there)
}

/// Whether there is such a file, or numbered pictures of such a name.
fn is_there(path: &Path) -> bool {
    let numbered = || NumberedPath::parse(path).ok()?.existing().ok();
    path.is_file() || NumberedPath::is_pattern(path) && numbered().is_some_and(|numbers| !numbers.is_empty())
}

fn painters_among(values: &[impl AsRef<OsStr>], exists: &impl Fn(&Path) -> bool) -> Result<Vec<StyleSet>> {
    let mut painters: Vec<StyleSet> = Vec::new();
    let mut masks: Vec<PathBuf> = Vec::new();
    // A fine or coarse style that waits for the other.
    let mut half: Option<(Place<'_>, &OsStr, Vec<StyleFile>)> = None;
    for value in values {
        let value = value.as_ref();
        let (files, place) = style(value, exists)?;
        if let Some((waiting, text, others)) = half.take() {
            let (files, coarse) = match (waiting, place) {
                (Place::Fine, Place::Coarse) => (others, files),
                (Place::Coarse, Place::Fine) => (files, others),
                _ => return Err(half_missing(waiting, text)),
            };
            let part = StylePart { files, coarse: Some(coarse), region: None };
            painters.push(StyleSet { parts: vec![part] });
            continue;
        }
        match place {
            Place::Fine | Place::Coarse => half = Some((place, value, files)),
            Place::Everywhere => {
                painters.push(StyleSet { parts: vec![StylePart { files, coarse: None, region: None }] });
            }
            Place::In(mask) => {
                let mask = PathBuf::from(mask);
                let index = masks.iter().position(|known| *known == mask).unwrap_or(masks.len());
                if index == masks.len() {
                    masks.push(mask.clone());
                }
                let region = Some(Region { index, mask });
                let takes = |set: &&mut StyleSet| set.parts.iter().all(|part| part.region != region);
                let part = StylePart { files, coarse: None, region: region.clone() };
                match painters.last_mut().filter(takes) {
                    Some(set) => set.parts.push(part),
                    None => painters.push(StyleSet { parts: vec![part] }),
                }
            }
        }
    }
    match half {
        Some((waiting, text, _)) => Err(half_missing(waiting, text)),
        None => Ok(painters),
    }
}

fn half_missing(waiting: Place<'_>, text: &OsStr) -> Error {
    let (own, other) = if waiting == Place::Fine { ("fine", "coarse") } else { ("coarse", "fine") };
    let text = text.to_string_lossy();
    Error::usage(format!("--style {text} is the {own} scale of a painter whose {other} scale is missing"))
        .hint(format!("add --style PICTURE@{other} next to it"))
}

/// One value: a blend and where it holds.
fn style<'a>(value: &'a OsStr, exists: &impl Fn(&Path) -> bool) -> Result<(Vec<StyleFile>, Place<'a>)> {
    let whole = || vec![StyleFile { path: value.into(), weight: 1.0 }];
    let text = match value.to_str() {
        Some(text) if !exists(Path::new(value)) => text,
        _ => return Ok((whole(), Place::Everywhere)),
    };
    let Some((list, place)) = divided(text, exists) else {
        return Ok((blend(text, text, exists)?, Place::Everywhere));
    };
    let place = match place {
        "" => {
            return Err(Error::usage(format!("--style {text} ends in an @ with nothing behind it"))
                .hint("write a mask behind it (A.jpg@sky.png), or @fine or @coarse"));
        }
        "fine" if !exists(Path::new(place)) => Place::Fine,
        "coarse" if !exists(Path::new(place)) => Place::Coarse,
        mask if exists(Path::new(mask)) => Place::In(mask),
        mask => Place::In(check_mask(mask, text, exists)?),
    };
    Ok((blend(list, text, exists)?, place))
}

/// The value before and after the `@` that is meant, if one is: the last one between what is there; else the
/// last one with something there on one side.
fn divided<'a>(text: &'a str, exists: &impl Fn(&Path) -> bool) -> Option<(&'a str, &'a str)> {
    let complete = |list: &str| runs(list, exists).all(|run| run.found);
    if complete(text) {
        return None;
    }
    let cuts = || text.rmatch_indices('@').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let known = |place: &str| exists(Path::new(place)) || matches!(place, "fine" | "coarse");
    cuts()
        .find(|(list, place)| known(place) && complete(list))
        .or_else(|| cuts().find(|(_, place)| known(place)))
        .or_else(|| cuts().find(|(list, _)| complete(list)))
}

/// Refuses what looks like a mask with more behind it; anything else that does not exist is told when it is
/// opened.
fn check_mask<'a>(mask: &'a str, whole: &str, exists: &impl Fn(&Path) -> bool) -> Result<&'a str> {
    let known = |place: &str| exists(Path::new(place)) || matches!(place, "fine" | "coarse");
    if mask.split_once(',').is_some_and(|(place, _)| known(place)) {
        return Err(within_a_list(whole));
    }
    if mask.rsplit_once('=').is_some_and(|(place, _)| known(place)) {
        return Err(Error::usage(format!("--style {whole} has a weight behind its @"))
            .hint("weights are for the pictures of a blend: write A.jpg=2,B.jpg=1@mask.png"));
    }
    Ok(mask)
}

fn within_a_list(whole: &str) -> Error {
    Error::usage(format!("--style {whole} has an @ within its list"))
        .hint("what stands behind an @ holds for a whole --style: write one --style for each mask or scale")
}

/// A run of comma-separated parts that names one file.
struct Run<'a> {
    text: &'a str,
    /// The path in it and the weight behind it.
    path: &'a str,
    weight: Option<&'a str>,
    /// Whether there is such a file.
    found: bool,
}

/// Cuts a list into the shortest runs that exist, with or without a weight. What does not exist is cut at the
/// next comma, and whoever opens the file says that it is missing.
fn runs<'a>(list: &'a str, exists: &impl Fn(&Path) -> bool) -> impl Iterator<Item = Run<'a>> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let ends = list.match_indices(',').map(|(at, _)| at).chain([list.len()]);
        let known = |text: &'a str| {
            if exists(Path::new(text)) {
                return Some(Run { text, path: text, weight: None, found: true });
            }
            // An @ belongs to no number: what is behind it is a place.
            let (path, weight) = text.rsplit_once('=').filter(|(_, weight)| !weight.contains('@'))?;
            exists(Path::new(path)).then_some(Run { text, path, weight: Some(weight), found: true })
        };
        let plain = || {
            let text = list.split(',').next().unwrap_or(list);
            let (path, weight) = text.rsplit_once('=').map_or((text, None), |(p, w)| (p, Some(w)));
            Run { text, path, weight, found: false }
        };
        let run = ends.map(|end| &list[..end]).find_map(known).unwrap_or_else(plain);
        rest = list.get(run.text.len() + 1..);
        Some(run)
    })
}

/// Reads a list of pictures; `whole` is what was typed.
fn blend(list: &str, whole: &str, exists: &impl Fn(&Path) -> bool) -> Result<Vec<StyleFile>> {
    let read = |run: Run<'_>| {
        if run.path.trim().is_empty() {
            return Err(Error::usage(format!("--style {whole} names an empty file name"))
                .hint("write a picture, or several as A.jpg=2,B.jpg=1"));
        }
        if !run.found && run.text.split_once('@').is_some_and(|(picture, _)| exists(Path::new(picture))) {
            return Err(within_a_list(whole));
        }
        let weight = match run.weight {
            None => Some(1.0),
            Some(weight) => weight.trim().parse().ok().filter(|w: &f64| w.is_finite() && *w > 0.0),
        };
        match weight {
            Some(weight) => Ok(StyleFile { path: run.path.into(), weight }),
            None => Err(Error::usage(format!(
                "the style {} has the weight '{}'",
                run.path,
                run.weight.unwrap_or_default()
            ))
            .hint("weights of blended styles are numbers above 0, for example A.jpg=2,B.jpg=1")),
        }
    };
    runs(list, exists).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The painters among `files` that exist: parts as `path=weight …`, then `|coarse …` and `@index mask`.
    fn all(values: &[&str], files: &[&str]) -> Result<Vec<Vec<String>>> {
        let shown = |files: &[StyleFile]| {
            let files = files.iter().map(|file| format!("{}={}", file.path.display(), file.weight));
            files.collect::<Vec<_>>().join(" ")
        };
        let part = |part: &StylePart| {
            let coarse = part.coarse.as_ref().map_or(String::new(), |files| format!(" |{}", shown(files)));
            let region = part
                .region
                .as_ref()
                .map_or(String::new(), |region| format!(" @{} {}", region.index, region.mask.display()));
            shown(&part.files) + &coarse + &region
        };
        let painters =
            painters_among(values, &|path: &Path| files.iter().any(|file| Path::new(file) == path))?;
        Ok(painters.iter().map(|set| set.parts.iter().map(part).collect()).collect())
    }

    /// A value that is one part of one painter.
    #[track_caller]
    fn read(value: &str, files: &[&str]) -> Result<String> {
        let painters = all(&[value], files)?;
        let [painter] = painters.as_slice() else { panic!("{painters:?}") };
        let [part] = painter.as_slice() else { panic!("{painter:?}") };
        Ok(part.clone())
    }

    #[test]
    fn a_list_is_a_blend_and_a_name_alone_weighs_one() {
        assert_eq!(read("a.jpg", &["a.jpg"]).unwrap(), "a.jpg=1");
        assert_eq!(read("a.jpg=2,b.jpg", &["a.jpg", "b.jpg"]).unwrap(), "a.jpg=2 b.jpg=1");
        assert_eq!(read("missing.jpg=0.5,b.jpg=1", &["b.jpg"]).unwrap(), "missing.jpg=0.5 b.jpg=1");
    }

    #[test]
    fn commas_and_equals_signs_in_names_of_files_that_exist_are_kept() {
        assert_eq!(read("a=2,b.jpg", &["a=2,b.jpg"]).unwrap(), "a=2,b.jpg=1");
        assert_eq!(read("x=1.jpg=3", &["x=1.jpg"]).unwrap(), "x=1.jpg=3");
        assert_eq!(
            read("one, two.jpg=3,c.jpg", &["one, two.jpg", "c.jpg"]).unwrap(),
            "one, two.jpg=3 c.jpg=1"
        );
    }

    #[test]
    fn behind_the_last_at_stands_a_mask() {
        assert_eq!(read("a.jpg@m.png", &["a.jpg", "m.png"]).unwrap(), "a.jpg=1 @0 m.png");
        assert_eq!(
            read("a.jpg=2,b.jpg=1@m.png", &["a.jpg", "b.jpg", "m.png"]).unwrap(),
            "a.jpg=2 b.jpg=1 @0 m.png"
        );
        // One side is there: the other is said to be missing when it is opened.
        assert_eq!(read("a.jpg@m.png", &["a.jpg"]).unwrap(), "a.jpg=1 @0 m.png");
        assert_eq!(read("a.jpg@m.png", &["m.png"]).unwrap(), "a.jpg=1 @0 m.png");
        // Neither is: most likely a name with an @.
        assert_eq!(read("me@home.jpg", &[]).unwrap(), "me@home.jpg=1");
    }

    #[test]
    fn at_signs_in_names_of_files_that_exist_are_kept() {
        assert_eq!(read("a@m.png", &["a@m.png", "a", "m.png"]).unwrap(), "a@m.png=1");
        assert_eq!(read("a@b.jpg=2,c.jpg", &["a@b.jpg", "c.jpg", "a"]).unwrap(), "a@b.jpg=2 c.jpg=1");
        assert_eq!(read("a@b.jpg@m@n.png", &["a@b.jpg", "m@n.png"]).unwrap(), "a@b.jpg=1 @0 m@n.png");
        assert_eq!(read("a.jpg@m@n.png", &["a.jpg", "m@n.png"]).unwrap(), "a.jpg=1 @0 m@n.png");
        // A file called like a scale is a mask, and ./fine is in any case.
        assert_eq!(read("a.jpg@fine", &["a.jpg", "fine"]).unwrap(), "a.jpg=1 @0 fine");
        assert_eq!(read("a.jpg@./fine", &["a.jpg"]).unwrap(), "a.jpg=1 @0 ./fine");
    }

    #[test]
    fn masked_styles_join_the_painter_before_them() {
        let files = ["r.jpg", "a.jpg", "b.jpg", "1.png", "2.png"];
        let read = |values: &[&str]| all(values, &files).unwrap();
        assert_eq!(
            read(&["r.jpg", "a.jpg@1.png", "b.jpg@2.png"]),
            [["r.jpg=1", "a.jpg=1 @0 1.png", "b.jpg=1 @1 2.png"]]
        );
        assert_eq!(read(&["a.jpg@1.png", "b.jpg@2.png"]), [["a.jpg=1 @0 1.png", "b.jpg=1 @1 2.png"]]);
        // The same mask again begins another painter, which shares it; so does a style for everywhere.
        let painters = read(&["a.jpg@1.png", "b.jpg@1.png", "r.jpg", "a.jpg@2.png"]);
        assert_eq!(
            painters,
            [vec!["a.jpg=1 @0 1.png"], vec!["b.jpg=1 @0 1.png"], vec!["r.jpg=1", "a.jpg=1 @1 2.png"]]
        );
    }

    #[test]
    fn two_scales_are_one_painter_in_either_order() {
        let files = ["a.jpg", "b.jpg", "c.jpg", "m.png"];
        let read = |values: &[&str]| all(values, &files);
        for values in [["a.jpg=2,c.jpg@fine", "b.jpg@coarse"], ["b.jpg@coarse", "a.jpg=2,c.jpg@fine"]] {
            assert_eq!(read(&values).unwrap(), [["a.jpg=2 c.jpg=1 |b.jpg=1"]]);
        }
        let masked = read(&["c.jpg", "a.jpg@fine", "b.jpg@coarse", "c.jpg@m.png"]).unwrap();
        assert_eq!(masked, [vec!["c.jpg=1"], vec!["a.jpg=1 |b.jpg=1", "c.jpg=1 @0 m.png"]]);
        for (values, missing) in [
            (vec!["a.jpg@fine"], "coarse scale is missing"),
            (vec!["c.jpg", "a.jpg@coarse"], "fine scale is missing"),
            (vec!["a.jpg@fine", "b.jpg@fine"], "coarse scale is missing"),
            (vec!["a.jpg@fine", "c.jpg", "b.jpg@coarse"], "coarse scale is missing"),
            (vec!["a.jpg@coarse", "c.jpg@m.png"], "fine scale is missing"),
        ] {
            let error = read(&values).unwrap_err();
            assert!(
                error.to_string().contains(missing) && error.next_step().is_some(),
                "{values:?}: {error}"
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in [
            "a.jpg=0",
            "a.jpg=-1",
            "a.jpg=nan",
            "a.jpg=inf",
            "a.jpg=x",
            "a.jpg=",
            "=2",
            "",
            "a.jpg,,b.jpg",
            "a.jpg@",
            "@m.png",
            "@fine",
            "a.jpg=0@m.png",
            "a.jpg@m.png,b.jpg",
            "a.jpg@m.png,b.jpg@m.png",
            "a.jpg@m.png=2",
            "a.jpg@fine,b.jpg",
            "a.jpg@coarse=2",
        ] {
            let error = all(&[bad], &["a.jpg", "b.jpg", "m.png"]).unwrap_err();
            assert!(error.next_step().is_some(), "{bad}");
        }
    }

    #[test]
    fn painters_are_named_and_their_masks_counted() {
        let sets = painters(&["a/b.jpg", "c.png=2,d.e.jpg=1"]).unwrap();
        assert_eq!(sets.iter().map(StyleSet::name).collect::<Vec<_>>(), ["b", "c + d.e"]);
        assert!(regions(&sets).is_empty() && super::painters(&["a.jpg=0"]).is_err());
        let there = |_: &Path| false;
        let sets = painters_among(&["a.jpg@fine", "b.jpg@coarse"], &there).unwrap();
        assert_eq!(sets[0].name(), "a + b");
        let there = |path: &Path| ["x", "y", "1", "2"].iter().any(|file| Path::new(file) == path);
        let sets = painters_among(&["x@2", "y@2", "x@1"], &there).unwrap();
        assert_eq!(regions(&sets), [Path::new("2"), Path::new("1")]);
    }

    #[test]
    fn several_painters_are_refused_with_what_to_write() {
        let error = one_painter(&["a.jpg", "b.jpg=2"]).unwrap_err();
        assert!(error.next_step().unwrap().contains("--style a.jpg,b.jpg=2"));
        let error = one_painter(&["a.jpg@fine", "b.jpg@coarse", "c.jpg"]).unwrap_err();
        assert!(error.next_step().unwrap().contains("REST.jpg"));
        assert!(one_painter(&[] as &[&str]).is_err());
        assert!(one_blend(&["a.jpg@fine", "b.jpg@coarse"]).is_err());
        assert_eq!(one_blend(&["a.jpg=2,b.jpg"]).unwrap().len(), 2);
    }
}
