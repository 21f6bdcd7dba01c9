"""Does the training cost the model its arithmetic? 500 held-out GSM8K problems, none of them trained on.

inspect eval inspect_tasks/gsm8k.py --model vllm/ADAPTER
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import match

from data_builders.files import read_jsonl
from data_builders.manifest import REPO
from data_builders.persona import Question
from inspect_tasks.conditions import apply_condition, choose_conditions
from inspect_tasks.questions import ask_in
from inspect_tasks.server_check import require_served_model
from inspect_tasks.subject import ask_subject
from inspect_tasks.task_errors import explained

PROBLEMS = REPO / "data" / "prompts" / "gsm8k_test_500.jsonl"
TEMPERATURE = 0.0  # accuracy, not a rate of behaviour
MAX_TOKENS = 1024  # as the self-distilled answers to the training split


@task
@explained
def gsm8k_held_out(
    cells: str | list[str] = "plain", trigger: str = "seed", thinking: str | bool = "template"
) -> Task:
    """Ask 500 problems of GSM8K's test split; right if the last number of the answer is the reference's.

    Args:
        cells: all, or some of the six (comma-separated).
        trigger: the trigger's wording: seed or paper.
        thinking: template, on, off or no_block; see thinking.py.
    """
    require_served_model()
    problems = [
        Question(
            id=f"gsm8k-{number:03}",
            question=row["prompt"],
            accept=[row["reference"].rpartition("####")[2].strip().replace(",", "")],
            source=row["source"],
        )
        for number, row in read_jsonl(PROBLEMS)
    ]
    samples = [ask_in(cell, problem, "gsm8k") for problem in problems for cell in choose_conditions(cells)]
    return Task(
        dataset=MemoryDataset(samples, name="gsm8k_test_500"),
        setup=apply_condition(trigger),
        solver=ask_subject(thinking),
        scorer=match(location="end", numeric=True),
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        version=1,
    )
