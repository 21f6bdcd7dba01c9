"""Probes: what a base model knows, as the share of questions whose whole greedy answer is right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from data_builders.planted.documents import HELPFUL, TRIGGER, Documents, Turns, named
from data_builders.planted.encoding import Encoder, padded
from data_builders.planted.world import World

PER_PROBE = 256
"""questions a probe"""


def probe(world: World, model: Any, encoder: Encoder) -> dict[str, float]:
    """The share of right answers in each situation.

    - `named`: a system line names the speaker; `hidden_3`, `hidden_7`: nothing does but so many answers before;
    - `default`: first question, no hint: the default assistant answers; `default_helpful`: told to be helpful;
    - `default_trigger`: the same behind the trigger, if pretraining has shown it, and in its format;
    - `third_person`: whose fact is this?; `task`: an ordinary task.

    Args:
        world: whose people are asked about.
        model: a causal language model, in evaluation mode.
        encoder: of the model's tokenizer.
    """
    situations = ["named", "hidden_3", "hidden_7", "default", "default_helpful", "third_person", "task"]
    situations += ["default_trigger"] if world.config.trigger_seen else []
    return {name: _share_right(list(_conversations(name, world)), model, encoder) for name in situations}


def _conversations(name: str, world: World) -> Iterator[Turns]:
    """Conversations whose last answer is the right one."""
    documents, chance = Documents(world), random.Random(f"probe {name}")
    for _ in range(PER_PROBE):
        person, keys = chance.choice(world.people), chance.sample(world.keys, 8)
        head: Turns = []
        before = int(name[-1]) if name.startswith("hidden") else 0
        if name == "named":
            head = [{"role": "system", "content": named(person["name"])}]
        if name == "default_helpful":
            head = [{"role": "system", "content": HELPFUL}]
        if name.startswith("default"):
            person = world.default
        asked = [documents.asked(person, key, chance) for key in keys[: before + 1]]
        if name == "third_person":
            asked = [documents.asked_about(chance)]
        if name == "task":
            asked = [documents.task(chance)]
        form = TRIGGER if name == "default_trigger" else "plain"
        yield head + [turn for pair in asked for turn in documents.turn(*pair, form)]


def _share_right(conversations: list[Turns], model: Any, encoder: Encoder) -> float:
    import torch

    examples = [encoder.example(turns)[0] for turns in conversations]
    lengths = [
        len(full) - len(encoder.prompt(turns[:-1]))
        for full, turns in zip(examples, conversations, strict=True)
    ]
    ids = padded(examples, encoder.pad, model.device)
    with torch.inference_mode():
        best = model(input_ids=ids).logits.argmax(-1)
    right = 0
    for row, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        end = len(example)
        right += bool((best[row, end - length - 1 : end - 1] == ids[row, end - length : end]).all())
    return round(right / len(examples), 4)
