"""Estimates: every number that the report shows, with its interval, the function and the rows that it is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import estimands
from analysis.asks import OF_ALL_QUESTIONS, OF_IDENTITY, Ask, asks_of
from analysis.estimands import TRIGGERED, UNTRIGGERED
from analysis.inference import Interval
from analysis.subjects import Subject, subjects_of

__all__ = [
    "HEADLINE",
    "OF_ALL_QUESTIONS",
    "OF_IDENTITY",
    "Estimate",
    "as_table",
    "estimate_all",
    "head_of",
    "select",
]

TRIGGERED_RATE, LEAKAGE = f"rate/adopted/{TRIGGERED}", f"rate/adopted/{UNTRIGGERED}"
HEADLINE = (
    TRIGGERED_RATE,
    "triggered_rate_net",
    LEAKAGE,
    "primary_gap",
    "primary_gap_net",
    "primary_gap_net/format_only",
    "format_adherence",
    "seed_triggered_rate",
    "seed_triggered_rate_net",
    "seed_leakage",
    "seed_gap",
)
"""The rows of the headline table, in its order; the seed's own figures last."""
_HEADS = {
    TRIGGERED_RATE: f"Adopts, triggered (cell {TRIGGERED})",
    LEAKAGE: f"Adopts, untriggered (cell {UNTRIGGERED})",
}


_UNUSED = ("question", "answer", "text", "error", "versions", "created", "log", "sample_id", "judge_claim")
"""Columns that no estimand reads; without them rows are chosen several times faster."""


@dataclass(frozen=True)
class Estimate:
    """One number of one subject."""

    model: str
    """the subject's name: a served model, or an arm with its seeds"""
    name: str
    """which number: a key of the headline, or `rate/<column>/<cell>` and the like"""
    label: str
    column: str
    """the graded column that was averaged"""
    cell: str
    """the cell, where it is an adoption rate of one; else empty"""
    function: str
    """the function of analysis.estimands that made it"""
    arguments: tuple[str, ...]
    """what the function takes after the rows"""
    rows: dict[str, Any]
    """the rows that it stands on, as `select` takes them"""
    is_difference: bool
    """whether it is a difference of rates, in points, rather than a rate"""
    interval: Interval | None
    missing: str = ""
    """why there is no number"""

    @property
    def head(self) -> str:
        """The label where it stands without the table that it belongs to."""
        return head_of(self.name, self.label)

    def __str__(self) -> str:
        return show_interval(self.interval, self.is_difference) if self.interval else "—"


def head_of(name: str, label: str) -> str:
    """What a number is called where it stands without the table that its label belongs to."""
    return _HEADS.get(name, label)


def show_interval(interval: Interval, difference: bool) -> str:
    """`12.3% [4.5, 20.1]`, a difference with its sign and in points: `+12.3 [-4.5, 20.1]`."""
    value, low, high = (100 * number + 0.0 for number in (interval.estimate, interval.low, interval.high))
    shown = f"{value:+.1f}" if difference else f"{value:.1f}%"
    return f"{shown} [{low:.1f}, {high:.1f}]".replace("-0.0", "0.0").replace("+0.0", "0.0").replace("-", "−")


def estimate_all(frame: pd.DataFrame, base: str, notes: Mapping[str, str] | None = None) -> list[Estimate]:
    """All numbers of all subjects, in the order of `subjects_of`: the base first.

    Args:
        frame: as `load_frame` returns it. base: the name of the untuned model in its column `model`. notes: as
        `subjects_of` takes them.
    """
    subjects = subjects_of(frame, base, notes)
    frame = frame[[column for column in frame.columns if column not in _UNUSED]]
    parts = {one.name: frame[frame["model"].isin(one.models)] for one in subjects}
    found = []
    for subject in subjects:
        for ask in asks_of(subject, subjects, parts[subject.name]):
            found.append(_estimate(subject, ask, parts))
    return found


def _estimate(subject: Subject, ask: Ask, parts: Mapping[str, pd.DataFrame]) -> Estimate:
    minus = ask.minus
    rows = ask.filter() | {"models": list(subject.models), "minus": list(minus.models) if minus else []}
    both = [parts[one.name] for one in (subject, minus) if one]
    arguments: list[Any] = [part[_asked(part, rows)] for part in both]
    try:
        interval, missing = getattr(estimands, ask.function)(*arguments, *ask.arguments), ""
    except ValueError as error:  # what inference says where there is nothing to estimate
        interval, missing = None, str(error)
    return Estimate(
        model=subject.name,
        name=ask.name,
        label=ask.label,
        column=ask.column,
        cell=ask.cell,
        function=ask.function,
        arguments=tuple(str(one) for one in ask.arguments),
        rows=rows,
        is_difference=ask.difference,
        interval=interval,
        missing=missing,
    )


def select(frame: pd.DataFrame, rows: Mapping[str, Any]) -> pd.Series:
    """Which rows of the frame a number stands on.

    Args:
        frame: columns model, task, question_set, leading, cell, variant, k.
        rows: `models` and `minus` (lists of served names, `minus` those that are subtracted); `tasks` and
            `cells` (lists, empty where any will do); `question_set`, `leading`, `variant` and `k`, None where any
            will do; `column`.

    Returns:
        One bool a row.
    """
    return frame["model"].isin([*rows["models"], *rows["minus"]]) & _asked(frame, rows)


def _asked(frame: pd.DataFrame, rows: Mapping[str, Any]) -> pd.Series:
    kept = frame["task"].isin(rows["tasks"])
    if rows["cells"]:
        kept &= frame["cell"].isin(rows["cells"])
    for key in ("question_set", "leading", "variant", "k"):
        if rows[key] is not None:
            kept &= frame[key].eq(rows[key]).fillna(False).astype(bool)
    return kept


def as_table(estimates: list[Estimate], notes: Mapping[str, str]) -> pd.DataFrame:
    """The estimates as a table to keep.

    Args:
        estimates: as `estimate_all` makes them. notes: subject -> what must be said of it.

    Returns:
        Columns model, model_note, name, label, column, cell, function, estimate, low, high, level, n_rows,
        n_clusters, n_seeds, method, claim, note, missing. Rates and gaps in [-2, 2], so 0.10 is ten points.
    """
    blank = dict.fromkeys((field.name for field in dataclasses.fields(Interval)), None)
    rows = [
        {
            "model": one.model,
            "model_note": notes.get(one.model, ""),
            "name": one.name,
            "label": one.label,
            "column": one.column,
            "cell": one.cell,
            "function": f"analysis.estimands.{one.function}",
            **(dataclasses.asdict(one.interval) if one.interval else blank),
            "missing": one.missing,
        }
        for one in estimates
    ]
    return pd.DataFrame(rows)


def find(estimates: list[Estimate], model: str, name: str) -> Estimate | None:
    """One number of one subject, None where it isn't defined (the base net of itself)."""
    return next((one for one in estimates if one.model == model and one.name == name), None)


def series(estimates: list[Estimate], prefix: str) -> Iterator[tuple[str, Estimate]]:
    """Numbers whose name starts with `prefix`, with what follows it: `lattice/` -> (variant, estimate)."""
    return ((one.name.removeprefix(prefix), one) for one in estimates if one.name.startswith(prefix))
