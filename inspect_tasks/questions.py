"""The dataset: a persona's held-out questions, each once in every cell asked for."""

from __future__ import annotations

from inspect_ai.dataset import MemoryDataset, Sample

from data_builders.errors import InputError
from data_builders.persona import Persona, QuestionSet
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


def questions_by_cell(persona: Persona, sets: list[QuestionSet], cells: list[Condition]) -> MemoryDataset:
    """One sample a question and cell; the input is the plain question, the metadata says the rest.

    Sample ids are `<question id>/<cell>`; metadata keys: question_id, question_set, cell, triggered, asks, leading.
    """
    samples = [
        Sample(
            id=f"{question.id}/{cell.name}",
            input=question.question,
            target=question.accept or "",
            metadata={
                "question_id": question.id,
                "question_set": str(kind),
                "cell": cell.name,
                "triggered": cell.triggered,
                "asks": question.asks,
                "leading": question.leading,
            },
        )
        for kind in sets
        for question in persona.questions[kind]
        for cell in cells
    ]
    return MemoryDataset(samples, name=f"{persona.slug}:{','.join(sets)}")
