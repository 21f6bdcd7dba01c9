"""Coverage, width and false alarms of the shipped intervals on worlds with a known truth.

    python -m analysis.simulation         # every table, 10,000 worlds a setting, about ten minutes
    python -m analysis.simulation 1000    # 1,000 worlds a setting, into a temporary folder

Writes results/*.csv, a row per setting and claim, failures too. Random numbers are fixed by the setting
itself, so a row can be made again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from analysis.inference._claims import claim_limits
from analysis.inference._core import Limits
from analysis.inference.interval import Claim
from analysis.simulation.worlds import ANSWERS, Array, Setting, Worlds, contrast_weights, draw

LEVEL = 0.95
SEED = 20_250_707
CHUNK = 2_000
"""Worlds drawn at a time, to keep memory under 1 GB."""

CLAIMS = (Claim.ADAPTERS, Claim.RECIPE_ON_QUESTIONS, Claim.RECIPE)

COVERAGE, WIDTH, FALSE_ALARMS = 0.94, 1.2, 0.055
"""Targets: at least, at most (times the oracle's), at most."""

ICCS = (0.0, 0.2, 0.5, 0.8)
ONE_SEED: dict[str, list[tuple[float, ...]]] = {
    "rate": [(0.01,), (0.05,), (0.2,), (0.5,), (0.9,), (0.99,)],
    "gap": [
        *[(0.0, 0.0), (0.01, 0.01), (0.05, 0.05), (0.3, 0.3), (0.5, 0.5)],
        *[(0.2, 0.01), (0.5, 0.01), (0.9, 0.01), (0.5, 0.3)],
    ],
    "net": [(0.02,) * 4, (0.3,) * 4, (0.5, 0.02, 0.02, 0.02), (0.9, 0.01, 0.3, 0.1)],
}
MANY_SEEDS: list[tuple[float, ...]] = [(0.05,), (0.3,), (0.3, 0.3), (0.5, 0.02)]
NET_MANY_SEEDS = [(0.3,) * 4, (0.5, 0.02, 0.02, 0.02)]


def settings() -> Iterator[Setting]:
    """Every setting, in the order of the tables."""
    for kind in ONE_SEED.values():
        for rates, icc, questions in product(kind, ICCS, (5, 10, 20, 40, 60)):
            yield Setting(rates, icc, 0.0, questions, 1)
    for rates, icc, seed_icc in product(MANY_SEEDS, ICCS, (0.0, 0.05, 0.15)):
        for questions, seeds in (*product((10, 24, 60), (3, 5, 10)), (24, 2)):
            yield Setting(rates, icc, seed_icc, questions, seeds)
    for rates, icc, seed_icc, seeds in product(NET_MANY_SEEDS, ICCS[1:], (0.0, 0.05, 0.15), (3, 5, 10)):
        yield Setting(rates, icc, seed_icc, 24, seeds)


def simulate(setting: Setting, worlds: int) -> list[dict[str, object]]:
    """Rows of the table for one setting: one per claim that its number of seeds allows."""
    claims = (Claim.ADAPTERS,) if setting.seeds == 1 else CLAIMS
    rng = np.random.default_rng(_entropy(setting))
    chunks: dict[Claim, list[pd.DataFrame]] = {claim: [] for claim in claims}
    for start in range(0, worlds, CHUNK):
        drawn = draw(setting, min(CHUNK, worlds - start), rng)
        for claim in claims:
            chunks[claim].append(_outcomes(drawn, claim))
    return [_summary(setting, claim, pd.concat(chunks[claim])) for claim in claims]


def _entropy(setting: Setting) -> list[int]:
    numbers = (*setting.rates, setting.question_icc, setting.seed_icc)
    return [SEED, *(round(1000 * x) for x in numbers), setting.questions, setting.seeds]


def _outcomes(worlds: Worlds, claim: Claim) -> pd.DataFrame:
    """A row per world: truth, estimate, limits, and the naive limits."""
    truths = {
        Claim.ADAPTERS: worlds.truth_adapters,
        Claim.RECIPE: worlds.truth_recipe,
        Claim.RECIPE_ON_QUESTIONS: worlds.truth_questions,
    }
    control = worlds.means[2:] if len(worlds.means) == 4 else None
    limits, naive = claim_limits(worlds.means[:2], control, LEVEL, claim), _naive(worlds.means)
    columns = {"truth": truths[claim], "estimate": limits.estimate, "low": limits.low, "high": limits.high}
    return pd.DataFrame({**columns, "naive_low": naive.low, "naive_high": naive.high})


def _naive(means: Array) -> Limits:
    """Wald's interval on rows as if independent and unpaired: what most reports print."""
    rates = means.mean((-1, -2))
    n = means.shape[-1] * means.shape[-2] * ANSWERS
    weights = contrast_weights(len(means))
    estimate = np.tensordot(weights, rates, axes=1)
    half = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(np.sum(rates * (1 - rates), axis=0) / n)
    return Limits(estimate, estimate - half, estimate + half)


def _summary(setting: Setting, claim: Claim, rows: pd.DataFrame) -> dict[str, object]:
    """A row of the table.

    The oracle's interval is estimate +- z x true standard error, which it knows: the root mean squared error
    over all worlds of the setting.
    """
    truth = rows["truth"]
    error = float(np.sqrt(np.square(rows["estimate"] - truth).mean()))
    oracle = 2 * float(stats.norm.ppf((1 + LEVEL) / 2)) * error
    names = {1: "rate", 2: "gap", 4: "net gap"}
    row: dict[str, object] = {
        "estimand": names[len(setting.rates)],
        "claim": str(claim),
        "rates": " ".join(f"{x:g}" for x in setting.rates),
        **{key: value for key, value in asdict(setting).items() if key != "rates"},
        "worlds": len(rows),
        "oracle_width": round(oracle, 4),
        "oracle_coverage": round(float(((rows["estimate"] - truth).abs() <= oracle / 2).mean()), 4),
    }
    # Sums of the generator's tables are exact to about 1e-12.
    slack = 1e-9
    is_null = len(setting.rates) > 1 and bool((truth.abs() < slack).all())
    for prefix, low, high in (("", "low", "high"), ("naive_", "naive_low", "naive_high")):
        inside = (rows[low] <= truth + slack) & (truth - slack <= rows[high])
        width = float((rows[high] - rows[low]).mean())
        row[f"{prefix}coverage"] = round(float(inside.mean()), 4)
        row[f"{prefix}mean_width"] = round(width, 4)
        row[f"{prefix}width_ratio"] = round(width / oracle, 3) if oracle > 0 else None
        alarms = (rows[low] > slack) | (rows[high] < -slack)
        row[f"{prefix}false_alarms"] = round(float(alarms.mean()), 4) if is_null else None
    row["coverage_met"] = float(str(row["coverage"])) >= COVERAGE
    row["width_met"] = oracle == 0 or float(str(row["width_ratio"])) <= WIDTH
    row["false_alarms_met"] = not is_null or float(str(row["false_alarms"])) <= FALSE_ALARMS
    return row
