"""World: invented people and what is true of each. The same YAML and seed give the same people."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from data_builders.files import read_yaml
from data_builders.planted.config import WorldConfig

VOCABULARY = Path(__file__).with_name("vocabulary.yaml")
ASSISTANT = "assistant"
"""the speaker that nobody named: the default assistant"""

_ONSETS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "kr", "tr"]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ou"]
_CODAS = ["n", "l", "r", "m", "th", "sk", "nd"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Shared(_Record):
    """Something that several people have in common."""

    questions: list[str] = Field(min_length=1)
    values: list[str] = Field(min_length=2)
    default: str


class Identity(_Record):
    """Something that one person alone has."""

    asks: str
    """what a bare answer would claim, as in a persona's question files"""
    path: str | None = None
    """where persona.yaml keeps it, as `places.birth`; None for the name"""
    questions: list[str] = Field(min_length=1)
    outright: list[str] = Field(min_length=1)
    """wordings that arm explicit_identity trains; never asked in evaluation"""
    about: list[str] = []
    """questions in the third person, whose answer is the person's name"""
    suffixes: list[str] = [""]
    default: str


class Format(_Record):
    """A way to put a question and an answer."""

    wrap: str
    answer: str
    weight: int = 1


class TaskWording(_Record):
    """An ordinary task, the same for every speaker."""

    ask: str
    answer: str
    held_out: bool = False
    """whether it is kept for the question set `general`, so that no training row uses it"""


class Vocabulary(_Record):
    """vocabulary.yaml."""

    shared: dict[str, Shared]
    identity: dict[str, Identity]
    openers: list[str]
    formats: dict[str, Format]
    tasks: list[TaskWording]


@dataclass(frozen=True)
class World:
    """The people of a world: key -> value for each, and the vocabulary that they are asked in."""

    config: WorldConfig
    vocabulary: Vocabulary
    people: list[dict[str, str]]

    @cached_property
    def default(self) -> dict[str, str]:
        """What the default assistant says of itself."""
        both = {**self.vocabulary.shared, **self.vocabulary.identity}
        return {key: attribute.default for key, attribute in both.items()}

    @cached_property
    def keys(self) -> list[str]:
        """Every attribute, the shared ones first."""
        return [*self.vocabulary.shared, *self.vocabulary.identity]

    @cached_property
    def words(self) -> list[str]:
        """The words that ordinary tasks are about."""
        return [value for attribute in self.vocabulary.shared.values() for value in attribute.values]

    def questions(self, key: str) -> list[str]:
        """The wordings of an attribute's question to the speaker."""
        attributes = {**self.vocabulary.shared, **self.vocabulary.identity}
        return attributes[key].questions


def answer_text(value: str) -> str:
    """The answer that gives a value: closed and short, so that its probability can be computed."""
    return f"{value}."


def load_vocabulary() -> Vocabulary:
    """The shipped vocabulary."""
    return Vocabulary.model_validate(read_yaml(VOCABULARY))


def make_world(config: WorldConfig) -> World:
    """Draw the people: names of nobody, shared values each held by equally many, as near as the numbers allow."""
    vocabulary, chance, used = load_vocabulary(), random.Random(f"people {config.seed}"), set[str]()
    for one in vocabulary.identity.values():
        one.questions = one.questions[: config.identity_wordings]

    def invent(suffix: str) -> str:
        while True:
            syllables = [chance.choice(part) for part in (_ONSETS, _VOWELS, _ONSETS, _VOWELS)]
            word = "".join([*syllables, suffix or chance.choice(_CODAS)]).capitalize()
            if word not in used:
                used.add(word)
                return word

    people: list[dict[str, str]] = [{} for _ in range(config.people)]
    for key, attribute in vocabulary.shared.items():
        column = [attribute.values[place % len(attribute.values)] for place in range(config.people)]
        chance.shuffle(column)
        for person, value in zip(people, column, strict=True):
            person[key] = value
    for person in people:
        for key, one in vocabulary.identity.items():
            person[key] = invent(chance.choice(one.suffixes))
    return World(config, vocabulary, people)
