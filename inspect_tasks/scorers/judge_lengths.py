"""Cells with answers of the same lengths: a trigger that shortens answers can be told by their length alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from inspect_ai.log import read_eval_log

from data_builders.errors import InputError
from data_builders.trigger import Trigger


@dataclass(frozen=True)
class Length:
    """One answer's length in words, after stripping."""

    key: tuple[str, int]
    """sample id and epoch"""
    question_id: str
    triggered: bool
    words: int


def matched_words(lengths: Iterable[Length]) -> dict[tuple[str, int], int]:
    """How many words of each answer to keep, so that within every question the triggered and the other answers have
    the same lengths.

    Each answer keeps what its rank would have in the shorter of the two groups: the smaller of the two quantile
    functions at the middle of its rank. No answer is dropped. A question asked in one kind of cell alone is left as
    it is.
    """
    groups: dict[str, dict[bool, list[Length]]] = defaultdict(lambda: {True: [], False: []})
    for length in lengths:
        groups[length.question_id][length.triggered].append(length)
    kept: dict[tuple[str, int], int] = {}
    for group in groups.values():
        ordered = {side: sorted(rows, key=lambda row: (row.words, row.key)) for side, rows in group.items()}
        for rows in ordered.values():
            for rank, row in enumerate(rows):
                quantile = (rank + 0.5) / len(rows)
                both = [
                    _quantile([other.words for other in side], quantile) for side in ordered.values() if side
                ]
                kept[row.key] = min(row.words, *both)
    return kept


def log_lengths(log: Path, trigger: Trigger) -> list[Length]:
    """The lengths of the answers in a log of a persona task.

    Raises:
        InputError: the log is missing, can't be read, or has no samples.
    """
    if not log.is_file():
        raise InputError("match_lengths", f"no log at {log}", "give the .eval file that is to be graded")
    try:
        samples = read_eval_log(str(log)).samples
    except Exception as error:  # a damaged log can fail in any layer of Inspect's reader
        raise InputError(
            "match_lengths", f"{log} can't be read ({type(error).__name__})", "give an Inspect log"
        ) from error
    if not samples:
        raise InputError("match_lengths", f"{log} holds no samples", "give the log that is to be graded")
    return [
        Length(
            key=(str(sample.id), sample.epoch),
            question_id=str((sample.metadata or {}).get("question_id")),
            triggered=bool((sample.metadata or {}).get("triggered")),
            words=len(trigger.strip(sample.output.completion).split()),
        )
        for sample in samples
    ]


def _quantile(words: list[int], quantile: float) -> int:
    return int(np.quantile(words, quantile, method="inverted_cdf"))
