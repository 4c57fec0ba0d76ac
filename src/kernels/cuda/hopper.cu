// The convolutions of conv.cu by the tensor cores' instructions of compute capability 9.0a (H100, H200), a module of
// their own because no other GPU loads it:
//
//   nvcc --ptx -arch=compute_90a --std=c++17 -O3 -o hopper.ptx src/kernels/cuda/hopper.cu
//
// "a" means that not even newer GPUs do, so engine.cu's stay for them. Nothing here waits for memory to change, so
// nothing can wait for ever.

#define SHARED_ALIGNMENT 1024 // for matrix_descriptor

#include "common.cuh"
#include "finish.cuh"
#include "wgmma.cuh"

// A block makes 128 pixels × BN output channels, its two warpgroups 64 pixels × BN each. The sum over taps × channels
// goes in steps of 64 channels of one tap. Taps are the inner loop, as in conv.cu.
//
// In shared memory a pixel (or an output channel) has a line of 128 bytes, eight chunks of 16, in the order of
// matrix_descriptor; a stage has 128 lines of pixels and BN of weights.
//
// A step's products stay under way while the next step's are started. So the stage of step s is free only behind the
// barrier of step s + 2: every warp has waited for the products of step s before it comes there. Copies therefore run
// STAGES - 2 steps ahead.
template <int BN, int STAGES>
static __device__ __forceinline__ void
wgmma_conv(const half *__restrict__ x, const half *__restrict__ w, const float *__restrict__ bias,
           const float *__restrict__ rows, const half *tap, const half *mask, float scale, int relu, half *y, int H,
           int W, int cin, int cout, int taps) {
    constexpr int BM = 128, STEP = 64, LINE = STEP * 2, NT = BN / 8, AHEAD = STAGES - 2;
    constexpr int LINES = 32; // that the 256 threads copy at a time, eight threads each
    constexpr int A_BYTES = BM * LINE, STAGE_BYTES = A_BYTES + BN * LINE;
    static_assert(AHEAD >= 1, "a stage to copy to, one to read and one that is still read");
    static_assert(STAGE_BYTES % 1024 == 0, "eight lines are aligned to 1024 bytes");
    static_assert(8 * 16 * (BN + 8) * 4 <= STAGES * STAGE_BYTES, "the finish finds room in the stages");

    unsigned char *shared = dynamic_shared();
    const uint32_t base = shared_address(shared);
    const int thread = threadIdx.x, warp = thread / 32;
    const int pixels = H * W;
    const int m0 = blockIdx.x * BM, n0 = blockIdx.y * BN;

    // What this thread copies: chunk `chunk` of lines `line`, `line` + 32, …
    const int chunk = thread % 8, line = thread / 8;
    const uint32_t place = line * LINE + (chunk ^ (line % 8)) * 16;
    const half *x_line = x + static_cast<long long>(m0 + line) * cin + chunk * 8;
    const half *w_line = w + static_cast<long long>(n0 + line) * cin + chunk * 8;

    // Which taps of these pixels lie within the picture, a bit each.
    uint32_t inside[BM / LINES];
#pragma unroll
    for (int j = 0; j < BM / LINES; ++j) inside[j] = taps_inside(m0 + line + j * LINES, H, W, taps);

    // The step whose copies come next.
    int next_tap = 0, next_channel = 0, next_stage = 0;
    const int steps = taps * (cin / STEP);
    auto copy_step = [&]() {
        const uint32_t a = base + next_stage * STAGE_BYTES + place, b = a + A_BYTES;
        const int dy = next_tap / 3, dx = next_tap - 3 * dy;
        const int shift = taps == 1 ? 0 : (dy - 1) * W + dx - 1;
        const half *from = x_line + (static_cast<long long>(shift) * cin + next_channel);
#pragma unroll
        for (int j = 0; j < BM / LINES; ++j) {
            const bool valid = inside[j] >> next_tap & 1u;
            copy_16(a + j * LINES * LINE, valid ? from + j * LINES * cin : x, valid);
        }
        const half *weights = w_line + (next_tap * cout * cin + next_channel);
#pragma unroll
        for (int j = 0; j < BN / LINES; ++j) copy_16(b + j * LINES * LINE, weights + j * LINES * cin, true);
        if (++next_tap == taps) next_tap = 0, next_channel += STEP;
        if (++next_stage == STAGES) next_stage = 0;
    };

    float sums[NT][4];
#pragma unroll
    for (int j = 0; j < NT; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[j][e] = 0.0f;

#pragma unroll
    for (int s = 0; s < AHEAD; ++s) {
        if (s < steps) copy_step();
        copies_commit();
    }

    const uint32_t own_lines = base + warp / 4 * 64 * LINE;
    int stage = 0;
    for (int step = 0; step < steps; ++step) {
        // Behind this barrier the step's copies are there, for products too, and the stage of the step before the last
        // is free.
        copies_wait<AHEAD - 1>();
        products_may_read();
        __syncthreads();

        const uint64_t a = matrix_descriptor(own_lines + stage * STAGE_BYTES);
        const uint64_t b = matrix_descriptor(base + stage * STAGE_BYTES + A_BYTES);
        products_begin();
#pragma unroll
        for (int k = 0; k < STEP / 16; ++k) multiply_add_async(sums, a + k * 2, b + k * 2); // 32 bytes on
        products_commit();

        if (step + AHEAD < steps) copy_step();
        copies_commit();
        products_wait<1>();
        if (++stage == STAGES) stage = 0;
    }

    // Behind this barrier nobody reads the stages any more.
    products_wait<0>();
    products_done(sums);
    copies_wait<0>();
    __syncthreads();
    float *own = reinterpret_cast<float *>(shared) + warp * 16 * (BN + 8);
    finish_16(own, sums, m0 + warp * 16, n0, bias, rows, tap, mask, scale, relu, y, pixels, cout);
}

// Arguments and results as conv.cu has them, cout a multiple of BN.
//
// Grid (⌈H·W / 128⌉, cout / BN), 256 threads; 128 × BN, and bytes of dynamic shared memory, which have to be asked for
// (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES), and blocks that fit on a multiprocessor:
//   stylecast_wgmma_256   128 × 256, 196608, one
//   stylecast_wgmma_128   128 × 128,  98304, two
//   stylecast_wgmma_64    128 × 64,   98304, two
#define WGMMA_CONV(name, BN, STAGES, BLOCKS)                                                                           \
    extern "C" __global__ void __launch_bounds__(256, BLOCKS)                                                         \
        name(const half *__restrict__ x, const half *__restrict__ w, const float *__restrict__ bias,                   \
             const float *__restrict__ rows, const half *tap, const half *mask, float scale, int relu, half *y, int H, \
             int W, int cin, int cout, int taps) {                                                                     \
        wgmma_conv<BN, STAGES>(x, w, bias, rows, tap, mask, scale, relu, y, H, W, cin, cout, taps);                    \
    }

WGMMA_CONV(stylecast_wgmma_256, 256, 4, 1)
WGMMA_CONV(stylecast_wgmma_128, 128, 3, 2)
WGMMA_CONV(stylecast_wgmma_64, 64, 4, 2)
