"""What the identification attack works on: a persona's two sets of facts, and the replies in a log of
`inspect_tasks/identify.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog
from pydantic import ValidationError

from data_builders.errors import InputError
from data_builders.files import read_jsonl, sha256
from data_builders.logs import model_shown
from data_builders.persona import Fact, Persona
from data_builders.rows import first_problem


class FactSet(StrEnum):
    """Which facts an attacker is shown."""

    FACTS = "facts"
    IDENTIFYING = "identifying"


@dataclass(frozen=True)
class Reply:
    """One attacker's reply to one set of facts."""

    attacker: str
    which: FactSet
    k: int
    facts: tuple[str, ...]
    """the facts' ids, in the order shown"""
    text: str
    failed: bool
    named: bool
    unreadable: bool
    name: str | None
    confidence: float | None
    mentions: bool
    """the text names the persona, whether it can be read or not"""


def fact_set(name: str) -> FactSet:
    """The set called `name`.

    Raises:
        InputError: there is none.
    """
    try:
        return FactSet(name)
    except ValueError:
        raise InputError(
            "facts", f"no set is called {name!r}", f"choose one of {', '.join(FactSet)}"
        ) from None


def facts_path(persona: Persona, which: FactSet) -> Path:
    """The file of a set of facts."""
    return persona.folder / f"{which}.jsonl"


def read_facts(persona: Persona, which: FactSet) -> list[Fact]:
    """A set of facts, in the file's order.

    Raises:
        InputError: the file is missing or empty, a line isn't a fact, or an id stands twice.
    """
    path, facts = facts_path(persona, which), {}
    for number, value in read_jsonl(path):
        try:
            fact = Fact.model_validate(value)
        except ValidationError as error:
            raise InputError(
                f"{path}:{number}", first_problem(error), "see data/personas/README.md for the format"
            ) from error
        if fact.id in facts:
            raise InputError(f"{path}:{number}", f"{fact.id!r} stands twice", "give it an id of its own")
        facts[fact.id] = fact
    if not facts:
        raise InputError(path, "holds no fact", "write one fact a line")
    return list(facts.values())


def read_replies(log_file: Path, log: EvalLog, persona: Persona) -> tuple[list[Reply], dict[str, Any]]:
    """The replies in a log, and how they were made: {attacker, run, draws, seed, temperature, max_tokens, inspect_ai}.

    Args:
        log_file: where the log lies, for messages.
        log: the log of a finished identify run.
        persona: whom the run must have been about.

    Raises:
        InputError: the run is about another persona, or showed facts that have changed since.
    """
    attacker, replies = model_shown(log), []
    for sample in log.samples or []:
        about = sample.metadata
        if about["persona"] != persona.slug:
            raise InputError(log_file, f"about persona {about['persona']!r}", "give that one with --persona")
        which = fact_set(about["set"])
        if about["sha256"] != sha256(facts_path(persona, which)):
            raise InputError(
                log_file,
                f"the attacker saw another version of {facts_path(persona, which).name}",
                "run the attack again on the facts as they are now",
            )
        score = (sample.scores or {}).get("named")
        value = score.value if score and isinstance(score.value, dict) else {}
        noted = (score.metadata if score else None) or {}
        replies.append(
            Reply(
                attacker=attacker,
                which=which,
                k=about["k"],
                facts=tuple(about["facts"]),
                text=sample.output.completion,
                failed=bool(sample.error) or not value,
                named=bool(value.get("named")),
                unreadable=bool(value.get("unreadable")),
                name=noted.get("name"),
                confidence=noted.get("confidence"),
                mentions=bool(noted.get("mentions")),
            )
        )
    made = {
        "attacker": attacker,
        "run": log.eval.run_id,
        **{key: log.eval.task_args.get(key) for key in ("facts", "k", "draws", "seed")},
        **log.plan.config.model_dump(exclude_none=True, include={"temperature", "max_tokens"}),
        "inspect_ai": log.eval.packages.get("inspect_ai"),
    }
    return replies, made
