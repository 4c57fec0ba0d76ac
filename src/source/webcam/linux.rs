//! Cameras on Linux, spoken to through [`crate::v4l2`].
//!
//! nokhwa, which serves the other systems, is not used here. Its Linux half (0.1.4) only knows rates of
//! whole frames a second and refuses a camera that is set to 29.97; it looks for grey under a name that
//! Linux does not use; it turns the system's error numbers into text, so that busy and forbidden cannot be
//! told apart; it waits for a picture without end, hands out the whole buffer instead of what was written
//! into it, and keeps the device open under its number after it was unplugged.

use super::choose::Choice;
use super::decode::Layout;
use super::driver::{Device, Driver, Opened, Raw};
use super::info::{CameraInfo, CameraMode, PixelFormat};
use super::trouble::Trouble;
use crate::frame::Size;
use crate::time::FrameRate;
use crate::v4l2::{Code, Flow, Node, Rates, Sizes, Way};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is listed of a camera that does any size within limits.
const USUAL_SIZES: [(usize, usize); 9] = [
    (3840, 2160),
    (1920, 1080),
    (1280, 720),
    (1024, 768),
    (800, 600),
    (640, 480),
    (640, 360),
    (320, 240),
    (160, 120),
];
/// What is listed of a camera that does any rate within limits.
const USUAL_RATES: [i32; 7] = [120, 60, 50, 30, 25, 15, 10];

/// Linux's drivers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Video4Linux;

impl Driver for Video4Linux {
    fn cameras(&self) -> Vec<CameraInfo> {
        let mut nodes: Vec<(u32, PathBuf)> = std::fs::read_dir("/dev")
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let index = name.strip_prefix("video")?.parse().ok()?;
                Some((index, Path::new("/dev").join(name)))
            })
            .collect();
        nodes.sort_unstable();
        nodes.into_iter().filter_map(|(index, path)| camera(index, path)).collect()
    }

    fn open(&self, camera: &CameraInfo, choice: &Choice) -> Result<Opened, Trouble> {
        let path = camera.path.as_deref().ok_or(Trouble::Gone)?;
        let node = Node::open(path)?;
        let codes = node.formats(Way::Capture);
        let code = codes.into_iter().find(|&code| format(code) == Some(choice.format));
        let agreed = node.agree(Way::Capture, code.ok_or(Trouble::Unreadable)?, choice.size)?;
        // What it agrees to is the truth, whatever it had listed.
        let format = format(agreed.code).ok_or(Trouble::Unreadable)?;
        let rate = choice.rate.and_then(|rate| node.set_rate(Way::Capture, rate)).or(choice.rate);
        let layout = Layout { format, size: agreed.size, stride: agreed.stride, colour: agreed.colour };
        let device = Box::new(Camera { flow: node.start()? });
        Ok(Opened { layout, rate, device })
    }
}

struct Camera {
    flow: Flow,
}

impl Device for Camera {
    fn next(&mut self, patience: Duration) -> Result<Option<Raw>, Trouble> {
        let buffer = self.flow.next(patience)?;
        let at = Instant::now();
        Ok(buffer.map(|buffer| {
            let bytes = if buffer.damaged { Vec::new() } else { buffer.bytes.to_vec() };
            Raw { bytes, at }
        }))
    }
}

/// The format that four letters stand for, if it can be read.
fn format(code: Code) -> Option<PixelFormat> {
    Some(match &code {
        b"NV12" => PixelFormat::Nv12,
        b"YU12" => PixelFormat::Yuv420,
        b"YUYV" => PixelFormat::Yuyv,
        b"UYVY" => PixelFormat::Uyvy,
        b"RGB3" => PixelFormat::Rgb,
        b"BGR3" => PixelFormat::Bgr,
        b"MJPG" | b"JPEG" => PixelFormat::Mjpeg,
        b"GREY" => PixelFormat::Grey,
        _ => return None,
    })
}

/// What a node is, or `None` if it is no camera.
fn camera(index: u32, path: PathBuf) -> Option<CameraInfo> {
    let node = match Node::open(&path) {
        Ok(node) => node,
        // Whether it is a camera cannot be known; that it may not be looked at is worth saying.
        Err(error) => {
            let trouble = Trouble::from(error);
            if trouble == Trouble::Gone {
                return None;
            }
            let name = std::fs::read_to_string(format!("/sys/class/video4linux/video{index}/name"));
            let name = name.map_or_else(|_| path.display().to_string(), |name| name.trim().to_owned());
            let (path, trouble) = (Some(path), Some(trouble));
            return Some(CameraInfo { index, path, name, bus: String::new(), modes: Vec::new(), trouble });
        }
    };
    let about = node.about().ok().filter(|about| about.captures)?;
    let mut modes = Vec::new();
    for code in node.formats(Way::Capture) {
        let Some(format) = format(code) else { continue };
        for size in node.sizes(code).into_iter().flat_map(listed) {
            let rates = rates(&node.rates(code, size));
            modes.push(CameraMode { size, format, rates });
        }
    }
    let trouble = modes.is_empty().then_some(Trouble::Unreadable);
    modes.sort_by_key(|mode| std::cmp::Reverse(mode.size.pixels()));
    // "JPEG" and "MJPG" may both be there.
    modes.dedup();
    Some(CameraInfo { index, path: Some(path), name: about.name, bus: about.bus, modes, trouble })
}

/// The sizes that are listed of what a camera can do.
fn listed(sizes: Sizes) -> Vec<Size> {
    match sizes {
        Sizes::One(size) => {
            if size.pixels() > 0 {
                vec![size]
            } else {
                Vec::new()
            }
        }
        Sizes::Range(least, most, step) => {
            let fits = |value: usize, least: usize, most: usize, step: usize| {
                (least..=most).contains(&value) && (value - least).is_multiple_of(step.max(1))
            };
            let usual = USUAL_SIZES.into_iter().filter(|&(width, height)| {
                fits(width, least.width, most.width, step.width)
                    && fits(height, least.height, most.height, step.height)
            });
            let mut all: Vec<_> = usual.map(|(width, height)| Size::new(width, height)).collect();
            if all.is_empty() && most.pixels() > 0 {
                all.push(most);
            }
            all
        }
    }
}

/// The rates that are listed, fastest first.
fn rates(found: &[Rates]) -> Vec<FrameRate> {
    let mut all: Vec<FrameRate> = found
        .iter()
        .flat_map(|rates| match *rates {
            Rates::One(rate) => vec![rate],
            Rates::Range(least, most) => {
                let within = |fps: &i32| (least.fps()..=most.fps()).contains(&f64::from(*fps));
                let mut usual: Vec<_> =
                    USUAL_RATES.into_iter().filter(within).map(|fps| FrameRate::new(fps, 1)).collect();
                if usual.is_empty() {
                    usual.push(most);
                }
                usual
            }
        })
        .collect();
    all.sort_by(|a, b| b.fps().total_cmp(&a.fps()));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_listed_as_what_people_ask_for() {
        let size = Size::new;
        let range = Sizes::Range(size(48, 32), size(1280, 960), size(16, 8));
        let usual = [(1280, 720), (1024, 768), (800, 600), (640, 480), (640, 360), (320, 240), (160, 120)];
        assert_eq!(listed(range), usual.map(|(w, h)| size(w, h)));
        assert_eq!(listed(Sizes::Range(size(10, 10), size(30, 20), size(1, 1))), [size(30, 20)]);
        assert_eq!(listed(Sizes::Range(size(0, 0), size(0, 0), size(0, 0))), []);
        assert_eq!(listed(Sizes::One(size(0, 480))), []);
        let rate = FrameRate::new;
        let found =
            [Rates::One(rate(30000, 1001)), Rates::Range(rate(5, 1), rate(30, 1)), Rates::One(rate(30, 1))];
        assert_eq!(rates(&found), [rate(30, 1), rate(30000, 1001), rate(25, 1), rate(15, 1), rate(10, 1)]);
        assert_eq!(rates(&[Rates::Range(rate(1, 1), rate(7, 1))]), [rate(7, 1)]);
    }

    #[test]
    fn looking_for_cameras_finds_only_such_as_can_be_told_apart() {
        let cameras = Video4Linux.cameras();
        assert!(cameras.is_sorted_by_key(|camera| camera.index));
        for camera in cameras {
            assert!(camera.trouble.is_some() || !camera.modes.is_empty(), "{camera}");
        }
    }
}
