"""Agreement and corrected rates against published examples and worlds with known error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from analysis.inference import (
    Claim,
    Scale,
    Weights,
    agreement_interval,
    confusion,
    kappa,
    krippendorff_alpha,
    prediction_powered_rate,
    rogan_gladen_rate,
)

NA = float("nan")
# Krippendorff 2011, example C: four observers, twelve units; alpha nominal 0.743, interval 0.849.
OBSERVERS = pd.DataFrame(
    {
        "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
        "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
        "c": [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
        "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
    }
)


def graded(seed: int = 0, questions: int = 40, rate: float = 0.3, share: float = 0.3) -> pd.DataFrame:
    """Answers with a grader of sensitivity 0.9 and specificity 0.8, labels on a random share."""
    rng = np.random.default_rng(seed)
    question = np.repeat(np.arange(questions), 20)
    truth = rng.random(len(question)) < np.repeat(rng.beta(rate * 4, (1 - rate) * 4, questions), 20)
    grade = np.where(truth, rng.random(len(question)) < 0.9, rng.random(len(question)) > 0.8)
    label = np.where(rng.random(len(question)) < share, truth, np.nan)
    return pd.DataFrame({"question": question, "grade": grade.astype(float), "label": label, "truth": truth})


def test_alpha_of_the_published_example() -> None:
    assert krippendorff_alpha(OBSERVERS, list("abcd")) == pytest.approx(0.743, abs=0.0005)
    assert krippendorff_alpha(OBSERVERS, list("abcd"), Scale.INTERVAL) == pytest.approx(0.849, abs=0.0005)
    with pytest.raises(ValueError, match="no answer has labels by two"):
        krippendorff_alpha(OBSERVERS, ["a"])
    assert np.isnan(krippendorff_alpha(pd.DataFrame({"a": [1, 1], "b": [1, 1]}), ["a", "b"]))


@pytest.mark.parametrize("weights", list(Weights))
def test_kappa_is_scikit_learns(weights: Weights) -> None:
    rng = np.random.default_rng(2)
    judge = rng.integers(1, 6, 200)
    other = np.clip(judge + rng.integers(-1, 2, 200), 1, 5)
    frame = pd.DataFrame({"judge": judge, "author": other})
    how = None if weights is Weights.NONE else str(weights)
    assert kappa(frame, "judge", "author", weights) == pytest.approx(
        cohen_kappa_score(judge, other, weights=how)
    )


def test_confusion_counts_and_leaves_out_unlabelled() -> None:
    frame = pd.DataFrame({"judge": ["yes", "no", "yes", "yes"], "author": ["yes", "yes", "maybe", None]})
    counts = confusion(frame, "judge", "author")
    assert list(counts.index) == list(counts.columns) == ["maybe", "no", "yes"]
    assert counts.loc["yes", "no"] == 1 and counts.loc["maybe", "yes"] == 1 and counts.to_numpy().sum() == 3
    with pytest.raises(ValueError, match="labelled by both"):
        confusion(frame.assign(author=None), "judge", "author")


def test_agreement_interval_resamples_questions() -> None:
    frame = graded(share=1.0)
    one = agreement_interval(frame, lambda f: kappa(f, "grade", "label"), resamples=200)
    assert one.low < one.estimate < one.high and one.claim is Claim.GRADER
    copied = pd.concat([frame] * 4)  # four times the rows, as many questions
    four = agreement_interval(copied, lambda f: kappa(f, "grade", "label"), resamples=200)
    assert four.width == pytest.approx(one.width, rel=0.01)


def test_corrections_undo_a_biased_grader() -> None:
    many = pd.concat(
        [graded(seed).assign(question=lambda f, s=seed: f["question"] + 40 * s) for seed in range(30)]
    )
    truth, raw = many["truth"].mean(), many["grade"].mean()
    assert abs(raw - truth) > 0.08
    for method in (prediction_powered_rate, rogan_gladen_rate):
        interval = method(many)
        assert interval.estimate == pytest.approx(truth, abs=0.012)
        assert interval.low < truth < interval.high and interval.width < 0.1


@pytest.mark.parametrize("method", [prediction_powered_rate, rogan_gladen_rate])
def test_corrected_width_is_that_of_the_spread_over_worlds(method) -> None:
    intervals = [method(graded(seed)) for seed in range(80)]
    spread = np.std([interval.estimate for interval in intervals])
    half = np.mean([interval.width for interval in intervals]) / 2
    assert half == pytest.approx(2.02 * spread, rel=0.25)


def test_rogan_gladen_by_hand() -> None:
    # 20 labelled rows: sensitivity 4/5, specificity 9/10 of labelled negatives; the grader says yes to 40%
    # of all.
    labelled = [(1, 1)] * 8 + [(0, 1)] * 2 + [(1, 0)] * 1 + [(0, 0)] * 9
    frame = pd.DataFrame(labelled + [(1, NA)] * 7 + [(0, NA)] * 13, columns=["grade", "label"])
    frame["question"] = np.arange(len(frame)) % 10
    assert rogan_gladen_rate(frame).estimate == pytest.approx((0.4 + 0.9 - 1) / (0.8 + 0.9 - 1))
    # Prediction-powered: 0.4 plus the mean error on 20 labelled rows, (2 - 1) / 20.
    assert prediction_powered_rate(frame).estimate == pytest.approx(0.4 + 1 / 20)


def test_corrected_zero_keeps_width_and_one_kind_of_label_is_refused() -> None:
    frame = graded().assign(grade=0.0)
    frame["label"] = frame["label"].where(frame["label"].isna(), 0.0)
    interval = prediction_powered_rate(frame)
    assert interval.estimate == 0 and interval.high >= 1 - 0.025 ** (1 / interval.n_clusters)
    with pytest.raises(ValueError, match="only one of 0 and 1"):
        rogan_gladen_rate(frame)
    with pytest.raises(ValueError, match="fewer than 2 questions"):
        prediction_powered_rate(frame.assign(label=np.nan))


def test_fewer_labels_widen() -> None:
    assert (
        prediction_powered_rate(graded(share=0.1)).width
        > 1.2 * prediction_powered_rate(graded(share=0.9)).width
    )
