// The content's loss and pull, sums of squares, and a ReLU's mask: feature by feature.

#include "common.cuh"

// tap[i] = (accumulate ? tap[i] : 0) + slope (x[i] - target[i]), saturated; sums[block] = the block's part of
// Σ (x - target)². The slope is in memory, because it is another one for every frame, and calls that are the same
// for all frames can be made as one.
//
// x, target and tap of n halves, n a multiple of 8; tap may be null, for the sums alone. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_content(const half *__restrict__ x, const half *__restrict__ target,
                      const float *__restrict__ slope_, half *tap, int accumulate, float *__restrict__ sums,
                      long long n) {
    const float slope = *slope_;
    float squares = 0.0f;
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n / 8; i += stride) {
        float v[8], other[8], r[8] = {};
        load_8(v, x + i * 8);
        load_8(other, target + i * 8);
        if (tap && accumulate) load_8(r, tap + i * 8);
#pragma unroll
        for (int e = 0; e < 8; ++e) {
            const float difference = v[e] - other[e];
            squares += difference * difference;
            r[e] += slope * difference;
        }
        if (tap) store_8(tap + i * 8, r);
    }
    const float sum = block_sum(squares);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// sums[block] = the block's part of Σ x². x of n halves, n a multiple of 8. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_squares(const half *__restrict__ x, float *__restrict__ sums, long long n) {
    float squares = 0.0f;
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n / 8; i += stride) {
        float v[8];
        load_8(v, x + i * 8);
#pragma unroll
        for (int e = 0; e < 8; ++e) squares += v[e] * v[e];
    }
    const float sum = block_sum(squares);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// x[i] ← g[i] where x[i] > 0, else 0: the gradient before a ReLU, in the place of its output. g null stands for 0.
//
// x and g of n halves, n a multiple of 8. Grid ⌈n / 8 / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_mask(const half *__restrict__ g, half *__restrict__ x, long long n) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= n / 8) return;
    float v[8], pull[8] = {};
    load_8(v, x + i * 8);
    if (g) load_8(pull, g + i * 8);
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] = v[e] > 0.0f ? pull[e] : 0.0f;
    store_8(x + i * 8, v);
}
