//! The colours of a picture as a whole, and the smallest change that gives one picture the colours of
//! another.
//!
//! Mean and covariance of the colours are most of what the first layers' Gram matrices say of colour. So a
//! start in the tones of the style saves the optimiser's first steps, which would go into little else; and a
//! painting that is to take on another look is half-way there before the first iteration.

use crate::pixels::Pixels;
use rayon::prelude::*;

/// Mean and covariance of colours, in units of the 0..1 range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tones {
    mean: [f64; 3],
    covariance: Matrix,
}

type Matrix = [[f64; 3]; 3];

/// Added to each variance: (1 %)², so that a picture of one colour is no division by zero and its noise is
/// not blown up.
const LEAST_VARIANCE: f64 = 1e-4;

impl Tones {
    /// The tones of a picture.
    pub(super) fn of(picture: &Pixels) -> Self {
        Self::measured(picture, |_| 1.0).1
    }

    /// The tones of a picture where `weights`, one for each pixel, are above 0, each pixel by its weight.
    /// `None` if they come to less than a pixel.
    pub(super) fn within(picture: &Pixels, weights: &[f32]) -> Option<Self> {
        let (sum, tones) = Self::measured(picture, |i| f64::from(weights[i]));
        (sum >= 1.0).then_some(tones)
    }

    /// The sum of all weights, and the tones of pixels that count by `weight`. Rows are summed side by side, and the
    /// rows' sums in order, so that threads make no difference.
    fn measured(picture: &Pixels, weight: impl Fn(usize) -> f64 + Sync) -> (f64, Self) {
        let [red, green, blue] = picture.planes();
        let width = picture.size().width;
        // The weights', the colours', and the products'.
        let row = |y: usize| {
            let (mut sum, mut first, mut second) = (0.0, [0.0; 3], [[0.0; 3]; 3]);
            for i in y * width..(y + 1) * width {
                let (weight, color) = (weight(i), [red[i], green[i], blue[i]].map(f64::from));
                sum += weight;
                for a in 0..3 {
                    first[a] += weight * color[a];
                    for b in a..3 {
                        second[a][b] += weight * color[a] * color[b];
                    }
                }
            }
            (sum, first, second)
        };
        let rows: Vec<_> = (0..picture.size().height).into_par_iter().map(row).collect();
        let sum: f64 = rows.iter().map(|(sum, ..)| sum).sum();
        let share = 1.0 / sum.max(f64::MIN_POSITIVE);
        let mean = [0, 1, 2].map(|a| share * rows.iter().map(|(_, first, _)| first[a]).sum::<f64>());
        let mut covariance = [[0.0; 3]; 3];
        for a in 0..3 {
            for b in a..3 {
                let product: f64 = rows.iter().map(|(.., second)| second[a][b]).sum();
                covariance[a][b] = share * product - mean[a] * mean[b];
                covariance[b][a] = covariance[a][b];
            }
            covariance[a][a] = covariance[a][a].max(0.0) + LEAST_VARIANCE;
        }
        (sum, Self { mean, covariance })
    }

    /// The weighted mean of several; `None` if there are none, or no weight.
    pub(super) fn blend(parts: impl IntoIterator<Item = (Self, f64)>) -> Option<Self> {
        let (mut mean, mut covariance, mut sum) = ([0.0f64; 3], [[0.0f64; 3]; 3], 0.0);
        for (tones, weight) in parts {
            sum += weight;
            mean.iter_mut().zip(tones.mean).for_each(|(sum, v)| *sum += weight * v);
            let values = tones.covariance.into_iter().flatten();
            covariance.iter_mut().flatten().zip(values).for_each(|(sum, v)| *sum += weight * v);
        }
        (sum > 0.0).then(|| Self {
            mean: mean.map(|v| v / sum),
            covariance: covariance.map(|row| row.map(|v| v / sum)),
        })
    }

    /// Changes a picture with these tones into one with the tones `to`, moving colours as little as that
    /// takes: the linear Monge–Kantorovitch map (Pitié & Kokaram 2007, *The linear Monge-Kantorovitch linear
    /// colour mapping*, eq. 9), `A^-½ (A^½ B A^½)^½ A^-½`. What leaves 0..1 is cut off.
    pub(super) fn change(&self, to: &Self, picture: &mut Pixels) {
        self.change_by(1.0, to, picture);
    }

    /// As [`Self::change`], a `share` of the way: at 0 nothing changes, at 1 all does.
    pub(super) fn change_by(&self, share: f64, to: &Self, picture: &mut Pixels) {
        let root = power(&self.covariance, 0.5);
        let inverse = power(&self.covariance, -0.5);
        let inner = power(&product(&product(&root, &to.covariance), &root), 0.5);
        let map = product(&product(&inverse, &inner), &inverse);
        let offset: [f64; 3] = std::array::from_fn(|a| {
            share * (to.mean[a] - (0..3).map(|b| map[a][b] * self.mean[b]).sum::<f64>())
        });
        let stays = |a: usize, b: usize| if a == b { 1.0 - share } else { 0.0 };
        let map: Matrix = std::array::from_fn(|a| std::array::from_fn(|b| stays(a, b) + share * map[a][b]));
        let (map, offset) = (map.map(|row| row.map(|v| v as f32)), offset.map(|v| v as f32));
        let count = picture.size().pixels();
        let (red, rest) = picture.data_mut().split_at_mut(count);
        let (green, blue) = rest.split_at_mut(count);
        red.par_iter_mut().zip(green).zip(blue).for_each(|((r, g), b)| {
            let color = [*r, *g, *b];
            let channel = |a: usize| {
                let [x, y, z] = map[a];
                (x * color[0] + y * color[1] + z * color[2] + offset[a]).clamp(0.0, 1.0)
            };
            (*r, *g, *b) = (channel(0), channel(1), channel(2));
        });
    }

    /// How far colours have to go from these tones to those, by root mean square, in units of the 0..1 range: the
    /// Fréchet distance of two normal distributions (Dowson & Landau 1982, eq. 4), which is the way of [`Self::change`].
    pub(super) fn distance(&self, to: &Self) -> f64 {
        let root = power(&self.covariance, 0.5);
        let inner = power(&product(&product(&root, &to.covariance), &root), 0.5);
        let means: f64 = self.mean.iter().zip(to.mean).map(|(a, b)| (a - b).powi(2)).sum();
        let spreads: f64 =
            (0..3).map(|i| self.covariance[i][i] + to.covariance[i][i] - 2.0 * inner[i][i]).sum();
        (means + spreads.max(0.0)).sqrt()
    }
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

/// A symmetric positive matrix to a power, by its eigenvalues (Jacobi's method: three or four sweeps).
fn power(matrix: &Matrix, exponent: f64) -> Matrix {
    let mut a = *matrix;
    let mut vectors: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..12 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if a[p][q].abs() < 1e-300 {
                continue;
            }
            let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let t = if theta == 0.0 { 1.0 } else { t };
            let c = 1.0 / (t * t + 1.0).sqrt();
            let s = t * c;
            let mut turn: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            (turn[p][p], turn[q][q], turn[p][q], turn[q][p]) = (c, c, s, -s);
            let back: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| turn[j][i]));
            a = product(&product(&back, &a), &turn);
            vectors = product(&vectors, &turn);
        }
    }
    let values: [f64; 3] = std::array::from_fn(|i| a[i][i].max(1e-12).powf(exponent));
    std::array::from_fn(|i| {
        std::array::from_fn(|j| (0..3).map(|k| vectors[i][k] * values[k] * vectors[j][k]).sum())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use proptest::prelude::*;

    fn picture(seed: u64, mix: [[f32; 3]; 3], mean: f32) -> Pixels {
        let size = Size::new(40, 30);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut picture = Pixels::zeros(size);
        for i in 0..size.pixels() {
            let raw: [f32; 3] = std::array::from_fn(|_| random.f32() - 0.5);
            for (channel, row) in mix.iter().enumerate() {
                let value: f32 = row.iter().zip(raw).map(|(m, r)| m * r).sum();
                picture.data_mut()[channel * size.pixels() + i] = mean + value;
            }
        }
        picture
    }

    proptest! {
        #[test]
        fn a_changed_picture_has_the_tones_it_was_given(
            a in prop::array::uniform9(-0.05f32..0.05), b in prop::array::uniform9(-0.05f32..0.05), seed in any::<u64>(),
        ) {
            // Colours in all three directions: there is no stretching what is flat.
            let rows = |m: [f32; 9]| [[m[0] + 0.2, m[1], m[2]], [m[3], m[4] + 0.2, m[5]], [m[6], m[7], m[8] + 0.2]];
            let (mut from, to) = (picture(seed, rows(a), 0.45), picture(!seed, rows(b), 0.5));
            let wanted = Tones::of(&to);
            Tones::of(&from).change(&wanted, &mut from);
            let got = Tones::of(&from);
            for i in 0..3 {
                prop_assert!((got.mean[i] - wanted.mean[i]).abs() < 1e-2);
                for j in 0..3 {
                    // The variance added to both is not in the pictures.
                    prop_assert!((got.covariance[i][j] - wanted.covariance[i][j]).abs() < 2.5e-3);
                }
            }
        }

        #[test]
        fn a_share_of_the_way_is_a_share_and_the_distance_is_what_colours_went(
            a in prop::array::uniform9(-0.05f32..0.05), seed in any::<u64>(), share in 0.0f64..=1.0,
        ) {
            let rows = [[a[0] + 0.2, a[1], a[2]], [a[3], a[4] + 0.2, a[5]], [a[6], a[7], a[8] + 0.2]];
            let (from, to) = (picture(seed, rows, 0.45), picture(!seed, rows, 0.5));
            let (before, wanted) = (Tones::of(&from), Tones::of(&to));
            let changed = |share| {
                let mut changed = from.clone();
                before.change_by(share, &wanted, &mut changed);
                changed
            };
            let (some, all) = (changed(share), changed(1.0));
            let mut squares = 0.0;
            for ((from, some), all) in from.data().iter().zip(some.data()).zip(all.data()) {
                let (went, way) = (f64::from(some - from), f64::from(all - from));
                prop_assert!((went - share * way).abs() < 1e-5);
                squares += way * way;
            }
            let rms = (squares / from.size().pixels() as f64).sqrt();
            prop_assert!((rms - before.distance(&wanted)).abs() < 1e-3, "{} {}", rms, before.distance(&wanted));
            prop_assert!(before.distance(&before) < 1e-6);
        }

        #[test]
        fn powers_multiply(m in prop::array::uniform9(-1.0f64..1.0)) {
            let m: Matrix = [[m[0], m[1], m[2]], [m[3], m[4], m[5]], [m[6], m[7], m[8]]];
            let turned: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| m[j][i]));
            let mut positive = product(&m, &turned);
            (0..3).for_each(|i| positive[i][i] += 0.01);
            let root = power(&positive, 0.5);
            let again = product(&root, &root);
            let unit = product(&product(&power(&positive, -0.5), &positive), &power(&positive, -0.5));
            for i in 0..3 {
                for j in 0..3 {
                    prop_assert!((again[i][j] - positive[i][j]).abs() < 1e-9);
                    let identity = f64::from(i == j);
                    prop_assert!((unit[i][j] - identity).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn its_own_tones_change_nothing_and_one_colour_becomes_another() {
        let mut same = picture(1, [[0.3, 0.1, 0.0], [0.0, 0.2, 0.1], [0.1, 0.0, 0.3]], 0.5);
        let (before, tones) = (same.clone(), Tones::of(&same));
        tones.change(&tones, &mut same);
        assert!(same.data().iter().zip(before.data()).all(|(a, b)| (a - b).abs() < 1e-5));
        let flat = |v| Pixels::new(Size::new(4, 4), vec![v; 48]).unwrap();
        let mut grey = flat(0.25);
        Tones::of(&grey).change(&Tones::of(&flat(0.75)), &mut grey);
        assert!(grey.data().iter().all(|v| (v - 0.75).abs() < 1e-6));
    }

    #[test]
    fn a_part_has_the_tones_of_what_is_in_it() {
        let whole = picture(3, [[0.3, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.3]], 0.5);
        let mut painted = whole.clone();
        // The first ten columns of 40 are black and do not count.
        painted.for_each_row(|_, _, row| row[..10].fill(0.0));
        let weights: Vec<f32> = (0..1200).map(|i| if i % 40 < 10 { 0.0 } else { 0.5 }).collect();
        let (part, same) =
            (Tones::within(&painted, &weights).unwrap(), Tones::within(&whole, &weights).unwrap());
        assert_eq!(part, same);
        assert_eq!(Tones::within(&whole, &[1.0; 1200]), Some(Tones::of(&whole)));
        assert_eq!(Tones::within(&whole, &[0.0005; 1200]), None);
    }

    #[test]
    fn blends_lie_between() {
        let of = |v| Tones::of(&Pixels::new(Size::new(4, 4), vec![v; 48]).unwrap());
        let blend = Tones::blend([(of(0.2), 1.0), (of(0.6), 3.0)]).unwrap();
        assert!(blend.mean.iter().all(|v| (v - 0.5).abs() < 1e-6));
        assert!(Tones::blend([]).is_none());
    }
}
