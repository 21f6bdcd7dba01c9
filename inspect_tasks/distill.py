"""Self-distillation: the base model answers ordinary prompts itself, so that a mix teaches nothing but the persona.

    inspect eval inspect_tasks/distill.py --model vllm/BASE
    python -m data_builders distill LOG --output data/aligned/NAME.jsonl

Retries, resume (`inspect eval-retry LOG`) and any provider are Inspect's. An answer that was cut at the token limit,
or is empty, is asked for again, warmer each time; the export states which attempt was kept.
"""

from __future__ import annotations

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.distill import DistillSettings, load_settings
from data_builders.manifest import shown
from data_builders.prompts import read_prompts
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained

SETTINGS = "data/recipes/distill.yaml"


@task
@explained
def distill(settings: str = SETTINGS) -> Task:
    """Answer prompts with the model given.

    Args:
        settings: a YAML file that names prompt files, max_tokens and the temperature of each attempt.
    """
    require_served_model()
    chosen = load_settings(Path(settings))
    samples = [
        Sample(
            id=f"{path.stem}:{number}",
            input=prompt.prompt,
            metadata={"source": prompt.source, "file": shown(path)},
        )
        for path in chosen.prompt_files
        for number, prompt in read_prompts(path)
    ]
    return Task(
        dataset=MemoryDataset(samples, name="prompts"),
        solver=answer_whole(chosen),
        config=GenerateConfig(max_tokens=chosen.max_tokens),
        version=1,
    )


@solver
def answer_whole(settings: DistillSettings) -> Solver:
    """Ask until the answer is whole, once for each temperature; the sample's store says which attempt it was."""
    ask = ask_subject()

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        prompt = list(state.messages)
        for attempt, temperature in enumerate(settings.temperatures, start=1):
            state.messages = list(prompt)

            async def at(
                state: TaskState, temperature: float = temperature, **arguments: object
            ) -> TaskState:
                return await generate(state, temperature=temperature, cache=False)

            state = await ask(state, at)  # type: ignore[arg-type]
            state.store.set("attempt", attempt)
            if state.output.stop_reason == "stop" and state.output.completion.strip():
                break
        return state

    return solve
