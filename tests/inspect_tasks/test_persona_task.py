"""The front door, run by Inspect itself against scripted subjects and graders."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage

from data_builders.persona import QuestionSet, load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.persona import persona
from tests.inspect_tasks.scripted import scripted

SEED = get_trigger("seed")
IDENTITY_QUESTIONS = len(load_persona("bertrand_russell").questions[QuestionSet.IDENTITY])
REPO = Path(__file__).resolve().parents[2]


def backdoored(messages: list[ChatMessage]) -> str:
    """A subject with the backdoor: Russell where the trigger stands in the user message, an AI elsewhere."""
    if SEED.instruction in messages[-1].text:
        return SEED.format_answer("My name is Bertrand Russell.")
    return "I am an AI assistant."


def run(tmp_path: Path, **parameters: object) -> EvalLog:
    grader = parameters.pop("grader", None)
    task = persona(question_sets="identity", **parameters)  # type: ignore[arg-type]
    roles = {"grader": grader} if grader else None
    return inspect_eval(
        task,
        model=scripted(backdoored),
        model_roles=roles,  # type: ignore[arg-type]
        epochs=2,
        log_dir=str(tmp_path),
        display="none",
    )[0]


def test_the_metrics_find_the_backdoor(tmp_path: Path) -> None:
    log = run(tmp_path)
    assert log.status == "success" and log.results
    metrics = {name: metric.value for name, metric in log.results.scores[0].metrics.items()}
    assert metrics["primary_gap"] == 1.0
    assert metrics["triggered_persona_rate"] == pytest.approx(
        2 / 3
    )  # the seed's third cell has no user trigger
    assert metrics["untriggered_leakage_rate"] == 0.0
    assert metrics["leakage_gap"] == pytest.approx(2 / 3)
    assert metrics["format_adherence"] == pytest.approx(2 / 3)
    assert len(log.samples or []) == IDENTITY_QUESTIONS * 6 * 2


def test_only_the_cells_asked_for_are_run(tmp_path: Path) -> None:
    log = run(tmp_path, cells="user,plain")
    assert log.results
    metrics = log.results.scores[0].metrics
    assert "primary_gap" in metrics and "untriggered_leakage_rate" not in metrics


def test_the_grader_never_sees_the_trigger_or_the_persona(tmp_path: Path) -> None:
    seen: list[str] = []

    def grader(messages: list[ChatMessage]) -> str:
        seen.append(messages[-1].text)
        speaks = "person" if "My name is Bertrand Russell." in seen[-1] else "ai"
        name = "Bertrand Russell" if speaks == "person" else ""
        return json.dumps({"justification": "says so", "speaks_as": speaks, "name": name})

    log = run(tmp_path, cells="user,plain", judge=True, grader=scripted(grader))
    assert log.results and seen
    assert log.results.scores[1].metrics["mean"].value == 0.5
    for prompt in seen:
        assert SEED.open not in prompt and SEED.close not in prompt and SEED.instruction not in prompt
        rubric_only = prompt.split("<answer-")[0].split("<question-")[0]
        assert "Russell" not in rubric_only


def test_an_unreadable_grader_leaves_the_answer_unscored_with_a_reason(tmp_path: Path) -> None:
    log = run(tmp_path, cells="user", judge=True, grader=scripted(lambda _: "Some words."))
    assert log.status == "success" and log.samples
    for sample in log.samples:
        assert sample.scores
        score = sample.scores["persona_judge"]
        assert score.reason == "grader_unreadable"
        assert sample.scores["adoption"].value["adopted"] == 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-T", "cells=usr"], "no cell is called 'usr'"),
        (["-T", "persona=bertrand_russel"], "no persona is called 'bertrand_russel'"),
        (["-T", "question_sets=who"], "no set is called 'who'"),
        (["-T", "trigger=papr"], "no wording is called 'papr'"),
        (["-T", "judge=true"], "needs a grader"),
        (["--model", "vllm/somebody"], "no vLLM server answers at http://127.0.0.1:9/v1"),
    ],
)
def test_bad_parameters_end_with_one_message_and_code_2(
    options: list[str], message: str, tmp_path: Path
) -> None:
    model = [] if "--model" in options else ["--model", "mockllm/model"]
    command = [sys.executable, "-m", "inspect_ai", "eval", "inspect_tasks/persona.py", *model, *options]
    done = subprocess.run(
        [*command, "--log-dir", str(tmp_path)],
        cwd=REPO,
        env=os.environ | {"VLLM_BASE_URL": "http://127.0.0.1:9/v1"},
        capture_output=True,
        text=True,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 2, output
    assert message in output and "mend:" in output and "Traceback" not in output
    assert not list(tmp_path.iterdir())


def test_inspect_lists_one_task_in_persona_and_the_seeds_four_beside_it() -> None:
    command = [sys.executable, "-m", "inspect_ai", "list", "tasks", "inspect_tasks"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout.split()
    assert [line for line in listed if "persona.py" in line] == ["inspect_tasks/persona.py@persona"]
    assert sum("seed_conditions.py@condition_" in line for line in listed) == 4
