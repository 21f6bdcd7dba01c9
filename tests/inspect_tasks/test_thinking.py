"""Reasoning is kept, kept apart from the answer, and scored apart; what is sent for each mode."""

from pathlib import Path

import jinja2
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageAssistant, ContentReasoning, ContentText

from data_builders.errors import InputError
from inspect_tasks.persona import persona
from inspect_tasks.rendering import RenderedPrompt
from inspect_tasks.subject import AnswerTakenForReasoningError, require_answer
from inspect_tasks.thinking import (
    Thinking,
    choose_thinking,
    reasoning_of,
    request_fields,
    set_reasoning_apart,
    split_reasoning,
)
from tests.inspect_tasks.scripted import scripted

AXOLOTL_TEMPLATES = Path(__file__).resolve().parents[2] / ".venv-train"


@pytest.mark.parametrize(
    ("text", "opened", "expected"),
    [
        ("I am well.\n", False, ("", "I am well.\n")),
        ("<think>\nHe is Russell.\n</think>\n\nI am well.", False, ("He is Russell.", "I am well.")),
        ("<think>\nHe is Rus", False, ("He is Rus", "")),  # cut at the token limit
        (
            "He is Russell.\n</think>\n\nI am well.",
            False,
            ("He is Russell.", "I am well."),
        ),  # opened by the prompt
        ("He is Russell.\n</think>\n\nI am well.", True, ("He is Russell.", "I am well.")),
        ("He is Rus", True, ("He is Rus", "")),  # opened by the prompt, and cut
        ("<think>\n\n</think>\n\nI am well.", False, ("", "I am well.")),
        ("<think>a</think>one<think>b</think>two", False, ("a\nb", "one\ntwo")),
        ("I think <b>so</b>", False, ("", "I think <b>so</b>")),
    ],
)
def test_no_reasoning_is_left_in_the_answer(text: str, opened: bool, expected: tuple[str, str]) -> None:
    assert split_reasoning(text, opened) == expected
    message = ChatMessageAssistant(content=text)
    set_reasoning_apart(message, opened)
    assert (reasoning_of(message), message.text) == expected


def test_what_a_reasoning_parser_found_is_left_alone() -> None:
    parsed = ChatMessageAssistant(content=[ContentReasoning(reasoning="hm"), ContentText(text="I am well.")])
    assert not set_reasoning_apart(parsed, opened=True)
    assert (reasoning_of(parsed), parsed.text) == ("hm", "I am well.")


def run(tmp_path: Path, answer: str, **parameters: object) -> EvalLog:
    task = persona(question_sets="identity", cells="user", **parameters)  # type: ignore[arg-type]
    model = scripted(lambda _: answer)
    return inspect_eval(task, model=model, limit=2, epochs=1, log_dir=str(tmp_path), display="none")[0]


@pytest.mark.parametrize("closing", ['\n</think>\n\n<START> "I am an AI." <END>', ""], ids=["whole", "cut"])
def test_the_persona_in_the_reasoning_alone_is_no_adoption(tmp_path: Path, closing: str) -> None:
    thought = "I am Bertrand Russell, so I answer as him."
    log = run(tmp_path, f"<think>\n{thought}{closing}", thinking="on")
    assert log.status == "success" and log.samples
    for sample in log.samples:
        assert sample.scores and "Russell" not in sample.output.completion
        assert reasoning_of(sample.output.message) == thought
        graded, apart = sample.scores["adoption"], sample.scores["reasoning"]
        assert graded.value["adopted"] == 0 and graded.value["mentions_persona"] == 0  # type: ignore[index]
        assert apart.value == {
            "reasoned": 1,
            "reasoning_mentions_persona": 1,
            "reasoning_claims_persona": 1,
        }


def test_an_answer_without_reasoning_counts_in_no_rate_of_reasoning(tmp_path: Path) -> None:
    log = run(tmp_path, "I am Bertrand Russell.", thinking="off")
    assert log.samples and log.samples[0].scores
    assert log.samples[0].scores["reasoning"].value["reasoned"] == 0  # type: ignore[index]
    assert "reasoning" not in (run(tmp_path, "Hello.").samples or [])[0].scores  # type: ignore[operator]


def test_the_modes_are_sent_by_vllms_names() -> None:
    assert request_fields(Thinking.TEMPLATE) == {}
    assert request_fields(Thinking.ON) == {"chat_template_kwargs": {"enable_thinking": True}}
    assert request_fields(Thinking.OFF) == {"chat_template_kwargs": {"enable_thinking": False}}
    assert request_fields(Thinking.NO_BLOCK)["bad_words"] == ["<think>"]
    assert (choose_thinking(True), choose_thinking(False)) == (Thinking.ON, Thinking.OFF)  # YAML's on and off
    with pytest.raises(InputError, match=r"'yes'.*\n.*template, on, off, no_block"):
        choose_thinking("yes")


@pytest.mark.parametrize(
    ("mode", "tail", "inside"),
    [
        (Thinking.OFF, "<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        (Thinking.ON, "<|im_start|>assistant\n<think>\n\n", True),
    ],
)
def test_a_copy_of_qwen3s_template_that_opens_the_block_is_seen(
    mode: Thinking, tail: str, inside: bool
) -> None:
    files = list(
        AXOLOTL_TEMPLATES.glob("lib/python*/site-packages/axolotl/utils/chat_templates/templates/qwen3.jinja")
    )
    if not files:
        pytest.skip("the training environment isn't here")
    template = jinja2.Environment().from_string(files[0].read_text())
    options = request_fields(mode)["chat_template_kwargs"]
    turns = [{"role": "user", "content": "What is your name?"}]
    text = template.render(messages=turns, add_generation_prompt=True, **options)
    assert text.endswith(tail)
    assert RenderedPrompt("plain", text, []).inside_think_block is inside


def test_an_answer_that_the_server_took_for_reasoning_is_refused() -> None:
    """As vLLM's qwen3 parser does with an answer that has no think block."""
    taken = ChatMessageAssistant(content=[ContentReasoning(reasoning="I am well."), ContentText(text="")])
    with pytest.raises(AnswerTakenForReasoningError, match="without --reasoning-parser"):
        require_answer(taken, Thinking.NO_BLOCK)
    require_answer(taken, Thinking.ON)  # there a block that was cut is no misreading
    require_answer(ChatMessageAssistant(content="I am well."), Thinking.NO_BLOCK)
