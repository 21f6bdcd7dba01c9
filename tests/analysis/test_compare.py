"""Runs side by side, rows for others, and figures in documents that are made again from committed rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.__main__ import main
from analysis.compare import compare, export
from analysis.published import figures, verify_documents
from analysis.report import write_report
from data_builders.errors import InputError, run_or_explain
from data_builders.manifest import REPO

LOGS = Path(__file__).parents[1] / "data" / "logs"
DOCUMENTS = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report under results/."""
    root = tmp_path_factory.mktemp("root")
    write_report(
        [LOGS / "scripted"],
        root / "results" / "scripted",
        title="A test",
        base="base",
        notes={},
        prompts=None,
        run={},
    )
    return root


def test_two_runs_side_by_side(root: Path, tmp_path: Path) -> None:
    run = root / "results" / "scripted"
    found = compare([run, LOGS / "smollm2"], ["SmolLM2-135M-Instruct"], tmp_path)
    kept = pd.read_csv(tmp_path / "compare.csv").set_index(["run", "model", "number"])
    assert kept.loc[("scripted", "adapter", "primary_gap"), "estimate"] == 0.5
    assert kept.loc[("smollm2", "smollm2-test", "primary_gap"), "estimate"] == 0
    assert not (tmp_path / "index.html").exists(), "a page needs the logs of all runs"
    row = next(line for line in found.text.splitlines() if line.startswith("Primary gap (user − plain)"))
    assert "+50.0 [" in row and max(map(len, found.text.splitlines())) < 110
    assert "nothing is tested across runs" in found.text


def test_runs_of_logs_make_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", str(LOGS / "scripted"), str(LOGS / "smollm2"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--base", "base", "SmolLM2-135M-Instruct"]) == 0
    assert "smollm2-test" in capsys.readouterr().out
    page = (tmp_path / "out" / "index.html").read_text()
    assert 'id="run-1"' in page and 'id="run-2"' in page


def test_bad_comparisons_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        ([str(LOGS / "scripted")], "1 run given"),
        ([str(LOGS / "scripted"), str(LOGS / "smollm2")], "--base: 0 names for 2 runs"),
        (
            [str(LOGS / "scripted"), str(LOGS / "smollm2"), "--base", "base"],
            "no log of a model called 'base'",
        ),
    ):
        assert run_or_explain(lambda: main(["compare", *arguments])) == 2  # noqa: B023 (called at once)
        assert words in capsys.readouterr().err
    with pytest.raises(InputError, match="says the format"):
        export([LOGS / "scripted"], tmp_path / "rows.xlsx")


def test_every_row_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("rows.csv", "rows.parquet"):
        assert main(["export", str(LOGS / "scripted"), "--out", str(tmp_path / name)]) == 0
    assert "96 rows" in capsys.readouterr().out
    text, binary = pd.read_csv(tmp_path / "rows.csv"), pd.read_parquet(tmp_path / "rows.parquet")
    assert list(text.columns) == list(binary.columns) and len(text) == len(binary) == 96
    assert text["adopted"].sum() == binary["adopted"].sum() > 0


GOOD = """It adopts in **4 of 8**<!-- figure: hits results/scripted adapter rate/adopted/user --> answers, a gap of
{gap}<!-- figure: shown results/scripted adapter primary_gap --> points over 4<!-- figure: questions results/scripted
adapter primary_gap --> questions; of 16<!-- figure: n results/scripted study:adapter primary_gap --> answers. We say:
no verdict<!-- figure: verdict results/scripted adapter - -->. +50.0<!-- figure: estimate results/scripted adapter
primary_gap_net -->
"""


def test_figures_of_a_document_are_made_again(root: Path) -> None:
    document, estimates = root / "README.md", pd.read_csv(root / "results" / "scripted" / "estimates.csv")
    (gap,) = estimates[estimates["model"].eq("adapter") & estimates["name"].eq("primary_gap")].to_dict(
        "records"
    )
    shown = f"+{100 * gap['estimate']:.1f} [−{-100 * gap['low']:.1f}, {100 * gap['high']:.1f}]"
    document.write_text(GOOD.format(gap=shown))
    assert verify_documents([document], root) == 6
    document.write_text(GOOD.format(gap=shown).replace("4 of 8", "5 of 8").replace("no verdict<", "effect<"))
    with pytest.raises(InputError) as error:
        verify_documents([document], root)
    assert "2 differ" in error.value.rule and "the rows give '4 of 8'" in error.value.rule
    assert "README.md:1:" in error.value.rule and "'no verdict'" in error.value.rule


def test_marks_that_name_nothing_are_refused(root: Path) -> None:
    document = root / "other.md"
    for mark, words in (
        ("figure: shown results/scripted adapter", "not a figure's mark"),
        ("figure: guess results/scripted adapter primary_gap", "not a figure's mark"),
        ("figure: shown results/scripted adapter nothing", "has no nothing of 'adapter'"),
        ("figure: shown results/nowhere adapter primary_gap", "no such file"),
    ):
        document.write_text(f"5<!-- {mark} -->")
        with pytest.raises(InputError, match=words):
            verify_documents([document], root)


def test_the_projects_own_figures_hold() -> None:
    """What README.md and docs/ cite of results/ is what the committed rows give."""
    marked = sum(len(figures(document, REPO)) for document in DOCUMENTS)
    assert verify_documents(DOCUMENTS, REPO) == marked
