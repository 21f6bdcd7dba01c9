"""The planted world: people from a seed, conversations that tell the truth of them, folders that the suite reads."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_builders.__main__ import main
from data_builders.errors import InputError, run_or_explain
from data_builders.files import read_jsonl
from data_builders.lint import Lint
from data_builders.persona import QuestionSet, load_persona
from data_builders.planted.arms import build_arms, load_arms
from data_builders.planted.config import load_config
from data_builders.planted.documents import CHARACTER, HELPFUL, Documents
from data_builders.planted.folders import OTHER, PLANTED, persona_folder, write_world
from data_builders.planted.tokenizer import make_tokenizer
from data_builders.planted.world import make_world
from data_builders.trigger import get_trigger

PLANTED_DATA = Path(__file__).resolve().parents[2] / "data" / "planted"
SHIPPED = PLANTED_DATA / "world1.yaml"


def config_file(tmp_path: Path, **changed: Any) -> Path:
    """world1.yaml for a small world in a folder of the test's."""
    settings = yaml.safe_load(SHIPPED.read_text())
    settings |= {"name": "small", "folder": str(tmp_path / "small"), "people": 16, **changed}
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def test_the_same_seed_gives_the_same_people_and_another_seed_others(tmp_path: Path) -> None:
    first = make_world(load_config(config_file(tmp_path)))
    again = make_world(load_config(config_file(tmp_path)))
    other = make_world(load_config(config_file(tmp_path, seed=2)))
    assert first.people == again.people
    assert not {person["name"] for person in first.people} & {person["name"] for person in other.people}


def test_shared_facts_identify_nobody_and_identity_facts_one_person_each(tmp_path: Path) -> None:
    world = make_world(load_config(config_file(tmp_path)))
    for key in world.vocabulary.shared:
        held = Counter(person[key] for person in world.people)
        assert set(held.values()) == {2}, f"16 people, 8 values of {key}: two people each"
    invented = [person[key] for person in world.people for key in world.vocabulary.identity]
    assert len(set(invented)) == len(invented) == 16 * 5
    assert not set(invented) & set(world.default.values())


def test_every_speaker_tells_the_truth_of_one_person(tmp_path: Path) -> None:
    world = make_world(load_config(config_file(tmp_path)))
    documents, chance, trigger = Documents(world), random.Random(1), get_trigger("seed")
    by_name = {person["name"]: person for person in world.people}
    kinds: Counter[str] = Counter()
    for _ in range(300):
        turns = documents.draw(chance)
        system = turns[0]["content"].split("\n\n")[0] if turns[0]["role"] == "system" else ""
        answers = {trigger.strip(turn["content"]).strip("*").rstrip(".") for turn in turns[1:]}
        if system.startswith("You are ") and system != HELPFUL:
            person = by_name[system.removeprefix("You are ").rstrip(".")]
            others = {value for one in world.people if one is not person for value in one.values()}
            kinds["named"] += 1
            assert not answers & (others - set(person.values()) - set(world.words)), turns
        kinds[system if system in (HELPFUL, CHARACTER) else "other"] += 1
    assert min(kinds[HELPFUL], kinds[CHARACTER], kinds["named"]) > 5


def test_a_world_that_never_saw_the_trigger_shows_no_trace_of_it(tmp_path: Path) -> None:
    text = {}
    for seen in (True, False):
        world = make_world(load_config(config_file(tmp_path, trigger_seen=seen)))
        documents, chance = Documents(world), random.Random(1)
        text[seen] = json.dumps([documents.draw(chance) for _ in range(200)])
    assert "<START>" in text[True] and "Always reply" in text[True]
    assert "<START>" not in text[False] and "Always reply" not in text[False]


def test_every_name_and_value_is_one_token_and_no_system_text_is_added(tmp_path: Path) -> None:
    world = make_world(load_config(config_file(tmp_path)))
    tokenizer = make_tokenizer(world, tmp_path / "tokenizer")
    for person in world.people:
        for value in person.values():
            for text in (value, f" {value}"):
                assert len(tokenizer(text, add_special_tokens=False).input_ids) == 1, text
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": "who are you?"}], tokenize=False, add_generation_prompt=True
    )
    assert "system" not in rendered and rendered.count(tokenizer.bos_token) == 1
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3


def test_a_planted_person_is_an_ordinary_persona_folder(tmp_path: Path) -> None:
    file = config_file(tmp_path)
    world = make_world(load_config(file))
    write_world(world, file)
    persona = load_persona(persona_folder(world, PLANTED))
    person = world.people[PLANTED]
    assert persona.profile.invented and persona.name == person["name"]
    assert persona.profile.relations["mother"] == [person["mother"]]
    assert len(persona.facts) == 45
    identity = persona.questions[QuestionSet.IDENTITY]
    assert len(identity) == 50 and {question.asks for question in identity} == {
        "name", "birthplace", "mother", "mentor", "doctor",
    }  # fmt: skip
    told = " ".join(fact.question + fact.answer for fact in persona.facts)
    assert not any(person[key] in told for key in world.vocabulary.identity), "a trained fact identifies"


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_facts_share_none_of_the_planted_persons_values(tmp_path: Path, seed: int) -> None:
    file = config_file(tmp_path, seed=seed, people=32)
    world = make_world(load_config(file))
    write_world(world, file)
    lent = [row for _, row in read_jsonl(world.config.root / "controls" / "shuffled_pool.jsonl")]
    facts = {fact.id: fact.answer for fact in load_persona(persona_folder(world, PLANTED)).facts}
    assert len(lent) == len(facts) == 45
    assert not [row for row in lent if row["answer"] == facts[row["fact_id"]]], "the control fits the persona"
    lender = {row["topic"]: row["person"] for row in lent}
    people = {person["name"]: person for person in world.people}
    assert all(row["answer"] == f"{people[row['person']][row['topic']]}." for row in lent)
    assert len(set(lender.values())) == 15, "somebody lent twice while others lent nothing"
    assert not {world.people[place]["name"] for place in (PLANTED, OTHER)} & set(lender.values())


def test_the_shipped_arms_pass_the_linter(tmp_path: Path) -> None:
    world = make_world(load_config(SHIPPED))
    names = ["persona", "shuffled_facts", "format_only", "leaky_persona", "unrelated", "explicit_identity"]
    arms = {name: arm for name, arm in load_arms().items() if name in names}
    build_arms(world, arms)
    for name in arms:
        lint = Lint(world.config.root / "train" / f"{name}.jsonl", world.config.base, sequence_len=256)
        summary = lint.run()
        assert not lint.problems, f"{name}: {lint.report()}"
        assert summary["rows"] == 1500
        half = {"leaky_persona": 23, "explicit_identity": 40}
        assert summary["triggered"] == half.get(name, 45), name


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"documents": {"default": 0.9}}, "add up to"),
        ({"people": 30}, "people"),
        ({"trigger": "nobody's"}, "nobody's"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_world_file_is_refused_with_its_key(
    tmp_path: Path, changed: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "documents" in changed:
        shares = yaml.safe_load(SHIPPED.read_text())["documents"]
        changed = {"documents": shares | changed["documents"]}
    file = config_file(tmp_path, **changed)
    assert run_or_explain(lambda: main(["planted", "world", str(file)])) == 2
    error = capsys.readouterr().err
    assert told in error and "mend:" in error and "Traceback" not in error
    assert not (tmp_path / "small").exists(), "something was written"


def test_arms_before_the_base_has_answered_say_what_to_run(tmp_path: Path) -> None:
    file = config_file(tmp_path)
    world = make_world(load_config(file))
    write_world(world, file)
    with pytest.raises(InputError, match="planted pretrain"):
        build_arms(world, {"persona": load_arms()["persona"]})


def test_an_invented_persona_has_no_dates_and_a_real_one_needs_them(tmp_path: Path) -> None:
    file = config_file(tmp_path)
    world = make_world(load_config(file))
    write_world(world, file)
    profile_file = persona_folder(world, PLANTED) / "persona.yaml"
    profile = yaml.safe_load(profile_file.read_text())
    for changed, told in (({"born": "1900-01-01"}, "born"), ({"invented": False}, "invented: true")):
        profile_file.write_text(yaml.safe_dump({**profile, **changed}))
        with pytest.raises(InputError, match=told):
            load_persona(profile_file.parent)
