// Gram matrices (Gatys et al. 2015, eq. 3), on tensor cores, and what the loss and its gradient need of them. They are
// symmetric: only tiles on or above the diagonal are computed. Pixels are shared out among blocks, and the parts
// added up in a second kernel, in an order that does not change from run to run.

#include "common.cuh"

// partial[s][i][j] = Σ_p rows[p] x[p][i] x[p][j] over the pixels P s / splits ≤ p < P (s + 1) / splits, for the 64×64
// tiles on or above the diagonal; others are not written.
//
// x [P][C], C a multiple of 64; rows [P], or null for 1; partial [splits][C][C]. A product rows[p] x[p][i] is rounded
// to half (and saturated), so rows should be of the order of 1.
//
// Grid (t (t + 1) / 2, splits) with t = C / 64, 128 threads, 32768 bytes of dynamic shared memory. A step takes 32
// pixels; four warps make 32×32 each; copies run three steps ahead.
extern "C" __global__ void __launch_bounds__(128, 4)
    stylecast_gram(const half *__restrict__ x, const float *__restrict__ rows, float *__restrict__ partial, int P,
                   int C, int splits) {
    constexpr int STEP = 32, STAGES = 4, TILE_BYTES = STEP * 128, STAGE_BYTES = 2 * TILE_BYTES;
    const uint32_t base = shared_address(dynamic_shared());
    const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;

    // The tile's row and column, of tiles numbered along the rows from the diagonal on.
    int row = 0, column = blockIdx.x;
    for (int length = C / 64; column >= length; --length) column -= length, ++row;
    column += row;
    const bool diagonal = row == column;

    const int split = blockIdx.y;
    const int begin = static_cast<int>(static_cast<long long>(P) * split / splits);
    const int end = static_cast<int>(static_cast<long long>(P) * (split + 1) / splits);
    const int steps = (end - begin + STEP - 1) / STEP;

    // A pixel has 128 bytes in either tile, eight chunks of 16; chunk c of line r lies at place c ^ (r % 8). A thread
    // copies lines `line` and `line` + 16. On the diagonal both tiles are one.
    const int chunk = thread % 8, line = thread / 8;
    const uint32_t place = line * 128 + (chunk ^ (line % 8)) * 16;
    int copied = begin, next_stage = 0;
    auto copy_step = [&]() {
        const uint32_t to = base + next_stage * STAGE_BYTES + place;
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            const int p = copied + line + j * 16;
            const bool valid = p < end;
            const half *from = x + static_cast<long long>(p) * C + chunk * 8;
            copy_16(to + j * 16 * 128, valid ? from + row * 64 : x, valid);
            if (!diagonal) copy_16(to + TILE_BYTES + j * 16 * 128, valid ? from + column * 64 : x, valid);
        }
        copied += STEP;
        if (++next_stage == STAGES) next_stage = 0;
    };

    // Both operands lie as [pixel][channel], and the sum goes over pixels: hence transposed loads.
    const int wm = warp / 2 * 32, wn = warp % 2 * 32;
    const int a_line = lane % 8 + lane / 16 * 8, a_chunk = wm / 8 + lane / 8 % 2;
    const int b_line = lane % 16, b_chunk = wn / 8 + lane / 16;
    const uint32_t b_tile = diagonal ? 0 : TILE_BYTES;

    float sums[2][4][4] = {};
#pragma unroll
    for (int s = 0; s < STAGES - 1; ++s) {
        if (s < steps) copy_step();
        copies_commit();
    }
    int stage = 0;
    for (int step = 0; step < steps; ++step) {
        copies_wait<STAGES - 2>();
        __syncthreads();
        if (step + STAGES - 1 < steps) copy_step();
        copies_commit();

        const uint32_t from = base + stage * STAGE_BYTES;
#pragma unroll
        for (int k = 0; k < 2; ++k) {
            uint32_t a[2][4], b[2][4];
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int at = (a_chunk + i * 2) ^ (a_line % 8);
                load_matrices_transposed(a[i], from + (k * 16 + a_line) * 128 + at * 16);
            }
#pragma unroll
            for (int j = 0; j < 2; ++j) {
                const int at = (b_chunk + j * 2) ^ (b_line % 8);
                load_matrices_transposed(b[j], from + b_tile + (k * 16 + b_line) * 128 + at * 16);
            }
            if (rows) {
                // A lane's halves belong to the pixels 2 (lane % 4), + 1, + 8, + 9 of the sixteen.
                const int p = begin + step * STEP + k * 16 + lane % 4 * 2;
                float weight[4];
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    const int q = p + e % 2 + e / 2 * 8;
                    weight[e] = q < end ? rows[q] : 0.0f;
                }
#pragma unroll
                for (int i = 0; i < 2; ++i)
#pragma unroll
                    for (int r = 0; r < 4; ++r) {
                        a[i][r] = half_pair(low_half(a[i][r]) * weight[r / 2 * 2],
                                            high_half(a[i][r]) * weight[r / 2 * 2 + 1]);
                    }
            }
#pragma unroll
            for (int i = 0; i < 2; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    multiply_add(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
        }
        if (++stage == STAGES) stage = 0;
    }

    float *to = partial + static_cast<long long>(split) * C * C;
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            float *at = to + (row * 64 + wm + i * 16 + lane / 4) * C + column * 64 + wn + j * 8 + lane % 4 * 2;
            *reinterpret_cast<float2 *>(at) = make_float2(sums[i][j][0], sums[i][j][1]);
            *reinterpret_cast<float2 *>(at + 8 * C) = make_float2(sums[i][j][2], sums[i][j][3]);
        }
}

// G[i][j] = scale Σ_s partial[s][i][j], mirrored at the diagonal; coefficients[i][j] = unit (G - A)[i][j];
// sums[block] = the block's part of Σ (G - A)².
//
// partial [splits][C][C] as stylecast_gram writes it; target A [C][C], or null for 0; gram (receives G) and
// coefficients [C][C], and sums, may be null. C a multiple of 32.
//
// Grid t (t + 1) / 2 with t = C / 32, 256 threads. A block makes a 32×32 tile on or above the diagonal, and the
// mirrored one.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_gram_finish(const float *__restrict__ partial, const float *__restrict__ target, float scale, float unit,
                          float *__restrict__ gram, half *__restrict__ coefficients, float *__restrict__ sums, int C,
                          int splits) {
    __shared__ float tile[32][33];
    int row = 0, column = blockIdx.x;
    for (int length = C / 32; column >= length; --length) column -= length, ++row;
    column += row;
    const int tx = threadIdx.x % 32, ty = threadIdx.x / 32;

    float v[4] = {};
    const float *from = partial + (row * 32 + ty) * C + column * 32 + tx;
#pragma unroll 4
    for (int s = 0; s < splits; ++s) {
#pragma unroll
        for (int q = 0; q < 4; ++q) v[q] += from[static_cast<long long>(s) * C * C + q * 8 * C];
    }
#pragma unroll
    for (int q = 0; q < 4; ++q) tile[ty + q * 8][tx] = scale * v[q];
    __syncthreads();

    float squares = 0.0f;
    auto finish = [&](int i, int j, float g) {
        const int at = i * C + j;
        const float difference = g - (target ? target[at] : 0.0f);
        squares += difference * difference;
        if (gram) gram[at] = g;
        if (coefficients) coefficients[at] = __float2half_rn(saturate(unit * difference));
    };
#pragma unroll
    for (int q = 0; q < 4; ++q) {
        const int i = ty + q * 8;
        const bool below = row == column && i > tx;
        finish(row * 32 + i, column * 32 + tx, below ? tile[tx][i] : tile[i][tx]);
        if (row != column) finish(column * 32 + i, row * 32 + tx, tile[tx][i]);
    }
    const float sum = block_sum(squares);
    if (sums && threadIdx.x == 0) sums[blockIdx.x] = sum;
}
