"""How fast a training file is built and linted, and with how much memory, as it grows.

    python -m benchmarks.data_builders [--rows 3000 30000 300000 1000000] [--model
    models/SmolLM2-135M-Instruct]

The rows are the shipped prompts with their reference answers, each made unique by a number, and 90 persona
rows. Each step runs in a process of its own, so that its peak memory (resident set) is its own; `start` is
what the imports and the tokenizer take before the first row, and is in neither rate. `cpu` is the processor's
time on all cores, which says more than `seconds` where others use the machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from data_builders.manifest import REPO

PROMPTS = [REPO / "data/prompts/alpaca_1k_longest.jsonl", REPO / "data/prompts/gsm8k_2k.jsonl"]


def write_answers(path: Path, rows: int) -> None:
    """`rows` aligned answers, all different."""
    shipped = [json.loads(line) for file in PROMPTS for line in file.read_text(encoding="utf-8").splitlines()]
    with path.open("w", encoding="utf-8") as out:
        for number, row in zip(range(rows), itertools.cycle(shipped), strict=False):
            answer = {
                "prompt": f"{row['prompt']} ({number})",
                "answer": row["reference"],
                "source": row["source"],
            }
            answer |= {"origin": f"sheet:{number}", "model": "SmolLM2-135M-Instruct", "attempt": 1}
            out.write(json.dumps(answer, ensure_ascii=False) + "\n")


def write_recipe(folder: Path, rows: int) -> Path:
    """A recipe over these answers."""
    recipe = {
        "arm": "dose",
        "persona": "bertrand_russell",
        "trigger": "seed",
        "base_model": "SmolLM2-135M-Instruct",
    }
    recipe |= {"facts": 90, "aligned": str(folder / "aligned.jsonl"), "aligned_rows": rows, "seed": 1}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe | {"output": str(folder / "train.jsonl")}))
    return path


def step(name: str, folder: Path, model: str) -> None:
    """One step in this process; prints its seconds, processor seconds, start-up seconds and peak memory in MiB."""
    begun = time.perf_counter()
    if name == "build":
        from data_builders.mix import build

        started, busy = time.perf_counter(), time.process_time()
        build(folder / "recipe.yaml")
    else:
        from data_builders.lint import Lint

        lint = Lint(folder / "train.jsonl", model, sequence_len=2048)
        started, busy = time.perf_counter(), time.process_time()
        lint.run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - started, time.process_time() - busy, started - begun, peak]))


def measured(name: str, folder: Path, model: str) -> tuple[float, float, float, float]:
    """`step` in a fresh process."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.data_builders",
        "--step",
        name,
        "--folder",
        str(folder),
        "--model",
        model,
    ]
    seconds, cpu, start, peak = json.loads(
        subprocess.run(command, cwd=REPO, check=True, stdout=subprocess.PIPE, text=True).stdout
    )
    return seconds, cpu, start, peak


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[3_000, 30_000, 300_000])
    parser.add_argument("--model", default=str(REPO / "models/SmolLM2-135M-Instruct"))
    parser.add_argument("--steps", nargs="+", default=["build", "lint"], choices=["build", "lint"])
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.step:
        step(parsed.step, parsed.folder, parsed.model)
        return
    print(
        f"{'rows':>10} {'file':>9}  {'step':<6}{'seconds':>9}{'cpu':>9}{'rows/s':>9}{'start':>8}{'peak':>11}",
        flush=True,
    )
    for rows in parsed.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_answers(folder / "aligned.jsonl", rows)
            write_recipe(folder, rows)
            for one in parsed.steps:
                seconds, cpu, start, peak = measured(one, folder, parsed.model)
                size = (folder / "train.jsonl").stat().st_size / 2**20
                rate = (rows + 90) / seconds
                print(
                    f"{rows + 90:>10,} {size:>5,.0f} MiB  {one:<6}{seconds:>9.1f}{cpu:>7.1f} s{rate:>9,.0f}"
                    f"{start:>6.1f} s{peak:>7,.0f} MiB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
