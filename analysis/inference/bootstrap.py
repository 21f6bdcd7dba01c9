"""Pigeonhole bootstrap: training seeds and questions resampled independently of each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from analysis.inference._core import Array
from analysis.inference._tables import COLUMNS
from analysis.inference.interval import Claim, Interval

MIN_SEEDS = 10
"""Below it, resampling seeds says less than a t-interval: `rate`, `gap` and `net_gap` with Claim.RECIPE."""


def crossed_bootstrap(
    frame: pd.DataFrame,
    cell_a: str,
    cell_b: str,
    control: pd.DataFrame | None = None,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Gap between two cells, net of a control if there is one, by the two-way cluster bootstrap.

    Seeds and questions are drawn with replacement, each by itself, and a row counts as often as its seed
    times its question (Owen 2007, The pigeonhole bootstrap, sec. 3). One draw serves both cells and both
    arms, which keeps the pairing; a control adapter's seeds get a draw of their own, an untuned base has
    none. The interval is the expanded percentile interval (Hesterberg 2015, sec. 5.3), which has the
    t-interval's coverage for means of few clusters. Each row weighs the same.

    Args:
        frame: columns seed, question, cell, value, as in `gap`; 10 seeds or more.
        cell_a: the cell in question.
        cell_b: the cell to subtract.
        control: the control's rows, same columns and the same questions.
        level: two-sided confidence.
        resamples: bootstrap draws.
        seed: of the random numbers.

    Raises:
        ValueError: fewer than MIN_SEEDS seeds, a missing column, or a draw that leaves a cell without a row.
    """
    frames = [frame] if control is None else [frame, control]
    for part in frames:
        missing = [column for column in COLUMNS if column not in part.columns]
        if missing:
            raise ValueError(f"the frame lacks the columns {missing}: it needs {list(COLUMNS)}")
    rows = [_scored(part, [cell_a, cell_b]) for part in frames]
    n_seeds = rows[0]["seed"].nunique()
    if n_seeds < MIN_SEEDS:
        raise ValueError(
            f"{n_seeds} training seeds, the bootstrap needs {MIN_SEEDS}: use gap(claim=Claim.RECIPE)"
        )
    asked = set.intersection(*(set(part["question"]) for part in rows))
    # In the order of the rows, so that the same seed draws the same resamples.
    questions = pd.Index([question for question in rows[0]["question"].unique() if question in asked])
    rng = np.random.default_rng(seed)
    question_counts = _counts(rng, len(questions), resamples)
    estimate, draws = 0.0, np.zeros(resamples)
    for sign, part in zip((1.0, -1.0), rows, strict=False):
        seeds = pd.Index(part["seed"].unique())
        seed_counts = _counts(rng, len(seeds), resamples) if len(seeds) > 1 else np.ones((resamples, 1))
        for cell, weight in ((cell_a, sign), (cell_b, -sign)):
            sums, counts = _sums(part[part["cell"] == cell], seeds, questions)
            estimate += weight * sums.sum() / counts.sum()
            draws += weight * _weighted_means(sums, counts, seed_counts, question_counts)
    if not np.isfinite(draws).all():
        raise ValueError("a resample left a cell without a graded row: too many rows are unscored")
    low, high = np.quantile(draws, _expanded_tails(level, min(n_seeds, len(questions))))
    note = "no width: every resample alike, use gap()" if low == high else ""
    method = f"two-way pigeonhole bootstrap (Owen 2007), {resamples} resamples, expanded percentile"
    n_rows = sum(int(part["question"].isin(questions).sum()) for part in rows)
    return Interval(
        float(estimate),
        float(low),
        float(high),
        level,
        n_rows,
        len(questions),
        n_seeds,
        method,
        Claim.RECIPE,
        note,
    )


def _scored(frame: pd.DataFrame, cells: list[str]) -> pd.DataFrame:
    """Graded rows of the cells; seeds as codes, so that a base without one (None, NaN) counts as one seed."""
    rows = frame[frame["cell"].isin(cells)].dropna(subset=["value"])
    return rows.assign(seed=pd.factorize(rows["seed"])[0])


def _counts(rng: np.random.Generator, n: int, resamples: int) -> Array:
    """How often each of n clusters is drawn, shape (resamples, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)


def _sums(rows: pd.DataFrame, seeds: pd.Index, questions: pd.Index) -> tuple[Array, Array]:
    """Sum and number of graded values by seed and question, shape (seeds, questions) each."""
    column = questions.get_indexer(pd.Index(rows["question"]))
    inside = column >= 0
    at = (seeds.get_indexer(pd.Index(rows["seed"])) * len(questions) + column)[inside]
    size, shape = len(seeds) * len(questions), (len(seeds), len(questions))
    sums = np.bincount(at, rows["value"].to_numpy(float)[inside], minlength=size)
    counts = np.bincount(at, minlength=size).astype(np.float64)
    return sums.astype(np.float64).reshape(shape), counts.reshape(shape)


def _weighted_means(sums: Array, counts: Array, seed_counts: Array, question_counts: Array) -> Array:
    """Mean of each resample: two matrix products in place of drawing rows."""
    if (counts == counts[0, 0]).all():
        total = counts.sum()  # every resample has as many rows
    else:
        total = ((seed_counts @ counts) * question_counts).sum(axis=1)
    return ((seed_counts @ sums) * question_counts).sum(axis=1) / total


def _expanded_tails(level: float, n: int) -> tuple[float, float]:
    """Tail probabilities at which percentiles of a mean's resamples match the t-interval of n clusters."""
    quantile = np.sqrt(n / (n - 1)) * stats.t.ppf((1 + level) / 2, n - 1)
    tail = float(stats.norm.sf(quantile))
    return tail, 1 - tail
