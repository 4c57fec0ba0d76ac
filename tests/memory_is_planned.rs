//! What painting on a GPU will take of its memory is known before, and where memory runs out all the same,
//! the picture is painted smaller instead of not at all.
//!
//! The plan is held against what the same code really allocates on the CPU, by an allocator that counts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(unsafe_code, reason = "counting allocations takes an allocator")]

#[path = "common/painting.rs"]
mod painting;

use candle_core::{DType, Device};
use painting::{picture, weights};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use stylecast::error::ErrorKind;
use stylecast::frame::{Frame, Size};
use stylecast::loss::{Objective, ObjectiveSettings};
use stylecast::pixels::Pixels;
use stylecast::resize::resize_frame;
use stylecast::stylize::{PaintSettings, Painter};
use stylecast::vgg::{Layer, Network, Pooling, TensorNetwork};

/// The system's allocator, counting bytes.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// One test at a time: they share the counters.
static ALONE: Mutex<()> = Mutex::new(());

// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` leaves held, and the most that it held at once beyond what was there before.
fn measured<R>(work: impl FnOnce() -> R) -> (R, u64, u64) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = work();
    let since = |bytes: usize| bytes.saturating_sub(before) as u64;
    (result, since(HELD.load(Ordering::Relaxed)), since(MOST.load(Ordering::Relaxed)))
}

fn network(pooling: Pooling) -> TensorNetwork {
    TensorNetwork::new(&weights(), pooling, &Device::Cpu, DType::F32).unwrap()
}

fn frame(size: Size) -> Frame {
    resize_frame(&picture("summertime.jpg"), size)
}

#[test]
fn the_plan_is_what_is_allocated_and_a_little_more() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let weights = weights();
    for pooling in [Pooling::Average, Pooling::Max] {
        let (network, held, _) =
            measured(|| Arc::new(TensorNetwork::new(&weights, pooling, &Device::Cpu, DType::F32).unwrap()));
        let size = Size::new(160, 112);
        let plan = network.memory(Layer::CONV5_1, &[Layer::CONV4_2], size);
        let share = held as f64 / plan.network as f64;
        assert!((0.99..1.01).contains(&share), "the network takes {held}, planned {}", plan.network);

        let settings = ObjectiveSettings { pooling, ..ObjectiveSettings::default() };
        let mut objective = Objective::new(&Network::Tensor(network), settings).unwrap();
        let x = Pixels::from_frame(&frame(size));
        let style = objective.describe_style(&x).unwrap();
        objective.set_style(style);
        let mut gradient = Pixels::zeros(size);
        let (_, _, most) = measured(|| {
            objective.set_content(&x).unwrap();
            for _ in 0..2 {
                objective.evaluate(&x, &mut gradient).unwrap();
            }
        });
        // On a CPU a convolution holds a copy of its input in another order.
        let copy = 4 * 64 * size.pixels() as u64;
        let planned = plan.activations + plan.work + copy;
        let share = most as f64 / planned as f64;
        assert!((0.8..1.05).contains(&share), "{pooling}: {most} held, {planned} planned ({share:.2})");
    }
}

/// A network on a device with memory for pictures of this size, and no more.
fn network_with_room_for(size: Size) -> Network {
    let network = network(Pooling::Average);
    let limit = network.memory(Layer::CONV5_1, &[Layer::CONV5_1], size).total();
    Network::Tensor(Arc::new(network.with_memory_limit(limit)))
}

fn painter(network: Network, settings: PaintSettings) -> Painter {
    Painter::new(network, settings, vec![(frame(Size::new(40, 32)), 1.0)]).unwrap()
}

fn few() -> PaintSettings {
    PaintSettings { first_iterations: 12, iterations: 6, style_size: Some(32), ..PaintSettings::default() }
}

#[test]
fn where_memory_runs_out_films_and_stills_are_painted_smaller() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (size, room) = (Size::new(72, 48), Size::new(60, 40));
    let network = network_with_room_for(room);
    let mut objective = Objective::new(&network, ObjectiveSettings::default()).unwrap();
    objective.describe_style(&Pixels::from_frame(&frame(room))).unwrap();
    let error = objective.describe_style(&Pixels::from_frame(&frame(size))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory);

    let mut painter = painter(network, few());
    let view = |t: usize| {
        let wide = frame(Size::new(96, 64));
        Frame::from_fn(size, |x, y| wide.pixel(x + t, y))
    };
    let mut losses = Vec::new();
    for t in 0..3 {
        let painted = painter.paint(&view(t)).unwrap();
        assert_eq!(painted.frame.size(), size);
        assert_ne!(painted.frame, view(t));
        assert_eq!(painted.report.iterations, if t == 0 { 12 } else { 6 });
        let (first, last) = (painted.report.first_loss.unwrap(), painted.report.last_loss.unwrap());
        assert!(last < if t == 0 { 0.7 } else { 1.05 } * first, "frame {t}: {first} to {last}");
        losses.push(last);
    }
    // The paint goes on from frame to frame: few iterations get further than many did.
    assert!(losses[2] < losses[0], "{losses:?}");
    let still = painter.paint_still(&view(0), |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(still.frame.size() == size && still.frame != view(0));
}

#[test]
fn where_nothing_fits_the_error_says_so() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut painter = painter(network_with_room_for(Size::new(16, 16)), few());
    // The style alone is too large.
    let error = painter.paint(&frame(Size::new(72, 48))).unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Memory, 5));
    assert!(error.to_string().contains("GB of memory") && error.next_step().is_some(), "{error}");
}

#[test]
fn a_painter_can_be_fitted_into_what_is_free() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let size = Size::new(1280, 720);
    let settings = PaintSettings { paint_size: Some(1280), ..few() };
    let network = Network::Tensor(Arc::new(network(Pooling::Average)));
    let mut big = painter(network, settings);
    let needed = big.memory(size).unwrap().total();
    assert_eq!(big.fit_into(2 * needed, size), None);
    let fitted = big.fit_into(needed / 2, size).unwrap();
    assert_eq!(big.paint_size(size), fitted);
    assert!(fitted.longest_side() < 1280 && big.memory(size).unwrap().total() <= needed / 2);
    assert_eq!(big.fit_into(needed / 2, size), None);
    // On the CPU's engine there is nothing to plan.
    let mut painter =
        Painter::new(painting::network(), few(), vec![(frame(Size::new(40, 32)), 1.0)]).unwrap();
    assert!(painter.memory(size).is_none() && painter.fit_into(1, size).is_none());
}
