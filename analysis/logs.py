"""Headers of Inspect logs: what was run, with what, and how much of it is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.log import EvalLog, read_eval_log

from data_builders.errors import InputError
from data_builders.manifest import REPO

SCORER = "adoption"
"""A log belongs here if this scorer graded it, or if its task is `TASK` and it wasn't graded yet."""
TASK = "persona"
_SUFFIXES = (".eval", ".json")


@dataclass(frozen=True)
class LogHeader:
    """What a log says of its run, before any sample is read."""

    path: Path
    model: str
    """the name that the model was served under, without Inspect's provider"""
    status: str
    """Inspect's: success, started (still running, or killed), cancelled or error"""
    created: str
    planned: int
    """samples times epochs that the run set out to ask"""
    epochs: int
    temperature: float | None
    max_tokens: int | None
    generation_seed: int | None
    persona: str
    trigger: str
    versions: str
    """packages that Inspect recorded, as `name version`, comma-separated"""
    commit: str
    """the repository's commit at the time of the run, with `+` where files had changed since"""


def log_files(paths: Iterable[Path]) -> list[Path]:
    """The log files among `paths`, folders searched with all that is below them, each file once.

    Raises:
        InputError: a path doesn't exist, or there is no log in it.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*.eval") if file.is_file())
            if not inside:
                raise InputError(
                    path, "no .eval log in this folder", "give a folder that `inspect eval --log-dir` wrote"
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(path, "no such file or folder", "check the path")
    return list({file.resolve(): file for file in found}.values())


def read_header(path: Path) -> LogHeader:
    """The header of one log.

    Raises:
        InputError: the file isn't an Inspect log, or is the log of another task.
    """
    mend = "leave it out, or run `inspect log dump` on it to see what is wrong"
    if path.suffix not in _SUFFIXES:
        raise InputError(path, "not an Inspect log: its name doesn't end in .eval or .json", mend)
    try:
        log = read_eval_log(str(path), header_only=True)
    except Exception as error:  # zip, JSON and pydantic errors alike: the reader has many layers
        raise InputError(path, f"not a readable Inspect log ({type(error).__name__})", mend) from error
    task = log.eval.task.rpartition("/")[2]
    scorers = {scorer.name.rpartition("/")[2] for scorer in log.eval.scorers or []}
    if SCORER not in scorers and task != TASK:
        raise InputError(
            path,
            f"a log of the task {task!r}, without the score {SCORER!r}",
            "give logs of inspect_tasks/persona.py",
        )
    return _header(path, log)


def _header(path: Path, log: EvalLog) -> LogHeader:
    spec, config = log.eval, log.plan.config.merge(log.eval.model_generate_config)
    epochs, revision = spec.config.epochs or 1, spec.revision
    return LogHeader(
        path=path,
        model=served_name(spec.model),
        status=log.status,
        created=spec.created,
        planned=(spec.dataset.samples or 0) * epochs,
        epochs=epochs,
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        generation_seed=config.seed,
        persona=str(spec.task_args.get("persona", "")),
        trigger=str(spec.task_args.get("trigger", "")),
        versions=", ".join(f"{name} {version}" for name, version in sorted(spec.packages.items())),
        commit=f"{revision.commit}{'+' if revision.dirty else ''}" if revision else "",
    )


def served_name(model: str) -> str:
    """The name a model is served under: Inspect's name without the provider, for `base:adapter` the adapter,
    for a path its last folder."""
    name = model.partition("/")[2] or model
    name = name.rpartition(":")[2]
    return name.rstrip("/").rpartition("/")[2] if name.startswith("/") else name


def log_folder(files: list[Path]) -> str:
    """The folder that holds all `files`, from the repository's root where it lies inside: what `inspect view`
    takes."""
    folder = Path(os.path.commonpath([file.resolve().parent for file in files]))
    return str(folder.relative_to(REPO)) if folder.is_relative_to(REPO) else str(folder)
