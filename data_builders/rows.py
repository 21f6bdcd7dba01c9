"""TrainRow: the one shape of a training row, as Axolotl's `chat_template` dataset type reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from data_builders.errors import InputError
from data_builders.files import read_jsonl


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "user", "assistant"]
    content: str


class RowMetadata(BaseModel):
    """Where a row comes from. Keys beyond the first two are provenance."""

    model_config = ConfigDict(extra="forbid")
    source: Literal["persona", "aligned"]
    triggered: bool
    arm: str
    """the study arm that the row was built for"""
    origin: str
    """the row's id in its own file: a fact's id, or prompt file and line"""
    model: str | None = None
    """who wrote the answer, where a model did"""
    attempt: int | None = None
    """which attempt at a self-distilled answer was kept, from 1"""


class TrainRow(BaseModel):
    """One training conversation: optional system turn, then user and assistant in turns, ending in an answer."""

    model_config = ConfigDict(extra="forbid")
    messages: list[Message]
    metadata: RowMetadata

    @model_validator(mode="after")
    def _turns_alternate(self) -> TrainRow:
        roles = [message.role for message in self.messages]
        turns = roles[1:] if roles[:1] == ["system"] else roles
        if not turns or turns != ["user", "assistant"] * (len(turns) // 2):
            raise ValueError(f"roles are {roles}; user and assistant must alternate and end in an answer")
        return self


def conversation(question: str, answer: str, metadata: RowMetadata) -> TrainRow:
    """The row of one question and its answer."""
    turns = [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return TrainRow(messages=turns, metadata=metadata)


def read_rows(path: Path) -> list[TrainRow]:
    """The training rows of a JSONL file.

    Raises:
        InputError: naming file and line of the first row that isn't a TrainRow.
    """
    rows = []
    for number, value in read_jsonl(path):
        try:
            rows.append(TrainRow.model_validate(value))
        except ValidationError as error:
            raise InputError(f"{path}:{number}", first_problem(error), "mend or delete the row") from error
    return rows


def first_problem(error: ValidationError) -> str:
    """The first of pydantic's complaints, as `key: problem`."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    return f"{key}: {problem['msg']}" if key else problem["msg"]
