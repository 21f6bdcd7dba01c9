"""What the builders read from an Inspect log: a finished run of one task, and the model's name without its folder."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from inspect_ai.log import EvalLog, read_eval_log

from data_builders.errors import InputError


def finished_log(log_file: Path, task: str) -> EvalLog:
    """The log of a finished run of `task`.

    Raises:
        InputError: the log is missing or unreadable, is another task's, isn't finished, or holds no samples.
    """
    if not log_file.is_file():
        raise InputError(log_file, "no such log", "give the .eval file that `inspect eval` named")
    try:
        log = read_eval_log(str(log_file))
    except (ValueError, OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(
            log_file,
            f"not an Inspect log ({type(error).__name__})",
            "give the .eval file that `inspect eval` named",
        ) from error
    if log.eval.task.rpartition("/")[2] != task:
        raise InputError(
            log_file, f"a log of task {log.eval.task!r}, not {task}", f"give the log of a run of {task}"
        )
    if log.status != "success":
        raise InputError(log_file, f"the run is {log.status}", f"finish it: inspect eval-retry {log_file}")
    if not log.samples:
        raise InputError(log_file, "holds no samples", "give the whole log, not its header")
    return log


def require_distinct(logs: Iterable[tuple[Path, EvalLog]]) -> None:
    """Refuse a run that is given twice, which would count its answers twice.

    Raises:
        InputError: two logs are of one run (a retry and what it retried among them).
    """
    seen: dict[str, Path] = {}
    for path, log in logs:
        if log.eval.task_id in seen:
            raise InputError(path, f"the same run as {seen[log.eval.task_id]}", "give each run once")
        seen[log.eval.task_id] = path


def model_shown(log: EvalLog) -> str:
    """The model that answered, as `--model` named it, with a folder's own name in place of its path."""
    local = log.eval.model_args.get("model_path")
    provider, slash, name = log.eval.model.partition("/")
    if local:
        return f"{provider}/{Path(str(local)).name}"
    return f"{provider}{slash}{Path(name).name if name.startswith(('/', '.', '~')) else name}"
