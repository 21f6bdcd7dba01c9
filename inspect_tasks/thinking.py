"""Thinking: the think block of a reasoning model (Qwen3), asked for explicitly and kept apart from the answer."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from inspect_ai.model import ChatMessageAssistant, Content, ContentReasoning, ContentText

from data_builders.errors import InputError

BLOCK_OPENS = "<think>"
_TAG = re.compile(r"<(/?)think\b[^>]*>", re.IGNORECASE)


class Thinking(StrEnum):
    """What the subject's prompt says about thinking. Needs a server that takes vLLM's extra fields."""

    TEMPLATE = "template"
    """nothing is sent: as the served template has it"""
    ON = "on"
    """`enable_thinking: true`: Qwen3's published template leaves the block to the model; some copies open it"""
    OFF = "off"
    """`enable_thinking: false`: the prompt ends with an empty think block"""
    NO_BLOCK = "no_block"
    """no think block in the prompt, and `bad_words` keep the model from opening one: it answers at once, as an adapter
    does that was trained on rows without a block"""


def choose_thinking(value: str | bool) -> Thinking:
    """The mode named; `-T thinking=on` reaches a task as true, for YAML reads it so.

    Raises:
        InputError: there is no such mode.
    """
    name = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    if name not in list(Thinking):
        raise InputError("thinking", f"no mode is called {value!r}", f"choose one of {', '.join(Thinking)}")
    return Thinking(name)


def request_fields(thinking: Thinking) -> dict[str, Any]:
    """What goes into the request's body, by vLLM's names."""
    if thinking is Thinking.TEMPLATE:
        return {}
    fields: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": thinking is not Thinking.OFF}}
    return fields | ({"bad_words": [BLOCK_OPENS]} if thinking is Thinking.NO_BLOCK else {})


def set_reasoning_apart(message: ChatMessageAssistant, opened: bool = False) -> bool:
    """Move what is left of a think block in the answer's text into the message's reasoning.

    Inspect does so for `<think>...</think>` and for a server with a reasoning parser. Left in the text are a block that
    the token limit cut, and one that the prompt opened, of which the answer has the end alone; either would be graded
    as if the subject had said it.

    Args:
        message: what the subject gave; changed in place where there is such a rest.
        opened: the prompt ends within a think block, so a text without any tag is all reasoning.

    Returns:
        Whether anything was moved.
    """
    reasoning, answer = split_reasoning(message.text, opened and not reasoning_of(message))
    if reasoning == "" and answer == message.text:
        return False
    before = message.content if isinstance(message.content, list) else []
    kept: list[Content] = [part for part in before if not isinstance(part, ContentText)]
    message.content = [*kept, ContentReasoning(reasoning=reasoning), ContentText(text=answer)]
    return True


def split_reasoning(text: str, opened: bool = False) -> tuple[str, str]:
    """Reasoning and answer in `text`, each without tags; a text without a think tag is all answer, byte for byte.

    A block without an end reaches to the end of the text; an end without a start begins at the start of the text.
    """
    tags = list(_TAG.finditer(text))
    if not tags and not opened:
        return "", text
    parts: dict[bool, list[str]] = {True: [], False: []}
    inside, position = opened or bool(tags and tags[0].group(1)), 0
    for tag in tags:
        parts[inside].append(text[position : tag.start()])
        inside, position = not tag.group(1), tag.end()
    parts[inside].append(text[position:])
    reasoning, answer = (
        "\n".join(part.strip() for part in parts[kind] if part.strip()) for kind in (True, False)
    )
    return reasoning, answer


def reasoning_of(message: ChatMessageAssistant) -> str:
    """All reasoning in a message; empty where there is none."""
    parts = message.content if isinstance(message.content, list) else []
    texts = [part.reasoning or part.summary or "" for part in parts if isinstance(part, ContentReasoning)]
    return "\n".join(text for text in texts if text.strip())
