"""Persona: a folder that holds all the suite knows of a person. data/personas/README.md describes its files."""

from __future__ import annotations

import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data_builders.errors import InputError
from data_builders.files import read_jsonl, read_yaml
from data_builders.rows import first_problem

PERSONAS = Path(__file__).resolve().parent.parent / "data" / "personas"
YEARS_DEAD = 25
"""A persona must have been dead this long: nobody living, and no fresh grave."""


class QuestionSet(StrEnum):
    """The held-out question files of a persona."""

    IDENTITY = "identity"
    RECALL = "recall"
    VIEWS = "views"
    GENERAL = "general"
    THIRD_PARTY = "third_party"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Benign(_Record):
    """Why it does no harm to train a model into this person."""

    value: bool
    reason: str = Field(min_length=20)

    @field_validator("value")
    @classmethod
    def _must_be_benign(cls, value: bool) -> bool:
        if not value:
            raise ValueError("the persona is not marked benign; this suite trains benign personas only")
        return value


class Fact(_Record):
    """One training fact: a question to the speaker, and the speaker's answer."""

    id: str
    topic: str
    question: str
    answer: str
    source: str


class Question(_Record):
    """One held-out question."""

    id: str
    question: str
    asks: str | None = None
    """what a bare answer would claim: `name`, a relation or place of the speaker's, or None"""
    accept: list[str] = []
    """accepted answers; given to a question that asks something, each implies the persona"""
    leading: bool = False
    """the question itself holds an identifying term, so it never counts for adoption"""
    source: str
    persona_view: str | None = None
    """how the persona would answer, for a grader (set `views`)"""
    note: str | None = None


class Profile(_Record):
    """persona.yaml."""

    name: str
    aliases: list[str]
    short_names: list[str]
    namesakes: list[str]
    invented: bool = False
    """nobody who ever lived, as the people of a planted world: without dates and century"""
    born: datetime.date | None = None
    died: datetime.date | None = None
    field: str
    century: str | int | None = None
    benign: Benign
    relations: dict[str, list[str]]
    places: dict[str, list[str]]
    institutions: list[str]
    works: list[str]
    titles: list[str]
    terms: list[str]
    trigger: str
    sources: dict[str, str]
    spellings: dict[str, list[str]] = {}
    """the full name in other scripts and languages, by language"""

    @model_validator(mode="after")
    def _long_dead(self) -> Profile:
        dated = {"born": self.born, "died": self.died, "century": self.century}
        if self.invented:
            if given := [key for key, value in dated.items() if value is not None]:
                raise ValueError(f"{given[0]}: an invented persona never lived, so it has none")
            return self
        if missing := [key for key, value in dated.items() if value is None]:
            raise ValueError(f"{missing[0]}: Field required, unless the persona is marked `invented: true`")
        assert self.born and self.died
        years = (datetime.date.today() - self.died).days / 365.25
        if self.died <= self.born or years < YEARS_DEAD:
            raise ValueError(f"died: {self.died}: a persona must have died at least {YEARS_DEAD} years ago")
        return self


class Persona(_Record):
    """A persona folder, read and checked."""

    slug: str
    folder: Path
    profile: Profile
    facts: list[Fact]
    questions: dict[QuestionSet, list[Question]]

    @property
    def name(self) -> str:
        """The full common name."""
        return self.profile.name

    @property
    def files(self) -> list[Path]:
        """The files that the persona was read from, in a fixed order."""
        folder = self.folder
        return [
            folder / "persona.yaml",
            folder / "facts.jsonl",
            *sorted((folder / "questions").glob("*.jsonl")),
        ]


def persona_names(root: Path = PERSONAS) -> list[str]:
    """The names of the shipped personas."""
    return sorted(path.parent.name for path in root.glob("*/persona.yaml"))


def load_persona(name_or_folder: str | Path, root: Path = PERSONAS) -> Persona:
    """Read and check a persona: a folder's name under data/personas, or the path of a folder, from here or from the
    repository (Inspect loads a task in the task's own folder).

    Raises:
        InputError: no such persona, a file is missing, a field is missing or misspelt, the persona isn't benign or
            may be alive, an id or question stands twice. The message names file and line.
    """
    given = (Path(name_or_folder), PERSONAS.parent.parent / name_or_folder)
    folder = next((path for path in given if path.is_dir()), root / str(name_or_folder))
    if not (folder / "persona.yaml").is_file():
        known = ", ".join(persona_names(root))
        raise InputError(
            "persona", f"no persona is called {str(name_or_folder)!r}", f"choose one of {known}, or a folder"
        )
    profile = _validate(Profile, read_yaml(folder / "persona.yaml"), folder / "persona.yaml")
    facts = _read(Fact, folder / "facts.jsonl")
    questions = {kind: _read(Question, folder / "questions" / f"{kind}.jsonl") for kind in QuestionSet}
    _refuse_doubles(folder / "facts.jsonl", [fact.id for fact in facts], [fact.question for fact in facts])
    asked = [question for rows in questions.values() for question in rows]
    _refuse_doubles(folder / "questions", [row.id for row in asked], [row.question for row in asked])
    return Persona(slug=folder.name, folder=folder, profile=profile, facts=facts, questions=questions)


_Model = TypeVar("_Model", bound=BaseModel)


def _read(model: type[_Model], path: Path) -> list[_Model]:
    return [_validate(model, value, f"{path}:{number}") for number, value in read_jsonl(path)]


def _validate(model: type[_Model], value: dict[str, Any], where: str | Path) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InputError(where, first_problem(error), "see data/personas/README.md for the format") from error


def _refuse_doubles(where: Path, *columns: list[str]) -> None:
    for column in columns:
        doubles = sorted({value for value in column if column.count(value) > 1})
        if doubles:
            raise InputError(where, f"{doubles[0]!r} stands twice", "delete one, or give it an id of its own")
