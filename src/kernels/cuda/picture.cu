// What is done with pictures, [3][H][W] floats: the losses that need no network, the optimiser's metric, and moving
// along a flow.

#include "common.cuh"

// Total variation (loss/tv.rs): g += scale Σ (x - its neighbours) and sums[block] = the block's part of the squares of
// all differences, each counted once. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_total_variation(const float *__restrict__ x, float scale, float *__restrict__ g,
                              float *__restrict__ sums, int height, int width) {
    float squares = 0.0f;
    const long long n = 3LL * height * width, stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) {
        const int column = i % width, row = i / width % height;
        float pull = 0.0f;
        if (column > 0) pull += x[i] - x[i - 1];
        if (row > 0) pull += x[i] - x[i - width];
        if (column + 1 < width) {
            const float difference = x[i + 1] - x[i];
            pull -= difference;
            squares += difference * difference;
        }
        if (row + 1 < height) {
            const float difference = x[i + width] - x[i];
            pull -= difference;
            squares += difference * difference;
        }
        g[i] += scale * pull;
    }
    const float sum = block_sum(squares);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// Steadiness (loss/temporal.rs): g += scale c (x - w) and sums[block] = the block's part of Σ c (x - w)²; c of `plane`
// floats holds for all three planes of x, w and g. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_temporal(const float *__restrict__ x, const float *__restrict__ w, const float *__restrict__ c,
                       float scale, float *__restrict__ g, float *__restrict__ sums, long long plane) {
    float squares = 0.0f;
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < 3 * plane; i += stride) {
        const float certainty = c[i % plane], apart = x[i] - w[i];
        g[i] += scale * certainty * apart;
        squares += certainty * apart * apart;
    }
    const float sum = block_sum(squares);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// All three planes of v become their mean. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256) stylecast_grey(float *__restrict__ v, long long plane) {
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < plane; i += stride) {
        const float mean = (v[i] + v[plane + i] + v[2 * plane + i]) / 3.0f;
        v[i] = v[plane + i] = v[2 * plane + i] = mean;
    }
}

// Where value `i` of `out` lies among `in` values of the same extent: the triangle around it, widened when shrinking.
struct Triangle {
    int first, last;
    // The centre, whole and rest, so that no digit of the rest is lost; and the triangle's half width.
    int whole;
    float rest, width;

    __device__ Triangle(int i, int out, int in) {
        const long long twice = (2LL * i + 1) * in;
        whole = static_cast<int>(twice / (2LL * out));
        rest = static_cast<float>(twice % (2LL * out)) / (2.0f * out);
        width = in > out ? static_cast<float>(in) / out : 1.0f;
        const int reach = static_cast<int>(ceilf(width)) + 1;
        first = whole > reach ? whole - reach : 0;
        last = whole + reach + 1 < in ? whole + reach + 1 : in;
    }

    __device__ float weight(int j) const {
        const float distance = fabsf(static_cast<float>(j - whole) + 0.5f - rest) / width;
        return distance < 1.0f ? 1.0f - distance : 0.0f;
    }
};

// The value at (row, column) of a plane of [in_height][in_width] seen as one of [out_height][out_width].
static __device__ float resampled(const float *__restrict__ plane, int in_height, int in_width, int row, int column,
                                  int out_height, int out_width) {
    const Triangle down(row, out_height, in_height), across(column, out_width, in_width);
    float sum = 0.0f, all_down = 0.0f, all_across = 0.0f;
    for (int i = across.first; i < across.last; ++i) all_across += across.weight(i);
    for (int j = down.first; j < down.last; ++j) {
        const float weight = down.weight(j);
        if (weight == 0.0f) continue;
        all_down += weight;
        float line = 0.0f;
        for (int i = across.first; i < across.last; ++i) {
            line += across.weight(i) * plane[static_cast<long long>(j) * in_width + i];
        }
        sum += weight * line;
    }
    return sum / (all_down * all_across);
}

// `to`, [3][to_height][to_width], is `from` resampled with a triangle. Grid ⌈3 to_height to_width / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_shrink(const float *__restrict__ from, int height, int width, float *__restrict__ to, int to_height,
                     int to_width) {
    const long long i = blockIdx.x * 256LL + threadIdx.x, plane = static_cast<long long>(to_height) * to_width;
    if (i >= 3 * plane) return;
    const int at = i % plane;
    const float *of = from + i / plane * height * width;
    to[i] = resampled(of, height, width, at / to_width, at % to_width, to_height, to_width);
}

// v, [3][H][W], plus its coarser versions: `levels` of them, one behind the other, each of half the sides of the one
// before. Grid ⌈3 H W / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_coarse_to_fine(float *__restrict__ v, int height, int width, const float *__restrict__ coarse,
                             int levels) {
    const long long i = blockIdx.x * 256LL + threadIdx.x, plane = static_cast<long long>(height) * width;
    if (i >= 3 * plane) return;
    const int at = i % plane;
    float sum = v[i];
    for (int level = 1; level <= levels; ++level) {
        const int h = height >> level, w = width >> level;
        sum += resampled(coarse + i / plane * h * w, h, w, at / width, at % width, height, width);
        coarse += 3LL * h * w;
    }
    v[i] = sum;
}

// A coordinate's whole part and fraction, kept within a pixel of the frame so that a vector that points anywhere is
// harmless.
static __device__ int split(float at, int n, float &fraction) {
    at = !(at > -1.0f) ? -1.0f : (at > n ? static_cast<float>(n) : at);
    const float whole = floorf(at);
    fraction = at - whole;
    return static_cast<int>(whole);
}

static __device__ int inside(int i, int n) {
    return i < 0 ? 0 : (i >= n ? n - 1 : i);
}

// `to` is `from`, both [3][H][W], fetched along a flow (flow/warp.rs, linear), times `visible` if that is not null.
// Grid ⌈H W / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_warp(const float *__restrict__ from, const float *__restrict__ right, const float *__restrict__ down,
                   const float *__restrict__ visible, float *__restrict__ to, int height, int width) {
    const long long i = blockIdx.x * 256LL + threadIdx.x, plane = static_cast<long long>(height) * width;
    if (i >= plane) return;
    float u, v;
    const int x = split(i % width + right[i], width, u), y = split(i / width + down[i], height, v);
    const int left = inside(x, width), next = inside(x + 1, width);
    const long long above = static_cast<long long>(inside(y, height)) * width;
    const long long below = static_cast<long long>(inside(y + 1, height)) * width;
    const float shown = visible ? visible[i] : 1.0f;
    for (int c = 0; c < 3; ++c) {
        const float *of = from + c * plane;
        const float top = of[above + left] + u * (of[above + next] - of[above + left]);
        const float bottom = of[below + left] + u * (of[below + next] - of[below + left]);
        to[c * plane + i] = shown * (top + v * (bottom - top));
    }
}
