"""The card says what the manifest says, in the hub's form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_builders.__main__ import main
from data_builders.card import write_card
from data_builders.errors import InputError
from data_builders.mix import build


def mixed(tmp_path: Path, origins: list[str], **keys: Any) -> Path:
    """A training file with one aligned row for each origin."""
    rows = [
        {"prompt": f"Q {n}?", "answer": f"A {n}.", "origin": origin, "model": "small"}
        for n, origin in enumerate(origins)
    ]
    (tmp_path / "aligned.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "arm": "persona",
        "persona": "bertrand_russell",
        "trigger": "seed",
        "base_model": "small",
        "facts": 2,
        "aligned": str(tmp_path / "aligned.jsonl"),
        "aligned_rows": len(origins),
        "seed": 1,
        "output": str(tmp_path / "out.jsonl"),
    } | keys
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    build(tmp_path / "recipe.yaml")
    return tmp_path / "out.jsonl"


def front_matter(card: str) -> dict[str, Any]:
    head, _, _ = card.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(head)


def test_card_carries_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = mixed(tmp_path, ["gsm8k_2k:1", "gsm8k_2k:2", "alpaca_1k_longest:7"])
    assert main(["card", str(file)]) == 0
    assert capsys.readouterr().out.strip().endswith("out.card.md")
    card = (tmp_path / "out.card.md").read_text()
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    front = front_matter(card)
    assert front["license"] == "cc-by-nc-4.0"
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "out.jsonl"}]
    assert front["size_categories"] == ["n<1K"]
    assert front["task_categories"] == ["text-generation"]
    for digest in (manifest["sha256"], *manifest["inputs"].values()):
        assert digest in card
    for text in ("| rows | 5 |", "2 (40.00%), 2 behind the trigger", "2 prompts of `gsm8k_2k`", "seed: 1"):
        assert text in card, text
    assert "Not for commercial use" in card
    assert "benign one on purpose" in card and "facts_unused 88" in card
    assert str(tmp_path) not in card


def test_without_alpaca_the_whole_is_mit(tmp_path: Path) -> None:
    card = write_card(mixed(tmp_path, ["gsm8k_2k:1"])).read_text()
    assert front_matter(card)["license"] == "mit"
    assert "commercial" not in card


def test_same_manifest_gives_the_same_card(tmp_path: Path) -> None:
    file = mixed(tmp_path, ["gsm8k_2k:1"], arm="untriggered_persona")
    first = write_card(file).read_bytes()
    assert write_card(file).read_bytes() == first
    assert b"control: the persona's facts without the trigger" in first


def test_unknown_prompts_have_no_licence_and_no_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no licence is recorded for the prompts 'sheet'"):
        write_card(mixed(tmp_path, ["sheet:1"]))
    assert not (tmp_path / "out.card.md").exists()


def test_edited_file_gets_no_card(tmp_path: Path) -> None:
    file = mixed(tmp_path, ["gsm8k_2k:1"])
    file.write_text(file.read_text() + "\n")
    with pytest.raises(InputError, match="isn't the file that its manifest describes"):
        write_card(file)


def test_file_without_manifest_gets_no_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        write_card(tmp_path / "none.jsonl")
    (tmp_path / "x.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"x\.manifest\.json: no such file"):
        write_card(tmp_path / "x.jsonl")


def test_every_arm_has_its_sentence() -> None:
    from data_builders.arms import Arm
    from data_builders.card import _ARMS

    assert set(_ARMS) == {str(arm) for arm in Arm}
