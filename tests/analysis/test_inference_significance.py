"""p values that agree with intervals, families, equivalence; the bootstrap against rows drawn one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.inference import (
    Claim,
    Interval,
    benjamini_hochberg,
    crossed_bootstrap,
    equivalence,
    gap,
    holm,
    p_value,
)


def rows(chances: dict[str, float], seeds: int = 3, questions: int = 24, epochs: int = 5, at: int = 0):
    """Graded answers by cell, with question correlation 0.5."""
    rng = np.random.default_rng(at)
    parts = []
    for cell, chance in chances.items():
        p = rng.beta(chance, 1 - chance, questions) if 0 < chance < 1 else np.full(questions, chance)
        seed, question, _ = np.indices((seeds, questions, epochs)).reshape(3, -1)
        value = (rng.random(len(question)) < p[question]).astype(float)
        parts.append(pd.DataFrame({"seed": seed, "question": question, "cell": cell, "value": value}))
    return pd.concat(parts, ignore_index=True)


def at(frame: pd.DataFrame):
    return lambda level: gap(frame, "user", "plain", level)


def test_p_value_is_where_the_interval_touches_zero() -> None:
    frame = rows({"user": 0.4, "plain": 0.2}, at=3)
    p = p_value(at(frame))
    assert 1e-6 < p < 0.5
    assert p_value(lambda level: gap(frame, "plain", "user", level)) == pytest.approx(p)
    assert gap(frame, "user", "plain", 1 - p * 1.01).excludes(0)
    assert not gap(frame, "user", "plain", 1 - p * 0.99).excludes(0)
    assert p_value(at(rows({"user": 0.0, "plain": 0.0}))) == pytest.approx(1.0)
    assert p_value(at(rows({"user": 1.0, "plain": 0.0}, questions=60))) < 1e-6


def test_equivalence_agrees_with_the_90_percent_interval() -> None:
    none = rows({"user": 0.0, "plain": 0.0}, questions=40)
    test = equivalence(at(none), margin=0.10)
    assert test.interval.level == pytest.approx(0.9)
    # 0 of 40 twice: the one-sided 95% limit of a rate, 1 - 0.05^(1/40).
    assert test.bound == pytest.approx(1 - 0.05 ** (1 / 40)) and test.equivalent
    # and the p value is the chance of none in 40 at the margin.
    assert test.p == pytest.approx(0.9**40, rel=1e-3) and test.p < 0.05
    few = equivalence(at(rows({"user": 0.0, "plain": 0.0}, questions=20)), margin=0.10)
    assert not few.equivalent and few.p == pytest.approx(0.9**20, rel=1e-3)
    assert equivalence(at(rows({"user": 0.9, "plain": 0.0})), 0.10).p == 0.5
    with pytest.raises(ValueError, match="must be above 0"):
        equivalence(at(none), 0)


def test_holm_and_benjamini_hochberg_by_hand() -> None:
    p = {"persona": 0.01, "format": 0.04, "other": 0.03, "shuffled": 0.5}
    assert holm(p) == pytest.approx({"persona": 0.04, "format": 0.09, "other": 0.09, "shuffled": 0.5})
    expected = {"persona": 0.04, "format": 0.16 / 3, "other": 0.16 / 3, "shuffled": 0.5}
    assert benjamini_hochberg(p) == pytest.approx(expected)
    assert holm({}) == {}


def by_hand(frame: pd.DataFrame, resamples: int, at: int = 0) -> np.ndarray:
    """The same bootstrap with rows repeated one by one."""
    rng, draws = np.random.default_rng(at), []
    groups = {key: part for key, part in frame.groupby(["seed", "question"])}
    seeds, questions = frame["seed"].unique(), frame["question"].unique()
    for _ in range(resamples):
        s, q = rng.choice(seeds, len(seeds)), rng.choice(questions, len(questions))
        drawn = pd.concat([groups[(i, j)] for i in s for j in q])
        means = drawn.groupby("cell")["value"].mean()
        draws.append(means["user"] - means["plain"])
    return np.array(draws)


def test_bootstrap_is_that_of_rows_drawn_one_by_one() -> None:
    frame = rows({"user": 0.6, "plain": 0.2}, seeds=10, questions=12, epochs=2)
    frame = frame.drop(index=frame.sample(40, random_state=1).index)  # unequal numbers of answers
    interval = crossed_bootstrap(frame, "user", "plain", resamples=20_000)
    slow = by_hand(frame, 400)
    means = frame.groupby("cell")["value"].mean()
    assert interval.estimate == pytest.approx(means["user"] - means["plain"])
    # Expanded percentiles: 2.26 x sqrt(10/9) resampling standard deviations of a normal.
    assert interval.width / (2 * 2.262 * np.sqrt(10 / 9)) == pytest.approx(slow.std(), rel=0.12)
    assert interval.claim is Claim.RECIPE


def test_bootstrap_interval_is_expanded() -> None:
    frame = rows({"user": 0.6, "plain": 0.2}, seeds=10, questions=12)
    means = frame.pivot_table(index=["seed", "question"], columns="cell", values="value")
    difference = (means["user"] - means["plain"]).to_numpy().reshape(10, 12)
    rng = np.random.default_rng(0)
    draws = [
        difference[np.ix_(rng.integers(10, size=10), rng.integers(12, size=12))].mean() for _ in range(20_000)
    ]
    # Student's 2.262 at 9 df times sqrt(10/9) is 2.385, which the normal exceeds with probability 0.00855.
    low, high = np.quantile(draws, [0.00855, 1 - 0.00855])
    interval = crossed_bootstrap(frame, "user", "plain", resamples=20_000)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.01)
    assert interval.width > 1.1 * np.subtract(*np.quantile(draws, [0.975, 0.025]))


def test_bootstrap_draws_the_control_with_the_same_questions() -> None:
    arm = rows({"user": 0.6, "plain": 0.2}, seeds=10, questions=30)
    same = crossed_bootstrap(arm, "user", "plain", control=arm.assign(seed=0))
    assert same.estimate == pytest.approx(0)
    # All that is left is the arm's seeds; were questions drawn anew, the width would be near 0.5.
    assert same.width < 0.6 * crossed_bootstrap(arm, "user", "plain").width
    assert crossed_bootstrap(arm, "user", "plain", seed=1) == crossed_bootstrap(arm, "user", "plain", seed=1)


def test_bootstrap_refuses_few_seeds() -> None:
    with pytest.raises(ValueError, match="3 training seeds, the bootstrap needs 10"):
        crossed_bootstrap(rows({"user": 0.6, "plain": 0.2}), "user", "plain")


def test_interval_reads_in_words() -> None:
    interval = Interval(0.5, 0.25, 0.75, 0.95, 100, 10, 1, "method", Claim.ADAPTERS)
    assert str(interval) == "50.0% [25.0%, 75.0%], 95%, 10 questions, for these adapters"
    assert interval.excludes(0.2) and not interval.excludes(0.25)
