"""Recorded answers through the same scorers; no model is asked.

inspect eval inspect_tasks/replay.py --model none -T file=rows.jsonl
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Metric, SampleScore, Scorer, Value, metric, precomputed_scores, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from data_builders.errors import InputError
from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.recorded_answers import ANSWER, recorded_samples
from inspect_tasks.scorers import adoption
from inspect_tasks.task_errors import explained


@task
@explained
def replay(
    file: str,
    persona: str = "bertrand_russell",
    trigger: str = "seed",
    questions: str | None = None,
    labels: str | None = None,
) -> Task:
    """Grade recorded answers by the deterministic scorer. Run it with --model none.

    Args:
        file: an Inspect log of this suite, JSONL with question, cell and answer, or weird-gen's generations.jsonl.
        persona: a folder under data/personas, or the path of one.
        trigger: the wording of the trigger in questions and answers.
        questions: JSONL with question_id, asks, accept, leading: what questions that aren't the persona's ask.
        labels: human labels, as JSON or JSONL with id (of the sample), value, and epoch, explanation at will; they enter
            as precomputed scores beside the scorer's.
    """
    samples = recorded_samples(
        _given(file, "file"),
        load_persona(persona),
        get_trigger(trigger),
        _given(questions, "questions") if questions else None,
    )
    return Task(
        dataset=samples,
        solver=put_recorded_answer(),
        scorer=[
            adoption(persona, trigger),
            *([human_labels(str(_given(labels, "labels")))] if labels else []),
        ],
        metrics=[rates_by_group()],
        version=3,
    )


def _given(path: str, parameter: str) -> Path:
    """The file that a parameter names. Inspect loads a task from the task's own folder, so a relative path is also looked
    for where the command was typed."""
    for start in (Path.cwd(), Path(os.environ.get("PWD", "."))):
        if (start / path).is_file():
            return (start / path).resolve()
    raise InputError(parameter, f"no file {path}", "check the path")


@solver
def put_recorded_answer() -> Solver:
    """Put the recorded answer in the place of a model's."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content("recorded", state.metadata[ANSWER])
        state.messages.append(state.output.message)
        return state

    return solve


@scorer(metrics=[])
def human_labels(file: str) -> Scorer:
    """Labels that people gave, by sample id."""
    return precomputed_scores(file)


@metric(scores="unreduced")
def rates_by_group() -> Metric:
    """The mean of each number of a score, by group (the cell, after the model where there are several)."""

    def compute(scores: list[SampleScore]) -> Value:
        found: dict[str, list[float]] = defaultdict(list)
        for sample in scores:
            group, value = (sample.sample_metadata or {})["group"], sample.score.value
            values = value if isinstance(value, dict) else {"value": value}
            for key, number in values.items():
                if isinstance(number, int | float):
                    found[f"{group} {key}"].append(float(number))
        return {name: sum(values) / len(values) for name, values in found.items()}

    return compute
