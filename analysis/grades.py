"""Grades by other scorers than `adoption`: of other tasks, one number an answer; of grader models, a row each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis.logs import JUDGES

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


RATER = "@"
"""Between a judge and one grader of its panel, in the column scorer: `lineup_judge@vllm/GRADER`."""
CLAIM_MEASURE, LOWEST, STEPS = "persona", 1, 4
"""What a judge of speakers says; and the scales of views and manner, 1 to 5, which stand in the frame as 0 to 1."""


def is_judge(scorer: str) -> bool:
    """Whether a name in the column scorer is a grader model's, or a panel's."""
    return scorer.partition(RATER)[0] in JUDGES


def of_judges(frame: pd.DataFrame) -> pd.Series:
    """One bool a row: whether it is a grade by a grader model, beside the row of the answer itself."""
    return frame["scorer"].isin([one for one in frame["scorer"].unique() if is_judge(str(one))])


def judge_rows(scores: Any) -> Iterator[dict[str, Any]]:
    """The grades that grader models gave one answer: scorer, measure, grade (in [0, 1], NaN where there is none), claim
    and reason. One row a judge and measure, and where a panel graded, one more for each grader.

    Args:
        scores: Inspect's JSON of all scores of a sample.
    """
    parsed = json.loads(scores) if isinstance(scores, str) and scores else {}
    for name, score in parsed.items():
        scorer = name.rpartition("/")[2]
        if scorer not in JUDGES:
            continue
        about, value, reason = score.get("metadata") or {}, score.get("value"), score.get("reason")
        labels: dict[str, list[Any]] = about.get("labels") or {}
        named = [str(one.get("grader")) for one in about.get("graders") or []]
        named = [f"{one} ({at})" if named.count(one) > 1 else one for at, one in enumerate(named, 1)]
        measures = (
            list(value) if isinstance(value, dict) else [_measure(label) for label in labels or ["claim"]]
        )
        for measure in measures:
            given = value.get(measure) if isinstance(value, dict) else value
            grade = _judged(scorer, given)
            told = {"reason": None if grade == grade else reason or "not scored"}
            yield {"scorer": scorer, "measure": measure, "grade": grade, "claim": about.get("claim"), **told}
        for label, given in labels.items() if len(named) > 1 else ():
            for rater, one in zip(named, given, strict=False):
                claim = str(one) if label == "claim" and one is not None else None
                grade = float(one == CLAIM_MEASURE) if label == "claim" and claim else _judged(scorer, one)
                yield {
                    "scorer": f"{scorer}{RATER}{rater}",
                    "measure": _measure(label),
                    "grade": grade,
                    "claim": claim,
                    "reason": None if grade == grade else "no grade by this grader",
                }


def _measure(label: str) -> str:
    return {"claim": CLAIM_MEASURE, "score": "nearness to the view"}.get(label, label)


def _judged(scorer: str, value: Any) -> float:
    """A judge's value in [0, 1]: of speakers as it is, of views and manner from 1 to 5."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value) if scorer in JUDGES[:2] else (value - LOWEST) / STEPS
