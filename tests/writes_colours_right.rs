//! A colour chart survives encoding: decoded by FFmpeg, whose matrix and range are read from the
//! file's tags, colours are what they were, within 2/255 on average.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[path = "common/films.rs"]
mod films;

use films::{Film, ffmpeg, folder, has_encoder, probe};
use std::path::Path;
use stylecast::frame::{Frame, Size};
use stylecast::sink::video::VideoSinkOptions;
use stylecast::sink::{Ending, FrameSink as _};

const SIZE: Size = Size::new(192, 128);
const TILE: usize = 16;

/// 96 tiles: the corners of the colour cube, greys, and a walk through the middle of it.
fn chart() -> Frame {
    Frame::from_fn(SIZE, |x, y| {
        let tile = (y / TILE) * (SIZE.width / TILE) + x / TILE;
        match tile {
            0..8 => [0, 1, 2].map(|bit| if tile >> bit & 1 == 1 { 255 } else { 0 }),
            8..24 => [(tile - 8) as u8 * 17; 3],
            _ => [(tile * 37 % 256) as u8, (tile * 91 % 256) as u8, (tile * 53 % 256) as u8],
        }
    })
}

/// The mean error over channels and tiles, of each tile's middle (edges smear in 4:2:0).
fn mean_error(decoded: &[u8]) -> f64 {
    let chart = chart();
    let (mut sum, mut n) = (0.0, 0);
    for y in (0..SIZE.height).filter(|y| (4..12).contains(&(y % TILE))) {
        for x in (0..SIZE.width).filter(|x| (4..12).contains(&(x % TILE))) {
            let i = 3 * (y * SIZE.width + x);
            for (a, b) in chart.pixel(x, y).iter().zip(&decoded[i..i + 3]) {
                sum += f64::from(a.abs_diff(*b));
                n += 1;
            }
        }
    }
    sum / f64::from(n)
}

fn write_chart(folder: &Path, name: &str, options: &VideoSinkOptions) {
    let mut film = Film::steady(SIZE, 25, 3);
    film.durations = vec![None; 3];
    let mut sink = film.sink(&folder.join(name), options).unwrap();
    for number in 0..3 {
        let mut frame = film.frame(number);
        frame.frame = chart();
        sink.write(frame).unwrap();
    }
    Box::new(sink).finish(Ending::Complete).unwrap();
}

fn decoded(folder: &Path, name: &str) -> Vec<u8> {
    // The filter takes matrix and range from the frame, and rounds exactly.
    let filter = "scale=flags=bilinear+accurate_rnd+full_chroma_int";
    ffmpeg(folder, &format!("-i {name} -frames:v 1 -vf {filter} -pix_fmt rgb24 -f rawvideo -"))
}

#[test]
fn the_default_is_bt709_in_limited_range() {
    let dir = folder();
    write_chart(dir.path(), "out.mp4", &VideoSinkOptions::default());
    let error = mean_error(&decoded(dir.path(), "out.mp4"));
    assert!(error <= 2.0, "mean error {error}");
    assert_eq!(
        probe(
            &dir.path().join("out.mp4"),
            "v",
            "stream=color_range,color_space,color_transfer,color_primaries"
        ),
        ["tv,bt709,bt709,bt709"]
    );
    // Read with the wrong matrix the chart is off: the test can tell.
    let filter = "scale=in_color_matrix=bt601:flags=accurate_rnd";
    let wrong =
        ffmpeg(dir.path(), &format!("-i out.mp4 -frames:v 1 -vf {filter} -pix_fmt rgb24 -f rawvideo -"));
    assert!(mean_error(&wrong) > 4.0, "{}", mean_error(&wrong));
}

#[test]
fn other_encoders_and_depths_too() {
    let dir = folder();
    let cases = [
        ("libx264", Some("yuv444p"), "out.mkv", 1.0),
        ("libx265", Some("yuv420p10le"), "out.mp4", 2.0),
        ("ffv1", None, "out.mkv", 1.0),
        ("ffv1", Some("bgr0"), "out.mkv", 0.0),
        ("libx264rgb", None, "out.mkv", 2.5),
        ("prores_ks", None, "out.mov", 2.0),
        ("mpeg4", None, "out.avi", 2.0),
        ("mjpeg", None, "out.avi", 2.0),
        ("png", None, "out.mov", 0.0),
        ("libvpx-vp9", None, "out.webm", 2.0),
        ("gif", None, "out.gif", 6.0),
    ];
    for (codec, pix_fmt, name, tolerance) in cases {
        if !has_encoder(codec) {
            continue;
        }
        let options = VideoSinkOptions {
            codec: Some(codec.into()),
            pix_fmt: pix_fmt.map(Into::into),
            existing: stylecast::sink::video::Existing::Replace,
            ..Default::default()
        };
        write_chart(dir.path(), name, &options);
        let error = mean_error(&decoded(dir.path(), name));
        assert!(error <= tolerance, "{codec} {pix_fmt:?}: mean error {error}");
        if let Some(pix_fmt) = pix_fmt {
            assert_eq!(probe(&dir.path().join(name), "v", "stream=pix_fmt"), [pix_fmt]);
        }
    }
}
