"""One iteration of the same objective in PyTorch, for comparisons: see scripts/bench-peers and scripts/gpu-check.

    peer_torch.py THREADS [cpu|cuda]

Reads one line per measurement on standard input, "WIDTH HEIGHT MODE REPEATS", and answers each with the
seconds per iteration (forward to conv5_1, losses, gradient to the pixels, Adam step, clamp): on a CPU the
median; on a GPU the mean of REPEATS in a row, which are waited for at the end only. MODE is DTYPE-LAYOUT:
f32, tf32 (GPU), bf16 or f16 (autocast; f16 with a loss scale); eager, channels_last or compile
(torch.compile, channels last; on a GPU with CUDA graphs). The weights are random: time does not depend on
them. "ceiling SIDE DTYPE REPEATS" is answered with the seconds of a product of two SIDE x SIDE matrices.
"""

import statistics
import sys
import time

import torch
import torch.nn.functional as F

THREADS = int(sys.argv[1])
DEVICE = sys.argv[2] if len(sys.argv) > 2 else "cpu"
torch.set_num_threads(THREADS)
torch.manual_seed(0)

CHANNELS = [(3, 64), (64, 64), "pool", (64, 128), (128, 128), "pool", (128, 256), (256, 256), (256, 256), "pool"]
CHANNELS += [(256, 512), (512, 512), (512, 512), "pool", (512, 512)]
STYLE = {0, 2, 4, 7, 10}  # conv1_1, conv2_1, conv3_1, conv4_1, conv5_1
CONTENT = 8  # conv4_2
MEAN = torch.tensor([0.485, 0.456, 0.406], device=DEVICE).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], device=DEVICE).view(1, 3, 1, 1)
DTYPES = {"f32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
# Gradients of the relative losses are tiny: without a scale, float16 turns most of them to 0.
LOSS_SCALE = {"f16": 1e4}


def precise(dtype):
    """TF32 where it is asked for and nowhere else: PyTorch lets convolutions use it unasked."""
    torch.backends.cudnn.allow_tf32 = dtype == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"


class Setup:
    def __init__(self, width, height, mode):
        dtype, layout = mode.split("-")
        self.dtype = dtype
        precise(dtype)
        self.half = DTYPES[dtype] if dtype in ("bf16", "f16") else None
        self.scale = LOSS_SCALE.get(dtype, 1.0)
        format = torch.contiguous_format if layout == "eager" else torch.channels_last
        self.layers = []
        for entry in CHANNELS:
            if entry == "pool":
                self.layers.append(None)
            else:
                cin, cout = entry
                weight = torch.randn(cout, cin, 3, 3) * (2 / (9 * cin)) ** 0.5
                bias = torch.randn(cout) * 0.1
                self.layers.append((weight.to(DEVICE, memory_format=format), bias.to(DEVICE)))
        picture = lambda w, h: torch.rand(1, 3, h, w).to(DEVICE, memory_format=format)
        with torch.no_grad():
            self.grams = [self.gram(f).float() for f in self.features(picture(256, 256))[0]]
            self.content = self.features(picture(width, height))[1].detach()
        self.x = picture(width, height).requires_grad_()
        # A GPU has Adam in one kernel.
        self.adam = torch.optim.Adam([self.x], lr=0.01, fused=DEVICE == "cuda")
        if layout == "compile":
            graphs = {"mode": "reduce-overhead"} if DEVICE == "cuda" else {}
            self.objective = torch.compile(self.loss, **graphs)
        else:
            self.objective = self.loss

    def features(self, x):
        x = (x - MEAN) / STD
        style, content, index = [], None, 0
        with torch.autocast(DEVICE, dtype=self.half, enabled=self.half is not None):
            for layer in self.layers:
                if layer is None:
                    x = F.avg_pool2d(x, 2)
                    continue
                x = F.relu(F.conv2d(x, layer[0], layer[1], padding=1))
                if index in STYLE:
                    style.append(x)
                if index == CONTENT:
                    content = x
                index += 1
        return style, content

    @staticmethod
    def gram(f):
        f = f.flatten(2)[0]
        if f.dtype == torch.float16:  # which holds no sums over all positions
            f = f * f.shape[1] ** -0.5
            return f @ f.T
        return f @ f.T / f.shape[1]

    def loss(self, x):
        style, content = self.features(x)
        square = lambda d: (d**2).sum(dtype=torch.float32)
        total = square(content - self.content) / square(self.content)
        for f, a in zip(style, self.grams):
            total = total + 3 / 5 * square(self.gram(f).float() - a) / square(a)
        return total * self.scale

    def iteration(self):
        self.adam.zero_grad()
        if DEVICE == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        self.objective(self.x).backward()
        # Adam does not mind the loss's scale: its step is the same for any.
        self.adam.step()
        with torch.no_grad():
            self.x.clamp_(0, 1)


def seconds(work, repeats):
    if DEVICE == "cpu":
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        return statistics.median(times)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / repeats


def ceiling(side, dtype, repeats):
    precise(dtype)
    a, b = (torch.randn(side, side, device=DEVICE, dtype=DTYPES[dtype]) for _ in range(2))
    seconds(lambda: a @ b, 2)
    return seconds(lambda: a @ b, repeats)


setups = {}
for line in sys.stdin:
    words = line.split()
    if words[0] == "ceiling":
        print(ceiling(int(words[1]), words[2], int(words[3])), flush=True)
        continue
    width, height, mode, repeats = words
    key = (width, height, mode)
    if key not in setups:
        setups[key] = Setup(int(width), int(height), mode)
        for _ in range(2 if DEVICE == "cpu" else 5):
            setups[key].iteration()
    setup = setups[key]
    precise(setup.dtype)
    print(seconds(setup.iteration, int(repeats)), flush=True)
