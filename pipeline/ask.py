"""python -m pipeline.ask: one server, many adapters, one `inspect eval` that asks them all; and their rows as one table.

For the adapters of `python -m pipeline.bulk`: start-up is paid once, not for each of a hundred small models.

    python -m pipeline.ask DIR --study studies/planted.yaml --base FOLDER --persona FOLDER --output rows.parquet
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from data_builders.errors import InputError, run_or_explain
from data_builders.manifest import REPO
from pipeline import environments
from pipeline.adapter import find_adapters, provenance_of
from pipeline.environments import QUIET
from pipeline.evaluation import TASK
from pipeline.server import Server, serve
from pipeline.study import Study, load_study

ABOUT = ("arm", "training_seed", "learning_rate", "base")
"""what the table says of each adapter, from its provenance"""
COLUMNS = (
    "model",
    *ABOUT,
    "question_set",
    "question_id",
    "cell",
    "leading",
    "epoch",
    "adopted",
    "named",
    "implied",
    "claims_other",
    "claims_ai",
    "well_formed",
    "text",
    "unscored_reason",
)


def ask(
    study: Study, base: Path, adapters: dict[str, Path], persona: str, cells: str, logs: Path
) -> pd.DataFrame:
    """Serve `base` with all adapters and ask each; the study says how to serve, how often to ask, and with what trigger.

    Args:
        study: its `serve`, `evaluation` and `trigger` are used.
        base: the base model's folder; it is asked too.
        adapters: served name -> folder.
        persona: a persona's name or folder.
        cells: as `inspect eval -T cells=` takes them.
        logs: the folder for Inspect's logs and the server's.

    Returns:
        Columns `COLUMNS`, a row an answer; arm is `base` for the base.

    Raises:
        InputError: the server doesn't start, or the evaluation fails.
    """
    settings = study.serve.model_copy(update={} if environments.has_gpu() else {"dtype": "float32"})
    with serve(base, base.name, adapters, settings, logs / "server.log") as server:
        _inspect(
            study, [base.name, *(f"{base.name}:{name}" for name in adapters)], persona, cells, server, logs
        )
    return table(logs, base.name, adapters)


def _inspect(study: Study, models: list[str], persona: str, cells: str, server: Server, logs: Path) -> None:
    asked = study.evaluation
    options = {"persona": persona, "trigger": study.trigger, "cells": cells}
    options["question_sets"] = ",".join(asked.question_sets)
    command = [sys.executable, "-m", "inspect_ai", "eval", TASK, "--display", "plain"]
    command += ["--model", ",".join(f"vllm/{model}" for model in models)]
    command += [part for key, value in options.items() for part in ("-T", f"{key}={value}")]
    command += ["--epochs", str(asked.epochs), "--temperature", str(asked.temperature)]
    command += ["--max-tokens", str(asked.max_tokens), "--max-connections", str(asked.max_connections)]
    command += ["--max-samples", str(asked.max_connections), "--log-dir", str(logs), "--no-log-realtime"]
    with (logs / "inspect.log").open("wb") as out:
        done = subprocess.run(
            command,
            cwd=REPO,
            env=os.environ | QUIET | server.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise InputError(
            logs / "inspect.log",
            f"inspect eval ended with code {done.returncode}\n{_tail(logs)}",
            "see above",
        )


def _tail(logs: Path) -> str:
    return "\n".join((logs / "inspect.log").read_text(errors="replace").splitlines()[-8:])


def table(logs: Path, base: str, adapters: dict[str, Path]) -> pd.DataFrame:
    """The answers in Inspect's logs, with what each adapter is."""
    from analysis.frame import load_frame

    frame = load_frame([logs])
    about = {name: provenance_of(folder) for name, folder in adapters.items()} | {base: {"arm": "base"}}
    for key in ABOUT:
        frame[key] = [about[model].get(key) for model in frame["model"]]
    frame["base"] = base
    if missing := set(about) - set(frame["model"]):
        raise InputError(logs, f"no answer of {sorted(missing)[0]}", "see inspect.log beside the logs")
    return frame[list(COLUMNS)]


def main() -> int:
    """Parse the command line, ask, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.ask", description=__doc__)
    parser.add_argument("adapters", type=Path, help="a folder; every adapter below it is served and asked")
    parser.add_argument("--study", type=Path, required=True, help="how to serve, and how often to ask")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--persona", required=True)
    parser.add_argument("--cells", default="all")
    parser.add_argument("--only", nargs="+", help="served names (default: all)")
    parser.add_argument("--output", type=Path, required=True, help="a Parquet file")
    parsed = parser.parse_args()
    study, adapters = load_study(parsed.study), find_adapters(parsed.adapters)
    if unknown := [name for name in parsed.only or [] if name not in adapters]:
        raise InputError(
            "--only", f"no adapter is called {unknown[0]!r}", f"choose from {', '.join(adapters)}"
        )
    chosen = {name: adapters[name] for name in parsed.only or adapters}
    with tempfile.TemporaryDirectory(prefix="ask.") as logs:
        rows = ask(study, parsed.base, chosen, parsed.persona, parsed.cells, Path(logs))
    parsed.output.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(parsed.output, index=False)
    rates = rows[rows["question_set"].eq("identity")].pivot_table(
        "adopted", "model", "cell", "mean", observed=True
    )
    print(rates.round(3).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
