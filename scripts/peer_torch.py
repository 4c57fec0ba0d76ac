"""One iteration of the same objective in PyTorch, for comparisons: see scripts/bench-peers.

Reads one line per measurement on standard input, "WIDTH HEIGHT MODE REPEATS", and answers each with the
median seconds per iteration (forward to conv5_1, losses, gradient to the pixels, Adam step, clamp). MODE
is DTYPE-LAYOUT: f32 or bf16 (autocast), eager, channels_last or compile (torch.compile, channels last).
The weights are random: time does not depend on them.
"""

import statistics
import sys
import time

import torch
import torch.nn.functional as F

THREADS = int(sys.argv[1])
torch.set_num_threads(THREADS)
torch.manual_seed(0)

CHANNELS = [(3, 64), (64, 64), "pool", (64, 128), (128, 128), "pool", (128, 256), (256, 256), (256, 256), "pool"]
CHANNELS += [(256, 512), (512, 512), (512, 512), "pool", (512, 512)]
STYLE = {0, 2, 4, 7, 10}  # conv1_1, conv2_1, conv3_1, conv4_1, conv5_1
CONTENT = 8  # conv4_2
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Setup:
    def __init__(self, width, height, mode):
        dtype, layout = mode.split("-")
        self.autocast = dtype == "bf16"
        format = torch.contiguous_format if layout == "eager" else torch.channels_last
        self.layers = []
        for entry in CHANNELS:
            if entry == "pool":
                self.layers.append(None)
            else:
                cin, cout = entry
                weight = torch.randn(cout, cin, 3, 3) * (2 / (9 * cin)) ** 0.5
                self.layers.append((weight.to(memory_format=format), torch.randn(cout) * 0.1))
        picture = lambda w, h: torch.rand(1, 3, h, w).to(memory_format=format)
        with torch.no_grad():
            self.grams = [self.gram(f) for f in self.features(picture(256, 256))[0]]
            self.content = self.features(picture(width, height))[1].detach()
        self.x = picture(width, height).requires_grad_()
        self.adam = torch.optim.Adam([self.x], lr=0.01)
        self.objective = torch.compile(self.loss) if layout == "compile" else self.loss

    def features(self, x):
        x = (x - MEAN) / STD
        style, content, index = [], None, 0
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.autocast):
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
        return f @ f.T / f.shape[1]

    def loss(self, x):
        style, content = self.features(x)
        total = ((content - self.content) ** 2).sum() / (self.content**2).sum()
        for f, a in zip(style, self.grams):
            total = total + 3 / 5 * ((self.gram(f) - a) ** 2).sum() / (a**2).sum()
        return total

    def iteration(self):
        self.adam.zero_grad()
        self.objective(self.x).backward()
        self.adam.step()
        with torch.no_grad():
            self.x.clamp_(0, 1)


setups = {}
for line in sys.stdin:
    width, height, mode, repeats = line.split()
    key = (width, height, mode)
    if key not in setups:
        setups[key] = Setup(int(width), int(height), mode)
        for _ in range(2):
            setups[key].iteration()
    times = []
    for _ in range(int(repeats)):
        began = time.perf_counter()
        setups[key].iteration()
        times.append(time.perf_counter() - began)
    print(statistics.median(times), flush=True)
