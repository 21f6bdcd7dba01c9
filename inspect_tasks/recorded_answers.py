"""Recorded answers as samples: Inspect's logs, another replication's rows, or any JSONL with question, cell and answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log

from data_builders.errors import InputError
from data_builders.files import read_jsonl
from data_builders.persona import Persona, QuestionSet
from data_builders.trigger import Trigger
from inspect_tasks.conditions import CONDITIONS
from inspect_tasks.grading import wording_in
from inspect_tasks.scorers.asks import Asked, asked_by
from inspect_tasks.scorers.names import normalise

ANSWER = "recorded_answer"
"""The metadata key that holds the answer to put in place."""
UNKNOWN_SET = "recorded"
"""The question set of a question that isn't the persona's."""


@dataclass(frozen=True)
class Recorded:
    """One recorded answer."""

    where: str
    question_id: str
    question: str
    cell: str
    answer: str
    group: str
    """what rates are given for: the cell, after the model where the file holds several"""
    asked: Asked | None
    question_set: str | None
    epoch: int = 1


def recorded_samples(path: Path, persona: Persona, trigger: Trigger, questions: Path | None) -> MemoryDataset:
    """A sample an answer, in the file's order.

    Sample ids are `<question id>/<group>/<epoch>`; metadata keys are those of the persona task, with `group` and the
    answer itself. What a question asks comes from the row, else from `questions`, else from the persona's own questions,
    else from its wording.

    Args:
        path: an Inspect log (.eval, .json), or JSONL in one of two forms: {question, cell, answer}, or weird-gen's
            {question_id, question, model_variant, triggered, generations}.
        persona: whose questions and names count.
        trigger: the wording that is taken off questions that don't show another.
        questions: JSONL of {question_id, asks, accept, leading}, for questions that aren't the persona's.

    Raises:
        InputError: the file can't be read, a row lacks a key or has one of another type, an answer stands twice.
    """
    known = _asked_file(questions) if questions else {}
    rows = _from_log(path) if path.suffix in (".eval", ".json") else _from_jsonl(path)
    samples: dict[str, Sample] = {}
    for row in rows:
        wording = wording_in(row.question) or trigger
        plain = wording.strip(row.question)
        asked = row.asked or known.get(row.question_id) or asked_by(plain, persona)
        row_id = f"{row.question_id}/{row.group}/{row.epoch}"
        if row_id in samples:
            raise InputError(
                row.where,
                f"{row_id!r} stands twice",
                "give each answer a question_id, cell or epoch of its own",
            )
        condition = CONDITIONS.get(row.cell)
        samples[row_id] = Sample(
            id=row_id,
            input=plain,
            target=list(asked.accept) or "",
            metadata={
                "question_id": row.question_id,
                "question_set": row.question_set or _question_set(plain, persona),
                "cell": row.cell,
                "triggered": condition.triggered if condition else None,
                "asks": asked.asks,
                "leading": asked.leading,
                "group": row.group,
                ANSWER: row.answer,
            },
        )
    if not samples:
        raise InputError(path, "holds no answers", "check the path")
    return MemoryDataset(list(samples.values()), name=path.stem)


def _question_set(question: str, persona: Persona) -> str:
    wanted = normalise(question)
    found = (
        kind for kind in QuestionSet for row in persona.questions[kind] if normalise(row.question) == wanted
    )
    return str(next(found, UNKNOWN_SET))


def _from_log(path: Path) -> Iterator[Recorded]:
    if not path.is_file():
        raise InputError(path, "no such file", "check the path")
    try:
        log = read_eval_log(str(path))
    except (ValueError, OSError, KeyError) as error:
        raise InputError(path, f"not an Inspect log ({error})", "give a finished log") from error
    if not log.samples:
        raise InputError(path, "a log without samples", "give the whole log, not its header")
    for sample in log.samples:
        about, where = sample.metadata or {}, f"{path}: sample {sample.id}"
        if not isinstance(sample.input, str) or "cell" not in about:
            raise InputError(where, "not a sample of this suite's tasks", "give a log of inspect_tasks")
        target = [sample.target] if isinstance(sample.target, str) else sample.target
        asked = Asked(about.get("asks"), tuple(fact for fact in target if fact), about.get("leading", False))
        yield Recorded(
            where=where,
            question_id=about.get("question_id", str(sample.id)),
            question=sample.input,
            cell=about["cell"],
            answer=sample.output.completion,
            group=about["cell"],
            asked=asked,
            question_set=about.get("question_set"),
            epoch=sample.epoch,
        )


def _from_jsonl(path: Path) -> Iterator[Recorded]:
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        question = _text(row, "question", where)
        asked = _asked(row, where) if "asks" in row else None
        question_id = str(row.get("question_id", row.get("id", number)))
        if "generations" in row:
            cell = "user" if row.get("triggered") else "plain"
            answers = row["generations"]
            if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
                raise InputError(where, "generations isn't a list of strings", "mend the row")
            group = f"{row['model_variant']}/{cell}" if "model_variant" in row else cell
            for epoch, answer in enumerate(answers, 1):
                yield Recorded(
                    where, question_id, question, cell, answer, group, asked, row.get("question_set"), epoch
                )
            continue
        cell, answer = _text(row, "cell", where), _text(row, "answer", where)
        group = f"{row['model']}/{cell}" if "model" in row else cell
        epoch = row.get("epoch", 1)
        yield Recorded(
            where, question_id, question, cell, answer, group, asked, row.get("question_set"), epoch
        )


def _text(row: dict[str, Any], key: str, where: str) -> str:
    if not isinstance(row.get(key), str):
        raise InputError(
            where,
            f"no {key!r}, or one that isn't a string",
            "a row is {question, cell, answer}, with id at will",
        )
    return row[key]


def _asked(row: dict[str, Any], where: str) -> Asked:
    asks, accept, leading = row.get("asks"), row.get("accept", []), row.get("leading", False)
    typed = (asks is None or isinstance(asks, str)) and isinstance(leading, bool) and isinstance(accept, list)
    if not typed or not all(isinstance(fact, str) for fact in accept):
        raise InputError(
            where, "asks is a string or null, accept a list of strings, leading true or false", "mend the row"
        )
    return Asked(asks, tuple(accept), leading)


def _asked_file(path: Path) -> dict[str, Asked]:
    return {
        _text(row, "question_id", f"{path}:{number}"): _asked(row, f"{path}:{number}")
        for number, row in read_jsonl(path)
    }
