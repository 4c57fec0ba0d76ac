//! Dense optical flow: the motion of every pixel, estimated from two frames.

mod checker;
mod densify;
mod equations;
mod field;
mod lanes;
mod patches;
mod plane;
mod pyramid;
mod refine;
mod relax;
mod settings;
mod still;
#[cfg(test)]
mod tests;

pub use pyramid::Pyramid;
pub use settings::DenseFlow;

use super::Flow;
use field::Field;
use patches::Patches;

/// The flow between two frames, both ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    /// Lives on the later frame, points to the earlier one.
    pub backward: Flow,
    /// Lives on the earlier frame, points to the later one.
    pub forward: Flow,
}

impl DenseFlow {
    /// How far each pixel of `of` lies from its place in `towards`.
    pub fn flow(&self, of: &Pyramid, towards: &Pyramid) -> Flow {
        let size = of.size();
        if towards.size() != size {
            return Flow::zeros(size);
        }
        let coarsest = of.levels() - 1;
        let finest = self.finest_scale.min(coarsest);
        let mut found: Option<Field> = None;
        for level in (finest..=coarsest).rev() {
            let (here, there) = (of.level(level), &towards.level(level).luma);
            let patches = Patches::search(here, there, found.as_ref(), self);
            let mut field = densify::densify(&patches, &here.luma, there);
            let warps = if level == finest { self.warps } else { self.warps.min(1) };
            refine::refine(&mut field, &here.luma, there, self, warps);
            found = Some(field);
        }
        let mut field = found.unwrap_or_else(|| Field::zeros(size));
        for level in (0..finest).rev() {
            field = field.doubled(of.level(level).luma.size());
        }
        still::hold_still(&mut field, &of.level(0).luma, &towards.level(0).luma);
        Flow::new(size, field.right, field.down).unwrap_or_else(|| Flow::zeros(size))
    }

    /// Both directions, side by side.
    pub fn between(&self, before: &Pyramid, after: &Pyramid) -> Motion {
        let (backward, forward) = rayon::join(|| self.flow(after, before), || self.flow(before, after));
        Motion { backward, forward }
    }
}
