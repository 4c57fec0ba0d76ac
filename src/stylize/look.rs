//! What a painter can paint in: pictures for the whole frame, or for parts of it, or for one scale each.

use super::painter::SMALLEST_STYLE;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::loss::fine_share;
use crate::vgg::Layer;

/// Pictures whose Gram matrices are blended, each with its weight (any positive scale).
pub type Blend = Vec<(Frame, f64)>;

/// What a painter can paint in. A [`Blend`] becomes one that holds everywhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// Its parts; those with a region lie over the others.
    pub parts: Vec<Part>,
}

/// Styles that hold in one region of the frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The pictures; only their fine scale counts where `coarse` has others.
    pub pictures: Blend,
    /// The pictures whose coarse structure is painted, if it is not that of `pictures` (see
    /// [`crate::loss::fine_share`]).
    pub coarse: Option<Blend>,
    /// Which of [`super::Masks::regions`] it holds in; `None`: wherever no region of this look does.
    pub region: Option<usize>,
}

impl From<Blend> for Look {
    fn from(pictures: Blend) -> Self {
        let parts = if pictures.is_empty() { Vec::new() } else { vec![Part::from(pictures)] };
        Self { parts }
    }
}

impl From<Blend> for Part {
    fn from(pictures: Blend) -> Self {
        Self { pictures, ..Self::default() }
    }
}

impl Look {
    /// Whether it holds in the same way everywhere.
    pub(super) fn is_whole(&self) -> bool {
        self.parts.iter().all(|part| part.region.is_none())
    }

    /// Refuses pictures that cannot be described, and what cannot be told apart in `layers`, the style
    /// layers in use.
    pub(super) fn check(&self, layers: &[(Layer, f64)]) -> Result<()> {
        for part in &self.parts {
            check_blend(&part.pictures)?;
            if let Some(coarse) = &part.coarse {
                check_blend(coarse)?;
                check_scales(layers)?;
            }
        }
        let region = |part: &Part| part.region;
        for (i, part) in self.parts.iter().enumerate() {
            if self.parts[..i].iter().map(region).any(|before| before == part.region) {
                return Err(Error::usage(match part.region {
                    Some(region) => format!("two styles are to hold in region {region}"),
                    None => "two styles are to hold wherever no region is".to_owned(),
                })
                .hint("blend them instead, with weights"));
            }
        }
        Ok(())
    }
}

fn check_blend(pictures: &Blend) -> Result<()> {
    if pictures.is_empty() {
        return Err(Error::usage("a style is empty").hint("give each --style a picture"));
    }
    for (picture, weight) in pictures {
        if !(weight.is_finite() && *weight > 0.0) {
            return Err(Error::usage(format!("a style has the weight {weight}"))
                .hint("weights of blended styles are numbers above 0"));
        }
        if picture.size().shortest_side() < SMALLEST_STYLE {
            return Err(Error::input(format!(
                "a style picture of {} is too small: it needs at least {SMALLEST_STYLE} pixels on each side",
                picture.size()
            ))
            .hint("use a larger picture of the style"));
        }
    }
    Ok(())
}

/// Refuses to divide layers that are all of one scale.
fn check_scales(layers: &[(Layer, f64)]) -> Result<()> {
    let used = || layers.iter().filter(|(_, weight)| *weight > 0.0).map(|(layer, _)| *layer);
    let missing = if used().all(|layer| fine_share(layer) == 0.0) {
        Some(("fine", "conv1_1 or conv2_1"))
    } else if used().all(|layer| fine_share(layer) == 1.0) {
        Some(("coarse", "conv4_1 or conv5_1"))
    } else {
        None
    };
    match missing {
        None => Ok(()),
        Some((scale, layers)) => Err(Error::usage(format!(
            "the {scale} style would not be seen: none of the style layers is of the {scale} scale"
        ))
        .hint(format!("add one, such as {layers}, to --style-layers, or leave that option away"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::frame::Size;
    use crate::loss::ObjectiveSettings;

    fn blend(side: usize, weight: f64) -> Blend {
        vec![(Frame::from_fn(Size::new(side, side), |x, y| [x as u8, y as u8, 9]), weight)]
    }

    fn check(parts: Vec<Part>) -> Result<()> {
        Look { parts }.check(&ObjectiveSettings::default().style_layers)
    }

    #[test]
    fn what_cannot_be_described_is_refused() {
        let part = |pictures| Part::from(pictures);
        assert!(check(vec![part(blend(16, 1.0))]).is_ok());
        for (pictures, kind) in [
            (vec![], ErrorKind::Usage),
            (blend(16, 0.0), ErrorKind::Usage),
            (blend(16, f64::INFINITY), ErrorKind::Usage),
            (blend(15, 1.0), ErrorKind::Input),
        ] {
            let coarse = Part { coarse: Some(pictures.clone()), ..part(blend(16, 1.0)) };
            for part in [part(pictures), coarse] {
                let error = check(vec![part]).unwrap_err();
                assert_eq!(error.kind(), kind);
                assert!(error.next_step().is_some());
            }
        }
    }

    #[test]
    fn one_region_has_one_style() {
        let at = |region| Part { region, ..Part::from(blend(16, 1.0)) };
        assert!(check(vec![at(None), at(Some(0)), at(Some(1))]).is_ok());
        assert!(check(vec![at(Some(1)), at(Some(1))]).is_err());
        assert!(check(vec![at(None), at(None)]).is_err());
    }

    #[test]
    fn scales_that_no_layer_is_of_are_refused() {
        let look = Look { parts: vec![Part { coarse: Some(blend(16, 1.0)), ..Part::from(blend(16, 1.0)) }] };
        let with = |layers: &[Layer]| look.check(&layers.iter().map(|l| (*l, 1.0)).collect::<Vec<_>>());
        assert!(with(&[Layer::CONV3_1]).is_ok() && with(&[Layer::CONV1_1, Layer::CONV5_1]).is_ok());
        let told = |layers: &[Layer]| with(layers).unwrap_err().to_string();
        assert!(told(&[Layer::CONV1_1, Layer::CONV2_1]).contains("the coarse style would not be seen"));
        assert!(told(&[Layer::CONV4_1]).contains("the fine style would not be seen"));
    }
}
