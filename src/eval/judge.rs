//! From pairs of frames to figures, and from all figures to a verdict.

use super::drift::DriftMeter;
use super::figures::Means;
use super::motion::{Links, Tracker};
use super::{Drifts, Figures, LONG, Look, LossJudge, MotionSource, Pair, luma, ssim, warp_error};
use crate::error::Result;
use crate::pixels::Pixels;
use serde::Serialize;
use std::collections::VecDeque;

/// What is found of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FrameVerdict {
    /// Counted from 0.
    pub index: u64,
    /// When the source shows it, in seconds.
    pub time: f64,
    /// Its numbers.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What is found of the film so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Verdict {
    /// Frames that were judged.
    pub frames: u64,
    /// The first of them; `None` of none.
    pub first: Option<u64>,
    /// The last of them.
    pub last: Option<u64>,
    /// The mean of every figure over the frames that have it.
    #[serde(flatten)]
    pub means: Figures,
    /// How the film changes over time; `None` before the second frame.
    pub drift: Option<Drifts>,
}

/// Judges a film frame by frame.
pub struct Judge {
    tracker: Tracker,
    losses: Option<LossJudge>,
    loss_every: u64,
    begin: u64,
    /// The painted frames before, the latest at the front: no more than [`LONG`].
    painted: VecDeque<Pixels>,
    first_painted: Option<Pixels>,
    last_source: Option<Pixels>,
    judged: (u64, Option<u64>, Option<u64>),
    means: Means,
    drift: DriftMeter,
}

impl Judge {
    /// A judge that follows the source by `motion`. Without `losses` the objective's figures are
    /// `None`; with them, they are worked out for every `loss_every`-th judged frame (0 is taken as 1).
    /// Frames before `begin` are seen only for what later ones are compared with.
    pub fn new(motion: MotionSource, losses: Option<LossJudge>, loss_every: u64, begin: u64) -> Self {
        Self {
            tracker: Tracker::new(motion),
            losses,
            loss_every: loss_every.max(1),
            begin,
            painted: VecDeque::new(),
            first_painted: None,
            last_source: None,
            judged: (0, None, None),
            means: Means::default(),
            drift: DriftMeter::default(),
        }
    }

    /// Takes the next pair; all must come, in order. `None` for a frame before the first that is judged.
    ///
    /// # Errors
    /// Flow that cannot be read; those of [`LossJudge::judge`].
    pub fn see(&mut self, pair: &Pair) -> Result<Option<FrameVerdict>> {
        let (source, painted) = (Pixels::from_frame(&pair.source), Pixels::from_frame(&pair.painted));
        let wanted = pair.index >= self.begin;
        let links = self.tracker.follow(pair.index, &source, wanted)?;
        let figures = if wanted { Some(self.figures(pair, &source, &painted, &links)?) } else { None };
        if self.first_painted.is_none() {
            self.first_painted = Some(painted.clone());
        }
        self.painted.push_front(painted);
        self.painted.truncate(LONG as usize);
        self.last_source = Some(source);
        let Some(figures) = figures else { return Ok(None) };
        let (frames, first, last) = &mut self.judged;
        *frames += 1;
        first.get_or_insert(pair.index);
        *last = Some(pair.index);
        self.means.see(&figures);
        self.drift.see(pair.index, &figures);
        Ok(Some(FrameVerdict { index: pair.index, time: pair.timestamp.seconds(), figures }))
    }

    fn figures(&mut self, pair: &Pair, source: &Pixels, painted: &Pixels, links: &Links) -> Result<Figures> {
        let due = (pair.index - self.begin).is_multiple_of(self.loss_every);
        let losses = match &mut self.losses {
            Some(judge) if due => Some(judge.judge(source, painted)?),
            _ => None,
        };
        let error = |link: &Option<super::Link>, earlier: Option<&Pixels>, now: &Pixels| {
            warp_error(earlier?, now, link.as_ref()?)
        };
        let occluded = |link: &Option<super::Link>| link.as_ref().map(super::Link::occluded);
        let (luma_source, luma_painted) = (luma(&pair.source), luma(&pair.painted));
        let (before, now) = (Look::of(&pair.source, &luma_source), Look::of(&pair.painted, &luma_painted));
        let long_ago = self.painted.get(LONG as usize - 1);
        let figures = Figures {
            objective: losses.map(|losses| losses.objective),
            style: losses.map(|losses| losses.style),
            content: losses.map(|losses| losses.content),
            warp_error: error(&links.previous, self.painted.front(), painted),
            warp_error_10: error(&links.long, long_ago, painted),
            warp_error_first: error(&links.first, self.first_painted.as_ref(), painted),
            source_warp_error: error(&links.previous, self.last_source.as_ref(), source),
            occluded: occluded(&links.previous),
            occluded_10: occluded(&links.long),
            occluded_first: occluded(&links.first),
            ssim: ssim(&luma_source, &luma_painted, source.size()),
            luminance: Some(now.luminance),
            saturation: Some(now.saturation),
            contrast: Some(now.contrast),
            source_luminance: Some(before.luminance),
            source_saturation: Some(before.saturation),
            source_contrast: Some(before.contrast),
            contrast_ratio: (before.contrast > 0.0).then(|| now.contrast / before.contrast),
        };
        Ok(Figures::from_values(figures.values()))
    }

    /// The verdict over all frames judged so far.
    pub fn verdict(&self) -> Verdict {
        let (frames, first, last) = self.judged;
        Verdict { frames, first, last, means: self.means.mean(), drift: self.drift.drifts() }
    }
}
