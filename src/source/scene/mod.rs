//! A moving picture made of stills: as rich as a film, and its motion known exactly.
//!
//! A camera moves over a still, and cut-outs of other stills move before it, each on an affine path of
//! its own; so for any pair of frames it is known where every pixel came from, and which were hidden.
//! Flow, cuts and steadiness are judged against it, because in real films nobody knows the truth.

mod layer;
mod path;
mod presets;

pub use layer::{Cutout, Edge};
pub use path::{Path, Swing};

use super::pattern::SplitMix;
use crate::error::Result;
use crate::flow::{Flow, Mask};
use crate::frame::{Frame, FrameIndex, Size};
use crate::source::{FrameSource, SourceInfo, TimedFrame};
use crate::time::{FrameRate, Timestamp};
use layer::{Layer, Placed};
use rayon::prelude::*;

/// How much more than the frame the still shows, along each side, before it is mirrored.
const STILL_COVERS: f64 = 1.5;

/// What every scene has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SceneOptions {
    /// Size of the frames; a side of 0 is taken as 1.
    pub size: Size,
    /// How many frames.
    pub frames: u64,
    /// How fast they follow each other.
    pub frame_rate: FrameRate,
    /// The camera's noise: the standard deviation of a Gaussian, in 8-bit steps, that is added to each
    /// channel of each pixel, new in each frame.
    pub noise: f64,
    /// Which noise.
    pub seed: u64,
}

impl Default for SceneOptions {
    /// 24 frames of 224×128 at 25 a second, without noise.
    fn default() -> Self {
        Self { size: Size::new(224, 128), frames: 24, frame_rate: FrameRate::new(25, 1), noise: 0.0, seed: 0 }
    }
}

/// A source of a scene.
#[derive(Debug, Clone)]
pub struct Scene {
    info: SourceInfo,
    options: SceneOptions,
    /// Back to front; the first is endless.
    layers: Vec<Layer>,
    next: u64,
}

impl Scene {
    /// A scene at its first frame: `still` as `camera` places it, endless (one and a half times as wide
    /// and high as the frame, then mirrored), and `objects` before it, the last in front.
    pub fn new(options: SceneOptions, still: &Frame, camera: Path, objects: &[Cutout]) -> Self {
        let size = Size::new(options.size.width.max(1), options.size.height.max(1));
        let covers = [size.width, size.height].map(|side| STILL_COVERS * side as f64);
        let mut layers = vec![Layer::endless(still, covers, camera)];
        layers.extend(objects.iter().map(Layer::cut_out));
        let info = SourceInfo {
            size,
            frame_rate: options.frame_rate,
            time_base: options.frame_rate.time_base(),
            frames: Some(options.frames),
        };
        Self { info, options, layers, next: 0 }
    }

    /// The frame of any index, without advancing.
    pub fn frame(&self, index: FrameIndex) -> Frame {
        let layers = self.placed(index);
        let mut frame = Frame::from_fn(self.info.size, |_, _| [0; 3]);
        let rows = frame.data_mut().par_chunks_exact_mut(3 * self.info.size.width);
        rows.enumerate().for_each(|(y, row)| {
            let mut noise = Noise::new(&self.options, index, y);
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let color = color(&layers, [x as f64, y as f64]);
                for (byte, value) in pixel.iter_mut().zip(color) {
                    *byte = (value + noise.next()).round().clamp(0.0, 255.0) as u8;
                }
            }
        });
        frame
    }

    /// How far to the right and down what each pixel of frame `of` shows lies in frame `towards`; exact
    /// up to the rounding of floats, also for what is hidden there. On the edge of a cut-out, the motion
    /// is that of what the middle of the pixel shows.
    pub fn flow(&self, of: FrameIndex, towards: FrameIndex) -> Flow {
        let (here, there) = (self.placed(of), self.placed(towards));
        Flow::from_fn(self.info.size, |x, y| {
            let point = [x as f64, y as f64];
            let (_, [to_x, to_y]) = follow(&here, &there, point);
            [(to_x - point[0]) as f32, (to_y - point[1]) as f32]
        })
    }

    /// 1 where what the middle of a pixel of frame `of` shows is not to be seen in frame `towards`:
    /// covered by a cut-out there, or beyond the border; 0 elsewhere.
    pub fn occluded(&self, of: FrameIndex, towards: FrameIndex) -> Mask {
        let (here, there) = (self.placed(of), self.placed(towards));
        let Size { width, height } = self.info.size;
        let hidden = |i: usize| {
            let (layer, point) = follow(&here, &there, [(i % width) as f64, (i / width) as f64]);
            // A pixel reaches half its width beyond its middle.
            let inside = |at: f64, n: usize| (-0.5..=n as f64 - 0.5).contains(&at);
            let seen = inside(point[0], width) && inside(point[1], height) && front(&there, point) == layer;
            if seen { 0.0 } else { 1.0 }
        };
        let values = (0..width * height).map(hidden).collect();
        Mask::new(self.info.size, values).unwrap_or_else(|| Mask::flat(self.info.size, 0.0))
    }

    fn placed(&self, index: FrameIndex) -> Vec<Placed<'_>> {
        let Size { width, height } = self.info.size;
        let middle = [width, height].map(|side| (side as f64 - 1.0) / 2.0);
        self.layers.iter().map(|layer| layer.placed(index.0 as f64, middle)).collect()
    }
}

/// The front layer at `point`, and where that point of it is in the other frame.
fn follow(here: &[Placed<'_>], there: &[Placed<'_>], point: [f64; 2]) -> (usize, [f64; 2]) {
    let layer = front(here, point);
    (layer, here[layer].follow(point, &there[layer]))
}

fn front(layers: &[Placed<'_>], point: [f64; 2]) -> usize {
    layers.iter().rposition(|layer| layer.covers(point)).unwrap_or(0)
}

fn color(layers: &[Placed<'_>], point: [f64; 2]) -> [f64; 3] {
    let mut color = [0.0; 3];
    for layer in layers {
        let coverage = layer.coverage(point);
        if coverage > 0.0 {
            for (color, above) in color.iter_mut().zip(layer.color(point)) {
                *color += coverage * (above - *color);
            }
        }
    }
    color
}

impl FrameSource for Scene {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        if self.next >= self.options.frames {
            return Ok(None);
        }
        let index = FrameIndex(self.next);
        self.next += 1;
        Ok(Some(TimedFrame {
            index,
            timestamp: Timestamp::new(index.0 as i64, self.info.time_base),
            duration_ticks: Some(1),
            frame: self.frame(index),
        }))
    }
}

/// Gaussian noise, the same for the same seed, frame and row.
struct Noise {
    random: SplitMix,
    deviation: f64,
    /// The second of a pair.
    kept: Option<f64>,
}

impl Noise {
    fn new(options: &SceneOptions, index: FrameIndex, row: usize) -> Self {
        // Odd factors, so that neighbouring frames and rows start far apart.
        let start = options.seed ^ index.0.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let random = SplitMix::new(start ^ (row as u64).wrapping_mul(0xABC9_8388_FB8F_AC03));
        Self { random, deviation: options.noise, kept: None }
    }

    /// Box & Muller (1958).
    fn next(&mut self) -> f64 {
        if self.deviation <= 0.0 {
            return 0.0;
        }
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        let radius = self.deviation * (-2.0 * (1.0 - self.random.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.random.unit()).sin_cos();
        self.kept = Some(radius * sin);
        radius * cos
    }
}
