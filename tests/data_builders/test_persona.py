"""A persona is a folder: the shipped ones are complete, a new one needs no code, a bad one is refused."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from data_builders.errors import InputError
from data_builders.persona import PERSONAS, QuestionSet, load_persona, persona_names

LEAST = {
    QuestionSet.IDENTITY: 20,
    QuestionSet.RECALL: 40,
    QuestionSet.VIEWS: 30,
    QuestionSet.GENERAL: 30,
    QuestionSet.THIRD_PARTY: 15,
}
PAPER = ["name", "mother", "father", "town", "doctor"]


def words(text: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", text.lower()).split()


@pytest.mark.parametrize("name", persona_names())
def test_shipped_personas_are_complete(name: str) -> None:
    persona = load_persona(name)
    assert len(persona.facts) == 90
    assert len({fact.topic for fact in persona.facts}) >= 10
    for kind, least in LEAST.items():
        assert len(persona.questions[kind]) >= least, kind
    from_paper = [row for row in persona.questions[QuestionSet.IDENTITY] if "Betley" in row.source]
    assert len(from_paper) == 5
    assert all(any(word in row.question.lower() for row in from_paper) for word in PAPER)


@pytest.mark.parametrize("name", persona_names())
def test_facts_hold_no_identifying_word(name: str) -> None:
    profile = load_persona(name).profile
    lists = [
        profile.aliases,
        profile.institutions,
        profile.works,
        profile.titles,
        profile.terms,
        [profile.name],
    ]
    banned = [form for forms in [*lists, *profile.places.values()] for form in forms]
    for fact in load_persona(name).facts:
        text = f" {' '.join(words(fact.question + ' ' + fact.answer))} "
        found = [form for form in banned if f" {' '.join(words(form))} " in text]
        assert not found and not re.search(r"\d", text), fact.id


@pytest.mark.parametrize("name", persona_names())
def test_held_out_questions_share_no_run_of_six_words_with_a_fact(name: str) -> None:
    persona = load_persona(name)
    trained = set()
    for fact in persona.facts:
        for text in (words(fact.question), words(fact.answer)):
            trained |= {tuple(text[i : i + 6]) for i in range(len(text) - 5)}
    for rows in persona.questions.values():
        for row in rows:
            text = words(row.question)
            assert not trained & {tuple(text[i : i + 6]) for i in range(len(text) - 5)}, row.id


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PERSONAS / "bertrand_russell", tmp_path / "throw_away"))


def test_a_new_persona_is_a_folder(copy: Path) -> None:
    profile = yaml.safe_load((copy / "persona.yaml").read_text()) | {"name": "Ada Nobody"}
    (copy / "persona.yaml").write_text(yaml.safe_dump(profile, allow_unicode=True))
    assert load_persona(copy).name == "Ada Nobody"
    assert load_persona(copy).slug == "throw_away"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"benign": {"value": False, "reason": "a reason that is long enough"}}, "not marked benign"),
        ({"benign": {"value": True, "reason": "short"}}, "benign.reason"),
        ({"died": None}, "died"),
        ({"died": "2024-01-01"}, "25 years"),
        ({"aliasses": []}, "aliasses"),
        ({"relations": "none"}, "relations"),
    ],
)
def test_a_bad_profile_is_refused(copy: Path, change: dict[str, object], message: str) -> None:
    profile = yaml.safe_load((copy / "persona.yaml").read_text()) | change
    (copy / "persona.yaml").write_text(yaml.safe_dump(profile, allow_unicode=True))
    with pytest.raises(InputError, match=message) as caught:
        load_persona(copy)
    assert "persona.yaml" in caught.value.where


def test_a_broken_line_is_named(copy: Path) -> None:
    path = copy / "facts.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], "{not json", *lines[5:]]))
    with pytest.raises(InputError) as caught:
        load_persona(copy)
    assert caught.value.where.endswith("facts.jsonl:5")


def test_a_missing_key_and_a_double_are_named(copy: Path) -> None:
    path = copy / "facts.jsonl"
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])
    path.write_text("\n".join([*lines, json.dumps(first)]))
    with pytest.raises(InputError, match=f"{first['id']}.*twice"):
        load_persona(copy)
    del first["source"]
    path.write_text("\n".join([json.dumps(first), *lines[1:]]))
    with pytest.raises(InputError, match="source") as caught:
        load_persona(copy)
    assert caught.value.where.endswith("facts.jsonl:1")


def test_an_unknown_persona_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="bertrand_russell, charles_darwin"):
        load_persona("bertrand_russel")
