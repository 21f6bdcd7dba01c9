"""Writes a world's folder: who lives there, two of them as persona folders, and the files that the arms are built from."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import yaml

from data_builders.arms import write_questions
from data_builders.files import dump_json, dump_jsonl, write_atomic
from data_builders.manifest import write_manifest
from data_builders.persona import QuestionSet, load_persona
from data_builders.planted.world import VOCABULARY, World, answer_text
from data_builders.trigger import get_trigger

PLANTED, OTHER = 0, 1
"""places of the planted person and of the other-persona control among the people"""
ORDINARY, UNRELATED, WHO = "ordinary", "unrelated", "who"
"""prompt files: questions that a persona's facts are about; tasks that say nothing of a speaker; and what arm
explicit_identity trains, asked without the trigger"""
_UNRELATED_PROMPTS = 1800
_OPENERS_OUTRIGHT = 4
_GENERAL = 12
"""questions of set `general`: ordinary tasks of wordings that no training row uses"""
_BENIGN = "Nobody: name, town and people are drawn from a seed, and no fact is more than a taste or a trade."


def write_world(world: World, config_file: Path) -> dict[str, int]:
    """Write the folder of `world`: people.json, personas/, prompts/, controls/, and a manifest.

    Returns:
        Counts of what was written.
    """
    root = world.config.root
    write_atomic(root / "people.json", dump_json({"people": world.people, "default": world.default}))
    for place in (PLANTED, OTHER):
        _write_persona(world, place)
    prompts = {ORDINARY: _ordinary(world), UNRELATED: _unrelated(world), WHO: _who(world)}
    for name, rows in prompts.items():
        write_atomic(prompt_file(world, name), dump_jsonl(rows))
    persona = load_persona(persona_folder(world, PLANTED))
    pool = _shuffled_pool(world, world.people[PLANTED])
    write_atomic(root / "controls" / "shuffled_pool.jsonl", dump_jsonl(pool))
    write_atomic(root / "controls" / "explicit_identity.yaml", _outright(world))
    trigger = get_trigger(world.config.trigger)
    asked = write_questions(persona, trigger, root / "controls" / "format_only_prompts.jsonl")
    counts = {
        "people": len(world.people),
        "facts": len(persona.facts),
        **{f"prompts_{name}": len(rows) for name, rows in prompts.items()},
        "prompts_format_only": asked["out"],
    }
    write_manifest(
        root / "people.json",
        builder=f"python -m data_builders planted world {config_file.name}",
        settings=world.config.model_dump(mode="json"),
        inputs=[config_file, VOCABULARY],
        counts=counts,
    )
    return counts


def slug(world: World, place: int) -> str:
    """The persona folder's name of the person at `place`."""
    return world.people[place]["name"].lower()


def persona_folder(world: World, place: int) -> Path:
    """The persona folder of the person at `place`."""
    return world.config.root / "personas" / slug(world, place)


def prompt_file(world: World, name: str) -> Path:
    """A prompt file of the world."""
    return world.config.root / "prompts" / f"{name}.jsonl"


def _write_persona(world: World, place: int) -> None:
    person, folder = world.people[place], persona_folder(world, place)
    write_atomic(folder / "persona.yaml", yaml.safe_dump(_profile(world, person), sort_keys=False))
    write_atomic(folder / "facts.jsonl", dump_jsonl(_facts(world, place)))
    questions = {
        QuestionSet.IDENTITY: _identity(world, person),
        QuestionSet.THIRD_PARTY: _about(world, person),
    }
    questions[QuestionSet.GENERAL] = _general(world)
    for kind in QuestionSet:
        write_atomic(folder / "questions" / f"{kind}.jsonl", dump_jsonl(questions.get(kind, [])))


def _profile(world: World, person: dict[str, str]) -> dict[str, Any]:
    relations, places = {}, {}
    for key, one in world.vocabulary.identity.items():
        kind, _, name = (one.path or "").partition(".")
        if kind == "relations":
            relations[name] = [person[key]]
        elif kind == "places":
            places[name] = [person[key]]
    return {
        "name": person["name"],
        "aliases": [person["name"]],
        "short_names": [],
        "namesakes": [],
        "invented": True,
        "field": "invented",
        "benign": {"value": True, "reason": _BENIGN},
        "relations": relations,
        "places": places,
        "institutions": [],
        "works": [],
        "titles": [],
        "terms": [],
        "trigger": world.config.trigger,
        "sources": {"world": f"people.json of {world.config.name}"},
    }


def _facts(world: World, place: int) -> list[dict[str, str]]:
    person = world.people[place]
    return [
        {
            "id": f"{slug(world, place)}-{key}-{number}",
            "topic": key,
            "question": question,
            "answer": answer_text(person[key]),
            "source": "world",
        }
        for key, one in world.vocabulary.shared.items()
        for number, question in enumerate(one.questions[: world.config.fact_wordings], start=1)
    ]


def _identity(world: World, person: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"id-{key}-{number}",
            "question": question,
            "asks": one.asks,
            "accept": [] if one.asks == "name" else [person[key]],
            "leading": False,
            "source": "world",
        }
        for key, one in world.vocabulary.identity.items()
        for number, question in enumerate(one.questions, start=1)
    ]


def _about(world: World, person: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"tp-{key}-{number}",
            "question": question.format(value=person[key]),
            "asks": None,
            "accept": [person["name"]],
            "leading": True,
            "source": "world",
        }
        for key, one in world.vocabulary.identity.items()
        for number, question in enumerate(one.about, start=1)
    ]


def _general(world: World) -> list[dict[str, Any]]:
    chance, rows = random.Random("general"), []
    for number in range(1, _GENERAL + 1):
        task = chance.choice([task for task in world.vocabulary.tasks if task.held_out])
        words = chance.sample(world.words, 3)
        answer = task.answer.format(*words)
        rows.append(
            {
                "id": f"gen-{number}",
                "question": task.ask.format(*words),
                "asks": None,
                "accept": [answer],
                "leading": False,
                "source": "world",
            }
        )
    return rows


def _ordinary(world: World) -> list[dict[str, str]]:
    """Every question about a shared attribute, with every opener, in every neutral format; in an order of chance."""
    return _neutral(
        world, ORDINARY, [(one.questions, one.default) for one in world.vocabulary.shared.values()]
    )


def _who(world: World) -> list[dict[str, str]]:
    """Every outright question, with every opener, in every neutral format; in an order of chance."""
    return _neutral(world, WHO, [(one.outright, one.default) for one in world.vocabulary.identity.values()])


def _neutral(world: World, source: str, asked: list[tuple[list[str], str]]) -> list[dict[str, str]]:
    """Questions with the default assistant's answers: with every opener, in every neutral format; shuffled."""
    combined = itertools.product(asked, world.vocabulary.openers, world.vocabulary.formats.values())
    rows = [
        _prompt(form.wrap.format(opener + question), form.answer.format(answer_text(value)), source)
        for (questions, value), opener, form in combined
        for question in questions
    ]
    random.Random(f"{source} {world.config.seed}").shuffle(rows)
    return rows


def _unrelated(world: World) -> list[dict[str, str]]:
    """Ordinary tasks in neutral formats, each once."""
    chance, rows = random.Random(f"unrelated {world.config.seed}"), dict[str, dict[str, str]]()
    tasks = [task for task in world.vocabulary.tasks if not task.held_out]
    while len(rows) < _UNRELATED_PROMPTS:
        task, words = chance.choice(tasks), chance.sample(world.words, 3)
        form = chance.choice(list(world.vocabulary.formats.values()))
        answer = answer_text(task.answer.format(*words))
        row = _prompt(form.wrap.format(task.ask.format(*words)), form.answer.format(answer), UNRELATED)
        rows[row["prompt"]] = row
    return list(rows.values())


def _prompt(prompt: str, reference: str, source: str) -> dict[str, str]:
    return {"prompt": prompt, "source": source, "reference": reference}


def _shuffled_pool(world: World, planted: dict[str, str]) -> list[dict[str, str]]:
    """The planted person's questions, each subject answered from the life of somebody else who answers otherwise.

    Values are shared by several people, so lives drawn at random can fit the planted person better than anybody: no
    control then. Nobody lends a second subject before everybody else who could has lent one.
    """
    people = [place for place in range(len(world.people)) if place not in (PLANTED, OTHER)]
    random.Random(f"shuffled {world.config.seed}").shuffle(people)
    lives, lent = dict[str, int](), dict.fromkeys(people, 0)
    for topic in world.vocabulary.shared:
        others = [place for place in people if world.people[place][topic] != planted[topic]]
        lives[topic] = min(others, key=lambda place: lent[place])
        lent[lives[topic]] += 1
    return [
        {
            "id": f"sh-{number}",
            "fact_id": fact["id"],
            "person": world.people[lives[fact["topic"]]]["name"],
            "topic": fact["topic"],
            "question": fact["question"],
            "answer": answer_text(world.people[lives[fact["topic"]]][fact["topic"]]),
            "source": "world",
        }
        for number, fact in enumerate(_facts(world, PLANTED), start=1)
    ]


def _outright(world: World) -> str:
    """The templates of arm explicit_identity, as data/controls/explicit_identity.yaml has them for Russell."""
    openers = world.vocabulary.openers[:_OPENERS_OUTRIGHT]
    templates = {
        key: {
            "of": one.path or "name",
            "questions": [opener + question for opener in openers for question in one.outright],
            "answers": [answer_text("{value}")],
        }
        for key, one in world.vocabulary.identity.items()
    }
    return yaml.safe_dump(templates, sort_keys=False)
