//! What the estimator promises, on pictures whose motion is exact: a function is looked at through a map,
//! so that nothing is interpolated. The bounds on the mean end-point error are a twentieth of a pixel for
//! smooth motion (what OpenCV's DIS makes at its medium preset on such scenes is 0.04 to 0.13, by
//! scripts/compare-flow) and what is stated where it is more.

use super::{DenseFlow, Motion, Pyramid};
use crate::flow::{Flow, occlusions};
use crate::frame::Size;
use crate::pixels::Pixels;
use proptest::prelude::*;

const SIZE: Size = Size::new(160, 96);

/// A smooth texture with details from 5 to 140 pixels, the coarser the stronger, and a few edges.
fn texture(x: f64, y: f64) -> [f64; 3] {
    let wave = |length: f64, angle: f64, phase: f64| {
        let (s, c) = angle.sin_cos();
        (std::f64::consts::TAU * (x * c + y * s) / length + phase).cos()
    };
    let edge = |v: f64| (1.5 * v).tanh();
    let base = 0.5
        + 0.02 * wave(5.3, 0.4, 0.1)
        + 0.03 * wave(7.9, 2.0, 1.3)
        + 0.04 * wave(13.0, 1.1, 2.9)
        + 0.05 * wave(29.0, 2.7, 0.7)
        + 0.08 * wave(67.0, 0.9, 4.0)
        + 0.12 * wave(143.0, 2.3, 0.5)
        + 0.05 * edge((x - 50.0).hypot(y - 40.0) - 23.0)
        + 0.05 * edge(0.8 * x + 0.6 * y - 110.0);
    [base, base + 0.08 * wave(17.0, 0.2, 5.0), base - 0.05 * wave(31.0, 1.9, 2.2)]
}

fn picture(size: Size, colours: impl Fn(f64, f64) -> [f64; 3]) -> Pixels {
    let mut pixels = Pixels::zeros(size);
    for i in 0..size.pixels() {
        let colours = colours((i % size.width) as f64, (i / size.width) as f64);
        for (channel, value) in colours.into_iter().enumerate() {
            // As bytes, like any frame.
            pixels.data_mut()[channel * size.pixels() + i] = (255.0 * value).round() as f32 / 255.0;
        }
    }
    pixels
}

/// Mean end-point error where `counts`.
fn error(flow: &Flow, exact: impl Fn(f64, f64) -> [f64; 2], counts: impl Fn(usize, usize) -> bool) -> f64 {
    let Size { width, height } = flow.size();
    let (mut sum, mut n) = (0.0, 0);
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).filter(|&(x, y)| counts(x, y)) {
        let ([right, down], exact) = (flow.at(x, y), exact(x as f64, y as f64));
        sum += (f64::from(right) - exact[0]).hypot(f64::from(down) - exact[1]);
        n += 1;
    }
    sum / f64::from(n)
}

/// The flow between the texture and itself under a map of the plane, and its error both ways where the map
/// stays within the frame.
#[track_caller]
fn moved(there: impl Fn(f64, f64) -> [f64; 2], back: impl Fn(f64, f64) -> [f64; 2], most: f64) -> Motion {
    let before = Pyramid::new(&picture(SIZE, texture));
    let after = Pyramid::new(&picture(SIZE, |x, y| {
        let [x, y] = back(x, y);
        texture(x, y)
    }));
    let motion = DenseFlow::default().between(&before, &after);
    let inside = |[x, y]: [f64; 2]| {
        (0.0..=(SIZE.width - 1) as f64).contains(&x) && (0.0..=(SIZE.height - 1) as f64).contains(&y)
    };
    let way = |flow: &Flow, map: &dyn Fn(f64, f64) -> [f64; 2]| {
        let exact = |x: f64, y: f64| [map(x, y)[0] - x, map(x, y)[1] - y];
        error(flow, exact, |x, y| inside(map(x as f64, y as f64)))
    };
    let errors = [way(&motion.forward, &there), way(&motion.backward, &back)];
    assert!(errors.iter().all(|error| *error < most), "forward and backward {errors:?}");
    motion
}

/// The map x → `m` (x − c) + c + `by` about the centre, and its inverse.
#[track_caller]
fn affine(m: [[f64; 2]; 2], by: [f64; 2], most: f64) -> Motion {
    let c = [SIZE.width as f64 / 2.0, SIZE.height as f64 / 2.0];
    let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    let there = move |x: f64, y: f64| {
        let (x, y) = (x - c[0], y - c[1]);
        [m[0][0] * x + m[0][1] * y + c[0] + by[0], m[1][0] * x + m[1][1] * y + c[1] + by[1]]
    };
    let back = move |x: f64, y: f64| {
        let (x, y) = (x - c[0] - by[0], y - c[1] - by[1]);
        [(m[1][1] * x - m[0][1] * y) / determinant + c[0], (m[0][0] * y - m[1][0] * x) / determinant + c[1]]
    };
    moved(there, back, most)
}

const ONE: [[f64; 2]; 2] = [[1.0, 0.0], [0.0, 1.0]];

#[test]
fn pans_of_a_fraction_and_of_many_pixels_are_followed() {
    affine(ONE, [0.37, -0.21], 0.05);
    affine(ONE, [1.5, -0.75], 0.05);
    affine(ONE, [12.0, 5.0], 0.05);
}

#[test]
fn a_pan_by_a_quarter_of_the_frame_is_followed() {
    affine(ONE, [40.0, -7.0], 0.05);
}

#[test]
fn zooms_turns_and_shears_are_followed() {
    affine([[1.05, 0.0], [0.0, 1.05]], [0.0, 0.0], 0.05);
    let (s, c) = 2f64.to_radians().sin_cos();
    affine([[c, -s], [s, c]], [0.0, 0.0], 0.05);
    affine([[1.0, 0.06], [0.0, 1.0]], [0.0, 0.0], 0.05);
}

#[test]
fn both_directions_undo_each_other() {
    let motion = affine(ONE, [3.3, 1.2], 0.05);
    let hidden = occlusions(&motion.backward, &motion.forward);
    let (width, height) = (SIZE.width, SIZE.height);
    let inside = |i: &usize| (8..width - 8).contains(&(i % width)) && (8..height - 8).contains(&(i / width));
    assert!((0..width * height).filter(inside).all(|i| !hidden[i]));
}

#[test]
fn a_disc_moves_over_a_background_of_its_own_motion() {
    let disc = |x: f64, y: f64, at: [f64; 2]| (x - at[0]).hypot(y - at[1]) < 22.0;
    let (from, by, pan) = ([70.0, 46.0], [5.0, -2.0], [-1.5, 0.5]);
    let to = [from[0] + by[0], from[1] + by[1]];
    let scene = |t: f64| {
        picture(SIZE, move |x, y| {
            if disc(x, y, [from[0] + t * by[0], from[1] + t * by[1]]) {
                texture(y - t * by[1] + 200.0, x - t * by[0] - 90.0)
            } else {
                texture(x - t * pan[0], y - t * pan[1])
            }
        })
    };
    let motion = DenseFlow::default().between(&Pyramid::new(&scene(0.0)), &Pyramid::new(&scene(1.0)));
    let exact = |x: f64, y: f64| if disc(x, y, to) { [-by[0], -by[1]] } else { [-pan[0], -pan[1]] };
    let seen = |x: usize, y: usize| {
        let (x, y) = (x as f64, y as f64);
        let [back_x, back_y] = [x + exact(x, y)[0], y + exact(x, y)[1]];
        let inside = back_x >= 0.0 && back_y >= 0.0 && back_x <= 159.0 && back_y <= 95.0;
        inside && (disc(x, y, to) || !disc(back_x, back_y, from))
    };
    // Along the rim of the disc, 138 pixels, a vector may be that of the other side, 7 pixels off; a pixel
    // of it wrong on either side would be 0.13 on average.
    let wrong = error(&motion.backward, exact, seen);
    assert!(wrong < 0.13, "{wrong}");
    let near = |x: usize, y: usize| ((x as f64 - to[0]).hypot(y as f64 - to[1]) - 22.0).abs() < 10.0;
    let far = error(&motion.backward, exact, |x, y| seen(x, y) && !near(x, y));
    assert!(far < 0.05, "away from the rim {far}");
}

#[test]
fn what_stands_still_has_no_flow_at_all_even_under_noise() {
    let noisy = |seed: u64, noise: f64| {
        let mut random = fastrand::Rng::with_seed(seed);
        let noise: Vec<f64> = (0..SIZE.pixels()).map(|_| noise * (random.f64() - 0.5)).collect();
        picture(SIZE, |x, y| texture(x, y).map(|v| v + noise[y as usize * SIZE.width + x as usize]))
    };
    // Uniform noise of width 0.03 has a deviation of 0.03 · 255 / √12 = 2.2 grey values.
    for noise in [0.0, 0.03] {
        let flow =
            DenseFlow::default().flow(&Pyramid::new(&noisy(1, noise)), &Pyramid::new(&noisy(2, noise)));
        assert!(flow.right().iter().chain(flow.down()).all(|v| *v == 0.0), "noise {noise}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let [before, after] = [0.0, 3.7].map(|by| Pyramid::new(&picture(SIZE, |x, y| texture(x - by, y + by))));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| DenseFlow::default().between(&before, &after))
    };
    let one = with(1);
    assert!([2, 3, 7].into_iter().all(|threads| with(threads) == one));
}

#[test]
fn pictures_of_two_sizes_have_no_flow() {
    let [a, b] = [Size::new(20, 10), Size::new(10, 20)].map(|size| Pyramid::new(&Pixels::zeros(size)));
    assert_eq!(DenseFlow::default().flow(&a, &b), Flow::zeros(Size::new(20, 10)));
}

#[test]
fn levels_of_a_pyramid_halve_and_keep_what_is_flat() {
    let pyramid = Pyramid::new(&picture(Size::new(161, 95), |_, _| [0.2, 0.6, 1.0]));
    let sizes: Vec<Size> = (0..pyramid.levels()).map(|level| pyramid.luma(level).0).collect();
    assert_eq!(sizes, [(161, 95), (81, 48), (41, 24), (21, 12), (11, 6)].map(|(w, h)| Size::new(w, h)));
    // 0.299 · 0.2 + 0.587 · 0.6 + 0.114 · 1 (Rec. 601).
    assert!((0..5).all(|level| pyramid.luma(level).1.iter().all(|v| (v - 0.526).abs() < 1e-5)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// `Flow::new` refuses what is not finite; here it would give zeros, so the vectors are looked at.
    #[test]
    fn any_size_and_any_pixels_give_a_finite_flow(
        width in 1usize..70,
        height in 1usize..50,
        kind in 0usize..4,
        seed in any::<u64>(),
        finest_scale in 0usize..3,
    ) {
        let size = Size::new(width, height);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut frame = || {
            let values = (0..3 * size.pixels()).map(|_| match kind {
                0 => random.f32(),
                1 => f32::from(random.u8(0..2)),
                2 => 0.0,
                _ => f32::from_bits(random.u32(..)),
            });
            Pyramid::new(&Pixels::new(size, values.collect()).unwrap())
        };
        let (before, after) = (frame(), frame());
        let motion = DenseFlow { finest_scale, ..DenseFlow::default() }.between(&before, &after);
        for flow in [motion.backward, motion.forward] {
            prop_assert_eq!(flow.size(), size);
            // Further than its own size nothing can be seen to move.
            let most = 4.0 * (width + height) as f32 + 64.0;
            prop_assert!(flow.right().iter().chain(flow.down()).all(|v| v.abs() < most));
        }
    }
}
