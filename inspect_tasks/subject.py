"""Asks the model under test, refuses an answer that another model gave, and keeps reasoning out of the answer."""

from __future__ import annotations

from typing import Any

import anyio
from inspect_ai.model import ChatMessageAssistant, Content, ContentReasoning, ContentText, get_model
from inspect_ai.model._generate_config import active_generate_config  # no public name
from inspect_ai.solver import Generate, Solver, TaskState, solver

from inspect_tasks.rendering import STORE_KEY, RenderedPrompt, render
from inspect_tasks.thinking import Thinking, choose_thinking, request_fields, set_reasoning_apart

SERVED_BY_NAME = ("vllm", "sglang")
"""Providers whose server echoes the served name, so that it can be held against the one asked for."""


class WrongModelError(RuntimeError):
    """The server answered with another model than the one asked for."""


class PromptTooLongError(RuntimeError):
    """The prompt doesn't fit the server; Inspect would take the server's complaint for the answer."""


class AnswerTakenForReasoningError(RuntimeError):
    """The server's reasoning parser took an answer without a think block for reasoning, so no answer is left."""


def require_answer(message: ChatMessageAssistant, thinking: Thinking) -> None:
    """Where no think block can be, reasoning without an answer is the server's misreading: vLLM's `qwen3` parser takes
    all that no `</think>` ends for reasoning.

    Raises:
        AnswerTakenForReasoningError: it is so.
    """
    content = message.content if isinstance(message.content, list) else []
    reasons = any(isinstance(part, ContentReasoning) for part in content)
    if thinking is Thinking.NO_BLOCK and reasons and not _spoken(content):
        raise AnswerTakenForReasoningError(
            "thinking=no_block: the server gave the whole answer as reasoning.\n  mend: serve without --reasoning-parser; "
            "think blocks are kept apart here"
        )


def _spoken(content: list[Content]) -> str:
    return "".join(part.text for part in content if isinstance(part, ContentText)).strip()


@solver
def ask_subject(thinking: str | bool = "template") -> Solver:
    """One answer from the model under test, never cached.

    The first sample of each cell also keeps the prompt as the server's chat template makes it (`rendering.py`).

    Args:
        thinking: a mode of `thinking.py`; its fields are added to those of `--extra-body`.

    Raises:
        WrongModelError: in the sample, which fails the run: a server that holds a base and its adapters must answer
            with the one asked for.
        PromptTooLongError: likewise; the server's context is too short.
    """
    mode = choose_thinking(thinking)
    fields = request_fields(mode)
    shown: dict[str, RenderedPrompt] = {}
    looked: dict[str, anyio.Event] = {}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        sent, cell = list(state.messages), _shown_as(state)
        body = (active_generate_config().extra_body or {}) | fields
        if not cell:
            state = await _answer(state, generate, body)
            require_answer(state.output.message, mode)
            return _kept_apart(state)
        first = cell not in looked  # the first to be asked, which stands early in the data set
        seen = looked.setdefault(cell, anyio.Event())
        try:
            state = await _answer(state, generate, body)
            require_answer(state.output.message, mode)
            if first:
                shown[cell] = await render(get_model(), sent, cell, body)
                state.store.set(STORE_KEY, shown[cell].as_dict())
        finally:
            if first:
                seen.set()
        await seen.wait()
        return _kept_apart(state, opened=cell in shown and shown[cell].inside_think_block)

    return solve


async def _answer(state: TaskState, generate: Generate, body: dict[str, Any]) -> TaskState:
    if body:
        state = await generate(state, cache=False, extra_body=body)
    else:
        state = await generate(state, cache=False)
    asked, answered = state.model.name, state.output.model
    if state.model.api in SERVED_BY_NAME and answered != asked.rpartition(":")[2]:
        raise WrongModelError(
            f"asked {asked!r}, answered by {answered!r}. Serve the adapter under the name that --model gives, "
            "and run one model in one `inspect eval`."
        )
    if state.output.stop_reason == "model_length":
        raise PromptTooLongError(
            f"{state.output.completion[:200]}\n  mend: serve with a larger max_model_len"
        )
    return state


def _kept_apart(state: TaskState, opened: bool = False) -> TaskState:
    if set_reasoning_apart(state.output.message, opened):
        state.output.completion = state.output.message.text
    return state


def _shown_as(state: TaskState) -> str:
    """The name under which a sample's prompt is kept: its cell, and its variant of the trigger where there are several;
    empty for a task without cells."""
    cell, variant = state.metadata.get("cell") or "", state.metadata.get("variant")
    return f"{cell}/{variant}" if variant else cell
