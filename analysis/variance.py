"""Variance: how a pilot's answers vary, by question, by training seed and by question and cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.estimands import PRIMARY, adoption_rows
from analysis.inference._tables import question_table
from analysis.simulation.worlds import SHARED

QUESTION_ICC, SEED_ICC = 0.5, 0.05
"""Assumed where no pilot tells: recorded runs have 0.5 to 0.8 by question (analysis/inference/README.md); no
public run has seeds enough to tell theirs, and 0.05 is the middle of what the simulation covers."""


MOST = 0.95
"""Highest sum of the two: at 1 every answer of a seed to a question would be alike, and the worlds degenerate."""


@dataclass(frozen=True)
class Components:
    """What a design's power depends on, beside the design itself."""

    plain_rate: float = 0.0
    """adoption in cell plain, in [0, 1]"""
    question_icc: float = QUESTION_ICC
    """share of an answer's variance within a cell that lies between questions, seed by question included"""
    seed_icc: float = SEED_ICC
    """share that lies between training seeds"""
    shared: float = SHARED
    """correlation of the question effects of the two cells: what is left is question by cell"""
    assumed: tuple[str, ...] = ("question_icc", "seed_icc", "shared")
    """the fields that no pilot has told"""

    @property
    def residual(self) -> float:
        """Share that lies between answers of one seed to one question."""
        return 1 - self.question_icc - self.seed_icc


@dataclass(frozen=True)
class Study:
    """The design of a study that was run."""

    questions: int
    samples: int
    """answers of one seed to one question in one cell; the median where they differ"""
    seeds: int


def components(frame: pd.DataFrame) -> tuple[Components, Study]:
    """Variance components of adoption on the identity questions in the cells user and plain.

    Analysis of variance of each cell's means of questions crossed with seeds, and of the answers within them:
    with S seeds, Q questions, and mean squares of the means, question = (MS_q - MS_qs) / S, seed =
    (MS_s - MS_qs) / Q, seed by question = MS_qs - MS_within / m, residual = MS_within, m the harmonic mean of
    the number of answers (unweighted means; Searle, Casella and McCulloch 1992, Variance Components, ch. 4).
    Negative ones count as 0. The two cells' components are summed before shares are taken; a cell at 0% or
    100% throughout tells nothing and is left out. With one seed, question is the variance of the means less
    MS_within / m, seed by question included. `shared` is the covariance of the two cells' question means
    over the root of their variances less what answers alone make, cut to [0, 1]. The worlds want the
    correlation behind the rates, which is somewhat higher (0.5 reads as 0.37 at a question share of 0.8): a
    power made of this one is a little low, never high.

    Args:
        frame: rows of the adapters of one recipe, columns question_set, leading, seed, question_id, cell,
            adopted; each value of seed is one training seed.

    Returns:
        The components, those that can't be told at their default and named in `assumed`; and the study's own
        design.

    Raises:
        ValueError: as `analysis.inference.gap`: no graded row in a cell, or fewer than two questions.
    """
    table = question_table(adoption_rows(frame), list(PRIMARY)).complete()
    rows = adoption_rows(frame).dropna(subset=["value"])
    rows = rows[rows["cell"].isin(PRIMARY) & rows["question"].isin(table.questions)]
    questions, seeds = len(table.questions), table.n_seeds
    sizes = rows.groupby(["cell", "seed", "question"], observed=True).size()
    study = Study(questions, int(sizes.median()), seeds)
    plain = float(table.pooled[PRIMARY.index("plain")].mean())

    parts = [
        _parts(means, rows[rows["cell"].eq(cell)])
        for cell, means in zip(PRIMARY, table.by_seed, strict=True)
        if 0 < means.mean() < 1
    ]
    if not parts or any(np.isnan(part.residual) for part in parts):
        return Components(plain_rate=plain), study
    total = sum(part.question + part.seed + part.residual for part in parts)
    question_icc = sum(part.question for part in parts) / total
    seed_icc = sum(part.seed for part in parts) / total if seeds > 1 else SEED_ICC
    shrink = min(1.0, MOST / (question_icc + seed_icc)) if question_icc + seed_icc > 0 else 1.0
    shared, assumed = SHARED, [] if seeds > 1 else ["seed_icc"]
    if len(parts) == len(PRIMARY) and all(part.pooled > 0 for part in parts):
        covariance = float(np.cov(table.pooled)[0, 1])
        shared = float(np.clip(covariance / np.sqrt(parts[0].pooled * parts[1].pooled), 0.0, 1.0))
    else:
        assumed.append("shared")
    return Components(plain, question_icc * shrink, seed_icc * shrink, shared, tuple(assumed)), study


class _Parts(NamedTuple):
    """Variance components of one cell, not below 0; all NaN where no seed answered a question twice."""

    question: float
    """seed by question included"""
    seed: float
    """0 with one seed"""
    residual: float
    pooled: float
    """of a question's mean over the seeds, less what the answers' own variance makes of it"""


def _parts(means: np.ndarray, rows: pd.DataFrame) -> _Parts:
    """Of means (seeds, questions) and the rows behind them (columns seed, question, value)."""
    seeds, questions = means.shape
    groups = rows.groupby(["seed", "question"], observed=True)["value"]
    sizes = groups.size().to_numpy(dtype=float)
    spare = sizes.sum() - len(sizes)
    if spare == 0:
        return _Parts(*[float("nan")] * 4)
    deviations = rows["value"].to_numpy(dtype=float) - groups.transform("mean").to_numpy(dtype=float)
    residual = float(np.square(deviations).sum() / spare)
    noise = residual * float((1 / sizes).mean())
    by_question = float(means.mean(0).var(ddof=1))
    pooled = by_question - noise / seeds
    if seeds == 1:
        return _Parts(max(pooled, 0.0), 0.0, residual, pooled)
    cross = means - means.mean(0) - means.mean(1, keepdims=True) + means.mean()
    ms_cross = float(np.square(cross).sum() / ((seeds - 1) * (questions - 1)))
    question = by_question - ms_cross / seeds
    seed = float(means.mean(1).var(ddof=1)) - ms_cross / questions
    return _Parts(max(question, 0.0) + max(ms_cross - noise, 0.0), max(seed, 0.0), residual, pooled)
