"""Grades of tasks that another scorer than `adoption` graded: one 0/1 number an answer, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

MEASURES = ("recalled", "refused", "correct")
"""Keys of a score's mapping that are a task's own measure, in this order; else the mapping's first key."""
LETTERS = {"C": 1.0, "P": 0.5, "N": 0.0, "I": 0.0}
"""Inspect's letters: correct, partly, no answer, incorrect."""


def with_grades(read: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns scorer, measure, grade (in [0, 1], NaN where there is none), text and reason in
    place of `scores`, Inspect's JSON of all scores of a sample.

    A mapping is read by its key in `MEASURES`, a letter as Inspect means it, a number as it is and called
    correct. Of several scorers the first with a grade counts.
    """
    found = [_first(scores) for scores in read["scores"]]
    return read.drop(columns="scores").assign(**{key: [one[key] for one in found] for key in _NONE})


_NONE: dict[str, Any] = {
    "scorer": "",
    "measure": "",
    "grade": float("nan"),
    "text": None,
    "adherence": None,
    "reason": None,
}


def _first(scores: Any) -> dict[str, Any]:
    parsed = json.loads(scores) if isinstance(scores, str) and scores else {}
    first = None
    for scorer, score in parsed.items():
        measure, grade = _grade(score.get("value"))
        about = score.get("metadata") or {}
        one = _NONE | {
            "scorer": scorer.rpartition("/")[2],
            "measure": measure,
            "grade": grade,
            "text": about.get("text", score.get("answer")),
            "adherence": about.get("adherence"),
            "reason": score.get("reason"),
        }
        if grade == grade:
            return one
        first = first or one
    return first or _NONE


def _grade(value: Any) -> tuple[str, float]:
    if isinstance(value, dict) and value:
        key = next((key for key in MEASURES if key in value), next(iter(value)))
        return key, _grade(value[key])[1]
    if isinstance(value, str):
        return "correct", LETTERS.get(value, float("nan"))
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return "correct", float(value)
    return "", float("nan")
