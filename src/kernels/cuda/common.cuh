// What all kernels share: 16-byte loads and stores of halves, the instructions that C++ has no words for
// (asynchronous copies, fragments, tensor cores), and sums over a block.
//
// The same sources run on the CPU in tests (tests/cuda/emulator.h), which brings its own version of every function
// between `#ifdef __CUDACC__` and `#endif` below. So assembly stands here and nowhere else.

#pragma once

#ifdef __CUDACC__
#include <cuda_fp16.h>
#include <stdint.h>

// How dynamic shared memory is aligned. A module may ask for more.
#ifndef SHARED_ALIGNMENT
#define SHARED_ALIGNMENT 128
#endif
extern __shared__ __align__(SHARED_ALIGNMENT) unsigned char dynamic_shared_bytes[];

// The block's dynamic shared memory.
static __device__ __forceinline__ unsigned char *dynamic_shared() {
    return dynamic_shared_bytes;
}

// Where a pointer into shared memory lies, as the instructions below take it.
static __device__ __forceinline__ uint32_t shared_address(const void *pointer) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// Starts a copy of 16 bytes to shared memory; writes zeros, and reads nothing, where `valid` is false. Goes through
// the L1 cache, in which neighbouring taps and blocks find what is already there.
static __device__ __forceinline__ void copy_16(uint32_t to, const void *from, bool valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(valid ? 16 : 0)
                 : "memory");
}

// Closes a group of copies.
static __device__ __forceinline__ void copies_commit() {
    asm volatile("cp.async.commit_group;\n" ::: "memory");
}

// Waits until at most N of this thread's groups are under way. Others see the copies after a barrier.
template <int N> static __device__ __forceinline__ void copies_wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(N) : "memory");
}

// Four 8×8 matrices of halves: lanes 8j..8j+7 bring the addresses of matrix j's rows; lane l gets, of each matrix,
// the columns 2(l%4) and 2(l%4)+1 of row l/4.
static __device__ __forceinline__ void load_matrices(uint32_t (&r)[4], uint32_t row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}

// The same, of the matrices transposed.
static __device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], uint32_t row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}

// d += a b, of the shapes [16][8], [16][16] and [16 deep][8], float sums of half products.
static __device__ __forceinline__ void multiply_add(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};\n"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#else
#include "emulator.h"
#endif

// The largest half. Stores stop there: an infinity would become NaN in the next layer.
constexpr float HALF_MAX = 65504.0f;

// Within the range of halves. What is not a number stays so, to be noticed.
static __device__ __forceinline__ float saturate(float v) {
    return v > HALF_MAX ? HALF_MAX : (v < -HALF_MAX ? -HALF_MAX : v);
}

static __device__ __forceinline__ float low_half(uint32_t pair) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(pair & 0xffffu)));
}

static __device__ __forceinline__ float high_half(uint32_t pair) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(pair >> 16)));
}

// Two halves in a word, the first in the lower bits.
static __device__ __forceinline__ uint32_t half_pair(float low, float high) {
    const uint32_t l = __half_as_ushort(__float2half_rn(saturate(low)));
    const uint32_t h = __half_as_ushort(__float2half_rn(saturate(high)));
    return l | (h << 16);
}

// Eight halves from 16 aligned bytes.
static __device__ __forceinline__ void load_8(float (&v)[8], const half *from) {
    const uint4 words = *reinterpret_cast<const uint4 *>(from);
    v[0] = low_half(words.x), v[1] = high_half(words.x);
    v[2] = low_half(words.y), v[3] = high_half(words.y);
    v[4] = low_half(words.z), v[5] = high_half(words.z);
    v[6] = low_half(words.w), v[7] = high_half(words.w);
}

// Eight floats, aligned to 16 bytes.
static __device__ __forceinline__ void load_8(float (&v)[8], const float *from) {
    const float4 a = reinterpret_cast<const float4 *>(from)[0], b = reinterpret_cast<const float4 *>(from)[1];
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

// Eight halves, rounded to the nearest and saturated, to 16 aligned bytes.
static __device__ __forceinline__ void store_8(half *to, const float (&v)[8]) {
    uint4 words;
    words.x = half_pair(v[0], v[1]);
    words.y = half_pair(v[2], v[3]);
    words.z = half_pair(v[4], v[5]);
    words.w = half_pair(v[6], v[7]);
    *reinterpret_cast<uint4 *>(to) = words;
}

// The sum over the block's threads, in an order that depends on the block's size alone; valid in thread 0. All
// threads of the block must come here.
template <typename T> static __device__ __forceinline__ T block_sum(T v) {
    __shared__ T of_warp[32];
    for (int distance = 16; distance > 0; distance /= 2) v += __shfl_xor_sync(0xffffffffu, v, distance);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    __syncthreads(); // A sum before this one has been read.
    if (lane == 0) of_warp[warp] = v;
    __syncthreads();
    T sum = 0;
    if (threadIdx.x == 0) {
        for (int i = 0; i < warps; ++i) sum += of_warp[i];
    }
    return sum;
}

// The largest over the block's threads; valid in thread 0. All threads of the block must come here, once in a kernel.
static __device__ __forceinline__ float block_largest(float v) {
    __shared__ float of_warp[32];
    for (int distance = 16; distance > 0; distance /= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, distance));
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    if (lane == 0) of_warp[warp] = v;
    __syncthreads();
    float largest = 0.0f;
    if (threadIdx.x == 0) {
        for (int i = 0; i < warps; ++i) largest = fmaxf(largest, of_warp[i]);
    }
    return largest;
}

// Within the range of pixels.
static __device__ __forceinline__ float unit_range(float v) {
    return v < 0.0f ? 0.0f : (v > 1.0f ? 1.0f : v);
}
