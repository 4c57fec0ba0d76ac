//! The end, a stop and a failure of the lossless pipeline stay three different things, no stage can
//! leave another one hanging, and what is told is the cause, not its symptoms.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod pipeline_parts;

use pipeline_parts::*;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stylecast::error::{Error, ErrorKind, Result};
use stylecast::pipeline::{Event, Outcome, StopToken, Wish, run_lossless};
use stylecast::sink::Ending;
use stylecast::source::TimedFrame;
use stylecast::stylize::Painted;

/// One run in which everything may go wrong.
struct Run {
    source: Counter,
    sink: Memory,
    stop: StopToken,
}

impl Run {
    fn new(source: Counter) -> Self {
        Self { source, sink: Memory::default(), stop: StopToken::new() }
    }

    fn paint(self, paint: impl FnMut(TimedFrame) -> Result<Painted>) -> Result<Outcome> {
        run_lossless(
            Box::new(self.source),
            |timed| timed,
            paint,
            Box::new(self.sink),
            &mut |_| {},
            &self.stop,
        )
    }

    /// The error of a run that must leave no finished output behind.
    fn fails(self, paint: impl FnMut(TimedFrame) -> Result<Painted>) -> Error {
        let (kept, gone) = (self.sink.kept.clone(), self.sink.gone.clone());
        let error = self.paint(paint).unwrap_err();
        assert_eq!(kept.lock().unwrap().ending, None, "the sink was finished");
        assert!(gone.load(Ordering::SeqCst), "the sink still lives");
        error
    }
}

#[test]
fn an_error_of_the_source_is_told_at_every_point() {
    for at in [0, 1, 2, 7, 20] {
        let mut run = Run::new(Counter::film(20));
        run.source.trouble = Some(Trouble::Error(at));
        let error = run.fails(|timed| Ok(untouched(timed)));
        assert_eq!(error.kind(), ErrorKind::Input, "at {at}: {error}");
    }
}

#[test]
fn an_error_of_the_painter_is_told_at_every_point() {
    for at in [0, 1, 7, 19] {
        let error = Run::new(Counter::endless()).fails(|timed| match timed.index.0 {
            index if index == at => Err(Error::model("out of memory")),
            _ => Ok(untouched(timed)),
        });
        assert_eq!(error.to_string(), "out of memory");
    }
}

#[test]
fn an_error_of_the_sink_is_told_at_every_point() {
    for at in [0, 1, 7, 19] {
        let mut run = Run::new(Counter::endless());
        run.sink.trouble = Some(Trouble::Error(at));
        let error = run.fails(|timed| Ok(untouched(timed)));
        assert_eq!(error.to_string(), "cannot write painted.mp4: disk full");
    }
    let mut run = Run::new(Counter::film(5));
    run.sink.fails_to_finish = true;
    assert_eq!(run.fails(|timed| Ok(untouched(timed))).kind(), ErrorKind::Output);
}

#[test]
fn a_panic_in_any_stage_is_an_error_and_not_a_hang() {
    for at in [0, 5] {
        let mut run = Run::new(Counter::endless());
        run.source.trouble = Some(Trouble::Panic(at));
        let error = run.fails(|timed| Ok(untouched(timed))).to_string();
        assert!(error.contains("reading frames") && error.contains(&format!("frame {at}")), "{error}");

        let mut run = Run::new(Counter::endless());
        run.sink.trouble = Some(Trouble::Panic(at));
        let error = run.fails(|timed| Ok(untouched(timed))).to_string();
        assert!(error.contains("writing frames") && error.contains(&format!("frame {at}")), "{error}");

        let error = Run::new(Counter::endless()).fails(|timed| match timed.index.0 {
            index if index == at => panic!("no brush"),
            _ => Ok(untouched(timed)),
        });
        assert!(error.to_string().contains("painting") && error.to_string().contains("no brush"), "{error}");
        assert!(error.next_step().is_some());
    }
}

#[test]
fn a_panicking_observer_is_an_error_too() {
    let run = Run::new(Counter::endless());
    let observer = &mut |_: Event<'_>| panic!("no screen");
    let result = run_lossless(
        Box::new(run.source),
        |timed| timed,
        |timed| Ok(untouched(timed)),
        Box::new(run.sink),
        observer,
        &run.stop,
    );
    assert!(result.unwrap_err().to_string().contains("no screen"));
}

#[test]
fn the_cause_is_told_even_if_the_symptom_comes_first_in_the_line() {
    // The painter sees only that the sink is gone; the sink knows that the disk is full.
    let mut run = Run::new(Counter::endless());
    run.sink.trouble = Some(Trouble::Error(3));
    let error = run.fails(|timed| {
        std::thread::sleep(Duration::from_micros(200));
        Ok(untouched(timed))
    });
    assert_eq!(error.kind(), ErrorKind::Output);
}

#[test]
fn the_first_stop_keeps_exactly_what_is_painted() {
    for at in [0, 1, 4, 30] {
        let mut run = Run::new(Counter::endless());
        run.sink.pause = Duration::from_micros(100);
        let (kept, stop) = (run.sink.kept.clone(), run.stop.clone());
        let outcome = run
            .paint(|timed| {
                if timed.index.0 == at {
                    assert_eq!(stop.stop(), Wish::Finish);
                }
                Ok(untouched(timed))
            })
            .unwrap();
        assert_eq!(outcome.ending, Ending::Interrupted);
        // The frame that was being painted is kept, and no other one is begun.
        assert_eq!(outcome.statistics.frames, at + 1);
        assert_eq!(outcome.finished.unwrap().frames, at + 1);
        assert_eq!(kept.lock().unwrap().ending, Some(Ending::Interrupted));
    }
}

#[test]
fn a_stop_before_the_first_frame_leaves_nothing() {
    let run = Run::new(Counter::endless());
    let (kept, gone) = (run.sink.kept.clone(), run.sink.gone.clone());
    run.stop.stop();
    let outcome = run.paint(|_| panic!("nothing is to be painted")).unwrap();
    assert_eq!(outcome.ending, Ending::Interrupted);
    assert!(outcome.finished.is_none() && kept.lock().unwrap().ending.is_none());
    assert!(gone.load(Ordering::SeqCst));
}

#[test]
fn a_stop_wakes_a_painter_that_waits_for_a_slow_source() {
    let mut run = Run::new(Counter::endless());
    run.source.pause = Duration::from_millis(50);
    let stop = run.stop.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(120));
        stop.stop()
    });
    let outcome = run.paint(|timed| Ok(untouched(timed))).unwrap();
    assert_eq!(stopper.join().unwrap(), Wish::Finish);
    assert_eq!(outcome.ending, Ending::Interrupted);
}

#[test]
fn the_second_stop_drops_the_output_whatever_still_waits() {
    for at in [0, 6] {
        let mut run = Run::new(Counter::endless());
        run.sink.pause = Duration::from_millis(1);
        let (kept, gone, stop) = (run.sink.kept.clone(), run.sink.gone.clone(), run.stop.clone());
        let outcome = run
            .paint(|timed| {
                if timed.index.0 == at {
                    stop.stop();
                    assert_eq!(stop.stop(), Wish::Abandon);
                }
                Ok(untouched(timed))
            })
            .unwrap();
        assert_eq!(outcome.ending, Ending::Interrupted);
        assert!(outcome.finished.is_none());
        assert_eq!(kept.lock().unwrap().ending, None);
        assert!(gone.load(Ordering::SeqCst));
    }
}

#[test]
fn the_second_stop_drops_the_output_while_a_frame_is_still_being_painted() {
    let run = Run::new(Counter::endless());
    let (gone, stop) = (run.sink.gone.clone(), run.stop.clone());
    let outcome = run
        .paint(|timed| {
            stop.stop();
            stop.stop();
            // The encoder is idle and has to be woken; the painter does not return before it is gone.
            while !gone.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            Ok(untouched(timed))
        })
        .unwrap();
    assert!(outcome.finished.is_none());
}

#[test]
fn a_failure_after_a_stop_is_still_a_failure() {
    let mut run = Run::new(Counter::endless());
    run.sink.fails_to_finish = true;
    let stop = run.stop.clone();
    let error = run.fails(|timed| {
        if timed.index.0 == 2 {
            stop.stop();
        }
        Ok(untouched(timed))
    });
    assert_eq!(error.to_string(), "cannot rename painted.mp4");
}
