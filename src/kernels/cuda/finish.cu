// What a library's convolution leaves to do, in place or from elsewhere.

#include "common.cuh"
#include "finish.cuh"

// In this order, what is not null: v = sums[p][o] + bias[o], × rows[p], + tap[p][o], 0 unless mask[p][o] > 0, and
// max(v, 0) if relu; y[p][o] = v, saturated.
//
// sums, tap, mask and y [pixels][channels], bias [channels], rows [pixels]; channels a multiple of 8. y may be the same
// memory as sums, tap or mask. Grid ⌈pixels · channels / 8 / 256⌉, 256 threads; a thread makes eight channels of a
// pixel.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_finish(const half *sums, const float *__restrict__ bias, const float *__restrict__ rows, const half *tap,
                     const half *mask, int relu, half *y, int pixels, int channels) {
    const int parts = channels / 8;
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= static_cast<long long>(pixels) * parts) return;
    float v[8];
    load_8(v, sums + i * 8);
    finish_8(v, static_cast<int>(i / parts), static_cast<int>(i % parts) * 8, channels, bias, rows, tap, mask, relu, y);
}
