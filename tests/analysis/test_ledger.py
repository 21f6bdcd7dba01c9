"""The ledger: every number is made again, and a changed row, claim, page or rule is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import estimands, ledger
from analysis.__main__ import main
from analysis.estimates import select
from analysis.inference import Claim
from analysis.report import write_report
from data_builders.errors import InputError, run_or_explain

LOGS = Path(__file__).parents[1] / "data" / "logs" / "scripted"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ledger") / "report"
    write_report([LOGS], out, title="A test", base="base", notes={}, prompts=None, run={})
    return out


@pytest.fixture
def report(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "report"))


def differences(report: Path) -> str:
    with pytest.raises(InputError) as error:
        ledger.verify(report)
    return error.value.rule


def change_claims(report: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = report / "claims.json"
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))


def change_rows(report: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    rows = pd.read_csv(report / "rows.csv", dtype=str, keep_default_na=False)
    change(rows).to_csv(report / "rows.csv", index=False)


def test_an_untouched_report_is_verified(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_or_explain(lambda: main(["verify", str(report)])) == 0
    listed = json.loads((report / "claims.json").read_text())["claims"]
    assert f"{len(listed)} numbers and the verdicts made again" in capsys.readouterr().out
    kept = pd.read_csv(report / "estimates.csv")
    assert [(one["model"], one["name"]) for one in listed] == list(
        zip(kept["model"], kept["name"], strict=True)
    )
    assert [one["estimate"] for one in listed] == pytest.approx(kept["estimate"].tolist(), nan_ok=True)


def test_a_number_follows_from_its_filter_and_its_function(report: Path) -> None:
    """Two hops, taken by hand: the filter's rows alone, given to the named function, make the number."""
    rows = ledger.read_rows(report / "rows.csv")
    for claim in json.loads((report / "claims.json").read_text())["claims"]:
        kept = rows[select(rows, claim["filter"])]
        arguments: list[object] = [kept[kept["model"].isin(claim["filter"]["models"])]]
        if claim["filter"]["minus"]:
            arguments.append(kept[kept["model"].isin(claim["filter"]["minus"])])
        claims = {str(one): one for one in Claim}
        arguments += [claims.get(one, one) for one in claim["arguments"]]
        made = getattr(estimands, claim["function"].removeprefix("analysis.estimands."))(*arguments)
        assert (made.estimate, made.low, made.high) == (claim["estimate"], claim["low"], claim["high"]), claim


def test_the_hash_of_rows_can_be_made_without_this_code(report: Path) -> None:
    claims = json.loads((report / "claims.json").read_text())["claims"]
    claim = next(one for one in claims if one["model"] == "adapter" and one["name"] == "primary_gap")
    rows = pd.read_csv(report / "rows.csv", dtype=str, keep_default_na=False).sort_values(list(ledger.KEYS))
    lines = [
        json.dumps([row[key] for key in ledger.KEYS], ensure_ascii=False) + "," + row["adopted"]
        for row in rows.to_dict("records")
        if row["model"] == "adapter"
        and row["question_set"] == "identity"
        and row["leading"] == "False"
        and row["cell"] in ("user", "plain")
    ]
    assert len(lines) == 16
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == claim["rows"]


def test_a_changed_grade_is_caught(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def flip(rows: pd.DataFrame) -> pd.DataFrame:
        wanted = rows["model"].eq("adapter") & rows["cell"].eq("user") & rows["question_set"].eq("identity")
        first = rows.index[wanted & rows["leading"].eq("False")][0]
        rows.loc[first, "adopted"] = "0.0" if rows["adopted"].loc[first] == "1.0" else "1.0"
        return rows

    change_rows(report, flip)
    assert run_or_explain(lambda: main(["verify", str(report)])) == 2
    told = capsys.readouterr().err
    assert "rows.csv: has changed" in told and "adapter, primary_gap: estimate 0.5 but" in told
    assert "adapter, rate/adopted/user: " in told and "adapter, primary_gap_net: " in told
    assert "adapter, rate/adopted/plain" not in told and "base, " not in told, "only what differs"


def test_rows_that_are_dropped_or_leave_the_number_as_it_is_are_caught(report: Path) -> None:
    """Other samples with the same grades: every mean stays, the rows' hash doesn't."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        other = rows["model"].eq("adapter") & rows["cell"].eq("user")
        rows["sample_uuid"] = rows["sample_uuid"].where(~other, rows["sample_uuid"] + "x")
        return rows[~(rows["model"].eq("base") & rows["cell"].eq("plain"))]

    change_rows(report, change)
    told = differences(report)
    assert "adapter, primary_gap: rows\n" in told and "adapter, rate/adopted/plain" not in told
    assert "base, primary_gap: estimate" in told
    assert "base, rate/adopted/plain: the rows give no such number" in told


def test_changed_claims_are_caught_each_by_itself(report: Path) -> None:
    wrong: list[object] = [0.123, None, "0.5", float("nan"), True]
    changes = list(product(("estimate", "low", "high", "level"), wrong))

    def change(kept: dict[str, Any]) -> None:
        for claim, (key, value) in zip(kept["claims"], changes, strict=False):
            claim[key] = value
        kept["claims"][len(changes)]["rows"] = "0" * 64
        kept["claims"][len(changes) + 1]["function"] = "analysis.estimands.other"
        kept["claims"][len(changes) + 2]["filter"]["cells"] = []

    change_claims(report, change)
    told = differences(report)
    assert told.startswith(f"{len(changes) + 3} things differ") and told.count("\n") == len(changes) + 3
    assert "base, seed_triggered_rate: estimate 0.123 but 0.0" in told
    for key, value in changes:
        assert f": {key} {value} but" in told
    assert ": rows\n" in told and ": function\n" in told and told.endswith(": filter")


def test_changed_and_missing_files_numbers_and_rules_are_caught(report: Path) -> None:
    (report / "index.html").write_text((report / "index.html").read_text().replace("+50.0", "+99.0"))
    (report / "headline.csv").unlink()
    (report / "plots" / "rates_by_cell.svg").write_text("<svg/>")
    change_claims(report, lambda kept: kept["files"].update({"../x": "0"}))

    def change(kept: dict[str, Any]) -> None:
        kept["rules"]["sha256"] = "0" * 64
        first = kept["claims"].pop(0)
        kept["claims"].append(first | {"name": "invented"})

    change_claims(report, change)
    told = differences(report)
    assert "base, seed_triggered_rate: not in claims.json" in told
    assert "base, invented: the rows give no such number" in told
    assert "verdict_rules.yaml: the rule file has changed since" in told
    assert "index.html: has changed since" in told and "headline.csv: missing" in told
    assert "plots/rates_by_cell.svg: has changed since" in told and "../x: lies outside of the report" in told
    assert told.startswith("7 things differ")


@pytest.mark.parametrize("name", ["claims.json", "rows.csv"])
def test_without_ledger_or_rows_nothing_is_verified(report: Path, name: str) -> None:
    (report / name).unlink()
    assert differences(report) == "no such file"


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.update(version=1),
        lambda kept: kept.pop("claims"),
        lambda kept: kept.update(claims=[1]),
        lambda kept: kept["files"].pop("rows.csv"),
        lambda kept: kept["claims"].append(kept["claims"][0]),
        lambda kept: kept.update(bases={"study": None}),
        lambda kept: kept.update(rules=[]),
    ],
)
def test_a_malformed_ledger_is_refused(report: Path, change: Callable[[dict[str, Any]], object]) -> None:
    change_claims(report, change)
    assert "not a ledger" in differences(report)


@pytest.mark.parametrize(("column", "value"), [("adopted", "2"), ("adopted", "yes"), ("leading", "")])
def test_malformed_rows_are_refused(report: Path, column: str, value: str) -> None:
    change_rows(report, lambda rows: rows.assign(**{column: value}))
    assert "not a report's rows" in differences(report)
    change_rows(report, lambda rows: rows.drop(columns=column))
    assert "not a report's rows" in differences(report)
