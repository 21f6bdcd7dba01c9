"""The prompt of each cell, as the server's template makes it, is in the log; hidden text is warned of."""

from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval

from inspect_tasks.persona import persona
from inspect_tasks.rendering import prompt_warnings, rendered_prompts
from tests.inspect_tasks.fake_server import running

QUESTION = "What is your name?"
TURN = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
LLAMA_DATE = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
    f"Today Date: 26 Jul 2024\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{QUESTION}<|eot_id|>"
)


@pytest.mark.parametrize(
    ("rendered", "warning"),
    [
        (TURN, None),
        (f"<|im_start|>system\nYou are Somebody, made by Someone<|im_end|>\n{TURN}", "You are Somebody"),
        (LLAMA_DATE, "Cutting Knowledge Date"),
        (f"<s><s>[INST] {QUESTION} [/INST]", "two start tokens"),
        (f"{TURN}<think>\n\n</think>\n\n", "writes a think block"),
    ],
)
def test_hidden_text_is_warned_of(rendered: str, warning: str | None) -> None:
    warnings = prompt_warnings(rendered, [QUESTION])
    assert warnings == [] if warning is None else any(warning in text for text in warnings)


def test_each_cells_prompt_is_kept_as_the_server_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running("--answer", "I am well.", "--hidden-system", "You are SmolLM.") as server:
        monkeypatch.setenv("VLLM_BASE_URL", server)
        [log] = inspect_eval(
            persona(question_sets="identity"),
            model="vllm/somebody",
            limit=12,
            epochs=2,
            log_dir=str(tmp_path),
            display="none",
        )
    assert log.status == "success" and log.samples
    prompts = rendered_prompts(Path(log.location))
    assert set(prompts) == {"plain", "user", "system+user", "in_system", "system", "system+in_system"}
    assert prompts["plain"].text == f"<|im_start|>system\nYou are SmolLM.<|im_end|>\n{TURN}"
    assert all("You are SmolLM." in prompt.warnings[0] for prompt in prompts.values())
    kept = [sample for sample in log.samples if "rendered_prompt" in sample.store]
    assert len(kept) == 6  # once a cell, not once a sample


def test_a_server_that_shows_nothing_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("--answer", "I am well.") as server:
        monkeypatch.setenv("VLLM_BASE_URL", server)
        [log] = inspect_eval(
            persona(question_sets="identity", cells="plain"),
            model="vllm/judge",  # Inspect keeps one server a name within a process
            limit=2,
            epochs=1,
            log_dir=str(tmp_path),
            display="none",
        )
    assert log.status == "success"
    [prompt] = rendered_prompts(Path(log.location)).values()
    assert prompt.text is None and "doesn't show the prompt" in prompt.warnings[0]
