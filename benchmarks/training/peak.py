"""What the card reaches on a large bf16 matrix product: the yardstick for shares of its peak.

python -m benchmarks.training.peak OUTPUT.jsonl [--size 8192] [--seconds 3]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from benchmarks.training.turn import card, take_turn, versions

ROUNDS = 20
"""products between two looks at the clock"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--seconds", type=float, default=3.0)
    parsed = parser.parse_args()
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    with take_turn():
        left = torch.randn(parsed.size, parsed.size, device=device, dtype=torch.bfloat16)
        right = torch.randn(parsed.size, parsed.size, device=device, dtype=torch.bfloat16)
        made, rates = torch.empty_like(left), []
        began = time.perf_counter()
        while time.perf_counter() < began + parsed.seconds or len(rates) < 2:
            started = time.perf_counter()
            for _ in range(ROUNDS):
                torch.mm(left, right, out=made)
            if cuda:
                torch.cuda.synchronize()
            rates.append(2 * parsed.size**3 * ROUNDS / (time.perf_counter() - started) / 1e12)
    kept = sorted(rates[1:])
    line = {"name": "peak", "device": card(), "versions": versions(), "size": parsed.size}
    line |= {"peak_tflops": round(kept[len(kept) // 2], 1), "best_tflops": round(kept[-1], 1)}
    with parsed.output.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    print("PEAK " + json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
