// What optimisers do with vectors of n floats: Adam's step, and what optim/space.rs asks for.

#include "common.cuh"

// Adam (Kingma & Ba 2015, algorithm 1), as optim/adam.rs has it: ε is added to the corrected root, x is clamped to
// 0..1 after the step, and a gradient that is not a number counts as 0.
//
//   m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  x ← x - rate (m correction1) / (√(v correction2) + ε),
//
// correction = 1 / (1 - βᵗ) at step t = 1, 2, … x, g, m and v of n floats. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_adam(float *__restrict__ x, const float *__restrict__ g, float *__restrict__ m, float *__restrict__ v,
                   float rate, float beta1, float beta2, float eps, float correction1, float correction2,
                   long long n) {
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) {
        const float pull = g[i] == g[i] ? g[i] : 0.0f;
        const float first = beta1 * m[i] + (1.0f - beta1) * pull;
        const float second = beta2 * v[i] + (1.0f - beta2) * pull * pull;
        const float moved = x[i] - rate * (first * correction1) / (sqrtf(second * correction2) + eps);
        m[i] = first;
        v[i] = second;
        x[i] = unit_range(moved);
    }
}

// to = a - b. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_difference(const float *__restrict__ a, const float *__restrict__ b, float *__restrict__ to, long long n) {
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) to[i] = a[i] - b[i];
}

// Vectors that one launch reads beside its own.
constexpr int VECTORS = 8;

// to ← factor (to + Σ f[k] v[k]) over the first `count` of eight vectors. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_add(float *__restrict__ to, const float *v0, const float *v1, const float *v2, const float *v3,
                  const float *v4, const float *v5, const float *v6, const float *v7, float f0, float f1, float f2,
                  float f3, float f4, float f5, float f6, float f7, int count, float factor, long long n) {
    const float *const v[VECTORS] = {v0, v1, v2, v3, v4, v5, v6, v7};
    const float f[VECTORS] = {f0, f1, f2, f3, f4, f5, f6, f7};
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) {
        float sum = to[i];
#pragma unroll
        for (int k = 0; k < VECTORS; ++k) {
            if (k < count) sum += f[k] * v[k][i];
        }
        to[i] = factor * sum;
    }
}

// sums[k][block] = the block's part of Σ a[k] b, in double, for the first `count` of eight vectors. Any grid, 256
// threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_products(const float *a0, const float *a1, const float *a2, const float *a3, const float *a4,
                       const float *a5, const float *a6, const float *a7, const float *__restrict__ b, int count,
                       double *__restrict__ sums, long long n) {
    const float *const a[VECTORS] = {a0, a1, a2, a3, a4, a5, a6, a7};
    double parts[VECTORS] = {};
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) {
        const double other = b[i];
#pragma unroll
        for (int k = 0; k < VECTORS; ++k) {
            if (k < count) parts[k] += a[k][i] * other;
        }
    }
#pragma unroll
    for (int k = 0; k < VECTORS; ++k) {
        if (k < count) {
            const double sum = block_sum(parts[k]);
            if (threadIdx.x == 0) sums[k * gridDim.x + blockIdx.x] = sum;
        }
    }
}

// largest[block] = the block's largest |v|. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_largest(const float *__restrict__ v, double *__restrict__ largest, long long n) {
    float most = 0.0f;
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) most = fmaxf(most, fabsf(v[i]));
    most = block_largest(most);
    if (threadIdx.x == 0) largest[blockIdx.x] = most;
}

// v ← 0 where a variable at a bound would leave it, or its gradient is no number. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_hold(const float *__restrict__ x, const float *__restrict__ g, float *__restrict__ v, long long n) {
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) {
        const bool held = (x[i] <= 0.0f && g[i] > 0.0f) || (x[i] >= 1.0f && g[i] < 0.0f) || !isfinite(g[i]);
        if (held) v[i] = 0.0f;
    }
}

// x = from - length d, clamped to 0..1; sums[0][block] = the block's part of Σ d g, sums[1][block] = how many of its
// variables change. Any grid, 256 threads.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_advance(const float *__restrict__ from, const float *__restrict__ d, const float *__restrict__ g,
                      float length, float *__restrict__ x, double *__restrict__ sums, long long n) {
    double slope = 0.0, moved = 0.0;
    const long long stride = static_cast<long long>(gridDim.x) * 256;
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < n; i += stride) {
        const float to = unit_range(from[i] - length * d[i]);
        x[i] = to;
        slope += static_cast<double>(d[i]) * g[i];
        moved += to != from[i] ? 1.0 : 0.0;
    }
    slope = block_sum(slope);
    moved = block_sum(moved);
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = slope;
        sums[gridDim.x + blockIdx.x] = moved;
    }
}
