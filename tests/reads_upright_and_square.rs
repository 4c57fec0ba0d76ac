//! Frames come upright, with square pixels, at even sizes that never change within a film, and what
//! was done for that is said.

#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "common/clips.rs"]
mod clips;

use clips::{Folder, colour_at, difference, judged_frames, read, read_with};
use stylecast::frame::{Frame, Size};
use stylecast::source::video::VideoOptions;

/// Four quarters: red, green, blue, white from top left to bottom right, as YUV without loss.
fn quarters(size: &str) -> String {
    format!(
        "-f lavfi -i color=white:size={size}:rate=10:duration=0.5,format=rgb24,\
         geq=r='255*(lt(X,W/2)*lt(Y,H/2)+gte(X,W/2)*gte(Y,H/2))':g='255*gte(X,W/2)':b='255*gte(Y,H/2)' \
         -vf scale=out_color_matrix=bt601:out_range=tv -c:v libx264 -qp 0 -pix_fmt yuv444p -colorspace smpte170m"
    )
}

/// The names of the four corners' colours, from top left to bottom right.
fn corners(frame: &Frame) -> [&'static str; 4] {
    let Size { width, height } = frame.size();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let colour = colour_at(frame, x * width / 4, y * height / 4, 2);
        match colour.map(|c| c > 128.0) {
            [true, false, false] => "red",
            [false, true, false] => "green",
            [false, false, true] => "blue",
            [true, true, true] => "white",
            _ => "other",
        }
    })
}

#[test]
fn the_four_corners_are_where_they_are() {
    let folder = Folder::new();
    let (frames, notes) = read(&folder.clip("plain.mp4", &quarters("96x64")));
    assert_eq!(corners(&frames[0].frame), ["red", "green", "blue", "white"]);
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn a_phone_held_upright() {
    let folder = Folder::new();
    folder.clip("plain.mp4", &quarters("96x64"));
    // By angle to turn the picture counterclockwise, as FFmpeg counts.
    for (angle, size, expected) in [
        (90, Size::new(64, 96), ["green", "white", "red", "blue"]),
        (180, Size::new(96, 64), ["white", "blue", "green", "red"]),
        (270, Size::new(64, 96), ["blue", "red", "white", "green"]),
    ] {
        let path = rotated(&folder, "plain.mp4", angle);
        let (frames, _) = read(&path);
        assert_eq!(frames[0].frame.size(), size, "{angle}");
        assert_eq!(corners(&frames[0].frame), expected, "{angle}");
        // FFmpeg turns by itself: the same picture.
        let judged = judged_frames(&path, "", 3 * size.pixels());
        assert!(difference(frames[0].frame.data(), &judged[0]) < 0.6, "{angle}");
        let probe = stylecast::ffmpeg::probe(&path).unwrap();
        assert_eq!(probe.size, size, "{angle}");
    }
}

/// A copy of a clip with a display matrix of this angle; the way to ask for it changed in FFmpeg 6.
fn rotated(folder: &Folder, name: &str, angle: u32) -> std::path::PathBuf {
    let turned = format!("turned{angle}-{name}");
    let path = folder.clip(&turned, &format!("-i {{{name}}} -c copy -metadata:s:v rotate={angle}"));
    if clips::lines_of(&path, "stream_side_data=rotation").is_empty() {
        folder.clip(&turned, &format!("-display_rotation {angle} -i {{{name}}} -c copy"));
    }
    path
}

#[test]
fn pixels_are_made_square() {
    let folder = Folder::new();
    for (stored, aspect, square) in [
        ("96x72", "4/3", Size::new(128, 72)),
        ("90x60", "8/9", Size::new(80, 60)),
        ("64x48", "1/1", Size::new(64, 48)),
    ] {
        let arguments = quarters(stored).replace("-vf scale", &format!("-vf setsar={aspect},scale"));
        for name in ["clip.mp4", "clip.mkv"] {
            let (frames, notes) = read(&folder.clip(name, &arguments));
            assert_eq!(frames[0].frame.size(), square, "{stored} {aspect}");
            assert_eq!(corners(&frames[0].frame), ["red", "green", "blue", "white"]);
            assert_eq!(notes.is_empty(), aspect == "1/1", "{notes:?}");
            // Flat colours stay exact through the scaler.
            let red = colour_at(&frames[0].frame, square.width / 4, square.height / 4, 3);
            assert!(red[0] >= 253.0 && red[1] <= 2.0 && red[2] <= 2.0, "{red:?}");
        }
    }
    // Turned and anamorphic: the aspect belongs to the stored picture.
    let arguments = quarters("96x72").replace("-vf scale", "-vf setsar=4/3,scale");
    folder.clip("wide.mp4", &arguments);
    let (frames, _) = read(&rotated(&folder, "wide.mp4", 270));
    assert_eq!(frames[0].frame.size(), Size::new(72, 128));
    assert_eq!(corners(&frames[0].frame), ["blue", "red", "white", "green"]);
}

#[test]
fn odd_sizes_lose_their_last_row_and_column() {
    let folder = Folder::new();
    let (frames, notes) = read(&folder.clip("odd.mkv", &quarters("97x65")));
    assert_eq!(frames[0].frame.size(), Size::new(96, 64));
    assert!(notes[0].contains("97x65") && notes[0].contains("96x64"), "{notes:?}");
    // Nothing is scaled: the remaining pixels are those of the whole picture.
    let judged = judged_frames(&folder.at("odd.mkv"), "", 3 * 97 * 65);
    for y in 0..64 {
        let theirs = &judged[0][3 * 97 * y..][..3 * 96];
        let ours = &frames[0].frame.data()[3 * 96 * y..][..3 * 96];
        assert!(difference(ours, theirs) < 0.6, "row {y}");
    }
    // Chroma sampled in halves ends in the middle of a sample.
    let path =
        folder.clip("odd420.mkv", "-f lavfi -i testsrc2=size=35x23:duration=0.2 -c:v ffv1 -pix_fmt yuv420p");
    let (frames, _) = read(&path);
    assert_eq!(frames[0].frame.size(), Size::new(34, 22));
    let judged = judged_frames(&path, "crop=34:22:0:0", 3 * 34 * 22);
    assert!(difference(frames[0].frame.data(), &judged[0]) < 0.1);
}

#[test]
fn a_longest_side_can_be_asked_for() {
    let folder = Folder::new();
    let path = folder.clip("clip.mp4", &quarters("128x80"));
    for (longest, size) in [(64, Size::new(64, 40)), (1000, Size::new(128, 80)), (50, Size::new(50, 30))] {
        let options = VideoOptions { size: Some(longest), ..VideoOptions::default() };
        let (frames, _) = read_with(&path, &options);
        assert_eq!(frames[0].frame.size(), size);
        assert_eq!(corners(&frames[0].frame), ["red", "green", "blue", "white"]);
    }
    for format in ["yuv420p10le", "gray", "gbrp", "yuva420p"] {
        let path = folder.clip("other.mkv", &format!("-i {{clip.mp4}} -c:v ffv1 -pix_fmt {format}"));
        let options = VideoOptions { size: Some(64), ..VideoOptions::default() };
        let (frames, _) = read_with(&path, &options);
        assert_eq!(frames[0].frame.size(), Size::new(64, 40), "{format}");
        if format != "gray" {
            assert_eq!(corners(&frames[0].frame), ["red", "green", "blue", "white"], "{format}");
        }
    }
}

#[test]
fn a_film_that_changes_its_size_is_scaled_to_its_first() {
    let folder = Folder::new();
    let h264 = |size: &str| quarters(size).replace("yuv444p", "yuv420p").replace("-qp 0", "-bf 0 -crf 5");
    folder.clip("one.h264", &h264("96x64"));
    folder.clip("two.h264", &h264("160x112"));
    let mut both = std::fs::read(folder.at("one.h264")).unwrap();
    both.extend(std::fs::read(folder.at("two.h264")).unwrap());
    std::fs::write(folder.at("both.h264"), both).unwrap();
    let (frames, notes) = read(&folder.at("both.h264"));
    assert_eq!(frames.len(), 10);
    for frame in &frames {
        assert_eq!(frame.frame.size(), Size::new(96, 64));
        assert_eq!(corners(&frame.frame), ["red", "green", "blue", "white"]);
    }
    assert!(notes.iter().any(|note| note.contains("changes its size to 160x112")), "{notes:?}");
}

#[test]
fn the_smallest_films() {
    let folder = Folder::new();
    let small =
        |size: &str| format!("-f lavfi -i color=red:size={size}:duration=0.2 -c:v ffv1 -pix_fmt yuv444p");
    let (frames, _) = read(&folder.clip("two.mkv", &small("2x2")));
    assert_eq!(frames[0].frame.size(), Size::new(2, 2));
    let (frames, _) = read(&folder.clip("fifteen.mkv", &small("15x15")));
    assert_eq!(frames[0].frame.size(), Size::new(14, 14));
    std::fs::write(folder.at("one.raw"), [255, 0, 0]).unwrap();
    let path = folder.clip("one.mkv", "-f rawvideo -pix_fmt rgb24 -s 1x1 -i {one.raw} -c:v png");
    let Err(error) = stylecast::source::video::VideoSource::open(&path, &VideoOptions::default()) else {
        panic!("a film of one pixel cannot be written");
    };
    assert!(error.to_string().contains("1x1 pixels: too small"), "{error}");
}
