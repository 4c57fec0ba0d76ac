//! How fast the CPU engine is: each kernel at the shapes of VGG-16, and a whole iteration of them.
//!
//! `cargo bench --no-default-features --bench kernels`; a name behind it selects (`iteration`, `forward`).
//! The weights are random: the time does not depend on them. On a machine that does other work as well,
//! compare the fastest samples, and alternate what you compare.

#![expect(clippy::unwrap_used, reason = "a benchmark may fail loudly")]

use divan::Bencher;
use divan::counter::ItemsCount;
use stylecast::frame::Size;
use stylecast::kernels::cpu::{
    Algorithm, Blocked, Conv3x3, Cpu, FirstConv, Gradient, Level, Normalization, Pull, Scratch, Signs,
    Threads, Write, add_scaled_difference, gram, gram_gradient, gram_gradient_in_place, guided_gram,
    mask_in_place, pool, squared_distance,
};
use stylecast::optim::Adam;

fn main() {
    divan::main();
}

/// Input and output channels of VGG-16's convolutions to conv5_1.
const CHANNELS: [(usize, usize); 11] = [
    (3, 64),
    (64, 64),
    (64, 128),
    (128, 128),
    (128, 256),
    (256, 256),
    (256, 256),
    (256, 512),
    (512, 512),
    (512, 512),
    (512, 512),
];
/// Convolutions with a pooling behind them.
const POOLED: [usize; 4] = [1, 3, 6, 9];
/// conv1_1, conv2_1, … conv5_1: the layers of the style.
const STYLE: [usize; 5] = [0, 2, 4, 7, 10];
/// conv4_2: the layer of the content.
const CONTENT: usize = 8;

/// Numbers in -1..1 without a pattern (Marsaglia's xorshift).
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn weights(cin: usize, cout: usize) -> Vec<f32> {
    let scale = (6.0 / (9 * cin) as f32).sqrt();
    numbers(9 * cin * cout).iter().map(|w| w * scale).collect()
}

fn cpu(threads: usize, level: Option<Level>) -> Cpu {
    Cpu::new(Threads::new(threads).unwrap(), level).unwrap()
}

/// Everything an iteration needs, planned once.
struct Network {
    cpu: Cpu,
    first: FirstConv,
    convs: Vec<Conv3x3>,
    /// By convolution: its output, then the gradient there.
    activations: Vec<Blocked>,
    taps: Vec<Option<Blocked>>,
    /// Of the convolutions with a pool behind them, whose outputs are not held.
    signs: Vec<Signs>,
    pooled: Vec<Blocked>,
    grams: Vec<Vec<f32>>,
    content: Blocked,
    pixels: Vec<f32>,
    gradient: Vec<f32>,
    adam: Adam,
    scratch: Scratch,
}

impl Network {
    fn new(cpu: Cpu, algorithm: Algorithm, mut size: Size) -> Self {
        let normalization =
            Normalization { scale: 1.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
        let convs: Vec<Conv3x3> = CHANNELS[1..]
            .iter()
            .map(|&(i, o)| Conv3x3::new(&weights(i, o), &vec![0.01; o], i, o, algorithm).unwrap())
            .collect();
        convs.iter().for_each(|conv| conv.prepare(&cpu));
        let pixels: Vec<f32> = numbers(3 * size.pixels()).iter().map(|x| x.abs()).collect();
        let (mut activations, mut taps) = (Vec::new(), Vec::new());
        let (mut signs, mut pooled) = (Vec::new(), Vec::new());
        for (i, (_, cout)) in CHANNELS.into_iter().enumerate() {
            let held = if POOLED.contains(&i) { Size::new(1, 1) } else { size };
            activations.push(Blocked::zeros(cout, held));
            let beside = i == CONTENT || i + 1 == CHANNELS.len();
            taps.push(beside.then(|| Blocked::zeros(cout, size)));
            if POOLED.contains(&i) {
                signs.push(Signs::new(cout, size));
                size = pool::pooled(size);
                pooled.push(Blocked::zeros(cout, size));
            }
        }
        Self {
            first: FirstConv::new(&weights(3, 64), &[0.01; 64], 64, normalization).unwrap(),
            convs,
            content: activations[CONTENT].clone(),
            activations,
            taps,
            signs,
            pooled,
            grams: STYLE.iter().map(|&i| vec![0.0; CHANNELS[i].1 * CHANNELS[i].1]).collect(),
            gradient: vec![0.0; pixels.len()],
            adam: Adam::new(pixels.len()),
            pixels,
            scratch: Scratch::new(),
            cpu,
        }
    }

    fn iteration(&mut self) {
        let Self { cpu, first, convs, activations, signs, taps, pooled, grams, .. } = self;
        let scratch = &mut self.scratch;
        cpu.install(|| {
            first.forward(cpu, &self.pixels, &mut activations[0], scratch).unwrap();
            let mut pools = 0;
            for (i, conv) in (1..).zip(convs.iter()) {
                let (before, after) = activations.split_at_mut(i);
                let (read, left) = pooled.split_at_mut(pools);
                let input = if POOLED.contains(&(i - 1)) { &read[pools - 1] } else { &before[i - 1] };
                if POOLED.contains(&i) {
                    conv.forward_to_pool(cpu, input, &mut signs[pools], &mut left[0], scratch).unwrap();
                    pools += 1;
                    continue;
                }
                conv.forward(cpu, input, &mut after[0], scratch).unwrap();
                if let (true, Some(tap)) = (i == CONTENT, &mut taps[i]) {
                    divan::black_box(squared_distance(cpu, &after[0], &self.content).unwrap());
                    tap.clear();
                    add_scaled_difference(cpu, 1e-3, &after[0], &self.content, tap).unwrap();
                }
            }
            let (last, matrix) = (CHANNELS.len() - 1, &mut grams[STYLE.len() - 1]);
            if let Some(tap) = &mut taps[last] {
                gram(cpu, &activations[last], matrix, scratch).unwrap();
                gram_gradient(cpu, &[Pull::everywhere(matrix)], &activations[last], tap, scratch).unwrap();
                mask_in_place(cpu, tap, &mut activations[last]).unwrap();
            }
            for i in (1..CHANNELS.len()).rev() {
                let conv = &convs[i - 1];
                let (below, here) = activations.split_at_mut(i);
                if POOLED.contains(&(i - 1)) {
                    pools -= 1;
                    conv.backward_to_pool(cpu, &here[0], &mut pooled[pools], scratch).unwrap();
                    continue;
                }
                let (tap, below) = (taps[i - 1].as_ref(), &mut below[i - 1]);
                let grad = match POOLED.contains(&i) {
                    true => Gradient::Spread(&pooled[pools], &signs[pools]),
                    false => Gradient::Whole(&here[0]),
                };
                if let Some(s) = STYLE.iter().position(|&s| s == i - 1) {
                    gram(cpu, below, &mut grams[s], scratch).unwrap();
                    gram_gradient_in_place(cpu, &[Pull::everywhere(&grams[s])], below, scratch).unwrap();
                    conv.backward_onto(cpu, grad, below, scratch).unwrap();
                } else {
                    conv.backward_in_place(cpu, grad, tap, below, scratch).unwrap();
                }
            }
            first.backward(cpu, &activations[0], &mut self.gradient, Write::Replace, scratch).unwrap();
            self.adam.step(&mut self.pixels, &self.gradient, 1e-3);
        });
    }
}

fn bench_iteration(bencher: Bencher<'_, '_>, mut network: Network, size: Size) {
    bencher.counter(ItemsCount::new(size.pixels())).bench_local(|| network.iteration());
}

/// A whole iteration by size; items are pixels.
#[divan::bench(args = [(256, 256), (512, 288), (1024, 576), (1920, 1080)], sample_count = 10)]
fn iteration(bencher: Bencher<'_, '_>, (width, height): (usize, usize)) {
    let size = Size::new(width, height);
    bench_iteration(bencher, Network::new(cpu(0, None), Algorithm::F4, size), size);
}

/// A whole iteration at 256×256 by number of threads.
#[divan::bench(args = [1, 2], sample_count = 10)]
fn iteration_with_threads(bencher: Bencher<'_, '_>, threads: usize) {
    let size = Size::new(256, 256);
    bench_iteration(bencher, Network::new(cpu(threads, None), Algorithm::F4, size), size);
}

/// A whole iteration at 256×256 by algorithm.
#[divan::bench(args = [Algorithm::F4, Algorithm::F2, Algorithm::Direct], sample_count = 5)]
fn iteration_by_algorithm(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let size = Size::new(256, 256);
    bench_iteration(bencher, Network::new(cpu(0, None), algorithm, size), size);
}

/// A whole iteration at 256×256 by level of instructions.
#[divan::bench(args = [Level::Portable, Level::Avx2, Level::Avx512], sample_count = 3)]
fn iteration_by_level(bencher: Bencher<'_, '_>, level: Level) {
    if level.is_available() {
        let size = Size::new(256, 256);
        bench_iteration(bencher, Network::new(cpu(0, Some(level)), Algorithm::F4, size), size);
    }
}

/// Convolutions 1 to 10 at their size in a 256×256 picture; items are direct floating-point operations.
#[divan::bench(args = 1..=10, sample_count = 10)]
fn forward(bencher: Bencher<'_, '_>, i: usize) {
    let (cpu, (cin, cout), size) = (cpu(0, None), CHANNELS[i], size_of_layer(i));
    let conv = Conv3x3::new(&weights(cin, cout), &vec![0.0; cout], cin, cout, Algorithm::F4).unwrap();
    let (input, mut output) = (Blocked::zeros(cin, size), Blocked::zeros(cout, size));
    let mut scratch = Scratch::new();
    bencher
        .counter(ItemsCount::new(18 * cin * cout * size.pixels()))
        .bench_local(|| conv.forward(&cpu, &input, &mut output, &mut scratch).unwrap());
}

/// Gram matrices at 256×256 by style layer.
#[divan::bench(args = STYLE, sample_count = 10)]
fn gram_matrix(bencher: Bencher<'_, '_>, i: usize) {
    let (cpu, channels) = (cpu(0, None), CHANNELS[i].1);
    let features = Blocked::zeros(channels, size_of_layer(i));
    let (mut matrix, mut scratch) = (vec![0.0; channels * channels], Scratch::new());
    bencher.bench_local(|| gram(&cpu, &features, &mut matrix, &mut scratch).unwrap());
}

/// Gram matrices and their gradients over the whole picture, to compare with those in regions.
#[divan::bench(args = STYLE, sample_count = 10)]
fn gram_everywhere(bencher: Bencher<'_, '_>, i: usize) {
    let (cpu, channels, size) = (cpu(0, None), CHANNELS[i].1, size_of_layer(i));
    let mut features = Blocked::zeros(channels, size);
    let (mut matrix, mut scratch) = (vec![0.0; channels * channels], Scratch::new());
    bencher.bench_local(|| {
        gram(&cpu, &features, &mut matrix, &mut scratch).unwrap();
        gram_gradient_in_place(&cpu, &[Pull::everywhere(&matrix)], &mut features, &mut scratch).unwrap();
    });
}

/// The same in two regions, the left and the right half.
#[divan::bench(args = STYLE, sample_count = 10)]
fn gram_in_halves(bencher: Bencher<'_, '_>, i: usize) {
    let (cpu, channels, size) = (cpu(0, None), CHANNELS[i].1, size_of_layer(i));
    let mut features = Blocked::zeros(channels, size);
    let (mut matrices, mut scratch) = ([0; 2].map(|_| vec![0.0; channels * channels]), Scratch::new());
    let halves = [true, false].map(|left| -> Vec<f32> {
        let inside = |p: usize| (p % size.width < size.width / 2) == left;
        (0..size.pixels()).map(|p| if inside(p) { 2.0 / size.pixels() as f32 } else { 0.0 }).collect()
    });
    bencher.bench_local(|| {
        for (matrix, map) in matrices.iter_mut().zip(&halves) {
            guided_gram(&cpu, &features, map, matrix, &mut scratch).unwrap();
        }
        let pulls = [0, 1].map(|i| Pull::guided(&matrices[i], &halves[i]));
        gram_gradient_in_place(&cpu, &pulls, &mut features, &mut scratch).unwrap();
    });
}

fn size_of_layer(i: usize) -> Size {
    let side = 256 >> POOLED.iter().filter(|&&p| p < i).count();
    Size::new(side, side)
}
