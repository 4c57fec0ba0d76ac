//! Which encoder: the one asked for, checked against the container, or the best there is.

use crate::error::{Error, Result};
use crate::ffmpeg::mux::Container;
use crate::ffmpeg::mux_codec;
use ff::codec::Id;
use ffmpeg_next as ff;

const VIDEO: ff::media::Type = ff::media::Type::Video;

/// The encoder for a film in `container`; what is second best is said in `notes`.
pub(in crate::sink) fn encoder(
    container: Container,
    wish: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<ff::Codec> {
    let Some(wish) = wish else {
        return default_encoder(container, notes);
    };
    let found = mux_codec::encoder(wish, VIDEO).ok_or_else(|| unknown(wish))?;
    if container.holds(found.id()) == Some(false) {
        return Err(does_not_fit(container, wish, found.id()));
    }
    Ok(found)
}

/// Looks like the original and plays anywhere: H.264 where the container holds it.
fn default_encoder(container: Container, notes: &mut Vec<String>) -> Result<ff::Codec> {
    best_encoder(container, |name| mux_codec::encoder(name, VIDEO), notes)
}

/// The best of the encoders that `find` finds by their names.
fn best_encoder(
    container: Container,
    find: impl Fn(&str) -> Option<ff::Codec> + Copy,
    notes: &mut Vec<String>,
) -> Result<ff::Codec> {
    if container.holds(Id::H264) == Some(true) {
        for (rank, name) in ["libx264", "libopenh264", "mpeg4"].into_iter().enumerate() {
            if let Some(found) = find(name).filter(|found| container.holds(found.id()) != Some(false)) {
                if rank > 0 {
                    notes.push(format!(
                        "This FFmpeg has no libx264 (it is under the GPL), so the film is encoded with {name}."
                    ));
                }
                return Ok(found);
            }
        }
    }
    let preferred = match container.name() {
        "webm" => ["libvpx-vp9", "libvpx", "libaom-av1"].into_iter().find_map(find),
        _ => None,
    };
    let id = container.default_codec(VIDEO);
    preferred.or_else(|| ff::encoder::find(id).filter(|found| found.medium() == VIDEO)).ok_or_else(|| {
        Error::usage(format!(
            "this FFmpeg has no encoder for {}, which {} films use",
            mux_codec::codec_name(id),
            container.name()
        ))
        .hint("name one with --codec, or choose another container, for example -o painted.mkv")
    })
}

fn unknown(wish: &str) -> Error {
    let names = mux_codec::video_encoders();
    let close = closest(wish, &names);
    let listed = if close.is_empty() {
        "libx264, libx265, libsvtav1, prores_ks and ffv1 are common; `ffmpeg -encoders` lists all".into()
    } else {
        format!("did you mean {}?", close.join(" or "))
    };
    Error::usage(format!("this FFmpeg has no video encoder '{wish}'")).hint(listed)
}

fn does_not_fit(container: Container, wish: &str, codec: Id) -> Error {
    let fitting: Vec<&str> = ["mp4", "mov", "mkv", "webm", "avi", "gif", "nut"]
        .into_iter()
        .filter(|extension| {
            Container::by_extension(extension).is_some_and(|other| other.holds(codec) == Some(true))
        })
        .take(3)
        .collect();
    let error = Error::usage(format!("a film in {} cannot hold {wish} video", container.name()));
    if fitting.is_empty() {
        error.hint("leave --codec out to use what fits")
    } else {
        error.hint(format!("end the file's name in .{}, or leave --codec out", fitting.join(" or .")))
    }
}

/// Up to four names that look like `wish`: those containing it or contained in it, then those a few
/// letters away.
fn closest<'a>(wish: &str, names: &[&'a str]) -> Vec<&'a str> {
    let wish = wish.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = names
        .iter()
        .filter_map(|&name| {
            let distance = edit_distance(&wish, name);
            let related = wish.len() >= 3 && (name.contains(&wish) || wish.contains(name));
            (related || distance <= 2.max(wish.len() / 4)).then_some((distance, name))
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, name)| name).take(4).collect()
}

/// How many letters to insert, drop or change (Levenshtein 1966), by rows.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_encoders_are_recognised() {
        let names = ["libx264", "libx264rgb", "libx265", "prores_ks", "ffv1", "mpeg4"];
        assert_eq!(closest("libx254", &names)[..2], ["libx264", "libx265"]);
        assert_eq!(closest("x264", &names)[0], "libx264");
        assert_eq!(closest("prores_kss", &names), ["prores_ks"]);
        assert!(closest("watercolour", &names).is_empty());
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }

    #[test]
    fn without_x264_the_next_best_is_taken_and_said() {
        crate::ffmpeg::init();
        let best = |name, missing: &[&str]| {
            let mut notes = Vec::new();
            let find = |name: &str| mux_codec::encoder(name, VIDEO).filter(|_| !missing.contains(&name));
            let found = best_encoder(Container::by_name(name).unwrap(), find, &mut notes).unwrap();
            (found.id(), notes)
        };
        assert_eq!(best("matroska", &[]), (Id::H264, vec![]));
        let (codec, notes) = best("matroska", &["libx264", "libopenh264"]);
        assert_eq!(codec, Id::MPEG4);
        assert!(notes.len() == 1 && notes[0].contains("no libx264") && notes[0].ends_with("with mpeg4."));
        // What has to be H.264 finds none, and FLV has a codec of its own.
        assert_eq!(best("flv", &["libx264", "libopenh264"]).0, Id::FLV1);
    }

    #[test]
    fn containers_get_what_they_hold() {
        crate::ffmpeg::init();
        let pick = |name, wish| encoder(Container::by_name(name).unwrap(), wish, &mut Vec::new());
        assert_eq!(pick("mp4", None).unwrap().id(), Id::H264);
        assert_eq!(pick("webm", None).unwrap().id(), Id::VP9);
        assert_eq!(pick("gif", None).unwrap().id(), Id::GIF);
        let error = pick("mp4", Some("prores_ks")).err().unwrap();
        assert_eq!(error.kind(), crate::error::ErrorKind::Usage);
        assert!(error.next_step().unwrap().contains(".mov"), "{error:?}");
        assert!(pick("mp4", Some("libx254")).err().unwrap().next_step().unwrap().contains("libx264"));
    }
}
