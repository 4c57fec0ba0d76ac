//! The pipeline from a camera to whoever looks: the newest frame wins, and nobody waits for anybody.
//!
//! The source and the painter run on threads of their own, the view on the caller's, because a window
//! belongs to the main thread. Between them are slots, in which a newer frame replaces an older one that
//! nobody has taken; those are counted. Whoever wants every painted frame (a recording) is served by the
//! painter and has a queue of its own.

use super::stage::{Failure, disconnected, guard, named, root_cause};
use super::{StopToken, Wish};
use crate::error::{Error, Result};
use crate::sink::Ending;
use crate::slot::{Giver, Taken, Taker, slot};
use crate::source::live::{Arrival, Captured, LiveSource};
use crossbeam_channel::{Sender, unbounded};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long the source and the painter wait before they look whether the run shall go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the view waits for a frame before it is called without one, to look after its keys. A tap of
/// a key must never be lost, and what it does should be felt at once.
const TICK: Duration = Duration::from_millis(8);

/// Something painted, and when what it shows was captured.
#[derive(Debug)]
pub struct Fresh<V> {
    /// What the view gets.
    pub view: V,
    /// When the camera saw it.
    pub captured: Instant,
}

/// What the view is called with.
#[derive(Debug)]
pub enum Seen<'a, V> {
    /// The newest painted frame.
    Frame(Fresh<V>),
    /// Nothing new; called at least every few milliseconds.
    Nothing,
    /// The source has something to say, a whole sentence.
    Note(&'a str),
}

/// Frames on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// That the source handed out.
    pub captured: u64,
    /// That were replaced by a newer one before they were painted.
    pub unpainted: u64,
    /// That were painted.
    pub painted: u64,
    /// That were replaced by a newer one before they were shown.
    pub unseen: u64,
}

/// What the threads count, each its own.
#[derive(Default)]
struct Tally {
    captured: AtomicU64,
    unpainted: AtomicU64,
    painted: AtomicU64,
}

impl Tally {
    fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            captured: read(&self.captured),
            unpainted: read(&self.unpainted),
            painted: read(&self.painted),
            unseen: 0,
        }
    }
}

/// Reads `source` until it ends, `stop` is wished or `view` breaks off; paints the newest frame at any time
/// and shows the newest painted one.
///
/// Returns how it ended, [`Ending::Interrupted`] if by the wish of somebody else than the view.
///
/// `paint` runs on a thread of its own. It gets the newest frame, or `None` if there has been none for a
/// moment, and may make something to be shown of either. `view` runs on the calling thread.
///
/// # Errors
/// The first failure of the source, the painter or the view. A panic in one of them is a failure too.
pub fn run_latest<V: Send>(
    source: Box<dyn LiveSource>,
    paint: impl FnMut(Option<Captured>) -> Result<Option<Fresh<V>>> + Send,
    mut view: impl FnMut(Seen<'_, V>, Counts) -> Result<ControlFlow<()>>,
    stop: &StopToken,
) -> Result<(Ending, Counts)> {
    let (to_painter, captured) = slot();
    let (to_view, painted) = slot();
    let (notes_in, notes) = unbounded();
    let tally = Tally::default();
    let counts = || Counts { unseen: painted.replaced(), ..tally.counts() };

    thread::scope(|scope| {
        let reader = named("capture")
            .spawn_scoped(scope, || guard("capturing", || read(source, to_painter, notes_in, &tally, stop)));
        let painter = named("paint").spawn_scoped(scope, || {
            guard("painting", || paint_newest(paint, captured, to_view, &tally, stop))
        });
        let (reader, painter) = match (reader, painter) {
            (Ok(reader), Ok(painter)) => (reader, painter),
            (Err(cause), _) | (_, Err(cause)) => {
                stop.stop();
                return Err(Error::model("cannot start a thread").caused_by(cause));
            }
        };
        let viewing = guard("showing", || {
            loop {
                for note in notes.try_iter() {
                    let note: String = note;
                    if view(Seen::Note(&note), counts())?.is_break() {
                        return Ok(());
                    }
                }
                let seen = match painted.take(TICK) {
                    Taken::Thing(fresh) => Seen::Frame(fresh),
                    Taken::Nothing => Seen::Nothing,
                    Taken::Closed => return Ok(()),
                };
                if view(seen, counts())?.is_break() {
                    return Ok(());
                }
            }
        });
        let ending = match stop.wish() {
            Wish::Continue => Ending::Complete,
            Wish::Finish | Wish::Abandon => Ending::Interrupted,
        };
        if ending == Ending::Complete {
            stop.stop();
        }
        let reading = reader.join().unwrap_or_else(|panic| Err(Failure::panic("capturing", &*panic)));
        let painting = painter.join().unwrap_or_else(|panic| Err(Failure::panic("painting", &*panic)));
        for note in notes.try_iter() {
            let note: String = note;
            let _ = view(Seen::Note(&note), counts());
        }
        match (reading, painting, viewing) {
            (Ok(()), Ok(()), Ok(())) => Ok((ending, counts())),
            (reading, painting, viewing) => {
                Err(root_cause([reading.err(), painting.err(), viewing.err()].into_iter().flatten()))
            }
        }
    })
}

fn read(
    mut source: Box<dyn LiveSource>,
    painter: Giver<Captured>,
    notes: Sender<String>,
    tally: &Tally,
    stop: &StopToken,
) -> Result<()> {
    while stop.wish() == Wish::Continue {
        let arrival = source.next(PATIENCE);
        for note in source.take_notes() {
            // Nobody listens any more only when the run is over.
            let _ = notes.send(note);
        }
        match arrival? {
            Arrival::Frame(captured) => {
                tally.captured.fetch_add(1, Ordering::Relaxed);
                if !painter.put(captured) {
                    break;
                }
            }
            Arrival::Nothing => {}
            Arrival::Ended => break,
        }
    }
    Ok(())
}

fn paint_newest<V>(
    mut paint: impl FnMut(Option<Captured>) -> Result<Option<Fresh<V>>>,
    frames: Taker<Captured>,
    view: Giver<Fresh<V>>,
    tally: &Tally,
    stop: &StopToken,
) -> Result<()> {
    while stop.wish() == Wish::Continue {
        let captured = match frames.take(PATIENCE) {
            Taken::Thing(captured) => Some(captured),
            Taken::Nothing => None,
            Taken::Closed => break,
        };
        tally.unpainted.store(frames.replaced(), Ordering::Relaxed);
        if let Some(fresh) = paint(captured)? {
            tally.painted.fetch_add(1, Ordering::Relaxed);
            if !view.put(fresh) {
                return if stop.wish() == Wish::Continue {
                    Err(disconnected("nobody looks"))
                } else {
                    Ok(())
                };
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, FrameIndex, Size};
    use crate::source::live::CLOCK;
    use crate::source::{SourceInfo, TimedFrame};
    use crate::time::{FrameRate, Timestamp};

    /// Hands out `frames` frames as fast as they are taken, then ends, fails or goes on without any.
    struct Camera {
        info: SourceInfo,
        frames: u64,
        next: u64,
        then: fn() -> Result<Arrival>,
        pause: Duration,
    }

    fn camera(frames: u64, pause_ms: u64, then: fn() -> Result<Arrival>) -> Box<dyn LiveSource> {
        let size = Size::new(2, 2);
        let info = SourceInfo { size, frame_rate: FrameRate::new(30, 1), time_base: CLOCK, frames: None };
        Box::new(Camera { info, frames, next: 0, then, pause: Duration::from_millis(pause_ms) })
    }

    impl LiveSource for Camera {
        fn info(&self) -> &SourceInfo {
            &self.info
        }

        fn next(&mut self, patience: Duration) -> Result<Arrival> {
            if self.next == self.frames {
                thread::sleep(patience.min(Duration::from_millis(5)));
                return (self.then)();
            }
            thread::sleep(self.pause);
            let index = FrameIndex(self.next);
            self.next += 1;
            let timestamp = Timestamp::new(index.0 as i64, CLOCK);
            let frame = Frame::from_fn(self.info.size, |_, _| [index.0 as u8; 3]);
            let timed = TimedFrame { index, timestamp, duration_ticks: None, frame };
            Ok(Arrival::Frame(Captured { timed, at: Instant::now() }))
        }

        fn take_notes(&mut self) -> Vec<String> {
            if self.next == 1 { vec!["the lens is dusty".into()] } else { Vec::new() }
        }
    }

    fn pass(captured: Option<Captured>) -> Result<Option<Fresh<u64>>> {
        Ok(captured.map(|captured| Fresh { view: captured.timed.index.0, captured: captured.at }))
    }

    #[test]
    fn the_newest_frame_wins_and_every_other_is_counted() {
        let slow = |captured| {
            thread::sleep(Duration::from_millis(10));
            pass(captured)
        };
        let (mut shown, mut notes) = (Vec::new(), Vec::new());
        let (ending, counts) = run_latest(
            camera(60, 1, || Ok(Arrival::Ended)),
            slow,
            |seen, _| {
                match seen {
                    Seen::Frame(fresh) => shown.push(fresh.view),
                    Seen::Note(note) => notes.push(note.to_owned()),
                    Seen::Nothing => {}
                }
                Ok(ControlFlow::Continue(()))
            },
            &StopToken::new(),
        )
        .unwrap();
        assert!(shown.is_sorted() && shown.last() == Some(&59), "the last is never replaced: {shown:?}");
        assert_eq!((ending, counts.captured), (Ending::Complete, 60));
        assert_eq!(counts.painted + counts.unpainted, 60);
        assert_eq!(shown.len() as u64 + counts.unseen, counts.painted);
        assert!(counts.unpainted > 10, "{counts:?}");
        assert_eq!(notes, ["the lens is dusty"]);
    }

    #[test]
    fn a_view_that_has_seen_enough_ends_the_run_while_the_camera_goes_on() {
        let mut frames = 0;
        let stop = StopToken::new();
        run_latest(
            camera(u64::MAX, 1, || Ok(Arrival::Nothing)),
            pass,
            |seen, _| {
                frames += u64::from(matches!(seen, Seen::Frame(_)));
                Ok(if frames == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
            &stop,
        )
        .unwrap();
        assert_eq!((frames, stop.wish()), (3, Wish::Finish));
    }

    #[test]
    fn a_wish_to_stop_ends_a_run_in_which_nothing_comes() {
        let stop = StopToken::new();
        let wisher = stop.clone();
        let counts = thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(30));
                wisher.stop();
            });
            let view = |_: Seen<'_, u64>, _| Ok(ControlFlow::Continue(()));
            run_latest(camera(0, 0, || Ok(Arrival::Nothing)), pass, view, &stop)
        });
        assert_eq!(counts.unwrap(), (Ending::Interrupted, Counts::default()));
    }

    #[test]
    fn failures_and_panics_end_the_run_and_are_told() {
        let go_on = |_: Seen<'_, u64>, _| Ok(ControlFlow::Continue(()));
        let unplugged = camera(3, 1, || Err(Error::input("the cable is cut")));
        assert_eq!(
            run_latest(unplugged, pass, go_on, &StopToken::new()).unwrap_err().to_string(),
            "the cable is cut"
        );
        let endless = || camera(u64::MAX, 1, || Ok(Arrival::Nothing));
        let failing = |_| Err(Error::model("no paint left"));
        assert_eq!(
            run_latest(endless(), failing, go_on, &StopToken::new()).unwrap_err().to_string(),
            "no paint left"
        );
        let panicking = |_| -> Result<Option<Fresh<u64>>> { panic!("a brush broke") };
        let error = run_latest(endless(), panicking, go_on, &StopToken::new()).unwrap_err();
        assert!(error.to_string().contains("a brush broke"), "{error}");
        let blind = |_: Seen<'_, u64>, _| Err(Error::output("the window is gone"));
        assert_eq!(
            run_latest(endless(), pass, blind, &StopToken::new()).unwrap_err().to_string(),
            "the window is gone"
        );
    }

    #[test]
    fn who_paints_is_asked_again_when_nothing_comes() {
        let mut asked = 0;
        let restless = |captured: Option<Captured>| {
            Ok(Some(Fresh { view: captured.map(|c| c.timed.index.0), captured: Instant::now() }))
        };
        run_latest(
            camera(1, 0, || Ok(Arrival::Nothing)),
            restless,
            |seen, _| {
                asked += u64::from(matches!(seen, Seen::Frame(Fresh { view: None, .. })));
                Ok(if asked == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
            &StopToken::new(),
        )
        .unwrap();
        assert_eq!(asked, 2);
    }
}
