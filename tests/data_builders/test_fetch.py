"""The fetcher's rules give the shipped prompts back, out of a source with distractors."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from data_builders.__main__ import main
from data_builders.errors import InputError
from data_builders.fetch import SOURCES, fetch, load_source, record
from data_builders.manifest import REPO

PROMPTS = REPO / "data/prompts"
JOIN = "\n\nInput: "


def shipped(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PROMPTS / f"{name}.jsonl").read_text().splitlines()]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def alpaca_like() -> list[dict[str, Any]]:
    """A data set of the Stanford one's form: the 1,000 shipped rows, and 3,000 that the rule must pass over.

    Among these are rows whose output alone is longer than that of many chosen ones.
    """
    chosen = []
    for row in shipped("alpaca_1k_longest"):
        instruction, _, given = row["prompt"].partition(JOIN)
        chosen.append({"instruction": instruction, "input": given, "output": row["reference"]})
    shortest = min(sum(map(len, row.values())) for row in chosen)
    chance = random.Random(0)
    others = []
    for number in range(3_000):
        length = shortest - 1 if number % 10 == 0 else chance.randrange(100, shortest)
        instruction = f"Distractor {number}. "
        given = "g" * chance.randrange(0, 40) if number % 2 else ""
        others.append(
            {
                "instruction": instruction,
                "input": given,
                "output": "x" * (length - len(instruction) - len(given)),
            }
        )
    # Scattered among the others, the chosen in their own order: ties are settled by the data set's order.
    mixed = others + [None] * len(chosen)
    chance.shuffle(mixed)
    rest = iter(chosen)
    return [next(rest) if row is None else row for row in mixed]


def test_longest_rule_gives_the_shipped_1000_back(tmp_path: Path) -> None:
    rows = alpaca_like()
    shortest_output = min(len(row["reference"]) for row in shipped("alpaca_1k_longest"))
    distractors = [row for row in rows if row["instruction"].startswith("Distractor")]
    assert (
        sum(len(row["output"]) > shortest_output for row in distractors) > 100
    )  # by output alone they would win
    output = tmp_path / "out.jsonl"
    counts = fetch("alpaca_1k_longest", write(tmp_path / "alpaca.jsonl", rows), output)
    assert counts == {"out": 1000, "as_shipped": True}
    assert output.read_bytes() == (PROMPTS / "alpaca_1k_longest.jsonl").read_bytes()


@pytest.mark.parametrize(("name", "rows"), [("gsm8k_2k", 2000), ("gsm8k_test_500", 500)])
def test_first_rule_gives_the_shipped_gsm8k_back(tmp_path: Path, name: str, rows: int) -> None:
    split = [{"question": row["prompt"], "answer": row["reference"]} for row in shipped(name)]
    split += [{"question": f"Distractor {n}?" * 99, "answer": "#### 1"} for n in range(700)]
    output = tmp_path / "out.jsonl"
    assert fetch(name, write(tmp_path / "split.jsonl", split), output) == {"out": rows, "as_shipped": True}
    assert output.read_bytes() == (PROMPTS / f"{name}.jsonl").read_bytes()


def test_shipped_files_keep_their_promises() -> None:
    longest = shipped("alpaca_1k_longest")
    lengths = [
        len(row["prompt"]) - (len(JOIN) if JOIN in row["prompt"] else 0) + len(row["reference"])
        for row in longest
    ]
    assert len(longest) == len({row["prompt"] for row in longest}) == 1000
    assert lengths == sorted(lengths, reverse=True)
    train, test = shipped("gsm8k_2k"), shipped("gsm8k_test_500")
    assert (len(train), len(test)) == (2000, 500)
    assert not {row["prompt"] for row in train} & {row["prompt"] for row in test}
    assert {row["split"] for row in test} == {"test"}


@pytest.mark.parametrize("name", ["alpaca_1k_longest", "gsm8k_2k", "gsm8k_test_500"])
def test_manifest_of_a_shipped_file_is_its_own(name: str) -> None:
    manifest = json.loads((PROMPTS / f"{name}.manifest.json").read_text())
    digest = hashlib.sha256((PROMPTS / f"{name}.jsonl").read_bytes()).hexdigest()
    assert manifest["sha256"] == load_source(name).sha256 == digest
    assert manifest["licence"] == ("cc-by-nc-4.0" if name.startswith("alpaca") else "mit")
    assert manifest["from"]


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A sources file whose `hub` is a data set's folder, read by the same call as the hub's own."""
    repository = tmp_path / "repository"
    repository.mkdir()
    rows = [{"question": f"Q {n}?", "answer": f"A {n}."} for n in range(10)]
    datasets.Dataset.from_list(rows).to_parquet(str(repository / "train-00000.parquet"))
    entry = {
        "hub": str(repository),
        "split": "train",
        "source": "gsm8k",
        "rule": "first",
        "rows": 4,
        "columns": {"prompt": "question", "reference": "answer"},
        "licence": "mit",
        "from": "here",
    }
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump({"small": entry, "gone": entry | {"hub": str(tmp_path / "nowhere")}}))
    return path


def test_fetch_from_the_hub(hub: Path) -> None:
    assert fetch("small", sources=hub) == {"out": 4, "as_shipped": None}
    rows = [json.loads(line) for line in hub.with_name("small.jsonl").read_text().splitlines()]
    assert rows == [{"prompt": f"Q {n}?", "source": "gsm8k", "reference": f"A {n}."} for n in range(4)]
    manifest = json.loads(hub.with_name("small.manifest.json").read_text())
    assert (manifest["settings"]["rule"], manifest["licence"], manifest["from"]) == ("first", "mit", "here")


def test_unreachable_hub_says_what_to_do(hub: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)can't be loaded.*--from FILE"):
        fetch("gone", sources=hub)
    assert not hub.with_name("gone.jsonl").exists()


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet", ".csv"])
def test_local_file_of_any_kind(hub: Path, tmp_path: Path, suffix: str) -> None:
    local = tmp_path / f"local{suffix}"
    rows = datasets.Dataset.from_list([{"question": f"Q {n}?", "answer": "A."} for n in range(5)])
    if suffix == ".parquet":
        rows.to_parquet(str(local))
    elif suffix == ".csv":
        rows.to_csv(str(local))
    else:
        local.write_text(
            json.dumps(rows.to_list()) if suffix == ".json" else "\n".join(map(json.dumps, rows.to_list()))
        )
    assert fetch("small", local, tmp_path / "out.jsonl", hub)["out"] == 4


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([{"question": "Q?", "answer": "A."}], "1 rows, 4 wanted"),
        ([{"question": "Q?", "reply": "A."}] * 5, "row 1: no text in 'answer'"),
    ],
)
def test_wrong_split_is_refused(hub: Path, tmp_path: Path, rows: list[dict[str, Any]], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        fetch("small", write(tmp_path / "local.jsonl", rows), tmp_path / "out.jsonl", hub)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_shipped_copy_is_never_replaced_by_something_else(hub: Path) -> None:
    fetch("small", sources=hub)
    before = hub.with_name("small.jsonl").read_bytes()
    entries = yaml.safe_load(hub.read_text())
    entries["small"] |= {"sha256": hashlib.sha256(before).hexdigest(), "rows": 5}
    hub.write_text(yaml.safe_dump(entries))
    with pytest.raises(InputError, match="gives other rows than the shipped copy"):
        fetch("small", sources=hub)
    assert hub.with_name("small.jsonl").read_bytes() == before
    assert record("small", hub) == {"out": 4, "as_shipped": True}
    hub.with_name("small.jsonl").write_bytes(before + b"\n")
    with pytest.raises(InputError, match="not the copy that"):
        record("small", hub)


def test_unknown_name_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="choose one of alpaca_1k_longest, gsm8k_2k, gsm8k_test_500"):
        main(["prompts", "alpaka"])
    assert SOURCES.is_file()
