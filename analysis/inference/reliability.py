"""How alike answers to one question are."""

from __future__ import annotations

import numpy as np
import pandas as pd


def icc(frame: pd.DataFrame) -> float:
    """Intra-class correlation of graded values within questions, one-way analysis of variance.

    (MSB - MSW) / (MSB + (m0 - 1) MSW), m0 the mean size adjusted for unequal sizes (Donner 1986, eq. 2.1 to
    2.3). NaN where all values are alike. May come out below 0.

    Args:
        frame: columns question, value; rows of one cell. NaN values are left out.

    Raises:
        ValueError: fewer than 2 questions, or no question with two answers.
    """
    scored = frame.dropna(subset=["value"])
    groups = scored.groupby("question")["value"]
    sizes = groups.size().to_numpy(dtype=float)
    n, k = sizes.sum(), len(sizes)
    if k < 2 or n == k:
        raise ValueError(
            f"{k} questions with {int(n)} answers: correlation needs 2 questions and repeated answers"
        )
    means, grand = groups.mean().to_numpy(dtype=float), float(scored["value"].mean())
    between = float(sizes @ np.square(means - grand)) / (k - 1)
    deviations = scored["value"].to_numpy(dtype=float) - groups.transform("mean").to_numpy(dtype=float)
    within = float(np.square(deviations).sum()) / (n - k)
    m0 = (n - np.square(sizes).sum() / n) / (k - 1)
    total = between + (m0 - 1) * within
    return (between - within) / total if total > 0 else float("nan")


def design_effect(frame: pd.DataFrame) -> float:
    """By how much clustering inflates the variance of a mean: 1 + (m - 1) ICC (Kish 1965).

    m is the number of answers to a question; if unequal, the sum of their squares over the rows (Kish 1987).
    Not below 1. NaN where the ICC is.

    Raises:
        ValueError: as `icc`.
    """
    sizes = frame.dropna(subset=["value"]).groupby("question").size().to_numpy(dtype=float)
    effect = 1 + (np.square(sizes).sum() / sizes.sum() - 1) * icc(frame)
    return float(effect) if np.isnan(effect) else max(float(effect), 1.0)
