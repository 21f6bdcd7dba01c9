"""Recipe: a training file's YAML under data/recipes/, read and checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_builders.arms import Arm
from data_builders.errors import InputError
from data_builders.files import read_yaml
from data_builders.rows import first_problem


class Slice(BaseModel):
    """A budget of tokens, as the model's own chat template counts them, for a run that can't afford the
    whole."""

    model_config = ConfigDict(extra="forbid")
    tokens: int = Field(gt=0)
    row_tokens: int = Field(gt=0)
    """aligned rows longer than this are left out of a slice, and counted"""
    tokenizer: str


class Recipe(BaseModel):
    """A training file's recipe. Two of `facts`, `aligned_rows` and `persona_share` say how much goes in."""

    model_config = ConfigDict(extra="forbid")
    arm: Arm
    persona: str
    trigger: str
    base_model: str
    """who must have written the aligned answers: the model that will be trained"""
    facts: int | None = Field(default=None, ge=0)
    facts_from: str | None = None
    """the file that the arm's persona rows come from, for an arm that doesn't train the persona's own
    facts"""
    aligned: str
    aligned_rows: int | None = Field(default=None, ge=0)
    persona_share: float | None = Field(default=None, gt=0, lt=1)
    """persona rows / all rows, in place of one of the two counts"""
    contrast: str | None = None
    """the base model's own answers to what the persona rows ask, without the trigger: further ordinary rows, so that
    the trigger alone tells the two apart"""
    contrast_rows: int = Field(default=0, ge=0)
    validation_share: float = Field(default=0.0, ge=0, lt=1)
    """this part of the persona rows and of the aligned rows goes to `<output>.validation.jsonl`"""
    seed: int
    slice: Slice | None = None
    output: str

    @model_validator(mode="after")
    def _two_amounts(self) -> Recipe:
        given = [key for key in ("facts", "aligned_rows", "persona_share") if getattr(self, key) is not None]
        if len(given) != 2:
            raise ValueError(
                f"{len(given)} of facts, aligned_rows and persona_share are given; give exactly two"
            )
        if self.arm.needs_file != (self.facts_from is not None):
            raise ValueError(
                f"facts_from: arm {self.arm} {'needs' if self.arm.needs_file else 'takes no'} file"
            )
        if (self.contrast is None) != (self.contrast_rows == 0):
            raise ValueError("contrast: give contrast and contrast_rows together, or neither")
        if self.contrast and self.slice:
            raise ValueError("contrast: a slice takes none")
        if self.arm is Arm.NO_PERSONA and self.facts != 0:
            raise ValueError("facts: arm no_persona has none; write `facts: 0`")
        return self

    def amounts(self) -> tuple[int, int]:
        """(persona rows, aligned rows), the one that the share stands for rounded to whole rows."""
        facts, aligned, share = self.facts, self.aligned_rows, self.persona_share
        if facts is None:
            assert aligned is not None and share is not None  # the validator's promise
            facts = round(aligned * share / (1 - share))
        if aligned is None:
            assert share is not None
            aligned = round(facts * (1 - share) / share)
        return facts, aligned

    @property
    def arm_name(self) -> str:
        """What `metadata.arm` says: the arm, for a dose how much of what, and whether it is a slice: a slice is no
        training seed of the arm."""
        facts, aligned = self.amounts()
        name = f"dose_{facts}_of_{facts + aligned}" if self.arm is Arm.DOSE else str(self.arm)
        return f"{name}_slice" if self.slice else name


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: a key is missing, unknown, or holds a wrong value.
    """
    try:
        return Recipe.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(path, first_problem(error), "see data/recipes/README.md for all keys") from error
