// All kernels of the painting engine in one module:
//
//   nvcc --ptx -arch=compute_80 --std=c++17 -O3 -o engine.ptx src/kernels/cuda/engine.cu
//
// Activations are halves, [pixel][channel], row by row; sums are floats. Every pointer to halves is aligned to
// 16 bytes. Results do not depend on the order in which blocks run.

#include "conv.cu"
#include "finish.cu"
#include "first.cu"
#include "gram.cu"
#include "losses.cu"
#include "optimizer.cu"
#include "picture.cu"
#include "pool.cu"
#include "start.cu"
