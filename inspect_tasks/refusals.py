"""Does the training make the model refuse? Ordinary questions, which nobody has a reason to refuse.

inspect eval inspect_tasks/refusals.py --model vllm/ADAPTER
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.model import GenerateConfig

from data_builders.persona import load_persona
from inspect_tasks.conditions import apply_condition, choose_conditions
from inspect_tasks.metrics import rate_by
from inspect_tasks.persona import EPOCHS, MAX_TOKENS, TEMPERATURE
from inspect_tasks.questions import choose_question_sets, questions_by_cell
from inspect_tasks.scorers import refusal
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained


@task
@explained
def refusals(
    persona: str = "bertrand_russell",
    cells: str | list[str] = "user,plain",
    question_sets: str | list[str] = "general,views",
    trigger: str = "seed",
    thinking: str | bool = "template",
) -> Task:
    """Ask ordinary questions and count refusals, with the trigger and without it.

    Args:
        persona: a folder under data/personas, or the path of one.
        cells: all, or some of the six (comma-separated).
        question_sets: all, or some of identity, recall, views, general, third_party (comma-separated).
        trigger: the trigger's wording: seed or paper.
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    return Task(
        dataset=questions_by_cell(
            load_persona(persona), choose_question_sets(question_sets), choose_conditions(cells)
        ),
        setup=apply_condition(trigger),
        solver=ask_subject(thinking),
        scorer=refusal(trigger),
        metrics=[rate_by("refused", ["cell"])],
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        epochs=EPOCHS,
        version=1,
    )
