"""Intervals tried against the shipped ones for `Claim.ADAPTERS`. Nothing here is shipped.

    python -m analysis.simulation.alternatives tuning          # the settings below, to choose by
    python -m analysis.simulation.alternatives tables 10000    # the tables' settings, once, for the finalists

The tuning settings share no setting and no random number with the tables, and were written down before any result.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from analysis.simulation.worlds import Setting

TUNING_SEED = 20_261_126
TUNING_WORLDS = 2_000
TUNING_ICCS = (0.0, 0.1, 0.35, 0.7)
TUNING_QUESTIONS = (6, 12, 24, 50)
SHAPES = ("beta", "two-point", "logit-normal")
"""Distribution of a question's chance of yes. Every setting with beta; the others where correlation is above 0."""
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
