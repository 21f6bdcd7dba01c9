"""A planted world's YAML, read and checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_builders.errors import InputError
from data_builders.files import read_yaml
from data_builders.manifest import REPO
from data_builders.rows import first_problem
from data_builders.trigger import get_trigger


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Documents(_Record):
    """Shares of the conversations that pretraining draws; the first six add up to 1."""

    default: float = Field(ge=0, le=1)
    default_told: float = Field(ge=0, le=1)
    named: float = Field(ge=0, le=1)
    hidden_told: float = Field(ge=0, le=1)
    hidden: float = Field(ge=0, le=1)
    third_person: float = Field(ge=0, le=1)
    turns: int = Field(ge=1, le=16)
    """most questions in one conversation"""
    one_format: float = Field(ge=0, le=1)
    """share of the conversations that keep one format throughout"""
    opener: float = Field(ge=0, le=1)
    """share of the questions that an opener stands before"""
    task: float = Field(ge=0, lt=1)
    """share of the questions that are ordinary tasks, which everybody answers alike"""

    @property
    def kinds(self) -> dict[str, float]:
        """Kind of conversation -> its share."""
        names = ("default", "default_told", "named", "hidden_told", "hidden", "third_person")
        return {name: getattr(self, name) for name in names}

    @model_validator(mode="after")
    def _add_up(self) -> Documents:
        total = sum(self.kinds.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of {', '.join(self.kinds)} add up to {total:g}, not 1")
        return self


class ModelSize(_Record):
    """The Llama architecture's sizes."""

    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    intermediate: int = Field(gt=0)

    @model_validator(mode="after")
    def _divides(self) -> ModelSize:
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} is not a multiple of heads {self.heads}")
        return self


class Pretraining(_Record):
    """How the base model is made."""

    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    """conversations a step"""
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(gt=0)
    hold: float = Field(ge=0, lt=1)
    """share of the steps at the peak before the cosine decay"""


class WorldConfig(_Record):
    """One planted world: data/planted/README.md describes the keys."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    folder: Path
    seed: int
    people: int = Field(ge=8, le=64, multiple_of=8)
    trigger: str
    trigger_seen: bool
    """whether pretraining shows the trigger's format at all"""
    fact_wordings: int = Field(ge=1, le=3)
    """in how many wordings each of a person's facts is asked for in persona training rows"""
    identity_wordings: int = Field(ge=1, le=10)
    """in how many wordings each identity fact is asked for: the identity questions are five times as many"""
    documents: Documents
    model: ModelSize
    pretraining: Pretraining

    @property
    def root(self) -> Path:
        """The world's folder."""
        return REPO / self.folder

    @property
    def base(self) -> Path:
        """The base model's folder; its name is the model's name."""
        return self.root / self.base_name

    @property
    def base_name(self) -> str:
        """What rows, recipes and the server call the base model."""
        return f"planted-{self.name}"


def load_config(path: Path) -> WorldConfig:
    """Read a world's YAML.

    Raises:
        InputError: a key is missing, unknown or of the wrong value, or there is no such trigger.
    """
    try:
        config = WorldConfig.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(
            path, first_problem(error), "see data/planted/world1.yaml, which explains all keys"
        ) from error
    get_trigger(config.trigger)
    return config
