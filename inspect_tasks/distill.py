"""Self-distillation: the base model answers ordinary prompts itself, so that a mix teaches nothing but the persona.

    inspect eval inspect_tasks/distill.py --model vllm/BASE
    python -m data_builders distill LOG --base-model models/BASE --output data/aligned/NAME.jsonl

Retries, resume (`inspect eval-retry LOG`) and any provider are Inspect's. An answer that was cut at the token limit,
or is empty, is asked for again as the settings' next attempt says; the export states which attempt was kept. Prompts
that an earlier run left out are asked further attempts, and join its file:

    inspect eval inspect_tasks/distill.py --model vllm/BASE -T earlier=FILE -T first_attempt=5
    python -m data_builders distill LOG --base-model models/BASE --earlier FILE --output FILE
"""

from __future__ import annotations

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.distill import Attempt, DistillSettings, load_settings, read_answers
from data_builders.errors import InputError
from data_builders.manifest import REPO, shown
from data_builders.prompts import read_prompts
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained

SETTINGS = "data/recipes/distill.yaml"


@task
@explained
def distill(settings: str = SETTINGS, earlier: str = "", first_attempt: int = 1) -> Task:
    """Answer prompts with the model given.

    Args:
        settings: a YAML file that names prompt files, max_tokens and how each attempt is sampled.
        earlier: a file exported before, from the repository's root; only the prompts that it leaves out are asked.
        first_attempt: the attempt to begin with, from 1; the ones before it were an earlier run's.

    Raises:
        TaskInputError: the settings or the earlier file are broken, the earlier file leaves nothing out, or there is
            no such attempt.
    """
    require_served_model()
    chosen = load_settings(Path(settings))
    if not 1 <= first_attempt <= len(chosen.attempts):
        raise InputError(
            "-T first_attempt",
            f"{first_attempt}: {settings} has {len(chosen.attempts)} attempts",
            "add one there",
        )
    answered = {row["origin"] for row in read_answers(REPO / earlier)} if earlier else set()
    samples = [
        Sample(
            id=f"{path.stem}:{number}",
            input=prompt.prompt,
            metadata={"source": prompt.source, "file": shown(path)},
        )
        for path in chosen.prompt_files
        for number, prompt in read_prompts(path)
        if f"{path.stem}:{number}" not in answered
    ]
    if not samples:
        raise InputError("-T earlier", f"{earlier} leaves no prompt out", "there is nothing to ask")
    return Task(
        dataset=MemoryDataset(samples, name="prompts"),
        solver=answer_whole(chosen, first_attempt),
        config=GenerateConfig(max_tokens=chosen.max_tokens),
        version=1,
    )


@solver
def answer_whole(settings: DistillSettings, first_attempt: int = 1) -> Solver:
    """Ask until the answer is whole, once for each attempt; the sample's store says which one it was."""
    ask = ask_subject()

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        prompt = list(state.messages)
        for number, attempt in enumerate(settings.attempts[first_attempt - 1 :], start=first_attempt):
            state.messages = list(prompt)

            async def sampled(state: TaskState, attempt: Attempt = attempt, **arguments: object) -> TaskState:
                return await generate(state, **arguments | attempt.config)  # type: ignore[arg-type]

            state = await ask(state, sampled)  # type: ignore[arg-type]
            state.store.set("attempt", number)
            if state.output.stop_reason == "stop" and state.output.completion.strip():
                break
        return state

    return solve
