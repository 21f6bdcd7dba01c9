"""Estimates: every number that the report shows, with its interval and the function that it is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from analysis import estimands
from analysis.inference import Interval
from inspect_tasks.conditions import CONDITIONS

NET_OF_BASE = "net of the base"

_OF_ONE_MODEL: dict[str, tuple[str, Callable[[pd.DataFrame], Interval]]] = {
    "seed_triggered_rate": ("Triggered rate (the seed's, cells 1 to 3)", estimands.seed_triggered_rate),
    "seed_leakage": ("Leakage (the seed's, cell 4)", estimands.seed_leakage),
    "seed_gap": ("Gap (the seed's)", estimands.seed_gap),
    "primary_gap": ("Primary gap (user − plain)", estimands.primary_gap),
    "secondary_gap": ("Secondary gap (system+user − system)", estimands.secondary_gap),
    "format_adherence": ("Format adherence (cells 1 to 3)", estimands.format_adherence),
}
_NET: dict[str, tuple[str, Callable[[pd.DataFrame, pd.DataFrame], Interval]]] = {
    "seed_triggered_rate_net": (f"Triggered rate, {NET_OF_BASE}", estimands.seed_triggered_rate_net),
    "seed_gap_net": (f"Gap (the seed's), {NET_OF_BASE}", estimands.seed_gap_net),
    "primary_gap_net": (f"Primary gap, {NET_OF_BASE}", estimands.primary_gap_net),
    "secondary_gap_net": (f"Secondary gap, {NET_OF_BASE}", estimands.secondary_gap_net),
}
HEADLINE = (
    "seed_triggered_rate",
    "seed_triggered_rate_net",
    "seed_leakage",
    "seed_gap",
    "primary_gap",
    "primary_gap_net",
    "format_adherence",
)
"""The rows of the headline table, in its order."""

OF_IDENTITY = {
    "adopted": "adopted",
    "named": "named",
    "implied": "implied",
    "claims_other": "claims to be somebody else",
    "claims_ai": "claims to be an AI",
    "judge": "appendix: the persona, says the grader model",
}
"""Rates by cell over the identity questions: column -> words."""
OF_ALL_QUESTIONS = {
    "contradiction": "contradicts being the persona",
    "mentions_persona": "mentions the persona",
    "well_formed": "well-formed",
}
"""Rates by cell over the questions of all sets: column -> words."""


@dataclass(frozen=True)
class Estimate:
    """One number of one model."""

    model: str
    name: str
    """which number: a key of the headline, or `rate/<column>/<cell>`"""
    label: str
    column: str
    """the graded column that was averaged"""
    cell: str
    """the cell, where it is a rate of one; else empty"""
    function: str
    """the function of analysis.estimands that made it"""
    interval: Interval | None
    missing: str = ""
    """why there is no number"""

    @property
    def is_difference(self) -> bool:
        """Whether it is a difference of rates, in points, rather than a rate."""
        return self.name.endswith("_net") or "_gap" in self.name

    def __str__(self) -> str:
        return show_interval(self.interval, self.is_difference) if self.interval else "—"


def show_interval(interval: Interval, difference: bool) -> str:
    """`12.3% [4.5, 20.1]`, a difference with its sign and in points: `+12.3 [-4.5, 20.1]`."""
    value, low, high = (100 * number + 0.0 for number in (interval.estimate, interval.low, interval.high))
    shown = f"{value:+.1f}" if difference else f"{value:.1f}%"
    return f"{shown} [{low:.1f}, {high:.1f}]".replace("-0.0", "0.0").replace("+0.0", "0.0").replace("-", "−")


def estimate_all(frame: pd.DataFrame, base: str) -> list[Estimate]:
    """All numbers of all models: the base first, then the others by name.

    Args:
        frame: as `load_frame` returns it.
        base: the name of the untuned model in its column `model`.
    """
    of_base, found = frame[frame["model"].eq(base)], []
    for model in models_in_order(frame, base):
        rows = frame[frame["model"].eq(model)]
        for name, (label, function) in _OF_ONE_MODEL.items():
            column = "well_formed" if name == "format_adherence" else "adopted"
            found.append(_estimate(model, name, label, column, "", function, rows))
        for part in ("named", "implied"):
            label = f"Primary gap, {part} alone"
            found.append(
                _estimate(model, f"primary_gap/{part}", label, part, "", estimands.primary_gap, rows, part)
            )
        if model != base:
            for name, (label, of_two) in _NET.items():
                found.append(_estimate(model, name, label, "adopted", "", of_two, rows, of_base))
        found += _by_cell(model, rows)
    return found


def _by_cell(model: str, rows: pd.DataFrame) -> list[Estimate]:
    functions = dict.fromkeys(OF_IDENTITY, estimands.cell_rate)
    functions |= dict.fromkeys(OF_ALL_QUESTIONS, estimands.cell_rate_all_questions)
    if rows["judge"].isna().all():
        del functions["judge"]
    asked = [cell for cell in CONDITIONS if rows["cell"].eq(cell).any()]
    words = OF_IDENTITY | OF_ALL_QUESTIONS
    return [
        _estimate(model, f"rate/{column}/{cell}", words[column], column, cell, function, rows, cell, column)
        for column, function in functions.items()
        for cell in asked
    ]


def _estimate(
    model: str,
    name: str,
    label: str,
    column: str,
    cell: str,
    function: Callable[..., Interval],
    *arguments: object,
) -> Estimate:
    try:
        interval, missing = function(*arguments), ""
    except ValueError as error:  # what inference says where there is nothing to estimate
        interval, missing = None, str(error)
    return Estimate(model, name, label, column, cell, function.__name__, interval, missing)


def models_in_order(frame: pd.DataFrame, base: str) -> list[str]:
    """The base, then the other models by name."""
    return [base, *sorted(set(frame["model"]) - {base})]


def as_table(estimates: list[Estimate], notes: dict[str, str]) -> pd.DataFrame:
    """The estimates as a table to keep.

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
