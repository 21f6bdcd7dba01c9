"""Worlds with a known truth: beta-binomial answers; questions, seeds and cells tied by a Gaussian copula.

An answer of cell c, seed s to question q is yes with probability F_c^-1(Phi(z)), F_c a beta distribution
with mean `rate` and intra-class correlation question_icc + seed_icc, and z standard normal, made of
independent parts:

    z = sqrt(w_s) v_sc + sqrt(w_q (1 - I)) u_qc + sqrt(w_q I) e_sqc,   w_q + w_s = 1,
    w_s = seed_icc / (question_icc + seed_icc),   I = INTERACTION, seed by question,

where v and u each share half of their variance between the cells (and u between the arms, which are asked
the same questions). z is standard normal whatever the parts, so the mean over all seeds and questions is
exactly `rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

INTERACTION = 0.2
"""Share of the question variance that differs from seed to seed."""
SHARED = 0.5
"""Correlation of the latent question (and seed) effects of two cells."""
ANSWERS = 10
"""Answers of one seed to one question in one cell: epochs."""

_GRID = np.linspace(-8.0, 8.0, 8001)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(101)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Setting:
    """One kind of world.

    `rates` holds the mean of each cell: one for a rate, two for a gap, four for a net gap (arm's a and b,
    control's a and b).
    """

    rates: tuple[float, ...]
    question_icc: float
    seed_icc: float
    questions: int
    seeds: int


class Worlds(NamedTuple):
    """Drawn worlds. Truths are those of the contrast; each has shape (worlds,)."""

    means: Array
    """Share of yes of each seed to each question, shape (cells, worlds, seeds, questions)."""
    truth_recipe: Array
    """Over all seeds and questions."""
    truth_adapters: Array
    """Over all questions, given the drawn seeds."""
    truth_questions: Array
    """Over all seeds, given the drawn questions."""


def contrast_weights(cells: int) -> Array:
    """What each cell counts in the contrast: a rate, a gap, or a difference of two gaps.

    Raises:
        KeyError: not 1, 2 or 4 cells.
    """
    return np.array({1: [1.0], 2: [1.0, -1.0], 4: [1.0, -1.0, -1.0, 1.0]}[cells])


def draw(
    setting: Setting,
    worlds: int,
    rng: np.random.Generator,
    answers: int = ANSWERS,
    shared: float = SHARED,
) -> Worlds:
    """Draw independent worlds of a setting. The control of a net gap has as many seeds as the arm.

    `answers` are those of one seed to one question in one cell, `shared` is the correlation of the latent
    question effects of two cells.
    """
    cells, seeds, questions = len(setting.rates), setting.seeds, setting.questions
    total = setting.question_icc + setting.seed_icc
    w_s = setting.seed_icc / total if total > 0 else 0.0
    w_q, w_i = (1 - w_s) * (1 - INTERACTION), (1 - w_s) * INTERACTION

    weights = contrast_weights(cells)
    shape = (cells, worlds, seeds, questions)
    means = np.empty(shape)
    adapters, on_questions = np.zeros(worlds), np.zeros(worlds)
    shared_u = rng.standard_normal((worlds, questions))
    shared_v = rng.standard_normal((2, worlds, seeds))
    for c, rate in enumerate(setting.rates):
        own_u, own_v = rng.standard_normal((worlds, questions)), rng.standard_normal((worlds, seeds))
        u = np.sqrt(shared) * shared_u + np.sqrt(1 - shared) * own_u
        v = np.sqrt(SHARED) * shared_v[c // 2] + np.sqrt(1 - SHARED) * own_v
        chance = _chance_table(rate, total)
        z = np.sqrt(w_q) * u[:, None, :] + np.sqrt(w_s) * v[:, :, None]
        z = z + np.sqrt(w_i) * rng.standard_normal(shape[1:])
        means[c] = rng.binomial(answers, _look_up(chance, z)) / answers
        adapters += weights[c] * _look_up(_smooth(rate, total, w_s), v).mean(-1)
        on_questions += weights[c] * _look_up(_smooth(rate, total, w_q), u).mean(-1)
    recipe = np.full(worlds, float(weights @ np.array(setting.rates)))
    return Worlds(means, recipe, adapters, on_questions)


@cache
def _chance_table(rate: float, icc: float) -> Array:
    """F^-1(Phi(z)) on the grid, F beta with mean `rate` and intra-class correlation `icc`."""
    if icc == 0 or rate in (0.0, 1.0):
        return np.full_like(_GRID, rate)
    size = (1 - icc) / icc
    table = stats.beta.ppf(stats.norm.cdf(_GRID), rate * size, (1 - rate) * size)
    density = stats.norm.pdf(_GRID)
    # The quantile function is steep; what the grid loses of the mean is given back, so that the truth is
    # exact.
    return np.clip(table * (rate / (table @ density / density.sum())), 0.0, 1.0)


@cache
def _smooth(rate: float, icc: float, weight: float) -> Array:
    """Mean of the chance at sqrt(weight) x + sqrt(1 - weight) Z over Z, for x on the grid."""
    table = _chance_table(rate, icc)
    at = np.sqrt(weight) * _GRID[:, None] + np.sqrt(1 - weight) * _NODES
    return np.interp(at, _GRID, table) @ _WEIGHTS


def _look_up(table: Array, z: Array) -> Array:
    # Equal steps: the index is arithmetic, several times faster than a search.
    position = np.clip((z - _GRID[0]) / (_GRID[1] - _GRID[0]), 0, len(_GRID) - 1.001)
    index = position.astype(np.int64)
    low = table[index]
    return low + (position - index) * (table[index + 1] - low)
