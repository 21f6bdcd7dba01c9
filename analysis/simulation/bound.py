"""How narrow can any interval be? A lower bound on the mean width, for each one-seed setting of the tables.

    python -m analysis.simulation.bound        # writes results/bound_rate.csv and bound_gap.csv, a row a setting

Pratt (1961, Length of confidence intervals, JASA 56, eq. 1): the mean width of a confidence set in a world w is the
integral, over every value v of the estimand, of the chance in w that v is covered. The set has to cover v with at
least `COVERAGE` in every world whose estimand is v, so that chance is at least what the most powerful test of any one
such world against w leaves (Neyman and Pearson). The bound takes, at each v, the worst of a few such worlds: all four
question correlations of the tables, and for a gap three ways to split it between the cells. More worlds could only
raise it. It holds for every method, Bayesian and resampling ones too, that covers as asked in these worlds and isn't
told the correlation; where it lies above 1.2 times the oracle's width, no method meets the target.

Chances are from `DRAWS` draws each, random numbers fixed by the setting: the bound is known to about one per cent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import integrate, special, stats

from analysis.simulation.runner import COVERAGE, ICCS, LEVEL, ONE_SEED, SEED, WIDTH
from analysis.simulation.worlds import ANSWERS, INTERACTION, SHARED, Array

RESULTS = Path(__file__).with_name("results")
DRAWS = 4_000
POINTS = 41
"""Values of the estimand at which the chance is computed, within `REACH` standard errors of the truth."""
REACH = 8.0
LATENT = SHARED * (1 - INTERACTION)
"""Correlation of the latent effects of one question in two cells: worlds.py, one seed."""
QUESTIONS = (5, 10, 20, 40, 60)
_LATENT_GRID = np.linspace(-8.0, 8.0, 641)
_DENSITY = stats.norm.pdf(_LATENT_GRID) / stats.norm.pdf(_LATENT_GRID).sum()
_SHARED_GRID = np.linspace(-5.0, 5.0, 81)
_SHARES = stats.norm.pdf(_SHARED_GRID) / stats.norm.pdf(_SHARED_GRID).sum()
_GIVEN = stats.norm.pdf(_LATENT_GRID, np.sqrt(LATENT) * _SHARED_GRID[:, None], np.sqrt(1 - LATENT))
_GIVEN = _GIVEN / _GIVEN.sum(axis=1, keepdims=True)
_TINY = 1e-300


def outcomes(rates: tuple[float, ...], icc: float) -> Array:
    """Chance of each outcome of one question, shape ((ANSWERS + 1) ** cells,): yes answers of one cell, or of two."""
    cells = [_GIVEN @ _yes(rate, icc) for rate in rates]  # given what the cells share: shape (shared, counts)
    if len(cells) == 1:
        return _SHARES @ cells[0]
    return np.einsum("s,sk,sl->kl", _SHARES, *cells).ravel()


def _yes(rate: float, icc: float) -> Array:
    """Chance of each number of yes answers at each latent value of `_LATENT_GRID`, shape (grid, counts)."""
    if icc == 0 or rate in (0.0, 1.0):
        chance = np.full_like(_LATENT_GRID, rate)
    else:
        size = (1 - icc) / icc
        chance = stats.beta.ppf(stats.norm.cdf(_LATENT_GRID), rate * size, (1 - rate) * size)
        # As in worlds.py: what the grid loses of the mean is given back.
        chance = np.clip(chance * (rate / (_DENSITY @ chance)), 0.0, 1.0)
    counts = np.arange(ANSWERS + 1)
    p = chance[:, None]
    return special.comb(ANSWERS, counts) * p**counts * (1 - p) ** (ANSWERS - counts)


def standard_error(rates: tuple[float, ...], icc: float, questions: int) -> float:
    """Of the rate, or of the gap, over drawn questions."""
    table = outcomes(rates, icc).reshape((ANSWERS + 1,) * len(rates))
    share = np.arange(ANSWERS + 1) / ANSWERS
    value = share if len(rates) == 1 else share[:, None] - share
    mean = float((table * value).sum())
    return float(np.sqrt((table * np.square(value - mean)).sum() / questions))


def others(rates: tuple[float, ...], value: float) -> Iterator[tuple[float, ...]]:
    """Rates whose estimand is `value`: one for a rate; for a gap the change in the first cell, in the second, in
    both."""
    if len(rates) == 1:
        yield (value,)
        return
    change = value - (rates[0] - rates[1])
    # Both rates lie in [0, 1]: at a gap of 1 only 1 and 0 do.
    firsts = np.clip(
        [rates[0] + share * change for share in (1.0, 0.5, 0.0)], max(0.0, value), min(1.0, 1 + value)
    )
    for a in dict.fromkeys(firsts.tolist()):
        yield a, min(max(a - value, 0.0), 1.0)


def covered(own: Array, other: Array, draws_own: Array, questions: int, rng: np.random.Generator) -> float:
    """Least chance in the world `own` of covering the world `other`, which is covered with `COVERAGE` in itself.

    Args:
        own, other: chances of each outcome. draws_own: histograms of outcomes drawn in `own`, shape (draws,
        outcomes).
    """
    ratio = np.log(np.maximum(other, _TINY)) - np.log(np.maximum(own, _TINY))
    ratio = np.where((own <= _TINY) & (other <= _TINY), 0.0, ratio)
    there = np.round(rng.multinomial(questions, other / other.sum(), DRAWS) @ ratio, 9)
    here = np.round(draws_own @ ratio, 9)
    edge = np.quantile(there, 1 - COVERAGE, method="lower")
    above, at = (there > edge).mean(), (there == edge).mean()
    part = (COVERAGE - above) / at if at else 0.0
    return float((here > edge).mean() + np.clip(part, 0, 1) * (here == edge).mean())


def bound(rates: tuple[float, ...], icc: float, questions: int) -> dict[str, object]:
    """A row of the table: the least mean width, in units of the oracle's."""
    entropy = [SEED, 9, *(round(1000 * x) for x in (*rates, icc)), questions]
    rng = np.random.default_rng(entropy)
    own = outcomes(rates, icc)
    drawn = rng.multinomial(questions, own / own.sum(), DRAWS).astype(float)
    error = standard_error(rates, icc, questions)
    oracle = 2 * float(stats.norm.ppf((1 + LEVEL) / 2)) * error
    truth = rates[0] if len(rates) == 1 else rates[0] - rates[1]
    lowest = 0.0 if len(rates) == 1 else -1.0
    # Where the truth is 0% in both cells nothing varies; there the reach is that of a question answered alike.
    reach = REACH * (error or 1 / questions)
    values = np.linspace(max(truth - reach, lowest), min(truth + reach, 1.0), POINTS)
    chances = [
        max(
            covered(own, outcomes(there, other), drawn, questions, rng)
            for there, other in product(others(rates, float(value)), ICCS)
        )
        for value in values
    ]
    width = float(integrate.trapezoid(chances, values))
    return {
        "estimand": {1: "rate", 2: "gap"}[len(rates)],
        "rates": " ".join(f"{rate:g}" for rate in rates),
        "question_icc": icc,
        "questions": questions,
        "oracle_width": round(oracle, 4),
        "least_width": round(width, 4),
        "least_ratio": round(width / oracle, 3) if oracle else None,
        "target_reachable": bool(not oracle or width / oracle <= WIDTH),
    }


def main(kinds: list[str]) -> int:
    """Every one-seed setting of rates and gaps."""
    for kind in kinds or ["rate", "gap"]:
        rows = [
            bound(rates, icc, questions) for rates, icc, questions in product(ONE_SEED[kind], ICCS, QUESTIONS)
        ]
        pd.DataFrame(rows).to_csv(RESULTS / f"bound_{kind}.csv", index=False)
        print(
            f"{kind}: {len(rows)} settings, target in reach in {sum(bool(r['target_reachable']) for r in rows)}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
