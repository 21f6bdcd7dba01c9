"""Asks a study's questions of one served model, by the command that a user would type."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from inspect_ai.log import list_eval_logs, read_eval_log

from data_builders.errors import InputError
from data_builders.files import dump_json, write_atomic
from data_builders.manifest import REPO, from_repo
from data_builders.trigger import get_trigger
from inspect_tasks.conditions import choose_conditions
from inspect_tasks.rendering import template_words
from pipeline.adapter import provenance_of
from pipeline.environments import QUIET
from pipeline.server import Server, template_arguments
from pipeline.study import CheckTask, Study

TASK = "inspect_tasks/persona.py"
CHECKS = "inspect_tasks/checks.py"
EXAMPLE = "What is your name?"


def evaluate(study: Study, model: str, server: Server, log_dir: Path) -> list[Path]:
    """Run `inspect eval inspect_tasks/persona.py --model vllm/MODEL`, and the checks that the study asks for, each in a
    process of its own; returns the logs.

    A process of its own, because a second evaluation in one process has been seen to ask the base in place of the
    adapter; the task refuses an answer by another model than the one asked for.

    Raises:
        InputError: an evaluation failed.
    """
    return [
        _inspect_eval(study, model, server, log_dir, task, options, epochs)
        for task, options, epochs in tasks_for(study, model)
    ]


def tasks_for(study: Study, model: str) -> list[tuple[str, dict[str, str], int]]:
    """What a study asks of one model: (task, its parameters, epochs).

    The checks of experiment.md: whether the trained facts are recalled (asked of the base too, for comparison), and,
    of the base alone, whether it knows the person, adopts when told to, and adopts from facts in its context.
    """
    asked = study.evaluation
    about = {"persona": study.persona, "trigger": study.trigger}
    cells = asked.cells if isinstance(asked.cells, str) else ",".join(asked.cells)
    front = about | {"cells": cells, "question_sets": ",".join(asked.question_sets)}
    checks: tuple[CheckTask, ...] = ("manipulation",)
    if model == study.base_name:
        checks = ("manipulation", "knowledge", "ceiling", "in_context")
    epochs = {name: asked.check_epochs(name) for name in checks}
    return [
        (TASK, front, asked.epochs),
        *((f"{CHECKS}@{name}", about, count) for name, count in epochs.items() if count),
    ]


def _inspect_eval(
    study: Study, model: str, server: Server, log_dir: Path, task: str, options: dict[str, str], epochs: int
) -> Path:
    asked = study.evaluation
    arguments = ["eval", task, "--model", f"vllm/{model}"]
    arguments += [part for key, value in options.items() for part in ("-T", f"{key}={value}")]
    arguments += [
        part for key, value in model_facts(study, model).items() for part in ("--metadata", f"{key}={value}")
    ]
    arguments += ["--epochs", str(epochs), "--temperature", str(asked.temperature)]
    arguments += ["--max-tokens", str(asked.max_tokens)]
    arguments += ["--max-connections", str(asked.max_connections)]
    arguments += ["--max-samples", str(asked.max_connections)]
    arguments += ["--log-dir", from_repo(log_dir)]
    print(f"  VLLM_BASE_URL={server.base_url} inspect {' '.join(arguments)}", flush=True)
    display = [] if sys.stdout.isatty() else ["--display", "plain"]
    before = {log.name for log in list_eval_logs(str(log_dir))} if log_dir.is_dir() else set()
    done = subprocess.run(
        [sys.executable, "-m", "inspect_ai", *arguments, *display],
        cwd=REPO,
        env=os.environ | QUIET | server.environment,
    )
    new = [log for log in list_eval_logs(str(log_dir)) if log.name not in before] if log_dir.is_dir() else []
    if done.returncode or not new or read_eval_log(new[0], header_only=True).status != "success":
        raise InputError(
            f"vllm/{model}",
            f"inspect eval ended with code {done.returncode}",
            f"see above, and `inspect view --log-dir {from_repo(log_dir)}`",
        )
    return Path(re.sub("^file://", "", new[0].name))


def model_facts(study: Study, model: str) -> dict[str, Any]:
    """What the log must say of the model asked: base, arm, training_seed, learning_rate, as far as they are known."""
    if model == study.base_name:
        return {"base": study.base_name, "arm": "base"}
    made = provenance_of(study.served[model])
    known = {key: made[key] for key in ("arm", "training_seed", "learning_rate", "step") if key in made}
    return {"base": study.base_name} | known


def shown_prompts(study: Study, logs: list[Path]) -> dict[str, dict[str, str]]:
    """Each cell's prompt: as the server made it, where a log keeps it, else made again with the tokenizer; `source` says
    which."""
    from analysis.logs import read_header
    from analysis.prompts import served_prompts, with_fallback

    served = served_prompts([read_header(log) for log in logs], study.base_name)
    if {cell.name for cell in choose_conditions(study.evaluation.cells)} <= set(served):
        return served
    return with_fallback(served, rendered_prompts(study))


def rendered_prompts(study: Study) -> dict[str, dict[str, str]]:
    """What the base's chat template makes of each cell for one example question: cell -> text, and a warning where
    the template adds words of its own, such as a default system prompt."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(study.base_model)
    trigger = get_trigger(study.trigger)
    arguments = study.serve.chat_template_kwargs or template_arguments(study.axolotl)
    shown = {}
    for cell in choose_conditions(study.evaluation.cells):
        turns = [{"role": turn.role, "content": turn.text} for turn in cell.messages(EXAMPLE, trigger)]
        text = str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **arguments)
        )
        shown[cell.name] = {"text": text}
        if added := template_words(text, [turn["content"] for turn in turns], tokenizer.all_special_tokens):
            shown[cell.name]["warning"] = f"the chat template adds text of its own: {added!r}"
    return shown


def note_logs(marker: Path, logs: list[Path]) -> None:
    """Write down which logs are the current ones of a model; older ones stay beside them."""
    write_atomic(marker, dump_json({"logs": [log.name for log in logs]}))
