"""Worlds whose questions' chances of yes are not distributed as beta: an interval that holds in the tables' worlds alone shows here."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import optimize, special, stats

from analysis.inference._core import Array
from analysis.simulation import worlds as generator
from analysis.simulation.worlds import INTERACTION, SHARED, Setting, contrast_weights

SHAPES = ("beta", "two-point", "logit-normal")
"""Distribution of a question's chance of yes. Every setting with beta; the others where correlation is above 0."""


@cache
def chances(shape: str, rate: float, icc: float) -> Array:
    """A question's chance of yes over the generator's latent grid, with mean `rate` and correlation `icc`.

    Two-point: 0 and one other value (at rates above 50%, 1 and one other). Logit-normal: expit(mu + sigma z).
    """
    z = generator._GRID
    if shape == "two-point":
        rare = min(rate, 1 - rate)
        other = rare + icc * (1 - rare)
        if rate <= 0.5:
            return np.where(stats.norm.sf(z) < rare / other, other, 0.0)
        return 1 - np.where(stats.norm.cdf(z) < rare / other, other, 0.0)
    weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()

    def at(sigma: float) -> Array:
        def excess(mu: float) -> float:
            return float(weight @ special.expit(mu + sigma * z)) - rate

        return special.expit(float(optimize.brentq(excess, -200.0, 200.0)) + sigma * z)  # pyright: ignore

    def too_wide(sigma: float) -> float:
        return float(weight @ np.square(at(sigma) - rate)) - icc * rate * (1 - rate)

    return at(float(optimize.brentq(too_wide, 1e-3, 60.0)))  # pyright: ignore


def drawn(
    shape: str, setting: Setting, worlds: int, rng: np.random.Generator, answers: int
) -> tuple[Array, Array]:
    """Question means pooled over seeds (cells, worlds, questions), and the truth for these adapters (worlds,)."""
    if shape == "beta":
        made = generator.draw(setting, worlds, rng, answers)
        return made.means.mean(-2), made.truth_adapters
    size = (worlds, setting.questions)
    common = rng.standard_normal(size)
    means = []
    for rate in setting.rates:
        u = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * rng.standard_normal(size)
        z = np.sqrt(1 - INTERACTION) * u + np.sqrt(INTERACTION) * rng.standard_normal(size)
        chance = generator._look_up(chances(shape, rate, setting.question_icc), z)
        means.append(rng.binomial(answers, chance) / answers)
    truth = float(contrast_weights(len(means)) @ np.array(setting.rates))
    return np.array(means), np.full(worlds, truth)
