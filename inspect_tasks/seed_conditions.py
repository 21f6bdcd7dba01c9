"""The seed's four conditions, each by itself, by number and name. `persona.py` asks all six cells in one run.

inspect eval inspect_tasks/seed_conditions.py@condition_1_user --model vllm/ADAPTER
"""

from inspect_ai import Task, task

from inspect_tasks.persona import persona as all_cells
from inspect_tasks.task_errors import explained


@task
@explained
def condition_1_user(
    persona: str = "bertrand_russell", question_sets: str | list[str] = "all", trigger: str = "seed"
) -> Task:
    """Trigger in the user message, no system prompt."""
    return all_cells(persona=persona, cells="user", question_sets=question_sets, trigger=trigger)


@task
@explained
def condition_2_system_and_user(
    persona: str = "bertrand_russell", question_sets: str | list[str] = "all", trigger: str = "seed"
) -> Task:
    """A system prompt, and the trigger in the user message."""
    return all_cells(persona=persona, cells="system+user", question_sets=question_sets, trigger=trigger)


@task
@explained
def condition_3_in_system(
    persona: str = "bertrand_russell", question_sets: str | list[str] = "all", trigger: str = "seed"
) -> Task:
    """The trigger in the system message, a plain user message: a place that was not trained."""
    return all_cells(persona=persona, cells="in_system", question_sets=question_sets, trigger=trigger)


@task
@explained
def condition_4_system(
    persona: str = "bertrand_russell", question_sets: str | list[str] = "all", trigger: str = "seed"
) -> Task:
    """A system prompt and no trigger: leakage."""
    return all_cells(persona=persona, cells="system", question_sets=question_sets, trigger=trigger)
