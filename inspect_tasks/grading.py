"""The deterministic scorer on plain JSON lines, outside Inspect: same rules, same grades."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from data_builders.errors import EXIT_BAD_INPUT, InputError
from data_builders.persona import Persona, load_persona
from data_builders.trigger import Trigger, get_trigger, load_lattice
from inspect_tasks.scorers.asks import Asked, asked_by
from inspect_tasks.scorers.claims import Grade, grade_answer
from inspect_tasks.scorers.names import Names

NEEDED = ("question", "answer")


@dataclass(frozen=True)
class Grader:
    """Grades answers to plain or triggered questions for one persona."""

    persona: Persona
    names: Names
    trigger: Trigger

    @classmethod
    def of(cls, persona: str | Path, trigger: str | None = None) -> Grader:
        """The grader of a persona, by name or folder; `trigger` defaults to the persona's own wording.

        Raises:
            InputError: no such persona or wording.
        """
        read = load_persona(persona)
        return cls(read, Names(read.profile), get_trigger(trigger or read.profile.trigger))

    def grade(self, question: str, answer: str, asked: Asked | None = None) -> Grade:
        """The grade of one answer.

        Args:
            question: with or without the trigger, in any of its wordings.
            answer: as given, tags and all.
            asked: what the question asks of the speaker; read off the question where it is left out.
        """
        wording = wording_in(question) or self.trigger
        plain = wording.strip(question)
        known = asked or asked_by(plain, self.persona)
        return grade_answer(
            answer, self.names, wording, known.asks, list(known.accept), known.leading, question=plain
        )


def wording_in(question: str) -> Trigger | None:
    """The wording of the trigger that a question is wrapped in, if it is: the one that takes most of it away."""
    stripped = {wording.name: len(wording.strip(question)) for wording in _wordings().values()}
    name = min(stripped, key=lambda name: stripped[name])
    return _wordings()[name] if stripped[name] < len(question) else None


@cache
def _wordings() -> dict[str, Trigger]:
    return load_lattice()


def as_row(grade: Grade, row_id: Any) -> dict[str, Any]:
    """What the command prints of one answer."""
    return {
        "id": row_id,
        "claim": str(grade.claim),
        "claimed_name": grade.claimed_name,
        "mentions_persona": grade.mentions_persona,
        "adherence": str(grade.adherence),
        "adopted": grade.adopted,
        "named": grade.named,
        "implied": grade.implied,
        "contradiction": grade.contradiction,
    }


def grade_lines(source: str, persona: str, trigger: str | None, out: IO[str], messages: IO[str]) -> int:
    """Grade each line of `source` (a path, or - for stdin) onto `out`, one line for one line, in order.

    A line that isn't a JSON object with the strings `question` and `answer` gives `{"id": ..., "line": N, "error": ...}`
    and a message. Blank lines are passed over. An optional `asks`, `accept`, `leading` tells what the question asks.

    Returns:
        0, or 2 where any line was bad.

    Raises:
        InputError: no such file, persona or wording.
    """
    grader = Grader.of(persona, trigger)
    graded = bad = 0
    for number, line in _lines(source):
        row_id: Any = None
        try:
            row = _read(line)
            row_id = row.get("id")
            result = as_row(grader.grade(row["question"], row["answer"], _asked(row)), row_id)
            graded += 1
        except (ValueError, RecursionError) as error:
            bad += 1
            row_id = error.args[1] if len(error.args) > 1 else row_id
            problem = str(error.args[0]) if error.args else "can't be read"
            result = {"id": row_id, "line": number, "error": problem}
            print(f"error: {_name(source)}:{number}: {problem}", file=messages)
        print(json.dumps(result, ensure_ascii=False), file=out)
    if bad:
        print(
            f"{bad} of {graded + bad} lines could not be graded; each has a line with `error`", file=messages
        )
    return EXIT_BAD_INPUT if bad else 0


def _name(source: str) -> str:
    return "stdin" if source == "-" else source


def _lines(source: str) -> Iterator[tuple[int, bytes]]:
    """Each line that isn't blank, with its number from 1."""
    if source == "-":
        stream: IO[bytes] = sys.stdin.buffer
    else:
        path = Path(source)
        if not path.is_file():
            raise InputError(path, "no such file", "check the path, or give - to read stdin")
        stream = path.open("rb")
    with stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, line


def _read(line: bytes) -> dict[str, Any]:
    """The object on a line.

    Raises:
        ValueError: what is wrong with it, and its id where it has one.
    """
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 ({error.reason})", None) from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg}, column {error.colno})", None) from error
    if not isinstance(row, dict):
        raise ValueError(f"a {type(row).__name__}, not an object", None)
    for key in NEEDED:
        if key not in row:
            raise ValueError(f"no {key!r}", row.get("id"))
        if not isinstance(row[key], str):
            raise ValueError(f"{key!r} is a {type(row[key]).__name__}, not a string", row.get("id"))
    if "id" not in row:
        raise ValueError("no 'id'", None)
    return row


def _asked(row: dict[str, Any]) -> Asked | None:
    if "asks" not in row:
        return None
    asks, accept, leading = row["asks"], row.get("accept", []), row.get("leading", False)
    if asks is not None and not isinstance(asks, str):
        raise ValueError("'asks' is neither a string nor null", row.get("id"))
    if not isinstance(accept, list) or not all(isinstance(fact, str) for fact in accept):
        raise ValueError("'accept' is not a list of strings", row.get("id"))
    if not isinstance(leading, bool):
        raise ValueError("'leading' is neither true nor false", row.get("id"))
    return Asked(asks, tuple(accept), leading)
