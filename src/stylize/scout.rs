//! What a painter must know of a frame before it paints it: the frame at the painted size, how it moved,
//! and whether a new shot begins.
//!
//! It depends on the source alone, so it can be found ahead, on another thread, while the frame before is
//! being painted.

use super::place::LinkThere;
use crate::error::{Error, Result};
use crate::flow::{CutDetector, DenseFlow, Flow, Mask, Motion, Pyramid, certainty, occlusions};
use crate::frame::{Frame, Size};
use crate::kernels::cuda::{Buffer, Machine};
use crate::pixels::Pixels;
use crate::resize::resize_pixels;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::VecDeque;
use std::sync::Arc;

/// How many frames back a frame is compared with, nearest first. The frame before carries the paint along;
/// the older one still knows what was hidden for a moment (Ruder et al. 2016, section 4.2, use 1, 10, 20
/// and 40; each costs a flow).
const LOOKS_BACK: [usize; 2] = [1, 10];

/// The longest look back: paint older than this is not needed.
pub(super) const OLDEST: usize = LOOKS_BACK[LOOKS_BACK.len() - 1];

/// A frame that has been looked at.
#[derive(Clone)]
pub struct Scouted {
    /// The frame as it came.
    pub(super) frame: Frame,
    /// The frame at the painted size.
    pub(super) source: Pixels,
    /// The same, where it was brought to a GPU ahead.
    pub(super) there: Option<Arc<Buffer<f32>>>,
    pub(super) change: Change,
}

/// What happened between the last frame and this one.
#[derive(Clone)]
pub(super) enum Change {
    /// Not known: this is the first frame, or nobody asked.
    Unknown,
    /// Another shot: nothing of the frames before is of use.
    Cut,
    /// The same shot, moved; nearest frame first, never empty.
    Moved(Vec<Link>),
}

/// How a frame hangs together with an earlier one.
#[derive(Clone)]
pub(super) struct Link {
    /// How many frames earlier, from 1.
    pub(super) back: usize,
    /// Lives on this frame, points to the earlier one.
    pub(super) flow: Flow,
    /// 1 where the earlier frame shows the same thing, 0 where it was hidden.
    pub(super) visible: Mask,
    /// As `visible`, and 0 at the edges of what moves.
    pub(super) certainty: Mask,
    /// The same, where it was brought to a GPU ahead.
    pub(super) there: Option<Arc<LinkThere>>,
}

impl Link {
    fn new(back: usize, motion: Motion) -> Self {
        let size = motion.backward.size();
        let hidden = occlusions(&motion.backward, &motion.forward);
        let visible = hidden.into_iter().map(|hidden| if hidden { 0.0 } else { 1.0 }).collect();
        Self {
            back,
            visible: Mask::new(size, visible).unwrap_or_else(|| Mask::flat(size, 0.0)),
            certainty: certainty(&motion.backward, &motion.forward),
            flow: motion.backward,
            there: None,
        }
    }
}

/// Looks at the frames of one film, in order.
pub struct Scout {
    paint_size: Option<usize>,
    /// Whether motion is wanted at all.
    follows: bool,
    /// How many frames back a frame is compared with.
    looks_back: &'static [usize],
    pool: ThreadPool,
    /// Where what is found is brought ahead.
    machine: Option<Arc<dyn Machine>>,
    dense: DenseFlow,
    cuts: CutDetector,
    /// Whether the next frame is of another size only because it is painted so.
    resized: bool,
    /// The frame before.
    last: Option<(Pixels, Pyramid)>,
    /// Frames of this shot at the painted size, the frame before first.
    shot: VecDeque<Frame>,
}

impl Scout {
    /// A scout for frames that are painted at `paint_size` ([`super::PaintSettings::paint_size`]), which
    /// looks for motion if it `follows` it, on `threads` threads of its own.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub(super) fn new(paint_size: Option<usize>, follows: bool, threads: usize) -> Result<Self> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("motion {i}"))
            .build()
            .map_err(|cause| Error::model("cannot start threads for the motion").caused_by(cause))?;
        Ok(Self {
            paint_size,
            follows,
            looks_back: &LOOKS_BACK,
            pool,
            machine: None,
            dense: DenseFlow::default(),
            cuts: CutDetector::new(),
            resized: false,
            last: None,
            shot: VecDeque::new(),
        })
    }

    /// Looks for motion down to half the frame's size, which takes a quarter of the time (docs/PERFORMANCE.md).
    pub(super) fn look_at_half(&mut self) {
        self.dense.finest_scale = 1;
    }

    /// Brings what it finds to this machine, so that the painter need not wait for it.
    pub(super) fn bring_to(&mut self, machine: Arc<dyn Machine>) {
        self.machine = Some(machine);
    }

    /// Compares frames with the one before only, which takes half the time.
    pub(super) fn look_back_once(&mut self) {
        self.looks_back = &LOOKS_BACK[..1];
    }

    /// Frames are painted at another size from now on, as [`super::Painter::set_paint_size`] was told.
    pub fn set_paint_size(&mut self, longest: usize) {
        self.resized |= self.paint_size.replace(longest) != Some(longest);
    }

    /// Looks at the next frame.
    pub fn look(&mut self, frame: Frame) -> Scouted {
        let size = super::paint_size(self.paint_size, frame.size());
        let source = resize_pixels(&Pixels::from_frame(&frame), size);
        let change = if self.follows { self.follow(&source) } else { Change::Unknown };
        let mut scouted = Scouted { frame, source, there: None, change };
        if let Some(machine) = &self.machine
            && let Err(error) = scouted.bring(machine)
        {
            tracing::debug!("a frame was not brought to the GPU ahead: {error}");
        }
        scouted
    }

    fn follow(&mut self, source: &Pixels) -> Change {
        let Self { pool, dense, cuts, resized, last, shot, looks_back, .. } = self;
        let pyramid = pool.install(|| Pyramid::new(source));
        if std::mem::take(resized)
            && let Some((before, _)) = last.take()
        {
            let before = resize_pixels(&before, source.size());
            let earlier = pool.install(|| Pyramid::new(&before));
            *last = Some((before, earlier));
            shot.clear();
        }
        let change = match last.take().filter(|(last, _)| last.size() == source.size()) {
            None => {
                shot.clear();
                Change::Unknown
            }
            Some((before, earlier)) => pool.install(|| {
                let motion = dense.between(&earlier, &pyramid);
                if cuts.is_cut(&before, source, &motion) {
                    shot.clear();
                    return Change::Cut;
                }
                let mut links = vec![Link::new(1, motion)];
                for &back in looks_back.iter().skip(1) {
                    if let Some(earlier) = shot.get(back - 1) {
                        let earlier = Pyramid::new(&Pixels::from_frame(earlier));
                        links.push(Link::new(back, dense.between(&earlier, &pyramid)));
                    }
                }
                Change::Moved(links)
            }),
        };
        shot.push_front(source.to_frame());
        shot.truncate(OLDEST);
        *last = Some((source.clone(), pyramid));
        change
    }
}

impl Scouted {
    fn bring(&mut self, machine: &Arc<dyn Machine>) -> Result<()> {
        self.there = Some(Arc::new(Buffer::brought(machine, self.source.data())?));
        if let Change::Moved(links) = &mut self.change {
            for link in links {
                link.there = Some(Arc::new(LinkThere::brought(link, machine)?));
            }
        }
        Ok(())
    }

    /// The size at which it is painted.
    pub fn paint_size(&self) -> Size {
        self.source.size()
    }

    /// Whether a new shot begins with this frame. Never for a first frame.
    pub fn is_cut(&self) -> bool {
        matches!(self.change, Change::Cut)
    }
}
