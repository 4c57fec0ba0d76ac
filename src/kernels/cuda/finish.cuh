// How every convolution begins and ends, whatever makes the products: which taps lie within the picture, and how sums
// leave the registers, scaled, biased and masked on the way.

#pragma once

#include "common.cuh"

// Which taps of pixel p lie within the picture, a bit each; none, if p does not.
static __device__ __forceinline__ uint32_t taps_inside(int p, int H, int W, int taps) {
    const int py = p / W, px = p - py * W;
    uint32_t row = 2u | (px > 0 ? 1u : 0u) | (px + 1 < W ? 4u : 0u);
    uint32_t bits = row << 3 | (py > 0 ? row : 0u) | (py + 1 < H ? row << 6 : 0u);
    if (taps == 1) bits = 1u;
    return p < H * W ? bits : 0u;
}

// Finishes sums of pixel p, channels o to o + 7 of `cout`, as conv.cu says at its end, and stores them.
static __device__ __forceinline__ void finish_8(float (&v)[8], int p, int o, int cout, const float *__restrict__ bias,
                                                const float *__restrict__ rows, const half *tap, const half *mask,
                                                int relu, half *y) {
    const long long at = static_cast<long long>(p) * cout + o;
    float other[8];
    if (bias) {
        load_8(other, bias + o);
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] += other[e];
    }
    if (rows) {
        const float row = rows[p];
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] *= row;
    }
    if (tap) {
        load_8(other, tap + at);
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] += other[e];
    }
    if (mask) {
        load_8(other, mask + at);
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] = other[e] > 0.0f ? v[e] : 0.0f;
    }
    if (relu) {
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] = v[e] < 0.0f ? 0.0f : v[e];
    }
    store_8(y + at, v);
}

// Scales and finishes what a warp has of 16 pixels from p0 on and 8 NT channels from o0 on. A lane brings, of every
// eight channels, the sums of row lane/4 (two) and row lane/4 + 8 (two), columns 2(lane%4) and + 1.
//
// They pass through shared memory, so that a thread gets eight channels in a row: 16 (8 NT + 8) floats at `own`, the
// warp's alone. Eight floats of padding keep the writes in different banks.
template <int NT>
static __device__ __forceinline__ void
finish_16(float *own, const float (&sums)[NT][4], int p0, int o0, const float *__restrict__ bias,
          const float *__restrict__ rows, const half *tap, const half *mask, float scale, int relu, half *y,
          int pixels, int cout) {
    constexpr int STRIDE = NT * 8 + 8, PARTS = NT;
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < NT; ++j) {
        float *to = own + lane / 4 * STRIDE + j * 8 + lane % 4 * 2;
        *reinterpret_cast<float2 *>(to) = make_float2(sums[j][0], sums[j][1]);
        *reinterpret_cast<float2 *>(to + 8 * STRIDE) = make_float2(sums[j][2], sums[j][3]);
    }
    __syncwarp();
#pragma unroll
    for (int part = lane; part < 16 * PARTS; part += 32) {
        const int line16 = part / PARTS, channel = part % PARTS * 8;
        const int p = p0 + line16, o = o0 + channel;
        if (p >= pixels) continue;
        float v[8];
        load_8(v, own + line16 * STRIDE + channel);
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] *= scale;
        finish_8(v, p, o, cout, bias, rows, tap, mask, relu, y);
    }
    __syncwarp();
}
