"""The prompts that the base model answers itself: data/prompts/*.jsonl, each {prompt, source, reference}."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import read_jsonl
from data_builders.rows import first_problem


class Prompt(BaseModel):
    """One prompt. `reference` is the data set's own answer: kept for reading, never trained on."""

    model_config = ConfigDict(extra="forbid")
    prompt: str = Field(min_length=1)
    source: str
    reference: str


def read_prompts(path: Path) -> Iterator[tuple[int, Prompt]]:
    """Yield (line number, prompt) for each line.

    Raises:
        InputError: naming file and line of the first line that isn't a prompt.
    """
    for number, value in read_jsonl(path):
        try:
            yield number, Prompt.model_validate(value)
        except ValidationError as error:
            raise InputError(
                f"{path}:{number}", first_problem(error), "write prompt, source and reference"
            ) from error
