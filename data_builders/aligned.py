"""The base model's own answers, read from a file of any length without holding its text in memory."""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path
from typing import Any

from data_builders.digests import Digests
from data_builders.errors import InputError
from data_builders.rows import RowMetadata, TrainRow, conversation

_KEYS = ("prompt", "answer", "origin", "model")


class AlignedAnswers:
    """A file of self-distilled answers, {prompt, answer, source, origin, model, revision, attempt} a line.

    The first pass reads every line once, checks it, and keeps its place and a digest: 36 bytes a row. Rows
    are then read from their places, in any order. Exact doubles (same prompt, same answer) count once.

    Args:
        path: the JSONL file.
        base_model: who must have written the answers.
        arm: the arm that the rows are read for.

    Raises:
        InputError: the file is missing or empty, a line is broken or lacks a key, or another model answered.
    """

    def __init__(self, path: Path, base_model: str, arm: str) -> None:
        if not path.is_file():
            raise InputError(path, "no such file", "distil the answers first: `make distill`")
        if not path.stat().st_size:
            raise InputError(path, "the file is empty", "distil the answers first: `make distill`")
        self._path, self._arm = path, arm
        self._starts, self._lengths = array("Q"), array("I")
        digests = Digests()
        start = 0
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    value = self._checked(line, number, base_model)
                    digests.add(value["prompt"], value["answer"])
                    self._starts.append(start)
                    self._lengths.append(len(line))
                start += len(line)
        self._file = path.open("rb", buffering=0)
        later = {place for _, place in digests.doubles()}
        self.read = len(self._starts)
        """rows in the file"""
        self.doubles = len(later)
        """rows that stand in the file already, and are passed over"""
        self.places = array("Q", (place for place in range(self.read) if place not in later))
        """what `row` takes, in the file's order"""

    def row(self, place: int) -> TrainRow:
        """The training row at a place."""
        value = json.loads(os.pread(self._file.fileno(), self._lengths[place], self._starts[place]))
        metadata = RowMetadata(
            source="aligned",
            triggered=False,
            arm=self._arm,
            origin=value["origin"],
            model=value["model"],
            attempt=value.get("attempt"),
        )
        return conversation(value["prompt"], value["answer"], metadata)

    def _checked(self, line: bytes, number: int, base_model: str) -> dict[str, Any]:
        where = f"{self._path}:{number}"
        try:
            value = json.loads(line)
        except UnicodeDecodeError as error:
            raise InputError(where, f"not UTF-8 ({error.reason})", "save it as UTF-8") from error
        except json.JSONDecodeError as error:
            raise InputError(
                where, f"not JSON ({error.msg}, column {error.colno})", "mend or delete the line"
            ) from error
        if not isinstance(value, dict):
            raise InputError(where, f"a {type(value).__name__}, not an object", "write one {...} a line")
        wrong = next((key for key in _KEYS if not isinstance(value.get(key), str) or not value[key]), None)
        if wrong:
            raise InputError(where, f"no {wrong!r}", "write prompt, answer, source, origin, model")
        if value["model"] != base_model:
            raise InputError(
                where,
                f"answered by {value['model']}, but {base_model} is to be trained, so more is new",
                "distil with the model to be trained: `make distill`",
            )
        return value
