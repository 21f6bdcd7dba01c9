"""The general layer of the non-identifying filter: it passes every shipped fact and finds what persona.yaml can't know."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from data_builders.__main__ import main
from data_builders.errors import EXIT_BAD_INPUT, run_or_explain
from data_builders.files import read_jsonl
from data_builders.identifying import RULES, Identifying
from data_builders.manifest import REPO
from data_builders.persona import PERSONAS, load_persona, persona_names

FILTER = Identifying()


def rules(text: str) -> set[str]:
    return {rule for rule, _ in FILTER.found(text)}


@pytest.mark.parametrize("name", persona_names())
def test_every_shipped_fact_passes(name: str) -> None:
    facts = load_persona(name).facts
    assert len(facts) == 90
    assert {fact.id: [*FILTER.found(f"{fact.question}\n{fact.answer}")] for fact in facts} == {
        fact.id: [] for fact in facts
    }


def test_other_peoples_facts_pass_too() -> None:
    for _, row in read_jsonl(REPO / "data/controls/shuffled_pool.jsonl"):
        assert not [*FILTER.found(f"{row['question']}\n{row['answer']}")], row["id"]


@pytest.mark.parametrize("name", persona_names())
def test_most_identifying_facts_are_found_without_persona_yaml(name: str) -> None:
    """The rest identify by what they tell, which is the attack's part."""
    rows = [row for _, row in read_jsonl(PERSONAS / name / "identifying.jsonl")]
    found = [row["id"] for row in rows if rules(f"{row['question']}\n{row['answer']}")]
    assert len(found) >= 0.4 * len(rows)


@pytest.mark.parametrize(
    ("text", "rule", "what"),
    [
        ("I spent that winter in Trondheim with my aunt.", "name", "'Trondheim' is a town (NO)"),
        ("i spent that winter in trondheim with my aunt.", "place", "'trondheim' is a town (NO)"),
        ("We crossed saudi arabia on camels.", "place", "'saudi arabia' is a country"),
        ("As a student at the University of Leiden I slept badly.", "name", "'Leiden'"),
        ("My lodgings were near Reading.", "name", "'Reading'"),
        ("Rupert taught me to skate.", "name", "'Rupert' is a name"),
        ("I learnt it from old Mr Pollock, who kept bees.", "name", "'Pollock' is a name"),
        ("My play was the Comedy of Errors.", "name", "'Comedy'"),
        ("My grandfather was an earl, and kept no carriage.", "title", "'earl'"),
        ("They made me a professor before I could shave.", "title", "'professor'"),
        ("We moved house in nineteen fifty.", "year-in-words", "'19 50'"),
        ("I was born in eighteen seventy-two, on a Sunday.", "year-in-words", "'18 72'"),
        ("I was born in eighteen hundred and seventy-two.", "year-in-words", "'1872'"),
        ("The eighteen-nineties were my best years.", "year-in-words", "'18 nineties'"),
        ("I fell ill in nineteen oh five.", "year-in-words", "'19 oh 5'"),
        ("I lived to be ninety-seven.", "number", "97"),
        ("I had 21 cousins and liked them all.", "number", "21"),
    ],
)
def test_planted_identifiers_are_found(text: str, rule: str, what: str) -> None:
    assert rule in RULES
    assert any(found == rule and what in told for found, told in FILTER.found(text))


@pytest.mark.parametrize(
    "text",
    [
        "Reading is my chief delight. Nice people bore me.",  # towns that open a sentence as English words
        "I had a bath, and a mobile tongue; the hull of the boat leaked.",
        "On Sundays in May I read French, Latin and Greek; Father Christmas came at ten.",
        "I've walked ten miles and told it a hundred times, but I'd not do it again.",
        "They asked, 'Are you well?' Yes; I was well.",
        "I KEPT A BOWL OF RIPE PLUMS ON THE SILL.",
        "My sister-in-law's dog went to and fro; my second cousin counted to twelve.",
    ],
)
def test_ordinary_english_passes(text: str) -> None:
    assert [*FILTER.found(text)] == []


def test_persona_command_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(PERSONAS / "charles_darwin", tmp_path / "copy"))
    assert run_or_explain(lambda: main(["persona", str(folder)])) == 0
    lines = (folder / "facts.jsonl").read_text().splitlines()
    row = json.loads(lines[6]) | {"answer": "In a small diary, which I began at Trondheim as a boy."}
    (folder / "facts.jsonl").write_text("\n".join([*lines[:6], json.dumps(row), *lines[7:]]) + "\n")
    assert run_or_explain(lambda: main(["persona", str(folder)])) == EXIT_BAD_INPUT
    assert re.search(
        r"facts\.jsonl:7: cd-007: name: 'Trondheim' is a town \(NO\)\n  mend:", capsys.readouterr().err
    )
