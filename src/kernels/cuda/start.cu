// Where a frame starts: the paint before it, brought along the motion by a cubic spline, in the light of now, with
// fresh paint where something new appears (stylize/warm.rs). Pictures are [3][H][W] floats, maps [H][W].

#include "common.cuh"

// The cubic spline's inverse filter, √3 z^|k| with the pole z = √3 - 2 (Unser 1999, eqs. 3.11 to 3.14 in one): what
// reaches farther than this is less than a rounding.
constexpr int SPLINE_REACH = 14;
constexpr float SPLINE_POLE = -0.2679491924f, SPLINE_GAIN = 1.7320508076f;

// `to` is `from` filtered along lines of `n` values that are `stride` apart, mirrored at their ends; a line of one
// value stays. Grid ⌈count / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_spline(const float *__restrict__ from, float *__restrict__ to, int n, int stride, long long count) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= count) return;
    if (n < 2) {
        to[i] = from[i];
        return;
    }
    const int at = i / stride % n, period = 2 * (n - 1);
    const float *line = from + (i - static_cast<long long>(at) * stride);
    float sum = 0.0f;
    for (int k = -SPLINE_REACH; k <= SPLINE_REACH; ++k) {
        int j = at + k;
        j = (j % period + period) % period;
        if (j >= n) j = period - j;
        float weight = SPLINE_GAIN;
        for (int power = k < 0 ? -k : k; power > 0; --power) weight *= SPLINE_POLE;
        sum += weight * line[static_cast<long long>(j) * stride];
    }
    to[i] = sum;
}

// The B-spline's weights of the coefficients at -1, 0, 1 and 2 for a place at t between 0 and 1.
static __device__ void spline_weights(float t, float (&weights)[4]) {
    const float s = 1.0f - t;
    weights[0] = s * s * s / 6.0f;
    weights[1] = 2.0f / 3.0f - 0.5f * t * t * (1.0f + s);
    weights[2] = 2.0f / 3.0f - 0.5f * s * s * (1.0f + t);
    weights[3] = t * t * t / 6.0f;
}

static __device__ int mirrored(int i, int n) {
    i = i < 0 ? -i : i;
    if (i > n - 1) i = 2 * (n - 1) - i;
    return i < 0 ? 0 : (i >= n ? n - 1 : i);
}

// A coordinate within the line of n values: its whole part, and the fraction.
static __device__ int within(float at, int n, float &fraction) {
    at = !(at > 0.0f) ? 0.0f : (at > n - 1 ? static_cast<float>(n - 1) : at);
    const float whole = floorf(at);
    fraction = at - whole;
    return static_cast<int>(whole);
}

// `to` is the picture whose spline has these coefficients, fetched along a flow (flow/warp.rs, cubic), within 0..1.
// Grid ⌈H W / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_warp_spline(const float *__restrict__ coefficients, const float *__restrict__ right,
                          const float *__restrict__ down, float *__restrict__ to, int height, int width) {
    const long long i = blockIdx.x * 256LL + threadIdx.x, plane = static_cast<long long>(height) * width;
    if (i >= plane) return;
    float u, v, across[4], along[4];
    const int x = within(i % width + right[i], width, u), y = within(i / width + down[i], height, v);
    spline_weights(u, across);
    spline_weights(v, along);
    for (int c = 0; c < 3; ++c) {
        const float *of = coefficients + c * plane;
        float sum = 0.0f;
        for (int j = 0; j < 4; ++j) {
            const float *row = of + static_cast<long long>(mirrored(y + j - 1, height)) * width;
            float line = 0.0f;
            for (int k = 0; k < 4; ++k) line += across[k] * row[mirrored(x + k - 1, width)];
            sum += along[j] * line;
        }
        to[c * plane + i] = unit_range(sum);
    }
}

// Where a pixel is not visible and older paint is known to show it: that paint, as visible and as certain as it is
// known. Grid ⌈plane / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_fill(float *__restrict__ paint, float *__restrict__ visible, float *__restrict__ certainty,
                   const float *__restrict__ older, const float *__restrict__ known, long long plane) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= plane || visible[i] != 0.0f || !(known[i] > 0.0f)) return;
    for (int c = 0; c < 3; ++c) paint[c * plane + i] = older[c * plane + i];
    visible[i] = certainty[i] = known[i];
}

// to = v (a - b); v, of `plane` floats, holds for all three planes. Grid ⌈3 plane / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_seen_difference(const float *__restrict__ a, const float *__restrict__ b, const float *__restrict__ v,
                              float *__restrict__ to, long long plane) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i < 3 * plane) to[i] = v[i % plane] * (a[i] - b[i]);
}

// `to` is the mean of `from` over the values no farther than `radius` along lines of `n` values that are `stride`
// apart; windows are cut at the ends. Grid ⌈count / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_line_mean(const float *__restrict__ from, float *__restrict__ to, int n, int stride, int radius,
                        long long count) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= count) return;
    const int at = i / stride % n;
    const float *line = from + (i - static_cast<long long>(at) * stride);
    const int first = at > radius ? at - radius : 0, last = at + radius + 1 < n ? at + radius + 1 : n;
    float sum = 0.0f;
    for (int j = first; j < last; ++j) sum += line[static_cast<long long>(j) * stride];
    to[i] = sum / (last - first);
}

// paint += change / share, within 0..1, where share is not 0. Grid ⌈3 plane / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_relight(float *__restrict__ paint, const float *__restrict__ change, const float *__restrict__ share,
                      long long plane) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= 3 * plane) return;
    const float of = share[i % plane];
    if (of > 0.0f) paint[i] = unit_range(paint[i] + change[i] / of);
}

// to = paint where it is visible, else fresh + shift / share, within 0..1. Grid ⌈3 plane / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_over(const float *__restrict__ paint, const float *__restrict__ fresh, const float *__restrict__ shift,
                   const float *__restrict__ share, const float *__restrict__ visible, float *__restrict__ to,
                   long long plane) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= 3 * plane) return;
    const float of = share[i % plane], v = visible[i % plane];
    const float under = unit_range(fresh[i] + (of > 0.0f ? shift[i] / of : 0.0f));
    to[i] = v * paint[i] + (1.0f - v) * under;
}

// Numbers in 0..1 as bytes, to the nearest; what is not a number becomes 0. Grid ⌈n / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_pack(const float *__restrict__ from, unsigned char *__restrict__ to, long long n) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i >= n) return;
    const float v = from[i];
    to[i] = static_cast<unsigned char>((v > 0.0f ? (v > 1.0f ? 1.0f : v) : 0.0f) * 255.0f + 0.5f);
}

// And back. Grid ⌈n / 256⌉, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_unpack(const unsigned char *__restrict__ from, float *__restrict__ to, long long n) {
    const long long i = blockIdx.x * 256LL + threadIdx.x;
    if (i < n) to[i] = from[i] / 255.0f;
}
