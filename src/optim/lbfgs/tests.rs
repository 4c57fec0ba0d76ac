//! L-BFGS on functions whose minima are known.

use super::*;

/// An ill-conditioned quadratic whose free minimum lies partly outside of the box, so that the
/// minimum within is known: each coordinate clamped (the Hessian is diagonal).
fn quadratic(x: &[f32], gradient: &mut [f32]) -> f64 {
    let mut value = 0.0;
    for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
        let (stiffness, center) = ((i + 1) as f64 * 10.0, i as f64 / 4.0 - 0.5);
        let d = f64::from(*x) - center;
        value += stiffness * d * d;
        *g = (2.0 * stiffness * d) as f32;
    }
    value
}

#[test]
fn who_stops_at_a_step_that_was_taken_back_has_the_best_point() {
    let mut lbfgs = Lbfgs::new();
    let mut x = vec![0.5f32; 4];
    let _ = lbfgs.step(&mut x, 1.0, &[1.0; 4], |_| ());
    let tried = x.clone();
    lbfgs.settle(&mut x);
    assert_eq!(x, tried, "a step that nobody has judged is taken");
    // Worse than before: taken back, and a shorter one tried.
    let _ = lbfgs.step(&mut x, 2.0, &[1.0; 4], |_| ());
    assert_ne!(x, [0.5; 4]);
    lbfgs.settle(&mut x);
    assert_eq!(x, [0.5; 4]);
}

/// Steps until nothing improves or `most` evaluations are used; how many were.
fn minimise(
    lbfgs: &mut Lbfgs,
    x: &mut [f32],
    most: usize,
    metric: impl Fn(&mut [f32]),
    objective: impl Fn(&[f32], &mut [f32]) -> f64,
) -> usize {
    let mut gradient = vec![0.0; x.len()];
    for used in 0..most {
        assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
        let value = objective(x, &mut gradient);
        if lbfgs.step(x, value, &gradient, &metric).is_break() {
            return used + 1;
        }
    }
    most
}

#[test]
fn finds_the_minimum_within_the_box() {
    let mut x = [0.9f32; 10];
    minimise(&mut Lbfgs::new(), &mut x, 100, nothing, quadratic);
    for (i, x) in x.iter().enumerate() {
        let expected = (i as f32 / 4.0 - 0.5).clamp(0.0, 1.0);
        assert!((x - expected).abs() < 1e-4, "{i}: {x} {expected}");
    }
}

#[test]
fn the_true_metric_makes_one_step_of_many() {
    // With the inverse Hessian as its metric the first scaled step is Newton's.
    let inverse = |v: &mut [f32]| v.iter_mut().enumerate().for_each(|(i, v)| *v /= (i + 1) as f32);
    let (mut plain, mut informed) = ([0.5f32; 4], [0.5f32; 4]);
    let center = |x: &[f32], g: &mut [f32]| {
        x.iter().zip(g).enumerate().fold(0.0, |sum, (i, (x, g))| {
            let (stiffness, d) = ((i + 1) as f32, x - 0.2 - 0.1 * i as f32);
            *g = 2.0 * stiffness * d;
            sum + f64::from(stiffness * d * d)
        })
    };
    minimise(&mut Lbfgs::new(), &mut plain, 4, nothing, center);
    minimise(&mut Lbfgs::new(), &mut informed, 4, inverse, center);
    let error =
        |x: [f32; 4]| -> f32 { x.iter().enumerate().map(|(i, x)| (x - 0.2 - 0.1 * i as f32).abs()).sum() };
    assert!(error(informed) < 1e-5 && error(informed) < 0.1 * error(plain), "{informed:?} {plain:?}");
}

#[test]
fn rosenbrock_in_the_box() {
    // Minimum (1, 1) on the corner of the box; the textbook start (−1.2, 1) clamped into it.
    let rosenbrock = |x: &[f32], g: &mut [f32]| {
        let (a, b) = (f64::from(x[0]), f64::from(x[1]));
        g[0] = (-400.0 * a * (b - a * a) - 2.0 * (1.0 - a)) as f32;
        g[1] = (200.0 * (b - a * a)) as f32;
        100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
    };
    let mut x = [0.0f32, 1.0];
    minimise(&mut Lbfgs::new(), &mut x, 300, nothing, rosenbrock);
    assert!((x[0] - 1.0).abs() < 1e-2 && (x[1] - 1.0).abs() < 2e-2, "{x:?}");
}

#[test]
fn what_was_learned_helps_the_next_objective() {
    // The same quadratic with its variables in reversed order: carried along, one step more is enough.
    let reversed = |v: &[f32]| v.iter().rev().copied().collect::<Vec<_>>();
    let turned = |x: &[f32], g: &mut [f32]| {
        let mut turned = vec![0.0; x.len()];
        let value = quadratic(&reversed(x), &mut turned);
        g.copy_from_slice(&reversed(&turned));
        value
    };
    let mut lbfgs = Lbfgs::new();
    minimise(&mut lbfgs, &mut [0.9; 6], 60, nothing, quadratic);
    assert!(lbfgs.remembered() > 3);
    lbfgs.carry(reversed);
    let mut gradient = [0.0; 6];
    let after = |mut lbfgs: Lbfgs, gradient: &mut [f32; 6]| {
        let mut x = [0.5f32; 6];
        minimise(&mut lbfgs, &mut x, 5, nothing, turned);
        turned(&x, gradient)
    };
    let (carried, fresh) = (after(lbfgs, &mut gradient), after(Lbfgs::new(), &mut gradient));
    // The first two centres lie outside by 0.5 and 0.25: at the minimum 10 · 0.5² + 20 · 0.25² remain.
    let least = 3.75;
    assert!(carried - least < 0.5 * (fresh - least), "{carried} {fresh}");
}

#[test]
fn on_another_scale_the_way_is_the_same() {
    let quartered = |x: &[f32], g: &mut [f32]| {
        let value = quadratic(x, g) / 4.0;
        g.iter_mut().for_each(|g| *g /= 4.0);
        value
    };
    let mut lbfgs = Lbfgs::new();
    let mut x = [0.9f32; 6];
    minimise(&mut lbfgs, &mut x, 4, nothing, quadratic);
    lbfgs.carry(<[f32]>::to_vec);
    let (mut scaled, mut there) = (lbfgs.clone(), x);
    minimise(&mut lbfgs, &mut x, 4, nothing, quadratic);
    scaled.scale(0.25);
    minimise(&mut scaled, &mut there, 4, nothing, quartered);
    assert_eq!(there, x);
}

#[test]
fn what_is_no_number_is_taken_back() {
    let mut x = [0.5f32; 3];
    let mut lbfgs = Lbfgs::new();
    assert!(lbfgs.step(&mut x, f64::NAN, &[0.1; 3], nothing).is_break());
    assert_eq!(x, [0.5; 3]);
    assert!(lbfgs.step(&mut x, 1.0, &[0.1, f32::NAN, 0.0], nothing).is_continue());
    assert!(x[0] < 0.5 && x[1] == 0.5 && x[2] == 0.5);
    let trial = x[0];
    assert!(lbfgs.step(&mut x, f64::INFINITY, &[f32::NAN; 3], nothing).is_continue());
    assert!(trial < x[0] && x[0] < 0.5, "half of the step");
}

#[test]
fn threads_do_not_change_the_result() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut x = vec![0.5f32; 50_000];
            minimise(&mut Lbfgs::new(), &mut x, 6, nothing, |x, g| {
                x.iter().zip(g).enumerate().fold(0.0, |sum, (i, (x, g))| {
                    let d = x - (i % 7) as f32 / 7.0;
                    *g = 2.0 * d * (1 + i % 3) as f32;
                    sum + f64::from(d * d * (1 + i % 3) as f32)
                })
            });
            x
        })
    };
    assert_eq!(run(1), run(3));
}
