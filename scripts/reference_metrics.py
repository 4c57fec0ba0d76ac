"""The judge's numbers, worked out a second time with numpy, SciPy and scikit-image.

Writes tests/data/reference_metrics.json. Needs numpy, scipy and scikit-image; run from the repository root:

    python3 scripts/reference_metrics.py

Films and flows are made from integer formulas that tests/eval_agrees_with_scipy.rs repeats (`source`,
`painted`, `backward`, `forward` below), so that both sides see the same values without any files. Warps are
scipy.ndimage.map_coordinates, SSIM is skimage.metrics.structural_similarity as its manual sets it for Wang
et al. (2004), slopes are numpy.polyfit; nothing here comes from stylecast.
"""

import json

import numpy as np
import scipy
import skimage
from scipy.ndimage import map_coordinates
from skimage.metrics import structural_similarity

WIDTH, HEIGHT, FRAMES, LONG = 40, 30, 14, 10
C, Y, X = np.meshgrid(np.arange(3), np.arange(HEIGHT), np.arange(WIDTH), indexing="ij")


def source(t):
    """uint8 [3, H, W]: crossing waves that wander to the right, and become a little darker."""
    x, y = X - 2 * t + 400, Y + t
    waves = (x * (5 + C) + y * (7 - 2 * C) + (x * y) // 9) % 256
    waves = np.where(waves < 128, 2 * waves, 511 - 2 * waves)
    return ((waves * (200 - t)) // 200).astype(np.uint8)


def painted(t):
    """uint8 [3, H, W]: the source with other colours, noise, and slowly fading."""
    noise = ((X * 7919 + Y * 104729 + C * 1299709 + t * 15485863) % 65521) % 48
    return ((source(t).astype(int) * (200 - 2 * t)) // 255 + noise).astype(np.uint8)


def vectors(scale, t):
    """float32 [2, H, W], right and down: a zoom, and a block that moves on its own, in 64ths of a pixel."""
    block = (X[0] >= 8 + 2 * t) & (X[0] < 16 + 2 * t) & (Y[0] >= 10) & (Y[0] < 18)
    right = np.where(block, -128, X[0] - 20 + 40)
    down = np.where(block, 16, Y[0] - 15)
    return (scale * np.stack([right, down]) / 64).astype(np.float32)


def backward(t):
    return vectors(1, t)


def forward(t):
    return vectors(-1, t - 1)


def follow(plane, right, down, mode="nearest"):
    return map_coordinates(plane.astype(np.float64), [Y[0] + down, X[0] + right], order=1, mode=mode)


def certainty(back, forth):
    """Sundaram et al. (2010), section 4."""
    right, down = back.astype(np.float64)
    at = np.stack([follow(forth[0], right, down), follow(forth[1], right, down)])
    apart = ((at + back) ** 2).sum(0)
    occluded = apart > 0.01 * ((at**2).sum(0) + (back.astype(np.float64) ** 2).sum(0)) + 0.5
    to_x, to_y = X[0] + right, Y[0] + down
    occluded |= (to_x < -0.5) | (to_x > WIDTH - 0.5) | (to_y < -0.5) | (to_y > HEIGHT - 0.5)
    slopes = sum(g**2 for component in back.astype(np.float64) for g in np.gradient(component))
    return ~(occluded | (slopes > 0.01 * (back.astype(np.float64) ** 2).sum(0) + 0.002))


def chain(steps):
    """Follows (flow, certainty) one after the other, the latest first."""
    to_x, to_y = X[0].astype(np.float64), Y[0].astype(np.float64)
    seen = np.ones((HEIGHT, WIDTH), bool)
    inside = lambda: (to_x >= -0.5) & (to_x <= WIDTH - 0.5) & (to_y >= -0.5) & (to_y <= HEIGHT - 0.5)
    for flow, certain in steps:
        nearest = lambda at, n: np.clip(np.floor(at + 0.5).astype(int), 0, n - 1)
        seen &= inside() & certain[nearest(to_y, HEIGHT), nearest(to_x, WIDTH)]
        step = [map_coordinates(part.astype(np.float64), [to_y, to_x], order=1, mode="nearest") for part in flow]
        to_x, to_y = to_x + step[0], to_y + step[1]
    return (np.stack([to_x - X[0], to_y - Y[0]]), seen & inside())


def warp_error(earlier, now, flow, certain):
    if not certain.any():
        return None
    moved = np.stack([follow(plane, *flow) for plane in earlier / 255.0])
    return float((((now / 255.0 - moved) ** 2).mean(0))[certain].mean())


def luma(frame):
    return np.tensordot([0.2126, 0.7152, 0.0722], frame.astype(np.float64) / 255, axes=1)


def saturation(frame):
    return float((frame.max(0).astype(int) - frame.min(0)).mean() / 255)


def main():
    sources, painteds = [source(t) for t in range(FRAMES)], [painted(t) for t in range(FRAMES)]
    steps = [None] + [(backward(t), certainty(backward(t), forward(t))) for t in range(1, FRAMES)]
    frames, to_first = [], None
    for t in range(FRAMES):
        frame = {
            "luminance": float(luma(painteds[t]).mean()),
            "saturation": saturation(painteds[t]),
            "contrast": float(luma(painteds[t]).std()),
            "source_luminance": float(luma(sources[t]).mean()),
            "source_saturation": saturation(sources[t]),
            "source_contrast": float(luma(sources[t]).std()),
            "ssim": float(
                structural_similarity(
                    luma(sources[t]),
                    luma(painteds[t]),
                    data_range=1.0,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                )
            ),
        }
        if t > 0:
            flow, certain = steps[t]
            to_first = (flow, certain) if t == 1 else chain([(flow, certain), to_first])
            frame["warp_error"] = warp_error(painteds[t - 1], painteds[t], flow, certain)
            frame["occluded"] = float(1 - certain.mean())
            frame["source_warp_error"] = warp_error(sources[t - 1], sources[t], flow, certain)
            frame["warp_error_first"] = warp_error(painteds[0], painteds[t], *to_first)
            frame["occluded_first"] = float(1 - to_first[1].mean())
        if t >= LONG:
            long = chain([steps[s] for s in range(t, t - LONG, -1)])
            frame["warp_error_10"] = warp_error(painteds[t - LONG], painteds[t], *long)
            frame["occluded_10"] = float(1 - long[1].mean())
        frames.append(frame)
    numbers = np.arange(FRAMES)
    slope = lambda key: float(1000 * np.polyfit(numbers, [frame[key] for frame in frames], 1)[0])
    drift = {key: {"painted": slope(key), "source": slope(f"source_{key}")} for key in ("luminance", "saturation", "contrast")}
    versions = f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-image {skimage.__version__}"
    with open("tests/data/reference_metrics.json", "w") as out:
        json.dump({"origin": f"scripts/reference_metrics.py, {versions}", "frames": frames, "drift": drift}, out, indent=1)
        out.write("\n")


main()
