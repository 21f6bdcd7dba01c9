"""What another adapter costs where one vLLM process serves them all: its answers, and what else?

    python -m benchmarks.adapters_served STUDY OUTPUT/adapters.yaml [--epochs 5] [--rounds 2] [--together]

For one adapter of the file, then for all of them, and so on for `--rounds`: a server with the study's base and those
adapters, then one `inspect eval-set inspect_tasks/persona.py --model vllm/A,vllm/B,...` with the study's questions, each
adapter asked the same number of times: one adapter after the other, or all at a time with `--together`. Seconds: `start` until the server is healthy; `asking` from the first answer's
request to the last answer's end (the logs' own times); `whole` with Inspect's start and the logs' end. Processor seconds beside
them, of the server and of Inspect, which other work on the machine disturbs less. The logs must hold each sample of each
adapter once, answered by the adapter that was asked.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from inspect_ai.log import list_eval_logs, read_eval_log

from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_yaml
from data_builders.manifest import REPO
from pipeline.environments import QUIET, machine, versions
from pipeline.evaluation import TASK
from pipeline.server import Server
from pipeline.stages import serve_study
from pipeline.study import Study, load_study


def ask(study: Study, names: list[str], server: Server, epochs: int, folder: Path, at_once: int = 1) -> None:
    """One eval-set over all the adapters named, so many at a time.

    Raises:
        InputError: it failed.
    """
    asked = study.evaluation
    cells = asked.cells if isinstance(asked.cells, str) else ",".join(asked.cells)
    options = {"persona": study.persona, "trigger": study.trigger, "cells": cells}
    options |= {"question_sets": ",".join(asked.question_sets)}
    command = ["eval-set", TASK, "--model", ",".join(f"vllm/{name}" for name in names)]
    command += [part for key, value in options.items() for part in ("-T", f"{key}={value}")]
    command += ["--epochs", str(epochs), "--temperature", str(asked.temperature)]
    command += ["--max-tokens", str(asked.max_tokens), "--max-connections", str(asked.max_connections)]
    command += ["--max-samples", str(asked.max_connections), "--max-tasks", str(at_once)]
    command += ["--log-dir", str(folder), "--display", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "inspect_ai", *command], cwd=REPO, env=os.environ | QUIET | server.environment
    )
    if done.returncode:
        raise InputError(TASK, f"inspect eval-set ended with code {done.returncode}", "see above")


def answers(folder: Path, names: list[str]) -> tuple[int, float]:
    """(answers, seconds from the first one's start to the last one's end) of an eval-set's logs.

    Raises:
        InputError: a log lacks a sample, or another model answered than the one asked.
    """
    starts: list[datetime] = []
    ends: list[datetime] = []
    counts: dict[str, int] = {}
    for file in list_eval_logs(str(folder)):
        log = read_eval_log(file)
        name = log.eval.model.removeprefix("vllm/")
        samples = log.samples or []
        ids = {(sample.id, sample.epoch) for sample in samples}
        answered = {sample.output.model for sample in samples}
        if log.status != "success" or len(ids) != len(samples) or answered != {name}:
            raise InputError(
                file.name, f"{log.status}, {len(ids)} of {len(samples)}, by {answered}", "see the log"
            )
        counts[name] = len(samples)
        starts += [datetime.fromisoformat(str(sample.started_at)) for sample in samples]
        ends += [datetime.fromisoformat(str(sample.completed_at)) for sample in samples]
    if sorted(counts) != sorted(names) or len(set(counts.values())) != 1:
        raise InputError(str(folder), f"answers by adapter: {counts}", "each must be asked alike")
    return sum(counts.values()), (max(ends) - min(starts)).total_seconds()


def measure(study: Study, adapters: dict[str, Path], epochs: int, together: bool) -> dict[str, Any]:
    """Seconds and answers with these adapters served and asked."""
    names = list(adapters)
    began = time.monotonic()
    line: dict[str, Any] = {"adapters": len(names), "together": together}
    with serve_study(study, adapters) as server, tempfile.TemporaryDirectory() as work:
        line |= {"start_s": round(time.monotonic() - began, 1), "start_cpu_s": round(server_cpu(), 1)}
        ask(study, names[:1], server, 1, Path(work) / "warm")  # compiled shapes; not counted
        asking, before, inspect_before = time.monotonic(), server_cpu(), children_cpu()
        ask(study, names, server, epochs, Path(work) / "logs", len(names) if together else 1)
        whole, used = time.monotonic() - asking, server_cpu() - before
        inspect_used = children_cpu() - inspect_before
        count, seconds = answers(Path(work) / "logs", names)
    line |= {"answers": count, "asking_s": round(seconds, 1), "whole_s": round(whole, 1)}
    line |= {"server_cpu_s": round(used, 1), "inspect_cpu_s": round(inspect_used, 1)}
    line |= {"ms_per_answer": round(1000 * seconds / count, 2)}
    return line | {"server_cpu_ms_per_answer": round(1000 * used / count, 2)}


def server_cpu() -> float:
    """Processor seconds of the processes that we started and that run: the server."""
    found = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found += times.user + times.system
    return found


def children_cpu() -> float:
    """Processor seconds of our processes that have ended: Inspect."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("adapters", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--together", action="store_true")
    parsed = parser.parse_args(arguments)
    study = load_study(parsed.study)
    study.run_folder = str(REPO / "outputs" / "adapters_served")
    rows = read_yaml(parsed.adapters)["adapters"]
    adapters = {row["name"]: REPO / row["path"] for row in rows}
    first = dict(list(adapters.items())[:1])
    print(json.dumps({"machine": machine(), "versions": versions()}), flush=True)
    for _ in range(parsed.rounds):
        for served in (first, adapters):
            print(json.dumps(measure(study, served, parsed.epochs, parsed.together)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
