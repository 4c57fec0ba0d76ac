/* A stand-in for cuRAND, put into the portable program by scripts/build-cuda.
 *
 * candle opens cuRAND whenever it opens a GPU. stylecast draws no random numbers there, and the packages that
 * PyTorch brings do not have the library. These are the functions that opening and closing call
 * (https://docs.nvidia.com/cuda/curand); 0 is CURAND_STATUS_SUCCESS. */

int curandCreateGenerator(void **generator, int kind) {
    (void)kind;
    *generator = 0;
    return 0;
}

int curandSetStream(void *generator, void *stream) {
    (void)generator, (void)stream;
    return 0;
}

int curandSetPseudoRandomGeneratorSeed(void *generator, unsigned long long seed) {
    (void)generator, (void)seed;
    return 0;
}

int curandDestroyGenerator(void *generator) {
    (void)generator;
    return 0;
}
