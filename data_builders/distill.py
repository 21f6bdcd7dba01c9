"""Exports self-distilled rows from the log of `inspect_tasks/distill.py`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalSample
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import dump_jsonl, read_yaml, write_atomic
from data_builders.logs import finished_log
from data_builders.manifest import REPO, write_manifest
from data_builders.rows import first_problem

_REFUSAL = re.compile(
    r"^\W*(?:i['’]?m sorry|sorry|i apologi[sz]e|i can(?:no|['’])t (?:help|assist|do|provide|answer)|i am (?:unable|not able)|"
    r"i['’]m (?:unable|not able)|as an ai\b)",
    re.IGNORECASE,
)


class DistillSettings(BaseModel):
    """A distillation's settings file."""

    model_config = ConfigDict(extra="forbid")
    prompt_files: list[Path] = Field(min_length=1)
    max_tokens: int = Field(gt=0)
    temperatures: list[float] = Field(min_length=1)
    """the temperature of each attempt; a later one is used only after a cut or empty answer"""


def load_settings(path: Path) -> DistillSettings:
    """Read a distillation's settings; relative prompt files count from the repository's root.

    Raises:
        InputError: a key is missing, unknown or of the wrong type.
    """
    try:
        settings = DistillSettings.model_validate(read_yaml(path if path.is_absolute() else REPO / path))
    except ValidationError as error:
        raise InputError(path, first_problem(error), "give prompt_files, max_tokens, temperatures") from error
    settings.prompt_files = [REPO / file for file in settings.prompt_files]
    return settings


def is_refusal(answer: str) -> bool:
    """Whether the answer opens with one of the usual refusals."""
    return bool(_REFUSAL.match(answer))


def export(log_file: Path, output: Path, base: dict[str, Any]) -> dict[str, Any]:
    """Write one row {prompt, answer, source, origin, model, attempt} for each whole answer in a log.

    Rule: an answer that is still cut or empty after the last attempt is left out and counted; a refusal is the
    model's own behaviour, so it is kept and counted.

    Args:
        log_file: the log of a finished distill run.
        output: the JSONL file to write, with its manifest.
        base: the provenance of the base model that answered (its `provenance.json`).

    Returns:
        The counts: answers in, rows out, left out by reason, refusals kept, rows by attempt.

    Raises:
        InputError: the log can't be read, isn't a distill run, or isn't finished.
    """
    log = finished_log(log_file, "distill")
    rows, counts = [], Counter[str]()
    attempts: Counter[str] = Counter()
    for sample in sorted(log.samples or [], key=_order):
        reason = _unusable(sample)
        counts["in"] += 1
        if reason:
            counts[reason] += 1
            continue
        answer = sample.output.completion.strip()
        attempt = _attempt(sample)
        attempts[str(attempt)] += 1
        counts["refused_kept"] += is_refusal(answer)
        rows.append(
            {
                "prompt": sample.input,
                "answer": answer,
                "source": sample.metadata["source"],
                "origin": sample.id,
                "model": base["name"],
                "revision": revision(base),
                "attempt": attempt,
            }
        )
    write_atomic(output, dump_jsonl(rows))
    summary = {
        "in": counts["in"],
        "out": len(rows),
        "left_out": {key: counts[key] for key in ("cut", "empty", "failed")},
        "refused_kept": counts["refused_kept"],
        "by_attempt": dict(sorted(attempts.items())),
    }
    settings = load_settings(Path(log.eval.task_args.get("settings", "data/recipes/distill.yaml")))
    write_manifest(
        output,
        builder=f"inspect eval inspect_tasks/distill.py, then python -m data_builders distill LOG --output {output.name}",
        settings=settings.model_dump(mode="json", exclude={"prompt_files"}),
        inputs=settings.prompt_files,
        counts=summary,
        extra={"base_model": base, "inspect_ai": log.eval.packages.get("inspect_ai"), "run": log.eval.run_id},
    )
    return summary


def revision(base: dict[str, Any]) -> str:
    """Which version of a model answered: the hub's commit, or else the sha256 of its weights.

    Args:
        base: the model's `provenance.json`.
    """
    weights = ",".join(base.get("weights_sha256", {}).values())
    return base.get("revision") or f"sha256:{weights}"


def _attempt(sample: EvalSample) -> int:
    """Which attempt the answer is. A sample that was taken over from a killed run has lost its store, but not its events."""
    if "attempt" in sample.store:
        return int(sample.store["attempt"])
    return sum(event.event == "model" and event.error is None for event in sample.events)


def _unusable(sample: EvalSample) -> str | None:
    if sample.error:
        return "failed"
    if not sample.output.completion.strip():
        return "empty"
    return None if sample.output.stop_reason == "stop" else "cut"


def _order(sample: EvalSample) -> tuple[str, int]:
    stem, _, number = str(sample.id).rpartition(":")
    return stem, int(number)
