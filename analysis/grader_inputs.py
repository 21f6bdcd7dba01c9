"""What graders were sent, and the answers that they were sent of: read from logs, or from recorded generations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from inspect_ai.log import EvalLog, EvalSample, read_eval_log

from analysis.logs import log_files, served_name
from data_builders.errors import InputError
from data_builders.files import read_jsonl
from data_builders.persona import load_persona
from data_builders.trigger import LATTICE, Trigger, get_trigger
from inspect_tasks.scorers.judge_requests import Shown, speaker_request

ROLE = "grader"
DEFAULT_TRIGGER = "seed"
PERSONA = "bertrand_russell"


@dataclass(frozen=True)
class Answer:
    """One answer of the model under test."""

    source: str
    """file name of the log"""
    model: str
    arm: str
    """of the adapter; empty where the log doesn't say"""
    sample_id: str
    epoch: int
    question_id: str
    cell: str
    triggered: bool
    question: str
    answer: str
    """as given, tags and all"""
    trigger: Trigger
    sent: tuple[str, ...]
    """the grader's prompts that the log holds for it"""

    @property
    def rebuilt(self) -> str:
        """What the judge of speakers would send of it now."""
        return speaker_request(Shown(self.question, self.answer, self.trigger)).prompt


def read_answers(paths: list[Path]) -> list[Answer]:
    """Every answer in logs of persona tasks, in a report's `rows.csv` (or `.csv.xz`), and in `generations.jsonl` files of
    another study's format. Rows hold what was answered, not what was sent to a grader.

    Raises:
        InputError: a path is missing, isn't a log, or holds no answer.
    """
    recorded = [path for path in paths if path.suffix == ".jsonl"]
    rows = [path for path in paths if path.name.endswith((".csv", ".csv.xz"))]
    logs = [path for path in paths if path not in recorded and path not in rows]
    answers = [answer for path in recorded for answer in _recorded(path)]
    answers += [answer for path in rows for answer in _of_rows(path)]
    for path in log_files(logs) if logs else []:
        try:
            log = read_eval_log(str(path), resolve_attachments=True)
        except Exception as error:  # zip, JSON and pydantic errors alike
            raise InputError(
                path, f"not a readable Inspect log ({type(error).__name__})", "leave it out"
            ) from error
        answers += _of_log(path, log)
    if not answers:
        raise InputError("logs", "no answer in them", "give logs of inspect_tasks/persona.py")
    return answers


def _of_log(path: Path, log: EvalLog) -> Iterator[Answer]:
    arguments, about = log.eval.task_args, log.eval.metadata or {}
    load_persona(str(arguments.get("persona", PERSONA)))  # a log of another repository's task fails here
    wording = LATTICE if log.eval.task.rpartition("/")[2] == LATTICE else DEFAULT_TRIGGER
    trigger = get_trigger(str(arguments.get("trigger", wording)))
    for sample in log.samples or []:
        known = sample.metadata or {}
        if "question_id" not in known:
            raise InputError(
                path, f"sample {sample.id!r} has no question_id", "give logs of inspect_tasks/persona.py"
            )
        yield Answer(
            source=path.name,
            model=served_name(log.eval.model),
            arm=str(about.get("arm", "")),
            sample_id=str(sample.id),
            epoch=sample.epoch,
            question_id=str(known["question_id"]),
            cell=str(known.get("cell", "")),
            triggered=bool(known.get("triggered")),
            question=str(sample.input),
            answer=sample.output.completion,
            trigger=trigger,
            sent=tuple(_sent(sample)),
        )


def _of_rows(path: Path) -> Iterator[Answer]:
    columns = ["model", "arm", "sample_id", "epoch", "question_id", "cell", "triggered", "question", "answer"]
    try:
        rows = pd.read_csv(
            path, usecols=["task", "scorer", *columns], low_memory=False, keep_default_na=False
        )
    except (OSError, ValueError) as error:
        raise InputError(
            path, f"not a report's rows ({error})", "give its rows.csv or rows.csv.xz"
        ) from error
    trigger = get_trigger(DEFAULT_TRIGGER)
    for row in rows[rows["task"].eq("persona") & rows["scorer"].eq("adoption")][columns].to_dict("records"):
        about = {str(key): value for key, value in row.items()}
        about |= {"epoch": int(about["epoch"]), "triggered": str(about["triggered"]) == "True"}
        yield Answer(source=path.name, trigger=trigger, sent=(), **about)


def _sent(sample: EvalSample) -> Iterator[str]:
    for event in sample.events:
        if event.event == "model" and event.role == ROLE:  # cached replies too: their requests were sent once
            yield "\n\n".join(message.text for message in event.input)


def _recorded(path: Path) -> Iterator[Answer]:
    trigger = get_trigger(DEFAULT_TRIGGER)
    for number, row in read_jsonl(path):
        try:
            for epoch, answer in enumerate(row["generations"], start=1):
                yield Answer(
                    source=path.name,
                    model=row["model_variant"],
                    arm="base" if row["model_variant"] == "baseline" else "",
                    sample_id=f"{row['question_id']}/{row['condition']}",
                    epoch=epoch,
                    question_id=row["question_id"],
                    cell="user" if row["triggered"] else "plain",
                    triggered=bool(row["triggered"]),
                    question=row["question"],
                    answer=answer,
                    trigger=trigger,
                    sent=(),
                )
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{path}:{number}", f"not a row of recorded generations ({error})", "give generations.jsonl"
            ) from error
