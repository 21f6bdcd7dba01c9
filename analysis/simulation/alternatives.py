"""Intervals tried against the shipped ones for `Claim.ADAPTERS`. Nothing here is shipped.

    python -m analysis.simulation.alternatives tuning 2000     # the settings below, to choose by
    python -m analysis.simulation.alternatives tuning 1000 30  # the finalist there, 30 answers a question
    python -m analysis.simulation.alternatives tables 5000      # the tables' settings, for the finalist

Prints a row per method. The tuning settings share no setting and no random number with the tables, and were
committed before any result.

The profile likelihood takes question counts for beta-binomial: with n_k questions of k yes answers out of m,

    l(p, rho) = sum_k n_k log BB(k; m, p, rho),   r = rho + (1 - rho) / m the design effect over m,

and keeps each p with max over rho of l + PENALTY log r within t^2 / 2 of the greatest (t: Student's quantile). The
hybrid is the hull of these limits and of Wilson's on the observed design effect, unshrunk. The first uses all that the
counts say, the second holds where they aren't beta-binomial.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from analysis.inference._core import (
    Array,
    Limits,
    difference,
    exact_upper,
    net_limits,
    paired_correlation,
    rate_limits,
)
from analysis.simulation import runner
from analysis.simulation.runner import (
    CHUNK,
    COVERAGE,
    FALSE_ALARMS,
    LEVEL,
    WIDTH,
    settings,
)
from analysis.simulation.shapes import SHAPES, drawn
from analysis.simulation.worlds import ANSWERS, Setting

TUNING_SEED = 20_261_126
TUNING_WORLDS = 2_000
TUNING_ICCS = (0.0, 0.1, 0.35, 0.7)
TUNING_QUESTIONS = (6, 12, 24, 50)
TUNING_RATES: list[tuple[float, ...]] = [
    *[(0.02,), (0.08,), (0.35,), (0.65,), (0.96,)],
    *[(0.02, 0.02), (0.08, 0.08), (0.4, 0.4), (0.15, 0.02), (0.6, 0.02), (0.95, 0.03), (0.6, 0.35)],
    *[(0.04,) * 4, (0.6, 0.03, 0.03, 0.03)],
]
TUNING_MANY_SEEDS: list[tuple[float, ...]] = [(0.08,), (0.4, 0.4), (0.6, 0.02)]


def tuning_settings() -> Iterator[tuple[str, Setting]]:
    """Shape and setting: 224 of one seed, 18 of four seeds, then 252 of one seed of the other two shapes."""
    for rates, icc, questions in product(TUNING_RATES, TUNING_ICCS, TUNING_QUESTIONS):
        yield "beta", Setting(rates, icc, 0.0, questions, 1)
    for rates, icc, questions in product(TUNING_MANY_SEEDS, (0.1, 0.5), (12, 24, 50)):
        yield "beta", Setting(rates, icc, 0.1, questions, 4)
    for shape, rates, icc, questions in product(SHAPES[1:], TUNING_RATES, TUNING_ICCS[1:], (12, 24, 50)):
        yield shape, Setting(rates, icc, 0.0, questions, 1)


PENALTY = 0.2
"""Power of the design effect that the likelihood is multiplied by; 0 to 0.5 were tried."""
_DESIGN_NODES = 14
_SLACK = 1e-9
_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))
Method = Callable[[Array, int], Limits]
"""Limits of a rate from question means (worlds, questions) and the answers behind each mean."""


def wilson(
    means: Array, squares: float = 0.0, ceiling: float = 0.0, gain: float = 0.0, known: float = 0.3
) -> Limits:
    """Wilson's interval as shipped, with other shrinkage and degrees of freedom.

    Args:
        means: shape (worlds, questions).
        squares, ceiling: added to the between-question sum and to its ceiling (shipped: 0.15 to both).
        gain, known: see `degrees`.
    """
    questions = means.shape[-1]
    p = means.mean(-1)
    between, most = means.var(-1) * questions, questions * p * (1 - p)
    ratio = np.minimum((between + squares) / np.maximum(most + ceiling, _SLACK), 1.0)
    n = np.maximum((questions - 1) / np.maximum(ratio, 1e-6), questions)
    t2 = np.square(_student(degrees(means, gain, known)))
    centre = (p + t2 / (2 * n)) / (1 + t2 / n)
    half = np.sqrt(t2 * p * (1 - p) / n + np.square(t2 / (2 * n))) / (1 + t2 / n)
    return exact_at_edges(p, centre - half, centre + half, questions)


def degrees(means: Array, gain: float, known: float = 0.3) -> Array:
    """Degrees of freedom of the between-question variance: (questions - 1) (1 + gain r / (1 - r)).

    The variance of a sample variance is s^4 (kurtosis - 1) / n. A symmetric beta distribution with correlation
    r has kurtosis 3 - 6 r / (1 + 2 r), which is gain = 3; gain = 0 is the normal's. r is the observed share of the
    ceiling p(1-p), with `known` added to the ceiling.
    """
    questions = means.shape[-1]
    p = means.mean(-1)
    r = np.minimum(means.var(-1) * questions / (questions * p * (1 - p) + known), 0.999)
    return (questions - 1) * (1 + gain * r / (1 - r))


def profile(means: Array, answers: int, gain: float = 0.0, penalty: float = PENALTY) -> Limits:
    """Penalised profile likelihood of p, beta-binomial counts, cut at Student's quantile squared.

    `means` has shape (worlds, questions), each the mean of `answers` yes/no answers.
    """
    p = means.mean(-1)
    questions = means.shape[-1]
    low, high = np.zeros_like(p), np.ones_like(p)
    inner = np.flatnonzero((p > 0) & (p < 1))
    table, design, angles = _log_chances(answers, 160 if answers <= 20 else 320)
    prior = (penalty * np.log(design)).astype(np.float32)
    for at in np.array_split(inner, max(1, len(inner) // 1000)):
        if not len(at):
            continue
        counts = np.rint(means[at] * answers).astype(np.int64)
        histogram = np.zeros((len(at), answers + 1), np.float32)
        np.add.at(histogram, (np.arange(len(at))[:, None], counts), 1)
        grid = (histogram @ table).reshape(len(at), len(angles), _DESIGN_NODES)
        height = (grid + prior).max(2).astype(float)
        height -= height.max(1, keepdims=True)
        cut = -np.square(_student(degrees(means[at], gain))) / 2
        low[at], high[at] = _crossings(height, cut, angles)
    return exact_at_edges(p, np.minimum(low, p), np.maximum(high, p), questions)


def hybrid(means: Array, answers: int, gain: float) -> Limits:
    """Hull of `profile` and of `wilson` on the observed design effect."""
    one, other = profile(means, answers, gain), wilson(means, gain=gain)
    return Limits(one.estimate, np.minimum(one.low, other.low), np.maximum(one.high, other.high))


METHODS: dict[str, Method] = {
    "shipped": lambda means, answers: rate_limits(means, LEVEL),
    "Wilson, shrunk to half": lambda means, answers: wilson(means, 0.15, 0.3),
    "Wilson, more degrees of freedom": lambda means, answers: wilson(means, 0.15, 0.15, 1.0),
    "profile likelihood": lambda means, answers: profile(means, answers),
    "hybrid": lambda means, answers: hybrid(means, answers, 0.0),
    "hybrid, more degrees of freedom": lambda means, answers: hybrid(means, answers, 1.0),
}
FINALISTS = ("shipped", "hybrid")


def exact_at_edges(p: Array, low: Array, high: Array, questions: int) -> Limits:
    """The limits given, cut to [0, 1], and the shipped exact ones at 0% and 100%."""
    edge = exact_upper(questions, LEVEL)
    low = np.where(p <= 0, 0.0, np.where(p >= 1, 1 - edge, low))
    high = np.where(p <= 0, edge, np.where(p >= 1, 1.0, high))
    return Limits(p, np.maximum(low, 0.0), np.minimum(high, 1.0))


def contrast_limits(means: Array, answers: int, method: Method) -> Limits:
    """Limits of a rate, gap or net gap, `means` (cells, worlds, questions), by the shipped paired MOVER."""
    cells = [method(cell, answers) for cell in means]
    if len(cells) == 1:
        return cells[0]
    gaps = [
        difference(cells[i], cells[i + 1], paired_correlation(means[i], means[i + 1]))
        for i in range(0, len(cells), 2)
    ]
    return (
        gaps[0] if len(gaps) == 1 else net_limits(gaps[0], gaps[1], means[0] - means[1], means[2] - means[3])
    )


@cache
def _students(size: int = 2300) -> tuple[Array, Array]:
    df = np.concatenate([np.linspace(1, 100, size - 300), np.geomspace(100.5, 1e5, 300)])
    return df, np.asarray(stats.t.ppf((1 + LEVEL) / 2, df))


def _student(df: Array) -> Array:
    return np.interp(df, *_students())


@cache
def _log_chances(answers: int, points: int) -> tuple[NDArray[np.float32], Array, Array]:
    """Log chance of each count, shape (answers + 1, points * nodes), with the nodes r and the angles of p.

    p = sin(angle)^2, angles equally spaced; r from 1 / answers (independent answers) to 0.995 in equal ratios.
    """
    angles = (np.arange(points) + 0.5) * np.pi / 2 / points
    p = np.square(np.sin(angles))
    design = np.geomspace(1 / answers, 0.995, _DESIGN_NODES)
    yes = np.arange(answers + 1)[:, None]
    table = np.empty((answers + 1, points, _DESIGN_NODES))
    table[:, :, 0] = special.xlogy(yes, p) + special.xlogy(answers - yes, 1 - p)
    for node, rho in enumerate((design[1:] - 1 / answers) / (1 - 1 / answers), start=1):
        a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
        table[:, :, node] = special.betaln(yes + a, answers - yes + b) - special.betaln(a, b)
    return table.reshape(answers + 1, -1).astype(np.float32), design, angles


def _crossings(height: Array, cut: Array, angles: Array) -> tuple[Array, Array]:
    """Rates where each row of `height` (worlds, points) falls under its `cut`, linear between points."""
    index, last = np.arange(len(angles)), len(angles) - 1
    inside = height >= cut[:, None]
    first = np.where(inside, index, last).min(1)
    final = np.where(inside, index, 0).max(1)

    def between(here: NDArray[np.int64], there: NDArray[np.int64]) -> Array:
        row = np.arange(len(height))
        there = np.clip(there, 0, last)
        drop = height[row, here] - height[row, there]
        part = np.where(drop > 0, (height[row, here] - cut) / np.where(drop > 0, drop, 1.0), 0.0)
        return np.square(np.sin(angles[here] + np.clip(part, 0, 1) * (angles[there] - angles[here])))

    low = np.where(first == 0, 0.0, between(first, first - 1))
    high = np.where(final == last, 1.0, between(final, final + 1))
    return low, high


def rows_of(
    shape: str,
    setting: Setting,
    worlds: int,
    rng: np.random.Generator,
    names: tuple[str, ...],
    answers: int = ANSWERS,
) -> list[dict[str, object]]:
    """A row per method; the oracle and the marks are those of runner.py."""
    parts: dict[str, list[Array]] = {name: [] for name in names}
    for start in range(0, worlds, CHUNK):
        means, truth = drawn(shape, setting, min(CHUNK, worlds - start), rng, answers)
        for name in names:
            limits = contrast_limits(means, answers * setting.seeds, METHODS[name])
            parts[name].append(np.array([truth, *limits]))
    rows: list[dict[str, object]] = []
    for name in names:
        truth, estimate, low, high = np.concatenate(parts[name], axis=1)
        oracle = 2 * _NORMAL * float(np.sqrt(np.square(estimate - truth).mean()))
        width = float((high - low).mean())
        null = len(setting.rates) > 1 and bool((np.abs(truth) < _SLACK).all())
        alarms = round(float(((low > _SLACK) | (high < -_SLACK)).mean()), 4) if null else None
        rows.append(
            {
                "method": name,
                "shape": shape,
                "rates": " ".join(f"{x:g}" for x in setting.rates),
                "question_icc": setting.question_icc,
                "seed_icc": setting.seed_icc,
                "questions": setting.questions,
                "seeds": setting.seeds,
                "worlds": worlds,
                "coverage": round(float(((low <= truth + _SLACK) & (truth - _SLACK <= high)).mean()), 4),
                "mean_width": round(width, 5),
                "width_ratio": round(width / oracle, 3) if oracle else None,
                "false_alarms": alarms,
            }
        )
    return rows


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row per shape and method; `width` is the geometric mean beside the shipped interval's."""
    shipped = table[table["method"] == "shipped"]
    key = ["shape", "rates", "question_icc", "seed_icc", "questions", "seeds"]
    table = table.merge(shipped[[*key, "mean_width"]], on=key, suffixes=("", "_shipped"))
    table["log_width"] = np.log(table["mean_width"] / table["mean_width_shipped"])
    ratio, alarms = table["width_ratio"].astype(float), table["false_alarms"].astype(float)
    table["coverage_met"] = table["coverage"] >= COVERAGE
    table["width_met"] = ratio.isna() | (ratio <= WIDTH)
    table["alarms_met"] = alarms.isna() | (alarms <= FALSE_ALARMS)
    grouped = table.assign(false_alarms=alarms).groupby(["shape", "method"], sort=False)
    return grouped.agg(
        rows=("coverage", "size"),
        coverage_met=("coverage_met", "sum"),
        lowest=("coverage", "min"),
        alarms_missed=("alarms_met", lambda met: int((~met).sum())),
        highest_alarms=("false_alarms", "max"),
        width_met=("width_met", "mean"),
        width=("log_width", lambda logs: float(np.exp(logs.mean()))),
    )


def main(what: str, worlds: int, answers: int = ANSWERS) -> int:
    """Every tuning setting (finalists only if `answers` aren't the tables'), or every setting of the tables."""
    names = tuple(METHODS) if answers == ANSWERS else FINALISTS
    rows: list[dict[str, object]] = []
    if what == "tuning":
        for shape, setting in tuning_settings():
            seed = [TUNING_SEED, SHAPES.index(shape), *runner._entropy(setting)[1:]]
            rows += rows_of(shape, setting, worlds, np.random.default_rng(seed), names, answers)
    else:
        for setting in settings():
            rows += rows_of(
                "beta", setting, worlds, np.random.default_rng(runner._entropy(setting)), FINALISTS
            )
    print(summary(pd.DataFrame(rows)).round(4).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
