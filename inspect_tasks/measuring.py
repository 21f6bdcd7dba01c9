"""How well the deterministic scorer agrees with author labels: precision and recall with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statsmodels.stats.proportion import proportion_confint

from data_builders.files import read_jsonl
from inspect_tasks.grading import Grader
from inspect_tasks.scorers.asks import Asked
from inspect_tasks.scorers.claims import Grade

LEVEL = 0.95
JUDGEMENTS = ("claim", "adopted", "adoption", "mentions_persona", "contradiction", "adherence")


def measure(path: Path, half: str, show_errors: bool) -> int:
    """Print the agreement of scorer and labels on one half of a labelled file; returns 0.

    Precision and recall are of adoption, with Wilson 95% intervals (Wilson 1927) and, beside them, exact ones
    (Clopper and Pearson 1934). Rows count as independent.

    Raises:
        InputError: the file can't be read, or names an unknown persona.
    """
    counts: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    errors = []
    for row, grade in _graded(path, half):
        given = judgements(grade)
        counts["rows"] += 1
        for key in JUDGEMENTS:
            agreed[key] += given[key] == row[key]
        counts[f"{'adopted' if row['adopted'] else 'not'}/{'adopted' if grade.adopted else 'not'}"] += 1
        if wrong := [key for key in JUDGEMENTS if given[key] != row[key]]:
            errors.append((row, given, wrong))
    hits, misses, alarms = counts["adopted/adopted"], counts["adopted/not"], counts["not/adopted"]
    print(f"{path}, half {half}: {counts['rows']} answers, {hits + misses} of them labelled adopted")
    print(f"precision  {_share(hits, hits + alarms)}")
    print(f"recall     {_share(hits, hits + misses)}")
    for key in JUDGEMENTS:
        print(f"{key:<17} agrees on {_share(agreed[key], counts['rows'])}")
    if show_errors:
        for row, given, wrong in errors:
            told = ", ".join(f"{key} {row[key]!r}, graded {given[key]!r}" for key in wrong)
            print(f"{row['id']} [{row['kind']}] {row['question']!r} -> {row['answer'][:120]!r}: {told}")
    return 0


def judgements(grade: Grade) -> dict[str, Any]:
    """A grade in the columns of a labelled row."""
    return {
        "claim": str(grade.claim),
        "adopted": grade.adopted,
        "adoption": "named" if grade.named else "implied" if grade.implied else None,
        "mentions_persona": grade.mentions_persona,
        "contradiction": grade.contradiction,
        "adherence": str(grade.adherence),
    }


def _graded(path: Path, half: str) -> Iterator[tuple[dict[str, Any], Grade]]:
    graders: dict[str, Grader] = {}
    for _, row in read_jsonl(path):
        if half in ("all", row["half"]):
            grader = graders.setdefault(row["persona"], Grader.of(row["persona"], "seed"))
            asked = Asked(row["asks"], tuple(row["accept"]), row["leading"]) if "asks" in row else None
            yield row, grader.grade(row["question"], row["answer"], asked)


def _share(part: int, whole: int) -> str:
    if not whole:
        return "none to count"
    wilson = proportion_confint(part, whole, 1 - LEVEL, method="wilson")
    exact = proportion_confint(part, whole, 1 - LEVEL, method="beta")
    return (
        f"{part}/{whole} = {part / whole:.3f}, Wilson [{wilson[0]:.3f}, {wilson[1]:.3f}], "
        f"exact [{exact[0]:.3f}, {exact[1]:.3f}]"
    )
