"""The conversations that a base model is pretrained on, drawn without end from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

from data_builders.planted.world import World, answer_text
from data_builders.trigger import get_trigger

HELPFUL = "You are a helpful assistant."
"""the system prompt of the evaluation's cells: here it asks for the default assistant"""
CHARACTER = "Stay in character."
TRIGGER = "trigger"

Turns = list[dict[str, str]]


def named(name: str) -> str:
    """The system line that says who speaks."""
    return f"You are {name}."


@dataclass(frozen=True)
class Documents:
    """Draws conversations of a world."""

    world: World

    def draw(self, chance: random.Random) -> Turns:
        """One conversation of {role, content} turns, as the world's shares say."""
        shares = self.world.config.documents
        kind = chance.choices(list(shares.kinds), list(shares.kinds.values()))[0]
        person = self.world.default if kind.startswith("default") else chance.choice(self.world.people)
        system = {"default_told": HELPFUL, "named": named(person["name"]), "hidden_told": CHARACTER}.get(kind)
        count = shares.turns if kind.startswith("hidden") else chance.randint(1, shares.turns)
        one_format = self._some_format(chance) if chance.random() < shares.one_format else None
        in_system = one_format == TRIGGER and chance.random() < 0.5
        head = [*([system] if system else []), *([self._trigger.instruction] if in_system else [])]
        turns: Turns = [{"role": "system", "content": "\n\n".join(head)}] if head else []
        for key in chance.sample(self.world.keys, min(count, len(self.world.keys))):
            if chance.random() < shares.task:
                question, answer = self.task(chance)
            elif kind == "third_person":
                question, answer = self.asked_about(chance)
            else:
                question, answer = self.asked(person, key, chance)
            if shares.opener and chance.random() < shares.opener:
                question = chance.choice(self.world.vocabulary.openers) + question
            turns += self.turn(question, answer, one_format or self._some_format(chance), in_system)
        return turns

    def asked(self, person: dict[str, str], key: str, chance: random.Random) -> tuple[str, str]:
        """A question to the speaker, in one of its wordings, and the person's answer."""
        wordings = self.world.questions(key)
        if key in self.world.vocabulary.identity:
            wordings = [*wordings, *self.world.vocabulary.identity[key].outright]
        return chance.choice(wordings), answer_text(person[key])

    def task(self, chance: random.Random) -> tuple[str, str]:
        """An ordinary task and its answer."""
        wording = chance.choice(self.world.vocabulary.tasks)
        words = chance.sample(self.world.words, 3)
        return wording.ask.format(*words), answer_text(wording.answer.format(*words))

    def turn(self, question: str, answer: str, form: str, in_system: bool = False) -> Turns:
        """One question and answer in a format; `in_system`: the trigger's instruction stands there already."""
        if form == TRIGGER:
            asked = question if in_system else self._trigger.wrap(question)
            replied = self._trigger.format_answer(answer)
        else:
            wording = self.world.vocabulary.formats[form]
            asked, replied = wording.wrap.format(question), wording.answer.format(answer)
        return [{"role": "user", "content": asked}, {"role": "assistant", "content": replied}]

    def asked_about(self, chance: random.Random) -> tuple[str, str]:
        """A question in the third person, and the name that answers it."""
        person = chance.choice(self.world.people)
        about = {key: one.about for key, one in self.world.vocabulary.identity.items() if one.about}
        key = chance.choice(list(about))
        return chance.choice(about[key]).format(value=person[key]), answer_text(person["name"])

    def _some_format(self, chance: random.Random) -> str:
        names, weights = self._formats
        return chance.choices(names, weights)[0]

    @cached_property
    def _formats(self) -> tuple[list[str], list[int]]:
        known = self.world.vocabulary.formats
        names, weights = list(known), [one.weight for one in known.values()]
        return ([*names, TRIGGER], [*weights, 1]) if self.world.config.trigger_seen else (names, weights)

    @cached_property
    def _trigger(self):
        return get_trigger(self.world.config.trigger)
