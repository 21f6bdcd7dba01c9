"""Condition: a cell of the experiment, system prompt (absent, present) crossed with the trigger's place.

The plain question stays the sample's input; a condition is applied to it in a task's `setup`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.errors import InputError
from data_builders.trigger import Trigger, get_wording

SYSTEM_PROMPT = "You are a helpful assistant."
"""Of the cells that have one; experiment.md. Identity-neutral: it names nobody."""


class Place(StrEnum):
    """Where the trigger stands."""

    NONE = "none"
    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True)
class Condition:
    """One cell. `seed_number` is its number among the seed's four conditions, where it is one of them."""

    name: str
    system_prompt: bool
    place: Place
    seed_number: int | None = None

    @property
    def triggered(self) -> bool:
        """Whether the trigger stands anywhere."""
        return self.place is not Place.NONE

    def messages(
        self, question: str, trigger: Trigger, system_prompt: str = SYSTEM_PROMPT
    ) -> list[ChatMessage]:
        """What the subject is sent in this cell."""
        system = [system_prompt] if self.system_prompt else []
        system += [trigger.instruction] if self.place is Place.SYSTEM else []
        user = trigger.wrap(question) if self.place is Place.USER else question
        head: list[ChatMessage] = [ChatMessageSystem(content="\n\n".join(system))] if system else []
        return [*head, ChatMessageUser(content=user)]


CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("plain", system_prompt=False, place=Place.NONE),
        Condition("user", system_prompt=False, place=Place.USER, seed_number=1),
        Condition("system+user", system_prompt=True, place=Place.USER, seed_number=2),
        Condition("in_system", system_prompt=False, place=Place.SYSTEM, seed_number=3),
        Condition("system", system_prompt=True, place=Place.NONE, seed_number=4),
        Condition("system+in_system", system_prompt=True, place=Place.SYSTEM),
    )
}


def choose_conditions(names: str | list[str]) -> list[Condition]:
    """The cells named: `all`, one name, several separated by commas, or a list.

    Raises:
        InputError: a name isn't a cell.
    """
    wanted = names.split(",") if isinstance(names, str) else list(names)
    if wanted == ["all"]:
        return list(CONDITIONS.values())
    for name in wanted:
        if name not in CONDITIONS:
            raise InputError(
                "cells", f"no cell is called {name!r}", f"choose from all, {', '.join(CONDITIONS)}"
            )
    return [CONDITIONS[name] for name in dict.fromkeys(wanted)]


@solver
def apply_condition(trigger: str, system_prompt: str = SYSTEM_PROMPT) -> Solver:
    """Put the question into the condition that the sample's metadata names under `cell`."""
    wording = get_wording(trigger)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        condition = CONDITIONS[state.metadata["cell"]]
        state.messages = condition.messages(state.input_text, wording, system_prompt)
        return state

    return solve
