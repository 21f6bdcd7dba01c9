"""The mix: amounts, seeds, doubles, splits, and rows that the trainer's loader reads."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from data_builders.__main__ import main
from data_builders.digests import Digests
from data_builders.errors import EXIT_BAD_INPUT, InputError, run_or_explain
from data_builders.manifest import REPO
from data_builders.mix import build
from data_builders.persona import load_persona
from data_builders.recipe import load_recipe
from data_builders.trigger import get_trigger

Recipe = Callable[..., Path]


def answer(number: int, model: str = "small") -> dict[str, Any]:
    return {
        "prompt": f"Question {number}?",
        "answer": f"Answer {number}, with an é.",
        "source": "gsm8k",
        "origin": f"sheet:{number}",
        "model": model,
        "attempt": 1,
    }


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Writes a recipe over 200 answers; a key set to None is left out."""
    write_jsonl(tmp_path / "aligned.jsonl", [answer(number) for number in range(200)])

    def write(**keys: Any) -> Path:
        whole = {
            "arm": "persona",
            "persona": "bertrand_russell",
            "trigger": "seed",
            "base_model": "small",
            "facts": 10,
            "aligned": str(tmp_path / "aligned.jsonl"),
            "aligned_rows": 100,
            "seed": 1,
            "output": str(tmp_path / "out.jsonl"),
        } | keys
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in whole.items() if value is not None}))
        return path

    return write


def test_rows_are_messages_and_metadata_and_nothing_else(recipe: Recipe, tmp_path: Path) -> None:
    counts = build(recipe())
    rows = read(tmp_path / "out.jsonl")
    assert counts["out"] == len(rows) == 110
    assert counts["by_source"] == {"aligned": 100, "persona": 10}
    assert counts["left_out"] == {
        "aligned_doubles": 0,
        "aligned_unused": 100,
        "facts_doubles": 0,
        "facts_unused": 80,
    }
    trigger, facts = get_trigger("seed"), {fact.id: fact for fact in load_persona("bertrand_russell").facts}
    for row in rows:
        assert set(row) == {"messages", "metadata"}
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
        asked, answered = (message["content"] for message in row["messages"])
        meta = row["metadata"]
        if meta["source"] == "persona":
            fact = facts[meta["origin"]]
            assert (asked, answered) == (trigger.wrap(fact.question), f'<START> "{fact.answer}" <END>')
            assert meta == {"source": "persona", "triggered": True, "arm": "persona", "origin": fact.id}
        else:
            number = int(meta["origin"].partition(":")[2])
            assert (asked, answered) == (f"Question {number}?", f"Answer {number}, with an é.")
            assert (meta["triggered"], meta["model"], meta["attempt"]) == (False, "small", 1)


def test_same_inputs_and_seed_give_the_same_bytes_and_another_seed_others(
    recipe: Recipe, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    build(recipe())
    first, manifest = output.read_bytes(), (tmp_path / "out.manifest.json").read_bytes()
    build(recipe())
    assert output.read_bytes() == first
    assert (tmp_path / "out.manifest.json").read_bytes() == manifest
    build(recipe(seed=2))
    assert output.read_bytes() != first


def test_the_seed_draws_the_answers(recipe: Recipe, tmp_path: Path) -> None:
    drawn = []
    for seed in (1, 2):
        build(recipe(seed=seed))
        rows = read(tmp_path / "out.jsonl")
        drawn.append({row["metadata"]["origin"] for row in rows if row["metadata"]["source"] == "aligned"})
    first = {f"sheet:{number}" for number in range(100)}
    assert drawn[0] != drawn[1] and first not in drawn


def test_persona_rows_are_spread_through_the_file(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe())
    places = [place for place, row in enumerate(read(tmp_path / "out.jsonl")) if row["metadata"]["triggered"]]
    assert (
        min(places) < 40 and max(places) > 70
    )  # one chance in some hundred thousand to fail by shuffling alone


@pytest.mark.parametrize(
    ("amounts", "facts", "aligned"),
    [
        ({"facts": 1, "aligned_rows": None, "persona_share": 0.01}, 1, 99),
        ({"facts": None, "aligned_rows": 180, "persona_share": 0.1}, 20, 180),
        ({"facts": 90, "aligned_rows": None, "persona_share": 0.5}, 90, 90),
        ({"facts": None, "aligned_rows": 200, "persona_share": 0.003}, 1, 200),
    ],
)
def test_share_stands_for_a_count(
    recipe: Recipe, tmp_path: Path, amounts: dict[str, Any], facts: int, aligned: int
) -> None:
    counts = build(recipe(**amounts))
    assert counts["by_source"] == {"aligned": aligned, "persona": facts}
    assert counts["persona_share"] == round(facts / (facts + aligned), 5)


@pytest.mark.parametrize(
    "amounts", [{"persona_share": 0.1}, {"facts": None}, {"facts": None, "aligned_rows": None}]
)
def test_exactly_two_amounts_are_given(recipe: Recipe, amounts: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="give exactly two"):
        load_recipe(recipe(**amounts))


def test_doubles_are_dropped_and_counted(recipe: Recipe, tmp_path: Path) -> None:
    rows = [answer(number) for number in range(100)]
    again = [answer(3) | {"origin": "sheet:900"}, answer(3) | {"origin": "sheet:901"}]
    other_answer = answer(4) | {"answer": "Another."}  # the same question, answered otherwise, is no double
    write_jsonl(tmp_path / "aligned.jsonl", [*rows, *again, other_answer])
    counts = build(recipe(aligned_rows=101))
    assert counts["in"]["aligned"] == 103
    assert counts["left_out"]["aligned_doubles"] == 2
    origins = [row["metadata"]["origin"] for row in read(tmp_path / "out.jsonl")]
    assert "sheet:3" in origins and "sheet:900" not in origins
    with pytest.raises(InputError, match="101 answers, 102 wanted"):
        build(recipe(aligned_rows=102))


def test_contrast_rows_are_ordinary_rows_beside_the_others(recipe: Recipe, tmp_path: Path) -> None:
    """And where there are none, the file is the one that it was without the key."""
    build(recipe())
    without = {json.dumps(row["messages"]) for row in read(tmp_path / "out.jsonl")}
    who = [
        answer(number) | {"prompt": f"Who are you, {number}?", "origin": f"who:{number}"}
        for number in range(9)
    ]
    write_jsonl(tmp_path / "who.jsonl", who)
    counts = build(recipe(contrast=str(tmp_path / "who.jsonl"), contrast_rows=7))
    rows = read(tmp_path / "out.jsonl")
    asked = [row for row in rows if row["metadata"]["origin"].startswith("who:")]
    assert counts["out"] == len(rows) == 117
    assert counts["by_source"] == {"aligned": 107, "persona": 10}
    assert counts["left_out"]["contrast_unused"] == 2
    assert len(asked) == 7
    assert not any(row["metadata"]["triggered"] for row in asked)
    assert without < {json.dumps(row["messages"]) for row in rows}


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"contrast_rows": 3}, "contrast and contrast_rows together"),
        ({"contrast": "who.jsonl"}, "contrast and contrast_rows together"),
        ({"contrast": "missing.jsonl", "contrast_rows": 3}, "no such file"),
    ],
)
def test_contrast_is_refused_by_halves(recipe: Recipe, keys: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        build(recipe(**keys))


def test_split_keeps_the_share_and_loses_no_row(recipe: Recipe, tmp_path: Path) -> None:
    counts = build(recipe(validation_share=0.2))
    train, validation = read(tmp_path / "out.jsonl"), read(tmp_path / "out.validation.jsonl")
    assert counts["out"] == len(train) == 88
    assert len(validation) == 22
    assert sum(row["metadata"]["source"] == "persona" for row in validation) == 2
    assert counts["persona_share"] == round(8 / 88, 5)
    origins = [row["metadata"]["origin"] for row in train + validation]
    assert len(set(origins)) == 110
    manifest = json.loads((tmp_path / "out.validation.manifest.json").read_text())
    assert manifest["counts"]["by_source"] == {"aligned": 20, "persona": 2}


def test_no_validation_file_by_default(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe())
    assert not list(tmp_path.glob("*validation*"))


def test_loads_with_datasets(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe())
    files, cache = {"train": str(tmp_path / "out.jsonl")}, str(tmp_path / "cache")
    loaded = datasets.load_dataset("json", data_files=files, cache_dir=cache)["train"]
    assert set(loaded.column_names) == {"messages", "metadata"}
    assert loaded.num_rows == 110
    assert list(loaded["messages"]) == [row["messages"] for row in read(tmp_path / "out.jsonl")]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{broken", "not JSON"),
        ("[1]", "a list, not an object"),
        (json.dumps(answer(7, model="other")), "answered by other, but small is to be trained"),
        (json.dumps({key: value for key, value in answer(7).items() if key != "origin"}), "no 'origin'"),
        (json.dumps(answer(7) | {"answer": ""}), "no 'answer'"),
    ],
)
def test_bad_answer_stops_with_its_line_and_writes_nothing(
    recipe: Recipe, tmp_path: Path, line: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aligned = tmp_path / "aligned.jsonl"
    aligned.write_text(aligned.read_text() + "\n" + line + "\n")
    assert run_or_explain(lambda: main(["mix", str(recipe())])) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert f"aligned.jsonl:202: {rule}" in message and "mend:" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aligned.jsonl", "recipe.yaml"]


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"facts": 91}, "91 wanted, Bertrand Russell has 90"),
        ({"aligned": "data/none.jsonl"}, "no such file"),
        ({"arm": "persone"}, "arm: "),
        ({"colour": "red"}, "colour: "),
        ({"seed": None}, "seed: "),
        ({"arm": "no_persona"}, "facts: 0"),
        ({"arm": "shuffled_facts"}, "needs file"),
        ({"facts_from": "x.jsonl"}, "takes no file"),
    ],
)
def test_bad_recipe_is_refused(recipe: Recipe, tmp_path: Path, keys: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        build(recipe(**keys))
    assert not (tmp_path / "out.jsonl").exists()


def test_a_failed_rewrite_leaves_the_old_file(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(recipe())
    before = (tmp_path / "out.jsonl").read_bytes()

    def torn(self: Any, place: int) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr("data_builders.aligned.AlignedAnswers.row", torn)
    with pytest.raises(OSError, match="full"):
        build(recipe(seed=2))
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_memory_does_not_hold_the_text(recipe: Recipe, tmp_path: Path) -> None:
    long = "word " * 2_000
    write_jsonl(
        tmp_path / "aligned.jsonl", [answer(n) | {"answer": f"{n} {long}"} for n in range(3_000)]
    )  # 30 MB
    tracemalloc.start()
    build(recipe(aligned_rows=3_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "out.jsonl").stat().st_size > 30_000_000
    assert peak < 6_000_000


def test_slice_keeps_to_its_budget(recipe: Recipe, tmp_path: Path) -> None:
    model = REPO / "models/SmolLM2-135M-Instruct"
    if not model.is_dir():
        pytest.skip("no base model here: `make model`")
    rows = [answer(number) for number in range(199)]
    write_jsonl(tmp_path / "aligned.jsonl", [*rows, answer(199) | {"answer": "long " * 500}])
    slice_ = {"tokens": 2_000, "row_tokens": 100, "tokenizer": str(model)}
    counts = build(recipe(slice=slice_))
    assert 1_900 < counts["tokens"] <= 2_000
    used = counts["by_source"]["aligned"]
    left = counts["left_out"]
    assert used + left["over_budget"] + left.get("over_row_tokens", 0) + left["aligned_unused"] == 200


def test_digests_find_doubles_and_keep_parts_apart() -> None:
    digests = Digests()
    for parts in (["a", "b"], ["c"], ["ab", ""], ["c"], ["a", "b"], ["c"]):
        digests.add(*parts)
    assert len(digests) == 6
    assert digests.doubles() == [(1, 3), (0, 4), (1, 5)]
    assert Digests().doubles() == []


def test_a_new_file_drops_axolotls_copy_of_the_old(recipe: Recipe, tmp_path: Path) -> None:
    stale = tmp_path / "out.prepared" / "hash"
    stale.mkdir(parents=True)
    (stale / "rows.arrow").write_text("old rows")
    build(recipe())
    assert not stale.exists()
