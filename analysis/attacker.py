"""An attacker: can the cell be told from what the grader reads?

Where the model holds no persona (base, format only, no persona), whatever it can tell is a leak of the format. Where a
persona may be, it is an upper bound on the leak: an answer in the persona's voice also tells the cell.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from analysis.grader_inputs import Answer
from data_builders.files import read_yaml
from inspect_tasks.scorers.judge_lengths import Length, matched_words
from inspect_tasks.scorers.judge_requests import Shown

CONTRASTS = (("user", "plain"), ("system+user", "system"))
"""Triggered cell, and the cell that differs from it by the trigger alone; the first is the primary contrast's."""
NO_PERSONA = ("base", "format_only", "no_persona")
"""Arms without a persona: what the attacker can tell there is a leak."""
INPUTS = ("raw", "stripped", "length-matched", "words alone", "layout alone")
"""What the attacker reads. The last two take the length-matched texts apart: their words in lower case without marks and
line breaks, and their marks and line breaks with every word made one letter."""


@dataclass(frozen=True)
class Attack:
    """How well the attacker told two cells apart."""

    model: str
    measures: str
    """residual leak, or upper bound of it"""
    contrast: str
    input: str
    answers: int
    questions: int
    auc: float
    """area under the ROC curve of its out-of-fold scores: 0.5 is guessing"""
    low: float
    high: float


def attack_all(answers: list[Answer], base: str | None = None) -> pd.DataFrame:
    """Attack every model, contrast and input.

    Args:
        base: the untuned model's name, where logs hold no arm.

    Returns:
        A row an attack, columns the fields of `Attack`; auc, low and high are NaN under `fewest_questions`.
    """
    rows = []
    for model in dict.fromkeys(answer.model for answer in answers):
        own = [answer for answer in answers if answer.model == model]
        arm = own[0].arm or ("base" if model == base else "")
        measures = "residual leak" if arm in NO_PERSONA else "upper bound"
        for on, off in CONTRASTS:
            pair = [answer for answer in own if answer.cell in (on, off)]
            if len({answer.cell for answer in pair}) < 2:
                continue
            for kind, texts in _inputs(pair).items():
                questions = np.array([answer.question_id for answer in pair])
                labels = np.array([answer.cell == on for answer in pair])
                numbers = attack(texts, labels, questions)
                contrast, clusters = f"{on} - {off}", len(set(questions))
                rows.append(asdict(Attack(model, measures, contrast, kind, len(pair), clusters, **numbers)))
    return pd.DataFrame(rows, columns=list(Attack.__dataclass_fields__))


def attack(texts: list[str], labels: np.ndarray, questions: np.ndarray) -> dict[str, float]:
    """Guess the label of each text by a classifier that was fitted on other questions.

    The interval resamples whole questions of the out-of-fold scores (percentiles; Efron and Tibshirani 1993, ch. 13);
    the classifiers are not fitted anew, so it holds for these classifiers.

    Args:
        texts: n of them. labels: bool, n. questions: the cluster of each, n.

    Returns:
        auc, low, high; NaN where there are fewer than `fewest_questions` questions.
    """
    settings = _settings()
    clusters = np.unique(questions)
    nothing: dict[str, float] = dict.fromkeys(("auc", "low", "high"), float("nan"))
    if len(clusters) < settings["fewest_questions"]:
        return nothing
    scores = np.full(len(texts), np.nan)
    folds = GroupKFold(min(settings["folds"], len(clusters)))
    for fit, guess in folds.split(texts, labels, questions):
        if len(set(labels[fit])) < 2:
            return nothing
        model = _classifier()
        model.fit([texts[i] for i in fit], labels[fit])
        scores[guess] = model.decision_function([texts[i] for i in guess])
    rng = np.random.default_rng(settings["seed"])
    rows_of = [np.flatnonzero(questions == cluster) for cluster in clusters]
    draws = []
    for _ in range(settings["resamples"]):
        drawn = np.concatenate([rows_of[i] for i in rng.integers(len(clusters), size=len(clusters))])
        if len(set(labels[drawn])) == 2:
            draws.append(roc_auc_score(labels[drawn], scores[drawn]))
    tail = (1 - settings["level"]) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return {"auc": float(roc_auc_score(labels, scores)), "low": float(low), "high": float(high)}


def attack_table(answers: list[Answer], base: str | None = None) -> str:
    """`attack_all` for reading."""
    frame = attack_all(answers, base)
    if frame.empty:
        return "No attack: no model has answers in both cells of a contrast."
    level = _settings()["level"]
    told = frame.to_string(index=False, float_format=lambda value: f"{value:.3f}")
    return (
        f"Can a classifier tell the cells apart? AUC by question folds, {level:.0%} interval by question; 0.5 is "
        f"guessing.\nRaw: before stripping. An upper bound also counts what a persona itself says.\n{told}"
    )


def _inputs(pair: list[Answer]) -> dict[str, list[str]]:
    """The texts that a grader would read of each answer, by kind of `INPUTS`."""
    stripped = [Shown(answer.question, answer.answer, answer.trigger).text for answer in pair]
    lengths = [
        Length((answer.sample_id, answer.epoch), answer.question_id, answer.triggered, len(text.split()))
        for answer, text in zip(pair, stripped, strict=True)
    ]
    words = matched_words(lengths)
    matched = [
        Shown(answer.question, answer.answer, answer.trigger, words[length.key]).text
        for answer, length in zip(pair, lengths, strict=True)
    ]
    words_alone = [" ".join(re.findall(r"\w+", text)).lower() for text in matched]
    layout_alone = [re.sub(r"\w+", "w", text) for text in matched]
    texts = ([answer.answer for answer in pair], stripped, matched, words_alone, layout_alone)
    return dict(zip(INPUTS, texts, strict=True))


def _classifier() -> Any:
    settings = _settings()
    words = {"analyzer": "word", "token_pattern": r"\S+", "ngram_range": tuple(settings["word_ngrams"])}
    chars = {"analyzer": "char", "ngram_range": tuple(settings["char_ngrams"])}
    # Hashed: no vocabulary that could be empty, and fitted in seconds.
    tf_idf = [
        make_pipeline(
            HashingVectorizer(lowercase=False, norm=None, alternate_sign=False, **options),  # type: ignore[arg-type]
            TfidfTransformer(),
        )
        for options in (words, chars)
    ]
    return make_pipeline(
        make_union(*tf_idf, FunctionTransformer(_lengths)),
        LogisticRegression(
            C=settings["inverse_regularisation"], solver="liblinear", dual=True, max_iter=1000
        ),
    )


def _lengths(texts: list[str]) -> np.ndarray:
    return np.array([[np.log1p(len(text.split()))] for text in texts])


@cache
def _settings() -> dict[str, Any]:
    return read_yaml(Path(__file__).with_name("attacker.yaml"))
