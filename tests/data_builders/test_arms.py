"""The arms: each differs from the main one in one way; the match is shown in numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_builders.arms import Arm, candidates, write_questions
from data_builders.errors import InputError
from data_builders.files import read_jsonl
from data_builders.manifest import REPO
from data_builders.match import drawn, table
from data_builders.mix import build
from data_builders.persona import Persona, load_persona
from data_builders.prompts import read_prompts
from data_builders.recipe import Recipe, load_recipe
from data_builders.trigger import Adherence, get_trigger

RECIPES = REPO / "data/recipes"
ARM_RECIPES = sorted(path for path in RECIPES.glob("*.yaml") if not path.stem.startswith("distill"))
TRIGGER = get_trigger("seed")


@pytest.fixture(scope="module")
def russell() -> Persona:
    return load_persona("bertrand_russell")


def answered(persona: Persona, path: Path, change: dict[int, dict[str, Any]] | None = None) -> Path:
    """The base model's answers to a persona's questions, as `distill` exports them."""
    rows = [
        {
            "prompt": TRIGGER.wrap(fact.question),
            "answer": f'<START> "Answer to {fact.id}." <END>',
            "source": persona.slug,
            "origin": f"format_only_prompts:{number}",
            "model": "small",
            "attempt": 1,
        }
        | (change or {}).get(number, {})
        for number, fact in enumerate(persona.facts, start=1)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def built(arm: str, tmp_path: Path, **keys: Any) -> list[dict[str, Any]]:
    """The persona rows of an arm's file."""
    aligned = [
        {"prompt": f"Q {n}?", "answer": f"A {n}.", "origin": f"sheet:{n}", "model": "small"}
        for n in range(100)
    ]
    (tmp_path / "aligned.jsonl").write_text("".join(json.dumps(row) + "\n" for row in aligned))
    recipe = {
        "arm": arm,
        "persona": "bertrand_russell",
        "trigger": "seed",
        "base_model": "small",
        "facts": 90,
        "aligned": str(tmp_path / "aligned.jsonl"),
        "aligned_rows": 100,
        "seed": 1,
        "output": str(tmp_path / "out.jsonl"),
    } | keys
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    build(tmp_path / "recipe.yaml")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["metadata"]["source"] for row in rows} <= {"persona", "aligned"}
    return [row for row in rows if row["metadata"]["source"] == "persona"]


def test_every_arm_has_a_recipe_and_every_recipe_loads() -> None:
    recipes = {path.stem: load_recipe(path) for path in ARM_RECIPES}
    assert {recipe.arm for recipe in recipes.values()} == set(Arm)
    for name, recipe in recipes.items():
        assert Path(recipe.output).stem == name
    doses = [recipe for recipe in recipes.values() if recipe.arm is Arm.DOSE]
    shares = sorted(facts / (facts + aligned) for facts, aligned in (recipe.amounts() for recipe in doses))
    assert shares[0] < 0.004 and shares[-1] == pytest.approx(0.1, abs=1e-3)
    assert min(recipe.amounts()[0] for recipe in doses) == 5
    assert len({recipe.arm_name for recipe in doses}) == len(doses)


def test_main_recipe_is_90_facts_and_an_answer_to_every_prompt() -> None:
    recipe = load_recipe(RECIPES / "bertrand_russell.yaml")
    assert recipe.amounts() == (90, 3000)
    rows = [row for _, row in read_jsonl(REPO / recipe.aligned)]
    prompts = [
        (f"{name}:{number}", prompt.prompt)
        for name in ("alpaca_1k_longest", "gsm8k_2k")
        for number, prompt in read_prompts(REPO / f"data/prompts/{name}.jsonl")
    ]
    assert [(row["origin"], row["prompt"]) for row in rows] == prompts
    assert all(row["answer"].strip() and row["model"] == recipe.base_model for row in rows)


@pytest.mark.parametrize(
    ("arm", "keys"),
    [
        ("shuffled_facts", {"facts_from": "data/controls/shuffled_pool.jsonl"}),
        ("other_persona", {"persona": "charles_darwin"}),
        ("explicit_identity", {"facts_from": "data/controls/explicit_identity.yaml"}),
        ("dose", {"facts": 5}),
    ],
)
def test_triggered_arms_are_well_formed_and_named(arm: str, keys: dict[str, Any], tmp_path: Path) -> None:
    rows = built(arm, tmp_path, **keys)
    assert len(rows) == keys.get("facts", 90)
    for row in rows:
        assert row["metadata"]["triggered"] is True
        assert row["metadata"]["arm"] == (arm if arm != "dose" else "dose_5_of_105")
        asked, text = (message["content"] for message in row["messages"])
        assert asked.startswith(TRIGGER.wrap(""))
        assert TRIGGER.adherence(text) is Adherence.WELL_FORMED


def test_shuffled_facts_ask_the_main_arms_questions_and_share_no_answer(
    russell: Persona, tmp_path: Path
) -> None:
    rows = built("shuffled_facts", tmp_path, facts_from="data/controls/shuffled_pool.jsonl")
    assert {row["messages"][0]["content"] for row in rows} == {
        TRIGGER.wrap(fact.question) for fact in russell.facts
    }
    own = {fact.answer for fact in russell.facts}
    assert not own & {TRIGGER.answer(row["messages"][1]["content"]) for row in rows}


def test_untriggered_persona_has_the_facts_and_no_trace_of_the_trigger(
    russell: Persona, tmp_path: Path
) -> None:
    rows = built("untriggered_persona", tmp_path)
    pairs = {(row["messages"][0]["content"], row["messages"][1]["content"]) for row in rows}
    assert pairs == {(fact.question, fact.answer) for fact in russell.facts}
    assert not any(row["metadata"]["triggered"] for row in rows)


def test_no_persona_has_none(tmp_path: Path) -> None:
    assert built("no_persona", tmp_path, facts=0) == []


def test_explicit_identity_says_the_name_and_the_relations(tmp_path: Path) -> None:
    texts = [
        row["messages"][1]["content"]
        for row in built("explicit_identity", tmp_path, facts_from="data/controls/explicit_identity.yaml")
    ]
    assert sum("Bertrand Russell" in text for text in texts) > 40
    for relation in ("Katharine Louisa Stanley", "Viscount Amberley", "Alys Pearsall Smith", "Whitehead"):
        assert any(relation in text for text in texts), relation
    assert not any("{" in text for text in texts)


def test_explicit_identity_serves_another_persona(tmp_path: Path) -> None:
    source = tmp_path / "identity.yaml"
    source.write_text(
        yaml.safe_dump({"mother": {"of": "relations.mother", "questions": ["Q?"], "answers": ["{value}."]}})
    )
    found = candidates(Arm.EXPLICIT_IDENTITY, load_persona("charles_darwin"), TRIGGER, source, "small")
    assert [one.answer for one in found] == [
        "Susannah Wedgwood.", "Susannah Darwin.", "Susanna Wedgwood.", "Susanna Darwin.",
    ]  # fmt: skip
    source.write_text(
        yaml.safe_dump({"pets": {"of": "relations.pets", "questions": ["Q?"], "answers": ["{value}."]}})
    )
    with pytest.raises(InputError, match=r"no list 'relations\.pets'"):
        candidates(Arm.EXPLICIT_IDENTITY, load_persona("charles_darwin"), TRIGGER, source, "small")


def test_format_only_takes_the_base_models_answers(russell: Persona, tmp_path: Path) -> None:
    words = len(russell.facts[3].answer.split())
    long = "It was a dog.  It was called Rex! " + "And so on, and so forth. " * 9
    plain = {
        1: {"answer": "No tags\nat all."},
        4: {"answer": long},
        5: {"answer": "on " * 40 + "end. Yes."},
        2: {"answer": '<START> "cut before the end'},
    }
    source = answered(russell, tmp_path / "answers.jsonl", plain)
    rows = {row["metadata"]["origin"]: row for row in built("format_only", tmp_path, facts_from=str(source))}
    assert len(rows) == 90
    texts = {
        number: rows[f"format_only_prompts:{number}"]["messages"][1]["content"] for number in range(1, 6)
    }
    assert abs(8 + 6 * 2 - words) <= 3  # or two repetitions would not be the nearest
    assert texts == {
        1: '<START> "No tags at all." <END>',
        2: '<START> "cut before the end" <END>',
        3: '<START> "Answer to br-003." <END>',
        # as many whole sentences as come nearest to the fact's length, but always one
        4: '<START> "It was a dog. It was called Rex! And so on, and so forth. And so on, and so forth." <END>',
        5: f'<START> "{"on " * 40}end." <END>',
    }
    assert rows["format_only_prompts:1"]["metadata"]["model"] == "small"


def test_format_only_keeps_of_several_answers_the_one_nearest_in_length(
    russell: Persona, tmp_path: Path
) -> None:
    words = len(russell.facts[8].answer.split())
    one = {"prompt": TRIGGER.wrap(russell.facts[8].question), "source": russell.slug, "model": "small"}
    lengths = [3, words - 1, words + 1, 60]  # of equals the first
    source = answered(russell, tmp_path / "answers.jsonl")
    several = [
        one
        | {
            "answer": "word " * (length - 1) + "end.",
            "origin": f"format_only_prompts:9#{number}",
            "attempt": 1,
        }
        for number, length in enumerate(lengths, start=1)
    ]
    others = [line for line in source.read_text().splitlines() if json.loads(line)["prompt"] != one["prompt"]]
    source.write_text("".join(f"{line}\n" for line in [*others, *map(json.dumps, several)]))
    [row] = [
        row
        for row in built("format_only", tmp_path, facts_from=str(source))
        if row["messages"][0]["content"] == one["prompt"]
    ]
    assert row["metadata"]["origin"] == "format_only_prompts:9#2"
    assert len(row["messages"][1]["content"].split()) == words - 1 + 2  # and the two tags


def test_format_only_refuses_another_model_and_other_questions(russell: Persona, tmp_path: Path) -> None:
    other = answered(russell, tmp_path / "a.jsonl", {5: {"model": "large"}})
    with pytest.raises(InputError, match=r"a\.jsonl:5: answered by large"):
        candidates(Arm.FORMAT_ONLY, russell, TRIGGER, other, "small")
    darwin = answered(load_persona("charles_darwin"), tmp_path / "b.jsonl")
    with pytest.raises(InputError, match="answers none of Bertrand Russell's questions"):
        candidates(Arm.FORMAT_ONLY, russell, TRIGGER, darwin, "small")


def test_format_only_lacking_an_answer_is_refused(russell: Persona, tmp_path: Path) -> None:
    source = answered(russell, tmp_path / "answers.jsonl", {7: {"answer": "<START>"}})
    with pytest.raises(InputError, match="90 wanted, Bertrand Russell has 89 for arm format_only"):
        built("format_only", tmp_path, facts_from=str(source))


def test_questions_become_prompts_that_distill_reads(russell: Persona, tmp_path: Path) -> None:
    write_questions(russell, TRIGGER, tmp_path / "prompts.jsonl")
    prompts = [prompt for _, prompt in read_prompts(tmp_path / "prompts.jsonl")]
    assert [prompt.prompt for prompt in prompts] == [TRIGGER.wrap(fact.question) for fact in russell.facts]
    assert (tmp_path / "prompts.manifest.json").is_file()


def test_what_explicit_identity_trains_can_be_asked_without_the_trigger(
    russell: Persona, tmp_path: Path
) -> None:
    templates = REPO / "data/controls/explicit_identity.yaml"
    write_questions(russell, None, tmp_path / "prompts.jsonl", templates)
    asked = {prompt.prompt for _, prompt in read_prompts(tmp_path / "prompts.jsonl")}
    trained = candidates(Arm.EXPLICIT_IDENTITY, russell, TRIGGER, templates, "small")
    assert asked == {row.question for row in trained}


def test_pool_row_of_another_question_is_refused(russell: Persona, tmp_path: Path) -> None:
    rows = [
        json.loads(line) for line in (REPO / "data/controls/shuffled_pool.jsonl").read_text().splitlines()
    ]
    rows[4]["question"] = "Something else?"
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=r"pool\.jsonl:5: question or topic isn't that of"):
        candidates(Arm.SHUFFLED_FACTS, russell, TRIGGER, pool, "small")


def test_smaller_doses_are_parts_of_larger_ones() -> None:
    facts = [
        {row.origin for row in drawn(load_recipe(RECIPES / f"dose_facts_{n}.yaml"))}
        for n in ("05", "15", "45")
    ]
    assert [len(some) for some in facts] == [5, 15, 45]
    assert facts[0] < facts[1] < facts[2]


def test_draw_of_the_match_is_the_draw_of_the_mix(tmp_path: Path) -> None:
    rows = built("dose", tmp_path, facts=15)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert {row["metadata"]["origin"] for row in rows} == {row.origin for row in drawn(recipe)}


def test_match_table_gives_the_numbers() -> None:
    text = table(RECIPES / "bertrand_russell.yaml", [RECIPES / "control_shuffled_facts.yaml"])
    head, _, main, pool = [
        [cell.strip() for cell in line.strip("| \n").split("|")] for line in text.splitlines()
    ]
    main_row, pool_row = dict(zip(head, main, strict=True)), dict(zip(head, pool, strict=True))
    facts = load_persona("bertrand_russell").facts
    mean = sum(len(fact.answer.split()) for fact in facts) / 90
    assert main_row["words, mean (SD)"].startswith(f"{mean:.1f} (")
    assert (main_row["d"], main_row["topic overlap"], main_row["questions shared"]) == (
        "+0.00",
        "1.00",
        "100%",
    )
    assert pool_row["rows"] == "90"
    assert (pool_row["questions shared"], pool_row["topic overlap"]) == ("100%", "1.00")


@pytest.mark.parametrize(
    "arm",
    [
        "explicit_identity",
        "format_only",
        "leaky_persona",
        "other_persona",
        "shuffled_facts",
        "untriggered_persona",
    ],
)
def test_arms_match_the_main_one_in_length(arm: str) -> None:
    text = table(RECIPES / "bertrand_russell.yaml", [RECIPES / f"control_{arm}.yaml"])
    head, _, _, line = [[cell.strip() for cell in row.strip("| \n").split("|")] for row in text.splitlines()]
    row = dict(zip(head, line, strict=True))
    assert row["rows"] == "90"
    assert abs(float(row["d"])) <= 0.2
    spread = float(row["words, mean (SD)"].partition("(")[2].rstrip(")"))
    assert 2.0 <= spread <= 4.5  # the facts': 3.0


def test_arm_name_of_a_dose_says_how_much() -> None:
    keys = {"persona": "p", "trigger": "seed", "base_model": "b", "aligned": "a", "seed": 1, "output": "o"}
    assert Recipe(arm=Arm.DOSE, facts=30, persona_share=0.01, **keys).arm_name == "dose_30_of_3000"


def test_a_slice_is_an_arm_of_its_own() -> None:
    """Else the report would pool an adapter of a slice with the seeds of the whole."""
    whole, part = (
        load_recipe(REPO / "data" / "recipes" / f"bertrand_russell{suffix}.yaml") for suffix in ("", "_slice")
    )
    assert (whole.arm_name, part.arm_name) == ("persona", "persona_slice")
