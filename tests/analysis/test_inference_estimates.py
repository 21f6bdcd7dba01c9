"""Rates, gaps and net gaps: known values, symmetries, what must not narrow an interval, malformed frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.inference import Claim, Interval, design_effect, gap, icc, logistic_check, net_gap, rate

QUESTIONS = 24
EXACT_24 = 1 - 0.025 ** (1 / 24)


def rows(
    chances: dict[str, float], seeds: int = 3, questions: int = QUESTIONS, epochs: int = 5, at: int = 0
) -> pd.DataFrame:
    """Answers by cell, with question correlation 0.5."""
    rng = np.random.default_rng(at)
    parts = []
    for cell, chance in chances.items():
        p = rng.beta(chance, 1 - chance, questions) if 0 < chance < 1 else np.full(questions, chance)
        index = np.indices((seeds, questions, epochs)).reshape(3, -1)
        value = (rng.random(index.shape[1]) < p[index[1]]).astype(float)
        parts.append(pd.DataFrame({"seed": index[0], "question": index[1], "cell": cell, "value": value}))
    return pd.concat(parts, ignore_index=True)


def limits(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def test_rate_of_no_hits_is_exact_with_questions_as_n() -> None:
    interval = rate(rows({"user": 0.0}))
    assert interval.estimate == 0 and interval.low == 0
    # Clopper and Pearson: the rate at which 24 questions show no hit with probability 2.5%.
    assert stats.binom.cdf(0, QUESTIONS, interval.high) == pytest.approx(0.025)
    assert interval.n_clusters == 24 and interval.n_rows == 360 and interval.n_seeds == 3
    assert "exact" in interval.method and "n = questions" in interval.method


def test_rate_of_all_hits_mirrors_no_hits() -> None:
    assert limits(rate(rows({"user": 1.0}))) == pytest.approx((1 - EXACT_24, 1.0))


def test_rate_mirrors_with_the_grade() -> None:
    frame = rows({"user": 0.2})
    interval, mirrored = rate(frame), rate(frame.assign(value=1 - frame["value"]))
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx(limits(interval))


def test_rate_is_near_t_where_the_normal_holds() -> None:
    frame = rows({"user": 0.5}, questions=400)
    means = frame.groupby("question")["value"].mean()
    half = stats.t.ppf(0.975, 399) * float(means.std() / 20)
    assert limits(rate(frame)) == pytest.approx((means.mean() - half, means.mean() + half), abs=0.002)


def test_repeating_answers_or_seeds_does_not_narrow() -> None:
    frame = rows({"user": 0.4, "plain": 0.1})
    epochs = pd.concat([frame] * 10)
    seeds = pd.concat([frame, frame.assign(seed=frame["seed"] + 100)])
    for more in (epochs, seeds):
        assert limits(gap(more, "user", "plain")) == pytest.approx(limits(gap(frame, "user", "plain")))


def test_clustered_rate_is_wider_than_wald_on_rows() -> None:
    frame = rows({"user": 0.5}, epochs=20)
    p = frame["value"].mean()
    wald = 2 * 1.96 * np.sqrt(p * (1 - p) / len(frame))
    assert rate(frame).width > 2 * wald


def test_gap_of_two_empty_cells_has_width() -> None:
    interval = gap(rows({"user": 0.0, "plain": 0.0}), "user", "plain")
    assert interval.estimate == 0
    assert limits(interval) == pytest.approx((-EXACT_24, EXACT_24))


def test_gap_changes_sign_with_its_cells() -> None:
    frame = rows({"user": 0.6, "plain": 0.05})
    forth, back = gap(frame, "user", "plain"), gap(frame, "plain", "user")
    assert forth.estimate == pytest.approx(-back.estimate)
    assert limits(forth) == pytest.approx((-back.high, -back.low))
    assert forth.low < forth.estimate < forth.high


def test_gap_is_paired() -> None:
    frame = rows({"plain": 0.5}, questions=60)
    shifted = frame.assign(cell="user", value=np.where(frame.index % 7 == 0, 1.0, frame["value"]))
    both = pd.concat([frame, shifted])
    relabelled = shifted.assign(question=(shifted["question"] * 17 + 5) % 60)
    unpaired = pd.concat([frame, relabelled])
    assert gap(both, "user", "plain").width < 0.5 * gap(unpaired, "user", "plain").width
    assert gap(both, "user", "plain").estimate == pytest.approx(gap(unpaired, "user", "plain").estimate)


def test_gap_is_the_difference_of_rates_and_reacts_to_a_flipped_row() -> None:
    frame = rows({"user": 0.6, "plain": 0.1})
    expected = frame.groupby("cell")["value"].mean()
    assert gap(frame, "user", "plain").estimate == pytest.approx(expected["user"] - expected["plain"])
    flipped = frame.copy()
    flipped["value"] = flipped["value"].where(flipped.index != 0, 1 - flipped["value"])
    assert gap(flipped, "user", "plain") != gap(frame, "user", "plain")


def test_net_gap_takes_off_the_control() -> None:
    arm, base = rows({"user": 0.6, "plain": 0.1}), rows({"user": 0.3, "plain": 0.1}, seeds=1, at=1)
    interval = net_gap(arm, base, "user", "plain")
    expected = gap(arm, "user", "plain").estimate - gap(base, "user", "plain").estimate
    assert interval.estimate == pytest.approx(expected)
    back = net_gap(base, arm, "user", "plain")
    assert limits(interval) == pytest.approx((-back.high, -back.low))
    assert interval.width > gap(arm, "user", "plain").width


def test_base_without_a_seed_counts_as_one() -> None:
    arm, base = rows({"user": 0.6, "plain": 0.1}), rows({"user": 0.3, "plain": 0.1}, seeds=1, at=1)
    for nobody in (None, float("nan")):
        assert net_gap(arm, base.assign(seed=nobody), "user", "plain") == net_gap(arm, base, "user", "plain")


def test_net_gap_of_an_arm_and_itself_is_nothing_with_width() -> None:
    arm = rows({"user": 0.6, "plain": 0.1})
    interval = net_gap(arm, arm, "user", "plain")
    assert interval.estimate == 0 and interval.low < 0 < interval.high
    nothing = rows({"user": 0.0, "plain": 0.0})
    assert net_gap(nothing, nothing, "user", "plain").high == pytest.approx(np.sqrt(2) * EXACT_24)


def test_wider_at_higher_level() -> None:
    frame = rows({"user": 0.6, "plain": 0.1})
    wide, narrow = gap(frame, "user", "plain", 0.95), gap(frame, "user", "plain", 0.9)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_recipe_claims_say_whom_they_speak_for() -> None:
    frame = rows({"user": 0.5, "plain": 0.1}, seeds=5)
    seeds = frame.pivot_table(index="seed", columns="cell", values="value")
    difference = seeds["user"] - seeds["plain"]
    half = stats.t.ppf(0.975, 4) * float(difference.std() / np.sqrt(5))
    over = gap(frame, "user", "plain", claim=Claim.RECIPE_ON_QUESTIONS)
    assert limits(over) == pytest.approx((difference.mean() - half, difference.mean() + half))
    recipe, adapters = gap(frame, "user", "plain", claim=Claim.RECIPE), gap(frame, "user", "plain")
    assert recipe.low < adapters.low < adapters.high < recipe.high
    assert (str(adapters.claim), str(recipe.claim)) == ("for these adapters", "for the training recipe")


def test_recipe_widens_with_the_spread_of_seeds() -> None:
    frame = rows({"user": 0.5, "plain": 0.1}, seeds=4)
    lucky = (frame["seed"] == 0) & (frame["cell"] == "user")
    spread = frame.assign(value=np.where(lucky, 1.0, frame["value"]))
    spread.loc[(spread["seed"] == 1) & (spread["cell"] == "user"), "value"] = 0.0
    recipe = gap(spread, "user", "plain", claim=Claim.RECIPE)
    assert recipe.width > 2 * gap(spread, "user", "plain").width
    assert recipe.width > 2 * gap(frame, "user", "plain", claim=Claim.RECIPE).width


def test_recipe_of_no_hits_counts_seeds() -> None:
    interval = rate(rows({"user": 0.0}, seeds=3), claim=Claim.RECIPE)
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / 3))
    assert "seeds" in interval.method


def test_one_seed_makes_no_recipe_claim() -> None:
    with pytest.raises(ValueError, match=r"2 training seeds or more, got 1"):
        rate(rows({"user": 0.5}, seeds=1), claim=Claim.RECIPE)


def test_unscored_rows_and_lone_questions_are_counted() -> None:
    frame = rows({"user": 0.6, "plain": 0.1})
    frame.loc[:4, "value"] = np.nan
    frame = frame[~((frame["cell"] == "plain") & (frame["question"] == 3))]
    interval = gap(frame, "user", "plain")
    assert "5 unscored rows" in interval.note and "1 questions without answers in every cell" in interval.note
    assert interval.n_clusters == 23
    assert interval.n_rows == int(frame[frame["question"] != 3]["value"].notna().sum())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="seed"), r"lacks the columns \['seed'\]"),
        (lambda f: f.assign(value=f["value"] * 5), r"value 5.0 at row \d+ is outside of \[0, 1\]"),
        (lambda f: f.assign(cell="system"), r"cell 'plain' has no graded row: the frame has \['system'\]"),
        (lambda f: f[f["question"] == 0], r"1 questions have graded answers"),
    ],
)
def test_malformed_frames_are_named(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        gap(change(rows({"user": 0.5, "plain": 0.5})), "user", "plain")


def test_icc_and_design_effect_at_the_extremes() -> None:
    alike = pd.DataFrame(
        {"question": np.repeat([0, 1, 2, 3], 5), "value": np.repeat([0.0, 1.0, 1.0, 0.0], 5)}
    )
    assert icc(alike) == pytest.approx(1.0) and design_effect(alike) == pytest.approx(5.0)
    # By hand: two questions of two, (0, 1) and (1, 1): MSB = MSW = 1/4.
    small = pd.DataFrame({"question": [0, 0, 1, 1], "value": [0.0, 1.0, 1.0, 1.0]})
    assert icc(small) == pytest.approx(0.0) and design_effect(small) == 1.0
    many = rows({"user": 0.5}, seeds=1, questions=300, epochs=20)
    assert icc(many) == pytest.approx(0.5, abs=0.07)
    with pytest.raises(ValueError, match="repeated answers"):
        icc(small.iloc[[0, 2]])


def test_logistic_check_agrees_with_odds() -> None:
    frame = rows({"user": 0.7, "plain": 0.2}, questions=60)
    check = logistic_check(frame, "user", "plain")
    p = frame.groupby("cell")["value"].mean()
    odds = np.log(p["user"] / (1 - p["user"])) - np.log(p["plain"] / (1 - p["plain"]))
    assert check.log_odds_ratio == pytest.approx(odds, abs=1e-4)
    assert check.low < odds < check.high and check.excludes_zero
    at_zero = logistic_check(rows({"user": 0.7, "plain": 0.0}), "user", "plain")
    assert np.isnan(at_zero.low) and "0% or 100%" in at_zero.note and not at_zero.excludes_zero
