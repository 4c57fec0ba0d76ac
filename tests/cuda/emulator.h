// Runs the kernels of src/kernels/cuda on a CPU, for tests: what common.cuh says in assembly for a GPU stands here in
// C++, with the layouts of fragments as the PTX manual has them.
//
// The threads of a block are fibers. One warp runs until all its lanes wait for other warps, then another one, chosen
// by chance, so that a missing barrier is likely to be found. A copy to shared memory arrives when it is waited for;
// until then there is what is not a number. Blocks run side by side on the CPU's threads.

#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __shared__ static thread_local


struct half {
    uint16_t bits;
};
struct float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
struct dim3 {
    unsigned x, y, z;
};

static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline half __ushort_as_half(unsigned short bits) { return {bits}; }
static inline unsigned short __half_as_ushort(half h) { return h.bits; }

static inline float from_half_bits(uint16_t bits) {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    float value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                  : exponent    ? ldexpf(1024 + mantissa, exponent - 25)
                                : ldexpf(mantissa, -24);
    return bits >> 15 ? -value : value;
}

// All halves as floats.
static const float *half_values() {
    static const std::vector<float> values = [] {
        std::vector<float> all(65536);
        for (int i = 0; i < 65536; ++i) all[i] = from_half_bits(i);
        return all;
    }();
    return values.data();
}

static inline float __half2float(half h) { return half_values()[h.bits]; }

// To the nearest half, ties to even.
static inline half __float2half_rn(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    const uint16_t sign = bits >> 16 & 0x8000;
    const float a = fabsf(f);
    if (f != f) return {0x7fff};
    if (a >= 65520.0f) return {static_cast<uint16_t>(sign | 0x7c00)};
    if (a < 6.103515625e-05f) { // below the normal halves: multiples of 2^-24
        return {static_cast<uint16_t>(sign | static_cast<uint16_t>(nearbyintf(ldexpf(a, 24))))};
    }
    const uint32_t odd = bits >> 13 & 1;
    const uint32_t rounded = (bits & 0x7fffffff) + 0xfff + odd;
    return {static_cast<uint16_t>(sign | ((rounded >> 13) - (112 << 10)))};
}

namespace emulator {

[[noreturn]] static void fail(const char *what) {
    fprintf(stderr, "emulator: %s\n", what);
    abort();
}

// --- Fibers ---------------------------------------------------------------------------------------------

#if !defined(__x86_64__)
#error "the emulator switches fibers on x86-64 only"
#endif

// Saves what a function has to keep, changes stacks, and goes on there.
extern "C" void emulator_switch(void **from, void *to);
asm(R"(
.text
.type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulator_switch, .-emulator_switch
)");

constexpr size_t STACK = 64 * 1024, GUARD = 1024, WARP = 32; // GUARD keeps the memory aligned, as addresses count
constexpr unsigned char POISON = 0xff; // halves and floats that are not numbers

enum class State { Ready, Waiting, Done };

struct Copy {
    unsigned char *to;
    const void *from;
    bool valid;
};

// What products on shared memory (emulator_wgmma.h) have to know: of 16 bytes there,
struct Chunk {
    bool copied;
    uint32_t writer, fences;  // the thread whose copy came last, and how many fences it had passed by then
    uint32_t coming, readers; // copies not waited for, and products under way that read here
};

// of sums that a thread lends to products,
struct Sums {
    float *d;
    std::vector<float> values; // what d will hold; meanwhile it holds what is not a number
    size_t products;           // under way
    uint32_t fences;           // the thread had passed when it got them back
};

// of a factor, lines of 16 halves,
struct Factor {
    std::vector<uint32_t> places; // of its chunks, two a line
    std::vector<unsigned char> bytes;
    std::vector<float> values; // [16][line]
};

// and of a warp's part of a product.
struct Product {
    std::shared_ptr<const Factor> a, b;
    float *d[32];
};

struct Products {
    std::deque<std::vector<Product>> groups;
    std::vector<Product> open;
};

struct Fiber {
    void *stack_pointer;
    State state;
    dim3 thread;
    void *slot; // what it brings to a collective of its warp
    std::deque<std::vector<Copy>> groups;
    std::vector<Copy> open;
    std::vector<Sums> sums;
    uint32_t memory_fences, register_fences; // it has passed
};

struct Block {
    dim3 index, size, grid;
    std::vector<unsigned char> shared;
    std::vector<Fiber> fibers;
    std::vector<unsigned char> stacks;
    void *scheduler;
    size_t current, at_barrier, done;
    std::vector<size_t> in_warp; // lanes that have come to a collective
    std::vector<size_t> in_warpgroup;
    std::vector<Chunk> chunks;
    std::vector<Products> products; // of each warp
    uint64_t chance;
    void (*body)(void *);
    void *arguments;
};

static thread_local Block *block;

static Fiber &self() { return block->fibers[block->current]; }

static void wait() {
    self().state = State::Waiting;
    emulator_switch(&self().stack_pointer, block->scheduler);
}

static void enter() {
    block->body(block->arguments);
    self().state = State::Done;
    block->done++;
    void *nowhere;
    emulator_switch(&nowhere, block->scheduler);
}

// All lanes of a warp come here with something; the last one does what is to be done for all.
template <class T, class Work> static void collective(T &mine, Work work) {
    const size_t warp = block->current / WARP;
    self().slot = &mine;
    if (++block->in_warp[warp] < WARP) return wait();
    block->in_warp[warp] = 0;
    T *lanes[WARP];
    for (size_t lane = 0; lane < WARP; ++lane) {
        Fiber &fiber = block->fibers[warp * WARP + lane];
        lanes[lane] = static_cast<T *>(fiber.slot);
        fiber.state = State::Ready;
    }
    work(lanes);
}

static void run_block() {
    const size_t threads = block->size.x;
    if (threads % WARP) fail("a block is not made of whole warps");
    memset(block->shared.data(), POISON, block->shared.size());
    block->fibers.resize(threads);
    block->stacks.resize(threads * STACK + 64);
    block->in_warp.assign(threads / WARP, 0);
    block->in_warpgroup.assign(threads / (4 * WARP) + 1, 0);
    block->chunks.assign(block->shared.size() / 16 + 1, Chunk{});
    block->products.assign(threads / WARP, Products{});
    block->at_barrier = block->done = 0;
    for (size_t i = 0; i < threads; ++i) {
        Fiber &fiber = block->fibers[i];
        auto top = reinterpret_cast<uintptr_t>(block->stacks.data() + (i + 1) * STACK) & ~uintptr_t(63);
        void **frame = reinterpret_cast<void **>(top) - 8;
        frame[6] = reinterpret_cast<void *>(enter); // behind six registers; the stack is then as after a call
        fiber.stack_pointer = frame;
        fiber.state = State::Ready;
        fiber.thread = {static_cast<unsigned>(i), 0, 0};
        fiber.groups.clear();
        fiber.open.clear();
        fiber.sums.clear();
        fiber.memory_fences = fiber.register_fences = 0;
    }
    const size_t warps = threads / WARP;
    while (block->done < threads) {
        block->chance = block->chance * 6364136223846793005u + 1442695040888963407u;
        const size_t start = block->chance >> 33;
        bool any = false;
        for (size_t w = 0; w < warps && !any; ++w) {
            const size_t warp = (start + w) % warps;
            for (bool again = true; again;) { // as far as it gets
                again = false;
                for (size_t i = warp * WARP; i < (warp + 1) * WARP; ++i) {
                    if (block->fibers[i].state != State::Ready) continue;
                    again = any = true;
                    block->current = i;
                    emulator_switch(&block->scheduler, block->fibers[i].stack_pointer);
                }
            }
        }
        if (!any) fail("threads wait for others that never come");
    }
    for (const Products &products : block->products) {
        if (!products.groups.empty() || !products.open.empty()) fail("a block has ended with products under way");
    }
    for (size_t i = 0; i < GUARD; ++i) {
        if (block->shared[i] != POISON || block->shared[block->shared.size() - 1 - i] != POISON) {
            fail("a write outside of the shared memory");
        }
    }
}

template <class... A, size_t... I>
static void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<A> *>(arguments[I])...);
}

template <class... A>
static void launch(void (*kernel)(A...), dim3 grid, dim3 size, unsigned shared_bytes, void **arguments) {
    auto body = [&] { call(kernel, arguments, std::index_sequence_for<A...>()); };
    const size_t blocks = size_t(grid.x) * grid.y * grid.z;
    const size_t workers = std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()), blocks);
    auto work = [&](size_t worker) {
        Block own{};
        own.size = size, own.grid = grid;
        own.shared.resize(shared_bytes + 2 * GUARD);
        own.body = [](void *body_) { (*static_cast<decltype(body) *>(body_))(); };
        own.arguments = &body;
        block = &own;
        for (size_t i = worker; i < blocks; i += workers) {
            own.chance = i * 977 + 1;
            own.index = {unsigned(i % grid.x), unsigned(i / grid.x % grid.y), unsigned(i / grid.x / grid.y)};
            run_block();
        }
    };
    std::vector<std::thread> others;
    for (size_t worker = 1; worker < workers; ++worker) others.emplace_back(work, worker);
    work(0);
    for (auto &other : others) other.join();
}

} // namespace emulator

#define threadIdx (emulator::self().thread)
#define blockIdx (emulator::block->index)
#define blockDim (emulator::block->size)
#define gridDim (emulator::block->grid)

// --- Barriers and shuffles ------------------------------------------------------------------------------

static void __syncthreads() {
    using namespace emulator;
    if (block->done) fail("a thread has ended before a barrier of its block");
    if (++block->at_barrier < block->fibers.size()) return wait();
    block->at_barrier = 0;
    for (Fiber &fiber : block->fibers) fiber.state = State::Ready;
}

static void __syncwarp() {
    char nothing;
    emulator::collective(nothing, [](char **) {});
}

template <typename T> static T __shfl_xor_sync(unsigned, T v, int distance) {
    struct Lane {
        T v, got;
    } lane{v, 0};
    emulator::collective(lane, [distance](Lane **lanes) {
        for (int l = 0; l < 32; ++l) lanes[l]->got = lanes[l ^ distance]->v;
    });
    return lane.got;
}

// --- Copies ---------------------------------------------------------------------------------------------

static unsigned char *dynamic_shared() { return emulator::block->shared.data() + emulator::GUARD; }

static uint32_t shared_address(const void *pointer) {
    return static_cast<const unsigned char *>(pointer) - emulator::block->shared.data();
}

static unsigned char *in_shared(uint32_t address) {
    using namespace emulator;
    if (address < GUARD || address + 16 > block->shared.size() - GUARD) fail("an address outside of the shared memory");
    if ((address - GUARD) % 16) fail("an address in shared memory that is no multiple of 16");
    return block->shared.data() + address;
}

static void copy_16(uint32_t to, const void *from, bool valid) {
    unsigned char *place = in_shared(to);
    emulator::Chunk &chunk = emulator::block->chunks[to / 16];
    if (chunk.readers) emulator::fail("a copy to where a product still reads");
    chunk.coming++;
    if (valid && reinterpret_cast<uintptr_t>(from) % 16) emulator::fail("a copy from what is not aligned");
    memset(place, emulator::POISON, 16);
    emulator::self().open.push_back({place, from, valid});
}

static void copies_commit() {
    emulator::Fiber &fiber = emulator::self();
    fiber.groups.push_back(std::move(fiber.open));
    fiber.open.clear();
}

template <int N> static void copies_wait() {
    using namespace emulator;
    auto &groups = self().groups;
    for (; groups.size() > N; groups.pop_front()) {
        for (const Copy &copy : groups.front()) {
            if (copy.valid) memcpy(copy.to, copy.from, 16);
            else memset(copy.to, 0, 16);
            Chunk &chunk = block->chunks[(copy.to - block->shared.data()) / 16];
            chunk.copied = true, chunk.writer = block->current, chunk.fences = self().memory_fences;
            chunk.coming--;
        }
    }
}

// --- Fragments (PTX ISA, "Warp Level Matrix Instructions") ----------------------------------------------

struct MatrixLane {
    uint32_t *r, row;
};

static void load(uint32_t (&r)[4], uint32_t row, bool transposed) {
    MatrixLane lane{r, row};
    emulator::collective(lane, [transposed](MatrixLane **lanes) {
        for (int j = 0; j < 4; ++j) {
            uint16_t matrix[8][8];
            for (int i = 0; i < 8; ++i) memcpy(matrix[i], in_shared(lanes[8 * j + i]->row), 16);
            for (int l = 0; l < 32; ++l) {
                const int i = l / 4, k = l % 4 * 2;
                const uint16_t low = transposed ? matrix[k][i] : matrix[i][k];
                const uint16_t high = transposed ? matrix[k + 1][i] : matrix[i][k + 1];
                lanes[l]->r[j] = low | uint32_t(high) << 16;
            }
        }
    });
}

static void load_matrices(uint32_t (&r)[4], uint32_t row) { load(r, row, false); }
static void load_matrices_transposed(uint32_t (&r)[4], uint32_t row) { load(r, row, true); }

// m16n8k16: lane l holds of a rows l/4 and l/4 + 8, columns 2(l%4), + 1, and these + 8; of b rows 2(l%4), + 1, and
// these + 8, of column l/4; of d rows l/4 and l/4 + 8, columns 2(l%4) and + 1.
struct ProductLane {
    float *d;
    uint32_t a[4], b[2];
};

static void multiply_add(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    ProductLane lane{d, {a[0], a[1], a[2], a[3]}, {b0, b1}};
    emulator::collective(lane, [](ProductLane **lanes) {
        const float *value = half_values();
        float a[16][16], b[16][8], d[16][8];
        for (int l = 0; l < 32; ++l) {
            const int g = l / 4, t = l % 4 * 2;
            for (int e = 0; e < 8; ++e) { // a: four words of two
                const uint32_t word = lanes[l]->a[e / 2];
                a[g + (e / 2 % 2) * 8][t + e % 2 + (e / 4) * 8] = value[uint16_t(word >> (e % 2 * 16))];
            }
            for (int e = 0; e < 4; ++e) {
                b[t + e % 2 + e / 2 * 8][g] = value[uint16_t(lanes[l]->b[e / 2] >> (e % 2 * 16))];
                d[g + e / 2 * 8][t + e % 2] = lanes[l]->d[e];
            }
        }
        for (int i = 0; i < 16; ++i)
            for (int k = 0; k < 16; ++k)
                for (int j = 0; j < 8; ++j) d[i][j] += a[i][k] * b[k][j];
        for (int l = 0; l < 32; ++l)
            for (int e = 0; e < 4; ++e) lanes[l]->d[e] = d[l / 4 + e / 2 * 8][l % 4 * 2 + e % 2];
    });
}
