//! The rooms of the house keep to their floors: a file uses its own folder and lower floors, never a
//! higher one, and crates of the outside world are named only where they belong. Read from the `use`
//! lines and paths of the sources themselves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every room and its floor. A new room takes its place here, and in docs/ARCHITECTURE.md.
const FLOORS: &[(u8, &[&str])] = &[
    (0, &["error", "files", "frame", "names", "numbered", "pixels", "provenance", "slot", "time", "yuv"]),
    (1, &["device", "ffmpeg", "kernels", "optim", "resize", "text", "v4l2"]),
    (2, &["flow", "sink", "source"]),
    (3, &["vgg"]),
    (4, &["loss"]),
    (5, &["stylize"]),
    (6, &["bench", "eval", "models", "pipeline", "study"]),
    (7, &["cli", "lib", "main"]),
];

/// Rooms that do not speak of each other though their floors would allow it.
const STRANGERS: &[(&str, &[&str])] = &[
    ("source", &["sink"]),
    // The optimiser knows nothing of images, networks or films.
    ("optim", &["frame", "pixels", "time", "ffmpeg", "kernels", "device", "resize", "v4l2", "yuv"]),
    // The artist has no idea where frames come from or go.
    ("stylize", &["source", "sink", "ffmpeg", "time"]),
    ("loss", &["source", "sink", "ffmpeg", "time"]),
    ("vgg", &["source", "sink", "ffmpeg", "time", "pixels"]),
];

/// What one room may use of another: a sink knows what a frame looks like, not where it is from.
const ONLY: &[(&str, &str, &[&str])] = &[("sink", "source", &["TimedFrame", "SourceInfo"])];

/// Crates of the outside world and the places that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("ffmpeg_next", &["ffmpeg", "source/video", "sink/video", "sink/broadcast"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("ctrlc", &["cli"]),
    ("tracing_subscriber", &["cli"]),
    ("crossbeam_channel", &["pipeline", "sink/broadcast"]),
    ("hf_hub", &["models"]),
    ("minifb", &["sink/window"]),
    ("x11_dl", &["sink/window"]),
    ("plotters", &["eval"]),
    ("ab_glyph", &["text"]),
    ("nokhwa", &["source/webcam"]),
    ("v4l", &["v4l2"]),
    ("toml", &["cli/recipes"]),
    ("png", &["source/still", "sink/still"]),
    ("candle_core", &["device", "error", "loss", "vgg", "kernels/cuda/gpu", "kernels/cuda/cudnn"]),
    ("image", &["source", "sink", "numbered"]),
    ("libloading", &["device"]),
];

/// One mention of `crate::room::…` or of an outside crate.
struct Mention {
    file: String,
    line: usize,
    path: Vec<String>,
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of a file without comments, strings' contents aside, and without its tests: tests may
/// bring in whatever they need.
fn code(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim() == "#[cfg(test)]"
            && text.lines().nth(number + 1).is_some_and(|next| next.contains("mod "))
        {
            break;
        }
        let line = line.split("//").next().unwrap_or_default();
        lines.push((number + 1, line.to_owned()));
    }
    lines
}

/// Every path that begins at `start` ("crate::" or "ffmpeg_next::"), groups in braces resolved one
/// level deep: `crate::a::{B, C}` is `a::B` and `a::C`.
fn mentions(file: &str, text: &str, start: &str) -> Vec<Mention> {
    let lines = code(text);
    let joined: String = lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in joined.match_indices(start) {
        if joined[..at].chars().next_back().is_some_and(|c| word(c) || c == '$' || c == ':') {
            continue;
        }
        let line = lines[joined[..at].matches('\n').count()].0;
        let rest = &joined[at + start.len()..];
        let mut path = Vec::new();
        let mut rest = rest;
        loop {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            path.push(rest[..end].to_owned());
            match rest[end..].strip_prefix("::") {
                Some(next) => rest = next,
                None => break,
            }
        }
        let group = rest.strip_prefix('{').and_then(|inner| inner.split('}').next());
        let mut push = |path| found.push(Mention { file: file.to_owned(), line, path });
        match group {
            Some(group) => {
                for item in group.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                    let item = item.split(|c| !word(c)).next().unwrap_or_default().to_owned();
                    push([path.as_slice(), &[item]].concat());
                }
            }
            None => push(path),
        }
    }
    found
}

/// `src/sink/video/mod.rs` → `sink/video`, `src/frame.rs` → `frame`.
fn place(path: &Path, root: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap().with_extension("");
    let name = inside.to_str().unwrap().replace('\\', "/");
    name.strip_suffix("/mod").unwrap_or(&name).to_owned()
}

fn room(place: &str) -> &str {
    place.split('/').next().unwrap()
}

fn all() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let place = place(&path, &root);
        (path, place, text)
    };
    sources(&root).into_iter().map(read).collect()
}

#[test]
fn no_room_uses_a_higher_floor() {
    let floors: BTreeMap<&str, u8> =
        FLOORS.iter().flat_map(|(floor, rooms)| rooms.iter().map(|room| (*room, *floor))).collect();
    let mut wrong = Vec::new();
    for (path, place, text) in all() {
        let own = room(&place);
        let Some(&floor) = floors.get(own) else {
            wrong.push(format!("{} is in no room of FLOORS", path.display()));
            continue;
        };
        for Mention { file, line, path } in mentions(&place, &text, "crate::") {
            let used = path[0].as_str();
            if used == own || used == "names" && path.len() > 1 {
                continue;
            }
            let mut forbid = |why: &str| {
                wrong.push(format!("src/{file}.rs:{line}: {own} uses crate::{}: {why}", path.join("::")))
            };
            match floors.get(used) {
                None => forbid("which is in no room of FLOORS"),
                Some(&above) if above > floor => forbid("which is on a higher floor"),
                Some(_) => {}
            }
            if STRANGERS.iter().any(|(who, whom)| *who == own && whom.contains(&used)) {
                forbid("these rooms do not know each other");
            }
            for (who, whom, items) in ONLY {
                if *who == own
                    && *whom == used
                    && !path.get(1).is_some_and(|item| items.contains(&item.as_str()))
                {
                    forbid("it may only know what a frame looks like");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_are_named_only_where_they_belong() {
    let mut wrong = Vec::new();
    for (_, place, text) in all() {
        for (name, places) in CRATES {
            let allowed = places.iter().any(|room| place == *room || place.starts_with(&format!("{room}/")));
            let used = [format!("{name}::"), format!("use {name}")];
            // A module of one's own may be named like a crate.
            if text.contains(&format!("mod {name};")) {
                continue;
            }
            let code = code(&text);
            let mention = code.iter().find(|(_, line)| {
                used.iter().any(|used| {
                    line.find(used.as_str()).is_some_and(|at| {
                        let before = line[..at].chars().next_back();
                        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
                    })
                })
            });
            if let Some((line, _)) = mention.filter(|_| !allowed) {
                wrong.push(format!("src/{place}.rs:{line}: {name} belongs in {}", places.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_why_it_exists_and_stays_readable() {
    let mut wrong = Vec::new();
    for (path, _, text) in all() {
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not open with why it exists", path.display()));
        }
        if text.lines().count() > 550 {
            wrong.push(format!("{} has {} lines", path.display(), text.lines().count()));
        }
    }
    let main = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(main.lines().count() < 60, "main.rs is no table of contents any more");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_use_lines_reads_them() {
    let text = "use crate::a::{B, c::D};\n// crate::no\nuse crate::e;\nfn f() -> crate::g::H {}\n$crate::i::j;\n#[cfg(test)]\nmod tests {\n use crate::k;\n}";
    let found: Vec<_> = mentions("x", text, "crate::").iter().map(|m| (m.line, m.path.join("::"))).collect();
    let expected = [(1, "a::B"), (1, "a::c"), (3, "e"), (4, "g::H")];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}
