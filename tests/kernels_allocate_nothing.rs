//! Promise: once every kernel has run, further iterations at the same size allocate no memory.

#![expect(unsafe_code, reason = "counting allocations takes an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use stylecast::frame::Size;
use stylecast::kernels::cpu::{
    Algorithm, Blocked, Conv3x3, Cpu, FirstConv, Normalization, Pull, Scratch, Threads, Write,
    add_scaled_difference, gram, gram_gradient, gram_gradient_in_place, guided_gram,
    pool::{self, Pooling},
    squared_distance,
};
use stylecast::optim::Adam;

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_second_pass_allocates_nothing() {
    let cpu = Cpu::new(Threads::new(2).unwrap(), None).unwrap();
    let (size, small) = (Size::new(45, 33), Size::new(22, 16));
    let normalization = Normalization { scale: 1.0, mean: [0.5; 3], std: [0.25; 3] };
    let first = FirstConv::new(&vec![0.1; 64 * 27], &[0.0; 64], 64, normalization).unwrap();
    let convs = [Algorithm::F4, Algorithm::F2, Algorithm::Direct]
        .map(|algorithm| Conv3x3::new(&vec![0.01; 64 * 64 * 9], &[0.0; 64], 64, 64, algorithm).unwrap());
    let mut pixels = vec![0.5; 3 * size.pixels()];
    let mut gradient = pixels.clone();
    let mut adam = Adam::new(pixels.len());
    let (mut a, mut b, mut c) =
        (Blocked::zeros(64, size), Blocked::zeros(64, size), Blocked::zeros(64, size));
    let (mut d, mut e) = (Blocked::zeros(64, small), Blocked::zeros(64, small));
    let map = vec![1.0 / size.pixels() as f32; size.pixels()];
    let (mut matrix, mut guided, mut scratch) = (vec![0.0; 64 * 64], vec![0.0; 64 * 64], Scratch::new());
    let mut pass = |_: u32| {
        cpu.install(|| {
            first.forward(&cpu, &pixels, &mut a, &mut scratch).unwrap();
            for conv in &convs {
                conv.forward(&cpu, &a, &mut b, &mut scratch).unwrap();
                pool::forward(&cpu, Pooling::Max, &b, &mut d).unwrap();
                conv.forward(&cpu, &d, &mut e, &mut scratch).unwrap();
                pool::backward_in_place(&cpu, Pooling::Max, &e, Some(&a), &mut b).unwrap();
                gram(&cpu, &a, &mut matrix, &mut scratch).unwrap();
                guided_gram(&cpu, &a, &map, &mut guided, &mut scratch).unwrap();
                let pulls = [Pull::everywhere(&matrix), Pull::guided(&guided, &map)];
                gram_gradient(&cpu, &pulls, &a, &mut c, &mut scratch).unwrap();
                squared_distance(&cpu, &a, &b).unwrap();
                add_scaled_difference(&cpu, 0.1, &a, &b, &mut c).unwrap();
                conv.backward_in_place(&cpu, &b, Some(&c), &mut a, &mut scratch).unwrap();
                gram_gradient_in_place(&cpu, &pulls, &mut a, &mut scratch).unwrap();
                conv.backward_onto(&cpu, &b, &mut a, &mut scratch).unwrap();
            }
            first.backward(&cpu, &a, &mut gradient, Write::Replace, &mut scratch).unwrap();
            adam.step(&mut pixels, &gradient, 0.1);
        });
    };
    (1..=3).for_each(&mut pass);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (4..=8).for_each(&mut pass);
    // Entering the pool from outside may cost rayon's queue a block now and then.
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(allocated <= 5, "{allocated} allocations in five passes of fifty-two kernels");
}
