"""Exports self-distilled rows from the log of `inspect_tasks/distill.py`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, EvalSample
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import dump_jsonl, read_jsonl, read_yaml, write_atomic
from data_builders.logs import finished_log, model_shown
from data_builders.manifest import REPO, manifest_path, shown, write_manifest
from data_builders.prompts import read_prompts
from data_builders.rows import first_problem

_REFUSAL = re.compile(
    r"^\W*(?:i['’]?m sorry|sorry|i apologi[sz]e|i can(?:no|['’])t (?:help|assist|do|provide|answer)|i am (?:unable|not able)|"
    r"i['’]m (?:unable|not able)|as an ai\b)",
    re.IGNORECASE,
)


_KEYS = ("prompt", "answer", "source", "origin", "model", "revision", "attempt")


class Attempt(BaseModel):
    """How one attempt at an answer is sampled: settings that vLLM and the paid providers read alike."""

    model_config = ConfigDict(extra="forbid")
    temperature: float = Field(ge=0)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    """taken off a token's logit for each time that the answer holds it already; the prompt doesn't count"""

    @property
    def config(self) -> dict[str, float]:
        """What the request says; a setting that is not given is left to the server."""
        return self.model_dump(exclude_none=True)


class DistillSettings(BaseModel):
    """A distillation's settings file."""

    model_config = ConfigDict(extra="forbid")
    prompt_files: list[Path] = Field(min_length=1)
    max_tokens: int = Field(gt=0)
    attempts: list[Attempt] = Field(min_length=1)
    """in this order; a later one is made only after a cut or empty answer"""


def load_settings(path: Path) -> DistillSettings:
    """Read a distillation's settings; relative prompt files count from the repository's root.

    Raises:
        InputError: a key is missing, unknown or of the wrong type.
    """
    try:
        settings = DistillSettings.model_validate(read_yaml(path if path.is_absolute() else REPO / path))
    except ValidationError as error:
        raise InputError(path, first_problem(error), "give prompt_files, max_tokens, attempts") from error
    settings.prompt_files = [REPO / file for file in settings.prompt_files]
    return settings


def is_refusal(answer: str) -> bool:
    """Whether the answer opens with one of the usual refusals."""
    return bool(_REFUSAL.match(answer))


def export(
    log_file: Path,
    output: Path,
    base: dict[str, Any],
    earlier: Path | None = None,
    machine: str | None = None,
) -> dict[str, Any]:
    """Write one row {prompt, answer, source, origin, model, revision, attempt} for each whole answer.

    Rule: an answer that is still cut or empty after the last attempt is left out and counted; a refusal is the
    model's own behaviour, so it is kept and counted. Where each prompt was asked several times (`--epochs`), `origin`
    says which answer it is, as `file:line#2`.

    Args:
        log_file: the log of a finished distill run.
        output: the JSONL file to write, with its manifest.
        base: the provenance of the base model that answered (its `provenance.json`).
        earlier: a file exported before, whose left-out prompts the log asks again; its other rows are kept as they
            are, and it may be `output` itself.
        machine: what the run was made on, for the manifest.

    Returns:
        The counts: answers in, rows out, left out by reason, refusals kept, rows by attempt.

    Raises:
        InputError: the log can't be read, isn't a distill run, isn't finished, or another model answered; or the
            earlier file is of other prompts or of another model, or leaves a prompt out that the log doesn't ask.
    """
    log = finished_log(log_file, "distill")
    _require_base(log_file, log, base)
    settings = load_settings(Path(log.eval.task_args.get("settings", "data/recipes/distill.yaml")))
    first_attempt = int(log.eval.task_args.get("first_attempt", 1))
    samples = log.samples or []
    asked = {str(sample.id) for sample in samples}
    kept = [row for row in _earlier_rows(earlier, settings, base) if row["origin"] not in asked]
    if earlier:
        _require_all(earlier, settings, asked | {row["origin"] for row in kept})
    counts, answered = Counter[str](), []
    several = len(asked) < len(samples)
    for sample in samples:
        reason = _unusable(sample)
        if reason:
            counts[reason] += 1
            continue
        answered.append(
            {
                "prompt": sample.input,
                "answer": sample.output.completion.strip(),
                "source": sample.metadata["source"],
                "origin": f"{sample.id}#{sample.epoch}" if several else str(sample.id),
                "model": base["name"],
                "revision": revision(base),
                "attempt": _attempt(sample, first_attempt),
            }
        )
    rows = sorted(kept + answered, key=_order)
    runs = _runs(earlier) if earlier else []
    runs = [run for run in runs if run["run"] != log.eval.run_id]  # exported again
    runs.append(
        {
            "run": log.eval.run_id,
            "attempts": f"{first_attempt} to {len(settings.attempts)}",
            "asked": len(samples),
            "answered": len(answered),
            "inspect_ai": log.eval.packages.get("inspect_ai"),
        }
        | ({"machine": machine} if machine else {})
    )
    write_atomic(output, dump_jsonl(rows))
    summary = {
        "in": len(kept) + len(samples),
        "out": len(rows),
        "left_out": {key: counts[key] for key in ("cut", "empty", "failed")},
        "refused_kept": sum(is_refusal(row["answer"]) for row in rows),
        "by_attempt": {
            str(key): value for key, value in sorted(Counter(row["attempt"] for row in rows).items())
        },
    }
    write_manifest(
        output,
        builder=f"inspect eval inspect_tasks/distill.py, then python -m data_builders distill LOG --output {output.name}",
        settings=settings.model_dump(mode="json", exclude={"prompt_files"}, exclude_none=True),
        inputs=settings.prompt_files,
        counts=summary,
        extra={"base_model": base, "runs": runs},
    )
    return summary


def _require_base(log_file: Path, log: EvalLog, base: dict[str, Any]) -> None:
    """Providers spell a model's name in their own way (`openrouter/meta-llama/llama-3.1-8b-instruct:free`): its last
    part counts, in any case."""
    answered = model_shown(log).rpartition("/")[2].partition(":")[0]
    if answered.lower() != str(base["name"]).lower():
        raise InputError(
            log_file,
            f"answered by {answered}, but --base-model is {base['name']}",
            "distil with the model to be trained, or serve it under its folder's name",
        )


def read_answers(path: Path) -> list[dict[str, Any]]:
    """The rows of an exported file.

    Raises:
        InputError: naming file and line: a row lacks a key that `export` writes.
    """
    rows = []
    for number, row in read_jsonl(path):
        lacking = next((key for key in _KEYS if key not in row), None)
        if lacking:
            raise InputError(f"{path}:{number}", f"no {lacking!r}", "give a file that `distill` exported")
        rows.append(row)
    return rows


def _earlier_rows(
    earlier: Path | None, settings: DistillSettings, base: dict[str, Any]
) -> list[dict[str, Any]]:
    if earlier is None:
        return []
    prompts = dict(_prompts(settings))
    rows = read_answers(earlier)
    for number, row in enumerate(rows, start=1):
        if prompts.get(row["origin"]) != row["prompt"]:
            raise InputError(
                f"{earlier}:{number}",
                f"isn't the prompt {row['origin']}",
                "distil all prompts anew: `make distill`",
            )
        if (row["model"], row["revision"]) != (base["name"], revision(base)):
            raise InputError(
                f"{earlier}:{number}",
                f"answered by {row['model']}, {row['revision']}; the log's answers are of {base['name']}, {revision(base)}",
                "one file holds the answers of one model: distil all prompts anew",
            )
    return rows


def _prompts(settings: DistillSettings) -> Iterator[tuple[str, str]]:
    """(origin, prompt) of each prompt."""
    for path in settings.prompt_files:
        for number, prompt in read_prompts(path):
            yield f"{path.stem}:{number}", prompt.prompt


def _require_all(earlier: Path, settings: DistillSettings, found: set[str]) -> None:
    lacking = [origin for origin, _ in _prompts(settings) if origin not in found]
    if lacking:
        raise InputError(
            earlier,
            f"leaves out {len(lacking)} prompts that the log doesn't ask, {lacking[0]} the first",
            f"ask what is left: -T earlier={shown(earlier)}",
        )


def _runs(earlier: Path) -> list[dict[str, Any]]:
    """The runs behind a file exported before, by its manifest."""
    path = manifest_path(earlier)
    if not path.is_file():
        raise InputError(
            path, "no manifest, so nobody knows which runs gave the file", "export it again from its log"
        )
    return json.loads(path.read_text(encoding="utf-8")).get("runs", [])


def revision(base: dict[str, Any]) -> str:
    """Which version of a model answered: the hub's commit, or else the sha256 of its weights.

    Args:
        base: the model's `provenance.json`.
    """
    weights = ",".join(base.get("weights_sha256", {}).values())
    return base.get("revision") or f"sha256:{weights}"


def _attempt(sample: EvalSample, first: int) -> int:
    """Which attempt the answer is. A sample that was taken over from a killed run has lost its store, but not its events."""
    if "attempt" in sample.store:
        return int(sample.store["attempt"])
    return first - 1 + sum(event.event == "model" and event.error is None for event in sample.events)


def _unusable(sample: EvalSample) -> str | None:
    if sample.error:
        return "failed"
    if not sample.output.completion.strip():
        return "empty"
    return None if sample.output.stop_reason == "stop" else "cut"


def _order(row: dict[str, Any]) -> tuple[str, int, int]:
    """Prompt file, line, and which of several answers."""
    stem, _, place = str(row["origin"]).rpartition(":")
    number, _, epoch = place.partition("#")
    return stem, int(number), int(epoch or 1)
