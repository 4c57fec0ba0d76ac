// Tensor cores of compute capability 9.0a: products that a warpgroup, four warps in a row, starts together and that run
// on their own, with both factors in shared memory.
//
// As in common.cuh, the CPU has a version of its own of what stands between `#ifdef __CUDACC__` and `#endif`
// (tests/cuda/emulator_wgmma.h).

#pragma once

#include "common.cuh"

#ifdef __CUDACC__
// What this thread has written to shared memory, copies that it has waited for included, may be read by products that
// are started behind a barrier from here. They read by another path ("proxy"), which no barrier alone keeps in order.
static __device__ __forceinline__ void products_may_read() {
    asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
}

// Before the first product, and wherever sums were read or written outside of products.
static __device__ __forceinline__ void products_begin() {
    asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}

// Closes a group of products.
static __device__ __forceinline__ void products_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}

// Waits until at most N of this warp's groups are under way. What those before have read may then be overwritten, as
// far as this warp goes.
template <int N> static __device__ __forceinline__ void products_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(N) : "memory");
}

// Behind products_wait<0>: keeps the compiler from reading the sums before.
template <int NT> static __device__ __forceinline__ void products_done(float (&d)[NT][4]) {
#pragma unroll
    for (int j = 0; j < NT; ++j)
        asm volatile("" : "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])::"memory");
}

// Where the sums stand among an instruction's operands.
#define WGMMA_D_64                                                                                                     \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                           \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define WGMMA_D_128                                                                                                    \
    WGMMA_D_64 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                    \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define WGMMA_D_256                                                                                                    \
    WGMMA_D_128 ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "                   \
    "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                                 \
    "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "                     \
    "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define WGMMA_1(d, j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define WGMMA_4(d, j) WGMMA_1(d, j), WGMMA_1(d, j + 1), WGMMA_1(d, j + 2), WGMMA_1(d, j + 3)
#define WGMMA_8(d, j) WGMMA_4(d, j), WGMMA_4(d, j + 4)
#define WGMMA_16(d, j) WGMMA_8(d, j), WGMMA_8(d, j + 8)
#define WGMMA_32(d, j) WGMMA_16(d, j), WGMMA_16(d, j + 16)

// Starts d += a bᵀ, of the shapes [64][N], [64][16] and [N][16], float sums of half products; a and b are descriptors.
// Warp w of the warpgroup has rows 16 w + lane/4 (d[j][0] and [1]) and 8 more (d[j][2] and [3]), columns 8 j +
// 2(lane%4) and one more. The sums are nobody's to touch until the product has been waited for.
#define WGMMA(N, NT, A, B)                                                                                             \
    static __device__ __forceinline__ void multiply_add_async(float (&d)[NT][4], uint64_t a, uint64_t b) {             \
        asm volatile("{\n.reg .pred add;\nsetp.eq.u32 add, 0, 0;\n"                                                   \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.f16.f16 {" WGMMA_D_##N "}, " A ", " B             \
                     ", add, 1, 1, 0, 0;\n}\n"                                                                         \
                     : WGMMA_##NT(d, 0)                                                                                \
                     : "l"(a), "l"(b)                                                                                  \
                     : "memory");                                                                                      \
    }

WGMMA(64, 8, "%32", "%33")
WGMMA(128, 16, "%64", "%65")
WGMMA(256, 32, "%128", "%129")
#else
#include "emulator_wgmma.h"
#endif

// The descriptor of a matrix in shared memory, [lines][64] halves of which a product reads 16 columns: lines of 128
// bytes one behind the other from a multiple of 1024 on, chunk c (16 bytes) of line r at place c ^ (r % 8).
//
// `address` is where line 0 would have the columns if nothing were swapped: the swap works on bits of the address, so
// 16 columns are 32 bytes. In the descriptor, in units of 16 bytes: the address, a field that this layout leaves unused
// (1, as the manual has it), the distance of eight lines from the next eight; and in bits 62 and 63 the layout.
static __device__ __forceinline__ uint64_t matrix_descriptor(uint32_t address) {
    constexpr uint64_t LAYOUT = uint64_t(1) << 16 | uint64_t(1024 / 16) << 32 | uint64_t(1) << 62;
    return LAYOUT | (address & 0x3ffffu) >> 4;
}
