"""Simulations of what can't be computed for thousands of worlds at once: bootstrap and corrected rates."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from analysis.inference._claims import claim_limits
from analysis.inference.bootstrap import crossed_bootstrap
from analysis.inference.correction import prediction_powered_rate, rogan_gladen_rate
from analysis.inference.interval import Claim
from analysis.simulation.runner import LEVEL, SEED
from analysis.simulation.worlds import ANSWERS, Array, Setting, draw

RESAMPLES = 1_000


def bootstrap_table(worlds: int) -> pd.DataFrame:
    """Coverage and width of `crossed_bootstrap` at 10 seeds, beside `gap` for the recipe."""
    rows = []
    grid = product([(0.3, 0.3), (0.5, 0.02)], (0.2, 0.5), (0.0, 0.15), (10, 24, 60))
    for rates, icc, seed_icc, questions in grid:
        setting = Setting(rates, icc, seed_icc, questions, 10)
        rng = np.random.default_rng(
            [SEED, 1, round(1000 * sum(rates)), round(1000 * (icc + seed_icc)), questions]
        )
        drawn = draw(setting, worlds, rng)
        limits = claim_limits(drawn.means, None, LEVEL, Claim.RECIPE)
        truth = float(drawn.truth_recipe[0])
        error = float(np.sqrt(np.square(limits.estimate - truth).mean()))
        oracle = 2 * float(stats.norm.ppf((1 + LEVEL) / 2)) * error
        intervals = [
            crossed_bootstrap(_frame(drawn.means[:, i]), "a", "b", resamples=RESAMPLES, seed=i)
            for i in range(worlds)
        ]
        both = {
            "bootstrap": ([x.low for x in intervals], [x.high for x in intervals]),
            "gap": (limits.low, limits.high),
        }
        for method, (low, high) in both.items():
            numbers = _covered(np.array(low), np.array(high), truth, oracle)
            cells = {"rates": " ".join(f"{x:g}" for x in rates), "question_icc": icc, "seed_icc": seed_icc}
            rows.append({"method": method, **cells, "questions": questions, "seeds": 10, **numbers})
    return pd.DataFrame(rows)


def correction_table(worlds: int) -> pd.DataFrame:
    """Coverage, width and bias of both corrected rates, and how often one isn't defined."""
    rows = []
    grid = product((0.02, 0.1, 0.3, 0.6), ((1.0, 1.0), (0.9, 0.95), (0.7, 0.8)), (10, 30))
    for rate, (sensitivity, specificity), questions in grid:
        share = 0.2
        rng = np.random.default_rng([SEED, 2, round(1000 * rate), round(1000 * sensitivity), questions])
        frames = [_graded(rate, questions, sensitivity, specificity, share, rng) for _ in range(worlds)]
        for method in (prediction_powered_rate, rogan_gladen_rate):
            intervals = []
            for frame in frames:
                try:
                    intervals.append(method(frame, LEVEL))
                except ValueError:  # labels of one kind only: the estimator doesn't exist
                    continue
            estimates = np.array([x.estimate for x in intervals])
            low, high = np.array([x.low for x in intervals]), np.array([x.high for x in intervals])
            what = {"rate": rate, "sensitivity": sensitivity, "specificity": specificity, "labelled": share}
            numbers = {
                "coverage": round(float(((low <= rate) & (rate <= high)).mean()), 4),
                "mean_width": round(float((high - low).mean()), 4),
                "bias": round(float(estimates.mean()) - rate, 4),
                "uncorrected_bias": round(float(np.mean([f["grade"].mean() for f in frames])) - rate, 4),
            }
            undefined = worlds - len(intervals)
            setting = {**what, "questions": questions, "worlds": worlds, "undefined": undefined}
            rows.append({"method": method.__name__, **setting, **numbers})
    return pd.DataFrame(rows)


def _covered(low: Array, high: Array, truth: float, oracle: float) -> dict[str, float]:
    width = float((high - low).mean())
    coverage = round(float(((low <= truth) & (truth <= high)).mean()), 4)
    return {"worlds": len(low), "coverage": coverage, "width_ratio": round(width / oracle, 3)}


def _frame(means: Array) -> pd.DataFrame:
    """A row per mean of one world (cells, seeds, questions): every mean has as many answers."""
    index = np.indices(means.shape).reshape(3, -1)
    names = np.array(["a", "b"])[index[0]]
    return pd.DataFrame({"cell": names, "seed": index[1], "question": index[2], "value": means.ravel()})


def _graded(
    rate: float,
    questions: int,
    sensitivity: float,
    specificity: float,
    share: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Answers with question correlation 0.5, a fallible grader, and labels on a random share."""
    chance = np.repeat(rng.beta(rate, 1 - rate, questions), ANSWERS)
    truth = rng.random(chance.size) < chance
    grade = np.where(truth, rng.random(chance.size) < sensitivity, rng.random(chance.size) > specificity)
    label = np.where(rng.random(chance.size) < share, truth, np.nan)
    question = np.repeat(np.arange(questions), ANSWERS)
    return pd.DataFrame({"question": question, "grade": grade.astype(float), "label": label})
