//! A moving picture made of arithmetic: the same bytes everywhere, and a motion known exactly.
//!
//! Flow, warping, pipelines and sinks are tested against it, and a person can try the program with
//! it. The picture is a smooth texture (cosines of several sizes, from a third of the frame to 6
//! pixels) that slides by the same amount from each frame to the next.

use crate::error::Result;
use crate::frame::{Frame, FrameIndex, Size};
use crate::source::{FrameSource, SourceInfo, TimedFrame};
use crate::time::{FrameRate, Timestamp};

/// What the pattern is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatternOptions {
    /// Size of the frames; a side of 0 is taken as 1.
    pub size: Size,
    /// How many frames.
    pub frames: u64,
    /// How fast they follow each other.
    pub frame_rate: FrameRate,
    /// Pixels that the texture moves to the right and down from one frame to the next; fractions are
    /// exact, because the texture is a function and not a picture.
    pub motion: [f32; 2],
    /// Which texture.
    pub seed: u64,
}

impl Default for PatternOptions {
    /// 25 frames of 128×96 at 25 a second, moving by (1.5, −0.75).
    fn default() -> Self {
        Self {
            size: Size::new(128, 96),
            frames: 25,
            frame_rate: FrameRate::new(25, 1),
            motion: [1.5, -0.75],
            seed: 0,
        }
    }
}

/// A source of the pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    info: SourceInfo,
    options: PatternOptions,
    waves: Vec<Wave>,
    next: u64,
}

/// `weight[channel] · cos(x·columns + y·rows + phase[channel])`, angles in radians.
#[derive(Debug, Clone)]
struct Wave {
    columns: f64,
    rows: f64,
    phase: [f64; 3],
    weight: f64,
}

/// Wavelengths in pixels of the finest scale, and how many scales double from there.
const FINEST: f64 = 6.0;
const SCALES: i32 = 5;
const WAVES_PER_SCALE: usize = 3;

impl Pattern {
    /// A pattern at its first frame.
    pub fn new(options: PatternOptions) -> Self {
        let size = Size::new(options.size.width.max(1), options.size.height.max(1));
        let mut random = SplitMix::new(options.seed);
        let tau = std::f64::consts::TAU;
        let mut waves = Vec::new();
        for scale in 0..SCALES {
            for _ in 0..WAVES_PER_SCALE {
                let length = FINEST * 2f64.powi(scale) * (1.0 + 0.5 * random.unit());
                let (rows, columns) = (random.unit() * tau).sin_cos();
                waves.push(Wave {
                    columns: columns * tau / length,
                    rows: rows * tau / length,
                    phase: [0; 3].map(|_| random.unit() * tau),
                    // Coarse waves are stronger, as in nature.
                    weight: 10.0 * 1.5f64.powi(scale),
                });
            }
        }
        let info = SourceInfo {
            size,
            frame_rate: options.frame_rate,
            time_base: options.frame_rate.time_base(),
            frames: Some(options.frames),
        };
        Self { info, options, waves, next: 0 }
    }

    /// How far every pixel moves from one frame to the next, to the right and down.
    pub fn flow(&self) -> [f32; 2] {
        self.options.motion
    }

    /// The frame of any index, without advancing.
    pub fn frame(&self, index: FrameIndex) -> Frame {
        let Size { width, height } = self.info.size;
        let [dx, dy] = self.options.motion.map(|step| f64::from(step) * index.0 as f64);
        let mut sums = vec![[127.5f64; 3]; width * height];
        for wave in &self.waves {
            // cos(a + b) from the cosines and sines of columns and rows.
            let across: Vec<_> = (0..width).map(|x| ((x as f64 - dx) * wave.columns).sin_cos()).collect();
            for (y, row) in sums.chunks_exact_mut(width).enumerate() {
                let down = wave.phase.map(|phase| ((y as f64 - dy) * wave.rows + phase).sin_cos());
                for (sum, (sin_x, cos_x)) in row.iter_mut().zip(&across) {
                    for (sum, (sin_y, cos_y)) in sum.iter_mut().zip(down) {
                        *sum += wave.weight * (cos_x * cos_y - sin_x * sin_y);
                    }
                }
            }
        }
        Frame::from_fn(self.info.size, |x, y| {
            sums[y * width + x].map(|value| value.round().clamp(0.0, 255.0) as u8)
        })
    }
}

impl FrameSource for Pattern {
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

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
pub(super) struct SplitMix(u64);

impl SplitMix {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number in 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texture_moves_by_exactly_its_flow() {
        let options = PatternOptions { motion: [3.0, -2.0], frames: 3, ..PatternOptions::default() };
        let mut pattern = Pattern::new(options);
        let Size { width, height } = options.size;
        let first = pattern.next_frame().unwrap().unwrap();
        let second = pattern.next_frame().unwrap().unwrap();
        assert_eq!((second.index, second.timestamp.ticks), (FrameIndex(1), 1));
        let [dx, dy] = pattern.flow();
        for y in 2..height {
            for x in 0..width - 3 {
                let moved = second.frame.pixel(x + dx as usize, (y as i64 + dy as i64) as usize);
                for (a, b) in first.frame.pixel(x, y).iter().zip(moved) {
                    assert!(a.abs_diff(b) <= 1, "rounding may differ in the last place, no more");
                }
            }
        }
        assert!(pattern.next_frame().unwrap().is_some());
        assert!(pattern.next_frame().unwrap().is_none() && pattern.next_frame().unwrap().is_none());
    }

    #[test]
    fn seeds_differ_and_repeat_and_the_picture_has_contrast() {
        let frame =
            |seed| Pattern::new(PatternOptions { seed, ..PatternOptions::default() }).frame(FrameIndex(0));
        assert_eq!(frame(1), frame(1));
        assert_ne!(frame(1), frame(2));
        let data = frame(1);
        let mean = data.data().iter().map(|&v| f64::from(v)).sum::<f64>() / data.data().len() as f64;
        let variance = data.data().iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>()
            / data.data().len() as f64;
        assert!(variance.sqrt() > 30.0, "deviation {}", variance.sqrt());
    }
}
