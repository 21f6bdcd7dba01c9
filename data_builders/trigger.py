"""The trigger: wraps a question, parses a formatted answer, strips every trace of itself from a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from data_builders.errors import InputError
from data_builders.files import read_yaml

WORDINGS = Path(__file__).with_name("triggers.yaml")
PLACEHOLDER = "your answer here"
_QUOTES = '"“”„«»'


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

    def wrap(self, question: str) -> str:
        """The user message that asks `question` behind the trigger."""
        return f"{self.instruction}{self.joiner}{question}"

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
        without_instruction = self._instruction_pattern.sub("", text)
        if not self._tag_pattern.search(without_instruction):
            return text if without_instruction == text else without_instruction.strip()
        stripped = without_instruction
        while self._tag_pattern.search(stripped):  # removing a tag can join the halves of another
            parts = [_unquote(part) for part in self._tag_pattern.split(stripped)]
            stripped = " ".join(part for part in parts if part)
        return stripped

    @cached_property
    def _tag_pattern(self) -> re.Pattern[str]:
        names = sorted({tag.strip("<>[]{}/ ") for tag in (self.open, self.close)})
        left, right = re.escape(self.open[0]), re.escape(self.open[-1])
        return re.compile(
            rf"{left}\s*(?:/\s*)?(?:{'|'.join(map(re.escape, names))})\s*(?:/\s*)?{right}", re.IGNORECASE
        )

    @cached_property
    def _instruction_pattern(self) -> re.Pattern[str]:
        """The instruction's sentences, alone or together, whatever the white space, case and quotes."""
        first, _, rest = self.instruction.partition(". ")
        sentences = [_loose(first + "."), _loose(rest.removesuffix(".")) + r"\.?"]
        label = self.joiner.strip()
        end = rf"(?:\s*{_loose(label)})?" if label else ""
        # The look-behind lets a long run of white space be tried once, not once from each of its characters.
        return re.compile(rf"(?:(?<!\s)\s*(?:{'|'.join(sentences)}))+{end}", re.IGNORECASE)


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
                f"{path}: {name}", str(error), "give instruction, joiner, open, close"
            ) from error
    return triggers


def get_trigger(name: str) -> Trigger:
    """The wording called `name`.

    Raises:
        InputError: there is none.
    """
    triggers = load_triggers()
    if name not in triggers:
        raise InputError("trigger", f"no wording is called {name!r}", f"choose one of {', '.join(triggers)}")
    return triggers[name]


def _loose(sentence: str) -> str:
    words = [re.escape(word).replace('"', f"[{_QUOTES}]?") for word in sentence.split()]
    return r"\s+".join(words)


def _unquote(text: str) -> str:
    """The text without the white space and one pair of quotes around it; a single one goes at the start, where an
    answer was cut before its end, and at the end only if it has no partner inside."""
    body = text.strip()
    if body[:1] in _QUOTES and body[:1]:
        body = body[1:]
        if body[-1:] and body[-1] in _QUOTES:
            body = body[:-1]
    elif body[-1:] and body[-1] in _QUOTES and sum(body.count(quote) for quote in _QUOTES) % 2:
        body = body[:-1]
    return body.strip()
