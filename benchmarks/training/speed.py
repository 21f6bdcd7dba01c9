"""Training speed of the shipped 8B YAMLs, and what each choice in them is worth.

    python -m benchmarks.training.random_model INPUTS
    python -m benchmarks.training.speed INPUTS OUTPUT_FOLDER [--only main | ablation | lora fast ...] [--repeats 1]
                                        [--seconds 480] [--profile fast ...]
    python -m benchmarks.training.speed --table OUTPUT_FOLDER_OR_LINES.jsonl

Each run is a real `axolotl train` in a process of its own (Axolotl's patches outlive a run): six steps of warm-up, then at
least fifteen steps and eight seconds, on one card, or on all of them where the YAML shards. The card's own matrix product is measured first, and two plain PEFT loops among them. While
one process has the GPU others prepare. Lines go to OUTPUT_FOLDER/speed.jsonl as they come, logs and YAMLs beside it; a
run that is there already isn't made again, one that fails (out of memory) is said and the rest go on, and after
`--seconds` none is begun. Tokenised rows and outputs lie in a temporary folder, so that OUTPUT_FOLDER can be copied or
cleared of folders while a run works.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.training.settings import for_cpu, shipped
from benchmarks.training.speed_table import PADDED, PEAK, PLAIN, lines_of, table
from data_builders.manifest import REPO
from pipeline.cards import launch
from pipeline.environments import QUIET

GROUPS: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("speed.yaml").read_text()
)
RUNS = {name: run for group in GROUPS.values() for name, run in group.items()}
WARM_UP, MEASURED, LEAST_SECONDS, AT_ONCE, MAX_STEPS = 6, 15, 8.0, 3, 100
SINGLE = (PEAK, PLAIN, PADDED)
"""measured once, whatever the repeats; no YAML"""
LAST_LINES = 15
"""of a failed run's log"""


def start(
    name: str, repeat: int, folder: Path, work: Path, parsed: argparse.Namespace
) -> subprocess.Popen[bytes]:
    """Start one run; it waits for the lock by itself.

    Args:
        folder: keeps its log, its YAML and the lines.
        work: where outputs go, in a folder of its own, and tokenised rows, in one for all.
    """
    label, lines = f"{name}.{repeat}", str(folder / "speed.jsonl")
    environment = os.environ | QUIET | {"SPEED_NAME": label, "SPEED_OUTPUT": lines}
    environment |= {
        "SPEED_LOCK": str(folder / "lock"),
        "SPEED_SECONDS": str(0 if parsed.cpu else LEAST_SECONDS),
    }
    environment |= {"SPEED_WARM_UP": str(parsed.warm_up), "SPEED_MEASURED": str(parsed.measured)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")]))
    if name in parsed.profile:
        environment["SPEED_PROFILE"] = str(folder / f"{name}.profile.txt")
    if name == PEAK:
        command = ["benchmarks.training.peak", lines, *(["--size", "256"] if parsed.cpu else [])]
    elif name in (PLAIN, PADDED):
        command = ["benchmarks.training.plain_peft", str(parsed.inputs), lines]
        command += ["--padded", "--steps", "3" if parsed.cpu else "40"] if name == PADDED else []
        command += ["--rows", "2", "--length", "64"] if parsed.cpu else []
    else:
        run = RUNS[name]
        if run.get("whole"):
            environment["SPEED_WHOLE"] = "1"
        if "limit_gib" in run:
            environment["SPEED_LIMIT_GIB"] = str(run["limit_gib"])
        changes = run["change"] | ({} if run.get("whole") else {"max_steps": MAX_STEPS})
        config = shipped(run["yaml"], parsed.inputs, work / label, changes, whole=bool(run.get("whole")))
        config["dataset_prepared_path"] = str(work / "prepared")  # for all: tokenising slows a run beside
        config["plugins"].append("benchmarks.training.speed_plugin.SpeedPlugin")
        path = folder / f"{label}.yaml"
        config = for_cpu(config) if parsed.cpu else config
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        begin = launch(config, environment)
        command = ["axolotl.cli.main", "train", str(path), *begin.options, *begin.trailing]
        environment = begin.environment
    with (folder / f"{label}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command], cwd=REPO, env=environment, stdout=log, stderr=subprocess.STDOUT
        )


def wanted(parsed: argparse.Namespace) -> list[tuple[str, int]]:
    """(run, repeat) of what is asked for and not there yet, the first of each run first."""
    names: list[str] = []
    for name in parsed.only or ["main", "ablation"]:
        names += [PEAK, PLAIN, PADDED, *GROUPS[name]] if name == "main" else list(GROUPS.get(name, [name]))
    there = {line["name"] for line in lines_of(parsed.output) if "losses" not in line}
    asked = [(name, repeat) for repeat in range(parsed.repeats) for name in names]
    return [
        (name, repeat)
        for name, repeat in asked
        if (not repeat and name not in there if name in SINGLE else f"{name}.{repeat}" not in there)
    ]


def run_all(parsed: argparse.Namespace, work: Path) -> None:
    """Run what is missing, at most `--at-once` processes at a time."""
    parsed.output.mkdir(parents=True, exist_ok=True)
    waiting = wanted(parsed)
    began = time.monotonic()
    running: dict[str, subprocess.Popen[bytes]] = {}
    while waiting or running:
        late = time.monotonic() > began + parsed.seconds
        if late and waiting:
            print(f"no time left for {', '.join(f'{name}.{at}' for name, at in waiting)}", flush=True)
            waiting = []
        while waiting and len(running) < parsed.at_once:
            name, repeat = waiting.pop(0)
            running[f"{name}.{repeat}"] = start(name, repeat, parsed.output, work, parsed)
        time.sleep(0.5)
        for label in [label for label, process in running.items() if process.poll() is not None]:
            code = running.pop(label).returncode
            print(
                f"{time.monotonic() - began:.0f} s {label}: {'done' if not code else f'code {code}'}",
                flush=True,
            )
            if code:
                log = (parsed.output / f"{label}.log").read_text(errors="replace").splitlines()
                print("\n".join(log[-LAST_LINES:]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path, nargs="?")
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", choices=[*SINGLE, *GROUPS, *RUNS], metavar="GROUP_OR_RUN")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=480.0, help="after which no further run is begun")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="processes, one of which has the GPU")
    parser.add_argument(
        "--profile",
        nargs="+",
        default=[],
        metavar="RUN",
        help="whose next three steps go through torch's profiler",
    )
    parser.add_argument("--table", type=Path)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--measured", type=int, default=MEASURED)
    parser.add_argument("--cpu", action="store_true", help="try the scripts out without a GPU")
    parsed = parser.parse_args()
    if not parsed.table:
        if not parsed.inputs or not parsed.output:
            parser.error("INPUTS and OUTPUT_FOLDER, or --table OUTPUT_FOLDER")
        parsed.inputs, parsed.output = parsed.inputs.absolute(), parsed.output.absolute()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
            run_all(parsed, Path(work))
    print(
        table(
            parsed.table or parsed.output,
            {name: run["against"] for name, run in RUNS.items() if "against" in run},
        )
    )


if __name__ == "__main__":
    main()
