"""The iteration of benches/kernels.rs in PyTorch, for comparison.

Usage: python pytorch_iteration.py WIDTH HEIGHT THREADS REPETITIONS [eager|channels_last|bf16 ...]

VGG-16 to conv5_1 with random weights, average pooling, relative Gram losses at conv1_1 ... conv5_1, content
at conv4_2, gradient to the pixels, Adam, clamping. Prints wall-clock and CPU time of the fastest repetition:
on a machine that does other work as well, the CPU time on one thread is the steadier of the two.
"""

import sys
import time

import torch
import torch.nn.functional as F

CHANNELS = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256),
            (256, 512), (512, 512), (512, 512), (512, 512)]
POOLED, STYLE, CONTENT = (1, 3, 6, 9), (0, 2, 4, 7, 10), 8
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def measure(mode, width, height, threads, repetitions):
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    kind = torch.bfloat16 if mode == "bf16" else torch.float32
    weights = [(torch.randn(o, i, 3, 3) * (2 / (9 * i)) ** 0.5).to(kind, memory_format=layout) for i, o in CHANNELS]
    biases = [torch.full((o,), 0.01, dtype=kind) for _, o in CHANNELS]

    def look(pixels):
        y = ((pixels - MEAN) / STD).to(kind).contiguous(memory_format=layout)
        grams, content = [], None
        for i, (weight, bias) in enumerate(zip(weights, biases)):
            y = F.relu(F.conv2d(y, weight, bias, padding=1))
            if i in STYLE:
                f = y[0].flatten(1)
                grams.append((f @ f.T).float() / f.shape[1])
            if i == CONTENT:
                content = y.float()
            if i in POOLED:
                y = F.avg_pool2d(y, 2)
        return grams, content

    with torch.no_grad():
        targets, content_target = look(torch.rand(1, 3, height, width))
    pixels = torch.rand(1, 3, height, width).requires_grad_(True)
    adam = torch.optim.Adam([pixels], lr=1e-3)

    def iteration():
        adam.zero_grad(set_to_none=True)
        grams, content = look(pixels)
        loss = (content - content_target).square().sum() / content_target.square().sum()
        for gram, target in zip(grams, targets):
            loss = loss + 3 / 5 * (gram - target).square().sum() / target.square().sum()
        loss.backward()
        adam.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)

    iteration()
    wall, cpu = [], []
    for _ in range(repetitions):
        start, busy = time.perf_counter(), time.process_time()
        iteration()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    print(f"{mode} {width}x{height} threads {threads}: {min(wall) * 1e3:.0f} ms, CPU {min(cpu) * 1e3:.0f} ms", flush=True)


if __name__ == "__main__":
    width, height, threads, repetitions = (int(a) for a in sys.argv[1:5])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    for mode in sys.argv[5:] or ["eager", "channels_last", "bf16"]:
        measure(mode, width, height, threads, repetitions)
