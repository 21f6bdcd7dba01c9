"""How narrow can one method be in every world of a design at once? A lower bound on its worst width ratio.

    python -m analysis.simulation.joint_bound      # writes results/joint_bound.csv, a row per design and demand

bound.py asks for a short interval in one world at a time, and may answer with a different method in each. Here one
method has to serve all worlds of a design (n questions, `ANSWERS` answers to each). Let x be the counts of yes per
question, C(x) the method's interval (any set of rates, drawn at random too), P_w the distribution of x in world w,
and o_w the oracle's width there. A method whose mean width is at most s o_w in every world w of W, and that covers
every rate v between `low` and `high` with at least 0.94 at each correlation c, has, for all weights mu_w >= 0 with
sum mu_w o_w = 1 and lambda_c(v) >= 0,

    s  >=  integral over v of  E_m min(1, L_v(x) / m(x))  -  0.06 sum_c lambda_c(v),
    m = sum_w mu_w P_w,   L_v = sum_c lambda_c(v) P_(v,c),   E_m the sum over x weighted by m.

Proof: s >= sum_w mu_w E_w |C| = integral of sum_x m(x) [v in C(x)]; add lambda_c(v) (0.94 - P_(v,c)(v in C)) <= 0 and
take the least over all C, point by point: 0.94 sum_c lambda_c - sum_x max(0, L_v - m), the line above. It is weak
duality of a linear programme: Pratt's argument (1961, Length of confidence intervals, JASA 56) with mixtures of worlds
on both sides. Elliott, Mueller and Watson (2015, Econometrica 83, 771-811) bound the power of tests in the same way.

Any mu and lambda prove a bound; good ones only make it large. They are found by quasi-Newton ascent on drawn x and a
grid of rates, then kept, and the bound they prove is computed anew: over all x for up to `EXACT` questions, else over
fresh draws from m; and at fresh random rates, one in each stratum, lambda interpolated. So the integral over v has no
error of a grid, only a spread. `bound_error` is the standard error over `BATCHES` such batches. `proved` is `bound`
less `ERRORS` of them, or what is proved where less is asked, if that is more: the ascent doesn't always reach the top.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from analysis.simulation.runner import COVERAGE, ICCS, LEVEL, ONE_SEED, SEED, WIDTH
from analysis.simulation.worlds import ANSWERS, Array

RESULTS = Path(__file__).with_name("results")
QUESTIONS = (5, 10, 20, 40, 60)
RANGES = ((0.01, 0.99), (0.05, 0.95), (0.2, 0.8))
"""Rates at which the width is asked for."""
DENSE = 31
"""Rates of a range that stand for all of them."""
WIDTH_ICCS, DENSE_ICCS = (0.0, 0.1, 0.2, 0.5), (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8)
"""Correlations that stand for all of them: for the width, and for coverage."""
EXACT = 5
"""Up to so many questions all histograms of counts are summed over: 3,003 of them for 5 questions."""
DRAWS = 8_000
"""For finding the multipliers."""
BATCHES, BATCH, ERRORS = 16, 2_500, 3
"""Of draws, for the bound that they prove; and by how many standard errors it is lowered."""
SPACING = 0.7
"""Width of the strata of rates, in standard errors at correlation 0, where they are least."""
STRATA, NEGLIGIBLE = 180, 1e-4
"""Of the last round: so many strata, of those that add more than this share of what the best adds."""
_TINY = 1e-30
_COUNTS = np.arange(ANSWERS + 1)


@dataclass(frozen=True)
class Demand:
    """What is asked of a method, at one design."""

    questions: int
    worlds: tuple[tuple[float, float], ...]
    """Rate and correlation of the worlds in which the width counts."""
    low: float = 0.01
    high: float = 0.99
    """Rates between these are covered."""
    iccs: tuple[float, ...] = ICCS
    """At these correlations."""


class Multipliers(NamedTuple):
    """They prove a bound."""

    mu: Array
    """Shape (worlds,)."""
    edges: Array
    """Strata of the rates, as angles (see `_rates`): first and last, shape (strata, 2). Elsewhere lambda is 0."""
    log_lambda: Array
    """In the middle of each stratum, shape (strata, iccs)."""


def log_chances(rates: Array, iccs: Array) -> Array:
    """Log chance of each count of yes for one question: beta-binomial, less the binomial coefficient.

    The coefficient is the same in all worlds, and only ratios of worlds are used.
    """
    rates, iccs = rates[..., None], iccs[..., None]
    size = (1 - iccs) / np.where(iccs > 0, iccs, 1.0)
    a, b = rates * size, (1 - rates) * size
    with np.errstate(divide="ignore", invalid="ignore"):
        mixed = special.betaln(a + _COUNTS, b + ANSWERS - _COUNTS) - special.betaln(a, b)
    plain = special.xlogy(_COUNTS, rates) + special.xlog1py(ANSWERS - _COUNTS, -rates)
    return np.where(iccs > 0, mixed, plain)


def oracle_width(rate: float, icc: float, questions: int) -> float:
    """2 x 1.96 true standard errors."""
    variance = rate * (1 - rate) * (icc + (1 - icc) / ANSWERS) / questions
    return float(2 * stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance))


def find(demand: Demand, rng: np.random.Generator, iterations: int = 80) -> Multipliers:
    """Good multipliers, in four rounds.

    Both on x from all worlds alike; both twice again on x that is more and more from m, where a narrow world weighs;
    lambda alone on a finer grid of rates and x from m.
    """
    own, oracle = _log_worlds(demand), _oracles(demand)
    shares = np.full(len(own), 1 / len(own))
    mu, edges = shares / oracle, _strata(demand)
    for from_m in (0.0, 0.5, 0.9, 1.0):
        last = from_m == 1.0
        sample = _sample(demand, from_m * mu / mu.sum() + (1 - from_m) * shares, rng)
        if not last:  # else a share that came near 0 would stay there
            mu = 0.8 * mu + 0.2 * shares / oracle
        if last:
            nulls = _nulls(sample, _rates(edges.mean(axis=1)), demand)
            gains = _start(sample, nulls, mu)[1]
            edges = _split(edges[gains > NEGLIGIBLE * gains.max()])
        nulls = _nulls(sample, _rates(edges.mean(axis=1)), demand)
        start = Multipliers(mu, edges, _start(sample, nulls, mu)[0])
        found = _climb(sample, nulls, start, oracle, not last, iterations)
        mu = found.mu
    return found


class _Sample(NamedTuple):
    tables: Array
    """Histograms of counts, shape (x, counts)."""
    weights: Array
    """Of each x in the mixture that it is drawn from."""
    log_base: Array
    """Log chance in that mixture; all chances are divided by it. Shape (x,)."""
    worlds: Array
    """Chances in the worlds of the width, shape (x, worlds)."""


def _sample(demand: Demand, shares: Array, rng: np.random.Generator) -> _Sample:
    own = _log_worlds(demand)
    if demand.questions <= EXACT:
        tables, weights = histograms(demand.questions)
    else:
        tables = _drawn(own, shares, DRAWS, demand.questions, rng)
        weights = np.full(len(tables), 1 / len(tables))
    log_worlds = tables @ own.T
    log_base = _log_mixture(log_worlds, shares)
    if demand.questions <= EXACT:
        weights = weights * np.exp(log_base)
    return _Sample(tables, weights, log_base, np.exp(log_worlds - log_base[:, None]))


def _nulls(sample: _Sample, rates: Array, demand: Demand) -> Array:
    """Chances of x where `rates` are covered, shape (x, rates, iccs)."""
    logs = sample.tables @ _log_nulls(rates, demand).T - sample.log_base[:, None]
    return np.exp(np.minimum(logs, 50.0)).reshape(len(logs), len(rates), -1)


def _start(sample: _Sample, nulls: Array, mu: Array) -> tuple[Array, Array]:
    """At each rate and correlation the best log lambda of a few, if it were the only one; and what a rate adds then."""
    m = sample.worlds @ mu
    tried = np.arange(-8.0, 8.1, 0.5) + np.log(m @ sample.weights)
    scores = np.array(
        [
            np.einsum("x,xvc->vc", sample.weights, np.minimum(np.exp(t) * nulls, m[:, None, None]))
            - (1 - COVERAGE) * np.exp(t)
            for t in tried
        ]
    )
    return tried[scores.argmax(axis=0)] - np.log(nulls.shape[2]), scores.max(axis=(0, 2))


def _climb(
    sample: _Sample,
    nulls: Array,
    start: Multipliers,
    oracle: Array,
    free: bool,
    iterations: int,
) -> Multipliers:
    """Quasi-Newton ascent of the sampled bound; `free`: of mu too.

    min(L, m) is smoothed as the least of v L + (1 - v) m - blur v (1 - v) m over v in [0, 1]: concave, and below it.
    """
    shape, weights = start.log_lambda.shape, sample.weights
    size = start.log_lambda.size
    steps = np.diff(_rates(start.edges))[:, 0]

    def minus(parameters: Array, blur: float) -> tuple[float, Array]:
        lambdas = np.exp(parameters[:size]).reshape(shape)
        roots = parameters[size:]  # of the shares: unlike their logs, they come back from 0
        total = roots @ roots if free else 1.0
        shares = roots**2 / total if free else start.mu * oracle
        m = sample.worlds @ (shares / oracle)
        ratio = np.einsum("xvc,vc->xv", nulls, lambdas) / m[:, None]
        v = np.clip((1 + blur - ratio) / (2 * blur), 0.0, 1.0)
        by_lambda = np.einsum("xv,xvc->vc", weights[:, None] * v, nulls) - (1 - COVERAGE)
        by_lambda = steps[:, None] * by_lambda * lambdas
        by_m = ((1 - v) * (1 - blur * v)) @ steps
        gains = ((weights * by_m) @ sample.worlds) / oracle
        gradient = [by_lambda.ravel(), 2 * roots * (gains - gains @ shares) / total if free else np.zeros(0)]
        return -float(by_lambda.sum() + gains @ shares), -np.concatenate(gradient)

    parameters = start.log_lambda.ravel()
    if free:
        parameters = np.concatenate([parameters, np.sqrt(start.mu * oracle)])
    for blur in (0.5, 0.1, 0.03):
        options = {"maxiter": iterations, "maxcor": 20}
        result = optimize.minimize(
            minus, parameters, args=(blur,), jac=True, method="L-BFGS-B", options=options
        )
        parameters = result.x
    roots = parameters[size:]
    mu = roots**2 / (roots @ roots) / oracle if free else start.mu
    return Multipliers(mu, start.edges, parameters[:size].reshape(shape))


def proved(demand: Demand, multipliers: Multipliers, rng: np.random.Generator) -> tuple[float, float]:
    """The bound that the multipliers prove, and its standard error: see the module."""
    own, mu = _log_worlds(demand), multipliers.mu
    edges = _rates(multipliers.edges)
    values = []
    if demand.questions <= EXACT:
        tables, weights = histograms(demand.questions)
        weights = weights * np.exp(_log_mixture(tables @ own.T, mu))
    else:
        tables, weights = np.zeros((0, 0)), np.zeros(0)
    for _ in range(BATCHES):
        rates = rng.uniform(edges[:, 0], edges[:, 1])
        log_lambda = _interpolated(multipliers, _angles(rates))
        if demand.questions > EXACT:
            tables = _drawn(own, mu / mu.sum(), BATCH, demand.questions, rng)
            weights = np.full(len(tables), mu.sum() / len(tables))
        log_m = _log_mixture(tables @ own.T, mu)
        ratio = tables @ _log_nulls(rates, demand).T + log_lambda.ravel() - log_m[:, None]
        ratio = np.exp(np.minimum(ratio, 1.0)).reshape(len(tables), len(rates), -1).sum(axis=2)
        covered = weights @ np.minimum(ratio, 1.0)
        values.append(np.diff(edges)[:, 0] @ (covered - (1 - COVERAGE) * np.exp(log_lambda).sum(axis=1)))
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(BATCHES))


def _log_worlds(demand: Demand) -> Array:
    rates, iccs = np.array(demand.worlds).T
    return log_chances(rates, iccs)


def _log_mixture(logs: Array, shares: Array) -> Array:
    mixed: Any = special.logsumexp(logs, b=shares, axis=1)
    return mixed


def _oracles(demand: Demand) -> Array:
    return np.array([oracle_width(rate, icc, demand.questions) for rate, icc in demand.worlds])


def _interpolated(multipliers: Multipliers, angles: Array) -> Array:
    """Log lambda at other rates: the lambda themselves, which switch from one correlation to another, are linear."""
    columns = [
        np.interp(angles, multipliers.edges.mean(axis=1), column)
        for column in np.exp(multipliers.log_lambda.T)
    ]
    return np.log(np.maximum(np.column_stack(columns), _TINY))


def _log_nulls(rates: Array, demand: Demand) -> Array:
    """Shape (rates x iccs, counts)."""
    grid = np.meshgrid(rates, demand.iccs, indexing="ij")
    return log_chances(grid[0].ravel(), grid[1].ravel())


def _angles(rates: Array) -> Array:
    return np.arcsin(np.sqrt(rates))


def _rates(angles: Array) -> Array:
    """Equal steps of the angle are equal steps in standard errors."""
    return np.sin(angles) ** 2


def _strata(demand: Demand) -> Array:
    low, high = _angles(np.array([demand.low, demand.high]))
    cells = int(np.ceil((high - low) * 2 * np.sqrt(demand.questions * ANSWERS) / SPACING))
    edges = np.linspace(low, high, max(40, cells) + 1)
    return np.column_stack([edges[:-1], edges[1:]])


def _split(edges: Array) -> Array:
    """Each stratum in as many as make `STRATA` in all, two at least."""
    parts = np.linspace(0, 1, max(2, STRATA // len(edges)) + 1)
    cuts = edges[:, :1] + np.diff(edges) * parts
    return np.column_stack([cuts[:, :-1].ravel(), cuts[:, 1:].ravel()])


def histograms(questions: int) -> tuple[Array, Array]:
    """All histograms of counts, and in how many ways each comes about, with the binomial coefficients."""
    bars = np.array(list(combinations(range(questions + ANSWERS), ANSWERS)), dtype=np.int64)
    ends = np.full((len(bars), 1), questions + ANSWERS)
    tables = np.diff(np.hstack([np.full_like(ends, -1), bars, ends]), axis=1) - 1.0
    ways = special.gammaln(questions + 1) - special.gammaln(tables + 1).sum(axis=1)
    return tables, np.exp(ways + tables @ np.log(special.comb(ANSWERS, _COUNTS)))


def _drawn(own: Array, shares: Array, draws: int, questions: int, rng: np.random.Generator) -> Array:
    """Histograms of counts from the mixture of the worlds, as many of each as its share says."""
    chances = np.exp(own) * special.comb(ANSWERS, _COUNTS)
    # Systematic: the expected number of each world's draws is exact, whatever the rounding.
    at = (np.arange(draws) + rng.random()) / draws
    world: NDArray[np.int64] = np.minimum(np.searchsorted(np.cumsum(shares), at), len(shares) - 1)
    return rng.multinomial(questions, chances[world] / chances[world].sum(axis=1, keepdims=True)).astype(
        float
    )


def demands(questions: int) -> Iterator[tuple[str, tuple[float, float], Demand]]:
    """What is asked of a method, from least to most; at each range of rates in which the width counts."""
    for low, high in RANGES:
        tables = [rate for (rate,) in ONE_SEED["rate"] if low <= rate <= high]
        first, last = _angles(np.array([low, high])).tolist()
        dense = [float(rate) for rate in _rates(np.linspace(first, last, DENSE))]
        worlds = tuple(product(tables, ICCS))
        yield "tables", (low, high), Demand(questions, worlds)
        if (low, high) == RANGES[0]:
            yield "tables, covers 0 to 100%", (low, high), Demand(questions, worlds, 0.0, 1.0)
        everywhere = Demand(questions, tuple(product(dense, WIDTH_ICCS)), 0.0, 1.0, DENSE_ICCS)
        yield "everywhere", (low, high), everywhere


def bound(
    name: str, between: tuple[float, float], demand: Demand, shipped: pd.DataFrame
) -> dict[str, object]:
    """A row of the table. `shipped` holds the rows of rate.csv."""
    rng = np.random.default_rng([SEED, 10, demand.questions, round(1000 * between[0]), len(demand.worlds)])
    value, error = proved(demand, find(demand, rng), rng)
    rows = shipped[shipped["rates"].between(*between) & (shipped["questions"] == demand.questions)]
    return {
        "demand": name,
        "width_from": between[0],
        "width_to": between[1],
        "questions": demand.questions,
        "worlds": len(demand.worlds),
        "bound": round(value, 4),
        "bound_error": round(error, 4),
        "shipped_worst_ratio": float(rows.loc[rows["seeds"] == 1, "width_ratio"].max()),
    }


def with_lesser(rows: pd.DataFrame) -> pd.DataFrame:
    """With what is proved: less `ERRORS` standard errors, and the best of all demands that ask no more.

    What no method can do where less is asked none can where more is. The ascent may find less than it could.
    """
    names = ("tables", "tables, covers 0 to 100%", "everywhere")
    asked = np.array([names.index(str(name)) for name in rows["demand"]])
    own = (rows["bound"] - ERRORS * rows["bound_error"]).to_numpy()
    low, high, questions = (rows[name].to_numpy() for name in ("width_from", "width_to", "questions"))
    proved_here = []
    for at in range(len(rows)):
        lesser = (low >= low[at]) & (high <= high[at]) & (questions == questions[at]) & (asked <= asked[at])
        proved_here.append(round(float(own[lesser].max()), 3))
    return rows.assign(proved=proved_here, target_shut_out=[value > WIDTH for value in proved_here])


def main() -> int:
    """Every design and demand."""
    start, rows = perf_counter(), []
    shipped = pd.read_csv(RESULTS / "rate.csv")
    for questions in QUESTIONS:
        for name, between, demand in demands(questions):
            rows.append(bound(name, between, demand, shipped))
            print(*rows[-1].values(), f"{perf_counter() - start:.0f} s", flush=True)
    with_lesser(pd.DataFrame(rows)).to_csv(RESULTS / "joint_bound.csv", index=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
