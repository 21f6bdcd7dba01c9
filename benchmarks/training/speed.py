"""Training speed of the shipped 8B YAMLs, and what each choice in them is worth.

    python -m benchmarks.training.random_llama INPUTS
    python -m benchmarks.training.speed INPUTS OUTPUT_FOLDER [--only lora fast ...] [--repeats 1] [--profile fast]
    python -m benchmarks.training.speed --table OUTPUT_FOLDER

Each run is a real `axolotl train` in a process of its own (Axolotl's patches outlive a run), six steps of warm-up and
fifteen measured; a plain PEFT loop runs among them. Up to three processes prepare while one has the GPU. Lines go to
OUTPUT_FOLDER/speed.jsonl, logs and YAMLs beside it; a run that is there already isn't made again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from benchmarks.training.settings import shipped
from data_builders.manifest import REPO

RUNS = Path(__file__).with_name("speed.yaml")
PLAIN = "plain_peft"
WARM_UP, MEASURED, AT_ONCE = 6, 15, 3
MEASURED_PEAK, PAPER_PEAK = 790.0, 989.0
"""bf16 TFLOP/s of an H200: a large matrix product measured, and the data sheet's"""


def start(
    name: str, repeat: int, inputs: Path, folder: Path, parsed: argparse.Namespace
) -> subprocess.Popen[bytes]:
    """Start one run; it waits for the lock by itself."""
    label = f"{name}.{repeat}"
    environment = os.environ | {"AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    environment |= {
        "SPEED_NAME": label,
        "SPEED_OUTPUT": str(folder / "speed.jsonl"),
        "SPEED_LOCK": str(folder / "lock"),
    }
    environment |= {"SPEED_WARM_UP": str(parsed.warm_up), "SPEED_MEASURED": str(parsed.measured)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")]))
    if name == parsed.profile:
        environment["SPEED_PROFILE"] = str(folder / f"{name}.profile.txt")
    if name == PLAIN:
        command = ["benchmarks.training.plain_peft", str(inputs), str(folder / "speed.jsonl")]
        command += ["--rows", "2", "--length", "64"] if parsed.cpu else []
    else:
        run = yaml.safe_load(RUNS.read_text())[name]
        config = shipped(
            run["yaml"],
            inputs,
            folder / label,
            run["change"] | {"max_steps": 2 * (parsed.warm_up + parsed.measured)},
        )
        config["plugins"].append("benchmarks.training.speed_plugin.SpeedPlugin")
        config = for_cpu(config) if parsed.cpu else config
        path = folder / f"{label}.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        command = ["axolotl.cli.main", "train", str(path), "--launcher", "python"]
    with (folder / f"{label}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command], cwd=REPO, env=environment, stdout=log, stderr=subprocess.STDOUT
        )


def for_cpu(config: dict[str, Any]) -> dict[str, Any]:
    """The same run where there is no GPU, to try the scripts out: no figure of it means anything."""
    kept = {
        key: value for key, value in config.items() if not key.startswith("liger_") and key != "torch_compile"
    }
    kept["plugins"] = [plugin for plugin in config["plugins"] if "liger" not in plugin]
    off = {f"lora_{part}_kernel": False for part in ("qkv", "o", "mlp", "embedding")}
    return kept | off | {"bf16": False, "tf32": False, "optimizer": "adamw_torch", "sequence_len": 2048}


def done(folder: Path) -> set[str]:
    """The runs whose speed is written down."""
    path = folder / "speed.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return {line["name"] for line in lines if "tokens_per_s" in line}


def run_all(parsed: argparse.Namespace) -> None:
    """Run what is missing, at most `AT_ONCE` processes at a time."""
    parsed.output.mkdir(parents=True, exist_ok=True)
    names = parsed.only or [PLAIN, *yaml.safe_load(RUNS.read_text())]
    finished = done(parsed.output)
    waiting = [(name, repeat) for repeat in range(parsed.repeats) for name in names]
    waiting = [
        (name, at)
        for name, at in waiting
        if f"{name}.{at}" not in finished and (name != PLAIN or (PLAIN not in finished and at == 0))
    ]
    running: dict[str, subprocess.Popen[bytes]] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            name, repeat = waiting.pop(0)
            running[f"{name}.{repeat}"] = start(name, repeat, parsed.inputs, parsed.output, parsed)
        time.sleep(0.5)
        for label in [label for label, process in running.items() if process.poll() is not None]:
            code = running.pop(label).returncode
            print(
                f"{label}: {'done' if code == 0 else f'ended with code {code}, see {label}.log'}", flush=True
            )


def table(folder: Path) -> str:
    """Markdown: each run's mean tokens/s over its repeats, range, share of both peaks, memory, first and last loss."""
    lines = [json.loads(line) for line in (folder / "speed.jsonl").read_text().splitlines()]
    speeds: dict[str, list[dict[str, Any]]] = {}
    losses = {line["name"].rsplit(".", 1)[0]: line["losses"] for line in lines if "losses" in line}
    for line in lines:
        if "tokens_per_s" in line:
            speeds.setdefault(line["name"].rsplit(".", 1)[0] if line["name"] != PLAIN else PLAIN, []).append(
                line
            )
    plain = mean(line["tokens_per_s"] for line in speeds[PLAIN]) if PLAIN in speeds else None
    out = [
        "| run | card | runs | tokens/s | range | x plain PEFT | of 790 | of 989 | peak GiB | loss, steps 1 and 15 |"
    ]
    out.append("| --- " * 10 + "|")
    for name, found in speeds.items():
        rates = [line["tokens_per_s"] for line in found]
        rate, tflops = mean(rates), mean(line["tflops"] for line in found)
        times = f"{rate / plain:.2f}" if plain else ""
        loss = losses.get(name, [])
        ends = f"{loss[0]:.3f}, {loss[min(14, len(loss) - 1)]:.3f}" if loss else ""
        out.append(
            f"| {name} | {found[0]['device']} | {len(found)} | {rate:,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {times} "
            f"| {tflops / MEASURED_PEAK:.3f} | {tflops / PAPER_PEAK:.3f} | {max(line['peak_gib'] for line in found):.1f} | {ends} |"
        )
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path, nargs="?")
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--profile", help="a run whose next three steps go through torch's profiler")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--measured", type=int, default=MEASURED)
    parser.add_argument("--cpu", action="store_true", help="try the scripts out without a GPU")
    parsed = parser.parse_args()
    if not parsed.table:
        if not parsed.inputs or not parsed.output:
            parser.error("INPUTS and OUTPUT_FOLDER, or --table OUTPUT_FOLDER")
        run_all(parsed)
    print(table(parsed.table or parsed.output))


if __name__ == "__main__":
    main()
