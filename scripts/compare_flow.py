"""Compares stylecast's optical flow with OpenCV's Dense Inverse Search: see scripts/compare-flow.

Scenes are stills that are moved by known maps, some with objects that move on their own: every pixel of
both frames is the mean of four samples of a still of twice the size (Catmull & Rom's cubic), so that motion
by any fraction of a pixel is exact. Errors are counted where a pixel is seen in both frames.
Both sides get the same 8-bit colour pictures and give both directions. In each round both sides are
measured once (the fastest of seven), so that a machine that slows down slows both; printed are medians over
the rounds. Ours is measured twice, looking at the frames' full size and at half of it (OpenCV's medium preset
looks at half).
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import cv2
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--follow", required=True, help="the example 06_follow_motion, built for release")
parser.add_argument("--sizes", nargs="+", default=["224x128", "512x288", "1280x720"])
parser.add_argument("--scenes", nargs="+", help="only these")
parser.add_argument("--rounds", type=int, default=3, help="rounds of timing; 0 measures accuracy only")
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
cv2.setNumThreads(args.threads)
MEDIA = pathlib.Path("examples/media")


def still(name, size):
    """A still covering twice `size`, float RGB."""
    picture = cv2.imread(str(MEDIA / f"{name}.jpg")).astype(np.float32)
    w, h = size
    scale = max(2 * w / picture.shape[1], 2 * h / picture.shape[0])
    width, height = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)


def sample(picture, x, y):
    """`picture` at exact places, mirrored beyond its border."""

    def weights(t):
        t2, t3 = t * t, t * t * t
        return [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2]

    def mirrored(i, n):
        i = np.mod(i, 2 * n)
        return np.where(i < n, i, 2 * n - 1 - i)

    h, w = picture.shape[:2]
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = weights(x - x0), weights(y - y0)
    columns = [mirrored(x0 + i - 1, w) for i in range(4)]
    total = 0
    for j in range(4):
        row = mirrored(y0 + j - 1, h)
        total = total + down[j][..., None] * sum(across[i][..., None] * picture[row, columns[i]] for i in range(4))
    return total


class Layer:
    """A still under an affine map that changes from the first frame to the second, seen where `inside`."""

    def __init__(self, picture, motion, inside=None):
        self.picture, self.motion, self.inside = picture, np.array(motion, float), inside

    def back(self, t, x, y):
        """Where the thing at (x, y) in frame `t` was in frame 0."""
        if t == 0:
            return x, y
        a = np.linalg.inv(np.vstack([self.motion, [0, 0, 1]]))
        return a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]

    def there(self, x, y):
        a = self.motion
        return a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]

    def covers(self, t, x, y):
        return np.ones_like(x, bool) if self.inside is None else self.inside(*self.back(t, x, y))


def render(layers, size, t):
    w, h = size
    frame = 0
    for dx, dy in [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)]:
        x, y = np.meshgrid(np.arange(w) + dx, np.arange(h) + dy)
        shot = None
        for layer in layers:
            u, v = layer.back(t, x, y)
            colours = sample(layer.picture, 2 * u + 0.5, 2 * v + 0.5)
            shot = colours if shot is None else np.where(layer.covers(t, x, y)[..., None], colours, shot)
        frame = frame + shot / 4
    return frame


def exact(layers, size, t):
    """Flow of frame `t` towards the other, and which pixels are seen there."""
    w, h = size
    x, y = np.meshgrid(np.arange(w, dtype=float), np.arange(h, dtype=float))
    top = np.zeros((h, w), int)
    for i, layer in enumerate(layers):
        top[layer.covers(t, x, y)] = i
    to_x, to_y = np.zeros_like(x), np.zeros_like(y)
    for i, layer in enumerate(layers):
        u, v = layer.there(x, y) if t == 0 else layer.back(1, x, y)
        to_x, to_y = np.where(top == i, u, to_x), np.where(top == i, v, to_y)
    seen = (to_x >= 0) & (to_x <= w - 1) & (to_y >= 0) & (to_y <= h - 1)
    for i, layer in enumerate(layers):
        seen &= ~(layer.covers(1 - t, to_x, to_y) & (i > top))
    return np.stack([to_x - x, to_y - y], -1), seen


def around(centre, matrix, shift=(0, 0)):
    """An affine map with a fixed point, and then a shift."""
    m, c = np.array(matrix, float), np.array(centre, float)
    return np.hstack([m, (c - m @ c + shift)[:, None]])


def turn(degrees, scale=1.0):
    a = np.deg2rad(degrees)
    return scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def scenes(size):
    w, h = size
    centre = (0.47 * w, 0.55 * h)
    one = np.eye(2)

    def disc(x, y, r):
        return lambda u, v: np.hypot(u - x * w, v - y * h) < r * h

    def box(x, y, a, b):
        return lambda u, v: (abs(u - x * w) < a * w) & (abs(v - y * h) < b * h)

    def star(x, y, r):
        def inside(u, v):
            u, v = u - x * w, v - y * h
            return np.hypot(u, v) < r * h * (1 + 0.35 * np.cos(5 * np.arctan2(v, u)))

        return inside

    wave, poppies = still("great-wave", size), still("poppies", size)
    summer, auvers = still("summertime", size), still("auvers", size)
    objects = [
        Layer(auvers, around(centre, one, (5.0, 2.0)), disc(0.25, 0.4, 0.2)),
        Layer(poppies, around((0.6 * w, 0.5 * h), turn(3), (-4.3, 1.2)), star(0.6, 0.5, 0.2)),
        Layer(summer, around(centre, one, (0.0, -3.0)), box(0.82, 0.6, 0.07, 0.25)),
    ]
    yield "pan 1.3 -0.6", [Layer(wave, around(centre, one, (1.3, -0.6)))], 0
    yield "pan 0.4 0.25", [Layer(summer, around(centre, one, (0.4, 0.25)))], 0
    yield "pan 12 5", [Layer(poppies, around(centre, one, (12.0, 5.0)))], 0
    yield "zoom 1.04", [Layer(auvers, around(centre, 1.04 * one))], 0
    yield "turn 2", [Layer(summer, around(centre, turn(2)))], 0
    yield "shear 0.05", [Layer(wave, around(centre, [[1, 0.05], [0, 1]]))], 0
    yield "zoom and turn", [Layer(poppies, around(centre, turn(-1.5, 0.97), (2.0, 0.0)))], 0
    yield "objects", [Layer(wave, around(centre, one)), *objects], 0
    yield "objects, pan", [Layer(summer, around(centre, one, (-2.6, 0.7))), *objects], 0
    far = (0.08 * w, -0.03 * w)
    yield "far pan", [Layer(auvers, around(centre, one, far))], 0
    fast = [Layer(layer.picture, around(centre, one, (k * far[0], far[1])), layer.inside) for k, layer in zip((1, -1, 0), objects)]
    yield "fast objects", [Layer(wave, around(centre, one, (1.0, 0.0))), *fast], 0
    yield "objects, zoom, noise", [Layer(poppies, around(centre, 1.02 * one)), *objects], 2.0
    yield "pan, noise", [Layer(auvers, around(centre, one, (1.7, 0.8)))], 3.0
    yield "still, noise", [Layer(poppies, around(centre, one))], 2.0


def read_flo(path):
    data = np.fromfile(path, np.float32)
    w, h = data[1:3].view(np.int32)
    return data[3:].reshape(h, w, 2)


def ours(paths, repeats, level):
    """Flows and the milliseconds of each repeat, looking at this level of the pyramid at last."""
    out = [f"{paths[0]}.{name}.flo" for name in ("backward", "forward")]
    done = subprocess.run(
        [args.follow, *paths, *out, str(repeats), str(level)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"RAYON_NUM_THREADS": str(args.threads)},
    )
    return [read_flo(path) for path in out], [float(line) for line in done.stdout.split()]


def theirs(frames, repeats):
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = [dis.calc(grey[1], grey[0], None), dis.calc(grey[0], grey[1], None)]
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
        dis.calc(grey[1], grey[0], None), dis.calc(grey[0], grey[1], None)
        times.append(1e3 * (time.perf_counter() - begin))
    return flows, times


def error(flows, truths):
    """Mean end-point error over what is seen in both frames, both directions."""
    errors = [np.linalg.norm(flow - truth, axis=-1)[seen] for flow, (truth, seen) in zip(flows, truths)]
    return float(np.concatenate(errors).mean())


def row(name, values, digits):
    """Ours at full and at half size, OpenCV's, and the ratios of ours to it."""
    full, half, other = values
    print(f"  {name:<24}" + "".join(f"{v:>10.{digits}f}" for v in values) + f"{full / other:>9.2f}{half / other:>7.2f}")


print(f"OpenCV {cv2.__version__} DIS medium, {args.threads} threads; mean end-point error in pixels")
with tempfile.TemporaryDirectory() as folder:
    for text in args.sizes:
        size = tuple(map(int, text.split("x")))
        print(f"\n{text:<26}{'ours':>10}{'half size':>10}{'OpenCV':>10}{'ratio':>9}{'half':>7}")
        ratios, timed = [], None
        random = np.random.default_rng(1)
        paths = [f"{folder}/{i}.png" for i in (0, 1)]
        for name, layers, noise in scenes(size):
            if args.scenes and name not in args.scenes:
                continue
            frames = [render(layers, size, t) for t in (0, 1)]
            frames = [frame + noise * random.standard_normal(frame.shape) for frame in frames]
            frames = [np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in frames]
            for path, frame in zip(paths, frames):
                cv2.imwrite(path, frame)
            truths = [exact(layers, size, 1), exact(layers, size, 0)]
            flows = [ours(paths, 0, 0)[0], ours(paths, 0, 1)[0], theirs(frames, 0)[0]]
            errors = [error(flow, truths) for flow in flows]
            if "still" not in name:
                ratios.append([errors[0] / errors[2], errors[1] / errors[2]])
            row(name, errors, 4)
            timed = timed or frames
        means = [statistics.geometric_mean(column) for column in zip(*ratios)]
        print(f"  {'geometric mean, moving':<54}{means[0]:>9.2f}{means[1]:>7.2f}")
        if args.rounds:
            for path, frame in zip(paths, timed):
                cv2.imwrite(path, frame)
            rounds = []
            for _ in range(args.rounds):
                sides = [ours(paths, 7, 0)[1], ours(paths, 7, 1)[1], theirs(timed, 7)[1]]
                rounds.append([min(times) for times in sides])
            row("milliseconds, both ways", [statistics.median(column) for column in zip(*rounds)], 1)
