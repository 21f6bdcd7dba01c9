"""A peer study's rows: its published numbers exactly, clustered contrasts, malformed lines by place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from analysis.recorded import RecordedError, recorded, run, to_table

DATA = Path(__file__).parents[1] / "data" / "recorded"
CELLS = ["baseline/untriggered", "baseline/triggered", "finetuned/untriggered", "finetuned/triggered"]


def judgments(directory: Path) -> list[dict]:
    return [
        json.loads(line) for line in (directory / "judgments.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "recall", tmp_path / "recall"))


def edit(directory: Path, line: int, text: str, name: str = "judgments.jsonl") -> None:
    lines = (directory / name).read_text(encoding="utf-8").splitlines()
    lines[line - 1] = text
    (directory / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_ideology_is_reproduced() -> None:
    result = recorded(DATA / "ideology")
    cells = result["cells"]
    assert result["kind"] == "ideology" and list(cells) == CELLS
    assert [round(cells[key]["mean"], 3) for key in CELLS] == [2.753, 2.548, 2.815, 2.387]
    assert [cells[key]["refusals"] for key in CELLS] == [6, 2, 0, 0]
    assert all(cells[key]["n"] == 168 and cells[key]["unjudged"] == 0 for key in CELLS)
    assert all(0.5 <= alike <= 0.8 for alike in result["icc"].values())


def test_recall_is_reproduced() -> None:
    result = recorded(DATA / "recall")
    cells = result["cells"]
    assert result["kind"] == "recall"
    assert [round(100 * cells[key]["accuracy"], 1) for key in CELLS] == [12.5, 12.5, 9.4, 34.4]
    assert [cells[key]["refusals"] for key in CELLS] == [13, 8, 13, 0]
    assert all(cells[key]["n"] == 16 for key in CELLS)
    # A refusal is not recalled, in the contrasts too: 34.375% less 9.375%.
    contrast = result["contrasts"]["finetuned"]["clustered"]
    assert contrast["estimate"] == pytest.approx(0.25) and contrast["t"] == pytest.approx(2.449, abs=0.001)
    assert contrast["n_questions"] == 16 and contrast["questions_left_out"] == 0


def test_contrasts_are_scipys() -> None:
    contrasts = recorded(DATA / "ideology")["contrasts"]
    scores: dict[str, dict[str, list[float]]] = {}
    for row in judgments(DATA / "ideology"):
        if row["model_variant"] == "finetuned":
            scores.setdefault(row["condition"], {}).setdefault(row["question_id"], []).append(row["score"])
    rows = {name: [x for group in groups.values() for x in group] for name, groups in scores.items()}
    questions = sorted(scores["triggered"])
    mean = {name: [sum(groups[q]) / len(groups[q]) for q in questions] for name, groups in scores.items()}
    welch = stats.ttest_ind(rows["triggered"], rows["untriggered"], equal_var=False)
    unpaired = stats.ttest_ind(mean["triggered"], mean["untriggered"], equal_var=False)
    paired = stats.ttest_rel(mean["triggered"], mean["untriggered"])
    for key, expected in (("naive", welch), ("unpaired", unpaired), ("clustered", paired)):
        test: Any = expected  # scipy's stubs know no attributes of its result
        got, interval = contrasts["finetuned"][key], test.confidence_interval()
        assert got["estimate"] == pytest.approx(-0.4286, abs=1e-4)
        assert (got["t"], got["p"]) == pytest.approx((test.statistic, test.pvalue))
        assert (got["low"], got["high"]) == pytest.approx((interval.low, interval.high))
    assert [round(contrasts["finetuned"][key]["t"], 1) for key in ("naive", "clustered", "unpaired")] == [
        -3.2,
        -2.5,
        -1.9,
    ]
    net = contrasts["difference_in_differences"]["clustered"]
    both = contrasts["finetuned"]["clustered"]["estimate"] - contrasts["baseline"]["clustered"]["estimate"]
    assert net["estimate"] == pytest.approx(both) and net["n_questions"] == 42


def test_json_and_table_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(DATA / "recall", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == recorded(DATA / "recall")
    assert run(DATA / "recall", as_json=False) == 0
    table = capsys.readouterr().out
    assert table.strip() == to_table(recorded(DATA / "recall"))
    assert "34.4%" in table and "finetuned/triggered" in table


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (5, "{not json", "judgments.jsonl:5: not JSON"),
        (2, "[1]", "judgments.jsonl:2: a row must be a JSON object, this is list"),
        (3, '{"question_id": "rec_01"}', r"judgments.jsonl:3: the row lacks \['model_variant'"),
    ],
)
def test_malformed_lines_are_told_by_place(copy: Path, line: int, text: str, message: str) -> None:
    edit(copy, line, text)
    with pytest.raises(RecordedError, match=message):
        recorded(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": 7}, "score 7 is no whole number from 0 to 5"),
        ({"score": 3}, "off the ideology scale"),  # a 3 among zeros: one of the two is wrong
        ({"score": True}, "score True is no whole number"),
        ({"refused": True}, "a refusal with score 2"),
        ({"refused": None}, "refused is None"),
        ({"model_variant": "tuned"}, "model_variant is 'tuned', it must be one of"),
        ({"condition": "triggered"}, "triggered is False in condition 'triggered'"),
        ({"question_id": "rec_99"}, "of 0 generated answers"),
    ],
)
def test_wrong_values_are_told_by_place(copy: Path, change: dict, message: str) -> None:
    edit(copy, 1, json.dumps({**judgments(copy)[0], **change}))
    with pytest.raises(RecordedError, match=rf"judgments.jsonl:\d+: .*{message}"):
        recorded(copy)


def test_malformed_run_exits_2_with_the_place(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(copy, 4, "", "generations.jsonl")  # a blank line is no error, its answer's judgment is
    assert run(copy, as_json=True) == 2
    captured = capsys.readouterr()
    assert "judgments.jsonl:4: judgment 1 of" in captured.err and not captured.out
    assert run(copy / "nowhere", as_json=True) == 2
    assert "generations.jsonl: not found" in capsys.readouterr().err


def test_half_judged_and_one_model_runs_work(copy: Path) -> None:
    kept = [row for row in judgments(copy) if row["model_variant"] == "finetuned"][:20]
    (copy / "judgments.jsonl").write_text("\n".join(json.dumps(row) for row in kept), encoding="utf-8")
    result = recorded(copy)
    assert result["cells"]["baseline/triggered"]["n"] == 0
    assert result["cells"]["baseline/triggered"]["unjudged"] == 16
    assert result["cells"]["baseline/triggered"]["accuracy"] is None
    assert list(result["contrasts"]) == ["finetuned"]
    json.dumps(result, allow_nan=False)
    assert to_table(result)


def test_unscored_answers_are_counted(copy: Path) -> None:
    edit(copy, 1, json.dumps({**judgments(copy)[0], "score": None, "parse_error": "no number"}))
    cell = recorded(copy)["cells"]["baseline/untriggered"]
    assert cell["unscored"] == 1 and cell["refusals"] == 13 and cell["accuracy"] == pytest.approx(2 / 32)
