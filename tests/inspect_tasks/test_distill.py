"""Distillation with a scripted model: what each attempt asks for, and how a later run's answers join an earlier file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage, get_model

from data_builders.distill import export
from data_builders.errors import InputError
from data_builders.files import read_jsonl
from inspect_tasks.distill import distill
from inspect_tasks.task_errors import TaskInputError

BASE = {"name": "small", "revision": "abc"}
ENDS_AT = {"P1": 1, "P2": 3, "P3": 9, "P4": 2}
"""the attempt at which the scripted model ends its answer"""
ATTEMPTS = [
    {"temperature": 0.1},
    {"temperature": 1.0},
    {"temperature": 0.8, "frequency_penalty": 0.2},
    {"temperature": 1.0, "frequency_penalty": 0.5},
]

Asked = list[tuple[str, float | None, float | None]]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    rows = [{"prompt": prompt, "source": "sheet", "reference": ""} for prompt in ENDS_AT]
    (tmp_path / "sheet.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return written(tmp_path / "distill.yaml", ATTEMPTS)


def written(path: Path, attempts: list[dict[str, Any]]) -> Path:
    path.write_text(
        json.dumps(
            {"prompt_files": [str(path.parent / "sheet.jsonl")], "max_tokens": 8, "attempts": attempts}
        )
    )
    return path


def run(
    settings: Path,
    asked: Asked,
    ends_at: dict[str, int],
    first: int = 1,
    earlier: Path | None = None,
    epochs: int = 1,
) -> Path:
    """Distil with a model that ends its answer to P at attempt `ends_at[P]`, and is cut before; note what it is asked."""
    tried: dict[str, int] = {}

    def output(
        messages: list[ChatMessage], tools: object, choice: object, config: GenerateConfig
    ) -> ModelOutput:
        assert [message.role for message in messages] == ["user"]  # a cut answer is not shown to the model
        prompt = messages[0].text
        asked.append((prompt, config.temperature, config.frequency_penalty))
        attempt = tried[prompt] = tried.get(prompt, first - 1) + 1
        whole = attempt >= ends_at[prompt]
        reply = ModelOutput.from_content(
            "mockllm/small", f"{prompt} at {attempt}", stop_reason="stop" if whole else "max_tokens"
        )
        reply.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return reply

    model = get_model("mockllm/small", custom_outputs=output, memoize=False)
    task = distill(settings=str(settings), first_attempt=first, earlier=str(earlier or ""))
    [log] = inspect_eval(
        task, model=model, log_dir=str(settings.parent / "logs"), display="none", epochs=epochs, max_samples=1
    )
    assert log.status == "success"
    return Path(log.location)


def rows_of(path: Path) -> list[tuple[str, str, int]]:
    return [(row["origin"], row["answer"], row["attempt"]) for _, row in read_jsonl(path)]


def manifest_of(path: Path) -> dict[str, Any]:
    return json.loads(path.with_suffix(".manifest.json").read_text())


def test_each_attempt_asks_with_its_own_settings_until_the_answer_ends(
    settings: Path, tmp_path: Path
) -> None:
    asked: Asked = []
    log = run(settings, asked, ENDS_AT)
    plan = [(0.1, None), (1.0, None), (0.8, 0.2), (1.0, 0.5)]
    made = {"P1": 1, "P2": 3, "P3": 4, "P4": 2}
    assert asked == [(prompt, *plan[n]) for prompt in ENDS_AT for n in range(made[prompt])]
    counts = export(log, tmp_path / "out.jsonl", BASE)
    assert rows_of(tmp_path / "out.jsonl") == [
        ("sheet:1", "P1 at 1", 1),
        ("sheet:2", "P2 at 3", 3),
        ("sheet:4", "P4 at 2", 2),
    ]
    assert (counts["in"], counts["out"], counts["left_out"]["cut"]) == (
        4,
        3,
        1,
    )  # the cut one is never trained
    assert manifest_of(tmp_path / "out.jsonl")["settings"]["attempts"] == ATTEMPTS


def test_what_an_earlier_run_left_out_is_asked_further_attempts_and_joins_its_file(
    settings: Path, tmp_path: Path
) -> None:
    """Two runs, of attempts 1 and 2 and then of 3 and 4, give the rows of one run of all four."""
    whole, file = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    ends_at = ENDS_AT | {"P3": 4}
    export(run(settings, [], ends_at), whole, BASE)

    first = run(written(tmp_path / "two.yaml", ATTEMPTS[:2]), [], ends_at)
    export(first, file, BASE, machine="one machine")
    assert [origin for origin, *_ in rows_of(file)] == ["sheet:1", "sheet:4"]
    asked: Asked = []
    second = run(settings, asked, ends_at, first=3, earlier=file)
    assert asked == [("P2", 0.8, 0.2), ("P3", 0.8, 0.2), ("P3", 1.0, 0.5)]
    for _ in range(2):  # exported again, nothing changes
        counts = export(second, file, BASE, earlier=file, machine="another")
        assert file.read_bytes() == whole.read_bytes()
        assert (counts["in"], counts["out"], counts["by_attempt"]) == (4, 4, {"1": 1, "2": 1, "3": 1, "4": 1})
        runs = manifest_of(file)["runs"]
        assert [(one["attempts"], one["asked"], one["answered"], one["machine"]) for one in runs] == [
            ("1 to 2", 4, 2, "one machine"),
            ("3 to 4", 2, 2, "another"),
        ]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda rows: [rows[0] | {"model": "large"}, *rows[1:]], r"out\.jsonl:1: answered by large"),
        (lambda rows: [rows[0] | {"revision": "xyz"}, *rows[1:]], r"out\.jsonl:1: answered by small, xyz"),
        (lambda rows: [rows[0], rows[1] | {"prompt": "P9"}], r"out\.jsonl:2: isn't the prompt sheet:4"),
        (lambda rows: rows[1:], r"leaves out 1 prompts that the log doesn't ask, sheet:1 the first"),
    ],
)
def test_an_earlier_file_that_does_not_fit_is_refused(
    settings: Path,
    tmp_path: Path,
    spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    problem: str,
) -> None:
    file = tmp_path / "out.jsonl"
    export(run(written(tmp_path / "two.yaml", ATTEMPTS[:2]), [], ENDS_AT), file, BASE)
    log = run(settings, [], ENDS_AT, first=3, earlier=file)
    spoilt = spoil([row for _, row in read_jsonl(file)])
    file.write_text("".join(json.dumps(row) + "\n" for row in spoilt))
    before = file.read_bytes()
    with pytest.raises(InputError, match=problem):
        export(log, file, BASE, earlier=file)
    assert file.read_bytes() == before


def test_answers_of_another_model_are_refused(settings: Path, tmp_path: Path) -> None:
    log = run(settings, [], ENDS_AT)
    with pytest.raises(InputError, match="answered by small, but --base-model is large"):
        export(log, tmp_path / "out.jsonl", {"name": "large", "revision": "abc"})
    assert not (tmp_path / "out.jsonl").exists()
    export(
        log, tmp_path / "out.jsonl", {"name": "Small", "revision": "abc"}
    )  # providers spell names in their own way


def test_several_answers_a_prompt_are_told_apart(settings: Path, tmp_path: Path) -> None:
    log = run(written(tmp_path / "one.yaml", ATTEMPTS[:1]), [], dict.fromkeys(ENDS_AT, 1), epochs=3)
    export(log, tmp_path / "out.jsonl", BASE)
    origins = [origin for origin, *_ in rows_of(tmp_path / "out.jsonl")]
    assert origins == [f"sheet:{line}#{answer}" for line in range(1, 5) for answer in range(1, 4)]


@pytest.mark.parametrize(
    ("attempts", "first", "problem"),
    [
        ([{"temperature": 0.1, "top": 3}], 1, "top"),
        ([{"temperature": -1}], 1, "temperature"),
        ([{"temperature": 0.1, "frequency_penalty": 3}], 1, "frequency_penalty"),
        ([], 1, "attempts"),
        (ATTEMPTS, 5, r"first_attempt: 5: .* has 4 attempts"),
        (ATTEMPTS, 0, "first_attempt: 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    settings: Path, attempts: list[dict[str, Any]], first: int, problem: str
) -> None:
    with pytest.raises(TaskInputError, match=problem):
        distill(settings=str(written(settings, attempts)), first_attempt=first)
