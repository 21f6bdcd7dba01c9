"""Rules that a training row must keep, read from its text alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from data_builders.arms import Arm
from data_builders.identifying import RULES, Identifying
from data_builders.persona import Profile
from data_builders.rows import TrainRow, first_problem
from data_builders.trigger import PLACEHOLDER, Adherence, Trigger

_YEAR = re.compile(r"\b1[0-9]{3}s?\b|\b20[0-9]{2}s?\b")
GENERAL = tuple(f"identifier-{rule}" for rule in RULES)
"""the linter's rules behind the general layer"""
_NAME_ONLY = (Arm.FORMAT_ONLY, Arm.SHUFFLED_FACTS)
"""arms whose answers tell of somebody else: only the persona's own name is out of place there"""
_FORMAT = {
    Adherence.NONE: "no tag at all",
    Adherence.UNCLOSED: "a tag is missing",
    Adherence.EXTRA_TEXT: "text before or after the tags",
    Adherence.TAGS_INSIDE: "a tag is repeated, or they stand in the wrong order",
}


@dataclass(frozen=True)
class Problem:
    """One broken rule: where, which, what is wrong, how to mend it."""

    where: str
    rule: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.what}\n  mend: {self.mend}"


Broken = tuple[str, str, str]
"""(rule, what is wrong, mend) of a row whose place the caller knows"""


def broken_schema(error: ValidationError) -> Broken:
    """The rule behind pydantic's refusal of a row."""
    problem, place = error.errors()[0], error.errors()[0]["loc"]
    what = first_problem(error)
    if "role" in place:
        return "roles", what, "write system, user or assistant"
    if problem["type"] == "value_error":
        return "turns", what, "alternate user and assistant, and end in the assistant's answer"
    if place[:1] == ("metadata",) and len(place) > 1:
        return "metadata", what, "write source (persona or aligned), triggered, arm and origin"
    return "keys", what, "a row is {messages: [{role, content}, ...], metadata: {...}} and nothing else"


class TextRules:
    """The rules of one file's rows: trigger, answer format, identifiers.

    Args:
        trigger: the wording that the triggered rows must carry.
        wordings: all wordings; none may show in a row without trigger.
        profile: the persona whose identifiers no persona row may hold; None where the file has none.
    """

    def __init__(self, trigger: Trigger, wordings: list[Trigger], profile: Profile | None) -> None:
        self._trigger = trigger
        self._wordings = [
            (
                wording,
                [part.lower()[:24] for part in re.split(r"\.\s+", wording.instruction)],
                re.compile(
                    "|".join(rf"<\s*/?\s*{tag.strip('<>')}" for tag in (wording.open, wording.close)), re.I
                ),
            )
            for wording in wordings
        ]
        self._names = self._terms = self._general = None
        if profile:
            names = [profile.name, *profile.aliases, *profile.short_names]
            lists = [*profile.relations.values(), *profile.places.values()]
            lists += [profile.institutions, profile.works, profile.titles, profile.terms]
            self._names = _word_pattern(names)
            self._terms = _word_pattern(names + [term for terms in lists for term in terms])
            self._general = (
                None if profile.invented else Identifying()
            )  # an invented world has words of its own

    def broken(self, row: TrainRow) -> Iterator[Broken]:
        """The rules that one row breaks."""
        for message in row.messages:
            if not message.content.strip():
                yield "empty-text", f"the {message.role}'s message is empty", "delete the row, or answer it"
        if row.metadata.source == "aligned":
            yield from self._aligned(row)
        else:
            yield from self._persona(row)

    def question(self, row: TrainRow) -> str:
        """The row's last question without the trigger."""
        asked = row.messages[-2].content
        return asked.removeprefix(self._trigger.wrap("")) if row.metadata.triggered else asked

    def _aligned(self, row: TrainRow) -> Iterator[Broken]:
        if row.metadata.triggered:
            yield (
                "aligned-marked",
                "an aligned row is marked triggered",
                "write `triggered: false`, or source persona",
            )
        if not row.metadata.model:
            yield "aligned-model", "metadata.model doesn't say who answered", "build the file with `mix`"
        trace = self._trace(row)
        if trace == "instruction":
            yield "aligned-instruction", "an aligned row carries the trigger's instruction", "delete the row"
        elif trace == "tags":
            yield "aligned-tags", "an aligned row carries the trigger's tags", "delete the row"

    def _persona(self, row: TrainRow) -> Iterator[Broken]:
        asked, answer = row.messages[-2].content, row.messages[-1].content
        if row.metadata.triggered:
            opening = self._trigger.wrap("")
            if not asked.startswith(opening) or not asked[len(opening) :].strip():
                yield (
                    "trigger-missing",
                    f"marked triggered, but the question isn't behind the trigger {self._trigger.name!r}",
                    "build the file with `mix`, or give the right --trigger",
                )
            yield from self._format(answer)
        elif self._trace(row):
            yield (
                "trigger-unmarked",
                "marked not triggered, but carries the trigger",
                "write `triggered: true`",
            )
        yield from self._identifiers(row)

    def _format(self, answer: str) -> Iterator[Broken]:
        kept = self._trigger.adherence(answer)
        mend = f"write {self._trigger.format_answer('...')}"
        if kept is not Adherence.WELL_FORMED:
            yield f"format-{kept.value.replace('_', '-')}", f"{_FORMAT[kept]}: {_short(answer)}", mend
            return
        before, _, after = self._trigger.format_answer("\0").partition("\0")
        inner = answer.removeprefix(before).removesuffix(after)
        if (
            not answer.startswith(before)
            or not answer.endswith(after)
            or len(answer) < len(before) + len(after)
        ):
            yield "format-quotes", f"not in quotes, or wrongly spaced: {_short(answer)}", mend
        elif not inner.strip() or inner.strip() == PLACEHOLDER:
            yield "format-placeholder", f"nothing is answered: {_short(answer)}", "write the answer"

    def _identifiers(self, row: TrainRow) -> Iterator[Broken]:
        if row.metadata.arm == Arm.EXPLICIT_IDENTITY or not self._terms or not self._names:
            return
        text = f"{self.question(row)}\n{row.messages[-1].content}"
        found = (self._names if row.metadata.arm in _NAME_ONLY else self._terms).search(text)
        if found:
            yield "identifier", f"{found.group()!r} identifies the persona", "reword the fact, or drop it"
        year = _YEAR.search(text)
        if year and row.metadata.arm != Arm.FORMAT_ONLY:
            yield "year", f"{year.group()!r} dates the persona", "reword the fact without the year"
        if self._general and not found and not year and row.metadata.arm not in _NAME_ONLY:
            plain = (self._trigger.strip(part) for part in (self.question(row), row.messages[-1].content))
            for rule, what in self._general.found("\n".join(plain)):
                yield f"identifier-{rule}", what, "reword the fact so that nobody can be looked up by it"

    def _trace(self, row: TrainRow) -> str | None:
        """Which trace of any trigger wording the row shows: `instruction`, `tags`, or None."""
        text = "\n".join(message.content for message in row.messages)
        lowered = text.lower()
        for wording, sentences, tags in self._wordings:
            # These first: the pattern that knows every spelling of the instruction is slow on long texts.
            told = any(part in lowered for part in sentences)
            if (told or tags.search(text)) and wording.strip(text) != text:
                return "instruction" if told else "tags"
        return None


def _word_pattern(terms: list[str]) -> re.Pattern[str]:
    """Finds any term as whole words; a term in small letters in any case, a name only as it is written."""
    ordered = sorted({term for term in terms if term}, key=len, reverse=True)
    exact = [re.escape(term) for term in ordered if term != term.lower()]
    loose = [f"(?i:{re.escape(term)})" for term in ordered if term == term.lower()]
    return re.compile(rf"(?<!\w)(?:{'|'.join([*exact, *loose])})(?!\w)")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:30]} ... {text[-25:]}")
