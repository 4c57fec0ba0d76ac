//! The memory of the GPU that the network computes on.

use super::Place;
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::kernels::cuda::{Buffer, FlowField, Kernels, Machine, Partials};
use crate::optim::AdamStep;
use crate::optim::space::{Advance, Directions, Space};
use crate::pixels::Pixels;
use crate::resize::resize_linear;
use crate::stylize::history::{Earlier, History, Name};
use crate::stylize::metric::LEVELS;
use crate::stylize::scout::Link;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A GPU's memory.
pub(in crate::stylize) struct Gpu {
    kernels: Kernels,
    partials: Partials,
    /// For coarser versions of a picture.
    coarse: Buffer<f32>,
    size: Size,
    /// Pictures that are here already.
    laid: BTreeMap<Name, Picture>,
}

/// A link to an earlier frame, on a GPU.
pub(in crate::stylize) struct LinkThere {
    flow: FlowField,
    visible: Buffer<f32>,
    certainty: Buffer<f32>,
}

impl LinkThere {
    /// Brings `link` to a machine beside what that is busy with.
    pub(in crate::stylize) fn brought(link: &Link, machine: &Arc<dyn Machine>) -> Result<Self> {
        let bring = |numbers: &[f32]| Buffer::brought(machine, numbers);
        let Link { flow, visible, certainty, .. } = link;
        Ok(Self {
            flow: FlowField { right: bring(flow.right())?, down: bring(flow.down())?, size: flow.size() },
            visible: bring(visible.values())?,
            certainty: bring(certainty.values())?,
        })
    }
}

/// A picture as the history has it.
enum Picture {
    Floats(Arc<Buffer<f32>>),
    /// Rounded to 8 bits, `[3, H, W]`.
    Bytes(Buffer<u8>),
}

impl Gpu {
    pub(in crate::stylize) fn new(kernels: Kernels) -> Result<Self> {
        let machine = kernels.machine();
        let (partials, coarse) = (Partials::new(machine)?, Buffer::new(machine, 0)?);
        Ok(Self { partials, coarse, size: Size::new(1, 1), kernels, laid: BTreeMap::new() })
    }

    pub(in crate::stylize) fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    fn put(&self, numbers: &[f32]) -> Result<Buffer<f32>> {
        Buffer::from_slice(self.kernels.machine(), numbers)
    }

    fn room(&self, numbers: usize) -> Result<Buffer<f32>> {
        Buffer::new(self.kernels.machine(), numbers)
    }

    /// `picture`, which is here, has a name from now on.
    pub(in crate::stylize) fn name(&mut self, name: Name, picture: Arc<Buffer<f32>>) {
        self.laid.insert(name, Picture::Floats(picture));
    }

    /// The picture of this name and `size`, if it is here.
    pub(in crate::stylize) fn named(&self, name: Name, size: Size) -> Option<Arc<Buffer<f32>>> {
        match self.laid.get(&name) {
            Some(Picture::Floats(floats)) if floats.len() == 3 * size.pixels() => Some(floats.clone()),
            _ => None,
        }
    }

    /// Keeps none of the pictures here.
    pub(in crate::stylize) fn forget(&mut self) {
        self.laid.clear();
    }

    /// Keeps of the pictures here those that `history` has, the older ones as bytes.
    pub(in crate::stylize) fn remember(&mut self, history: &History) -> Result<()> {
        let mut before = std::mem::take(&mut self.laid);
        for name in history.names().into_iter().flat_map(|names| [names.source, names.painted]) {
            self.laid.extend(before.remove(&name).map(|picture| (name, picture)));
        }
        for name in history.older() {
            let packed = match before.remove(&name) {
                Some(Picture::Floats(floats)) => Picture::Bytes(self.packed(&floats)?),
                Some(bytes) => bytes,
                None => continue,
            };
            self.laid.insert(name, packed);
        }
        Ok(())
    }

    fn packed(&self, floats: &Buffer<f32>) -> Result<Buffer<u8>> {
        let mut bytes = Buffer::new(self.kernels.machine(), floats.len())?;
        self.kernels.pack(floats, &mut bytes)?;
        Ok(bytes)
    }
}

impl Space for Gpu {
    type View = Buffer<f32>;
    type Vector = Buffer<f32>;
    type Error = Error;

    fn view(vector: &Buffer<f32>) -> &Buffer<f32> {
        vector
    }

    fn view_mut(vector: &mut Buffer<f32>) -> &mut Buffer<f32> {
        vector
    }

    fn length(&self, of: &Buffer<f32>) -> usize {
        of.len()
    }

    fn vector(&mut self, like: &Buffer<f32>) -> Result<Buffer<f32>> {
        Buffer::new(self.kernels.machine(), like.len())
    }

    fn copy(&mut self, from: &Buffer<f32>, to: &mut Buffer<f32>) -> Result<()> {
        to.copy(from, from.len())
    }

    fn difference(&mut self, a: &Buffer<f32>, b: &Buffer<f32>, to: &mut Buffer<f32>) -> Result<()> {
        self.kernels.difference(a, b, to)
    }

    fn add(&mut self, to: &mut Buffer<f32>, terms: &[(f64, &Buffer<f32>)], factor: f64) -> Result<()> {
        self.kernels.add(to, terms, factor)
    }

    fn products(&mut self, pairs: &[(&Buffer<f32>, &Buffer<f32>)]) -> Result<Vec<f64>> {
        self.kernels.products(pairs, &mut self.partials)
    }

    fn largest(&mut self, of: &Buffer<f32>) -> Result<f64> {
        self.kernels.largest(of, &mut self.partials)
    }

    fn metric(&mut self, vector: &mut Buffer<f32>) -> Result<()> {
        self.kernels.coarse_to_fine(vector, self.size, LEVELS, &mut self.coarse)
    }

    fn hold(&mut self, x: &Buffer<f32>, gradient: &Buffer<f32>, vector: &mut Buffer<f32>) -> Result<()> {
        self.kernels.hold(x, gradient, vector)
    }

    fn advance(
        &mut self,
        from: &Buffer<f32>,
        length: f32,
        Directions { chosen, steepest }: Directions<'_, Buffer<f32>>,
        x: &mut Buffer<f32>,
    ) -> Result<Advance> {
        let Self { kernels, partials, .. } = self;
        let [slope, moved] = kernels.advance(from, length, [chosen, steepest], x, partials)?;
        Ok(Advance { slope, moves: moved > 0.0 })
    }
}

impl Place for Gpu {
    type Way<'a> = Arc<LinkThere>;
    type Laid<'a> = Arc<Buffer<f32>>;

    fn set_size(&mut self, size: Size) {
        self.size = size;
    }

    fn zeros(&mut self, size: Size) -> Result<Buffer<f32>> {
        self.put(&vec![0.0; 3 * size.pixels()])
    }

    /// On the CPU: a size changes a few times in a picture's life.
    fn resized(&mut self, planes: &Buffer<f32>, from: Size, to: Size) -> Result<Buffer<f32>> {
        let mut here = Pixels::zeros(from);
        planes.read(here.data_mut())?;
        self.put(resize_linear(&here, to).data())
    }

    fn way(&mut self, link: &Link) -> Result<Arc<LinkThere>> {
        match &link.there {
            Some(there) => Ok(there.clone()),
            None => Ok(Arc::new(LinkThere::brought(link, self.kernels.machine())?)),
        }
    }

    fn visible(way: &Arc<LinkThere>) -> &Buffer<f32> {
        &way.visible
    }

    fn certainty(way: &Arc<LinkThere>) -> &Buffer<f32> {
        &way.certainty
    }

    fn lay(&mut self, numbers: &[f32]) -> Result<Arc<Buffer<f32>>> {
        Ok(Arc::new(self.put(numbers)?))
    }

    fn recall(&mut self, picture: Earlier<'_>) -> Result<Arc<Buffer<f32>>> {
        match picture {
            Earlier::Pixels(name, pixels) => {
                if let Some(Picture::Floats(floats)) = self.laid.get(&name) {
                    return Ok(floats.clone());
                }
                let floats = self.lay(pixels.data())?;
                self.laid.insert(name, Picture::Floats(floats.clone()));
                Ok(floats)
            }
            // A frame is looked back at once: what is not here would be in the way afterwards.
            Earlier::Frame(name, frame) => match self.laid.get(&name) {
                Some(Picture::Bytes(bytes)) => {
                    let mut floats = self.room(bytes.len())?;
                    self.kernels.unpack(bytes, &mut floats)?;
                    Ok(Arc::new(floats))
                }
                _ => self.lay(Pixels::from_frame(frame).data()),
            },
        }
    }

    fn moved(&mut self, planes: &Buffer<f32>, way: &Arc<LinkThere>, seen: bool) -> Result<Buffer<f32>> {
        let mut moved = self.vector(planes)?;
        self.kernels.warp(planes, &way.flow, seen.then_some(&way.visible), &mut moved)?;
        Ok(moved)
    }

    fn brought(&mut self, picture: &Buffer<f32>, way: &Arc<LinkThere>) -> Result<Buffer<f32>> {
        let [mut room, mut brought] = [self.vector(picture)?, self.vector(picture)?];
        self.kernels.warp_spline(picture, &way.flow, [&mut room, &mut brought])?;
        Ok(brought)
    }

    fn fill(&mut self, into: [&mut Buffer<f32>; 3], older: &Buffer<f32>, known: &Buffer<f32>) -> Result<()> {
        self.kernels.fill(into, older, known)
    }

    fn seen_difference(&mut self, [a, b]: [&Buffer<f32>; 2], map: &Buffer<f32>) -> Result<Buffer<f32>> {
        let mut difference = self.vector(a)?;
        self.kernels.seen_difference([a, b], map, &mut difference)?;
        Ok(difference)
    }

    fn box_mean(&mut self, mut planes: Buffer<f32>, size: Size, radius: usize) -> Result<Buffer<f32>> {
        let mut room = self.vector(&planes)?;
        self.kernels.box_mean(&mut planes, size, radius, &mut room)?;
        Ok(planes)
    }

    fn relight(&mut self, paint: &mut Buffer<f32>, change: &Buffer<f32>, share: &Buffer<f32>) -> Result<()> {
        self.kernels.relight(paint, change, share)
    }

    fn over(
        &mut self,
        [paint, fresh, shift]: [&Buffer<f32>; 3],
        share_visible: [&Buffer<f32>; 2],
    ) -> Result<Buffer<f32>> {
        let mut start = self.vector(paint)?;
        self.kernels.over([paint, fresh, shift], share_visible, &mut start)?;
        Ok(start)
    }

    fn step_adam(
        &mut self,
        AdamStep { rate, betas: [beta1, beta2], epsilon, corrections: [first, second] }: AdamStep,
        x: &mut Buffer<f32>,
        gradient: &Buffer<f32>,
        moments: [&mut Buffer<f32>; 2],
    ) -> Result<()> {
        self.kernels.adam(x, gradient, moments, [rate, beta1, beta2, epsilon, first, second])
    }
}
