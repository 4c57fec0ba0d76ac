// The first convolution and its gradient: three colours, which are too few for the tiles of conv.cu, in the layout of
// pictures (planar, float). Here the pixels become the network's input, and its gradient theirs.

#include "common.cuh"

// y[p][o] = max(0, bias[o] + Σ_{c,t} kernel[9 c + t][o] (gain[c] x[c][p + offset(t)] + offset[c])), where pixels
// outside the picture count as 0 after the affine map.
//
// x [3][H][W], kernel [27][64], bias [64], affine = gain [3], offset [3]; y [H][W][64].
//
// Grid (⌈W / 128⌉, H), 256 threads. A block makes 128 pixels of a row, a thread four pixels × eight channels.
extern "C" __global__ void __launch_bounds__(256)
    stylecast_first_forward(const float *__restrict__ x, const float *__restrict__ kernel,
                            const float *__restrict__ bias, const float *__restrict__ affine, half *__restrict__ y,
                            int H, int W) {
    constexpr int WIDTH = 128, COLUMNS = WIDTH + 8; // one more pixel to either side, and to the next 16 bytes
    __shared__ __align__(16) float weights[27 * 64];
    __shared__ __align__(16) float patch[9 * COLUMNS];
    const int thread = threadIdx.x, x0 = blockIdx.x * WIDTH, py = blockIdx.y;

    for (int i = thread; i < 27 * 64; i += 256) weights[i] = kernel[i];
    for (int i = thread; i < 9 * COLUMNS; i += 256) {
        const int line = i / COLUMNS, c = line / 3;
        const int sx = x0 + i % COLUMNS - 1, sy = py + line % 3 - 1;
        const bool inside = sx >= 0 && sx < W && sy >= 0 && sy < H;
        patch[i] = inside ? affine[c] * x[(static_cast<long long>(c) * H + sy) * W + sx] + affine[3 + c] : 0.0f;
    }
    __syncthreads();

    const int o = thread % 8 * 8, first = thread / 8 * 4;
    float sums[4][8], k[8];
    load_8(k, bias + o);
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[i][e] = k[e];
#pragma unroll 3
    for (int line = 0; line < 9; ++line) {
        const float *from = patch + line * COLUMNS + first;
        const float4 four = *reinterpret_cast<const float4 *>(from);
        const float2 two = *reinterpret_cast<const float2 *>(from + 4);
        const float v[6] = {four.x, four.y, four.z, four.w, two.x, two.y};
#pragma unroll
        for (int dx = 0; dx < 3; ++dx) {
            load_8(k, weights + (line * 3 + dx) * 64 + o);
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int e = 0; e < 8; ++e) sums[i][e] += k[e] * v[i + dx];
        }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int px = x0 + first + i;
        if (px >= W) break;
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[i][e] = sums[i][e] < 0.0f ? 0.0f : sums[i][e];
        store_8(y + (static_cast<long long>(py) * W + px) * 64 + o, sums[i]);
    }
}

// dx[c][p] = scale gain[c] Σ_{t,o} kernel[9 c + t][o] g[p - offset(t)][o], zero outside the picture.
//
// g [H][W][64], the gradient before the ReLU; kernel [27][64]; affine = gain [3], offset [3]; dx [3][H][W].
//
// Grid (⌈W / 16⌉, ⌈H / 8⌉), 128 threads, 24576 bytes of dynamic shared memory. A block makes 16 × 8 pixels: for them
// and their neighbours, 18 × 10, the products z[q][9 c + t] = Σ_o g[q][o] kernel[9 c + t][o] on tensor cores, and
// then dx = Σ_t z[p - offset(t)][9 c + t]. The kernel's floats go in as the sum of two halves each, 22 bits.
extern "C" __global__ void __launch_bounds__(128)
    stylecast_first_backward(const half *__restrict__ g, const float *__restrict__ kernel,
                             const float *__restrict__ affine, float scale, float *__restrict__ dx, int H, int W) {
    constexpr int WIDE = 18, PIXELS = 18 * 10, LINES = 192; // PIXELS, to the next 16 × 4 warps
    constexpr int STRIDE = 29;                              // of z: odd, so that columns lie in different banks
    unsigned char *shared = dynamic_shared();
    const uint32_t base = shared_address(shared);
    const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    const int x0 = blockIdx.x * 16, y0 = blockIdx.y * 8;

    // A pixel has 128 bytes, eight chunks of 16; chunk c of line r lies at place c ^ (r % 8).
    for (int i = thread; i < LINES * 8; i += 128) {
        const int line = i / 8, chunk = i % 8;
        const int sx = x0 + line % WIDE - 1, sy = y0 + line / WIDE - 1;
        const bool inside = line < PIXELS && sx >= 0 && sx < W && sy >= 0 && sy < H;
        const half *from = g + (static_cast<long long>(sy) * W + sx) * 64 + chunk * 8;
        copy_16(base + line * 128 + (chunk ^ (line % 8)) * 16, inside ? from : g, inside);
    }
    copies_commit();
    copies_wait<0>();
    __syncthreads();

    // Three times 16 pixels a warp, 32 columns of which 27 count.
    float z[3][4][4] = {};
    const int first = warp * 48;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        uint32_t a[3][4];
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            const int line = first + i * 16 + lane % 16, chunk = k * 2 + lane / 16;
            load_matrices(a[i], base + line * 128 + (chunk ^ (line % 8)) * 16);
        }
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const int column = j * 8 + lane / 4;
            uint32_t coarse[2], fine[2];
#pragma unroll
            for (int r = 0; r < 2; ++r) {
                float2 v = make_float2(0.0f, 0.0f);
                if (column < 27) {
                    v = *reinterpret_cast<const float2 *>(kernel + column * 64 + k * 16 + r * 8 + lane % 4 * 2);
                }
                coarse[r] = half_pair(v.x, v.y);
                fine[r] = half_pair(v.x - low_half(coarse[r]), v.y - high_half(coarse[r]));
            }
#pragma unroll
            for (int i = 0; i < 3; ++i) {
                multiply_add(z[i][j], a[i], coarse[0], coarse[1]);
                multiply_add(z[i][j], a[i], fine[0], fine[1]);
            }
        }
    }

    // z takes g's place.
    __syncthreads();
    float *sums = reinterpret_cast<float *>(shared);
#pragma unroll
    for (int i = 0; i < 3; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int line = first + i * 16 + lane / 4 + e / 2 * 8, column = j * 8 + lane % 4 * 2 + e % 2;
                if (column < 27) sums[line * STRIDE + column] = z[i][j][e];
            }
    __syncthreads();

    const int tx = thread % 16, ty = thread / 16, px = x0 + tx, py = y0 + ty;
    if (px >= W || py >= H) return;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        float sum = 0.0f;
#pragma unroll
        for (int t = 0; t < 9; ++t) {
            const int line = (ty + 2 - t / 3) * WIDE + tx + 2 - t % 3;
            sum += sums[line * STRIDE + c * 9 + t];
        }
        dx[(static_cast<long long>(c) * H + py) * W + px] = scale * affine[c] * sum;
    }
}
