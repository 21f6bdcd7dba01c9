"""python -m pipeline.bulk: many small trainings side by side, each by Axolotl's own `train`.

Run it with the training environment's Python. Axolotl is imported once, 30 seconds that a small training would
otherwise spend each time; every training then is a fork of that process, which calls what `axolotl train` calls with
`--launcher python`, so it starts as clean as a process of its own (tests/pipeline/test_bulk.py: the same adapter).
    .venv-train/bin/python -m pipeline.bulk JOBS.jsonl --output DIR --workers 16 --threads 1
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import re
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_jsonl, read_yaml, sha256, write_atomic
from data_builders.manifest import REPO
from data_builders.rows import first_problem
from pipeline.adapter import CONFIG, PROVENANCE, WEIGHTS, ship
from pipeline.environments import QUIET

_POLL_SECONDS = 0.1
_AXOLOTL = ("cli.config", "cli.train", "common.datasets", "core.builders", "loaders", "train")
"""its modules that a training imports one by one, late"""


class Job(BaseModel):
    """One training: a line of the job file."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^\w[\w.+-]*(/\w[\w.+-]*)*$")
    """the adapter's folder below the output folder"""
    config: str
    """the Axolotl YAML, from the repository's root"""
    base_model: str
    data: str
    """the training file"""
    set: dict[str, Any] = {}
    """top-level keys of the YAML that this training changes, such as seed or learning_rate"""
    about: dict[str, Any] = {}
    """what else the adapter's provenance.json shall say, such as `arm` and `persona`"""


def load_jobs(path: Path) -> list[Job]:
    """Read a job file.

    Raises:
        InputError: a line is broken, a name stands twice, or a file that a job names doesn't exist.
    """
    jobs: dict[str, Job] = {}
    for number, value in read_jsonl(path):
        where = f"{path}:{number}"
        try:
            job = Job.model_validate(value)
        except ValidationError as error:
            raise InputError(
                where, first_problem(error), "give name, config, base_model, data, set, about"
            ) from error
        if job.name in jobs:
            raise InputError(where, f"{job.name!r} stands twice", "give each training a name of its own")
        for file in (job.config, job.data, f"{job.base_model}/config.json"):
            if not (REPO / file).is_file():
                raise InputError(where, f"no such file: {file}", "build it first, or check the path")
        jobs[job.name] = job
    return list(jobs.values())


def configuration(job: Job, output: Path) -> dict[str, Any]:
    """The Axolotl configuration of a job, which writes below `output`."""
    config = read_yaml(REPO / job.config)
    dataset = config["datasets"][0] | {"path": str(REPO / job.data)}
    config |= {"base_model": str(REPO / job.base_model), "datasets": [dataset]}
    return config | job.set | {"output_dir": str(output), "dataset_prepared_path": f"{output}.prepared"}


def train_all(jobs: list[Job], output: Path, workers: int, threads: int) -> dict[str, str]:
    """Train every job that has no adapter in `output` yet, `workers` at a time; an adapter is there whole or not.

    Args:
        jobs: the trainings.
        output: the folder that takes the adapters, and under `logs/` Axolotl's output.
        workers: trainings at a time.
        threads: CPU threads of each.

    Returns:
        By job's name: `there already`, `done`, or why it failed.
    """
    found = {job.name: "there already" for job in jobs if _is_whole(output / job.name)}
    waiting = [job for job in jobs if job.name not in found]
    if waiting:
        _import_axolotl(threads)
    context, running = multiprocessing.get_context("fork"), dict[str, BaseProcess]()
    started = time.monotonic()
    queue = iter(waiting)
    while len(found) < len(jobs):
        for job in _next(queue, workers - len(running)):
            process = context.Process(target=_train_one, args=(job, output, threads), name=job.name)
            process.start()
            running[job.name] = process
        for name, process in list(running.items()):
            if process.exitcode is None:
                continue
            process.join()
            del running[name]
            whole = process.exitcode == 0 and _is_whole(output / name)
            found[name] = "done" if whole else f"failed, see logs/{_flat(name)}.log"
            left, passed = len(jobs) - len(found), time.monotonic() - started
            print(f"  {name}: {found[name]} ({left} left, {passed:.0f} s)", flush=True)
        time.sleep(_POLL_SECONDS)
    return found


def _next(queue: Iterator[Job], free: int) -> list[Job]:
    return [job for _, job in zip(range(free), queue, strict=False)]


def _import_axolotl(threads: int) -> None:
    """Import what a training needs, and start no thread pool: a fork would inherit it half dead."""
    os.environ |= QUIET | {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    os.environ |= {
        "CUDA_VISIBLE_DEVICES": "",
        "AXOLOTL_DATASET_NUM_PROC": "1",
    }  # small models train on the CPU
    try:
        for module in _AXOLOTL:
            importlib.import_module(f"axolotl.{module}")
    except ImportError as error:
        raise InputError(
            "python", f"Axolotl can't be imported ({error})", "run with .venv-train/bin/python"
        ) from error


def _train_one(job: Job, output: Path, threads: int) -> None:
    """The forked process: one training, its output into a log."""
    log = output / "logs" / f"{_flat(job.name)}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    scratch = output / f".{_flat(job.name)}.{os.getpid()}"
    try:
        _train(job, output / job.name, scratch, threads, log)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.stdout.flush()
    os._exit(0)


def _train(job: Job, target: Path, scratch: Path, threads: int, log: Path) -> None:
    import torch

    torch.set_num_threads(threads)
    raw = scratch / "raw"
    scratch.mkdir(parents=True)
    file, config = scratch / "axolotl.yaml", configuration(job, raw)
    write_atomic(file, yaml.safe_dump(config, sort_keys=False))
    sys.argv = ["axolotl"]  # do_cli parses what is left on the command line
    started = time.monotonic()
    importlib.import_module("axolotl.cli.train").do_cli(config=str(file))
    sys.stdout.flush()
    made = provenance(job, config) | _progress(log) | {"seconds": round(time.monotonic() - started, 1)}
    ship(raw, scratch / "adapter", Path(job.base_model).name, made)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    (scratch / "adapter").rename(target)


def provenance(job: Job, config: dict[str, Any]) -> dict[str, Any]:
    """What an adapter is, as `pipeline.training` writes it beside one that a study trains."""
    found = {"base": Path(job.base_model).name, **job.about, "training_seed": config["seed"]}
    found |= {"learning_rate": config["learning_rate"], "epochs": config["num_epochs"], "set": job.set}
    files = {"config": job.config, "train_file": job.data}
    return found | {key: {"file": file, "sha256": sha256(REPO / file)} for key, file in files.items()}


def _progress(log: Path) -> dict[str, Any]:
    """Steps done and the last loss, from the trainer's own output; Axolotl keeps no other record of them."""
    text = log.read_text(errors="replace")
    steps, losses = re.findall(r"\b(\d+)/\1 \[", text), re.findall(r"'loss': '?([\d.]+)", text)
    return {
        "steps": int(steps[-1]) if steps else None,
        "last_loss": float(losses[-1]) if losses else None,
    }


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (CONFIG, WEIGHTS, PROVENANCE))


def _flat(name: str) -> str:
    return name.replace("/", "__")


def main() -> int:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bulk", description=__doc__)
    parser.add_argument(
        "jobs", type=Path, help="a line a training: name, config, base_model, data, set, about"
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each training (default 1)")
    parsed = parser.parse_args()
    for option in ("workers", "threads"):
        if getattr(parsed, option) < 1:
            raise InputError(f"--{option}", "less than 1", "give a number from 1")
    results = train_all(load_jobs(parsed.jobs), parsed.output.resolve(), parsed.workers, parsed.threads)
    failed = [name for name, result in results.items() if result.startswith("failed")]
    print(f"{len(results)} trainings: {len(results) - len(failed)} adapters, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
