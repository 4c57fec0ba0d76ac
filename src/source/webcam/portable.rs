//! Cameras through nokhwa: on macOS, Windows and whatever else it serves.
//!
//! It can only be asked for its modes by opening a camera, and waits for a picture without end; so every
//! camera lives on a thread that can be left behind. Its pictures are taken as they come, because its own
//! decoder unwinds at a broken JPEG. Its errors are text, from which the usual causes are read.

use super::choose::Choice;
use super::decode::{Layout, UVC};
use super::driver::{Device, Driver, Opened, Raw};
use super::info::{CameraInfo, CameraMode, PixelFormat};
use super::trouble::Trouble;
use crate::frame::Size;
use crate::time::FrameRate;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};
use nokhwa::{Camera, NokhwaError, query};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Whatever nokhwa speaks to on this system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nokhwa;

/// Its formats and ours.
const FORMATS: [(FrameFormat, PixelFormat); 6] = [
    (FrameFormat::NV12, PixelFormat::Nv12),
    (FrameFormat::YUYV, PixelFormat::Yuyv),
    (FrameFormat::RAWRGB, PixelFormat::Rgb),
    (FrameFormat::RAWBGR, PixelFormat::Bgr),
    (FrameFormat::MJPEG, PixelFormat::Mjpeg),
    (FrameFormat::GRAY, PixelFormat::Grey),
];

impl Driver for Nokhwa {
    fn cameras(&self) -> Vec<CameraInfo> {
        let found = query(ApiBackend::Auto).unwrap_or_default();
        let cameras = found.into_iter().enumerate().map(|(place, found)| {
            let (modes, trouble) = match modes(found.index()) {
                Ok(modes) if modes.is_empty() => (modes, Some(Trouble::Unreadable)),
                Ok(modes) => (modes, None),
                Err(error) => (Vec::new(), Some(trouble(&error))),
            };
            let index = found.index().as_index().unwrap_or(place as u32);
            CameraInfo { index, path: None, name: found.human_name(), bus: found.misc(), modes, trouble }
        });
        cameras.collect()
    }

    fn open(&self, camera: &CameraInfo, choice: &Choice) -> Result<Opened, Trouble> {
        let index = CameraIndex::Index(camera.index);
        let choice = *choice;
        let (tell, told) = sync_channel(1);
        // One picture waits at most: the newest is what counts, and it is taken at once.
        let (to, pictures) = sync_channel(1);
        let run = move || {
            let mut camera = match start(index, &choice) {
                Ok(camera) => camera,
                Err(error) => {
                    let _ = tell.send(Err(trouble(&error)));
                    return;
                }
            };
            let _ = tell.send(Ok(camera.camera_format()));
            loop {
                let picture =
                    camera.frame_raw().map(|bytes| Raw { bytes: bytes.into_owned(), at: Instant::now() });
                let failed = picture.is_err();
                match to.try_send(picture.map_err(|error| trouble(&error))) {
                    Err(TrySendError::Disconnected(_)) => return,
                    _ if failed => return,
                    _ => (),
                }
            }
        };
        std::thread::Builder::new()
            .name("nokhwa".into())
            .spawn(run)
            .map_err(|error| Trouble::Other(error.to_string()))?;
        let agreed = told.recv().map_err(|_| Trouble::Other("its driver failed".into()))??;
        let size = Size::new(agreed.width() as usize, agreed.height() as usize);
        let layout = Layout { format: format(agreed.format()), size, stride: 0, colour: UVC };
        let rate = (agreed.frame_rate() > 0).then(|| FrameRate::new(agreed.frame_rate() as i32, 1));
        Ok(Opened { layout, rate, device: Box::new(Pictures(pictures)) })
    }
}

struct Pictures(Receiver<Result<Raw, Trouble>>);

impl Device for Pictures {
    fn next(&mut self, patience: Duration) -> Result<Option<Raw>, Trouble> {
        match self.0.recv_timeout(patience) {
            Ok(picture) => picture.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Trouble::Gone),
        }
    }
}

fn start(index: CameraIndex, choice: &Choice) -> Result<Camera, NokhwaError> {
    let wanted = FORMATS.iter().find(|(_, ours)| *ours == choice.format).map_or(FrameFormat::MJPEG, |f| f.0);
    let resolution = Resolution::new(choice.size.width as u32, choice.size.height as u32);
    let rate = choice.rate.map_or(30, |rate| rate.fps().round() as u32);
    let wish = RequestedFormatType::Closest(CameraFormat::new(resolution, wanted, rate));
    let mut camera = Camera::new(index, RequestedFormat::with_formats(wish, &[wanted]))?;
    camera.open_stream()?;
    Ok(camera)
}

fn modes(index: &CameraIndex) -> Result<Vec<CameraMode>, NokhwaError> {
    let all = FORMATS.map(|(theirs, _)| theirs);
    let wish = RequestedFormat::with_formats(RequestedFormatType::None, &all);
    let found = Camera::new(index.clone(), wish)?.compatible_camera_formats()?;
    let mut modes: Vec<CameraMode> = Vec::new();
    for found in found.iter().filter(|found| found.width() > 0 && found.height() > 0) {
        let size = Size::new(found.width() as usize, found.height() as usize);
        let (format, rate) = (format(found.format()), FrameRate::new(found.frame_rate() as i32, 1));
        match modes.iter_mut().find(|mode| mode.size == size && mode.format == format) {
            Some(mode) if mode.rates.contains(&rate) => (),
            Some(mode) => mode.rates.push(rate),
            None => modes.push(CameraMode { size, format, rates: vec![rate] }),
        }
    }
    for mode in &mut modes {
        mode.rates.sort_by(|a, b| b.fps().total_cmp(&a.fps()));
    }
    modes.sort_by_key(|mode| std::cmp::Reverse(mode.size.pixels()));
    Ok(modes)
}

fn format(theirs: FrameFormat) -> PixelFormat {
    FORMATS.iter().find(|(other, _)| *other == theirs).map_or(PixelFormat::Mjpeg, |(_, ours)| *ours)
}

/// The usual causes, read from the words for them.
fn trouble(error: &NokhwaError) -> Trouble {
    let text = error.to_string();
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["busy", "in use", "being used"]) {
        Trouble::Busy
    } else if says(&["denied", "permission", "authoriz", "not permitted"]) {
        Trouble::Denied
    } else if says(&["no such device", "disconnected", "not found"]) {
        Trouble::Gone
    } else {
        Trouble::Other(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_read_from_the_words() {
        let said = |cause: &str| trouble(&NokhwaError::OpenDeviceError("0".into(), cause.into()));
        assert_eq!(said("Device or resource busy (os error 16)"), Trouble::Busy);
        assert_eq!(said("Permission denied"), Trouble::Denied);
        assert_eq!(said("No such device"), Trouble::Gone);
        assert!(matches!(said("moonlight"), Trouble::Other(text) if text.contains("moonlight")));
    }
}
