//! Shot cuts: where nothing of the frame before is left, and painting starts afresh.
//!
//! A cut is declared when three witnesses agree: the motion explains little of the new frame, no single
//! shift of the whole frame does either, and the less the colours agree, the more the motion would have had
//! to explain.

mod evidence;
mod small;

use crate::flow::{Flow, Motion};
use crate::pixels::Pixels;
use evidence::{color_distance, explained, in_one_place};
use small::Small;

/// Explained shares below `EXPLAINED + BY_COLORS · colour distance` are suspect. Tuned, see
/// [`CutDetector`].
const EXPLAINED: f32 = 0.45;
const BY_COLORS: f32 = 0.3;
/// What is clearer than this is one scene, moved as a whole. Tuned, see [`CutDetector`].
const IN_ONE_PLACE: f32 = 0.17;
/// So many bright frames are a flash; with one more it was a cut to white. Tuned: 0.12 s of a film.
const FLASH_FRAMES: u32 = 3;
/// A frame that has less structure than this share of the frames before it is fading. Tuned.
const FADING: f32 = 0.6;
/// How fast the mean of the structure follows. Tuned: about 3 frames.
const FOLLOW: f32 = 0.3;
/// In 8-bit steps, how far one flat colour must jump to be another, and how much a picture must stand out
/// from a flat colour, in its furthest twentieth, to have been cut to. Tuned: a fade that takes 4 frames
/// rises by 64.
const JUMP: f32 = 64.0;
const STANDS_OUT: f32 = 80.0;

/// Tells cuts from everything else that happens between two frames; made for one film, and shown its frames
/// in order.
///
/// # What is a cut
///
/// - another shot, also one with the same colours or of the same texture at another place; also at the
///   film's second frame, and in every frame;
/// - black, or any flat colour, from one frame to the next, and back; even for a single frame;
/// - white that lasts more than 3 frames: it is told at the fourth, since it began like a flash;
/// - after a flash, a shot that is not the one before it.
///
/// # What is not
///
/// - motion, also where the flow fails to follow it: pans, whip pans and shakes by up to 0.4 of the frame a
///   frame, zooms by 20 % and rolls by 15° a frame, objects that pass and cover half of it;
/// - flashes: up to 3 frames that are white or bright, and the frame after them;
/// - fades and dissolves that take 4 frames or more, changes of exposure, noise;
/// - a jump within a shot that leaves most of it in place: where it changed is occluded;
/// - what comes out of black too dark to be told from a fade (less than 80 of 255 steps).
///
/// # The measure
///
/// Both frames and the flows are reduced to 56 cells on the longest side. *Explained* is the likeness
/// (normalised correlation, so that brightness and contrast do not matter) of blocks of 8×8 cells with
/// where they came from, times the share of vectors that lead back, or of blocks that stayed where they
/// were. *Place* is how much better the detail of the whole frame correlates at its best shift than at any
/// shift elsewhere. *Colours* is the distance of histograms of 64 colours. A cut has
/// `explained < 0.45 + 0.3 · colours` and `place < 0.17`.
///
/// Tuned with a prototype on 684 sequences of 224×128 pixels made of the sample clip, five paintings and
/// cosines (the kinds of `tests/finds_cuts.rs`), with OpenCV's DIS flow. The extremes there, of place only
/// where less than 0.9 was explained:
///
/// | between two frames | explained | place | colours |
/// |---|---|---|---|
/// | cut to another shot, with noise up to σ = 30, dark | ≤ 0.25 | ≤ 0.06 | 0.00–0.70 |
/// | cut to the same frame mirrored, upside down | ≤ 0.27 | ≤ 0.08 | 0.01 |
/// | cut to a close-up, elsewhere in a still | ≤ 0.22 | ≤ 0.08 | 0.18–0.77 |
/// | cut elsewhere in a texture of cosines | ≤ 0.46, once 0.78 | ≤ 0.14 | 0.15–0.24 |
/// | pan by 40 to 80 pixels, sharp to blurred | ≥ 0.04 | ≥ 0.37 | ≤ 0.36 |
/// | whip pan from rest, 90 pixels at its fastest | ≥ 0.07 | ≥ 0.22 | ≤ 0.41 |
/// | shake, σ = 10, 20 pixels | ≥ 0.03 | ≥ 0.21 | ≤ 0.34 |
/// | zoom by 12, 20 % a frame | ≥ 0.69 | ≥ 0.02 | ≤ 0.13 |
/// | roll by 15° a frame | ≥ 0.63 | ≥ 0.00 | ≤ 0.10 |
/// | object of half the frame, 20, 40 pixels a frame | ≥ 0.29 | ≥ 0.16 | ≤ 0.18 |
/// | flash that leaves something to see | ≥ 0.48 | ≥ 0.34 | ≤ 1.00 |
/// | exposure, gamma | ≥ 0.81 | ≥ 0.55 | ≤ 0.93 |
/// | dissolve in 5 frames | ≥ 0.84 | ≥ 0.66 | ≤ 0.45 |
/// | noise of σ = 30, still or moving | ≥ 0.90 | – | ≤ 0.06 |
/// | the sample clip, every 6th frame of it | ≥ 0.80 | ≥ 0.38 | ≤ 0.06 |
///
/// The one cut that is missed is explained to 0.78: a texture so smooth and regular that a flow finds it
/// again nearby. Frames without structure are judged by when and how they became so.
#[derive(Debug, Clone, Default)]
pub struct CutDetector {
    /// The running mean of the structure of this shot's frames.
    structure: Option<f32>,
    flash: Option<Flash>,
}

/// Bright frames that may yet be over soon.
#[derive(Debug, Clone)]
struct Flash {
    /// The last frame before them.
    before: Small,
    frames: u32,
}

impl CutDetector {
    /// A detector for a film of which nothing has been seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `after` begins a new shot, given the frame before it and the motion between them. A frame of
    /// another size than the one before, or than its motion, is a cut.
    pub fn is_cut(&mut self, before: &Pixels, after: &Pixels, motion: &Motion) -> bool {
        let Motion { backward, forward } = motion;
        let size = after.size();
        if [before.size(), backward.size(), forward.size()] != [size; 3] {
            *self = Self::new();
            return true;
        }
        let (before, after) = (Small::new(before), Small::new(after));
        let cut = match (before.is_flat(), after.is_flat()) {
            (false, false) => {
                self.flash = None;
                is_other_shot(&before, &after, &Small::flow(backward), &Small::flow(forward))
            }
            (false, true) => self.loses_structure(&before, &after),
            (true, true) => self.stays_flat(&before, &after),
            (true, false) => self.gains_structure(&before, &after),
        };
        let (now, mean) = (after.structure(), self.structure.unwrap_or_else(|| before.structure()));
        self.structure = Some(if cut { now } else { mean + FOLLOW * (now - mean) });
        cut
    }

    fn loses_structure(&mut self, before: &Small, after: &Small) -> bool {
        let now = before.structure();
        let fading = now < FADING * self.structure.unwrap_or(now);
        if after.is_bright() && !fading {
            self.flash = Some(Flash { before: before.clone(), frames: 1 });
        }
        !fading && !after.is_bright()
    }

    fn stays_flat(&mut self, before: &Small, after: &Small) -> bool {
        match self.flash.take() {
            Some(Flash { before, frames }) if after.is_bright() => {
                let lasts = frames >= FLASH_FRAMES;
                self.flash = (!lasts).then_some(Flash { before, frames: frames + 1 });
                lasts
            }
            Some(flash) => jumps(&flash.before, after),
            None if jumps(before, after) && after.is_bright() => {
                self.flash = Some(Flash { before: before.clone(), frames: 1 });
                false
            }
            None => jumps(before, after),
        }
    }

    fn gains_structure(&mut self, before: &Small, after: &Small) -> bool {
        match self.flash.take() {
            Some(Flash { before, .. }) if before.is_flat() => stands_out(&before, after),
            Some(Flash { before, .. }) => {
                let still = Flow::zeros(after.size);
                is_other_shot(&before, after, &still, &still)
            }
            None => stands_out(before, after),
        }
    }
}

/// Flows in cells.
fn is_other_shot(before: &Small, after: &Small, backward: &Flow, forward: &Flow) -> bool {
    let enough = EXPLAINED + BY_COLORS * color_distance(before, after);
    explained(before, after, backward, forward) < enough && in_one_place(before, after) < IN_ONE_PLACE
}

/// Whether two flat frames are of different colours.
fn jumps(before: &Small, after: &Small) -> bool {
    before.color().iter().zip(after.color()).any(|(a, b)| (a - b).abs() > JUMP)
}

/// Whether a twentieth of `after` is far from the flat colour `before`.
fn stands_out(before: &Small, after: &Small) -> bool {
    let n = after.size.pixels();
    let off = |i: &usize| (0..3).any(|c| (after.colors[c][*i] - before.colors[c][*i]).abs() > STANDS_OUT);
    20 * (0..n).filter(off).count() > n
}
