"""How far two or more graders agree.

Whose the labels are (second judge, author, human) is the caller's to say, and to print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
import pandas as pd

from analysis.inference.interval import Claim, Interval
from inspect_tasks import agreement
from inspect_tasks.agreement import Scale


class Weights(StrEnum):
    """How a disagreement counts in kappa: each alike, by distance, or by squared distance of labels."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


def confusion(frame: pd.DataFrame, grader: str, reference: str) -> pd.DataFrame:
    """Counts of the reference's labels (rows) against the grader's (columns), square over the labels of both.

    Args:
        frame: a row per answer; columns named by `grader` and `reference`. Rows without both labels are
        left out.

    Raises:
        ValueError: no row has both labels.
    """
    both = _both(frame, grader, reference)
    labels = sorted(set(both[grader]) | set(both[reference]))
    counts = pd.crosstab(both[reference], both[grader])
    return counts.reindex(index=labels, columns=labels, fill_value=0)


def kappa(frame: pd.DataFrame, grader: str, reference: str, weights: Weights = Weights.NONE) -> float:
    """Cohen's kappa (1960), weighted (1968, eq. 3) for ordered labels: 1 - observed / expected disagreement.

    NaN where both use one and the same label only.

    Args:
        frame: as in `confusion`. Weights take the order of the sorted labels present, in unit steps.

    Raises:
        ValueError: no row has both labels.
    """
    observed = confusion(frame, grader, reference).to_numpy(float)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    cost = _cost(len(observed), weights)
    by_chance = float((cost * expected).sum())
    return 1 - float((cost * observed).sum()) / by_chance if by_chance > 0 else float("nan")


def kappa_interval(
    frame: pd.DataFrame,
    grader: str,
    reference: str,
    weights: Weights = Weights.NONE,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """`kappa` with the percentile interval of `agreement_interval`, many times faster: counts by question are resampled.

    Args:
        frame: as in `confusion`, and a column `question`. The rest: as in `kappa` and `agreement_interval`.

    Raises:
        ValueError: no row has both labels, or fewer than 2 questions have.
    """
    both = frame.dropna(subset=[grader, reference])
    estimate = kappa(both, grader, reference, weights)
    labels = sorted(set(both[grader]) | set(both[reference]))
    at = [pd.Index(labels).get_indexer(pd.Index(both[name])) for name in (reference, grader)]
    question, questions = pd.factorize(both["question"])
    if len(questions) < 2:
        raise ValueError(f"{len(questions)} questions: resampling needs 2 or more")
    counts = np.zeros((len(questions), len(labels), len(labels)))
    np.add.at(counts, (question, *at), 1.0)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(questions), np.full(len(questions), 1 / len(questions)), resamples)
    drawn = np.tensordot(times, counts, axes=1)
    expected = drawn.sum(2)[:, :, None] * drawn.sum(1)[:, None, :] / drawn.sum((1, 2))[:, None, None]
    cost = _cost(len(labels), weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = 1 - (cost * drawn).sum((1, 2)) / (cost * expected).sum((1, 2))
    kept = values[np.isfinite(values)]
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2]) if len(kept) else (float("nan"),) * 2
    lost = f"{resamples - len(kept)} of {resamples} resamples undefined" if len(kept) < resamples else ""
    method = f"percentile bootstrap of questions, {resamples} resamples"
    return Interval(
        estimate, float(low), float(high), level, len(both), len(questions), 0, method, Claim.GRADER, lost
    )


def _cost(labels: int, weights: Weights) -> np.ndarray:
    steps = np.abs(np.subtract.outer(np.arange(labels), np.arange(labels))).astype(float)
    return {Weights.NONE: (steps > 0).astype(float), Weights.LINEAR: steps, Weights.QUADRATIC: steps**2}[
        weights
    ]


def krippendorff_alpha(frame: pd.DataFrame, graders: Sequence[str], scale: Scale = Scale.NOMINAL) -> float:
    """Krippendorff's alpha for any number of graders, missing labels allowed.

    The formula and its source stand in inspect_tasks/agreement.py, which writes it into logs too. NaN where all labels
    are one and the same.

    Args:
        frame: a row per answer; a column per grader, missing labels NaN or None; numbers for Scale.INTERVAL.

    Raises:
        ValueError: no answer has two labels.
    """
    units = [
        [x for x in row if pd.notna(x)] for row in frame[list(graders)].itertuples(index=False, name=None)
    ]
    if not any(len(unit) > 1 for unit in units):
        raise ValueError(f"no answer has labels by two of {list(graders)}")
    return agreement.krippendorff_alpha(units, scale)


def agreement_interval(
    frame: pd.DataFrame,
    statistic: Callable[[pd.DataFrame], float],
    level: float = 0.95,
    resamples: int = 1_000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of an agreement statistic, whole questions resampled.

    Source: Efron and Tibshirani 1993, ch. 13.

    Args:
        frame: a row per answer, column `question` and what the statistic needs.
        statistic: as `lambda rows: kappa(rows, "judge", "author")`. Resamples where it is NaN are left out,
            and counted in the note.

    Raises:
        ValueError: fewer than 2 questions.
    """
    groups = [group.to_numpy() for group in frame.reset_index(drop=True).groupby("question").groups.values()]
    if len(groups) < 2:
        raise ValueError(f"{len(groups)} questions: resampling needs 2 or more")
    rows = frame.reset_index(drop=True)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        drawn = rng.integers(len(groups), size=len(groups))
        draws.append(statistic(rows.iloc[np.concatenate([groups[i] for i in drawn])]))
    values = np.array(draws, dtype=float)
    kept = values[~np.isnan(values)]
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float("nan"), float("nan")) if not len(kept) else np.quantile(kept, tails)
    notes = []
    if len(kept) < len(values):
        notes.append(f"{len(values) - len(kept)} of {resamples} resamples undefined")
    if low == high:
        notes.append("no width: the labels show no disagreement, which few questions can't bound")
    method = f"percentile bootstrap of questions, {resamples} resamples"
    estimate, note = float(statistic(rows)), "; ".join(notes)
    return Interval(
        estimate, float(low), float(high), level, len(rows), len(groups), 0, method, Claim.GRADER, note
    )


def _both(frame: pd.DataFrame, grader: str, reference: str) -> pd.DataFrame:
    both = frame[[grader, reference]].dropna()
    if both.empty:
        raise ValueError(f"no answer is labelled by both {grader!r} and {reference!r}")
    return both
