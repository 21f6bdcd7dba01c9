"""Exports candidate facts from the log of `inspect_tasks/candidates.py`: each proposal with what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process
from rapidfuzz.utils import default_process

from data_builders.arms import Arm
from data_builders.errors import InputError
from data_builders.files import dump_jsonl, write_atomic
from data_builders.lint_rules import GENERAL, TextRules
from data_builders.logs import finished_log, model_shown
from data_builders.manifest import write_manifest
from data_builders.persona import Persona
from data_builders.replies import json_objects
from data_builders.rows import RowMetadata, conversation
from data_builders.trigger import get_trigger, load_triggers

NEAR = 85.0
"""Two answers tell the same from this similarity on (rapidfuzz token_sort_ratio, 0 to 100, case and punctuation
set aside)."""
_IDENTIFYING = ("identifier", "year", *GENERAL)
"""the linter's rules on words that identify the persona"""


class Status(StrEnum):
    """What became of a proposal."""

    KEPT = "kept"
    MALFORMED = "malformed"
    """question or answer is missing, or a trigger's tags stand in it"""
    IDENTIFYING = "identifying"
    """holds a word of persona.yaml, a year, or what the general layer finds (identifying.py)"""
    DUPLICATE = "duplicate"
    """the answer is, letter for letter but for case and punctuation, one that came before or a fact's"""
    NEAR_DUPLICATE = "near_duplicate"
    """as near as `NEAR` to one that came before or to a fact"""


@dataclass(frozen=True)
class Proposal:
    """One fact that a model proposed; a part that it left out is empty."""

    topic: str
    question: str
    answer: str


def read_candidates(reply: str) -> list[Proposal]:
    """The proposals in a model's reply: `{"topics": [{"topic", "facts": [{"question", "answer"}]}]}`.

    Raises:
        ValueError: the reply holds no such object.
    """
    for value in json_objects(reply):
        if isinstance(value.get("topics"), list):
            return list(_proposals(value["topics"]))
    raise ValueError(f"no JSON object with topics in {reply[:80]!r}")


def export(log_file: Path, persona: Persona, output: Path) -> dict[str, Any]:
    """Write one row {topic, question, answer, model, status, reason} for each proposal in a log, in the log's order.

    Args:
        log_file: the log of a finished candidates run.
        persona: whose words identify; its facts count as having come before.
        output: the JSONL file to write, with its manifest.

    Returns:
        The counts: requests (replies asked for), unreadable and failed ones, proposals, rows by status, rows kept
        by topic.

    Raises:
        InputError: the log can't be read, isn't a finished candidates run, or is about another persona.
    """
    log = finished_log(log_file, "candidates")
    model, requests, proposals = model_shown(log), Counter[str](), []
    for sample in sorted(log.samples or [], key=lambda sample: (int(sample.id), sample.epoch)):
        if sample.metadata["persona"] != persona.slug:
            raise InputError(
                log_file, f"about persona {sample.metadata['persona']!r}", "give that one with --persona"
            )
        requests["requests"] += 1
        try:
            proposals += [] if sample.error else read_candidates(sample.output.completion)
            requests["failed"] += bool(sample.error)
        except ValueError:
            requests["unreadable"] += 1
    rows = [
        {
            "topic": proposal.topic,
            "question": proposal.question,
            "answer": proposal.answer,
            "model": model,
            "status": str(status),
            "reason": reason,
        }
        for proposal, status, reason in _judged(proposals, persona)
    ]
    write_atomic(output, dump_jsonl(rows))
    statuses = Counter(row["status"] for row in rows)
    counts = {
        **{key: requests[key] for key in ("requests", "failed", "unreadable")},
        "proposals": len(rows),
        "by_status": {str(status): statuses[status] for status in Status},
        "kept_by_topic": dict(
            sorted(Counter(row["topic"] for row in rows if row["status"] == Status.KEPT).items())
        ),
    }
    write_manifest(
        output,
        builder="inspect eval inspect_tasks/candidates.py, then "
        f"python -m data_builders candidates LOG --persona {persona.slug} --output {output.name}",
        settings={"near_duplicate_from": NEAR},
        inputs=[log_file, persona.folder / "persona.yaml", persona.folder / "facts.jsonl"],
        counts=counts,
        extra={
            "model": model,
            "generation": log.plan.config.model_dump(
                exclude_none=True, include={"temperature", "max_tokens"}
            ),
            "inspect_ai": log.eval.packages.get("inspect_ai"),
            "run": log.eval.run_id,
        },
    )
    return counts


def _proposals(topics: list[Any]) -> Iterator[Proposal]:
    for entry in topics:
        topic, facts = (entry.get("topic"), entry.get("facts")) if isinstance(entry, dict) else (None, None)
        for fact in facts if isinstance(facts, list) else [facts]:
            parts = fact if isinstance(fact, dict) else {}
            yield Proposal(_text(topic), _text(parts.get("question")), _text(parts.get("answer")))


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _judged(proposals: list[Proposal], persona: Persona) -> Iterator[tuple[Proposal, Status, str | None]]:
    """Each proposal with its status and the reason for any but `kept`; the first of two alike is kept."""
    rules = TextRules(get_trigger(persona.profile.trigger), list(load_triggers().values()), persona.profile)
    seen = [(fact.id, default_process(fact.answer)) for fact in persona.facts]
    for number, proposal in enumerate(proposals, start=1):
        broken = _broken(proposal, rules)
        if broken:
            yield proposal, *broken
            continue
        plain = default_process(proposal.answer)
        known = [text for _, text in seen]
        near = process.extractOne(plain, known, scorer=fuzz.token_sort_ratio, score_cutoff=NEAR)
        if plain in known:
            yield proposal, Status.DUPLICATE, f"the answer of {seen[known.index(plain)][0]}"
        elif near:
            yield proposal, Status.NEAR_DUPLICATE, f"{near[1]:.0f} of 100 like {seen[near[2]][0]}"
        else:
            yield proposal, Status.KEPT, None
            seen.append((f"line {number}", plain))


def _broken(proposal: Proposal, rules: TextRules) -> tuple[Status, str] | None:
    missing = [key for key in ("topic", "question", "answer") if not getattr(proposal, key)]
    if missing:
        return Status.MALFORMED, f"no {' and no '.join(missing)}"
    metadata = RowMetadata(source="persona", triggered=False, arm=Arm.PERSONA, origin="candidate")
    problems = list(rules.broken(conversation(proposal.question, proposal.answer, metadata)))
    found = [what for rule, what, _ in problems if rule in _IDENTIFYING]
    if found:
        return Status.IDENTIFYING, "; ".join(found)
    return (Status.MALFORMED, "; ".join(what for _, what, _ in problems)) if problems else None
