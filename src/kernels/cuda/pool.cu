// Pooling over 2×2 pixels, by mean or maximum, and its gradient. A last odd row or column is dropped, as PyTorch does.

#include "common.cuh"

// y[p][c] = the mean, or with `max` the maximum, of the four x[q][c] under p.
//
// x [H][W][C], y [H/2][W/2][C], C a multiple of 8. Grid ⌈(H/2)(W/2) C / 8 / 256⌉, 256 threads; a thread makes eight
// channels of a pixel. Nothing to do (and no valid grid) where H or W is 1.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_pool_forward(const half *__restrict__ x, half *__restrict__ y, int H, int W, int C, int max) {
    const int parts = C / 8, wide = W / 2, high = H / 2;
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= static_cast<long long>(high) * wide * parts) return;
    const int c = static_cast<int>(i % parts) * 8, p = static_cast<int>(i / parts);
    const int py = p / wide, px = p % wide;
    const half *from = x + (2LL * py * W + 2 * px) * C + c;
    const long long below = static_cast<long long>(W) * C;
    float v[4][8], r[8];
    load_8(v[0], from);
    load_8(v[1], from + C);
    load_8(v[2], from + below);
    load_8(v[3], from + below + C);
#pragma unroll
    for (int e = 0; e < 8; ++e) {
        r[e] = max ? fmaxf(fmaxf(v[0][e], v[1][e]), fmaxf(v[2][e], v[3][e]))
                   : 0.25f * ((v[0][e] + v[1][e]) + (v[2][e] + v[3][e]));
    }
    store_8(y + i * 8, r);
}

// x[q][c] ← 0 unless x[q][c] > 0, else tap[q][c] + (mean: g[p][c] / 4; max: g[p][c] at the first maximum of the four
// in row-major order, 0 at the others), where q lies under p; tap alone in a dropped row or column.
//
// g [H/2][W/2][C], x [H][W][C] (in: the activation before the pool; out: the gradient before its ReLU), tap [H][W][C]
// or null, C a multiple of 8. Grid ⌈⌈H/2⌉⌈W/2⌉ C / 8 / 256⌉, 256 threads; a thread makes eight channels of up to
// four pixels.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_pool_backward(const half *__restrict__ g, half *x, const half *__restrict__ tap, int H, int W, int C,
                            int max) {
    const int parts = C / 8, wide = (W + 1) / 2, high = (H + 1) / 2;
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= static_cast<long long>(high) * wide * parts) return;
    const int c = static_cast<int>(i % parts) * 8, cell = static_cast<int>(i / parts);
    const int py = cell / wide, px = cell % wide;
    const bool pooled = py < H / 2 && px < W / 2;

    float pull[8] = {}, v[4][8], best[8];
    if (pooled) load_8(pull, g + (static_cast<long long>(py) * (W / 2) + px) * C + c);
    int first[8] = {};
#pragma unroll
    for (int q = 0; q < 4; ++q) {
        const int qy = 2 * py + q / 2, qx = 2 * px + q % 2;
        if (qy < H && qx < W) load_8(v[q], x + (static_cast<long long>(qy) * W + qx) * C + c);
#pragma unroll
        for (int e = 0; e < 8; ++e) {
            if (q == 0 || (pooled && v[q][e] > best[e])) best[e] = v[q][e], first[e] = q;
        }
    }
#pragma unroll
    for (int q = 0; q < 4; ++q) {
        const int qy = 2 * py + q / 2, qx = 2 * px + q % 2;
        if (qy >= H || qx >= W) continue;
        const long long at = (static_cast<long long>(qy) * W + qx) * C + c;
        float r[8] = {};
        if (tap) load_8(r, tap + at);
#pragma unroll
        for (int e = 0; e < 8; ++e) {
            r[e] += max ? (first[e] == q ? pull[e] : 0.0f) : 0.25f * pull[e];
            r[e] = v[q][e] > 0.0f ? r[e] : 0.0f;
        }
        store_8(x + at, r);
    }
}
