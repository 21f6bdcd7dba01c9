"""A sweep of Axolotl's own (`--sweep`), one adapter a folder: in sequence, on many GPUs or a cluster, nothing lost.

    .venv-train/bin/python -m pipeline.sweep CONFIG SWEEP OUTPUT           in sequence, on this machine
    .venv-train/bin/python -m pipeline.sweep CONFIG SWEEP OUTPUT --ray     Ray: one GPU a run, local or RAY_ADDRESS
    .venv-train/bin/python -m pipeline.sweep CONFIG SWEEP OUTPUT --only 3  one run, as a SLURM array's task (sweep.slurm)

Axolotl expands the sweep file. Each run trains into a hidden folder and appears in OUTPUT, by the name of its values,
only when it is whole; one that is there already, of the same inputs, is not made again; one that was cut off goes on
from its last whole checkpoint. Ray starts a run anew whose worker died. On a cluster the checkout must be at the same
path on each machine, as a shared file system gives it. Ray is optional: requirements/sweep.txt.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_yaml, sha256, write_atomic
from data_builders.manifest import REPO
from pipeline.adapter import CONFIG, PROVENANCE, WEIGHTS, provenance_of, ship
from pipeline.cards import launch
from pipeline.environments import train_environment
from pipeline.server import die_with_parent
from pipeline.training import prepare_scratch, refusal

START_SECONDS = 300
"""Ray's own 30 are too few on a machine that has other things to do"""
STARTS = 3
"""how often a local cluster is tried: Ray gives its first node 30 seconds and has no setting for it"""
RETRIES = 3
"""how often Ray starts a run again whose worker died"""


@dataclass(frozen=True)
class SweptRun:
    """One run: its name, its configuration, and where its adapter goes."""

    name: str
    settings: dict[str, Any]
    swept: dict[str, Any]
    output: Path

    @property
    def folder(self) -> Path:
        """Where the whole adapter stands."""
        return self.output / self.name

    @property
    def inputs(self) -> dict[str, Any]:
        """What the adapter depends on, as it is written beside it."""
        data = REPO / self.settings["datasets"][0]["path"]
        made = {
            "base": Path(self.settings["base_model"]).name,
            "learning_rate": self.settings["learning_rate"],
        }
        made |= {"training_seed": self.settings["seed"], "epochs": self.settings.get("num_epochs")}
        return made | {
            "swept": self.swept,
            "settings": self.settings,
            "train_file": {"file": data.name, "sha256": sha256(data)},
        }

    @property
    def is_done(self) -> bool:
        """Whether its adapter is there, made of these inputs."""
        there = all((self.folder / file).is_file() for file in (CONFIG, WEIGHTS, PROVENANCE))
        return there and provenance_of(self.folder) == self.inputs


def expand(config: Path, sweep: Path, output: Path) -> list[SweptRun]:
    """The runs of a sweep, in the order that Axolotl makes them.

    Raises:
        InputError: a file is unreadable, or the sweep names no values, or a key that Axolotl doesn't know.
    """
    from axolotl.cli.utils.sweeps import generate_sweep_configs  # pyright: ignore[reportMissingImports]

    base, values = read_yaml(config), read_yaml(sweep)
    if not all(isinstance(value, list) and value for value in values.values()):
        raise InputError(
            sweep, "each key wants a list of values", "see axolotl_configs/sweeps/seeds_and_rates.yaml"
        )
    from axolotl.utils.schemas.config import AxolotlInputConfig  # pyright: ignore[reportMissingImports]

    keys = sorted(
        {key for key in values if key != "_"} | {key for pair in values.get("_", []) for key in pair}
    )
    if unknown := [key for key in keys if key not in base and key not in AxolotlInputConfig.model_fields]:
        rule = f"{unknown[0]}: unknown key"
        raise InputError(sweep, rule, "mend the spelling; Axolotl would drop the key, and all runs be alike")
    runs = []
    for settings in generate_sweep_configs(base, values):
        swept = {key: settings[key] for key in keys}
        name = "-".join(f"{key}_{value}" for key, value in swept.items()).replace("/", "_")
        runs.append(SweptRun(name, settings, swept, output.absolute()))
    return runs


def train_one(run: SweptRun) -> str:
    """Train one run and put its whole adapter in place; returns what was done.

    Raises:
        InputError: Axolotl failed; its log stands in OUTPUT/logs.
    """
    if run.is_done:
        return f"{run.name}: there already"
    scratch, log = run.output / f".{run.name}", run.output / "logs" / f"{run.name}.log"
    resumed = prepare_scratch(scratch, run.inputs)
    raw, shipped = scratch / "fp32", scratch / "shipped"
    settings = run.settings | {"output_dir": str(raw), "dataset_prepared_path": str(scratch / "prepared")}
    settings |= {"auto_resume_from_checkpoints": True} if resumed else {}
    file = scratch / "axolotl.yaml"
    write_atomic(file, yaml.safe_dump(settings, sort_keys=False))
    log.parent.mkdir(parents=True, exist_ok=True)
    start = launch(settings, train_environment())
    command = [sys.executable, "-m", "axolotl.cli.main", "train", str(file), *start.options, *start.trailing]
    with log.open("ab") as out:
        code = subprocess.run(
            command,
            cwd=REPO,
            env=start.environment,
            stdout=out,
            stderr=out,
            preexec_fn=die_with_parent,  # a killed worker's trainer would go on writing beside its successor
        ).returncode
    if code:
        raise refusal(log) or InputError(
            log, f"axolotl ended with code {code}", "see the log; start the sweep again"
        )
    shutil.rmtree(shipped, ignore_errors=True)
    ship(raw, shipped, Path(run.settings["base_model"]).name, run.inputs)
    shutil.rmtree(run.folder, ignore_errors=True)
    shipped.rename(run.folder)
    shutil.rmtree(scratch)
    return f"{run.name}: trained{' from a checkpoint' if resumed else ''}"


def on_ray(runs: list[SweptRun], gpus: float, cpus: float) -> list[str]:
    """Train the runs as Ray tasks of so many GPUs and CPUs each; returns the failures."""
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        mend = "uv pip install -p .venv-train -r requirements/sweep.txt"
        raise InputError("--ray", "Ray isn't installed in the training environment", mend) from error

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault(
        "RAY_worker_niceness", "0"
    )  # Ray's 15 starves a trainer on a machine that does other things
    os.environ.setdefault("RAY_agent_register_timeout_ms", str(1000 * START_SECONDS))
    os.environ.setdefault("RAY_worker_register_timeout_seconds", str(START_SECONDS))
    _start(ray)
    task = ray.remote(num_gpus=gpus, num_cpus=cpus, max_retries=RETRIES)(train_one)
    waiting = {task.remote(run): run for run in runs}
    failures = []
    while waiting:
        (ready,), _ = ray.wait(list(waiting), num_returns=1)
        run = waiting.pop(ready)
        try:
            print(ray.get(ready), flush=True)
        except Exception as error:  # one run's failure doesn't end the others
            failures.append(f"{run.name}: {error}")
            print(failures[-1], file=sys.stderr, flush=True)
    ray.shutdown()
    return failures


def _start(ray: Any) -> None:
    """Join the cluster at RAY_ADDRESS, or start one here."""
    environment = {"env_vars": {"PYTHONPATH": str(REPO)}}
    for attempt in range(STARTS):
        try:
            ray.init(log_to_driver=False, runtime_env=environment, include_dashboard=False)
            return
        except Exception as error:  # Ray raises plain Exception where its node is late
            ray.shutdown()
            if os.environ.get("RAY_ADDRESS") or attempt == STARTS - 1:
                mend = "is the machine crowded? logs are in /tmp/ray/session_latest/logs; or leave --ray out"
                raise InputError("--ray", f"Ray didn't start: {error}", mend) from error


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", type=int, help="the run of this number, from 0")
    parser.add_argument("--ray", action="store_true")
    parser.add_argument(
        "--gpus", type=float, default=1.0, help="GPUs a run, with --ray; 0 on a machine without"
    )
    parser.add_argument("--cpus", type=float, default=1.0, help="CPUs a run, with --ray")
    parsed = parser.parse_args(arguments)
    runs = expand(parsed.config, parsed.sweep, parsed.output)
    if parsed.only is not None:
        if not 0 <= parsed.only < len(runs):
            raise InputError(
                "--only", f"{parsed.only}, but the sweep has runs 0 to {len(runs) - 1}", "see sweep.slurm"
            )
        runs = [runs[parsed.only]]
    for run in [run for run in runs if run.is_done]:
        print(f"{run.name}: there already", flush=True)
    left = [run for run in runs if not run.is_done]
    failures = []
    if parsed.ray and left:
        failures = on_ray(left, parsed.gpus, parsed.cpus)
    else:
        for run in left:
            print(train_one(run), flush=True)
    if failures:
        raise InputError(
            parsed.output, f"{len(failures)} of {len(runs)} runs failed", "see logs; start it again"
        )
    write_atomic(parsed.output / "adapters.yaml", _for_a_study(runs))
    return 0


def _for_a_study(runs: list[SweptRun]) -> str:
    """The adapters as a study's `adapters:` block takes them, to be served by one process and asked together."""
    rows = []
    for run in sorted(runs, key=lambda one: one.name):
        path = run.folder.relative_to(REPO) if run.folder.is_relative_to(REPO) else run.folder
        rows.append(
            {"name": run.name, "path": str(path), "note": ", ".join(f"{k} {v}" for k, v in run.swept.items())}
        )
    return yaml.safe_dump({"adapters": rows}, sort_keys=False)


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
