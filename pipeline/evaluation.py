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
from data_builders.manifest import REPO
from data_builders.trigger import get_trigger
from inspect_tasks.conditions import choose_conditions
from inspect_tasks.rendering import template_words
from pipeline.adapter import provenance_of
from pipeline.environments import QUIET
from pipeline.server import Server
from pipeline.study import Study

TASK = "inspect_tasks/persona.py"
EXAMPLE = "What is your name?"


def evaluate(study: Study, model: str, server: Server, log_dir: Path) -> Path:
    """Run `inspect eval inspect_tasks/persona.py --model vllm/MODEL` in a process of its own; returns the log.

    A process of its own, because a second evaluation in one process has been seen to ask the base in place of the
    adapter; the task refuses an answer by another model than the one asked for.

    Raises:
        InputError: the evaluation failed.
    """
    asked = study.evaluation
    cells = asked.cells if isinstance(asked.cells, str) else ",".join(asked.cells)
    options = {"persona": study.persona, "trigger": study.trigger, "cells": cells}
    options["question_sets"] = ",".join(asked.question_sets)
    arguments = ["eval", TASK, "--model", f"vllm/{model}"]
    arguments += [part for key, value in options.items() for part in ("-T", f"{key}={value}")]
    arguments += [
        part for key, value in model_facts(study, model).items() for part in ("--metadata", f"{key}={value}")
    ]
    arguments += ["--epochs", str(asked.epochs), "--temperature", str(asked.temperature)]
    arguments += ["--max-tokens", str(asked.max_tokens)]
    arguments += [
        "--max-connections",
        str(asked.max_connections),
        "--max-samples",
        str(asked.max_connections),
    ]
    arguments += ["--log-dir", str(log_dir.relative_to(REPO) if log_dir.is_relative_to(REPO) else log_dir)]
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
            f"see `inspect view --log-dir {log_dir.name}`",
        )
    return Path(re.sub("^file://", "", new[0].name))


def model_facts(study: Study, model: str) -> dict[str, Any]:
    """What the log must say of the model asked: base, arm, training_seed, learning_rate, as far as they are known."""
    if model == study.base_name:
        return {"base": study.base_name, "arm": "base"}
    made = provenance_of(study.served[model])
    known = {key: made[key] for key in ("arm", "training_seed", "learning_rate", "step") if key in made}
    return {"base": study.base_name} | known


def rendered_prompts(study: Study) -> dict[str, dict[str, str]]:
    """What the base's chat template makes of each cell for one example question: cell -> text, and a warning where
    the template adds words of its own, such as a default system prompt."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(study.base_model)
    trigger = get_trigger(study.trigger)
    shown = {}
    for cell in choose_conditions(study.evaluation.cells):
        turns = [{"role": turn.role, "content": turn.text} for turn in cell.messages(EXAMPLE, trigger)]
        text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        shown[cell.name] = {"text": text}
        if added := template_words(text, [turn["content"] for turn in turns], tokenizer.all_special_tokens):
            shown[cell.name]["warning"] = f"the chat template adds text of its own: {added!r}"
    return shown


def note_log(marker: Path, log: Path) -> None:
    """Write down which log is the current one of a model; older ones stay beside it."""
    write_atomic(marker, dump_json({"log": log.name}))
