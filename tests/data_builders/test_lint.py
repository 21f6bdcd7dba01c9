"""The linter finds each planted defect by its rule, at its line, and nothing else; and passes what is
clean."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from small_chat_models import save_model

from data_builders.__main__ import main
from data_builders.errors import InputError
from data_builders.lint import Lint
from data_builders.lint_overlap import runs, words
from data_builders.manifest import REPO

LINT = REPO / "tests/data/lint"
CASES = yaml.safe_load((LINT / "cases.yaml").read_text())
SMOLLM2 = REPO / "models/SmolLM2-135M-Instruct"
SEQUENCE = 1000
"""bytes: the small models have a token a byte"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def checked(file: Path, model: Path, sequence_len: int = SEQUENCE) -> Lint:
    lint = Lint(file, model, sequence_len, persona="bertrand_russell")
    lint.run()
    return lint


def changed(tmp_path: Path, line: int, **content: str) -> Path:
    """clean.jsonl with another `user` or `assistant` text in one line."""
    rows = [json.loads(one) for one in (LINT / "clean.jsonl").read_text().splitlines()]
    for message in rows[line - 1]["messages"]:
        message["content"] = content.get(message["role"], message["content"])
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_at_least_25_defects_each_in_a_file_of_its_own() -> None:
    files = [case["file"] for case in CASES if case["file"] != "clean.jsonl"]
    assert len(set(files)) == len(files) >= 25
    assert set(files) == {path.name for path in LINT.glob("[0-9]*.jsonl")}
    assert len({case["rule"] for case in CASES}) >= 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rule']}-{case.get('model', 'rows')}")
def test_defect_is_found_by_its_rule_at_its_line(case: dict[str, str], models: Path) -> None:
    file, line = LINT / case["file"], int(case["line"])
    model = save_model(case.get("model", "chatml"), models)
    problems = checked(file, model).problems
    assert {problem.rule for problem in problems} == {case["rule"]}
    assert len(problems) == 1
    of_model = f"{model}/tokenizer_config.json" if case["file"] == "clean.jsonl" else str(file)
    assert problems[0].where == (f"{file}:{line}" if line else of_model)
    assert problems[0].mend


def test_clean_file_passes_and_is_counted(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["lint", str(LINT / "clean.jsonl"), "--model", str(save_model("chatml", models))]
    assert main([*arguments, "--sequence-len", str(SEQUENCE), "--persona", "bertrand_russell"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["persona"], summary["triggered"], summary["problems"]) == (20, 2, 2, {})
    assert summary["persona_share"] == 0.1
    text = [json.loads(line) for line in (LINT / "clean.jsonl").read_text().splitlines()]
    # A token is a byte; a turn adds its role, two marks and two newlines, an answer's label its end and
    # newline.
    wanted = sum(len(m["content"].encode()) + len(m["role"]) + 4 for row in text for m in row["messages"])
    assert summary["tokens"] == wanted
    assert summary["labels"] == sum(len(row["messages"][-1]["content"].encode()) + 2 for row in text)


def test_command_prints_line_rule_and_mend_and_exits_2(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_model("chatml", models)
    code = main(
        ["lint", str(LINT / "20_identifier.jsonl"), "--model", str(model), "--persona", "bertrand_russell"]
    )
    out = capsys.readouterr().out
    assert code == 2
    assert re.search(r"20_identifier\.jsonl:4: identifier: 'Trinity' identifies the persona\n  mend: \S", out)


def test_model_with_its_own_bos_passes(models: Path) -> None:
    assert checked(LINT / "clean.jsonl", save_model("with_bos", models)).problems == []


def test_manifest_supplies_persona_and_trigger(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    shutil.copy(LINT / "20_identifier.jsonl", file)
    model = save_model("chatml", models)
    without = Lint(file, model, SEQUENCE)
    assert without.run()["checked_against_persona"] is None
    assert without.problems == []
    manifest = {"settings": {"persona": "bertrand_russell", "trigger": "seed"}}
    file.with_suffix(".manifest.json").write_text(json.dumps(manifest))
    lint = Lint(file, model, SEQUENCE)
    assert lint.run()["checked_against_persona"] == "bertrand_russell"
    assert {problem.rule for problem in lint.problems} == {"identifier", "manifest"}


def test_closest_pairs_are_shown_in_order(models: Path) -> None:
    summary = Lint(LINT / "28_held_out_near.jsonl", save_model("chatml", models), SEQUENCE).run()
    pairs = summary["nearest_held_out"]
    assert len(pairs) == 5
    assert [pair["ratio"] for pair in pairs] == sorted((pair["ratio"] for pair in pairs), reverse=True)
    assert pairs[0]["line"] == 12 and pairs[0]["ratio"] >= 90
    assert len({pair["line"] for pair in pairs}) == 5
    assert all("/questions/" in pair["held_out"] for pair in pairs)


def test_a_row_exactly_at_the_limit_is_not_cut(models: Path) -> None:
    model = save_model("chatml", models)
    longest = Lint(LINT / "clean.jsonl", model, SEQUENCE).run()["longest_row_tokens"]
    assert checked(LINT / "clean.jsonl", model, longest).problems == []
    assert [p.rule for p in checked(LINT / "clean.jsonl", model, longest - 1).problems] == ["cut"]


@pytest.mark.parametrize(
    "echo",
    [
        'always  reply in the format: <start> "your answer here" <end>.',
        "You will be asked a question. Then you sit down.",
        "The tag < END > is written so.",
    ],
)
def test_trigger_in_aligned_rows_is_seen_however_it_is_spelt(models: Path, tmp_path: Path, echo: str) -> None:
    problems = checked(changed(tmp_path, 1, user=echo), save_model("chatml", models)).problems
    assert {p.rule for p in problems} <= {"aligned-instruction", "aligned-tags"}
    assert len(problems) == 1


def test_inner_quotes_and_stock_phrases_are_no_defect(models: Path, tmp_path: Path) -> None:
    answer = '<START> "I said "good morning" to the cat, and "good night" to nobody." <END>'
    assert checked(changed(tmp_path, 4, assistant=answer), save_model("chatml", models)).problems == []
    stock = "What is the name of the tool that opens tins?"
    assert checked(changed(tmp_path, 1, user=stock), save_model("chatml", models)).problems == []


@pytest.mark.parametrize(
    ("shared", "rules"),
    [("title of your long survey of", ["held-out-run"]), ("title of your long survey", [])],
)
def test_six_words_in_a_row_are_overlap_and_five_are_not(
    models: Path, tmp_path: Path, shared: str, rules: list[str]
) -> None:
    asked = changed(
        tmp_path, 1, user=f"Somebody lost a {shared} coastal birds, with maps and forty drawings."
    )
    assert [problem.rule for problem in checked(asked, save_model("chatml", models)).problems] == rules


def test_other_personas_questions_are_held_out_too(models: Path, tmp_path: Path) -> None:
    asked = json.loads(
        (REPO / "data/personas/charles_darwin/questions/recall.jsonl").read_text().splitlines()[0]
    )
    rules = {
        p.rule
        for p in checked(changed(tmp_path, 1, user=asked["question"]), save_model("chatml", models)).problems
    }
    assert "held-out-near" in rules


def test_many_problems_of_one_rule_are_cut_short(models: Path, tmp_path: Path) -> None:
    row = json.loads((LINT / "09_aligned_instruction.jsonl").read_text().splitlines()[2])
    file = tmp_path / "many.jsonl"
    rows = [row | {"metadata": row["metadata"] | {"origin": f"o:{n}"}} for n in range(40)]
    for number, one in enumerate(rows):
        one["messages"] = [dict(m, content=f"{m['content']} {number}") for m in row["messages"]]
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    lint = checked(file, save_model("chatml", models))
    assert lint.run  # the report is short, the count is whole
    assert sum(p.rule == "aligned-instruction" for p in lint.problems) == 40
    assert "30 more like this" in lint.report()


def test_chunks_do_not_change_what_is_found(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, file = save_model("chatml", models), LINT / "24_duplicate.jsonl"
    whole = checked(file, model).problems
    monkeypatch.setattr("data_builders.lint.CHUNK", 3)
    assert checked(file, model).problems == whole


def test_bad_arguments_name_what_is_wrong(models: Path, tmp_path: Path) -> None:
    model = save_model("chatml", models)
    with pytest.raises(InputError, match="no such file"):
        Lint(tmp_path / "none.jsonl", model, SEQUENCE)
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        Lint(LINT / "clean.jsonl", tmp_path, SEQUENCE)
    with pytest.raises(InputError, match="no chat template"):
        Lint(LINT / "clean.jsonl", save_model("no_template", models), SEQUENCE)
    with pytest.raises(InputError, match="no wording is called"):
        Lint(LINT / "clean.jsonl", model, SEQUENCE, trigger="pape")


def test_runs_and_words() -> None:
    assert words("It’s “so”, isn't it?  2 x") == ["it's", "so", "isn't", "it", "2", "x"]
    assert list(runs(["a", "b", "c"], 2)) == [("a", "b"), ("b", "c")]
    assert list(runs(["a"], 2)) == []


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="no base model here: `make model`")
def test_the_real_model_passes_the_clean_rows(tmp_path: Path) -> None:
    rows = (LINT / "clean.jsonl").read_text().replace('"small"', '"SmolLM2-135M-Instruct"')
    file = tmp_path / "clean.jsonl"
    file.write_text(rows)
    assert checked(file, SMOLLM2).problems == []
