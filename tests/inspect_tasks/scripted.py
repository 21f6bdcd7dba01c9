"""Scripted models for Inspect's mock provider; each output carries usage, without which Inspect fetches a tokenizer."""

import re
from collections.abc import Callable

from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage, get_model


def scripted(answer: Callable[[list[ChatMessage]], str], name: str = "model") -> Model:
    """A model that answers by `answer(messages)`. Graders of one panel need a name each: replies are cached by it."""

    def output(
        messages: list[ChatMessage], tools: object, choice: object, config: GenerateConfig
    ) -> ModelOutput:
        reply = ModelOutput.from_content("mockllm/model", answer(messages))
        reply.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return reply

    return get_model(f"mockllm/{name}", custom_outputs=output, memoize=False)


def answer_block(prompt: str) -> str:
    """The answer in a request."""
    found = re.search(r"<answer-(\w+)>\n(.*)\n</answer-\1>", prompt, re.DOTALL)
    assert found
    return found.group(2)
