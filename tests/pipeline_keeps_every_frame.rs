//! The lossless pipeline hands on every frame once, in order, with its own time and picture, and
//! holds only a bounded number of them at any moment.

mod pipeline_parts;

use pipeline_parts::*;
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stylecast::pipeline::{
    DECODED_QUEUE, Event, PAINTED_QUEUE, SCOUTED_QUEUE, Scaled, StopToken, Trimmed, run_lossless,
};
use stylecast::sink::Ending;
use stylecast::stylize::PaintReport;
use stylecast::time::Timestamp;

#[test]
fn frames_arrive_in_order_with_their_own_time_and_picture() {
    let (source, sink) = (Counter::film(50), Memory::default());
    let kept = sink.kept.clone();
    let outcome = run_lossless(
        Box::new(source),
        |timed| timed,
        |timed| Ok(inverted(&timed)),
        Box::new(sink),
        &mut |_| {},
        &StopToken::new(),
    )
    .unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.finished.unwrap().frames, 50);
    let kept = kept.lock().unwrap();
    assert_eq!(kept.ending, Some(Ending::Complete));
    for (i, timed) in kept.frames.iter().enumerate() {
        assert_eq!(timed.index.0, i as u64);
        assert_eq!(timed.timestamp, moment(i as u64));
        assert_eq!(timed.duration_ticks, Some(duration(i as u64)));
        assert_eq!(timed.frame.pixel(1, 2), picture(i as u64).pixel(1, 2).map(|value| 255 - value));
    }
    assert_eq!(kept.frames.len(), 50);
}

#[test]
fn the_observer_hears_of_each_frame_then_of_the_end_and_of_each_note_once() {
    let mut source = Counter::film(3);
    source.notes = vec!["the last row was dropped".into(); 2];
    let mut sink = Memory::default();
    sink.notes = vec!["the subtitles were left out".into()];
    let mut heard = Vec::new();
    let report = |i: u64| PaintReport {
        iterations: 10 * (i as usize + 1),
        first_loss: (i != 0).then_some(4.0 - i as f64),
        last_loss: (i != 2).then_some(0.5 - i as f64 / 10.0),
        seconds: 0.0,
        ..PaintReport::default()
    };
    let outcome = run_lossless(
        Box::new(source),
        |timed| timed,
        |timed| {
            let report = report(timed.index.0);
            Ok(stylecast::stylize::Painted { frame: timed.frame, report })
        },
        Box::new(sink),
        &mut |event| {
            heard.push(match event {
                Event::Painted(frame) => format!("frame {} {}", frame.index, frame.report.iterations),
                Event::Note(note) => format!("note {note}"),
                Event::Finishing(ending) => format!("{ending:?}"),
            });
        },
        &StopToken::new(),
    )
    .unwrap();
    assert_eq!(
        heard,
        [
            "note the last row was dropped",
            "frame 0 10",
            "frame 1 20",
            "frame 2 30",
            "Complete",
            "note the subtitles were left out"
        ]
    );
    assert_eq!(outcome.notes, ["the last row was dropped", "the subtitles were left out"]);
    let statistics = outcome.statistics;
    assert_eq!((statistics.frames, statistics.iterations), (3, 60));
    // The first frame told no first loss and the last no last loss: the nearest that did count.
    assert_eq!((statistics.first_loss, statistics.last_loss), (Some(3.0), Some(0.4)));
}

#[test]
fn a_slow_sink_holds_the_source_back() {
    let (source, mut sink) = (Counter::film(60), Memory::default());
    sink.pause = Duration::from_millis(2);
    let (issued, kept, most) = (source.issued.clone(), sink.kept.clone(), sink.most_alive.clone());
    sink.issued = Some(issued);
    let stop = StopToken::new();
    run_lossless(
        Box::new(source),
        |timed| timed,
        |timed| Ok(untouched(timed)),
        Box::new(sink),
        &mut |_| {},
        &stop,
    )
    .unwrap();
    assert_eq!(kept.lock().unwrap().frames.len(), 60);
    // Three queues, and one frame in the hands of each of the four stages.
    let bound = DECODED_QUEUE + SCOUTED_QUEUE + PAINTED_QUEUE + 4;
    let most = most.load(Ordering::SeqCst);
    assert!(most <= bound, "{most} frames were alive at once, {bound} are allowed");
    assert!(most > PAINTED_QUEUE, "the queues were never used: {most}");
}

#[test]
fn a_slow_painter_holds_the_source_back() {
    let source = Counter::film(30);
    let issued = source.issued.clone();
    let (mut painted, mut most) = (0, 0);
    let paint = |timed| {
        std::thread::sleep(Duration::from_millis(2));
        most = most.max(issued.load(Ordering::SeqCst) - painted);
        painted += 1;
        Ok(untouched(timed))
    };
    run_lossless(
        Box::new(source),
        |timed| timed,
        paint,
        Box::<Memory>::default(),
        &mut |_| {},
        &StopToken::new(),
    )
    .unwrap();
    // The queues, and what decoder, scout and painter have in their hands.
    assert!(most <= DECODED_QUEUE + SCOUTED_QUEUE + 3, "{most} frames were decoded ahead");
}

#[test]
fn a_part_of_a_film_keeps_its_times_and_is_counted_anew() {
    // Frames of `Counter` are shown at 40·i + i mod 3 − 80 ms: 3 at 40, 4 at 81, 5 at 122 ms.
    let ms = |ticks| Some(Timestamp::new(ticks, BASE));
    let mut part = Trimmed::to(Box::new(Counter::film(9)), ms(40), ms(82));
    let mut shown = Vec::new();
    while let Some(timed) = part.next_frame().unwrap() {
        shown.push((timed.index.0, timed.timestamp.ticks, timed.frame.pixel(0, 0)[0]));
    }
    assert_eq!(shown, [(0, 40, 3), (1, 81, 4)]);
    assert!(part.next_frame().unwrap().is_none(), "the end stays the end");
    let size = stylecast::frame::Size::new(8, 6);
    let mut scaled = Scaled::to(Box::new(Counter::film(1)), size);
    assert_eq!(scaled.info().size, size);
    assert_eq!(scaled.next_frame().unwrap().unwrap().frame.size(), size);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the length and whichever stage is slow.
    #[test]
    fn films_of_any_length_come_out_whole(length in 0u64..40, slow in 0usize..4) {
        let (mut source, mut sink) = (Counter::film(length), Memory::default());
        let pause = |stage| Duration::from_micros(if slow == stage { 300 } else { 0 });
        source.pause = pause(0);
        sink.pause = pause(2);
        let kept = sink.kept.clone();
        let paint = |timed| {
            std::thread::sleep(pause(1));
            Ok(untouched(timed))
        };
        let outcome = run_lossless(Box::new(source), |timed| timed, paint, Box::new(sink), &mut |_| {}, &StopToken::new()).unwrap();
        prop_assert_eq!(outcome.statistics.frames, length);
        let kept = kept.lock().unwrap();
        prop_assert_eq!(kept.ending, Some(Ending::Complete));
        let indices: Vec<u64> = kept.frames.iter().map(|timed| timed.index.0).collect();
        prop_assert_eq!(indices, (0..length).collect::<Vec<_>>());
    }
}
