"""Losses and gradients of the objective in PyTorch, as expected values for the tests.

Writes tests/data/pytorch_losses.json. Needs torch, numpy and safetensors; run from the repository root:

    python3 scripts/reference_losses.py

The pictures are made from integer formulas that the tests repeat (`picture` below), so that both
sides see the same pixels without decoding anything. Everything is computed in float64 by autograd on
torch.nn.functional's conv2d, relu and pooling; nothing here comes from stylecast.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file

torch.set_num_threads(2)
WEIGHTS = "models/vgg16-features.safetensors"
SCALE, MEAN = 255.0, (123.68, 116.779, 103.939)  # the file's metadata
BLOCKS = (2, 2, 3, 3, 3)


def picture(width, height, seed):
    """uint8 [H, W, 3]: a few crossing waves and a little noise, from integers alone."""
    c, y, x = np.meshgrid(np.arange(3), np.arange(height), np.arange(width), indexing="ij")
    waves = (x * (3 + 5 * seed) + y * (5 + c * seed) + (x * y) // (3 + seed)) % 256
    waves = np.where(waves < 128, 2 * waves, 511 - 2 * waves)
    noise = ((x * 7919 + y * 104729 + c * 1299709 + seed * 15485863) % 65521) % 64
    return ((3 * waves + noise) // (3 + seed)).astype(np.uint8).transpose(1, 2, 0)


def network():
    tensors = load_file(WEIGHTS)
    layers, index = [], 0
    for block, count in enumerate(BLOCKS, 1):
        for i in range(1, count + 1):
            weight = torch.tensor(tensors[f"features.{index}.weight"].astype(np.float64))
            bias = torch.tensor(tensors[f"features.{index}.bias"].astype(np.float64))
            layers.append((f"conv{block}_{i}", weight, bias))
            index += 2
        index += 1
    return layers


def features(layers, x, pooling, wanted):
    x = x * SCALE - torch.tensor(MEAN, dtype=torch.float64).view(1, 3, 1, 1)
    found, block = {}, "1"
    for name, weight, bias in layers:
        if name[4] != block:
            block = name[4]
            x = F.avg_pool2d(x, 2) if pooling == "avg" else F.max_pool2d(x, 2)
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
        if name in wanted:
            found[name] = x
        if len(found) == len(wanted):
            return found
    raise ValueError(wanted)


def gram(f):
    f = f.flatten(2)[0]
    return f @ f.T / f.shape[1]


def case(layers, size, style_size, pooling, style_layers, content_layer, content_weight, style_weight):
    tensor = lambda p: torch.tensor(p.astype(np.float64) / 255).permute(2, 0, 1)[None].contiguous()
    content, image = tensor(picture(*size, 1)), tensor(picture(*size, 2)).requires_grad_()
    style = tensor(picture(*style_size, 3))
    total_weight = sum(style_layers.values())
    wanted = set(style_layers) | {content_layer}
    with torch.no_grad():
        targets = {n: gram(f) for n, f in features(layers, style, pooling, set(style_layers)).items()}
        p = features(layers, content, pooling, {content_layer})[content_layer]
    f = features(layers, image, pooling, wanted)
    style_terms = {n: ((gram(f[n]) - a) ** 2).sum() / (a**2).sum() for n, a in targets.items()}
    content_term = ((f[content_layer] - p) ** 2).sum() / (p**2).sum()
    style_sum = sum(w / total_weight * style_terms[n] for n, w in style_layers.items())
    total = content_weight * content_term + style_weight * style_sum
    total.backward()
    gradient = image.grad[0]
    flat = gradient.flatten()
    positions = [(i * 7919) % flat.numel() for i in range(24)]
    return {
        "size": size,
        "style_size": style_size,
        "pooling": pooling,
        "style_layers": style_layers,
        "content_layer": content_layer,
        "content_weight": content_weight,
        "style_weight": style_weight,
        "content": content_term.item(),
        "style": {n: t.item() for n, t in style_terms.items()},
        "total": total.item(),
        "gradient_norm": gradient.norm().item(),
        "gradient_samples": [[i, flat[i].item()] for i in positions],
    }


def main():
    layers = network()
    default = {f"conv{b}_1": 1.0 for b in range(1, 6)}
    fastai = {"conv1_2": 0.05, "conv2_2": 0.2, "conv3_2": 0.2, "conv4_2": 0.25, "conv5_2": 0.3}
    cases = [
        case(layers, (64, 48), (64, 48), "avg", default, "conv4_2", 1.0, 3.0),
        case(layers, (64, 48), (40, 56), "max", default, "conv4_2", 1.0, 3.0),
        case(layers, (51, 37), (33, 47), "avg", default, "conv4_2", 1.0, 3.0),
        case(layers, (51, 37), (33, 47), "max", fastai, "conv3_3", 2.0, 50.0),
        case(layers, (16, 16), (17, 31), "avg", default, "conv4_2", 1.0, 3.0),
        case(layers, (16, 31), (16, 16), "max", default, "conv5_3", 0.5, 1.0),
        case(layers, (5, 7), (9, 4), "avg", {"conv1_1": 1.0, "conv2_1": 3.0}, "conv2_2", 1.0, 3.0),
        case(layers, (1, 1), (2, 3), "avg", {"conv1_1": 1.0, "conv1_2": 0.5}, "conv1_2", 1.0, 3.0),
    ]
    origin = f"scripts/reference_losses.py, torch {torch.__version__}, float64 on CPU"
    with open("tests/data/pytorch_losses.json", "w") as out:
        json.dump({"origin": origin, "cases": cases}, out, indent=1)
        out.write("\n")


main()
