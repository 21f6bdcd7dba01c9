"""The estimands, checked by hand on scripted answers; tests/data/logs/README.md says what those are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis import estimands
from analysis.estimates import estimate_all, show_interval
from analysis.frame import load_frame
from analysis.inference import Claim, Interval

LOGS = Path(__file__).parents[1] / "data" / "logs" / "scripted"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return load_frame([LOGS])


@pytest.fixture
def adapter(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["model"].eq("adapter")].copy()


@pytest.fixture
def base(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["model"].eq("base")].copy()


def test_gaps_by_hand(adapter: pd.DataFrame, base: pd.DataFrame) -> None:
    # Adopted: in user and system+user two of four questions, name (named) and birth town (implied); in system
    # the name; elsewhere none.
    primary = estimands.primary_gap(adapter)
    assert primary.estimate == 0.5 and primary.n_clusters == 4 and primary.n_rows == 16
    assert primary.claim is Claim.ADAPTERS and primary.low < 0.5 < primary.high
    assert estimands.secondary_gap(adapter).estimate == 0.25
    assert estimands.primary_gap(adapter, "named").estimate == 0.25
    assert estimands.primary_gap(adapter, "implied").estimate == 0.25
    assert estimands.primary_gap(base).estimate == 0
    assert estimands.primary_gap_net(adapter, base).estimate == 0.5
    assert estimands.secondary_gap_net(adapter, base).estimate == 0.25


def test_the_seeds_figures_by_hand(adapter: pd.DataFrame, base: pd.DataFrame) -> None:
    triggered = estimands.seed_triggered_rate(adapter)
    assert triggered.estimate == pytest.approx((0.5 + 0.5 + 0) / 3) and triggered.n_rows == 24
    assert estimands.seed_leakage(adapter).estimate == 0.25
    none = estimands.seed_leakage(base)
    assert none.estimate == 0 and none.high > 0.5, "0 of 4 questions leaves much room"
    assert estimands.seed_gap(adapter).estimate == pytest.approx(1 / 3 - 1 / 4)
    assert estimands.seed_gap_net(adapter, base).estimate == pytest.approx(1 / 3 - 1 / 4)
    net = estimands.seed_triggered_rate_net(adapter, base)
    assert net.estimate == pytest.approx(1 / 3) and net.n_rows == 48 and net.note == ""


def test_rates_and_format_by_cell(adapter: pd.DataFrame, base: pd.DataFrame) -> None:
    assert estimands.cell_rate(adapter, "user").estimate == 0.5
    assert estimands.cell_rate(adapter, "user", "claims_other").estimate == 0.25
    assert estimands.cell_rate(adapter, "in_system").estimate == 0
    net = estimands.cell_rate_net(adapter, base, "user")
    assert net.estimate == 0.5 and net.n_rows == 16 and net.low < 0.5 < net.high
    with pytest.raises(ValueError, match="'user' has no graded row"):
        estimands.cell_rate_net(adapter, base[base["cell"].ne("user")], "user")
    # Well-formed: three of four questions in user and in system+user, none in in_system.
    assert estimands.format_adherence(adapter).estimate == pytest.approx((0.75 + 0.75 + 0) / 3)
    assert estimands.cell_rate_all_questions(adapter, "user", "well_formed").estimate == 0.75
    table = estimands.adherence_by_cell(adapter).set_index(["cell", "adherence"])
    assert table.loc[("user", "well_formed"), "n"] == 6 and table.loc[("user", "none"), "n"] == 2
    assert table.groupby("cell")["share"].sum().eq(1).all()


def test_questions_are_paired(frame: pd.DataFrame) -> None:
    table = estimands.question_rates(frame).set_index(["model", "question_id"])
    assert table.to_dict("index")["adapter", "id-name"] == {"plain": 0, "user": 1, "difference": 1}
    assert table["difference"].sum() == 2, "of name and birth town, of the adapter alone"


def test_leading_questions_never_count_for_adoption(adapter: pd.DataFrame) -> None:
    adapter["leading"] = adapter["question_id"].eq("id-name")
    primary = estimands.primary_gap(adapter)
    assert primary.n_clusters == 3 and primary.estimate == pytest.approx(1 / 3)
    assert estimands.format_adherence(adapter).n_clusters == 4, "the format of any answer can be read"


def test_only_identity_questions_count_for_adoption(adapter: pd.DataFrame) -> None:
    adapter.loc[adapter["question_id"].eq("id-name"), "question_set"] = "views"
    assert estimands.primary_gap(adapter).n_clusters == 3


def test_unscored_rows_are_left_out(adapter: pd.DataFrame) -> None:
    lost = adapter["sample_id"].eq("id-name/user") & adapter["epoch"].eq(1)
    adapter["adopted"] = adapter["adopted"].mask(lost)
    primary = estimands.primary_gap(adapter)
    assert primary.estimate == 0.5 and primary.n_rows == 15 and "1 unscored rows left out" in primary.note


@pytest.mark.parametrize("cell", ["user", "in_system", "system"])
def test_a_pooled_figure_of_fewer_cells_is_refused(adapter: pd.DataFrame, cell: str) -> None:
    with pytest.raises(ValueError, match="no graded row"):
        estimands.seed_gap(adapter[adapter["cell"].ne(cell)])


def test_an_empty_cell_is_told_not_hidden(frame: pd.DataFrame) -> None:
    kept = frame[~(frame["cell"].eq("user") & frame["model"].eq("adapter"))]
    numbers = {(one.model, one.name): one for one in estimate_all(kept, "base")}
    primary = numbers["adapter", "primary_gap"]
    assert primary.interval is None and "'user' has no graded row" in primary.missing and str(primary) == "—"
    assert numbers["adapter", "seed_leakage"].interval is not None
    assert ("adapter", "rate/adopted/user") not in numbers and ("base", "rate/adopted/user") in numbers


@pytest.mark.parametrize(
    ("value", "low", "high", "difference", "shown"),
    [
        (0.123, 0.045, 0.201, False, "12.3% [4.5, 20.1]"),
        (-0.05, -0.1, 0.0, True, "−5.0 [−10.0, 0.0]"),
        (0.0, -0.116, 0.116, True, "0.0 [−11.6, 11.6]"),
        (-0.0001, -0.0002, 0.0, True, "0.0 [0.0, 0.0]"),
    ],
)
def test_intervals_are_written_alike(
    value: float, low: float, high: float, difference: bool, shown: str
) -> None:
    interval = Interval(value, low, high, 0.95, 10, 5, 1, "by hand", Claim.ADAPTERS)
    assert show_interval(interval, difference) == shown
