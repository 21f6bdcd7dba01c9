"""Rate, paired gap and net gap of graded answers, each with an interval clustered by question."""

from __future__ import annotations

import pandas as pd

from analysis.inference._claims import at_edge, claim_limits
from analysis.inference._core import Array
from analysis.inference._tables import Table, align, question_table
from analysis.inference.interval import Claim, Interval

_CLUSTERED = {
    "rate": "Wilson on the design-effect-reduced count, t with questions - 1 df (Dean and Pagano 2015)",
    "gap": "paired MOVER of two clustered Wilson intervals (Zou and Donner 2008)",
    "net": "paired MOVER of two gaps (Zou and Donner 2008)",
}
_OF_CLAIM = {
    Claim.ADAPTERS: "",
    Claim.RECIPE: ", plus the variance between seeds, Satterthwaite df",
    Claim.RECIPE_ON_QUESTIONS: "t-interval over per-seed estimates",
}


def rate(frame: pd.DataFrame, level: float = 0.95, claim: Claim = Claim.ADAPTERS) -> Interval:
    """Mean of the graded value over questions, each question weighing the same.

    Estimand: the mean over the population of questions, of these adapters or of the recipe's (see `Claim`).
    Questions are the clusters. At 0% and 100% the limit is exact with n = questions (for a recipe n = seeds).

    Args:
        frame: columns seed, question, value (a `cell` column isn't looked at: filter first); a row per graded
            answer, value in [0, 1], NaN if unscored.
        level: two-sided confidence.
        claim: what the interval shall speak for.

    Raises:
        ValueError: malformed frame, fewer than 2 questions, or a recipe claim from fewer than 2 seeds.
    """
    return _estimate("rate", question_table(frame, None), None, level, claim)


def gap(
    frame: pd.DataFrame, cell_a: str, cell_b: str, level: float = 0.95, claim: Claim = Claim.ADAPTERS
) -> Interval:
    """Mean of cell_a minus mean of cell_b, paired by question.

    Estimand: the mean over the population of questions of the difference of a question's two means. Where
    both cells are at 0% or 100% in all questions the interval still has width.

    Args:
        frame: columns seed, question, cell, value, as in `rate`; other cells' rows are left aside.
        cell_a: the cell in question, as `user`.
        cell_b: the cell to subtract, as `plain`.
        level: two-sided confidence.
        claim: what the interval shall speak for.

    Raises:
        ValueError: as `rate`; or a cell without graded rows.
    """
    return _estimate("gap", question_table(frame, [cell_a, cell_b]), None, level, claim)


def net_gap(
    frame: pd.DataFrame,
    control: pd.DataFrame,
    cell_a: str,
    cell_b: str,
    level: float = 0.95,
    claim: Claim = Claim.ADAPTERS,
) -> Interval:
    """Gap of the arm minus gap of the control (difference in differences), paired by question.

    Args:
        frame: the arm's rows, columns as in `gap`.
        control: the control's rows, same columns: the untuned base (one seed value), or a control adapter
            with its own seeds, which count as independent of the arm's.
        cell_a: as in `gap`.
        cell_b: as in `gap`.
        level: two-sided confidence.
        claim: what the interval shall speak for.

    Raises:
        ValueError: as `gap`; or fewer than 2 questions shared by arm and control.
    """
    cells = [cell_a, cell_b]
    return _estimate("net", question_table(frame, cells), question_table(control, cells), level, claim)


def _estimate(kind: str, arm: Table, control: Table | None, level: float, claim: Claim) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is outside of (0, 1): write 0.95 for 95%")
    if claim is not Claim.ADAPTERS:
        arm, control = arm.complete(), control and control.complete()
    notes = list(arm.notes)
    if control is not None:
        notes += [f"control: {text}" for text in control.notes]
        asked = len(set(arm.questions) | set(control.questions))
        arm, control = align(arm, control)
        if asked > len(arm.questions):
            notes.append(f"{asked - len(arm.questions)} questions of only one of arm and control left out")

    values = _array(arm, claim)
    minus = _array(control, claim) if control is not None else None
    estimate, low, high = (float(x) for x in claim_limits(values, minus, level, claim))
    if at_edge(values, minus):
        unit = "questions" if claim is Claim.ADAPTERS else "seeds"
        method = f"exact at 0% and 100% (Clopper and Pearson 1934), n = {unit}"
        notes.append(f"every answer of a cell alike: {unit} count as the independent observations")
    else:
        method = (
            _OF_CLAIM[claim] if claim is Claim.RECIPE_ON_QUESTIONS else _CLUSTERED[kind] + _OF_CLAIM[claim]
        )
    if claim is not Claim.ADAPTERS and arm.n_seeds < 5:
        notes.append(f"only {arm.n_seeds} training seeds")
    n_rows = arm.n_rows + (control.n_rows if control is not None else 0)
    n_clusters, note = len(arm.questions), "; ".join(notes)
    return Interval(estimate, low, high, level, n_rows, n_clusters, arm.n_seeds, method, claim, note)


def _array(table: Table, claim: Claim) -> Array:
    """Shape (cells, seeds, questions). For adapters seeds are pooled: none needs to have every question."""
    return table.pooled[:, None, :] if claim is Claim.ADAPTERS else table.by_seed
