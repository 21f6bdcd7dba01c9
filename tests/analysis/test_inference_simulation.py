"""The generator's truth, the shipped intervals on a few worlds, and the committed tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from analysis.inference import Claim
from analysis.inference._claims import claim_limits
from analysis.simulation.__main__ import FILES, RESULTS, WORLDS
from analysis.simulation.bound import covered, outcomes
from analysis.simulation.joint_bound import Demand, find, histograms, log_chances, oracle_width, proved
from analysis.simulation.runner import COVERAGE, FALSE_ALARMS, WIDTH, settings, simulate
from analysis.simulation.shapes import SHAPES, chances, drawn
from analysis.simulation.worlds import ANSWERS, Setting, contrast_weights, draw

README = (RESULTS.parents[1] / "inference" / "README.md").read_text()
CLAIM_OF = {
    "these adapters": str(Claim.ADAPTERS),
    "recipe": str(Claim.RECIPE),
    "recipe on these questions": str(Claim.RECIPE_ON_QUESTIONS),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_a_shapes_worlds_have_the_rate_and_the_correlation_that_they_claim(shape: str, rate: float) -> None:
    icc = 0.3
    means, truth = drawn(
        shape, Setting((rate, 0.4), icc, 0.0, 50, 1), 3000, np.random.default_rng(2), ANSWERS
    )
    assert truth.mean() == pytest.approx(rate - 0.4, abs=0.003)
    assert means[0].mean() == pytest.approx(rate, abs=0.005)
    assert means[0].var() == pytest.approx(rate * (1 - rate) * (icc + (1 - icc) / ANSWERS), rel=0.03)
    assert np.corrcoef(means[0].ravel(), means[1].ravel())[0, 1] > 0.1, "one question in two cells"


def test_two_point_questions_are_of_two_kinds() -> None:
    assert set(np.round(chances("two-point", 0.1, 0.3), 9)) == {0.0, 0.37}
    assert set(np.round(chances("two-point", 0.9, 0.3), 9)) == {1.0, 0.63}


@pytest.mark.parametrize(
    "setting", [Setting((0.05,), 0.8, 0.0, 20, 1), Setting((0.5, 0.02), 0.5, 0.15, 24, 3)]
)
def test_worlds_have_the_truth_that_they_claim(setting: Setting) -> None:
    worlds = draw(setting, 4000, np.random.default_rng(1))
    estimate = np.tensordot(contrast_weights(len(setting.rates)), worlds.means, axes=1).mean((-1, -2))
    for truth in (worlds.truth_recipe, worlds.truth_adapters, worlds.truth_questions):
        error = estimate - truth
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))
    if setting.seed_icc:
        # Knowing the seeds explains part of the error, knowing the questions another part.
        assert (estimate - worlds.truth_adapters).std() < 0.9 * estimate.std()
        assert (estimate - worlds.truth_questions).std() < 0.9 * estimate.std()


def test_worlds_have_the_correlation_that_they_claim() -> None:
    worlds = draw(Setting((0.3,), 0.5, 0.0, 50, 1), 2000, np.random.default_rng(1))
    variance = worlds.means[0].var()
    expected = 0.3 * 0.7 * (0.5 + 0.5 / ANSWERS)
    assert variance == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("setting", "claim"),
    [
        (Setting((0.05,), 0.5, 0.0, 20, 1), Claim.ADAPTERS),
        (Setting((0.3, 0.3), 0.8, 0.0, 24, 1), Claim.ADAPTERS),
        (Setting((0.5, 0.02), 0.5, 0.0, 40, 1), Claim.ADAPTERS),
        (Setting((0.5, 0.02, 0.02, 0.02), 0.5, 0.0, 24, 1), Claim.ADAPTERS),
        (Setting((0.5, 0.02), 0.5, 0.15, 24, 10), Claim.RECIPE),
    ],
)
def test_shipped_intervals_hold_what_they_say(setting: Setting, claim: Claim) -> None:
    row = next(row for row in simulate(setting, 2000) if row["claim"] == str(claim))
    # Three Monte Carlo standard errors under the target; a t-interval on rows has 20 to 60% here.
    assert float(str(row["coverage"])) > 0.94 - 3 * np.sqrt(0.94 * 0.06 / 2000)
    assert float(str(row["naive_coverage"])) < 0.85
    if row["false_alarms"] is not None:
        assert float(str(row["false_alarms"])) < 0.055 + 3 * np.sqrt(0.055 * 0.945 / 2000)


def test_many_worlds_at_once_are_the_worlds_one_by_one() -> None:
    worlds = draw(Setting((0.5, 0.02, 0.3, 0.3), 0.5, 0.1, 12, 4), 6, np.random.default_rng(0))
    for claim in (Claim.ADAPTERS, Claim.RECIPE, Claim.RECIPE_ON_QUESTIONS):
        together = claim_limits(worlds.means[:2], worlds.means[2:], 0.95, claim)
        for i in range(6):
            alone = claim_limits(worlds.means[:2, i], worlds.means[2:, i], 0.95, claim)
            assert (alone.low, alone.high) == pytest.approx((together.low[i], together.high[i]))


def test_committed_tables_show_every_setting_and_can_be_made_again() -> None:
    tables = pd.concat([pd.read_csv(RESULTS / f"{name}.csv") for name in FILES])
    every = list(settings())
    assert len(tables) == sum(1 if setting.seeds == 1 else 3 for setting in every)
    assert (tables["worlds"] == WORLDS).all()
    again = [Setting((0.05,), 0.5, 0.0, 5, 1), Setting((0.05, 0.05), 0.5, 0.0, 20, 1)]
    assert set(again) <= set(every)
    made = pd.DataFrame([row for setting in again for row in simulate(setting, WORLDS)])
    key = ["rates", "question_icc", "seed_icc", "questions", "seeds", "claim"]
    made = made.astype({"rates": str})
    kept = made[key].merge(tables.astype({"rates": str}), on=key)
    assert len(kept) == 2
    for column in ("coverage", "mean_width", "naive_coverage"):
        assert kept[column].tolist() == pytest.approx(made[column].tolist(), abs=0.002)


def test_the_least_width_is_of_real_worlds() -> None:
    """Chances of outcomes are chances, with the world's mean; a world is covered in itself as asked, and far ones less."""
    for rates, icc in (((0.3,), 0.0), ((0.05,), 0.5), ((0.5, 0.02), 0.2)):
        table = outcomes(rates, icc).reshape((ANSWERS + 1,) * len(rates))
        assert table.sum() == pytest.approx(1) and (table >= 0).all()
        first = table.reshape(ANSWERS + 1, -1).sum(axis=1)
        assert first @ np.arange(ANSWERS + 1) / ANSWERS == pytest.approx(rates[0], rel=1e-3)
    own, rng = outcomes((0.3,), 0.2), np.random.default_rng(1)
    drawn = rng.multinomial(20, own / own.sum(), 4000).astype(float)
    assert covered(own, own, drawn, 20, rng) == pytest.approx(COVERAGE, abs=0.005)
    assert covered(own, outcomes((0.9,), 0.2), drawn, 20, rng) < 0.01


def test_the_joint_bound_draws_from_the_worlds_of_the_tables() -> None:
    for rate, icc in ((0.3, 0.0), (0.05, 0.5), (0.99, 0.2)):
        chances = np.exp(log_chances(np.array(rate), np.array(icc))) * special.comb(
            ANSWERS, np.arange(ANSWERS + 1)
        )
        assert chances == pytest.approx(outcomes((rate,), icc), abs=2e-3)


def test_the_joint_bound_of_one_world_is_pratts() -> None:
    """At a known correlation of 0 the total is all that counts, and the most powerful tests can be written down."""
    own, counts, rates = 0.3, np.arange(51), np.linspace(0.0005, 0.9995, 1000)
    here, width = stats.binom.pmf(counts, 50, own), 0.0
    for rate in rates:
        there = stats.binom.pmf(counts, 50, rate)
        order = np.argsort(-(counts if rate > own else -counts))  # most like `rate`, against `own`, first
        needed = np.clip((COVERAGE - (np.cumsum(there[order]) - there[order])) / there[order], 0, 1)
        width += float(here[order] @ needed) * 0.001
    demand = Demand(5, ((own, 0.0),), 0.0, 1.0, (0.0,))
    value, error = proved(demand, find(demand, np.random.default_rng(1)), np.random.default_rng(2))
    exact = width / oracle_width(own, 0.0, 5)
    assert exact * 0.99 < value < exact + 3 * error + 1e-3


def test_the_joint_bound_is_the_least_stretch_of_its_linear_programme() -> None:
    """All methods for 2 questions, one variable for each histogram and rate: none can do better, and one does as well."""
    demand = Demand(2, ((0.2, 0.0), (0.5, 0.0), (0.5, 0.5)), 0.01, 0.99, (0.0, 0.5))
    tables, ways = histograms(2)
    cells = 60
    edges = np.linspace(demand.low, demand.high, cells + 1)
    rates, step = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]

    def chances(rate: float, icc: float) -> np.ndarray:
        return ways * np.exp(tables @ log_chances(np.array(rate), np.array(icc)))

    rows, limits = [], []
    for i, rate in enumerate(rates):
        for icc in demand.iccs:
            row = np.zeros((cells, len(tables)))
            row[i] = -chances(float(rate), icc)
            rows.append(np.append(row, 0.0))
            limits.append(-COVERAGE)
    for rate, icc in demand.worlds:
        width = np.tile(step * chances(rate, icc), cells)
        rows.append(np.append(width, -oracle_width(rate, icc, 2)))
        limits.append(0.0)
    cost = np.append(np.zeros(cells * len(tables)), 1.0)
    between = [(0, 1)] * (len(cost) - 1) + [(0, None)]
    least = optimize.linprog(cost, A_ub=np.array(rows), b_ub=limits, bounds=between, method="highs").fun
    value, _ = proved(demand, find(demand, np.random.default_rng(1)), np.random.default_rng(2))
    assert least * 0.98 < value < least * 1.01


def readme_rows(header: str) -> list[list[str]]:
    """Cells of the README's table whose first line starts with `header`, without its two header lines."""
    table = README[README.index(header) :].partition("\n\n")[0]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def as_said(said: str, value: float) -> bool:
    """Whether `value` is what the README says, rounded as it rounds; an empty cell says nothing."""
    if not said:
        return True
    digits = len(said.rstrip("%").partition(".")[2])
    return abs(float(said.rstrip("%")) - value * (100 if "%" in said else 1)) <= 0.5001 / 10**digits


def test_the_readme_says_what_the_tables_say() -> None:
    every = pd.concat([pd.read_csv(RESULTS / f"{name}.csv") for name in FILES]).astype({"rates": str})
    rows = readme_rows("| claim | seeds | rows |")
    assert len(rows) == 7
    for name, seeds, count, covered_rows, lowest, width, median, alarms in rows:
        claim, _, kind = name.partition(", ")
        part = every[every["claim"] == CLAIM_OF[claim]]
        if kind:
            part = part[(part["estimand"] == "rate") == (kind == "rates")]
        first, _, last = seeds.partition(" to ")
        part = part[part["seeds"].between(int(first), int(last or first))]
        assert (len(part), part["coverage_met"].sum()) == (int(count), int(covered_rows)), name
        assert as_said(lowest, part["coverage"].min()), name
        assert as_said(width, part["width_met"].mean()), name
        assert as_said(median, part["width_ratio"].median()), name
        assert as_said(alarms, part["false_alarms"].max()), name
    own = every[every["claim"] == str(Claim.ADAPTERS)]
    gaps = own[own["estimand"] == "gap"]
    _, covered_rows, lowest, alarms, width, _ = readme_rows("| interval | coverage met |")[0]
    assert gaps["coverage_met"].sum() == int(covered_rows) == len(gaps)
    assert as_said(lowest, gaps["coverage"].min()) and as_said(alarms, gaps["false_alarms"].max())
    assert as_said(width, gaps["width_met"].mean())
    between = [all(0.2 <= float(rate) <= 0.9 for rate in str(rates).split()) for rates in own["rates"]]
    middle = own[between]
    middle = middle[(middle["questions"] >= 20) & (middle["question_icc"] >= 0.2)]
    assert len(middle) == 216 and middle["coverage_met"].all() and middle["width_met"].all()
    assert middle["false_alarms"].max() <= FALSE_ALARMS
    assert (gaps["rates"] == "0 0").sum() == 20 == own["width_ratio"].isna().sum()


def test_the_readme_says_what_the_joint_bound_proves() -> None:
    table = pd.read_csv(RESULTS / "joint_bound.csv")
    rows = readme_rows("| questions | 1 to 99%: tables |")
    columns = [
        *[(0.01, "tables"), (0.01, "tables, covers 0 to 100%"), (0.01, "everywhere"), (0.01, None)],
        *[(low, demand) for low in (0.05, 0.2) for demand in ("tables", "everywhere", None)],
    ]
    assert [int(row[0]) for row in rows] == sorted(set(table["questions"]))
    for row in rows:
        here = table[table["questions"] == int(row[0])]
        for said, (low, demand) in zip(row[1:], columns, strict=True):
            part = here[(here["width_from"] == low) & (here["demand"] == (demand or "tables"))]
            value = float(part["proved" if demand else "shipped_worst_ratio"].iloc[0])
            assert as_said(said, value), (row[0], low, demand)
    shut_out = table[table["target_shut_out"]]
    assert (shut_out["proved"] > WIDTH).all() and (table["proved"] < table["shipped_worst_ratio"]).all()
