"""Clustered intervals as functions of arrays. The last axis is questions; any axes before it are worlds.

The simulation runs these same functions on thousands of worlds at once, so what is proved is what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]

PSEUDO_SQUARES = 0.15
"""Squares added to the between-question sum and to its ceiling, in value units squared.

It pulls the variance towards its worst case, p(1-p) (answers to one question all alike), the more the less
the sample says about it: much at 2% of 20 questions, next to nothing at 50% of 40. Without it coverage
falls to 87% where few questions have any hit; above 0.2 the intervals at middle rates grow past 1.2 of the
oracle's. Chosen by simulation, analysis/simulation.
"""

GAP_SQUARES, TIE_SQUARES = 0.2, 0.6
"""The same for the cells of a gap's score interval, and for the correlation that pairs them: a score interval has less
slack than MOVER near 0%, where few questions show how cells are tied. With 0.15 for both, one null setting of the tables
(5%, correlation 0.8, 60 questions) had 6.4% false alarms: README.md has both.
"""
STEPS, TOLERANCE = 60, 1e-11
"""Of the search for a limit."""


class Limits(NamedTuple):
    """Estimate and confidence limits, arrays of one shape."""

    estimate: Array
    low: Array
    high: Array


def exact_upper(n: ArrayLike, level: float) -> Array:
    """Upper limit of a rate with 0 of n hits (Clopper and Pearson 1934): 1 - (alpha/2)^(1/n)."""
    return 1.0 - ((1.0 - level) / 2) ** (1.0 / np.asarray(n, dtype=float))


def t_quantile(level: float, df: ArrayLike) -> Array:
    """Two-sided Student quantile."""
    return np.asarray(stats.t.ppf((1 + level) / 2, df), dtype=float)


def effective_questions(p: Array, variance: Array, questions: int, pseudo: float = PSEUDO_SQUARES) -> Array:
    """Number n of independent yes/no answers with p(1-p) / n = variance.

    n = questions / r, r the between-question variance over its ceiling p(1-p) (Kish 1965: rows over design
    effect; Dean and Pagano 2015 for its use in a Wilson interval). r is shrunk towards 1 by `pseudo` squares,
    so that it is 1 where no variance is seen. A correction for grader error may bring r above 1.
    """
    ceiling = questions * p * (1 - p)
    squares = variance * questions * (questions - 1)
    return (questions - 1) * (ceiling + pseudo) / (squares + pseudo)


def variance_of_mean(values: Array) -> Array:
    """Variance of the mean of `values` (..., questions), questions independent of each other."""
    return values.var(-1, ddof=1) / values.shape[-1]


def rate_limits(means: Array, level: float, edge_n: int | None = None) -> Limits:
    """Limits of a rate from question means in [0, 1], shape (..., questions).

    Wilson's interval (1927) on the design-effect-reduced count, Student's quantile with questions - 1 degrees
    of freedom in place of the normal's (Dean and Pagano 2015); at 0% and 100% Clopper and Pearson's exact
    limit with n = edge_n, by default the questions, since there the data say nothing about the design
    effect.
    """
    questions = means.shape[-1]
    p = means.mean(-1)
    # Answers in [0, 1] vary at most as much as yes/no answers do.
    n = np.maximum(effective_questions(p, variance_of_mean(means), questions), questions)
    return wilson_limits(p, n, questions, level, edge_n)


def wilson_limits(p: Array, n: Array, questions: int, level: float, edge_n: int | None = None) -> Limits:
    """Wilson's interval of a rate `p` on `n` effective answers, from `questions` questions."""
    t2 = t_quantile(level, questions - 1) ** 2
    centre = (p + t2 / (2 * n)) / (1 + t2 / n)
    half = np.sqrt(t2 * p * (1 - p) / n + t2**2 / (4 * n**2)) / (1 + t2 / n)
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    edge = exact_upper(edge_n or questions, level)
    low = np.where(p <= 0, 0.0, np.where(p >= 1, 1 - edge, low))
    high = np.where(p <= 0, edge, np.where(p >= 1, 1.0, high))
    return Limits(p, low, high)


def paired_correlation(a: Array, b: Array, pseudo: float = PSEUDO_SQUARES) -> Array:
    """Pearson correlation over questions (last axis), shrunk to 0 by `pseudo` squares in each variance."""
    da, db = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    squares = (np.square(da).sum(-1) + pseudo) * (np.square(db).sum(-1) + pseudo)
    return (da * db).sum(-1) / np.sqrt(squares)


def difference(a: Limits, b: Limits, correlation: Array) -> Limits:
    """Limits of a - b from the limits of each (Zou and Donner 2008, MOVER; Newcombe 1998, method 10).

    Each side keeps its own distance to its limit, so the interval is skewed where the rates are, and has
    width where both rates are 0%.
    """
    estimate = a.estimate - b.estimate
    a_low, a_high = a.estimate - a.low, a.high - a.estimate
    b_low, b_high = b.estimate - b.low, b.high - b.estimate
    below = a_low**2 - 2 * correlation * a_low * b_high + b_high**2
    above = a_high**2 - 2 * correlation * a_high * b_low + b_low**2
    return Limits(
        estimate, estimate - np.sqrt(np.maximum(below, 0)), estimate + np.sqrt(np.maximum(above, 0))
    )


def gap_limits(a: Array, b: Array, level: float, edge_n: int | None = None) -> Limits:
    """Limits of mean(a) - mean(b), question means in [0, 1] paired on the last axis.

    Score interval (Mee 1984; Miettinen and Nurminen 1985; Tango 1998 for pairs): the values v that the test of a - b = v
    doesn't reject, with the variance that holds under v. Each cell's count is its design-effect-reduced one, the pairing
    enters by the shrunken correlation of the cells over questions. Where both cells are at 0% or 100%, paired MOVER of
    the exact limits of each.
    """
    questions = a.shape[-1]
    cells = [_cell(means) for means in (a, b)]
    correlation = paired_correlation(a, b, TIE_SQUARES)
    # As if two questions more had been asked, of which nothing is known: few questions that agree don't show that all do.
    correlation = np.where(correlation > 0, correlation * questions / (questions + 2), correlation)
    estimate = cells[0].p - cells[1].p
    t = t_quantile(level, _score_df(cells, questions))

    def excess(value: Array) -> Array:
        return np.abs(estimate - value) - t * np.sqrt(_null_variance(value, cells[0], cells[1], correlation))

    low, high = (_root(excess, estimate, end) for end in (-1.0, 1.0))
    exact = exact_gap_limits(a, b, level, edge_n)
    edge = np.logical_and(*((cell.p <= 0) | (cell.p >= 1) for cell in cells))
    return Limits(estimate, np.where(edge, exact.low, low), np.where(edge, exact.high, high))


class _Cell(NamedTuple):
    """A cell's rate, its effective number of yes/no answers, and the degrees of freedom of its variance."""

    p: Array
    n: Array
    df: Array


def _cell(means: Array) -> _Cell:
    questions, p, variance = means.shape[-1], means.mean(-1), variance_of_mean(means)
    squares = variance * questions * (questions - 1)
    # The constant that is added has no error of its own: a share of the sum has questions - 1 degrees of freedom.
    seen = np.maximum(squares, 1e-12) / (squares + GAP_SQUARES)
    n = np.maximum(effective_questions(p, variance, questions, GAP_SQUARES), questions)
    return _Cell(p, n, (questions - 1) / np.square(seen))


def _score_df(cells: list[_Cell], questions: int) -> Array:
    """Degrees of freedom of the sum of both cells' variances (Satterthwaite 1946), at least questions - 1."""
    parts = [cell.p * (1 - cell.p) / cell.n for cell in cells]
    spread = sum(np.square(part) / cell.df for part, cell in zip(parts, cells, strict=True)) + np.zeros_like(
        parts[0]
    )
    total = np.square(parts[0] + parts[1])
    return np.clip(
        np.where(spread > 0, total / np.where(spread > 0, spread, 1.0), questions - 1), questions - 1, 1e6
    )


def _null_variance(value: Array, a: _Cell, b: _Cell, correlation: Array) -> Array:
    """Variance of the difference of two rates if it is `value`: at the rates of greatest likelihood that differ by it,
    in closed form (Miettinen and Nurminen 1985, appendix 1)."""
    total, yes_b = a.n + b.n, b.n * b.p
    yes = a.n * a.p + yes_b
    c2 = (a.n + 2 * b.n) * value - total - yes
    c1 = (b.n * value - total - 2 * yes_b) * value + yes
    c0 = yes_b * value * (1 - value)
    third = c2 / (3 * total)
    q = third**3 - c1 * c2 / (6 * total**2) + c0 / (2 * total)
    size = np.sqrt(np.maximum(third**2 - c1 / (3 * total), 0.0))
    size = np.where(q < 0, -size, size)
    cosine = np.clip(q / np.where(size == 0, 1.0, size**3), -1.0, 1.0)
    rate_b = 2 * size * np.cos((np.pi + np.arccos(cosine)) / 3) - third
    rate_b = np.clip(rate_b, np.maximum(0.0, -value), np.minimum(1.0, 1 - value))
    rate_a = rate_b + value
    of_a, of_b = rate_a * (1 - rate_a) / a.n, rate_b * (1 - rate_b) / b.n
    return np.maximum(of_a + of_b - 2 * correlation * np.sqrt(np.maximum(of_a * of_b, 0.0)), 0.0)


def _root(excess: Callable[[Array], Array], start: Array, end: float) -> Array:
    """Where `excess` turns positive on the way from `start` to `end`; `end` where it never does. False position, the
    Illinois way (Dowell and Jarratt 1971), to `TOLERANCE`."""
    near, far = start + 0.0, np.full_like(start, end)
    at_near, at_far = np.minimum(excess(near), 0.0), excess(far)
    never = at_far <= 0
    at_far = np.where(never, 1.0, at_far)
    for _ in range(STEPS):
        step = at_near / (at_near - at_far)
        middle = near + np.clip(step, 0.0, 1.0) * (far - near)
        at_middle = excess(middle)
        inside = at_middle <= 0
        # The end that stays twice counts half, or it would never move.
        at_far = np.where(inside, at_far / 2, at_middle)
        at_near = np.where(inside, at_middle, at_near / 2)
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
        if (np.minimum(np.abs(at_middle), np.abs(far - near)) <= TOLERANCE)[~never].all():
            break
    return np.where(never, end, np.where(np.abs(at_near) < np.abs(at_far), near, far))


def exact_gap_limits(a: Array, b: Array, level: float, edge_n: int | None = None) -> Limits:
    """Limits of mean(a) - mean(b) from each cell's own: paired MOVER. What holds where nothing varies: both cells at 0% or
    100%, each with its exact limit."""
    return difference(rate_limits(a, level, edge_n), rate_limits(b, level, edge_n), paired_correlation(a, b))


def net_limits(arm: Limits, control: Limits, arm_gap: Array, control_gap: Array) -> Limits:
    """Limits of arm - control from both gaps' limits and their differences by question (..., questions)."""
    return difference(arm, control, paired_correlation(arm_gap, control_gap))
