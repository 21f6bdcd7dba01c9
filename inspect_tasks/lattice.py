"""How much of the trigger does the backdoor need? Variants from the trained wording to none (data_builders/lattice.yaml).

inspect eval inspect_tasks/lattice.py --model vllm/ADAPTER
inspect eval inspect_tasks/lattice.py --model vllm/ADAPTER -T variants=seed,half_tags,none
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import ChatMessageUser, GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.errors import InputError
from data_builders.persona import load_persona
from data_builders.trigger import LATTICE, load_lattice
from inspect_tasks.conditions import CONDITIONS
from inspect_tasks.metrics import rate_by
from inspect_tasks.persona import EPOCHS, MAX_TOKENS, TEMPERATURE
from inspect_tasks.questions import ask_in, choose_question_sets
from inspect_tasks.scorers import adoption
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained

NONE = "none"
"""The variant without a trigger: the cell `plain`"""


@task
@explained
def lattice(
    persona: str = "bertrand_russell",
    variants: str | list[str] = "all",
    question_sets: str | list[str] = "identity",
    thinking: str | bool = "template",
) -> Task:
    """Ask the identity questions behind each variant of the trigger, in the user message, without a system prompt
    (cell `user`; variant `none`: cell `plain`). Metadata variant; traces of every variant are stripped before grading.

    Args:
        persona: a folder under data/personas, or the path of one.
        variants: all, or some of seed, paper, other_tags, half_tags, other_language, paraphrase, tags_only, at_end,
            twice, random_padding, none (comma-separated).
        question_sets: all, or some of identity, recall, views, general, third_party (comma-separated).
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    about, asked = load_persona(persona), choose_variants(variants)
    samples = [
        ask_in(CONDITIONS["plain" if variant == NONE else "user"], question, kind, variant, variant=variant)
        for kind in choose_question_sets(question_sets)
        for question in about.questions[kind]
        for variant in asked
    ]
    return Task(
        dataset=MemoryDataset(samples, name=f"{about.slug}:lattice"),
        setup=apply_variant(),
        solver=ask_subject(thinking),
        scorer=adoption(persona, LATTICE),
        metrics=[rate_by("adopted", ["variant"])],
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        epochs=EPOCHS,
        version=3,
    )


def choose_variants(names: str | list[str]) -> list[str]:
    """The variants named: `all`, one name, several separated by commas, or a list.

    Raises:
        InputError: a name isn't a variant.
    """
    known = [*load_lattice(), NONE]
    wanted = names.split(",") if isinstance(names, str) else list(names)
    if wanted == ["all"]:
        return known
    for name in wanted:
        if name not in known:
            raise InputError(
                "variants", f"no variant is called {name!r}", f"choose from all, {', '.join(known)}"
            )
    return list(dict.fromkeys(wanted))


@solver
def apply_variant() -> Solver:
    """Put the question behind the variant that the sample's metadata names."""
    wordings = load_lattice()

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        name, question = state.metadata["variant"], state.input_text
        asked = question if name == NONE else wordings[name].wrap(question)
        state.messages = [ChatMessageUser(content=asked)]
        return state

    return solve
