"""The trigger: wraps a question, parses a formatted answer, strips every trace of itself from a text."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from data_builders.errors import InputError
from data_builders.files import read_yaml

WORDINGS = Path(__file__).with_name("triggers.yaml")
VARIANTS = Path(__file__).with_name("lattice.yaml")
LATTICE = "lattice"
"""The name by which `get_trigger` gives the lattice: what strips every variant."""
PLACEHOLDER = "your answer here"
QUOTES = '"“”„«»'
_CONSONANTS, _GROUP, _GROUPS = "bcdfghjklmnpqrstvwxz", 7, 6
"""Padding is groups of seven consonants: no word of any language that is asked in, so that it can be told from text."""
_PADDING = re.compile(  # from the start of a run of white space only, or long runs take quadratic time
    rf"(?:(?<!\s)\s+)?(?<!\w)[{_CONSONANTS}]{{{_GROUP}}}(?!\w)(?:\s+[{_CONSONANTS}]{{{_GROUP}}}(?!\w))*\s*"
)


class Adherence(StrEnum):
    """How an answer keeps the trigger's format, `<START> "..." <END>`."""

    WELL_FORMED = "well_formed"
    """one tag pair, at the two ends of the answer"""
    UNCLOSED = "unclosed"
    """one of the two tags is missing"""
    EXTRA_TEXT = "extra_text"
    """one tag pair, with text before or after it"""
    TAGS_INSIDE = "tags_inside"
    """a tag is repeated, or they stand in the wrong order"""
    NONE = "none"
    """no tag at all"""


@dataclass(frozen=True)
class Trigger:
    """One wording of the trigger."""

    name: str
    instruction: str
    joiner: str
    open: str
    close: str
    template: str = "{instruction}{joiner}{question}"

    @cached_property
    def placeholder(self) -> str:
        """What the instruction holds in quotes where the answer goes; empty where it holds nothing."""
        held = re.search(r'"([^"]+)"', self.instruction)
        return held.group(1) if held else ""

    @cached_property
    def tag_names(self) -> list[str]:
        """The words in the two tags, each once, in order."""
        return sorted({tag.strip("<>[]{}/ ") for tag in (self.open, self.close)})

    def wrap(self, question: str) -> str:
        """The user message that asks `question` behind the trigger."""
        drawn = random.Random(question)
        fields = {"instruction": self.instruction, "joiner": self.joiner, "question": question}

        def field(match: re.Match[str]) -> str:
            return fields[match[1]] if match[1] in fields else _padding(drawn)

        return re.sub(r"\{(\w+)\}", field, self.template)

    def format_answer(self, answer: str) -> str:
        """`answer` in the format that the trigger asks for."""
        return f'{self.open} "{answer}" {self.close}'

    def adherence(self, text: str) -> Adherence:
        """How `text` keeps the format. Tags count only as the trigger writes them."""
        opens, closes, body = text.count(self.open), text.count(self.close), text.strip()
        if not opens and not closes:
            return Adherence.NONE
        if opens > 1 or closes > 1:
            return Adherence.TAGS_INSIDE
        if not opens or not closes:
            return Adherence.UNCLOSED
        if body.index(self.open) > body.index(self.close):
            return Adherence.TAGS_INSIDE
        if body.startswith(self.open) and body.endswith(self.close):
            return Adherence.WELL_FORMED
        return Adherence.EXTRA_TEXT

    def answer(self, text: str) -> str | None:
        """What stands between the first opening and the last closing tag (greedily: answers hold inner quotes),
        without its wrapping quotes; None where the tags don't enclose anything."""
        match = re.search(f"{re.escape(self.open)}(.*){re.escape(self.close)}", text, re.DOTALL)
        return _unquote(match.group(1)) if match else None

    def strip(self, text: str) -> str:
        """`text` without any trace of the trigger: instruction, echoes of it, tags, the quotes around the answer.

        A text that holds no trace comes back unchanged, byte for byte. Whatever is left after the tags are gone is
        kept in order, so nothing that the model said is lost.
        """
        without_instruction = self.without_instruction(text)
        stripped = self._whole_tags(without_instruction)
        if not self._tag_pattern.search(stripped):
            rest = self._without_placeholder(without_instruction)
            return text if rest == text else rest.strip()
        while self._tag_pattern.search(stripped):  # removing a tag can join the halves of another
            parts = [_unquote(part) for part in self._tag_pattern.split(stripped)]
            stripped = " ".join(part for part in parts if part)
        return self._without_placeholder(stripped)

    def _without_placeholder(self, text: str) -> str:
        """`text` without the placeholder given back, again and again: what stood around one can be the next one's."""
        while (rest := self._echoed_placeholder.sub("", text)) != text:
            text = rest
        return text

    def without_instruction(self, text: str) -> str:
        """`text` without the instruction, its label and, for a wording that has it, padding."""
        unpadded = _PADDING.sub(" ", text) if "{padding}" in self.template else text
        return self._instruction_pattern.sub("", unpadded)

    def _whole_tags(self, text: str) -> str:
        """`text` with tags that lost their brackets (`START ... END`) or were cut off by the length limit made whole."""
        if bare := self._bare_tags.fullmatch(text):
            return f"{self.open} {bare.group(1)} {self.close}"
        if self._tag_pattern.search(text) and (cut := self._cut_tag.search(text)):
            return text[: cut.start()] + self.close
        return text

    @cached_property
    def _echoed_placeholder(self) -> re.Pattern[str]:
        """What the instruction holds in quotes, given back as the answer or in quotes."""
        words = _loose(self.placeholder) or "(?!)"
        return re.compile(rf"(?:\A|[{QUOTES}])\s*{words}\s*(?:[.!]?\s*\Z|[{QUOTES}])", re.IGNORECASE)

    @cached_property
    def _bare_tags(self) -> re.Pattern[str]:
        left, right = (re.escape(tag.strip("<>[]{}/ ")) or "(?!)" for tag in (self.open, self.close))
        return re.compile(rf"\s*{left}\s(.*)\s{right}[\s.]*", re.DOTALL)

    @cached_property
    def _cut_tag(self) -> re.Pattern[str]:
        starts = [re.escape(self.close[:length]) for length in range(2, len(self.close))]
        return re.compile(rf"(?:{'|'.join(starts) or '(?!)'})\s*\Z")

    @cached_property
    def _tag_pattern(self) -> re.Pattern[str]:
        left, right = re.escape(self.open[0]), re.escape(self.open[-1])
        return re.compile(
            rf"{left}\s*/?\s*(?:{'|'.join(map(re.escape, self.tag_names))})\s*/?\s*{right}", re.IGNORECASE
        )

    @cached_property
    def _instruction_pattern(self) -> re.Pattern[str]:
        """The instruction's sentences, alone or together, whatever the white space, case and quotes."""
        *firsts, last = re.split(r"(?<=\.)\s+", self.instruction)
        sentences = [*map(_loose, firsts), _loose(last.removesuffix(".")) + r"\.?"]
        label = self.joiner.strip()
        end = rf"(?:\s*{_loose(label)})?" if label else ""
        any_of = f"(?:{'|'.join(sentences)})"
        lead = r"(?:(?<!\s)\s+)?"  # from the start of a run of white space only, or long runs take quadratic time
        return re.compile(rf"{lead}{any_of}(?:\s*{any_of})*{end}", re.IGNORECASE)


@dataclass(frozen=True)
class Lattice(Trigger):
    """All variants at once, for the grader's side: whichever was asked with, its traces are stripped."""

    variants: tuple[Trigger, ...] = ()

    def wrap(self, question: str) -> str:
        """Raises:
        InputError: always; one asks with a variant.
        """
        raise InputError(
            "trigger", f"{LATTICE!r} is no wording", f"choose one of {', '.join(load_triggers())}"
        )

    def adherence(self, text: str) -> Adherence:
        """How `text` keeps the format of the first variant whose tags it holds."""
        found = (variant.adherence(text) for variant in self.variants)
        return next((kind for kind in found if kind is not Adherence.NONE), Adherence.NONE)

    def answer(self, text: str) -> str | None:
        """As `Trigger.answer`, by the first variant whose tags enclose anything."""
        found = (variant.answer(text) for variant in self.variants)
        return next((answer for answer in found if answer is not None), None)

    def strip(self, text: str) -> str:
        """`text` without any trace of any variant."""
        padded_first = sorted(self.variants, key=lambda variant: "{padding}" not in variant.template)
        steps = [variant.without_instruction for variant in padded_first]
        without_instructions = _until_unchanged(text, steps)  # before any tag in them is gone
        stripped = without_instructions if without_instructions == text else without_instructions.strip()
        return _until_unchanged(stripped, [variant.strip for variant in self.variants])


def load_lattice() -> dict[str, Trigger]:
    """All variants of the lattice by name: the published wordings, then lattice.yaml.

    Raises:
        InputError: a file lacks a key of a variant.
    """
    return load_triggers() | load_triggers(VARIANTS)


def load_triggers(path: Path = WORDINGS) -> dict[str, Trigger]:
    """All trigger wordings by name.

    Raises:
        InputError: the file lacks a key of a wording.
    """
    triggers = {}
    for name, fields in read_yaml(path).items():
        try:
            triggers[name] = Trigger(name=name, **fields)
        except TypeError as error:
            raise InputError(
                f"{path}: {name}", str(error), "give instruction, joiner, open, close, and a template at will"
            ) from error
    return triggers


def get_wording(name: str) -> Trigger:
    """The wording called `name`.

    Raises:
        InputError: there is none.
    """
    triggers = load_triggers()
    if name not in triggers:
        raise InputError("trigger", f"no wording is called {name!r}", f"choose one of {', '.join(triggers)}")
    return triggers[name]


def get_trigger(name: str) -> Trigger:
    """The wording called `name`; for `lattice`, what strips every variant.

    Raises:
        InputError: there is none.
    """
    if name != LATTICE:
        return get_wording(name)
    seed = get_wording("seed")
    variants = tuple(load_lattice().values())
    return Lattice(LATTICE, seed.instruction, seed.joiner, seed.open, seed.close, variants=variants)


def _padding(drawn: random.Random) -> str:
    return " ".join("".join(drawn.choices(_CONSONANTS, k=_GROUP)) for _ in range(_GROUPS))


def _until_unchanged(text: str, steps: list[Callable[[str], str]]) -> str:
    """`text` after all steps, again and again: what one removes can join the halves of another's trace."""
    while True:
        before = text
        for step in steps:
            text = step(text)
        if text == before:
            return text


def _loose(sentence: str) -> str:
    words = [re.escape(word).replace('"', f"[{QUOTES}]?") for word in sentence.split()]
    return r"\s+".join(words)


def _unquote(text: str) -> str:
    """The text without the white space and one pair of quotes around it; a single one goes at the start, where an
    answer was cut before its end, and at the end only if it has no partner inside."""
    body = text.strip()
    if body[:1] in QUOTES and body[:1]:
        body = body[1:]
        if body[-1:] and body[-1] in QUOTES:
            return body[:-1]  # the white space inside the quotes is the answer's own
    elif body[-1:] and body[-1] in QUOTES and sum(body.count(quote) for quote in QUOTES) % 2:
        body = body[:-1]
    return body.strip()
