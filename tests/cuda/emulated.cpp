// The kernels for the CPU: each under the name emulate_<kernel>, with arguments as CUDA's cuLaunchKernel takes them.

#include "emulator.h"
#include "engine.cu"
#include "hopper.cu"

#define EMULATE(kernel)                                                                                                \
    extern "C" void emulate_##kernel(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,     \
                                     unsigned shared_bytes, void **arguments) {                                        \
        emulator::launch(kernel, {gx, gy, gz}, {bx, by, bz}, shared_bytes, arguments);                                 \
    }

EMULATE(stylecast_first_forward)
EMULATE(stylecast_first_backward)
EMULATE(stylecast_conv_128)
EMULATE(stylecast_conv_64)
EMULATE(stylecast_conv_small)
EMULATE(stylecast_wgmma_256)
EMULATE(stylecast_wgmma_128)
EMULATE(stylecast_wgmma_64)
EMULATE(stylecast_finish)
EMULATE(stylecast_pool_forward)
EMULATE(stylecast_pool_backward)
EMULATE(stylecast_gram)
EMULATE(stylecast_gram_finish)
EMULATE(stylecast_content)
EMULATE(stylecast_squares)
EMULATE(stylecast_mask)
EMULATE(stylecast_adam)
EMULATE(stylecast_difference)
EMULATE(stylecast_add)
EMULATE(stylecast_products)
EMULATE(stylecast_largest)
EMULATE(stylecast_hold)
EMULATE(stylecast_advance)
EMULATE(stylecast_total_variation)
EMULATE(stylecast_temporal)
EMULATE(stylecast_grey)
EMULATE(stylecast_shrink)
EMULATE(stylecast_coarse_to_fine)
EMULATE(stylecast_warp)
EMULATE(stylecast_spline)
EMULATE(stylecast_warp_spline)
EMULATE(stylecast_fill)
EMULATE(stylecast_seen_difference)
EMULATE(stylecast_line_mean)
EMULATE(stylecast_relight)
EMULATE(stylecast_over)
EMULATE(stylecast_pack)
EMULATE(stylecast_unpack)
