// Products that a warpgroup starts on shared memory (wgmma.cuh), on a CPU, by the PTX ISA manual, "Asynchronous
// Warpgroup Level Matrix Instructions".
//
// A product is made when a warp waits for it, and until then its sums are not numbers. What it reads must be there,
// and let in by a fence, when it is started, and the same when it is made. So what is found out: a missing wait, or one
// for too few; a copy, or anything else, to where a product still reads; a copy that its own thread has not fenced; a
// missing fence for registers; descriptors that the manual does not have. Not found out: a plain store, not a copy,
// without a fence; and nothing says that a GPU's memory has no other orders.

#pragma once

#include "emulator.h"

// All lanes of a warpgroup come here with something; the last one does what is to be done for all.
template <class T, class Work> static void warpgroup_collective(T &mine, Work work) {
    using namespace emulator;
    constexpr size_t LANES = 4 * WARP;
    if (block->fibers.size() % LANES) fail("a block is not made of whole warpgroups");
    const size_t group = block->current / LANES;
    self().slot = &mine;
    if (++block->in_warpgroup[group] < LANES) return wait();
    block->in_warpgroup[group] = 0;
    T *lanes[LANES];
    for (size_t lane = 0; lane < LANES; ++lane) {
        Fiber &fiber = block->fibers[group * LANES + lane];
        lanes[lane] = static_cast<T *>(fiber.slot);
        fiber.state = State::Ready;
    }
    work(lanes, group * LANES);
}

// Lines first .. first + lines of the matrix that a descriptor stands for, 16 halves of each ("Matrix Descriptor
// Format", "Strides"; both factors have their 16 columns in a row, "K-major").
static std::shared_ptr<emulator::Factor> factor(uint64_t descriptor, int first, int lines) {
    using namespace emulator;
    auto field = [descriptor](int from, int bits) { return uint32_t(descriptor >> from) & ((1u << bits) - 1); };
    if (field(14, 2) || field(30, 2) || field(46, 3) || field(52, 10)) fail("a descriptor with bits that mean nothing");
    const uint32_t start = field(0, 14) * 16, leading = field(16, 14) * 16, stride = field(32, 14) * 16;
    // 0: eight lines of one chunk in a row; 1, 2, 3: lines of 128, 64 and 32 bytes.
    const uint32_t mode = field(62, 2), pitch = mode ? 256u >> mode : 16, swapped = mode ? 8u >> (mode - 1) : 1;
    if (field(49, 3)) fail("a descriptor with a base offset, which is not emulated");
    if (mode && start % (8 * pitch) >= pitch) fail("a matrix that does not begin in the first of eight lines");
    if (mode && start % pitch + 32 > pitch) fail("a matrix whose columns go beyond a line");
    if (stride == 0) fail("a descriptor without a stride");

    auto factor = std::make_shared<Factor>();
    factor->values.resize(16 * lines);
    for (int line = 0; line < lines; ++line) {
        const uint32_t r = first + line;
        for (uint32_t c = 0; c < 2; ++c) {
            uint32_t place = start + r % 8 * pitch + r / 8 * stride + c * (mode ? 16 : leading);
            place ^= (place >> 7 & (swapped - 1)) << 4;
            const unsigned char *bytes = in_shared(place);
            const Chunk &chunk = block->chunks[place / 16];
            if (chunk.coming) fail("a product of what is still being copied");
            if (chunk.copied && block->fibers[chunk.writer].memory_fences == chunk.fences) {
                fail("a product of what a copy has brought and no fence has let it read");
            }
            factor->places.push_back(place);
            factor->bytes.insert(factor->bytes.end(), bytes, bytes + 16);
            for (int e = 0; e < 8; ++e) {
                half h;
                memcpy(&h, bytes + 2 * e, 2);
                factor->values[(8 * c + e) * lines + line] = __half2float(h);
            }
        }
    }
    return factor;
}

// What stands in sums meanwhile: not a number, and another one as soon as anything is added to it.
static const uint32_t LENT = 0xffbfffff;

struct AsyncLane {
    float *d;
    uint64_t a, b;
    int n;
};

// A lane's sums are the product's from here on.
static void lend(emulator::Fiber &fiber, const AsyncLane &lane) {
    using namespace emulator;
    const size_t count = lane.n / 2;
    auto found = std::find_if(fiber.sums.begin(), fiber.sums.end(), [&](const Sums &s) { return s.d == lane.d; });
    if (found == fiber.sums.end()) found = fiber.sums.insert(found, Sums{lane.d, {}, 0, 0});
    if (found->products++) {
        if (found->values.size() != count) fail("products of two shapes on the same sums");
        return;
    }
    if (found->fences == fiber.register_fences) fail("a product of registers that no fence has let it touch");
    found->values.assign(lane.d, lane.d + count);
    for (size_t i = 0; i < count; ++i) memcpy(lane.d + i, &LENT, 4);
}

template <int NT> static void multiply_add_async(float (&d)[NT][4], uint64_t a, uint64_t b) {
    AsyncLane lane{&d[0][0], a, b, NT * 8};
    warpgroup_collective(lane, [](AsyncLane **lanes, size_t first) {
        using namespace emulator;
        const AsyncLane &any = *lanes[0];
        for (size_t l = 0; l < 4 * WARP; ++l) {
            const AsyncLane &lane = *lanes[l];
            if (lane.a != any.a || lane.b != any.b || lane.n != any.n)
                fail("a warpgroup's lanes want several products");
            lend(block->fibers[first + l], lane);
        }
        auto b = factor(any.b, 0, any.n);
        for (size_t w = 0; w < 4; ++w) {
            Product product{factor(any.a, 16 * w, 16), b, {}};
            for (size_t l = 0; l < WARP; ++l) product.d[l] = lanes[w * WARP + l]->d;
            for (auto &read : {product.a, product.b})
                for (uint32_t place : read->places) block->chunks[place / 16].readers++;
            block->products[first / WARP + w].open.push_back(std::move(product));
        }
    });
}

// Makes a warp's part: 16 lines of a by all lines of b.
static void make(const emulator::Product &product, emulator::Fiber *fibers) {
    using namespace emulator;
    for (auto &read : {product.a, product.b}) {
        for (size_t i = 0; i < read->places.size(); ++i) {
            block->chunks[read->places[i] / 16].readers--;
            if (memcmp(in_shared(read->places[i]), &read->bytes[16 * i], 16)) {
                fail("what a product reads has changed before it was waited for");
            }
        }
    }
    const size_t n = product.b->places.size() / 2;
    std::vector<float> d(16 * n);
    Sums *sums[32];
    for (size_t l = 0; l < WARP; ++l) {
        auto &all = fibers[l].sums;
        sums[l] = &*std::find_if(all.begin(), all.end(), [&](const Sums &s) { return s.d == product.d[l]; });
        for (size_t i = 0; i < n / 2; ++i) {
            d[(l / 4 + i / 2 % 2 * 8) * n + i / 4 * 8 + l % 4 * 2 + i % 2] = sums[l]->values[i];
        }
    }
    const float *a = product.a->values.data(), *b = product.b->values.data();
    for (size_t i = 0; i < 16; ++i)
        for (size_t k = 0; k < 16; ++k)
            for (size_t j = 0; j < n; ++j) d[i * n + j] += a[k * 16 + i] * b[k * n + j];
    for (size_t l = 0; l < WARP; ++l) {
        for (size_t i = 0; i < n / 2; ++i) {
            sums[l]->values[i] = d[(l / 4 + i / 2 % 2 * 8) * n + i / 4 * 8 + l % 4 * 2 + i % 2];
        }
        if (--sums[l]->products) continue;
        uint32_t word;
        for (size_t i = 0; i < n / 2; ++i) {
            memcpy(&word, product.d[l] + i, 4);
            if (word != LENT) fail("sums were written while a product had them");
        }
        memcpy(product.d[l], sums[l]->values.data(), 4 * sums[l]->values.size());
        sums[l]->fences = fibers[l].register_fences;
    }
}

static void products_may_read() { emulator::self().memory_fences++; }

static void products_begin() {
    emulator::self().register_fences++;
    __syncwarp();
}

// The last lane does what is to be done for its warp.
template <class Work> static void for_warp(Work work) {
    char nothing;
    emulator::collective(nothing, [work](char **) { work(emulator::block->current / emulator::WARP); });
}

static void products_commit() {
    for_warp([](size_t warp) {
        emulator::Products &products = emulator::block->products[warp];
        products.groups.push_back(std::move(products.open));
        products.open.clear();
    });
}

template <int N> static void products_wait() {
    for_warp([](size_t warp) {
        using namespace emulator;
        auto &groups = block->products[warp].groups;
        for (; groups.size() > N; groups.pop_front())
            for (const Product &product : groups.front()) make(product, &block->fibers[warp * WARP]);
    });
}

template <int NT> static void products_done(float (&)[NT][4]) {}
