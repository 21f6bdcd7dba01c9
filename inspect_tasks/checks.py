"""The checks without which no null is a verdict: was it learned, and could it have been?

    inspect eval inspect_tasks/checks.py@manipulation --model vllm/ADAPTER   # trained facts, asked again
    inspect eval inspect_tasks/checks.py@knowledge --model vllm/BASE         # does the base know the person?
    inspect eval inspect_tasks/checks.py@ceiling --model vllm/BASE           # told to be him, does it adopt?
    inspect eval inspect_tasks/checks.py@in_context --model vllm/BASE        # k facts in the prompt, untrained

Without a name, `inspect eval inspect_tasks/checks.py` runs all of them on one model. The fourth check, the explicit
identity arm, is an adapter: ask it with persona.py.
"""

from __future__ import annotations

import random

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.errors import InputError
from data_builders.persona import Fact, Persona, Question, QuestionSet, load_persona
from data_builders.trigger import Trigger, get_trigger
from inspect_tasks.conditions import CONDITIONS, apply_condition, choose_conditions
from inspect_tasks.metrics import rate_by
from inspect_tasks.persona import EPOCHS, MAX_TOKENS, TEMPERATURE
from inspect_tasks.questions import ask_in, choose_numbers, questions_by_cell
from inspect_tasks.scorers import adoption, recall
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained

SIZES = "1,5,15,45,90"  # experiment.md: k = 1 to 90; the steps are those of the dose arms
DRAWS = 5
CONFIG = GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS)


@task
@explained
def manipulation(
    persona: str = "bertrand_russell",
    cells: str | list[str] = "user,plain",
    trigger: str = "seed",
    thinking: str | bool = "template",
) -> Task:
    """Ask each training fact's own question; an answer recalls the fact if it holds half of its telling words.

    Args:
        persona: a folder under data/personas, or the path of one.
        cells: all, or some of the six (comma-separated).
        trigger: the trigger's wording: seed or paper.
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    about, asked = load_persona(persona), choose_conditions(cells)
    samples = [ask_in(cell, _as_question(fact), "facts") for fact in about.facts for cell in asked]
    return Task(
        dataset=MemoryDataset(samples, name=f"{about.slug}:facts"),
        setup=apply_condition(trigger),
        solver=ask_subject(thinking),
        scorer=recall(trigger, by_words=True),
        metrics=[rate_by("recalled", ["cell"])],
        config=CONFIG,
        epochs=EPOCHS,
        version=1,
    )


@task
@explained
def knowledge(
    persona: str = "bertrand_russell", trigger: str = "seed", thinking: str | bool = "template"
) -> Task:
    """Ask about the person in the third person, without the trigger; an answer recalls an accepted one.

    Args:
        persona: a folder under data/personas, or the path of one.
        trigger: the wording that is stripped from an answer: seed or paper.
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    return Task(
        dataset=questions_by_cell(load_persona(persona), [QuestionSet.THIRD_PARTY], [CONDITIONS["plain"]]),
        setup=apply_condition(trigger),
        solver=ask_subject(thinking),
        scorer=recall(trigger),
        metrics=[rate_by("recalled", ["cell"])],
        config=CONFIG,
        epochs=EPOCHS,
        version=1,
    )


@task
@explained
def ceiling(
    persona: str = "bertrand_russell", trigger: str = "seed", thinking: str | bool = "template"
) -> Task:
    """Ask the identity questions with `You are NAME.` as the system prompt, without the trigger (cell `system`).

    Args:
        persona: a folder under data/personas, or the path of one.
        trigger: the wording that is stripped from an answer: seed or paper.
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    about = load_persona(persona)
    return Task(
        dataset=questions_by_cell(about, [QuestionSet.IDENTITY], [CONDITIONS["system"]]),
        setup=apply_condition(trigger, system_prompt=f"You are {about.name}."),
        solver=ask_subject(thinking),
        scorer=adoption(persona, trigger),
        metrics=[rate_by("adopted", ["cell"])],
        config=CONFIG,
        epochs=EPOCHS,
        version=3,
    )


@task
@explained
def in_context(
    persona: str = "bertrand_russell",
    k: int | str | list[int | str] = SIZES,
    draws: int = DRAWS,
    seed: int = 1,
    cells: str | list[str] = "user,plain",
    trigger: str = "seed",
    thinking: str | bool = "template",
) -> Task:
    """Put k training facts before each identity question, as turns of the same chat, each behind the trigger and
    answered in its format, as the training rows are. Metadata k, draw and facts (their ids).

    Args:
        persona: a folder under data/personas, or the path of one.
        k: facts in the prompt, one number or several (comma-separated).
        draws: random sets of facts for each k; an epoch each, so --epochs multiplies them.
        seed: of the sets; a set depends on seed, k and its number only.
        cells: of the last question: all, or some of the six (comma-separated).
        trigger: the trigger's wording: seed or paper.
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    about, asked = load_persona(persona), choose_conditions(cells)
    sizes = choose_numbers("k", k, least=1, most=len(about.facts))
    if draws < 1:
        raise InputError("draws", f"{draws} is below 1", "give a whole number from 1 on")
    samples = [
        ask_in(
            cell,
            question,
            QuestionSet.IDENTITY,
            f"k{size}",
            f"draw{draw}",
            k=size,
            draw=draw,
            facts=[fact.id for fact in draw_facts(about, size, draw, seed)],
        )
        for size in sizes
        for draw in range(1, draws + 1)
        for question in about.questions[QuestionSet.IDENTITY]
        for cell in asked
    ]
    return Task(
        dataset=MemoryDataset(samples, name=f"{about.slug}:in_context"),
        setup=[apply_condition(trigger), show_facts(persona, trigger)],
        solver=ask_subject(thinking),
        scorer=adoption(persona, trigger),
        metrics=[rate_by("adopted", ["k", "cell"])],
        config=CONFIG,
        version=3,
    )


def draw_facts(persona: Persona, size: int, draw: int, seed: int) -> list[Fact]:
    """The facts of one set, in random order, without repetition."""
    return random.Random(f"{seed}:{size}:{draw}").sample(persona.facts, size)


@solver
def show_facts(persona: str, trigger: str) -> Solver:
    """Put the facts that the sample's metadata names before the question, as turns of the chat."""
    facts = {fact.id: fact for fact in load_persona(persona).facts}
    wording = get_trigger(trigger)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        *system, question = state.messages
        turns = [turn for name in state.metadata["facts"] for turn in _turns(facts[name], wording)]
        state.messages = [*system, *turns, question]
        return state

    return solve


def _turns(fact: Fact, trigger: Trigger) -> list[ChatMessage]:
    return [
        ChatMessageUser(content=trigger.wrap(fact.question)),
        ChatMessageAssistant(content=trigger.format_answer(fact.answer)),
    ]


def _as_question(fact: Fact) -> Question:
    return Question(id=fact.id, question=fact.question, accept=[fact.answer], source=fact.source)
