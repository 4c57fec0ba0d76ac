//! All curves of a film in one picture: what an average hides (a cut where the paint tears, a slow
//! drift, a single bad frame) shows over time.

use super::{Curves, Figures, shown};
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::resize::resize_frame;
use crate::text::SANS;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Failed = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// What is written above the curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    /// Which films.
    pub title: String,
    /// How they were judged.
    pub subtitle: String,
    /// Frames in a second of the source, for the axis.
    pub frames_per_second: f64,
}

/// Width of the picture and height of each of its panels, in pixels.
const WIDTH: u32 = 1200;
const PANEL: u32 = 190;
const HEAD: u32 = 64;
const FOOT: u32 = 34;
/// Room for the title of a panel, above it.
const TITLE: u32 = 28;
/// Room for the names of the curves, at the right.
const LEGEND: u32 = 270;
/// Everything is drawn larger and shrunk, because lines are drawn without smooth edges.
const FINER: u32 = 2;

/// Colours that colour-blind people can tell apart (Okabe & Ito 2008).
const BLACK_INK: RGBColor = RGBColor(40, 40, 40);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const RED: RGBColor = RGBColor(213, 94, 0);
const PINK: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(150, 150, 150);

/// One line of a panel.
struct Curve {
    name: &'static str,
    figure: fn(&Figures) -> Option<f64>,
    color: RGBColor,
    /// Drawn thin and pale: what the source has by itself.
    is_source: bool,
}

const fn curve(name: &'static str, figure: fn(&Figures) -> Option<f64>, color: RGBColor) -> Curve {
    Curve { name, figure, color, is_source: false }
}

const fn source(name: &'static str, figure: fn(&Figures) -> Option<f64>, color: RGBColor) -> Curve {
    Curve { name, figure, color, is_source: true }
}

#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// From 0 or below to what there is.
    FromZero,
    /// The same, told in per cent, and never finer than one.
    Percent,
    /// Around what there is.
    Around,
    /// By powers of ten.
    Log,
}

struct Panel {
    title: &'static str,
    scale: Scale,
    curves: &'static [Curve],
}

const PANELS: &[Panel] = &[
    Panel {
        title: "loss",
        scale: Scale::FromZero,
        curves: &[
            curve("objective", |f| f.objective, BLACK_INK),
            curve("style", |f| f.style, RED),
            curve("content", |f| f.content, BLUE),
        ],
    },
    Panel {
        title: "E_warp (squared difference, of the range 0 to 1)",
        scale: Scale::Log,
        curves: &[
            curve("from the frame before", |f| f.warp_error, BLACK_INK),
            curve("from 10 frames before", |f| f.warp_error_10, ORANGE),
            curve("from frame 0", |f| f.warp_error_first, SKY),
            source("source, frame before", |f| f.source_warp_error, GREY),
        ],
    },
    Panel {
        title: "occluded (% of the pixels)",
        scale: Scale::Percent,
        curves: &[
            curve("since the frame before", |f| f.occluded, BLACK_INK),
            curve("since 10 frames before", |f| f.occluded_10, ORANGE),
            curve("since frame 0", |f| f.occluded_first, SKY),
        ],
    },
    Panel {
        title: "look (of the range 0 to 1)",
        scale: Scale::Around,
        curves: &[
            curve("luminance", |f| f.luminance, GREEN),
            source("source", |f| f.source_luminance, GREEN),
            curve("saturation", |f| f.saturation, PINK),
            source("source", |f| f.source_saturation, PINK),
            curve("contrast", |f| f.contrast, BLUE),
            source("source", |f| f.source_contrast, BLUE),
        ],
    },
    Panel {
        title: "SSIM to the source",
        scale: Scale::Around,
        curves: &[curve("SSIM", |f| f.ssim, BLACK_INK)],
    },
];

/// A curve and the runs of points it has.
type Drawn<'a> = (&'a Curve, Vec<Vec<(f64, f64)>>);

/// Draws the curves. `means` are told beside their names; a panel without any curve is left out.
///
/// # Errors
/// [`crate::error::ErrorKind::Output`] if drawing fails, which only a fault of this program can cause.
pub fn plot(curves: &Curves, means: &Figures, heading: &Heading) -> Result<Frame> {
    let panels: Vec<(&Panel, Vec<Drawn<'_>>)> = PANELS
        .iter()
        .map(|panel| {
            let drawn = panel.curves.iter().map(|curve| (curve, curves.runs(curve.figure)));
            (panel, drawn.filter(|(_, runs)| !runs.is_empty()).collect::<Vec<_>>())
        })
        .filter(|(_, drawn)| !drawn.is_empty())
        .collect();
    let height = HEAD + PANEL * panels.len() as u32 + FOOT;
    let (wide, high) = (WIDTH * FINER, height * FINER);
    let mut pixels = vec![255; (3 * wide * high) as usize];
    // Once is enough, and again does no harm.
    let known = register_font("sans-serif", FontStyle::Normal, SANS).is_ok();
    let drawn = known.then(|| {
        let area = BitMapBackend::with_buffer(&mut pixels, (wide, high)).into_drawing_area();
        draw(&area, &panels, curves.range(), means, heading).and_then(|()| area.present())
    });
    match drawn {
        Some(Ok(())) => {}
        Some(Err(cause)) => {
            return Err(Error::output("the plot cannot be drawn").caused_by(cause.to_string()));
        }
        None => return Err(Error::output("the plot cannot be drawn: its letters are damaged")),
    }
    let large = Frame::new(Size::new(wide as usize, high as usize), pixels)
        .ok_or_else(|| Error::output("the plot cannot be drawn: it has no size"))?;
    Ok(resize_frame(&large, Size::new(WIDTH as usize, height as usize)))
}

/// Letters of `height` pixels of the finished picture.
fn letters(height: u32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", height * FINER).into_font().color(&color)
}

fn draw(
    area: &Area<'_>,
    panels: &[(&Panel, Vec<Drawn<'_>>)],
    range: (f64, f64),
    means: &Figures,
    heading: &Heading,
) -> Result<(), Failed> {
    let (head, rest) = area.split_vertically(HEAD * FINER);
    let left = (16 * FINER) as i32;
    head.draw_text(&heading.title, &letters(22, BLACK_INK), (left, (10 * FINER) as i32))?;
    head.draw_text(&heading.subtitle, &letters(15, GREY), (left, (38 * FINER) as i32))?;
    for (i, (panel, drawn)) in panels.iter().enumerate() {
        let is_last = i + 1 == panels.len();
        let from = i as u32 * PANEL * FINER;
        let to = if is_last { from + (PANEL + FOOT) * FINER } else { from + PANEL * FINER };
        let (_, below) = rest.split_vertically(from);
        let (here, _) = below.split_vertically(to - from);
        let (chart, legend) = here.split_horizontally((WIDTH - LEGEND) * FINER);
        let title = letters(15, BLACK_INK).pos(Pos::new(HPos::Left, VPos::Center));
        chart.draw_text(panel.title, &title, ((82 * FINER) as i32, (TITLE / 2 + 4) as i32 * FINER as i32))?;
        draw_panel(&chart, panel, drawn, range, is_last.then_some(heading.frames_per_second))?;
        draw_legend(&legend, drawn, means, panel.scale)?;
    }
    Ok(())
}

fn draw_panel(
    area: &Area<'_>,
    panel: &Panel,
    drawn: &[Drawn<'_>],
    (first, last): (f64, f64),
    frames_per_second: Option<f64>,
) -> Result<(), Failed> {
    let values = drawn.iter().flat_map(|(_, runs)| runs.iter().flatten()).map(|(_, value)| *value);
    let (low, high) =
        values.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (v.min(low), v.max(high)));
    let across = first..if last > first { last } else { first + 1.0 };
    let mut builder = ChartBuilder::on(area);
    builder
        .margin_left(12 * FINER)
        .margin_right(10 * FINER)
        .margin_top(TITLE * FINER)
        .set_label_area_size(LabelAreaPosition::Left, 70 * FINER)
        .set_label_area_size(
            LabelAreaPosition::Bottom,
            if frames_per_second.is_some() { 46 } else { 12 } * FINER,
        );
    match panel.scale {
        Scale::Log => {
            // Zero has no place on the scale: it is drawn at the bottom.
            let least = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
            let bottom = 10f64.powf((if least.is_finite() { least } else { 1e-6 }).max(1e-9).log10().floor());
            let top = 10f64.powf(high.max(bottom * 5.0).log10() + 0.1);
            let chart = builder.build_cartesian_2d(across, (bottom..top).log_scale())?;
            draw_curves(chart, drawn, bottom, &label, frames_per_second)
        }
        Scale::FromZero | Scale::Percent | Scale::Around => {
            let low = if panel.scale == Scale::Around { low } else { low.min(0.0) };
            let high = if panel.scale == Scale::Percent { high.max(0.01) } else { high };
            let room = 0.08 * (high - low).max(0.02 * high.abs()).max(1e-6);
            let below = if low == 0.0 { 0.0 } else { room };
            let chart = builder.build_cartesian_2d(across, low - below..high + room)?;
            let percent = |value: f64| label(100.0 * value);
            let told: &dyn Fn(f64) -> String = if panel.scale == Scale::Percent { &percent } else { &label };
            draw_curves(chart, drawn, f64::NEG_INFINITY, told, frames_per_second)
        }
    }
}

fn draw_curves<Y>(
    mut chart: ChartContext<'_, BitMapBackend<'_>, Cartesian2d<RangedCoordf64, Y>>,
    drawn: &[Drawn<'_>],
    bottom: f64,
    told: &dyn Fn(f64) -> String,
    frames_per_second: Option<f64>,
) -> Result<(), Failed>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let tell = |value: &f64| told(*value);
    let mut mesh = chart.configure_mesh();
    mesh.x_labels(12)
        .y_labels(5)
        .x_label_formatter(&|number| {
            if number.fract() == 0.0 { format!("{number:.0}") } else { String::new() }
        })
        .y_label_formatter(&tell)
        .label_style(letters(13, BLACK_INK))
        .axis_style(GREY.stroke_width(FINER))
        .bold_line_style(RGBColor(222, 222, 222).stroke_width(FINER))
        .light_line_style(TRANSPARENT)
        .axis_desc_style(letters(14, BLACK_INK));
    match frames_per_second {
        Some(fps) => {
            mesh.x_desc(format!(
                "frame ({} a second)",
                shown(fps).trim_end_matches('0').trim_end_matches('.')
            ));
        }
        None => {
            mesh.x_label_formatter(&|_| String::new());
        }
    }
    mesh.draw()?;
    // The source's curves lie below the painted film's.
    let mut order: Vec<_> = drawn.iter().collect();
    order.sort_by_key(|(curve, _)| !curve.is_source);
    for (curve, runs) in order {
        let style = stroke(curve);
        for run in runs {
            let points = run.iter().map(|&(number, value)| (number, value.max(bottom)));
            if run.len() == 1 {
                chart.draw_series(points.map(|point| Circle::new(point, 2 * FINER, style.filled())))?;
            } else {
                chart.draw_series(LineSeries::new(points, style))?;
            }
        }
    }
    Ok(())
}

fn stroke(curve: &Curve) -> ShapeStyle {
    match curve.is_source {
        true => curve.color.mix(0.45).stroke_width(FINER),
        false => curve.color.stroke_width(2 * FINER),
    }
}

/// A number on an axis, without digits that say nothing.
fn label(value: f64) -> String {
    let text = format!("{value:.7}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

fn draw_legend(area: &Area<'_>, drawn: &[Drawn<'_>], means: &Figures, scale: Scale) -> Result<(), Failed> {
    const LINE: u32 = 21;
    let at = |x: u32, y: u32| ((x * FINER) as i32, (y * FINER) as i32);
    let number = |text: &str, color: RGBColor, y: u32| {
        let style = letters(14, color).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw_text(text, &style, at(LEGEND - 20, y))
    };
    number("mean", GREY, TITLE / 2 + 4)?;
    for (i, (curve, _)) in drawn.iter().enumerate() {
        let y = TITLE + 8 + LINE * i as u32;
        area.draw(&PathElement::new([at(2, y), at(24, y)], stroke(curve)))?;
        let color = if curve.is_source { GREY } else { BLACK_INK };
        let style = letters(14, color).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(curve.name, &style, at(32, y))?;
        if let Some(mean) = (curve.figure)(means) {
            let mean = if scale == Scale::Percent { format!("{:.1}", 100.0 * mean) } else { shown(mean) };
            number(&mean, color, y)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::FrameVerdict;

    #[test]
    fn a_plot_has_a_panel_for_whatever_was_measured() {
        let heading = Heading { title: "a".into(), subtitle: "b".into(), frames_per_second: 25.0 };
        let mut curves = Curves::default();
        let mut sizes = Vec::new();
        for figures in [
            Figures::default(),
            Figures { ssim: Some(0.5), ..Figures::default() },
            Figures { ssim: Some(0.6), warp_error: Some(0.0), objective: Some(0.0), ..Figures::default() },
            Figures { warp_error: Some(1e-12), occluded: Some(1.0), ..Figures::default() },
        ] {
            let index = sizes.len() as u64;
            curves.see(&FrameVerdict { index, time: 0.0, figures });
            sizes.push(plot(&curves, &figures, &heading).unwrap().size().height);
        }
        let panels: Vec<_> = sizes.iter().map(|height| (*height as u32 - HEAD - FOOT) / PANEL).collect();
        assert_eq!(panels, [0, 1, 3, 4]);
    }

    #[test]
    fn axis_labels_have_no_idle_digits() {
        for (value, text) in
            [(0.5, "0.5"), (0.0001, "0.0001"), (-0.0, "0"), (30.0, "30"), (1e-7, "0.0000001")]
        {
            assert_eq!(label(value), text);
        }
    }
}
