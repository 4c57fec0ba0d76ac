//! Makes a film of stills with its exact motion: numbered frames, flows (.flo) and occlusion masks, to
//! judge flow and painted films by.
//!
//!     cargo run --example 07_make_a_scene -- walk 224x128 24 photo.jpg ball.jpg scene

use std::fs::create_dir_all;
use std::path::PathBuf;
use stylecast::error::{Error, Result};
use stylecast::flow::{Mask, write_flow};
use stylecast::frame::{Frame, FrameIndex};
use stylecast::sink::{place::Existing, still::write_picture};
use stylecast::source::scene::{Scene, SceneOptions};
use stylecast::source::still::read_picture;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, size, frames, still, objects @ .., folder] = words.as_slice() else {
        return Err(Error::usage(
            "needed: walk, dive or still, a size, how many frames, a still and a folder",
        ));
    };
    let frames = frames.parse().map_err(|_| Error::usage(format!("'{frames}' is no number of frames")))?;
    let options = SceneOptions { size: size.parse()?, frames, ..SceneOptions::default() };
    let picture = |path: &String| read_picture(&PathBuf::from(path));
    let (still, objects) = (picture(still)?, objects.iter().map(picture).collect::<Result<Vec<_>>>()?);
    let scene = match name.as_str() {
        "walk" => Scene::walk(options, &still, &objects),
        "dive" => Scene::dive(options, &still),
        "still" => Scene::still(SceneOptions { noise: 2.0, ..options }, &still),
        _ => return Err(Error::usage(format!("there is no scene '{name}'")).hint("try walk, dive or still")),
    };

    let folder = PathBuf::from(folder);
    for folder in [folder.join("frames"), folder.join("flow")] {
        create_dir_all(&folder).map_err(|cause| Error::output("cannot make a folder").caused_by(cause))?;
    }
    let write = |name: String, frame: &Frame| {
        write_picture(&folder.join(name), frame, Existing::Replace, &[] as &[PathBuf])
    };
    for t in 0..frames {
        write(format!("frames/{t:05}.png"), &scene.frame(FrameIndex(t)))?;
        // Against the frame before, and for long-term steadiness against the one ten frames before.
        for (distance, pair) in [(1, format!("{t:05}")), (10, format!("{t:05}_{:05}", t.saturating_sub(10)))]
        {
            let Some(before) = t.checked_sub(distance).map(FrameIndex) else { continue };
            let now = FrameIndex(t);
            write_flow(&folder.join(format!("flow/backward_{pair}.flo")), &scene.flow(now, before))?;
            write(format!("flow/occluded_{pair}.png"), &white(&scene.occluded(now, before)))?;
            if distance == 1 {
                write_flow(&folder.join(format!("flow/forward_{pair}.flo")), &scene.flow(before, now))?;
            }
        }
    }
    Ok(())
}

/// A mask as a picture: white where it is 1.
fn white(mask: &Mask) -> Frame {
    let width = mask.size().width;
    Frame::from_fn(mask.size(), |x, y| [(255.0 * mask.values()[y * width + x]) as u8; 3])
}
