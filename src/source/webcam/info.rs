//! What is known of a camera before it is opened: its name, where it is, and its modes.

use super::trouble::Trouble;
use crate::frame::Size;
use crate::time::FrameRate;
use std::fmt;
use std::path::PathBuf;

/// How a camera packs its pictures. Others than these are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// YUV 4:2:0 in two planes.
    Nv12,
    /// YUV 4:2:0 in three planes.
    Yuv420,
    /// YUV 4:2:2, packed: Y U Y V.
    Yuyv,
    /// YUV 4:2:2, packed: U Y V Y.
    Uyvy,
    /// Packed red, green, blue, 8 bits each.
    Rgb,
    /// Packed blue, green, red, 8 bits each.
    Bgr,
    /// Every picture a JPEG.
    Mjpeg,
    /// 8 bits of grey.
    Grey,
}

impl PixelFormat {
    /// All of them; of two that serve equally well the earlier one is taken: little to move and to
    /// convert first, compressed late, without colour last.
    pub const ALL: [Self; 8] =
        [Self::Nv12, Self::Yuv420, Self::Yuyv, Self::Uyvy, Self::Rgb, Self::Bgr, Self::Mjpeg, Self::Grey];

    /// Its name: that of FFmpeg's pixel format or codec, in capital letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nv12 => "NV12",
            Self::Yuv420 => "YUV420P",
            Self::Yuyv => "YUYV",
            Self::Uyvy => "UYVY",
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
            Self::Mjpeg => "MJPEG",
            Self::Grey => "GREY",
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One size in one format, and the rates it comes at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraMode {
    /// The pixels.
    pub size: Size,
    /// How they are packed.
    pub format: PixelFormat,
    /// Frames per second, fastest first; empty where the camera does not say.
    pub rates: Vec<FrameRate>,
}

impl fmt::Display for CameraMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.size, self.format)?;
        if !self.rates.is_empty() {
            let rates: Vec<_> = self.rates.iter().map(|&rate| fps(rate)).collect();
            write!(f, " at {}", rates.join(", "))?;
        }
        Ok(())
    }
}

/// A camera that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraInfo {
    /// Its number, by which it can be chosen.
    pub index: u32,
    /// Its device node, by which it can be chosen, where the system has such names.
    pub path: Option<PathBuf>,
    /// Its name, by any part of which it can be chosen.
    pub name: String,
    /// Where it is plugged in; empty where that is not known. Finds it again after it was unplugged.
    pub bus: String,
    /// What it can send, largest first.
    pub modes: Vec<CameraMode>,
    /// Why it could not be asked for its modes.
    pub trouble: Option<Trouble>,
}

impl fmt::Display for CameraInfo {
    /// `0: HD Webcam (/dev/video0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.index, self.name)?;
        self.path.as_ref().map_or(Ok(()), |path| write!(f, " ({})", path.display()))
    }
}

/// Frames per second with as many digits as it takes: "30", "29.97", "7.5".
pub(super) fn fps(rate: FrameRate) -> String {
    let text = format!("{:.2}", rate.fps());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_cameras_read_as_people_say_them() {
        let rates = [(30, 1), (30000, 1001), (15, 2), (100, 1)].map(|(n, d)| FrameRate::new(n, d)).to_vec();
        let mode = CameraMode { size: Size::new(640, 480), format: PixelFormat::Mjpeg, rates };
        assert_eq!(mode.to_string(), "640x480 MJPEG at 30, 29.97, 7.5, 100");
        let camera = CameraInfo {
            index: 2,
            path: Some("/dev/video2".into()),
            name: "HD Webcam".into(),
            bus: String::new(),
            modes: vec![mode],
            trouble: None,
        };
        assert_eq!(camera.to_string(), "2: HD Webcam (/dev/video2)");
    }
}
