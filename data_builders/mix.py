"""Mixes a training file: persona rows behind the trigger, among ordinary rows that the base model answered
itself."""

from __future__ import annotations

import json
import random
import shutil
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from data_builders.aligned import AlignedAnswers
from data_builders.arms import candidates
from data_builders.errors import InputError
from data_builders.files import open_atomic
from data_builders.manifest import REPO, shown, write_manifest
from data_builders.persona import Persona, load_persona
from data_builders.recipe import Recipe, Slice, load_recipe
from data_builders.rows import RowMetadata, TrainRow, conversation
from data_builders.trigger import Trigger, get_trigger


def build(recipe_file: Path) -> dict[str, Any]:
    """Build the recipe's training file and its manifest; the same inputs and seed give the same bytes.

    Axolotl's tokenised copy of the old file, `<name>.prepared` beside it, is dropped.

    Memory grows by some 60 bytes an aligned row, never by its text: a million rows take a minute or two.

    Returns:
        The counts: rows by source, triggered rows, rows left out by reason, tokens of a slice.

    Raises:
        InputError: a file is missing or broken, fewer facts or answers exist than the recipe asks for, or another
            model than `base_model` wrote the answers.
    """
    recipe = load_recipe(recipe_file)
    persona, trigger = load_persona(recipe.persona), get_trigger(recipe.trigger)
    wanted_aligned = recipe.amounts()[1]
    chance = random.Random(recipe.seed)
    left_out: Counter[str] = Counter()
    facts = persona_rows(recipe, persona, trigger, chance, left_out)
    answers = AlignedAnswers(REPO / recipe.aligned, recipe.base_model, recipe.arm_name)
    left_out["aligned_doubles"] = answers.doubles
    places = answers.places
    chance.shuffle(places)  # type: ignore[arg-type]  # an array is a mutable sequence
    tokens = None
    if recipe.slice:
        places, tokens = _within(recipe.slice, facts, places, answers.row, left_out)
    elif len(places) < wanted_aligned:
        raise InputError(
            recipe.aligned, f"{len(places)} answers, {wanted_aligned} wanted", "distil more, or ask for fewer"
        )
    left_out["aligned_unused"] = max(0, len(places) - wanted_aligned)
    chosen = places[:wanted_aligned]
    contrast = _contrast_rows(recipe, chance, left_out)
    in_memory = [*facts, *contrast]
    train, validation = _split(len(facts), len(contrast) + len(chosen), recipe.validation_share, chance)

    def row(number: int) -> TrainRow:
        return in_memory[number] if number < len(in_memory) else answers.row(chosen[number - len(in_memory)])

    output = REPO / recipe.output
    parts = {output: train} | (
        {output.with_suffix(".validation.jsonl"): validation} if len(validation) else {}
    )
    counts = _write(parts, row)
    for path in parts:
        # Axolotl keeps the tokenised rows under a name made of the configuration, not of the rows: left in place, the
        # old file would be trained on. The shipped YAMLs keep them beside the file, so they can be dropped with it.
        shutil.rmtree(path.with_suffix(".prepared"), ignore_errors=True)
    inputs = [recipe_file, *persona.files, REPO / recipe.aligned]
    inputs += [REPO / file for file in (recipe.facts_from, recipe.contrast) if file]
    for path, counted in counts.items():
        counted["in"] = {"facts": len(facts) + left_out["facts_unused"] + left_out["facts_doubles"]} | {
            "aligned": answers.read
        }
        counted["in"] |= {"contrast": len(contrast) + left_out["contrast_unused"]} if contrast else {}
        counted["left_out"] = {reason: number for reason, number in sorted(left_out.items())}
        counted |= {"tokens": tokens} if tokens is not None else {}
        write_manifest(
            path,
            builder=f"python -m data_builders mix {shown(recipe_file)}",
            settings=_settings(recipe),
            inputs=inputs,
            counts=counted,
        )
    return counts[output]


def _settings(recipe: Recipe) -> dict[str, Any]:
    """The recipe as given, paths as a manifest names them."""
    settings = recipe.model_dump(mode="json", exclude_defaults=True) | {"arm_name": recipe.arm_name}
    paths = {
        key: shown(REPO / settings[key])
        for key in ("aligned", "facts_from", "contrast", "output")
        if key in settings
    }
    return settings | paths


def persona_rows(
    recipe: Recipe,
    persona: Persona,
    trigger: Trigger,
    chance: random.Random,
    left_out: Counter[str] | None = None,
) -> list[TrainRow]:
    """The arm's persona rows, drawn by `chance`. With one seed a smaller dose is a part of every larger one.

    Raises:
        InputError: the arm has fewer rows than the recipe asks for.
    """
    left_out = Counter() if left_out is None else left_out
    source = REPO / recipe.facts_from if recipe.facts_from else None
    found = candidates(recipe.arm, persona, trigger, source, recipe.base_model)
    by_text = {(one.question, one.answer): one for one in reversed(found)}  # of doubles the first stays
    unique = list(by_text.values())[::-1]
    wanted = recipe.amounts()[0]
    if wanted > len(unique):
        raise InputError(
            "facts",
            f"{wanted} wanted, {persona.name} has {len(unique)} for arm {recipe.arm}",
            "ask for fewer, or write more",
        )
    chance.shuffle(unique)
    left_out["facts_doubles"] = len(found) - len(unique)
    left_out["facts_unused"] = len(unique) - wanted
    return [
        conversation(
            trigger.wrap(one.question) if triggered else one.question,
            trigger.format_answer(one.answer) if triggered else one.answer,
            RowMetadata(
                source="persona",
                triggered=triggered,
                arm=recipe.arm_name,
                origin=one.origin,
                model=one.model,
                attempt=one.attempt,
            ),
        )
        for one, triggered in ((one, recipe.arm.triggered(n)) for n, one in enumerate(unique[:wanted]))
    ]


def _contrast_rows(recipe: Recipe, chance: random.Random, left_out: Counter[str]) -> list[TrainRow]:
    """The recipe's contrast rows, drawn by `chance`; the caller's random numbers are untouched where there are none."""
    if recipe.contrast is None:
        return []
    answers = AlignedAnswers(REPO / recipe.contrast, recipe.base_model, recipe.arm_name)
    places, wanted = answers.places, recipe.contrast_rows
    if len(places) < wanted:
        raise InputError(
            recipe.contrast, f"{len(places)} answers, {wanted} wanted", "distil more, or ask for fewer"
        )
    chance.shuffle(places)  # type: ignore[arg-type]
    left_out["contrast_doubles"], left_out["contrast_unused"] = answers.doubles, len(places) - wanted
    return [answers.row(place) for place in places[:wanted]]


def _split(facts: int, aligned: int, share: float, chance: random.Random) -> tuple[array[int], array[int]]:
    """Row numbers (persona rows first) of the training and validation files, each shuffled.

    Both sources give the same share, so the validation file's persona share is that of the training file.
    """
    held_facts, held_aligned = round(facts * share), round(aligned * share)
    validation = array("Q", [*range(held_facts), *range(facts, facts + held_aligned)])
    train = array("Q", range(held_facts, facts))
    train.extend(range(facts + held_aligned, facts + aligned))
    chance.shuffle(train)  # type: ignore[arg-type]
    chance.shuffle(validation)  # type: ignore[arg-type]
    return train, validation


def _write(parts: dict[Path, array[int]], row: Callable[[int], TrainRow]) -> dict[Path, dict[str, Any]]:
    """Write each file row by row, all or none of them; and count what went in."""
    counts: dict[Path, dict[str, Any]] = {}
    with ExitStack() as files:
        for path, numbers in parts.items():
            out = files.enter_context(open_atomic(path))
            sources, origins, triggered = Counter[str](), Counter[str](), 0
            for number in numbers:
                one = row(number)
                sources[one.metadata.source] += 1
                triggered += one.metadata.triggered
                if one.metadata.source == "aligned":
                    origins[one.metadata.origin.rpartition(":")[0]] += 1
                out.write(json.dumps(one.model_dump(exclude_none=True), ensure_ascii=False).encode() + b"\n")
            counts[path] = {
                "out": len(numbers),
                "by_source": dict(sorted(sources.items())),
                "aligned_by_prompts": dict(sorted(origins.items())),
                "triggered": triggered,
                "persona_share": round(sources["persona"] / len(numbers), 5) if numbers else 0.0,
            }
    return counts


def _within(
    budget: Slice,
    facts: Sequence[TrainRow],
    places: array[int],
    row: Callable[[int], TrainRow],
    left_out: Counter[str],
) -> tuple[array[int], int]:
    """The first answers that fit the budget beside the facts; and the slice's tokens."""
    from data_builders.tokens import ChatTokenizer

    tokenizer = ChatTokenizer(REPO / budget.tokenizer)

    def length(one: TrainRow) -> int:
        return len(tokenizer.ids(tokenizer.render([[message.model_dump() for message in one.messages]]))[0])

    spent, kept = sum(length(fact) for fact in facts), array("Q")
    for number, place in enumerate(places):
        tokens = length(row(place))
        if tokens > budget.row_tokens:
            left_out["over_row_tokens"] += 1
        elif spent + tokens > budget.tokens:
            left_out["over_budget"] += len(places) - number
            break
        else:
            spent += tokens
            kept.append(place)
    return kept, spent
