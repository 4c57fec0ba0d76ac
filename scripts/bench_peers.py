"""Times stylecast against PyTorch, in turn and in one run: see scripts/bench-peers.

Several rounds; in each, every side is measured once, so that a machine that slows down slows all of
them. Printed are medians over the rounds and the median of the rounds' ratios.
"""

import argparse
import json
import statistics
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--stylecast", required=True)
parser.add_argument("--sizes", nargs="+", default=["256x256", "512x288"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--modes", nargs="+", default=["f32-eager", "f32-channels_last", "f32-compile", "bf16-eager", "bf16-channels_last", "bf16-compile"])
parser.add_argument("--out", help="write the raw results to this JSON file")
args = parser.parse_args()

import torch

peer = subprocess.Popen(
    [sys.executable, "scripts/peer_torch.py", str(args.threads)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
)


def torch_seconds(size, mode, repeats):
    width, height = size.split("x")
    print(width, height, mode, repeats, file=peer.stdin, flush=True)
    return float(peer.stdout.readline())


def ours(size, repeats):
    command = [args.stylecast, "bench", "--size", size, "--threads", str(args.threads)]
    command += ["--device", "cpu", "--iterations", str(repeats), "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return json.loads(lines[-1])["seconds_per_iteration"]


results = {"torch": torch.__version__, "threads": args.threads, "rounds": args.rounds, "sizes": {}}
print(f"PyTorch {torch.__version__}, {args.threads} threads, {args.rounds} rounds, seconds per iteration (median)")
for size in args.sizes:
    for mode in args.modes:
        torch_seconds(size, mode, 1)
    times = {name: [] for name in ["stylecast", *args.modes]}
    for _ in range(args.rounds):
        times["stylecast"].append(ours(size, 5))
        for mode in args.modes:
            times[mode].append(torch_seconds(size, mode, 3))
    results["sizes"][size] = times
    print(f"\n{size:<22}{'seconds':>9}{'stylecast / it':>16}")
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(times["stylecast"], values))
        print(f"  {name:<20}{statistics.median(values):>9.4f}{ratio:>16.3f}")
if args.out:
    with open(args.out, "w") as out:
        json.dump(results, out, indent=1)
        out.write("\n")
