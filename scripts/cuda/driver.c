/* A driver that does not work, for scripts/build-cuda to see what the program makes of it.
 *
 * CUDA_VERSION is what cuDriverGetVersion tells, INIT what cuInit returns: 100 is CUDA_ERROR_NO_DEVICE, 0 is
 * success, after which the program finds that cuDeviceGet and all others are missing
 * (https://docs.nvidia.com/cuda/cuda-driver-api). */

int cuDriverGetVersion(int *version) {
    *version = CUDA_VERSION;
    return 0;
}

int cuInit(unsigned int flags) {
    (void)flags;
    return INIT;
}

int cuGetErrorString(int error, const char **text) {
    (void)error;
    *text = "an error";
    return 0;
}

int cuGetErrorName(int error, const char **name) { return cuGetErrorString(error, name); }
