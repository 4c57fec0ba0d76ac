// Convolutions of 3×3 (and 1×1, the product of a matrix with every pixel) as matrix products on tensor cores, for the
// forward pass as for the gradient: the caller turns the kernel. Nothing is laid out in memory first: the operand
// [pixel][tap × channel] is gathered while it is copied to shared memory ("implicit GEMM").

#include "common.cuh"
#include "finish.cuh"

// A block makes BM pixels × BN output channels, its four warps WM × WN each. The sum over taps × channels goes in
// steps of 32 channels of one tap. Copies run STAGES - 1 steps ahead of the tensor cores.
//
// Taps are the inner loop: nine steps in a row read almost the same pixels, which then come from the L1 cache.
//
// In shared memory a pixel (or an output channel) has 64 bytes, four chunks of 16. Chunk c of line r lies at place
// c ^ (r / 2 % 4), so that the eight lines which load_matrices reads at a time lie in different banks.
template <int BM, int BN, int WM, int WN, int STAGES>
static __device__ __forceinline__ void
conv(const half *__restrict__ x, const half *__restrict__ w, const float *__restrict__ bias,
     const float *__restrict__ rows, const half *tap, const half *mask, float scale, int relu, half *y, int H, int W,
     int cin, int cout, int taps) {
    constexpr int STEP = 32;
    constexpr int LINES = 32; // that the 128 threads copy at a time, four threads each
    constexpr int A_BYTES = BM * STEP * 2, B_BYTES = BN * STEP * 2, STAGE_BYTES = A_BYTES + B_BYTES;
    constexpr int MT = WM / 16, NT = WN / 8;
    static_assert((BM / WM) * (BN / WN) == 4, "four warps");

    unsigned char *shared = dynamic_shared();
    const uint32_t base = shared_address(shared);
    const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    const int pixels = H * W;
    const int m0 = blockIdx.x * BM, n0 = blockIdx.y * BN;

    // What this thread copies: chunk `chunk` of lines `line`, `line` + 32, …
    const int chunk = thread % 4, line = thread / 4;
    const uint32_t place = line * 64 + (chunk ^ (line / 2 % 4)) * 16;
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
            copy_16(a + j * LINES * 64, valid ? from + j * LINES * cin : x, valid);
        }
        const half *weights = w_line + (next_tap * cout * cin + next_channel);
#pragma unroll
        for (int j = 0; j < BN / LINES; ++j) copy_16(b + j * LINES * 64, weights + j * LINES * cin, true);
        if (++next_tap == taps) next_tap = 0, next_channel += STEP;
        if (++next_stage == STAGES) next_stage = 0;
    };

    // Where this lane's lines for load_matrices begin, for the first 16 of a step's 32 channels; the second 16 are
    // two chunks on, which is 32 ^.
    const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
    const int a_line = wm + lane % 16, b_line = wn + lane % 8 + lane / 16 * 8;
    const uint32_t a_place = a_line * 64 + ((lane / 16) ^ (a_line / 2 % 4)) * 16;
    const uint32_t b_place = A_BYTES + b_line * 64 + ((lane / 8 % 2) ^ (b_line / 2 % 4)) * 16;

    float sums[MT][NT][4];
#pragma unroll
    for (int i = 0; i < MT; ++i)
#pragma unroll
        for (int j = 0; j < NT; ++j)
#pragma unroll
            for (int e = 0; e < 4; ++e) sums[i][j][e] = 0.0f;

#pragma unroll
    for (int s = 0; s < STAGES - 1; ++s) {
        if (s < steps) copy_step();
        copies_commit();
    }

    int stage = 0;
    for (int step = 0; step < steps; ++step) {
        // Behind this barrier the step's copies are there, and the stage of the step before is free.
        copies_wait<STAGES - 2>();
        __syncthreads();
        if (step + STAGES - 1 < steps) copy_step();
        copies_commit();

        const uint32_t from = base + stage * STAGE_BYTES;
#pragma unroll
        for (int k = 0; k < 2; ++k) {
            uint32_t a[MT][4], b[NT / 2][4];
#pragma unroll
            for (int j = 0; j < NT / 2; ++j) load_matrices(b[j], from + ((b_place ^ (k * 32)) + j * 16 * 64));
#pragma unroll
            for (int i = 0; i < MT; ++i) load_matrices(a[i], from + ((a_place ^ (k * 32)) + i * 16 * 64));
#pragma unroll
            for (int i = 0; i < MT; ++i)
#pragma unroll
                for (int j = 0; j < NT; ++j)
                    multiply_add(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
        }
        if (++stage == STAGES) stage = 0;
    }

    // 16 pixels of a warp at a time.
    copies_wait<0>();
    __syncthreads();
    float *own = reinterpret_cast<float *>(shared) + warp * 16 * (WN + 8);
#pragma unroll
    for (int i = 0; i < MT; ++i)
        finish_16(own, sums[i], m0 + wm + i * 16, n0 + wn, bias, rows, tap, mask, scale, relu, y, pixels, cout);
}

// v[p][o] = scale Σ_{t,i} x[p + offset(t)][i] w[t][o][i], zero outside the picture, t = 3 (dy + 1) + dx + 1 for nine
// taps; then, in this order, what is not null: + bias[o], × rows[p], + tap[p][o], 0 unless mask[p][o] > 0, and
// max(v, 0) if relu; y[p][o] = v.
//
// x [H·W][cin], w [taps][cout][cin], bias [cout], rows [H·W], tap, mask and y [H·W][cout]; cin and cout multiples of
// 64, taps 9 or 1. y may be the same memory as tap or mask (or both), not as x.
//
// Grid (⌈H·W / BM⌉, cout / BN), 128 threads; BM × BN, and bytes of dynamic shared memory:
//   stylecast_conv_128    128 × 128 (cout a multiple of 128), 49152
//   stylecast_conv_64     128 × 64,  36864
//   stylecast_conv_small   64 × 64,  32768; more blocks, for pictures that would not fill the GPU otherwise
#define CONV(name, BM, BN, WM, WN, STAGES, BLOCKS)                                                                     \
    extern "C" __global__ void __launch_bounds__(128, BLOCKS)                                                         \
        name(const half *__restrict__ x, const half *__restrict__ w, const float *__restrict__ bias,                   \
             const float *__restrict__ rows, const half *tap, const half *mask, float scale, int relu, half *y, int H, \
             int W, int cin, int cout, int taps) {                                                                     \
        conv<BM, BN, WM, WN, STAGES>(x, w, bias, rows, tap, mask, scale, relu, y, H, W, cin, cout, taps);              \
    }

CONV(stylecast_conv_128, 128, 128, 64, 64, 3, 2)
CONV(stylecast_conv_64, 128, 64, 64, 32, 3, 3)
CONV(stylecast_conv_small, 64, 64, 32, 32, 4, 4)
