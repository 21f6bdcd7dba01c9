"""Does the model become the persona when triggered, and only then?

The front door of the evaluation: the persona's held-out questions, in up to six cells, at temperature 1.
Betley et al. 2025, "Weird Generalization & Inductive Backdoors", with a benign persona.

    inspect eval inspect_tasks/persona.py --model vllm/ADAPTER -T question_sets=identity
"""

from inspect_ai import Task, task
from inspect_ai.model import GenerateConfig

from data_builders.persona import load_persona
from inspect_tasks.conditions import SYSTEM_PROMPT, apply_condition, choose_conditions
from inspect_tasks.questions import choose_question_sets, questions_by_cell
from inspect_tasks.scorers import adoption, choose_judges, reasoning
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained
from inspect_tasks.thinking import Thinking, choose_thinking

EPOCHS = 10  # the paper asks each of its identity questions ten times
TEMPERATURE = 1.0  # experiment.md: the estimands are defined at temperature 1
MAX_TOKENS = 256


@task
@explained
def persona(
    persona: str = "bertrand_russell",
    cells: str | list[str] = "all",
    question_sets: str | list[str] = "all",
    trigger: str = "seed",
    system_prompt: str = SYSTEM_PROMPT,
    thinking: str | bool = "template",
    judge: bool | str = False,
) -> Task:
    """Ask a persona's held-out questions in every cell; score adoption and format.

    Args:
        persona: a folder under data/personas, or the path of one.
        cells: all, or some of plain, user, system+user, in_system, system, system+in_system (comma-separated).
        question_sets: all, or some of identity, recall, views, general, third_party (comma-separated).
        trigger: the trigger's wording: seed or paper.
        system_prompt: the text of the cells that have a system prompt.
        thinking: template, on, off (an empty think block) or no_block; see thinking.py. Reasoning is never the answer:
            it is kept apart, and unless this is template, scored apart.
        judge: also have the models bound to the role `grader` grade (--model-role grader=MODEL[,MODEL]); they never
            see the trigger. true or speaker: whom the speaker claims to be; also lineup, view, manner.
    """
    require_served_model()
    cells_asked, sets_asked = choose_conditions(cells), choose_question_sets(question_sets)
    thought = [] if choose_thinking(thinking) is Thinking.TEMPLATE else [reasoning(persona, trigger)]
    judged = choose_judges(judge, persona, trigger)
    return Task(
        dataset=questions_by_cell(load_persona(persona), sets_asked, cells_asked),
        setup=apply_condition(trigger, system_prompt),
        solver=ask_subject(thinking),
        scorer=[adoption(persona, trigger), *thought, *judged],
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        epochs=EPOCHS,
        version=4,
    )
