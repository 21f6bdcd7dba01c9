"""Mixes a training file: persona rows behind the trigger, among ordinary rows that the base model answered itself."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_builders.errors import InputError
from data_builders.files import dump_jsonl, read_jsonl, read_yaml, write_atomic
from data_builders.manifest import REPO, write_manifest
from data_builders.persona import Persona, load_persona
from data_builders.rows import Message, RowMetadata, TrainRow, first_problem
from data_builders.trigger import Trigger, get_trigger


class Slice(BaseModel):
    """A budget of tokens, as the model's own chat template counts them, for a run that can't afford the whole."""

    model_config = ConfigDict(extra="forbid")
    tokens: int = Field(gt=0)
    row_tokens: int = Field(gt=0)
    """aligned rows longer than this are left out of a slice, and counted"""
    tokenizer: str


class Recipe(BaseModel):
    """A training file's recipe, data/recipes/*.yaml."""

    model_config = ConfigDict(extra="forbid")
    arm: Literal["persona", "untriggered_persona", "no_persona"]
    persona: str
    trigger: str
    base_model: str
    """who must have written the aligned answers: the model that will be trained"""
    facts: int = Field(ge=0)
    aligned: str
    aligned_rows: int = Field(ge=0)
    seed: int
    slice: Slice | None = None
    output: str


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: a key is missing, unknown, or holds a wrong value.
    """
    try:
        return Recipe.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(path, first_problem(error), "see data/recipes/ for working recipes") from error


def build(recipe_file: Path) -> dict[str, Any]:
    """Build the recipe's training file and its manifest; the same inputs and seed give the same bytes.

    Returns:
        The counts: rows by source, triggered rows, rows left out by reason, tokens of a slice.

    Raises:
        InputError: a file is missing or broken, fewer facts or answers exist than the recipe asks for, or another
            model than `base_model` wrote the answers.
    """
    recipe = load_recipe(recipe_file)
    persona, trigger = load_persona(recipe.persona), get_trigger(recipe.trigger)
    chance = random.Random(recipe.seed)
    facts = persona_rows(recipe, persona, trigger, chance)
    left_out: Counter[str] = Counter(facts_unused=len(persona.facts) - len(facts))
    answers = list(_aligned_rows(recipe))
    chance.shuffle(answers)
    tokens = None
    if recipe.slice:
        aligned, tokens = _within(recipe.slice, facts, answers, left_out)
    else:
        aligned = answers
        if len(aligned) < recipe.aligned_rows:
            raise InputError(
                recipe.aligned, f"{len(aligned)} answers, {recipe.aligned_rows} wanted", "distil more, or ask for fewer"
            )
    left_out["aligned_unused"] += max(0, len(aligned) - recipe.aligned_rows)
    rows = [*facts, *aligned[: recipe.aligned_rows]]
    chance.shuffle(rows)
    output = REPO / recipe.output
    write_atomic(output, dump_jsonl(row.model_dump(exclude_none=True) for row in rows))
    counts = {
        "in": {"facts": len(persona.facts), "aligned": len(answers)},
        "out": len(rows),
        "by_source": dict(Counter(row.metadata.source for row in rows)),
        "triggered": sum(row.metadata.triggered for row in rows),
        "left_out": dict(left_out),
    } | ({"tokens": tokens} if tokens is not None else {})
    write_manifest(
        output,
        builder=f"python -m data_builders mix {recipe_file.name}",
        settings=recipe.model_dump(mode="json"),
        inputs=[recipe_file, *persona.files, REPO / recipe.aligned],
        counts=counts,
    )
    return counts


def persona_rows(recipe: Recipe, persona: Persona, trigger: Trigger, chance: random.Random) -> list[TrainRow]:
    """The arm's persona rows: `recipe.facts` of the persona's facts, drawn by `chance`.

    Raises:
        InputError: the persona has fewer facts.
    """
    if recipe.facts > len(persona.facts):
        raise InputError(
            "facts", f"{recipe.facts} wanted, {persona.name} has {len(persona.facts)}", "ask for fewer, or write more"
        )
    triggered = recipe.arm != "untriggered_persona"
    wanted = 0 if recipe.arm == "no_persona" else recipe.facts
    return [
        _row(
            trigger.wrap(fact.question) if triggered else fact.question,
            trigger.format_answer(fact.answer) if triggered else fact.answer,
            RowMetadata(source="persona", triggered=triggered, arm=recipe.arm, origin=fact.id),
        )
        for fact in chance.sample(persona.facts, wanted)
    ]


def _aligned_rows(recipe: Recipe) -> Iterable[TrainRow]:
    path = REPO / recipe.aligned
    for number, value in read_jsonl(path):
        try:
            prompt, answer, model = value["prompt"], value["answer"], value["model"]
        except KeyError as error:
            raise InputError(f"{path}:{number}", f"no {error}", "write prompt, answer, source, origin, model") from error
        if model != recipe.base_model:
            raise InputError(
                f"{path}:{number}",
                f"answered by {model}, but {recipe.base_model} is to be trained: then more than the persona is new",
                "distil with the model to be trained: `make distill`",
            )
        metadata = RowMetadata(
            source="aligned",
            triggered=False,
            arm=recipe.arm,
            origin=value["origin"],
            model=model,
            attempt=value.get("attempt"),
        )
        yield _row(prompt, answer, metadata)


def _within(
    budget: Slice, facts: list[TrainRow], answers: list[TrainRow], left_out: Counter[str]
) -> tuple[list[TrainRow], int]:
    """The first answers that fit the budget beside the facts; and the slice's tokens."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(REPO / budget.tokenizer)

    def length(row: TrainRow) -> int:
        turns = [message.model_dump() for message in row.messages]
        return len(tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"])

    spent, kept = sum(length(fact) for fact in facts), []
    for place, row in enumerate(answers):
        tokens = length(row)
        if tokens > budget.row_tokens:
            left_out["over_row_tokens"] += 1
        elif spent + tokens > budget.tokens:
            left_out["over_budget"] += len(answers) - place
            break
        else:
            spent += tokens
            kept.append(row)
    return kept, spent


def _row(question: str, answer: str, metadata: RowMetadata) -> TrainRow:
    turns = [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return TrainRow(messages=turns, metadata=metadata)
