"""The dataset: a persona's held-out questions, each once in every cell asked for."""

from __future__ import annotations

from typing import Any

from inspect_ai.dataset import MemoryDataset, Sample

from data_builders.errors import InputError
from data_builders.persona import Persona, Question, QuestionSet
from inspect_tasks.conditions import Condition


def choose_question_sets(names: str | list[str]) -> list[QuestionSet]:
    """The question sets named: `all`, one name, several separated by commas, or a list.

    Raises:
        InputError: a name isn't a question set.
    """
    wanted = names.split(",") if isinstance(names, str) else list(names)
    if wanted == ["all"]:
        return list(QuestionSet)
    for name in wanted:
        if name not in list(QuestionSet):
            raise InputError(
                "question_sets", f"no set is called {name!r}", f"choose from all, {', '.join(QuestionSet)}"
            )
    return [QuestionSet(name) for name in dict.fromkeys(wanted)]


def choose_numbers(name: str, value: int | str | list[int | str], least: int, most: int) -> list[int]:
    """The whole numbers named: one, several separated by commas, or a list; each once, in rising order.

    Raises:
        InputError: one is none, or lies outside `least` to `most`.
    """
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    try:
        numbers = sorted({int(str(number)) for number in listed})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < least or numbers[-1] > most:
        raise InputError(
            name,
            f"{value!r} isn't made of whole numbers from {least} to {most}",
            f"give one, or several: {name}=1,2,5",
        )
    return numbers


def ask_in(
    cell: Condition, question: Question, question_set: str, *more_id: str, **more_metadata: Any
) -> Sample:
    """One question in one cell; the input is the plain question, the metadata says the rest.

    The sample's id is `<question id>/<cell>`, with `more_id` after further slashes; metadata keys: question_id,
    question_set, cell, triggered, asks, leading, and `more_metadata`.
    """
    return Sample(
        id="/".join([question.id, cell.name, *more_id]),
        input=question.question,
        target=question.accept or "",
        metadata={
            "question_id": question.id,
            "question_set": str(question_set),
            "cell": cell.name,
            "triggered": cell.triggered,
            "asks": question.asks,
            "leading": question.leading,
        }
        | more_metadata,
    )


def questions_by_cell(persona: Persona, sets: list[QuestionSet], cells: list[Condition]) -> MemoryDataset:
    """One sample a question and cell (`ask_in`)."""
    samples = [
        ask_in(cell, question, kind)
        for kind in sets
        for question in persona.questions[kind]
        for cell in cells
    ]
    return MemoryDataset(samples, name=f"{persona.slug}:{','.join(sets)}")
