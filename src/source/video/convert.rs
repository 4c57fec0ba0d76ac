//! From decoded pictures to upright RGB frames with square pixels.
//!
//! Most films need nothing but the matrix of [`crate::yuv`], and get nothing else. What is unusual
//! (interlaced, anamorphic, high dynamic range, a packed format) first goes through one chain of
//! FFmpeg's filters, made for it, and leaves it in a format that the same matrix takes. No filter
//! converts between YUV and RGB where it can be avoided: that is done in one place, in one way.

use crate::error::{Error, Result};
use crate::ffmpeg::colour::{Colour, Light, Siting};
use crate::ffmpeg::graph::{Graph, has_filter};
use crate::ffmpeg::orient::Orientation;
use crate::ffmpeg::picture::{Layout, Picture, Store, StoredSample, row, strip_tags};
use crate::ffmpeg::{Failure, reason};
use crate::frame::{Frame, Size};
use crate::time::TimeBase;
use crate::yuv::{Chroma, Columns, Sample, YuvToRgb, over_white};
use std::collections::VecDeque;

/// Everything about a decoded picture that decides how it is converted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) stored: Size,
    pub(super) pixel_aspect: (i32, i32),
    pub(super) orientation: Orientation,
    pub(super) layout: Layout,
    pub(super) colour: Colour,
    pub(super) interlaced: bool,
}

/// The time of a picture on its way through the converter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) ticks: i64,
    pub(super) duration: Option<i64>,
}

/// Converts pictures of one shape.
pub(super) struct Converter {
    shape: Shape,
    /// The size handed out, before turning.
    size: Size,
    graph: Option<Graph>,
    moments: VecDeque<Moment>,
    /// The picture to be converted next, where no graph holds it.
    direct: Option<Picture>,
    /// Where the graph puts its pictures.
    pulled: Picture,
    matrix: Option<(u32, YuvToRgb)>,
}

impl Converter {
    /// For pictures like `first` of this shape, handed out at `upright` size.
    pub(super) fn new(
        name: &str,
        first: &mut Picture,
        shape: Shape,
        upright: Size,
        base: TimeBase,
        threads: usize,
    ) -> Result<Self> {
        let size = shape.orientation.apply_to_size(upright);
        let graph = match chain(&shape, size, can_convert(shape.colour.light)) {
            None => None,
            Some(chain) => {
                prepare(first, &shape);
                Some(Graph::new(first, base, &chain, threads).map_err(|error| {
                    Error::input(format!(
                        "cannot read {name}: pictures in the format {} cannot be converted: {}",
                        shape.layout.name,
                        reason(error)
                    ))
                    .hint("convert the film first: ffmpeg -i FILM -pix_fmt yuv420p CONVERTED.mp4")
                })?)
            }
        };
        let pulled = Picture::empty();
        Ok(Self { shape, size, graph, moments: VecDeque::new(), direct: None, pulled, matrix: None })
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Takes a picture; `picture` is empty afterwards.
    pub(super) fn push(&mut self, picture: &mut Picture, moment: Moment) -> Result<()> {
        self.moments.push_back(moment);
        match &mut self.graph {
            None => {
                self.direct = Some(std::mem::replace(picture, Picture::empty()));
                Ok(())
            }
            Some(graph) => {
                prepare(picture, &self.shape);
                picture.set_pts(Some(moment.ticks));
                graph.push(picture).map_err(filter_failed)
            }
        }
    }

    /// No more pictures of this shape will come; those that filters hold can now be pulled.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.graph.as_mut().map_or(Ok(()), |graph| graph.finish().map_err(filter_failed))
    }

    /// The next converted frame, where one is ready.
    pub(super) fn pull(&mut self) -> Result<Option<(Moment, Frame)>> {
        let mut pulled = std::mem::replace(&mut self.pulled, Picture::empty());
        let ready = match &mut self.graph {
            None => self.direct.take().map(|picture| pulled = picture).is_some(),
            Some(graph) => graph.pull(&mut pulled).map_err(filter_failed)?,
        };
        let converted = if ready { Some(self.convert(&pulled)?) } else { None };
        self.pulled = pulled;
        // Filters keep the order and the number of frames; a frame too many has no time and is none.
        Ok(converted.and_then(|frame| Some((self.moments.pop_front()?, frame))))
    }

    fn convert(&mut self, picture: &Picture) -> Result<Frame> {
        let layout = Layout::of(picture);
        let Size { width, height } = self.size;
        let mut rgb = vec![0; 3 * self.size.pixels()];
        let done = match layout.store {
            Store::Planes if layout.depth == 8 => self.planes::<u8>(picture, &layout, &mut rgb),
            Store::Planes => self.planes::<u16>(picture, &layout, &mut rgb),
            Store::Rgb24 => (0..height).zip(rgb.chunks_exact_mut(3 * width)).try_for_each(|(y, rgb)| {
                rgb.copy_from_slice(row(picture, 0, y, 3 * width)?);
                Some(())
            }),
            Store::Rgba => (0..height).zip(rgb.chunks_exact_mut(3 * width)).try_for_each(|(y, rgb)| {
                let mut alpha = Vec::with_capacity(width);
                for (rgb, rgba) in rgb.chunks_exact_mut(3).zip(row::<u8>(picture, 0, y, 4 * width)?.chunks(4))
                {
                    rgb.copy_from_slice(&rgba[..3]);
                    alpha.push(rgba[3]);
                }
                over_white(rgb, &alpha, 8);
                Some(())
            }),
            Store::Other => None,
        };
        let rgb = done.map(|()| self.shape.orientation.apply(rgb, self.size));
        rgb.and_then(|rgb| Frame::new(self.shape.orientation.apply_to_size(self.size), rgb)).ok_or_else(
            || {
                Error::input(format!("a picture in the format {} cannot be converted", layout.name))
                    .hint("convert the film first: ffmpeg -i FILM -pix_fmt yuv420p CONVERTED.mp4")
            },
        )
    }

    /// All rows of a planar picture; `None` where it has fewer than it should.
    fn planes<S: Sample + StoredSample>(
        &mut self,
        picture: &Picture,
        layout: &Layout,
        rgb: &mut [u8],
    ) -> Option<()> {
        let Size { width, height } = self.size;
        let colour = self.shape.colour;
        if self.matrix.as_ref().is_none_or(|(depth, _)| *depth != layout.depth) {
            self.matrix = Some((layout.depth, YuvToRgb::new(colour.yuv, layout.depth, width)));
        }
        let (_, matrix) = self.matrix.as_mut()?;
        let columns = match (layout.chroma_shift_x, colour.siting) {
            (0, _) => Columns::Full,
            (_, Siting::Centre) => Columns::HalfCentre,
            (_, Siting::Left | Siting::TopLeft) => Columns::HalfLeft,
        };
        let chroma_width = width.div_ceil(1 << layout.chroma_shift_x);
        let chroma_rows = (picture.height() as usize).div_ceil(1 << layout.chroma_shift_y);
        let alpha_plane = if layout.is_grey { 1 } else { 3 };
        for (y, rgb) in rgb.chunks_exact_mut(3 * width).take(height).enumerate() {
            let luma = row::<S>(picture, 0, y, width)?;
            let chroma = if layout.is_grey {
                None
            } else {
                let (near, far, near_quarters) =
                    rows_around(y, layout.chroma_shift_y, colour.siting, chroma_rows);
                let plane = |plane, y| row::<S>(picture, plane, y, chroma_width);
                Some(Chroma {
                    near: [plane(1, near)?, plane(2, near)?],
                    far: [plane(1, far)?, plane(2, far)?],
                    near_quarters,
                })
            };
            matrix.row(luma, chroma, columns, rgb);
            if layout.has_alpha {
                over_white(rgb, row::<S>(picture, alpha_plane, y, width)?, layout.depth);
            }
        }
        Some(())
    }
}

/// Puts the tags on a picture that its chain of filters expects.
fn prepare(picture: &mut Picture, shape: &Shape) {
    strip_tags(picture);
    if shape.colour.light != Light::Standard {
        shape.colour.write_tags(picture);
    }
}

/// The chroma rows around luma row `y`, nearer first, and the nearer one's weight in quarters.
fn rows_around(y: usize, shift: u32, siting: Siting, rows: usize) -> (usize, usize, u16) {
    if shift == 0 {
        return (y, y, 4);
    }
    let last = rows.saturating_sub(1);
    let (near, odd) = (y / 2, y % 2 == 1);
    match (siting, odd) {
        (Siting::TopLeft, false) => (near.min(last), near.min(last), 4),
        (Siting::TopLeft, true) => (near.min(last), (near + 1).min(last), 2),
        (_, false) => (near.min(last), near.saturating_sub(1).min(last), 3),
        (_, true) => (near.min(last), (near + 1).min(last), 3),
    }
}

/// Whether FFmpeg has what it takes to show this light on an ordinary screen.
pub(super) fn can_convert(light: Light) -> bool {
    match light {
        Light::Standard => true,
        Light::Wide => has_filter("zscale"),
        Light::Pq | Light::Hlg => has_filter("zscale") && has_filter("tonemap"),
    }
}

/// Diffuse white of HDR films in candela per square metre (ITU-R BT.2408: exact): it becomes the
/// white that tone mapping starts from.
const HDR_WHITE: f64 = 203.0;
/// The brightest light kept apart from all brighter ones. Mastering at 1000 cd/m² is usual (tuned).
const HDR_PEAK: f64 = 1000.0;

/// The chain of filters that a shape needs to come out at `size` (before turning), or `None` where it
/// needs none. `colours`: whether FFmpeg can convert the shape's light.
fn chain(shape: &Shape, size: Size, colours: bool) -> Option<String> {
    let Shape { stored, layout, colour, .. } = shape;
    let scaled = size != *stored && size != stored.even();
    let light = if colours && !layout.has_alpha && !layout.is_grey { colour.light } else { Light::Standard };
    let range = if colour.yuv.full_range { "full" } else { "limited" };
    let (horizontal, vertical, siting) = match colour.siting {
        Siting::Left => (0, 128, "left"),
        Siting::Centre => (128, 128, "center"),
        Siting::TopLeft => (0, 0, "topleft"),
    };
    // One range on both sides: planes are moved and scaled, never stretched.
    let scale = |to: String| {
        let mut filter = format!(
            "scale={to}flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp:in_range=full:out_range=full"
        );
        if (layout.chroma_shift_x, layout.chroma_shift_y) == (1, 1) {
            filter += &format!(":in_h_chr_pos={horizontal}:in_v_chr_pos={vertical}");
        }
        filter
    };
    let mut filters = Vec::new();
    if layout.store == Store::Other && (shape.interlaced || !scaled) {
        filters.push(scale(String::new()));
        filters.push(format!("format={}", layout.plain_format(false)));
    }
    if shape.interlaced {
        filters.push("bwdif=mode=send_frame:parity=auto:deint=interlaced".into());
        filters.push(format!("format={}", layout.plain_format(false)));
    }
    if scaled {
        filters.push(scale(format!("{}:{}:", size.width, size.height)));
        filters.push(format!("format={}", layout.plain_format(true)));
    }
    let input = format!(
        "zscale=rin={range}:min={}:pin={}:cin={siting}",
        colour.zscale_matrix(),
        colour.zscale_primaries()
    );
    let output = "m=gbr:r=full,format=gbrp,format=rgb24";
    match light {
        Light::Standard => (),
        Light::Wide => filters.push(format!("{input}:tin=709:t=709:p=709:{output}")),
        Light::Pq | Light::Hlg => {
            let transfer = if light == Light::Pq { "smpte2084" } else { "arib-std-b67" };
            filters.push(format!(
                "{input}:tin={transfer}:t=linear:npl={HDR_WHITE},format=gbrpf32le,zscale=p=709,\
                 tonemap=mobius:desat=0:peak={},zscale=t=709:p=709:{output}",
                HDR_PEAK / HDR_WHITE
            ));
        }
    }
    (!filters.is_empty()).then(|| filters.join(","))
}

fn filter_failed(error: Failure) -> Error {
    Error::input(format!("converting a picture failed: {}", reason(error)))
        .hint("convert the film first: ffmpeg -i FILM -pix_fmt yuv420p CONVERTED.mp4")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg_next::format::Pixel;

    fn shape(format: Pixel, change: impl FnOnce(&mut Picture)) -> Shape {
        let mut picture = Picture::new(format, 64, 48);
        change(&mut picture);
        let layout = Layout::of(&picture);
        Shape {
            stored: Size::new(64, 48),
            pixel_aspect: (1, 1),
            orientation: Orientation::UPRIGHT,
            colour: Colour::of(&picture, &layout, true),
            layout,
            interlaced: false,
        }
    }

    #[test]
    fn an_ordinary_film_goes_through_no_filter() {
        for format in [Pixel::YUV420P, Pixel::YUVJ422P, Pixel::YUV444P10LE, Pixel::GRAY8, Pixel::RGB24] {
            assert_eq!(chain(&shape(format, |_| ()), Size::new(64, 48), true), None, "{format:?}");
        }
    }

    #[test]
    fn what_is_missing_in_ffmpeg_is_left_out_of_the_chain() {
        let hdr = shape(Pixel::YUV420P10LE, |picture| {
            picture.set_color_transfer_characteristic(ffmpeg_next::color::TransferCharacteristic::SMPTE2084);
        });
        assert!(chain(&hdr, Size::new(64, 48), true).unwrap().contains("tonemap"));
        assert_eq!(chain(&hdr, Size::new(64, 48), false), None);
    }

    #[test]
    fn chroma_rows_stay_inside() {
        // Between rows (most films): luma row 0 is a quarter above chroma row 0, row 1 a quarter below.
        assert_eq!(rows_around(0, 1, Siting::Left, 3), (0, 0, 3));
        assert_eq!(rows_around(1, 1, Siting::Left, 3), (0, 1, 3));
        assert_eq!(rows_around(2, 1, Siting::Centre, 3), (1, 0, 3));
        assert_eq!(rows_around(5, 1, Siting::Left, 3), (2, 2, 3));
        assert_eq!(rows_around(2, 1, Siting::TopLeft, 3), (1, 1, 4));
        assert_eq!(rows_around(3, 1, Siting::TopLeft, 3), (1, 2, 2));
        assert_eq!(rows_around(3, 0, Siting::Left, 4), (3, 3, 4));
    }
}
