//! `stylecast cameras`: which cameras there are, what they can send, and how to choose one.

use super::args::CamerasArgs;
use super::exit::Exit;
use super::report::{CameraReport, Object, Reporter};
use crate::error::{Error, Result};
use crate::source::webcam::{CameraInfo, cameras};
use std::fmt::Write as _;
use std::io::Write as _;

pub(super) fn run(args: &CamerasArgs) -> Result<Exit> {
    let found = cameras()?;
    let reporter = Reporter::new(args.json.json);
    for camera in &found {
        reporter.tell(&Object::Camera(CameraReport::new(camera)));
    }
    if !reporter.is_on() {
        // A closed stdout has no reader left.
        let _ = write!(std::io::stdout(), "{}", told(&found));
    }
    if found.iter().any(|camera| camera.trouble.is_none()) {
        return Ok(Exit::Done);
    }
    let cause = if found.is_empty() { "there is no camera" } else { "none of the cameras can be used" };
    Err(Error::input(cause).hint(
        "plug one in and try again, or take a film as one: stylecast live --input FILM --style PICTURE",
    ))
}

/// The list for people.
fn told(found: &[CameraInfo]) -> String {
    let mut text = String::new();
    for camera in found {
        let _ = writeln!(text, "{camera}");
        if let Some(trouble) = &camera.trouble {
            let hint = trouble.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            let _ = writeln!(text, "  cannot be used: {}{hint}", trouble.reason());
        }
        for mode in &camera.modes {
            let _ = writeln!(text, "  {mode}");
        }
    }
    if let Some(camera) = found.iter().find(|camera| camera.trouble.is_none()) {
        let _ = writeln!(
            text,
            "choose one by its number, its path or a part of its name: stylecast live --camera {}",
            camera.index
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use crate::source::webcam::{CameraMode, PixelFormat, Trouble};
    use crate::time::FrameRate;

    fn camera(index: u32, name: &str, trouble: Option<Trouble>) -> CameraInfo {
        let mode = |width, height, format, rates: &[(i32, i32)]| CameraMode {
            size: Size::new(width, height),
            format,
            rates: rates.iter().map(|&(num, den)| FrameRate::new(num, den)).collect(),
        };
        let modes = vec![
            mode(1280, 720, PixelFormat::Mjpeg, &[(30, 1), (15, 1)]),
            mode(640, 480, PixelFormat::Yuyv, &[(30000, 1001)]),
        ];
        let modes = if trouble.is_none() { modes } else { Vec::new() };
        let path = Some(format!("/dev/video{index}").into());
        CameraInfo { index, path, name: name.into(), bus: String::new(), modes, trouble }
    }

    #[test]
    fn cameras_are_listed_with_their_modes_and_how_to_choose_them() {
        let found = [camera(0, "HD Webcam", Some(Trouble::Denied)), camera(2, "Vivid", None)];
        insta::assert_snapshot!(told(&found), @r"
        0: HD Webcam (/dev/video0)
          cannot be used: permission denied; sudo usermod -aG video $USER, then log out and in again
        2: Vivid (/dev/video2)
          1280x720 MJPEG at 30, 15
          640x480 YUYV at 29.97
        choose one by its number, its path or a part of its name: stylecast live --camera 2
        ");
    }

    #[test]
    fn lines_for_programs_keep_their_shape() {
        let line =
            serde_json::to_string(&Object::Camera(CameraReport::new(&camera(2, "Vivid", None)))).unwrap();
        insta::assert_snapshot!(line, @r#"{"type":"camera","index":2,"path":"/dev/video2","name":"Vivid","trouble":null,"modes":[{"width":1280,"height":720,"format":"MJPEG","rates":[30.0,15.0]},{"width":640,"height":480,"format":"YUYV","rates":[29.97002997002997]}]}"#);
    }
}
