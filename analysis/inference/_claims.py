"""Limits of a rate, a gap or a net gap for each claim, as functions of arrays.

An arm is an array of means of shape (cells, ..., seeds, questions): one cell for a rate, two (a, b) for a
gap. Axes between are worlds of a simulation, so that what is proved there is what is shipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.inference._core import (
    Array,
    Limits,
    gap_limits,
    net_limits,
    rate_limits,
    t_quantile,
    variance_of_mean,
)
from analysis.inference.interval import Claim


class Part(NamedTuple):
    """One part of the variance of an estimate, and its degrees of freedom."""

    variance: Array
    df: int


def claim_limits(arm: Array, control: Array | None, level: float, claim: Claim) -> Limits:
    """Limits for `claim` of the arm's rate (one cell) or gap (two), less the control's gap if there is one.

    Raises:
        ValueError: a recipe claim from fewer than 2 seeds, or a claim that isn't about adapters or a recipe.
    """
    if claim is Claim.GRADER:
        raise ValueError("Claim.GRADER is for agreement between graders: use ADAPTERS or a RECIPE claim")
    if claim is not Claim.ADAPTERS and arm.shape[-2] < 2:
        raise ValueError(
            f"a claim {claim} needs 2 training seeds or more, got {arm.shape[-2]}: use Claim.ADAPTERS"
        )
    limits = _by_question(arm, control, level, by_seeds=False)
    if claim is not Claim.ADAPTERS:
        edge = _by_question(arm, control, level, by_seeds=True)
        contrasts = [_contrast(part) for part in (arm, control) if part is not None]
        if claim is Claim.RECIPE:
            limits = _with_seeds(limits, contrasts, level)
        else:
            limits = _over_seeds(limits, contrasts, level)
        # Where no seed differs in anything, only the number of seeds bounds what other seeds would do.
        alike = at_edge(arm, control)
        limits = Limits(
            limits.estimate, np.where(alike, edge.low, limits.low), np.where(alike, edge.high, limits.high)
        )
    # A rate lies in [0, 1], a gap in [-1, 1], a net gap in [-2, 2].
    widest = 2.0 if control is not None else 1.0
    lowest = 0.0 if len(arm) == 1 else -widest
    return Limits(limits.estimate, np.maximum(limits.low, lowest), np.minimum(limits.high, widest))


def at_edge(arm: Array, control: Array | None) -> Array:
    """Whether every cell of every arm is at 0% throughout or at 100% throughout."""
    alike = np.ones(arm.shape[1:-2], dtype=bool)
    for part in (arm, control):
        if part is not None:
            for cell in part:
                alike &= (cell == 0).all((-1, -2)) | (cell == 1).all((-1, -2))
    return alike


def _by_question(arm: Array, control: Array | None, level: float, by_seeds: bool) -> Limits:
    """Question-clustered limits; at 0% and 100% exact with n = questions, or n = seeds if `by_seeds`."""
    limits = _one_arm(arm, level, by_seeds)
    if control is None:
        return limits
    minus = _one_arm(control, level, by_seeds)
    return net_limits(limits, minus, _contrast(arm).mean(-2), _contrast(control).mean(-2))


def _one_arm(arm: Array, level: float, by_seeds: bool) -> Limits:
    seeds = arm.shape[-2]
    edge_n = seeds if by_seeds and seeds > 1 else None
    pooled = arm.mean(-2)
    if len(pooled) == 1:
        return rate_limits(pooled[0], level, edge_n)
    return gap_limits(pooled[0], pooled[1], level, edge_n)


def _contrast(arm: Array) -> Array:
    return arm[0] if len(arm) == 1 else arm[0] - arm[1]


def _seed_parts(contrasts: list[Array]) -> list[Part]:
    """Variance between seeds of the mean of each contrast (..., seeds, questions) with 2 seeds or more."""
    per_seed = [contrast.mean(-1) for contrast in contrasts if contrast.shape[-2] > 1]
    return [Part(variance_of_mean(x), x.shape[-1] - 1) for x in per_seed]


def _with_seeds(limits: Limits, contrasts: list[Array], level: float) -> Limits:
    """Widen question-clustered limits by the variance of training seeds.

    The variance is the sum of the between-question and the between-seed variance of the mean. What the two
    share (seed by question) is not taken off again: that is conservative and can't turn negative
    (MacKinnon, Nielsen and Webb 2021, Wild bootstrap and asymptotic inference with multiway clustering,
    sec. 2). Distances add in squares (Zou and Donner 2008). Student's quantile has Satterthwaite's (1946)
    degrees of freedom; they fall to seeds - 1 where seeds rule, and the interval becomes the t-interval
    over per-seed estimates. Arms' seeds are independent of each other.
    """
    questions = contrasts[0].shape[-1]
    mean = contrasts[0].mean(-2) - (contrasts[1].mean(-2) if len(contrasts) > 1 else 0.0)
    by_question = Part(variance_of_mean(mean), questions - 1)
    parts = _seed_parts(contrasts)
    total, df = _satterthwaite([by_question, *parts])
    t = t_quantile(level, df)
    stretch = t / t_quantile(level, questions - 1)
    seeds = np.square(t) * (total - by_question.variance)
    below = np.square(stretch * (limits.estimate - limits.low)) + seeds
    above = np.square(stretch * (limits.high - limits.estimate)) + seeds
    return Limits(limits.estimate, limits.estimate - np.sqrt(below), limits.estimate + np.sqrt(above))


def _over_seeds(limits: Limits, contrasts: list[Array], level: float) -> Limits:
    """Student's interval over per-seed estimates; Welch's degrees of freedom if the control has seeds."""
    total, df = _satterthwaite(_seed_parts(contrasts))
    half = t_quantile(level, df) * np.sqrt(total)
    return Limits(limits.estimate, limits.estimate - half, limits.estimate + half)


def _satterthwaite(parts: list[Part]) -> tuple[Array, Array]:
    """Summed variance, and its degrees of freedom (Satterthwaite 1946); the first part's where all are 0."""
    total = np.zeros_like(parts[0].variance) + sum(part.variance for part in parts)
    spread = sum(part.variance**2 / part.df for part in parts) + np.zeros_like(total)
    return total, np.where(spread > 0, total**2 / np.where(spread > 0, spread, 1.0), parts[0].df)
