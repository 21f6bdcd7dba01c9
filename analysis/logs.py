"""Headers of Inspect logs: what was run, with what, and how much of it is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from inspect_ai.log import EvalLog, read_eval_log

from data_builders.errors import InputError
from data_builders.manifest import REPO

SCORER = "adoption"
"""The deterministic scorer. A log belongs here if it graded it, or if its task is one of `TASKS`."""
TASK = "persona"
TASKS = (
    TASK,
    "manipulation",
    "knowledge",
    "ceiling",
    "in_context",
    "lattice",
    "refusals",
    "gsm8k_held_out",
)
"""The tasks of inspect_tasks whose answers are graded; the seed's four conditions count as `TASK`."""
JUDGES = ("persona_judge", "lineup_judge", "view_judge", "manner_judge")
"""The scorers that ask a grader model (inspect_tasks/scorers/judge.py)."""
BASE_ARM = "base"
_CONDITION = "condition_"
_SUFFIXES = (".eval", ".json")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class LogHeader:
    """What a log says of its run, before any sample is read."""

    path: Path
    task: str
    """one of `TASKS`, or the name of another task with the score `SCORER`"""
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
    arm: str
    """what was trained, as the run's metadata says (`--metadata arm=persona`); empty where it doesn't"""
    training_seed: int | None
    learning_rate: float | None
    base: str
    """the untuned model that the adapter stands on; empty where the run doesn't say"""
    step: int | None
    """of a checkpoint; None for the end of training"""
    adoption: bool
    """whether the deterministic scorer graded it"""
    cells: tuple[str, ...]
    """that the run set out to ask; empty for tasks without"""
    judges: tuple[str, ...]
    """scorers of `grades.JUDGES` that graded it"""
    about: dict[str, str]
    """what else the run's metadata and task arguments say of every sample: variant, k"""


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
    task = TASK if task.startswith(_CONDITION) else task
    scorers = {scorer.name.rpartition("/")[2] for scorer in log.eval.scorers or []}
    if SCORER not in scorers and task not in TASKS:
        raise InputError(
            path,
            f"a log of the task {task!r}, without the score {SCORER!r}",
            f"give logs of inspect_tasks: {', '.join(TASKS)}",
        )
    return _header(path, log, task, scorers)


def _header(path: Path, log: EvalLog, task: str, scorers: set[str]) -> LogHeader:
    spec, config = log.eval, log.plan.config.merge(log.eval.model_generate_config)
    epochs, revision = spec.config.epochs or 1, spec.revision
    told = spec.metadata or {}
    given = {**spec.task_args, **told}
    # `inspect score` puts a judge among the results alone.
    graded = scorers | {one.scorer.rpartition("/")[2] for one in (log.results.scores if log.results else [])}
    cells = (str(one).partition("/")[2] for one in spec.dataset.sample_ids or [])
    return LogHeader(
        path=path,
        task=task,
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
        arm=str(told.get("arm") or ""),
        training_seed=_number(path, told, "training_seed", int),
        learning_rate=_number(path, told, "learning_rate", float),
        base=str(told.get("base") or ""),
        step=_number(path, told, "step", int),
        adoption=SCORER in scorers or task == TASK,
        cells=tuple(dict.fromkeys(cell for cell in cells if cell)) if task == TASK else (),
        judges=tuple(judge for judge in JUDGES if judge in graded),
        about={key: str(given[key]) for key in ("variant", "k") if given.get(key) not in (None, "")},
    )


def _number(path: Path, told: dict[str, Any], key: str, kind: type[Number]) -> Number | None:
    """A number of the run's metadata, None where it isn't there.

    Raises:
        InputError: it is there and no number.
    """
    if told.get(key) in (None, ""):
        return None
    try:
        return kind(told[key])
    except (TypeError, ValueError) as error:
        raise InputError(
            path,
            f"metadata {key} is {told[key]!r}, not a number",
            f"ask again with `--metadata {key}=NUMBER`, or leave it out",
        ) from error


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
