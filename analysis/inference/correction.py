"""A rate corrected for grader error, from labels drawn at random from the study's own rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.inference._core import PSEUDO_SQUARES, Array, exact_upper, t_quantile
from analysis.inference.interval import Claim, Interval


def prediction_powered_rate(frame: pd.DataFrame, level: float = 0.95) -> Interval:
    """Rate of one cell by prediction-powered inference: the grader's mean plus its mean error on labelled
    rows.

    theta = mean(grade) + mean(label - grade | labelled) (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic
    2023, algorithm 1), unbiased however bad the grader is. Its variance is the linearised one, clustered by
    question.

    Args:
        frame: one cell of one arm; columns question, grade in [0, 1], label in [0, 1] or NaN where not
        labelled.
            Labelled rows must be a random draw from the cell's rows.

    Raises:
        ValueError: malformed frame, or labels on fewer than 2 questions.
    """
    rows = _checked(frame)
    question = pd.Index(rows["question"])
    grade, label = rows["grade"].to_numpy(float), rows["label"].to_numpy(float)
    labelled = ~np.isnan(label)
    error = np.where(labelled, label - grade, 0.0)
    theta = grade.mean() + error.sum() / labelled.sum()
    influence = (grade - grade.mean()) / len(rows)
    influence += np.where(labelled, error - error.sum() / labelled.sum(), 0.0) / labelled.sum()
    per_question = pd.Series(influence).groupby(question.to_numpy()).sum().to_numpy()
    n = len(per_question)
    variance = n / (n - 1) * float(np.square(per_question).sum())
    return _interval(theta, variance, rows, level, "prediction-powered (Angelopoulos et al. 2023)")


def rogan_gladen_rate(frame: pd.DataFrame, level: float = 0.95) -> Interval:
    """Rate of one cell from the grader's rate, sensitivity and specificity.

    theta = (rate + specificity - 1) / (sensitivity + specificity - 1) (Rogan and Gladen 1978, eq. 1), cut to
    [0, 1]; sensitivity and specificity from the labelled rows. The variance is the delete-one-question
    jackknife's (Efron and Tibshirani 1993, eq. 11.5), so that it counts the doubt in all three.

    Args:
        frame: as in `prediction_powered_rate`, grade and label 0 or 1.

    Raises:
        ValueError: malformed frame, a label that isn't 0 or 1, labels of one kind only (then only
            `prediction_powered_rate` applies), or a grader no better than chance.
    """
    rows = _checked(frame)
    grade, label = rows["grade"].to_numpy(float), rows["label"].to_numpy(float)
    labelled = ~np.isnan(label)
    if set(np.unique(grade)) - {0.0, 1.0} or set(np.unique(label[labelled])) - {0.0, 1.0}:
        raise ValueError("grades and labels must be 0 or 1 for Rogan and Gladen's correction")
    parts = np.stack([grade, np.ones_like(grade), *_tallies(grade, np.nan_to_num(label), labelled)], axis=1)
    sums = pd.DataFrame(parts).groupby(rows["question"].to_numpy()).sum().to_numpy()
    total = sums.sum(axis=0)
    if not (total[3] and total[5]):
        raise ValueError("the labels hold only one of 0 and 1: use prediction_powered_rate")
    theta = float(_rogan_gladen(total[None])[0])
    if np.isnan(theta):
        raise ValueError("sensitivity + specificity is not above 1: the grader is no better than chance")
    without = _rogan_gladen(total - sums)
    n = len(sums)
    note = ""
    if np.isnan(without).any():
        note = "undefined without one question that holds nearly all labels of a kind: read with care"
        without = np.where(np.isnan(without), np.where(theta < 0.5, 1.0, 0.0), without)
    variance = (n - 1) / n * float(np.square(without - without.mean()).sum())
    return _interval(theta, variance, rows, level, "Rogan and Gladen 1978, jackknife over questions", note)


def _tallies(grade: Array, label: Array, labelled: Array) -> list[Array]:
    """True positives, positives, true negatives, negatives, for sensitivity and specificity."""
    positive, negative = labelled * label, labelled * (1 - label)
    return [grade * positive, positive, (1 - grade) * negative, negative]


def _rogan_gladen(sums: Array) -> Array:
    """The estimate from rows of sums, NaN where undefined.

    The columns are graded positive, rows, true positives, positives, true negatives, negatives.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, sensitivity, specificity = sums[:, 0::2].T / sums[:, 1::2].T
        youden = sensitivity + specificity - 1
        return np.where(youden > 0, (rate + specificity - 1) / youden, np.nan)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in ("question", "grade", "label") if column not in frame.columns]
    if missing:
        raise ValueError(f"the frame lacks the columns {missing}: it needs question, grade and label")
    rows = frame.dropna(subset=["grade"])
    for column in ("grade", "label"):
        values = rows[column].astype(float)
        if ((values < 0) | (values > 1)).any():
            raise ValueError(f"{column} has values outside of [0, 1]: rescale them")
    if rows.dropna(subset=["label"])["question"].nunique() < 2:
        raise ValueError("labels on fewer than 2 questions: draw labelled rows at random from the whole cell")
    return rows


def _interval(
    theta: float, variance: float, rows: pd.DataFrame, level: float, method: str, note: str = ""
) -> Interval:
    """Student's interval, with `rate`'s pseudo squares, and at 0 and 1 the exact limit of the labelled
    questions.

    Not Wilson's: what the correction adds to the variance doesn't vanish towards 0 and 1, as Wilson's shape
    asks.
    """
    questions = int(rows.dropna(subset=["label"])["question"].nunique())
    spread = variance + PSEUDO_SQUARES / (questions * (questions - 1))
    half = float(t_quantile(level, questions - 1)) * float(np.sqrt(spread))
    edge = float(exact_upper(questions, level))
    estimate = float(np.clip(theta, 0.0, 1.0))
    low, high = max(theta - half, 0.0), min(theta + half, 1.0)
    if estimate == 0:
        high = max(high, edge)
    elif estimate == 1:
        low = min(low, 1 - edge)
    n_labelled = int(rows["label"].notna().sum())
    notes = [f"{n_labelled} labelled rows on {questions} questions"]
    if theta != estimate:
        notes.append(f"estimate {theta:.3f} cut to [0, 1]")
    n_seeds = int(rows["seed"].nunique()) if "seed" in rows.columns else 1
    text = "; ".join([*notes, *([note] if note else [])])
    return Interval(estimate, low, high, level, len(rows), questions, n_seeds, method, Claim.ADAPTERS, text)
