//! Which camera is meant, and which of its modes comes nearest to a wish. Pure thought: no device is
//! touched here.

use super::info::{CameraInfo, PixelFormat, fps};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::time::FrameRate;
use std::path::Path;

/// What a camera shall send.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CameraWish {
    /// The pixels. Default: about 640x360 to 640x480.
    pub size: Option<Size>,
    /// Frames per second. Default: about 30.
    pub fps: Option<f64>,
}

/// The mode that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) size: Size,
    pub(super) format: PixelFormat,
    /// `None`: the camera does not say which rates it has.
    pub(super) rate: Option<FrameRate>,
}

/// What is taken where nothing is wished: large enough to be painted well, small enough for any bus.
const USUAL_SIZES: [Size; 2] = [Size::new(640, 480), Size::new(640, 360)];
const USUAL_FPS: f64 = 30.0;

/// The camera that `which` means: a number, a device path, or a part of a name in capitals or not.
/// Without it, the first that can be used.
pub(super) fn find<'a>(cameras: &'a [CameraInfo], which: Option<&str>) -> Result<&'a CameraInfo> {
    let list = || cameras.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let Some(which) = which.map(str::trim) else {
        let usable = cameras.iter().find(|camera| camera.trouble.is_none());
        return usable.or(cameras.first()).ok_or_else(none);
    };
    if cameras.is_empty() {
        return Err(none());
    }
    let wanted = which.to_lowercase();
    let name = |camera: &CameraInfo| camera.name.to_lowercase();
    // From the most exact meaning to the least; the first that fits any camera counts.
    let meanings: [&dyn Fn(&CameraInfo) -> bool; 4] = [
        &|camera| which.parse() == Ok(camera.index),
        &|camera| camera.path.as_deref().is_some_and(|path| is_same(path, Path::new(which))),
        &|camera| name(camera) == wanted,
        &|camera| !wanted.is_empty() && name(camera).contains(&wanted),
    ];
    for meaning in meanings {
        let found: Vec<_> = cameras.iter().filter(|camera| meaning(camera)).collect();
        match found[..] {
            [] => (),
            [camera] => return Ok(camera),
            _ => {
                return Err(Error::usage(format!("'{which}' may mean several cameras: {}", list()))
                    .hint("choose one by its number or its path"));
            }
        }
    }
    Err(Error::input(format!("there is no camera '{which}'; there is {}", list()))
        .hint("choose one by its number, its path or a part of its name"))
}

fn none() -> Error {
    Error::input("there is no camera").hint(
        "plug one in, or take a film instead: --input FILM. A virtual camera comes with sudo modprobe vivid",
    )
}

/// Whether both name one device node, through links such as those in /dev/v4l/by-id.
fn is_same(path: &Path, other: &Path) -> bool {
    path == other
        || other.canonicalize().is_ok_and(|other| path.canonicalize().is_ok_and(|path| path == other))
}

/// The mode that comes nearest, and a sentence if it is not what was wished. `None`: no mode at all.
pub(super) fn mode(camera: &CameraInfo, wish: &CameraWish) -> Option<(Choice, Option<String>)> {
    let rank = |format| PixelFormat::ALL.iter().position(|&other| other == format);
    let mut best: Option<((f64, Option<usize>), Choice)> = None;
    for mode in &camera.modes {
        let rates = mode.rates.iter().copied().map(Some);
        for rate in rates.chain(mode.rates.is_empty().then_some(None)) {
            let cost = (far(mode.size, rate, wish), rank(mode.format));
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, Choice { size: mode.size, format: mode.format, rate }));
            }
        }
    }
    let (_, choice) = best?;
    Some((choice, note(camera, wish, &choice)))
}

/// How far a mode is from the wish. What was asked for counts before everything else, the size first.
fn far(size: Size, rate: Option<FrameRate>, wish: &CameraWish) -> f64 {
    let apart = |a: f64, b: f64| (a / b).ln().abs();
    let sizes =
        |a: Size, b: Size| apart(a.width as f64, b.width as f64) + apart(a.height as f64, b.height as f64);
    let by_size = match wish.size {
        Some(wished) => 10_000.0 * sizes(size, wished),
        None => USUAL_SIZES.iter().map(|&usual| sizes(size, usual)).fold(f64::INFINITY, f64::min),
    };
    let Some(rate) = rate.map(FrameRate::fps) else { return by_size };
    let by_rate = match wish.fps.filter(|fps| fps.is_finite() && *fps > 0.0) {
        Some(fps) => 100.0 * apart(rate, fps),
        // More than usual is a waste, less is a loss.
        None if rate > USUAL_FPS => 0.1 * apart(rate, USUAL_FPS),
        None => apart(rate, USUAL_FPS),
    };
    by_size + by_rate
}

/// What was wished and what there is instead, for people.
fn note(camera: &CameraInfo, wish: &CameraWish, choice: &Choice) -> Option<String> {
    let other_size = wish.size.filter(|&size| size != choice.size);
    // 29.97 is what many mean by 30.
    let other_rate =
        wish.fps.filter(|&fps| choice.rate.is_some_and(|rate| (rate.fps() - fps).abs() > 0.005 * fps.abs()));
    let wished = match (other_size, other_rate) {
        (None, None) => return None,
        (Some(size), None) => format!("{size}"),
        (None, Some(rate)) => format!("{rate} frames a second at {}", choice.size),
        (Some(size), Some(rate)) => format!("{size} at {rate} frames a second"),
    };
    let at = choice.rate.map(|rate| format!(" at {}", fps(rate))).unwrap_or_default();
    Some(format!("{} has no {wished}: the nearest is {}{at}", camera.name, choice.size))
}

#[cfg(test)]
mod tests {
    use super::super::info::CameraMode;
    use super::*;
    use proptest::prelude::*;

    fn camera(index: u32, name: &str, modes: &[(usize, usize, PixelFormat, &[f64])]) -> CameraInfo {
        let modes = modes.iter().map(|&(width, height, format, rates)| CameraMode {
            size: Size::new(width, height),
            format,
            rates: rates.iter().map(|fps| FrameRate::new((fps * 1000.0) as i32, 1000)).collect(),
        });
        CameraInfo {
            index,
            path: Some(format!("/dev/video{index}").into()),
            name: name.into(),
            bus: String::new(),
            modes: modes.collect(),
            trouble: None,
        }
    }

    fn usual() -> CameraInfo {
        use PixelFormat::*;
        camera(
            0,
            "HD Webcam",
            &[
                (1920, 1080, Mjpeg, &[30.0, 15.0]),
                (1920, 1080, Yuyv, &[5.0]),
                (1280, 720, Yuyv, &[10.0]),
                (1280, 720, Mjpeg, &[60.0, 30.0]),
                (640, 480, Yuyv, &[30.0, 15.0]),
                (640, 480, Mjpeg, &[60.0, 30.0]),
                (320, 240, Yuyv, &[30.0]),
            ],
        )
    }

    #[track_caller]
    fn chosen(camera: &CameraInfo, size: Option<&str>, fps: Option<f64>) -> (String, Option<String>) {
        let wish = CameraWish { size: size.map(|size| size.parse().unwrap()), fps };
        let (choice, note) = mode(camera, &wish).unwrap();
        let rate = choice.rate.map_or_else(|| "?".into(), super::fps);
        (format!("{} {} {rate}", choice.size, choice.format), note)
    }

    #[test]
    fn without_a_wish_it_is_a_middle_size_at_thirty() {
        assert_eq!(chosen(&usual(), None, None), ("640x480 YUYV 30".into(), None));
        // A camera that is quick only when small is not taken at 5 frames a second.
        let slow =
            camera(0, "x", &[(640, 480, PixelFormat::Yuyv, &[5.0]), (352, 288, PixelFormat::Yuyv, &[30.0])]);
        assert_eq!(chosen(&slow, None, None).0, "352x288 YUYV 30");
    }

    #[test]
    fn what_it_has_is_taken_as_wished_and_without_words() {
        assert_eq!(chosen(&usual(), Some("1280x720"), Some(60.0)), ("1280x720 MJPEG 60".into(), None));
        assert_eq!(chosen(&usual(), Some("1280x720"), Some(10.0)), ("1280x720 YUYV 10".into(), None));
        assert_eq!(chosen(&usual(), Some("1280x720"), None), ("1280x720 MJPEG 30".into(), None));
        assert_eq!(chosen(&usual(), None, Some(15.0)), ("640x480 YUYV 15".into(), None));
        let ntsc = camera(0, "x", &[(720, 480, PixelFormat::Yuyv, &[29.97])]);
        assert_eq!(chosen(&ntsc, Some("720x480"), Some(30.0)), ("720x480 YUYV 29.97".into(), None));
    }

    #[test]
    fn what_it_has_not_becomes_the_nearest_and_is_said() {
        let (mode, note) = chosen(&usual(), Some("1000x600"), Some(24.0));
        assert_eq!(mode, "1280x720 MJPEG 30");
        assert_eq!(
            note.unwrap(),
            "HD Webcam has no 1000x600 at 24 frames a second: the nearest is 1280x720 at 30"
        );
        let (mode, note) = chosen(&usual(), None, Some(120.0));
        assert_eq!(mode, "640x480 MJPEG 60");
        assert_eq!(
            note.unwrap(),
            "HD Webcam has no 120 frames a second at 640x480: the nearest is 640x480 at 60"
        );
    }

    #[test]
    fn colour_goes_before_grey_and_unsaid_rates_are_no_obstacle() {
        let silent =
            camera(0, "x", &[(640, 480, PixelFormat::Grey, &[]), (640, 480, PixelFormat::Mjpeg, &[])]);
        assert_eq!(chosen(&silent, None, Some(25.0)), ("640x480 MJPEG ?".into(), None));
        assert!(mode(&camera(0, "x", &[]), &CameraWish::default()).is_none());
    }

    #[test]
    fn cameras_are_found_by_number_path_and_part_of_the_name() {
        let cameras = [
            camera(0, "HD Webcam C270", &[]),
            camera(2, "Integrated Camera", &[]),
            camera(10, "HD Webcam", &[]),
        ];
        let index = |which| find(&cameras, which).map(|camera| camera.index);
        assert_eq!(index(None).unwrap(), 0);
        for (which, found) in [
            ("2", 2),
            ("/dev/video10", 10),
            ("c270", 0),
            ("INTEGRATED", 2),
            // The whole name goes before a part of another's.
            ("hd webcam", 10),
            (" 0 ", 0),
        ] {
            assert_eq!(index(Some(which)).unwrap(), found, "{which}");
        }
        let error = index(Some("webcam")).unwrap_err();
        assert!(
            error.to_string().contains("several") && error.to_string().contains("10: HD Webcam"),
            "{error}"
        );
        for which in ["1", "/dev/video1", "nonesuch", ""] {
            let error = index(Some(which)).unwrap_err();
            assert!(error.to_string().contains("2: Integrated Camera (/dev/video2)"), "{error}");
        }
        assert!(find(&[], None).unwrap_err().next_step().is_some());
        assert!(find(&[], Some("0")).unwrap_err().to_string().contains("no camera"));
    }

    #[test]
    fn one_that_cannot_be_used_is_only_taken_if_there_is_no_other() {
        let mut cameras = [camera(0, "a", &[]), camera(1, "b", &[])];
        cameras[0].trouble = Some(super::super::trouble::Trouble::Denied);
        assert_eq!(find(&cameras, None).unwrap().index, 1);
        assert_eq!(find(&cameras[..1], None).unwrap().index, 0);
    }

    proptest! {
        #[test]
        fn any_wish_gets_a_mode_the_camera_has(
            width in 1usize..5000, height in 1usize..5000, fps in proptest::num::f64::ANY
        ) {
            let camera = usual();
            let wish = CameraWish { size: Some(Size::new(width, height)), fps: Some(fps) };
            let (choice, _) = mode(&camera, &wish).unwrap();
            let has = camera.modes.iter().any(|mode| {
                mode.size == choice.size
                    && mode.format == choice.format
                    && mode.rates.contains(&choice.rate.unwrap())
            });
            prop_assert!(has);
        }
    }
}
