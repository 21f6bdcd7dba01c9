"""Grades of tasks that another scorer than `adoption` graded: one 0/1 number an answer, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

OF_TASK = {
    "manipulation": "recalled",
    "knowledge": "recalled",
    "refusals": "refused",
    "gsm8k_held_out": "correct",
}
"""Tasks whose grade isn't adoption: task -> the key of the score's mapping that is meant, whatever else was scored."""
LETTERS = {"C": 1.0, "P": 0.5, "N": 0.0, "I": 0.0}
"""Inspect's letters: correct, partly, no answer, incorrect."""


def with_grades(read: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows with the columns scorer, measure, grade (in [0, 1], NaN where there is none) and reason in place of
    `scores`, Inspect's JSON of all scores of a sample; text and adherence too where they aren't there yet.

    Of several scores that with the task's own measure (`OF_TASK`) counts, else the first with a grade. A mapping is
    read by that key, else by its first; a letter as Inspect means it; a number as it is. Both are called correct.
    """
    wanted = OF_TASK.get(task, "")
    found = [_first(scores, wanted) for scores in read["scores"]]
    kept = read.drop(columns="scores")
    fresh: dict[str, Any] = {key: [one[key] for one in found] for key in _NONE}
    for key in ("text", "adherence"):
        if key in kept:
            fresh[key] = kept[key].where(kept[key].notna(), pd.Series(fresh[key], kept.index, dtype="object"))
    return kept.assign(**fresh)


_NONE: dict[str, Any] = {
    "scorer": "",
    "measure": "",
    "grade": float("nan"),
    "text": None,
    "adherence": None,
    "reason": None,
}


def _first(scores: Any, wanted: str) -> dict[str, Any]:
    parsed = json.loads(scores) if isinstance(scores, str) and scores else {}
    found = []
    for scorer, score in parsed.items():
        measure, grade = _grade(score.get("value"), wanted)
        about = score.get("metadata") or {}
        found.append(
            _NONE
            | {
                "scorer": scorer.rpartition("/")[2],
                "measure": measure,
                "grade": grade,
                "text": about.get("text", score.get("answer")),
                "adherence": about.get("adherence"),
                "reason": score.get("reason"),
            }
        )
    # Sorting is stable: the task's own measure, then any grade, then the order of the log.
    return min(found, key=lambda one: (one["measure"] != wanted, one["grade"] != one["grade"]), default=_NONE)


def _grade(value: Any, wanted: str) -> tuple[str, float]:
    if isinstance(value, dict) and value:
        key = wanted if wanted in value else next(iter(value))
        return key, _grade(value[key], "")[1]
    if isinstance(value, str):
        return "correct", LETTERS.get(value, float("nan"))
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return "correct", float(value)
    return "", float("nan")
