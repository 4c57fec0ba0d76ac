//! The scenes that the studies of this project use. Lengths are for frames of 224×128 and grow with
//! the shorter side, so that a scene looks the same at every size.

use super::{Cutout, Edge, Path, Scene, SceneOptions, Swing};
use crate::frame::Frame;

impl Scene {
    /// A walk: a hand-held camera looks around in `still` (1 to 4 pixels a frame: panning, bobbing,
    /// slightly turning, zooming and shearing), and a cut-out of each of `objects` circles before it at
    /// 2 to 6 pixels a frame.
    pub fn walk(options: SceneOptions, still: &Frame, objects: &[Frame]) -> Self {
        let unit = unit(&options);
        let camera = Path {
            right: Swing { phase: -0.1, ..Swing::around(0.0, 45.0 * unit, 120.0) },
            down: Swing::around(0.0, 2.0 * unit, 13.0),
            turn: Swing { phase: 0.1, ..Swing::around(0.0, 0.03, 70.0) },
            growth: Swing::around(0.12, 0.08, 90.0),
            shear: Swing::around(0.0, 0.03, 80.0),
        };
        let cutout = |(i, picture): (usize, &Frame)| {
            let (side, phase) = (if i % 2 == 0 { 1.0 } else { -1.0 }, 0.37 * i as f64);
            let circle = |reach: f64, phase| Swing { phase, ..Swing::around(0.0, reach * unit, 75.0) };
            let path = Path {
                right: circle(62.0 * side, phase),
                down: circle(30.0, phase + 0.25),
                turn: Swing::around(0.0, 0.5 * side, 90.0),
                growth: Swing { phase, ..Swing::around(0.0, 0.15, 70.0) },
                shear: Swing::default(),
            };
            let (half, corner) = if i % 2 == 0 { ([22.0, 22.0], 22.0) } else { ([30.0, 19.0], 8.0) };
            Cutout {
                picture: picture.clone(),
                half: half.map(|half| half * unit),
                corner: corner * unit,
                edge: Edge::Smooth,
                path,
            }
        };
        let objects = objects.iter().enumerate().map(cutout).collect::<Vec<_>>();
        Self::new(options, still, camera, &objects)
    }

    /// A dive into `still`: it grows by up to 1.6 % a frame and turns by up to a degree, so that the
    /// corners move by 3 pixels; after 41 frames it comes back.
    pub fn dive(options: SceneOptions, still: &Frame) -> Self {
        let camera = Path {
            growth: Swing { phase: -0.1, ..Swing::around(0.35, 0.3, 118.0) },
            turn: Swing { phase: -0.06, ..Swing::around(0.0, 0.6, 210.0) },
            ..Path::default()
        };
        Self::new(options, still, camera, &[])
    }

    /// `still` at rest: only the camera's noise, if there is any, changes.
    pub fn still(options: SceneOptions, still: &Frame) -> Self {
        Self::new(options, still, Path::default(), &[])
    }
}

fn unit(options: &SceneOptions) -> f64 {
    options.size.shortest_side() as f64 / 128.0
}
