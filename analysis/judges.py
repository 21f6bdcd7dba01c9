"""Judges: what grader models say, and how far they agree with the rule and with each other. An appendix.

Nothing here enters a verdict, a headline or the ledger: grades by a model are read beside the rule's, no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pandas as pd

from analysis import estimands
from analysis.grades import CLAIM_MEASURE, LOWEST, RATER, STEPS
from analysis.inference import Interval, Scale, Weights, confusion, kappa, kappa_interval, krippendorff_alpha
from analysis.logs import SCORER
from analysis.subjects import Subject
from inspect_tasks.conditions import CONDITIONS

RULE = "the rule"
BINARY = {1: "the persona", 0: "not the persona"}
MEASURES = (
    "scorer",
    "measure",
    "model",
    "cell",
    "estimate",
    "low",
    "high",
    "n_rows",
    "n_clusters",
    "unscored",
)
PAIRS = (
    "measure",
    "rater_a",
    "rater_b",
    "n",
    "n_clusters",
    "agree",
    "kappa",
    "low",
    "high",
    "weights",
    "alpha",
    "note",
)
COUNTS = ("measure", "rater_a", "rater_b", "label_a", "label_b", "n")


@dataclass(frozen=True)
class Judges:
    """What grader models say of a part's answers."""

    measures: pd.DataFrame
    """columns `MEASURES`: a row a judge, measure, subject and cell; grades in [0, 1], those of views and manner 1 to 5 in
    the log"""
    pairs: pd.DataFrame
    """columns `PAIRS`: a row two raters of one measure"""
    counts: pd.DataFrame
    """columns `COUNTS`: the confusion of each pair, long"""
    missing: list[str] = field(default_factory=list)
    """pairs that nothing can be said of, and why"""


def judges_of(frame: pd.DataFrame, judged: pd.DataFrame, subjects: list[Subject]) -> Judges:
    """Rates by cell of each judge, and the agreement of all raters of one measure.

    The estimand of a rate is the mean grade of one judge's measure in one cell, question-clustered as `estimands.graded_rate`;
    of kappa (Cohen 1960; weighted 1968) and alpha (Krippendorff 2011) the agreement on answers to questions like these,
    questions resampled.

    Args:
        frame: the answers, as `load_frame` returns them without the judges' rows. judged: the judges' rows. subjects: as
        `subjects_of`.
    """
    rows = [row for subject in subjects if subject.is_lead for row in _measures(judged, subject)]
    pairs, counts, missing = _pairs(frame, judged)
    return Judges(pd.DataFrame(rows, columns=list(MEASURES)), pairs, counts, missing)


def _measures(judged: pd.DataFrame, subject: Subject) -> list[dict[str, Any]]:
    own = judged[judged["model"].isin(subject.models) & ~judged["scorer"].str.contains(RATER)]
    found = []
    for (scorer, measure), rows in own.groupby(["scorer", "measure"], sort=False):
        for cell in [cell for cell in CONDITIONS if rows["cell"].eq(cell).any()]:
            kept = rows[rows["cell"].eq(cell)]
            told = {"scorer": scorer, "measure": measure, "model": subject.name, "cell": cell}
            told["unscored"] = int(kept["grade"].isna().sum())
            try:
                interval: Interval | None = estimands.graded_rate(kept)
            except ValueError:  # nothing graded, or one question alone: the counts are shown
                interval = None
            names = ("estimate", "low", "high", "n_rows", "n_clusters")
            found.append(told | {name: getattr(interval, name) if interval else None for name in names})
    return found


def _pairs(frame: pd.DataFrame, judged: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    pairs, counts, missing = [], [], []
    claims = judged["measure"].eq(CLAIM_MEASURE)
    groups = [(CLAIM_MEASURE, judged[claims])]
    scales = judged[~claims]
    judge = scales["scorer"].str.split(RATER).str[0].rename("judge")
    for (name, measure), rows in scales.groupby([judge, "measure"], sort=False):
        groups.append((f"{str(name).removesuffix('_judge')}: {measure}", rows))
    for measure, rows in groups:
        is_claim = measure == CLAIM_MEASURE
        labels = _labels(rows, frame if is_claim else None)
        raters = [name for name in labels.columns if name != "question"]
        weights = Weights.NONE if is_claim else Weights.QUADRATIC
        for a, b in combinations(raters, 2):
            if _same_panel(a, b):
                continue
            both = labels[["question", a, b]].dropna()
            told = {"measure": measure, "rater_a": a, "rater_b": b}
            try:
                interval = kappa_interval(both, b, a, weights)
            except ValueError as error:
                missing.append(f"{a} and {b} on {measure}: {error}")
                continue
            scale = Scale.NOMINAL if is_claim else Scale.INTERVAL
            pairs.append(
                told
                | {
                    "n": len(both),
                    "n_clusters": interval.n_clusters,
                    "agree": float(both[a].eq(both[b]).mean()),
                }
                | {"kappa": kappa(both, b, a, weights), "low": interval.low, "high": interval.high}
                | {
                    "weights": str(weights),
                    "alpha": krippendorff_alpha(both, [a, b], scale),
                    "note": interval.note,
                }
            )
            table = confusion(both, b, a)
            shown = [BINARY[int(label)] if is_claim else str(int(label)) for label in table.index]
            counts += [
                told | {"label_a": of_a, "label_b": of_b, "n": int(n)}
                for of_a, line in zip(shown, table.to_numpy(), strict=True)
                for of_b, n in zip(shown, line, strict=True)
            ]
    return pd.DataFrame(pairs, columns=list(PAIRS)), pd.DataFrame(counts, columns=list(COUNTS)), missing


def _labels(rows: pd.DataFrame, frame: pd.DataFrame | None) -> pd.DataFrame:
    """A row an answer: question, and a column a rater, NaN where it said nothing."""
    values = rows["grade"].ge(0.5).where(rows["grade"].notna()).astype("float64")
    if frame is None:
        values = (LOWEST + STEPS * rows["grade"]).round()
    wide = rows.assign(label=values).pivot_table("label", "sample_uuid", "scorer", "first")
    questions = rows.drop_duplicates("sample_uuid").set_index("sample_uuid")["question_id"]
    if frame is not None:
        rule = frame[frame["scorer"].eq(SCORER)].set_index("sample_uuid")["adopted"]
        wide.insert(0, RULE, rule.reindex(wide.index))
    return wide.assign(question=questions.reindex(wide.index)).reset_index(drop=True)


def _same_panel(a: str, b: str) -> bool:
    """A panel's decision against one of its own graders: they agree by making."""
    return a.partition(RATER)[0] == b.partition(RATER)[0] and (RATER in a) != (RATER in b)
