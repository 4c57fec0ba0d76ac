//! Known colours come out as they went in: every matrix, range, depth and sampling, RGB, grey,
//! transparency, wide colours and HDR.
//!
//! The charts are made here, by the formulas of the standards, and written as raw samples; FFmpeg only
//! stores them without loss. So no converter but ours is between the colour and the test.

#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "common/clips.rs"]
mod clips;

use clips::{Folder, colour_at, difference, judged_frames, read};
use std::path::PathBuf;
use stylecast::frame::Frame;

/// Squares of one colour, 16 pixels wide.
const SQUARE: usize = 16;
const COLUMNS: usize = 8;

/// The colours of the chart, R'G'B' in 0..1.
fn chart() -> Vec<[f64; 3]> {
    let mut colours: Vec<[f64; 3]> =
        (0..8).map(|i| [0, 1, 2].map(|bit| if i >> bit & 1 == 1 { 1.0 } else { 0.0 })).collect();
    colours.extend((0..8).map(|i| [f64::from(i) / 7.0; 3]));
    // Eight colours of the X-Rite ColorChecker, sRGB values as published by its maker (2005).
    let checker = [
        [115, 82, 68],
        [194, 150, 130],
        [98, 122, 157],
        [87, 108, 67],
        [133, 128, 177],
        [103, 189, 170],
        [214, 126, 44],
        [187, 86, 149],
    ];
    colours.extend(checker.map(|rgb| rgb.map(|c| f64::from(c) / 255.0)));
    colours
}

/// How a chart is stored.
#[derive(Clone, Copy)]
struct Storage {
    /// Kr and Kb.
    matrix: (f64, f64),
    full: bool,
    depth: u32,
    /// Luma samples to a chroma sample across and down.
    chroma: (usize, usize),
}

impl Storage {
    /// Y, Cb, Cr codes of R'G'B' (ITU-R BT.709-6 §3, BT.2100-2 table 9).
    fn codes(self, [r, g, b]: [f64; 3]) -> [u16; 3] {
        let (kr, kb) = self.matrix;
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (cb, cr) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
        let unit = f64::from(1u32 << (self.depth - 8));
        let max = f64::from((1u32 << self.depth) - 1);
        let codes = if self.full {
            [y * max, cb * max + 128.0 * unit, cr * max + 128.0 * unit]
        } else {
            [(219.0 * y + 16.0) * unit, (224.0 * cb + 128.0) * unit, (224.0 * cr + 128.0) * unit]
        };
        codes.map(|code| code.round().clamp(0.0, max) as u16)
    }

    /// The chart as planes of samples, two frames of it.
    fn samples(self, colours: &[[f64; 3]]) -> Vec<u8> {
        let codes: Vec<_> = colours.iter().map(|&colour| self.codes(colour)).collect();
        let (width, height) = (SQUARE * COLUMNS, SQUARE * colours.len() / COLUMNS);
        let mut bytes = Vec::new();
        for _ in 0..2 {
            for (plane, (across, down)) in [(1, 1), self.chroma, self.chroma].into_iter().enumerate() {
                for y in (0..height).step_by(down) {
                    for x in (0..width).step_by(across) {
                        let code = codes[y / SQUARE * COLUMNS + x / SQUARE][plane];
                        let stored = code.to_le_bytes();
                        bytes.extend_from_slice(if self.depth > 8 { &stored } else { &stored[..1] });
                    }
                }
            }
        }
        bytes
    }

    fn pixel_format(self) -> String {
        let sampling = match self.chroma {
            (2, 2) => "420",
            (2, 1) => "422",
            _ => "444",
        };
        let depth = if self.depth > 8 { format!("{}le", self.depth) } else { String::new() };
        format!("yuv{sampling}p{depth}")
    }

    /// A film of the chart with these tags.
    fn film(self, folder: &Folder, colours: &[[f64; 3]], tags: &str) -> PathBuf {
        std::fs::write(folder.at("chart.raw"), self.samples(colours)).unwrap();
        let (width, height) = (SQUARE * COLUMNS, SQUARE * colours.len() / COLUMNS);
        let format = self.pixel_format();
        let range = if self.full { "pc" } else { "tv" };
        folder.clip(
            "chart.mkv",
            &format!(
                "-f rawvideo -pix_fmt {format} -s {width}x{height} -i {{chart.raw}} \
                 -c:v ffv1 -color_range {range} {tags}"
            ),
        )
    }
}

/// The largest and the mean distance of the squares' centres from the chart, in levels.
fn error_against(frame: &Frame, colours: &[[f64; 3]]) -> (f64, f64) {
    let (mut worst, mut sum) = (0f64, 0.0);
    for (i, colour) in colours.iter().enumerate() {
        let (x, y) = (i % COLUMNS * SQUARE + SQUARE / 2, i / COLUMNS * SQUARE + SQUARE / 2);
        for (got, want) in colour_at(frame, x, y, 3).iter().zip(colour) {
            let error = (got - 255.0 * want).abs();
            worst = worst.max(error);
            sum += error;
        }
    }
    (worst, sum / (3 * colours.len()) as f64)
}

const BT601: (f64, f64) = (0.299, 0.114);
const BT709: (f64, f64) = (0.2126, 0.0722);
const BT2020: (f64, f64) = (0.2627, 0.0593);

#[test]
fn every_matrix_range_depth_and_sampling() {
    let folder = Folder::new();
    let colours = chart();
    for (matrix, tag) in [(BT601, "smpte170m"), (BT709, "bt709"), (BT2020, "bt2020nc")] {
        for full in [false, true] {
            for depth in [8, 10, 12] {
                for chroma in [(2, 2), (2, 1), (1, 1)] {
                    let storage = Storage { matrix, full, depth, chroma };
                    let film = storage.film(&folder, &colours, &format!("-colorspace {tag}"));
                    let (frames, notes) = read(&film);
                    assert_eq!((frames.len(), notes.len()), (2, 0), "{notes:?}");
                    for frame in &frames {
                        let (worst, mean) = error_against(&frame.frame, &colours);
                        let what = format!("{tag} {} full {full}", storage.pixel_format());
                        // What rounding to 8-bit codes costs.
                        assert!(worst <= if depth == 8 { 1.5 } else { 0.6 }, "{what}: worst {worst}");
                        assert!(mean <= if depth == 8 { 0.4 } else { 0.2 }, "{what}: mean {mean}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_film_that_names_no_matrix_is_read_as_players_do() {
    let folder = Folder::new();
    let colours = chart();
    let storage = |matrix| Storage { matrix, full: false, depth: 8, chroma: (1, 1) };
    let (frames, _) = read(&storage(BT601).film(&folder, &colours, ""));
    assert!(error_against(&frames[0].frame, &colours).0 <= 2.5, "small pictures are BT.601");
    // 19 times the rows of the chart are 912, more than 576: high definition.
    let tall: Vec<_> = colours.iter().copied().cycle().take(19 * colours.len()).collect();
    let (frames, _) = read(&storage(BT709).film(&folder, &tall, ""));
    assert!(error_against(&frames[0].frame, &tall).0 <= 2.5, "tall pictures are BT.709");
}

#[test]
fn packed_semi_planar_and_uncommon_formats() {
    let folder = Folder::new();
    let colours = chart();
    let storage = Storage { matrix: BT601, full: false, depth: 8, chroma: (1, 1) };
    storage.film(&folder, &colours, "-colorspace smpte170m");
    // FFmpeg reorders samples here; it converts no colours.
    for format in ["nv12", "nv21", "yuyv422", "uyvy422", "yuv440p", "yuv411p", "yuv410p", "yuv420p16le"] {
        let path = folder.clip(
            &format!("{format}.nut"),
            &format!("-i {{chart.mkv}} -c:v rawvideo -pix_fmt {format} -colorspace smpte170m"),
        );
        let (frames, notes) = read(&path);
        let (worst, mean) = error_against(&frames[0].frame, &colours);
        assert!(worst <= 3.0 && mean <= 0.8, "{format}: worst {worst}, mean {mean}, {notes:?}");
    }
    let v210 = folder.clip("v210.mov", "-i {chart.mkv} -c:v v210 -colorspace smpte170m");
    assert!(error_against(&read(&v210).0[0].frame, &colours).0 <= 2.5);
}

/// A film of the chart stored as R, G, B bytes in the given codec and format.
fn rgb_film(folder: &Folder, name: &str, colours: &[[f64; 3]], arguments: &str) -> PathBuf {
    let (width, height) = (SQUARE * COLUMNS, SQUARE * colours.len() / COLUMNS);
    let picture = Frame::from_fn(stylecast::frame::Size::new(width, height), |x, y| {
        colours[y / SQUARE * COLUMNS + x / SQUARE].map(|c| (255.0 * c).round() as u8)
    });
    std::fs::write(folder.at("rgb.raw"), picture.data()).unwrap();
    folder.clip(name, &format!("-f rawvideo -pix_fmt rgb24 -s {width}x{height} -i {{rgb.raw}} {arguments}"))
}

#[test]
fn rgb_stays_as_it_is() {
    let folder = Folder::new();
    let colours = chart();
    for (name, arguments, worst_allowed) in [
        ("png.mkv", "-c:v png -pix_fmt rgb24", 0.5),
        ("alpha.mov", "-c:v png -pix_fmt rgba", 0.5),
        ("planar.mkv", "-c:v ffv1 -pix_fmt gbrp", 0.5),
        ("padded.mkv", "-c:v ffv1 -pix_fmt bgr0", 0.5),
        ("x264.mkv", "-c:v libx264rgb -qp 0 -pix_fmt rgb24", 0.5),
        ("deep.mkv", "-c:v ffv1 -pix_fmt gbrp10le", 1.5),
        ("deeper.mkv", "-c:v png -pix_fmt rgb48be", 1.5),
        ("still.png", "-frames:v 1", 0.5),
        ("palette.gif", "-vf split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none -frames:v 1", 1.0),
    ] {
        let (frames, notes) = read(&rgb_film(&folder, name, &colours, arguments));
        let (worst, _) = error_against(&frames[0].frame, &colours);
        assert!(worst <= worst_allowed, "{name}: {worst}");
        assert!(notes.is_empty(), "{name}: {notes:?}");
    }
}

#[test]
fn grey_is_grey() {
    let folder = Folder::new();
    let greys: Vec<[f64; 3]> = (0..16).map(|i| [f64::from(i) / 15.0; 3]).collect();
    for (name, arguments) in [
        ("gray.mkv", "-c:v png -pix_fmt gray"),
        ("deep.mkv", "-c:v ffv1 -pix_fmt gray16le"),
        ("ten.mkv", "-c:v ffv1 -pix_fmt gray10le"),
        ("alpha.mkv", "-c:v png -pix_fmt ya8"),
        // H.264 in grey is limited, like its colours.
        ("film.mkv", "-vf format=yuv444p,format=gray -c:v libx264 -qp 0 -pix_fmt gray -color_range pc"),
    ] {
        let (frames, _) = read(&rgb_film(&folder, name, &greys, arguments));
        let (worst, _) = error_against(&frames[0].frame, &greys);
        assert!(worst <= 1.5, "{name}: {worst}");
    }
}

#[test]
fn transparency_lies_over_white() {
    let folder = Folder::new();
    // Red, with an alpha of 0, 1/15 … 1 from left to right.
    let source = "-f lavfi -i color=red:size=256x32:rate=5:duration=0.4,format=rgba,\
                  geq=r=255:g=0:b=0:a='17*floor(X/16)'";
    for (name, arguments) in [
        ("rgba.mov", "-c:v png -pix_fmt rgba"),
        ("yuva.mkv", "-vf scale=out_color_matrix=bt601 -c:v ffv1 -pix_fmt yuva444p -colorspace smpte170m"),
        (
            "deep.mkv",
            "-vf scale=out_color_matrix=bt601 -c:v ffv1 -pix_fmt yuva420p10le -colorspace smpte170m",
        ),
        (
            "web.webm",
            "-vf scale=out_color_matrix=bt601 -c:v libvpx-vp9 -lossless 1 -pix_fmt yuva420p -colorspace smpte170m",
        ),
    ] {
        let (frames, _) = read(&folder.clip(name, &format!("{source} {arguments}")));
        for step in 0..16 {
            let white = 255.0 * (1.0 - step as f64 / 15.0);
            let got = colour_at(&frames[0].frame, 16 * step + 8, 16, 2);
            for (got, want) in got.iter().zip([255.0, white, white]) {
                assert!((got - want).abs() <= 3.0, "{name}, alpha {step}/15: {got}, not {want}");
            }
        }
    }
}

/// Linear light of BT.709's primaries in BT.2020's (ITU-R BT.2087-0, equation 1).
fn to_2020([r, g, b]: [f64; 3]) -> [f64; 3] {
    [
        0.6274 * r + 0.3293 * g + 0.0433 * b,
        0.0691 * r + 0.9195 * g + 0.0114 * b,
        0.0164 * r + 0.0880 * g + 0.8956 * b,
    ]
}

const UHD: Storage = Storage { matrix: BT2020, full: false, depth: 10, chroma: (2, 2) };

#[test]
fn wide_colours_are_brought_to_bt709() {
    let folder = Folder::new();
    let colours = chart();
    // Both displays follow BT.1886: light is the signal to the power of 2.4.
    let wide: Vec<_> = colours
        .iter()
        .map(|colour| to_2020(colour.map(|c| c.powf(2.4))).map(|light| light.clamp(0.0, 1.0).powf(1.0 / 2.4)))
        .collect();
    let tags = "-colorspace bt2020nc -color_primaries bt2020 -color_trc bt2020-10";
    let (frames, notes) = read(&UHD.film(&folder, &wide, tags));
    let (worst, mean) = error_against(&frames[0].frame, &colours);
    // The darkest corners of the gamut, where a tenth of a code is many levels, decide the worst.
    assert!(mean <= 1.0 && worst <= 12.0, "worst {worst}, mean {mean}");
    assert!(notes.iter().any(|note| note.contains("wide colours")), "{notes:?}");
}

/// The PQ signal of a light in cd/m² (SMPTE ST 2084, equation 5.2).
fn pq(light: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 32.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    let y = (light / 10_000.0f64).powf(m1);
    ((c1 + c2 * y) / (1.0 + c3 * y)).powf(m2)
}

#[test]
fn hdr_is_mapped_to_an_ordinary_screen() {
    let folder = Folder::new();
    let lights = [
        0.0, 0.1, 1.0, 5.0, 20.0, 50.0, 100.0, 203.0, 300.0, 400.0, 600.0, 800.0, 1000.0, 2000.0, 4000.0,
        10000.0,
    ];
    let greys: Vec<_> = lights.iter().map(|&light| [pq(light); 3]).collect();
    // HLG's signal runs by itself: 0.75 is diffuse white (ITU-R BT.2408).
    let ramp: Vec<[f64; 3]> = (0..16).map(|i| [f64::from(i) / 15.0; 3]).collect();
    for (transfer, signals, white) in [("smpte2084", greys, 7), ("arib-std-b67", ramp, 11)] {
        let tags = format!("-colorspace bt2020nc -color_primaries bt2020 -color_trc {transfer}");
        let (frames, notes) = read(&UHD.film(&folder, &signals, &tags));
        assert!(notes.iter().any(|note| note.contains("HDR")), "{notes:?}");
        let shown: Vec<[f64; 3]> = (0..16)
            .map(|i| {
                let (x, y) = (i % COLUMNS * SQUARE + 8, i / COLUMNS * SQUARE + 8);
                colour_at(&frames[0].frame, x, y, 3)
            })
            .collect();
        for (i, colour) in shown.iter().enumerate() {
            let spread = colour.iter().fold(0f64, |worst, c| worst.max((c - colour[1]).abs()));
            assert!(spread <= 2.0, "{transfer}: grey stays grey: {colour:?}");
            assert!(
                i == 0 || colour[1] >= shown[i - 1][1],
                "{transfer}: more light is never darker: {shown:?}"
            );
        }
        assert!(shown[0][1] <= 2.0 && shown[15][1] >= 253.0, "{transfer}: black to white: {shown:?}");
        assert!(
            (190.0..=235.0).contains(&shown[white][1]),
            "{transfer}: paper is bright: {:?}",
            shown[white]
        );
    }
}

#[test]
fn a_real_clip_agrees_with_the_reference_converter() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/media/big-buck-bunny.mp4");
    let folder = Folder::new();
    // Lossless, so that both decode the same; half the size is standard definition, BT.601.
    std::fs::copy(&path, folder.at("clip.mp4")).unwrap();
    let small = folder.clip("small.mkv", "-i {clip.mp4} -t 0.4 -an -vf scale=640:360 -c:v ffv1");
    let (frames, _) = read(&small);
    for (ours, theirs) in frames.iter().zip(judged_frames(&small, "", 3 * 640 * 360)) {
        assert!(difference(ours.frame.data(), &theirs) < 0.05);
    }
}
